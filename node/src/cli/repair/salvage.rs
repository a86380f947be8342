//! What of a damaged store can still be read and is nowhere else: this device's own rows, and what it wrote and the
//! relay never got (`azalea_store::salvage`).

use azalea_core::storage::{Batch, StorageError, Table, table};
use azalea_store::salvage::{Rows, Unsent, put, rows};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

use crate::config::AccountsCopy;
use crate::node::account_batch;
use crate::store::{RedbStore, StoreKey, tables};

/// Rows that the relay does not have, with what people call them.
const OWN: [(Table, &str); 4] = [
    (table::JUDGED, "decisions on devices"),
    (tables::CONSENT, "consents as recorded here"),
    (table::LEDGER, "lines of the access log"),
    (tables::IMPORT, "quarantined files"),
];

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
    /// Envelopes that the relay had not acknowledged; nothing is known of them where the old store did not open.
    unsent: Unsent,
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
        salvaged.unsent = Unsent::take_over(old, fresh)?;
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
        lost.extend(self.unsent.lost());
        lost
    }

    pub(super) fn json(&self) -> Value {
        let own: BTreeMap<&str, usize> =
            self.own.iter().map(|(what, rows, _)| (*what, *rows)).collect();
        let lost = self.lost();
        json!({
            "opened": self.opened, "accounts": self.accounts, "accounts_from_copy": self.from_copy,
            "taken_over": own, "unsent": self.unsent.saved, "whole": lost.is_empty(), "lost": lost,
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
            self.unsent.saved
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
