//! The thread that commits: the driver prepares the next group while the disk takes the one before.
//!
//! One group at a time, so groups become durable in the order in which they were prepared, and what the next one rests on
//! is either on the disk or in the group under way.

use std::io;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use azalea_core::storage::StorageError;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::Group;
use crate::store::RedbStore;
use crate::store::overlay::Pending;

/// What became of a group.
pub(super) type Committed = (Group, Result<(), StorageError>);

pub(super) struct Writer {
    groups: Option<mpsc::Sender<Arc<Group>>>,
    results: UnboundedReceiver<Result<(), StorageError>>,
    under_way: Option<Arc<Group>>,
    nothing: Pending,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(store: RedbStore) -> io::Result<Self> {
        let (groups, given) = mpsc::channel::<Arc<Group>>();
        let (done, results) = unbounded_channel();
        let thread = std::thread::Builder::new().name("writer".to_owned()).spawn(move || {
            for group in given {
                let result = store.commit_rows(group.rows.tables());
                // Let go of first: whoever hears of it takes the group apart.
                drop(group);
                if done.send(result).is_err() {
                    return;
                }
            }
        })?;
        let (groups, thread) = (Some(groups), Some(thread));
        Ok(Self { groups, results, under_way: None, nothing: Pending::default(), thread })
    }

    pub(super) fn is_busy(&self) -> bool {
        self.under_way.is_some()
    }

    /// The rows under way: on the disk or not yet, so what is read from there is read through them.
    pub(super) fn pending(&self) -> &Pending {
        self.under_way.as_ref().map_or(&self.nothing, |group| &group.rows)
    }

    /// Hands over a group; the one before is done.
    pub(super) fn begin(&mut self, group: Group) {
        debug_assert!(!self.is_busy());
        let group = Arc::new(group);
        self.under_way = Some(group.clone());
        if let Some(groups) = &self.groups {
            // Where the thread has ended, the missing result says so.
            let _ = groups.send(group);
        }
    }

    /// The group under way, once it is committed or has failed; never where there is none.
    pub(super) async fn committed(&mut self) -> Committed {
        if self.under_way.is_none() {
            return std::future::pending().await;
        }
        let result = self.results.recv().await;
        self.end(result)
    }

    /// As [`Writer::committed`], and holds up the thread meanwhile; `None` where nothing is under way.
    pub(super) fn wait(&mut self) -> Option<Committed> {
        self.under_way.as_ref()?;
        let result = self.results.blocking_recv();
        Some(self.end(result))
    }

    fn end(&mut self, result: Option<Result<(), StorageError>>) -> Committed {
        let ended =
            || StorageError::Failed { cause: "the thread that writes has ended".to_owned() };
        let group = self.under_way.take().and_then(Arc::into_inner).unwrap_or_default();
        (group, result.unwrap_or_else(|| Err(ended())))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.groups = None;
        if let Some(thread) = self.thread.take() {
            // It has said all that it had to say.
            let _ = thread.join();
        }
    }
}
