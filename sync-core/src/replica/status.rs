//! What a replica says of itself: never more than it knows.

use std::collections::{BTreeMap, BTreeSet};

use crate::access::ScopeKind;
use crate::id::{DeviceId, FacilityId, Timestamp};
use crate::identity::Roster;
use crate::storage::row::ScopeNumber;

use super::Replica;
use super::session::Phase;
use super::suspend::Suspended;

/// The state of the line to the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayStatus {
    /// No connection.
    Offline,
    /// Connected, not yet welcomed.
    Connecting,
    /// Connected; the relay has more for us.
    Receiving,
    /// Connected; everything that the relay had for us is held.
    CaughtUp,
}

/// How a replica stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// This device.
    pub device: DeviceId,
    /// Its facility.
    pub facility: FacilityId,
    /// The line.
    pub relay: RelayStatus,
    /// When the relay was last heard.
    pub heard: Option<Timestamp>,
    /// When everything that the relay had was last held.
    pub caught_up: Option<Timestamp>,
    /// The relay's clock minus ours, in milliseconds, at the last welcome.
    pub clock_skew_ms: i64,
    /// Our envelopes that the relay does not have yet.
    pub unsent: usize,
    /// Envelopes that wait for a key or a statement.
    pub waiting: usize,
    /// Those of them that only lack the key of their epoch, by their scope's number in this store.
    pub waiting_for_key: BTreeMap<ScopeNumber, usize>,
    /// Envelopes that are set apart, for a person or for a newer program.
    pub quarantined: usize,
    /// Those of them that a newer program wrote than this one, by their scope's number in this store.
    pub newer: BTreeMap<ScopeNumber, usize>,
    /// Of the waiting ones, those whose very header this program is too old to read: nobody knows where they belong.
    pub newer_unplaced: usize,
    /// Whether it is still being found out what this program reads of what another one kept.
    pub reading_again: bool,
    /// Devices that contradicted themselves and wait for a person's decision.
    pub suspended: Vec<Suspended>,
    /// Whether the relay takes nothing of ours until its operator has decided.
    pub suspended_by_relay: bool,
    /// Whether the relay holds other envelopes under numbers of ours: this store came from a backup, or has a twin.
    pub contradicted: bool,
    /// Snapshots of volumes that this device has made.
    pub snapshots_made: usize,
    /// Snapshots of others that are held here, and are what their authors say.
    pub snapshots_held: usize,
    /// Patients of whom something is held.
    pub patients: usize,
    /// Whether the store is being rebuilt from the relay.
    pub rebuilding: bool,
    /// Whether writing to the store failed just now.
    pub store_failing: bool,
    /// Everybody whose records we may read, by facility and device.
    pub publishers: Vec<PublisherStatus>,
}

/// How fresh and complete what we hold of one publisher is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublisherStatus {
    /// The facility.
    pub facility: FacilityId,
    /// Its device; `None` where we never heard a statement of the facility.
    pub device: Option<DeviceId>,
    /// When we last heard a statement, by our clock.
    pub heard: Option<Timestamp>,
    /// The time of that statement, by the publisher's clock.
    pub stated: Option<Timestamp>,
    /// Everything that the publisher had for us at this time is held and opened.
    pub complete: Option<Timestamp>,
    /// Envelopes that the newest statement counts, or that the facility accepted of authors whom it put out since, and that
    /// we do not hold.
    pub missing: u64,
}

impl Replica {
    /// How things stand now.
    pub fn status(&self) -> Status {
        let state = &self.state;
        Status {
            device: state.me,
            facility: state.home,
            relay: match self.session.phase {
                Phase::Offline => RelayStatus::Offline,
                Phase::Greeting => RelayStatus::Connecting,
                Phase::Open { end, held, .. } if held < end => RelayStatus::Receiving,
                Phase::Open { .. } => RelayStatus::CaughtUp,
            },
            heard: self.session.heard,
            caught_up: self.session.caught_up,
            clock_skew_ms: self.session.clock_skew_ms,
            unsent: state.outbox.len(),
            waiting: state.waiting.values().sum(),
            waiting_for_key: state.waiting_for_key.clone(),
            quarantined: state.quarantined.len(),
            newer: state.newer.iter().fold(BTreeMap::new(), |mut scopes, ((scope, _), count)| {
                *scopes.entry(*scope).or_default() += count;
                scopes
            }),
            newer_unplaced: state.waiting_for_program,
            reading_again: state.has_other_program() || !state.reading_again.is_empty(),
            suspended: state.suspended(),
            suspended_by_relay: self.session.suspended,
            contradicted: state.contradicted,
            snapshots_made: state.snapshots(true),
            snapshots_held: state.snapshots(false),
            patients: state.patients.values().filter(|scopes| !scopes.is_empty()).count(),
            rebuilding: state.rebuilding,
            store_failing: self.store_pause.is_some(),
            publishers: self.publishers(),
        }
    }

    /// The network's certificates as held here.
    pub fn roster(&self) -> &Roster {
        &self.state.roster
    }

    fn publishers(&self) -> Vec<PublisherStatus> {
        let state = &self.state;
        let mut publishers = Vec::new();
        let mut heard = BTreeSet::from([state.home]);
        for (device, row) in &state.freshness.publishers {
            let Some(certificate) = state.roster.device(device) else { continue };
            heard.insert(certificate.facility);
            publishers.push(PublisherStatus {
                facility: certificate.facility,
                device: Some(*device),
                heard: Some(row.heard),
                stated: Some(row.statement.at()),
                complete: state.freshness.complete(device, row),
                missing: state.missing_of(device, &certificate.facility),
            });
        }
        let charts = state.scopes.values().filter(|scope| scope.kind() == Some(ScopeKind::Chart));
        let owners = charts.filter_map(|scope| scope.access.as_ref().map(|access| access.owner()));
        let silent: BTreeSet<FacilityId> = owners.filter(|owner| !heard.contains(owner)).collect();
        publishers.extend(silent.into_iter().map(|facility| PublisherStatus {
            facility,
            device: None,
            heard: None,
            stated: None,
            complete: None,
            missing: 0,
        }));
        publishers
    }
}
