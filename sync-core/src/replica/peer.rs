//! What other replicas may be told and given, without a relay between, and taking in what they give.
//!
//! One rule for both: what the relay would let that device have. The access decision is asked for the other device and for
//! our own, by what is held here; nothing else of a scope is said, not even that it is there.

use std::collections::BTreeSet;

use crate::access::{Action, Denial, Question, decide};
use crate::envelope::Header;
use crate::id::{DeviceId, EnvelopeId, FacilityId, ScopeId, Timestamp};
use crate::identity::{FacilityKind, StandingError};
use crate::storage::row::ScopeNumber;
use crate::storage::{Order, Range, table};
use crate::sync::message::NotAdmitted;
use crate::sync::peer::{Holding, Holdings, Role, Session, vector};
use crate::sync::reconcile::Item;
use crate::wire::{Reader, Wire};

use super::command::Outcome;
use super::effect::Query;
use super::hold;
use super::input::Answer;
use super::receive;
use super::state::{Scope, State};
use super::{Replica, Tx};

/// Why no session is begun with a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// Its certificate is not held. Usual causes: another network, or it joined while this node had no line to the relay.
    #[error(
        "the device there is not in this network's registry as held here: it is of another network, or joined after this node last \
         had a line to the relay"
    )]
    Unknown,
    /// Its certificate, or one above it, begins later.
    #[error("the certificate of the device there is not valid yet: compare the clocks of both")]
    NotYetValid,
    /// Its certificate, or one above it, has ended.
    #[error("the certificate of the device there, or of its facility, has expired")]
    Expired,
    /// It, its facility or its registrar has been revoked.
    #[error("the device there, or its facility, has been revoked: nothing is exchanged with it")]
    Revoked,
    /// It is the relay.
    #[error("that is the relay: the running node keeps its line to it by itself")]
    Relay,
    /// It shows our own key.
    #[error("that is this very device, or a copy of it")]
    Itself,
    /// The store starts anew and first learns from the relay what this device wrote before.
    #[error("the store is being rebuilt from the relay: connect it, then try again")]
    Rebuilding,
}

impl PeerError {
    /// How the other side is told.
    pub fn not_admitted(self) -> NotAdmitted {
        match self {
            Self::NotYetValid => NotAdmitted::NotYetValid,
            Self::Expired => NotAdmitted::Expired,
            Self::Revoked => NotAdmitted::Revoked,
            Self::Unknown | Self::Relay | Self::Itself | Self::Rebuilding => NotAdmitted::Unknown,
        }
    }
}

/// A replica that is given something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipient {
    /// This device.
    Device(DeviceId),
    /// Every device of this facility; of our own, all but this one.
    Facility(FacilityId),
}

impl Replica {
    /// Begins a session with a device that has proven its key, if it is in good order.
    pub fn meet(
        &self,
        with: &DeviceId,
        role: Role,
        nonce: [u8; 32],
        now: Timestamp,
    ) -> Result<Session, PeerError> {
        let state = &self.state;
        if *with == state.me {
            return Err(PeerError::Itself);
        }
        if state.rebuilding {
            return Err(PeerError::Rebuilding);
        }
        let standing = state.roster.in_order(with, now).map_err(|error| match error {
            StandingError::Unknown => PeerError::Unknown,
            StandingError::NotYetValid => PeerError::NotYetValid,
            StandingError::Expired => PeerError::Expired,
            StandingError::Revoked { .. } => PeerError::Revoked,
        })?;
        if standing.facility.kind == FacilityKind::Relay {
            return Err(PeerError::Relay);
        }
        Ok(Session::new(role, state.identity.network, state.me, *with, nonce))
    }

    /// The scopes that a recipient may read and we may, with what is held of each.
    pub fn shared_with(&self, recipient: &Recipient, now: Timestamp) -> Vec<(ScopeId, Holding)> {
        let shared = self.state.shared(recipient, now);
        shared.map(|scope| (scope.id, holds(scope))).collect()
    }

    /// Scopes that a facility was put out of and we were not: it may not know, and has to be told first of all.
    pub fn parted_from(
        &self,
        facility: &FacilityId,
        now: Timestamp,
    ) -> Vec<(ScopeId, ScopeNumber)> {
        let state = &self.state;
        let parted = |scope: &&Scope| {
            let Some(access) = &scope.access else { return false };
            access.has_ruled_on(facility)
                && access.access_of(facility, now).is_none()
                && state.may_read(&state.me, scope, now)
        };
        state.scopes.values().filter(parted).map(|scope| (scope.id, scope.number)).collect()
    }

    /// Whether what comes of a scope is of any use here: it is, unless we are known not to be a reader.
    pub fn wants(&self, scope: &ScopeId, now: Timestamp) -> bool {
        let Some(scope) = self.state.scopes.get(scope) else { return true };
        let asked = self.state.ask_to_read(&self.state.me, scope, now);
        matches!(asked, Ok(()) | Err(Denial::NotCreated))
    }

    /// Where our envelopes stand that the relay does not have yet.
    pub fn unsent(&self) -> BTreeSet<u64> {
        self.state.outbox.next().collect()
    }
}

impl Holdings for Replica {
    fn shared(&self, with: &DeviceId, now: Timestamp) -> Vec<Item> {
        let shared = self.state.shared(&Recipient::Device(*with), now);
        shared.map(|scope| Item { scope: scope.id, digest: scope.digest }).collect()
    }

    fn holding(&self, with: &DeviceId, scope: &ScopeId, now: Timestamp) -> Holding {
        self.state.holding(with, scope, now)
    }
}

impl State {
    fn shared<'a>(
        &'a self,
        recipient: &Recipient,
        now: Timestamp,
    ) -> impl Iterator<Item = &'a Scope> + use<'a> {
        let devices: Vec<DeviceId> = match recipient {
            Recipient::Device(device) => vec![*device],
            Recipient::Facility(facility) => {
                let devices = self.roster.devices_of(facility).map(|device| device.id());
                devices.filter(|device| *device != self.me).collect()
            }
        };
        self.scopes.values().filter(move |scope| {
            !scope.vectors.is_empty()
                && self.may_read(&self.me, scope, now)
                && devices.iter().any(|device| self.may_read(device, scope, now))
        })
    }

    fn may_read(&self, device: &DeviceId, scope: &Scope, now: Timestamp) -> bool {
        self.ask_to_read(device, scope, now).is_ok()
    }

    fn ask_to_read(&self, device: &DeviceId, scope: &Scope, now: Timestamp) -> Result<(), Denial> {
        let question = Question { device: *device, action: Action::Read, at: now };
        decide(&self.roster, &scope.id, scope.access.as_ref(), &question)
    }

    fn holding(&self, with: &DeviceId, id: &ScopeId, now: Timestamp) -> Holding {
        let Some(scope) = self.scopes.get(id) else { return Holding::Unknown };
        let closed = Holding::Closed { number: scope.number };
        if let Err(denial) = self.ask_to_read(&self.me, scope, now) {
            return match denial {
                Denial::NotCreated => Holding::Unknown,
                _ => closed,
            };
        }
        match self.ask_to_read(with, scope, now) {
            Ok(()) if !scope.vectors.is_empty() => holds(scope),
            Ok(()) => Holding::Unknown,
            // Never in it, by what is known here: the grant may be what the other side brings.
            Err(_) if !self.was_in(with, scope) => Holding::Unknown,
            Err(_) => closed,
        }
    }

    fn was_in(&self, device: &DeviceId, scope: &Scope) -> bool {
        let facility = self.roster.device(device).map(|device| device.facility);
        let access = scope.access.as_ref();
        facility.zip(access).is_some_and(|(facility, access)| access.has_ruled_on(&facility))
    }

    /// What must be read before envelopes are taken in: what is held at their places, and what of their scopes waits already.
    pub(super) fn take_in_queries(&self, envelopes: &[Vec<u8>]) -> Vec<Query> {
        let (mut queries, _) = self.place_queries(envelopes.iter().map(Vec::as_slice));
        let scopes: BTreeSet<ScopeNumber> = envelopes
            .iter()
            .filter_map(|bytes| Header::read(&mut Reader::new(bytes)).ok())
            .filter_map(|header| self.scopes.get(&header.scope))
            .map(|scope| scope.number)
            .chain([receive::NOWHERE])
            .filter(|number| self.waiting.contains_key(number))
            .collect();
        queries.extend(scopes.into_iter().map(|number| Query::Scan {
            table: table::WAITING,
            range: Range::prefix(&number.to_be_bytes()),
            order: Order::Ascending,
            limit: usize::MAX,
        }));
        queries
    }

    /// Takes in envelopes from another replica or a file. They come in no feed: they may come any number of times, and nothing is
    /// acknowledged to the relay.
    pub(super) fn take_in(
        &mut self,
        tx: &mut Tx<'_>,
        envelopes: Vec<Vec<u8>>,
        answers: Vec<Answer>,
    ) -> Outcome {
        // Nothing has changed since the places were looked up: one step runs at a time.
        let (_, claims) = self.place_queries(envelopes.iter().map(Vec::as_slice));
        let (held, waiting): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| matches!(answer, Answer::Value(_)));
        let places = receive::places(claims, held);
        let rows = waiting.into_iter().flat_map(|answer| match answer {
            Answer::Rows(rows) => rows,
            Answer::Value(_) => Vec::new(),
        });
        let mut seen: BTreeSet<EnvelopeId> =
            rows.filter_map(|(_, row)| hold::waiting_id(&row)).collect();
        let (stored, waits) = (self.next_position, self.next_waiting);
        self.prove(tx, envelopes.iter().map(Vec::as_slice));
        for envelope in envelopes {
            let id = Header::read(&mut Reader::new(&envelope)).map(|header| header.id());
            // What is no envelope is refused and counted there.
            if id.map_or(true, |id| seen.insert(id)) {
                self.receive(tx, envelope, &places);
            }
        }
        Outcome::Received {
            stored: self.next_position - stored,
            waiting: self.next_waiting - waits,
        }
    }
}

fn holds(scope: &Scope) -> Holding {
    Holding::Shared { number: scope.number, vector: vector(&scope.vectors) }
}
