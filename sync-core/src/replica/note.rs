//! Care notes: written in a patient's care scope, where the whole team reads and edits them.

use crate::access::ScopeKind;
use crate::document::{Author, CareNote, DocumentId, EditError, Editor, NoteEdit};
use crate::id::{NoteId, Timestamp};
use crate::storage::row::ScopeNumber;

use super::Tx;
use super::command::{CommandError, Outcome, Staff, Who};
use super::effect::Query;
use super::input::Answer;
use super::link::contributions;
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
        edit: &NoteEdit,
        by: &Staff,
        answers: Vec<Answer>,
    ) -> Result<Outcome, CommandError> {
        let number = self.care_scope(who, tx.now)?;
        let editor = self.editor(by);
        let (id, made) = match note {
            None => {
                let (_, made) = CareNote::create(edit, &editor, tx.now)?;
                (NoteId::random(tx.rng), Some(made))
            }
            Some(id) => {
                let contributions = contributions(answers);
                if contributions.is_empty() {
                    return Err(CommandError::UnknownNote);
                }
                let (mut held, _) = CareNote::replay(&contributions);
                (id, held.edit(edit, &editor, tx.now)?)
            }
        };
        if let Some(changes) = made {
            self.write_document(tx, number, DocumentId::Note(id), changes);
        }
        Ok(Outcome::Saved { note: id })
    }

    /// A person of ours at this device.
    pub(super) fn editor(&self, by: &Staff) -> Editor {
        let author = Author { device: self.me, facility: self.home };
        Editor { author, staff: by.0.clone() }
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

impl From<EditError> for CommandError {
    fn from(error: EditError) -> Self {
        Self::Document(error.to_string())
    }
}
