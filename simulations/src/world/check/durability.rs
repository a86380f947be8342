//! Nothing that anybody was told is saved is lost, and nothing is there twice.

use std::collections::{BTreeMap, BTreeSet};

use azalea_core::envelope::SignedEnvelope;
use azalea_core::storage::{Order, Range, Read, table};

use super::Words;
use crate::world::World;
use crate::world::people::{content, key, note_text};
use crate::world::truth::Note;

pub(super) fn check(world: &World) -> Words {
    let mut words = Vec::new();
    let held: BTreeMap<usize, _> =
        world.facilities.iter().map(|it| (it.place(), it.held())).collect();
    for import in world.truth.imports.iter().filter(|import| !import.lost) {
        let (place, local, number) = (import.place, &import.local, import.number);
        let owner = world.facilities[place].id();
        let contents = held[&place].get(&(owner, key(local, number)));
        let kept =
            contents.is_some_and(|it| it.all.contains(&content(local, number, import.version)));
        let versions = &world.truth.handed[&(place, local.clone(), number)];
        let one = contents.is_some_and(|it| match it.current.as_slice() {
            [one] => versions.iter().any(|version| *one == content(local, number, *version)),
            _ => false,
        });
        if !kept {
            words.push(format!("device {place} lost {local}-{number} version {}", import.version));
        }
        if kept && !one {
            words.push(format!("device {place} does not show one current {local}-{number}"));
        }
    }
    for facility in &world.facilities {
        // What was written too late is kept for a person; that it is not merged is for another checker to say.
        let (place, notes) = (facility.place(), facility.kept_notes());
        for note in world.truth.notes.iter().filter(|note| note.place == place) {
            let kept =
                notes.get(&note.id).is_some_and(|held| held.text.contains(&note_text(note.number)));
            if !kept && !is_kept_for(world, note) {
                words.push(format!("device {place} lost its note {}", note.number));
            }
        }
        for edit in world.truth.edits.iter().filter(|edit| edit.place == place) {
            let mark = format!("＋{}", edit.number);
            if !notes.get(&edit.note).is_some_and(|held| held.text.contains(&mark)) {
                words.push(format!("device {place} lost its edit {}", edit.number));
            }
        }
        words.extend(doubled(facility));
        if let Some(broken) = &facility.disk.broken {
            words.push(format!("the store of device {place} kept {broken}"));
        }
    }
    words
}

/// A facility that was put out of a patient's care and then lost its disk gets nothing of that care back, its own notes
/// included; nor does a device that lost its disk and was then reported lost itself. The hospital whose patient it is
/// keeps them.
fn is_kept_for(world: &World, note: &Note) -> bool {
    let lost = world.truth.lost.get(&note.place);
    let is_revoked = world.truth.revoked.contains_key(&note.place);
    let author = world.facilities[note.place].id();
    let charts = world.truth.charts.iter().filter(|(_, it)| it.patient == Some(note.patient));
    let mut owners = charts.filter(|((owner, local), _)| {
        let out = world.truth.is_out(*owner, local, &author);
        let is_out = out.zip(lost).is_some_and(|(out, lost)| note.asked < out && out < *lost);
        is_out || is_revoked && lost.is_some_and(|lost| note.asked < *lost)
    });
    owners.any(|((owner, _), _)| {
        let notes = world.facilities[*owner].notes();
        notes.get(&note.id).is_some_and(|held| held.text.contains(&note_text(note.number)))
    })
}

fn doubled(facility: &crate::world::Facility) -> Words {
    let mut seen = BTreeSet::new();
    let mut words = Vec::new();
    let rows = &facility.disk.rows;
    rows.scan(table::LOG, &Range::all(), Order::Ascending, &mut |_, value| {
        if let Ok(envelope) = SignedEnvelope::from_bytes(value.to_vec())
            && !seen.insert(envelope.claimed_id())
        {
            words.push(format!("device {} keeps an envelope twice", facility.place()));
        }
        true
    })
    .expect("memory");
    words
}
