//! The kinds of work, what each reads, and what is said once it is durable.

use std::collections::BTreeSet;

use crate::document::DocumentId;
use crate::id::{DeviceId, EnvelopeId, RelayEpoch};
use crate::storage::row::{ChainRow, ScopeNumber, chain_key, key};
use crate::storage::{Order, Range, table};
use crate::sync::heads::HeadWord;
use crate::sync::message::{ChainEnd, Cursor, FeedItem, Refusal, RefusalCause};
use crate::wire::{Reader, Wire};

use super::Tx;
use super::command::{Command, CommandError, Outcome};
use super::effect::{EffectId, Query};
use super::hold::{Cause, QuarantineRow};
use super::input::{Answer, CommandId};
use super::link;
use super::offer;
use super::outbox::OutboxRow;
use super::receive::{self, Place};
use super::rejudge::Rejudge;
use super::session::Flight;
use super::snapshot::Check;
use super::state::State;
use crate::access::{Action, Question, ScopeKind, decide};

/// Something to do in one step.
pub(super) enum Work {
    Command(CommandId, Command),
    /// Part of our feed.
    Feed {
        epoch: RelayEpoch,
        items: Vec<FeedItem>,
        claims: Vec<Place>,
    },
    /// Of our feed what comes ahead of its place.
    Ahead {
        items: Vec<FeedItem>,
        claims: Vec<Place>,
    },
    /// What became of envelopes that we pushed.
    Taken {
        stored: Vec<(EnvelopeId, Flight)>,
        refused: Vec<(Refusal, Flight)>,
    },
    /// Words of publishers.
    Heads(Vec<HeadWord>),
    /// Something came that held envelopes of this scope waited for; those up to a row were tried before.
    Retry {
        scope: ScopeNumber,
        after: Vec<u8>,
    },
    /// What is held of an author is judged again.
    Rejudge(Rejudge),
    /// Another program worked on this store before.
    Program,
    /// Our own certificate ends before long.
    Renew,
    /// The registry changed: keys to new devices, new epochs where somebody left.
    Registry,
    /// This process has just begun, or has gone back to what its disk has: what follows from that is drawn.
    Start,
    /// Grants of these scopes have begun or ended by themselves.
    Time(BTreeSet<ScopeNumber>),
    /// The relay has gone back in time.
    Behind,
    /// The relay has given us once more what it has for us.
    Refilled(Cursor),
    /// The relay lacks nothing that we hold.
    Offered,
    /// The relay lacks something of ours that it had once: it is offered again.
    OfferAgain {
        lacking: Vec<ChainEnd>,
    },
    /// The relay lacks something that others wrote.
    BringBack {
        lacking: Vec<ChainEnd>,
    },
    /// A store that was rebuilt has learnt what this device wrote before.
    Rebuilt,
    /// Snapshots are held against what their authors said of them.
    Snapshots(Check),
    /// A snapshot no longer covers anything: how far this chain is held follows from what is here.
    SetBack((ScopeNumber, DeviceId)),
    /// The next part of making a snapshot of our own.
    Making,
}

/// A step under way.
pub(super) enum Step {
    Loading {
        id: EffectId,
        work: Work,
    },
    Storing {
        id: EffectId,
        after: Vec<After>,
        sealed: Vec<(u64, Vec<u8>)>,
    },
    Reloading {
        id: EffectId,
    },
    /// A store that has failed is asked whether it takes anything again.
    Trying {
        id: EffectId,
    },
}

/// What happens once a step is durable.
pub(super) enum After {
    Done(CommandId, Outcome),
    Failed(CommandId, CommandError),
    /// The feed is held up to here.
    Seen(u64),
    /// Of what came ahead these are held, and these are left for their places.
    Kept {
        held: Vec<u64>,
        left: Vec<u64>,
    },
    /// The relay has these.
    Delivered(Vec<EnvelopeId>),
    /// These will not be pushed again.
    Dropped(Vec<EnvelopeId>),
    /// These are no longer on their way and will be pushed again.
    Again(Vec<EnvelopeId>),
    /// The relay is left alone for a while.
    Pause,
    /// The relay takes nothing of ours until its operator has decided.
    Suspended,
    /// The relay asked for these envelopes of others.
    BringBack(Vec<u64>),
    /// More was salvaged from the lost store than one step puts back.
    Rebuild,
    /// What the words of these publishers build on is not held.
    WantHeads(Vec<DeviceId>),
}

impl After {
    pub(super) fn into_command(self) -> Option<CommandId> {
        match self {
            Self::Done(command, _) | Self::Failed(command, _) => Some(command),
            _ => None,
        }
    }
}

/// Bytes of a feed that are taken in one step.
const FEED_BYTES_PER_STEP: usize = 4 << 20;

impl Work {
    /// Work that makes no sense once the connection is gone: the relay will say it again.
    pub(super) fn is_of_session(&self) -> bool {
        matches!(
            self,
            Self::Feed { .. }
                | Self::Ahead { .. }
                | Self::Heads(_)
                | Self::Behind
                | Self::Refilled(_)
                | Self::Offered
                | Self::BringBack { .. }
        )
    }

    pub(super) fn into_command(self) -> Option<CommandId> {
        match self {
            Self::Command(id, _) => Some(id),
            _ => None,
        }
    }

    /// Whether `next` can be done in the same step.
    pub(super) fn takes(&self, next: &Self) -> bool {
        match (self, next) {
            (Self::Feed { items, .. }, Self::Feed { .. })
            | (Self::Ahead { items, .. }, Self::Ahead { .. }) => {
                items.iter().map(|item| item.envelope.0.len()).sum::<usize>() < FEED_BYTES_PER_STEP
            }
            (Self::Taken { .. }, Self::Taken { .. }) => true,
            _ => false,
        }
    }

    /// Adds work that [`Work::takes`].
    pub(super) fn absorb(&mut self, next: Self) {
        match (self, next) {
            (Self::Feed { items, .. }, Self::Feed { items: more, .. })
            | (Self::Ahead { items, .. }, Self::Ahead { items: more, .. }) => items.extend(more),
            (
                Self::Taken { stored, refused },
                Self::Taken { stored: more_stored, refused: more_refused },
            ) => {
                stored.extend(more_stored);
                refused.extend(more_refused);
            }
            _ => unreachable!("only what `takes` accepted is absorbed"),
        }
    }

    /// What must be read first.
    pub(super) fn prepare(
        mut self,
        state: &State,
        now: crate::id::Timestamp,
    ) -> (Vec<Query>, Self) {
        let queries = match &mut self {
            Self::Command(_, command) => command_queries(state, command, now),
            Self::Feed { items, claims, .. } | Self::Ahead { items, claims } => {
                let envelopes = items.iter().map(|item| item.envelope.0.as_slice());
                let (queries, found) = state.place_queries(envelopes);
                *claims = found;
                queries
            }
            Self::Taken { refused, .. } => refused
                .iter()
                .filter_map(|(refusal, flight)| state.gap_query(refusal, flight))
                .collect(),
            Self::Retry { scope, after } => State::retry_queries(*scope, after),
            Self::Rejudge(rejudge) => rejudge.queries(),
            Self::OfferAgain { lacking } | Self::BringBack { lacking } => {
                state.offer_queries(lacking)
            }
            Self::Rebuilt => state.rebuilt_queries(),
            Self::Snapshots(check) => check.queries(),
            Self::SetBack(chain) => vec![chain_query(*chain)],
            Self::Making => state.making_queries(),
            Self::Behind
            | Self::Refilled(_)
            | Self::Offered
            | Self::Heads(_)
            | Self::Registry
            | Self::Program
            | Self::Start
            | Self::Renew
            | Self::Time(_) => Vec::new(),
        };
        (queries, self)
    }

    /// Does the work; what is returned follows once its rows are durable.
    pub(super) fn run(
        self,
        state: &mut State,
        tx: &mut Tx<'_>,
        answers: Vec<Answer>,
    ) -> Vec<After> {
        match self {
            Self::Command(id, _) if state.rebuilding => {
                vec![After::Failed(id, CommandError::Rebuilding)]
            }
            Self::Command(id, command) => match run_command(state, tx, command, answers) {
                Ok(outcome) => vec![After::Done(id, outcome)],
                Err(error) => vec![After::Failed(id, error)],
            },
            Self::Feed { epoch, items, claims } => {
                let places = receive::places(claims, answers);
                state.move_cursor(tx, epoch, &items);
                let seen = items.last().map(|item| After::Seen(item.position));
                state.prove(tx, items.iter().map(|item| item.envelope.0.as_slice()));
                for item in items {
                    state.receive(tx, item.envelope.0, &places);
                }
                seen.into_iter().collect()
            }
            Self::Ahead { items, claims } => {
                let places = receive::places(claims, answers);
                state.prove(tx, items.iter().map(|item| item.envelope.0.as_slice()));
                let (mut held, mut left) = (Vec::new(), Vec::new());
                for item in items {
                    match state.receive(tx, item.envelope.0, &places) {
                        true => held.push(item.position),
                        false => left.push(item.position),
                    }
                }
                vec![After::Kept { held, left }]
            }
            Self::Taken { stored, refused } => state.taken(tx, stored, refused, answers),
            Self::Heads(words) => state.take_heads(tx, words),
            Self::Retry { scope, .. } => {
                let answer = answers.into_iter().next();
                if answer.is_some_and(|answer| state.retry(tx, scope, answer)) {
                    tx.arrived.insert(scope);
                }
                Vec::new()
            }
            Self::Rejudge(rejudge) => {
                state.rejudge(tx, rejudge, answers);
                Vec::new()
            }
            Self::Registry => {
                state.doubt_by_registry(tx);
                state.follow_registry(tx);
                Vec::new()
            }
            Self::Program => {
                state.follow_program(tx);
                Vec::new()
            }
            Self::Start => {
                state.start(tx);
                Vec::new()
            }
            Self::Renew => {
                state.renew(tx);
                Vec::new()
            }
            Self::Time(scopes) => {
                state.follow_time(tx, scopes);
                Vec::new()
            }
            Self::Behind => {
                state.is_behind(tx);
                Vec::new()
            }
            Self::Refilled(cursor) => {
                state.refilled(tx, cursor);
                vec![After::Seen(cursor.position)]
            }
            Self::Offered => {
                state.offered(tx);
                Vec::new()
            }
            Self::OfferAgain { .. } => {
                state.queue_again(tx, answers.into_iter());
                Vec::new()
            }
            Self::BringBack { .. } => vec![After::BringBack(offer::positions(answers))],
            Self::Rebuilt => state.rebuilt(tx, answers),
            Self::Snapshots(check) => {
                state.check_snapshots(tx, check, answers);
                Vec::new()
            }
            Self::SetBack(chain) => {
                state.set_chain_back(tx, chain, answers);
                Vec::new()
            }
            Self::Making => {
                state.make_snapshot(tx, answers);
                Vec::new()
            }
        }
    }
}

/// All that is held of a chain.
pub(super) fn chain_query((scope, author): (ScopeNumber, DeviceId)) -> Query {
    Query::Scan {
        table: table::CHAIN,
        range: Range::prefix(&key(&[&scope.to_be_bytes(), author.as_bytes()])),
        order: Order::Ascending,
        limit: usize::MAX,
    }
}

fn command_queries(state: &State, command: &Command, now: crate::id::Timestamp) -> Vec<Query> {
    match command {
        Command::Import { records } => state.import_queries(records),
        Command::Receive { envelopes } => state.take_in_queries(envelopes),
        Command::Beside { command, .. } => command_queries(state, command, now),
        Command::EditNote { patient, note, .. } => state.note_queries(patient, *note, now),
        Command::ProposeLink { .. } | Command::ConfirmLink { .. } | Command::RemoveLink { .. } => {
            let office = state.own_scope(ScopeKind::Office);
            State::document_queries(office, &DocumentId::Links)
        }
        Command::Begin { .. }
        | Command::OpenScopes { .. }
        | Command::GiveConsent { .. }
        | Command::WithdrawConsent { .. }
        | Command::Trust { .. } => Vec::new(),
    }
}

fn run_command(
    state: &mut State,
    tx: &mut Tx<'_>,
    command: Command,
    answers: Vec<Answer>,
) -> Result<Outcome, CommandError> {
    match command {
        Command::Begin { certificates, rebuild } => {
            state.begin(tx, certificates, rebuild);
            Ok(Outcome::Begun)
        }
        Command::Import { records } => state.import(tx, records, answers),
        Command::OpenScopes { subjects } => state.open_scopes(tx, &subjects),
        Command::Beside { rows, command } => {
            let outcome = run_command(state, tx, *command, answers)?;
            tx.batch.extend(rows);
            Ok(outcome)
        }
        Command::GiveConsent { patient, facilities, until, .. } => {
            state.give_consent(tx, &patient, &facilities, until)
        }
        Command::WithdrawConsent { patient, facilities, .. } => {
            state.withdraw_consent(tx, &patient, &facilities)
        }
        Command::ProposeLink { local, patient, by } => {
            state.link(tx, &local, patient, &by, link::Step::Propose, answers)
        }
        Command::ConfirmLink { local, patient, by } => {
            state.link(tx, &local, patient, &by, link::Step::Confirm, answers)
        }
        Command::RemoveLink { local, patient, by } => {
            state.link(tx, &local, patient, &by, link::Step::Remove, answers)
        }
        Command::EditNote { patient, note, edit, by } => {
            state.edit_note(tx, &patient, note, &edit, &by, answers)
        }
        Command::Receive { envelopes } => Ok(state.take_in(tx, envelopes, answers)),
        Command::Trust { device, by } => state.trust(tx, device, &by),
    }
}

impl State {
    /// The part of our chain that the relay says it lacks.
    fn gap_query(&self, refusal: &Refusal, flight: &Flight) -> Option<Query> {
        let RefusalCause::Gap { expected } = refusal.cause else { return None };
        let number = self.scopes.get(&flight.scope)?.number;
        Some(Query::Scan {
            table: table::CHAIN,
            range: Range {
                from: chain_key(number, &self.me, expected),
                to: Some(chain_key(number, &self.me, flight.seq + 1)),
            },
            order: Order::Ascending,
            limit: usize::MAX,
        })
    }

    pub(super) fn own_chain_queries(&self) -> Vec<Query> {
        let mine = self.scopes.values().filter(|scope| scope.vectors.contains_key(&self.me));
        mine.map(|scope| chain_query((scope.number, self.me))).collect()
    }

    /// Takes envelopes out of the outbox that the relay has, or has refused for good.
    fn taken(
        &mut self,
        tx: &mut Tx<'_>,
        stored: Vec<(EnvelopeId, Flight)>,
        refused: Vec<(Refusal, Flight)>,
        answers: Vec<Answer>,
    ) -> Vec<After> {
        let mut after = Vec::new();
        for (_, flight) in &stored {
            self.clear_outbox(tx, flight.position);
        }
        let delivered: Vec<EnvelopeId> = stored.into_iter().map(|(id, _)| id).collect();
        if !delivered.is_empty() {
            after.push(After::Delivered(delivered));
        }
        let mut answers = answers.into_iter();
        for (refusal, flight) in refused {
            match refusal.cause {
                RefusalCause::Busy => {
                    after.push(After::Again(vec![refusal.id]));
                    after.push(After::Pause);
                }
                RefusalCause::Suspended => {
                    after.push(After::Again(vec![refusal.id]));
                    after.push(After::Suspended);
                }
                RefusalCause::Gap { expected } => {
                    let number = self.scopes.get(&flight.scope).map(|scope| scope.number);
                    let lost = number.is_some_and(|n| self.refused.contains(&(n, expected)));
                    let rows = answers.next();
                    if lost {
                        after.push(self.refuse_own(tx, &refusal, &flight));
                    } else {
                        self.queue_again(tx, rows.into_iter());
                        after.push(After::Again(vec![refusal.id]));
                    }
                }
                // Its relay is older than this program, and will be updated.
                RefusalCause::Newer => {
                    after.push(After::Again(vec![refusal.id]));
                    after.push(After::Pause);
                }
                // A relay that came back from a backup may not have the word yet on which our right rests.
                RefusalCause::Right if self.may_write(&flight, tx.now) => {
                    after.push(After::Again(vec![refusal.id]));
                    after.push(After::Pause);
                }
                _ => after.push(self.refuse_own(tx, &refusal, &flight)),
            }
        }
        after
    }

    /// Whether we may write an envelope of ours by all that is held here.
    fn may_write(&self, flight: &Flight, now: crate::id::Timestamp) -> bool {
        let access = self.scopes.get(&flight.scope).and_then(|scope| scope.access.as_ref());
        let (device, action) = (self.me, Action::Write { seq: flight.seq });
        decide(&self.roster, &flight.scope, access, &Question { device, action, at: now }).is_ok()
    }

    /// Keeps apart what the relay will not take; it stays in our log and a person sees it.
    fn refuse_own(&mut self, tx: &mut Tx<'_>, refusal: &Refusal, flight: &Flight) -> After {
        self.clear_outbox(tx, flight.position);
        let scope = self.number(flight.scope);
        self.refused.insert((scope, flight.seq));
        // What is set apart as late already says more than the relay's refusal does, and keeps its bytes.
        self.quarantine(
            tx,
            &QuarantineRow {
                cause: match refusal.cause {
                    RefusalCause::Fork => Cause::Contradicted,
                    _ => Cause::Refused,
                },
                scope,
                author: self.me,
                seq: flight.seq,
                id: refusal.id,
                at: tx.now,
                envelope: Vec::new(),
            },
        );
        After::Dropped(vec![refusal.id])
    }

    /// Puts envelopes of ours into the outbox anew, by the rows of their chains.
    fn queue_again(&mut self, tx: &mut Tx<'_>, answers: impl Iterator<Item = Answer>) {
        for answer in answers {
            let Answer::Rows(rows) = answer else { continue };
            for (key, value) in rows {
                let Ok(row) = ChainRow::from_bytes(&value) else { continue };
                let Ok(scope) = Reader::new(&key).u32("scope number") else { continue };
                self.queue(tx, row.position, OutboxRow { scope, urgent: false });
            }
        }
    }

    fn clear_outbox(&mut self, tx: &mut Tx<'_>, position: u64) {
        self.outbox.remove(position);
        self.paired.remove(&position);
        tx.batch.remove(table::OUTBOX, position.to_be_bytes());
    }
}
