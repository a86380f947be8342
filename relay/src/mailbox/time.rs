//! The relay's clock is set back: what it waits for is waited for anew, and no longer than was left.
//!
//! Who may read a scope hangs on its hour, and a feed passes over for good what its reader may not read when it comes to it. So
//! whose grant had begun and has yet to begin again stays a member, to be told if it is put out meanwhile, of whose feed is on disk
//! that it lacks everything; it is given that when its grant begins again, and whose grant had ended and holds again is at once.

use std::collections::BTreeSet;

use azalea_core::access::ScopeAccess;
use azalea_core::id::{ScopeId, Timestamp};
use azalea_core::identity::Roster;
use azalea_core::sync::heads::rounds;

use super::group::Draft;
use super::session::{Session, Stage};
use super::state::{Scope, State};
use super::tables::{DeviceNumber, Member, Progress};
use super::{Mailbox, RETRY_MS};

/// How far the clock was set back.
#[derive(Clone, Copy)]
pub(crate) struct SetBack {
    before: Timestamp,
    now: Timestamp,
}

impl SetBack {
    /// A moment as far from what the clock shows now as it was from what it showed before.
    pub(crate) fn of(self, at: Timestamp) -> Timestamp {
        Timestamp(at.0.saturating_sub(self.before.since_ms(self.now)))
    }
}

impl Mailbox {
    /// Notices what the clock shows.
    pub(crate) fn look_at_clock(&mut self, now: Timestamp) {
        let before = std::mem::replace(&mut self.shown, now);
        if now < before {
            self.clock_set_back(SetBack { before, now });
        }
    }

    fn clock_set_back(&mut self, back: SetBack) {
        self.housekeeping_at = back.of(self.housekeeping_at);
        self.flush_at = back.of(self.flush_at);
        self.retry_at = self.retry_at.map(|at| back.of(at));
        // Publishers speak at hours of the clock, and so does what is passed on of them.
        let interval_ms = self.state.roster.statement_interval_ms();
        self.passing_at = rounds::passing(back.now, interval_ms);
        self.in_order = None;
        self.sessions.values_mut().for_each(|session| session.clock_set_back(back));
        self.asked.values_mut().for_each(|asked| asked.clock_set_back(back));
        let quotas = [&mut self.pushed, &mut self.pushed_bytes, &mut self.blob_bytes];
        quotas.into_iter().for_each(|quota| quota.shift(|at| back.of(at)));
        self.enrolments.shift(|at| back.of(at));
        if let Some((_, group)) = &mut self.in_flight {
            // Whom it lets in was asked by the former hour.
            let governed = group.clock_set_back(back.now);
            self.state.due.extend(governed.iter().map(|scope| (back.now, *scope)));
            self.state.again.extend(governed);
        }
        self.state.clock_set_back(back);
    }
}

impl Session {
    fn clock_set_back(&mut self, back: SetBack) {
        self.since = back.of(self.since);
        if let Stage::Subscribed(member) | Stage::Rebuilding(member) = &mut self.stage {
            member.progress_at = back.of(member.progress_at);
            member.pace.clock_was_set();
            member.lanes.clock_was_set();
        }
    }
}

impl State {
    fn clock_set_back(&mut self, back: SetBack) {
        let SetBack { before, now } = back;
        // What the disk had refused was to be done again before long.
        let soon = before.plus_ms(RETRY_MS);
        let later = self.due.split_off(&(soon.plus_ms(1), ScopeId([0; 16])));
        let sooner = std::mem::replace(&mut self.due, later);
        self.due.extend(sooner.into_iter().map(|(_, scope)| (now, scope)));
        for (id, scope) in &self.scopes {
            let Some(access) = scope.access.as_deref() else { continue };
            if has_begun_between(access, now, before) {
                self.due.insert((now, *id));
                self.again.insert(*id);
            }
            if access.ends_between(now, before) {
                self.due.insert((now, *id));
                self.again.insert(*id);
            }
        }
    }

    /// Whether somebody is among a scope's members whose grant has yet to begin by this clock: it was ahead when it let them in,
    /// and was set right while no process was there to see it.
    pub(crate) fn has_early_members(&self, id: &ScopeId, now: Timestamp) -> bool {
        !self.early_members(id, now).is_empty()
    }

    pub(crate) fn early_members(&self, id: &ScopeId, now: Timestamp) -> BTreeSet<DeviceNumber> {
        early_members(self, &self.roster, &self.scopes[id], now)
    }
}

impl Draft<'_> {
    /// Members of a scope whose grant had begun by a clock that was ahead, and has yet to begin again.
    pub(crate) fn early_members(&self, id: &ScopeId) -> BTreeSet<DeviceNumber> {
        let scope = self.scope(id).filter(|_| self.state.again.contains(id));
        scope.map(|it| early_members(self.state, self.roster(), it, self.now)).unwrap_or_default()
    }

    pub(crate) fn has_early_members(&self, id: &ScopeId) -> bool {
        !self.early_members(id).is_empty()
    }

    /// Whoever may read a scope is let in anew, and given all of it; its owner was never out. Of whoever has yet to begin again, the
    /// disk is told that it lacks all of it: a process that starts by a clock which is ahead once more must not take it for whole.
    pub(crate) fn unsettle(&mut self, id: &ScopeId) {
        let early = self.early_members(id);
        let Some(scope) = self.scope(id) else { return };
        let Some(owner) = scope.access.as_deref().map(ScopeAccess::owner) else { return };
        let owners: BTreeSet<DeviceNumber> =
            self.roster().devices_of(&owner).filter_map(|it| self.number_of(&it.id())).collect();
        let members = scope.members.keys().copied();
        let readers: Vec<_> =
            members.filter(|it| !owners.contains(it) && !early.contains(it)).collect();
        readers.into_iter().for_each(|number| self.set_member(id, number, None));
        for number in early {
            self.set_member(id, number, Some(Member::Filling(Progress::default())));
        }
    }
}

fn early_members(
    state: &State,
    roster: &Roster,
    scope: &Scope,
    now: Timestamp,
) -> BTreeSet<DeviceNumber> {
    let Some(access) = scope.access.as_deref() else { return BTreeSet::new() };
    let to_come = access.grants_from(now).filter(|grant| grant.from > now);
    let waiting = to_come.filter(|grant| access.access_of(&grant.facility, now).is_none());
    let devices = waiting.flat_map(|grant| roster.devices_of(&grant.facility));
    let numbers = devices.filter_map(|device| state.numbers.get(&device.id()).copied());
    numbers.filter(|number| scope.members.contains_key(number)).collect()
}

fn has_begun_between(access: &ScopeAccess, from: Timestamp, to: Timestamp) -> bool {
    access.grants_from(from).any(|grant| grant.from > from && grant.from <= to)
}
