//! What happens in the world, one thing after the other.

use azalea_core::id::Timestamp;
use azalea_core::sync::message::Message;
use azalea_relay::mailbox::SessionId;

use super::fault::Fault;

#[derive(Debug)]
pub(super) enum Event {
    RelayGets {
        session: SessionId,
        /// `None` once its engine has it: see [`super::ahead`].
        message: Option<Box<Message>>,
        bytes: usize,
        /// Something of it, or before it, has to be sent again.
        hangs: bool,
    },
    FacilityGets {
        place: usize,
        session: SessionId,
        message: Option<Box<Message>>,
        bytes: usize,
        hangs: bool,
    },
    /// Both ends find out that a connection is dead.
    Lost {
        place: usize,
        session: SessionId,
    },
    /// A connection has had no answer since then.
    Silent {
        place: usize,
        session: SessionId,
        since: Timestamp,
    },
    Reconnect {
        place: usize,
    },
    RelayDisk {
        life: u64,
        /// Its engine does its part elsewhere, or has done it.
        ahead: bool,
    },
    FacilityDisk {
        place: usize,
        life: u64,
        ahead: bool,
    },
    RelayWakes {
        life: u64,
        ahead: bool,
    },
    FacilityWakes {
        place: usize,
        life: u64,
        ahead: bool,
    },
    Job(usize),
    /// The next piece of a kind of work of the region's days.
    Day(usize),
    /// The relay's operator has set it up.
    StartRelay,
    /// Whoever looks after a device comes to see it; the place after the last facility's is the relay's.
    Operator {
        place: usize,
    },
    Fault(Fault),
    /// The world looks at what the screens say.
    Probe,
}

impl Event {
    /// What the trace says of it: what it was, where, and a number that tells it from its like.
    pub(super) fn sign(&self) -> (&'static str, usize, u64) {
        match self {
            Self::RelayGets { session, bytes, .. } => ("relay gets", *bytes, session.0),
            Self::FacilityGets { place, bytes, .. } => ("facility gets", *place, *bytes as u64),
            Self::Lost { place, session } => ("lost", *place, session.0),
            Self::Silent { place, session, .. } => ("silent", *place, session.0),
            Self::Reconnect { place } => ("reconnect", *place, 0),
            Self::RelayDisk { life, .. } => ("relay disk", 0, *life),
            Self::FacilityDisk { place, life, .. } => ("disk", *place, *life),
            Self::RelayWakes { life, .. } => ("relay wakes", 0, *life),
            Self::FacilityWakes { place, life, .. } => ("wakes", *place, *life),
            Self::Job(number) => ("job", *number, 0),
            Self::Day(stream) => ("day", *stream, 0),
            Self::StartRelay => ("relay starts", 0, 0),
            Self::Operator { place } => ("operator", *place, 0),
            Self::Fault(_) => ("fault", 0, 0),
            Self::Probe => ("probe", 0, 0),
        }
    }
}
