//! One version of a record, with its history and its proof.

use azalea_core::access::ScopeKind;
use azalea_core::document::RecordKey;
use azalea_core::envelope::Header;
use azalea_core::id::{DeviceId, FacilityId, PatientId, VersionId};
use azalea_core::replica::effect::ScopeView;
use azalea_core::storage::row::parse_record_key;
use azalea_core::storage::{Order, Range, Read, table};
use azalea_core::view::{View, current};

use super::{Node, disk, view_error};
use crate::driver::Shown;
use crate::import;
use crate::store::Snapshot;
use crate::web::ClinicError;
use crate::web::model::{Provenance, RecordPage, RecordVersionCard};

impl Node {
    pub(super) fn read_record(
        &self,
        patient: PatientId,
        version: VersionId,
    ) -> Result<RecordPage, ClinicError> {
        let snapshot = self.handle.snapshot().map_err(disk)?;
        let shown = self.handle.shown();
        let mut view = View::new(&snapshot);
        for scope in self.scopes_of(&patient) {
            let Some(key) = key_of(&snapshot, &scope, &version)? else { continue };
            let versions = view.versions(scope.number, &key).map_err(view_error)?;
            let heads: Vec<VersionId> = current(&versions).iter().map(|head| head.id).collect();
            let entry = versions.iter().find(|entry| entry.id == version);
            let entry = entry.ok_or(ClinicError::NotFound)?;
            let record = view.open(entry).map_err(view_error)?;
            let envelope = view.envelope(entry.row.position).map_err(view_error)?;
            let mut cards = Vec::new();
            for entry in &versions {
                let by = match view.open(entry) {
                    Ok(version) => version.header.by,
                    // It stands in the list all the same: there is a version that this device cannot show.
                    Err(error) if error.is_newer() => String::new(),
                    Err(error) => return Err(view_error(error)),
                };
                cards.push(RecordVersionCard {
                    id: entry.id,
                    received: entry.row.received,
                    by,
                    current: heads.contains(&entry.id),
                    removed: entry.row.removed,
                });
            }
            cards.sort_by_key(|card| (std::cmp::Reverse(card.received), !card.current));
            return Ok(RecordPage {
                patient: self.head(&snapshot, &shown, patient)?,
                version,
                kind: key.kind,
                source: record.header.source.clone(),
                raw: record.raw().map(import::without_keys),
                attachments: self.attachments_at(&patient, &version)?,
                versions: cards,
                provenance: provenance(&shown, envelope.header(), entry.row.received),
            });
        }
        Err(ClinicError::NotFound)
    }
}

/// The record that a version belongs to. A chart has some hundred records, so a scan is quick enough for one page.
fn key_of(
    snapshot: &Snapshot,
    scope: &ScopeView,
    version: &VersionId,
) -> Result<Option<RecordKey>, ClinicError> {
    if scope.kind != ScopeKind::Chart {
        return Ok(None);
    }
    let mut found = None;
    let range = Range::prefix(&scope.number.to_be_bytes());
    let scanned = snapshot.scan(table::RECORD, &range, Order::Ascending, &mut |key, _| {
        if let Some((_, kind, id, at)) = parse_record_key(key)
            && at == *version
        {
            found = Some(RecordKey { kind: kind.to_owned(), id: id.to_owned() });
        }
        found.is_none()
    });
    scanned.map_err(disk)?;
    Ok(found)
}

fn provenance(
    shown: &Shown,
    header: &Header,
    received_at: azalea_core::id::Timestamp,
) -> Provenance {
    let device: DeviceId = header.author;
    let certificate = shown.roster.device(&device);
    let facility = certificate.map_or(FacilityId::ZERO, |device| device.facility);
    let registrar = shown.roster.facility(&facility).map(|facility| facility.registrar);
    let registrar = registrar.map_or_else(String::new, |key| {
        let root = shown.roster.root().filter(|root| root.key == key).map(|root| &root.name);
        let named = shown.roster.registrar(&key).map(|registrar| &registrar.name).or(root);
        named.cloned().unwrap_or_default()
    });
    let standing = shown.roster.standing(&device, shown.at);
    Provenance {
        device,
        device_label: certificate.map(|device| device.label.clone()).unwrap_or_default(),
        facility: shown.facility(&facility),
        registrar,
        envelope: header.id(),
        seq: header.seq,
        signed_at: header.at,
        received_at,
        revoked: match standing {
            Err(azalea_core::identity::StandingError::Revoked { at, .. }) => Some(at),
            _ => None,
        },
    }
}
