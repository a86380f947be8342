//! Where two people set one field apart, nobody's word is dropped without a sign: every value that stands is shown,
//! the field marked for a person to settle.
//!
//! An edit adds a mark to the text and sets the title. Texts are merged, so the mark shows that the edit is in the
//! note; its title must then be among those that are shown, unless somebody who saw that title set another one.

use std::collections::{BTreeMap, BTreeSet};

use super::Words;
use crate::world::people::title;
use crate::world::{HeldNote, World};

pub(super) fn check(world: &World) -> Words {
    let mut words = Vec::new();
    let (mut edits, mut overwrites) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
    world.truth.edits.iter().for_each(|it| edits.entry(it.note).or_default().push(it));
    world.truth.overwrites.iter().for_each(|it| overwrites.entry(it.note).or_default().push(it));
    for facility in world.core() {
        for (id, note) in facility.notes().iter() {
            let Some(edits) = edits.get(id) else { continue };
            let shown = shown(note);
            let merged = marks(&note.text);
            for edit in edits.iter().filter(|edit| merged.contains(&edit.number)) {
                let set = title(edit.number);
                let replaced = overwrites
                    .get(id)
                    .into_iter()
                    .flatten()
                    .any(|other| other.number != edit.number && other.saw.contains(&set));
                if !replaced && !shown.contains(&set) {
                    let (place, number) = (facility.place(), edit.number);
                    words.push(format!("device {place} does not show what edit {number} set"));
                }
            }
        }
    }
    words
}

/// The titles that a note shows.
pub(in crate::world) fn shown(note: &HeldNote) -> BTreeSet<String> {
    note.titles.iter().chain([&note.title]).cloned().collect()
}

/// The edits whose marks stand in a text.
fn marks(text: &str) -> BTreeSet<u64> {
    let parts = text.split('＋').skip(1);
    parts.filter_map(|part| part.parse().ok()).collect()
}
