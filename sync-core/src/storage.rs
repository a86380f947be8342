//! Where things are kept: one trait, few operations, an atomic batch as the unit.
//!
//! The core never calls a store by itself; it emits batches and queries as effects. The traits stand here so
//! that every store (memory, redb, a clustered one, the simulated disk) passes the same [`contract`].

pub mod contract;
pub mod memory;
pub mod row;
pub mod table;

pub use memory::Memory;
pub use table::Table;

/// Which way a scan runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// From the smallest key up.
    Ascending,
    /// From the largest key down.
    Descending,
}

/// A half-open range of keys: from `from`, up to but without `to`; `None` is the end of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// The first key that belongs to the range.
    pub from: Vec<u8>,
    /// The first key beyond the range.
    pub to: Option<Vec<u8>>,
}

impl Range {
    /// Every key.
    pub fn all() -> Self {
        Self { from: Vec::new(), to: None }
    }

    /// Every key that starts with `prefix`.
    pub fn prefix(prefix: &[u8]) -> Self {
        let mut to = prefix.to_vec();
        while let Some(last) = to.pop() {
            if last < u8::MAX {
                to.push(last + 1);
                return Self { from: prefix.to_vec(), to: Some(to) };
            }
        }
        Self { from: prefix.to_vec(), to: None }
    }

    /// Every key from `from` on.
    pub fn since(from: Vec<u8>) -> Self {
        Self { from, to: None }
    }

    /// Whether `key` lies in the range.
    pub fn contains(&self, key: &[u8]) -> bool {
        key >= self.from.as_slice() && self.to.as_deref().is_none_or(|to| key < to)
    }
}

/// Reading a consistent state.
pub trait Read {
    /// The value at `key`.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError>;

    /// Visits the rows of `range` in `order` until the visitor returns `false`.
    fn scan(
        &self,
        table: Table,
        range: &Range,
        order: Order,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StorageError>;
}

/// Writing: a batch takes effect whole and durably, or not at all.
pub trait Store: Read {
    /// Makes `batch` durable before it returns.
    fn commit(&mut self, batch: &Batch) -> Result<(), StorageError>;
}

/// Changes that take effect together. A later change to a key replaces an earlier one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    changes: Vec<Change>,
}

/// One row that is put or removed.
#[derive(Clone, PartialEq, Eq)]
pub struct Change {
    /// The table.
    pub table: Table,
    /// The key.
    pub key: Vec<u8>,
    /// The new value; `None` removes the row.
    pub value: Option<Vec<u8>>,
}

impl std::fmt::Debug for Change {
    /// Rows may hold what a patient's record says: only sizes are shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let size = self.value.as_ref().map(Vec::len);
        write!(f, "Change({} key {} value {size:?})", self.table.name(), self.key.len())
    }
}

impl Batch {
    /// A batch without changes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a row.
    pub fn put(&mut self, table: Table, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.changes.push(Change { table, key: key.into(), value: Some(value.into()) });
    }

    /// Removes a row, if it is there.
    pub fn remove(&mut self, table: Table, key: impl Into<Vec<u8>>) {
        self.changes.push(Change { table, key: key.into(), value: None });
    }

    /// Appends another batch.
    pub fn extend(&mut self, other: Batch) {
        self.changes.extend(other.changes);
    }

    /// The changes in the order in which they were made.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The changes themselves, in the order in which they were made.
    pub fn into_changes(self) -> Vec<Change> {
        self.changes
    }

    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// Why a store did not do what was asked. The disk's fault: report it, keep the old state, try again later.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    /// No room is left on the disk.
    #[error("the disk is full: free some space; nothing that was saved is lost")]
    Full,
    /// What is read is not what was written. Usual causes: a failing disk, a truncated or edited file.
    #[error("the store is damaged: {place}")]
    Damaged {
        /// The file and the place in it.
        place: String,
    },
    /// Any other failure of the disk or the file system.
    #[error("the store could not be used: {cause}")]
    Failed {
        /// What the operating system says.
        cause: String,
    },
}
