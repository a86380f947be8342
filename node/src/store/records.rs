//! Reading a record back: from its row to the envelope in the log, opened with the scope's key.

use azalea_core::document::RecordVersion;
use azalea_core::envelope::{AdmittedEnvelope, Body, OpenError};
use azalea_core::id::VersionId;
use azalea_core::keys::ScopeKey;
use azalea_core::storage::row::{RecordRow, ScopeNumber, parse_record_key};
use azalea_core::storage::{Order, Range, Read, StorageError, table};
use azalea_core::wire::{Wire, WireError};

/// Records of one envelope lie side by side, so this many opened ones are enough.
const OPEN_MAX: usize = 8;

/// Why a record cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The disk's fault.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The log does not hold what a row points to. Usual cause: a damaged store.
    #[error("the log has no envelope at position {position}: run `azalea verify`")]
    Absent {
        /// The position.
        position: u64,
    },
    /// The envelope in the log cannot be read. Usual cause: a damaged store.
    #[error("the envelope at position {position} cannot be read: {source}; run `azalea verify`")]
    Form {
        /// The position.
        position: u64,
        /// Why.
        source: WireError,
    },
    /// The envelope does not open. Usual cause: the key has not arrived yet.
    #[error("the envelope at position {position} does not open: {source}")]
    Open {
        /// The position.
        position: u64,
        /// Why.
        source: OpenError,
    },
    /// No key is held.
    #[error("no key is held for the envelope at position {position}")]
    NoKey {
        /// The position.
        position: u64,
    },
}

/// A version as the store's row has it.
pub struct Listed {
    /// The scope's number.
    pub scope: ScopeNumber,
    /// The FHIR type, or `Bundle/document` and the like.
    pub kind: String,
    /// The publisher's id of the record.
    pub id: String,
    /// The version.
    pub version: VersionId,
    /// Its row.
    pub row: RecordRow,
}

/// Opens envelopes of the log and keeps the last few open.
pub struct Records<'a, R> {
    read: &'a R,
    open: Vec<(u64, Vec<RecordVersion>)>,
}

impl<'a, R: Read> Records<'a, R> {
    /// Reads from `read`.
    pub fn new(read: &'a R) -> Self {
        Self { read, open: Vec::new() }
    }

    /// Visits the versions in a scope, those of one record together.
    pub fn list(
        &self,
        scope: ScopeNumber,
        visit: &mut dyn FnMut(Listed) -> bool,
    ) -> Result<(), StorageError> {
        self.list_range(&Range::prefix(&scope.to_be_bytes()), visit)
    }

    /// Visits the versions in a range of the record table.
    pub fn list_range(
        &self,
        range: &Range,
        visit: &mut dyn FnMut(Listed) -> bool,
    ) -> Result<(), StorageError> {
        let mut odd = false;
        self.read.scan(table::RECORD, range, Order::Ascending, &mut |key, value| match (
            parse_record_key(key),
            RecordRow::from_bytes(value),
        ) {
            (Some((scope, kind, id, version)), Ok(row)) => {
                visit(Listed { scope, kind: kind.to_owned(), id: id.to_owned(), version, row })
            }
            _ => {
                odd = true;
                false
            }
        })?;
        match odd {
            true => Err(StorageError::Damaged { place: "a row of table record".to_owned() }),
            false => Ok(()),
        }
    }

    /// The version that a row stands for.
    pub fn version(
        &mut self,
        scope: ScopeNumber,
        row: &RecordRow,
    ) -> Result<&RecordVersion, RecordError> {
        let position = row.position;
        let at = match self.open.iter().position(|(open, _)| *open == position) {
            Some(at) => at,
            None => {
                let versions = self.open_envelope(scope, position)?;
                if self.open.len() >= OPEN_MAX {
                    self.open.remove(0);
                }
                self.open.push((position, versions));
                self.open.len() - 1
            }
        };
        let versions = &self.open[at].1;
        versions.get(usize::from(row.index)).ok_or(RecordError::Absent { position })
    }

    fn open_envelope(
        &self,
        scope: ScopeNumber,
        position: u64,
    ) -> Result<Vec<RecordVersion>, RecordError> {
        let envelope = self.envelope(position)?;
        let key = self.key(scope, envelope.header().epoch)?;
        let key = key.ok_or(RecordError::NoKey { position })?;
        let body = envelope.open(&key).map_err(|source| RecordError::Open { position, source })?;
        match body.into_inner() {
            Body::Records { versions, .. } => Ok(versions),
            _ => Err(RecordError::Absent { position }),
        }
    }

    /// The envelope at a position of the log, which held only what was admitted.
    pub fn envelope(&self, position: u64) -> Result<AdmittedEnvelope, RecordError> {
        let bytes = self.read.get(table::LOG, &position.to_be_bytes())?;
        let bytes = bytes.ok_or(RecordError::Absent { position })?;
        AdmittedEnvelope::restore(bytes).map_err(|source| RecordError::Form { position, source })
    }

    /// A scope's content key.
    pub fn key(&self, scope: ScopeNumber, epoch: u32) -> Result<Option<ScopeKey>, RecordError> {
        let key = [scope.to_be_bytes(), epoch.to_be_bytes()].concat();
        let bytes = self.read.get(table::KEY, &key)?;
        Ok(bytes.and_then(|bytes| Some(ScopeKey::from(<[u8; 32]>::try_from(bytes).ok()?))))
    }
}
