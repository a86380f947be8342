//! Memory and bytes stay within bounds: nobody has more under way than the line was found to take, work does not pile up, and a
//! region at rest is quiet and keeps nothing in memory that it does not need any more.

use azalea_core::replica::{Burden, Replica};
use azalea_relay::mailbox;

use super::Words;
use crate::world::World;

/// Works that a disk may be asked for at once.
const DISK_QUEUE_MAX: usize = 4_096;
/// For how long the region at rest is watched, in seconds.
const WATCHED_S: u64 = 120;
/// How often it is looked at meanwhile; no divisor of an interval at which statements are said.
const LOOKS: u64 = 7;
/// Bytes of one statement on its way, generously.
const STATEMENT_BYTES: u64 = 512;

pub(super) fn check(world: &mut World) -> Words {
    let mut words = Vec::new();
    let carried = |world: &World| -> Vec<u64> {
        world.links.iter().map(|link| link.bytes.iter().sum()).collect()
    };
    let before = carried(world);
    let now = world.now;
    // A word may be on its way at any moment; what is there at every look stays.
    let mut kept: Vec<Option<Burden>> = vec![None; world.facilities.len()];
    let mut kept_by_relay: Option<mailbox::Burden> = None;
    for look in 1..=LOOKS {
        world.until(now.plus_ms(look * WATCHED_S * 1_000 / LOOKS));
        for facility in world.facilities.iter() {
            let burden = facility.replica().map(Replica::burden).unwrap_or_default();
            let least = &mut kept[facility.place()];
            *least = Some(least.map_or(burden, |least| less(least, burden)));
        }
        let burden = world.relay.burden().unwrap_or_default();
        kept_by_relay = Some(kept_by_relay.map_or(burden, |least| less_of_relay(least, burden)));
    }
    if let Some(kept) = kept_by_relay.filter(|it| *it != mailbox::Burden::default()) {
        words.push(format!("the relay keeps {kept:?} at rest"));
    }
    if let Some(excess) = &world.relay.excess {
        words.push(format!("the relay {excess}"));
    }
    if world.relay.disk.longest > DISK_QUEUE_MAX {
        let longest = world.relay.disk.longest;
        words.push(format!("the relay asked its disk for {longest} works at once"));
    }
    let statements = 2 * (WATCHED_S / world.options.statement_seconds + 2);
    let bound = world.facilities.len() as u64 * statements * STATEMENT_BYTES;
    for (facility, (before, after)) in world
        .core()
        .zip(core_only(world, &before).into_iter().zip(core_only(world, &carried(world))))
    {
        if after - before > bound {
            words.push(format!(
                "device {} carried {} bytes in {WATCHED_S} quiet seconds, above {bound}",
                facility.place(),
                after - before
            ));
        }
    }
    for facility in world.core() {
        // At rest everything was sent, answered and worked off.
        let kept = kept[facility.place()].unwrap_or_default();
        if kept != Burden::default() {
            words.push(format!("device {} keeps {kept:?} at rest", facility.place()));
        }
    }
    for facility in world.facilities.iter() {
        let (place, excess) = (facility.place(), facility.load.excess);
        if excess > 0 {
            words.push(format!("device {place} had {excess} bytes more under way than it may"));
        }
        if facility.disk.longest > DISK_QUEUE_MAX {
            let (place, longest) = (facility.place(), facility.disk.longest);
            words.push(format!("device {place} asked its disk for {longest} works at once"));
        }
    }
    words
}

/// What is there in both.
fn less(a: Burden, b: Burden) -> Burden {
    Burden {
        queued: a.queued.min(b.queued),
        effects: a.effects.min(b.effects),
        reads: a.reads.min(b.reads),
        in_flight: a.in_flight.min(b.in_flight),
        fresh: a.fresh.min(b.fresh),
    }
}

/// What is there in both. That devices are here, confirm and speak is no burden that has to pass, and is bounded by their number; nor
/// is whom it asked for what the relay never takes: whoever holds that asks six times in a session, with growing pauses.
fn less_of_relay(a: mailbox::Burden, b: mailbox::Burden) -> mailbox::Burden {
    mailbox::Burden {
        effects: a.effects.min(b.effects),
        queued: a.queued.min(b.queued),
        queued_bytes: a.queued_bytes.min(b.queued_bytes),
        requests: a.requests.min(b.requests),
        storing: a.storing.min(b.storing),
        loads: a.loads.min(b.loads),
        fills: a.fills.min(b.fills),
        under_way: a.under_way.min(b.under_way),
        under_way_bytes: a.under_way_bytes.min(b.under_way_bytes),
        wanted: a.wanted.min(b.wanted),
        ..mailbox::Burden::default()
    }
}

fn core_only(world: &World, all: &[u64]) -> Vec<u64> {
    world.core().map(|it| all[it.place()]).collect()
}
