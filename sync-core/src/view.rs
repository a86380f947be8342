//! Reading a replica's store: records with their versions, documents, who wrote what. For pages, exports and checks.
//!
//! Reads a consistent state through [`storage::Read`](crate::storage::Read) and never changes anything.

use std::collections::{BTreeMap, BTreeSet};

use crate::access::ScopeAccess;
use crate::document::{Contribution, DocumentId, RecordKey, RecordVersion, heads};
use crate::envelope::{AdmittedEnvelope, Body, Formats, OpenError};
use crate::id::{DeviceId, EnvelopeId, NoteId, ScopeId, VersionId};
use crate::keys::{Descriptor, ScopeKey};
use crate::replica::{Cause, QuarantineRow, set_aside_id};
use crate::storage::row::{RecordRow, ScopeNumber, key, parse_record_key, record_prefix};
use crate::storage::{Order, Range, Read, StorageError, Table, table};
use crate::wire::{Reader, Wire, WireError};

/// A scope's row: what is known of it.
#[derive(Clone)]
pub struct ScopeEntry {
    /// Its id.
    pub id: ScopeId,
    /// Its number in this store.
    pub number: ScopeNumber,
    /// Its statements, once the first is here.
    pub access: Option<ScopeAccess>,
    /// What its owner told us with its key.
    pub descriptor: Option<Descriptor>,
}

/// A version of a record as the store lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionEntry {
    /// The record.
    pub key: RecordKey,
    /// The version.
    pub id: VersionId,
    /// Where it stands.
    pub row: RecordRow,
}

/// Why something could not be read. The disk's fault, or a row of a newer program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    /// The store failed or is damaged.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A row does not read.
    #[error("a row of table {table} does not read: {cause}")]
    Row {
        /// The table.
        table: &'static str,
        /// What is wrong with it.
        cause: WireError,
    },
    /// An envelope of our own log does not open.
    #[error("the envelope at position {position} does not open: {cause}")]
    Open {
        /// Its position in the log.
        position: u64,
        /// Why.
        cause: OpenError,
    },
    /// Something that a row names is not there.
    #[error("table {table} lacks a row that another one names")]
    Missing {
        /// The table.
        table: &'static str,
    },
}

impl ViewError {
    /// Whether nothing is wrong but that a newer program wrote it: update this one.
    pub fn is_newer(&self) -> bool {
        match self {
            Self::Open { cause, .. } => cause.is_newer(),
            Self::Row { cause, .. } => cause.is_newer(),
            Self::Storage(_) | Self::Missing { .. } => false,
        }
    }
}

/// A store being read. Keeps the envelope that was opened last: neighbours in a chart share it.
pub struct View<'a, R: Read + ?Sized> {
    store: &'a R,
    formats: Formats,
    opened: Option<(u64, Vec<RecordVersion>)>,
    /// The key that was used last: a chart has one for many envelopes.
    key: Option<(ScopeId, u32, ScopeKey)>,
}

impl<'a, R: Read + ?Sized> View<'a, R> {
    /// Reads `store`.
    pub fn new(store: &'a R) -> Self {
        Self { store, formats: Formats::default(), opened: None, key: None }
    }

    /// Reads it as a program does that knows these formats.
    pub fn knowing(self, formats: Formats) -> Self {
        Self { formats, ..self }
    }

    /// Visits every scope's row, ascending by id.
    pub fn scopes(&self) -> Result<Vec<ScopeEntry>, ViewError> {
        self.rows(table::SCOPE, &Range::all(), |key, value| scope_entry(key, value).map(Some))
    }

    /// A scope's row.
    pub fn scope(&self, id: &ScopeId) -> Result<Option<ScopeEntry>, ViewError> {
        let Some(value) = self.store.get(table::SCOPE, id.as_bytes())? else { return Ok(None) };
        scope_entry(id.as_bytes(), &value).map(Some).map_err(row_error(table::SCOPE))
    }

    /// All versions held of one record, ascending by id.
    pub fn versions(
        &self,
        scope: ScopeNumber,
        key: &RecordKey,
    ) -> Result<Vec<VersionEntry>, ViewError> {
        self.entries(&Range::prefix(&record_prefix(scope, &key.kind, &key.id)))
    }

    /// All versions held in a scope, record by record in the order of their keys.
    pub fn records(&self, scope: ScopeNumber) -> Result<Vec<Vec<VersionEntry>>, ViewError> {
        let mut records: Vec<Vec<VersionEntry>> = Vec::new();
        for entry in self.entries(&Range::prefix(&scope.to_be_bytes()))? {
            match records.last_mut() {
                Some(last) if last[0].key == entry.key => last.push(entry),
                _ => records.push(vec![entry]),
            }
        }
        Ok(records)
    }

    /// Opens one version.
    pub fn open(&mut self, entry: &VersionEntry) -> Result<RecordVersion, ViewError> {
        let position = entry.row.position;
        if self.opened.as_ref().is_none_or(|(at, _)| *at != position) {
            let versions = match self.body(position)? {
                Body::Records { versions, .. } => versions,
                _ => Vec::new(),
            };
            self.opened = Some((position, versions));
        }
        let (_, versions) = self.opened.as_ref().expect("filled just above");
        versions
            .get(usize::from(entry.row.index))
            .cloned()
            .ok_or(ViewError::Missing { table: table::LOG.name() })
    }

    /// Opens versions, in the order in which they are named. Each envelope is opened once, whatever the order is.
    pub fn open_all(&mut self, entries: &[&VersionEntry]) -> Vec<Result<RecordVersion, ViewError>> {
        let mut by_position: Vec<usize> = (0..entries.len()).collect();
        by_position.sort_by_key(|at| entries[*at].row.position);
        let mut opened: Vec<_> = entries.iter().map(|_| None).collect();
        for at in by_position {
            opened[at] = Some(self.open(entries[at]));
        }
        opened.into_iter().map(|version| version.expect("each place has been opened")).collect()
    }

    /// The envelope at a position of the log.
    pub fn envelope(&self, position: u64) -> Result<AdmittedEnvelope, ViewError> {
        let missing = ViewError::Missing { table: table::LOG.name() };
        let bytes = self.store.get(table::LOG, &position.to_be_bytes())?.ok_or(missing)?;
        AdmittedEnvelope::restore(bytes).map_err(row_error(table::LOG))
    }

    /// The content of the envelope at a position of the log.
    pub fn body(&mut self, position: u64) -> Result<Body, ViewError> {
        let envelope = self.envelope(position)?;
        if let Some(statement) = envelope.statement().map_err(row_error(table::LOG))? {
            let (field, found) = ("format of a statement", statement.format());
            let known = self.formats.reads();
            if found > known {
                let cause = WireError::Version { field, found, known }.into();
                return Err(ViewError::Open { position, cause });
            }
            return Ok(Body::Statement(statement));
        }
        let (scope, epoch) = (envelope.header().scope, envelope.header().epoch);
        if self.key.as_ref().is_none_or(|(of, at, _)| (*of, *at) != (scope, epoch)) {
            let missing = ViewError::Missing { table: table::SCOPE.name() };
            let number = self.scope(&scope)?.ok_or(missing)?.number;
            let missing = ViewError::Missing { table: table::KEY.name() };
            let key = self.scope_key(number, epoch)?.ok_or(missing)?;
            self.key = Some((scope, epoch, key));
        }
        let (_, _, scope_key) = self.key.as_ref().expect("found just above");
        let opened = envelope.open(scope_key, self.formats);
        let opened = opened.map_err(|cause| ViewError::Open { position, cause })?;
        Ok(opened.into_inner())
    }

    /// The key of a scope's epoch, where we have it.
    pub fn scope_key(
        &self,
        number: ScopeNumber,
        epoch: u32,
    ) -> Result<Option<ScopeKey>, ViewError> {
        let at = key(&[&number.to_be_bytes(), &epoch.to_be_bytes()]);
        let Some(bytes) = self.store.get(table::KEY, &at)? else { return Ok(None) };
        ScopeKey::from_bytes(&bytes).map(Some).map_err(row_error(table::KEY))
    }

    /// The changes of a document, in log order with their positions.
    pub fn changes(
        &self,
        number: ScopeNumber,
        document: &DocumentId,
    ) -> Result<Vec<(u64, Contribution)>, ViewError> {
        let prefix = key(&[&number.to_be_bytes(), &document.to_bytes()]);
        self.rows(table::DOCUMENT, &Range::prefix(&prefix), |key, value| {
            let position = Reader::new(&key[prefix.len()..]).u64("position")?;
            Ok(Some((position, Contribution::from_bytes(value)?)))
        })
    }

    /// The notes of a care scope, each with its changes in log order; `CareNote::replay` merges them.
    pub fn notes(
        &self,
        number: ScopeNumber,
    ) -> Result<BTreeMap<NoteId, Vec<(u64, Contribution)>>, ViewError> {
        let mut notes: BTreeMap<NoteId, Vec<(u64, Contribution)>> = BTreeMap::new();
        let range = Range::prefix(&number.to_be_bytes());
        let rows = self.rows(table::DOCUMENT, &range, |key, value| {
            let mut reader = Reader::new(&key[4..]);
            let document = DocumentId::read(&mut reader)?;
            let position = reader.u64("position")?;
            Ok(match document {
                DocumentId::Note(note) => Some((note, position, Contribution::from_bytes(value)?)),
                _ => None,
            })
        })?;
        for (note, position, changes) in rows {
            notes.entry(note).or_default().push((position, changes));
        }
        Ok(notes)
    }

    /// Changes of notes of a care scope that are set apart as late, each with the device that wrote it.
    pub fn late_notes(
        &self,
        scope: ScopeNumber,
    ) -> Result<Vec<(DeviceId, NoteId, Vec<u8>)>, ViewError> {
        let mut notes = Vec::new();
        for row in self.quarantined()? {
            if row.cause != Cause::Late || row.scope != scope {
                continue;
            }
            let envelope =
                AdmittedEnvelope::restore(row.envelope).map_err(row_error(table::QUARANTINE))?;
            let epoch = envelope.header().epoch;
            let Some(key) = self.scope_key(scope, epoch)? else { continue };
            // What does not open says nothing, and stays where it is.
            if let Ok(Body::Note { note, changes }) =
                envelope.open(&key, self.formats).map(|it| it.into_inner())
            {
                notes.push((row.author, note, changes));
            }
        }
        Ok(notes)
    }

    /// Whether an envelope of ours at this position still waits to reach the relay.
    pub fn is_unsent(&self, position: u64) -> Result<bool, ViewError> {
        Ok(self.store.get(table::OUTBOX, &position.to_be_bytes())?.is_some())
    }

    /// Envelopes that are set apart for a person.
    pub fn quarantined(&self) -> Result<Vec<QuarantineRow>, ViewError> {
        self.rows(table::QUARANTINE, &Range::all(), |_, value| {
            QuarantineRow::from_bytes(value).map(Some)
        })
    }

    /// Envelopes that stand in the log and are not merged: written late, or waiting for a decision on their author.
    pub fn unmerged(&self) -> Result<BTreeSet<EnvelopeId>, ViewError> {
        let late = self.rows(table::QUARANTINE, &Range::all(), |_, value| {
            let row = QuarantineRow::from_bytes(value)?;
            Ok((row.cause == Cause::Late).then_some(row.id))
        })?;
        let waiting = self.rows(table::WAITING, &Range::all(), |_, value| set_aside_id(value))?;
        Ok(late.into_iter().chain(waiting).collect())
    }

    fn entries(&self, range: &Range) -> Result<Vec<VersionEntry>, ViewError> {
        self.rows(table::RECORD, range, |key, value| {
            let invalid = WireError::Invalid { field: "record key" };
            let (_, kind, id, version) = parse_record_key(key).ok_or(invalid)?;
            let key = RecordKey { kind: kind.to_owned(), id: id.to_owned() };
            Ok(Some(VersionEntry { key, id: version, row: RecordRow::from_bytes(value)? }))
        })
    }

    fn rows<T>(
        &self,
        table: Table,
        range: &Range,
        mut read: impl FnMut(&[u8], &[u8]) -> Result<Option<T>, WireError>,
    ) -> Result<Vec<T>, ViewError> {
        let mut found = Vec::new();
        let mut failed = None;
        self.store.scan(table, range, Order::Ascending, &mut |key, value| {
            match read(key, value) {
                Ok(item) => found.extend(item),
                Err(cause) => failed = Some(cause),
            }
            failed.is_none()
        })?;
        failed.map_or(Ok(found), |cause| Err(row_error(table)(cause)))
    }
}

/// The versions of one record that count: those that no other one replaces. More than one is 要確認.
pub fn current(versions: &[VersionEntry]) -> Vec<&VersionEntry> {
    let ids = heads(versions.iter().map(|entry| (entry.id, entry.row.parents.as_slice())));
    versions.iter().filter(|entry| ids.contains(&entry.id)).collect()
}

fn scope_entry(key: &[u8], value: &[u8]) -> Result<ScopeEntry, WireError> {
    let mut row = Reader::new(value);
    let entry = ScopeEntry {
        id: ScopeId::from_bytes(key)?,
        number: row.u32("scope number")?,
        access: row.option("access")?,
        descriptor: row.option("descriptor")?,
    };
    row.finish()?;
    Ok(entry)
}

fn row_error(table: Table) -> impl FnOnce(WireError) -> ViewError {
    move |cause| ViewError::Row { table: table.name(), cause }
}
