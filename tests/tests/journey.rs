//! The whole way: a hospital's file, a relay that cannot read it, a clinic with the line cut, and a note on its way back.

use azalea_tests::fhir::{allergy, bundle, observation, patient};
use azalea_tests::{CLINIC, HOSPITAL, Node, PHARMACY, Region, until};

/// What a patient's chart holds, in the order of their bytes.
fn chart(node: &Node, who: &str) -> Vec<String> {
    let mut resources = node.export(&[who]);
    resources.sort();
    resources
}

fn sorted(resources: &[String]) -> Vec<String> {
    let mut resources = resources.to_vec();
    resources.sort();
    resources
}

/// The words with which a person would look for the patient of these stories.
const SEARCHES: [&str; 5] = ["佐竹", "サタケ", "0004711", "19480303", "1948-03-03"];

#[test]
fn a_chart_goes_to_the_clinic_and_a_note_comes_back_after_the_line_was_cut() {
    let region = Region::start();
    let hospital = region.join(&HOSPITAL);
    let clinic = region.join(&CLINIC);
    let pharmacy = region.join(&PHARMACY);

    // Two patients; one of them consents, for the clinic only.
    let satake = vec![
        patient("0004711", "佐竹", "みつ", "サタケ ミツ", "1948-03-03"),
        observation("lab-1", "0004711", "2026-10-01", "クレアチニン", "1.50"),
        observation("lab-2", "0004711", "2026-10-08", "カリウム", "4.10e0"),
        allergy("all-1", "0004711", "ペニシリン𠮷"),
    ];
    let other = vec![
        patient("0004712", "戸田", "ゆり", "トダ ユリ", "1952-07-19"),
        observation("lab-9", "0004712", "2026-10-01", "クレアチニン", "0.9"),
    ];
    let file = region.write("ward.json", &bundle(&[satake.clone(), other.clone()].concat()));
    let report = hospital.import(&file);
    assert_eq!(report["counts"]["taken"], 6, "{report}");
    let who = hospital.consent("0004711", &[&CLINIC]);

    // The clinic reads every resource as the hospital's file has it, and finds the patient.
    until("the clinic has the chart", || {
        (chart(&clinic, &who).len() == satake.len()).then_some(())
    });
    assert_eq!(chart(&clinic, &who), sorted(&satake));
    for words in SEARCHES {
        let found = clinic.ask(&["patient", "list", words]).expect("azalea patient list");
        assert_eq!(found["total"], 1, "{words}: {found}");
        assert_eq!(found["patients"][0]["id"], who.as_str());
    }
    assert_eq!(clinic.patients(), 1, "the other patient has not consented");

    // With the line cut, reading goes on and so does writing, on both sides.
    clinic.line.cut();
    until("the clinic sees that the line is cut", || {
        (clinic.status()["link"] != "connected").then_some(())
    });
    assert_eq!(chart(&clinic, &who), sorted(&satake));
    let text = "食欲もどる。夜間の咳は軽い。";
    clinic.note(&who, text);
    assert_eq!(clinic.note_texts(&who), [text]);
    assert!(clinic.status()["unsent"].as_u64() > Some(0));
    let newer = observation("lab-1", "0004711", "2026-10-01", "クレアチニン", "1.6");
    hospital.import(&region.write("correction.json", &bundle(std::slice::from_ref(&newer))));
    hospital.in_step();
    assert!(hospital.notes(&who).is_empty());

    // The line is back: the note arrives there, the correction here, and each version is kept.
    clinic.line.restore();
    until("the hospital has the note", || (hospital.note_texts(&who) == [text]).then_some(()));
    let corrected = [std::slice::from_ref(&newer), &satake[..1], &satake[2..]].concat();
    until("the clinic has the correction", || {
        (chart(&clinic, &who) == sorted(&corrected)).then_some(())
    });
    let mut versions = clinic.export(&[&who, "--versions"]);
    versions.sort();
    assert_eq!(versions, sorted(&[&satake[..], &[newer]].concat()));
    clinic.in_step();
    let sent = |note: &serde_json::Value| note["delivery"] != "unsent";
    assert!(clinic.notes(&who).iter().all(sent));

    // The pharmacy has seen all this pass and holds nothing of it.
    pharmacy.in_step();
    assert_eq!(pharmacy.patients(), 0);
    assert_eq!(pharmacy.export(&["--all"]), Vec::<String>::new());
    let checked = pharmacy.verify();
    assert_eq!(checked["checked"]["records"], 0, "{checked}");
    assert_eq!(checked["checked"]["waiting_for_key"], 0, "{checked}");
    hospital.verify();
    clinic.verify();
}

#[test]
fn after_a_withdrawal_nothing_new_comes_and_neither_to_a_revoked_facility() {
    let region = Region::start();
    let hospital = region.join(&HOSPITAL);
    let clinic = region.join(&CLINIC);
    let pharmacy = region.join(&PHARMACY);
    let satake = vec![
        patient("0004711", "佐竹", "みつ", "サタケ ミツ", "1948-03-03"),
        observation("lab-1", "0004711", "2026-10-01", "クレアチニン", "1.50"),
    ];
    let toda = vec![
        patient("0004712", "戸田", "ゆり", "トダ ユリ", "1952-07-19"),
        observation("lab-9", "0004712", "2026-10-01", "クレアチニン", "0.9"),
    ];
    hospital.import(&region.write("a.json", &bundle(&[satake.clone(), toda.clone()].concat())));
    let who = hospital.consent("0004711", &[&CLINIC, &PHARMACY]);
    for reader in [&clinic, &pharmacy] {
        until("the chart arrives", || (chart(reader, &who) == sorted(&satake)).then_some(()));
    }

    // The patient withdraws. What comes later, in the order of the relay, tells that nothing else came.
    let ended = hospital.withdraw("0004711");
    assert_eq!(ended["facilities"].as_array().map(Vec::len), Some(2), "{ended}");
    let secret = observation("lab-2", "0004711", "2026-11-02", "HbA1c", "7.9");
    hospital.import(&region.write("b.json", &bundle(std::slice::from_ref(&secret))));
    let next = hospital.consent("0004712", &[&CLINIC, &PHARMACY]);
    for reader in [&clinic, &pharmacy] {
        until("the next chart arrives", || (chart(reader, &next) == sorted(&toda)).then_some(()));
        reader.in_step();
        let all = reader.export(&["--all", "--versions"]);
        assert!(!all.contains(&secret), "{} got a result after the withdrawal", reader.part.slug);
        assert_eq!(reader.verify()["checked"]["waiting_for_key"], 0, "not even sealed");
    }

    // The pharmacy is revoked: it is told so, and gets nothing more, while the clinic does.
    let id = pharmacy.status()["facility"]["id"].as_str().expect("an id").to_owned();
    let words = ["revoke", "--facility", &id, "--reason", "店じまい"];
    region.relay.ask(&words).expect("azalea-relay revoke");
    until("the pharmacy knows", || (pharmacy.status()["trouble"] == "revoked").then_some(()));
    let late = observation("lab-10", "0004712", "2026-11-03", "ナトリウム", "141");
    hospital.import(&region.write("c.json", &bundle(std::slice::from_ref(&late))));
    until("the clinic gets it", || chart(&clinic, &next).contains(&late).then_some(()));
    assert!(!pharmacy.export(&["--all"]).contains(&late));
    assert_eq!(chart(&pharmacy, &next), sorted(&toda), "what it had been given stays readable");
    for node in [&hospital, &clinic, &pharmacy] {
        node.verify();
    }
}
