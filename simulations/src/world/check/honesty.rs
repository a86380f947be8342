//! The freshness that is shown never claims more than is true: *complete as of T* names a word that the publisher
//! did say, and everything that the publisher had for this reader when it said it is held.

use std::collections::HashMap;

use super::Words;
use crate::world::World;
use crate::world::people::{content, key};

pub(super) fn check(world: &World) -> Words {
    let mut words = Vec::new();
    let authors: HashMap<_, _> =
        world.facilities.iter().map(|each| (each.device(), each.place())).collect();
    for facility in world.probed() {
        let Some(status) = facility.status() else { continue };
        let (place, me) = (facility.place(), facility.id());
        let held = facility.held();
        for publisher in &status.publishers {
            let (Some(device), Some(complete)) = (publisher.device, publisher.complete) else {
                continue;
            };
            let Some(stated) = world.truth.stated.get(&(device, complete)) else {
                words.push(format!("device {place} is complete as of a word that nobody said"));
                continue;
            };
            let author = authors.get(&device);
            for chart in author.into_iter().flat_map(|author| world.truth.charts_named(*author, me))
            {
                let stands = world.stands(chart.0, &chart.1, facility);
                // The publisher counts by its own clock, and so does its word: a consent that was recorded with a clock
                // that ran ahead, set right since, has not begun at the time that the screen names.
                if stands.is_none_or(|it| it.since > stated.at || it.begins > complete) {
                    continue;
                }
                // A chart of another hospital follows the link and the consent in steps of their own: until its hospital has
                // let the reader in, it owes nothing, and its word says so. That it does so in the end others look after.
                let hospital = &world.facilities[chart.0];
                let is_linked = world.truth.charts[chart].linked.is_some();
                let lets_in = || hospital.lets_in(&chart.1, &me).is_some_and(|at| at <= complete);
                if is_linked && !lets_in() {
                    continue;
                }
                for import in world.truth.imports_of(chart, stated.imports) {
                    let record = (publisher.facility, key(&import.local, import.number));
                    let bytes = content(&import.local, import.number, import.version);
                    if !held.get(&record).is_some_and(|it| it.has(&bytes)) {
                        words.push(format!(
                            "device {place} claims to be complete without {}-{} version {}",
                            import.local, import.number, import.version
                        ));
                    }
                }
            }
        }
    }
    words
}
