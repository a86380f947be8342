//! The region in one process: the real engines, virtual time, and bad luck from a seed.
//!
//! ```text
//! people ─ replicas (sync-core) ── datagrams lost, doubled, late; cuts; moves ── hostile? ── mailbox (relay)
//!               │                                                                              │
//!            disks that are slow, full, unreadable, that rot, and forget what was not durable when the process dies
//! ```
//!
//! Nothing here waits or looks at a clock: the next event is taken from a queue ordered by virtual time, so
//! that a month passes in seconds and the same seed gives the same trace. A run has three phases: while it is
//! disturbed nothing may be claimed that is not so; then the region is healed; then it has to come to rest within
//! a stated time, and be right. What *right* is, the checkers say, one property each: see [`check`].

mod ahead;
mod atlas;
pub mod campaign;
pub mod check;
mod clock;
mod council;
mod crew;
mod days;
mod disk;
mod event;
mod facility;
mod fault;
mod hostile;
mod link;
mod load;
mod mutation;
mod opening;
mod operator;
mod options;
mod panel;
mod people;
mod queue;
mod relay;
pub mod report;
mod staff;
mod trace;
mod traffic;
mod transit;
mod truth;
mod watch;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use azalea_core::envelope::Formats;
use azalea_core::id::Timestamp;
use azalea_core::identity::Signatures;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::population::Dice;
pub use atlas::Place;
use clock::Clock;
use council::{Council, Member};
pub use crew::Devices;
use crew::{Crew, Seat};
use days::Days;
pub use days::Work;
use event::Event;
pub use facility::{Facility, Held, HeldNote};
use fault::Fault;
use hostile::Hostile;
pub use hostile::{Notice, Noticed, Trick};
pub use link::{Datagrams, Quality};
use link::{Link, Way};
use load::Fed;
pub use mutation::Mutation;
pub use options::{Faults, Options, Region};
use people::Asked;
use queue::Queue;
use relay::Relay;
use staff::Staff;
use trace::Trace;
use truth::{Standing, Truth};
pub use watch::{Charts, Sample, Watch};

/// The region.
pub struct World {
    options: Options,
    mutation: Option<Mutation>,
    now: Timestamp,
    dice: Dice,
    rng: StdRng,
    queue: Queue,
    next_session: u64,
    council: Council,
    /// What stands where.
    atlas: Vec<Place>,
    members: Vec<Member>,
    relay: Seat<Relay>,
    facilities: Devices,
    /// The line of each.
    links: Vec<Link>,
    /// What the relay feeds each.
    fed: Vec<Fed>,
    crew: Arc<Crew>,
    /// Where each facility's first device is.
    places: BTreeMap<azalea_core::id::FacilityId, usize>,
    probes: usize,
    /// When devices are looked at next.
    probe_at: Timestamp,
    /// Of those that are looked at then, who can be read before.
    unread: Vec<usize>,
    /// On how many threads the region is worked at; what happens in it does not hang on that.
    threads: usize,
    signatures: Signatures,
    /// The run is over; what is left is to judge it.
    is_over: bool,
    hostile: Hostile,
    hostile_member: Member,
    /// The relay has forgotten what the council said since its backup, and must be told again.
    told_again: bool,
    jobs: Vec<Asked>,
    /// What is asked of devices that do not run, by place, once they do.
    parked: BTreeMap<usize, Vec<usize>>,
    /// Who lives in the region, where its work is counted by its patients.
    days: Option<Days>,
    staff: Staff,
    truth: Truth,
    trace: Trace,
    watch: Watch,
    findings: Vec<check::Finding>,
}

impl World {
    /// A region in which everybody has joined and nothing has happened.
    pub fn new(options: Options) -> Self {
        Self::mutated(options, None)
    }

    /// A region whose engine has a fault that the checkers should find.
    pub fn mutated(options: Options, mutation: Option<Mutation>) -> Self {
        // Hundreds of replicas on one thread, each of which verifies what the others have verified.
        let signatures = Signatures::keep(VERIFIED_KEPT);
        signatures.use_here();
        let dice = Dice::new(options.seed);
        let mut rng = StdRng::seed_from_u64(options.seed);
        let now = Timestamp(START_MS);
        // Certificates are a day old, so that a clock that runs late is not out of them.
        let issued = Timestamp(START_MS - 86_400_000);
        let statement_ms = options.statement_seconds * 1_000;
        let mut council = Council::new(&mut rng, issued, statement_ms, options.associations);
        let atlas = atlas::draw(&options);
        let mut members: Vec<Member> = Vec::new();
        for place in &atlas {
            let member = match place.tablet_of {
                Some(of) => council.tablet(&mut rng, &members[of].identity),
                None => council.enrol(&mut rng, place),
            };
            members.push(member);
        }
        let hostile_member = council.enrol(&mut rng, &atlas::HOSTILE);
        let joining = options.joining.min(members.len() - options.hospitals);
        for member in &members[..members.len() - joining] {
            council.admit(member);
        }
        council.admit(&hostile_member);
        let mut own = dice.fork("relay clock", 0);
        let skew = own.between(-options.relay_skew_ms, options.relay_skew_ms);
        let drift = own.between(-options.relay_drift_ppm, options.relay_drift_ppm);
        let clock = Clock::new(now, skew, drift);
        let relay = Relay::new(&council, options.seed, (now, clock), mutation);
        let mut world = Self {
            mutation,
            now,
            staff: Staff::nameless(&dice),
            dice: dice.fork("world", 0),
            rng,
            queue: Queue::default(),
            next_session: 0,
            council,
            relay: Seat::new(relay),
            facilities: Devices::default(),
            links: Vec::new(),
            fed: Vec::new(),
            crew: Arc::default(),
            places: BTreeMap::new(),
            probes: 0,
            probe_at: now,
            unread: Vec::new(),
            threads: 1,
            signatures,
            is_over: false,
            hostile: Hostile::new(options.tricks.clone(), &dice),
            hostile_member,
            told_again: false,
            jobs: Vec::new(),
            parked: BTreeMap::new(),
            days: None,
            truth: Truth::default(),
            trace: Trace::new(),
            watch: Watch::default(),
            findings: Vec::new(),
            atlas,
            members,
            options,
        };
        world.found(joining);
        world.plan_people();
        world.plan_faults();
        world.plan_probe();
        world
    }

    /// Works on so many threads; what happens, and its trace, is the same on any number.
    pub fn use_threads(&mut self, threads: usize) {
        self.threads = threads.max(1);
    }

    /// Prints every event as it happens.
    pub fn aloud(&mut self) {
        self.trace.aloud = true;
    }

    /// Lets things happen, heals the region, and lets it come to rest. What was found wrong, in the order found.
    pub fn run(&mut self) -> Vec<check::Finding> {
        if self.threads == 1 {
            return self.live();
        }
        let (crew, signatures) = (Arc::clone(&self.crew), self.signatures.clone());
        std::thread::scope(|scope| {
            for _ in 1..self.threads {
                scope.spawn(|| crew.serve(&signatures));
            }
            let findings = catch_unwind(AssertUnwindSafe(|| self.live()));
            crew.end();
            findings.unwrap_or_else(|panic| resume_unwind(panic))
        })
    }

    fn live(&mut self) -> Vec<check::Finding> {
        self.until(Timestamp(START_MS + self.options.seconds * 1_000));
        self.heal();
        let bound = self.now.plus_ms(self.options.rest_seconds * 1_000);
        let (mut rested, mut taken) = (false, None);
        // Rest shows in the publishers' next words; to look much more often costs more than the run.
        let look_ms = (self.options.statement_seconds * 250).clamp(5_000, 900_000);
        while self.now < bound && !rested {
            self.until(self.now.plus_ms(look_ms));
            // What was taken a moment ago may still be under way to those to whom nobody owes a statement of it: a
            // station's tablets, for one.
            let before = taken.replace(self.relay.report(self.now).map(|report| report.envelopes));
            rested = before == taken && check::liveness::is_at_rest(self);
        }
        self.watch.rested_ms = self.now.since_ms(self.truth.healed.unwrap_or(self.now));
        self.is_over = true;
        check::at_the_end(self);
        watch::tricks(self);
        std::mem::take(&mut self.findings)
    }

    /// What the run was drawn from.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The devices as they are now.
    pub fn facilities(&self) -> &Devices {
        &self.facilities
    }

    /// What stands where, by place.
    pub fn atlas(&self) -> &[Place] {
        &self.atlas
    }

    /// How many people work there now, where they are told apart.
    pub fn staff_now(&self) -> u64 {
        self.staff.many()
    }

    /// A digest over everything that happened, in its order.
    pub fn trace(&self) -> String {
        self.trace.digest()
    }

    /// How many events there were.
    pub fn events(&self) -> u64 {
        self.trace.events()
    }

    /// How many events there were of each kind.
    pub fn kinds(&self) -> &[(&'static str, u64)] {
        self.trace.kinds()
    }

    /// What was measured on the way.
    pub fn watch(&self) -> &Watch {
        &self.watch
    }

    /// What the lines did to datagrams.
    pub fn datagrams(&self) -> Datagrams {
        let mut all = Datagrams::default();
        self.links.iter().for_each(|link| all.add(link.counts()));
        all
    }

    /// Envelopes that had rotted in the relay's log and that it fetched again.
    pub fn mended(&self) -> u64 {
        self.relay.mended
    }

    /// What people were told is saved: imports, notes and edits together.
    pub fn saved(&self) -> usize {
        self.truth.imports.len() + self.truth.notes.len() + self.truth.edits.len()
    }

    /// Sets up the machines, and has the relay tell the registry of everybody who is there from the beginning.
    fn found(&mut self, joining: usize) {
        let (now, options) = (self.now, self.options.clone());
        for (place, member) in self.members.iter().enumerate() {
            let skew = match options.skew_ms {
                0 => 0,
                most => self.dice.between(-most, most),
            };
            let drift = self.dice.between(-options.drift_ppm, options.drift_ppm);
            let clock = Clock::new(now, skew, drift);
            let (identity, seed) = (member.identity.clone(), options.seed);
            let line = self.atlas[place].line;
            self.fed.push(Fed::default());
            self.links.push(Link::new(line, Dice::new(seed).fork("line", place as u64), now));
            let mut facility = Facility::new(place, identity, seed, clock, self.mutation);
            let after = options.snapshot_after as u64;
            facility.snapshot_after = (after > 0).then_some(after);
            if options.faults.upgrades > 0 {
                facility.install(fault::old_program());
            }
            self.places.entry(facility.id()).or_insert(place);
            self.facilities.push(facility);
        }
        // The hostile one and the relay itself are in the registry too.
        self.relay.devices = self.members.len() + 2;
        self.give_stores();
        self.relay.publish(now, 1, self.council.certificates());
        self.drain_relay();
        while self.relay.is_busy() {
            self.relay.disk_step(now);
            self.drain_relay();
        }
        self.queue.clear();
        for place in 0..self.facilities.len() - joining {
            let begun = self.facilities[place].join(now, self.council.given(), false);
            assert!(begun, "an empty disk that works keeps what enrolment gave");
            let wait = self.dice.below(3_000);
            self.after(wait, Event::Reconnect { place });
        }
        self.after(100, Event::RelayWakes { life: self.relay.life(), ahead: false });
    }

    fn after(&mut self, ms: u64, event: Event) {
        self.at(self.now.plus_ms(ms), event);
    }

    fn at(&mut self, at: Timestamp, event: Event) {
        self.queue.push(at.max(self.now), event);
    }

    fn until(&mut self, end: Timestamp) {
        loop {
            self.work_ahead(end);
            let Some((at, event)) = self.queue.pop(end) else { break };
            self.now = at;
            self.await_engine(&event);
            let (what, place, number) = event.sign();
            self.trace.note(at, what, place, number);
            self.happen(event);
        }
        self.now = end;
    }

    fn heal(&mut self) {
        self.queue.take(|_, event| matches!(event, Event::Fault(_)));
        self.truth.healed = Some(self.now);
        self.ask_again_soon();
        if !self.options.tricks.is_empty() {
            // Found out: the council sets up another relay with what this one has, in a new epoch.
            self.hostile.end();
            self.kill_relay();
            self.relay.new_epoch();
            self.told_again = true;
        }
        self.relay.disk.condition = disk::Condition::default();
        self.relay.dies_in = None;
        self.relay.clock.correct();
        for place in 0..self.facilities.len() {
            self.facilities[place].disk.condition = disk::Condition::default();
            self.facilities[place].dies_in = None;
            self.facilities[place].clock.correct();
            self.look_after(place);
            self.facilities[place].forget_wake();
            if self.facilities[place].formats() != Formats::default() {
                self.fault(Fault::Install { place, newest: true });
            }
            if !self.is_left_out(place) {
                self.fault(Fault::Restore { place });
            }
            self.fault(Fault::StartFacility { place });
            self.drain_facility(place);
        }
        for place in 0..self.facilities.len() {
            if self.is_left_out(place) {
                self.fault(Fault::Cut { place });
            }
        }
        self.fault(Fault::StartRelay);
    }

    /// Whether a place stays cut off after the others were healed.
    fn is_left_out(&self, place: usize) -> bool {
        let readers = self.facilities.len() - self.options.hospitals;
        place >= self.facilities.len() - self.options.left_out.min(readers)
    }

    /// The place of a facility's first device.
    fn place_of(&self, facility: &azalea_core::id::FacilityId) -> Option<usize> {
        self.places.get(facility).copied()
    }

    /// The devices that are looked at now: all of them in a small region and at the end, some in turn in a large one.
    fn probed(&self) -> impl Iterator<Item = &Facility> {
        let all = self.facilities.len();
        let some = if self.is_over || all <= PROBED_MAX { all } else { PROBED_AT_ONCE };
        (0..some).map(move |number| &self.facilities[(self.probes * some + number) % all])
    }

    /// The places that must come to rest and agree: joined, not revoked, not left out.
    fn core(&self) -> impl Iterator<Item = &Facility> {
        self.facilities.iter().filter(|facility| {
            let place = facility.place();
            facility.joined && !self.is_left_out(place) && !self.truth.revoked.contains_key(&place)
        })
    }

    fn plan_probe(&mut self) {
        self.probes += 1;
        self.probe_at = self.now.plus_ms(self.options.probe_seconds * 1_000);
        self.at(self.probe_at, Event::Probe);
        self.unread = self.probed().map(Facility::place).collect();
    }

    fn happen(&mut self, event: Event) {
        let now = self.now;
        match event {
            Event::RelayGets { session, message, .. } => {
                if self.relay.has(session) {
                    if let Some(message) = message {
                        self.relay.received(now, session, *message);
                    }
                    self.drain_relay();
                }
            }
            Event::FacilityGets { place, session, message, .. } => {
                if self.facilities[place].session() == Some(session) {
                    if let Some(message) = message {
                        self.facilities[place].received(now, *message);
                    }
                    self.drain_facility(place);
                }
            }
            Event::Lost { place, session } => self.lost(place, session),
            Event::Silent { place, session, since } => self.silent(place, session, since),
            Event::Reconnect { place } => self.connect(place),
            Event::RelayDisk { life, ahead } => {
                if life == self.relay.life() {
                    if !ahead {
                        self.relay.disk_step(now);
                    }
                    self.drain_relay();
                }
            }
            Event::FacilityDisk { place, life, ahead } => {
                if life == self.facilities[place].life() {
                    if !ahead {
                        self.facilities[place].disk_step(now);
                    }
                    self.drain_facility(place);
                }
            }
            Event::RelayWakes { life, ahead } => {
                if life == self.relay.life() {
                    if !ahead {
                        self.relay.tick(now);
                    }
                    self.drain_relay();
                    let next = self.relay.wake_at(now).unwrap_or(now.plus_ms(5_000));
                    self.at(next.max(now.plus_ms(50)), Event::RelayWakes { life, ahead: false });
                }
            }
            Event::FacilityWakes { place, life, ahead } => {
                let facility = &mut self.facilities[place];
                if life == facility.life() && (ahead || facility.tick(now)) {
                    self.drain_facility(place);
                }
            }
            Event::Job(number) => {
                if !self.jobs[number].done {
                    self.attempt(number);
                }
            }
            Event::Day(stream) => self.day(stream),
            Event::StartRelay => self.fault(Fault::StartRelay),
            Event::Operator { place } => self.operator(place),
            Event::Fault(fault) => self.fault(fault),
            Event::Probe => {
                self.have_read();
                watch::probe(self);
                check::on_the_way(self);
                self.plan_probe();
            }
        }
    }

    /// Since when a consent stands on which `reader` may see a hospital's chart of a patient.
    fn stands(&self, owner: usize, local: &str, reader: &Facility) -> Option<Standing> {
        let hospital = self.facilities[owner].id();
        self.truth.stands((owner, &hospital), local, &reader.id())
    }

    fn kill(&mut self, place: usize) {
        let torn = self.dice.chance(0.5);
        self.await_all();
        self.sender_died(place, Way::Up);
        if let Some(session) = self.facilities[place].kill(torn) {
            self.after(IDLE_MS, Event::Lost { place, session });
        }
        for (index, result) in self.facilities[place].take_done() {
            self.done(place, index, result);
        }
    }

    fn kill_relay(&mut self) {
        let torn = self.dice.chance(0.5);
        self.await_all();
        for place in 0..self.facilities.len() {
            self.sender_died(place, Way::Down);
        }
        self.relay.kill(torn);
        for place in 0..self.facilities.len() {
            if let Some(session) = self.facilities[place].session() {
                self.after(IDLE_MS, Event::Lost { place, session });
            }
        }
        self.drain_relay();
    }

    /// A node's disk is replaced. Only what has left it can come back, so this befalls a node that has sent all it
    /// had to a relay that kept it.
    fn rebuild(&mut self, place: usize) {
        let sent = self.facilities[place].status().is_some_and(|it| it.unsent == 0);
        let kept = self.options.tricks.is_empty() && !self.options.faults.relay_goes_back();
        let unsafe_now = self.mutation == Some(Mutation::RelayTakesBeforeStoring)
            || self.facilities[place].disk.condition.is_bad()
            || self.truth.repairs.contains_key(&place);
        if !sent || !kept || unsafe_now || self.truth.revoked.contains_key(&place) {
            return;
        }
        self.kill(place);
        self.facilities[place].lose_store();
        // What was opened there was known to that disk alone.
        self.truth.openings.remove(&place);
        self.truth.lost.insert(place, self.now);
        self.truth.rebuilt.remove(&place);
        self.begin_again(place);
    }

    /// A device begins with its keys and an empty store, and rebuilds that from the relay.
    fn begin_again(&mut self, place: usize) {
        let (now, given) = (self.now, self.council.given());
        // A crash that was drawn while no process ran there has nobody left to hit.
        self.facilities[place].dies_in = None;
        let rebuild = self.mutation != Some(Mutation::ReuseNumbers);
        let begun = self.facilities[place].join(now, given, rebuild);
        assert!(begun, "an empty disk that works keeps what enrolment gave");
        self.drain_facility(place);
        self.after(500, Event::Reconnect { place });
    }
}

/// Virtual time begins here: certificates need a past.
const START_MS: u64 = 1_800_000_000_000;
/// So many milliseconds after the beginning.
fn since_beginning(ms: u64) -> Timestamp {
    Timestamp(START_MS + ms)
}

/// How long a dead connection goes unnoticed.
const IDLE_MS: u64 = 9_000;
/// The pause before something is tried again.
const RETRY_MS: u64 = 2_000;
/// For how long a device that was revoked tries without a pause.
const REVOKED_PATIENCE_MS: u64 = 3_600_000;
/// When a process that died by itself is started again at the latest.
const RESTART_MS: u64 = 600_000;
/// How much longer a slow disk takes.
const SLOW_MS: u64 = 800;
/// Regions up to this size are looked at whole whenever they are looked at; of larger ones so many devices in turn.
const PROBED_MAX: usize = 16;
const PROBED_AT_ONCE: usize = 4;
/// Signatures of which all replicas together remember that they were verified.
const VERIFIED_KEPT: usize = 1 << 20;
/// The place of whoever has none.
const NOBODY: usize = usize::MAX;
