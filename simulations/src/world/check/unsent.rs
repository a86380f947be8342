//! What a screen counts as not sent yet is at least what the relay does not have of it.
//!
//! A relay that was set up from a backup, or lies, has lost what it had taken; nobody can count that before it is asked.

use std::collections::BTreeMap;

use azalea_core::envelope::SignedEnvelope;
use azalea_core::id::DeviceId;
use azalea_core::replica::Cause;
use azalea_core::storage::row::VectorRow;
use azalea_core::storage::{Order, Range, Read, table};
use azalea_core::wire::Wire;

use super::Words;
use crate::world::facility::Facility;
use crate::world::{PROBED_MAX, World};

/// Whether it is counted; a large region would be counted for minutes.
fn can_be_counted(world: &World) -> bool {
    let keeps = !world.options.faults.relay_goes_back() && world.options.tricks.is_empty();
    keeps && world.facilities.len() <= PROBED_MAX
}

pub(super) fn check(world: &World) -> Words {
    let mut words = Vec::new();
    if !can_be_counted(world) {
        return words;
    }
    let taken = taken(world);
    for facility in world.facilities.iter() {
        let Some(status) = facility.status().filter(|status| !status.rebuilding) else { continue };
        let taken = taken.get(&facility.device()).copied().unwrap_or(0);
        let owed = written(facility).saturating_sub(taken + refused(facility));
        if owed > status.unsent as u64 {
            let (place, unsent) = (facility.place(), status.unsent);
            words.push(format!(
                "device {place} shows {unsent} as not sent, and the relay lacks {owed} of its own"
            ));
        }
    }
    words
}

/// How many envelopes of each author the relay has.
fn taken(world: &World) -> BTreeMap<DeviceId, u64> {
    let mut taken = BTreeMap::new();
    let count = &mut |kept: &SignedEnvelope| {
        *taken.entry(kept.claimed_header().author).or_default() += 1;
    };
    world.relay.each_kept(count);
    taken
}

/// How many envelopes a device has written, by its own disk.
fn written(facility: &Facility) -> u64 {
    let (mut written, me) = (0, facility.device());
    let rows = &facility.disk.rows;
    rows.scan(table::VECTOR, &Range::all(), Order::Ascending, &mut |key, value| {
        if key.ends_with(me.as_bytes()) {
            written += VectorRow::from_bytes(value).map_or(0, |row| row.seq);
        }
        true
    })
    .expect("memory");
    written
}

/// How many of its own the relay did not want, which is shown elsewhere.
fn refused(facility: &Facility) -> u64 {
    let apart = facility.quarantined().into_iter().filter(|apart| {
        apart.author == facility.device()
            && matches!(apart.cause, Cause::Refused | Cause::Contradicted)
    });
    apart.count() as u64
}
