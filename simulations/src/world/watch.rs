//! What the world measures on the way, for the report; nothing here decides anything.

use std::collections::BTreeMap;

use azalea_core::id::Timestamp;

use super::days::Work;
use super::hostile::Trick;
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
    /// When a device first saw that something is wrong, in seconds since the beginning, by place.
    pub noticed: BTreeMap<usize, u64>,
}

/// One device at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Seconds since the beginning.
    pub at: u64,
    /// Which.
    pub place: usize,
    /// Whether its process runs: whether anything can be read there.
    pub is_up: bool,
    /// Whether its line and the relay are there: whether a system of links could show anything.
    pub is_online: bool,
    /// The age of its oldest *complete as of*, in seconds; `None` where it claims nothing.
    pub staleness: Option<u64>,
    /// What the relay has and it has not confirmed.
    pub backlog: u64,
    /// Bytes carried so far, up and down.
    pub bytes: [u64; 2],
}

/// Looks at every device.
pub(super) fn probe(world: &mut World) {
    let (now, at) = (world.now, world.now.since_ms(Timestamp(START_MS)) / 1_000);
    let report = world.relay.report(now);
    let devices = report.iter().flat_map(|it| &it.facilities).flat_map(|it| &it.devices);
    let backlogs: BTreeMap<_, _> = devices.map(|device| (device.id, device.backlog)).collect();
    for facility in world.facilities.iter().filter(|facility| facility.joined) {
        let status = facility.status();
        let publishers = status.iter().flat_map(|status| &status.publishers);
        let oldest = publishers.filter_map(|publisher| publisher.complete).min();
        let place = facility.place();
        world.watch.samples.push(Sample {
            at,
            place,
            is_up: facility.is_up(),
            is_online: world.links[place].is_open() && world.relay.is_up(),
            staleness: oldest.map(|it| now.since_ms(it) / 1_000),
            backlog: backlogs.get(&facility.device()).copied().unwrap_or(0),
            bytes: world.links[place].bytes,
        });
        let missing = status.iter().flat_map(|it| &it.publishers).any(|it| it.missing > 0);
        if (missing || facility.refusals > 0) && !world.hostile.tries.is_empty() {
            world.watch.noticed.entry(place).or_insert(at);
        }
    }
    let tries = &world.hostile.tries;
    let since = |at: &Timestamp| at.since_ms(Timestamp(START_MS)) / 1_000;
    world.watch.tries =
        tries.iter().map(|(at, trick, place)| (since(at), *trick, *place)).collect();
}
