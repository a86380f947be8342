//! The node's shelf: what was sealed here or has arrived, chunk by chunk, in `blobs.redb`.
//!
//! A file of its own, so that a commit of chunks holds up no text. What lies in it is sealed under each blob's own key, which only the
//! records have, and its pages once more under the store key.

mod moving;
mod tidy;

use azalea_core::blob::shelf::{self, Census, ShelfError};
use azalea_core::blob::{BlobRef, OpenError, Opener, Outboard, OutboardError, Placed, Run, Sealer};
use azalea_core::id::ScopeId;
use azalea_core::storage::{Batch, StorageError, Store as _};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Clock;
use crate::store::{RedbStore, Snapshot};

/// Pages of the shelf that stay decrypted in memory: chunks are read once, in a row.
pub const CACHE_BYTES: usize = 8 << 20;

/// The shelf; clones share it.
#[derive(Clone)]
pub struct Shelf {
    store: RedbStore,
    clock: Clock,
    /// Rows are read and then written: one writer at a time.
    turn: Arc<Mutex<()>>,
}

/// How much of an attachment is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Chunks that are here.
    pub held: u32,
    /// Chunks that it has.
    pub chunks: u32,
    /// All of it is here and can be opened.
    pub is_whole: bool,
}

impl Standing {
    /// How much of it is here; 100 only once it can be opened.
    pub fn percent(&self) -> u8 {
        match self.is_whole {
            true => 100,
            false => {
                let percent = u64::from(self.held) * 100 / u64::from(self.chunks.max(1));
                u8::try_from(percent.min(99)).unwrap_or(99)
            }
        }
    }
}

/// Why an attachment cannot be put down or given out.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// The shelf cannot be read or written.
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    /// What was sealed cannot be hashed. A fault of this program: bytes in memory read to their end.
    #[error("an attachment cannot be sealed: {0}")]
    Seal(#[from] OutboardError),
    /// A chunk is not what was written. It is fetched again.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// All chunks open, and the content is another one than the record says. Usual cause: an author whose reference is wrong.
    #[error("the attachment is not what its record says")]
    Other,
    /// Whoever was given it did not take it.
    #[error("the attachment cannot be handed on: {0}")]
    Output(#[from] io::Error),
}

impl From<StorageError> for HoldError {
    fn from(error: StorageError) -> Self {
        Self::Shelf(error.into())
    }
}

impl Shelf {
    /// The shelf in `store`.
    pub fn new(store: RedbStore, clock: Clock) -> Self {
        Self { store, clock, turn: Arc::default() }
    }

    /// What it holds now.
    pub fn snapshot(&self) -> Result<Snapshot, StorageError> {
        self.store.snapshot()
    }

    /// How much of a blob is here.
    pub fn standing(&self, of: &Placed) -> Result<Standing, HoldError> {
        let row = shelf::row(&self.snapshot()?, of)?;
        let held = row.as_ref().map_or(Ok(0), |row| row.chunks_held(of.blob));
        let held = held.map_err(ShelfError::from)?;
        let is_whole = row.is_some_and(|row| row.is_whole());
        Ok(Standing { held, chunks: of.blob.chunks(), is_whole })
    }

    /// Counts what is here.
    pub fn census(&self) -> Result<Census, HoldError> {
        Ok(shelf::census(&self.snapshot()?)?)
    }

    /// Seals a content and makes it durable, all of it in one commit; a content that is here already is left as it is.
    pub fn seal(
        &self,
        scope: ScopeId,
        sealer: Sealer,
        content: &[u8],
    ) -> Result<BlobRef, HoldError> {
        let outboard = Outboard::of(Sealing::new(&sealer, content), sealer.sealed_bytes())?;
        let of = Placed { scope, blob: outboard.blob() };
        let now = self.clock.now();
        let _turn = self.turn();
        let batch = match shelf::row(&self.snapshot()?, &of)? {
            // No version may refer to it yet, so its age must not put it away before one does.
            Some(row) if row.is_whole() => shelf::touched(&of, &row, now),
            _ => {
                let mut batch = shelf::whole(&of, &outboard, now);
                let mut sealing = Sealing::new(&sealer, content);
                for chunk in 0..sealer.chunks() {
                    shelf::sealed(&mut batch, &of, chunk, sealing.chunk(chunk));
                }
                batch
            }
        };
        self.commit(&batch)?;
        Ok(sealer.reference(of.blob.id()))
    }

    /// Hands a content out piece by piece, after all of it has proven to be what the record says. `false` where not all is here.
    pub fn content(
        &self,
        scope: ScopeId,
        reference: &BlobRef,
        each: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<bool, HoldError> {
        let of = Placed { scope, blob: reference.sealed() };
        let snapshot = self.snapshot()?;
        if !shelf::is_whole(&snapshot, &of)? {
            return Ok(false);
        }
        let mut hasher = blake3::Hasher::new();
        self.open(&snapshot, &of, reference, &mut |piece| {
            hasher.update(piece);
            Ok(())
        })?;
        if *hasher.finalize().as_bytes() != reference.digest {
            return Err(HoldError::Other);
        }
        self.open(&snapshot, &of, reference, each)?;
        Ok(true)
    }

    /// Holds every chunk of a blob that is whole against its hash.
    pub fn prove(&self, of: &Placed) -> Result<(), HoldError> {
        let snapshot = self.snapshot()?;
        let outboard = shelf::outboard(&snapshot, of)?;
        for chunk in 0..of.blob.chunks() {
            shelf::slice(&snapshot, of, &outboard, one(chunk))?;
        }
        Ok(())
    }

    fn open(
        &self,
        snapshot: &Snapshot,
        of: &Placed,
        reference: &BlobRef,
        each: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), HoldError> {
        let opener = Opener::new(reference, of.scope);
        for chunk in 0..of.blob.chunks() {
            let sealed = shelf::chunk(snapshot, of, chunk)?.unwrap_or_default();
            match opener.open(chunk, &sealed) {
                Ok(piece) => each(&piece)?,
                Err(error) => return Err(self.does_not_open(snapshot, of, chunk, error)),
            }
        }
        Ok(())
    }

    /// Why a chunk does not open: it has rotted, or it is what its hash says and the record has another key for it.
    fn does_not_open(
        &self,
        snapshot: &Snapshot,
        of: &Placed,
        chunk: u32,
        error: OpenError,
    ) -> HoldError {
        let proven = shelf::outboard(snapshot, of)
            .and_then(|outboard| shelf::slice(snapshot, of, &outboard, one(chunk)));
        match proven {
            Ok(_) => HoldError::Other,
            Err(ShelfError::Storage(error)) => error.into(),
            Err(_) => self.damaged(of, chunk).err().unwrap_or(error.into()),
        }
    }

    /// Takes a chunk out that is not what was written.
    fn damaged(&self, of: &Placed, chunk: u32) -> Result<(), HoldError> {
        tracing::error!(blob = %of.blob.id(), chunk, "a chunk of an attachment is damaged here");
        let _turn = self.turn();
        let batch = shelf::damaged(&self.snapshot()?, of, chunk, self.clock.now())?;
        Ok(self.commit(&batch)?)
    }

    /// Writes something else in the place of a chunk of the only blob that is here.
    #[cfg(test)]
    pub(crate) fn overwrite_chunk(&self, chunk: u32) -> Placed {
        let mut found = None;
        shelf::each(&self.snapshot().expect("intact"), &mut |of, _| found = Some(of))
            .expect("intact");
        let of = found.expect("a blob is here");
        let mut batch = Batch::new();
        shelf::sealed(&mut batch, &of, chunk, vec![0; 16 << 10]);
        self.commit(&batch).expect("room");
        of
    }

    fn commit(&self, batch: &Batch) -> Result<(), StorageError> {
        self.store.clone().commit(batch)
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn one(chunk: u32) -> Run {
    Run::new(chunk, 1).expect("one chunk is a run")
}

/// A content on its way through a sealer, as bytes that can be read.
struct Sealing<'a> {
    sealer: &'a Sealer,
    rest: &'a [u8],
    next: u32,
    sealed: Vec<u8>,
    at: usize,
}

impl<'a> Sealing<'a> {
    fn new(sealer: &'a Sealer, content: &'a [u8]) -> Self {
        Self { sealer, rest: content, next: 0, sealed: Vec::new(), at: 0 }
    }

    /// The next chunk, sealed.
    fn chunk(&mut self, chunk: u32) -> Vec<u8> {
        let (here, rest) = self.rest.split_at(self.sealer.content_bytes(chunk));
        self.rest = rest;
        self.sealer.seal(chunk, here)
    }
}

impl io::Read for Sealing<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.sealed.len() {
            if self.next == self.sealer.chunks() {
                return Ok(0);
            }
            self.sealed = self.chunk(self.next);
            (self.next, self.at) = (self.next + 1, 0);
        }
        let count = out.len().min(self.sealed.len() - self.at);
        out[..count].copy_from_slice(&self.sealed[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
