//! Content to sealed chunks and back, one chunk at a time: nobody has to hold a whole image in memory.
//!
//! The key is derived from the scope's key and the digest of the content, so one key belongs to one content, and the chunk's number
//! can be the nonce: no nonce ever meets two contents, also after a restore from an old backup. The same content in the same
//! scope and epoch gives the same blob; in another scope it gives another one, and nobody sees that they are alike.

use crate::hash::Context;
use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit, Nonce};

use super::chunk::{AUTHENTICATOR, CONTENT_BYTES, Sealed};
use super::reference::{BlobKey, BlobRef};
use crate::envelope::padded;
use crate::id::{BlobId, ScopeId};
use crate::keys::ScopeKey;
use crate::wire::limits;

static KEY_CONTEXT: Context = Context::new("azalea blob key v1");
const DATA_CONTEXT: &[u8] = b"azalea blob v1\0";

/// Seals one content in one scope.
pub struct Sealer {
    seal: Seal,
    key: BlobKey,
    digest: [u8; 32],
}

/// Opens one blob in one scope.
pub struct Opener {
    seal: Seal,
}

/// A content above `blob_bytes_max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the attachment has {bytes} bytes; {} is {}", limits::BLOB.name, limits::BLOB.max)]
pub struct TooLong {
    /// Bytes of content.
    pub bytes: u64,
}

/// A chunk that does not open. Usual causes: a disk that rots, or a reference that was copied from another scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "chunk {chunk} of the attachment does not open: damaged here, or sealed for something else"
)]
pub struct OpenError {
    /// The chunk's number.
    pub chunk: u32,
}

impl Sealer {
    /// Takes the BLAKE3 digest and the length of the content, and the scope's key of an epoch.
    pub fn new(
        digest: [u8; 32],
        bytes: u64,
        scope: ScopeId,
        epoch: u32,
        scope_key: &ScopeKey,
    ) -> Result<Self, TooLong> {
        let within = usize::try_from(bytes).ok().filter(|bytes| *bytes <= limits::BLOB.max);
        let len = within.and_then(|bytes| u32::try_from(bytes).ok()).ok_or(TooLong { bytes })?;
        let mut hasher = KEY_CONTEXT.hasher();
        hasher.update(scope_key.expose());
        hasher.update(scope.as_bytes());
        hasher.update(&epoch.to_be_bytes());
        hasher.update(&digest);
        hasher.update(&len.to_be_bytes());
        let key = BlobKey(*hasher.finalize().as_bytes());
        Ok(Self { seal: Seal::new(&key, scope, len), key, digest })
    }

    /// How many chunks the blob has.
    pub fn chunks(&self) -> u32 {
        self.seal.shape().chunks()
    }

    /// How many bytes it has once it is sealed.
    pub fn sealed_bytes(&self) -> u64 {
        self.seal.shape().bytes()
    }

    /// How many bytes of content go into a chunk, which is below [`Self::chunks`]; none into those that are padding.
    pub fn content_bytes(&self, chunk: u32) -> usize {
        self.seal.inside(chunk).0
    }

    /// Seals a chunk's content, of which there must be [`Self::content_bytes`].
    pub fn seal(&self, chunk: u32, content: &[u8]) -> Vec<u8> {
        let (count, padding) = self.seal.inside(chunk);
        assert_eq!(content.len(), count, "the caller cuts the content as content_bytes says");
        let mut bytes = Vec::with_capacity(count + padding + AUTHENTICATOR);
        bytes.extend_from_slice(content);
        bytes.resize(count + padding, 0);
        self.seal
            .cipher
            .encrypt_in_place(&nonce(chunk), &self.seal.data, &mut bytes)
            .expect("a chunk is far below the cipher's limit of 256 GiB");
        bytes
    }

    /// What the record is to say, once the hash over all chunks is known.
    pub fn reference(self, id: BlobId) -> BlobRef {
        BlobRef { id, key: self.key, digest: self.digest, len: self.seal.len }
    }
}

impl Opener {
    /// Opens what `reference` names, in the scope of the record that carries it.
    pub fn new(reference: &BlobRef, scope: ScopeId) -> Self {
        Self { seal: Seal::new(&reference.key, scope, reference.len) }
    }

    /// The content of a chunk, without the padding.
    pub fn open(&self, chunk: u32, sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        let error = OpenError { chunk };
        if chunk >= self.seal.shape().chunks() {
            return Err(error);
        }
        let (count, padding) = self.seal.inside(chunk);
        let mut bytes = sealed.to_vec();
        self.seal
            .cipher
            .decrypt_in_place(&nonce(chunk), &self.seal.data, &mut bytes)
            .map_err(|_| error)?;
        if bytes.len() != count + padding || bytes[count..].iter().any(|byte| *byte != 0) {
            return Err(error);
        }
        bytes.truncate(count);
        Ok(bytes)
    }
}

/// What both directions share.
struct Seal {
    cipher: ChaCha20Poly1305,
    /// The associated data of every chunk: a blob belongs to one scope and one length.
    data: Vec<u8>,
    len: u32,
}

impl Seal {
    fn new(key: &BlobKey, scope: ScopeId, len: u32) -> Self {
        let data = [DATA_CONTEXT, scope.as_bytes(), &len.to_be_bytes()].concat();
        Self { cipher: ChaCha20Poly1305::new((&key.0).into()), data, len }
    }

    /// The blob's measures; its id does not matter for them.
    fn shape(&self) -> Sealed {
        Sealed::of_content(BlobId::ZERO, self.len as usize)
    }

    /// Bytes of content and of padding in a chunk of this blob.
    fn inside(&self, chunk: u32) -> (usize, usize) {
        let len = self.len as usize;
        let start = chunk as usize * CONTENT_BYTES;
        let end = (start + CONTENT_BYTES).min(padded(len));
        let content = len.clamp(start, end) - start;
        (content, end - start - content)
    }
}

fn nonce(chunk: u32) -> Nonce {
    let mut nonce = Nonce::default();
    nonce[8..].copy_from_slice(&chunk.to_be_bytes());
    nonce
}
