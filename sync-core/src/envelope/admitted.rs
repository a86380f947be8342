//! An envelope that may be stored, and opened by whoever has the key.

use std::sync::Arc;

use super::verified::statement;
use super::{Body, Formats, Header, Plaintext, SignedEnvelope, VerifiedEnvelope, cipher};
use crate::access::Statement;
use crate::id::EnvelopeId;
use crate::keys::ScopeKey;
use crate::wire::{Wire, WireError};

/// An envelope that is proven and allowed. Made by [`VerifiedEnvelope::admit`], or from our own log.
#[derive(Clone, PartialEq, Eq)]
pub struct AdmittedEnvelope {
    pub(super) verified: VerifiedEnvelope,
}

impl AdmittedEnvelope {
    /// Takes back an envelope that was admitted before and stored in this replica's own log.
    ///
    /// Sound for that log only: only admitted envelopes are ever written to it, and every page of it is
    /// authenticated under the store key, so bytes read from it are bytes that were admitted. `azalea verify`
    /// checks every signature again for those who want more than that.
    pub fn restore(bytes: impl Into<Arc<[u8]>>) -> Result<Self, WireError> {
        let SignedEnvelope { header, bytes } = SignedEnvelope::from_bytes(bytes)?;
        Ok(Self { verified: VerifiedEnvelope { id: Header::id_of(&bytes), header, bytes } })
    }

    /// What the author signed.
    pub fn header(&self) -> &Header {
        &self.verified.header
    }

    /// The envelope's id.
    pub fn id(&self) -> EnvelopeId {
        self.verified.id
    }

    /// The whole envelope.
    pub fn as_bytes(&self) -> &[u8] {
        &self.verified.bytes
    }

    /// The whole envelope.
    pub fn into_bytes(self) -> Vec<u8> {
        self.verified.into_bytes()
    }

    /// The statement of a clear envelope; `None` where the body is sealed.
    pub fn statement(&self) -> Result<Option<Statement>, WireError> {
        statement(self.header(), self.as_bytes())
    }

    /// Opens the body with the key of its scope and epoch, and checks that it stands under its own tag.
    ///
    /// One in a newer format than `formats` reads is [`OpenError::is_newer`].
    pub fn open(&self, key: &ScopeKey, formats: Formats) -> Result<Plaintext<Body>, OpenError> {
        let header = self.header();
        if header.is_clear() {
            return Err(OpenError::Clear);
        }
        let sealed = &self.as_bytes()[SignedEnvelope::OVERHEAD..];
        let frame = cipher::decrypt(header, sealed, key).ok_or(OpenError::Key)?;
        let plain = cipher::unpack(&frame, formats)?;
        let body = Body::from_bytes(&plain)?;
        match body.document() {
            Some(document) if document.tag(key) == header.tag => {
                Ok(Plaintext::new(body, plain.len()))
            }
            _ => Err(OpenError::Misplaced),
        }
    }
}

impl std::fmt::Debug for AdmittedEnvelope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AdmittedEnvelope({:?}, {} bytes)", self.id(), self.as_bytes().len())
    }
}

impl OpenError {
    /// Whether nothing is wrong with the body but that a newer program wrote it.
    pub fn is_newer(&self) -> bool {
        matches!(self, Self::Format(cause) if cause.is_newer())
    }
}

/// Why a sealed body does not open. All but `Key` are the author's doing, since it signed them: quarantine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Not sealed: read its statement instead.
    #[error("the envelope is in the clear")]
    Clear,
    /// Another key than the one it was sealed with, or an author that sealed it wrongly.
    #[error("the key does not open this envelope")]
    Key,
    /// Not in the format, or in a newer one.
    #[error(transparent)]
    Format(#[from] WireError),
    /// Larger than its limit once decompressed, or not compressed by zstd at all.
    #[error("the body does not decompress within its limit")]
    Compression,
    /// A statement under a seal, or content under the tag of another document.
    #[error("the body does not belong under the envelope's tag")]
    Misplaced,
}

impl From<cipher::UnpackError> for OpenError {
    fn from(error: cipher::UnpackError) -> Self {
        match error {
            cipher::UnpackError::Wire(error) => Self::Format(error),
            cipher::UnpackError::Compression => Self::Compression,
        }
    }
}
