//! Attachments of records: cut out and sealed when a record is taken, put back when it is given out.

mod listed;

pub use listed::Found;

use azalea_core::blob::{BlobRef, Placed, Sealer, TooLong};
use azalea_core::id::ScopeId;
use azalea_core::replica::command::{Command, ImportRecord, Subject};
use azalea_core::storage::StorageError;
use azalea_core::view::{View, ViewError, current};

use super::Node;
use crate::blobs::HoldError;
use crate::driver::DriveError;
use crate::import::{self, Restored};

/// Why an attachment could not be cut out of a record.
#[derive(Debug, thiserror::Error)]
pub(super) enum CutError {
    /// The shelf did not take it.
    #[error(transparent)]
    Hold(#[from] HoldError),
    /// The replica did not make a scope for the record.
    #[error(transparent)]
    Drive(#[from] DriveError),
    /// It is beyond what a blob may hold.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// The scope was made and is not there. A fault of this program.
    #[error("the record's scope has no key")]
    NoKey,
    /// What is held of the record cannot be read.
    #[error(transparent)]
    View(#[from] ViewError),
}

impl Node {
    /// Seals what is too long in a record to travel with text, and puts references in its place.
    pub(super) fn cut_out(&self, record: &mut ImportRecord) -> Result<(), CutError> {
        if record.raw.len() < import::CUT_BYTES_MIN || self.is_held(record)? {
            return Ok(());
        }
        let subject = &record.subject;
        let cut = import::cut(&record.raw, &mut |content| {
            let digest = *blake3::hash(content).as_bytes();
            let (scope, sealer) = self.sealer(subject, digest, content.len() as u64)?;
            Ok::<_, CutError>(self.shelf.seal(scope, sealer, content)?)
        })?;
        if let Some(cut) = cut {
            record.raw = cut;
        }
        Ok(())
    }

    /// Whether all current versions say the same as this record: then it is no news, and nothing is sealed anew for it under a key
    /// that has changed since.
    fn is_held(&self, record: &ImportRecord) -> Result<bool, CutError> {
        let Subject::Patient(id) = &record.subject else { return Ok(false) };
        let directory = self.handle.directory();
        let chart = directory.local(id).and_then(|local| local.chart);
        let number = chart.and_then(|chart| directory.scope_of(&chart)).map(|scope| scope.number);
        drop(directory);
        let Some(number) = number else { return Ok(false) };
        let snapshot = self.handle.snapshot().map_err(ViewError::from)?;
        let versions = View::new(&snapshot).versions(number, &record.key)?;
        let heads = current(&versions);
        let same = heads.iter().all(|it| !it.row.removed && it.row.content == record.content);
        Ok(!heads.is_empty() && same)
    }

    /// Seals under the newest key of the scope that a subject's records go to; that is made where the subject is new.
    fn sealer(
        &self,
        subject: &Subject,
        digest: [u8; 32],
        bytes: u64,
    ) -> Result<(ScopeId, Sealer), CutError> {
        let look = || {
            let subject = subject.clone();
            let look = move |replica: &azalea_core::replica::Replica| {
                replica.sealer(&subject, digest, bytes)
            };
            self.handle.look_blocking(look).map_err(DriveError::from)
        };
        if let Some(found) = look()?? {
            return Ok(found);
        }
        self.command(Command::OpenScopes { subjects: vec![subject.clone()] })?;
        look()??.ok_or(CutError::NoKey)
    }

    /// A record of this scope as it was in its file, as far as its attachments are here.
    pub fn restored(&self, scope: ScopeId, raw: &[u8]) -> Result<Restored, StorageError> {
        import::restore(raw, &mut |reference| self.content(scope, reference))
    }

    /// What a reference in a record leads to, where it is here and is what the record says; where it is not here, it is asked for.
    fn content(
        &self,
        scope: ScopeId,
        reference: &BlobRef,
    ) -> Result<Option<Vec<u8>>, StorageError> {
        let of = Placed { scope, blob: reference.sealed() };
        let mut content = Vec::new();
        let given = self.shelf.content(scope, reference, &mut |piece| {
            content.extend_from_slice(piece);
            Ok(())
        });
        match given {
            Ok(true) => Ok(Some(content)),
            Ok(false) => {
                self.transfers.want(of);
                Ok(None)
            }
            Err(HoldError::Shelf(azalea_core::blob::shelf::ShelfError::Storage(error))) => {
                Err(error)
            }
            Err(error) => {
                tracing::error!(blob = %reference.id, %error, "an attachment cannot be given out");
                Ok(None)
            }
        }
    }
}
