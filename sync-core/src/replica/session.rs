//! The session with the relay: where we stand in our feed, what of ours it has, what is under way.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{DeviceId, EnvelopeId, RelayEpoch, ScopeId, Timestamp};
use crate::storage::table;
use crate::sync::message::{Bytes, Cursor, FeedItem, Goodbye, Hello, Message, Welcome};
use crate::sync::pace::Pace;
use crate::wire::{Wire, limits};

use super::Tx;
use super::bring_back::BringBack;
use super::effect::Query;
use super::input::Answer;
use super::state::{State, meta};

/// Bytes that are pushed on a fast line and not acknowledged.
const WINDOW_BYTES_MAX: usize = 2 << 20;
/// Sealed envelopes that are kept in memory until they are pushed, so that a new one needs no read.
const FRESH_BYTES: usize = 8 << 20;
/// How long a relay that was busy is left alone, in milliseconds.
const BUSY_PAUSE_MS: u64 = 5_000;

/// How often a relay that waits for its operator's decision is asked, in milliseconds.
const SUSPENDED_PAUSE_MS: u64 = 60_000;

/// Where the session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// No connection.
    Offline,
    /// Connected; our `Hello` is out.
    Greeting,
    /// The relay has welcomed us.
    Open {
        /// The relay's store.
        epoch: RelayEpoch,
        /// The newest position of our feed that the relay has told us of.
        end: u64,
        /// How far our feed is durably held here.
        held: u64,
    },
}

/// An envelope on its way to the relay.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flight {
    pub(super) position: u64,
    pub(super) size: usize,
    pub(super) scope: ScopeId,
    pub(super) author: DeviceId,
    pub(super) seq: u64,
    /// Which push of this session it is part of.
    push: u64,
}

/// What is known of the line and what is on it.
pub(super) struct Session {
    pub(super) phase: Phase,
    /// When the last message came.
    pub(super) heard: Option<Timestamp>,
    /// When we last held everything that the relay had.
    pub(super) caught_up: Option<Timestamp>,
    /// The relay's clock minus ours at the welcome, in milliseconds.
    pub(super) clock_skew_ms: i64,
    /// Pushed and not acknowledged.
    in_flight: BTreeMap<EnvelopeId, Flight>,
    in_flight_bytes: usize,
    pace: Pace,
    pushes: u64,
    /// The positions of what is in flight.
    on_its_way: BTreeSet<u64>,
    /// Sealed and not pushed yet.
    fresh: BTreeMap<u64, Vec<u8>>,
    fresh_bytes: usize,
    /// A load of outbox envelopes is under way.
    pub(super) loading: bool,
    /// Until when the relay asked to be left alone.
    pub(super) paused: Option<Timestamp>,
    /// What the relay lacks that we bring back.
    pub(super) bring_back: BringBack,
    /// The root of our roll that the relay holds or will hold by what is on its way.
    pub(super) known_roll: Option<[u8; 32]>,
    /// The relay was asked for our feed once more and has not given all of it.
    pub(super) is_refilling: bool,
    /// What it was told is wanted first.
    pub(super) first: Option<Vec<ScopeId>>,
    /// The relay takes nothing of ours until its operator has decided; kept over reconnects, until it takes something.
    pub(super) suspended: bool,
}

impl Session {
    pub(super) fn new() -> Self {
        Self {
            phase: Phase::Offline,
            heard: None,
            caught_up: None,
            clock_skew_ms: 0,
            in_flight: BTreeMap::new(),
            in_flight_bytes: 0,
            pace: Pace::new(WINDOW_BYTES_MAX),
            pushes: 0,
            on_its_way: BTreeSet::new(),
            fresh: BTreeMap::new(),
            fresh_bytes: 0,
            loading: false,
            paused: None,
            bring_back: BringBack::default(),
            known_roll: None,
            is_refilling: false,
            first: None,
            suspended: false,
        }
    }

    /// Begins anew; what was on its way counts as lost.
    pub(super) fn reset(&mut self, phase: Phase) {
        self.phase = phase;
        self.in_flight.clear();
        self.on_its_way.clear();
        self.in_flight_bytes = 0;
        self.pace = Pace::new(WINDOW_BYTES_MAX);
        self.paused = None;
        self.bring_back = BringBack::default();
        self.known_roll = None;
        self.is_refilling = false;
        self.first = None;
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open { .. })
    }

    /// Whether everything that the relay has told of is held.
    pub(super) fn has_all(&self) -> bool {
        matches!(self.phase, Phase::Open { end, held, .. } if held >= end)
    }

    /// Keeps durable envelopes of ours at hand for pushing, as far as there is room.
    pub(super) fn keep_fresh(&mut self, sealed: Vec<(u64, Vec<u8>)>) {
        for (position, bytes) in sealed {
            if self.is_open() && self.fresh_bytes + bytes.len() <= FRESH_BYTES {
                self.fresh_bytes += bytes.len();
                self.fresh.insert(position, bytes);
            }
        }
    }

    /// How many envelopes are on their way, and how many are at hand for it.
    pub(super) fn burden(&self) -> (usize, usize) {
        (self.in_flight.len(), self.fresh.len())
    }

    /// What is known of an envelope that is on its way.
    pub(super) fn flight(&self, id: &EnvelopeId) -> Option<Flight> {
        self.in_flight.get(id).copied()
    }

    /// Notes that an envelope is no longer on its way.
    pub(super) fn land(&mut self, now: Timestamp, id: &EnvelopeId) {
        if let Some(flight) = self.in_flight.remove(id) {
            self.in_flight_bytes -= flight.size;
            self.pace.confirmed(now, flight.push);
            self.on_its_way.remove(&flight.position);
        }
    }

    fn take_fresh(&mut self, position: u64) -> Option<Vec<u8>> {
        let bytes = self.fresh.remove(&position)?;
        self.fresh_bytes -= bytes.len();
        Some(bytes)
    }
}

/// What to do next about the outbox.
pub(super) enum Next {
    /// Nothing to push, or no room on the line.
    Nothing,
    /// Push these.
    Push(Message),
    /// Read these first.
    Load(Vec<u64>),
}

impl State {
    pub(super) fn hello(&self, now: Timestamp) -> Message {
        Message::Hello(Hello {
            network: self.identity.network,
            device: self.me,
            cursor: self.cursor,
            want_own: self.rebuilding,
            at: now,
        })
    }

    /// Takes the relay's welcome.
    pub(super) fn welcome(&self, session: &mut Session, welcome: &Welcome, now: Timestamp) {
        let (epoch, position) = (welcome.epoch, welcome.position);
        let known = self.cursor.filter(|cursor| cursor.epoch == epoch);
        let held = known.map_or(0, |cursor| cursor.position.min(position));
        session.reset(Phase::Open { epoch: welcome.epoch, end: welcome.end, held });
        session.clock_skew_ms =
            i64::try_from(i128::from(welcome.at.0) - i128::from(now.0)).unwrap_or(i64::MAX);
        session.known_roll = Some(welcome.roll);
    }

    /// The next envelopes of the outbox that the disk has, then what is brought back, as far as the window has room.
    pub(super) fn next_push(&self, session: &mut Session, now: Timestamp) -> Next {
        let paused = session.paused.is_some_and(|until| now < until);
        let (window, push_bytes) = (session.pace.window_bytes(), session.pace.message_bytes());
        let full = session.in_flight_bytes >= window;
        if !paused && session.is_open() {
            session.paused = None;
        }
        if !session.is_open() || session.loading || paused || full {
            return Next::Nothing;
        }
        let mut bytes = 0;
        let mut push = Vec::new();
        let mut load = Vec::new();
        for position in self.outbox.next() {
            if position >= self.undurable || session.on_its_way.contains(&position) {
                continue;
            }
            let last = push.last().map(|(position, _)| position).or(load.last());
            let is_enough =
                bytes >= push_bytes || push.len() + load.len() >= limits::ENVELOPES.max / 4;
            if session.in_flight_bytes + bytes >= window
                || is_enough && !self.goes_along(last, position)
            {
                break;
            }
            match session.take_fresh(position) {
                Some(envelope) if load.is_empty() => {
                    bytes += envelope.len();
                    push.push((position, envelope));
                }
                // One read for a run of envelopes; what is at hand goes first, in order.
                _ if !push.is_empty() => break,
                _ => {
                    load.push(position);
                    bytes += TYPICAL_BYTES;
                }
            }
        }
        while push.is_empty()
            && session.in_flight_bytes + bytes < window
            && bytes < push_bytes
            && load.len() < limits::ENVELOPES.max / 4
            && let Some(position) = session.bring_back.next()
        {
            session.bring_back.take();
            load.push(position);
            bytes += TYPICAL_BYTES;
        }
        match (push.is_empty(), load.is_empty()) {
            (false, _) => Next::Push(self.push(session, now, push)),
            (true, false) => Next::Load(load),
            (true, true) => Next::Nothing,
        }
    }

    /// Whether an envelope of ours leaves in one message with the one before it, where the window has room: a relay that has the
    /// statement together with the snapshot need not send that to whoever has its originals.
    fn goes_along(&self, last: Option<&u64>, position: u64) -> bool {
        last.is_some_and(|last| last + 1 == position) && self.paired.contains(&position)
    }

    /// Pushes envelopes that were read, in messages of the right size, as far as the window has room; they weigh what they weigh.
    pub(super) fn push_all(
        &self,
        session: &mut Session,
        now: Timestamp,
        envelopes: Vec<(u64, Vec<u8>)>,
    ) -> Vec<Message> {
        let mut messages = Vec::new();
        let (mut part, mut bytes) = (Vec::new(), 0);
        for (position, envelope) in envelopes {
            let goes_along = self.goes_along(part.last().map(|(position, _)| position), position);
            if !goes_along && bytes >= session.pace.message_bytes() {
                messages.push(self.push(session, now, std::mem::take(&mut part)));
                bytes = 0;
            }
            if session.in_flight_bytes + bytes >= session.pace.window_bytes() {
                session.bring_back.put_back(position);
                continue;
            }
            bytes += envelope.len();
            part.push((position, envelope));
        }
        if !part.is_empty() {
            messages.push(self.push(session, now, part));
        }
        messages
    }

    /// Notes envelopes as on their way and makes the message.
    fn push(
        &self,
        session: &mut Session,
        now: Timestamp,
        envelopes: Vec<(u64, Vec<u8>)>,
    ) -> Message {
        session.pushes += 1;
        let push = session.pushes;
        session.pace.sent(now, push);
        let mut message = Vec::with_capacity(envelopes.len());
        for (position, bytes) in envelopes {
            let Ok(envelope) = crate::envelope::SignedEnvelope::from_bytes(&*bytes) else {
                continue;
            };
            let header = envelope.claimed_header();
            let size = bytes.len();
            let (scope, author, seq) = (header.scope, header.author, header.seq);
            let flight = Flight { position, size, scope, author, seq, push };
            session.in_flight.insert(envelope.claimed_id(), flight);
            session.on_its_way.insert(position);
            session.in_flight_bytes += size;
            message.push(Bytes(bytes));
        }
        Message::Push(message)
    }

    /// The reads of outbox envelopes.
    pub(super) fn push_queries(positions: &[u64]) -> Vec<Query> {
        let get =
            |position: &u64| Query::Get { table: table::LOG, key: position.to_be_bytes().to_vec() };
        positions.iter().map(get).collect()
    }

    /// The envelopes that were read; those that nobody wants any more meanwhile are left out.
    pub(super) fn loaded(
        &self,
        session: &mut Session,
        positions: Vec<u64>,
        answers: Vec<Answer>,
    ) -> Vec<(u64, Vec<u8>)> {
        let mut envelopes = Vec::new();
        for (position, answer) in positions.into_iter().zip(answers) {
            let is_wanted = self.outbox.contains(position) || session.bring_back.contains(position);
            match answer {
                Answer::Value(Some(bytes)) if is_wanted => envelopes.push((position, bytes)),
                _ => session.bring_back.leave_out(position),
            }
        }
        envelopes
    }

    /// Moves the cursor with the batch that holds what lies before it. What is given to us once more lies before it already, and
    /// moves nothing; nor does a place in the feed of another store than it is of, until that has given us all: from there it would
    /// go on without leaving out what we hold.
    pub(super) fn move_cursor(&mut self, tx: &mut Tx<'_>, epoch: RelayEpoch, items: &[FeedItem]) {
        let Some(last) = items.last() else { return };
        let cursor = Cursor { epoch, position: last.position };
        let is_on = |known: Cursor| known.epoch == epoch && known.position < cursor.position;
        if !self.cursor.is_none_or(is_on) {
            return;
        }
        self.cursor = Some(cursor);
        tx.batch.put(table::META, meta::CURSOR, cursor.to_bytes());
    }
}

/// What an outbox envelope is taken to weigh before it is read.
const TYPICAL_BYTES: usize = 4 << 10;

/// How long to leave a relay alone that said goodbye, in milliseconds; `None` where it makes no sense to
/// come back by itself.
pub(super) fn pause_ms(goodbye: Goodbye) -> Option<u64> {
    match goodbye {
        Goodbye::Busy { retry_after_ms } => Some(u64::from(retry_after_ms)),
        Goodbye::Closing => Some(BUSY_PAUSE_MS),
        _ => None,
    }
}

/// Until when a relay is left alone that could not store.
pub(super) fn busy_until(now: Timestamp) -> Timestamp {
    now.plus_ms(BUSY_PAUSE_MS)
}

/// When a relay is asked again that waits for its operator's decision.
pub(super) fn suspended_until(now: Timestamp) -> Timestamp {
    now.plus_ms(SUSPENDED_PAUSE_MS)
}
