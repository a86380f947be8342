//! Starting anew after damage: the old store is kept aside, the keys stay, the relay sends everything again.

use anyhow::{Context as _, bail};
use azalea_core::storage::{Batch, Order, Range, Read, StorageError, Table};
use azalea_transport::control::{self, ControlError};
use azalea_transport::lock::DataLock;
use serde_json::json;

use super::{Context, ask};
use crate::config::{Config, Secrets};
use crate::ops::{Answer, Request};
use crate::serve;
use crate::store::{RedbStore, tables};

/// Rows that the relay does not have; saved from the old store as far as they read.
const OWN: [Table; 3] = [tables::STAFF, tables::CONSENT, tables::ACCESS];

pub(super) async fn repair(context: &Context) -> anyhow::Result<bool> {
    let asked = control::call::<Answer>(context.dir.path(), &Request::Status, |_| ()).await;
    if !matches!(asked, Err(ControlError::NotRunning { .. })) {
        bail!("the node is running: stop it first");
    }
    let lock = DataLock::acquire(context.dir.path())?;
    let config = Config::load(&context.dir)?;
    if config.network.is_none() {
        bail!("this node has not joined a network: there is nothing to repair");
    }
    let secrets = Secrets::load(&context.dir.secrets(), context.passphrase.as_ref())?;
    let store = context.dir.store();
    let aside = store.with_file_name(format!("store.damaged-{}.redb", context.clock.now().0));
    let (saved, whole) = salvage(&store, &secrets);
    if store.exists() {
        std::fs::rename(&store, &aside).with_context(|| format!("{}", store.display()))?;
    }
    RedbStore::create(&store, &secrets.store_key)?;
    let fresh = RedbStore::open(&store, &secrets.store_key)?;
    fresh.commit_all([&saved])?;
    drop(fresh);
    drop(lock);
    // Begins the new store with the certificates, knowing that there was one before.
    serve::open(&context.dir, context.passphrase.as_ref(), context.clock).await?.close().await;

    let kept = match whole {
        true => "staff accounts, consents as recorded here and the access log were taken over",
        false => {
            "some of the staff accounts, recorded consents or access log could not be read: check `azalea staff list`"
        }
    };
    let answer = Answer {
        json: json!({
            "aside": aside.display().to_string(), "taken_over": saved.changes().len(), "whole": whole,
        }),
        text: format!(
            "the old store is {}\n{kept}\nnext: azalea run, and leave it connected until `azalea status` says that it has caught up",
            aside.display()
        ),
        success: true,
    };
    ask::print(context, &answer)
}

/// What can still be read of the node's own tables; whether that was all.
fn salvage(store: &std::path::Path, secrets: &Secrets) -> (Batch, bool) {
    let mut saved = Batch::new();
    let old = match RedbStore::open(store, &secrets.store_key) {
        Ok(old) => old,
        Err(error) => {
            tracing::warn!(%error, "nothing can be taken over from the old store");
            return (saved, false);
        }
    };
    let mut whole = true;
    for table in OWN {
        let copied: Result<(), StorageError> =
            old.scan(table, &Range::all(), Order::Ascending, &mut |key, value| {
                saved.put(table, key, value);
                true
            });
        whole &= copied.is_ok();
    }
    (saved, whole)
}
