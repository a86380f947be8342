//! The relay's rows in one `redb` file, behind the core's storage traits.
//!
//! Handles are cheap to clone: one writes, the others read, and a read sees the state as of its beginning. A
//! commit is durable before it returns. After a failed write the file is closed and opened again with the next
//! use, because `redb` does not trust its cache any more; so a disk that was full works again once it has room.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use azalea_core::storage::{Batch, Order, Range, Read, StorageError, Store, Table};
use redb::{Database, Error, ReadTransaction, ReadableDatabase, TableDefinition, TableError};

/// Memory for pages of the file, in bytes.
const CACHE_BYTES_MAX: usize = 128 << 20;

/// The relay's store.
#[derive(Clone)]
pub struct RedbStore {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    database: Mutex<Option<Arc<Database>>>,
}

/// One consistent state for several reads.
pub struct Snapshot {
    path: PathBuf,
    transaction: ReadTransaction,
}

impl RedbStore {
    /// Opens the file, or makes it.
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        let shared = Shared { path: path.into(), database: Mutex::new(None) };
        let store = Self { shared: Arc::new(shared) };
        store.database()?;
        Ok(store)
    }

    /// A state to read from; costs little, but keeps old pages alive, so it should not be held for long.
    pub fn snapshot(&self) -> Result<Snapshot, StorageError> {
        let path = self.shared.path.clone();
        let transaction = self.guarded(|| {
            let transaction = self.database()?.begin_read();
            transaction.map_err(|error| describe(&path, error.into()))
        })?;
        Ok(Snapshot { path: self.shared.path.clone(), transaction })
    }

    /// Lets go of the file, whoever still has a handle; the next use would open it again.
    pub fn close(&self) {
        *self.shared.database.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The file's size in bytes.
    pub fn bytes_on_disk(&self) -> u64 {
        std::fs::metadata(&self.shared.path).map_or(0, |metadata| metadata.len())
    }

    fn database(&self) -> Result<Arc<Database>, StorageError> {
        let mut open = self.shared.database.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(database) = &*open {
            return Ok(database.clone());
        }
        let path = &self.shared.path;
        let database = shielded(path, || {
            let mut builder = Database::builder();
            builder.set_cache_size(CACHE_BYTES_MAX);
            builder.create(path).map_err(|error| describe(path, error.into()))
        })?;
        Ok(open.insert(Arc::new(database)).clone())
    }

    /// Runs `work`; where it fails, the file is opened anew with the next use.
    fn guarded<T>(
        &self,
        work: impl FnOnce() -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let result = shielded(&self.shared.path, work);
        if result.is_err() {
            *self.shared.database.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        result
    }
}

impl Read for RedbStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        self.guarded(|| self.snapshot()?.get(table, key))
    }

    fn scan(
        &self,
        table: Table,
        range: &Range,
        order: Order,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StorageError> {
        self.guarded(|| self.snapshot()?.scan(table, range, order, visit))
    }
}

impl Store for RedbStore {
    fn commit(&mut self, batch: &Batch) -> Result<(), StorageError> {
        let path = self.shared.path.clone();
        self.guarded(|| {
            let database = self.database()?;
            write(&database, batch).map_err(|error| describe(&path, error))
        })
    }
}

impl Read for Snapshot {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        shielded(&self.path, || {
            let read = || -> Result<Option<Vec<u8>>, Error> {
                let Some(rows) = self.rows(table)? else { return Ok(None) };
                Ok(rows.get(key)?.map(|value| value.value().to_vec()))
            };
            read().map_err(|error| describe(&self.path, error))
        })
    }

    fn scan(
        &self,
        table: Table,
        range: &Range,
        order: Order,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StorageError> {
        if range.to.as_ref().is_some_and(|to| *to <= range.from) {
            return Ok(());
        }
        shielded(&self.path, || {
            let mut read = || -> Result<(), Error> {
                let Some(rows) = self.rows(table)? else { return Ok(()) };
                let from = range.from.as_slice();
                let mut found = match &range.to {
                    Some(to) => rows.range::<&[u8]>(from..to.as_slice())?,
                    None => rows.range::<&[u8]>(from..)?,
                };
                loop {
                    let next = match order {
                        Order::Ascending => found.next(),
                        Order::Descending => found.next_back(),
                    };
                    let Some(row) = next else { return Ok(()) };
                    let (key, value) = row?;
                    if !visit(key.value(), value.value()) {
                        return Ok(());
                    }
                }
            };
            read().map_err(|error| describe(&self.path, error))
        })
    }
}

type Rows = redb::ReadOnlyTable<&'static [u8], &'static [u8]>;

impl Snapshot {
    /// The rows of a table; `None` for one that nothing was written to yet.
    fn rows(&self, table: Table) -> Result<Option<Rows>, Error> {
        match self.transaction.open_table(definition(table)) {
            Ok(rows) => Ok(Some(rows)),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

fn definition(table: Table) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
    TableDefinition::new(table.name())
}

fn write(database: &Database, batch: &Batch) -> Result<(), Error> {
    let transaction = database.begin_write()?;
    // Table by table, each in the order of the batch: a table is opened once, and keys tend to ascend.
    let mut changes: Vec<_> = batch.changes().iter().collect();
    changes.sort_by_key(|change| change.table);
    for changes in changes.chunk_by(|one, other| one.table == other.table) {
        let mut rows = transaction.open_table(definition(changes[0].table))?;
        for change in changes {
            match &change.value {
                Some(value) => rows.insert(change.key.as_slice(), value.as_slice())?,
                None => rows.remove(change.key.as_slice())?,
            };
        }
    }
    transaction.commit()?;
    Ok(())
}

/// A damaged file can make `redb` panic; that is the disk's fault and no reason for the relay to end.
fn shielded<T>(
    path: &Path,
    work: impl FnOnce() -> Result<T, StorageError>,
) -> Result<T, StorageError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = |panic: &Box<dyn Any + Send>| {
            let literal = panic.downcast_ref::<&str>().map(|text| text.to_string());
            literal.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
        };
        Err(StorageError::Damaged { place: format!("{}: {}", path.display(), text(&panic)) })
    })
}

fn describe(path: &Path, error: Error) -> StorageError {
    let at = |what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
    match error {
        Error::Io(error) if error.kind() == std::io::ErrorKind::StorageFull => StorageError::Full,
        Error::Io(error) if error.kind() == std::io::ErrorKind::QuotaExceeded => StorageError::Full,
        Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            StorageError::Damaged { place: at(&error) }
        }
        Error::Corrupted(what) => StorageError::Damaged { place: at(&what) },
        other => StorageError::Failed { cause: at(&other) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailbox::tables;
    use azalea_core::storage::{contract, table};

    #[test]
    fn redb_keeps_the_contract() {
        let home = tempfile::tempdir().unwrap();
        let mut count = 0;
        contract::check_all(&mut || {
            count += 1;
            Box::new(RedbStore::open(&home.path().join(format!("{count}.redb"))).unwrap())
        });
    }

    #[test]
    fn what_was_committed_is_there_after_the_file_is_opened_again() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("relay.redb");
        let mut batch = Batch::new();
        batch.put(table::META, *b"name", *b"value");
        RedbStore::open(&path).unwrap().commit(&batch).unwrap();
        let store = RedbStore::open(&path).unwrap();
        assert_eq!(store.get(table::META, b"name").unwrap(), Some(b"value".to_vec()));
        assert!(store.bytes_on_disk() > 0);
    }

    #[test]
    fn a_file_that_is_no_store_is_named_not_replaced() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("relay.redb");
        let noise: Vec<u8> = (0..200_000_u32).map(|n| (n * 7 % 251) as u8).collect();
        std::fs::write(&path, &noise).unwrap();
        let error = RedbStore::open(&path).err().unwrap();
        assert!(matches!(&error, StorageError::Damaged { place } if place.contains("relay.redb")));
        assert_eq!(std::fs::read(&path).unwrap(), noise);
    }

    #[test]
    fn a_file_with_flipped_bits_gives_rows_or_an_error_never_other_rows_or_a_crash() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("relay.redb");
        let value = |n: u16| tables::log_value(u64::from(n), &n.to_be_bytes().repeat(100));
        let mut batch = Batch::new();
        (0..300).for_each(|n: u16| batch.put(table::LOG, n.to_be_bytes(), value(n)));
        RedbStore::open(&path).unwrap().commit(&batch).unwrap();
        let sound = std::fs::read(&path).unwrap();
        for place in (0..sound.len()).step_by(sound.len() / 40) {
            let mut damaged = sound.clone();
            damaged[place] ^= 0x10;
            std::fs::write(&path, &damaged).unwrap();
            let Ok(store) = RedbStore::open(&path) else { continue };
            for n in 0..300_u16 {
                if let Ok(Some(found)) = store.get(table::LOG, &n.to_be_bytes()) {
                    let envelope = tables::parse_log_value(u64::from(n), &found);
                    assert!(envelope.is_none_or(|it| it == n.to_be_bytes().repeat(100)));
                }
            }
        }
    }
}
