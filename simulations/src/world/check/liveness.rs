//! Once links heal, everything arrives within the stated bound.

use std::collections::BTreeSet;

use azalea_core::id::FacilityId;
use azalea_core::replica::RelayStatus;

use super::Words;
use crate::world::World;
use crate::world::facility::HeldBack;

/// Whether nothing is left to come.
pub(in crate::world) fn is_at_rest(world: &World) -> bool {
    check(world).is_empty()
}

pub(super) fn check(world: &World) -> Words {
    let mut words = Vec::new();
    let healed = world.truth.healed.unwrap_or(world.now);
    for asked in world.jobs.iter().filter(|asked| asked.job.is_due() && !asked.done) {
        if world.core().any(|it| it.place() == asked.job.place()) || !asked.job.needs_core() {
            words.push(format!("{:?} was never answered", asked.job));
        }
    }
    let owed = owed(world);
    for facility in world.core() {
        let place = facility.place();
        let Some(status) = facility.status() else {
            words.push(format!("device {place} is down"));
            continue;
        };
        if status.relay != RelayStatus::CaughtUp || status.rebuilding {
            words.push(format!("device {place} is {:?}", status.relay));
        }
        // What is not for this device may wait for ever: a word that puts it out of a scope that it never heard
        // of, or what a hostile relay sent it.
        let held_back = facility.waiting();
        let is_owed = |held: &HeldBack| {
            held.is_ours && world.facilities.iter().any(|it| it.device() == held.author)
        };
        let waiting = held_back.iter().filter(|held| is_owed(held)).count();
        if status.unsent + waiting > 0 {
            let unsent = status.unsent;
            words.push(format!("device {place} has {unsent} unsent and {waiting} waiting"));
            words.extend(held_back.iter().filter(|held| is_owed(held)).take(4).map(|held| {
                let author = world.facilities.iter().position(|it| it.device() == held.author);
                let (seq, scope, position) = (held.seq, held.scope, held.position);
                format!("device {place} holds back number {seq} of {author:?} in {scope:?}, at {position}")
            }));
        }
        for publisher in &status.publishers {
            let author = publisher.device;
            let Some(author) = world.core().find(|it| Some(it.device()) == author) else {
                continue;
            };
            let owes = owed.contains(&(author.place(), facility.id()));
            let fresh = publisher.complete.is_some()
                && publisher.complete == publisher.stated
                && publisher.complete >= Some(healed);
            if owes && !fresh {
                let from = author.place();
                let before = |at: Option<azalea_core::id::Timestamp>| {
                    at.map(|at| at.0 as i64 - healed.0 as i64).map(|ms| ms / 1_000)
                };
                words.push(format!(
                    "device {place} does not become complete from device {from}: it heard {:?} s after \
                     healing, is complete as of {:?} s, lacks {}",
                    before(publisher.stated),
                    before(publisher.complete),
                    publisher.missing
                ));
            }
        }
    }
    if world.relay.report(world.now).is_none_or(|report| report.fills > 0) {
        words.push("the relay is filling feeds".to_owned());
    }
    words
}

/// The hospitals and the facilities for which one of their charts stands open.
fn owed(world: &World) -> BTreeSet<(usize, FacilityId)> {
    let mut owed = BTreeSet::new();
    for chart in world.truth.charts.keys() {
        let (owner, local) = chart;
        let hospital = world.facilities[*owner].id();
        for reader in world.truth.readers_of(chart) {
            if world.truth.stands((*owner, &hospital), local, &reader).is_some() {
                owed.insert((*owner, reader));
            }
        }
    }
    owed
}
