//! A care note: what a team writes about a patient, together and apart.
//!
//! Title, kind and vital signs are single values: where two people set one of them apart, both values are shown
//! until somebody decides. The text merges letter by letter. Fields that this program does not know are kept.
//!
//! ```text
//! root ─┬─ kind, title   text value          ├─ vitals ── temperature, … as they were written down
//!       ├─ cancelled     true or false       └─ text     letters
//! ```

mod edit;
mod view;

#[cfg(test)]
mod tests;

use automerge::ReadDoc;

pub use edit::{NoteEdit, Vital};
pub use view::{Choice, Field, FieldConflict, NoteView};

use super::shared::{Applied, EditError, LoadError, Revision, Shared};
use super::{Author, ChangeError, Contribution, Editor, Heads};
use crate::id::Timestamp;

/// A care note with its whole history.
#[derive(Clone)]
pub struct CareNote {
    shared: Shared,
}

impl CareNote {
    /// A note of which nothing has arrived yet, to apply changes to.
    pub fn new() -> Self {
        Self { shared: Shared::new() }
    }

    /// The note that these contributions make, in any order in which each author's own are in theirs.
    ///
    /// What is refused is left out; `Applied` says how much, and how much still waits.
    pub fn replay(contributions: &[Contribution]) -> (Self, Applied) {
        let each = contributions.iter().map(|it| (&it.author, it.changes.as_slice()));
        let (shared, applied) = Shared::replay(each);
        (Self { shared }, applied)
    }

    /// Begins a note. Returns it with the changes to seal; even an empty edit begins it.
    pub fn create(
        edit: &NoteEdit,
        editor: &Editor,
        at: Timestamp,
    ) -> Result<(Self, Vec<u8>), EditError> {
        let mut note = Self::new();
        let changes = note.shared.edit(None, editor, at, |transaction| edit.begin(transaction))?;
        Ok((note, changes.ok_or(EditError::Merge)?))
    }

    /// Edits the note. Returns the changes to seal; `None` where the edit changes nothing.
    ///
    /// An edit with a base is made on the state that its editor saw, so that what arrived meanwhile is neither
    /// overwritten nor claimed to have been seen. Naming a field that is in disagreement settles it.
    pub fn edit(
        &mut self,
        edit: &NoteEdit,
        editor: &Editor,
        at: Timestamp,
    ) -> Result<Option<Vec<u8>>, EditError> {
        if self.shared.heads().0.is_empty() {
            return Err(EditError::NotBegun);
        }
        self.shared.edit(edit.base.as_ref(), editor, at, |transaction| edit.write(transaction))
    }

    /// Settles a disagreement by writing one value. Returns the changes to seal.
    pub fn resolve(
        &mut self,
        field: Field,
        value: &str,
        editor: &Editor,
        at: Timestamp,
    ) -> Result<Option<Vec<u8>>, EditError> {
        self.edit(&NoteEdit::setting(field, value), editor, at)
    }

    /// Takes in changes that came in an envelope of `author`. Never panics, whatever the bytes.
    pub fn apply(&mut self, author: &Author, changes: &[u8]) -> Result<Applied, ChangeError> {
        self.shared.apply(author, changes)
    }

    /// What the note says now; `None` while its beginning has not arrived.
    pub fn view(&self) -> Option<NoteView> {
        self.view_at(&self.shared.heads())
    }

    /// What the note said in an earlier state.
    pub fn view_at(&self, heads: &Heads) -> Option<NoteView> {
        if heads.0.is_empty() || !self.shared.has(heads) {
            return None;
        }
        view::view(&self.shared, heads)
    }

    /// Every edit, each after those that it builds on; the first began the note.
    pub fn history(&self) -> Vec<Revision> {
        self.shared.history(&self.shared.heads())
    }

    /// The note for this replica's own store.
    pub fn save(&self) -> Vec<u8> {
        self.shared.save()
    }

    /// Takes back what [`CareNote::save`] wrote. For this replica's own store only.
    pub fn load(bytes: &[u8]) -> Result<Self, LoadError> {
        Shared::load(bytes).map(|shared| Self { shared })
    }
}

impl Default for CareNote {
    fn default() -> Self {
        Self::new()
    }
}

/// Prints how much there is, not what it says.
impl std::fmt::Debug for CareNote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let operations = self.shared.document().stats().num_ops;
        write!(f, "CareNote({operations} operations)")
    }
}
