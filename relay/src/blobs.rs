//! Attachments: takes them from those who may write in their scope, gives them to those who may read there, and can read none.
//!
//! ```text
//! stream ─► Ask   ─► may it read there?  ─► chunks and their proof from the shelf
//!        ─► Offer ─► may it write there? ─► asks run by run, proves each, makes it durable, asks for the next
//! ```
//!
//! In a file and streams of their own: a commit of chunks is waited for by nobody who waits for text. What is taken in part stays, so
//! that a delivery that was cut goes on behind the last durable chunk; one that nobody has gone on with for a month is put away.

mod deliver;
mod places;
mod serve;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use azalea_core::blob::Placed;
use azalea_core::blob::message::ShelfId;
use azalea_core::blob::shelf::{self, ShelfError};
use azalea_core::storage::{Batch, Read, StorageError, Store, Table};
use rand::RngExt;
use tokio::time::sleep;

use self::places::Places;
use crate::clock;
use crate::engine::Engine;
use crate::store::RedbStore;

/// A delivery that nobody has gone on with for so long is put away; whoever still has the blob offers it again.
const UNFINISHED_MS_MAX: u64 = 30 * 24 * 60 * 60 * 1_000;
/// How often it is looked for such ones.
const TEND: Duration = Duration::from_secs(60 * 60);
const META: Table = Table::named("meta");
const SHELF_KEY: &[u8] = b"shelf";

/// The shelf and those who use it.
#[derive(Clone)]
pub struct Blobs {
    store: RedbStore,
    id: ShelfId,
    engine: Engine,
    places: Places,
    /// What is being brought: one bringer at a time, since each would write over the other's progress.
    taking: Arc<Mutex<BTreeSet<Placed>>>,
    counters: Arc<Counters>,
}

/// What went in and out since the start.
#[derive(Default)]
struct Counters {
    taken: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    refused: AtomicU64,
}

/// What lies here and what was moved; for metrics and the operator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Census {
    /// Attachments that are here whole.
    pub whole: u64,
    /// Attachments of which a part is here.
    pub part: u64,
    /// Bytes of those that are whole.
    pub bytes: u64,
    /// Attachments that were brought to their end since the start.
    pub taken: u64,
    /// Bytes of chunks taken since the start.
    pub bytes_in: u64,
    /// Bytes of slices given since the start.
    pub bytes_out: u64,
    /// What was refused since the start.
    pub refused: u64,
}

impl Blobs {
    /// Opens the shelf at `path`, or makes it.
    pub fn open(path: &Path, engine: Engine) -> Result<Self, StorageError> {
        let mut store = RedbStore::open(path)?;
        let id = match store.get(META, SHELF_KEY)?.and_then(|id| id.try_into().ok()) {
            Some(id) => ShelfId(id),
            None => name(&mut store)?,
        };
        Ok(Self {
            store,
            id,
            engine,
            places: Places::default(),
            taking: Arc::default(),
            counters: Arc::default(),
        })
    }

    /// Lets go of the file.
    pub fn close(&self) {
        self.store.close();
    }

    /// Looks at everything that lies here.
    pub fn census(&self) -> Result<Census, ShelfError> {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let here = shelf::census(&self.store.snapshot()?)?;
        Ok(Census {
            whole: here.whole,
            part: here.part,
            bytes: here.bytes,
            taken: count(&self.counters.taken),
            bytes_in: count(&self.counters.bytes_in),
            bytes_out: count(&self.counters.bytes_out),
            refused: count(&self.counters.refused),
        })
    }

    /// Puts away what nobody finishes, for as long as the relay runs.
    pub async fn tend(&self) {
        loop {
            let this = self.clone();
            let put_away = tokio::task::spawn_blocking(move || this.put_away_unfinished()).await;
            match put_away {
                Ok(Ok(0)) | Err(_) => {}
                Ok(Ok(count)) => tracing::info!(count, "unfinished attachments were put away"),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the attachments could not be looked over")
                }
            }
            sleep(TEND).await;
        }
    }

    /// How many were put away.
    fn put_away_unfinished(&self) -> Result<u64, ShelfError> {
        let now = clock::now();
        let mut unfinished = Vec::new();
        shelf::each(&self.store.snapshot()?, &mut |of, row| {
            if !row.is_whole() && now.since_ms(row.at) > UNFINISHED_MS_MAX {
                unfinished.push(of);
            }
        })?;
        let mut count = 0;
        for of in unfinished {
            // Whoever brings it just now is let finish.
            let Some(_taking) = self.take_up(of) else { continue };
            self.store.clone().commit(&shelf::dropped(&of))?;
            count += 1;
        }
        Ok(count)
    }

    /// Nobody else brings this one until the answer is dropped; `None` where somebody does.
    fn take_up(&self, of: Placed) -> Option<Taking> {
        let mut taking = self.taking.lock().unwrap_or_else(PoisonError::into_inner);
        taking.insert(of).then(|| Taking { all: self.taking.clone(), of })
    }
}

/// One blob that is being brought.
struct Taking {
    all: Arc<Mutex<BTreeSet<Placed>>>,
    of: Placed,
}

impl Drop for Taking {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.of);
    }
}

/// Gives a shelf that came from a backup another name, so that everybody offers again what it may lack.
pub fn renew(path: &Path) -> Result<(), StorageError> {
    name(&mut RedbStore::open(path)?).map(drop)
}

fn name(store: &mut RedbStore) -> Result<ShelfId, StorageError> {
    let id = ShelfId(rand::rng().random());
    let mut batch = Batch::new();
    batch.put(META, SHELF_KEY, id.0);
    store.commit(&batch)?;
    Ok(id)
}
