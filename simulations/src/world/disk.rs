//! A disk that takes its time, one thing after the other, and forgets what it was not told to keep.
//!
//! A batch is whole or absent, as the storage contract says: the stores' own crash tests answer for that. What a
//! disk does here is to be slow or full, to fail at reading, and to lose what was under way in a crash: the batch
//! that was being written may be there afterwards without anybody having been told.

use std::collections::VecDeque;

use azalea_core::storage::{Batch, Memory, StorageError, Store};

/// What an engine asked of its disk: `L` is a load in its own words, `I` names the answer.
#[derive(Debug)]
pub(super) enum Work<I, L> {
    Store(I, Batch),
    Load(I, L),
}

/// How a disk is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) full: bool,
    pub(super) slow: bool,
    /// Reads fail, as where a checksum does not match.
    pub(super) unreadable: bool,
}

impl Condition {
    /// Whether nothing can be written, or nothing read.
    pub(super) fn is_bad(self) -> bool {
        self.full || self.unreadable
    }
}

/// Rows that are durable, and work that is not done yet.
pub(super) struct Disk<I, L> {
    pub(super) rows: Memory,
    pub(super) condition: Condition,
    waiting: VecDeque<Work<I, L>>,
    /// Where a mutation acknowledges before storing: the rows that a crash leaves, and batches since.
    safe: Option<(Memory, usize)>,
    asked: bool,
    pub(super) longest: usize,
}

impl<I, L> Disk<I, L> {
    pub(super) fn new() -> Self {
        Self {
            rows: Memory::new(),
            condition: Condition::default(),
            waiting: VecDeque::new(),
            safe: None,
            asked: false,
            longest: 0,
        }
    }

    pub(super) fn push(&mut self, work: Work<I, L>) {
        self.waiting.push_back(work);
        self.longest = self.longest.max(self.waiting.len());
    }

    /// Whether a step should be planned; true once for each.
    pub(super) fn wants_step(&mut self) -> bool {
        let wants = !self.asked && !self.waiting.is_empty();
        self.asked |= wants;
        wants
    }

    pub(super) fn is_busy(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Takes the next work.
    pub(super) fn next(&mut self) -> Option<Work<I, L>> {
        self.asked = false;
        self.waiting.pop_front()
    }

    /// Commits a batch, unless the disk is full.
    pub(super) fn commit(&mut self, batch: Batch) -> Result<(), StorageError> {
        if self.condition.full {
            return Err(StorageError::Full);
        }
        self.rows.take(batch);
        Ok(())
    }

    /// Why nothing can be read just now, if so.
    pub(super) fn reads(&self) -> Result<(), StorageError> {
        let damaged = || StorageError::Damaged { place: "a page of the simulated disk".to_owned() };
        if self.condition.unreadable { Err(damaged()) } else { Ok(()) }
    }

    /// Commits a batch as a program does that does not wait for the disk: a crash takes the last ones away.
    pub(super) fn commit_unsynced(&mut self, batch: Batch) -> Result<(), StorageError> {
        let synced = self.safe.take().filter(|(_, since)| *since < UNSYNCED_MAX);
        let (safe, since) = synced.unwrap_or_else(|| (self.rows.clone(), 0));
        self.safe = Some((safe, since + 1));
        self.commit(batch)
    }

    /// The process is killed. What waited is gone, except that the batch under way may have become durable
    /// without anybody being told.
    pub(super) fn kill(&mut self, torn: bool) {
        if let Some((safe, _)) = self.safe.take() {
            self.rows = safe;
        } else if torn
            && !self.condition.full
            && let Some(Work::Store(_, batch)) = self.waiting.front()
        {
            self.rows.commit(batch).expect("memory takes every batch");
        }
        self.waiting.clear();
        self.asked = false;
    }
}

/// Batches that such a program leaves to the disk's cache.
const UNSYNCED_MAX: usize = 12;
