//! Sealing attachments: under the newest key of the scope that their record goes to.

use crate::blob::{Sealer, TooLong};
use crate::id::ScopeId;

use super::Replica;
use super::command::Subject;

impl Replica {
    /// Seals a content of so many bytes with this BLAKE3 digest for a record of `subject`; `None` while that has no scope, see
    /// [`super::command::Command::OpenScopes`].
    pub fn sealer(
        &self,
        subject: &Subject,
        digest: [u8; 32],
        bytes: u64,
    ) -> Result<Option<(ScopeId, Sealer)>, TooLong> {
        let Some(number) = self.state.known_scope(subject) else { return Ok(None) };
        let scope = self.state.scope(number);
        let Some((epoch, key)) = scope.newest_key() else { return Ok(None) };
        Ok(Some((scope.id, Sealer::new(digest, bytes, scope.id, epoch, key)?)))
    }
}
