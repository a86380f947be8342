//! The status as commands print it and `--json` gives it.

use std::collections::BTreeSet;

use azalea_core::id::{DeviceId, Timestamp};
use azalea_core::identity::{FacilityKind, StandingError};
use serde::{Deserialize, Serialize};

use crate::doors::Doors;
use crate::mailbox::{FacilityReport, Report};

/// The relay at one moment. Times are milliseconds since 1970.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StatusView {
    /// The council's name.
    pub council: String,
    /// The network's id.
    pub network: String,
    /// This life of the store.
    pub epoch: String,
    /// Members.
    pub facilities: Vec<FacilityView>,
    /// Codes that were handed out, never the codes themselves.
    pub invites: Vec<InviteView>,
    /// In whose name facilities can be admitted here.
    pub registrars: Vec<RegistrarView>,
    /// Open connections.
    pub connections: usize,
    /// Those of them that came over TCP.
    pub connections_tcp: usize,
    /// Where the relay listens on TCP; absent while it does not.
    pub listen_tcp: Option<String>,
    /// Envelopes in the log.
    pub envelopes: u64,
    /// Scopes by kind.
    pub scopes: std::collections::BTreeMap<String, u64>,
    /// Size of the store.
    pub store_bytes: u64,
    /// Whether the last write failed.
    pub store_failing: bool,
    /// Whether the store came from a backup without `azalea-relay restored`.
    pub behind: bool,
    /// Envelopes in the log that are damaged, seen since the start.
    pub damaged: u64,
    /// Those that are asked for and not here again.
    pub lacking: u64,
    /// Envelopes taken since the start.
    pub accepted: u64,
    /// Envelopes refused since the start, by cause.
    pub refused: std::collections::BTreeMap<String, u64>,
    /// Contradicting envelopes that are kept as evidence.
    pub forks: u64,
}

/// One facility.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FacilityView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its name in kana.
    pub kana: String,
    /// Its name in Latin letters.
    pub english: String,
    /// Its code.
    pub code: String,
    /// What it is.
    pub kind: String,
    /// May publish charts.
    pub disclose: bool,
    /// May read what others disclose to it.
    pub view: bool,
    /// `member`, `revoked`, `expired`, `not-yet-valid` or `unknown`.
    pub standing: String,
    /// Until when it is a member.
    pub until_ms: u64,
    /// Whether that is within three months, or past.
    pub ending: bool,
    /// Its devices.
    pub devices: Vec<DeviceView>,
}

/// One device.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeviceView {
    /// Its id.
    pub id: String,
    /// What its facility calls it.
    pub label: String,
    /// As the facility's.
    pub standing: String,
    /// Until when its facility vouches for it; it renews that by itself.
    pub until_ms: u64,
    /// What stands against it; nothing of it is taken until somebody decides.
    pub suspended: Option<SuspendedView>,
    /// Envelopes of its own that are damaged in the relay's log and not here again.
    pub lacking: u64,
    /// Whether it has a session now.
    pub connected: bool,
    /// Whether that session is over TCP, since UDP does not pass there.
    pub over_tcp: bool,
    /// When it was last here.
    pub last_seen_ms: Option<u64>,
    /// Places of its feed that it has not confirmed.
    pub backlog: u64,
}

/// A device's contradiction: two envelopes under one number.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SuspendedView {
    /// The scope.
    pub scope: String,
    /// The number.
    pub number: u64,
    /// How many contradicting envelopes are kept.
    pub evidence: usize,
}

/// One code.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InviteView {
    /// For whom.
    pub name: String,
    /// Until when it can be used.
    pub expires_ms: u64,
    /// `open`, `expired` or `used`.
    pub state: String,
    /// Who used it.
    pub facility: Option<String>,
}

/// One registrar.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RegistrarView {
    /// Its key.
    pub key: String,
    /// Its name.
    pub name: String,
}

impl StatusView {
    pub(crate) fn new(report: &Report, doors: &Doors, store_bytes: u64, now: Timestamp) -> Self {
        let over_tcp = doors.devices_over_tcp();
        let owned = |map: &std::collections::BTreeMap<&'static str, u64>| {
            map.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
        };
        let invites = report.invites.iter().map(|invite| InviteView {
            name: invite.name.clone(),
            expires_ms: invite.expires.0,
            state: match invite.used {
                Some(_) => "used",
                None if invite.expires < now => "expired",
                None => "open",
            }
            .to_owned(),
            facility: invite.used.map(|facility| facility.to_string()),
        });
        let registrars = report
            .registrars
            .iter()
            .map(|(key, name)| RegistrarView { key: key.to_string(), name: name.clone() });
        Self {
            council: report.council.clone(),
            network: report.network.to_string(),
            epoch: report.epoch.to_string(),
            facilities: report
                .facilities
                .iter()
                .map(|it| FacilityView::new(it, &over_tcp, now))
                .collect(),
            invites: invites.collect(),
            registrars: registrars.collect(),
            connections: report.connections,
            connections_tcp: doors.sessions_over_tcp(),
            listen_tcp: doors.tcp().map(|address| address.to_string()),
            envelopes: report.envelopes,
            scopes: owned(&report.scopes),
            store_bytes,
            store_failing: report.is_failing,
            behind: report.is_behind,
            damaged: report.counters.damaged,
            lacking: report.lacking,
            accepted: report.counters.accepted,
            refused: owned(&report.counters.refused),
            forks: report.forks,
        }
    }
}

impl FacilityView {
    fn new(facility: &FacilityReport, over_tcp: &BTreeSet<DeviceId>, now: Timestamp) -> Self {
        let devices = facility.devices.iter().map(|device| DeviceView {
            id: device.id.to_string(),
            label: device.label.clone(),
            standing: standing(device.trouble),
            until_ms: device.until.0,
            suspended: device.suspended.map(|contradiction| SuspendedView {
                scope: contradiction.scope.to_string(),
                number: contradiction.seq,
                evidence: contradiction.evidence,
            }),
            lacking: device.lacking,
            connected: device.is_connected,
            over_tcp: device.is_connected && over_tcp.contains(&device.id),
            last_seen_ms: device.last_seen.map(|at| at.0),
            backlog: device.backlog,
        });
        Self {
            id: facility.id.to_string(),
            name: facility.name.clone(),
            kana: facility.kana.clone(),
            english: facility.english.clone(),
            code: facility.code.clone(),
            kind: kind(facility.kind).to_owned(),
            disclose: facility.rights.disclose,
            view: facility.rights.view,
            standing: standing(facility.trouble),
            until_ms: facility.until.0,
            ending: facility.is_ending(now),
            devices: devices.collect(),
        }
    }
}

fn kind(kind: FacilityKind) -> &'static str {
    match kind {
        FacilityKind::Hospital => "hospital",
        FacilityKind::Clinic => "clinic",
        FacilityKind::Pharmacy => "pharmacy",
        FacilityKind::VisitingNurse => "visiting-nurse",
        FacilityKind::Relay => "relay",
    }
}

fn standing(trouble: Option<StandingError>) -> String {
    match trouble {
        None => "member",
        Some(StandingError::Revoked { .. }) => "revoked",
        Some(StandingError::Expired) => "expired",
        Some(StandingError::NotYetValid) => "not-yet-valid",
        Some(StandingError::Unknown) => "unknown",
    }
    .to_owned()
}
