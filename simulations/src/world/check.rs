//! What must be true of a region that was disturbed, healed and left alone.

use std::collections::BTreeSet;

use super::World;
use super::facility::{content, key};

/// Everything that is not as it must be, in words; empty where all is well.
pub fn faults(world: &World) -> Vec<String> {
    let mut faults = Vec::new();
    nothing_acknowledged_is_lost(world, &mut faults);
    readers_have_what_the_publishers_have(world, &mut faults);
    nobody_holds_what_nobody_disclosed(world, &mut faults);
    notes_reach_the_whole_team(world, &mut faults);
    nothing_waits(world, &mut faults);
    faults
}

/// Every acknowledged import is held by its hospital: its newest content, or one that replaced it.
fn nothing_acknowledged_is_lost(world: &World, faults: &mut Vec<String>) {
    for facility in world.facilities() {
        let held = facility.held();
        for ((local, number), versions) in facility.acknowledged_imports() {
            let current = held.get(&(facility.id(), key(local, *number)));
            let sound = current.is_some_and(|raws| {
                raws.len() == 1 && versions.iter().any(|v| raws[0] == content(local, *number, *v))
            });
            if !sound {
                faults.push(format!("facility {} lost {local}-{number}", facility.place()));
            }
        }
    }
}

/// Of each patient with a consent, every reader shows exactly what the hospital shows.
fn readers_have_what_the_publishers_have(world: &World, faults: &mut Vec<String>) {
    for consent in world.consents() {
        let hospital = &world.facilities()[consent.hospital];
        let own = hospital.held();
        let prefix = format!("Observation/{}-", consent.local);
        let disclosed = own
            .iter()
            .filter(|((owner, key), _)| *owner == hospital.id() && key.starts_with(&prefix));
        for (key, raws) in disclosed {
            for reader in world.facilities().iter().filter(|each| each.id() != hospital.id()) {
                if reader.held().get(key) != Some(raws) {
                    faults.push(format!("facility {} does not show {}", reader.place(), key.1));
                }
            }
        }
    }
}

fn nobody_holds_what_nobody_disclosed(world: &World, faults: &mut Vec<String>) {
    let disclosed: BTreeSet<(usize, &str)> =
        world.consents().iter().map(|each| (each.hospital, each.local.as_str())).collect();
    for facility in world.facilities() {
        for (owner, key) in facility.held().keys().filter(|(owner, _)| *owner != facility.id()) {
            let local = key.trim_start_matches("Observation/").split('-').next().unwrap_or("");
            let from = world.place_of(owner).unwrap_or(usize::MAX);
            if !disclosed.contains(&(from, local)) {
                faults.push(format!("facility {} shows {key} without consent", facility.place()));
            }
        }
    }
}

fn notes_reach_the_whole_team(world: &World, faults: &mut Vec<String>) {
    let written: BTreeSet<String> =
        world.facilities().iter().flat_map(|each| each.acknowledged_notes()).collect();
    for facility in world.facilities() {
        let notes = facility.notes();
        for missing in written.difference(&notes) {
            faults.push(format!("facility {} lacks the note {missing:?}", facility.place()));
        }
    }
}

fn nothing_waits(world: &World, faults: &mut Vec<String>) {
    for facility in world.facilities() {
        let Some(status) = facility.status() else {
            faults.push(format!("facility {} is down", facility.place()));
            continue;
        };
        if status.unsent + status.waiting + status.quarantined > 0 {
            faults.push(format!(
                "facility {}: {} unsent, {} waiting, {} quarantined",
                facility.place(),
                status.unsent,
                status.waiting,
                status.quarantined
            ));
        }
    }
}
