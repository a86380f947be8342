//! How the node stands, for the bar of every page, the sync page and `azalea status`.

use azalea_core::access::{ScopeKind, Statement};
use azalea_core::document::RecordVersion;
use azalea_core::envelope::Body;
use azalea_core::id::{DeviceId, FacilityId, Timestamp};
use azalea_core::identity::StandingError;
use azalea_core::replica::RelayStatus;
use azalea_core::storage::row::{ScopeNumber, VectorRow};
use azalea_core::storage::{Order, Range, Read, StorageError, table};
use azalea_core::sync::message::{Goodbye, NotAdmitted};
use azalea_core::view::View;
use azalea_core::wire::Wire;
use std::collections::{BTreeMap, BTreeSet};

use super::{Node, disk, view_error};
use crate::driver::Shown;
use crate::net::relay_link::LinkState;
use crate::store::Snapshot;
use crate::web::ClinicError;
use crate::web::model::{
    Link, OutgoingItem, PublisherStatus, Refusal, SyncState, SyncStatus, Trouble,
};

/// A clock that is further off makes times on the screen a lie.
const CLOCK_SKEW_MS_MAX: u64 = 5 * 60_000;
/// How long before its end people are told of a certificate.
const ENDING_MS: u64 = 60 * 24 * 3_600_000;
const OUTGOING_MAX: usize = 100;

impl Node {
    pub(super) fn read_sync_state(&self) -> SyncState {
        let shown = self.handle.shown();
        let status = &shown.status;
        let imports = self.import_quarantine_count().unwrap_or(0);
        SyncState {
            link: self.line(&shown),
            unsent: status.unsent as u64,
            last_sync: status.caught_up,
            needs_review: self.handle.directory().reviews(),
            quarantined: status.quarantined as u64 + imports,
            trouble: self.trouble(&shown),
        }
    }

    /// The line to the relay, as the bar of every page has it.
    pub(super) fn line(&self, shown: &Shown) -> Link {
        match self.handle.link() {
            LinkState::Offline { since, .. } => Link::Offline { since },
            LinkState::Connecting => Link::Connecting,
            // The transport stands before the relay has said whether we are welcome.
            LinkState::Connected { since, via } => match shown.status.relay {
                RelayStatus::Receiving | RelayStatus::CaughtUp => Link::Connected { since, via },
                RelayStatus::Offline | RelayStatus::Connecting => Link::Connecting,
            },
        }
    }

    fn trouble(&self, shown: &Shown) -> Option<Trouble> {
        match self.handle.troubles().disk() {
            Some(StorageError::Full) => return Some(Trouble::DiskFull),
            Some(_) => return Some(Trouble::DiskFault),
            None => {}
        }
        let standing = shown.roster.standing(&shown.status.device, self.handle.clock().now());
        match (standing, self.handle.troubles().goodbye()) {
            (Err(StandingError::Revoked { .. }), _) => Some(Trouble::Revoked),
            (_, Some(Goodbye::NotAdmitted(why))) => Some(match why {
                NotAdmitted::Revoked => Trouble::Revoked,
                NotAdmitted::Expired => Trouble::Expired,
                NotAdmitted::NotYetValid => Trouble::ClockWrong,
                NotAdmitted::OtherNetwork => Trouble::OtherNetwork,
                NotAdmitted::Unknown | NotAdmitted::Registrar => Trouble::Unknown,
            }),
            (Err(StandingError::Expired), _) => Some(Trouble::Expired),
            (_, Some(Goodbye::Version { .. })) => Some(Trouble::RelayVersion),
            _ if shown.status.contradicted => Some(Trouble::Contradicted),
            _ if shown.status.suspended_by_relay => Some(Trouble::Suspended),
            // A relay that came back from a backup is its operator's business: nothing waits here.
            _ if shown.status.suspended.iter().any(|it| !it.is_relay) => Some(Trouble::Distrusted),
            _ if is_outdated(shown) => Some(Trouble::Outdated),
            _ if shown.status.clock_skew_ms.unsigned_abs() > CLOCK_SKEW_MS_MAX => {
                Some(Trouble::ClockWrong)
            }
            _ if is_ending(shown, self.handle.clock().now()) => Some(Trouble::Ending),
            _ => None,
        }
    }

    pub(super) fn read_sync_status(&self) -> Result<SyncStatus, ClinicError> {
        let snapshot = self.handle.snapshot().map_err(disk)?;
        let shown = self.handle.shown();
        let refused = self.handle.troubles().refused();
        Ok(SyncStatus {
            state: self.read_sync_state(),
            relay: self.relay.clone(),
            relay_heard: shown.status.heard,
            publishers: self.publisher_statuses(&snapshot, &shown)?,
            outgoing: self.outgoing(&snapshot)?,
            refusals: refused
                .into_iter()
                .map(|(cause, refusal)| Refusal {
                    at: refusal.last,
                    cause: cause.to_owned(),
                    count: refusal.count,
                })
                .collect(),
        })
    }

    fn publisher_statuses(
        &self,
        snapshot: &Snapshot,
        shown: &Shown,
    ) -> Result<Vec<PublisherStatus>, ClinicError> {
        let mut charts: BTreeMap<FacilityId, BTreeSet<_>> = BTreeMap::new();
        for scope in self.handle.directory().scopes() {
            if scope.kind == ScopeKind::Chart && scope.owner != self.home() {
                charts.entry(scope.owner).or_default().extend(scope.patient);
            }
        }
        let waiting = self.by_owner(&shown.status.waiting_for_key);
        let newer = self.by_owner(&shown.status.newer);
        let held = held(snapshot, shown)?;
        let now = self.handle.clock().now();
        let publishers = &shown.status.publishers;
        let facilities: BTreeSet<FacilityId> =
            publishers.iter().map(|it| it.facility).chain(charts.keys().copied()).collect();
        let status = |facility: FacilityId| {
            let devices = || publishers.iter().filter(|it| it.facility == facility);
            PublisherStatus {
                facility: shown.facility(&facility),
                freshness: shown.freshness(&facility, now),
                patients: charts.get(&facility).map_or(0, |patients| patients.len() as u64),
                held: held.get(&facility).copied().unwrap_or(0),
                missing: devices().map(|it| it.missing).sum(),
                waiting_for_key: waiting.get(&facility).copied().unwrap_or(0),
                newer: newer.get(&facility).copied().unwrap_or(0),
                last_heard: devices().filter_map(|it| it.heard).max(),
            }
        };
        Ok(facilities.into_iter().map(status).collect())
    }

    /// Counts of scopes, by the facilities that own them.
    fn by_owner(&self, counts: &BTreeMap<ScopeNumber, usize>) -> BTreeMap<FacilityId, u64> {
        let mut owners: BTreeMap<FacilityId, u64> = BTreeMap::new();
        for (number, count) in counts {
            if let Some(scope) = self.handle.directory().scope(*number) {
                *owners.entry(scope.owner).or_default() += *count as u64;
            }
        }
        owners
    }

    /// What the relay has not acknowledged, the newest first.
    fn outgoing(&self, snapshot: &Snapshot) -> Result<Vec<OutgoingItem>, ClinicError> {
        let mut positions = Vec::new();
        let visit = &mut |key: &[u8], _: &[u8]| {
            positions.extend(key.try_into().ok().map(u64::from_be_bytes));
            positions.len() < OUTGOING_MAX
        };
        let scanned = snapshot.scan(table::OUTBOX, &Range::all(), Order::Descending, visit);
        scanned.map_err(disk)?;
        let mut view = View::new(snapshot);
        let directory = self.handle.directory();
        let mut items = Vec::new();
        for position in positions {
            let envelope = view.envelope(position).map_err(view_error)?;
            let header = envelope.header();
            items.push(OutgoingItem {
                saved: header.at,
                patient: directory.scope_of(&header.scope).and_then(|scope| scope.patient),
                what: view.body(position).map_or_else(|_| String::new(), |body| words(&body)),
            });
        }
        Ok(items)
    }

    /// When the certificates of this facility and of this device end, by the newest that are held.
    pub fn certified_until(&self) -> Option<(Timestamp, Timestamp)> {
        certified_until(&self.handle.shown())
    }
}

/// Whether a newer program wrote what this one cannot read.
fn is_outdated(shown: &Shown) -> bool {
    !shown.status.newer.is_empty() || shown.status.newer_unplaced > 0
}

/// Whether a certificate that lets us take part ends before long.
fn is_ending(shown: &Shown, now: Timestamp) -> bool {
    let until = certified_until(shown).map(|(facility, device)| facility.min(device));
    until.is_some_and(|until| until < now.plus_ms(ENDING_MS))
}

fn certified_until(shown: &Shown) -> Option<(Timestamp, Timestamp)> {
    let facility = shown.roster.facility(&shown.status.facility)?;
    let device = shown.roster.device(&shown.status.device)?;
    Some((facility.validity.not_after, device.validity.not_after))
}

/// Envelopes held without a gap, by the facility of their author.
fn held(snapshot: &Snapshot, shown: &Shown) -> Result<BTreeMap<FacilityId, u64>, ClinicError> {
    let mut held = BTreeMap::new();
    let visit = &mut |key: &[u8], value: &[u8]| {
        let author = key.get(4..).and_then(|author| DeviceId::from_bytes(author).ok());
        let facility = author.and_then(|author| shown.roster.device(&author)).map(|it| it.facility);
        if let (Some(facility), Ok(row)) = (facility, VectorRow::from_bytes(value)) {
            *held.entry(facility).or_default() += row.seq;
        }
        true
    };
    snapshot.scan(table::VECTOR, &Range::all(), Order::Ascending, visit).map_err(disk)?;
    Ok(held)
}

/// What an envelope holds, in a few words.
fn words(body: &Body) -> String {
    match body {
        Body::Records { versions, .. } => {
            let kinds: BTreeSet<&str> = versions.iter().map(kind).collect();
            let kinds: Vec<&str> = kinds.into_iter().take(3).collect();
            format!("{} ({})", kinds.join(", "), versions.len())
        }
        Body::Note { .. } => "記録 / note".to_owned(),
        Body::Document { .. } => "紐付け / link".to_owned(),
        Body::Keys(_) => "鍵 / keys".to_owned(),
        Body::Statement(Statement::Snapshot(_)) => "写しの内容 / what a snapshot holds".to_owned(),
        Body::Statement(_) => "同意・権限 / consent and access".to_owned(),
    }
}

fn kind(version: &RecordVersion) -> &str {
    &version.key.kind
}
