//! The threads that touch the disk: one writes, a few read; each answers with an input for the mailbox.

use std::sync::mpsc as blocking;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use azalea_core::storage::{Batch, StorageError, Store};
use tokio::sync::mpsc;

use crate::mailbox::{self, EffectId, Input, Query};
use crate::store::RedbStore;

/// Threads that read.
const READERS: usize = 2;

/// Handles on the threads.
pub(super) struct Disk {
    writes: Option<blocking::Sender<(EffectId, Batch)>>,
    reads: Option<blocking::Sender<(EffectId, Query)>>,
    threads: Vec<JoinHandle<()>>,
}

impl Disk {
    pub(super) fn start(
        store: &RedbStore,
        answers: &mpsc::UnboundedSender<Input>,
    ) -> Result<Self, StorageError> {
        let (writes, to_write) = blocking::channel::<(EffectId, Batch)>();
        let (reads, to_read) = blocking::channel::<(EffectId, Query)>();
        let mut threads = Vec::new();
        let (mut writer, answer) = (store.clone(), answers.clone());
        threads.push(spawn("writer", move || {
            for (id, batch) in to_write {
                let result = writer.commit(&batch);
                let _ = answer.send(Input::Stored { id, result });
            }
        })?);
        let to_read = Arc::new(Mutex::new(to_read));
        for _ in 0..READERS {
            let (reader, answer, to_read) = (store.clone(), answers.clone(), to_read.clone());
            threads.push(spawn("reader", move || {
                loop {
                    let next = to_read.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok((id, query)) = next else { break };
                    let snapshot = reader.snapshot();
                    let result = snapshot.and_then(|snapshot| mailbox::run(&snapshot, &query));
                    let _ = answer.send(Input::Loaded { id, result });
                }
            })?);
        }
        Ok(Self { writes: Some(writes), reads: Some(reads), threads })
    }

    pub(super) fn write(&self, id: EffectId, batch: Batch) {
        if let Some(writes) = &self.writes {
            let _ = writes.send((id, batch));
        }
    }

    pub(super) fn read(&self, id: EffectId, query: Query) {
        if let Some(reads) = &self.reads {
            let _ = reads.send((id, query));
        }
    }

    pub(super) fn stop(&mut self) {
        (self.writes, self.reads) = (None, None);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StorageError> {
    std::thread::Builder::new().name(name.into()).spawn(work).map_err(thread_error)
}

pub(super) fn thread_error(error: std::io::Error) -> StorageError {
    StorageError::Failed { cause: format!("no thread: {error}") }
}
