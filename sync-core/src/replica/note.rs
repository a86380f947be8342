//! Care notes: written in a patient's care scope, where the whole team reads and edits them.

use super::pending::{CareNote, NoteEdit};
use crate::access::ScopeKind;
use crate::document::DocumentId;
use crate::id::{NoteId, Timestamp};
use crate::storage::row::ScopeNumber;

use super::Tx;
use super::command::{CommandError, Outcome, Staff, Who};
use super::effect::Query;
use super::input::Answer;
use super::link::{changes, document_error};
use super::state::State;

impl State {
    /// The changes of the note to edit; nothing for a new one.
    pub(super) fn note_queries(
        &self,
        who: &Who,
        note: Option<NoteId>,
        now: Timestamp,
    ) -> Vec<Query> {
        match (note, self.care_scope(who, now)) {
            (Some(note), Ok(number)) => {
                Self::document_queries(Some(number), &DocumentId::Note(note))
            }
            _ => Vec::new(),
        }
    }

    /// Begins a note or edits one.
    pub(super) fn edit_note(
        &mut self,
        tx: &mut Tx<'_>,
        who: &Who,
        note: Option<NoteId>,
        edit: NoteEdit,
        by: &Staff,
        answers: Vec<Answer>,
    ) -> Result<Outcome, CommandError> {
        let number = self.care_scope(who, tx.now)?;
        let (id, made) = match note {
            None => {
                let id = NoteId::random(tx.rng);
                let (_, made) = CareNote::new(edit, &by.0, &self.home, tx.now, &self.me)
                    .map_err(document_error)?;
                (id, made)
            }
            Some(id) => {
                let changes = changes(answers);
                if changes.is_empty() {
                    return Err(CommandError::UnknownNote);
                }
                let mut held = CareNote::from_changes(&changes).map_err(document_error)?;
                let made =
                    held.edit(edit, &by.0, &self.home, tx.now, &self.me).map_err(document_error)?;
                (id, made)
            }
        };
        self.write_document(tx, number, DocumentId::Note(id), made);
        Ok(Outcome::Saved { note: id })
    }

    /// The care scope in which we may write about a patient; of several the one that reaches most.
    fn care_scope(&self, who: &Who, now: Timestamp) -> Result<ScopeNumber, CommandError> {
        let patient = self.resolve(who)?;
        self.scopes_of(&patient, ScopeKind::Care)
            .filter(|scope| scope.newest_key().is_some())
            .filter_map(|scope| {
                let access = scope.access.as_ref()?;
                let writes = access.access_of(&self.home, now).is_some_and(|it| it.write);
                writes.then(|| (access.members(now).count(), std::cmp::Reverse(scope.number)))
            })
            .max()
            .map(|(_, number)| number.0)
            .ok_or(CommandError::NoCareScope)
    }
}
