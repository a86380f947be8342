//! The council: root, registrar, the relay's keys, and a certificate for each member.

use azalea_core::id::{RelayEpoch, Timestamp};
use azalea_core::identity::{
    AgreementKeypair, Certificate, Device, Facility, FacilityKind, Identity, Registrar, Rights,
    Root, Signed, SigningKeypair, Validity,
};
use azalea_core::storage::Batch;
use azalea_relay::mailbox::Genesis;
use rand::rngs::StdRng;

/// Who vouches for whom.
pub(super) struct Council {
    root: SigningKeypair,
    pub(super) registrar: SigningKeypair,
    pub(super) relay_device: SigningKeypair,
    relay_facility: SigningKeypair,
    relay_agreement: AgreementKeypair,
    validity: Validity,
    members: Vec<Certificate>,
    created: Timestamp,
}

impl Council {
    pub(super) fn new(rng: &mut StdRng, now: Timestamp) -> Self {
        Self {
            root: SigningKeypair::generate(rng),
            registrar: SigningKeypair::generate(rng),
            relay_device: SigningKeypair::generate(rng),
            relay_facility: SigningKeypair::generate(rng),
            relay_agreement: AgreementKeypair::generate(rng),
            validity: Validity::lasting(now, YEARS_MS),
            members: Vec::new(),
            created: now,
        }
    }

    /// The first rows of the relay's store.
    pub(super) fn genesis(&self) -> Batch {
        let genesis = Genesis {
            root: &self.root,
            name: "協議会",
            facility: &self.relay_facility,
            device: &self.relay_device,
            agreement: &self.relay_agreement,
            registrar: &self.registrar,
            epoch: RelayEpoch([7; 16]),
            valid_ms: YEARS_MS,
            statement_interval_ms: 20_000,
        };
        genesis.rows(self.created).expect("a small network")
    }

    pub(super) fn enrol(
        &mut self,
        rng: &mut StdRng,
        kind: FacilityKind,
        now: Timestamp,
    ) -> Identity {
        let network = self.root.public().network_id();
        let facility_key = SigningKeypair::generate(rng);
        let device = SigningKeypair::generate(rng);
        let agreement = AgreementKeypair::generate(rng);
        let claims = Facility {
            network,
            key: facility_key.public(),
            code: format!("40{:08}", self.members.len()),
            name: format!("施設{}", self.members.len()),
            kana: String::new(),
            english: String::new(),
            kind,
            rights: Rights { disclose: kind == FacilityKind::Hospital, view: true },
            validity: self.validity,
            registrar: self.registrar.public(),
        };
        let facility = claims.id();
        let signed = Signed::sign(claims, &self.registrar).expect("a small certificate");
        self.members.push(Certificate::Facility(signed));
        let identity =
            Identity { network, facility, facility_key: Some(facility_key), device, agreement };
        let claims = Device {
            facility,
            key: identity.device.public(),
            agreement: identity.agreement.public().clone(),
            possession: identity.possession(),
            label: "受付".to_owned(),
            validity: Validity::lasting(now, YEARS_MS),
        };
        let key = identity.facility_key.as_ref().expect("put in just above");
        let signed = Signed::sign(claims, key).expect("a small certificate");
        self.members.push(Certificate::Device(signed));
        identity
    }

    /// Members' certificates, each after the one that it rests on.
    pub(super) fn certificates(&self) -> Vec<Certificate> {
        self.members.clone()
    }

    /// What a member is given when it joins: root, registrar and relay, as the relay has them, then the members.
    pub(super) fn given(&self) -> Vec<Certificate> {
        let root =
            Root { key: self.root.public(), name: "協議会".to_owned(), created: self.created };
        let registrar = Registrar {
            network: self.root.public().network_id(),
            key: self.registrar.public(),
            name: "協議会".to_owned(),
            validity: self.validity,
        };
        let relay = Facility {
            network: self.root.public().network_id(),
            key: self.relay_facility.public(),
            code: String::new(),
            name: "中継サーバ".to_owned(),
            kana: "チュウケイサーバ".to_owned(),
            english: "Relay".to_owned(),
            kind: FacilityKind::Relay,
            rights: Rights::default(),
            validity: self.validity,
            registrar: self.registrar.public(),
        };
        let identity = Identity {
            network: self.root.public().network_id(),
            facility: relay.id(),
            facility_key: None,
            device: self.relay_device.clone(),
            agreement: self.relay_agreement.clone(),
        };
        let device = Device {
            facility: relay.id(),
            key: self.relay_device.public(),
            agreement: self.relay_agreement.public().clone(),
            possession: identity.possession(),
            label: "relay".to_owned(),
            validity: self.validity,
        };
        let small = "a small certificate";
        let mut all = vec![
            Certificate::Root(Signed::sign(root, &self.root).expect(small)),
            Certificate::Registrar(Signed::sign(registrar, &self.root).expect(small)),
            Certificate::Facility(Signed::sign(relay, &self.registrar).expect(small)),
            Certificate::Device(Signed::sign(device, &self.relay_facility).expect(small)),
        ];
        all.extend(self.members.iter().cloned());
        all
    }
}

const YEARS_MS: u64 = 5 * 365 * 86_400_000;
