//! What people write together: an Automerge document that takes in nothing unchecked.
//!
//! Each edit is one change under an actor of its own: the device's id and the digest of the change itself. So a
//! device that was restored from an old backup can never use one actor and number for two different
//! edits, which would part its replicas for good; and the same edit made twice is the same change. A change
//! whose past has not arrived waits. Automerge runs on a copy and behind a barrier: if it should fail
//! on something that passed the checks, the document stays as it was.

mod history;
mod staged;

use crate::hash::Context;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::transaction::{CommitOptions, Transaction};
use automerge::{ActorId, Automerge, AutomergeError, Change, ChangeHash, PatchLog, ReadDoc};

pub use self::history::Revision;
use self::staged::Staged;
use super::changes::{self, ACTOR_LEN, Candidate, ChangeError};
use super::shape::Shape;
use super::{Author, Editor, Heads};
use crate::id::{DeviceId, FacilityId, Timestamp};
use crate::wire::{Limit, Reader, Wire, WireError, Writer, limits};

/// A document with the editors of its changes and the changes that wait for their past.
#[derive(Clone)]
pub(super) struct Shared {
    document: Automerge,
    /// Every actor that was ever claimed, also by a change that was refused: the first claim stands.
    claims: BTreeMap<Vec<u8>, Claim>,
    waiting: Vec<Candidate>,
    /// Made when the first change is checked; a document that is only read never needs it.
    shape: Option<Shape>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Claim {
    facility: FacilityId,
    change: ChangeHash,
}

/// What became of a batch of changes. Nothing in it is an error of the batch as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Applied {
    /// Merged now, including those that had waited.
    pub merged: usize,
    /// Held already.
    pub known: usize,
    /// Waiting for changes that have not arrived; of the whole document.
    pub waiting: usize,
    /// Refused for good, each with its cause; the envelope that brought them is kept as evidence.
    pub refused: Vec<ChangeError>,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self {
            document: Automerge::new(),
            claims: BTreeMap::new(),
            waiting: Vec::new(),
            shape: Some(Shape::default()),
        }
    }

    pub(super) fn document(&self) -> &Automerge {
        &self.document
    }

    pub(super) fn heads(&self) -> Heads {
        let mut heads = self.document.get_heads();
        heads.sort_unstable();
        Heads(heads)
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether a state is part of this document.
    pub(super) fn has(&self, heads: &Heads) -> bool {
        heads.0.iter().all(|head| self.document.get_change_meta_by_hash(head).is_some())
    }

    /// Makes one change, on the state `base` or on the newest. Returns its bytes; `None` where nothing changed.
    ///
    /// `write` runs twice and must do the same both times.
    pub(super) fn edit(
        &mut self,
        base: Option<&Heads>,
        editor: &Editor,
        at: Timestamp,
        write: impl Fn(&mut Transaction<'_>) -> Result<(), AutomergeError>,
    ) -> Result<Option<Vec<u8>>, EditError> {
        if base.is_some_and(|base| !self.has(base)) {
            return Err(EditError::UnknownBase);
        }
        let mut actor = editor.author.device.as_bytes().to_vec();
        actor.resize(ACTOR_LEN, 0);
        let Some((_, blank)) = self.commit(&actor, base, editor, at, &write)? else {
            return Ok(None);
        };
        let digest = ACTOR_CONTEXT.hash(blank.raw_bytes());
        actor[DeviceId::LEN..].copy_from_slice(&digest[..ACTOR_LEN - DeviceId::LEN]);
        if self.claims.contains_key(&actor) {
            return Ok(None);
        }
        let Some((document, change)) = self.commit(&actor, base, editor, at, &write)? else {
            return Ok(None);
        };
        let bytes = change.raw_bytes().to_vec();
        // What leaves this device passes the same checks as what comes in.
        let mut shape = self.shape();
        for candidate in changes::read(&bytes)? {
            shape.take(&candidate)?;
        }
        let claim = Claim { facility: editor.author.facility, change: change.hash() };
        self.claims.insert(actor, claim);
        self.document = document;
        self.shape = Some(shape);
        Ok(Some(bytes))
    }

    fn commit(
        &self,
        actor: &[u8],
        base: Option<&Heads>,
        editor: &Editor,
        at: Timestamp,
        write: impl Fn(&mut Transaction<'_>) -> Result<(), AutomergeError>,
    ) -> Result<Option<(Automerge, Change)>, EditError> {
        let mut document = self.document.clone();
        document.set_actor(ActorId::from(actor));
        let heads = base.cloned().unwrap_or_else(|| self.heads());
        let mut transaction = document
            .transaction_at(PatchLog::inactive(), &heads.0)
            .map_err(|_| EditError::Merge)?;
        write(&mut transaction).map_err(|_| EditError::Merge)?;
        let time = i64::try_from(at.0).unwrap_or(i64::MAX);
        let options = CommitOptions::default().with_time(time).with_message(&editor.staff);
        let (Some(hash), _) = transaction.commit_with(options) else { return Ok(None) };
        let change = document.get_change_by_hash(&hash).ok_or(EditError::Merge)?;
        Ok(Some((document, change)))
    }

    /// Takes in a batch of changes that came in an envelope of `author`.
    pub(super) fn apply(&mut self, author: &Author, batch: &[u8]) -> Result<Applied, ChangeError> {
        let mut staged = self.stage();
        staged.add(author, batch)?;
        let sound = staged.settle();
        check_waiting(&staged.waiting)?;
        if !sound.is_empty() {
            self.document = merge(&self.document, sound)?;
        }
        Ok(self.accept(staged))
    }

    /// Takes in everything that a replica holds of a document, at once; what is refused is left out and counted.
    pub(super) fn replay<'a>(
        contributions: impl IntoIterator<Item = (&'a Author, &'a [u8])>,
    ) -> (Self, Applied) {
        let mut shared = Self::new();
        let mut staged = shared.stage();
        for (author, batch) in contributions {
            if let Err(error) = staged.add(author, batch) {
                staged.applied.refused.push(error);
            }
        }
        let sound = staged.settle();
        match merge(&shared.document, sound.clone()) {
            Ok(document) => shared.document = document,
            // One by one, so that a change on which Automerge fails takes nothing else with it.
            Err(_) => {
                for change in sound {
                    match merge(&shared.document, vec![change]) {
                        Ok(document) => shared.document = document,
                        Err(error) => staged.applied.refused.push(error),
                    }
                }
            }
        }
        let applied = shared.accept(staged);
        (shared, applied)
    }

    fn stage(&self) -> Staged {
        Staged {
            claims: self.claims.clone(),
            waiting: self.waiting.clone(),
            shape: self.shape(),
            applied: Applied::default(),
        }
    }

    fn accept(&mut self, staged: Staged) -> Applied {
        (self.claims, self.waiting, self.shape) =
            (staged.claims, staged.waiting, Some(staged.shape));
        staged.applied
    }

    fn shape(&self) -> Shape {
        if let Some(shape) = &self.shape {
            return shape.clone();
        }
        let mut shape = Shape::default();
        for change in self.document.get_changes(&[]) {
            let candidate = Candidate { expanded: change.decode(), change };
            // Everything in the document passed this before it was stored.
            let _ = shape.take(&candidate);
        }
        shape
    }

    /// The document for this replica's own store.
    pub(super) fn save(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.u8(VERSION);
        writer.bytes(&self.document.save());
        writer.count(self.claims.len());
        for (actor, claim) in &self.claims {
            writer.bytes(actor);
            claim.facility.write(&mut writer);
            writer.raw(&claim.change.0);
        }
        writer.count(self.waiting.len());
        for candidate in &self.waiting {
            writer.bytes(candidate.change.raw_bytes());
        }
        writer.into_bytes()
    }

    /// Takes back what [`Shared::save`] wrote. For this replica's own store only, which is authenticated.
    pub(super) fn load(bytes: &[u8]) -> Result<Self, LoadError> {
        let mut reader = Reader::new(bytes);
        match reader.u8(FIELD)? {
            VERSION => {}
            0 => return Err(WireError::Invalid { field: FIELD }.into()),
            found => {
                return Err(WireError::Version { field: FIELD, found, known: VERSION }.into());
            }
        }
        let document = Automerge::load(reader.bytes(SAVED)?).map_err(|_| LoadError::Damaged)?;
        let mut claims = BTreeMap::new();
        for _ in 0..reader.count(CLAIMS)? {
            let actor = reader.bytes(ACTOR)?.to_vec();
            let facility = FacilityId::read(&mut reader)?;
            let change = ChangeHash(reader.array("change")?);
            claims.insert(actor, Claim { facility, change });
        }
        let mut waiting = Vec::new();
        for _ in 0..reader.count(WAITING)? {
            let chunk = reader.bytes(limits::CHANGES)?;
            waiting.extend(changes::read(chunk).map_err(|_| LoadError::Damaged)?);
        }
        reader.finish()?;
        Ok(Self { document, claims, waiting, shape: None })
    }
}

fn check_waiting(waiting: &[Candidate]) -> Result<(), ChangeError> {
    let bytes: usize = waiting.iter().map(|candidate| candidate.change.raw_bytes().len()).sum();
    for (count, Limit { name: limit, max }) in
        [(waiting.len(), WAITING), (bytes, limits::WAITING_CHANGES)]
    {
        if count > max {
            return Err(ChangeError::TooMuch { limit, max });
        }
    }
    Ok(())
}

fn merge(document: &Automerge, changes: Vec<Change>) -> Result<Automerge, ChangeError> {
    let copy = document.clone();
    catch_unwind(AssertUnwindSafe(move || {
        let mut copy = copy;
        copy.apply_changes(changes).map(|()| copy)
    }))
    .map_err(|_| ChangeError::Merge)?
    .map_err(|_| ChangeError::Merge)
}

/// Why an edit was not made; the document is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The state that the editor saw is not part of this document. Usual cause: a form from another note.
    #[error("the edit is based on a state that is not held here")]
    UnknownBase,
    /// The edit itself is above a limit.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// There is nothing to edit yet: the first change has not arrived.
    #[error("the document has not begun yet")]
    NotBegun,
    /// Automerge refused an edit made here: a bug worth reporting.
    #[error("the edit could not be made")]
    Merge,
}

/// Why a stored document does not load. The disk's fault, or a newer program's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// Not in the format, or in a newer one.
    #[error(transparent)]
    Format(#[from] WireError),
    /// The document inside is not whole.
    #[error("the stored document is damaged")]
    Damaged,
}

const VERSION: u8 = 1;
const FIELD: &str = "stored document";
static ACTOR_CONTEXT: Context = Context::new("azalea document actor v1");
const SAVED: Limit = Limit { name: "stored_document_bytes_max", max: 256 << 20 };
const CLAIMS: Limit = Limit { name: "stored_claims_max", max: 1 << 20 };
const ACTOR: Limit = Limit { name: "actor_bytes_max", max: ACTOR_LEN };
const WAITING: Limit = Limit { name: "waiting_changes_max", max: 4_096 };
