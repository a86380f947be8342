//! What of a damaged store can still be read and is nowhere else, of the core's tables: what this device wrote and the
//! relay never got.

use std::collections::{BTreeMap, BTreeSet};

use azalea_core::replica::{Cause, QuarantineRow};
use azalea_core::storage::row::{ChainRow, chain_key};
use azalea_core::storage::{Batch, Order, Range, Read, StorageError, Table, table};
use azalea_core::wire::Wire;

use crate::RedbStore;

/// Bytes of one commit into the new store.
const COMMIT_BYTES: usize = 8 << 20;

/// Rows of a table.
pub type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// What became of the envelopes that the relay had not acknowledged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unsent {
    /// So many were taken over.
    pub saved: usize,
    /// So many are named in the old store and cannot be read.
    pub lost: usize,
    /// Whether the list of them could be read to its end; if not, nobody knows how many there were.
    pub whole: bool,
}

impl Unsent {
    /// Takes over into `fresh` the envelopes that wait in the outbox, and those that the relay refused; the new store puts
    /// them back once it has caught up.
    pub fn take_over(old: &RedbStore, fresh: &RedbStore) -> Result<Self, StorageError> {
        let (outbox, mut whole) = rows(old, table::OUTBOX);
        // A store that was itself being rebuilt when it was damaged.
        let (earlier, earlier_whole) = rows(old, table::SALVAGED);
        whole &= earlier_whole;
        let mut unsent = Self { saved: earlier.len(), ..Self::default() };
        let mut batch = Batch::new();
        let mut bytes = 0;
        // Numbered anew: positions of two stores may be the same.
        let mut number = 0_u64;
        let mut positions: BTreeSet<Vec<u8>> = outbox.into_keys().collect();
        let (apart, apart_whole) = rows(old, table::QUARANTINE);
        whole &= apart_whole;
        positions.extend(apart.values().filter_map(|row| refused_position(old, row)));
        for envelope in earlier.into_values() {
            number += 1;
            batch.put(table::SALVAGED, number.to_be_bytes(), envelope);
        }
        for position in positions {
            let Ok(Some(envelope)) = old.get(table::LOG, &position) else {
                unsent.lost += 1;
                continue;
            };
            unsent.saved += 1;
            bytes += envelope.len();
            number += 1;
            batch.put(table::SALVAGED, number.to_be_bytes(), envelope);
            if bytes >= COMMIT_BYTES {
                fresh.commit_all([&std::mem::take(&mut batch)])?;
                bytes = 0;
            }
        }
        unsent.whole = whole;
        fresh.commit_all([&batch])?;
        Ok(unsent)
    }

    /// What is lost for good of them, in words; nothing where nothing is.
    pub fn lost(&self) -> Vec<String> {
        let mut lost = Vec::new();
        if self.lost > 0 {
            lost.push(format!("{} envelopes that had not been sent", self.lost));
        }
        if !self.whole {
            lost.push(
                "what was written here and not yet sent, in a number that cannot be known: ask those who wrote since the last sync"
                    .to_owned(),
            );
        }
        lost
    }
}

/// Where an envelope of ours stands that the relay would not take: it has no other copy either.
fn refused_position(old: &RedbStore, row: &[u8]) -> Option<Vec<u8>> {
    let row = QuarantineRow::from_bytes(row).ok()?;
    matches!(row.cause, Cause::Refused | Cause::Contradicted).then_some(())?;
    let chain = old.get(table::CHAIN, &chain_key(row.scope, &row.author, row.seq)).ok()??;
    let chain = ChainRow::from_bytes(&chain).ok().filter(|chain| chain.id == row.id)?;
    Some(chain.position.to_be_bytes().to_vec())
}

/// The rows of a table that can be read, from its front and from its end up to the damage; whether that was all.
pub fn rows(old: &RedbStore, table: Table) -> (Rows, bool) {
    let mut rows = Rows::new();
    let mut whole = true;
    for order in [Order::Ascending, Order::Descending] {
        let read = old.scan(table, &Range::all(), order, &mut |key, value| {
            rows.insert(key.to_vec(), value.to_vec());
            true
        });
        whole = read.is_ok();
        if whole {
            break;
        }
    }
    (rows, whole)
}

/// Writes rows into a new store.
pub fn put(fresh: &RedbStore, table: Table, rows: &Rows) -> Result<(), StorageError> {
    let mut batch = Batch::new();
    rows.iter().for_each(|(key, value)| batch.put(table, key.clone(), value.clone()));
    fresh.commit_all([&batch])
}
