//! The certificates that this replica has verified, and those that still wait for their issuer.
//!
//! Certificates come in any order. One whose issuer is unknown waits; when the issuer comes, it is verified,
//! once. What the roster answers depends on the set of certificates only, never on their order.

mod waiting;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use waiting::{Issuer, Waiting};

use super::certificate::{Certificate, Facility, Policy, Registrar, Root};
use super::device::Device;
use super::history::{History, Renewable};
use super::keypair::{PublicKey, SignatureError};
use super::revocation::{Revocation, Subject};
use super::signed::Signed;
use crate::access::registry_scope;
use crate::id::{DeviceId, FacilityId, NetworkId, ScopeId};

/// Everybody known in one network.
#[derive(Clone)]
pub struct Roster {
    network: NetworkId,
    /// Asked for with each decision, and a digest to derive.
    registry: ScopeId,
    root: Option<History<Root>>,
    pub(super) registrars: BTreeMap<PublicKey, History<Registrar>>,
    pub(super) facilities: BTreeMap<FacilityId, History<Facility>>,
    pub(super) devices: BTreeMap<DeviceId, History<Device>>,
    /// The devices for which each facility ever vouched.
    of_facility: BTreeMap<FacilityId, BTreeSet<DeviceId>>,
    /// The earliest by each signer.
    pub(super) revocations: BTreeMap<(Subject, PublicKey), Signed<Revocation>>,
    policies: Option<History<Policy>>,
    waiting: Waiting,
}

impl Roster {
    /// An empty roster of the network whose root key has this digest.
    pub fn new(network: NetworkId) -> Self {
        Self {
            network,
            registry: registry_scope(&network),
            root: None,
            registrars: BTreeMap::new(),
            facilities: BTreeMap::new(),
            devices: BTreeMap::new(),
            of_facility: BTreeMap::new(),
            revocations: BTreeMap::new(),
            policies: None,
            waiting: Waiting::default(),
        }
    }

    /// Takes one certificate: verifies it, or keeps it until its issuer is known.
    ///
    /// A certificate that waited and turns out bad when its issuer comes is dropped.
    pub fn admit(&mut self, certificate: Certificate) -> Result<Admission, RosterError> {
        match self.take(&certificate)? {
            Taken::Known => Ok(Admission::Known),
            Taken::Waits(issuer) => {
                self.waiting.push(issuer, certificate)?;
                Ok(Admission::Pending)
            }
            Taken::New(arrived) => {
                self.wake(arrived);
                Ok(Admission::New)
            }
        }
    }

    /// The network.
    pub fn network(&self) -> NetworkId {
        self.network
    }

    /// The scope of the network's certificates.
    pub fn registry(&self) -> ScopeId {
        self.registry
    }

    /// The council's root, once it is known.
    pub fn root(&self) -> Option<&Root> {
        self.root.as_ref().map(|history| history.newest().claims())
    }

    /// A registrar's newest certificate, whether or not it still holds.
    pub fn registrar(&self, key: &PublicKey) -> Option<&Registrar> {
        self.registrars.get(key).map(|history| history.newest().claims())
    }

    /// A facility's newest certificate, whether or not it still holds.
    pub fn facility(&self, id: &FacilityId) -> Option<&Facility> {
        self.facilities.get(id).map(|history| history.newest().claims())
    }

    /// A device's newest certificate, whether or not it still holds.
    pub fn device(&self, id: &DeviceId) -> Option<&Device> {
        self.devices.get(id).map(|history| history.newest().claims())
    }

    /// All facilities' newest certificates, in the order of their ids.
    pub fn facilities(&self) -> impl Iterator<Item = &Facility> {
        self.facilities.values().map(|history| history.newest().claims())
    }

    /// All devices' newest certificates, in the order of their ids.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.devices.values().map(|history| history.newest().claims())
    }

    /// The newest certificates of one facility's devices, in the order of their ids.
    pub fn devices_of(&self, facility: &FacilityId) -> impl Iterator<Item = &Device> {
        let ever = self.of_facility.get(facility).into_iter().flatten();
        let newest = ever.filter_map(|id| self.device(id));
        newest.filter(move |device| device.facility == *facility)
    }

    /// How the relay is to be used: the newest policy whose signer has not been revoked.
    pub fn policy(&self) -> Option<&Policy> {
        let policies = self.policies.iter().flat_map(History::iter).map(Signed::claims);
        policies.filter(|policy| !self.is_revoked_registrar(&policy.by)).last()
    }

    /// How often publishers say how much there is, in milliseconds, by the policy or where there is none.
    pub fn statement_interval_ms(&self) -> u64 {
        self.policy().map_or(STATEMENT_INTERVAL_MS, |policy| policy.statement_interval_ms)
    }

    /// How many facilities are known.
    pub fn facility_count(&self) -> usize {
        self.facilities.len()
    }

    /// Every certificate held, issuers before those whom they vouch for: a newcomer can admit them in this order.
    pub fn certificates(&self) -> impl Iterator<Item = Certificate> {
        fn all<T: Renewable + Clone>(
            histories: impl Iterator<Item = impl std::borrow::Borrow<History<T>>>,
            wrap: fn(Signed<T>) -> Certificate,
        ) -> Vec<Certificate> {
            let each = |history: &History<T>| history.iter().cloned().map(wrap).collect::<Vec<_>>();
            histories.flat_map(|history| each(history.borrow())).collect()
        }
        let revocations = self.revocations.values().cloned().map(Certificate::Revocation);
        all(self.root.iter(), Certificate::Root)
            .into_iter()
            .chain(all(self.registrars.values(), Certificate::Registrar))
            .chain(all(self.facilities.values(), Certificate::Facility))
            .chain(all(self.devices.values(), Certificate::Device))
            .chain(all(self.policies.iter(), Certificate::Policy))
            .chain(revocations)
    }

    /// How many certificates wait for their issuer.
    pub fn pending(&self) -> usize {
        self.waiting.count
    }

    /// Forgets the certificates that wait for their issuer.
    pub fn forget_pending(&mut self) {
        self.waiting = Waiting::default();
    }

    /// Whether this is the root key itself: its digest is the network's id.
    pub(super) fn is_root(&self, key: &PublicKey) -> bool {
        match self.root() {
            // Every root that was admitted has this very key; to compare it costs less than to digest it.
            Some(root) => root.key == *key,
            None => key.network_id() == self.network,
        }
    }

    fn take(&mut self, certificate: &Certificate) -> Result<Taken, RosterError> {
        match certificate {
            Certificate::Root(signed) => self.take_root(signed),
            Certificate::Registrar(signed) => self.take_registrar(signed),
            Certificate::Facility(signed) => self.take_facility(signed),
            Certificate::Device(signed) => self.take_device(signed),
            Certificate::Revocation(signed) => self.take_revocation(signed),
            Certificate::Policy(signed) => self.take_policy(signed),
        }
    }

    fn take_root(&mut self, signed: &Signed<Root>) -> Result<Taken, RosterError> {
        if !self.is_root(&signed.claims().key) {
            return Err(RosterError::OtherNetwork);
        }
        if self.root.as_ref().is_some_and(|history| history.contains(signed)) {
            return Ok(Taken::Known);
        }
        signed.verify(&signed.claims().key)?;
        insert_single(&mut self.root, signed);
        Ok(Taken::New(vec![Issuer::Root]))
    }

    fn take_registrar(&mut self, signed: &Signed<Registrar>) -> Result<Taken, RosterError> {
        let claims = signed.claims();
        self.same_network(&claims.network)?;
        if self.registrars.get(&claims.key).is_some_and(|history| history.contains(signed)) {
            return Ok(Taken::Known);
        }
        let Some(root) = self.root() else {
            return Ok(Taken::Waits(Issuer::Root));
        };
        signed.verify(&root.key)?;
        insert(&mut self.registrars, claims.key, signed);
        Ok(Taken::New(vec![Issuer::Key(claims.key)]))
    }

    fn take_facility(&mut self, signed: &Signed<Facility>) -> Result<Taken, RosterError> {
        let claims = signed.claims();
        self.same_network(&claims.network)?;
        if self.facilities.get(&claims.id()).is_some_and(|history| history.contains(signed)) {
            return Ok(Taken::Known);
        }
        if !self.may_admit(&claims.registrar) {
            return Ok(Taken::Waits(Issuer::Key(claims.registrar)));
        }
        signed.verify(&claims.registrar)?;
        insert(&mut self.facilities, claims.id(), signed);
        Ok(Taken::New(vec![Issuer::Facility(claims.id()), Issuer::Key(claims.key)]))
    }

    fn take_device(&mut self, signed: &Signed<Device>) -> Result<Taken, RosterError> {
        let claims = signed.claims();
        if self.devices.get(&claims.id()).is_some_and(|history| history.contains(signed)) {
            return Ok(Taken::Known);
        }
        let Some(facility) = self.facility(&claims.facility) else {
            return Ok(Taken::Waits(Issuer::Facility(claims.facility)));
        };
        signed.verify(&facility.key)?;
        claims.possession.verify(&claims.key, &claims.facility, &claims.agreement)?;
        insert(&mut self.devices, claims.id(), signed);
        self.of_facility.entry(claims.facility).or_default().insert(claims.id());
        Ok(Taken::New(Vec::new()))
    }

    fn take_revocation(&mut self, signed: &Signed<Revocation>) -> Result<Taken, RosterError> {
        let claims = signed.claims();
        self.same_network(&claims.network)?;
        let place = (claims.subject, claims.by);
        let held = self.revocations.get(&place).map(|held| (held.claims().at, held.digest()));
        let order = (claims.at, signed.digest());
        if held == Some(order) {
            return Ok(Taken::Known);
        }
        if !self.may_revoke(&claims.by, &claims.subject)? {
            return Ok(Taken::Waits(Issuer::Key(claims.by)));
        }
        signed.verify(&claims.by)?;
        if held.is_some_and(|held| held < order) {
            return Ok(Taken::Known);
        }
        self.revocations.insert(place, signed.clone());
        Ok(Taken::New(Vec::new()))
    }

    fn take_policy(&mut self, signed: &Signed<Policy>) -> Result<Taken, RosterError> {
        let claims = signed.claims();
        self.same_network(&claims.network)?;
        if self.policies.as_ref().is_some_and(|history| history.contains(signed)) {
            return Ok(Taken::Known);
        }
        if !self.may_admit(&claims.by) {
            return Ok(Taken::Waits(Issuer::Key(claims.by)));
        }
        signed.verify(&claims.by)?;
        insert_single(&mut self.policies, signed);
        Ok(Taken::New(Vec::new()))
    }

    fn same_network(&self, network: &NetworkId) -> Result<(), RosterError> {
        if *network == self.network { Ok(()) } else { Err(RosterError::OtherNetwork) }
    }

    fn may_admit(&self, key: &PublicKey) -> bool {
        self.is_root(key) || self.registrars.contains_key(key)
    }

    /// Whether `by` is known as somebody who may revoke `subject`; false while it may yet become so.
    ///
    /// A facility's word about a device is taken here whosoever device it is, because the device may not be
    /// known yet; it counts only for its own.
    fn may_revoke(&self, by: &PublicKey, subject: &Subject) -> Result<bool, RosterError> {
        match subject {
            Subject::Registrar(key) if self.is_root(by) || key == by => Ok(true),
            Subject::Registrar(_) => Err(RosterError::NotEntitled),
            Subject::Facility(_) => Ok(self.may_admit(by)),
            Subject::Device(_) => {
                Ok(self.may_admit(by) || self.facilities.contains_key(&by.facility_id()))
            }
        }
    }

    /// Takes what waited for those who arrived, and what waited for that.
    fn wake(&mut self, arrived: Vec<Issuer>) {
        let mut arrived = VecDeque::from(arrived);
        while let Some(issuer) = arrived.pop_front() {
            for certificate in self.waiting.take(&issuer) {
                match self.take(&certificate) {
                    Ok(Taken::New(more)) => arrived.extend(more),
                    Ok(Taken::Waits(issuer)) => {
                        self.waiting
                            .push(issuer, certificate)
                            .expect("it was taken from the same pool a moment ago");
                    }
                    Ok(Taken::Known) | Err(_) => {}
                }
            }
        }
    }
}

impl std::fmt::Debug for Roster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Roster")
            .field("network", &self.network)
            .field("registrars", &self.registrars.len())
            .field("facilities", &self.facilities.len())
            .field("devices", &self.devices.len())
            .field("revocations", &self.revocations.len())
            .field("pending", &self.waiting.count)
            .finish()
    }
}

/// What became of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Verified and now part of the roster.
    New,
    /// Already held, or overtaken by what is held.
    Known,
    /// Kept unverified until its issuer is known.
    Pending,
}

/// Why a certificate is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RosterError {
    /// It belongs to another network; usual cause: a join code of another council.
    #[error("the certificate is for another network")]
    OtherNetwork,
    /// The signer may not say this, such as one registrar revoking another.
    #[error("the signer is not entitled to this certificate")]
    NotEntitled,
    /// The signature does not hold: damage, or a forgery.
    #[error("the certificate's signature does not hold")]
    Signature(#[from] SignatureError),
    /// Too much waits for issuers that never came; usual cause: a peer that sends junk. Try again later.
    #[error("{limit} is {max}: too many certificates wait for their issuer")]
    PendingFull {
        /// The limit's name.
        limit: &'static str,
        /// The limit's value.
        max: usize,
    },
}

/// What `take` found.
enum Taken {
    New(Vec<Issuer>),
    Known,
    Waits(Issuer),
}

fn insert<K: Ord, T: Renewable + Clone>(
    map: &mut BTreeMap<K, History<T>>,
    key: K,
    signed: &Signed<T>,
) {
    match map.get_mut(&key) {
        Some(history) => history.insert(signed.clone()),
        None => {
            map.insert(key, History::new(signed.clone()));
        }
    }
}

fn insert_single<T: Renewable + Clone>(place: &mut Option<History<T>>, signed: &Signed<T>) {
    match place {
        Some(history) => history.insert(signed.clone()),
        None => *place = Some(History::new(signed.clone())),
    }
}

/// How often publishers speak where the council's policy does not say, in milliseconds.
const STATEMENT_INTERVAL_MS: u64 = 60_000;

#[cfg(test)]
mod tests;
