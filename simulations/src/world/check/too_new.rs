//! What a newer program wrote is kept and named by an older one, never counted as opened, and read by itself once that is
//! updated.

use std::collections::BTreeSet;

use azalea_core::id::{EnvelopeId, Timestamp};
use azalea_core::replica::{Cause, Status};

use super::Words;
use crate::world::facility::TooNew;
use crate::world::{Facility, World};

/// Each envelope that does not open for being newer is named as such, and no part is *complete* that lacks it.
pub(super) fn check(world: &World) -> Words {
    let mut words = Vec::new();
    if world.options.faults.upgrades == 0 {
        return words;
    }
    for facility in world.probed() {
        // What is on its way to the disk is there for the replica and not yet for us.
        let Some(status) = facility.status().filter(|_| !facility.disk.is_busy()) else { continue };
        let (place, too_new) = (facility.place(), facility.too_new());
        if status.reading_again {
            continue;
        }
        words.extend(unnamed(facility, &too_new).into_iter().take(4).map(|it| {
            let author = world.facilities.iter().position(|each| each.device() == it.author);
            let (kind, seq) = (it.kind, it.seq);
            format!("device {place} does not name number {seq} of {author:?} in a {kind:?}, which it cannot read")
        }));
        let counted: usize = status.newer.values().sum();
        if counted != kept(facility) {
            words.push(format!("device {place} shows {counted} envelopes as newer than its program, and keeps others"));
        }
        words.extend(claimed(world, facility, status, &too_new).into_iter().take(4).map(|(it, complete)| {
            let (seq, kind, later) = (it.seq, it.kind, complete.since_ms(it.at));
            format!("device {place} claims to be complete as of {later} ms after number {seq} in a {kind:?}, which it cannot read")
        }));
    }
    words
}

/// Once everybody has the newest program, nothing is kept as newer than that.
pub(super) fn read_again(world: &World) -> Words {
    let up = world.facilities.iter().filter(|facility| facility.is_up());
    let unread =
        up.map(|facility| (facility.place(), kept(facility))).filter(|(_, kept)| *kept > 0);
    unread
        .map(|(place, kept)| {
            format!("device {place} is updated and has not read {kept} envelopes again")
        })
        .collect()
}

fn kept(facility: &Facility) -> usize {
    newer(facility).count()
}

/// What a device keeps as newer than its program.
fn newer(facility: &Facility) -> impl Iterator<Item = EnvelopeId> {
    let rows = facility.quarantined().into_iter();
    rows.filter(|row| row.cause == Cause::Newer).map(|row| row.id)
}

fn unnamed<'a>(facility: &Facility, too_new: &'a [TooNew]) -> Vec<&'a TooNew> {
    if too_new.is_empty() {
        return Vec::new();
    }
    // What is set apart for another cause is shown by that, and read with what it waits for.
    let mut named = facility.unmerged();
    named.extend(facility.quarantined().into_iter().map(|row| row.id));
    let waiting: BTreeSet<u64> = facility.waiting().iter().map(|held| held.position).collect();
    let is_named = |it: &&TooNew| named.contains(&it.id) || waiting.contains(&it.position);
    too_new.iter().filter(|it| !is_named(it)).collect()
}

/// What does not open here though a word of its device counts as matched that was said after it had written that. Both
/// times are by the device's own clock, which must not have been set meanwhile.
fn claimed<'a>(
    world: &World,
    facility: &Facility,
    status: &Status,
    too_new: &'a [TooNew],
) -> Vec<(&'a TooNew, Timestamp)> {
    if world.options.faults.clock_jumps > 0 || world.truth.healed.is_some() {
        return Vec::new();
    }
    let words = status.publishers.iter().filter_map(|it| Some((it.device?, it.complete?)));
    // What is late as well is nothing that the author's count would wait for.
    let newer: BTreeSet<EnvelopeId> = newer(facility).collect();
    let mut claimed = Vec::new();
    for (device, complete) in words {
        let theirs = too_new.iter().filter(|it| it.author == device && newer.contains(&it.id));
        let counted =
            theirs.filter(|it| it.counted.is_some_and(|since| since.max(it.at) <= complete));
        claimed.extend(counted.map(|it| (it, complete)));
    }
    claimed
}
