//! One blob on its way here: what to ask for next, and what has safely arrived.
//!
//! ```text
//!          ask            arrived            stored
//! missing ─────► asked ──────────► arrived ─────────► held
//!    ▲            │ cut, refused       │ not_stored     │ damaged
//!    └────────────┴────────────────────┴────────────────┘
//! ```
//!
//! A chunk counts as held once the disk has it, so a fetch that was killed goes on behind the last durable chunk. Several sources may be
//! asked in turn: whatever arrives proves itself against the blob's id.

use std::collections::BTreeSet;

use super::chunk::{Run, Sealed};
use super::held::Held;
use super::outboard::{SliceError, verify};

/// The state of one fetch.
#[derive(Debug, Clone)]
pub struct Fetch {
    blob: Sealed,
    held: Held,
    /// Chunks that were asked for or wait for the disk.
    busy: Held,
    asked: BTreeSet<Run>,
    arrived: BTreeSet<Run>,
}

/// Why what arrived is not taken. The chunks are missing again: another source may be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// A run that is not under way.
    #[error("chunks from {} were sent that nobody asked for", .0.first())]
    NotAsked(Run),
    /// The sender is not to be believed.
    #[error(transparent)]
    Slice(#[from] SliceError),
}

impl Fetch {
    /// Goes on with what is held; that must be of this blob.
    pub fn new(blob: Sealed, held: Held) -> Self {
        Self {
            busy: Held::none(blob),
            asked: BTreeSet::new(),
            arrived: BTreeSet::new(),
            blob,
            held,
        }
    }

    /// What is fetched.
    pub fn blob(&self) -> Sealed {
        self.blob
    }

    /// What is durable here; to be kept, so that the next fetch goes on from it.
    pub fn held(&self) -> &Held {
        &self.held
    }

    /// Whether all of it is durable here.
    pub fn is_complete(&self) -> bool {
        self.held.is_all()
    }

    /// Chunks that were asked for and have not come.
    pub fn under_way(&self) -> u32 {
        self.asked.iter().map(Run::count).sum()
    }

    /// The next chunks to ask for, at most `chunks` of them; none while everything is held or busy.
    pub fn ask(&mut self, chunks: u32) -> Option<Run> {
        let run = self.held.first_missing(&self.busy, chunks)?;
        run.chunks().for_each(|chunk| self.busy.insert(chunk));
        self.asked.insert(run);
        Some(run)
    }

    /// Takes what came for `run`; gives the proven bytes to write at the run's place in the blob.
    pub fn arrived(&mut self, run: Run, slice: &[u8]) -> Result<Vec<u8>, FetchError> {
        if !self.asked.remove(&run) {
            return Err(FetchError::NotAsked(run));
        }
        match verify(self.blob, run, slice) {
            Ok(bytes) => {
                self.arrived.insert(run);
                Ok(bytes)
            }
            Err(error) => {
                self.missing(run);
                Err(error.into())
            }
        }
    }

    /// The disk has these chunks.
    pub fn stored(&mut self, run: Run) {
        self.settle(run);
        run.chunks().for_each(|chunk| self.held.insert(chunk));
    }

    /// The disk does not take these chunks; they will be asked for again.
    pub fn not_stored(&mut self, run: Run) {
        self.settle(run);
    }

    /// The source does not give these chunks.
    pub fn refused(&mut self, run: Run) {
        if self.asked.remove(&run) {
            self.missing(run);
        }
    }

    /// The line is gone, and all that was asked for with it. What waits for the disk is still written.
    pub fn cut(&mut self) {
        for run in std::mem::take(&mut self.asked) {
            self.missing(run);
        }
    }

    /// A chunk that was held does not read or does not open any more: it is fetched again.
    pub fn damaged(&mut self, chunk: u32) {
        if self.held.contains(chunk) {
            self.held.remove(chunk);
        }
    }

    fn settle(&mut self, run: Run) {
        assert!(self.arrived.remove(&run), "the disk answers once for what was given to it");
        self.missing(run);
    }

    fn missing(&mut self, run: Run) {
        run.chunks().for_each(|chunk| self.busy.remove(chunk));
    }
}
