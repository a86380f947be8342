//! A reader's feed once more from its beginning, without what the reader says it holds.
//!
//! Wanted where a reader's cursor means nothing to this store (it was set up from a backup, or the reader was elsewhere), and
//! where a reader misses by its publishers' words what its cursor has passed. Rows of a feed are short and say whose
//! envelope they mean: most of what a reader holds is passed over without a look at the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use azalea_core::id::{DeviceId, EnvelopeId, Timestamp};
use azalea_core::sync::message::{ChainEnd, Goodbye};
use azalea_core::sync::pace::Pace;

use super::session::Subscribed;
use super::subscribe::WINDOW_BYTES_MAX;
use super::tables::{DeviceNumber, FeedRow, ScopeNumber};
use super::{Mailbox, SessionId};

/// Where a session stands with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Refill {
    /// The feed goes on from the reader's cursor.
    #[default]
    None,
    /// The cursor means nothing here; the reader says what it holds before it is fed.
    Awaited,
    /// Asked for; it begins once nothing is being read for this feed.
    Asked,
    /// Under way, without these.
    Going(Arc<Held>),
}

/// How far chains go at a reader.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held(BTreeMap<(ScopeNumber, DeviceNumber), End>);

/// How far one chain goes there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It has what has an earlier place in the log than this.
    Log(u64),
    /// It has the chain up to this number, if the envelope there is the same here.
    At {
        /// The number.
        seq: u64,
        /// The envelope there.
        id: EnvelopeId,
    },
}

impl Held {
    /// How many chains are remembered.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// How far the chain goes that a row of a feed is part of.
    pub(crate) fn end(&self, row: &FeedRow) -> Option<End> {
        self.0.get(&(row.scope, row.author)).copied()
    }
}

impl Subscribed {
    /// Begins with the feed's first place.
    fn begin_refill(&mut self) {
        (self.scanned, self.last_sent) = (0, 0);
        self.under_way.clear();
        self.bytes_under_way = 0;
        self.pace = Pace::new(WINDOW_BYTES_MAX);
        self.refill = Refill::Going(Arc::new(std::mem::take(&mut self.held)));
    }
}

impl Mailbox {
    /// A member asks for its feed once more, after it has said what it holds.
    pub(crate) fn refill_wanted(&mut self, now: Timestamp, session: SessionId) {
        let Some(member) = self.sessions.get_mut(&session).and_then(|it| it.subscribed_mut())
        else {
            return;
        };
        let Some(left) = member.holdings_left.checked_sub(1) else {
            return self.close(now, session, Goodbye::Protocol);
        };
        member.holdings_left = left;
        if matches!(member.refill, Refill::None | Refill::Awaited) {
            member.refill = Refill::Asked;
            self.counters.refills += 1;
        }
        self.pump(session);
    }

    /// Begins a refill that was asked for. Whether the session may be fed.
    pub(crate) fn begins_refill(&mut self, session: SessionId) -> bool {
        let Some(member) = self.sessions.get_mut(&session).and_then(|it| it.subscribed_mut())
        else {
            return false;
        };
        if member.refill == Refill::Asked && !member.is_loading {
            member.begin_refill();
        }
        matches!(member.refill, Refill::None | Refill::Going(_))
    }

    /// Notes where a chain ends at a reader that may read it, for a refill that it may ask for.
    ///
    /// Of an end that contradicts ours nothing is left out: its reader is to see that. Of a chain that goes further there it has
    /// surely what this store had when its epoch began, which is what every store of this network once had; what came since may
    /// be another chain, as the registry is after a backup.
    pub(crate) fn note_held(
        &mut self,
        now: Timestamp,
        session: SessionId,
        device: &DeviceId,
        end: &ChainEnd,
    ) {
        let Some(number) = self.state.numbers.get(&end.author).copied() else { return };
        let Some(scope) = self.state.scopes.get(&end.scope) else { return };
        let Some(tip) = scope.chains.get(&number).and_then(|chain| chain.tip()) else { return };
        let held = match end.seq.cmp(&tip.seq) {
            std::cmp::Ordering::Less => End::At { seq: end.seq, id: end.id },
            std::cmp::Ordering::Equal if end.id != tip.id => return,
            std::cmp::Ordering::Equal => End::Log(self.state.next_log),
            std::cmp::Ordering::Greater => End::Log(self.state.epoch_began),
        };
        let key = (scope.number, number);
        if self.may_read(now, device, &end.scope) {
            self.with_member(session, |member| {
                member.held.0.insert(key, held);
            });
        }
    }
}
