//! A clinic far out: its first sync over a line that is narrow, slow, lossy and cut again and again; on demand the line's address
//! changes besides, and both ends are killed in the middle.
//!
//! What there is to send is what a neighbour on a perfect line is sent. What goes beyond that was sent twice.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use azalea_simulations::line::Quality;
use azalea_tests::{CLINIC, HOSPITAL, Hand, Node, Part, Region, Relay, Tally, until_within};
use serde::Serialize;

use super::{Arguments, population, row, size, time};

/// A reader on a perfect line, to know what there is to send.
const NEAR: Part = Part { slug: "near", code: "2501000052", ..CLINIC };
/// Whose charts of a year are about 5,000 records.
const PATIENTS: u64 = 17;
/// A round trip takes at least twice this.
const DELAY: Duration = Duration::from_millis(300);
const LOSS: f64 = 0.05;
/// The line stands for so long, and is then cut for so long.
const STANDS: Duration = Duration::from_secs(20);
const CUT: Duration = Duration::from_secs(3);
/// The pause between two looks at what is due.
const LOOK: Duration = Duration::from_millis(20);
/// Longer than that and it does not come to an end, in times of what it takes at best.
const TIMES_MAX: u32 = 10;

/// What is done to the sync.
pub(super) struct Plan {
    /// What the line carries each way.
    pub(super) bytes_per_second: u64,
    /// Whether the line's address changes and both ends are killed.
    pub(super) is_killed: bool,
    /// Whether a program reads the result.
    pub(super) json: bool,
}

/// What came of it. A size is in bytes, a time in seconds.
#[derive(Serialize)]
struct Measured {
    bytes_per_second: u64,
    is_killed: bool,
    patients: u64,
    records: u64,
    json_bytes: u64,
    /// What there is to send, each envelope once.
    payload_envelopes: u64,
    payload_bytes: u64,
    /// Until all was there, and how long the line was cut meanwhile.
    took: f64,
    outages: f64,
    /// `took` over what payload, bandwidth and outages make at best.
    times_best: f64,
    /// In the time in which the line stood.
    first_patient: Option<f64>,
    sent_envelopes: u64,
    sent_bytes: u64,
    sent_twice_percent: f64,
    /// Sessions that the relay began meanwhile, the hospital's after a kill included.
    sessions: u64,
    /// Datagrams' content: over a perfect line, and over this one.
    near_down_bytes: u64,
    down_bytes: u64,
    up_bytes: u64,
}

/// What happens at one moment of the sync.
#[derive(Clone, Copy)]
enum Event {
    Cut,
    Restore,
    ChangeAddress,
    KillReader,
    KillRelay,
}

/// Syncs about 5,000 records.
pub(super) fn run(plan: &Plan) {
    let mut region = Region::start();
    let hospital = region.join(&HOSPITAL);
    let mut near = region.joined(&NEAR);
    let mut far = region.joined(&CLINIC);
    hospital.in_step();
    let charts = region.path("charts");
    let written = population(&Arguments::of(PATIENTS, 1), &charts);
    hospital.import(&charts);
    for patient in &written.patients {
        hospital.consent(patient, &[&NEAR, &CLINIC]);
    }
    hospital.in_step();
    let patients = written.patients.len() as u64;

    let tally = Tally::begin(&region.relay);
    let wire = near.line.traffic();
    near.start();
    until_within(Duration::from_secs(120), "the near clinic holds every patient", || {
        is_whole(&near, patients).then_some(())
    });
    let payload = tally.so_far(&region.relay);
    let near_down_bytes = near.line.traffic().down_bytes - wire.down_bytes;
    near.stop();

    let bytes_per_second = plan.bytes_per_second;
    let quality = Quality { delay: DELAY, loss: LOSS, bytes_per_second, ..Quality::default() };
    far.line.set_quality(quality);
    let wire = far.line.traffic();
    let mut tally = Tally::begin(&region.relay);
    let best = Duration::from_secs_f64(payload.bytes as f64 / bytes_per_second as f64);
    let began = Instant::now();
    far.start();
    let watched = watch(&far, patients);
    let mut due = Due::new(plan, best);
    let mut line_time = LineTime::default();
    let mut first = None;
    let ended = loop {
        match watched.recv_timeout(LOOK) {
            Ok(Seen::First(at)) => first = Some(line_time.until(at - began)),
            Ok(Seen::Whole(at)) => break at,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => panic!("nobody watches any more"),
        }
        let since = began.elapsed();
        assert!(since < best * TIMES_MAX + Duration::from_secs(300), "it does not come to an end");
        while let Some(event) = due.next(since) {
            line_time.note(event, began.elapsed());
            carry_out(event, &mut far, &mut region.relay, &mut tally);
        }
    };
    let took = ended - began;
    let outages = took - line_time.until(took);
    let sent = tally.so_far(&region.relay);
    let traffic = far.line.traffic();
    far.line.restore();
    far.verify();
    let measured = Measured {
        bytes_per_second,
        is_killed: plan.is_killed,
        patients,
        records: written.records,
        json_bytes: written.bytes,
        payload_envelopes: payload.envelopes,
        payload_bytes: payload.bytes,
        took: took.as_secs_f64(),
        outages: outages.as_secs_f64(),
        times_best: took.as_secs_f64() / (best + outages).as_secs_f64(),
        first_patient: first.map(|at| at.as_secs_f64()),
        sent_envelopes: sent.envelopes,
        sent_bytes: sent.bytes,
        sent_twice_percent: 100.0 * (sent.bytes as f64 / payload.bytes as f64 - 1.0),
        sessions: sent.sessions,
        near_down_bytes,
        down_bytes: traffic.down_bytes - wire.down_bytes,
        up_bytes: traffic.up_bytes - wire.up_bytes,
    };
    match plan.json {
        true => println!("{}", serde_json::to_string(&measured).expect("plain data")),
        false => measured.print(),
    }
}

impl Measured {
    fn print(&self) {
        let Self { records, patients, sent_envelopes, payload_envelopes, sessions, .. } = self;
        let json = size(self.json_bytes);
        row("to sync", &format!("{records} records of {patients} people, {json} JSON"));
        let payload = size(self.payload_bytes);
        row("entries to send", &format!("{payload_envelopes}, {payload}"));
        let (took, outages) =
            (Duration::from_secs_f64(self.took), Duration::from_secs_f64(self.outages));
        row(
            "until in step",
            &format!(
                "{}, of that {} cut; {:.2} × (payload / bandwidth + cuts)",
                time(took),
                time(outages),
                self.times_best
            ),
        );
        let first = self.first_patient.map(Duration::from_secs_f64);
        row("first patient readable, in line time", &first.map_or("never".to_owned(), time));
        row("entries sent", &format!("{sent_envelopes}, {}", size(self.sent_bytes)));
        row("bytes of entries sent twice", &format!("{:.1} %", self.sent_twice_percent));
        row("sessions begun", &sessions.to_string());
        row(
            "on the wire",
            &format!(
                "{} down, {} up; {} down over a perfect line",
                size(self.down_bytes),
                size(self.up_bytes),
                size(self.near_down_bytes)
            ),
        );
    }
}

/// What is still to come, the next at the end.
struct Due {
    accidents: Vec<(Duration, Event)>,
    /// When the line is cut or restored next.
    next: (Duration, Event),
}

impl Due {
    /// Accidents happen where so much of the transfer would be over at best.
    fn new(plan: &Plan, best: Duration) -> Self {
        let accidents = match plan.is_killed {
            true => vec![
                (best.mul_f64(0.75), Event::KillRelay),
                (best.mul_f64(0.5), Event::KillReader),
                (best.mul_f64(0.25), Event::ChangeAddress),
            ],
            false => Vec::new(),
        };
        Self { accidents, next: (STANDS, Event::Cut) }
    }

    fn next(&mut self, since: Duration) -> Option<Event> {
        if let Some((_, event)) = self.accidents.pop_if(|(at, _)| *at <= since) {
            return Some(event);
        }
        let (at, event) = self.next;
        if since < at {
            return None;
        }
        self.next = match event {
            Event::Cut => (at + CUT, Event::Restore),
            _ => (at + STANDS, Event::Cut),
        };
        Some(event)
    }
}

/// For how long the line has stood.
#[derive(Default)]
struct LineTime {
    outages: Duration,
    cut_since: Option<Duration>,
}

impl LineTime {
    fn note(&mut self, event: Event, at: Duration) {
        match event {
            Event::Cut => self.cut_since = Some(at),
            Event::Restore => {
                self.outages += self.cut_since.take().map_or(Duration::ZERO, |cut| at - cut)
            }
            _ => {}
        }
    }

    /// At a moment since the last cut or restoring.
    fn until(&self, at: Duration) -> Duration {
        let now_cut = self.cut_since.map_or(Duration::ZERO, |cut| at.saturating_sub(cut));
        at.saturating_sub(self.outages + now_cut)
    }
}

fn carry_out(event: Event, far: &mut Node, relay: &mut Relay, tally: &mut Tally) {
    match event {
        Event::Cut => far.line.cut(),
        Event::Restore => far.line.restore(),
        Event::ChangeAddress => far.line.change_address(),
        Event::KillReader => {
            far.kill();
            far.start_among_others();
        }
        Event::KillRelay => {
            tally.kill(relay);
            relay.start();
        }
    }
}

/// What a look at the reader showed, and when.
enum Seen {
    First(Instant),
    Whole(Instant),
}

/// Looks at the reader, beside what is done to it, until it holds everything.
fn watch(reader: &Hand, patients: u64) -> mpsc::Receiver<Seen> {
    let reader = reader.clone();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut is_readable = false;
        loop {
            if !is_readable && !reader.export(&["--all"]).is_empty() {
                is_readable = true;
                // Whoever asked is gone only where it has given up.
                let _ = tell.send(Seen::First(Instant::now()));
            }
            if is_readable && is_whole(&reader, patients) {
                let _ = tell.send(Seen::Whole(Instant::now()));
                return;
            }
            std::thread::sleep(LOOK);
        }
    });
    told
}

/// Whether all is there; not while it was killed.
fn is_whole(reader: &Hand, patients: u64) -> bool {
    let told = reader.ask(&["status"]).json();
    told["caught_up"] == true && told["waiting"] == 0 && told["patients"] == patients
}
