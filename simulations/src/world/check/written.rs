//! What somebody wrote into a patient's notes, a note or an edit alike, as checkers look for it.

use azalea_core::id::{NoteId, PatientId, Timestamp};

use crate::world::people::{is_edited, note_text};
use crate::world::truth::{Edit, Note, Truth, Written};
use crate::world::{Facility, World};

/// One note or edit that its author was told is saved.
pub(super) struct Mark {
    pub(super) what: &'static str,
    pub(super) place: usize,
    pub(super) number: u64,
    pub(super) patient: PatientId,
    pub(super) id: NoteId,
    pub(super) asked: Timestamp,
}

impl Mark {
    /// Every one.
    pub(super) fn all(truth: &Truth) -> impl Iterator<Item = Self> {
        truth.notes.iter().map(Self::of_note).chain(truth.edits.iter().map(Self::of_edit))
    }

    pub(super) fn of(truth: &Truth, written: Written) -> Self {
        match written {
            Written::Note(at) => Self::of_note(&truth.notes[at]),
            Written::Edit(at) => Self::of_edit(&truth.edits[at]),
        }
    }

    fn of_note(note: &Note) -> Self {
        let Note { place, number, patient, id, asked } = *note;
        Self { what: "note", place, number, patient, id, asked }
    }

    fn of_edit(edit: &Edit) -> Self {
        let Edit { place, number, patient, note: id, asked } = *edit;
        Self { what: "edit", place, number, patient, id, asked }
    }

    /// Whether a device shows it.
    pub(super) fn is_shown(&self, facility: &Facility) -> bool {
        facility.notes().get(&self.id).is_some_and(|held| match self.what {
            "note" => held.text.contains(&note_text(self.number)),
            _ => is_edited(&held.text, self.number),
        })
    }

    /// Who wrote it.
    pub(super) fn author<'a>(&self, world: &'a World) -> &'a Facility {
        &world.facilities[self.place]
    }
}
