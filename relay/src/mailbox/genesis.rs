//! The first rows of a relay: a new network, its first registrar, and the relay as a member of its own.

use azalea_core::id::{NetworkId, RelayEpoch, Timestamp};
use azalea_core::identity::{
    AgreementKeypair, Certificate, Device, Facility, FacilityKind, Identity, Policy, Registrar,
    Rights, Root, Signed, SigningKeypair, Validity,
};
use azalea_core::storage::{Batch, Memory, Store};
use azalea_core::wire::{Wire, WireError};

use super::group::Draft;
use super::publish::PublishError;
use super::state::{Number, OpenError, State};
use super::tables;

/// All that a new network begins with.
pub struct Genesis<'a> {
    /// The council's root key; used here once, then to be taken offline.
    pub root: &'a SigningKeypair,
    /// The council's name.
    pub name: &'a str,
    /// The relay's facility key.
    pub facility: &'a SigningKeypair,
    /// The relay's device key: the one that it shows in TLS and signs registry entries with.
    pub device: &'a SigningKeypair,
    /// The relay's agreement key; certified because every device has one, used by nobody.
    pub agreement: &'a AgreementKeypair,
    /// The key of the relay's enrolment service.
    pub registrar: &'a SigningKeypair,
    /// This life of the store; drawn at random.
    pub epoch: RelayEpoch,
    /// How long the registrar's and the relay's certificates hold, in milliseconds.
    pub valid_ms: u64,
    /// How often publishers send head statements, in milliseconds.
    pub statement_interval_ms: u64,
}

/// Why a network could not be begun.
#[derive(Debug, thiserror::Error)]
pub enum GenesisError {
    /// A name longer than its limit.
    #[error(transparent)]
    Form(#[from] WireError),
    /// A certificate that was made here was not taken here. A fault of this program.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The rows that were made here cannot be read here. A fault of this program.
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl Genesis<'_> {
    /// The network that this begins.
    pub fn network(&self) -> NetworkId {
        self.root.public().network_id()
    }

    /// The rows of the new store.
    pub fn rows(&self, now: Timestamp) -> Result<Batch, GenesisError> {
        let mut rows = Batch::new();
        let format = Number(tables::FORMAT).to_bytes();
        rows.put(tables::META, tables::FORMAT_KEY, format);
        rows.put(tables::META, tables::NETWORK_KEY, self.network().to_bytes());
        rows.put(tables::META, tables::EPOCH_KEY, self.epoch.to_bytes());
        let mut store = Memory::new();
        store.commit(&rows).map_err(OpenError::from)?;
        let state = State::load(&store, now)?;
        let mut draft = Draft::new(&state, now);
        let certificates = self.certificates(now)?;
        // Known first, said afterwards: the relay's own first envelope must have a known author.
        for certificate in &certificates {
            draft.certify(certificate.clone()).map_err(PublishError::Refused)?;
        }
        for certificate in certificates {
            draft.publish(self.device, certificate)?;
        }
        rows.extend(draft.finish().batch);
        Ok(rows)
    }

    fn certificates(&self, now: Timestamp) -> Result<Vec<Certificate>, WireError> {
        let network = self.network();
        let validity = Validity::lasting(now, self.valid_ms);
        let root = Root { key: self.root.public(), name: self.name.to_owned(), created: now };
        let registrar = Registrar {
            network,
            key: self.registrar.public(),
            name: self.name.to_owned(),
            validity,
        };
        let facility = Facility {
            network,
            key: self.facility.public(),
            code: String::new(),
            name: "中継サーバ".to_owned(),
            kana: "チュウケイサーバ".to_owned(),
            english: "Relay".to_owned(),
            kind: FacilityKind::Relay,
            rights: Rights::default(),
            validity,
            registrar: self.registrar.public(),
        };
        let identity = Identity {
            network,
            facility: facility.id(),
            facility_key: None,
            device: self.device.clone(),
            agreement: self.agreement.clone(),
        };
        let device = Device {
            facility: facility.id(),
            key: self.device.public(),
            agreement: self.agreement.public().clone(),
            possession: identity.possession(),
            label: "relay".to_owned(),
            validity,
        };
        let policy = Policy {
            network,
            relay: self.device.public(),
            statement_interval_ms: self.statement_interval_ms,
            issued: now,
            by: self.registrar.public(),
        };
        Ok(vec![
            Certificate::Root(Signed::sign(root, self.root)?),
            Certificate::Registrar(Signed::sign(registrar, self.root)?),
            Certificate::Facility(Signed::sign(facility, self.registrar)?),
            Certificate::Device(Signed::sign(device, self.facility)?),
            Certificate::Policy(Signed::sign(policy, self.registrar)?),
        ])
    }
}
