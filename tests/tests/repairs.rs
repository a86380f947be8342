//! What a sync has to mend by itself: a relay that came back from yesterday's backup, consents that changed while a clinic was away,
//! a withdrawal in the middle of a transfer. Nobody says more than is true, and what is lacking is all that moves.

use azalea_simulations::line::Quality;
use azalea_tests::fhir::{bundle, observation, patient};
use azalea_tests::{CLINIC, HOSPITAL, Hand, PHARMACY, Region, until};
use std::fs;
use std::path::Path;

const LOCAL: &str = "0004711";
const OTHER: &str = "0004712";

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts
}

/// A patient with so many results.
fn chart(local: &str, results: usize) -> Vec<String> {
    let result = |number: usize| {
        let (id, value) = (format!("{local}-{number}"), format!("{}.{}", number / 10, number % 10));
        observation(&id, local, "2026-10-01", "クレアチニン", &value)
    };
    let mut chart = vec![patient(local, "佐竹", "みつ", "サタケ ミツ", "1948-03-03")];
    chart.extend((0..results).map(result));
    chart
}

fn import(region: &Region, node: &Hand, resources: &[String]) {
    node.import(&region.write("in.json", &bundle(resources)));
}

fn arrives(node: &Hand, who: &str, chart: &[String]) {
    let wanted = sorted(chart.to_vec());
    let what = format!("the chart arrives at the {}", node.part.slug);
    until(&what, || (sorted(node.export(&[who])) == wanted).then_some(()));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").map(|entry| entry.expect("an entry")) {
        let to = to.join(entry.file_name());
        match entry.file_type().expect("a type").is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).expect("a copy")),
        }
    }
}

#[test]
fn a_relay_from_yesterdays_backup_gets_back_what_it_lost_and_no_more() {
    let mut region = Region::start();
    let (hospital, clinic) = (region.join(&HOSPITAL), region.join(&CLINIC));
    let mut satake = chart(LOCAL, 300);
    import(&region, &hospital, &satake);
    let who = hospital.consent(LOCAL, &[&CLINIC]);
    arrives(&clinic, &who, &satake);
    hospital.in_step();
    clinic.in_step();
    let yesterday = region.relay.status()["envelopes"].as_u64().expect("a count");
    region.relay.stop();
    let backup = region.path("backup");
    copy(region.relay.dir(), &backup);
    region.relay.start();

    // A day's work, which everybody has.
    let today = observation("today", LOCAL, "2026-11-02", "カリウム", "4.10e0");
    import(&region, &hospital, std::slice::from_ref(&today));
    satake.push(today);
    clinic.note(&who, "夜間の咳は軽い。");
    arrives(&clinic, &who, &satake);
    until("the note arrives", || (hospital.note_texts(&who).len() == 1).then_some(()));
    hospital.in_step();
    clinic.in_step();
    let before = region.relay.status()["envelopes"].as_u64().expect("a count");
    let lost = before - yesterday;
    assert!(lost >= 2, "a result and a note");

    // The disk dies; what the council has is yesterday's.
    region.relay.kill();
    fs::remove_dir_all(region.relay.dir()).expect("the folder goes");
    copy(&backup, region.relay.dir());
    region.relay.ask(&["restored"]).expect("azalea-relay restored");
    region.relay.start();
    until("the relay has it again", || {
        (region.relay.status()["envelopes"].as_u64() >= Some(before)).then_some(())
    });
    for node in [&hospital, &clinic] {
        node.in_step();
        assert!(node.status()["trouble"].is_null(), "{}", node.status());
    }
    clinic.completes(&HOSPITAL);
    let counted = |name| region.relay.metric(name) as u64;
    assert_eq!(counted("envelopes_accepted"), lost, "what was lost came");
    assert_eq!(counted("envelopes_repeated"), 0, "and nothing else did");
    assert_eq!(counted("forks"), 0);
    // Readers, whose place was in the feed of the store that is gone, say what they hold. What was brought back after one has said
    // so goes out to it as anything new does.
    assert_eq!(counted("refills"), 2);
    let forwarded = counted("envelopes_forwarded");
    println!("of a log of {before}, {lost} were lost, and {forwarded} went out to readers");
    assert!(forwarded <= lost, "{forwarded} went out to readers, who held all of it");

    // Whoever comes now has all of it from the relay.
    let pharmacy = region.join(&PHARMACY);
    hospital.consent(LOCAL, &[&PHARMACY]);
    arrives(&pharmacy, &who, &satake);
    until("the note arrives there too", || (pharmacy.note_texts(&who).len() == 1).then_some(()));
    for node in [&hospital, &clinic, &pharmacy] {
        node.verify();
    }
}

#[test]
fn consents_that_changed_while_a_clinic_was_away_hold_when_it_is_back() {
    let region = Region::start();
    let (hospital, mut clinic) = (region.join(&HOSPITAL), region.join(&CLINIC));
    let (satake, toda) = (chart(LOCAL, 20), chart(OTHER, 20));
    import(&region, &hospital, &[satake.clone(), toda.clone()].concat());
    let who = hospital.consent(LOCAL, &[&CLINIC]);
    arrives(&clinic, &who, &satake);
    clinic.in_step();
    clinic.stop();

    hospital.withdraw(LOCAL);
    let secret = observation("later", LOCAL, "2026-11-02", "HbA1c", "7.9");
    import(&region, &hospital, std::slice::from_ref(&secret));
    let other = hospital.consent(OTHER, &[&CLINIC]);
    hospital.in_step();

    clinic.start();
    arrives(&clinic, &other, &toda);
    clinic.in_step();
    clinic.completes(&HOSPITAL);
    assert!(!clinic.export(&["--all", "--versions"]).contains(&secret));
    assert_eq!(clinic.verify()["checked"]["waiting_for_key"], 0, "not even sealed");

    // Given again, all of it is there, what it had before only once.
    let again = hospital.consent(LOCAL, &[&CLINIC]);
    assert_eq!(again, who);
    arrives(&clinic, &who, &[satake, vec![secret]].concat());
    clinic.verify();
}

#[test]
fn a_withdrawal_in_the_middle_of_a_transfer_ends_it() {
    let region = Region::start();
    let (hospital, clinic) = (region.join(&HOSPITAL), region.join(&CLINIC));
    clinic.in_step();
    clinic.line.cut();
    let (satake, toda) = (chart(LOCAL, 4_000), chart(OTHER, 5));
    import(&region, &hospital, &[satake.clone(), toda.clone()].concat());
    let who = hospital.consent(LOCAL, &[&CLINIC]);
    hospital.in_step();

    // As slowly as a mobile line in a valley, and more slowly still while the hospital's clerk types.
    clinic.line.set_quality(Quality { bytes_per_second: 30_000, ..Quality::default() });
    clinic.line.restore();
    let come = until("some of it has come", || {
        let held = clinic.export(&[&who]).len();
        (held > 1).then_some(held)
    });
    assert!(come < satake.len(), "the transfer is in its middle");
    clinic.line.set_quality(Quality { bytes_per_second: 2_000, ..Quality::default() });
    hospital.withdraw(LOCAL);
    let secret = observation("later", LOCAL, "2026-11-02", "HbA1c", "7.9");
    import(&region, &hospital, std::slice::from_ref(&secret));
    hospital.in_step();
    clinic.line.set_quality(Quality::default());
    let other = hospital.consent(OTHER, &[&CLINIC]);
    arrives(&clinic, &other, &toda);
    clinic.in_step();
    clinic.completes(&HOSPITAL);
    let held = clinic.export(&["--all", "--versions"]);
    println!("{come} had come, {} came", held.len());
    assert!(!held.contains(&secret), "what was written after the withdrawal did not come");
    assert!(held.len() < satake.len(), "nor did the rest: {} of {}", held.len(), satake.len());
    assert_eq!(clinic.verify()["checked"]["waiting_for_key"], 0, "nothing lies there sealed");
    assert_eq!(hospital.export(&[LOCAL]).len(), satake.len() + 1, "its own chart is whole");
    hospital.verify();
}
