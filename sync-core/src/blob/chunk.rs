//! How a blob is cut: the same everywhere, so that a chunk has one number and one place.

use std::ops::Range;

use crate::envelope::padded;
use crate::id::BlobId;
use crate::wire::{Reader, Wire, WireError, Writer, limits};

/// Bytes of a chunk as it travels and as it lies on a disk; the last one may be shorter. The unit that is proven, stored
/// and resumed: small enough that a line of 30 kbit/s brings one in four seconds.
pub const CHUNK_BYTES: usize = 16 << 10;
/// What the cipher adds to each chunk.
pub(super) const AUTHENTICATOR: usize = 16;
/// Bytes of content in a whole chunk.
pub(super) const CONTENT_BYTES: usize = CHUNK_BYTES - AUTHENTICATOR;

/// A blob as everybody sees it who carries it: which one, and how many bytes it has sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sealed {
    id: BlobId,
    len: u64,
}

/// Neighbouring chunks that are asked for and sent together: at least one, at most `blob_run_chunks_max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Run {
    first: u32,
    count: u32,
}

/// A run that the blob does not have. Usual cause: a peer that asks for another blob's chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("chunks {first} to {last} are asked of a blob that has {chunks}")]
pub struct RunError {
    /// The run's first chunk.
    pub first: u32,
    /// The run's last chunk.
    pub last: u32,
    /// How many chunks the blob has.
    pub chunks: u32,
}

impl Sealed {
    /// Names a blob. Refuses a length that no sealing gives.
    pub fn new(id: BlobId, len: u64) -> Result<Self, WireError> {
        let field = "sealed length";
        let chunks = len.div_ceil(CHUNK_BYTES as u64);
        let inside = len.checked_sub(chunks * AUTHENTICATOR as u64);
        let inside = inside.and_then(|inside| usize::try_from(inside).ok());
        let inside = inside.ok_or(WireError::Invalid { field })?;
        if inside > limits::BLOB.max {
            let (limit, max) = (limits::BLOB.name, limits::BLOB.max);
            return Err(WireError::TooLong { limit, max, claimed: inside });
        }
        if len != sealed_len(inside) || padded(inside) != inside {
            return Err(WireError::Invalid { field });
        }
        Ok(Self { id, len })
    }

    /// The blob with this id that seals a content of `content_len` bytes, which is within `blob_bytes_max`.
    pub(super) fn of_content(id: BlobId, content_len: usize) -> Self {
        Self { id, len: sealed_len(padded(content_len)) }
    }

    /// The hash of its ciphertext.
    pub fn id(&self) -> BlobId {
        self.id
    }

    /// How many bytes it has, sealed.
    pub fn bytes(&self) -> u64 {
        self.len
    }

    /// How many chunks it has: one at least.
    pub fn chunks(&self) -> u32 {
        u32::try_from(self.len.div_ceil(CHUNK_BYTES as u64))
            .expect("blob_bytes_max is far below 2^32 chunks")
    }

    /// Where a run lies in the sealed bytes.
    pub fn place(&self, run: Run) -> Result<Range<u64>, RunError> {
        let end = run.end();
        if end > u64::from(self.chunks()) {
            let last = u32::try_from(end - 1).unwrap_or(u32::MAX);
            return Err(RunError { first: run.first, last, chunks: self.chunks() });
        }
        let chunk = CHUNK_BYTES as u64;
        Ok(u64::from(run.first) * chunk..(end * chunk).min(self.len))
    }
}

impl Run {
    /// `count` chunks from `first`; none where `count` is 0 or above `blob_run_chunks_max`.
    pub fn new(first: u32, count: u32) -> Option<Self> {
        (1..=limits::BLOB_RUN.max).contains(&(count as usize)).then_some(Self { first, count })
    }

    /// The first chunk.
    pub fn first(&self) -> u32 {
        self.first
    }

    /// How many chunks.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The number behind the last chunk.
    pub(super) fn end(&self) -> u64 {
        u64::from(self.first) + u64::from(self.count)
    }

    /// Every chunk of a run that lies within a blob.
    pub(super) fn chunks(&self) -> Range<u32> {
        self.first..self.first + self.count
    }
}

impl Wire for Sealed {
    fn write(&self, writer: &mut Writer) {
        self.id.write(writer);
        writer.u64(self.len);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Self::new(BlobId::read(reader)?, reader.u64("sealed length")?)
    }
}

impl Wire for Run {
    fn write(&self, writer: &mut Writer) {
        writer.u32(self.first);
        writer.u32(self.count);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let first = reader.u32("first chunk")?;
        let count = reader.count(limits::BLOB_RUN)?;
        let count = u32::try_from(count).expect("blob_run_chunks_max is small");
        Self::new(first, count).ok_or(WireError::Invalid { field: limits::BLOB_RUN.name })
    }
}

/// The bytes that `inside` bytes of content and padding have once they are sealed. An empty content has one chunk.
fn sealed_len(inside: usize) -> u64 {
    let chunks = inside.div_ceil(CONTENT_BYTES).max(1);
    (inside + chunks * AUTHENTICATOR) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: BlobId = BlobId([7; 32]);

    #[test]
    fn what_sealing_gives_is_a_length_and_nothing_else_is() {
        for content in [0, 1, 100, CONTENT_BYTES, CONTENT_BYTES + 1, 5_000_000, limits::BLOB.max] {
            let blob = Sealed::of_content(ID, content);
            assert_eq!(Sealed::new(ID, blob.len), Ok(blob), "{content}");
            assert_eq!(Sealed::from_bytes(&blob.to_bytes()), Ok(blob));
        }
        let chunk = CHUNK_BYTES as u64;
        for len in [0, 15, chunk + 1, chunk + 16, 5_000_000, u64::MAX] {
            assert!(Sealed::new(ID, len).is_err(), "{len}");
        }
        let more = Sealed::new(ID, sealed_len(padded(limits::BLOB.max + 1)));
        assert!(matches!(more, Err(WireError::TooLong { limit: "blob_bytes_max", .. })));
    }

    #[test]
    fn a_run_has_a_place_or_is_refused_by_its_numbers() {
        let blob = Sealed::of_content(ID, 45_000);
        let run = |first, count| Run::new(first, count).expect("a small run");
        assert_eq!(blob.chunks(), 3);
        assert_eq!(blob.place(run(1, 1)), Ok(16_384..32_768));
        assert_eq!(blob.place(run(1, 2)), Ok(16_384..blob.bytes()));
        let error = blob.place(run(2, 2)).expect_err("there is no chunk 3");
        assert_eq!(error.to_string(), "chunks 2 to 3 are asked of a blob that has 3");
        assert!(blob.place(run(u32::MAX, 64)).is_err());
        assert_eq!(Run::new(0, 0), None);
        assert_eq!(Run::new(0, 65), None);
        assert!(Run::from_bytes(&[0, 0, 0, 0, 0, 0, 0, 0]).is_err());
        assert!(Run::from_bytes(&[0, 0, 0, 0, 0, 0, 0, 65]).is_err());
    }
}
