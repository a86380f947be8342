//! What an operator sees: who is a member, who is here, what waits for whom, and what was refused.

use std::collections::BTreeMap;

use azalea_core::id::{DeviceId, FacilityId, NetworkId, RelayEpoch, Timestamp};
use azalea_core::identity::{FacilityKind, PublicKey, Rights, StandingError};
use azalea_core::sync::message::RefusalCause;

use super::invite::Invite;
use super::suspend::Contradiction;
use super::{Mailbox, tables::DeviceNumber};

/// Counts since the process began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Envelopes taken.
    pub accepted: u64,
    /// Envelopes that were known already.
    pub repeated: u64,
    /// Feeds that were given once more without what their readers held.
    pub refills: u64,
    /// Envelopes not sent to a reader, since a snapshot stands for them or they for it.
    pub passed_over: u64,
    /// Envelopes not taken, by cause.
    pub refused: BTreeMap<&'static str, u64>,
    /// Envelopes that contradict one in the log.
    pub forks: u64,
    /// Envelopes sent to readers.
    pub forwarded: u64,
    /// Bytes of envelopes received.
    pub bytes_in: u64,
    /// Bytes of envelopes taken.
    pub bytes_stored: u64,
    /// Bytes of envelopes sent.
    pub bytes_out: u64,
    /// Commits.
    pub commits: u64,
    /// Commits that the disk refused.
    pub commits_failed: u64,
    /// Reads that failed.
    pub loads_failed: u64,
    /// Envelopes in the log that were found not to be what was written.
    pub damaged: u64,
    /// Those of them, and of earlier ones, that came again.
    pub mended: u64,
    /// Sessions begun.
    pub sessions: u64,
    /// Sessions refused to those who are no members.
    pub not_admitted: u64,
    /// Sessions ended because the other end went quiet.
    pub stalled: u64,
    /// Facilities that joined.
    pub enrolled: u64,
    /// Codes that opened nothing.
    pub codes_refused: u64,
}

impl Counters {
    pub(crate) fn refused(&mut self, cause: RefusalCause) {
        *self.refused.entry(cause_name(cause)).or_default() += 1;
    }
}

/// Every cause for which an envelope is refused, as metrics name it.
pub const CAUSES: [&str; 9] =
    ["invalid", "author", "right", "late", "gap", "fork", "busy", "suspended", "newer"];

fn cause_name(cause: RefusalCause) -> &'static str {
    match cause {
        RefusalCause::Invalid => "invalid",
        RefusalCause::Author => "author",
        RefusalCause::Right => "right",
        RefusalCause::Late => "late",
        RefusalCause::Gap { .. } => "gap",
        RefusalCause::Fork => "fork",
        RefusalCause::Busy => "busy",
        RefusalCause::Suspended => "suspended",
        RefusalCause::Newer => "newer",
    }
}

/// The relay at one moment.
#[derive(Debug, Clone)]
pub struct Report {
    /// The network.
    pub network: NetworkId,
    /// The council's name.
    pub council: String,
    /// This life of the store.
    pub epoch: RelayEpoch,
    /// Everybody, in the order of their ids; the relay itself is left out.
    pub facilities: Vec<FacilityReport>,
    /// Codes that were handed out.
    pub invites: Vec<InviteReport>,
    /// In whose name facilities can be admitted here: key and name.
    pub registrars: Vec<(PublicKey, String)>,
    /// Scopes by kind.
    pub scopes: BTreeMap<&'static str, u64>,
    /// Envelopes in the log.
    pub envelopes: u64,
    /// Damaged envelopes that are asked for and not here again.
    pub lacking: u64,
    /// Contradicting envelopes that are kept as evidence.
    pub forks: u64,
    /// Whether a reader holds more of its feed than there is: the store came from a backup and was not told so.
    pub is_behind: bool,
    /// Connections that are open, members or not.
    pub connections: usize,
    /// Feeds that are still being filled with what came before.
    pub fills: usize,
    /// Whether the last commit failed.
    pub is_failing: bool,
    /// Counts since the process began.
    pub counters: Counters,
}

/// One facility.
#[derive(Debug, Clone)]
pub struct FacilityReport {
    /// Its id.
    pub id: FacilityId,
    /// Its name.
    pub name: String,
    /// Its name in kana.
    pub kana: String,
    /// Its name in Latin letters.
    pub english: String,
    /// Its code.
    pub code: String,
    /// What it is.
    pub kind: FacilityKind,
    /// What it may do.
    pub rights: Rights,
    /// Until when it is a member.
    pub until: Timestamp,
    /// Why it is not a member in good order, if so.
    pub trouble: Option<StandingError>,
    /// Its devices.
    pub devices: Vec<DeviceReport>,
}

impl FacilityReport {
    /// Whether its membership ends within three months, or has ended; the revoked are not meant.
    pub fn is_ending(&self, now: Timestamp) -> bool {
        let is_revoked = matches!(self.trouble, Some(StandingError::Revoked { .. }));
        !is_revoked && self.until < now.plus_ms(ENDING_MS)
    }
}

/// How long before its end a membership is to be renewed.
const ENDING_MS: u64 = 90 * 24 * 60 * 60 * 1_000;

/// One device.
#[derive(Debug, Clone)]
pub struct DeviceReport {
    /// Its id.
    pub id: DeviceId,
    /// What its facility calls it.
    pub label: String,
    /// Until when its facility vouches for it.
    pub until: Timestamp,
    /// Why it is not in good order, if so.
    pub trouble: Option<StandingError>,
    /// What stands against it: nothing of it is taken until the operator decides.
    pub suspended: Option<Contradiction>,
    /// Envelopes of its own that are damaged in the log and not here again.
    pub lacking: u64,
    /// Whether it has a session now.
    pub is_connected: bool,
    /// When it was last here.
    pub last_seen: Option<Timestamp>,
    /// Places of its feed that it has not confirmed; those that it may not see any more are among them.
    pub backlog: u64,
}

/// One code that was handed out; never the code.
#[derive(Debug, Clone)]
pub struct InviteReport {
    /// For whom.
    pub name: String,
    /// Until when it can be used.
    pub expires: Timestamp,
    /// Who used it.
    pub used: Option<FacilityId>,
}

impl Mailbox {
    /// Looks at everything.
    pub fn report(&self, now: Timestamp) -> Report {
        let roster = &self.state.roster;
        let members = roster.facilities().filter(|facility| facility.kind != FacilityKind::Relay);
        let facilities = members.map(|facility| FacilityReport {
            id: facility.id(),
            name: facility.name.clone(),
            kana: facility.kana.clone(),
            english: facility.english.clone(),
            code: facility.code.clone(),
            kind: facility.kind,
            rights: facility.rights,
            until: facility.validity.not_after,
            trouble: roster.facility_in_order(&facility.id(), now).err(),
            devices: self.devices_report(&facility.id(), now),
        });
        let invite = |invite: &Invite| InviteReport {
            name: invite.name.clone(),
            expires: invite.expires,
            used: invite.used.map(|used| used.facility),
        };
        let registrar = |key: &PublicKey| {
            let name = roster.registrar(key).map(|registrar| registrar.name.clone());
            (*key, name.unwrap_or_default())
        };
        Report {
            network: self.state.network,
            council: roster.root().map(|root| root.name.clone()).unwrap_or_default(),
            epoch: self.state.epoch,
            facilities: facilities.collect(),
            invites: self.state.invites.values().map(invite).collect(),
            registrars: self.registrars.keys().map(registrar).collect(),
            scopes: self.state.scope_kinds(),
            envelopes: self.state.next_log - 1,
            lacking: self.state.rotten.len() as u64,
            forks: self.state.forks.count(),
            is_behind: self.is_behind,
            connections: self.sessions.len(),
            fills: self.fills.len() + self.filled.len(),
            is_failing: self.is_failing,
            counters: self.counters.clone(),
        }
    }

    fn devices_report(&self, facility: &FacilityId, now: Timestamp) -> Vec<DeviceReport> {
        let roster = &self.state.roster;
        let devices = roster.devices_of(facility).map(|device| {
            let id = device.id();
            let number = self.state.numbers.get(&id).copied();
            let (last_seen, backlog) = number.map_or((None, 0), |number| self.seen_by(number));
            let is_connected = number.is_some_and(|number| self.by_device.contains_key(&number));
            DeviceReport {
                id,
                label: device.label.clone(),
                until: device.validity.not_after,
                trouble: roster.in_order(&id, now).err(),
                suspended: self.state.forks.against(&id),
                lacking: self.lost_of(&id),
                is_connected,
                last_seen: if is_connected { Some(now) } else { last_seen },
                backlog,
            }
        });
        devices.collect()
    }

    fn seen_by(&self, number: DeviceNumber) -> (Option<Timestamp>, u64) {
        let device = &self.state.devices[number as usize];
        let (seen, last_seen) = match self.noted.get(&number) {
            Some(noted) => *noted,
            None => (device.row.seen, device.row.last_seen),
        };
        let was_seen = last_seen != Timestamp(0);
        (was_seen.then_some(last_seen), self.state.feed_end(number).saturating_sub(seen))
    }
}
