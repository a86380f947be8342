//! Makes an envelope: compress, pad, encrypt, sign.

use std::sync::Arc;

use super::cipher;
use super::{Body, Formats, Header, SignedEnvelope};
use crate::id::{DocumentTag, EnvelopeId, NetworkId, ScopeId, Timestamp};
use crate::identity::{Domain, SigningKeypair};
use crate::keys::ScopeKey;
use crate::wire::{Limit, Wire, limits};

/// Where an envelope that is about to be made belongs. Its tag follows from its body and key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draft {
    /// The network.
    pub network: NetworkId,
    /// The scope.
    pub scope: ScopeId,
    /// The author's next number in this scope, from [`super::Chain::next`].
    pub seq: u64,
    /// The author's previous envelope in this scope, from the same.
    pub previous: EnvelopeId,
    /// The generation of `key`; 0 for a statement.
    pub epoch: u32,
    /// Now, by the author's clock.
    pub at: Timestamp,
    /// In what format a sealed body is written; in the clear there is but one.
    pub formats: Formats,
}

/// Seals a body with a key, or writes a statement in the clear without one, and signs it.
///
/// The same arguments always give the same bytes.
pub fn seal(
    draft: Draft,
    body: &Body,
    key: Option<&ScopeKey>,
    signer: &SigningKeypair,
) -> Result<SignedEnvelope, SealError> {
    let (tag, sealing) = match (body.document(), key, draft.epoch) {
        (None, None, 0) => (DocumentTag::ZERO, None),
        (Some(document), Some(key), 1..) => (document.tag(key), Some(key)),
        _ => return Err(SealError::Misplaced),
    };
    let plain = body.to_bytes();
    within(plain.len(), limits::PLAINTEXT)?;
    let mut header = Header {
        network: draft.network,
        scope: draft.scope,
        tag,
        author: signer.public().device_id(),
        seq: draft.seq,
        previous: draft.previous,
        epoch: draft.epoch,
        at: draft.at,
        salt: [0; 16],
        body_len: 0,
        body_hash: [0; 32],
    };
    let bytes = match sealing {
        Some(key) => {
            let frame = cipher::pack(&plain, draft.formats.writes());
            within(cipher::sealed_len(frame.len()), limits::BODY)?;
            cipher::encrypt(&mut header, frame, key)
        }
        None => {
            header.body_len = within(plain.len(), limits::BODY)?;
            header.body_hash = *blake3::hash(&plain).as_bytes();
            plain
        }
    };
    let signature = signer.sign(Domain::Envelope, &header.to_bytes());
    let whole = [&header.to_bytes(), signature.as_bytes().as_slice(), &bytes].concat();
    Ok(SignedEnvelope { header, bytes: Arc::from(whole) })
}

fn within(len: usize, limit: Limit) -> Result<u32, SealError> {
    match u32::try_from(len) {
        Ok(short) if len <= limit.max => Ok(short),
        _ => Err(SealError::TooLarge { limit: limit.name, max: limit.max, len }),
    }
}

/// Why a body was not sealed; our own fault in both cases.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Too much in one batch: cut it. A single record that is too large alone has to be quarantined.
    #[error("{limit} is {max}, but the body has {len}")]
    TooLarge {
        /// The limit's name.
        limit: &'static str,
        /// The limit's value.
        max: usize,
        /// What the body has.
        len: usize,
    },
    /// A statement is written without a key in epoch 0, everything else with a key in an epoch from 1.
    #[error("the body, the key and the epoch do not belong together")]
    Misplaced,
}
