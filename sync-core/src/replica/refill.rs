//! What the relay has passed over in our feed, or cannot know that we hold: it is asked for the feed once more, without what we
//! say that we hold.
//!
//! A publisher's word says how much there is for us. What is missing by the same word for a whole interval, with nothing under
//! way, the relay has not given us and never will: our cursor has passed it. It held it back, or its disk lost it for a while.
//! Asking costs us a word on each chain that we hold, so we ask less and less often while it does not help.

use std::collections::BTreeMap;

use crate::id::{DeviceId, Timestamp};
use crate::storage::table;
use crate::sync::message::{Cursor, Welcome};
use crate::wire::Wire;

use super::Tx;
use super::state::{State, meta};

/// How often the pause between two questions doubles.
const DOUBLINGS: u32 = 6;

/// Since when something is missing, and how often the relay was asked for it.
#[derive(Default)]
pub(super) struct Refill {
    /// The word of each publisher of which something was missing at the last look.
    missing: BTreeMap<DeviceId, Timestamp>,
    times: u32,
    /// Looks that go by before the relay is asked again.
    pause: u32,
}

impl Refill {
    /// Looks at what is missing by the publishers' newest words, once in an interval while nothing is under way; `is_older` says
    /// whether something is still missing by a word that a publisher said before. Whether the relay is to be asked.
    pub(super) fn look(
        &mut self,
        missing: BTreeMap<DeviceId, Timestamp>,
        is_older: impl Fn(&DeviceId, Timestamp) -> bool,
    ) -> bool {
        let before = std::mem::replace(&mut self.missing, missing);
        if self.missing.is_empty() {
            (self.times, self.pause) = (0, 0);
        }
        if !before.iter().any(|(publisher, at)| is_older(publisher, *at)) {
            return false;
        }
        if let Some(left) = self.pause.checked_sub(1) {
            self.pause = left;
            return false;
        }
        self.times = (self.times + 1).min(DOUBLINGS);
        self.pause = (1 << self.times) - 1;
        true
    }
}

impl State {
    /// Whether the relay's feed goes on where ours ended.
    pub(super) fn is_continued(&self, welcome: &Welcome) -> bool {
        let is_here = |it: Cursor| it.epoch == welcome.epoch && it.position == welcome.position;
        self.cursor.is_none_or(is_here)
    }

    /// The publishers of which something is missing, and the words by which it is.
    pub(super) fn missing(&self) -> BTreeMap<DeviceId, Timestamp> {
        let words = self.freshness.publishers.iter();
        let short = words.filter(|(publisher, _)| self.is_short_of(publisher));
        short.map(|(publisher, word)| (*publisher, word.statement.at())).collect()
    }

    /// Whether what was missing by a publisher's word has not come since.
    pub(super) fn is_missing_since(&self, publisher: &DeviceId, at: Timestamp) -> bool {
        let complete = self.freshness.publishers.get(publisher).and_then(|word| word.complete);
        self.is_short_of(publisher) && complete.is_none_or(|complete| complete < at)
    }

    fn is_short_of(&self, publisher: &DeviceId) -> bool {
        let device = self.roster.device(publisher);
        device.is_some_and(|device| self.missing_of(publisher, &device.facility) > 0)
    }

    /// The relay has given us all it has, and our feed goes on behind this place.
    pub(super) fn refilled(&mut self, tx: &mut Tx<'_>, cursor: Cursor) {
        self.cursor = Some(cursor);
        tx.batch.put(table::META, meta::CURSOR, cursor.to_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The looks at which the relay is asked, of so many in which something is missing all the time.
    fn asked(refill: &mut Refill, looks: u32) -> Vec<u32> {
        let word = BTreeMap::from([(DeviceId([1; 16]), Timestamp(7))]);
        (1..=looks).filter(|_| refill.look(word.clone(), |_, _| true)).collect()
    }

    #[test]
    fn a_relay_that_does_not_give_it_is_asked_less_and_less_often() {
        let mut refill = Refill::default();
        assert_eq!(asked(&mut refill, 200), [2, 4, 8, 16, 32, 64, 128, 192]);
        assert!(!refill.look(BTreeMap::new(), |_, _| false), "it has come");
        assert_eq!(asked(&mut refill, 9), [2, 4, 8], "the next time it is asked soon");
    }

    #[test]
    fn what_a_publisher_wrote_since_the_last_look_may_be_under_way() {
        let mut refill = Refill::default();
        let word = |at| BTreeMap::from([(DeviceId([1; 16]), Timestamp(at))]);
        for at in 1..9 {
            assert!(!refill.look(word(at), |_, _| false), "what was missing before has come");
        }
    }
}
