//! What a relay that has gone back in time lacks and no outbox of ours remembers: certificates, and what others wrote. It is
//! brought back from here, since whoever wrote it may never come again.
//!
//! The relay asks one of those who hold a chain at a time. So we ask again what it lacks, a few times in a session and first
//! thing in the next, until it lacks nothing.

use std::collections::BTreeSet;

use crate::id::{DeviceId, ScopeId, Timestamp};
use crate::sync::message::RefusalCause;

/// How long the first answer is left alone before the relay is asked again, in milliseconds; then twice as long, and so on.
const AGAIN_MS: u64 = 30_000;
/// How often the relay is asked again in one session: by then somebody else has brought it, or nobody here can.
const AGAIN_MAX: u32 = 6;

/// What is under way of that, and when the relay is asked again.
#[derive(Default)]
pub(super) struct BringBack {
    /// Positions in our log of what others wrote and the relay asked for, not pushed yet.
    waiting: BTreeSet<u64>,
    /// Those that were pushed and not answered.
    pushed: BTreeSet<u64>,
    /// Chains of which the relay takes no more.
    given_up: BTreeSet<(ScopeId, DeviceId)>,
    /// Words on what we hold that the relay has not answered.
    asked: usize,
    lacks: bool,
    again: Option<Timestamp>,
    times: u32,
}

impl BringBack {
    /// Notes that the relay is asked what it lacks, in so many words.
    pub(super) fn ask(&mut self, words: usize) {
        (self.asked, self.lacks, self.again) = (words, false, None);
    }

    /// Whether an answer is still to come.
    pub(super) fn is_asked(&self) -> bool {
        self.asked > 0
    }

    /// Notes an answer, and whether it names something that only we would have to remember. True with the last one if none did.
    pub(super) fn answered(&mut self, now: Timestamp, lacks: bool) -> bool {
        self.lacks |= lacks;
        self.asked = self.asked.saturating_sub(1);
        if self.asked == 0 && self.lacks && self.times < AGAIN_MAX {
            self.again = Some(now.plus_ms(AGAIN_MS << self.times));
            self.times += 1;
        }
        self.asked == 0 && !self.lacks
    }

    /// When the relay is to be asked again; not before it has answered all that it asked for.
    pub(super) fn again(&self) -> Option<Timestamp> {
        self.again.filter(|_| self.waiting.is_empty() && self.pushed.is_empty())
    }

    /// The clock was set back: what `left` makes of a time is as far ahead as that was before.
    pub(super) fn clock_set_back(&mut self, left: impl Fn(Timestamp) -> Timestamp) {
        self.again = self.again.map(left);
    }

    /// Whether the relay still wants this chain.
    pub(super) fn is_wanted(&self, scope: &ScopeId, author: &DeviceId) -> bool {
        !self.given_up.contains(&(*scope, *author))
    }

    /// Queues what the relay asked for.
    pub(super) fn queue(&mut self, positions: impl IntoIterator<Item = u64>) {
        let positions = positions.into_iter().filter(|position| !self.pushed.contains(position));
        self.waiting.extend(positions);
    }

    /// What waits, in the order of our log: rights come before what rests on them.
    pub(super) fn next(&self) -> Option<u64> {
        self.waiting.first().copied()
    }

    /// Takes the next out, to be pushed.
    pub(super) fn take(&mut self) {
        self.pushed.extend(self.waiting.pop_first());
    }

    pub(super) fn contains(&self, position: u64) -> bool {
        self.pushed.contains(&position)
    }

    /// What there was no room for on the line waits on.
    pub(super) fn put_back(&mut self, position: u64) {
        if self.pushed.remove(&position) {
            self.waiting.insert(position);
        }
    }

    /// What could not be read is not pushed.
    pub(super) fn leave_out(&mut self, position: u64) {
        self.pushed.remove(&position);
    }

    /// Notes the relay's answer to a push; says whether the relay is to be left alone for a while.
    pub(super) fn taken(
        &mut self,
        position: u64,
        chain: (ScopeId, DeviceId),
        refused: Option<RefusalCause>,
    ) -> bool {
        self.pushed.remove(&position);
        match refused {
            None => false,
            Some(RefusalCause::Busy) => {
                self.waiting.insert(position);
                true
            }
            // Somebody else may bring what is missing before it, the operator decides, or the relay is updated: we ask again later.
            Some(
                RefusalCause::Gap { .. }
                | RefusalCause::Right
                | RefusalCause::Suspended
                | RefusalCause::Newer,
            ) => false,
            Some(_) => {
                self.given_up.insert(chain);
                false
            }
        }
    }
}
