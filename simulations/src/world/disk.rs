//! A disk that takes its time, one thing after the other, and forgets what it was not told to keep.

use std::collections::VecDeque;

use azalea_core::storage::{Batch, Memory, StorageError, Store};

/// What an engine asked of its disk: `L` is a load in its own words, `I` names the answer.
#[derive(Debug)]
pub(super) enum Work<I, L> {
    Store(I, Batch),
    Load(I, L),
}

/// Rows that are durable, and work that is not done yet.
pub(super) struct Disk<I, L> {
    pub(super) rows: Memory,
    waiting: VecDeque<Work<I, L>>,
    asked: bool,
}

impl<I, L> Disk<I, L> {
    pub(super) fn new() -> Self {
        Self { rows: Memory::new(), waiting: VecDeque::new(), asked: false }
    }

    pub(super) fn push(&mut self, work: Work<I, L>) {
        self.waiting.push_back(work);
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
    pub(super) fn commit(&mut self, batch: &Batch, full: bool) -> Result<(), StorageError> {
        if full { Err(StorageError::Full) } else { self.rows.commit(batch) }
    }

    /// The process is killed. What waited is gone, except that the batch under way may have become durable
    /// without anybody being told.
    pub(super) fn kill(&mut self, torn: bool) {
        if torn && let Some(Work::Store(_, batch)) = self.waiting.front() {
            self.rows.commit(batch).expect("memory takes every batch");
        }
        self.waiting.clear();
        self.asked = false;
    }
}
