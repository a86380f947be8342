//! The end of every step: what follows from statements, keys and certificates that came with it.

use std::collections::BTreeSet;

use crate::access::{ScopeAccess, ScopeKind};
use crate::identity::Certificate;
use crate::storage::row::ScopeNumber;
use crate::storage::table;
use crate::wire::Wire;

use super::Tx;
use super::effect::Applied;
use super::receive::NOWHERE;
use super::rejudge::Rejudge;
use super::snapshot::Check;
use super::state::{Scope, State, meta, scope_row};
use super::step::Work;

impl State {
    /// Draws the consequences of a step and writes the rows of every scope that it touched.
    pub(super) fn settle(&mut self, tx: &mut Tx<'_>) {
        // A store that is being rebuilt does not know yet what it has written: a consequence drawn now would take a
        // number that is taken, and would follow what was ended long ago. All are drawn once it is whole.
        if !self.rebuilding {
            while let Some(care) = tx.governed.pop_first() {
                self.follow_consent(tx, care);
            }
            let unshared = std::mem::take(&mut tx.unshared);
            self.share(tx, unshared);
        }
        while let Some(number) = tx.touched.pop_first() {
            let scope = self.scope(number);
            tx.batch.put(table::SCOPE, scope.id.as_bytes(), scope_row(scope));
            tx.applied.extend(scope.view().map(Applied::Scope));
            self.tally(number, tx.now);
        }
        while let Some(publisher) = tx.grown.pop_first() {
            self.judge(tx, &publisher);
        }
    }

    /// The work that a step makes necessary.
    pub(super) fn follow_up(&self, tx: &mut Tx<'_>) -> Vec<Work> {
        // Before anything else: until then the vectors say more than is held.
        let back = std::mem::take(&mut tx.set_back);
        let mut work: Vec<Work> = back.into_iter().map(Work::SetBack).collect();
        if tx.registry {
            work.push(Work::Registry);
        }
        let waits = |number: &ScopeNumber| self.waiting.contains_key(number);
        let retry: BTreeSet<ScopeNumber> = if tx.registry {
            self.waiting.keys().copied().chain([NOWHERE]).filter(waits).collect()
        } else {
            tx.arrived.iter().copied().filter(waits).collect()
        };
        work.extend(retry.into_iter().map(|scope| Work::Retry { scope, after: Vec::new() }));
        let untried = tx.untried.iter().cloned();
        work.extend(untried.map(|(scope, after)| Work::Retry { scope, after }));
        work.extend(tx.doubted.iter().map(|doubt| Work::Rejudge(Rejudge::begin(*doubt))));
        work.extend(Check::begin(&tx.unread).map(Work::Snapshots));
        work.append(&mut tx.further);
        work
    }

    /// The work that a crash, or a store that failed, may have left undone, and what fell due while nobody was here.
    pub(super) fn left_undone(&self) -> Vec<Work> {
        let program = self.has_other_program().then_some(Work::Program);
        let held = self.waiting.keys();
        let retry = held.map(|scope| Work::Retry { scope: *scope, after: Vec::new() });
        let doubts = self.doubts.keys().map(|it| Work::Rejudge(Rejudge::begin(*it)));
        let follows = self.owns_content().then_some(Work::Start);
        let back = self.set_back.iter().copied().map(Work::SetBack);
        let unread = Check::begin(&self.unread_snapshots()).map(Work::Snapshots);
        let snapshots = back.chain(unread);
        program.into_iter().chain(snapshots).chain(retry).chain(doubts).chain(follows).collect()
    }

    /// Whether we have a chart or a directory, so that something may follow from what others say.
    fn owns_content(&self) -> bool {
        let mut accesses = self.scopes.values().filter_map(|scope| scope.access.as_ref());
        accesses.any(|access| access.owner() == self.home && access.parties().is_none())
    }

    /// Gives keys to devices that are new, and starts a new epoch wherever somebody who has the newest key
    /// may no longer read.
    pub(super) fn follow_registry(&mut self, tx: &mut Tx<'_>) {
        if self.rebuilding {
            return;
        }
        let ours: Vec<ScopeNumber> = self
            .scopes
            .values()
            .filter(|scope| {
                let owner = scope.access.as_ref().map(ScopeAccess::owner);
                owner == Some(self.home) && scope.newest_key().is_some()
            })
            .map(|scope| scope.number)
            .collect();
        let mut left = BTreeSet::new();
        for ((device, number), given) in &self.given {
            let Some(id) = self.numbers.get(number) else { continue };
            let newest = self.scopes[id].newest_key().map(|(epoch, _)| epoch);
            let gone = self.roster.in_order(device, tx.now).is_err();
            if gone && newest == Some(given.epoch) && ours.contains(number) {
                left.insert(*number);
            }
        }
        for number in left {
            self.rotate(tx, number);
        }
        tx.unshared.extend(ours);
    }

    /// Has everything drawn that follows from what a rebuilt store holds.
    pub(super) fn catch_up_with_consequences(&self, tx: &mut Tx<'_>) {
        tx.registry = true;
        self.follow_consents(tx);
    }

    /// Has drawn what fell due while no process was here to see it: a consent that began or ended meanwhile, a device
    /// that may read since, or one whose certificate has run out. What is done already is found so, and writes nothing.
    pub(super) fn start(&mut self, tx: &mut Tx<'_>) {
        self.follow_consents(tx);
        self.follow_registry(tx);
    }

    fn follow_consents(&self, tx: &mut Tx<'_>) {
        let care = |scope: &&Scope| scope.kind() == Some(ScopeKind::Care);
        tx.governed.extend(self.scopes.values().filter(care).map(|scope| scope.number));
    }

    /// Takes certificates that enrolment gave us, before there is a feed.
    pub(super) fn begin(&mut self, tx: &mut Tx<'_>, certificates: Vec<Certificate>, rebuild: bool) {
        self.name_program(tx);
        if rebuild {
            self.rebuilding = true;
            tx.batch.put(table::META, meta::REBUILDING, [1]);
        }
        for certificate in certificates {
            let (digest, bytes) = (certificate.digest(), certificate.to_bytes());
            if self.roster.admit(certificate).is_ok() {
                tx.batch.put(table::CERTIFICATE, digest, bytes);
            }
        }
    }
}
