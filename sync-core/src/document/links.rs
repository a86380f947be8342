//! Which of a facility's own patient IDs is which patient of the network (名寄せ).
//!
//! A link counts once two people have said so: one proposes, another confirms. What they say is kept as a set of
//! entries that only grows; a removal names the entries that it takes back, so a proposal made apart from it
//! stays. Whoever says something is known from the envelope, not from the entry.

mod entry;
#[cfg(test)]
mod tests;

use crate::hash::Context;
use std::collections::{BTreeMap, BTreeSet};

use automerge::transaction::Transactable;
use automerge::{ROOT, ReadDoc, ScalarValue, Value};

use self::entry::{Action, Entries, Entry, EntryId, Said, is_one};
use super::shared::{Applied, EditError, LoadError, Shared};
use super::{Author, ChangeError, Contribution, Editor};
use crate::id::{FacilityId, PatientId, Timestamp};
use crate::wire::{Reader, Wire, WireError, Writer, limits};

/// That a facility's own patient ID belongs to a patient of the network.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// The facility whose ID it is.
    pub facility: FacilityId,
    /// The facility's own patient ID.
    pub local: String,
    /// The patient.
    pub patient: PatientId,
}

/// Prints no patient.
impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Link({:?})", self.facility)
    }
}

impl Wire for Link {
    fn write(&self, writer: &mut Writer) {
        self.facility.write(writer);
        writer.text(&self.local);
        self.patient.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let facility = FacilityId::read(reader)?;
        let local = reader.text(limits::KEY)?.to_owned();
        Ok(Self { facility, local, patient: PatientId::read(reader)? })
    }
}

/// Who said something, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Who.
    pub editor: Editor,
    /// When, by the editor's device.
    pub at: Timestamp,
}

/// What stands about one link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkView {
    /// The link.
    pub link: Link,
    /// Who proposed it; the earliest where several did.
    pub proposed: Mark,
    /// Who confirmed it, another person; `None` while the proposal is open.
    pub confirmed: Option<Mark>,
}

/// The links of one scope, with everything that was said about them.
#[derive(Clone)]
pub struct Links {
    shared: Shared,
}

impl Links {
    /// No links.
    pub fn new() -> Self {
        Self { shared: Shared::new() }
    }

    /// The links that these contributions make; what is refused is left out and counted.
    pub fn replay(contributions: &[Contribution]) -> (Self, Applied) {
        let each = contributions.iter().map(|it| (&it.author, it.changes.as_slice()));
        let (shared, applied) = Shared::replay(each);
        (Self { shared }, applied)
    }

    /// Proposes a link. Returns the changes to seal; `None` where this person has proposed it already.
    pub fn propose(
        &mut self,
        link: &Link,
        editor: &Editor,
        at: Timestamp,
    ) -> Result<Option<Vec<u8>>, LinkError> {
        let open = self.entries().proposals(link).any(|said| is_one(&said.mark.editor, editor));
        if open { Ok(None) } else { self.say(Action::Propose, link, Vec::new(), editor, at) }
    }

    /// Confirms a link that another person proposed. Returns the changes to seal; `None` where it is confirmed.
    pub fn confirm(
        &mut self,
        link: &Link,
        editor: &Editor,
        at: Timestamp,
    ) -> Result<Option<Vec<u8>>, LinkError> {
        let entries = self.entries();
        if entries.view(link).is_some_and(|view| view.confirmed.is_some()) {
            return Ok(None);
        }
        let mut proposals = entries.proposals(link).peekable();
        if proposals.peek().is_none() {
            return Err(LinkError::NotProposed);
        }
        let theirs: Vec<EntryId> = proposals
            .filter(|said| !is_one(&said.mark.editor, editor))
            .map(|said| said.id)
            .collect();
        if theirs.is_empty() {
            return Err(LinkError::SamePerson);
        }
        self.say(Action::Confirm, link, theirs, editor, at)
    }

    /// Takes back all that is held about a link. Returns the changes to seal; `None` where nothing stands.
    pub fn remove(
        &mut self,
        link: &Link,
        editor: &Editor,
        at: Timestamp,
    ) -> Result<Option<Vec<u8>>, LinkError> {
        let standing: Vec<EntryId> = self.entries().standing(link).map(|said| said.id).collect();
        if standing.is_empty() {
            Ok(None)
        } else {
            self.say(Action::Remove, link, standing, editor, at)
        }
    }

    /// Every link that is proposed or confirmed, in the order of facility and ID.
    pub fn view(&self) -> Vec<LinkView> {
        let entries = self.entries();
        let links: BTreeSet<&Link> = entries.0.values().map(|said| &said.entry.link).collect();
        links.into_iter().filter_map(|link| entries.view(link)).collect()
    }

    /// What stands about one link.
    pub fn find(&self, link: &Link) -> Option<LinkView> {
        self.entries().view(link)
    }

    /// Takes in changes that came in an envelope of `author`. Never panics, whatever the bytes.
    pub fn apply(&mut self, author: &Author, changes: &[u8]) -> Result<Applied, ChangeError> {
        self.shared.apply(author, changes)
    }

    /// The document for this replica's own store.
    pub fn save(&self) -> Vec<u8> {
        self.shared.save()
    }

    /// Takes back what [`Links::save`] wrote. For this replica's own store only.
    pub fn load(bytes: &[u8]) -> Result<Self, LoadError> {
        Shared::load(bytes).map(|shared| Self { shared })
    }

    fn say(
        &mut self,
        action: Action,
        link: &Link,
        about: Vec<EntryId>,
        editor: &Editor,
        at: Timestamp,
    ) -> Result<Option<Vec<u8>>, LinkError> {
        let entry = Entry { action, link: link.clone(), about };
        let bytes = entry.to_bytes();
        let device = editor.author.device;
        let id = EntryId::digest(
            &ENTRY_CONTEXT,
            &[&bytes, device.as_bytes(), editor.staff.as_bytes(), &at.to_bytes()],
        );
        let changes = self.shared.edit(None, editor, at, |transaction| {
            transaction.put(ROOT, id.to_string(), ScalarValue::Bytes(bytes.clone()))
        })?;
        Ok(changes)
    }

    /// What was said, without what does not read: a newer program's, or damage by its author.
    fn entries(&self) -> Entries {
        let document = self.shared.document();
        let mut entries = BTreeMap::new();
        for key in document.keys(ROOT) {
            let Ok(id) = key.parse::<EntryId>() else { continue };
            let Ok(Some((Value::Scalar(value), place))) = document.get(ROOT, key) else { continue };
            let ScalarValue::Bytes(bytes) = value.as_ref() else { continue };
            let (Ok(entry), Some(writer)) = (Entry::from_bytes(bytes), self.shared.writer(&place))
            else {
                continue;
            };
            let mark = Mark { editor: writer.editor, at: writer.at };
            entries.insert(id, Said { id, entry, mark });
        }
        Entries(entries)
    }
}

impl Default for Links {
    fn default() -> Self {
        Self::new()
    }
}

/// Prints how much there is, not whom it is about.
impl std::fmt::Debug for Links {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Links({} entries)", self.shared.document().length(ROOT))
    }
}

/// Why nothing was said about a link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Nobody has proposed it, or the proposal was taken back.
    #[error("nobody has proposed this link")]
    NotProposed,
    /// The person who proposed it cannot confirm it.
    #[error("a link is confirmed by another person than the one who proposed it")]
    SamePerson,
    /// The edit could not be made.
    #[error(transparent)]
    Edit(#[from] EditError),
}

static ENTRY_CONTEXT: Context = Context::new("azalea link entry v1");
