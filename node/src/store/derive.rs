//! Rows that pages read, derived from what became visible and committed with it: a list never shows less or more
//! than the records under it.

mod attached;

use azalea_core::document::{RecordKey, RecordVersion, heads};
use azalea_core::id::VersionId;
use azalea_core::replica::effect::{Applied, ScopeView};
use azalea_core::storage::row::{
    LocalRow, RecordRow, ScopeNumber, parse_record_key, record_prefix,
};
use azalea_core::storage::{Order, Range, Read, StorageError, Table, table};
use azalea_core::view::{VersionEntry, View, ViewError};
use azalea_core::wire::Wire;

use super::overlay::{Overlay, Pending};
use super::tables::{
    self, CARE, CareRow, EntryRow, PERSON, PersonRow, REVIEW, SCOPES, ScopeRow, TIMELINE,
};
use crate::index::{CareTime, patient_row, timeline_rows};

/// What a batch's derived rows mean for what is kept in memory.
#[derive(Default)]
pub struct Derived {
    /// Rows to commit with the core's.
    pub rows: Pending,
    /// Scopes whose view changed.
    pub scopes: Vec<ScopeView>,
    /// Scopes in which a patient's name, number or newest care changed.
    pub persons: Vec<ScopeNumber>,
    /// How many more records have current versions that disagree.
    pub reviews: i64,
    /// Local ids with new links.
    pub locals: Vec<(String, LocalRow)>,
    /// Versions have come that refer to attachments.
    pub refers: bool,
}

/// Derives the rows of what one store effect applies. `read` sees everything emitted before, and this effect's own rows.
pub fn derive(read: &impl Read, applied: &[Applied]) -> Result<Derived, StorageError> {
    let mut deriving = Deriving { read, derived: Derived::default() };
    for item in applied {
        match item {
            Applied::Record { scope, id, version, row } => {
                deriving.record(*scope, *id, version, row)?;
            }
            Applied::Removed { scope, record, id } => deriving.removed(*scope, record, *id)?,
            Applied::Scope(view) => {
                let key = view.number.to_be_bytes().to_vec();
                deriving.put(SCOPES, key, ScopeRow(view.clone()).to_bytes());
                deriving.derived.scopes.push(view.clone());
            }
            Applied::Local { id, row } => {
                deriving.derived.locals.push((id.clone(), row.clone()));
            }
            // Notes and links are read from the changes that the core keeps.
            Applied::Document { .. } => {}
        }
    }
    Ok(deriving.derived)
}

struct Deriving<'a, R> {
    read: &'a R,
    /// So far; two versions of one record may come in one effect.
    derived: Derived,
}

/// One version of a record as the core's table has it.
struct Held {
    id: VersionId,
    row: RecordRow,
}

impl<R: Read> Deriving<'_, R> {
    fn record(
        &mut self,
        scope: ScopeNumber,
        id: VersionId,
        version: &RecordVersion,
        row: &RecordRow,
    ) -> Result<(), StorageError> {
        let held = self.versions(scope, &version.key)?;
        let current = current(&held);
        let others = held.iter().filter(|held| held.id != id);
        let conflict = disagree(&held, &current);
        let versions = count(&held);
        for other in others {
            if current.contains(&other.id) {
                self.recount(scope, &other.id, versions, conflict)?;
            } else {
                self.take_out(scope, &other.id)?;
            }
        }
        if conflict || held.len() > 1 {
            self.review(scope, &version.key, conflict)?;
        }
        let Some(raw) = version.raw() else { return Ok(()) };
        self.attach(scope, id, raw)?;
        if current.contains(&id) {
            let kind = &version.key.kind;
            self.put_in(scope, id, raw, EntryHead { kind, versions, conflict, row })?;
        }
        Ok(())
    }

    /// A version was taken back: what it had replaced may count again.
    fn removed(
        &mut self,
        scope: ScopeNumber,
        record: &RecordKey,
        id: VersionId,
    ) -> Result<(), StorageError> {
        self.take_out(scope, &id)?;
        self.detach(scope, id)?;
        let held = self.versions(scope, record)?;
        let current = current(&held);
        let (versions, conflict) = (count(&held), disagree(&held, &current));
        self.review(scope, record, conflict)?;
        for Held { id, row } in held.iter().filter(|held| current.contains(&held.id)) {
            let entry = VersionEntry { key: record.clone(), id: *id, row: row.clone() };
            let version = match View::new(self.read).open(&entry) {
                Ok(version) => version,
                // Its lines, if it has any, are from the program that read it; this one reads it after an update.
                Err(error) if error.is_newer() => continue,
                Err(ViewError::Storage(error)) => return Err(error),
                Err(_) => return Err(not_ours(table::LOG)),
            };
            self.take_out(scope, id)?;
            if let Some(raw) = version.raw() {
                let kind = &record.kind;
                self.put_in(scope, *id, raw, EntryHead { kind, versions, conflict, row })?;
            }
        }
        Ok(())
    }

    /// Keeps the list of records whose current versions disagree.
    fn review(
        &mut self,
        scope: ScopeNumber,
        record: &RecordKey,
        conflict: bool,
    ) -> Result<(), StorageError> {
        let review = record_prefix(scope, &record.kind, &record.id);
        let known = self.seen().get(REVIEW, &review)?.is_some();
        self.derived.reviews += i64::from(conflict) - i64::from(known);
        match conflict {
            true => self.put(REVIEW, review, Vec::new()),
            false => self.remove(REVIEW, review),
        }
        Ok(())
    }

    /// All versions held of a record.
    fn versions(&self, scope: ScopeNumber, record: &RecordKey) -> Result<Vec<Held>, StorageError> {
        let range = Range::prefix(&record_prefix(scope, &record.kind, &record.id));
        let mut held = Vec::new();
        let mut odd = false;
        self.read.scan(table::RECORD, &range, Order::Ascending, &mut |key, value| {
            match (parse_record_key(key), RecordRow::from_bytes(value)) {
                (Some((.., id)), Ok(row)) => held.push(Held { id, row }),
                _ => odd = true,
            }
            true
        })?;
        if odd { Err(not_ours(table::RECORD)) } else { Ok(held) }
    }

    /// Adds the lines of a current version.
    fn put_in(
        &mut self,
        scope: ScopeNumber,
        id: VersionId,
        raw: &[u8],
        head: EntryHead<'_>,
    ) -> Result<(), StorageError> {
        if let Some(person) = person(head.kind, raw) {
            self.put(PERSON, tables::version_key(scope, &id), person.to_bytes());
            self.derived.persons.push(scope);
        }
        // A record that the index cannot read has no line; its bytes are kept and exported all the same.
        let rows = timeline_rows(raw).unwrap_or_default();
        let newest = rows.iter().filter_map(|row| row.at).max();
        for (place, row) in rows.into_iter().enumerate() {
            let place = u16::try_from(place).unwrap_or(u16::MAX);
            let EntryHead { versions, conflict, row: held, .. } = head;
            let entry = EntryRow { versions, conflict, received: held.received, row };
            self.put(TIMELINE, tables::timeline_key(scope, &id, place), entry.to_bytes());
        }
        self.newest_care(scope, newest)
    }

    fn newest_care(
        &mut self,
        scope: ScopeNumber,
        newest: Option<CareTime>,
    ) -> Result<(), StorageError> {
        let Some(newest) = newest else { return Ok(()) };
        let key = scope.to_be_bytes().to_vec();
        let known = self.seen().get(CARE, &key)?;
        let known = known.and_then(|bytes| CareRow::from_bytes(&bytes).ok());
        if known.is_none_or(|CareRow(known)| known < newest) {
            self.put(CARE, key, CareRow(newest).to_bytes());
            self.derived.persons.push(scope);
        }
        Ok(())
    }

    /// Gives the lines of another current version the new count.
    fn recount(
        &mut self,
        scope: ScopeNumber,
        id: &VersionId,
        versions: u32,
        conflict: bool,
    ) -> Result<(), StorageError> {
        for (key, bytes) in self.rows(TIMELINE, &tables::version_key(scope, id))? {
            let patched =
                EntryRow::patch(&bytes, versions, conflict).ok_or_else(|| not_ours(TIMELINE))?;
            self.put(TIMELINE, key, patched);
        }
        Ok(())
    }

    /// Removes the lines of a version that another one replaces.
    fn take_out(&mut self, scope: ScopeNumber, id: &VersionId) -> Result<(), StorageError> {
        let front = tables::version_key(scope, id);
        for (key, _) in self.rows(TIMELINE, &front)? {
            self.remove(TIMELINE, key);
        }
        if self.seen().get(PERSON, &front)?.is_some() {
            self.remove(PERSON, front);
            self.derived.persons.push(scope);
        }
        Ok(())
    }

    fn rows(&self, table: Table, front: &[u8]) -> Result<Rows, StorageError> {
        let mut rows = Vec::new();
        self.seen().scan(table, &Range::prefix(front), Order::Ascending, &mut |key, value| {
            rows.push((key.to_vec(), value.to_vec()));
            true
        })?;
        Ok(rows)
    }

    fn seen(&self) -> Overlay<'_, R> {
        Overlay { below: self.read, pending: &self.derived.rows }
    }

    fn put(&mut self, table: Table, key: Vec<u8>, value: Vec<u8>) {
        self.derived.rows.set(table, key, Some(value));
    }

    fn remove(&mut self, table: Table, key: Vec<u8>) {
        self.derived.rows.set(table, key, None);
    }
}

type Rows = Vec<(Vec<u8>, Vec<u8>)>;

/// What all lines of one version share.
#[derive(Clone, Copy)]
struct EntryHead<'a> {
    kind: &'a str,
    versions: u32,
    conflict: bool,
    row: &'a RecordRow,
}

fn current(held: &[Held]) -> Vec<VersionId> {
    heads(held.iter().map(|held| (held.id, held.row.parents.as_slice())))
}

fn count(held: &[Held]) -> u32 {
    u32::try_from(held.len()).unwrap_or(u32::MAX)
}

/// Whether current versions say different things; equal content taken in twice is no disagreement.
fn disagree(held: &[Held], current: &[VersionId]) -> bool {
    let mut says = held
        .iter()
        .filter(|held| current.contains(&held.id))
        .map(|held| (held.row.content, held.row.removed));
    let first = says.next();
    says.any(|other| Some(other) != first)
}

/// The patient that a record states, where it is of a kind that does.
fn person(kind: &str, raw: &[u8]) -> Option<PersonRow> {
    let own = kind == "Patient";
    if !own && !kind.starts_with("Bundle") {
        return None;
    }
    Some(PersonRow { own, row: patient_row(raw).ok()? })
}

fn not_ours(table: Table) -> StorageError {
    StorageError::Damaged { place: format!("a row of table {}", table.name()) }
}

#[cfg(test)]
mod tests;
