//! Where blobs lie: sealed chunks in a store, each in a row of its own, so that what has arrived is durable chunk by chunk.
//!
//! ```text
//! nothing ──stored──► part ──stored … ──► all chunks ──finished──► whole, with its tree: can be served
//! ```
//!
//! The same on a relay and on a node. Reads and batches only: who commits, and when, is the caller's business. Two takers of one blob at
//! a time would write over each other's progress, so the caller lets in one.

use std::io;

use super::Sealed;
use super::chunk::{CHUNK_BYTES, Run};
use super::fetch::Fetch;
use super::held::Held;
use super::outboard::{Outboard, OutboardError, SliceError};
use super::place::Placed;
use crate::id::Timestamp;
use crate::storage::{Batch, Order, Range, Read, StorageError, Table};
use crate::wire::{Limit, Reader, Wire, WireError, Writer};

/// (scope, blob, length) → how much of it is here.
pub const BLOB: Table = Table::named("blob");
/// (scope, blob, length, chunk) → the sealed chunk.
pub const BLOB_CHUNK: Table = Table::named("blob_chunk");
/// (scope, blob, length) → the hashes above its chunks; there once it is whole.
pub const BLOB_TREE: Table = Table::named("blob_tree");

/// A blob that lies here, whole or in part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// When something of it last came.
    pub at: Timestamp,
    /// The chunks that are here; `None` once it is whole.
    part: Option<Vec<u8>>,
}

/// Why a blob cannot be read from a shelf.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// It is not here, or not all of it.
    #[error("the attachment is not here")]
    NotHere,
    /// A row is not what was written.
    #[error("an attachment's row cannot be read: {0}")]
    Row(#[from] WireError),
    /// Chunks are not what the hash says, or there are not as many. Usual cause: a disk that rots.
    #[error("an attachment is damaged here: {0}")]
    Damaged(#[from] SliceError),
    /// The chunks together are another blob. Usual causes: a disk that rots, or a length that is not the blob's.
    #[error("an attachment's chunks are not what its hash says")]
    Other,
}

/// A held set's form: a count, a bit per chunk.
const PART: Limit = Limit { name: "held_bytes_max", max: 32 << 10 };

impl Row {
    /// Whether all of it is here and can be served.
    pub fn is_whole(&self) -> bool {
        self.part.is_none()
    }

    /// How many chunks are here.
    pub fn chunks_held(&self, blob: Sealed) -> Result<u32, WireError> {
        match &self.part {
            None => Ok(blob.chunks()),
            Some(part) => Ok(Held::restore(blob, part)?.count()),
        }
    }
}

impl Wire for Row {
    fn write(&self, writer: &mut Writer) {
        self.at.write(writer);
        writer.bool(self.part.is_none());
        if let Some(part) = &self.part {
            writer.bytes(part);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let at = Timestamp::read(reader)?;
        let part = match reader.bool("whole")? {
            true => None,
            false => Some(reader.bytes(PART)?.to_vec()),
        };
        Ok(Self { at, part })
    }
}

/// What is here of a blob.
pub fn row(read: &dyn Read, of: &Placed) -> Result<Option<Row>, ShelfError> {
    let Some(value) = read.get(BLOB, &of.key())? else { return Ok(None) };
    Ok(Some(Row::from_bytes(&value)?))
}

/// Whether all of a blob is here.
pub fn is_whole(read: &dyn Read, of: &Placed) -> Result<bool, ShelfError> {
    Ok(row(read, of)?.is_some_and(|row| row.is_whole()))
}

/// A fetch that goes on with what is here.
pub fn fetch(read: &dyn Read, of: &Placed) -> Result<Fetch, ShelfError> {
    let held = match row(read, of)? {
        None => Held::none(of.blob),
        Some(Row { part: None, .. }) => Held::all(of.blob),
        Some(Row { part: Some(part), .. }) => Held::restore(of.blob, &part)?,
    };
    Ok(Fetch::new(of.blob, held))
}

/// The rows of proven chunks that have arrived for `fetch`; once they are durable it is told [`Fetch::stored`].
pub fn stored(of: &Placed, fetch: &Fetch, run: Run, bytes: &[u8], now: Timestamp) -> Batch {
    let mut held = fetch.held().clone();
    let mut batch = Batch::new();
    for (chunk, bytes) in run.chunks().zip(bytes.chunks(CHUNK_BYTES)) {
        batch.put(BLOB_CHUNK, of.chunk_key(chunk), bytes);
        held.insert(chunk);
    }
    let row = Row { at: now, part: Some(held.to_bytes()) };
    batch.put(BLOB, of.key(), row.to_bytes());
    batch
}

/// Adds a chunk's row that was sealed here, to a batch that makes the blob [`whole`] with all of them.
pub fn sealed(batch: &mut Batch, of: &Placed, chunk: u32, bytes: Vec<u8>) {
    batch.put(BLOB_CHUNK, of.chunk_key(chunk), bytes);
}

/// The rows that are left of a blob once a chunk has turned out not to be what was written: it is fetched again, and no other.
pub fn damaged(
    read: &dyn Read,
    of: &Placed,
    chunk: u32,
    now: Timestamp,
) -> Result<Batch, ShelfError> {
    let mut fetch = fetch(read, of)?;
    fetch.damaged(chunk);
    let mut batch = Batch::new();
    batch.remove(BLOB_CHUNK, of.chunk_key(chunk));
    batch.remove(BLOB_TREE, of.key());
    let row = Row { at: now, part: Some(fetch.held().to_bytes()) };
    batch.put(BLOB, of.key(), row.to_bytes());
    Ok(batch)
}

/// The rows that are left of a blob that was wanted again: nobody puts it away for its age.
pub fn touched(of: &Placed, row: &Row, now: Timestamp) -> Batch {
    let mut batch = Batch::new();
    batch.put(BLOB, of.key(), Row { at: now, part: row.part.clone() }.to_bytes());
    batch
}

/// The rows that make a blob whole of which every chunk is here. Reads all of it once more: what is served from now on is what the
/// disk has.
pub fn finished(read: &dyn Read, of: &Placed, now: Timestamp) -> Result<Batch, ShelfError> {
    let outboard = match Outboard::of(Chunks::new(read, of), of.blob.bytes()) {
        Ok(outboard) => outboard,
        Err(OutboardError::Length(error)) => return Err(error.into()),
        Err(OutboardError::Read(_)) => return Err(ShelfError::NotHere),
    };
    if outboard.blob() != of.blob {
        return Err(ShelfError::Other);
    }
    Ok(whole(of, &outboard, now))
}

/// The rows that make a blob whole whose tree is known.
pub fn whole(of: &Placed, outboard: &Outboard, now: Timestamp) -> Batch {
    let mut batch = Batch::new();
    batch.put(BLOB_TREE, of.key(), outboard.hashes());
    let row = Row { at: now, part: None };
    batch.put(BLOB, of.key(), row.to_bytes());
    batch
}

/// The tree of a blob that is whole.
pub fn outboard(read: &dyn Read, of: &Placed) -> Result<Outboard, ShelfError> {
    if !is_whole(read, of)? {
        return Err(ShelfError::NotHere);
    }
    let hashes = read.get(BLOB_TREE, &of.key())?.ok_or(ShelfError::NotHere)?;
    Ok(Outboard::restore(of.blob, hashes)?)
}

/// A run of a blob that is whole, with its proof.
pub fn slice(
    read: &dyn Read,
    of: &Placed,
    outboard: &Outboard,
    run: Run,
) -> Result<Vec<u8>, ShelfError> {
    let place = of.blob.place(run).map_err(SliceError::from)?;
    let mut bytes = Vec::with_capacity((place.end - place.start) as usize);
    for at in run.chunks() {
        bytes.extend(chunk(read, of, at)?.ok_or(SliceError::Short { chunk: at })?);
    }
    Ok(outboard.slice(run, &bytes)?)
}

/// One sealed chunk, as it lies here; not proven, but it does not open where it has rotted.
pub fn chunk(read: &dyn Read, of: &Placed, chunk: u32) -> Result<Option<Vec<u8>>, StorageError> {
    read.get(BLOB_CHUNK, &of.chunk_key(chunk))
}

/// The rows that are left once a blob is put away.
pub fn dropped(of: &Placed) -> Batch {
    let mut batch = Batch::new();
    (0..of.blob.chunks()).for_each(|chunk| batch.remove(BLOB_CHUNK, of.chunk_key(chunk)));
    batch.remove(BLOB_TREE, of.key());
    batch.remove(BLOB, of.key());
    batch
}

/// Visits every blob here, by scope.
pub fn each(read: &dyn Read, visit: &mut dyn FnMut(Placed, Row)) -> Result<(), ShelfError> {
    let mut fault = None;
    read.scan(BLOB, &Range::all(), Order::Ascending, &mut |key, value| {
        match parse(key, value) {
            Ok((of, row)) => visit(of, row),
            Err(error) => fault = Some(error),
        }
        fault.is_none()
    })?;
    fault.map_or(Ok(()), |error| Err(error.into()))
}

/// What lies on a shelf.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Census {
    /// Blobs that are here whole.
    pub whole: u64,
    /// Sealed bytes of those.
    pub bytes: u64,
    /// Blobs of which a part is here.
    pub part: u64,
}

/// Counts what is here.
pub fn census(read: &dyn Read) -> Result<Census, ShelfError> {
    let mut census = Census::default();
    each(read, &mut |of, row| match row.is_whole() {
        true => {
            census.whole += 1;
            census.bytes += of.blob.bytes();
        }
        false => census.part += 1,
    })?;
    Ok(census)
}

fn parse(key: &[u8], value: &[u8]) -> Result<(Placed, Row), WireError> {
    Ok((Placed::from_bytes(key)?, Row::from_bytes(value)?))
}

/// A blob's chunks in a row.
struct Chunks<'a> {
    read: &'a dyn Read,
    of: &'a Placed,
    next: u32,
    bytes: Vec<u8>,
    at: usize,
}

impl<'a> Chunks<'a> {
    fn new(read: &'a dyn Read, of: &'a Placed) -> Self {
        Self { read, of, next: 0, bytes: Vec::new(), at: 0 }
    }
}

impl io::Read for Chunks<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.bytes.len() {
            if self.next == self.of.blob.chunks() {
                return Ok(0);
            }
            let found = chunk(self.read, self.of, self.next).map_err(io::Error::other)?;
            self.bytes = found.ok_or(io::ErrorKind::UnexpectedEof)?;
            (self.next, self.at) = (self.next + 1, 0);
        }
        let count = out.len().min(self.bytes.len() - self.at);
        out[..count].copy_from_slice(&self.bytes[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
