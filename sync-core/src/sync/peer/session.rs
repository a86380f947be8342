//! One side of a session as a pure state machine: `handle` an input, then drain `poll`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::envelope::Header;
use crate::id::{DeviceId, NetworkId, ScopeId, Timestamp};
use crate::sync::message::{Bytes, Goodbye, NotAdmitted};
use crate::sync::reconcile::{ItemSet, Print, PrintKey, Range};
use crate::wire::{Reader, Wire};

use super::message::{Answer, Hello, Message, Named, Turn};
use super::vector::{Holding, Holdings, Reach, Stretch, lacking};
use super::{Placed, REACHES};

/// Which side this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The one that connected.
    Caller,
    /// The one that was called.
    Answerer,
}

/// What a session is told.
#[derive(Debug)]
pub enum Input {
    /// The line stands, and both keys are proven. Once, first.
    Connected,
    /// A message of the other side, whole.
    Received(Message),
    /// The answer to `Effect::Find`.
    Found(Vec<Placed>),
    /// The answer to `Effect::Read`.
    Read {
        /// The envelopes, in the order of the places.
        envelopes: Vec<Vec<u8>>,
        /// How many places were looked at; at least one.
        taken: usize,
    },
    /// The answer to `Effect::Take`: all of it is durable or refused for good.
    Taken,
}

/// What a session wants done. Effects are carried out in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Say this.
    Send(Message),
    /// Look up where these stand, and the statements that put the other side out of these scopes.
    Find {
        /// What the other side lacks.
        stretches: Vec<Stretch>,
        /// Scopes that it has been put out of, each with its number in this store.
        partings: Vec<(ScopeId, crate::storage::row::ScopeNumber)>,
    },
    /// Read envelopes from these places, up to so many bytes; those that did not fit are asked for again.
    Read {
        /// The places.
        places: Vec<Placed>,
        /// Bytes at most, though at least one envelope.
        bytes_max: usize,
    },
    /// Take these in by the way of everything that arrives.
    Take(Vec<Vec<u8>>),
    /// Both disks have everything; the line can be closed once what was sent has left.
    Finished(Summary),
    /// The session is over and did not finish.
    Failed(Failure),
}

/// What a session did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Envelopes that the other side now has.
    pub sent: u64,
    /// Envelopes that came from there.
    pub received: u64,
    /// Scopes that both sides may read, by what is known here.
    pub shared: usize,
    /// Scopes that differed.
    pub differed: usize,
    /// Messages of ours that found out what differs.
    pub turns: u32,
}

/// Why a session ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The other side said so.
    #[error("the other side ended the session ({0:?})")]
    Goodbye(Goodbye),
    /// The other side is of another network.
    #[error("the device there belongs to another network")]
    OtherNetwork,
    /// The other side did what the protocol does not know. Usual cause: another version, or a fault.
    #[error(
        "the other side did not keep to the protocol ({0}): compare the versions of both programs"
    )]
    Protocol(&'static str),
}

/// Bytes of one message of envelopes, about.
const MESSAGE_BYTES: usize = 256 << 10;
/// Bytes that are sent before the other side's disk has some of them.
const WINDOW_BYTES: usize = 2 << 20;
/// What a turn's vectors may weigh, about; more follows in the next.
const TURN_BYTES: usize = 1 << 20;
/// Turns of one session: three find what differs among a hundred thousand scopes, the rest is for vectors that do not fit.
const TURNS_MAX: u32 = 256;

/// One side of a session.
pub struct Session {
    role: Role,
    network: NetworkId,
    me: DeviceId,
    with: DeviceId,
    nonce: [u8; 32],
    phase: Phase,
    set: Option<ItemSet>,
    /// What is to be said in the next turns.
    next: Next,
    /// Scopes of which we have said what we hold, each once.
    said: BTreeSet<ScopeId>,
    /// Those of them of which anything is taken in.
    wanted: BTreeSet<ScopeId>,
    /// What the other side holds of scopes that differ.
    theirs: BTreeMap<ScopeId, Vec<Reach>>,
    /// Scopes of which the other side wants nothing.
    closed: BTreeSet<ScopeId>,
    sending: Sending,
    receiving: Receiving,
    summary: Summary,
    effects: VecDeque<Effect>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Waits for the other side's `Hello`.
    Greeting,
    /// Finds what differs.
    Comparing,
    /// Knows what to send.
    Exchanging,
    /// Over, one way or the other.
    Over,
}

#[derive(Default)]
struct Next {
    ranges: Vec<Range>,
    asks: VecDeque<Print>,
    offers: VecDeque<ScopeId>,
    answers: VecDeque<ScopeId>,
}

#[derive(Default)]
struct Sending {
    /// Still to be read and sent; `None` before it is known.
    places: Option<VecDeque<Placed>>,
    /// Whether places are being read.
    reading: bool,
    /// Sizes of envelopes that the other side has not confirmed.
    under_way: VecDeque<usize>,
    bytes_under_way: usize,
    sent: u64,
    held: u64,
    ended: bool,
}

#[derive(Default)]
struct Receiving {
    received: u64,
    /// Envelopes of `Take`s that are not answered.
    taking: VecDeque<u64>,
    taken: u64,
    end: Option<u64>,
}

impl Session {
    /// A session with the device that the connection has proven to be `with`; whether it is in good order is for the host to
    /// have asked the registry.
    pub fn new(
        role: Role,
        network: NetworkId,
        me: DeviceId,
        with: DeviceId,
        nonce: [u8; 32],
    ) -> Self {
        Self {
            role,
            network,
            me,
            with,
            nonce,
            phase: Phase::Greeting,
            set: None,
            next: Next::default(),
            said: BTreeSet::new(),
            wanted: BTreeSet::new(),
            theirs: BTreeMap::new(),
            closed: BTreeSet::new(),
            sending: Sending::default(),
            receiving: Receiving::default(),
            summary: Summary::default(),
            effects: VecDeque::new(),
        }
    }

    /// Takes in one thing that happened.
    pub fn handle(&mut self, holdings: &impl Holdings, now: Timestamp, input: Input) {
        if self.phase == Phase::Over {
            return;
        }
        let done = match input {
            Input::Connected => {
                if self.role == Role::Caller {
                    self.greet(now);
                }
                Ok(())
            }
            Input::Received(message) => self.received(holdings, now, message),
            Input::Found(places) => {
                self.sending.places = Some(places.into());
                Ok(())
            }
            Input::Read { envelopes, taken } => {
                self.send(envelopes, taken);
                Ok(())
            }
            Input::Taken => {
                self.taken();
                Ok(())
            }
        };
        match done {
            Ok(()) => {
                self.pump(holdings, now);
                self.finish();
            }
            Err(failure) => self.fail(failure),
        }
    }

    /// The next effect to carry out.
    pub fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// What was done so far.
    pub fn summary(&self) -> Summary {
        self.summary
    }

    fn greet(&mut self, now: Timestamp) {
        let Self { network, me: device, nonce, .. } = *self;
        self.say(Message::Hello(Hello { network, device, nonce, at: now }));
    }

    fn say(&mut self, message: Message) {
        self.effects.push_back(Effect::Send(message));
    }

    fn received(
        &mut self,
        holdings: &impl Holdings,
        now: Timestamp,
        message: Message,
    ) -> Result<(), Failure> {
        match (message, self.phase) {
            (Message::Hello(hello), Phase::Greeting) => self.greeted(holdings, now, &hello),
            (Message::Turn(turn), Phase::Comparing) => self.turn(holdings, now, turn),
            (Message::Envelopes(envelopes), Phase::Comparing | Phase::Exchanging) => {
                self.take(envelopes)
            }
            (Message::Held { count }, Phase::Exchanging) => self.confirmed(count),
            (Message::End { count }, Phase::Comparing | Phase::Exchanging) => {
                if self.receiving.end.is_some() || count != self.receiving.received {
                    return Err(Failure::Protocol("end"));
                }
                self.receiving.end = Some(count);
                Ok(())
            }
            (Message::Goodbye(goodbye), _) => Err(Failure::Goodbye(goodbye)),
            _ => Err(Failure::Protocol("order of messages")),
        }
    }

    fn greeted(
        &mut self,
        holdings: &impl Holdings,
        now: Timestamp,
        hello: &Hello,
    ) -> Result<(), Failure> {
        if hello.network != self.network {
            return Err(Failure::OtherNetwork);
        }
        if hello.device != self.with {
            return Err(Failure::Protocol("device"));
        }
        let (ours, theirs) = ((&self.me, &self.nonce), (&self.with, &hello.nonce));
        let key = match self.role {
            Role::Caller => PrintKey::agree(&self.network, ours, theirs),
            Role::Answerer => PrintKey::agree(&self.network, theirs, ours),
        };
        let set = ItemSet::new(key, holdings.shared(&self.with, now));
        self.summary.shared = set.len();
        self.phase = Phase::Comparing;
        if self.role == Role::Answerer {
            self.greet(now);
            self.next.ranges = set.open();
        }
        self.set = Some(set);
        if self.role == Role::Answerer {
            self.take_turn(holdings, now, false);
        }
        Ok(())
    }

    /// Takes the other side's turn, and ours.
    fn turn(
        &mut self,
        holdings: &impl Holdings,
        now: Timestamp,
        turn: Turn,
    ) -> Result<(), Failure> {
        let awaits_answer = turn.awaits_answer();
        let set = self.set.as_ref().expect("made with the greeting, before any turn is taken");
        let found = set.compare(&turn.ranges);
        // What was listed can be asked for; anything else was made up.
        let asked = turn.asks.iter().map(|print| set.scope(print));
        let asked: Vec<ScopeId> = asked.collect::<Option<_>>().ok_or(Failure::Protocol("ask"))?;
        for answer in turn.answers {
            match answer {
                Answer::Holds(Named { scope, vector }) if self.said.contains(&scope) => {
                    self.theirs.insert(scope, vector);
                }
                Answer::Closed(scope) if self.said.contains(&scope) => {
                    self.closed.insert(scope);
                }
                _ => return Err(Failure::Protocol("answer")),
            }
        }
        for Named { scope, vector } in turn.offers {
            self.theirs.insert(scope, vector);
            self.next.answers.push_back(scope);
        }
        for scope in asked {
            // Where they hold none of it that they would name, they say first whether they want it.
            match self.theirs.contains_key(&scope) {
                true => self.next.answers.push_back(scope),
                false => self.next.offers.push_back(scope),
            }
        }
        self.next.ranges = found.ranges;
        self.next.asks.extend(found.only_theirs);
        self.next.offers.extend(found.only_ours);
        if awaits_answer || !self.next.is_empty() {
            self.take_turn(holdings, now, turn.more);
        } else {
            self.compared(holdings, now);
        }
        if self.summary.turns > TURNS_MAX {
            return Err(Failure::Protocol("turns"));
        }
        Ok(())
    }

    /// Says what there is to say, as far as it fits, and begins to send once nothing is left open.
    fn take_turn(&mut self, holdings: &impl Holdings, now: Timestamp, more_comes: bool) {
        let mut turn = Turn { ranges: std::mem::take(&mut self.next.ranges), ..Turn::default() };
        let mut bytes = 0;
        turn.asks.extend(self.next.asks.drain(..));
        while bytes < TURN_BYTES
            && let Some(scope) = self.next.offers.pop_front()
        {
            if let Some(named) = self.name(holdings, now, scope) {
                bytes += weight(&named);
                turn.offers.push(named);
            }
        }
        while bytes < TURN_BYTES
            && let Some(scope) = self.next.answers.pop_front()
        {
            if self.said.contains(&scope) {
                continue;
            }
            let answer = self.answer(holdings, now, scope);
            if let Answer::Holds(named) = &answer {
                bytes += weight(named);
            }
            turn.answers.push(answer);
        }
        turn.more = !self.next.is_empty();
        let open = turn.awaits_answer();
        self.summary.turns += 1;
        self.say(Message::Turn(turn));
        if !open && !more_comes {
            self.compared(holdings, now);
        }
    }

    /// A scope that differs with what we hold of it; `None` where it may not be named any more.
    fn name(&mut self, holdings: &impl Holdings, now: Timestamp, scope: ScopeId) -> Option<Named> {
        match holdings.holding(&self.with, &scope, now) {
            Holding::Shared { mut vector, .. } if self.said.insert(scope) => {
                self.wanted.insert(scope);
                vector.truncate(REACHES.max);
                Some(Named { scope, vector })
            }
            _ => None,
        }
    }

    fn answer(&mut self, holdings: &impl Holdings, now: Timestamp, scope: ScopeId) -> Answer {
        self.said.insert(scope);
        let holding = holdings.holding(&self.with, &scope, now);
        if !matches!(holding, Holding::Closed { .. }) {
            self.wanted.insert(scope);
        }
        match holding {
            Holding::Shared { mut vector, .. } => {
                vector.truncate(REACHES.max);
                Answer::Holds(Named { scope, vector })
            }
            // As if nothing were held: what is, the other side is not known to be entitled to know.
            Holding::Unknown => Answer::Holds(Named { scope, vector: Vec::new() }),
            Holding::Closed { .. } => Answer::Closed(scope),
        }
    }

    /// Nothing is left open: looks up what the other side lacks.
    fn compared(&mut self, holdings: &impl Holdings, now: Timestamp) {
        self.phase = Phase::Exchanging;
        self.summary.differed = self.said.len();
        let mut stretches = Vec::new();
        let mut partings = Vec::new();
        for scope in &self.said {
            match holdings.holding(&self.with, scope, now) {
                Holding::Shared { number, vector } if !self.closed.contains(scope) => {
                    let theirs = self.theirs.get(scope).map_or(&[][..], Vec::as_slice);
                    stretches.extend(lacking(*scope, number, &vector, theirs));
                }
                Holding::Closed { number } => partings.push((*scope, number)),
                Holding::Shared { .. } | Holding::Unknown => {}
            }
        }
        if stretches.is_empty() && partings.is_empty() {
            self.sending.places = Some(VecDeque::new());
        } else {
            self.effects.push_back(Effect::Find { stretches, partings });
        }
    }

    /// Asks for more envelopes to be read where the window has room; says so after the last.
    fn pump(&mut self, holdings: &impl Holdings, now: Timestamp) {
        let sending = &mut self.sending;
        let Some(places) = &mut sending.places else { return };
        if sending.reading || sending.ended || sending.bytes_under_way >= WINDOW_BYTES {
            return;
        }
        // Asked once more: somebody may have been put out since the places were found.
        let with = self.with;
        let may = |place: &Placed| {
            place.parting
                || matches!(holdings.holding(&with, &place.scope, now), Holding::Shared { .. })
        };
        let mut asked = BTreeMap::new();
        while places
            .front()
            .is_some_and(|place| !*asked.entry(place.scope).or_insert_with(|| may(place)))
        {
            places.pop_front();
        }
        let next = places.iter().take(READ_PLACES);
        let next: Vec<Placed> = next
            .take_while(|place| *asked.entry(place.scope).or_insert_with(|| may(place)))
            .copied()
            .collect();
        if next.is_empty() {
            sending.ended = true;
            let count = sending.sent;
            self.say(Message::End { count });
            return;
        }
        sending.reading = true;
        self.effects.push_back(Effect::Read { places: next, bytes_max: MESSAGE_BYTES });
    }

    /// Sends what was read.
    fn send(&mut self, envelopes: Vec<Vec<u8>>, taken: usize) {
        let sending = &mut self.sending;
        sending.reading = false;
        if let Some(places) = &mut sending.places {
            places.drain(..taken.clamp(1, places.len().max(1)).min(places.len()));
        }
        if envelopes.is_empty() {
            return;
        }
        for envelope in &envelopes {
            sending.under_way.push_back(envelope.len());
            sending.bytes_under_way += envelope.len();
            sending.sent += 1;
        }
        self.say(Message::Envelopes(envelopes.into_iter().map(Bytes).collect()));
    }

    fn confirmed(&mut self, count: u64) -> Result<(), Failure> {
        let sending = &mut self.sending;
        if count < sending.held || count > sending.sent {
            return Err(Failure::Protocol("held"));
        }
        for _ in sending.held..count {
            let bytes = sending.under_way.pop_front().expect("as many as were sent");
            sending.bytes_under_way -= bytes;
        }
        sending.held = count;
        self.summary.sent = count;
        Ok(())
    }

    /// Hands on what arrived, unless it is of a scope that was not talked about, or of which we want nothing.
    fn take(&mut self, envelopes: Vec<Bytes>) -> Result<(), Failure> {
        if self.receiving.end.is_some() || envelopes.is_empty() {
            return Err(Failure::Protocol("envelopes"));
        }
        for envelope in &envelopes {
            let header = Header::read(&mut Reader::new(&envelope.0));
            if header.is_ok_and(|header| !self.wanted.contains(&header.scope)) {
                return Err(Failure::Protocol("envelope of a scope that was not asked for"));
            }
        }
        let count = envelopes.len() as u64;
        self.receiving.received += count;
        self.receiving.taking.push_back(count);
        let envelopes = envelopes.into_iter().map(|Bytes(bytes)| bytes).collect();
        self.effects.push_back(Effect::Take(envelopes));
        Ok(())
    }

    fn taken(&mut self) {
        let Some(count) = self.receiving.taking.pop_front() else { return };
        self.receiving.taken += count;
        self.summary.received = self.receiving.taken;
        let count = self.receiving.taken;
        self.say(Message::Held { count });
    }

    fn finish(&mut self) {
        let sent = self.sending.ended && self.sending.held == self.sending.sent;
        let received = self.receiving.end == Some(self.receiving.taken);
        if self.phase == Phase::Exchanging && sent && received {
            self.phase = Phase::Over;
            self.effects.push_back(Effect::Finished(self.summary));
        }
    }

    fn fail(&mut self, failure: Failure) {
        self.phase = Phase::Over;
        match failure {
            Failure::Goodbye(_) => {}
            Failure::OtherNetwork => {
                let why = Goodbye::NotAdmitted(NotAdmitted::OtherNetwork);
                self.say(Message::Goodbye(why));
            }
            Failure::Protocol(_) => self.say(Message::Goodbye(Goodbye::Protocol)),
        }
        self.effects.push_back(Effect::Failed(failure));
    }
}

/// Places that are read at once.
const READ_PLACES: usize = 1_024;

impl Next {
    fn is_empty(&self) -> bool {
        self.ranges.is_empty()
            && self.asks.is_empty()
            && self.offers.is_empty()
            && self.answers.is_empty()
    }
}

fn weight(named: &Named) -> usize {
    ScopeId::LEN + named.vector.iter().map(|reach| 64 + 8 * reach.ahead.len()).sum::<usize>()
}

#[cfg(test)]
mod tests;
