//! Who may fetch or bring an attachment: the same decision as for envelopes, asked again for each part of it.

use azalea_core::access::{Action, Question, decide};
use azalea_core::blob::message::Refusal;
use azalea_core::id::{DeviceId, ScopeId, Timestamp};

use super::Mailbox;

/// What a device wants with blobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobWish {
    /// To speak of them at all.
    Begin,
    /// To have some of a blob of this scope.
    Fetch(ScopeId),
    /// To bring some of one.
    Bring {
        /// Where it belongs.
        scope: ScopeId,
        /// Bytes of it.
        bytes: u64,
    },
}

impl Mailbox {
    /// Decides. Members of the network may begin. A blob belongs to one scope: who may read there may fetch it, and who may write
    /// there may bring it.
    pub fn blob_wish(
        &mut self,
        now: Timestamp,
        device: &DeviceId,
        wish: BlobWish,
    ) -> Result<(), Refusal> {
        let standing = self.state.roster.in_order(device, now);
        let facility = standing.map_err(|_| Refusal::NotAllowed)?.facility.id();
        match wish {
            BlobWish::Begin => Ok(()),
            BlobWish::Fetch(scope) => self.may_in_scope(now, device, &scope, Action::Read),
            BlobWish::Bring { scope, bytes } => {
                // A blob has no place in a chain: whoever has been put out brings none, as if it came after everything.
                let last = Action::Write { seq: u64::MAX };
                self.may_in_scope(now, device, &scope, last)?;
                self.blob_bytes.take(now, &facility, bytes).map_err(|_| Refusal::Busy)
            }
        }
    }

    fn may_in_scope(
        &self,
        now: Timestamp,
        device: &DeviceId,
        scope: &ScopeId,
        action: Action,
    ) -> Result<(), Refusal> {
        // What everybody may read is no place for attachments; and a scope that nobody has opened is nobody's.
        let access = self.state.scopes.get(scope).and_then(|scope| scope.access.as_deref());
        let access = access.ok_or(Refusal::NotAllowed)?;
        let question = Question { device: *device, action, at: now };
        decide(&self.state.roster, scope, Some(access), &question).map_err(|_| Refusal::NotAllowed)
    }
}
