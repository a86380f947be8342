//! A clinic in the middle of a first sync over a narrow line. What must not wait does not: a withdrawal, and the patient whom
//! somebody opens. How far the sync has got is counted by what has arrived.

use std::time::Duration;

use azalea_simulations::line::Quality;
use azalea_tests::fhir::{bundle, observation, patient};
use azalea_tests::{CLINIC, Dice, HOSPITAL, Node, Region, until};

/// As a mobile line in a valley.
const NARROW: Quality = Quality {
    delay: Duration::from_millis(60),
    jitter: Duration::from_millis(20),
    loss: 0.02,
    bytes_per_second: 30_000,
};
const YEARS: std::ops::Range<u32> = 2_001..2_021;
const RECORDS_PER_YEAR: usize = 20;
const PATIENTS: usize = 8;

/// A hospital, and a clinic that has joined and not started; the network's ids of the patients who consented, in their order.
fn region() -> (Region, Node, Node, Vec<String>) {
    let region = Region::start();
    let hospital = region.join(&HOSPITAL);
    let clinic = region.joined(&CLINIC);
    hospital.in_step();
    let mut patients = Vec::new();
    for number in 0..PATIENTS {
        hospital.import(&region.write("patient.json", &bundle(&[somebody(number)])));
        patients.push(hospital.consent(&local(number), &[&CLINIC]));
    }
    (region, hospital, clinic, patients)
}

/// The hospital writes their charts, one after the other. How many records there are then.
fn write_charts(region: &Region, hospital: &Node) -> usize {
    let mut dice = Dice::new(53);
    for number in 0..PATIENTS {
        let local = local(number);
        let years = YEARS.flat_map(|year| (0..RECORDS_PER_YEAR).map(move |place| (year, place)));
        let chart: Vec<_> = years
            .map(|(year, place)| {
                // What is written in them does not shrink.
                let letters = (0..400).map(|_| char::from(b'a' + dice.below(26) as u8));
                let (id, day) = (format!("{local}-{year}-{place}"), format!("{year}-10-01"));
                observation(&id, &local, &day, &letters.collect::<String>(), "1.50")
            })
            .collect();
        hospital.import(&region.write("chart.json", &bundle(&chart)));
    }
    hospital.in_step();
    PATIENTS * (1 + YEARS.len() * RECORDS_PER_YEAR)
}

fn local(number: usize) -> String {
    format!("000471{number}")
}

fn somebody(number: usize) -> String {
    patient(&local(number), "佐竹", "みつ", "サタケ ミツ", "1948-03-03")
}

/// How many records the clinic holds.
fn held(clinic: &Node) -> usize {
    clinic.export(&["--all"]).len()
}

#[test]
fn a_withdrawal_reaches_a_clinic_in_the_middle_of_a_first_sync_long_before_the_last_chart() {
    let (region, hospital, mut clinic, patients) = region();
    let records = write_charts(&region, &hospital);
    clinic.line.set_quality(NARROW);
    clinic.start();
    let first = &patients[0];
    let before = until("the first chart has begun to come", || {
        let begun = !clinic.export(&[first]).is_empty();
        begun.then(|| held(&clinic))
    });
    assert!(before * 4 < records, "it is in its beginning: {before} of {records}");
    hospital.withdraw("0004710");
    until("the clinic knows of the withdrawal", || {
        let told = clinic.ask(&["consent", "show", first]).json();
        (told["consents"][0]["state"] == "withdrawn").then_some(())
    });
    let after = held(&clinic);
    println!("{before} records of {records} were here before the withdrawal, {after} after it");
    assert!(after * 2 < records, "{after} of {records} came before it");

    // The rest comes, and nothing is missing but what was withdrawn.
    clinic.line.set_quality(Quality::default());
    clinic.completes(&HOSPITAL);
    let chart = records / PATIENTS;
    for patient in &patients[1..] {
        assert_eq!(clinic.export(&[patient]).len(), chart);
    }
    clinic.verify();
}

/// Everybody is known to the clinic, whose line was cut while their charts were written.
#[test]
fn the_patient_whom_somebody_opens_comes_before_the_others() {
    let (region, hospital, mut clinic, patients) = region();
    clinic.start();
    clinic.completes(&HOSPITAL);
    clinic.line.cut();
    let records = write_charts(&region, &hospital);
    clinic.line.set_quality(NARROW);
    clinic.line.restore();
    let wanted = patients.last().expect("there are patients");
    until("the clinic is receiving", || {
        let told = clinic.ask(&["patient", "show", wanted]).json();
        (told["receiving"] == true).then_some(())
    });
    let chart = records / PATIENTS;
    until("the whole chart is here", || (clinic.export(&[wanted]).len() == chart).then_some(()));
    let here = held(&clinic);
    println!("{here} records of {records} were here with the last chart, which has {chart}");
    assert!(here * 2 < records, "{here} of {records} are here");

    clinic.line.set_quality(Quality::default());
    until("all is here", || (held(&clinic) == records).then_some(()));
    clinic.verify();
}
