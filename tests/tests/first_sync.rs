//! A clinic that joins late: a volume comes as one entry and a tail, and says the same as entry by entry.

use azalea_tests::fhir::{bundle, observation, patient};
use azalea_tests::{CLINIC, HOSPITAL, PHARMACY, Region, until};

/// Imports of the patient's year; a snapshot is made after 32.
const IMPORTS: usize = 40;

#[test]
fn whoever_comes_later_verifies_a_snapshot_and_a_tail() {
    let region = Region::start();
    let hospital = region.join(&HOSPITAL);
    let clinic = region.join(&CLINIC);
    let known = patient("0004711", "佐竹", "みつ", "サタケ ミツ", "1948-03-03");
    hospital.import(&region.write("known.json", &bundle(&[known])));
    let who = hospital.consent("0004711", &[&CLINIC]);
    for number in 1..=IMPORTS {
        let id = format!("lab-{number}");
        let result =
            observation(&id, "0004711", "2026-10-01", "カリウム", &format!("{number}.10e0"));
        hospital.import(&region.write(&format!("{id}.json"), &bundle(&[result])));
    }
    until("the hospital has made a snapshot", || {
        (hospital.status()["snapshots_made"] == 1).then_some(())
    });
    hospital.in_step();
    clinic.in_step();
    clinic.completes(&HOSPITAL);

    let pharmacy = region.join(&PHARMACY);
    hospital.consent("0004711", &[&PHARMACY]);
    until("the pharmacy has the chart", || {
        (pharmacy.export(&[&who]).len() == IMPORTS + 1).then_some(())
    });
    pharmacy.completes(&HOSPITAL);
    let exported = |node: &azalea_tests::Node| {
        let mut resources = node.export(&[&who]);
        resources.sort();
        resources
    };
    assert_eq!(exported(&pharmacy), exported(&clinic));
    assert_eq!(pharmacy.status()["snapshots_held"], 1);

    let [hospital, clinic, pharmacy] = [&hospital, &clinic, &pharmacy].map(|node| node.verify());
    let checked =
        |told: &serde_json::Value, what: &str| told["checked"][what].as_u64().expect("a count");
    assert_eq!(checked(&hospital, "snapshots_compared"), 1, "{hospital}");
    assert_eq!(checked(&clinic, "snapshots_compared"), 1, "it has the originals: {clinic}");
    assert_eq!(checked(&pharmacy, "snapshots"), 1, "{pharmacy}");
    // What the snapshot stands for is not there: 32 entries or more.
    let fewer = checked(&clinic, "envelopes") - checked(&pharmacy, "envelopes");
    assert!(fewer >= 30, "{clinic} {pharmacy}");
}
