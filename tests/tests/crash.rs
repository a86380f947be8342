//! Power cuts everywhere, a hundred of them and more, while records and notes are coming in. What somebody was told is kept stays
//! kept and arrives; nothing is there twice; every replica is whole after each cut.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use azalea_tests::fhir::{bundle, observation, patient};
use azalea_tests::{CLINIC, Dice, HOSPITAL, Hand, Node, Region, Relay, STAFF, until, until_within};

/// Cuts in this story.
const CUTS: usize = 100;
/// The longest time between a start and the next cut.
const UP_MAX: Duration = Duration::from_millis(700);
/// The longest time that a process is given to come up before it is cut again.
const FLICKER_MAX: Duration = Duration::from_millis(250);
const RECORDS_PER_FILE: usize = 5;
const LOCAL: &str = "0004711";
/// The clinic and the hospital find each other again after the last cut within this time.
const HEAL: Duration = Duration::from_secs(120);

/// What was said to be kept.
#[derive(Default)]
struct Acknowledged {
    records: Mutex<Vec<String>>,
    notes: Mutex<Vec<String>>,
    attempts: Mutex<usize>,
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_doubled_over_a_hundred_power_cuts() {
    let mut dice = Dice::new(20_261_122);
    let mut region = Region::start();
    let mut hospital = region.join(&HOSPITAL);
    let mut clinic = region.join(&CLINIC);
    let who = patient(LOCAL, "佐竹", "みつ", "サタケ ミツ", "1948-03-03");
    hospital.import(&region.write("patient.json", &bundle(std::slice::from_ref(&who))));
    let network_id = hospital.consent(LOCAL, &[&CLINIC]);
    until("the chart arrives", || (clinic.export(&[&network_id]) == [who.as_str()]).then_some(()));

    let told = Acknowledged::default();
    let over = AtomicBool::new(false);
    let folder = region.path("files");
    std::fs::create_dir(&folder).expect("a folder for the files");
    let (at_hospital, at_clinic) = (hospital.hand(), clinic.hand());
    let began = Instant::now();
    let cuts = thread::scope(|scope| {
        scope.spawn(|| import_on_and_on(&at_hospital, &folder, &told, &over));
        scope.spawn(|| write_on_and_on(&at_clinic, &network_id, &told, &over));
        let ends = Ending(&over);
        let cuts = cut_on_and_on(&mut dice, &mut region.relay, &mut hospital, &mut clinic);
        drop(ends);
        cuts
    });
    let records = told.records.into_inner().expect("no thread has panicked");
    let notes = told.notes.into_inner().expect("no thread has panicked");
    println!(
        "{cuts} cuts in {:.0} s; {} records and {} notes acknowledged, {} attempts failed",
        began.elapsed().as_secs_f64(),
        records.len(),
        notes.len(),
        told.attempts.into_inner().expect("no thread has panicked"),
    );
    assert!(records.len() > 20 && notes.len() > 10, "hardly anything happened between the cuts");

    // Everything runs again: both hold what was acknowledged, once, and the same.
    let whole = |node: &Node| holds(&node.export(&[&network_id, "--versions"]), &records);
    let noted = |node: &Node| holds(&node.note_texts(&network_id), &notes);
    until_within(HEAL, "the hospital holds everything", || {
        (whole(&hospital) && noted(&hospital)).then_some(())
    });
    until_within(HEAL, "the clinic holds everything", || {
        (whole(&clinic) && noted(&clinic)).then_some(())
    });
    hospital.in_step();
    clinic.in_step();
    let charts =
        [&hospital, &clinic].map(|node| counted(node.export(&[&network_id, "--versions"])));
    let written = [&hospital, &clinic].map(|node| counted(node.note_texts(&network_id)));
    for counted in charts.iter().chain(&written) {
        let doubled: Vec<_> = counted.iter().filter(|(_, count)| **count > 1).collect();
        assert!(doubled.is_empty(), "there more than once: {doubled:?}");
    }
    assert_eq!(charts[0], charts[1], "both hold the same records");
    assert_eq!(written[0], written[1], "both hold the same notes");
    hospital.verify();
    clinic.verify();
    let relay = region.relay.status();
    assert_eq!((&relay["damaged"], &relay["store_failing"]), (&0.into(), &false.into()), "{relay}");
    assert_eq!(relay["forks"], 0, "nobody has written two different things at one place");
}

/// Stops the load when the story ends, however it ends.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// One file after the other; a file whose import failed is taken again, as an operator would.
fn import_on_and_on(
    hospital: &Hand,
    folder: &std::path::Path,
    told: &Acknowledged,
    over: &AtomicBool,
) {
    let mut number = 0;
    while !over.load(Ordering::Acquire) {
        let observations: Vec<String> = (0..RECORDS_PER_FILE)
            .map(|place| {
                let id = format!("lab-{number}-{place}");
                observation(&id, LOCAL, "2026-10-01", "クレアチニン", &format!("{place}.{number}0"))
            })
            .collect();
        let path = folder.join(format!("{number}.json"));
        std::fs::write(&path, bundle(&observations)).expect("a file of the story");
        let report = hospital.ask(&["import", path.to_str().expect("a path in UTF-8")]);
        let counts = &report.json()["counts"];
        let number_of = |name: &str| counts[name].as_u64().unwrap_or(0);
        if report.ok {
            let held = number_of("taken") + number_of("unchanged");
            assert_eq!(held, RECORDS_PER_FILE as u64, "{}", report.out);
            told.records.lock().expect("no thread has panicked").extend(observations);
            number += 1;
        } else {
            *told.attempts.lock().expect("no thread has panicked") += 1;
        }
    }
}

/// One note after the other; a note that was not acknowledged is not written again, as it may have been kept all the same.
fn write_on_and_on(clinic: &Hand, patient: &str, told: &Acknowledged, over: &AtomicBool) {
    for number in 0.. {
        if over.load(Ordering::Acquire) {
            return;
        }
        let text = format!("経過 {number} 変わりなし");
        let words = ["note", "write", patient, "--text", &text, "--staff", STAFF];
        if clinic.ask(&words).ok {
            told.notes.lock().expect("no thread has panicked").push(text);
        } else {
            *told.attempts.lock().expect("no thread has panicked") += 1;
        }
    }
}

/// Cuts one, two or all of them at once, sometimes while they are still coming up, until there were enough; all run at the end.
fn cut_on_and_on(
    dice: &mut Dice,
    relay: &mut Relay,
    hospital: &mut Node,
    clinic: &mut Node,
) -> usize {
    let mut cuts = 0;
    while cuts < CUTS {
        thread::sleep(dice.span(UP_MAX));
        let victims = 1 + dice.below(7);
        let [cut_relay, cut_hospital, cut_clinic] = [1, 2, 4].map(|bit| victims & bit != 0);
        let flickers: [Option<Duration>; 3] =
            std::array::from_fn(|_| dice.once_in(3).then(|| dice.span(FLICKER_MAX)));
        if cut_relay {
            relay.kill();
        }
        if cut_hospital {
            hospital.kill();
        }
        if cut_clinic {
            clinic.kill();
        }
        cuts += victims.count_ones() as usize;
        thread::scope(|scope| {
            if cut_relay {
                scope.spawn(|| {
                    flickers[0].iter().for_each(|after| relay.flicker(*after));
                    until("the relay starts", || relay.try_start().ok());
                });
            }
            for (is_cut, node, flicker) in [
                (cut_hospital, &mut *hospital, flickers[1]),
                (cut_clinic, &mut *clinic, flickers[2]),
            ] {
                if is_cut {
                    scope.spawn(move || {
                        flicker.iter().for_each(|after| node.flicker(*after));
                        node.start_among_others();
                        node.verify();
                    });
                }
            }
        });
        let flickered = [cut_relay, cut_hospital, cut_clinic].into_iter().zip(flickers);
        cuts += flickered.filter(|(is_cut, flicker)| *is_cut && flicker.is_some()).count();
    }
    cuts
}

fn holds(found: &[String], wanted: &[String]) -> bool {
    let found: std::collections::BTreeSet<&String> = found.iter().collect();
    wanted.iter().all(|text| found.contains(text))
}

fn counted(texts: Vec<String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for text in texts {
        *counts.entry(text).or_default() += 1;
    }
    counts
}
