//! A first sketch of the region in one process: the real engines, virtual time, and bad luck from a seed.
//!
//! ```text
//! replicas (sync-core) ── links that are slow, cut, broken ── mailbox (relay)
//!      │                                                        │
//!   disks that are slow, and forget what was not durable when the process is killed
//! ```
//!
//! Nothing here waits or looks at a clock: the next event is taken from a queue ordered by virtual time, so
//! that a month passes in seconds and the same seed gives the same trace. A world is disturbed for a while,
//! then healed, and then has to be right: see [`check`].

pub mod check;
mod council;
mod disk;
mod facility;
mod relay;

use std::collections::BTreeMap;

use azalea_core::id::{FacilityId, PatientId, Timestamp};
use azalea_core::identity::FacilityKind;
use azalea_core::replica::command::{Command, Outcome, Staff, Who};
use azalea_core::sync::message::Message;
use azalea_relay::mailbox::SessionId;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::population::Dice;
use council::Council;
pub use facility::{Facility, Held};
use relay::Relay;

/// What a world is made of and how much befalls it.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The seed of everything.
    pub seed: u64,
    /// Hospitals that disclose.
    pub hospitals: usize,
    /// Clinics that read.
    pub clinics: usize,
    /// Patients of each hospital.
    pub patients: usize,
    /// For how long things are written and broken, in virtual seconds.
    pub seconds: u64,
    /// How many faults in that time.
    pub faults: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { seed: 1, hospitals: 2, clinics: 2, patients: 4, seconds: 600, faults: 20 }
    }
}

/// The region.
pub struct World {
    options: Options,
    now: Timestamp,
    dice: Dice,
    queue: BTreeMap<(Timestamp, u64), Event>,
    next_event: u64,
    next_session: u64,
    relay: Relay,
    facilities: Vec<Facility>,
    /// What was asked for and not done yet, to be asked again.
    jobs: Vec<Job>,
    consents: Vec<Consent>,
    trace: blake3::Hasher,
    events: u64,
}

/// A consent that was recorded.
#[derive(Clone, Debug)]
pub struct Consent {
    /// The hospital that recorded it.
    pub hospital: usize,
    /// Its own number of the patient.
    pub local: String,
    /// The network's number.
    pub patient: PatientId,
}

#[derive(Debug)]
enum Event {
    RelayGets {
        session: SessionId,
        life: u64,
        message: Message,
    },
    FacilityGets {
        place: usize,
        session: SessionId,
        message: Message,
    },
    /// Both ends find out that a connection is dead.
    Lost {
        place: usize,
        session: SessionId,
    },
    Reconnect {
        place: usize,
    },
    RelayDisk {
        life: u64,
    },
    FacilityDisk {
        place: usize,
        life: u64,
    },
    RelayWakes {
        life: u64,
    },
    FacilityWakes {
        place: usize,
        life: u64,
    },
    Job(usize),
    Fault(Fault),
}

/// What befalls the region.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Cut { place: usize },
    Restore { place: usize },
    KillFacility { place: usize },
    StartFacility { place: usize },
    KillRelay,
    StartRelay,
    FillDisk { place: usize },
    EmptyDisk { place: usize },
}

/// Something that a person or a system wants.
#[derive(Clone, Debug)]
enum Job {
    Import { place: usize, local: String, number: u64, version: u64 },
    Consent { place: usize, local: String },
    Note { place: usize, number: u64 },
}

impl World {
    /// A region in which everybody has joined and nothing has happened.
    pub fn new(options: Options) -> Self {
        let dice = Dice::new(options.seed);
        let mut rng = StdRng::seed_from_u64(options.seed);
        let now = Timestamp(START_MS);
        let mut council = Council::new(&mut rng, now);
        let kinds = std::iter::repeat_n(FacilityKind::Hospital, options.hospitals)
            .chain(std::iter::repeat_n(FacilityKind::Clinic, options.clinics));
        let identities: Vec<_> = kinds.map(|kind| council.enrol(&mut rng, kind, now)).collect();
        let relay = Relay::new(&council, options.seed, now);
        let facilities = identities
            .into_iter()
            .enumerate()
            .map(|(place, identity)| Facility::new(place, identity, &council, options.seed, now))
            .collect();
        let mut world = Self {
            options,
            now,
            dice: dice.fork("world", 0),
            queue: BTreeMap::new(),
            next_event: 0,
            next_session: 0,
            relay,
            facilities,
            jobs: Vec::new(),
            consents: Vec::new(),
            trace: blake3::Hasher::new(),
            events: 0,
        };
        world.publish(&council);
        world.plan();
        world
    }

    /// Lets things happen, heals the region, and lets it come to rest.
    pub fn run(&mut self) {
        self.until(Timestamp(START_MS + self.options.seconds * 1_000));
        self.heal();
        self.until(self.now.plus_ms(REST_MS));
    }

    /// The facilities as they are now.
    pub fn facilities(&self) -> &[Facility] {
        &self.facilities
    }

    /// Consents that were recorded.
    pub fn consents(&self) -> &[Consent] {
        &self.consents
    }

    /// Which facility has this id.
    pub fn place_of(&self, facility: &FacilityId) -> Option<usize> {
        self.facilities.iter().position(|each| each.id() == *facility)
    }

    /// A digest over everything that happened, in its order.
    pub fn trace(&self) -> String {
        self.trace.clone().finalize().to_hex().to_string()
    }

    /// How many events there were.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The relay tells the registry of everybody, before anybody connects.
    fn publish(&mut self, council: &Council) {
        self.relay.publish(self.now, council.certificates());
        self.drain_relay();
        while self.relay.is_busy() {
            let now = self.now;
            self.relay.disk_step(now);
            self.drain_relay();
        }
        for place in 0..self.facilities.len() {
            let wait = self.dice.below(3_000);
            self.after(wait, Event::Reconnect { place });
        }
        self.after(100, Event::RelayWakes { life: self.relay.life() });
    }

    /// Draws what people will do and what will break.
    fn plan(&mut self) {
        let span = self.options.seconds * 1_000;
        for place in 0..self.options.hospitals {
            for patient in 0..self.options.patients {
                let local = format!("p{place}{patient}");
                for number in 0..6 {
                    for version in 0..=self.dice.below(3) {
                        let at = self.dice.below(span / 2) + version * span / 8;
                        let local = local.clone();
                        self.job(at, Job::Import { place, local, number, version });
                    }
                }
                let at = span / 20 + self.dice.below(span / 2);
                self.job(at, Job::Consent { place, local });
            }
        }
        for number in 0..self.options.clinics as u64 * 6 {
            let place = self.options.hospitals + number as usize % self.options.clinics.max(1);
            let at = span / 3 + self.dice.below(span / 2);
            self.job(at, Job::Note { place, number });
        }
        for _ in 0..self.options.faults {
            let at = self.dice.below(span * 9 / 10);
            let lasts = 500 + self.dice.below(span / 8);
            let place = self.dice.below(self.facilities.len() as u64) as usize;
            let (begin, end) = match self.dice.below(10) {
                0..4 => (Fault::Cut { place }, Fault::Restore { place }),
                4..7 => (Fault::KillFacility { place }, Fault::StartFacility { place }),
                7..9 => (Fault::KillRelay, Fault::StartRelay),
                _ => (Fault::FillDisk { place }, Fault::EmptyDisk { place }),
            };
            self.after(at, Event::Fault(begin));
            self.after(at + lasts, Event::Fault(end));
        }
    }

    fn job(&mut self, after_ms: u64, job: Job) {
        self.jobs.push(job);
        self.after(after_ms, Event::Job(self.jobs.len() - 1));
    }

    fn after(&mut self, ms: u64, event: Event) {
        self.at(self.now.plus_ms(ms), event);
    }

    fn at(&mut self, at: Timestamp, event: Event) {
        self.next_event += 1;
        self.queue.insert((at.max(self.now), self.next_event), event);
    }

    fn until(&mut self, end: Timestamp) {
        while let Some((&(at, number), _)) = self.queue.first_key_value() {
            if at > end {
                break;
            }
            let event = self.queue.remove(&(at, number)).expect("looked at just above");
            self.now = at;
            self.events += 1;
            self.trace.update(format!("{} {event:?}\n", at.0).as_bytes());
            self.happen(event);
        }
        self.now = end;
    }

    fn heal(&mut self) {
        for place in 0..self.facilities.len() {
            self.fault(Fault::Restore { place });
            self.fault(Fault::EmptyDisk { place });
            self.fault(Fault::StartFacility { place });
        }
        self.fault(Fault::StartRelay);
        self.queue.retain(|_, event| !matches!(event, Event::Fault(_)));
    }

    fn happen(&mut self, event: Event) {
        let now = self.now;
        match event {
            Event::RelayGets { session, life, message } => {
                if life == self.relay.life() && self.relay.has(session) {
                    self.relay.received(now, session, message);
                    self.drain_relay();
                }
            }
            Event::FacilityGets { place, session, message } => {
                if self.facilities[place].session() == Some(session) {
                    self.facilities[place].received(now, message);
                    self.drain_facility(place);
                }
            }
            Event::Lost { place, session } => self.lost(place, session),
            Event::Reconnect { place } => self.connect(place),
            Event::RelayDisk { life } => {
                if life == self.relay.life() {
                    self.relay.disk_step(now);
                    self.drain_relay();
                }
            }
            Event::FacilityDisk { place, life } => {
                if life == self.facilities[place].life() {
                    self.facilities[place].disk_step(now);
                    self.drain_facility(place);
                }
            }
            Event::RelayWakes { life } => {
                if life == self.relay.life() {
                    self.relay.tick(now);
                    self.drain_relay();
                    let next = self.relay.wake_at().unwrap_or(now.plus_ms(5_000));
                    self.at(next.max(now.plus_ms(50)), Event::RelayWakes { life });
                }
            }
            Event::FacilityWakes { place, life } => {
                if life == self.facilities[place].life() {
                    self.facilities[place].tick(now);
                    self.drain_facility(place);
                }
            }
            Event::Job(number) => self.attempt(number),
            Event::Fault(fault) => self.fault(fault),
        }
    }

    fn fault(&mut self, fault: Fault) {
        let now = self.now;
        match fault {
            Fault::Cut { place } => self.facilities[place].line_open = false,
            Fault::Restore { place } => self.facilities[place].line_open = true,
            Fault::FillDisk { place } => self.facilities[place].disk_full = true,
            Fault::EmptyDisk { place } => self.facilities[place].disk_full = false,
            Fault::KillFacility { place } => {
                let torn = self.dice.chance(0.5);
                if let Some(session) = self.facilities[place].kill(torn) {
                    self.after(IDLE_MS, Event::Lost { place, session });
                }
            }
            Fault::StartFacility { place } => {
                if self.facilities[place].start(now) {
                    self.drain_facility(place);
                    self.after(500, Event::Reconnect { place });
                }
            }
            Fault::KillRelay => {
                let torn = self.dice.chance(0.5);
                self.relay.kill(torn);
                for place in 0..self.facilities.len() {
                    if let Some(session) = self.facilities[place].session() {
                        self.after(IDLE_MS, Event::Lost { place, session });
                    }
                }
            }
            Fault::StartRelay => {
                if self.relay.start(now) {
                    self.drain_relay();
                    self.after(50, Event::RelayWakes { life: self.relay.life() });
                }
            }
        }
    }

    fn connect(&mut self, place: usize) {
        let now = self.now;
        let facility = &self.facilities[place];
        let idle = facility.is_up() && facility.session().is_none();
        if !idle {
            return;
        }
        if !facility.line_open || !self.relay.is_up() {
            self.after(RETRY_MS, Event::Reconnect { place });
            return;
        }
        self.next_session += 1;
        let session = SessionId(self.next_session);
        let key = facility.key();
        self.relay.opened(now, session, place, key);
        self.drain_relay();
        self.facilities[place].connected(now, session);
        self.drain_facility(place);
    }

    fn lost(&mut self, place: usize, session: SessionId) {
        let now = self.now;
        if self.facilities[place].session() == Some(session) {
            self.facilities[place].disconnected(now);
            self.drain_facility(place);
            let wait = RETRY_MS + self.dice.below(1_000);
            self.after(wait, Event::Reconnect { place });
        }
        if self.relay.has(session) {
            self.relay.closed(now, session);
            self.drain_relay();
        }
    }

    /// A message is on its way; on a cut line it never arrives, and both ends find out later.
    fn carry(&mut self, place: usize, session: SessionId, message: Message, to_relay: bool) {
        if !self.facilities[place].line_open {
            self.after(IDLE_MS, Event::Lost { place, session });
            self.facilities[place].broken = Some(session);
            return;
        }
        // A stream with a hole in it delivers nothing that comes after the hole.
        if self.facilities[place].broken == Some(session) {
            return;
        }
        let travel = 5 + self.dice.below(40);
        let arrives = self.facilities[place].arrival(self.now.plus_ms(travel), to_relay);
        let event = if to_relay {
            Event::RelayGets { session, life: self.relay.life(), message }
        } else {
            Event::FacilityGets { place, session, message }
        };
        self.at(arrives, event);
    }

    fn drain_relay(&mut self) {
        let now = self.now;
        for (session, message) in self.relay.take_sent() {
            if let Some(place) = self.relay.place_of(session) {
                self.carry(place, session, message, false);
            }
        }
        for session in self.relay.take_closed() {
            if let Some(place) = self.relay.place_of(session) {
                self.after(60, Event::Lost { place, session });
            }
        }
        if self.relay.wants_disk() {
            let wait = 1 + self.dice.below(6);
            self.at(now.plus_ms(wait), Event::RelayDisk { life: self.relay.life() });
        }
    }

    fn drain_facility(&mut self, place: usize) {
        let now = self.now;
        let session = self.facilities[place].session();
        for message in self.facilities[place].take_sent() {
            if let Some(session) = session {
                self.carry(place, session, message, true);
            }
        }
        if let Some(session) = session.filter(|_| self.facilities[place].take_hangup()) {
            self.after(60, Event::Lost { place, session });
        }
        for outcome in self.facilities[place].take_done() {
            self.done(place, outcome);
        }
        let life = self.facilities[place].life();
        if self.facilities[place].wants_disk() {
            let wait = 1 + self.dice.below(8);
            self.at(now.plus_ms(wait), Event::FacilityDisk { place, life });
        }
        if let Some(at) = self.facilities[place].wants_wake() {
            self.at(at.max(now.plus_ms(20)), Event::FacilityWakes { place, life });
        }
    }

    /// Asks for a job; when it cannot be done yet it is asked for again.
    fn attempt(&mut self, index: usize) {
        let job = self.jobs[index].clone();
        let place = job.place();
        if !self.facilities[place].is_up() {
            self.after(RETRY_MS, Event::Job(index));
            return;
        }
        let now = self.now;
        let command = match &job {
            Job::Import { local, number, version, .. } => {
                facility::import(local, *number, *version, now)
            }
            Job::Consent { local, .. } => {
                let me = self.facilities[place].id();
                let facilities =
                    self.facilities.iter().map(Facility::id).filter(|id| *id != me).collect();
                let patient = Who::Local(local.clone());
                let by = Staff("clerk".to_owned());
                Command::GiveConsent { patient, facilities, until: None, by }
            }
            Job::Note { number, .. } => {
                let Some(patient) = self.facilities[place].some_patient(*number) else {
                    self.after(RETRY_MS, Event::Job(index));
                    return;
                };
                facility::note(patient, *number)
            }
        };
        self.facilities[place].command(now, index, command);
        self.drain_facility(place);
    }

    fn done(&mut self, place: usize, (index, outcome): (usize, Option<Outcome>)) {
        let Some(outcome) = outcome else {
            self.after(RETRY_MS, Event::Job(index));
            return;
        };
        match (&self.jobs[index], outcome) {
            (Job::Consent { local, .. }, Outcome::Given { patient, .. }) => {
                let consent = Consent { hospital: place, local: local.clone(), patient };
                self.consents.push(consent);
            }
            (Job::Import { local, number, version, .. }, Outcome::Imported(_)) => {
                self.facilities[place].acknowledge_import(local, *number, *version);
            }
            (Job::Note { number, .. }, Outcome::Saved { .. }) => {
                self.facilities[place].acknowledge_note(*number);
            }
            _ => {}
        }
    }
}

impl Job {
    fn place(&self) -> usize {
        match self {
            Self::Import { place, .. } | Self::Consent { place, .. } | Self::Note { place, .. } => {
                *place
            }
        }
    }
}

/// Virtual time begins here: certificates need a past.
const START_MS: u64 = 1_800_000_000_000;
/// How long a dead connection goes unnoticed.
const IDLE_MS: u64 = 9_000;
/// The pause before something is tried again.
const RETRY_MS: u64 = 2_000;
/// How long a healed region may take to come to rest.
const REST_MS: u64 = 300_000;
