//! A store in memory: for tests and the simulation, where its contents are what a disk would hold.

use std::collections::BTreeMap;
use std::ops::Bound;

use smallvec::SmallVec;

use super::{Batch, Change, Order, Range, Read, StorageError, Store, Table};

/// Tables as ordered maps. Durable in the sense of the contract: a commit is whole or absent.
#[derive(Default, Clone, PartialEq, Eq)]
pub struct Memory {
    tables: BTreeMap<Table, Rows>,
}

/// Keys and values of one table, without slack: a simulated region holds millions.
type Rows = BTreeMap<Key, Box<[u8]>>;

/// A key lies in the tree's own nodes, as far as the core's keys are long: a search for one does not go from place to place.
type Key = SmallVec<[u8; 44]>;

impl Memory {
    /// A store without rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Commits a batch whose rows nobody needs any more, without a copy of them.
    pub fn take(&mut self, batch: Batch) {
        for Change { table, key, value } in batch.into_changes() {
            let rows = self.tables.entry(table).or_default();
            match value {
                Some(value) => rows.insert(Key::from_slice(&key), value.into()),
                None => rows.remove(key.as_slice()),
            };
        }
    }

    /// Every row of every table, in order.
    pub fn rows(&self) -> impl Iterator<Item = (Table, &[u8], &[u8])> {
        self.tables
            .iter()
            .flat_map(|(table, rows)| rows.iter().map(|(key, value)| (*table, &**key, &**value)))
    }
}

impl Read for Memory {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.tables.get(&table).and_then(|rows| rows.get(key)).map(|value| value.to_vec()))
    }

    fn scan(
        &self,
        table: Table,
        range: &Range,
        order: Order,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StorageError> {
        let Some(rows) = self.tables.get(&table) else { return Ok(()) };
        if range.to.as_ref().is_some_and(|to| *to <= range.from) {
            return Ok(());
        }
        let to = range.to.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let rows = rows.range::<[u8], _>((Bound::Included(range.from.as_slice()), to));
        let mut rows = rows.into_iter();
        match order {
            Order::Ascending => rows.all(|(key, value)| visit(key, value)),
            Order::Descending => rows.rev().all(|(key, value)| visit(key, value)),
        };
        Ok(())
    }
}

impl Store for Memory {
    fn commit(&mut self, batch: &Batch) -> Result<(), StorageError> {
        self.take(batch.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_keeps_the_contract() {
        crate::storage::contract::check_all(&mut || Box::new(Memory::new()));
    }
}
