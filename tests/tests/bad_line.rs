//! A clinic at the end of a bad line, which is narrow, slow and lossy, and where datagrams overtake each other. While its first sync
//! goes on its address changes, the line is cut, and both ends are killed. All arrives, little of it twice, and nothing is said to
//! be whole before it is.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use azalea_simulations::line::Quality;
use azalea_tests::fhir::{bundle, observation, patient};
use azalea_tests::{CLINIC, Dice, HOSPITAL, Hand, Node, Part, Region, Sent, Tally, until};

/// A reader on a perfect line, to know what there is to send.
const NEAR: Part = Part { slug: "near", code: "2501000052", ..CLINIC };
const BAD: Quality = Quality {
    delay: Duration::from_millis(60),
    jitter: Duration::from_millis(40),
    loss: 0.05,
    bytes_per_second: 30_000,
};
/// What the hospital imports of each patient, one file after the other. Each year of a file is sealed by itself.
const FILES: usize = 10;
const YEARS: std::ops::Range<u32> = 2_001..2_021;
const RECORDS_PER_YEAR: usize = 10;
/// What three breaks in less than a minute may cost: at each what was under way, which is a second's worth of the line or two.
const TWICE_MAX: f64 = 0.2;

#[test]
fn a_first_sync_over_a_bad_line_goes_on_where_it_broke_off_and_says_that_it_is_whole_only_when_it_is()
 {
    let mut region = Region::start();
    let hospital = region.join(&HOSPITAL);
    let mut near = region.joined(&NEAR);
    let mut far = region.joined(&CLINIC);
    hospital.in_step();
    let records = charts(&region, &hospital);

    let tally = Tally::begin(&region.relay);
    near.start();
    near.completes(&HOSPITAL);
    let payload = tally.so_far(&region.relay);
    near.stop();

    far.line.set_quality(BAD);
    far.start();
    let mut tally = Tally::begin(&region.relay);
    let over = AtomicBool::new(false);
    let hand = far.hand();
    thread::scope(|scope| {
        let honest = scope.spawn(|| claims(&hand, records, &over));
        let ending = Ending(&over);
        accidents(&mut region, &mut far, &mut tally, &payload);
        far.completes(&HOSPITAL);
        drop(ending);
        assert!(honest.join().expect("it was honest") > 10, "hardly anybody looked");
    });
    assert_eq!(far.export(&["--all"]).len(), records);

    let sent = tally.so_far(&region.relay);
    let twice = sent.bytes as f64 / payload.bytes as f64 - 1.0;
    println!("{payload:?} to send, {sent:?} sent: {:.1} % twice", twice * 100.0);
    assert!(sent.envelopes >= payload.envelopes, "the relay's counters tell of all: {sent:?}");
    assert!(twice <= TWICE_MAX, "sent {sent:?} where there is {payload:?}");
    far.verify();
}

/// Everything that a line does, one after the other, each once something has passed since the one before.
fn accidents(region: &mut Region, far: &mut Node, tally: &mut Tally, payload: &Sent) {
    let passed = |region: &Region, tally: &Tally, percent: u64| {
        until(&format!("{percent} % has been sent"), || {
            (tally.so_far(&region.relay).bytes * 100 >= payload.bytes * percent).then_some(())
        });
    };
    // Another address, as from a router that was started anew, or from another network: the connection goes on.
    passed(region, tally, 10);
    let (sessions, since) = (tally.so_far(&region.relay).sessions, link_since(far));
    let addresses = far.line.traffic().addresses;
    far.line.change_address();
    passed(region, tally, 30);
    // More than once where the clinic moved by itself besides, because nothing was answered for a while.
    assert!(far.line.traffic().addresses > addresses, "the relay sees it elsewhere");
    // A short cut: the connection waits for it to be over.
    let dropped = far.line.traffic().dropped;
    far.line.cut();
    until("something is lost", || (far.line.traffic().dropped > dropped + 5).then_some(()));
    far.line.restore();
    passed(region, tally, 40);
    // In one session nothing is sent twice.
    assert_eq!(tally.so_far(&region.relay).sessions, sessions, "the same session");
    assert_eq!(link_since(far), since);

    // A long one, and whatever else ends a session.
    far.line.cut();
    until("the clinic notices", || (far.status()["link"] != "connected").then_some(()));
    far.line.restore();
    until("there is a session again", || {
        (tally.so_far(&region.relay).sessions > sessions).then_some(())
    });
    passed(region, tally, 55);

    far.kill();
    far.start_among_others();
    passed(region, tally, 70);

    tally.kill(&mut region.relay);
    region.relay.start();
}

/// Since when the clinic has its connection.
fn link_since(node: &Node) -> String {
    node.status()["link_since"].as_str().expect("a connection").to_owned()
}

/// Two patients' charts for both clinics; how many records that is. What is written in them does not shrink.
fn charts(region: &Region, hospital: &Node) -> usize {
    let mut dice = Dice::new(47);
    let mut records = 0;
    for local in ["0004711", "0004712"] {
        let who = patient(local, "佐竹", "みつ", "サタケ ミツ", "1948-03-03");
        hospital.import(&region.write("patient.json", &bundle(&[who])));
        hospital.consent(local, &[&NEAR, &CLINIC]);
        records += 1;
        for file in 0..FILES {
            let results: Vec<String> = YEARS
                .flat_map(|year| (0..RECORDS_PER_YEAR).map(move |place| (year, place)))
                .map(|(year, place)| {
                    let letters = (0..400).map(|_| char::from(b'a' + dice.below(26) as u8));
                    let (id, day) =
                        (format!("{local}-{file}-{year}-{place}"), format!("{year}-10-01"));
                    observation(&id, local, &day, &letters.collect::<String>(), "1.50")
                })
                .collect();
            hospital.import(&region.write("results.json", &bundle(&results)));
            records += results.len();
        }
    }
    hospital.in_step();
    records
}

/// Looks at what a reader says of itself until it is over: whenever that is *complete*, every record is there. How often it was looked
/// at.
fn claims(reader: &Hand, records: usize, over: &AtomicBool) -> usize {
    let mut looks = 0;
    while !over.load(Ordering::Acquire) {
        // Nothing is said while it was killed.
        let told = reader.ask(&["status"]).json();
        let mut publishers = told["publishers"].as_array().into_iter().flatten();
        let is_complete =
            publishers.any(|it| it["name"] == HOSPITAL.name && it["freshness"] == "complete");
        if is_complete || told["caught_up"] == true {
            let held = reader.export(&["--all"]).len();
            assert_eq!(held, records, "said to be whole: {told}");
        }
        looks += 1;
    }
    looks
}

/// Ends the looking when the story ends, however it ends.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
