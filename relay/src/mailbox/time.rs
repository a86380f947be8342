//! The relay's clock is set back: what it waits for is waited for anew, and no longer than was left.
//!
//! Who may read a scope hangs on its hour, and a feed passes over for good what its reader may not read when it comes to it. So a
//! grant that had begun and has yet to begin again lets its readers in once more then, with all that came before; and where one
//! had ended that holds again, its readers are given what was passed over.

use std::collections::BTreeSet;

use azalea_core::access::ScopeAccess;
use azalea_core::id::{ScopeId, Timestamp};
use azalea_core::sync::heads::rounds;

use super::group::Draft;
use super::session::{Session, Stage};
use super::state::State;
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
        let quotas = [&mut self.pushed, &mut self.pushed_bytes];
        quotas.into_iter().for_each(|quota| quota.shift(|at| back.of(at)));
        self.enrolments.shift(|at| back.of(at));
        if let Some((_, group)) = &mut self.in_flight {
            // Whom it lets in was asked by the former hour.
            let governed = group.clock_set_back(back.now);
            self.state.due.extend(governed.into_iter().map(|scope| (back.now, scope)));
        }
        let again = self.state.clock_set_back(back);
        self.again.extend(again);
    }
}

impl Session {
    fn clock_set_back(&mut self, back: SetBack) {
        self.since = back.of(self.since);
        if let Stage::Subscribed(member) | Stage::Rebuilding(member) = &mut self.stage {
            member.progress_at = back.of(member.progress_at);
            member.pace.clock_was_set();
        }
    }
}

impl State {
    /// Gives the scopes of which a grant had ended and holds again.
    fn clock_set_back(&mut self, back: SetBack) -> BTreeSet<ScopeId> {
        let SetBack { before, now } = back;
        // What the disk had refused was to be done again before long.
        let soon = before.plus_ms(RETRY_MS);
        let later = self.due.split_off(&(soon.plus_ms(1), ScopeId([0; 16])));
        let mut again = BTreeSet::new();
        let mut due: BTreeSet<_> =
            std::mem::replace(&mut self.due, later).into_iter().map(|(_, scope)| scope).collect();
        for (id, scope) in &self.scopes {
            let Some(access) = scope.access.as_deref() else { continue };
            if has_begun_between(access, now, before) {
                due.insert(*id);
            }
            if access.ends_between(now, before) {
                due.insert(*id);
                again.insert(*id);
            }
        }
        self.due.extend(due.into_iter().map(|scope| (now, scope)));
        again
    }

    /// Whether somebody is among a scope's members whose grant has yet to begin by this clock: it was ahead when it let them in,
    /// and was set right while no process was there to see it.
    pub(crate) fn has_early_members(&self, id: &ScopeId, now: Timestamp) -> bool {
        let scope = &self.scopes[id];
        let Some(access) = scope.access.as_deref() else { return false };
        let to_come = access.grants_from(now).filter(|grant| grant.from > now);
        let mut waiting = to_come.filter(|grant| access.access_of(&grant.facility, now).is_none());
        waiting.any(|grant| {
            let devices = self.roster.devices_of(&grant.facility);
            let mut numbers = devices.filter_map(|device| self.numbers.get(&device.id()));
            numbers.any(|number| scope.members.contains_key(number))
        })
    }
}

impl Draft<'_> {
    /// Nobody but its owner is a member of a scope any more: whoever may read it is let in anew, and given all of it.
    pub(crate) fn unsettle(&mut self, id: &ScopeId) {
        let Some(scope) = self.scope(id) else { return };
        let Some(owner) = scope.access.as_deref().map(ScopeAccess::owner) else { return };
        let members = scope.members.keys().copied();
        let is_owner = |number: &u32| {
            let device = self.state.device(*number).map(|device| device.id);
            let device = device.and_then(|id| self.roster().device(&id));
            device.is_some_and(|device| device.facility == owner)
        };
        let readers: Vec<_> = members.filter(|number| !is_owner(number)).collect();
        readers.into_iter().for_each(|number| self.set_member(id, number, None));
    }
}

fn has_begun_between(access: &ScopeAccess, from: Timestamp, to: Timestamp) -> bool {
    access.grants_from(from).any(|grant| grant.from > from && grant.from <= to)
}
