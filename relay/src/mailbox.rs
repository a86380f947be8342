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
mod enrol;
mod genesis;
mod group;
mod invite;
mod load;
mod members;
mod publish;
mod report;
mod round;
mod session;
mod state;
mod subscribe;
pub mod tables;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use azalea_core::id::{FacilityId, Timestamp};
use azalea_core::identity::{Certificate, PublicKey, SigningKeypair, Subject};
use azalea_core::storage::{Batch, Read, StorageError};
use azalea_core::sync::message::{Goodbye, Message};
use rand::CryptoRng;

use crate::fair::FairQueue;
use crate::quota::{Quota, Rate};
use enrol::Admit;
use group::Group;
use members::{Fill, Filled};
use round::Queued;
use session::Session;
use state::State;
use tables::{DeviceNumber, Member};

pub use genesis::{Genesis, GenesisError};
pub use invite::{Invite, Used};
pub use load::{Answer, Query, run};
pub use publish::PublishError;
pub use report::{CAUSES, Counters, DeviceReport, FacilityReport, InviteReport, Report};
pub use state::OpenError;

/// Names a connection; chosen by the driver, never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// Names an operator's request; chosen by the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Names a `Store` or `Load` until its answer; counted up inside the mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EffectId(pub u64);

/// One thing that happened.
#[derive(Debug)]
pub enum Input {
    /// Somebody who holds the key `key` has connected.
    Opened {
        /// The connection.
        session: SessionId,
        /// The key that the handshake has proven.
        key: PublicKey,
    },
    /// A message came, whole.
    Received {
        /// From whom.
        session: SessionId,
        /// What.
        message: Message,
    },
    /// A connection is gone.
    Closed {
        /// Which.
        session: SessionId,
    },
    /// What became of a `Store`.
    Stored {
        /// Which.
        id: EffectId,
        /// `Ok` once the batch is durable.
        result: Result<(), StorageError>,
    },
    /// The answer to a `Load`.
    Loaded {
        /// Which.
        id: EffectId,
        /// The answer.
        result: Result<Answer, StorageError>,
    },
    /// The operator wants something.
    Request {
        /// Named again in the answer.
        id: RequestId,
        /// What.
        request: Request,
    },
    /// Time has passed; sent at `wake_at`.
    Tick,
}

/// What an operator can ask for.
#[derive(Debug)]
pub enum Request {
    /// Keep an invitation.
    Invite {
        /// The digest of its code's secret.
        digest: [u8; 32],
        /// The invitation.
        invite: Invite,
    },
    /// End the trust in a facility or device. What the relay has taken of it so far stays good.
    Revoke {
        /// Who.
        subject: Subject,
        /// Why, for people.
        reason: String,
        /// In whose name; one of the registrars whose keys are here.
        by: PublicKey,
    },
    /// Tell everybody about certificates.
    Publish(Vec<Certificate>),
    /// A registrar whose key is here from now on.
    Registrar(SigningKeypair),
}

/// What came of a request; effective and durable where it succeeded.
pub type RequestResult = Result<(), PublishError>;

/// One thing to do. Effects are carried out in their order; `Store` and `Load` are answered by inputs.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "most effects are `Send`, the largest; they are moved once"
)]
pub enum Effect {
    /// Send a message.
    Send {
        /// To whom.
        session: SessionId,
        /// What.
        message: Message,
    },
    /// Say goodbye, then end the connection.
    Close {
        /// Which.
        session: SessionId,
        /// Why.
        goodbye: Goodbye,
    },
    /// Make the batch durable; answer with `Input::Stored`.
    Store {
        /// Names the answer.
        id: EffectId,
        /// The rows.
        batch: Batch,
    },
    /// Read; answer with `Input::Loaded`. [`run`] does it on any store; it sees every batch that was answered.
    Load {
        /// Names the answer.
        id: EffectId,
        /// What to read.
        query: Query,
    },
    /// A request is finished.
    Done {
        /// Which.
        id: RequestId,
        /// What came of it.
        result: RequestResult,
    },
    /// Something for the log.
    Notice(Notice),
}

/// Something that an operator may want to know. Holds ids and counts, never names or content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The store failed; nothing that was acknowledged is lost, and writing is tried again.
    StoreFailed(StorageError),
    /// The store takes writes again.
    StoreRecovered,
    /// An envelope in the log is not what was written; it is not served.
    Damaged {
        /// Its position in the log.
        log: u64,
    },
    /// Two envelopes of one author claim one place; the second is kept as evidence.
    Fork {
        /// The author.
        author: azalea_core::id::DeviceId,
    },
    /// A new facility has joined.
    Enrolled {
        /// Which.
        facility: FacilityId,
    },
    /// Somebody tried a code that opens nothing.
    CodeRefused,
    /// A device's clock differs from ours by more than a minute.
    Clock {
        /// The device.
        device: azalea_core::id::DeviceId,
        /// How far.
        off_ms: u64,
    },
}

/// Limits that an operator may set.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Envelopes that a facility may push.
    pub envelopes: Rate,
    /// Bytes that a facility may push.
    pub bytes: Rate,
    /// Enrolments that may be tried, by anybody.
    pub enrolments: Rate,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            envelopes: Rate { per_second: 5_000, burst: 100_000 },
            bytes: Rate { per_second: 64 << 20, burst: 1 << 30 },
            enrolments: Rate { per_second: 1, burst: 60 },
        }
    }
}

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
    enrolments: Quota<()>,
    requests: VecDeque<(RequestId, Request)>,
    admits: Vec<Admit>,
    in_flight: Option<(EffectId, Group)>,
    loads: BTreeMap<EffectId, Loading>,
    fills: BTreeMap<Fill, u64>,
    is_filling: bool,
    filled: Vec<Filled>,
    owns: BTreeMap<DeviceNumber, Own>,
    /// What devices hold and when they were here, newer than on disk.
    noted: BTreeMap<DeviceNumber, (u64, Timestamp)>,
    flush: bool,
    effects: VecDeque<Effect>,
    next_effect: u64,
    housekeeping_at: Timestamp,
    retry_at: Option<Timestamp>,
    is_failing: bool,
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
    Repeats(Vec<round::Repeated>),
    Fills(Vec<(Fill, u64, u64)>),
}

/// How often sessions are looked over.
const HOUSEKEEPING_MS: u64 = 5_000;
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
        let mut fills = BTreeMap::new();
        for (id, scope) in &state.scopes {
            for (recipient, member) in &scope.members {
                if let Member::Filling { after } = member {
                    let fill = Fill { scope: *id, recipient: *recipient, own: false };
                    fills.insert(fill, *after);
                }
            }
        }
        Ok(Self {
            state,
            own,
            registrars: registrars.into_iter().map(|key| (key.public(), key)).collect(),
            sessions: BTreeMap::new(),
            by_device: BTreeMap::new(),
            queue: FairQueue::default(),
            pushed: Quota::new(limits.envelopes),
            pushed_bytes: Quota::new(limits.bytes),
            enrolments: Quota::new(limits.enrolments),
            requests: VecDeque::new(),
            admits: Vec::new(),
            in_flight: None,
            loads: BTreeMap::new(),
            fills,
            is_filling: false,
            filled: Vec::new(),
            owns: BTreeMap::new(),
            noted: BTreeMap::new(),
            flush: false,
            effects: VecDeque::new(),
            next_effect: 0,
            housekeeping_at: now.plus_ms(HOUSEKEEPING_MS),
            retry_at: None,
            is_failing: false,
            counters: Counters::default(),
        })
    }

    /// Takes one thing that happened.
    pub fn handle(&mut self, now: Timestamp, rng: &mut dyn CryptoRng, input: Input) {
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
        let times = [Some(self.housekeeping_at), self.retry_at, due];
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
        if now >= self.housekeeping_at {
            self.housekeeping_at = now.plus_ms(HOUSEKEEPING_MS);
            self.flush = !self.noted.is_empty();
            self.close_stalled(now);
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
            (Loading::Feed(session, through), Ok(Answer::Feed(items))) => {
                self.feed_loaded(now, session, through, items);
            }
            (Loading::Feed(session, _), _) => self.feed_failed(session),
            (Loading::Repeats(repeats), Ok(Answer::Chains(held))) => {
                self.repeats_loaded(repeats, held);
            }
            (Loading::Repeats(repeats), _) => self.repeats_failed(repeats),
            (Loading::Fills(asked), Ok(Answer::Scopes(answers))) => {
                self.is_filling = false;
                for ((fill, after, through), answer) in asked.into_iter().zip(answers) {
                    self.filled.push(Filled { fill, after, through, answer });
                }
            }
            (Loading::Fills(asked), _) => {
                self.is_filling = false;
                self.fills.extend(asked.into_iter().map(|(fill, after, _)| (fill, after)));
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
    fn take_due(&mut self, now: Timestamp) -> BTreeSet<azalea_core::id::ScopeId> {
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
