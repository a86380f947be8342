//! Where two people set one field apart, nobody's word is dropped without a sign: every value that stands is shown,
//! the field marked for a person to settle.
//!
//! An edit adds a mark to the text and sets the title. Texts are merged, so the mark shows that the edit is in the
//! note; its title must then be among those that are shown, unless somebody who saw that title set another one.

use std::collections::BTreeSet;

use super::Words;
use crate::world::people::title;
use crate::world::{HeldNote, World};

pub(super) fn check(world: &World) -> Words {
    let mut words = Vec::new();
    for facility in world.core() {
        for (id, note) in facility.notes().iter() {
            let shown = shown(note);
            let merged = marks(&note.text);
            let edits = world.truth.edits.iter().filter(|edit| edit.note == *id);
            for edit in edits.filter(|edit| merged.contains(&edit.number)) {
                let set = title(edit.number);
                let replaced = world.truth.overwrites.iter().any(|other| {
                    other.note == *id && other.number != edit.number && other.saw.contains(&set)
                });
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
