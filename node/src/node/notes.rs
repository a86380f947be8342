//! Care notes: read by merging the changes that the log holds, written through the replica.

use azalea_core::access::ScopeKind;
use azalea_core::document::{Author, CareNote, Contribution, Editor, Field, NoteEdit, Vital};
use azalea_core::id::{EnvelopeId, FacilityId, NoteId, PatientId};
use azalea_core::replica::Cause;
use azalea_core::replica::command::{Command, Outcome, Staff};
use azalea_core::storage::row::ScopeNumber;
use azalea_core::view::{View, ViewError};
use std::collections::{BTreeMap, BTreeSet};

use super::{Node, NodeError, disk, view_error};
use crate::driver::Shown;
use crate::store::Snapshot;
use crate::web::ClinicError;
use crate::web::model::{
    Delivery, NoteConflict, NoteConflictValue, NoteDraft, NoteField, NoteKind, NoteState,
    NoteVersionCard, NoteView, StaffId, Vitals,
};

impl Node {
    /// All notes about a patient, the newest first.
    pub(super) fn read_notes(
        &self,
        snapshot: &Snapshot,
        shown: &Shown,
        patient: PatientId,
    ) -> Result<Vec<NoteView>, ClinicError> {
        let view = View::new(snapshot);
        let refused = self.refused_by_relay(&view).map_err(view_error)?;
        let mut notes = Vec::new();
        for scope in self.scopes_of(&patient) {
            if scope.kind != ScopeKind::Care {
                continue;
            }
            let merged = view.notes(scope.number).map_err(view_error)?;
            for (id, made) in self.own_late_notes(&view, shown, scope.number)? {
                if !merged.contains_key(&id) {
                    let (note, _) = CareNote::replay(&made);
                    notes.extend(self.note_page(shown, patient, id, &note, Delivery::Late));
                }
            }
            for (id, entries) in merged {
                let mut delivery = Delivery::Received;
                for (position, contribution) in &entries {
                    if contribution.author.facility == self.home() {
                        let reached = reached(&view, &refused, *position).map_err(view_error)?;
                        delivery = least(delivery, reached);
                    }
                }
                let made: Vec<_> = entries.into_iter().map(|(_, made)| made).collect();
                let (note, _) = CareNote::replay(&made);
                notes.extend(self.note_page(shown, patient, id, &note, delivery));
            }
        }
        notes.sort_by_key(|note| (std::cmp::Reverse(note.created), note.id));
        Ok(notes)
    }

    /// Notes of this facility that are set apart as late: nobody else shows them, so its own staff must see them.
    fn own_late_notes(
        &self,
        view: &View<'_, Snapshot>,
        shown: &Shown,
        scope: ScopeNumber,
    ) -> Result<BTreeMap<NoteId, Vec<Contribution>>, ClinicError> {
        let mut notes: BTreeMap<NoteId, Vec<Contribution>> = BTreeMap::new();
        for (device, note, changes) in view.late_notes(scope).map_err(view_error)? {
            let facility = shown.roster.device(&device).map(|it| it.facility);
            if let Some(facility) = facility.filter(|it| *it == self.home()) {
                let author = Author { device, facility };
                notes.entry(note).or_default().push(Contribution { author, changes });
            }
        }
        Ok(notes)
    }

    /// Envelopes of this device that the relay will not take.
    fn refused_by_relay(
        &self,
        view: &View<'_, Snapshot>,
    ) -> Result<BTreeSet<EnvelopeId>, ViewError> {
        let device = self.identity.device_id();
        let apart = view.quarantined()?.into_iter();
        Ok(apart
            .filter(|row| {
                row.author == device && matches!(row.cause, Cause::Refused | Cause::Contradicted)
            })
            .map(|row| row.id)
            .collect())
    }

    /// All notes about a patient, the newest first.
    pub(crate) fn notes(&self, patient: PatientId) -> Result<Vec<NoteView>, ClinicError> {
        let snapshot = self.handle.snapshot().map_err(disk)?;
        self.read_notes(&snapshot, &self.handle.shown(), patient)
    }

    pub(super) fn read_note(
        &self,
        patient: PatientId,
        note: NoteId,
    ) -> Result<NoteView, ClinicError> {
        self.notes(patient)?.into_iter().find(|it| it.id == note).ok_or(ClinicError::NotFound)
    }

    /// Writes a new note, or edits one.
    pub(crate) fn save_note(
        &self,
        staff: &StaffId,
        patient: PatientId,
        note: Option<NoteId>,
        edit: NoteEdit,
    ) -> Result<NoteId, NodeError> {
        let by = self.staff_word(staff)?;
        let patient = Self::who(patient);
        match self.command(Command::EditNote { patient, note, edit, by })? {
            Outcome::Saved { note } => Ok(note),
            _ => Err(ClinicError::Unavailable.into()),
        }
    }

    /// A person of this facility as documents name them: the id, then the name.
    pub(super) fn staff_word(&self, staff: &StaffId) -> Result<Staff, ClinicError> {
        let account = self.account_rows()?.into_iter().find(|account| account.id == *staff);
        let account = account.ok_or(ClinicError::NotFound)?;
        Ok(Staff(super::staff_text(&account)))
    }

    /// A person as pages name them, with the facility where it is another one.
    pub(super) fn editor_name(&self, shown: &Shown, editor: &Editor) -> String {
        self.person_name(shown, &editor.staff, &editor.author.facility)
    }

    pub(super) fn person_name(&self, shown: &Shown, staff: &str, facility: &FacilityId) -> String {
        let name = staff.split_once(' ').map_or(staff, |(_, name)| name);
        match *facility == self.home() {
            true => name.to_owned(),
            false => format!("{name}（{}）", shown.facility(facility).name),
        }
    }

    fn note_page(
        &self,
        shown: &Shown,
        patient: PatientId,
        id: NoteId,
        note: &CareNote,
        delivery: Delivery,
    ) -> Option<NoteView> {
        let view = note.view()?;
        let vital = |vital| view.vitals.get(&vital).cloned().unwrap_or_default();
        let mut history: Vec<NoteVersionCard> = Vec::new();
        for revision in note.history() {
            let cancelled = note.view_at(&revision.heads).is_some_and(|then| then.cancelled);
            history.push(NoteVersionCard {
                at: revision.at,
                by: self.editor_name(shown, &revision.editor),
                state: state(cancelled, !history.is_empty()),
            });
        }
        history.reverse();
        Some(NoteView {
            id,
            patient,
            kind: NoteKind::from_slug(&view.kind).unwrap_or(NoteKind::Record),
            title: view.title.clone(),
            text: view.text.clone(),
            vitals: Vitals {
                temperature: vital(Vital::Temperature),
                systolic: vital(Vital::Systolic),
                diastolic: vital(Vital::Diastolic),
                pulse: vital(Vital::Pulse),
                spo2: vital(Vital::Spo2),
                respiration: vital(Vital::Respiration),
            },
            author: self.editor_name(shown, &view.author),
            facility: shown.facility(&view.author.author.facility),
            created: view.created,
            changed: view.edited,
            state: state(view.cancelled, view.corrected),
            delivery,
            conflicts: view
                .conflicts
                .iter()
                .map(|conflict| NoteConflict {
                    field: page_field(conflict.field),
                    values: conflict
                        .values
                        .iter()
                        .map(|choice| NoteConflictValue {
                            choice: choice.value.clone(),
                            value: choice.value.clone(),
                            by: self.editor_name(shown, &choice.editor),
                            at: choice.at,
                        })
                        .collect(),
                })
                .collect(),
            history,
            base: view.heads.to_string(),
        })
    }
}

/// How far one change of this facility has come.
fn reached(
    view: &View<'_, Snapshot>,
    refused: &BTreeSet<EnvelopeId>,
    position: u64,
) -> Result<Delivery, ViewError> {
    if view.is_unsent(position)? {
        return Ok(Delivery::Saved);
    }
    // Most devices were never refused anything; only for others is the envelope looked up.
    if !refused.is_empty() && refused.contains(&view.envelope(position)?.header().id()) {
        return Ok(Delivery::Refused);
    }
    Ok(Delivery::Stored)
}

/// Of a note's changes the one that has come least far speaks for it.
fn least(one: Delivery, other: Delivery) -> Delivery {
    let rank = |delivery| match delivery {
        Delivery::Refused | Delivery::Late => 0,
        Delivery::Saved => 1,
        Delivery::Stored => 2,
        Delivery::Received => 3,
    };
    if rank(one) <= rank(other) { one } else { other }
}

/// What a form says, as an edit.
pub(crate) fn edit_of(draft: &NoteDraft) -> Result<NoteEdit, ClinicError> {
    let base = match draft.base.as_str() {
        "" => None,
        base => Some(base.parse().map_err(|_| ClinicError::Invalid)?),
    };
    let vitals = &draft.vitals;
    let vitals = [
        (Vital::Temperature, &vitals.temperature),
        (Vital::Systolic, &vitals.systolic),
        (Vital::Diastolic, &vitals.diastolic),
        (Vital::Pulse, &vitals.pulse),
        (Vital::Spo2, &vitals.spo2),
        (Vital::Respiration, &vitals.respiration),
    ];
    // A new note lists what was measured only; an edit may also take a value back.
    let stated = vitals.into_iter().filter(|(_, value)| base.is_some() || !value.is_empty());
    Ok(NoteEdit {
        kind: Some(draft.kind.slug().to_owned()),
        title: Some(draft.title.clone()),
        text: Some(draft.text.clone()),
        vitals: stated.map(|(vital, value)| (vital, value.clone())).collect(),
        cancelled: None,
        base,
    })
}

/// The edit that settles a field; the choice is the value itself.
pub(super) fn settling(field: NoteField, choice: &str) -> Result<NoteEdit, ClinicError> {
    let field = match field {
        NoteField::Kind => Field::Kind,
        NoteField::Title => Field::Title,
        NoteField::State => Field::Cancelled,
        NoteField::Temperature => Field::Vital(Vital::Temperature),
        NoteField::Systolic => Field::Vital(Vital::Systolic),
        NoteField::Diastolic => Field::Vital(Vital::Diastolic),
        NoteField::Pulse => Field::Vital(Vital::Pulse),
        NoteField::Spo2 => Field::Vital(Vital::Spo2),
        NoteField::Respiration => Field::Vital(Vital::Respiration),
        // Texts merge letter by letter; there is nothing to settle.
        NoteField::Text => return Err(ClinicError::Invalid),
    };
    Ok(NoteEdit::setting(field, choice))
}

fn page_field(field: Field) -> NoteField {
    match field {
        Field::Kind => NoteField::Kind,
        Field::Title => NoteField::Title,
        Field::Cancelled => NoteField::State,
        Field::Vital(Vital::Temperature) => NoteField::Temperature,
        Field::Vital(Vital::Systolic) => NoteField::Systolic,
        Field::Vital(Vital::Diastolic) => NoteField::Diastolic,
        Field::Vital(Vital::Pulse) => NoteField::Pulse,
        Field::Vital(Vital::Spo2) => NoteField::Spo2,
        Field::Vital(Vital::Respiration) => NoteField::Respiration,
    }
}

fn state(cancelled: bool, corrected: bool) -> NoteState {
    match (cancelled, corrected) {
        (true, _) => NoteState::Cancelled,
        (false, true) => NoteState::Corrected,
        (false, false) => NoteState::Valid,
    }
}
