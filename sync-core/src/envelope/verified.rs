//! An envelope whose author and content are established; whether it is allowed is still open.

use std::sync::Arc;

use super::{AdmittedEnvelope, Body, Header, SignedEnvelope};
use crate::access::{Action, Denial, Question, ScopeAccess, Statement, decide};
use crate::id::EnvelopeId;
use crate::identity::Roster;
use crate::wire::{Wire, WireError};

/// An envelope that a known device signed and whose body is whole. Made by [`SignedEnvelope::verify`] only.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedEnvelope {
    pub(super) id: EnvelopeId,
    pub(super) header: Header,
    pub(super) bytes: Arc<[u8]>,
}

impl VerifiedEnvelope {
    /// What the author signed.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The envelope's id.
    pub fn id(&self) -> EnvelopeId {
        self.id
    }

    /// The whole envelope.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The whole envelope.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes.to_vec()
    }

    /// The whole envelope, for one more holder of the same bytes.
    pub fn share_bytes(&self) -> Arc<[u8]> {
        Arc::clone(&self.bytes)
    }

    /// The statement of a clear envelope; `None` where the body is sealed.
    pub fn statement(&self) -> Result<Option<Statement>, WireError> {
        statement(&self.header, &self.bytes)
    }

    /// Establishes that the author might write this here at the time it names, by the one decision on access.
    ///
    /// What a statement says is judged when it is applied to the scope's access.
    pub fn admit(
        &self,
        roster: &Roster,
        access: Option<&ScopeAccess>,
    ) -> Result<AdmittedEnvelope, Denial> {
        let Header { author: device, seq, at, .. } = self.header;
        let action =
            if self.header.is_clear() { Action::Govern { seq } } else { Action::Write { seq } };
        decide(roster, &self.header.scope, access, &Question { device, action, at })?;
        Ok(AdmittedEnvelope { verified: self.clone() })
    }
}

pub(super) fn statement(header: &Header, bytes: &[u8]) -> Result<Option<Statement>, WireError> {
    if !header.is_clear() {
        return Ok(None);
    }
    match Body::from_bytes(&bytes[SignedEnvelope::OVERHEAD..])? {
        Body::Statement(statement) => Ok(Some(statement)),
        _ => Err(WireError::Invalid { field: "clear body" }),
    }
}

impl std::fmt::Debug for VerifiedEnvelope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VerifiedEnvelope({:?}, {} bytes)", self.id, self.bytes.len())
    }
}
