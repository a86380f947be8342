//! A network of more devices than certificates may wait for their issuer.

use super::*;
use crate::storage::{Batch, table};
use crate::wire::Wire;

/// Certificates lie on the disk in the order of their digests. A node once forgot, with each start, whose facility's came behind 4,096
/// others.
#[test]
fn a_node_that_starts_again_knows_all_devices_whatever_the_order_of_their_certificates() {
    const DEVICES: usize = 4_300;
    let mut rng = StdRng::seed_from_u64(81);
    let mut council = Council::new(&mut rng);
    let clinic = council.enrol(&mut rng, "clinic", FacilityKind::Clinic);
    let hospital = loop {
        let before = council.certificates.len();
        let hospital = council.enrol(&mut rng, "hospital", FacilityKind::Hospital);
        if council.certificates[before].digest()[0] >= 0xfc {
            break hospital;
        }
        council.certificates.truncate(before);
    };
    let mut batch = Batch::new();
    let (facility, agreement) = (hospital.facility, hospital.agreement.public());
    let facility_key = hospital.facility_key.as_ref().expect("it enrolled here");
    for _ in 1..DEVICES {
        let device = SigningKeypair::generate(&mut rng);
        let claims = Device {
            facility,
            key: device.public(),
            agreement: agreement.clone(),
            possession: Possession::prove(&device, &facility, agreement),
            label: "病棟".into(),
            validity: Validity { not_before: Timestamp(0), not_after: Timestamp(u64::MAX) },
        };
        let signed = Signed::sign(claims, facility_key).expect("a small certificate");
        let certificate = Certificate::Device(signed);
        batch.put(table::CERTIFICATE, certificate.digest(), certificate.to_bytes());
    }
    let mut node = Node::new(clinic, 82);
    let begin = Command::Begin { certificates: council.certificates, rebuild: false };
    node.command(Timestamp(1_000_000), begin).expect("an empty store begins");
    node.disk.take(batch);
    node.restart();
    assert_eq!(node.replica.state.roster.devices_of(&facility).count(), DEVICES);
}
