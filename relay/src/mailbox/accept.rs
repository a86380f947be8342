//! Whether a pushed envelope is taken: the cheap questions first, then the signature, then the right to write.

use std::collections::BTreeSet;
use std::sync::Arc;

use azalea_core::access::{
    AccessError, Action, Change, Denial, Question, ScopeAccess, Statement, decide,
};
use azalea_core::envelope::{Link, SignedEnvelope, VerifiedEnvelope, VerifyError};
use azalea_core::id::{DeviceId, EnvelopeId, ScopeId};
use azalea_core::identity::{Admission, Certificate, RosterError, StandingError, Subject};
use azalea_core::sync::message::{Refusal, RefusalCause};
use azalea_core::wire::{Wire, WireError};

use super::group::Draft;
use super::state::Party;
use super::tables::{self, DeviceNumber};

/// What became of an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// Part of the group, or known: acknowledged once the group is durable.
    Stored(EnvelopeId),
    /// Not taken.
    Refused(Refusal),
    /// It lies within its chain; whether it is the same one is for the disk to say.
    Repeat(Repeat),
}

/// An envelope whose place in its chain is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Repeat {
    pub(crate) place: (u32, u32, u64),
    pub(crate) verified: VerifiedEnvelope,
}

impl Draft<'_> {
    /// Judges one envelope and takes it into the group if it is good.
    pub(crate) fn accept(&mut self, bytes: Arc<[u8]>) -> Accepted {
        let refuse = |id, cause| Accepted::Refused(Refusal { id, cause });
        let signed = match SignedEnvelope::from_bytes(bytes) {
            Ok(signed) => signed,
            Err(error) => return refuse(EnvelopeId::ZERO, unread(&error)),
        };
        let id = signed.claimed_id();
        let header = signed.claimed_header().clone();
        if header.network != self.state.network {
            return refuse(id, RefusalCause::Invalid);
        }
        let Some(author) = self.number_of(&header.author) else {
            return refuse(id, RefusalCause::Author);
        };
        if self.is_suspended(&header.author, &header.scope) {
            return refuse(id, RefusalCause::Suspended);
        }
        let lost = self.is_lost(&header.scope, author, header.seq, &id);
        let chain = self.scope(&header.scope).and_then(|scope| scope.chains.get(&author));
        let mut chain = chain.copied().unwrap_or_default();
        let link = chain.check(header.seq, &header.previous, &id);
        if let Link::Gap { expected } = link {
            return refuse(id, RefusalCause::Gap { expected });
        }
        // Also what claims to be known: the id covers the header only, so a copy with another body or signature bears
        // the id of what is stored.
        let verified = match signed.verify_among(&self.proven, self.roster(), &self.state.network) {
            Ok(verified) => verified,
            Err(VerifyError::UnknownAuthor(_)) => return refuse(id, RefusalCause::Author),
            Err(_) => return refuse(id, RefusalCause::Invalid),
        };
        if let Some(log) = lost {
            self.take_again(log, &verified);
            return Accepted::Stored(id);
        }
        match link {
            Link::Next | Link::Gap { .. } => {}
            Link::Known if header.seq == chain.seq() => return Accepted::Stored(id),
            Link::Known => match self.places.get(&(header.scope, author, header.seq)) {
                Some(held) if *held == id => return Accepted::Stored(id),
                Some(_) => return self.fork(&verified),
                None => {
                    let scope = self.scope(&header.scope).map_or(0, |scope| scope.number);
                    let place = (scope, author, header.seq);
                    return Accepted::Repeat(Repeat { place, verified });
                }
            },
            Link::Fork => return self.fork(&verified),
        }
        if let Err(cause) = self.check_right(&verified) {
            return refuse(id, cause);
        }
        chain.follow(verified.header());
        match self.take(&verified, author, chain) {
            Ok(()) => Accepted::Stored(id),
            Err(cause) => refuse(id, cause),
        }
    }

    fn check_right(&self, verified: &VerifiedEnvelope) -> Result<(), RefusalCause> {
        let header = verified.header();
        let seq = header.seq;
        let action = if header.is_clear() { Action::Govern { seq } } else { Action::Write { seq } };
        let question = Question { device: header.author, action, at: header.at };
        let scope = self.scope(&header.scope);
        let access = scope.and_then(|scope| scope.access.as_deref());
        match decide(self.roster(), &header.scope, access, &question) {
            Ok(()) => Ok(()),
            // Put out of the network: nothing more is taken. Put out of the scope only: what was written while
            // nobody could tell the author is carried on, and its readers set it apart for a person to review.
            Err(Denial::LateWrite { .. }) => {
                match self.roster().cutoff(&header.author, &header.scope) {
                    Some(accepted) if seq > accepted => Err(RefusalCause::Late),
                    _ => Ok(()),
                }
            }
            Err(Denial::GrantEnded { .. }) => Ok(()),
            Err(Denial::Standing(StandingError::Revoked { .. })) => Err(RefusalCause::Late),
            Err(Denial::Standing(_)) => Err(RefusalCause::Author),
            Err(_) => Err(RefusalCause::Right),
        }
    }

    fn take(
        &mut self,
        verified: &VerifiedEnvelope,
        author: DeviceNumber,
        chain: azalea_core::envelope::Chain,
    ) -> Result<(), RefusalCause> {
        let scope = verified.header().scope;
        let bytes: Arc<[u8]> = verified.share_bytes();
        let statement = verified.statement().map_err(|error| unread(&error))?;
        let said = self.said(&scope, statement.as_ref());
        // Readers are settled before the envelope is logged: who is new gets what came before it first.
        let parted = match statement {
            None => BTreeSet::new(),
            Some(Statement::Certificate(certificate)) if scope == self.state.registry() => {
                let concerned = self.certify(certificate)?;
                let scopes = concerned.iter().flat_map(|party| self.scopes_of(*party));
                for scope in scopes.collect::<BTreeSet<_>>() {
                    self.settle_members(&scope);
                }
                self.settle_registry(&concerned)
            }
            Some(_) if scope == self.state.registry() => return Err(RefusalCause::Right),
            Some(Statement::Snapshot(snapshot)) => {
                self.cover(verified, author, &snapshot)?;
                BTreeSet::new()
            }
            Some(statement) => {
                let early = self.put_out_early(&scope, &statement);
                self.govern(&scope, &verified.header().author, &statement)?;
                let mut parted = self.settle_members(&scope);
                parted.extend(early);
                parted
            }
        };
        self.log(&scope, author, chain, (bytes, said));
        self.fan_out(&parted);
        Ok(())
    }

    fn govern(
        &mut self,
        scope: &ScopeId,
        author: &DeviceId,
        statement: &Statement,
    ) -> Result<(), RefusalCause> {
        let network = self.state.network;
        let facility = self.roster().device(author).ok_or(RefusalCause::Author)?.facility;
        let held = self.scope(scope).and_then(|scope| scope.access.clone());
        let (access, change) = match held {
            None => {
                let begun = ScopeAccess::begin(&network, *scope, *author, facility, statement);
                (begun.map_err(access_cause)?, Change::Created)
            }
            Some(held) => {
                let mut access = (*held).clone();
                let change = access.apply(*author, facility, statement).map_err(access_cause)?;
                (access, change)
            }
        };
        if change == Change::Unentitled {
            return Err(RefusalCause::Right);
        }
        self.scope_mut(scope).access = Some(Arc::new(access));
        self.group.governed.insert(*scope);
        Ok(())
    }

    /// Takes a certificate into the roster; returns whose access may have changed.
    pub(crate) fn certify(&mut self, certificate: Certificate) -> Result<Vec<Party>, RefusalCause> {
        // One copy for a group: a roster is as long as the network is large.
        let changed = self.group.roster.take();
        let is_changed = changed.is_some();
        let mut roster = changed.unwrap_or_else(|| self.state.roster.clone());
        let refused = match roster.admit(certificate.clone()) {
            Ok(Admission::New | Admission::Known) => None,
            Ok(Admission::Pending) | Err(RosterError::NotEntitled) => Some(RefusalCause::Right),
            Err(RosterError::PendingFull { .. }) => Some(RefusalCause::Busy),
            Err(_) => Some(RefusalCause::Invalid),
        };
        if let Some(cause) = refused {
            // One that would wait for its issuer is not stored, so it must leave no trace either.
            roster.forget_pending();
            self.group.roster = is_changed.then_some(roster);
            return Err(cause);
        }
        let (digest, bytes) = (certificate.digest(), certificate.to_bytes());
        self.group.batch.put(tables::CERTIFICATE, digest, bytes);
        self.group.certified.push(digest);
        let of_facility = |facility| {
            let devices = roster.devices_of(&facility).map(|device| Party::Device(device.id()));
            devices.chain([Party::Facility(facility)]).collect::<Vec<_>>()
        };
        let parties = match &certificate {
            Certificate::Device(signed) => {
                let device = signed.claims();
                vec![Party::Device(device.id()), Party::Facility(device.facility)]
            }
            Certificate::Facility(signed) => of_facility(signed.claims().id()),
            Certificate::Revocation(signed) => match signed.claims().subject {
                Subject::Facility(facility) => of_facility(facility),
                Subject::Device(id) => {
                    let facility = roster.device(&id).map(|device| device.facility);
                    let facility = facility.map(Party::Facility);
                    facility.into_iter().chain([Party::Device(id)]).collect()
                }
                Subject::Registrar(_) => {
                    roster.facilities().flat_map(|facility| of_facility(facility.id())).collect()
                }
            },
            Certificate::Root(_) | Certificate::Registrar(_) | Certificate::Policy(_) => Vec::new(),
        };
        self.group.roster = Some(roster);
        if let Certificate::Device(signed) = &certificate {
            self.intern(signed.claims().id());
        }
        Ok(parties)
    }
}

/// Why an envelope is refused that does not read.
fn unread(error: &WireError) -> RefusalCause {
    if error.is_newer() { RefusalCause::Newer } else { RefusalCause::Invalid }
}

fn access_cause(error: AccessError) -> RefusalCause {
    match error {
        AccessError::Full { .. } => RefusalCause::Busy,
        _ => RefusalCause::Right,
    }
}
