//! Disks that are full, cut short, or not what was written: an error that says so, nothing lost, nothing invented, and a way back.

use std::path::Path;

use azalea_tests::fhir::{bundle, observation, patient};
use azalea_tests::{CLINIC, Dice, HOSPITAL, Node, Region, until};

const LOCAL: &str = "0004711";
const DISK_MEGABYTES: u32 = 48;
/// Files that do not fit on the disk all together.
const FILES_MAX: usize = 200;
const FLIPS: usize = 12;

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts
}

/// Results whose text does not compress.
fn large_file(dice: &mut Dice, number: usize) -> Vec<String> {
    let result = |place: usize| {
        let noise: String = (0..64).map(|_| format!("{:016x}", dice.any())).collect();
        observation(&format!("lab-{number}-{place}"), LOCAL, "2026-10-01", &noise, "1.50")
    };
    (0..100).map(result).collect()
}

#[test]
fn a_full_disk_is_said_plainly_loses_nothing_and_goes_on_once_there_is_room() {
    let mut dice = Dice::new(48);
    let region = Region::start();
    let Some((mut hospital, disk)) = region.joined_on_small_disk(&HOSPITAL, DISK_MEGABYTES) else {
        return;
    };
    hospital.start();
    let clinic = region.join(&CLINIC);
    let mut held = vec![patient(LOCAL, "佐竹", "みつ", "サタケ ミツ", "1948-03-03")];
    hospital.import(&region.write("patient.json", &bundle(&held)));
    let who = hospital.consent(LOCAL, &[&CLINIC]);
    until("the chart arrives", || (clinic.export(&[&who]) == held).then_some(()));

    // Files come in until one does not fit.
    disk.fill();
    let mut files = (0..FILES_MAX).map(|number| large_file(&mut dice, number));
    let (refused, told) = loop {
        let file = files.next().expect("a small disk is full at some time");
        let path = region.write("results.json", &bundle(&file));
        let told = hospital.ask(&["import", path.to_str().expect("a path in UTF-8")]);
        match told.ok {
            true => held.extend(file),
            false => break (file, told),
        }
    };
    let words = format!("{}{}", told.out, told.err);
    assert!(words.contains("full"), "the disk is full and nobody says so: {words}");
    assert!(!words.contains("panicked"), "{words}");
    assert!(hospital.is_running());
    assert_eq!(hospital.status()["trouble"], "disk-full");
    // Reading goes on; what was said to be kept is there. Of the file that did not fit, a part may be.
    let known: Vec<String> = [held.clone(), refused.clone()].concat();
    let found = hospital.export(&[&who]);
    assert!(held.iter().all(|resource| found.contains(resource)), "something is lost");
    assert!(found.iter().all(|resource| known.contains(resource)), "something is invented");
    // A power cut while the disk is full makes nothing worse.
    hospital.kill();
    let came_up = hospital.try_start();

    disk.make_room();
    if let Err(error) = came_up {
        assert!(error.contains("full"), "a node that cannot start says why: {error}");
        hospital.start();
    }
    let path = region.write("results.json", &bundle(&refused));
    until("there is room again", || {
        hospital.ask(&["import", path.to_str().expect("a path in UTF-8")]).ok.then_some(())
    });
    let whole = sorted(known);
    assert_eq!(sorted(hospital.export(&[&who, "--versions"])), whole);
    until("the clinic has everything", || {
        (sorted(clinic.export(&[&who, "--versions"])) == whole).then_some(())
    });
    hospital.in_step();
    assert!(hospital.status()["trouble"].is_null());
    hospital.verify();
    clinic.verify();
    assert_eq!(region.relay.status()["forks"], 0, "nothing went out that the disk did not have");
}

/// A clinic that holds a chart and a note of its own, all of which the relay has; its node is stopped.
fn clinic_at_rest(region: &Region) -> (Node, Node, String, Vec<String>) {
    let hospital = region.join(&HOSPITAL);
    let mut clinic = region.join(&CLINIC);
    let mut chart = vec![patient(LOCAL, "佐竹", "みつ", "サタケ ミツ", "1948-03-03")];
    chart.extend((0..200).map(|number| {
        observation(&format!("lab-{number}"), LOCAL, "2026-10-01", "クレアチニン", "1.50")
    }));
    let chart = sorted(chart);
    hospital.import(&region.write("chart.json", &bundle(&chart)));
    let who = hospital.consent(LOCAL, &[&CLINIC]);
    until("the chart arrives", || (sorted(clinic.export(&[&who])) == chart).then_some(()));
    clinic.note(&who, "変わりなし");
    clinic.in_step();
    clinic.stop();
    (hospital, clinic, who, chart)
}

fn store(node: &Node) -> std::path::PathBuf {
    node.dir().join("store.redb")
}

/// Nothing that a damaged node gives out is other than what was put in.
fn invents_nothing(node: &Node, who: &str, chart: &[String]) {
    let told = node.ask(&["export", who, "--ndjson"]);
    assert!(!told.err.contains("panicked"), "{}", told.err);
    let flat: Vec<String> = chart.iter().map(|text| text.replace('\n', " ")).collect();
    let lines = told.out.lines().filter(|line| line.starts_with('{'));
    lines.for_each(|line| assert!(flat.iter().any(|text| text == line), "invented: {line}"));
}

fn repaired(clinic: &mut Node, who: &str, chart: &[String]) {
    let told = clinic.ask(&["repair"]).expect("azalea repair");
    assert!(Path::new(told["aside"].as_str().expect("a path")).is_file(), "the old store is kept");
    assert_eq!(told["accounts"], 1, "accounts are in their copy too: {told}");
    clinic.start();
    until("the chart is back", || (sorted(clinic.export(&[who])) == chart).then_some(()));
    until("its own note is back", || (clinic.note_texts(who) == ["変わりなし"]).then_some(()));
    clinic.in_step();
    clinic.verify();
    // It goes on in its own chains.
    clinic.note(who, "食欲あり");
    clinic.in_step();
    clinic.stop();
}

#[test]
fn a_store_that_was_cut_short_is_named_and_fetched_again() {
    let region = Region::start();
    let (hospital, mut clinic, who, chart) = clinic_at_rest(&region);
    let file = store(&clinic);
    let length = file.metadata().expect("a store").len();
    let cut = std::fs::OpenOptions::new().write(true).open(&file).expect("a store");
    cut.set_len(length / 2).expect("a shorter file");
    drop(cut);

    let error = clinic.try_start().expect_err("half a store does not start");
    assert!(error.contains("store.redb"), "the file is named: {error}");
    assert!(error.contains("repair"), "what to do is named: {error}");
    assert!(!error.contains("panicked"), "{error}");
    let told = clinic.ask(&["verify"]);
    assert!(!told.ok && told.err.contains("store.redb"), "{}", told.err);
    invents_nothing(&clinic, &who, &chart);
    repaired(&mut clinic, &who, &chart);
    until("the hospital has both notes", || (hospital.note_texts(&who).len() == 2).then_some(()));
    assert_eq!(region.relay.status()["forks"], 0);
}

#[test]
fn a_flipped_bit_is_found_and_nothing_is_invented_from_it() {
    let mut dice = Dice::new(4_711);
    let region = Region::start();
    let (_hospital, mut clinic, who, chart) = clinic_at_rest(&region);
    let file = store(&clinic);
    let whole = std::fs::read(&file).expect("a store");
    let mut found = 0;
    for _ in 0..FLIPS {
        let mut bytes = whole.clone();
        let at = dice.below(bytes.len() as u64) as usize;
        bytes[at] ^= 1 << dice.below(8);
        std::fs::write(&file, &bytes).expect("a store");
        let told = clinic.ask(&["verify"]);
        assert!(!told.err.contains("panicked"), "bit at {at}: {}", told.err);
        if !told.ok {
            found += 1;
            assert!(told.err.contains("store") || told.out.contains("\"problems\""), "{told:?}");
        }
        invents_nothing(&clinic, &who, &chart);
    }
    println!("{found} of {FLIPS} single bits were where something stands");

    // One bit in every block: nothing of it can be used, and all of it comes back.
    let mut bytes = whole;
    bytes.iter_mut().skip(2_000).step_by(4_096).for_each(|byte| *byte ^= 0x10);
    std::fs::write(&file, &bytes).expect("a store");
    let told = clinic.ask(&["verify"]);
    assert!(!told.ok, "{}", told.out);
    assert!(!told.err.contains("panicked"), "{}", told.err);
    invents_nothing(&clinic, &who, &chart);
    repaired(&mut clinic, &who, &chart);
}
