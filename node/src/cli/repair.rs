//! Starting anew after damage: the old store is kept aside, the keys stay, the relay sends everything again.

mod salvage;

use anyhow::{Context as _, bail};
use azalea_transport::control::{self, ControlError};
use azalea_transport::lock::DataLock;
use std::path::{Path, PathBuf};

use super::{Context, ask};
use crate::blobs::{SHELF_CACHE_BYTES, Shelf};
use crate::config::{AccountsCopy, Config, Secrets, sync_parent};
use crate::ops::{Answer, Request};
use crate::serve;
use crate::store::{RedbStore, StoreKey};

pub(super) async fn repair(context: &Context) -> anyhow::Result<bool> {
    let answer = mend(context).await?;
    ask::print(context, &answer)
}

async fn mend(context: &Context) -> anyhow::Result<Answer> {
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
    let identity = serve::read_identity(&secrets)?;
    let beside = store.with_extension("repaired");
    let _ = std::fs::remove_file(&beside);
    RedbStore::create(&beside, &secrets.store_key)?;
    let fresh = RedbStore::open(&beside, &secrets.store_key)?;
    let copy = AccountsCopy::new(&context.dir, &identity.device);
    let salvaged = salvage::salvage(&store, &secrets.store_key, &copy, &fresh)?;
    drop(fresh);
    // Only now, so that a repair that was cut short leaves everything as it found it.
    replace(&store, &beside, &aside).with_context(|| format!("{}", store.display()))?;
    let shelf = set_shelf_aside(context, &secrets.store_key)?;
    drop(lock);
    // Begins the new store with the certificates, knowing that there was one before.
    serve::open(&context.dir, context.passphrase.as_ref(), context.clock).await?.close().await;

    let mut json = salvaged.json();
    json["aside"] = aside.display().to_string().into();
    json["shelf_aside"] = shelf.as_ref().map(|aside| aside.display().to_string()).into();
    let shelf = shelf.map_or_else(String::new, |aside| {
        format!("the attachments could not be opened and are {}\n", aside.display())
    });
    Ok(Answer {
        json,
        text: format!(
            "the old store is {}\n{shelf}{}\nnext: azalea run, and leave it connected until `azalea status` says that it has caught up",
            aside.display(),
            salvaged.text()
        ),
        success: true,
    })
}

/// Keeps attachments aside whose file does not open or does not read; where that lies. The next start makes an empty one.
fn set_shelf_aside(context: &Context, key: &StoreKey) -> anyhow::Result<Option<PathBuf>> {
    let file = context.dir.blobs();
    if !file.exists() {
        return Ok(None);
    }
    let opened = RedbStore::open_caching(&file, key, SHELF_CACHE_BYTES);
    if opened.is_ok_and(|store| Shelf::new(store, context.clock).census().is_ok()) {
        return Ok(None);
    }
    let aside = file.with_file_name(format!("blobs.damaged-{}.redb", context.clock.now().0));
    let moved = std::fs::rename(&file, &aside).and_then(|()| sync_parent(&file));
    moved.with_context(|| format!("{}", file.display()))?;
    Ok(Some(aside))
}

/// Puts the new store in the old one's place, which is kept under another name; at no moment is there none.
fn replace(store: &Path, beside: &Path, aside: &Path) -> std::io::Result<()> {
    if store.exists() && std::fs::hard_link(store, aside).is_err() {
        // A file system without links: a cut between the two steps leaves the new store to be renamed by hand.
        std::fs::rename(store, aside)?;
    }
    std::fs::rename(beside, store)?;
    sync_parent(store)
}

#[cfg(test)]
mod tests;
