//! Whoever has the same grants has the same view, once healed.

use std::collections::BTreeMap;

use azalea_core::id::{NoteId, PatientId};

use super::{Words, late};
use crate::world::people::key_of;
use crate::world::{Facility, HeldNote, World};

pub(super) fn check(world: &World) -> Words {
    let mut words = Vec::new();
    let held: BTreeMap<usize, _> = world.core().map(|it| (it.place(), it.held())).collect();
    let notes: BTreeMap<usize, _> = world.core().map(|it| (it.place(), it.notes())).collect();
    let notes = notes.iter().map(|(place, notes)| (*place, by_patient(notes))).collect();
    let is_refused = world.facilities.iter().any(|author| late::is_refused(world, author));
    for (owner, local) in world.truth.charts.keys() {
        let (Some(own), Some(hospital)) = (held.get(owner), world.facilities.get(*owner)) else {
            continue;
        };
        // A record's key is its patient's number, a hyphen and its own; nothing else lies between the two ends.
        let end = |mark| (hospital.id(), format!("{}{mark}", key_of(local)));
        let chart = end('-')..end('.');
        for reader in readers(world, *owner, local) {
            let theirs = held[&reader.place()].range(chart.clone());
            let differs = !theirs.eq(own.range(chart.clone()));
            if differs {
                let place = reader.place();
                words.push(format!(
                    "device {place} shows another chart of {local} than device {owner}"
                ));
            }
        }
        let Some(patient) = world.truth.charts[&(*owner, local.clone())].patient else { continue };
        if world.truth.charts[&(*owner, local.clone())].linked.is_some() {
            continue;
        }
        if is_refused {
            continue;
        }
        let shown = of_patient(&notes, *owner, patient);
        for reader in readers(world, *owner, local) {
            let theirs = of_patient(&notes, reader.place(), patient);
            if theirs != shown {
                let place = reader.place();
                words.push(format!(
                    "device {place} shows {} notes of {local}, device {owner} {}, or other ones",
                    theirs.len(),
                    shown.len()
                ));
            }
        }
    }
    words
}

/// The devices that must show a chart: of facilities for which a consent stands.
pub(super) fn readers<'a>(
    world: &'a World,
    owner: usize,
    local: &'a str,
) -> impl Iterator<Item = &'a Facility> {
    let me = world.facilities[owner].id();
    let named = world.truth.readers_of(&(owner, local.to_owned()));
    world.core().filter(move |reader| {
        let is_named = reader.id() != me && named.contains(&reader.id());
        is_named && world.stands(owner, local, reader).is_some()
    })
}

/// The notes of a device, by whom they are about.
type ByPatient<'a> = BTreeMap<PatientId, BTreeMap<NoteId, &'a HeldNote>>;

fn by_patient(notes: &BTreeMap<NoteId, HeldNote>) -> ByPatient<'_> {
    let mut found = ByPatient::new();
    for (id, note) in notes {
        if let Some(patient) = note.patient {
            found.entry(patient).or_default().insert(*id, note);
        }
    }
    found
}

fn of_patient<'a>(
    notes: &'a BTreeMap<usize, ByPatient<'_>>,
    place: usize,
    patient: PatientId,
) -> &'a BTreeMap<NoteId, &'a HeldNote> {
    static NONE: BTreeMap<NoteId, &HeldNote> = BTreeMap::new();
    notes[&place].get(&patient).unwrap_or(&NONE)
}
