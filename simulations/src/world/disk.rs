//! A disk that takes its time, one thing after the other, and forgets what it was not told to keep.
//!
//! Most disks are rows in memory: a batch is whole or absent, as the storage contract says, and a crash loses what was under
//! way, or keeps it without anybody having been told. Some have the node's own store on [`pages`] instead, where syncs, torn
//! writes and rot are real; the rows beside it are then what it was told to keep, for whoever looks. All of them are slow or
//! full, or fail at reading, for a while.

mod pages;

use std::collections::VecDeque;

use azalea_core::storage::{Batch, Memory, Read, StorageError, Store};
pub(super) use pages::Pages;

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
    /// Where the rows really are, on a disk of pages.
    pub(super) pages: Option<Pages>,
    /// The store came out of a crash as it may not.
    pub(super) broken: Option<String>,
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
            pages: None,
            broken: None,
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
        if let Some(pages) = &mut self.pages {
            if let Err(error) = pages.commit(&batch, self.condition.full) {
                // Where a write fails at its very end it may be there all the same.
                self.rows = pages.rows().unwrap_or_else(|_| std::mem::take(&mut self.rows));
                return Err(error);
            }
        } else if self.condition.full {
            return Err(StorageError::Full);
        }
        self.rows.take(batch);
        Ok(())
    }

    /// Reads as the engine does: from the pages, where there are any.
    pub(super) fn read<T>(
        &mut self,
        read: impl FnOnce(&dyn Read) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        self.reads()?;
        match &mut self.pages {
            Some(pages) => read(&pages.store()?.snapshot()?),
            None => read(&self.rows),
        }
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
        if self.pages.is_some() {
            self.crash(torn);
        } else if let Some((safe, _)) = self.safe.take() {
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

    /// Another store in the place of this one, which goes to whoever mends it.
    pub(super) fn renew(&mut self) -> Option<Pages> {
        let old = self.pages.as_mut().map(Pages::replace);
        let (pages, broken, longest) = (self.pages.take(), self.broken.take(), self.longest);
        *self = Self { pages, broken, longest, ..Self::new() };
        old
    }

    /// Reads the pages whole: whether they hold what they were told to keep. One that has rotted says so.
    pub(super) fn examine(&mut self) -> Result<(), StorageError> {
        let Some(pages) = &mut self.pages else { return Ok(()) };
        let kept = pages.examine()?;
        if !kept.rows().eq(self.rows.rows()) {
            self.broken = Some("not what it was told to keep".into());
        }
        Ok(())
    }

    /// What the pages kept is what there is. It must be all that was told to be durable, and of what was not, all or nothing.
    fn crash(&mut self, torn: bool) {
        let Some(pages) = &mut self.pages else { return };
        let under_way = match self.waiting.front() {
            Some(Work::Store(_, batch)) if torn && !self.condition.full => Some(batch),
            _ => None,
        };
        pages.crash(under_way);
        match pages.rows() {
            Ok(kept) => {
                let mut with = self.rows.clone();
                under_way.into_iter().for_each(|batch| with.take(batch.clone()));
                let is = |rows: &Memory| kept.rows().eq(rows.rows());
                if !is(&self.rows) && !is(&with) && !pages.is_rotten() {
                    self.broken =
                        Some("neither all that was durable nor that and the batch".into());
                }
                self.rows = kept;
            }
            Err(error) if !pages.is_rotten() => self.broken = Some(error.to_string()),
            // What the operator is there for.
            Err(_) => {}
        }
    }
}

/// Batches that such a program leaves to the disk's cache.
const UNSYNCED_MAX: usize = 12;
