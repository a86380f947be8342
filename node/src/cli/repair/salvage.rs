//! What of a damaged store can still be read and is nowhere else: this device's own rows, and what it wrote and the
//! relay never got.

use azalea_core::replica::{Cause, QuarantineRow};
use azalea_core::storage::row::{ChainRow, chain_key};
use azalea_core::storage::{Batch, Order, Range, Read, StorageError, Table, table};
use azalea_core::wire::Wire;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::config::AccountsCopy;
use crate::node::account_batch;
use crate::store::encrypt::StoreKey;
use crate::store::{RedbStore, tables};

/// Rows that the relay does not have, with what people call them.
const OWN: [(Table, &str); 4] = [
    (table::JUDGED, "decisions on devices"),
    (tables::CONSENT, "consents as recorded here"),
    (table::LEDGER, "lines of the access log"),
    (tables::IMPORT, "quarantined files"),
];
/// Bytes of one commit into the new store.
const COMMIT_BYTES: usize = 8 << 20;

/// What was taken over from the old store, and what was not.
#[derive(Default)]
pub(super) struct Salvaged {
    /// Whether the old store opened at all.
    opened: bool,
    accounts: usize,
    /// Of these, those that came from the copy because the store did not have them any more.
    from_copy: usize,
    accounts_whole: bool,
    /// Rows of the other own tables, by what they are; `false` where damage may have cost some.
    own: Vec<(&'static str, usize, bool)>,
    /// Envelopes that the relay had not acknowledged.
    unsent: usize,
    unsent_lost: usize,
    /// Whether the list of unsent envelopes itself could be read to its end.
    unsent_whole: bool,
}

/// Copies what can be read from the store at `old` into `fresh`.
pub(super) fn salvage(
    old: &Path,
    key: &StoreKey,
    copy: &AccountsCopy,
    fresh: &RedbStore,
) -> Result<Salvaged, StorageError> {
    let mut salvaged = Salvaged::default();
    let old = match RedbStore::open(old, key) {
        Ok(old) => Some(old),
        Err(error) => {
            tracing::warn!(%error, "nothing can be taken over from the old store");
            None
        }
    };
    salvaged.opened = old.is_some();
    let (accounts, whole) =
        old.as_ref().map_or_else(Default::default, |old| rows(old, tables::STAFF));
    take_accounts(&mut salvaged, fresh, &accounts, whole, copy)?;
    for (table, what) in OWN {
        let (rows, whole) = old.as_ref().map_or_else(Default::default, |old| rows(old, table));
        put(fresh, table, &rows)?;
        salvaged.own.push((what, rows.len(), whole));
    }
    if let Some(old) = &old {
        take_unsent(&mut salvaged, old, fresh)?;
    }
    Ok(salvaged)
}

/// Accounts of the store, and those of the copy that it lacks.
fn take_accounts(
    salvaged: &mut Salvaged,
    fresh: &RedbStore,
    accounts: &Rows,
    whole: bool,
    copy: &AccountsCopy,
) -> Result<(), StorageError> {
    put(fresh, tables::STAFF, accounts)?;
    let copied = match copy.load() {
        Ok(copied) if !whole => copied,
        Ok(_) => Vec::new(),
        Err(error) => {
            tracing::warn!(%error, "the store's own accounts are all there is");
            salvaged.accounts_whole = whole;
            salvaged.accounts = accounts.len();
            return Ok(());
        }
    };
    let mut missing = Batch::new();
    for change in account_batch(&copied).changes() {
        if let (false, Some(row)) = (accounts.contains_key(&change.key), &change.value) {
            missing.put(change.table, change.key.clone(), row.clone());
        }
    }
    fresh.commit_all([&missing])?;
    salvaged.from_copy = missing.changes().len();
    salvaged.accounts = accounts.len() + salvaged.from_copy;
    // The copy has every account, so whatever the store lost is here again.
    salvaged.accounts_whole = true;
    Ok(())
}

/// Envelopes that wait in the outbox, and those that the relay refused; the new store puts them back once it has
/// caught up.
fn take_unsent(
    salvaged: &mut Salvaged,
    old: &RedbStore,
    fresh: &RedbStore,
) -> Result<(), StorageError> {
    let (outbox, mut whole) = rows(old, table::OUTBOX);
    // A store that was itself being rebuilt when it was damaged.
    let (earlier, earlier_whole) = rows(old, table::SALVAGED);
    whole &= earlier_whole;
    salvaged.unsent = earlier.len();
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
            salvaged.unsent_lost += 1;
            continue;
        };
        salvaged.unsent += 1;
        bytes += envelope.len();
        number += 1;
        batch.put(table::SALVAGED, number.to_be_bytes(), envelope);
        if bytes >= COMMIT_BYTES {
            fresh.commit_all([&std::mem::take(&mut batch)])?;
            bytes = 0;
        }
    }
    salvaged.unsent_whole = whole;
    fresh.commit_all([&batch])
}

/// Where an envelope of ours stands that the relay would not take: it has no other copy either.
fn refused_position(old: &RedbStore, row: &[u8]) -> Option<Vec<u8>> {
    let row = QuarantineRow::from_bytes(row).ok()?;
    matches!(row.cause, Cause::Refused | Cause::Contradicted).then_some(())?;
    let chain = old.get(table::CHAIN, &chain_key(row.scope, &row.author, row.seq)).ok()??;
    let chain = ChainRow::from_bytes(&chain).ok().filter(|chain| chain.id == row.id)?;
    Some(chain.position.to_be_bytes().to_vec())
}

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// The rows of a table that can be read, from its front and from its end up to the damage; whether that was all.
fn rows(old: &RedbStore, table: Table) -> (Rows, bool) {
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

fn put(fresh: &RedbStore, table: Table, rows: &Rows) -> Result<(), StorageError> {
    let mut batch = Batch::new();
    rows.iter().for_each(|(key, value)| batch.put(table, key.clone(), value.clone()));
    fresh.commit_all([&batch])
}

impl Salvaged {
    /// What may be lost for good, in words.
    fn lost(&self) -> Vec<String> {
        let mut lost = Vec::new();
        if !self.accounts_whole {
            lost.push(
                "some or all staff accounts: check `azalea staff list`, then `azalea staff add`"
                    .to_owned(),
            );
        }
        for (what, _, whole) in &self.own {
            if !whole {
                lost.push(format!("some or all {what}"));
            }
        }
        if self.unsent_lost > 0 {
            lost.push(format!("{} envelopes that had not been sent", self.unsent_lost));
        }
        if !self.opened || !self.unsent_whole {
            lost.push(
                "what was written here and not yet sent, in a number that cannot be known: ask those who wrote since the last sync"
                    .to_owned(),
            );
        }
        lost
    }

    pub(super) fn json(&self) -> Value {
        let own: BTreeMap<&str, usize> =
            self.own.iter().map(|(what, rows, _)| (*what, *rows)).collect();
        let lost = self.lost();
        json!({
            "opened": self.opened, "accounts": self.accounts, "accounts_from_copy": self.from_copy,
            "taken_over": own, "unsent": self.unsent, "whole": lost.is_empty(), "lost": lost,
        })
    }

    pub(super) fn text(&self) -> String {
        let mut lines = Vec::new();
        let copied = match self.from_copy {
            0 => String::new(),
            count => format!(" ({count} of them from their copy)"),
        };
        lines.push(format!("taken over: {} staff accounts{copied}", self.accounts));
        lines.extend(self.own.iter().map(|(what, rows, _)| format!("taken over: {rows} {what}")));
        lines.push(format!(
            "taken over: {} envelopes that had not been sent; they go out once the node has caught up",
            self.unsent
        ));
        lines.push("fetched again: everything that the relay has, our own records too".to_owned());
        let lost = self.lost();
        match lost.is_empty() {
            true => lines.push("nothing is lost".to_owned()),
            false => {
                lines.extend(lost.iter().map(|lost| format!("LOST: {lost}")));
                lines.push(
                    "keep the old store until it is sure that nobody misses anything".to_owned(),
                );
            }
        }
        lines.join("\n")
    }
}
