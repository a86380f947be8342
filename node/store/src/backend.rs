//! The core's storage trait on `redb`: one table per core table, one durable transaction per commit.
//!
//! After a failed write `redb` refuses everything until it is opened anew. This store does so at the next use, so that a
//! full disk is over as soon as there is room again. Commits are two-phase and record the allocator's state
//! ("quick repair"): opening after a kill then reads a few pages, not the whole file; the price is about
//! 0.8 ms per commit, which group commit spreads.

use super::disk::Disk;
use super::encrypt::{BlockDamaged, EncryptedFile, OpenError, StoreKey};
use azalea_core::storage::{Batch, Order, Range, Read, StorageError, Store, Table};
use redb::{
    Database, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition,
    TableError,
};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

#[cfg(test)]
mod tests;

/// Pages of a node's store that are kept decrypted in memory.
pub const CACHE_BYTES: usize = 64 << 20;

type Rows<'a> = TableDefinition<'a, &'static [u8], &'static [u8]>;
type OpenTable = ReadOnlyTable<&'static [u8], &'static [u8]>;
type Opener = dyn Fn() -> Result<Database, StorageError> + Send + Sync;

/// A node's store; clones share it.
#[derive(Clone)]
pub struct RedbStore {
    shared: Arc<Shared>,
}

struct Shared {
    opener: Box<Opener>,
    state: RwLock<State>,
}

enum State {
    Open(Arc<Database>),
    /// A write or read failed; the next use opens the file again.
    Failed,
}

/// A consistent state to read from, for as long as it is held.
pub struct Snapshot {
    transaction: ReadTransaction,
    store: RedbStore,
}

impl RedbStore {
    /// Makes an empty store at `file`, which must not exist; a cut on the way leaves nothing at that path.
    pub fn create(file: &Path, key: &StoreKey) -> Result<(), OpenError> {
        let io = |source| OpenError::Io { file: file.to_owned(), source };
        if file.try_exists().map_err(io)? {
            return Err(io(io::ErrorKind::AlreadyExists.into()));
        }
        let beside = file.with_extension("new");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        let disk = azalea_transport::lock::owner_only(&mut options).open(&beside).map_err(io)?;
        let sealed = EncryptedFile::create(disk, file, key)?;
        let lay_out = || -> Result<(), redb::Error> {
            let database = Database::builder().create_with_backend(sealed)?;
            let mut write = database.begin_write()?;
            write.set_quick_repair(true);
            write.commit()?;
            Ok(())
        };
        lay_out().map_err(|error| io(io::Error::other(error)))?;
        std::fs::rename(&beside, file).map_err(io)?;
        super::disk::sync_parent(file).map_err(io)
    }

    /// Opens the store at `file`.
    pub fn open(file: &Path, key: &StoreKey) -> Result<Self, StoreOpenError> {
        Self::open_caching(file, key, CACHE_BYTES)
    }

    /// As [`RedbStore::open`], with so many bytes of its pages decrypted in memory.
    pub fn open_caching(
        file: &Path,
        key: &StoreKey,
        cache_bytes: usize,
    ) -> Result<Self, StoreOpenError> {
        if !file.try_exists().unwrap_or(true) {
            return Err(StoreOpenError::Missing { file: file.display().to_string() });
        }
        let disk = |file: &Path| OpenOptions::new().read(true).write(true).open(file);
        // Opened once for the clear errors, and by the opener whenever it must be opened again.
        let first: File =
            disk(file).map_err(|source| OpenError::Io { file: file.to_owned(), source })?;
        EncryptedFile::open(first, file, key)?;
        let (file, key) = (file.to_owned(), key.clone());
        Ok(Self::with_opener(move || open_database(disk(&file), &file, &key, cache_bytes))?)
    }

    /// A store on any disk, made where the disk is empty: for simulations, and for tests of what lies above it. Of its pages
    /// `cache_bytes` stay decrypted in memory; a small number has it read what is on the disk now.
    pub fn on(
        disk: impl Disk + Clone,
        key: StoreKey,
        cache_bytes: usize,
    ) -> Result<Self, StorageError> {
        let path = Path::new("store.redb");
        if disk.size().is_ok_and(|size| size == 0) {
            EncryptedFile::create(disk.clone(), path, &key)
                .map_err(|error| StorageError::Failed { cause: error.to_string() })?;
        }
        Self::with_opener(move || open_database(Ok(disk.clone()), path, &key, cache_bytes))
    }

    fn with_opener(
        opener: impl Fn() -> Result<Database, StorageError> + Send + Sync + 'static,
    ) -> Result<Self, StorageError> {
        let state = RwLock::new(State::Open(Arc::new(opener()?)));
        Ok(Self { shared: Arc::new(Shared { opener: Box::new(opener), state }) })
    }

    /// The state as it is now.
    pub fn snapshot(&self) -> Result<Snapshot, StorageError> {
        let transaction = self.database()?.begin_read().map_err(|error| self.failed(error))?;
        Ok(Snapshot { transaction, store: self.clone() })
    }

    /// Makes several batches durable in one transaction: all of them or none.
    pub fn commit_all<'a>(
        &self,
        batches: impl IntoIterator<Item = &'a Batch>,
    ) -> Result<(), StorageError> {
        let mut tables: BTreeMap<Table, BTreeMap<&[u8], Option<&[u8]>>> = BTreeMap::new();
        for change in batches.into_iter().flat_map(Batch::changes) {
            // Sorted and with the last change only, since `redb` likes ascending keys.
            tables.entry(change.table).or_default().insert(&change.key, change.value.as_deref());
        }
        self.commit_rows(&tables)
    }

    /// Makes rows durable in one transaction, by table and ascending by key: all of them or none.
    pub fn commit_rows<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        &self,
        tables: &BTreeMap<Table, BTreeMap<K, Option<V>>>,
    ) -> Result<(), StorageError> {
        if tables.is_empty() {
            return Ok(());
        }
        let database = self.database()?;
        write(&database, tables).map_err(|error| self.failed(error))
    }

    fn database(&self) -> Result<Arc<Database>, StorageError> {
        if let State::Open(database) =
            &*self.shared.state.read().unwrap_or_else(PoisonError::into_inner)
        {
            return Ok(database.clone());
        }
        let mut state = self.shared.state.write().unwrap_or_else(PoisonError::into_inner);
        if let State::Open(database) = &*state {
            return Ok(database.clone());
        }
        let database = Arc::new((self.shared.opener)()?);
        *state = State::Open(database.clone());
        Ok(database)
    }

    /// Notes that the database must be opened again, and says what happened in the core's words.
    fn failed(&self, error: impl Into<redb::Error>) -> StorageError {
        *self.shared.state.write().unwrap_or_else(PoisonError::into_inner) = State::Failed;
        storage_error(error.into())
    }
}

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum StoreOpenError {
    /// There is no store. Usual cause: it was moved away.
    #[error(
        "{file} is missing: put it back, or let `azalea repair` start a new one and fetch again what the relay has"
    )]
    Missing {
        /// The file.
        file: String,
    },
    /// The file does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The file opens, but its contents do not.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

fn open_database(
    disk: io::Result<impl Disk>,
    file: &Path,
    key: &StoreKey,
    cache_bytes: usize,
) -> Result<Database, StorageError> {
    let sealed = disk
        .map_err(|source| OpenError::Io { file: file.to_owned(), source })
        .and_then(|disk| EncryptedFile::open(disk, file, key))
        .map_err(|error| match error {
            OpenError::Io { source, .. } => io_error(&source),
            error => StorageError::Damaged { place: error.to_string() },
        })?;
    Database::builder()
        .set_cache_size(cache_bytes)
        .create_with_backend(sealed)
        .map_err(|error| storage_error(error.into()))
}

fn write<K: AsRef<[u8]>, V: AsRef<[u8]>>(
    database: &Database,
    tables: &BTreeMap<Table, BTreeMap<K, Option<V>>>,
) -> Result<(), redb::Error> {
    let mut write = database.begin_write()?;
    write.set_quick_repair(true);
    for (table, rows) in tables {
        let mut table = write.open_table(Rows::new(table.name()))?;
        for (key, value) in rows {
            match value {
                Some(value) => table.insert(key.as_ref(), value.as_ref())?,
                None => table.remove(key.as_ref())?,
            };
        }
    }
    Ok(write.commit()?)
}

impl Snapshot {
    fn table(&self, table: Table) -> Result<Option<OpenTable>, StorageError> {
        match self.transaction.open_table(Rows::new(table.name())) {
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            opened => opened.map(Some).map_err(|error| self.store.failed(error)),
        }
    }
}

impl Read for Snapshot {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        let Some(table) = self.table(table)? else { return Ok(None) };
        let row = ReadableTable::get(&table, key).map_err(|error| self.store.failed(error))?;
        Ok(row.map(|value| value.value().to_vec()))
    }

    fn scan(
        &self,
        table: Table,
        range: &Range,
        order: Order,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StorageError> {
        let Some(table) = self.table(table)? else { return Ok(()) };
        let to = match &range.to {
            Some(to) if *to <= range.from => return Ok(()),
            Some(to) => Bound::Excluded(to.as_slice()),
            None => Bound::Unbounded,
        };
        let bounds = (Bound::Included(range.from.as_slice()), to);
        let failed = |error: redb::StorageError| self.store.failed(error);
        let mut rows = ReadableTable::range::<&[u8]>(&table, bounds).map_err(failed)?;
        while let Some(row) = match order {
            Order::Ascending => rows.next(),
            Order::Descending => rows.next_back(),
        } {
            let (key, value) = row.map_err(failed)?;
            if !visit(key.value(), value.value()) {
                break;
            }
        }
        Ok(())
    }
}

impl Read for RedbStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        self.snapshot()?.get(table, key)
    }

    fn scan(
        &self,
        table: Table,
        range: &Range,
        order: Order,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StorageError> {
        self.snapshot()?.scan(table, range, order, visit)
    }
}

impl Store for RedbStore {
    fn commit(&mut self, batch: &Batch) -> Result<(), StorageError> {
        self.commit_all([batch])
    }
}

fn storage_error(error: redb::Error) -> StorageError {
    match error {
        redb::Error::Io(error) => io_error(&error),
        redb::Error::Corrupted(place) => StorageError::Damaged {
            place: format!(
                "{place}; `azalea repair` starts a new store and fetches again what the relay has"
            ),
        },
        error => StorageError::Failed { cause: error.to_string() },
    }
}

fn io_error(error: &io::Error) -> StorageError {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull, UnexpectedEof};
    if let Some(block) = error.get_ref().and_then(|cause| cause.downcast_ref::<BlockDamaged>()) {
        return StorageError::Damaged { place: block.to_string() };
    }
    match error.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => StorageError::Full,
        UnexpectedEof => StorageError::Damaged {
            place: "the file became shorter while it was in use; `azalea repair` starts a new store and fetches again what the relay has".to_owned(),
        },
        _ => StorageError::Failed { cause: error.to_string() },
    }
}
