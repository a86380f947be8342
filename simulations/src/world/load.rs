//! What a device and the relay have under way to each other, seen from outside: what was pushed and had no answer, what was
//! fed and not confirmed, and what of both was said in vain.

use std::collections::{BTreeMap, VecDeque};

use azalea_core::sync::message::Message;

/// Of one device.
#[derive(Default)]
pub(super) struct Load {
    /// Sizes of the envelopes that it pushed and had no answer to in this session, the oldest first.
    under_way: VecDeque<usize>,
    bytes: usize,
    /// Envelopes that the relay has answered in this session.
    answered: u32,
    /// Bytes of envelopes that were pushed, however often.
    pub(super) said: u64,
    /// Sessions that it began.
    pub(super) sessions: u64,
    /// Bytes of envelopes that were under way when a session ended: they may be sent again.
    pub(super) cut_off: u64,
    /// Bytes of envelopes that the relay did not take when they came, or that it took and the device could not write down as
    /// taken: they may come again.
    pub(super) refused: u64,
    /// Bytes of envelopes that the relay took since that happened last.
    taken: u64,
    /// Bytes of envelopes that it held beyond gaps whenever it asked for its feed once more: it cannot say so, and they may come
    /// again.
    pub(super) beyond_gaps: u64,
    /// By how much it once had more under way than it may, at the most.
    pub(super) excess: usize,
}

impl Load {
    /// A session begins: nothing is under way in it.
    pub(super) fn begin(&mut self) {
        self.sessions += 1;
        self.cut_off += self.bytes as u64;
        self.under_way.clear();
        (self.bytes, self.answered) = (0, 0);
    }

    /// It says something.
    pub(super) fn says(&mut self, message: &Message) {
        let Message::Push(envelopes) = message else { return };
        let before = self.bytes;
        for envelope in envelopes {
            self.said += envelope.0.len() as u64;
            self.under_way.push_back(envelope.0.len());
            self.bytes += envelope.0.len();
        }
        // The last envelope may reach beyond; whatever stood in the message before it had to have room.
        let last = envelopes.last().map_or(0, |last| last.0.len());
        let room = (FIRST_BYTES << self.answered.min(DOUBLINGS)).min(MOST_BYTES);
        let begun = self.bytes.saturating_sub(last).max(before);
        self.excess = self.excess.max(begun.saturating_sub(room));
    }

    /// The device's disk refused a batch, or its process died, and with it perhaps what it had been told was never written.
    pub(super) fn is_not_written(&mut self) {
        self.refused += std::mem::take(&mut self.taken);
    }

    /// Bytes of envelopes that are under way now.
    pub(super) fn under_way(&self) -> u64 {
        self.bytes as u64
    }

    /// It is told something.
    pub(super) fn hears(&mut self, message: &Message) {
        let Message::Taken { stored, refused } = message else { return };
        for answer in 0..stored.len() + refused.len() {
            let bytes = self.under_way.pop_front().unwrap_or(0);
            self.bytes -= bytes;
            let to = if answer < stored.len() { &mut self.taken } else { &mut self.refused };
            *to += bytes as u64;
            self.answered = self.answered.saturating_add(1);
        }
    }
}

/// What the relay feeds one device. It is kept beside the device: the relay may speak to one that is at work elsewhere.
#[derive(Default)]
pub(super) struct Fed {
    /// Places of the feed and bytes that the relay sent and the device has not confirmed in this session.
    under_way: VecDeque<(u64, usize)>,
    /// Places whose envelopes went ahead in this session and that its cursor has not passed, and bytes: another session knows
    /// nothing of them.
    ahead: BTreeMap<u64, usize>,
    /// Envelopes that went ahead.
    pub(super) went_ahead: u64,
    /// Bytes of envelopes that were fed, however often.
    pub(super) said: u64,
    /// Bytes of envelopes that were under way when a session ended: they may be sent again.
    pub(super) cut_off: u64,
}

impl Fed {
    /// A session begins: nothing is under way in it.
    pub(super) fn begin(&mut self) {
        self.cut_off += self.under_way();
        self.under_way.clear();
        self.ahead.clear();
    }

    /// The relay says something to the device, which may not arrive.
    pub(super) fn is_sent(&mut self, message: &Message) {
        let (Message::Feed { items, .. } | Message::Ahead { items, .. }) = message else { return };
        let places = items.iter().map(|item| (item.position, item.envelope.0.len()));
        if matches!(message, Message::Ahead { .. }) {
            self.went_ahead += items.len() as u64;
            self.ahead.extend(places);
        } else {
            // The last place of a feed is given although it went ahead.
            let twice = items.iter().filter_map(|item| self.ahead.remove(&item.position));
            self.cut_off += twice.map(|bytes| bytes as u64).sum::<u64>();
            self.under_way.extend(places);
        }
        self.said += items.iter().map(|item| item.envelope.0.len() as u64).sum::<u64>();
    }

    /// The device says something.
    pub(super) fn hears(&mut self, message: &Message) {
        match message {
            Message::Seen { position } => {
                while self.under_way.front().is_some_and(|(fed, _)| fed <= position) {
                    self.under_way.pop_front();
                }
                self.ahead = self.ahead.split_off(&(position + 1));
            }
            Message::Kept { left, .. } => {
                let again = left.iter().filter_map(|place| self.ahead.remove(place));
                self.cut_off += again.map(|bytes| bytes as u64).sum::<u64>();
            }
            _ => {}
        }
    }

    /// Bytes of envelopes that are under way now.
    pub(super) fn under_way(&self) -> u64 {
        let under_way = self.under_way.iter().map(|(_, bytes)| *bytes as u64);
        under_way.chain(self.ahead.values().map(|bytes| *bytes as u64)).sum()
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
