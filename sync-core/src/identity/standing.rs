//! Whether a device could be trusted at a given time: its own certificate and every link above it.

use super::certificate::{Facility, Validity};
use super::device::Device;
use super::keypair::PublicKey;
use super::revocation::{Revocation, Subject};
use super::roster::Roster;
use super::signed::Signed;
use crate::id::{DeviceId, FacilityId, ScopeId, Timestamp};

/// A device in good order at the time asked about, with the certificates that governed that time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing<'a> {
    /// The device.
    pub device: &'a Device,
    /// The facility that vouches for it.
    pub facility: &'a Facility,
}

/// Why a device is not to be trusted at the time asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StandingError {
    /// No certificate, or none of its facility, is known; usual cause: the registry has not synced yet.
    #[error("the device is not known in this network")]
    Unknown,
    /// Some link begins later; usual cause: a device's clock that runs late.
    #[error("the certificate is not yet valid")]
    NotYetValid,
    /// Some link has ended; usual cause: a renewal that was forgotten.
    #[error("the certificate has expired")]
    Expired,
    /// The device, its facility or its registrar has been revoked.
    #[error("revoked")]
    Revoked {
        /// Since when.
        at: Timestamp,
    },
}

impl Roster {
    /// Whether a device stood in good order at `at`: validity and revocation of the whole chain.
    pub fn standing(&self, id: &DeviceId, at: Timestamp) -> Result<Standing<'_>, StandingError> {
        let standing = self.chain(id, at)?;
        let facility = (&standing.device.facility, standing.facility);
        match self.revocations_of(id, facility).map(|revocation| revocation.at).min() {
            Some(revoked) if revoked <= at => Err(StandingError::Revoked { at: revoked }),
            _ => Ok(standing),
        }
    }

    /// Whether a device is to be trusted now. As `standing`, but a revocation that is known counts whatever hour it names: that is
    /// what the clock of whoever said it showed, and one that ran ahead must not leave a stolen device in good order meanwhile.
    pub fn in_order(&self, id: &DeviceId, now: Timestamp) -> Result<Standing<'_>, StandingError> {
        let standing = self.chain(id, now)?;
        let facility = (&standing.device.facility, standing.facility);
        match self.revocations_of(id, facility).map(|revocation| revocation.at).min() {
            Some(at) => Err(StandingError::Revoked { at }),
            None => Ok(standing),
        }
    }

    /// As [`Roster::in_order`], of a facility.
    pub fn facility_in_order(
        &self,
        id: &FacilityId,
        now: Timestamp,
    ) -> Result<&Facility, StandingError> {
        let facility = self.facility_chain(id, now)?;
        let revocations = [
            self.revocation(Subject::Facility(*id)),
            self.revocation(Subject::Registrar(facility.registrar)),
        ];
        match revocations.into_iter().flatten().map(|revocation| revocation.at).min() {
            Some(at) => Err(StandingError::Revoked { at }),
            None => Ok(facility),
        }
    }

    /// The moment from which a device that is in good order at `at` may no longer be. From `at` until then the
    /// answer is the same, as long as nothing is admitted; `at` itself where it is not in good order.
    pub fn stands_until(&self, id: &DeviceId, at: Timestamp) -> Timestamp {
        let Ok(standing) = self.in_order(id, at) else { return at };
        let (device, facility) = (standing.device, standing.facility);
        let links = [
            self.devices.get(id).map(|history| history.same_until(at)),
            self.facilities.get(&device.facility).map(|history| history.same_until(at)),
            self.registrars.get(&facility.registrar).map(|history| history.same_until(at)),
        ];
        links.into_iter().flatten().min().unwrap_or(at)
    }

    /// Like `standing`, but leaves revocations aside: what a revoked author wrote is judged by its cutoffs, since the
    /// time it names is only its own word.
    pub fn chain(&self, id: &DeviceId, at: Timestamp) -> Result<Standing<'_>, StandingError> {
        let device = self.devices.get(id).ok_or(StandingError::Unknown)?.at(at);
        within(device.validity, at)?;
        let facility = self.facility_chain(&device.facility, at)?;
        Ok(Standing { device, facility })
    }

    /// Whether a facility was a member in good order at `at`.
    pub fn facility_standing(
        &self,
        id: &FacilityId,
        at: Timestamp,
    ) -> Result<&Facility, StandingError> {
        let facility = self.facility_chain(id, at)?;
        let revocations = [
            self.revocation(Subject::Facility(*id)),
            self.revocation(Subject::Registrar(facility.registrar)),
        ];
        match revocations.into_iter().flatten().map(|revocation| revocation.at).min() {
            Some(revoked) if revoked <= at => Err(StandingError::Revoked { at: revoked }),
            _ => Ok(facility),
        }
    }

    /// Whether a facility, or the registrar who vouches for it, has been revoked, whatever its certificate's dates are.
    pub fn is_revoked(&self, facility: &Facility) -> bool {
        self.revocation(Subject::Facility(facility.id())).is_some()
            || self.is_revoked_registrar(&facility.registrar)
    }

    /// Once an author is revoked: the last of its envelopes in `scope` that is accepted, 0 for none. `None` while it
    /// is not revoked.
    pub fn cutoff(&self, author: &DeviceId, scope: &ScopeId) -> Option<u64> {
        let accepted = |revocation: &Revocation| revocation.accepted(author, scope);
        let of = |device: &Device| Some((device.facility, self.facility(&device.facility)?));
        match self.device(author).and_then(of) {
            Some((id, facility)) => {
                self.revocations_of(author, (&id, facility)).map(accepted).min()
            }
            None => self.revocation(Subject::Device(*author)).map(accepted),
        }
    }

    /// Whether the root, or the registrar itself, has ended its trust.
    pub(super) fn is_revoked_registrar(&self, key: &PublicKey) -> bool {
        self.revocation(Subject::Registrar(*key)).is_some()
    }

    fn facility_chain(&self, id: &FacilityId, at: Timestamp) -> Result<&Facility, StandingError> {
        let facility = self.facilities.get(id).ok_or(StandingError::Unknown)?.at(at);
        within(facility.validity, at)?;
        if !self.is_root(&facility.registrar) {
            let registrar = self.registrars.get(&facility.registrar);
            within(registrar.ok_or(StandingError::Unknown)?.at(at).validity, at)?;
        }
        Ok(facility)
    }

    /// The revocations that end the trust in a device: its own, its facility's, its registrar's. The facility comes
    /// with its id, which its certificate would have to digest.
    fn revocations_of(
        &self,
        device: &DeviceId,
        (id, facility): (&FacilityId, &Facility),
    ) -> impl Iterator<Item = &Revocation> {
        [
            self.revocation(Subject::Device(*device)),
            self.revocation(Subject::Facility(*id)),
            self.revocation(Subject::Registrar(facility.registrar)),
        ]
        .into_iter()
        .flatten()
    }

    /// The earliest revocation of a subject by somebody who was entitled to it.
    fn revocation(&self, subject: Subject) -> Option<&Revocation> {
        let first = (subject, PublicKey::from_bytes([0; 32]));
        let last = (subject, PublicKey::from_bytes([0xff; 32]));
        self.revocations
            .range(first..=last)
            .map(|(_, signed)| signed)
            .filter(|signed| self.counts(signed.claims()))
            .min_by_key(|signed| (signed.claims().at, signed.digest()))
            .map(Signed::claims)
    }

    /// Whether a verified revocation counts, given all that is known now.
    fn counts(&self, revocation: &Revocation) -> bool {
        let by = &revocation.by;
        if self.is_root(by) {
            return true;
        }
        match revocation.subject {
            Subject::Registrar(key) => key == *by,
            Subject::Facility(_) => self.may_still_revoke(by, revocation.at),
            // A device that once belonged to a facility can be revoked by it: its old writes rest on that facility.
            Subject::Device(id) => {
                self.may_still_revoke(by, revocation.at)
                    || self.devices.get(&id).is_some_and(|history| {
                        let own = by.facility_id();
                        history.iter().any(|device| device.claims().facility == own)
                    })
            }
        }
    }

    /// Whether a registrar's revocation dated `at` counts: until the registrar itself was revoked.
    ///
    /// Its validity is not asked: a revocation may be dated back to before its signer was appointed.
    fn may_still_revoke(&self, registrar: &PublicKey, at: Timestamp) -> bool {
        let ended = self.revocation(Subject::Registrar(*registrar));
        self.registrars.contains_key(registrar) && ended.is_none_or(|ended| at < ended.at)
    }
}

fn within(validity: Validity, at: Timestamp) -> Result<(), StandingError> {
    if at < validity.not_before {
        Err(StandingError::NotYetValid)
    } else if at > validity.not_after {
        Err(StandingError::Expired)
    } else {
        Ok(())
    }
}
