//! Nothing that anybody was told is saved is lost, and nothing is there twice.

use std::collections::{BTreeMap, BTreeSet};

use azalea_core::envelope::SignedEnvelope;
use azalea_core::id::{NoteId, PatientId, Timestamp};
use azalea_core::storage::{Order, Range, Read, table};

use super::Words;
use crate::world::people::{content, is_edited, key, note_text};
use crate::world::truth::{Edit, Note, Rebuilt};
use crate::world::{HeldNote, World};

pub(super) fn check(world: &World) -> Words {
    let mut words = Vec::new();
    let held: BTreeMap<usize, _> =
        world.facilities.iter().map(|it| (it.place(), it.held())).collect();
    for import in world.truth.imports.iter().filter(|import| !import.lost) {
        let (place, local, number) = (import.place, &import.local, import.number);
        let owner = world.facilities[place].id();
        let contents = held[&place].get(&(owner, key(local, number)));
        let kept = contents.is_some_and(|it| it.has(&content(local, number, import.version)));
        let versions = world.truth.handed(&(place, local.clone()))[number as usize];
        let one = contents.is_some_and(|it| match it.current.as_slice() {
            [one] => versions.each().any(|version| **one == *content(local, number, version)),
            _ => false,
        });
        if !kept {
            words.push(format!("device {place} lost {local}-{number} version {}", import.version));
        }
        if kept && !one {
            words.push(format!("device {place} does not show one current {local}-{number}"));
        }
    }
    for facility in world.facilities.iter() {
        // What was written too late is kept for a person; that it is not merged is for another checker to say.
        let (place, notes) = (facility.place(), facility.kept_notes());
        for note in world.truth.notes.iter().filter(|note| note.place == place) {
            let Note { number, patient, id, asked, .. } = *note;
            let (text, written) = (note_text(number), Written { place, patient, id, asked });
            let is_in = |held: &str| held.contains(&text);
            if !holds(&notes, id, &is_in) && !is_kept_for(world, &written, &is_in) {
                let told = told(world, &written);
                words.push(format!("device {place} lost its note {number}, {told}"));
            }
        }
        for edit in world.truth.edits.iter().filter(|edit| edit.place == place) {
            let Edit { number, patient, note: id, asked, .. } = *edit;
            let written = Written { place, patient, id, asked };
            let is_in = |held: &str| is_edited(held, number);
            if !holds(&notes, id, &is_in) && !is_kept_for(world, &written, &is_in) {
                let told = told(world, &written);
                words.push(format!("device {place} lost its edit {number}, {told}"));
            }
        }
        words.extend(doubled(facility));
        if let Some(broken) = &facility.disk.broken {
            words.push(format!("the store of device {place} kept {broken}"));
        }
    }
    words
}

/// Something that somebody wrote in a note.
struct Written {
    place: usize,
    patient: PatientId,
    id: NoteId,
    asked: Timestamp,
}

/// What is asked of the text of a note.
type IsIn<'a> = &'a dyn Fn(&str) -> bool;

fn holds(notes: &BTreeMap<NoteId, HeldNote>, id: NoteId, is_in: IsIn<'_>) -> bool {
    notes.get(&id).is_some_and(|held| is_in(&held.text))
}

/// What whoever looks for the cause asks first: of whom it was, since when its author is out, and when that one was told all again.
fn told(world: &World, written: &Written) -> String {
    let author = world.facilities[written.place].id();
    let charts = world.truth.charts.iter().filter(|(_, it)| it.patient == Some(written.patient));
    let charts: Vec<String> = charts
        .map(|((owner, local), chart)| {
            let reader = chart.readers.get(&author);
            let out = world.truth.is_out(*owner, local, &author);
            format!("{local} of device {owner}: {reader:?}, out since {out:?}")
        })
        .collect();
    let Written { place, asked, .. } = written;
    let (lost, rebuilt) = (world.truth.lost.get(place), world.truth.rebuilt.get(place));
    let notes = world.facilities[*place].kept_notes();
    let reads = notes.get(&written.id).map(|note| &note.text);
    format!(
        "written at {asked:?} about {charts:?}; its disk was lost at {lost:?}, rebuilt at {rebuilt:?}; the note \
         reads {reads:?}"
    )
}

/// A device that has lost its disk learns again what its relay may tell it. Where its facility is put out of a patient's care by
/// the time at which that is done, it is told nothing of that care any more, what it wrote there itself included; nor is a
/// device that was reported lost. Nor has one been told all of it that has been cut off ever since the relay's clock, by which its consent
/// had yet to begin, was set right. Then it is the hospital whose patient it is that must have all of it: merged, or set apart
/// for a person where it was written too late.
fn is_kept_for(world: &World, written: &Written, is_in: IsIn<'_>) -> bool {
    let Some(lost) = world.truth.lost.get(&written.place) else { return false };
    let rebuilt = world.truth.rebuilt.get(&written.place);
    let is_revoked = world.truth.revoked.contains_key(&written.place);
    let author = world.facilities[written.place].id();
    let charts = world.truth.charts.iter().filter(|(_, it)| it.patient == Some(written.patient));
    let mut owners = charts.filter(|((owner, local), chart)| {
        let out = world.truth.is_out(*owner, local, &author);
        // Let in again by a clock that was ahead of the relay's, and put out before that began: the relay went by its own, by then
        // or when the device had lost its disk.
        let last = chart.readers.get(&author);
        let yet_to_begin = |rebuilt: &Rebuilt| {
            last.is_some_and(|it| it.asked < Some(rebuilt.at) && it.begins > rebuilt.hour)
        };
        let untold = last.and_then(|it| it.untold);
        let was_out = |out: Timestamp| {
            let since = untold.map_or(out, |untold| untold.min(out));
            rebuilt.is_none_or(|it| since < it.at || yet_to_begin(it))
        };
        // Its own words have come, and wait for those of the hospital.
        let was_early = world.is_left_out(written.place)
            && rebuilt.is_some_and(|it| last.is_some_and(|last| last.begins > it.hour));
        out.is_some_and(was_out) || is_revoked || was_early
    });
    let keeps = |place: usize| holds(&world.facilities[place].kept_notes(), written.id, is_in);
    written.asked < *lost && owners.any(|((owner, _), _)| keeps(*owner))
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
