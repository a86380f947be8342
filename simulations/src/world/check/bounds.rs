//! Memory and bytes stay within bounds: work does not pile up, and a region at rest is quiet.

use super::Words;
use crate::world::World;

/// Works that a disk may be asked for at once.
const DISK_QUEUE_MAX: usize = 4_096;
/// For how long the region at rest is watched, in seconds.
const WATCHED_S: u64 = 120;
/// Bytes of one statement on its way, generously.
const STATEMENT_BYTES: u64 = 512;

pub(super) fn check(world: &mut World) -> Words {
    let mut words = Vec::new();
    let carried = |world: &World| -> Vec<u64> {
        world.facilities.iter().map(|it| it.link.bytes.iter().sum()).collect()
    };
    let before = carried(world);
    let now = world.now;
    world.until(now.plus_ms(WATCHED_S * 1_000));
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
    for facility in &world.facilities {
        if facility.disk.longest > DISK_QUEUE_MAX {
            let (place, longest) = (facility.place(), facility.disk.longest);
            words.push(format!("device {place} asked its disk for {longest} works at once"));
        }
    }
    words
}

fn core_only(world: &World, all: &[u64]) -> Vec<u64> {
    world.core().map(|it| all[it.place()]).collect()
}
