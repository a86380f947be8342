//! One facility device: the engine around all other rooms.
//!
//! ```text
//! replica.handle(now, rng, input);
//! while let Some(effect) = replica.poll() { … }
//! let wake = replica.wake_at();
//! ```
//!
//! Work is done in steps, one at a time: a step reads what it needs (`Load`), changes the state in memory and
//! emits its rows (`Store`); only when those are durable is anyone told. If the store fails, the state in
//! memory is loaded anew from what the disk has, so that the two never part.

pub mod command;
pub mod effect;
pub mod input;

mod author;
mod blob;
mod bring_back;
mod burden;
mod consent;
mod first;
mod freshness;
mod hold;
mod import;
mod link;
mod note;
mod offer;
mod outbox;
mod peer;
mod program;
mod receive;
mod refill;
mod registry;
mod rejudge;
mod renew;
mod salvage;
mod session;
mod share;
mod snapshot;
mod state;
mod status;
mod step;
mod suspend;
mod tx;

use std::collections::{BTreeMap, VecDeque};

use rand_core::CryptoRng;

pub use freshness::PublisherRow;
pub(crate) use hold::set_aside_id;
pub use hold::{Cause, QuarantineRow, Wait};
pub use peer::{PeerError, Recipient};
pub use snapshot::reach;
pub use state::OpenError;
pub use status::{PublisherStatus, RelayStatus, Status};
pub use suspend::Suspended;

pub use burden::Burden;
use command::{CommandError, Outcome};
use effect::{Effect, EffectId, Notice, Query};
use first::First;
use input::{Answer, CommandId, Input};
use refill::Refill;
use session::{Next, Phase, Session};
use state::{State, meta};
use step::{After, Step, Work};
use tx::Tx;

use crate::envelope::Formats;
use crate::id::{EnvelopeId, Timestamp};
use crate::identity::Identity;
use crate::storage::{Batch, StorageError, table};
use crate::sync::heads::rounds;
use crate::sync::message::{Cursor, Goodbye, Message, Refusal};

/// One device's replica: every record that it may see, and its part in the network.
pub struct Replica {
    state: State,
    session: Session,
    refill: Refill,
    first: First,
    /// Work that has not begun, in order.
    queue: VecDeque<Work>,
    /// The one step under way.
    step: Option<Step>,
    /// Loads of outbox envelopes under way, beside the step.
    push_loads: BTreeMap<EffectId, Vec<u64>>,
    effects: VecDeque<Effect>,
    next_effect: u64,
    /// Until when nothing is written after the store failed.
    store_pause: Option<Timestamp>,
    /// How often in a row it has failed.
    store_failures: u32,
    /// What is in the queue need not ask first whether a store that has failed takes anything.
    store_tried: bool,
    /// What is in memory may be ahead of the disk, which could not be read since.
    is_ahead: bool,
    /// What the clock showed last.
    shown: Timestamp,
}

/// How long a failed store is left alone, in milliseconds.
const STORE_PAUSE_MS: u64 = 1_000;
/// The longest such pause: each further failure doubles it, and nobody who has made room on the disk should wait for longer
/// than this.
const STORE_PAUSE_MS_MAX: u64 = 8_000;

impl Replica {
    /// What a driver reads before it opens a replica.
    pub fn queries() -> Vec<Query> {
        State::queries()
    }

    /// Opens a replica on the answers to [`Replica::queries`]; an empty store gives a new device's replica.
    ///
    /// `formats` is what this program reads and writes. Where the store was worked on by one that reads others, what
    /// that changes is found out first.
    pub fn open(
        identity: Identity,
        formats: Formats,
        answers: Vec<Answer>,
        now: Timestamp,
    ) -> Result<Self, OpenError> {
        let state = State::load(identity, formats, answers, now)?;
        Ok(Self {
            queue: state.left_undone().into(),
            state,
            session: Session::new(),
            refill: Refill::default(),
            first: First::default(),
            step: None,
            push_loads: BTreeMap::new(),
            effects: VecDeque::new(),
            next_effect: 1,
            store_pause: None,
            store_failures: 0,
            store_tried: false,
            is_ahead: false,
            shown: now,
        })
    }

    /// Has a snapshot of a volume made once so many envelopes of ours stand outside of one; `None`: none are made.
    pub fn make_snapshots_after(&mut self, envelopes: Option<u64>) {
        self.state.snapshot_after(envelopes);
    }

    /// Takes in one thing that happened.
    pub fn handle(&mut self, now: Timestamp, rng: &mut dyn CryptoRng, input: Input) {
        let before = std::mem::replace(&mut self.shown, now);
        if now < before {
            self.clock_set_back(before, now);
        }
        match input {
            Input::Loaded { id, result } => self.loaded(now, rng, id, result),
            Input::Stored { id, result } => self.stored(now, id, result),
            Input::Connected => {
                self.session.reset(Phase::Greeting);
                self.effects.push_back(Effect::Send(self.state.hello(now)));
                self.changed();
            }
            Input::Disconnected => {
                self.session.reset(Phase::Offline);
                self.queue.retain(|work| !work.is_of_session());
                self.changed();
            }
            Input::Received(message) => {
                self.session.heard = Some(now);
                self.received(now, message);
            }
            Input::First(patient) if !self.session.has_all() => self.first.look_at(patient),
            Input::First(_) => {}
            Input::Command { id, command } => self.queue.push_back(Work::Command(id, command)),
            Input::Tick => {}
        }
        let renews = |work: &Work| matches!(work, Work::Renew);
        if self.state.is_renewal_due(now) && !self.queue.iter().any(renews) {
            self.queue.push_back(Work::Renew);
        }
        self.follow_time(now);
        let saves = |work: &Work| matches!(work, Work::Heads(_));
        if self.state.heads_due().is_some_and(|due| due <= now) && !self.queue.iter().any(saves) {
            self.queue.push_back(Work::Heads(Vec::new()));
        }
        if self.session.is_open() && self.session.bring_back.again().is_some_and(|at| at <= now) {
            self.ask_what_it_lacks();
        }
        self.advance(now, rng);
        self.say_first();
        self.push_outbox(now);
        self.tell_heads(now);
    }

    /// The next effect to carry out.
    pub fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When `Input::Tick` is wanted at the latest. Never a time at which a tick would change nothing: whoever waits for
    /// the relay or for the disk is woken by their answer, and would otherwise be woken without end.
    pub fn wake_at(&self) -> Option<Timestamp> {
        let statements = self.may_tell_heads().then(|| self.roll_due());
        let paused = self.session.paused.filter(|_| self.session.is_open());
        let store = self.store_pause.filter(|_| self.step.is_none());
        let due = self.state.freshness.due();
        let again = self.session.bring_back.again().filter(|_| self.session.is_open());
        // Nobody may come by for long, and what the process before this one left undone is done all the same.
        let may_begin = self.step.is_none() && self.store_pause.is_none();
        let is_left = !self.queue.is_empty() || self.may_make();
        let left = (may_begin && is_left).then_some(Timestamp(0));
        let heads = self.state.heads_due().filter(|_| may_begin);
        [store, paused, statements, due, again, left, heads].into_iter().flatten().min()
    }

    /// Has what follows from grants that begin or end at a time done when that comes.
    fn follow_time(&mut self, now: Timestamp) {
        let due = self.state.freshness.take_due(now);
        if !due.is_empty() {
            self.queue.push_back(Work::Time(due));
        }
    }

    /// The clock shows an earlier time than before: what hangs on times in between is waited for anew, and what was put off
    /// is put off for as long as was left.
    fn clock_set_back(&mut self, before: Timestamp, now: Timestamp) {
        let again = self.state.clock_set_back(before, now);
        if !again.is_empty() {
            self.queue.push_back(Work::Time(again));
        }
        let left = |until: Timestamp| now.plus_ms(until.since_ms(before));
        self.store_pause = self.store_pause.map(left);
        self.session.paused = self.session.paused.map(left);
        self.session.bring_back.clock_set_back(left);
    }

    fn received(&mut self, now: Timestamp, message: Message) {
        match (message, self.session.phase) {
            (Message::Welcome(welcome), Phase::Greeting) => {
                let is_behind = self.state.is_relay_behind(&welcome);
                self.state.welcome(&mut self.session, &welcome, now);
                if is_behind {
                    self.ask_what_it_lacks();
                    self.queue.push_back(Work::Behind);
                }
                if !self.state.is_continued(&welcome) {
                    self.ask_for_refill();
                }
                self.note_caught_up(now);
                self.changed();
            }
            (Message::Feed { items, end }, Phase::Open { epoch, held, .. }) => {
                self.session.phase = Phase::Open { epoch, end, held };
                self.queue.push_back(Work::Feed { epoch, items, claims: Vec::new() });
            }
            (Message::Ahead { items, .. }, Phase::Open { .. }) => {
                self.queue.push_back(Work::Ahead { items, claims: Vec::new() });
            }
            // Streams overtake each other: it may be of a session that is over.
            (Message::Ahead { .. }, _) => {}
            (Message::Refilled { position }, Phase::Open { epoch, held, .. })
                if self.session.is_refilling =>
            {
                self.session.is_refilling = false;
                self.session.phase = Phase::Open { epoch, end: position, held };
                self.queue.push_back(Work::Refilled(Cursor { epoch, position }));
            }
            (Message::Taken { stored, refused }, Phase::Open { .. }) => {
                let (stored, refused) = self.brought_back(now, stored, refused);
                let session = &self.session;
                let stored =
                    stored.into_iter().filter_map(|id| Some((id, session.flight(&id)?))).collect();
                let refused = refused
                    .into_iter()
                    .filter_map(|refusal| {
                        session.flight(&refusal.id).map(|flight| (refusal, flight))
                    })
                    .collect();
                self.queue.push_back(Work::Taken { stored, refused });
            }
            (Message::Lacking { chains, certificates, others }, Phase::Open { .. })
                if self.session.bring_back.is_asked() =>
            {
                let messages = self.state.certificates_for_relay(&certificates);
                self.effects.extend(messages.into_iter().map(Effect::Send));
                let (ours, theirs): (Vec<_>, Vec<_>) =
                    chains.into_iter().partition(|end| end.author == self.state.me);
                // What we wrote waits in the outbox until it is taken; of the rest nothing here would remember it.
                let lacks = others || !certificates.is_empty() || !theirs.is_empty();
                let is_whole = self.session.bring_back.answered(now, lacks);
                if !ours.is_empty() {
                    self.queue.push_back(Work::OfferAgain { lacking: ours });
                }
                if !theirs.is_empty() {
                    self.queue.push_back(Work::BringBack { lacking: theirs });
                }
                if is_whole {
                    self.queue.push_back(Work::Offered);
                }
            }
            (Message::Heads(words), Phase::Open { .. }) => {
                self.queue.push_back(Work::Heads(words));
            }
            (Message::WantHead { publisher }, Phase::Open { .. }) if publisher == self.state.me => {
                self.session.known_roll = None;
            }
            (Message::Goodbye(goodbye), _) => self.goodbye(now, goodbye),
            _ => {
                self.effects.push_back(Effect::Send(Message::Goodbye(Goodbye::Protocol)));
                self.effects.push_back(Effect::Hangup);
            }
        }
    }

    fn ask_what_it_lacks(&mut self) {
        let holding = self.state.held_for_relay(&self.session.bring_back);
        self.session.bring_back.ask(holding.len());
        self.effects.extend(holding.into_iter().map(Effect::Send));
    }

    /// Has what we hold left out of our feed, which the relay gives us once more; it must know what that is.
    fn ask_for_refill(&mut self) {
        if !self.session.bring_back.is_asked() {
            self.ask_what_it_lacks();
        }
        self.session.is_refilling = true;
        self.effects.push_back(Effect::Send(Message::Refill));
    }

    /// Asks for what is missing by what publishers say, where that has been so for long enough.
    fn look_for_missing(&mut self) {
        let Phase::Open { end, held, .. } = self.session.phase else { return };
        if held < end || self.session.is_refilling || self.session.bring_back.is_asked() {
            return;
        }
        let state = &self.state;
        let is_older = |publisher: &_, at| state.is_missing_since(publisher, at);
        if self.refill.look(state.missing(), is_older) {
            self.ask_for_refill();
        }
    }

    /// Takes out of the relay's answer what it says of envelopes that others wrote.
    fn brought_back(
        &mut self,
        now: Timestamp,
        stored: Vec<EnvelopeId>,
        refused: Vec<Refusal>,
    ) -> (Vec<EnvelopeId>, Vec<Refusal>) {
        let session = &mut self.session;
        let mut is_theirs = |id: &EnvelopeId, cause| {
            let Some(flight) = session.flight(id) else { return false };
            if !session.bring_back.contains(flight.position) {
                return false;
            }
            session.land(now, id);
            let chain = (flight.scope, flight.author);
            if session.bring_back.taken(flight.position, chain, cause) {
                session.paused = Some(session::busy_until(now));
            }
            true
        };
        let stored = stored.into_iter().filter(|id| !is_theirs(id, None)).collect();
        let refused = refused.into_iter().filter(|it| !is_theirs(&it.id, Some(it.cause))).collect();
        (stored, refused)
    }

    fn goodbye(&mut self, now: Timestamp, goodbye: Goodbye) {
        self.effects.push_back(Effect::Notify(Notice::Goodbye(goodbye)));
        self.effects.push_back(Effect::Hangup);
        self.session.reset(Phase::Offline);
        self.session.paused = session::pause_ms(goodbye).map(|pause| now.plus_ms(pause));
    }

    /// Begins steps until one has to wait for the store.
    fn advance(&mut self, now: Timestamp, rng: &mut dyn CryptoRng) {
        while self.step.is_none() && self.store_pause.is_none_or(|until| until <= now) {
            self.store_pause = None;
            if self.is_ahead {
                self.read_anew();
                return;
            }
            if self.store_failures > 0 && !self.store_tried && !self.queue.is_empty() {
                self.try_store(now);
                return;
            }
            let Some(work) = self.next_work() else {
                self.store_tried = false;
                return;
            };
            let (queries, work) = work.prepare(&self.state, now);
            if queries.is_empty() {
                self.run(now, rng, work, Vec::new());
            } else {
                let id = self.load(queries);
                self.step = Some(Step::Loading { id, work });
            }
        }
    }

    /// The next work, of what is waited for before anything else; consecutive parts of a feed become one step, so that they share one commit.
    fn next_work(&mut self) -> Option<Work> {
        let Some(mut work) = self.queue.pop_front() else {
            return self.may_make().then(|| self.state.next_making())?;
        };
        while let Some(next) = self.queue.front()
            && work.takes(next)
        {
            let next = self.queue.pop_front().expect("looked at above");
            work.absorb(next);
        }
        Some(work)
    }

    /// Whether a snapshot is made when there is nothing else to do. Not for a store or a relay that takes nothing.
    fn may_make(&self) -> bool {
        self.store_failures == 0 && !self.session.suspended && self.state.has_making()
    }

    fn load(&mut self, queries: Vec<Query>) -> EffectId {
        let id = EffectId(self.next_effect);
        self.next_effect += 1;
        self.effects.push_back(Effect::Load { id, queries });
        id
    }

    fn run(&mut self, now: Timestamp, rng: &mut dyn CryptoRng, work: Work, answers: Vec<Answer>) {
        let mut tx = Tx::new(now, rng);
        let after = work.run(&mut self.state, &mut tx, answers);
        self.state.settle(&mut tx);
        self.state.save_heads(&mut tx);
        let follow_up = self.state.follow_up(&mut tx);
        let Tx { batch, applied, notices, sealed, .. } = tx;
        self.effects.extend(notices.into_iter().map(Effect::Notify));
        if batch.is_empty() {
            // What was judged rests on rows that the disk has.
            self.state.freshness.is_durable();
            self.finish(now, after, sealed);
        } else {
            let id = EffectId(self.next_effect);
            self.next_effect += 1;
            self.effects.push_back(Effect::Store { id, batch, applied });
            self.step = Some(Step::Storing { id, after, sealed });
        }
        for work in follow_up.into_iter().rev() {
            self.queue.push_front(work);
        }
    }

    fn loaded(
        &mut self,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
        id: EffectId,
        result: Result<Vec<Answer>, StorageError>,
    ) {
        if let Some(positions) = self.push_loads.remove(&id) {
            self.session.loading = false;
            match result {
                Ok(answers) => self.push_loaded(now, positions, answers),
                Err(error) => self.store_failed(now, error),
            }
            return;
        }
        match (self.step.take(), result) {
            (Some(Step::Loading { id: awaited, work }), Ok(answers)) if awaited == id => {
                self.run(now, rng, work, answers);
            }
            (Some(Step::Loading { id: awaited, work }), Err(error)) if awaited == id => {
                self.fail(work.into_command(), &error);
                self.store_failed(now, error);
            }
            (Some(Step::Reloading { id: awaited }), Ok(answers)) if awaited == id => {
                match State::load(self.state.identity.clone(), self.state.formats, answers, now) {
                    Ok(mut state) => {
                        state.snapshot_after(self.state.snapshot_after);
                        self.state = state;
                        self.is_ahead = false;
                        // What it leaves undone is found so without being asked for, and most of it writes nothing.
                        self.store_tried = true;
                        self.queue.extend(self.state.left_undone());
                    }
                    Err(error) => {
                        let place = error.to_string();
                        self.leave_store_alone(now, &StorageError::Damaged { place });
                    }
                }
            }
            // It cannot be read either, and is asked again after a pause.
            (Some(Step::Reloading { id: awaited }), Err(error)) if awaited == id => {
                self.leave_store_alone(now, &error);
            }
            (step, _) => self.step = step,
        }
    }

    fn stored(&mut self, now: Timestamp, id: EffectId, result: Result<(), StorageError>) {
        match (self.step.take(), result) {
            (Some(Step::Storing { id: awaited, after, sealed }), Ok(())) if awaited == id => {
                // One step stores at a time, so the disk has whatever was placed until now.
                self.state.undurable = self.state.next_position;
                self.state.freshness.is_durable();
                self.store_failures = 0;
                self.finish(now, after, sealed);
            }
            (Some(Step::Storing { id: awaited, after, .. }), Err(error)) if awaited == id => {
                let commands = after.into_iter().filter_map(After::into_command);
                for command in commands.collect::<Vec<_>>() {
                    self.fail(Some(command), &error);
                }
                self.store_failed(now, error);
            }
            (Some(Step::Trying { id: awaited }), Ok(())) if awaited == id => {
                self.store_tried = true
            }
            (Some(Step::Trying { id: awaited }), Err(error)) if awaited == id => {
                self.leave_store_alone(now, &error);
            }
            (step, _) => self.step = step,
        }
    }

    /// The disk has it: say so.
    fn finish(&mut self, now: Timestamp, after: Vec<After>, sealed: Vec<(u64, Vec<u8>)>) {
        self.session.keep_fresh(sealed);
        for after in after {
            match after {
                After::Done(command, outcome) => self.done(command, Ok(outcome)),
                After::Failed(command, error) => self.done(command, Err(error)),
                After::Seen(position) => self.seen(now, position),
                After::Kept { held, left } => {
                    if self.session.is_open() {
                        self.effects.push_back(Effect::Send(Message::Kept { held, left }));
                    }
                }
                After::Delivered(ids) => {
                    ids.iter().for_each(|id| self.session.land(now, id));
                    self.session.suspended = false;
                    self.effects.push_back(Effect::Notify(Notice::Delivered { count: ids.len() }));
                }
                After::Dropped(ids) | After::Again(ids) => {
                    ids.iter().for_each(|id| self.session.land(now, id));
                }
                After::BringBack(positions) => self.session.bring_back.queue(positions),
                After::Rebuild => self.queue.push_back(Work::Rebuilt),
                After::WantHeads(publishers) => {
                    let want = |publisher| Effect::Send(Message::WantHead { publisher });
                    self.effects.extend(publishers.into_iter().map(want));
                }
                After::Pause => self.session.paused = Some(session::busy_until(now)),
                After::Suspended => {
                    self.session.suspended = true;
                    self.session.paused = Some(session::suspended_until(now));
                }
            }
        }
        self.changed();
    }

    fn done(&mut self, command: CommandId, result: Result<Outcome, CommandError>) {
        self.effects.push_back(Effect::Done { command, result });
    }

    fn fail(&mut self, command: Option<CommandId>, error: &StorageError) {
        if let Some(command) = command {
            self.done(command, Err(CommandError::Storage(error.clone())));
        }
    }

    /// The store has failed, and what is in memory may be ahead of it, or have work behind it that is lost: its rows are
    /// read anew.
    fn store_failed(&mut self, now: Timestamp, error: StorageError) {
        self.leave_store_alone(now, &error);
        // What is left of it is found in the rows, as after a crash.
        self.queue.clear();
        self.is_ahead = true;
        self.read_anew();
    }

    /// Leaves a store alone that takes or gives nothing, for a while. The session begins anew: the relay sends again what was not
    /// acknowledged. Who asks is told so; what nobody asked for waits.
    fn leave_store_alone(&mut self, now: Timestamp, error: &StorageError) {
        self.effects.push_back(Effect::Notify(Notice::StoreFailed(error.clone())));
        for work in std::mem::take(&mut self.queue) {
            match work {
                Work::Command(command, _) => self.fail(Some(command), error),
                work if work.is_of_session() => {}
                work => self.queue.push_back(work),
            }
        }
        if self.session.phase != Phase::Offline {
            self.session.reset(Phase::Offline);
            self.effects.push_back(Effect::Hangup);
        }
        let pause = STORE_PAUSE_MS.saturating_mul(1 << self.store_failures.min(10));
        self.store_failures = self.store_failures.saturating_add(1);
        self.store_pause = Some(now.plus_ms(pause.min(STORE_PAUSE_MS_MAX)));
        self.store_tried = false;
    }

    /// Goes back to what the disk has.
    fn read_anew(&mut self) {
        let id = self.load(State::queries());
        self.step = Some(Step::Reloading { id });
    }

    /// Asks a store that has failed whether it takes something small, before work is begun that would be lost with a whole
    /// state read anew if it does not.
    fn try_store(&mut self, now: Timestamp) {
        let mut batch = Batch::new();
        batch.put(table::META, meta::TRIED, now.0.to_be_bytes());
        let id = EffectId(self.next_effect);
        self.next_effect += 1;
        self.effects.push_back(Effect::Store { id, batch, applied: Vec::new() });
        self.step = Some(Step::Trying { id });
    }

    fn seen(&mut self, now: Timestamp, position: u64) {
        let Phase::Open { epoch, end, .. } = self.session.phase else { return };
        self.session.phase = Phase::Open { epoch, end, held: position };
        self.effects.push_back(Effect::Send(Message::Seen { position }));
        self.note_caught_up(now);
    }

    fn note_caught_up(&mut self, now: Timestamp) {
        let Phase::Open { end, held, .. } = self.session.phase else { return };
        if held < end {
            return;
        }
        self.session.caught_up = Some(now);
        self.first.is_here();
        if self.state.rebuilding {
            self.queue.push_back(Work::Rebuilt);
        }
        self.effects.push_back(Effect::Notify(Notice::CaughtUp));
    }

    fn push_outbox(&mut self, now: Timestamp) {
        loop {
            match self.state.next_push(&mut self.session, now) {
                Next::Nothing => return,
                Next::Push(message) => self.effects.push_back(Effect::Send(message)),
                Next::Load(positions) => {
                    let id = self.load(State::push_queries(&positions));
                    self.session.loading = true;
                    self.push_loads.insert(id, positions);
                    return;
                }
            }
        }
    }

    fn push_loaded(&mut self, now: Timestamp, positions: Vec<u64>, answers: Vec<Answer>) {
        if !self.session.is_open() {
            return;
        }
        let envelopes = self.state.loaded(&mut self.session, positions, answers);
        let messages = self.state.push_all(&mut self.session, now, envelopes);
        self.effects.extend(messages.into_iter().map(Effect::Send));
    }

    /// When everybody is told next: at once in the beginning, then once per interval, at the same moments as every other
    /// device but for a share of its own, so that the relay can pass on in one message what all have said.
    fn roll_due(&self) -> Timestamp {
        let Some(told) = self.state.freshness.told_all else { return Timestamp(0) };
        rounds::next(told, self.state.roster.statement_interval_ms(), &self.state.me)
    }

    fn may_tell_heads(&self) -> bool {
        // A store that is being rebuilt does not know yet what it has to count.
        let idle = self.step.is_none() && self.queue.is_empty() && !self.state.rebuilding;
        self.session.is_open() && idle && self.state.outbox.is_empty()
    }

    /// Tells recipients how much there is for them, once the relay has all of it: a word that runs ahead of
    /// what it counts would look like a loss.
    fn tell_heads(&mut self, now: Timestamp) {
        if !self.may_tell_heads() {
            return;
        }
        let known = self.session.known_roll;
        let all = self.roll_due() <= now;
        if all {
            self.look_for_missing();
        }
        if all || self.state.freshness.is_news(known) {
            let update = self.state.roll(now, all, known);
            self.session.known_roll = Some(update.roll.root);
            self.effects.push_back(Effect::Send(Message::Roll(update)));
        }
    }

    fn changed(&mut self) {
        self.effects.push_back(Effect::Notify(Notice::StatusChanged));
    }
}

#[cfg(test)]
mod tests;
