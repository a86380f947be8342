//! Who may fetch or bring an attachment: the same decision as for envelopes, asked again for each part of it.

use azalea_core::access::{Action, Question, decide};
use azalea_core::blob::message::Refusal;
use azalea_core::id::{DeviceId, ScopeId, Timestamp};

use super::Mailbox;

/// What a device wants with a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobWish {
    /// To have some of it.
    Fetch,
    /// To bring so many bytes of it.
    Bring {
        /// Bytes.
        bytes: u64,
    },
}

impl Mailbox {
    /// Decides. A blob belongs to one scope: who may read there may fetch it, and who may write there may bring it.
    pub fn blob_wish(
        &mut self,
        now: Timestamp,
        device: &DeviceId,
        scope: &ScopeId,
        wish: BlobWish,
    ) -> Result<(), Refusal> {
        let standing = self.state.roster.in_order(device, now);
        let facility = standing.map_err(|_| Refusal::NotAllowed)?.facility.id();
        // What everybody may read is no place for attachments; and a scope that nobody has opened is nobody's.
        let access = self.state.scopes.get(scope).and_then(|scope| scope.access.as_deref());
        let access = access.ok_or(Refusal::NotAllowed)?;
        let action = match wish {
            BlobWish::Fetch => Action::Read,
            // A blob has no place in a chain: whoever has been put out brings none, as if it came after everything.
            BlobWish::Bring { .. } => Action::Write { seq: u64::MAX },
        };
        let question = Question { device: *device, action, at: now };
        decide(&self.state.roster, scope, Some(access), &question)
            .map_err(|_| Refusal::NotAllowed)?;
        match wish {
            BlobWish::Fetch => Ok(()),
            BlobWish::Bring { bytes } => {
                self.blob_bytes.take(now, &facility, bytes).map_err(|_| Refusal::Busy)
            }
        }
    }
}
