//! What the mailbox is told and what it wants done; the types between it and whoever drives it.

use azalea_core::id::{DeviceId, FacilityId};
use azalea_core::identity::{Certificate, PublicKey, SigningKeypair, Subject};
use azalea_core::storage::{Batch, StorageError};
use azalea_core::sync::message::{Goodbye, Message};

use super::invite::Invite;
use super::load::{Answer, Query};
use super::publish::PublishError;
use crate::quota::Rate;

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
    /// Let a facility be a member for longer.
    Renew {
        /// Which.
        facility: FacilityId,
        /// For how long from now, in milliseconds.
        valid_ms: u64,
        /// In whose name; its present registrar's if absent.
        by: Option<PublicKey>,
    },
    /// Take envelopes again of a device that contradicted itself.
    Trust(DeviceId),
    /// Tell everybody about certificates.
    Publish(Vec<Certificate>),
    /// A registrar whose key is here from now on.
    Registrar(SigningKeypair),
}

/// What came of a request; effective and durable where it succeeded.
pub type RequestResult = Result<(), PublishError>;

/// One thing to do. Effects are carried out in their order; `Store` and `Load` are answered by inputs.
#[derive(Debug)]
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
    /// Read; answer with `Input::Loaded`. [`super::run`] does it on any store; it sees every batch that was answered.
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
    /// An envelope in the log is not what was written, or cannot be read; it is not served, and asked for again.
    Damaged {
        /// Its position in the log.
        log: u64,
        /// Who wrote it; `None` where that cannot be told, and nobody can be asked for it.
        author: Option<DeviceId>,
    },
    /// An envelope that was damaged in the log is here again.
    Mended {
        /// The position at which it was damaged.
        log: u64,
    },
    /// Two envelopes of one author claim one place; the second is kept as evidence, and nothing more of the author is taken.
    Fork {
        /// The author.
        author: DeviceId,
    },
    /// A new facility has joined.
    Enrolled {
        /// Which.
        facility: FacilityId,
    },
    /// Somebody tried a code that opens nothing.
    CodeRefused,
    /// A device holds less of its feed than it had confirmed: its store came from a backup, or it has a twin.
    RolledBack {
        /// The device.
        device: DeviceId,
    },
    /// A device holds more of its feed than there is: this relay's store came from a backup and was not told so.
    Behind {
        /// The device.
        device: DeviceId,
    },
    /// A device's clock differs from ours by more than a minute.
    Clock {
        /// The device.
        device: DeviceId,
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
    /// Bytes of attachments that a facility may bring.
    pub blob_bytes: Rate,
    /// Enrolments that may be tried, by anybody.
    pub enrolments: Rate,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            envelopes: Rate { per_second: 5_000, burst: 100_000 },
            bytes: Rate { per_second: 64 << 20, burst: 1 << 30 },
            blob_bytes: Rate { per_second: 16 << 20, burst: 2 << 30 },
            enrolments: Rate { per_second: 1, burst: 60 },
        }
    }
}
