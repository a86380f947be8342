//! The attachments of a patient's records: which, how much of each is here, and what is in them.

use azalea_core::access::ScopeKind;
use azalea_core::blob::Placed;
use azalea_core::blob::message::Refusal;
use azalea_core::id::{PatientId, ScopeId, VersionId};
use azalea_core::storage::{Order, Range, Read, StorageError};
use azalea_core::view::{View, current};
use azalea_core::wire::Wire;
use std::io;

use super::super::{Node, disk, view_error};
use crate::blobs::HoldError;
use crate::store::Snapshot;
use crate::store::tables::{self, ATTACHMENT, AttachmentRow};
use crate::web::ClinicError;
use crate::web::model::{AttachmentCard, AttachmentContent, AttachmentState};

/// A page's answer lies in memory; what is larger is for the command.
const SHOWN_BYTES_MAX: u64 = 64 << 20;

/// An attachment with what opens it.
pub struct Found {
    /// What is shown of it.
    pub card: AttachmentCard,
    /// Where it belongs.
    pub scope: ScopeId,
    row: AttachmentRow,
}

impl Found {
    /// The blob in its scope.
    pub fn placed(&self) -> Placed {
        Placed { scope: self.scope, blob: self.row.blob.sealed() }
    }
}

impl Node {
    /// All attachments of a patient's records, those of versions that were replaced too.
    pub fn attachments_of(&self, patient: &PatientId) -> Result<Vec<Found>, ClinicError> {
        let snapshot = self.handle.snapshot().map_err(disk)?;
        let mut found = Vec::new();
        for scope in self.scopes_of(patient).iter().filter(|it| it.kind == ScopeKind::Chart) {
            let rows = rows(&snapshot, &scope.number.to_be_bytes()).map_err(disk)?;
            if rows.is_empty() {
                continue;
            }
            let records = View::new(&snapshot).records(scope.number).map_err(view_error)?;
            for versions in records {
                let heads: Vec<VersionId> = current(&versions).iter().map(|it| it.id).collect();
                for entry in &versions {
                    let of_version = rows.iter().filter(|(version, ..)| *version == entry.id);
                    for (version, place, row) in of_version {
                        let is_current = heads.contains(version);
                        let kind = entry.key.kind.clone();
                        let state = self.attachment_state(scope.id, row)?;
                        let card = card(*version, *place, is_current, kind, row, state);
                        found.push(Found { card, scope: scope.id, row: row.clone() });
                    }
                }
            }
        }
        Ok(found)
    }

    /// What a page shows of the attachments of one version.
    pub(in super::super) fn attachments_at(
        &self,
        patient: &PatientId,
        version: &VersionId,
    ) -> Result<Vec<AttachmentCard>, ClinicError> {
        let found = self.attachments_of(patient)?.into_iter().map(|it| it.card);
        Ok(found.filter(|card| card.version == *version).collect())
    }

    /// One attachment of one version of a record of this patient.
    pub(in super::super) fn attachment_at(
        &self,
        patient: PatientId,
        version: VersionId,
        place: u16,
    ) -> Result<Found, ClinicError> {
        let mut found = self.attachments_of(&patient)?;
        found.retain(|it| it.card.version == version && it.card.place == place);
        found.pop().ok_or(ClinicError::NotFound)
    }

    /// What a page shows of an attachment that is here.
    pub(in super::super) fn read_attachment(
        &self,
        found: &Found,
    ) -> Result<AttachmentContent, ClinicError> {
        if found.card.bytes > SHOWN_BYTES_MAX {
            return Err(ClinicError::Invalid);
        }
        let mut bytes = Vec::new();
        let is_here = self.give_attachment(found, &mut |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        });
        match is_here {
            Ok(true) => {}
            Ok(false) => return Err(ClinicError::NotFound),
            Err(error) => {
                tracing::error!(blob = %found.card.blob, %error, "an attachment cannot be given out");
                return Err(ClinicError::Disk);
            }
        }
        Ok(AttachmentContent {
            blob: found.card.blob,
            media_type: found.card.media_type.clone(),
            bytes,
        })
    }

    /// Hands an attachment out piece by piece; `false` where not all of it is here.
    pub fn give_attachment(
        &self,
        found: &Found,
        each: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<bool, HoldError> {
        self.shelf.content(found.scope, &found.row.blob, each)
    }

    /// How much of what a row refers to is here.
    fn attachment_state(
        &self,
        scope: ScopeId,
        row: &AttachmentRow,
    ) -> Result<AttachmentState, ClinicError> {
        let of = Placed { scope, blob: row.blob.sealed() };
        let standing = self.shelf.standing(&of).map_err(|error| {
            tracing::warn!(%error, "the shelf cannot be read");
            ClinicError::Disk
        })?;
        if standing.is_whole {
            return Ok(AttachmentState::Held);
        }
        let percent = standing.percent();
        Ok(match self.transfers.refusal(&of) {
            _ if self.transfers.is_coming(&of) => AttachmentState::Coming(percent),
            Some(Refusal::NotHere) => AttachmentState::NotAtRelay(percent),
            _ if self.transfers.is_wanted(&of) => AttachmentState::Wanted(percent),
            _ => AttachmentState::NotHere(percent),
        })
    }
}

type Rows = Vec<(VersionId, u16, AttachmentRow)>;

fn rows(snapshot: &Snapshot, front: &[u8]) -> Result<Rows, StorageError> {
    let mut rows = Vec::new();
    snapshot.scan(ATTACHMENT, &Range::prefix(front), Order::Ascending, &mut |key, value| {
        let place = key.last_chunk().map(|place| u16::from_be_bytes(*place));
        if let (Some(version), Some(place), Ok(row)) =
            (tables::version_of(key), place, AttachmentRow::from_bytes(value))
        {
            rows.push((version, place, row));
        }
        true
    })?;
    Ok(rows)
}

fn card(
    version: VersionId,
    place: u16,
    current: bool,
    kind: String,
    row: &AttachmentRow,
    state: AttachmentState,
) -> AttachmentCard {
    AttachmentCard {
        version,
        current,
        place,
        kind,
        blob: row.blob.id,
        title: row.title.as_ref().map(|title| title.0.clone()),
        media_type: row.media_type.clone(),
        bytes: row.blob.bytes(),
        state,
    }
}
