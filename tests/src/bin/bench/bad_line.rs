//! A clinic far out: a first sync over a line that is narrow, slow, lossy, cut again and again, and that changes its address,
//! while both ends are killed in the middle. What is counted is what the relay sent, and how much of that it sent twice.

use std::time::{Duration, Instant};

use azalea_simulations::line::Quality;
use azalea_tests::{CLINIC, HOSPITAL, Node, Part, Region, until_within};

use super::{Arguments, population, row, size, time};

/// A reader on a perfect line, to know what there is to send.
const NEAR: Part = Part { slug: "near", code: "2501000052", ..CLINIC };
/// A round trip takes at least twice this.
const DELAY: Duration = Duration::from_millis(300);
const LOSS: f64 = 0.05;
/// The line stands for so long, and is then cut for so long.
const STANDS: Duration = Duration::from_secs(20);
const CUT: Duration = Duration::from_secs(3);

/// Syncs about 5,000 records at so many bytes a second.
pub(super) fn run(bytes_per_second: u64) {
    let mut region = Region::start();
    let hospital = region.join(&HOSPITAL);
    let mut near = region.join(&NEAR);
    let mut far = region.join(&CLINIC);
    for clinic in [&near, &far] {
        clinic.in_step();
        clinic.line.cut();
    }
    let charts = region.path("charts");
    let written = population(&Arguments::of(22, 1), &charts);
    hospital.import(&charts);
    for patient in &written.patients {
        hospital.consent(patient, &[&NEAR, &CLINIC]);
    }
    hospital.in_step();
    let patients = written.patients.len() as u64;
    row(
        "to sync",
        &format!("{} records of {patients} people, {} JSON", written.records, size(written.bytes)),
    );

    let before = region.relay.metric("sent_bytes");
    let near_before = near.line.traffic().down_bytes;
    near.line.restore();
    whole(&near, patients);
    let payload = region.relay.metric("sent_bytes") - before;
    let near_down = near.line.traffic().down_bytes - near_before;
    near.stop();

    let quality = Quality { delay: DELAY, loss: LOSS, bytes_per_second, ..Quality::default() };
    far.line.set_quality(quality);
    let wire = far.line.traffic();
    let began = Instant::now();
    far.line.restore();
    // Where in the transfer each thing happens, in parts of what it would take at best.
    let best = Duration::from_secs_f64(payload / bytes_per_second as f64);
    let mut accidents = vec![
        (best.mul_f64(0.75), Accident::KillRelay),
        (best.mul_f64(0.5), Accident::KillReader),
        (best.mul_f64(0.25), Accident::ChangeAddress),
    ];
    let (mut next_cut, mut outages, mut first) = (STANDS, Duration::ZERO, None);
    let mut was_whole = false;
    while !was_whole {
        assert!(
            began.elapsed() < best * 10 + Duration::from_secs(300),
            "it does not come to an end"
        );
        std::thread::sleep(Duration::from_millis(100));
        if first.is_none() && is_readable(&far) {
            first = Some(began.elapsed() - outages);
        }
        if accidents.last().is_some_and(|(at, _)| began.elapsed() >= *at) {
            match accidents.pop().map(|(_, accident)| accident) {
                Some(Accident::ChangeAddress) => far.line.change_address(),
                Some(Accident::KillReader) => {
                    far.kill();
                    far.start();
                }
                Some(Accident::KillRelay) => {
                    region.relay.kill();
                    region.relay.start();
                }
                None => {}
            }
        }
        if began.elapsed() >= next_cut {
            far.line.cut();
            std::thread::sleep(CUT);
            far.line.restore();
            outages += CUT;
            next_cut = began.elapsed() + STANDS;
        }
        was_whole = is_whole(&far, patients);
    }
    let took = began.elapsed();
    let traffic = far.line.traffic();
    let down = traffic.down_bytes - wire.down_bytes;
    let up = traffic.up_bytes - wire.up_bytes;
    row("entries to send", &size(payload as u64));
    row(
        "until in step",
        &format!(
            "{}, of that {} cut; {:.2} × payload / bandwidth + cuts",
            time(took),
            time(outages),
            took.as_secs_f64() / (best + outages).as_secs_f64()
        ),
    );
    row("first patient readable, in line time", &first.map_or("never".to_owned(), time));
    row("on the wire", &format!("{} down, {} up", size(down), size(up)));
    let more = down as f64 / near_down as f64 - 1.0;
    row("more than over a perfect line, sent once", &format!("{:.1} %", more * 100.0));
    far.verify();
}

enum Accident {
    ChangeAddress,
    KillReader,
    KillRelay,
}

fn is_whole(node: &Node, patients: u64) -> bool {
    let told = node.status();
    told["caught_up"] == true && told["waiting"] == 0 && node.patients() == patients
}

fn whole(node: &Node, patients: u64) {
    until_within(Duration::from_secs(120), "the near clinic holds every patient", || {
        is_whole(node, patients).then_some(())
    });
}

/// Whether anything of anybody can be read.
fn is_readable(node: &Node) -> bool {
    !node.export(&["--all"]).is_empty()
}
