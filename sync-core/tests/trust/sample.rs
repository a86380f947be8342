//! One of each certificate and statement, the same in every run.

use azalea_core::access::{
    Access, PAIR_ENC_LEN, Ranges, ScopeAccess, ScopeKind, Snapshot, Statement, created_scope,
};
use azalea_core::id::{ConsentId, DeviceId, FacilityId, GrantId, NetworkId, ScopeId, Timestamp};
use azalea_core::identity::{
    AgreementKeypair, Certificate, Certified, Cutoff, Device, Facility, FacilityKind, Identity,
    Policy, Possession, Registrar, Revocation, Rights, Root, Signed, SigningKeypair, Subject,
    Validity,
};

const VALIDITY: Validity =
    Validity { not_before: Timestamp(1_700_000_000_000), not_after: Timestamp(1_900_000_000_000) };

fn keypair(seed: u8) -> SigningKeypair {
    SigningKeypair::from_seed([seed; 32])
}

fn sign<T: Certified>(claims: T, by: &SigningKeypair) -> Signed<T> {
    Signed::sign(claims, by).expect("a sample is within its limits")
}

fn cutoff() -> Cutoff {
    Cutoff { scope: ScopeId([0xa1; 16]), author: DeviceId([0xa2; 16]), seq: 300 }
}

pub(crate) fn certificates() -> Vec<(&'static str, Certificate)> {
    let [root, registrar, facility, device] = [1, 2, 3, 4].map(keypair);
    let network = root.public().network_id();
    let owner = facility.public().facility_id();
    let agreement = AgreementKeypair::from_seed([5; 32]).public().clone();
    let created = VALIDITY.not_before;
    let root_claims = Root { key: root.public(), name: "久留米協議会".to_owned(), created };
    let registrar_claims = Registrar {
        network,
        key: registrar.public(),
        name: "久留米医師会".to_owned(),
        validity: VALIDITY,
    };
    let facility_claims = Facility {
        network,
        key: facility.public(),
        code: "4011234567".to_owned(),
        name: "筑後川病院".to_owned(),
        kana: "チクゴガワビョウイン".to_owned(),
        english: "Chikugogawa Hospital".to_owned(),
        kind: FacilityKind::Hospital,
        rights: Rights { disclose: true, view: true },
        validity: VALIDITY,
        registrar: registrar.public(),
    };
    let device_claims = Device {
        facility: owner,
        key: device.public(),
        possession: Possession::prove(&device, &owner, &agreement),
        agreement,
        label: "地域連携室".to_owned(),
        validity: VALIDITY,
    };
    let revocation = Revocation {
        network,
        subject: Subject::Device(device.public().device_id()),
        at: Timestamp(1_800_000_000_000),
        reason: "紛失届".to_owned(),
        accepted: vec![cutoff()],
        by: facility.public(),
    };
    let policy = Policy {
        network,
        relay: keypair(6).public(),
        statement_interval_ms: 60_000,
        issued: created,
        by: registrar.public(),
    };
    vec![
        ("root", Certificate::Root(sign(root_claims, &root))),
        ("registrar", Certificate::Registrar(sign(registrar_claims, &root))),
        ("facility", Certificate::Facility(sign(facility_claims, &registrar))),
        ("device", Certificate::Device(sign(device_claims, &facility))),
        ("revocation", Certificate::Revocation(sign(revocation, &facility))),
        ("policy", Certificate::Policy(sign(policy, &registrar))),
    ]
}

pub(crate) fn statements() -> Vec<(&'static str, Statement)> {
    let owner = FacilityId([0xb1; 16]);
    let (_, certificate) = certificates().swap_remove(0);
    let (facility, consent) = (FacilityId([0xb2; 16]), Some(ConsentId([0xb3; 16])));
    let until = Some(VALIDITY.not_after);
    let from = VALIDITY.not_before;
    vec![
        ("certificate", Statement::Certificate(certificate)),
        (
            "pair offer",
            Statement::PairOffer { to: DeviceId([0xb4; 16]), enc: vec![0xb5; PAIR_ENC_LEN] },
        ),
        ("create", Statement::Create { kind: ScopeKind::Care, owner, nonce: [0xb6; 16] }),
        (
            "grant",
            Statement::Grant {
                grant: GrantId([0xb7; 16]),
                facility,
                access: Access::WRITE,
                from,
                until,
                consent,
                tick: 1,
            },
        ),
        (
            "revoke",
            Statement::Revoke {
                facility,
                consent: None,
                at: VALIDITY.not_after,
                accepted: vec![cutoff()],
                tick: 2,
            },
        ),
        ("rotate", Statement::Rotate { epoch: 2 }),
        ("snapshot", Statement::Snapshot(snapshot())),
    ]
}

fn snapshot() -> Snapshot {
    let covered = Ranges::of([(3, 7), (9, 9)]).expect("some numbers");
    Snapshot { covered, epoch: 2, digest: [0xb9; 32] }
}

/// A care scope after its create, grant, revoke and rotate.
pub(crate) fn access() -> ScopeAccess {
    let (author, owner) = (DeviceId([0xb8; 16]), FacilityId([0xb1; 16]));
    let scope = created_scope(ScopeKind::Care, &owner, &[0xb6; 16]);
    let mut held = None;
    for (_, statement) in statements().drain(2..6) {
        ScopeAccess::take(&mut held, &NetworkId::ZERO, scope, author, owner, &statement)
            .expect("the owner's own statements");
    }
    held.expect("created by the first")
}

pub(crate) fn identity() -> Identity {
    let facility_key = keypair(3);
    Identity {
        network: keypair(1).public().network_id(),
        facility: facility_key.public().facility_id(),
        facility_key: Some(facility_key),
        device: keypair(4),
        agreement: AgreementKeypair::from_seed([5; 32]),
    }
}
