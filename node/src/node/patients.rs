//! The patient list and a patient's chart, from the rows that were committed with the records.

use azalea_core::access::ScopeKind;
use azalea_core::id::{FacilityId, PatientId};
use azalea_core::replica::RelayStatus;
use azalea_core::replica::effect::ScopeView;
use azalea_core::storage::{Order, Range, Read};
use azalea_core::wire::Wire;

use super::{Node, disk};
use crate::driver::Shown;
use crate::index::{Gender, PatientRow};
use crate::store::Snapshot;
use crate::store::tables::{self, EntryRow, REVIEW, TIMELINE};
use crate::web::ClinicError;
use crate::web::model::{
    Chart, ChartEntry, FacilityRef, Freshness, LocalId, PatientHead, PatientHit, PatientList,
    Publisher,
};

/// Conflicts counted for one patient's line.
const REVIEWS_MAX: u32 = 999;
/// Rows of one chart that a page can hold.
const ENTRIES_MAX: usize = 200_000;

impl Node {
    pub(super) fn search_patients(
        &self,
        query: &str,
        offset: usize,
        limit: usize,
    ) -> Result<PatientList, ClinicError> {
        let directory = self.handle.directory();
        let (page, total): (Vec<PatientId>, usize) = if query.trim().is_empty() {
            let page = directory.patients().skip(offset).take(limit).collect();
            (page, directory.patient_count())
        } else {
            let hits = directory.search().search(query);
            let page = hits.iter().skip(offset).take(limit).map(|hit| hit.id).collect();
            (page, hits.len())
        };
        let held = directory.patient_count() as u64;
        drop(directory);
        let snapshot = self.handle.snapshot().map_err(disk)?;
        let shown = self.handle.shown();
        let hits = page.into_iter().map(|patient| self.hit(&snapshot, &shown, patient));
        Ok(PatientList { hits: hits.collect::<Result<_, _>>()?, total: total as u64, held })
    }

    fn hit(
        &self,
        snapshot: &Snapshot,
        shown: &Shown,
        patient: PatientId,
    ) -> Result<PatientHit, ClinicError> {
        let head = self.head(snapshot, shown, patient)?;
        let scopes = self.scopes_of(&patient);
        let now = self.handle.clock().now();
        // A facility that imported no patients of its own has nobody whom these could be.
        let has_locals = self.handle.directory().locals().next().is_some();
        let mut needs_review = 0;
        for scope in &scopes {
            needs_review += count(snapshot, scope)?;
        }
        Ok(PatientHit {
            id: patient,
            name: head.name,
            kana: head.kana,
            birth: head.birth,
            gender: head.gender,
            link_waiting: has_locals && self.is_unlinked(&patient),
            local_ids: head.local_ids,
            publishers: publishers(&scopes)
                .map(|owner| (shown.facility(&owner), shown.freshness(&owner, now)))
                .collect(),
            needs_review,
            last_care: self.handle.directory().last_care(&patient),
        })
    }

    /// Who a patient is, as all facilities state it; this facility's own statement first.
    pub(super) fn head(
        &self,
        snapshot: &Snapshot,
        shown: &Shown,
        patient: PatientId,
    ) -> Result<PatientHead, ClinicError> {
        let directory = self.handle.directory();
        let mut persons = directory.persons(snapshot, &patient).map_err(disk)?;
        let own_ids: Vec<String> =
            directory.local_ids(&patient).into_iter().map(str::to_owned).collect();
        drop(directory);
        persons.sort_by_key(|(scope, _)| scope.owner != self.home());
        let home = shown.facility(&self.home());
        let mut local_ids: Vec<LocalId> =
            own_ids.into_iter().map(|value| LocalId { facility: home.clone(), value }).collect();
        for (scope, row) in persons.iter().filter(|(scope, _)| scope.owner != self.home()) {
            let facility = shown.facility(&scope.owner);
            if local_ids.iter().all(|known| known.facility != facility) {
                let first = row.identifiers.first();
                local_ids.extend(first.map(|id| LocalId { facility, value: id.value.clone() }));
            }
        }
        let rows = || persons.iter().map(|(_, row)| row);
        let name = rows().map(|row| row.name.as_str()).find(|name| !name.is_empty()).unwrap_or("");
        let mut other_names: Vec<String> = Vec::new();
        for other in rows().flat_map(|row| [&row.name].into_iter().chain(&row.other_names)) {
            if other != name && !other.is_empty() && !other_names.contains(other) {
                other_names.push(other.clone());
            }
        }
        Ok(PatientHead {
            id: patient,
            name: name.to_owned(),
            kana: first(rows(), |row| row.kana.clone()),
            other_names,
            birth: first(rows(), |row| row.birth),
            gender: first(rows(), |row| Some(row.gender).filter(|it| *it != Gender::Unknown))
                .unwrap_or(Gender::Unknown),
            deceased: rows().any(|row| row.deceased),
            local_ids,
            phone: first(rows(), |row| row.phone.clone()),
            address: first(rows(), |row| row.address.clone()),
        })
    }

    pub(super) fn patient_name(&self, patient: &PatientId) -> Option<String> {
        let snapshot = self.handle.snapshot().ok()?;
        let persons = self.handle.directory().persons(&snapshot, patient).ok()?;
        persons.into_iter().map(|(_, row)| row.name).find(|name| !name.is_empty())
    }

    pub(super) fn read_chart(&self, patient: PatientId) -> Result<Chart, ClinicError> {
        let scopes = self.scopes_of(&patient);
        if scopes.is_empty() {
            return Err(ClinicError::NotFound);
        }
        let snapshot = self.handle.snapshot().map_err(disk)?;
        let shown = self.handle.shown();
        let is_coming = shown.status.relay == RelayStatus::Receiving;
        if shown.status.relay != RelayStatus::CaughtUp {
            self.handle.first(patient);
        }
        let now = self.handle.clock().now();
        let mut entries = Vec::new();
        for scope in scopes.iter().filter(|scope| scope.kind == ScopeKind::Chart) {
            read_entries(&snapshot, scope, &mut entries)?;
        }
        let publishers = publishers(&scopes).map(|owner| Publisher {
            facility: shown.facility(&owner),
            freshness: shown.freshness(&owner, now),
            waiting_for_key: shown.waiting_for_key(scopes.iter().filter(|it| it.owner == owner)),
            newer: shown.newer(scopes.iter().filter(|it| it.owner == owner)),
        });
        Ok(Chart {
            patient: self.head(&snapshot, &shown, patient)?,
            publishers: publishers.collect(),
            is_coming,
            entries,
            notes: self.read_notes(&snapshot, &shown, patient)?,
        })
    }

    /// The chart and care scopes of a patient.
    pub(super) fn scopes_of(&self, patient: &PatientId) -> Vec<ScopeView> {
        self.handle.directory().scopes_of(patient).cloned().collect()
    }

    /// Whether the patient came from another facility and has no id of ours yet.
    pub(super) fn is_unlinked(&self, patient: &PatientId) -> bool {
        let directory = self.handle.directory();
        directory.local_ids(patient).is_empty()
            && directory.scopes_of(patient).any(|scope| scope.owner != self.home())
    }

    /// Publishers of a patient with their freshness, for commands.
    pub fn publishers_of(&self, patient: &PatientId) -> Vec<(FacilityRef, Freshness)> {
        let shown = self.handle.shown();
        let now = self.handle.clock().now();
        let scopes = self.scopes_of(patient);
        let named = publishers(&scopes);
        named.map(|owner| (shown.facility(&owner), shown.freshness(&owner, now))).collect()
    }
}

/// The owners of the charts among scopes, each once.
fn publishers(scopes: &[ScopeView]) -> impl Iterator<Item = FacilityId> + use<> {
    let charts = scopes.iter().filter(|scope| scope.kind == ScopeKind::Chart);
    let owners: std::collections::BTreeSet<FacilityId> = charts.map(|scope| scope.owner).collect();
    owners.into_iter()
}

fn count(snapshot: &Snapshot, scope: &ScopeView) -> Result<u32, ClinicError> {
    let mut found = 0;
    let range = Range::prefix(&scope.number.to_be_bytes());
    let scanned = snapshot.scan(REVIEW, &range, Order::Ascending, &mut |_, _| {
        found += 1;
        found < REVIEWS_MAX
    });
    scanned.map_err(disk)?;
    Ok(found)
}

fn read_entries(
    snapshot: &Snapshot,
    scope: &ScopeView,
    entries: &mut Vec<ChartEntry>,
) -> Result<(), ClinicError> {
    let range = Range::prefix(&scope.number.to_be_bytes());
    let scanned = snapshot.scan(TIMELINE, &range, Order::Ascending, &mut |key, value| {
        if let (Some(record), Ok(entry)) = (tables::version_of(key), EntryRow::from_bytes(value)) {
            entries.push(ChartEntry {
                record,
                facility: scope.owner,
                versions: entry.versions,
                conflict: entry.conflict,
                received: entry.received,
                row: entry.row,
            });
        }
        entries.len() < ENTRIES_MAX
    });
    scanned.map_err(disk)
}

fn first<'a, T>(
    mut rows: impl Iterator<Item = &'a PatientRow>,
    field: impl Fn(&PatientRow) -> Option<T>,
) -> Option<T> {
    rows.find_map(field)
}
