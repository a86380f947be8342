//! What a device has under way to the relay, seen from outside: what it pushed and had no answer to, and what it said.

use std::collections::VecDeque;

use azalea_core::sync::message::Message;

/// Of one device.
#[derive(Default)]
pub(super) struct Load {
    /// Sizes of the envelopes that it pushed and had no answer to in this session, the oldest first.
    under_way: VecDeque<usize>,
    bytes: usize,
    /// Envelopes that the relay has answered in this session.
    answered: u32,
    /// By how much it once had more under way than it may, at the most.
    pub(super) excess: usize,
}

impl Load {
    /// A session begins: nothing is under way in it.
    pub(super) fn begin(&mut self) {
        self.under_way.clear();
        (self.bytes, self.answered) = (0, 0);
    }

    /// It says something.
    pub(super) fn says(&mut self, message: &Message) {
        let Message::Push(envelopes) = message else { return };
        let before = self.bytes;
        for envelope in envelopes {
            self.under_way.push_back(envelope.0.len());
            self.bytes += envelope.0.len();
        }
        // The last envelope may reach beyond; whatever stood in the message before it had to have room.
        let last = envelopes.last().map_or(0, |last| last.0.len());
        let room = (FIRST_BYTES << self.answered.min(DOUBLINGS)).min(MOST_BYTES);
        let begun = self.bytes.saturating_sub(last).max(before);
        self.excess = self.excess.max(begun.saturating_sub(room));
    }

    /// It is told something.
    pub(super) fn hears(&mut self, message: &Message) {
        let Message::Taken { stored, refused } = message else { return };
        for _ in 0..stored.len() + refused.len() {
            self.bytes -= self.under_way.pop_front().unwrap_or(0);
            self.answered = self.answered.saturating_add(1);
        }
    }
}

/// What may be under way before the relay has answered anything; each answer may double it, up to the most.
const FIRST_BYTES: usize = 16 << 10;
const MOST_BYTES: usize = 2 << 20;
const DOUBLINGS: u32 = 7;

#[cfg(test)]
mod tests {
    use azalea_core::id::EnvelopeId;
    use azalea_core::sync::message::Bytes;

    use super::*;

    fn push(envelopes: usize, bytes: usize) -> Message {
        Message::Push((0..envelopes).map(|_| Bytes(vec![0; bytes])).collect())
    }

    #[test]
    fn more_than_the_window_under_way_is_seen_and_what_was_answered_is_not() {
        let mut load = Load::default();
        load.says(&push(16, 1_000));
        load.says(&push(1, 1_000));
        assert_eq!(load.excess, 0, "the last one may reach beyond");
        load.hears(&Message::Taken { stored: vec![EnvelopeId::ZERO; 17], refused: Vec::new() });
        load.says(&push(100, 1_000));
        assert_eq!(load.excess, 0);
        load.begin();
        load.says(&push(100, 1_000));
        assert_eq!(load.excess, 99_000 - FIRST_BYTES);
    }
}
