//! The council: root, registrar, the relay's keys, and a certificate for each member, from the association of its district.

use azalea_core::id::{FacilityId, RelayEpoch, Timestamp};
use azalea_core::identity::{
    AgreementKeypair, Certificate, Device, Facility, FacilityKind, Identity, Registrar, Rights,
    Root, Signed, SigningKeypair, Validity,
};
use azalea_core::storage::Batch;
use azalea_relay::mailbox::Genesis;
use rand::rngs::StdRng;

use super::atlas::Place;

/// A device that may take part, with what vouches for it.
#[derive(Clone)]
pub(super) struct Member {
    pub(super) identity: Identity,
    pub(super) certificates: Vec<Certificate>,
}

/// Who vouches for whom.
pub(super) struct Council {
    root: SigningKeypair,
    pub(super) registrar: SigningKeypair,
    pub(super) relay_device: SigningKeypair,
    relay_facility: SigningKeypair,
    relay_agreement: AgreementKeypair,
    /// The medical associations that the root lets admit facilities; with none the council's registrar does.
    associations: Vec<SigningKeypair>,
    validity: Validity,
    members: Vec<Certificate>,
    created: Timestamp,
    statement_ms: u64,
    facilities: u64,
}

impl Council {
    pub(super) fn new(
        rng: &mut StdRng,
        now: Timestamp,
        statement_ms: u64,
        associations: usize,
    ) -> Self {
        let mut council = Self {
            root: SigningKeypair::generate(rng),
            registrar: SigningKeypair::generate(rng),
            relay_device: SigningKeypair::generate(rng),
            relay_facility: SigningKeypair::generate(rng),
            relay_agreement: AgreementKeypair::generate(rng),
            associations: (0..associations).map(|_| SigningKeypair::generate(rng)).collect(),
            validity: Validity::lasting(now, YEARS_MS),
            members: Vec::new(),
            created: now,
            statement_ms,
            facilities: 0,
        };
        // Before everybody whom they admit.
        let papers = council.associations.iter().enumerate();
        let papers = papers
            .map(|(number, key)| council.registrar_paper(&format!("医師会{}", number + 1), key));
        council.members = papers.collect();
        council
    }

    /// Lets somebody admit facilities.
    fn registrar_paper(&self, name: &str, key: &SigningKeypair) -> Certificate {
        let claims = Registrar {
            network: self.root.public().network_id(),
            key: key.public(),
            name: name.to_owned(),
            validity: self.validity,
        };
        Certificate::Registrar(Signed::sign(claims, &self.root).expect("a small certificate"))
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
            statement_interval_ms: self.statement_ms,
        };
        genesis.rows(self.created).expect("a small network")
    }

    /// Admits a facility: its identity, and the certificates of it and of its first device.
    pub(super) fn enrol(&mut self, rng: &mut StdRng, place: &Place) -> Member {
        let registrar = self.associations.get(place.district).unwrap_or(&self.registrar).clone();
        let network = self.root.public().network_id();
        let facility_key = SigningKeypair::generate(rng);
        self.facilities += 1;
        let claims = Facility {
            network,
            key: facility_key.public(),
            code: format!("40{:08}", self.facilities),
            name: format!("施設{}", self.facilities),
            kana: String::new(),
            english: String::new(),
            kind: place.kind,
            rights: Rights { disclose: place.discloses, view: true },
            validity: self.validity,
            registrar: registrar.public(),
        };
        let facility = claims.id();
        let signed = Signed::sign(claims, &registrar).expect("a small certificate");
        let mut member = self.device(rng, facility, facility_key, "受付");
        member.certificates.insert(0, Certificate::Facility(signed));
        member
    }

    /// One more device of a facility that is a member.
    pub(super) fn tablet(&mut self, rng: &mut StdRng, of: &Identity) -> Member {
        let key = of.facility_key.clone().expect("identities of the world have it");
        self.device(rng, of.facility, key, "タブレット")
    }

    fn device(
        &self,
        rng: &mut StdRng,
        facility: FacilityId,
        facility_key: SigningKeypair,
        label: &str,
    ) -> Member {
        let network = self.root.public().network_id();
        let device = SigningKeypair::generate(rng);
        let agreement = AgreementKeypair::generate(rng);
        let identity =
            Identity { network, facility, facility_key: Some(facility_key), device, agreement };
        let claims = Device {
            facility,
            key: identity.device.public(),
            agreement: identity.agreement.public().clone(),
            possession: identity.possession(),
            label: label.to_owned(),
            validity: self.validity,
        };
        let key = identity.facility_key.as_ref().expect("put in just above");
        let signed = Signed::sign(claims, key).expect("a small certificate");
        Member { identity, certificates: vec![Certificate::Device(signed)] }
    }

    /// From now on those who join are told of this member.
    pub(super) fn admit(&mut self, member: &Member) {
        self.members.extend(member.certificates.iter().cloned());
    }

    /// Members' certificates, each after the one that it rests on.
    pub(super) fn certificates(&self) -> Vec<Certificate> {
        self.members.clone()
    }

    /// What a member is given when it joins: root, registrar and relay, as the relay has them, then the members.
    pub(super) fn given(&self) -> Vec<Certificate> {
        let root =
            Root { key: self.root.public(), name: "協議会".to_owned(), created: self.created };
        let registrar = self.registrar_paper("協議会", &self.registrar);
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
            registrar,
            Certificate::Facility(Signed::sign(relay, &self.registrar).expect(small)),
            Certificate::Device(Signed::sign(device, &self.relay_facility).expect(small)),
        ];
        all.extend(self.members.iter().cloned());
        all
    }
}

const YEARS_MS: u64 = 5 * 365 * 86_400_000;
