//! What a device holds and can show, read from its rows as pages and exports read them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use azalea_core::access::{ScopeKind, Statement};
use azalea_core::document::{Author, CareNote, Contribution, Heads};
use azalea_core::envelope::{Body, SignedEnvelope};
use azalea_core::id::{
    ConsentId, DeviceId, EnvelopeId, FacilityId, NoteId, PatientId, ScopeId, Timestamp,
};
use azalea_core::replica::QuarantineRow;
use azalea_core::storage::row::{ScopeNumber, VectorRow, key};
use azalea_core::storage::{Memory, Order, Range, Read, table};
use azalea_core::view::{ScopeEntry, View, current};
use azalea_core::wire::{Reader, Wire, WireError, limits};

use super::Facility;
use crate::world::hostile::member::Target;

/// The contents of each record by its owner and key: current ones, and all that are held.
pub type Held = BTreeMap<(FacilityId, String), Contents>;

/// The contents of one record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Those that count.
    pub current: Vec<Vec<u8>>,
    /// Those, and all that were replaced.
    pub all: BTreeSet<Vec<u8>>,
}

/// An envelope that is kept and not applied yet.
pub(in crate::world) struct HeldBack {
    pub(in crate::world) author: DeviceId,
    pub(in crate::world) scope: ScopeId,
    /// Whether it is in a scope that this device reads.
    pub(in crate::world) is_ours: bool,
    /// Its number in its author's chain.
    pub(in crate::world) seq: u64,
    /// Where it stands in the log; 0 where it is not there yet.
    pub(in crate::world) position: u64,
}

/// An envelope that a program is too old to read.
pub(in crate::world) struct TooNew {
    pub(in crate::world) id: EnvelopeId,
    /// Where it stands in the log.
    pub(in crate::world) position: u64,
    pub(in crate::world) author: DeviceId,
    pub(in crate::world) seq: u64,
    pub(in crate::world) kind: Option<ScopeKind>,
    /// When it was written, by its author's clock.
    pub(in crate::world) at: Timestamp,
    /// Since when its author's words count it for this device, by the clock that gave the grant; `None` where they do
    /// not, or by another clock than the author's.
    pub(in crate::world) counted: Option<Timestamp>,
}

/// The kinds of scope that publishers' words count.
const COUNTED: [ScopeKind; 4] =
    [ScopeKind::Chart, ScopeKind::Care, ScopeKind::Directory, ScopeKind::Letter];

/// A note as everybody who holds it must show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldNote {
    /// The patient, where the device was told.
    pub patient: Option<PatientId>,
    /// The text, merged.
    pub text: String,
    /// The title that is shown.
    pub title: String,
    /// Every title that people set apart (要確認).
    pub titles: BTreeSet<String>,
    /// The state, as Automerge names it.
    pub heads: Heads,
}

/// What was read last, and of how old a disk: who is idle is looked at for nothing.
#[derive(Default)]
pub(super) struct Looked {
    scopes: Seen<Vec<ScopeEntry>>,
    held: Seen<Held>,
    notes: Seen<BTreeMap<NoteId, HeldNote>>,
}

/// Something that was read, and how often the disk had changed by then.
type Seen<T> = RefCell<Option<(u64, Rc<T>)>>;

fn again<T>(seen: &Seen<T>, changes: u64, read: impl FnOnce() -> T) -> Rc<T> {
    if let Some((_, known)) = seen.borrow().as_ref().filter(|(then, _)| *then == changes) {
        return Rc::clone(known);
    }
    let read = Rc::new(read());
    *seen.borrow_mut() = Some((changes, Rc::clone(&read)));
    read
}

impl Facility {
    pub(in crate::world) fn scopes(&self) -> Rc<Vec<ScopeEntry>> {
        let read = || self.view().scopes().expect("a sound store");
        again(&self.looked.scopes, self.disk.changes, read)
    }

    /// The records that it can open.
    pub fn held(&self) -> Rc<Held> {
        again(&self.looked.held, self.disk.changes, || self.open_all())
    }

    /// The rows as its program reads them.
    fn view(&self) -> View<'_, Memory> {
        View::new(&self.disk.rows).knowing(self.formats())
    }

    fn open_all(&self) -> Held {
        let mut view = self.view();
        let mut held = Held::new();
        for scope in self.scopes().iter() {
            let Some(access) = &scope.access else { continue };
            for versions in view.records(scope.number).expect("a sound store") {
                let key = &versions[0].key;
                let key = (access.owner(), format!("{}/{}", key.kind, key.id));
                let mut open = |entry: &_| match view.open(entry) {
                    // Listed by a newer program than the one that runs now, which cannot show it.
                    Err(error) if error.is_newer() => None,
                    version => {
                        let version = version.expect("a sound store");
                        Some(version.raw().unwrap_or_default().to_vec())
                    }
                };
                let contents = held.entry(key).or_default();
                contents.current.extend(current(&versions).into_iter().filter_map(&mut open));
                contents.current.sort();
                contents.all.extend(versions.iter().filter_map(&mut open));
            }
        }
        held
    }

    /// The notes that it can show.
    pub fn notes(&self) -> Rc<BTreeMap<NoteId, HeldNote>> {
        again(&self.looked.notes, self.disk.changes, || self.merged(|_| Vec::new()))
    }

    /// The notes with all that is kept of them: also what is set apart by now, since its author's right had ended before
    /// that was written, and what was written on top of such a note.
    pub(in crate::world) fn kept_notes(&self) -> BTreeMap<NoteId, HeldNote> {
        let view = self.view();
        let author = |device: DeviceId| {
            let facility = self.replica.as_ref()?.roster().device(&device)?.facility;
            Some(Author { device, facility })
        };
        self.merged(|scope| {
            let late = view.late_notes(scope).expect("a sound store").into_iter();
            let made = |(device, note, changes)| {
                author(device).map(|author| (note, Contribution { author, changes }))
            };
            late.filter_map(made).collect()
        })
    }

    fn merged(
        &self,
        more: impl Fn(ScopeNumber) -> Vec<(NoteId, Contribution)>,
    ) -> BTreeMap<NoteId, HeldNote> {
        let view = self.view();
        let mut notes = BTreeMap::new();
        for scope in self.scopes().iter() {
            let patient = scope.descriptor.as_ref().and_then(|it| it.patient);
            let mut made: BTreeMap<NoteId, Vec<Contribution>> = BTreeMap::new();
            for (id, rows) in view.notes(scope.number).expect("a sound store") {
                made.insert(id, rows.into_iter().map(|(_, row)| row).collect());
            }
            for (id, row) in more(scope.number) {
                made.entry(id).or_default().push(row);
            }
            for (id, rows) in made {
                let Some(note) = CareNote::replay(&rows).0.view() else { continue };
                let conflicts = note.conflicts.iter().flat_map(|it| &it.values);
                let titles = conflicts.map(|choice| choice.value.clone()).collect();
                let (text, title, heads) = (note.text, note.title, note.heads);
                notes.insert(id, HeldNote { patient, text, title, titles, heads });
            }
        }
        notes
    }

    /// What is set apart here for a person.
    pub fn quarantined(&self) -> Vec<QuarantineRow> {
        self.view().quarantined().expect("a sound store")
    }

    /// The envelopes that are for this device and that its program cannot read for no other reason than that they are
    /// newer.
    pub(in crate::world) fn too_new(&self) -> Vec<TooNew> {
        let view = self.view();
        let scopes = self.scopes();
        let mut found = Vec::new();
        let each = &mut |at: &[u8], value: &[u8]| {
            let position = at.try_into().map(u64::from_be_bytes).expect("positions are keys");
            if view.body(position).is_err_and(|error| error.is_newer()) {
                let envelope = SignedEnvelope::from_bytes(value).expect("it was opened just above");
                let header = envelope.claimed_header();
                let scope = scopes.iter().find(|scope| scope.id == header.scope);
                let kind = scope.and_then(|it| it.access.as_ref()).map(|access| access.kind());
                // What is for somebody else's eyes need not be opened here, though we may have the key.
                if !scope.is_some_and(|it| self.reads(it)) {
                    return true;
                }
                let counted = scope.and_then(|scope| self.counted_since(scope, &header.author));
                let (id, author, seq, at) = (header.id(), header.author, header.seq, header.at);
                found.push(TooNew { id, position, author, seq, kind, at, counted });
            }
            true
        };
        self.disk.rows.scan(table::LOG, &Range::all(), Order::Ascending, each).expect("memory");
        found
    }

    fn counted_since(&self, scope: &ScopeEntry, author: &DeviceId) -> Option<Timestamp> {
        let access = scope.access.as_ref().filter(|access| COUNTED.contains(&access.kind()))?;
        let facility = self.replica.as_ref()?.roster().device(author)?.facility;
        let ours = access.grants_from(Timestamp(0)).filter(|grant| grant.facility == self.id());
        let since = ours.map(|grant| grant.from).max()?;
        (facility == access.owner()).then_some(since)
    }

    /// The envelopes that are kept and not merged, since they are late or wait for a decision.
    pub(in crate::world) fn unmerged(&self) -> BTreeSet<EnvelopeId> {
        self.view().unmerged().expect("a sound store")
    }

    /// How much of its own its disk counts as not sent.
    pub(in crate::world) fn outbox(&self) -> usize {
        let mut rows = 0;
        let each = &mut |_: &[u8], _: &[u8]| {
            rows += 1;
            true
        };
        self.disk.rows.scan(table::OUTBOX, &Range::all(), Order::Ascending, each).expect("memory");
        rows
    }

    fn reads(&self, scope: &ScopeEntry) -> bool {
        let Some(access) = &scope.access else { return false };
        match access.parties() {
            Some((_, to)) => to == self.device(),
            None => access.access_of(&self.id(), Timestamp(u64::MAX)).is_some_and(|it| it.read),
        }
    }

    /// When a consent that was recorded here begins, by the clock that stood in its grants. Asked just after it was
    /// recorded, so that its grants are among the last rows of the log.
    pub(in crate::world) fn begins(&self, consent: &ConsentId) -> Option<Timestamp> {
        let mut begins = None;
        let rows = &self.disk.rows;
        rows.scan(table::LOG, &Range::all(), Order::Descending, &mut |_, value| {
            begins = granted(value).filter(|(on, _)| on == consent).map(|(_, from)| from);
            begins.is_none()
        })
        .expect("memory");
        begins
    }

    /// When the first grant that stands on a chart of this hospital lets a reader in, by the clock that stood in it.
    pub(in crate::world) fn lets_in(&self, local: &str, reader: &FacilityId) -> Option<Timestamp> {
        let scopes = self.scopes();
        let is_chart = |scope: &&ScopeEntry| {
            let descriptor = scope.descriptor.as_ref();
            descriptor
                .is_some_and(|it| it.kind == ScopeKind::Chart && it.local.as_deref() == Some(local))
        };
        let accesses = scopes.iter().filter(is_chart).filter_map(|scope| scope.access.as_ref());
        let own = accesses.filter(|access| access.owner() == self.id());
        let grants = own.flat_map(|access| access.grants_from(Timestamp(0)));
        grants.filter(|grant| grant.facility == *reader).map(|grant| grant.from).min()
    }

    /// What is held back here.
    pub(in crate::world) fn waiting(&self) -> Vec<HeldBack> {
        let mut found = Vec::new();
        let scopes = self.scopes();
        let rows = &self.disk.rows;
        rows.scan(table::WAITING, &Range::all(), Order::Ascending, &mut |_, value| {
            let mut row = Reader::new(value);
            let read = |row: &mut Reader<'_>| {
                row.u8("wait")?;
                let position = row.u64("position")?;
                Ok::<_, WireError>((position, row.bytes(limits::ENVELOPE)?.to_vec()))
            };
            let envelope = read(&mut row)
                .and_then(|(position, bytes)| Ok((position, SignedEnvelope::from_bytes(bytes)?)));
            if let Ok((position, envelope)) = envelope {
                let header = envelope.claimed_header();
                let scope = scopes.iter().find(|scope| scope.id == header.scope);
                found.push(HeldBack {
                    author: header.author,
                    scope: header.scope,
                    is_ours: scope.is_some_and(|it| self.reads(it)),
                    seq: header.seq,
                    position,
                });
            }
            true
        })
        .expect("memory");
        found
    }

    /// The patients in whose care this facility takes part.
    pub(in crate::world) fn patients(&self) -> BTreeSet<PatientId> {
        let scopes = self.scopes();
        let descriptors = scopes.iter().filter_map(|scope| scope.descriptor.as_ref());
        let care = descriptors.filter(|it| it.kind == ScopeKind::Care);
        care.filter_map(|descriptor| descriptor.patient).collect()
    }
}

/// The consent on which a grant rests, and when it begins; `None` where an envelope is no such grant.
fn granted(envelope: &[u8]) -> Option<(ConsentId, Timestamp)> {
    let signed = SignedEnvelope::from_bytes(envelope).ok()?;
    if !signed.claimed_header().is_clear() {
        return None;
    }
    match Body::from_bytes(&envelope[SignedEnvelope::OVERHEAD..]).ok()? {
        Body::Statement(Statement::Grant { from, consent, .. }) => Some((consent?, from)),
        _ => None,
    }
}

impl Facility {
    /// A scope of this device's own, for an attacker to aim at.
    pub(in crate::world) fn target(&self, choice: u64) -> Option<Target> {
        let kinds = [ScopeKind::Chart, ScopeKind::Care, ScopeKind::Directory, ScopeKind::Office];
        let all = self.scopes();
        let is_open = |it: &&ScopeEntry| {
            it.access.as_ref().is_some_and(|access| kinds.contains(&access.kind()))
        };
        let scopes: Vec<&ScopeEntry> = all.iter().filter(is_open).collect();
        let scope = scopes.get(choice as usize % scopes.len().max(1))?;
        let me = self.device();
        let at = key(&[&scope.number.to_be_bytes(), me.as_bytes()]);
        let row = self.disk.rows.get(table::VECTOR, &at).expect("memory");
        let end = row.and_then(|row| VectorRow::from_bytes(&row).ok());
        let end = end.map_or((0, EnvelopeId::ZERO), |end| (end.seq, end.id));
        let kind = scope.access.as_ref()?.kind();
        Some(Target { scope: scope.id, kind, victim: me, end })
    }
}
