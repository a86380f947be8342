//! Once links heal, everything arrives within the stated bound.

use std::collections::BTreeMap;

use azalea_core::id::{FacilityId, Timestamp};
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
    // A word from before the last change says nothing about that.
    let settled = world.truth.changed.map_or(healed, |changed| changed.max(healed));
    for asked in world.jobs.iter().filter(|asked| asked.job.is_due() && !asked.done) {
        if world.core().any(|it| it.place() == asked.job.place()) || !asked.job.needs_core() {
            words.push(format!("{:?} was never answered", asked.job));
        }
    }
    for place in &world.truth.called {
        words.push(format!("somebody was called to device {place} and has not come yet"));
    }
    let owed = owed(world);
    for facility in world.core() {
        let place = facility.place();
        let Some(status) = facility.status() else {
            words.push(format!("device {place} is down"));
            continue;
        };
        if world.truth.repairs.contains_key(&place) {
            words.push(format!(
                "device {place} was repaired, and nobody has looked yet at what is missing"
            ));
        }
        if status.relay != RelayStatus::CaughtUp || status.rebuilding {
            words.push(format!("device {place} is {:?}", status.relay));
        }
        // Until it finds that the relay it speaks to is gone, a device thinks that it has caught up.
        if facility.session().is_none_or(|session| !world.relay.has(session)) {
            words.push(format!("device {place} speaks to a relay that is gone"));
        }
        // What is not for this device may wait for ever: a word that puts it out of a scope that it never heard
        // of, or what a hostile relay sent it.
        let held_back = facility.waiting();
        let is_owed = |held: &HeldBack| {
            held.is_ours && world.facilities.iter().any(|it| it.device() == held.author)
        };
        let waiting = held_back.iter().filter(|held| is_owed(held)).count();
        // What its disk counts as unsent goes out again whenever it starts.
        let unsent = status.unsent.max(facility.outbox());
        if unsent + waiting > 0 {
            words.push(format!("device {place} has {unsent} unsent and {waiting} waiting"));
            words.extend(held_back.iter().filter(|held| is_owed(held)).take(4).map(|held| {
                let author = world.facilities.iter().position(|it| it.device() == held.author);
                let (seq, scope, position) = (held.seq, held.scope, held.position);
                format!("device {place} holds back number {seq} of {author:?} in {scope:?}, at {position}")
            }));
        }
        for author in world.core() {
            let Some(begins) = owed.get(&(author.place(), facility.id())) else { continue };
            if *begins > world.now {
                words.push(format!("device {place} is let in by device {} later", author.place()));
            }
            // Also one from whom nothing was heard yet.
            let heard = status.publishers.iter().find(|it| it.device == Some(author.device()));
            let stated = heard.and_then(|it| it.stated);
            let complete = heard.and_then(|it| it.complete);
            // Both by the hospital's clock: its word must speak of the chart that begins last.
            let since = settled.max(*begins);
            let fresh = complete.is_some() && complete == stated && complete >= Some(since);
            if !fresh {
                let from = author.place();
                let before = |at: Option<Timestamp>| {
                    at.map(|at| at.0 as i64 - healed.0 as i64).map(|ms| ms / 1_000)
                };
                words.push(format!(
                    "device {place} does not become complete from device {from}: it heard {:?} s after \
                     healing, is complete as of {:?} s, lacks {}",
                    before(stated),
                    before(complete),
                    heard.map_or(0, |it| it.missing)
                ));
            }
        }
    }
    let report = world.relay.report(world.now);
    if report.as_ref().is_none_or(|report| report.fills > 0) {
        words.push("the relay is filling feeds".to_owned());
    }
    let devices = report.iter().flat_map(|it| &it.facilities).flat_map(|it| &it.devices);
    for lacking in devices.filter(|device| device.lacking > 0) {
        if let Some(author) = world.core().find(|it| it.device() == lacking.id) {
            let (place, many) = (author.place(), lacking.lacking);
            words.push(format!("the relay has not fetched again {many} that device {place} wrote"));
        } else if world.now < healed.plus_ms(ASKED_MS) {
            // Of somebody who is gone, perhaps nobody has it; but they are asked one after the other.
            words.push("the relay may still be brought what somebody wrote who is gone".to_owned());
        }
    }
    words
}

/// For how long after the healing those are waited for who are asked, a minute apart, for what somebody else wrote.
const ASKED_MS: u64 = 360_000;

/// The hospitals and the facilities for which one of their charts stands open, and when the last of those begins to.
///
/// A linked chart follows another hospital's consent in a statement of its own, by its own clock: until that has been made, and
/// begins, there is something to come.
fn owed(world: &World) -> BTreeMap<(usize, FacilityId), Timestamp> {
    let mut owed = BTreeMap::new();
    for chart in world.truth.charts.keys() {
        let (owner, local) = chart;
        let (facility, hospital) = (&world.facilities[*owner], world.facilities[*owner].id());
        let is_linked = world.truth.charts[chart].linked.is_some();
        let is_begun = || world.truth.imports_of(chart, usize::MAX).next().is_some();
        for reader in world.truth.readers_of(chart).into_iter().filter(|it| *it != hospital) {
            if let Some(stands) = world.truth.stands((*owner, &hospital), local, &reader) {
                let begins: &mut Timestamp = owed.entry((*owner, reader)).or_default();
                *begins = stands.begins.max(*begins);
                if is_linked && is_begun() {
                    let follows = facility.lets_in(local, &reader);
                    *begins = follows.unwrap_or(Timestamp(u64::MAX)).max(*begins);
                }
            }
        }
    }
    owed
}
