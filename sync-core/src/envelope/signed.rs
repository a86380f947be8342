//! Bytes that have the shape of an envelope. Nothing they say is established yet.

use std::sync::Arc;

use super::{Header, VerifiedEnvelope, verified};
use crate::access::{Statement, registry_scope};
use crate::id::{DeviceId, EnvelopeId, NetworkId};
use crate::identity::{Domain, Proven, Roster, Signature, SignatureError};
use crate::wire::{Reader, Wire, WireError, limits};

/// A well-formed envelope from anywhere: header, signature, body, within the limits and nothing left over.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedEnvelope {
    pub(super) header: Header,
    pub(super) bytes: Arc<[u8]>,
}

impl SignedEnvelope {
    /// Length of all but the body.
    pub const OVERHEAD: usize = Header::LEN + Signature::LEN;

    /// Takes bytes that have an envelope's shape.
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>) -> Result<Self, WireError> {
        let bytes = bytes.into();
        if bytes.len() > limits::ENVELOPE.max {
            let (limit, max) = (limits::ENVELOPE.name, limits::ENVELOPE.max);
            return Err(WireError::TooLong { limit, max, claimed: bytes.len() });
        }
        let mut reader = Reader::new(&bytes);
        let header = Header::read(&mut reader)?;
        Signature::read(&mut reader)?;
        reader.raw(header.body_len as usize, "body")?;
        reader.finish()?;
        Ok(Self { header, bytes })
    }

    /// The whole envelope.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The whole envelope.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes.to_vec()
    }

    /// What the header says, for routing and for recognising repeats. Anybody can have written it.
    pub fn claimed_header(&self) -> &Header {
        &self.header
    }

    /// The id that follows from the claimed header.
    pub fn claimed_id(&self) -> EnvelopeId {
        Header::id_of(&self.bytes)
    }

    /// The statement that a clear body claims to be; `None` where it is sealed.
    pub fn claimed_statement(&self) -> Result<Option<Statement>, WireError> {
        verified::statement(&self.header, &self.bytes)
    }

    /// Establishes that a known device of this network signed this header and that the body is the one it names.
    ///
    /// Whether the device was in good order, and whether it may write here, is for `admit`.
    pub fn verify(
        self,
        roster: &Roster,
        network: &NetworkId,
    ) -> Result<VerifiedEnvelope, VerifyError> {
        self.verify_among(&Proven::default(), roster, network)
    }

    /// Establishes the same of one of many whose signatures were verified together, by [`prove`](super::prove()).
    pub fn verify_among(
        self,
        proven: &Proven,
        roster: &Roster,
        network: &NetworkId,
    ) -> Result<VerifiedEnvelope, VerifyError> {
        let header = &self.header;
        if header.network != *network {
            return Err(VerifyError::OtherNetwork);
        }
        if !header.is_clear() && header.scope == registry_scope(network) {
            return Err(VerifyError::SealedRegistry);
        }
        let author =
            roster.device(&header.author).ok_or(VerifyError::UnknownAuthor(header.author))?;
        let (signed, rest) = self.bytes.split_at(Header::LEN);
        let (signature, body) = rest.split_at(Signature::LEN);
        let signature = Signature::from_bytes(
            signature.try_into().expect("split at a signature's length a line above"),
        );
        proven.verify(&author.key, Domain::Envelope, signed, &signature)?;
        if *blake3::hash(body).as_bytes() != header.body_hash {
            return Err(VerifyError::BodyDiffers);
        }
        let id = Header::id_of(signed);
        Ok(VerifiedEnvelope { id, header: self.header, bytes: self.bytes })
    }
}

/// Prints who claims to have written how much, and where.
impl std::fmt::Debug for SignedEnvelope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Header { scope, author, seq, .. } = &self.header;
        write!(f, "SignedEnvelope({scope:?}, {author:?}, {seq}, {} bytes)", self.bytes.len())
    }
}

/// Why an envelope is not what it claims. Their fault, or that of whoever carried it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// It belongs to another network.
    #[error("the envelope belongs to another network")]
    OtherNetwork,
    /// The author's certificate is not held. Usual cause: the registry has not caught up; ask again after it has.
    #[error("the author {0:?} is not in the registry")]
    UnknownAuthor(DeviceId),
    /// The author did not sign this header. Usual cause: damage on the way, or a forgery.
    #[error("the author did not sign this header")]
    Signature(#[from] SignatureError),
    /// The body is not the one that the author signed. Usual cause: damage on the way, or tampering.
    #[error("the body is not the one that was signed")]
    BodyDiffers,
    /// Everything in the registry is in the clear.
    #[error("a sealed body in the registry")]
    SealedRegistry,
}
