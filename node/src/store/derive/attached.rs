//! Which versions refer to which attachments: rows that pages, transfers and the shelf's tidying read.

use azalea_core::blob::Placed;
use azalea_core::id::{ScopeId, VersionId};
use azalea_core::storage::row::ScopeNumber;
use azalea_core::storage::{Read, StorageError, table};
use azalea_core::view::{View, ViewError};
use azalea_core::wire::Wire;

use super::{Deriving, not_ours};
use crate::import::attachments;
use crate::store::tables::{self, ATTACHMENT, AttachmentRow, BLOB_USE, SCOPES, ScopeRow};

impl<R: Read> Deriving<'_, R> {
    /// Adds what a version refers to, also where another one replaces it: it is still opened and written out.
    pub(super) fn attach(
        &mut self,
        scope: ScopeNumber,
        id: VersionId,
        raw: &[u8],
    ) -> Result<(), StorageError> {
        for (place, attachment) in attachments(raw).into_iter().enumerate() {
            let of = self.placed(scope, &attachment)?;
            let place = u16::try_from(place).unwrap_or(u16::MAX);
            let key = tables::timeline_key(scope, &id, place);
            self.put(ATTACHMENT, key, attachment.to_bytes());
            self.put(BLOB_USE, tables::blob_use_key(&of, &id), Vec::new());
            self.derived.refers = true;
        }
        Ok(())
    }

    /// Removes what a version that was taken back referred to.
    pub(super) fn detach(&mut self, scope: ScopeNumber, id: VersionId) -> Result<(), StorageError> {
        for (key, value) in self.rows(ATTACHMENT, &tables::version_key(scope, &id))? {
            let attachment = AttachmentRow::from_bytes(&value).map_err(|_| not_ours(ATTACHMENT))?;
            let of = self.placed(scope, &attachment)?;
            self.remove(BLOB_USE, tables::blob_use_key(&of, &id));
            self.remove(ATTACHMENT, key);
        }
        Ok(())
    }

    fn placed(
        &self,
        scope: ScopeNumber,
        attachment: &AttachmentRow,
    ) -> Result<Placed, StorageError> {
        let row = self.seen().get(SCOPES, &scope.to_be_bytes())?;
        let id = match row.and_then(|row| ScopeRow::from_bytes(&row).ok()) {
            Some(ScopeRow(view)) => view.id,
            // Its owner's word on what it is has not come yet: the core knows its id all the same.
            None => self.scope_id(scope)?,
        };
        Ok(Placed { scope: id, blob: attachment.blob.sealed() })
    }

    fn scope_id(&self, number: ScopeNumber) -> Result<ScopeId, StorageError> {
        let scopes = match View::new(self.read).scopes() {
            Err(ViewError::Storage(error)) => return Err(error),
            scopes => scopes.unwrap_or_default(),
        };
        let scope = scopes.into_iter().find(|scope| scope.number == number);
        scope.map(|scope| scope.id).ok_or_else(|| not_ours(table::SCOPE))
    }
}
