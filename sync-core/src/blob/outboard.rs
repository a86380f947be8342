//! The hash tree over a sealed blob: what is sent with chunks so that each proves itself against the blob's id.

use std::io;

use bao_tree::io::outboard::PreOrderMemOutboard;
use bao_tree::io::sync::{DecodeResponseIter, ReadAt, encode_ranges_validated};
use bao_tree::io::{BaoContentItem, DecodeError, EncodeError};
use bao_tree::{BaoTree, BlockSize, ChunkNum, ChunkRanges, TreeNode};

use super::chunk::{Run, RunError, Sealed};
use crate::id::BlobId;
use crate::wire::WireError;

/// Our chunk is a group of 2^4 of BLAKE3's own chunks of 1 KiB.
const GROUP: BlockSize = BlockSize::from_chunk_log(4);
/// BLAKE3's chunks in one of ours.
const LEAVES: u64 = 16;

/// The hashes above a blob's chunks: 64 bytes for each chunk but one.
pub struct Outboard {
    blob: Sealed,
    tree: PreOrderMemOutboard,
}

/// Why no tree was made.
#[derive(Debug, thiserror::Error)]
pub enum OutboardError {
    /// A length that no sealing gives.
    #[error(transparent)]
    Length(#[from] WireError),
    /// The bytes could not be read to the end.
    #[error("the sealed attachment could not be read: {0}")]
    Read(#[from] io::Error),
}

/// Why chunks are not sent or not taken. All but the first two mean that their sender is not to be believed, or its disk rots.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SliceError {
    /// The blob has no such chunks.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The bytes to be proven are not as many as the run has; the caller's fault.
    #[error("{found} bytes were given for chunks that have {expected}")]
    Length {
        /// Bytes that the run has.
        expected: u64,
        /// Bytes given.
        found: u64,
    },
    /// A chunk that is not the blob's.
    #[error("chunk {chunk} is not what the attachment's hash says")]
    Chunk {
        /// The chunk's number.
        chunk: u32,
    },
    /// A hash above some chunks that is not the blob's.
    #[error("a hash above chunks {first} to {last} is not what the attachment's hash says")]
    Hash {
        /// The first chunk under that hash.
        first: u32,
        /// The last.
        last: u32,
    },
    /// The slice ends too early.
    #[error("the slice is cut off at chunk {chunk}")]
    Short {
        /// The first chunk that is not whole.
        chunk: u32,
    },
    /// The slice goes on behind its last chunk.
    #[error("{count} bytes are left over behind the last chunk")]
    LeftOver {
        /// How many.
        count: usize,
    },
}

impl Outboard {
    /// Hashes `bytes` sealed bytes; the id of the blob comes out of it.
    pub fn of(sealed: impl io::Read, bytes: u64) -> Result<Self, OutboardError> {
        let blob = Sealed::new(BlobId::ZERO, bytes)?;
        let tree = BaoTree::new(blob.bytes(), GROUP);
        let room = usize::try_from(tree.outboard_size()).expect("8 MiB for blob_bytes_max");
        let root = blake3::Hash::from([0; 32]);
        let mut tree = PreOrderMemOutboard { root, tree, data: vec![0; room] };
        tree.root = bao_tree::io::sync::outboard(sealed, tree.tree, &mut tree)?;
        let blob = Sealed::new(BlobId(*tree.root.as_bytes()), bytes)?;
        Ok(Self { blob, tree })
    }

    /// The blob that this is the tree of.
    pub fn blob(&self) -> Sealed {
        self.blob
    }

    /// What is kept of the tree; [`Self::restore`] reads it.
    pub fn hashes(&self) -> Vec<u8> {
        self.tree.data.clone()
    }

    /// The tree of a blob from what was kept of it. Hashes that have rotted are noticed by whatever needs them.
    pub fn restore(blob: Sealed, hashes: Vec<u8>) -> Result<Self, WireError> {
        let tree = BaoTree::new(blob.bytes(), GROUP);
        if hashes.len() as u64 != tree.outboard_size() {
            return Err(WireError::Invalid { field: "hash tree" });
        }
        let root = blake3::Hash::from(blob.id().0);
        Ok(Self { blob, tree: PreOrderMemOutboard { root, tree, data: hashes } })
    }

    /// The chunks of a run with the hashes that prove them. `chunks` are the run's sealed bytes; what has rotted since the tree
    /// was made is not sent.
    pub fn slice(&self, run: Run, chunks: &[u8]) -> Result<Vec<u8>, SliceError> {
        let place = self.blob.place(run)?;
        let (expected, found) = (place.end - place.start, chunks.len() as u64);
        if found != expected {
            return Err(SliceError::Length { expected, found });
        }
        let mut slice = Vec::with_capacity(chunks.len() + 64 * 64);
        let window = Window { start: place.start, bytes: chunks };
        encode_ranges_validated(window, &self.tree, &ranges(self.blob, run), &mut slice)
            .map_err(|error| encoding(self.blob, run, error))?;
        Ok(slice)
    }
}

/// The chunks of a run, each proven to be the blob's. Needs nothing but the blob's id and length.
pub fn verify(blob: Sealed, run: Run, slice: &[u8]) -> Result<Vec<u8>, SliceError> {
    let place = blob.place(run)?;
    let ranges = ranges(blob, run);
    let tree = BaoTree::new(blob.bytes(), GROUP);
    let root = blake3::Hash::from(blob.id().0);
    let mut rest = slice;
    let mut chunks = Vec::with_capacity((place.end - place.start).min(slice.len() as u64) as usize);
    for item in DecodeResponseIter::new(root, tree, &mut rest, &ranges) {
        match item.map_err(|error| decoding(blob, run, error))? {
            BaoContentItem::Leaf(leaf) => {
                assert_eq!(leaf.offset, place.start + chunks.len() as u64, "leaves come in order");
                chunks.extend_from_slice(&leaf.data);
            }
            BaoContentItem::Parent(_) => {}
        }
    }
    match rest.len() {
        0 => Ok(chunks),
        count => Err(SliceError::LeftOver { count }),
    }
}

/// A run's bytes at their place in the blob.
struct Window<'a> {
    start: u64,
    bytes: &'a [u8],
}

impl ReadAt for Window<'_> {
    fn read_at(&self, position: u64, out: &mut [u8]) -> io::Result<usize> {
        let at = position.checked_sub(self.start).and_then(|at| usize::try_from(at).ok());
        let rest = at.and_then(|at| self.bytes.get(at..)).unwrap_or_default();
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

fn ranges(blob: Sealed, run: Run) -> ChunkRanges {
    let first = ChunkNum(u64::from(run.first()) * LEAVES);
    // Open at the blob's end, so that a last chunk that is short counts as whole.
    match run.end() == u64::from(blob.chunks()) {
        true => ChunkRanges::from(first..),
        false => ChunkRanges::from(first..ChunkNum(run.end() * LEAVES)),
    }
}

fn decoding(blob: Sealed, run: Run, error: DecodeError) -> SliceError {
    match error {
        DecodeError::ParentHashMismatch(node) => hash(blob, node),
        DecodeError::LeafHashMismatch(leaf) => SliceError::Chunk { chunk: chunk(leaf) },
        DecodeError::LeafNotFound(leaf) => SliceError::Short { chunk: chunk(leaf) },
        DecodeError::ParentNotFound(node) => {
            SliceError::Short { chunk: chunk(node.chunk_range().start).max(run.first()) }
        }
        DecodeError::Io(_) => SliceError::Short { chunk: run.first() },
    }
}

fn encoding(blob: Sealed, run: Run, error: EncodeError) -> SliceError {
    match error {
        EncodeError::LeafHashMismatch(leaf) => SliceError::Chunk { chunk: chunk(leaf) },
        EncodeError::ParentHashMismatch(node) => hash(blob, node),
        // Bytes in memory are there and take what is written; a tree in memory has every hash.
        EncodeError::ParentWrite(_)
        | EncodeError::LeafWrite(_)
        | EncodeError::SizeMismatch
        | EncodeError::Io(_) => SliceError::Short { chunk: run.first() },
    }
}

fn hash(blob: Sealed, node: TreeNode) -> SliceError {
    let under = node.chunk_range();
    let last = under.end.0.div_ceil(LEAVES).min(u64::from(blob.chunks())) - 1;
    SliceError::Hash {
        first: chunk(under.start),
        last: u32::try_from(last).expect("a chunk's number"),
    }
}

/// Which of our chunks one of BLAKE3's lies in.
fn chunk(leaf: ChunkNum) -> u32 {
    u32::try_from(leaf.0 / LEAVES).expect("blob_bytes_max is far below 2^32 chunks")
}

impl std::fmt::Debug for Outboard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Outboard({:?})", self.blob)
    }
}
