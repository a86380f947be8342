//! Whose feeds a scope belongs in, and how a new reader's feed is filled with what came before.

use std::collections::BTreeSet;

use azalea_core::access::{Action, Question, Statement, decide};
use azalea_core::id::{DeviceId, FacilityId, ScopeId};

use super::group::Draft;
use super::load::ScopeAnswer;
use super::state::Scope;
use super::tables::{DeviceNumber, FeedRow, Member, Progress};

/// One feed that lacks a scope's earlier envelopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fill {
    pub(crate) recipient: DeviceNumber,
    /// What the recipient wrote itself, for a store that is rebuilt; otherwise what the others wrote.
    pub(crate) own: bool,
    pub(crate) scope: ScopeId,
}

/// A step of a fill: what was asked, and what the disk said.
pub(crate) struct Filled {
    pub(crate) fill: Fill,
    /// From where.
    pub(crate) progress: Progress,
    /// The scope's last log position when the disk was asked.
    pub(crate) through: u64,
    pub(crate) answer: ScopeAnswer,
}

impl Draft<'_> {
    /// Brings a scope's members up to date with who may read it now; the registry's are settled by themselves. Returns those who could and no longer can: each is
    /// told, also one whose feed lacks what came before, since it may hold that from a relay that this one was set up after.
    pub(crate) fn settle_members(&mut self, id: &ScopeId) -> BTreeSet<DeviceNumber> {
        let Some(scope) = self.scope(id) else { return BTreeSet::new() };
        let wanted = self.readers(id, scope);
        let held: BTreeSet<DeviceNumber> = scope.members.keys().copied().collect();
        let has_earlier = scope.last > 0;
        let on_disk = self.state.scopes.get(id).is_some_and(|scope| scope.last > 0);
        // Whom a clock that was ahead had let in stays a member until it begins again, or there is nobody to be told of its end.
        let early = self.early_members(id);
        let parted: BTreeSet<_> =
            held.difference(&wanted).filter(|it| !early.contains(it)).copied().collect();
        for recipient in &parted {
            self.set_member(id, *recipient, None);
        }
        for recipient in wanted.difference(&held) {
            match (has_earlier, on_disk) {
                (true, true) => {
                    let progress = Progress::default();
                    self.set_member(id, *recipient, Some(Member::Filling(progress)));
                    let fill = Fill { scope: *id, recipient: *recipient, own: false };
                    self.group.fills.insert(fill, progress);
                }
                // All that came before is in this very group.
                (true, false) => {
                    self.feed_from_group(id, *recipient);
                    self.set_member(id, *recipient, Some(Member::Whole));
                }
                (false, _) => self.set_member(id, *recipient, Some(Member::Whole)),
            }
        }
        parted
    }

    /// The devices of whoever a statement puts out whose consent has yet to begin by this clock. Where another clock, or this one
    /// before it was set, had let them in, they hold what they must be told is over.
    pub(crate) fn put_out_early(
        &self,
        id: &ScopeId,
        statement: &Statement,
    ) -> BTreeSet<DeviceNumber> {
        let Statement::Revoke { facility, .. } = statement else { return BTreeSet::new() };
        let access = self.scope(id).and_then(|scope| scope.access.as_deref());
        let is_to_come = access.is_some_and(|access| {
            let mut grants = access.grants_from(self.now);
            grants.any(|grant| grant.facility == *facility && grant.from > self.now)
        });
        let devices = self.roster().devices_of(facility).filter(|_| is_to_come);
        devices.filter_map(|device| self.number_of(&device.id())).collect()
    }

    /// The devices that may read a scope now. A pair's sender is none of them: all in it is its own.
    fn readers(&self, id: &ScopeId, scope: &Scope) -> BTreeSet<DeviceNumber> {
        let roster = self.roster();
        let access = scope.access.as_deref();
        let reads = |device: &DeviceId| {
            let question = Question { device: *device, action: Action::Read, at: self.now };
            decide(roster, id, access, &question).is_ok()
        };
        let candidates: Vec<DeviceId> = match access {
            None => Vec::new(),
            Some(access) => match access.parties() {
                Some((_, to)) => vec![to],
                None => {
                    let members: BTreeSet<FacilityId> =
                        access.members(self.now).map(|(facility, _)| facility).collect();
                    let theirs =
                        roster.devices().filter(|device| members.contains(&device.facility));
                    theirs.map(|device| device.id()).collect()
                }
            },
        };
        candidates.iter().filter(|id| reads(id)).filter_map(|id| self.number_of(id)).collect()
    }

    fn feed_from_group(&mut self, id: &ScopeId, recipient: DeviceNumber) {
        let Some(scope) = self.scope(id).map(|scope| scope.number) else { return };
        let items: Vec<_> = self.group.items.iter().enumerate().collect();
        let earlier: Vec<(usize, FeedRow)> = items
            .into_iter()
            .filter(|(_, item)| item.scope == *id && item.author != recipient)
            .map(|(index, item)| {
                let row = FeedRow { scope, author: item.author, log: item.log, parting: false };
                (index, row)
            })
            .collect();
        for (index, row) in earlier {
            self.feed(recipient, row, Some(index));
        }
    }

    /// Puts the next part of what came before into a feed.
    pub(crate) fn fill(&mut self, step: &Filled) {
        let Fill { scope: id, recipient, own } = step.fill;
        self.group.worked.push((step.fill, step.progress));
        let Some(scope) = self.state.scopes.get(&id) else { return };
        if !own && scope.members.get(&recipient) != Some(&Member::Filling(step.progress)) {
            return;
        }
        // It is filled from the beginning when its grant begins again; until then all of it would be passed over.
        if !own && self.early_members(&id).contains(&recipient) {
            return;
        }
        for (log, author) in step.answer.statements.iter().chain(&step.answer.rows) {
            if (*author == recipient) == own {
                let row =
                    FeedRow { scope: scope.number, author: *author, log: *log, parting: false };
                self.feed(recipient, row, None);
            }
        }
        let last = step.answer.rows.last().map_or(step.progress.after, |(log, _)| *log);
        let after = if step.answer.is_end { last.max(step.through) } else { last };
        // Since the disk was asked, a commit may have added to the scope; then there is one more round.
        let is_whole = step.answer.is_end && (own || scope.last <= after);
        let progress = Progress { after, stated: step.answer.stated };
        if !is_whole {
            self.group.fills.insert(step.fill, progress);
        }
        match (own, is_whole) {
            (true, true) => self.group.own_done.push(recipient),
            (true, false) => {}
            (false, true) => self.set_member(&id, recipient, Some(Member::Whole)),
            (false, false) => self.set_member(&id, recipient, Some(Member::Filling(progress))),
        }
    }
}
