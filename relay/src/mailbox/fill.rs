//! Fetching what came before a new reader: a few scopes at a time, each recipient in its turn, and of each what opens or governs
//! the rest before the rest.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use azalea_core::access::ScopeKind;
use azalea_core::id::{ScopeId, Timestamp};

use super::load::{Part, Query};
use super::members::Fill;
use super::state::Scope;
use super::tables::{DeviceNumber, Progress};
use super::{Loading, Mailbox};

/// Scopes whose earlier envelopes are fetched at once.
const FILL_SCOPES_MAX: usize = 64;
/// Envelopes that are fetched at once, over all scopes: what they add to a commit must not hold up the others.
const FILL_ROWS_MAX: usize = 4_096;

/// What of a recipient's is filled first: who is who, then keys, then what a facility works with, then charts; of each the most
/// recently written one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank(u8, Reverse<u64>);

impl Rank {
    const FIRST: Self = Self(0, Reverse(u64::MAX));

    fn of(scope: &Scope) -> Self {
        let kind = match scope.access.as_deref().map(|access| access.kind()) {
            None | Some(ScopeKind::Registry) => 0,
            Some(ScopeKind::Pair) => 1,
            Some(
                ScopeKind::Office | ScopeKind::Care | ScopeKind::Letter | ScopeKind::Directory,
            ) => 2,
            Some(ScopeKind::Chart) => 3,
        };
        Self(kind, Reverse(scope.last))
    }
}

/// Feeds that are to be filled, in the order in which that is done.
#[derive(Default)]
pub(crate) struct Fills {
    known: BTreeMap<Fill, (Rank, Progress)>,
    order: BTreeSet<(DeviceNumber, bool, Rank, ScopeId)>,
}

impl Fills {
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    fn insert(&mut self, fill: Fill, rank: Rank, progress: Progress) {
        self.remove(&fill);
        self.known.insert(fill, (rank, progress));
        self.order.insert((fill.recipient, fill.own, rank, fill.scope));
    }

    fn remove(&mut self, fill: &Fill) -> Option<Progress> {
        let (rank, progress) = self.known.remove(fill)?;
        self.order.remove(&(fill.recipient, fill.own, rank, fill.scope));
        Some(progress)
    }

    /// Takes the next one of the recipient after this, so that a first sync of one does not hold up the others.
    fn take_after(&mut self, recipient: DeviceNumber) -> Option<(Fill, Progress)> {
        let from = (recipient.wrapping_add(1), false, Rank::FIRST, ScopeId::ZERO);
        let next = self.order.range(from..).next().or_else(|| self.order.first());
        let (recipient, own, _, scope) = *next?;
        let fill = Fill { recipient, own, scope };
        self.remove(&fill).map(|progress| (fill, progress))
    }
}

impl Mailbox {
    /// Has feeds filled, each from where it stands.
    pub(crate) fn queue_fills(&mut self, fills: impl IntoIterator<Item = (Fill, Progress)>) {
        for (fill, progress) in fills {
            if let Some(scope) = self.state.scopes.get(&fill.scope) {
                self.fills.insert(fill, Rank::of(scope), progress);
            }
        }
    }

    /// Asks the disk for the next part of what new readers lack.
    pub(crate) fn next_fill(&mut self, now: Timestamp) {
        let paused = self.retry_at.is_some_and(|at| now < at);
        if self.is_filling || !self.filled.is_empty() || paused || self.fills.len() == 0 {
            return;
        }
        let (mut asked, mut parts) = (Vec::new(), Vec::new());
        while asked.len() < FILL_SCOPES_MAX {
            let Some((fill, progress)) = self.fills.take_after(self.last_filled) else { break };
            self.last_filled = fill.recipient;
            if let Some(scope) = self.state.scopes.get(&fill.scope) {
                let through = scope.last;
                asked.push((fill, progress, through));
                let Progress { after, stated } = progress;
                let begins = !fill.own && progress == Progress::default();
                parts.push(Part { scope: scope.number, after, stated, through, begins });
            }
        }
        if asked.is_empty() {
            return;
        }
        let rows_max = FILL_ROWS_MAX / asked.len();
        let query = Query::Scopes { scopes: parts, rows_max };
        self.is_filling = true;
        self.load(query, Loading::Fills(asked));
    }
}
