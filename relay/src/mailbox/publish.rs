//! What the relay itself says in the registry: certificates and revocations, by the same way as everybody's.

use std::collections::BTreeMap;
use std::sync::Arc;

use azalea_core::access::Statement;
use azalea_core::envelope::{Body, Draft as EnvelopeDraft, Formats, SealError, seal};
use azalea_core::id::{DeviceId, FacilityId};
use azalea_core::identity::{
    Certificate, Cutoff, Facility, PublicKey, Revocation, Signed, SigningKeypair, Subject, Validity,
};
use azalea_core::storage::StorageError;
use azalea_core::sync::message::RefusalCause;
use azalea_core::wire::{Wire, WireError};

use super::accept::Accepted;
use super::group::Draft;
use super::invite::Invite;
use super::tables;
use super::{Request, RequestResult};

/// Why an operator's request had no effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The store refused; usual cause: a full disk. Nothing has changed.
    #[error(transparent)]
    Store(#[from] StorageError),
    /// The certificate would not be taken from anybody.
    #[error("the certificate was not accepted ({0:?}): is its signer a registrar of this network?")]
    Refused(RefusalCause),
    /// Nobody by this id is known.
    #[error("no facility or device with this id is known: see `azalea-relay status`")]
    Unknown,
    /// Nothing stands against the device. Usual cause: somebody has decided already.
    #[error("the device has not contradicted itself: there is nothing to decide")]
    NotSuspended,
    /// The relay cannot revoke itself.
    #[error("this is the relay itself; to replace it, set up a new one")]
    Itself,
    /// A revocation is for good.
    #[error("the facility has been revoked: it joins again with a new code and new keys")]
    Revoked,
    /// No key of such a registrar is here.
    #[error("the key of this registrar is not on this relay")]
    NoRegistrar,
    /// A text or list is longer than its limit.
    #[error(transparent)]
    Form(#[from] WireError),
    /// Too large for one envelope.
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl Draft<'_> {
    /// Does what an operator asked for, as part of this group.
    pub(crate) fn request(
        &mut self,
        request: Request,
        own: &SigningKeypair,
        registrars: &BTreeMap<PublicKey, SigningKeypair>,
    ) -> RequestResult {
        match request {
            Request::Invite { digest, invite } => {
                // What could not be read again must not be written: the next start would stop at it.
                Invite::from_bytes(&invite.to_bytes())?;
                self.group.batch.put(tables::INVITE, digest, invite.to_bytes());
                self.group.invites.insert(digest, Some(invite));
                self.drop_stale_invites();
                Ok(())
            }
            Request::Revoke { subject, reason, by } => {
                let by = registrars.get(&by).ok_or(PublishError::NoRegistrar)?;
                let certificate = self.revocation(subject, reason, own, by)?;
                self.publish(own, certificate)
            }
            Request::Publish(certificates) => {
                certificates.into_iter().try_for_each(|certificate| self.publish(own, certificate))
            }
            Request::Renew { facility, valid_ms, by } => {
                let certificate = self.renewal(&facility, valid_ms, by, registrars)?;
                self.publish(own, certificate)
            }
            Request::Trust(device) => self.trust(&device),
            Request::Registrar(_) => Ok(()),
        }
    }

    /// Writes a certificate into the registry.
    pub(crate) fn publish(
        &mut self,
        own: &SigningKeypair,
        certificate: Certificate,
    ) -> RequestResult {
        let scope = self.state.registry();
        let author = self.number_of(&own.public().device_id()).ok_or(PublishError::Unknown)?;
        let chain = self.scope(&scope).and_then(|scope| scope.chains.get(&author));
        let (seq, previous) = chain.copied().unwrap_or_default().next();
        let network = self.state.network;
        let place = EnvelopeDraft {
            network,
            scope,
            seq,
            previous,
            epoch: 0,
            at: self.now,
            formats: Formats::default(),
        };
        let body = Body::Statement(Statement::Certificate(certificate));
        let sealed = seal(place, &body, None, own)?;
        match self.accept(Arc::from(sealed.as_bytes())) {
            Accepted::Stored(_) => Ok(()),
            Accepted::Refused(refusal) => Err(PublishError::Refused(refusal.cause)),
            Accepted::Repeat(_) => Err(PublishError::Refused(RefusalCause::Fork)),
        }
    }

    /// The end of somebody's membership, with all that has been taken of it so far as accepted.
    fn revocation(
        &self,
        subject: Subject,
        reason: String,
        own: &SigningKeypair,
        by: &SigningKeypair,
    ) -> Result<Certificate, PublishError> {
        let roster = self.roster();
        let itself = own.public().device_id();
        let its_facility = roster.device(&itself).map(|device| device.facility);
        let authors: Vec<DeviceId> = match subject {
            Subject::Device(id) if id == itself => return Err(PublishError::Itself),
            Subject::Facility(id) if Some(id) == its_facility => return Err(PublishError::Itself),
            Subject::Device(id) => {
                roster.device(&id).ok_or(PublishError::Unknown)?;
                vec![id]
            }
            Subject::Facility(id) => {
                roster.facility(&id).ok_or(PublishError::Unknown)?;
                roster.devices_of(&id).map(|device| device.id()).collect()
            }
            // Only the root or the registrar itself may end a registrar; that is not done from here.
            Subject::Registrar(_) => return Err(PublishError::NoRegistrar),
        };
        let numbers: Vec<_> =
            authors.iter().filter_map(|id| Some((*id, self.number_of(id)?))).collect();
        let mut accepted = Vec::new();
        for id in self.state.scopes.keys().chain(&self.group.new_scopes) {
            let Some(scope) = self.scope(id) else { continue };
            for (author, number) in &numbers {
                if let Some(chain) = scope.chains.get(number) {
                    accepted.push(Cutoff { scope: *id, author: *author, seq: chain.seq() });
                }
            }
        }
        let revocation = Revocation {
            network: self.state.network,
            subject,
            at: self.now,
            reason,
            accepted: Cutoff::in_order(accepted),
            by: by.public(),
        };
        Ok(Certificate::Revocation(Signed::sign(revocation, by)?))
    }

    /// A facility's next certificate: as the newest, for longer. It begins no later than that one ends, so that what a facility wrote
    /// while nobody thought of it keeps its place.
    fn renewal(
        &self,
        id: &FacilityId,
        valid_ms: u64,
        by: Option<PublicKey>,
        registrars: &BTreeMap<PublicKey, SigningKeypair>,
    ) -> Result<Certificate, PublishError> {
        let held = self.roster().facility(id).ok_or(PublishError::Unknown)?;
        if self.roster().is_revoked(held) {
            return Err(PublishError::Revoked);
        }
        let by = registrars.get(&by.unwrap_or(held.registrar)).ok_or(PublishError::NoRegistrar)?;
        let mut validity = Validity::lasting(self.now, valid_ms);
        validity.not_before = validity.not_before.min(held.validity.not_after);
        let next = Facility { validity, registrar: by.public(), ..held.clone() };
        Ok(Certificate::Facility(Signed::sign(next, by)?))
    }

    fn drop_stale_invites(&mut self) {
        for (digest, invite) in &self.state.invites {
            if invite.is_stale(self.now) {
                self.group.batch.remove(tables::INVITE, *digest);
                self.group.invites.insert(*digest, None);
            }
        }
    }
}
