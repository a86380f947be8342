//! What was read of a disk before, kept true by the rows that have changed since: a look costs what is new, not what is held.
//!
//! The judgement at the end reads every disk whole (see [`Facility::look_anew`](super::Facility::look_anew)).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use azalea_core::document::{CareNote, Contribution, DocumentId};
use azalea_core::envelope::Formats;
use azalea_core::id::{FacilityId, NoteId, PatientId, ScopeId};
use azalea_core::storage::row::ScopeNumber;
use azalea_core::storage::{Batch, Memory, table};
use azalea_core::view::{ScopeEntry, VersionEntry, View, current};
use azalea_core::wire::Wire;

use super::{Contents, Held, HeldNote};

/// Every scope's row by its id.
pub(in crate::world) type Scopes = BTreeMap<ScopeId, ScopeEntry>;

/// The notes that are shown.
pub(in crate::world) type Notes = BTreeMap<NoteId, HeldNote>;

/// A disk, and the program that reads it.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) rows: &'a Memory,
    pub(super) formats: Formats,
}

impl<'a> Source<'a> {
    pub(super) fn view(self) -> View<'a, Memory> {
        View::new(self.rows).knowing(self.formats)
    }
}

/// What was read, and what of it is old by now.
#[derive(Default)]
pub(in crate::world::facility) struct Looked {
    scopes: Arc<Scopes>,
    old_scopes: Old<ScopeId>,
    ids: BTreeMap<ScopeNumber, ScopeId>,
    held: Gathered<(FacilityId, String), Contents>,
    notes: Gathered<NoteId, HeldNote>,
}

/// What was read of all scopes together, and which scope gave what.
struct Gathered<K, V> {
    all: Arc<BTreeMap<K, V>>,
    given: BTreeMap<ScopeNumber, Vec<K>>,
    old: Old<ScopeNumber>,
}

impl<K, V> Default for Gathered<K, V> {
    fn default() -> Self {
        Self { all: Arc::default(), given: BTreeMap::new(), old: Old::default() }
    }
}

/// What has to be read again.
#[derive(Default)]
enum Old<K> {
    #[default]
    Everything,
    These(BTreeSet<K>),
}

impl<K: Ord> Old<K> {
    fn add(&mut self, one: K) {
        if let Self::These(these) = self {
            these.insert(one);
        }
    }

    /// What is to be read again now; from here on nothing is.
    fn take(&mut self) -> Self {
        std::mem::replace(self, Self::These(BTreeSet::new()))
    }
}

impl Looked {
    /// Takes note of rows that change.
    pub(in crate::world::facility) fn changes(&mut self, batch: &Batch) {
        for change in batch.changes() {
            let number = || change.key.first_chunk().map(|number| u32::from_be_bytes(*number));
            if change.table == table::SCOPE {
                self.old_scopes.add(ScopeId::from_bytes(&change.key).expect("a scope's own key"));
            } else if change.table == table::RECORD {
                self.held.old.add(number().expect("a record's key begins with its scope"));
            } else if change.table == table::DOCUMENT {
                self.notes.old.add(number().expect("a document's key begins with its scope"));
            }
        }
    }

    pub(super) fn scopes(&mut self, source: Source<'_>) -> Arc<Scopes> {
        let view = source.view();
        match self.old_scopes.take() {
            Old::Everything => {
                let all = view.scopes().expect("a sound store");
                self.scopes = Arc::new(all.into_iter().map(|scope| (scope.id, scope)).collect());
                self.ids = self.scopes.values().map(|scope| (scope.number, scope.id)).collect();
                (self.held.old, self.notes.old) = (Old::Everything, Old::Everything);
            }
            Old::These(these) if these.is_empty() => {}
            Old::These(these) => {
                let scopes = Arc::make_mut(&mut self.scopes);
                for id in these {
                    let before = scopes.remove(&id);
                    let after = view.scope(&id).expect("a sound store");
                    for scope in before.iter().chain(&after) {
                        self.ids.insert(scope.number, id);
                        // What is shown of a scope hangs on whose it is and on whom it is about.
                        if about(before.as_ref()) != about(after.as_ref()) {
                            self.held.old.add(scope.number);
                            self.notes.old.add(scope.number);
                        }
                    }
                    scopes.extend(after.map(|scope| (id, scope)));
                }
            }
        }
        Arc::clone(&self.scopes)
    }

    pub(super) fn held(&mut self, source: Source<'_>) -> Arc<Held> {
        let scopes = self.scopes(source);
        self.held.read(&scopes, &self.ids, add, |scope| records(source, scope))
    }

    /// Reads of the records what is old, scope by scope, until that is `enough`.
    pub(super) fn read_on(&mut self, source: Source<'_>, enough: impl Fn() -> bool) {
        let scopes = self.scopes(source);
        self.held.read_on(&scopes, &self.ids, |scope| records(source, scope), enough);
    }

    pub(super) fn notes(&mut self, source: Source<'_>) -> Arc<Notes> {
        let scopes = self.scopes(source);
        let last = |shown: &mut HeldNote, note| *shown = note;
        self.notes.read(&scopes, &self.ids, last, |scope| merged(source, scope, Vec::new()))
    }
}

impl<K: Ord + Clone, V: Clone> Gathered<K, V> {
    /// Reads what is old. Where two scopes give the same, `both` makes one of it; then all is read anew, since what one of
    /// them gave cannot be taken out of it again.
    fn read(
        &mut self,
        scopes: &Scopes,
        ids: &BTreeMap<ScopeNumber, ScopeId>,
        both: fn(&mut V, V),
        read: impl Fn(&ScopeEntry) -> Vec<(K, V)>,
    ) -> Arc<BTreeMap<K, V>> {
        if matches!(self.old, Old::These(_)) {
            self.read_on(scopes, ids, &read, || false);
        }
        if let Old::Everything = self.old.take() {
            let mut all: BTreeMap<K, V> = BTreeMap::new();
            self.given.clear();
            for scope in scopes.values() {
                for (key, value) in read(scope) {
                    self.given.entry(scope.number).or_default().push(key.clone());
                    match all.get_mut(&key) {
                        Some(known) => {
                            both(known, value);
                            self.old = Old::Everything;
                        }
                        None => {
                            all.insert(key, value);
                        }
                    }
                }
            }
            self.all = Arc::new(all);
        }
        Arc::clone(&self.all)
    }

    /// Reads what is old, scope by scope, until that is `enough`. Where two scopes give the same everything is old again.
    fn read_on(
        &mut self,
        scopes: &Scopes,
        ids: &BTreeMap<ScopeNumber, ScopeId>,
        read: impl Fn(&ScopeEntry) -> Vec<(K, V)>,
        enough: impl Fn() -> bool,
    ) {
        let mut these = match self.old.take() {
            Old::These(these) => these,
            Old::Everything => {
                (self.all, self.given) = Default::default();
                scopes.values().map(|scope| scope.number).collect()
            }
        };
        while !these.is_empty() && !enough() {
            let number = these.pop_first().expect("there is one");
            let all = Arc::make_mut(&mut self.all);
            for key in self.given.remove(&number).into_iter().flatten() {
                all.remove(&key);
            }
            let scope = ids.get(&number).and_then(|id| scopes.get(id));
            let found = scope.map(&read).unwrap_or_default();
            if found.iter().any(|(key, _)| all.contains_key(key)) {
                self.old = Old::Everything;
                return;
            }
            self.given.insert(number, found.iter().map(|(key, _)| key.clone()).collect());
            all.extend(found);
        }
        self.old = Old::These(these);
    }
}

/// Whose a scope is and whom it is about.
fn about(scope: Option<&ScopeEntry>) -> (Option<FacilityId>, Option<PatientId>) {
    let access = scope.and_then(|scope| scope.access.as_ref());
    let descriptor = scope.and_then(|scope| scope.descriptor.as_ref());
    (access.map(|access| access.owner()), descriptor.and_then(|it| it.patient))
}

fn records(source: Source<'_>, scope: &ScopeEntry) -> Vec<((FacilityId, String), Contents)> {
    let Some(access) = &scope.access else { return Vec::new() };
    let mut view = source.view();
    let records = view.records(scope.number).expect("a sound store");
    let entries: Vec<_> = records.iter().flatten().collect();
    let opened = view.open_all(&entries).into_iter().map(|version| match version {
        // Listed by a newer program than the one that runs now, which cannot show it.
        Err(error) if error.is_newer() => None,
        version => {
            let version = version.expect("a sound store");
            Some(Arc::<[u8]>::from(version.raw().unwrap_or_default()))
        }
    });
    let mut opened = opened.collect::<Vec<_>>().into_iter();
    let contents = records.iter().map(|versions| {
        let key = &versions[0].key;
        let key = (access.owner(), format!("{}/{}", key.kind, key.id));
        let opened: Vec<Option<Arc<[u8]>>> = opened.by_ref().take(versions.len()).collect();
        let shown: BTreeSet<_> = current(versions).into_iter().map(|entry| entry.id).collect();
        // A region's disks hold a million of them: what counts is the same piece of memory in both lists.
        let is_current = |(entry, content): (&VersionEntry, &Option<Arc<[u8]>>)| {
            content.clone().filter(|_| shown.contains(&entry.id))
        };
        let mut current: Vec<_> = versions.iter().zip(&opened).filter_map(is_current).collect();
        current.sort();
        let mut all: Vec<Arc<[u8]>> = opened.into_iter().flatten().collect();
        all.sort();
        all.dedup();
        (key, Contents { current, all })
    });
    contents.collect()
}

fn add(known: &mut Contents, more: Contents) {
    known.current.extend(more.current);
    known.current.sort();
    known.all.extend(more.all);
    known.all.sort();
    known.all.dedup();
}

/// The notes of a scope, each with its changes and `more` of them merged.
pub(super) fn merged(
    source: Source<'_>,
    scope: &ScopeEntry,
    more: Vec<(NoteId, Contribution)>,
) -> Vec<(NoteId, HeldNote)> {
    let patient = scope.descriptor.as_ref().and_then(|it| it.patient);
    let mut made: BTreeMap<NoteId, Vec<Contribution>> = BTreeMap::new();
    for (id, rows) in source.view().notes(scope.number).expect("a sound store") {
        made.insert(id, rows.into_iter().map(|(_, row)| row).collect());
    }
    for (id, row) in more {
        made.entry(id).or_default().push(row);
    }
    made.into_iter().filter_map(|(id, rows)| Some((id, shown(patient, &rows)?))).collect()
}

/// One note, if a scope has it.
pub(super) fn note(source: Source<'_>, scope: &ScopeEntry, id: NoteId) -> Option<HeldNote> {
    let patient = scope.descriptor.as_ref().and_then(|it| it.patient);
    let rows = source.view().changes(scope.number, &DocumentId::Note(id)).expect("a sound store");
    let rows: Vec<Contribution> = rows.into_iter().map(|(_, row)| row).collect();
    shown(patient, &rows)
}

fn shown(patient: Option<PatientId>, rows: &[Contribution]) -> Option<HeldNote> {
    let note = CareNote::replay(rows).0.view()?;
    let conflicts = note.conflicts.iter().flat_map(|it| &it.values);
    let titles = conflicts.map(|choice| choice.value.clone()).collect();
    let (text, title, heads) = (note.text, note.title, note.heads);
    Some(HeldNote { patient, text, title, titles, heads })
}
