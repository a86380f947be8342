//! The relay's engine: takes envelopes, keeps them, forwards them. No IO, no clock, no randomness of its own.
//!
//! ```text
//! Received(Push) ─► quota ─► fair queue ─► group ─► Effect::Store ─► Input::Stored ─► Taken to the author
//!                                                                                └─► Feed to the readers
//! ```
//!
//! One `handle`, then drain `poll`, then ask `wake_at`. Nothing is acknowledged or forwarded before the disk has
//! it: the author forgets an envelope once it is acknowledged. While one commit is under way, pushes gather for
//! the next. It sees ciphertext, sizes, certificates and grants; it could not read a record if it wanted to.

mod accept;
mod ahead;
mod blobs;
mod burden;
mod common;
mod covered;
pub mod derive;
mod enrol;
mod fill;
mod genesis;
mod greet;
mod group;
mod heads;
mod holding;
mod invite;
mod io;
mod lanes;
mod load;
mod members;
mod publish;
mod queued;
mod refill;
mod report;
mod rotten;
mod round;
mod session;
mod state;
mod subscribe;
mod suspend;
pub mod tables;
mod time;
mod unsaid;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use azalea_core::id::{DeviceId, FacilityId, ScopeId, Timestamp};
use azalea_core::identity::{Certificate, PublicKey, SigningKeypair};
use azalea_core::storage::{Read, StorageError};
use azalea_core::sync::heads::rounds;
use azalea_core::sync::message::{Lane, Message};
use rand::CryptoRng;

use crate::fair::FairQueue;
use crate::quota::Quota;
use enrol::Admit;
use fill::Fills;
use group::Group;
use members::{Fill, Filled};
use queued::Queued;
use session::Session;
use state::State;
use tables::{DeviceNumber, Member, Progress};

pub use ahead::{AheadQuery, Pick};
pub use blobs::BlobWish;
pub use burden::Burden;
pub use common::feeds;
pub use genesis::{Genesis, GenesisError};
pub use invite::{Invite, Used};
pub use io::{
    Effect, EffectId, Input, Limits, Notice, Request, RequestId, RequestResult, SessionId,
};
pub use load::{Answer, Query, run};
pub use publish::PublishError;
pub use report::{CAUSES, Counters, DeviceReport, FacilityReport, InviteReport, Report};
pub use state::OpenError;
pub use suspend::Contradiction;

/// The engine.
pub struct Mailbox {
    state: State,
    own: SigningKeypair,
    registrars: BTreeMap<PublicKey, SigningKeypair>,
    sessions: BTreeMap<SessionId, Session>,
    by_device: BTreeMap<DeviceNumber, SessionId>,
    queue: FairQueue<FacilityId, Queued>,
    pushed: Quota<FacilityId>,
    pushed_bytes: Quota<FacilityId>,
    /// Apart from envelopes: a hospital that sends its images can send its text.
    blob_bytes: Quota<FacilityId>,
    enrolments: Quota<()>,
    requests: VecDeque<(RequestId, Request)>,
    admits: Vec<Admit>,
    in_flight: Option<(EffectId, Group)>,
    loads: BTreeMap<EffectId, Loading>,
    fills: Fills,
    is_filling: bool,
    last_filled: DeviceNumber,
    filled: Vec<Filled>,
    owns: BTreeMap<DeviceNumber, Own>,
    /// What devices hold and when they were here, newer than on disk.
    noted: BTreeMap<DeviceNumber, (u64, Timestamp)>,
    flush: bool,
    /// Feeds that have met an envelope which is gone, and wait until that is written down.
    met: Vec<rotten::Met>,
    /// Who was asked for envelopes that are gone, by their log positions.
    asked_again: BTreeMap<u64, rotten::AskedAgain>,
    /// Something that the relay said itself may have rotted.
    is_unsaid: bool,
    /// Certificates that the relay said and has to say again.
    say_again: Vec<Certificate>,
    /// Which session was asked for which chain that this store lacks.
    asked: BTreeMap<(ScopeId, DeviceId), holding::Asked>,
    effects: VecDeque<Effect>,
    next_effect: u64,
    housekeeping_at: Timestamp,
    flush_at: Timestamp,
    /// When readers are told next what publishers have said.
    passing_at: Timestamp,
    /// Everybody who is subscribed was found in good order at the first moment and stays so until the second, unless the
    /// registry changes or somebody subscribes.
    in_order: Option<(Timestamp, Timestamp)>,
    retry_at: Option<Timestamp>,
    /// What the clock showed last.
    shown: Timestamp,
    is_failing: bool,
    is_behind: bool,
    counters: Counters,
}

/// A feed that is being filled with its device's own envelopes.
struct Own {
    scopes_left: usize,
    through: u64,
}

enum Loading {
    /// Whose, and the feed's end when the disk was asked.
    Feed(SessionId, u64),
    /// Whose, for which lane, and up to where.
    Ahead(SessionId, Lane, u64),
    Repeats(Vec<queued::Repeated>),
    Unsaid,
    Fills(Vec<(Fill, Progress, u64)>),
}

/// How often sessions are looked over.
const HOUSEKEEPING_MS: u64 = 15_000;
/// How often what devices hold is written down where nothing else is: it goes with every commit, and only a relay that would
/// otherwise write nothing writes for its sake.
const NOTED_MS: u64 = 60_000;
/// Pause after the disk refused.
const RETRY_MS: u64 = 1_000;

impl Mailbox {
    /// Takes up what the store holds. `own` is the relay's device key, `registrars` those in whose name it may enrol.
    pub fn open(
        store: &dyn Read,
        now: Timestamp,
        own: SigningKeypair,
        registrars: impl IntoIterator<Item = SigningKeypair>,
        limits: Limits,
    ) -> Result<Self, OpenError> {
        let state = State::load(store, now)?;
        let mut fills = Vec::new();
        let registry = state.registry();
        for (id, scope) in state.scopes.iter().filter(|(id, _)| **id != registry) {
            let early = state.early_members(id, now);
            for (recipient, member) in &scope.members {
                if let Member::Filling(progress) = member
                    && !early.contains(recipient)
                {
                    let fill = Fill { scope: *id, recipient: *recipient, own: false };
                    fills.push((fill, *progress));
                }
            }
        }
        let passing_at = rounds::passing(now, state.roster.statement_interval_ms());
        let mut mailbox = Self {
            state,
            own,
            registrars: registrars.into_iter().map(|key| (key.public(), key)).collect(),
            sessions: BTreeMap::new(),
            by_device: BTreeMap::new(),
            queue: FairQueue::default(),
            pushed: Quota::new(limits.envelopes),
            pushed_bytes: Quota::new(limits.bytes),
            blob_bytes: Quota::new(limits.blob_bytes),
            enrolments: Quota::new(limits.enrolments),
            requests: VecDeque::new(),
            admits: Vec::new(),
            in_flight: None,
            loads: BTreeMap::new(),
            fills: Fills::default(),
            is_filling: false,
            last_filled: DeviceNumber::MAX,
            filled: Vec::new(),
            owns: BTreeMap::new(),
            noted: BTreeMap::new(),
            flush: false,
            met: Vec::new(),
            asked_again: BTreeMap::new(),
            is_unsaid: false,
            say_again: Vec::new(),
            asked: BTreeMap::new(),
            effects: VecDeque::new(),
            next_effect: 0,
            housekeeping_at: now.plus_ms(HOUSEKEEPING_MS),
            flush_at: now,
            passing_at,
            in_order: None,
            retry_at: None,
            shown: now,
            is_failing: false,
            is_behind: false,
            counters: Counters::default(),
        };
        mailbox.queue_fills(fills);
        mailbox.is_unsaid = mailbox.has_lost_its_own();
        Ok(mailbox)
    }

    /// Takes one thing that happened.
    pub fn handle(&mut self, now: Timestamp, rng: &mut dyn CryptoRng, input: Input) {
        self.look_at_clock(now);
        match input {
            Input::Opened { session, key } => {
                self.sessions.insert(session, Session::new(key, now));
            }
            Input::Received { session, message } => self.received(now, rng, session, message),
            Input::Closed { session } => self.drop_session(now, session),
            Input::Stored { id, result } => self.stored(now, id, result),
            Input::Loaded { id, result } => self.loaded(now, id, result),
            Input::Request { id, request } => self.requests.push_back((id, request)),
            Input::Tick => self.tick(now),
        }
        self.next_round(now);
        self.next_fill(now);
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When to tick next, if nothing happens before.
    pub fn wake_at(&self) -> Timestamp {
        let due = self.state.due.first().map(|(at, _)| *at);
        let times = [Some(self.housekeeping_at), Some(self.passing_at), self.retry_at, due];
        times.into_iter().flatten().min().unwrap_or(self.housekeeping_at)
    }

    /// Whether a commit is under way.
    pub fn is_storing(&self) -> bool {
        self.in_flight.is_some()
    }

    fn tick(&mut self, now: Timestamp) {
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
            self.pump_all(now);
        }
        self.pass_heads(now);
        if now >= self.housekeeping_at {
            self.housekeeping_at = now.plus_ms(HOUSEKEEPING_MS);
            let is_unsaved = !self.noted.is_empty() || self.state.heads.is_unsaved();
            if now >= self.flush_at && is_unsaved {
                self.flush_at = now.plus_ms(NOTED_MS);
                self.flush = true;
            }
            self.close_stalled(now);
            self.look_for_rotten(now);
            self.look_for_unsaid();
            self.forget_asked(now);
        }
    }

    fn loaded(&mut self, now: Timestamp, id: EffectId, result: Result<Answer, StorageError>) {
        let Some(loading) = self.loads.remove(&id) else { return };
        if let Err(error) = &result {
            self.counters.loads_failed += 1;
            self.effects.push_back(Effect::Notice(Notice::StoreFailed(error.clone())));
            self.retry_at = Some(now.plus_ms(RETRY_MS));
        }
        match (loading, result) {
            (Loading::Feed(session, through), Ok(Answer::Feed(answer))) => {
                self.feed_loaded(now, session, through, answer);
            }
            (Loading::Feed(session, _), _) => self.feed_failed(session),
            (Loading::Ahead(session, lane, through), Ok(Answer::Feed(answer))) => {
                self.ahead_loaded(now, session, lane, through, answer);
            }
            (Loading::Ahead(session, lane, _), _) => self.ahead_failed(session, lane),
            (Loading::Repeats(repeats), Ok(Answer::Chains(held))) => {
                self.repeats_loaded(repeats, held);
            }
            (Loading::Repeats(repeats), _) => self.repeats_failed(repeats),
            (Loading::Unsaid, Ok(Answer::Unsaid(certificates))) => {
                self.unsaid_loaded(Some(certificates));
            }
            (Loading::Unsaid, _) => self.unsaid_loaded(None),
            (Loading::Fills(asked), Ok(Answer::Scopes(answers))) => {
                self.is_filling = false;
                for ((fill, progress, through), answer) in asked.into_iter().zip(answers) {
                    self.filled.push(Filled { fill, progress, through, answer });
                }
            }
            (Loading::Fills(asked), _) => {
                self.is_filling = false;
                self.queue_fills(asked.into_iter().map(|(fill, progress, _)| (fill, progress)));
            }
        }
    }

    fn load(&mut self, query: Query, loading: Loading) {
        let id = self.effect_id();
        self.loads.insert(id, loading);
        self.effects.push_back(Effect::Load { id, query });
    }

    fn effect_id(&mut self) -> EffectId {
        self.next_effect += 1;
        EffectId(self.next_effect)
    }

    fn send(&mut self, session: SessionId, message: Message) {
        self.effects.push_back(Effect::Send { session, message });
    }

    /// Scopes whose next grant has begun by now.
    fn take_due(&mut self, now: Timestamp) -> BTreeSet<ScopeId> {
        let mut due = BTreeSet::new();
        while let Some((at, scope)) = self.state.due.first().copied() {
            if at > now {
                break;
            }
            self.state.due.pop_first();
            due.insert(scope);
        }
        due
    }
}

#[cfg(test)]
mod tests;
