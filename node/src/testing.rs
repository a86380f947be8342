//! A network on paper for tests: a root that certifies facilities by itself.

use azalea_core::id::{FacilityId, Timestamp};
use azalea_core::identity::{
    AgreementKeypair, Certificate, Device, Facility, FacilityKind, Identity, Possession, Rights,
    Root, Signed, SigningKeypair, Validity,
};

use crate::clock::Clock;
use crate::config::{Config, DataDir, Secrets};
use crate::serve;
use crate::store::StoreKey;

/// The council's root certificate.
pub(crate) fn network() -> Certificate {
    let founded =
        Root { key: root().public(), name: "協議会".to_owned(), created: Timestamp(1) };
    Certificate::Root(Signed::sign(founded, &root()).expect("a short name"))
}

pub(crate) fn root() -> SigningKeypair {
    SigningKeypair::from_seed([1; 32])
}

/// A facility's keys and what the office would have certified.
pub(crate) fn member(seed: u8, name: &str, kind: FacilityKind) -> (Identity, Vec<Certificate>) {
    let facility = SigningKeypair::from_seed([seed; 32]);
    let identity = Identity {
        network: root().public().network_id(),
        facility: facility.public().facility_id(),
        facility_key: Some(facility.clone()),
        device: SigningKeypair::from_seed([seed + 100; 32]),
        agreement: AgreementKeypair::from_seed([seed; 32]),
    };
    let validity = Validity::lasting(Clock::default().now(), 3_650 * 86_400_000);
    let claims = Facility {
        network: identity.network,
        key: facility.public(),
        code: format!("40{seed}"),
        name: name.to_owned(),
        kana: String::new(),
        english: String::new(),
        kind,
        rights: Rights { disclose: true, view: true },
        validity,
        registrar: root().public(),
    };
    let agreement = identity.agreement.public().clone();
    let possession = Possession::prove(&identity.device, &identity.facility, &agreement);
    let device = Device {
        facility: identity.facility,
        key: identity.device.public(),
        agreement,
        possession,
        label: "受付".to_owned(),
        validity,
    };
    let certificates = vec![
        Certificate::Facility(Signed::sign(claims, &root()).expect("short names")),
        Certificate::Device(Signed::sign(device, &facility).expect("a short label")),
    ];
    (identity, certificates)
}

/// Makes a directory that of a hospital which has joined a network with one clinic in it; gives the clinic.
pub(crate) fn joined(dir: &DataDir) -> FacilityId {
    let mut certificates = vec![network()];
    let (identity, ours) = member(2, "筑後病院", FacilityKind::Hospital);
    let (clinic, theirs) = member(3, "久留米医院", FacilityKind::Clinic);
    certificates.extend(ours.into_iter().chain(theirs));
    let secrets = Secrets { store_key: StoreKey([9; 32]), identity: identity.to_secret_bytes() };
    secrets.save(&dir.secrets(), None).expect("room");
    let config = Config {
        network: Some(identity.network.to_string()),
        certificates: serve::certificates_text(&certificates),
        ..Config::default()
    };
    config.save(dir).expect("room");
    clinic.facility
}
