//! Rows that are on their way to the disk, laid over a snapshot: a read sees what was emitted before it.

use super::Snapshot;
use azalea_core::storage::{Batch, Order, Range, Read, StorageError, Table};
use std::collections::BTreeMap;
use std::ops::Bound;

/// Changes that are not committed yet; `None` hides a row of the snapshot.
#[derive(Default)]
pub struct Pending {
    tables: BTreeMap<Table, BTreeMap<Vec<u8>, Option<Vec<u8>>>>,
}

/// A snapshot seen through pending changes.
pub struct Overlay<'a, S = Snapshot> {
    /// What is committed.
    pub below: &'a S,
    /// What will be.
    pub pending: &'a Pending,
}

impl Pending {
    /// Adds a batch's changes over the earlier ones.
    pub fn add(&mut self, batch: Batch) {
        for change in batch.into_changes() {
            self.set(change.table, change.key, change.value);
        }
    }

    /// Lays other changes over these.
    pub fn extend(&mut self, later: Self) {
        for (table, rows) in later.tables {
            self.tables.entry(table).or_default().extend(rows);
        }
    }

    /// Sets or hides one row.
    pub fn set(&mut self, table: Table, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.tables.entry(table).or_default().insert(key, value);
    }

    /// The rows, for a store to commit.
    pub fn tables(&self) -> &BTreeMap<Table, BTreeMap<Vec<u8>, Option<Vec<u8>>>> {
        &self.tables
    }

    /// Bytes of keys and values.
    pub fn bytes(&self) -> usize {
        let row = |(key, value): (&Vec<u8>, &Option<Vec<u8>>)| {
            key.len() + value.as_ref().map_or(0, Vec::len)
        };
        self.tables.values().flatten().map(row).sum()
    }
}

impl<S: Read> Read for Overlay<'_, S> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        match self.pending.tables.get(&table).and_then(|rows| rows.get(key)) {
            Some(row) => Ok(row.clone()),
            None => self.below.get(table, key),
        }
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
        let Some(rows) = self.pending.tables.get(&table) else {
            return self.below.scan(table, range, order, visit);
        };
        let to = range.to.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut above = rows.range::<Vec<u8>, _>((Bound::Included(&range.from), to));
        let mut next = |order| match order {
            Order::Ascending => above.next(),
            Order::Descending => above.next_back(),
        };
        let mut upper = next(order);
        let mut go_on = true;
        self.below.scan(table, range, order, &mut |key, value| {
            // Pending rows that come before this one, and the one that replaces it.
            while let Some((above_key, row)) = upper {
                let before = match order {
                    Order::Ascending => above_key.as_slice() <= key,
                    Order::Descending => above_key.as_slice() >= key,
                };
                if !before {
                    break;
                }
                let replaces = above_key.as_slice() == key;
                go_on = row.as_ref().is_none_or(|row| visit(above_key, row));
                upper = next(order);
                if replaces || !go_on {
                    return go_on;
                }
            }
            go_on = visit(key, value);
            go_on
        })?;
        while let Some((key, row)) = upper.filter(|_| go_on) {
            go_on = row.as_ref().is_none_or(|row| visit(key, row));
            upper = next(order);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use azalea_core::storage::{Memory, Store, table};
    use proptest::prelude::*;

    type Rows = Vec<(Vec<u8>, Vec<u8>)>;

    fn scan(read: &impl Read, range: &Range, order: Order, limit: usize) -> Rows {
        let mut found = Vec::new();
        read.scan(table::LOG, range, order, &mut |key, value| {
            found.push((key.to_vec(), value.to_vec()));
            found.len() < limit
        })
        .expect("memory does not fail");
        found
    }

    fn batch(changes: &[(u8, Option<u8>)]) -> Batch {
        let mut batch = Batch::new();
        for (key, value) in changes {
            match value {
                Some(value) => batch.put(table::LOG, [*key], [*value]),
                None => batch.remove(table::LOG, [*key]),
            }
        }
        batch
    }

    proptest! {
        #[test]
        fn reading_through_pending_changes_is_reading_after_them(
            committed in prop::collection::vec((0..20u8, any::<Option<u8>>()), 0..30),
            pending in prop::collection::vec((0..20u8, any::<Option<u8>>()), 0..30),
            from in 0..20u8, to in prop::option::of(0..20u8), limit in 1..30usize, up: bool,
        ) {
            let mut below = Memory::new();
            below.commit(&batch(&committed)).expect("memory does not fail");
            let mut after = below.clone();
            after.commit(&batch(&pending)).expect("memory does not fail");
            let mut changes = Pending::default();
            changes.add(batch(&pending));
            let overlay = Overlay { below: &below, pending: &changes };
            let range = Range { from: vec![from], to: to.map(|to| vec![to]) };
            let order = if up { Order::Ascending } else { Order::Descending };
            prop_assert_eq!(scan(&overlay, &range, order, limit), scan(&after, &range, order, limit));
            for key in 0..20u8 {
                prop_assert_eq!(overlay.get(table::LOG, &[key]), after.get(table::LOG, &[key]));
            }
        }
    }
}
