//! A clinic whose line is down for a week: virtual days, not waiting. It reads, writes and restarts every day; when the line is back,
//! both sides learn what the other did.

use std::time::Duration;

use azalea_tests::fhir::{bundle, observation, patient};
use azalea_tests::{CLINIC, HOSPITAL, Node, Region, until};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const LOCAL: &str = "0004711";

/// Moves the clock of whatever is started from now on.
fn days_later(days: u32) -> (&'static str, String) {
    ("AZALEA_CLOCK_SHIFT_MS", (DAY * days).as_millis().to_string())
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts
}

fn live_through(node: &mut Node, days: u32) {
    node.stop();
    let (name, value) = days_later(days);
    node.set(name, &value);
    node.start();
}

#[test]
fn a_clinic_reads_and_writes_for_a_week_without_a_line() {
    let mut region = Region::start();
    let mut hospital = region.join(&HOSPITAL);
    let mut clinic = region.join(&CLINIC);
    let mut chart = vec![
        patient(LOCAL, "佐竹", "みつ", "サタケ ミツ", "1948-03-03"),
        observation("lab-0", LOCAL, "2026-10-01", "クレアチニン", "1.50"),
    ];
    hospital.import(&region.write("chart.json", &bundle(&chart)));
    let who = hospital.consent(LOCAL, &[&CLINIC]);
    until("the chart arrives", || (clinic.export(&[&who]).len() == chart.len()).then_some(()));
    let held = sorted(chart.clone());

    clinic.line.cut();
    let mut written = Vec::new();
    for day in 1..=7 {
        // The power fails at night, too.
        if day == 4 {
            clinic.kill();
            clinic.start();
        }
        live_through(&mut clinic, day);
        let status = clinic.status();
        assert_ne!(status["link"], "connected", "day {day}");
        assert_eq!(sorted(clinic.export(&[&who])), held, "day {day}");
        let seen = clinic.ask(&["patient", "show", &who]).expect("azalea patient show");
        assert_eq!(seen["publishers"][0]["name"], HOSPITAL.name, "{seen}");
        written.push(format!("{day} 日目 変わりなし"));
        clinic.note(&who, &written[written.len() - 1]);
        assert_eq!(sorted(clinic.note_texts(&who)), written, "day {day}");
        assert!(clinic.status()["unsent"].as_u64() >= Some(u64::from(day)), "day {day}");
        // The hospital's week goes on as well.
        live_through(&mut hospital, day);
        let result = observation(&format!("lab-{day}"), LOCAL, "2026-10-08", "カリウム", "4.10");
        hospital.import(&region.write("result.json", &bundle(std::slice::from_ref(&result))));
        chart.push(result);
    }
    // Everybody's clock says that a week has passed.
    region.relay.stop();
    let (name, value) = days_later(7);
    region.relay.set(name, &value);
    region.relay.start();
    assert_eq!(sorted(clinic.export(&[&who])), held, "nothing came over a line that was cut");

    clinic.line.restore();
    until("the notes arrive", || (sorted(hospital.note_texts(&who)) == written).then_some(()));
    let whole = sorted(chart);
    until("the results arrive", || (sorted(clinic.export(&[&who])) == whole).then_some(()));
    for node in [&hospital, &clinic] {
        node.in_step();
        assert!(node.status()["trouble"].is_null());
        node.verify();
    }
}
