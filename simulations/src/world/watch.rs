//! What the world measures on the way, for the report; nothing here decides anything.

use std::collections::{BTreeMap, BTreeSet};

use azalea_core::id::Timestamp;

use super::days::Work;
use super::facility::Facility;
use super::hostile::{Noticed, Trick};
use super::link::Quality;
use super::people::key_of;
use super::{START_MS, World};

/// What was measured.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// Looks at every device, in the order of time.
    pub samples: Vec<Sample>,
    /// How long the healed region took to come to rest, in milliseconds.
    pub rested_ms: u64,
    /// How much work of each kind the region's days brought.
    pub days: BTreeMap<Work, u64>,
    /// Stores that were repaired after bits of them had turned.
    pub repairs: u64,
    /// Envelopes that had not been sent and were lost, with those or with stores that were taken.
    pub lost_unsent: u64,
    /// Devices that lost their stores to ransomware.
    pub ransomed: u64,
    /// How old each backup was from which the relay was set up, in seconds.
    pub backup_ages: Vec<u64>,
    /// How often the hostile member had its say.
    pub attacks: u64,
    /// What the hostile relay tried: seconds since the beginning, what, and to whom.
    pub tries: Vec<(u64, Trick, usize)>,
    /// When each device first noticed each of these tricks, and as what.
    pub noticed: BTreeMap<(Trick, usize), Noticed>,
}

/// One device at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Seconds since the beginning.
    pub at: u64,
    /// Which.
    pub place: usize,
    /// The place of its facility's first device.
    pub facility: usize,
    /// Its line at that moment.
    pub line: Quality,
    /// Whether its process runs.
    pub is_up: bool,
    /// Whether its line and the relay are there.
    pub is_online: bool,
    /// What can be read there, of the devices whose disks are looked at then.
    pub charts: Option<Charts>,
    /// The age of its oldest *complete as of*, in seconds; `None` where it claims nothing.
    pub staleness: Option<u64>,
    /// What the relay has and it has not confirmed.
    pub backlog: u64,
    /// Bytes carried so far on lines of each quality, up and down.
    pub bytes: [[u64; 2]; Quality::ALL.len()],
}

/// The charts of others that a device may read by the consents that stand, and those that can be read there at that moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Charts {
    /// That it may read.
    pub may: u64,
    /// Of those, what can be read: its process runs, and something of the chart is on its disk.
    pub here: u64,
    /// Of those, what a system of links could show: the line of the reader is up, and the line and the server of the hospital
    /// whose chart it is.
    pub linked: u64,
}

impl Charts {
    /// The shares of both, where there is anything to read.
    pub fn shares(&self) -> Option<[f64; 2]> {
        let share = |some: u64| some as f64 / self.may as f64;
        (self.may > 0).then(|| [share(self.here), share(self.linked)])
    }
}

/// Looks at every device.
pub(super) fn probe(world: &mut World) {
    let (now, at) = (world.now, world.now.since_ms(Timestamp(START_MS)) / 1_000);
    let report = world.relay.report(now);
    let devices = report.iter().flat_map(|it| &it.facilities).flat_map(|it| &it.devices);
    let backlogs: BTreeMap<_, _> = devices.map(|device| (device.id, device.backlog)).collect();
    let looked_at: BTreeSet<usize> = world.probed().map(Facility::place).collect();
    let mut samples = Vec::new();
    for facility in world.facilities.iter().filter(|facility| facility.joined) {
        let status = facility.status();
        let publishers = status.iter().flat_map(|status| &status.publishers);
        let oldest = publishers.filter_map(|publisher| publisher.complete).min();
        let place = facility.place();
        let link = &world.links[place];
        samples.push(Sample {
            at,
            place,
            facility: world.atlas[place].tablet_of.unwrap_or(place),
            line: link.quality,
            is_up: facility.is_up(),
            is_online: link.is_open() && world.relay.is_up(),
            charts: looked_at.contains(&place).then(|| charts(world, facility)),
            staleness: oldest.map(|it| now.since_ms(it) / 1_000),
            backlog: backlogs.get(&facility.device()).copied().unwrap_or(0),
            bytes: link.bytes_by_quality,
        });
    }
    world.watch.samples.extend(samples);
}

/// What a device may read, and can.
fn charts(world: &World, facility: &Facility) -> Charts {
    let (me, line) = (facility.id(), world.links[facility.place()].is_open());
    // Nobody can read anything where the process is down, and nobody need look.
    let held = facility.is_up().then(|| facility.held());
    let mut charts = Charts::default();
    for hospital in world.facilities.iter().take(world.options.hospitals) {
        let (owner, id) = (hospital.place(), hospital.id());
        if id == me {
            continue;
        }
        let answers = line && world.links[owner].is_open() && hospital.is_up();
        for chart in world.truth.charts_named(owner, me) {
            let stands = world.truth.stands((owner, &id), &chart.1, &me);
            let may = stands.is_some_and(|it| it.begins <= world.now)
                && world.truth.imports_of(chart, usize::MAX).next().is_some();
            if !may {
                continue;
            }
            let first = (id, format!("{}-", key_of(&chart.1)));
            let is_here = held.as_ref().is_some_and(|held| {
                let next = held.range(first.clone()..).next();
                next.is_some_and(|((owner, key), _)| *owner == id && key.starts_with(&first.1))
            });
            charts.may += 1;
            charts.here += u64::from(is_here);
            charts.linked += u64::from(answers);
        }
    }
    charts
}

/// What the hostile relay tried, and when that was noticed.
pub(super) fn tricks(world: &mut World) {
    let account = &world.hostile.account;
    let since = |at: &Timestamp| at.since_ms(Timestamp(START_MS)) / 1_000;
    let tries = account.tries.iter().map(|(at, trick, place)| (since(at), *trick, *place));
    let noticed = account
        .noticed
        .iter()
        .map(|(whose, (at, notice))| (*whose, Noticed { at: since(at), notice: *notice }));
    (world.watch.tries, world.watch.noticed) = (tries.collect(), noticed.collect());
}
