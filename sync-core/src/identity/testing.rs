//! A small network for tests: root, registrar and members from numbered seeds, valid from 100 to 900.

use super::*;
use crate::id::{DeviceId, FacilityId, NetworkId, ScopeId, Timestamp};

/// The validity of everything here, unless a test says otherwise.
pub(crate) const VALID: Validity = valid(100, 900);

pub(crate) const fn valid(not_before: u64, not_after: u64) -> Validity {
    Validity { not_before: Timestamp(not_before), not_after: Timestamp(not_after) }
}

pub(crate) fn keypair(seed: u8) -> SigningKeypair {
    SigningKeypair::from_seed([seed; 32])
}

pub(crate) fn root_key() -> SigningKeypair {
    keypair(1)
}

pub(crate) fn registrar_key() -> SigningKeypair {
    keypair(2)
}

pub(crate) fn network() -> NetworkId {
    root_key().public().network_id()
}

pub(crate) fn root() -> Certificate {
    let name = "久留米協議会".to_owned();
    let root = Root { key: root_key().public(), name, created: Timestamp(50) };
    Certificate::Root(Signed::sign(root, &root_key()).expect("a short name"))
}

pub(crate) fn registrar(key: &SigningKeypair, validity: Validity) -> Certificate {
    let name = "久留米医師会".to_owned();
    let registrar = Registrar { network: network(), key: key.public(), name, validity };
    Certificate::Registrar(Signed::sign(registrar, &root_key()).expect("a short name"))
}

/// A facility with one device, made from one seed.
pub(crate) struct Member {
    pub(crate) key: SigningKeypair,
    pub(crate) device: SigningKeypair,
    pub(crate) agreement: AgreementKeypair,
}

pub(crate) fn member(seed: u8) -> Member {
    Member {
        key: keypair(seed),
        device: keypair(seed + 100),
        agreement: AgreementKeypair::from_seed([seed; 32]),
    }
}

impl Member {
    pub(crate) fn facility(&self) -> FacilityId {
        self.key.public().facility_id()
    }

    pub(crate) fn id(&self) -> DeviceId {
        self.device.public().device_id()
    }

    pub(crate) fn facility_claims(&self, rights: Rights) -> Facility {
        Facility {
            network: network(),
            key: self.key.public(),
            code: "4010000".to_owned(),
            name: "筑後川診療所".to_owned(),
            kana: "チクゴガワシンリョウジョ".to_owned(),
            english: "Chikugogawa Clinic".to_owned(),
            kind: FacilityKind::Clinic,
            rights,
            validity: VALID,
            registrar: registrar_key().public(),
        }
    }

    pub(crate) fn facility_certificate(&self, rights: Rights) -> Certificate {
        sign_facility(self.facility_claims(rights), &registrar_key())
    }

    pub(crate) fn device_certificate(&self, validity: Validity) -> Certificate {
        let device = self.device_claims(self.facility(), validity);
        Certificate::Device(Signed::sign(device, &self.key).expect("a short label"))
    }

    pub(crate) fn device_claims(&self, facility: FacilityId, validity: Validity) -> Device {
        let agreement = self.agreement.public().clone();
        let possession = Possession::prove(&self.device, &facility, &agreement);
        let (key, label) = (self.device.public(), "受付".to_owned());
        Device { facility, key, agreement, possession, label, validity }
    }
}

pub(crate) fn sign_facility(claims: Facility, by: &SigningKeypair) -> Certificate {
    Certificate::Facility(Signed::sign(claims, by).expect("short names"))
}

pub(crate) fn revocation(
    subject: Subject,
    at: u64,
    accepted: &[(ScopeId, DeviceId, u64)],
    by: &SigningKeypair,
) -> Certificate {
    let cutoff = |&(scope, author, seq)| Cutoff { scope, author, seq };
    let accepted = Cutoff::in_order(accepted.iter().map(cutoff));
    let (reason, at) = ("紛失届".to_owned(), Timestamp(at));
    let claims = Revocation { network: network(), subject, at, reason, accepted, by: by.public() };
    Certificate::Revocation(Signed::sign(claims, by).expect("a short reason"))
}

/// A roster of root, registrar and these members, each with its rights.
pub(crate) fn roster(members: &[(&Member, Rights)]) -> Roster {
    let mut roster = Roster::new(network());
    let mut admit = |certificate| {
        assert_eq!(roster.admit(certificate), Ok(Admission::New));
    };
    admit(root());
    admit(registrar(&registrar_key(), valid(0, 1_000)));
    for (member, rights) in members {
        admit(member.facility_certificate(*rights));
        admit(member.device_certificate(VALID));
    }
    roster
}
