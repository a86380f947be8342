//! How much may be under way and how much goes into one message, by how fast the other side confirms.
//!
//! Enough has to be under way that a line stays busy while what was lost on it is sent again. No more than that: what is urgent
//! waits behind what is under way, and a message that is cut in the middle is sent again whole.

use std::collections::VecDeque;

use crate::id::Timestamp;

/// Where a message is confirmed within this time, more may be under way, in milliseconds.
const FAST_MS: u64 = 4_000;
/// Where it takes longer than this, less may be.
const SLOW_MS: u64 = 8_000;
/// Bytes that may be under way at first, and on the worst line: four seconds at 30 kbit/s.
const WINDOW_BYTES_MIN: usize = 16 << 10;
/// Messages that share the window.
const MESSAGES: usize = 8;

/// A message under way.
#[derive(Debug, Clone, Copy)]
struct Sent {
    last_position: u64,
    at: Timestamp,
    /// The window then: what was sent before a change says nothing about it.
    window_bytes: usize,
}

/// The pace of one direction of one session.
#[derive(Debug, Clone)]
pub struct Pace {
    window_bytes: usize,
    window_bytes_max: usize,
    sent: VecDeque<Sent>,
}

impl Pace {
    /// Begins slowly; no more than `window_bytes_max` is ever under way.
    pub fn new(window_bytes_max: usize) -> Self {
        let window_bytes = WINDOW_BYTES_MIN.min(window_bytes_max);
        Self { window_bytes, window_bytes_max, sent: VecDeque::new() }
    }

    /// Bytes that may be under way.
    pub fn window_bytes(&self) -> usize {
        self.window_bytes
    }

    /// Bytes to put into the next message, about: an envelope is never cut.
    pub fn message_bytes(&self) -> usize {
        self.window_bytes / MESSAGES
    }

    /// Notes that a message went out whose last item is at `position`; positions ascend.
    pub fn sent(&mut self, now: Timestamp, position: u64) {
        let window_bytes = self.window_bytes;
        self.sent.push_back(Sent { last_position: position, at: now, window_bytes });
    }

    /// The clock was set: how long what is under way takes to be confirmed says nothing.
    pub fn clock_was_set(&mut self) {
        self.sent.iter_mut().for_each(|sent| sent.window_bytes = 0);
    }

    /// Notes that everything up to `position` was confirmed.
    pub fn confirmed(&mut self, now: Timestamp, position: u64) {
        while let Some(sent) = self.sent.pop_front_if(|sent| sent.last_position <= position) {
            if sent.window_bytes != self.window_bytes {
                continue;
            }
            match now.since_ms(sent.at) {
                ms if ms <= FAST_MS => {
                    self.window_bytes = (self.window_bytes * 2).min(self.window_bytes_max);
                }
                ms if ms > SLOW_MS => {
                    let least = WINDOW_BYTES_MIN.min(self.window_bytes_max);
                    self.window_bytes = (self.window_bytes / 2).max(least);
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends as fast as the window allows over a line of this speed for some minutes.
    fn settle(bytes_per_second: u64, round_trip_ms: u64) -> Pace {
        let mut pace = Pace::new(4 << 20);
        let (mut now, mut line_free, mut position) = (0, 0, 0);
        let mut under_way: VecDeque<(u64, u64, usize)> = VecDeque::new();
        for _ in 0..2_000 {
            let bytes = |under_way: &VecDeque<(u64, u64, usize)>| {
                under_way.iter().map(|(.., bytes)| bytes).sum::<usize>()
            };
            while bytes(&under_way) < pace.window_bytes() {
                let message = pace.message_bytes();
                position += 1;
                line_free = now.max(line_free) + message as u64 * 1_000 / bytes_per_second;
                under_way.push_back((line_free + round_trip_ms, position, message));
                pace.sent(Timestamp(now), position);
            }
            let (at, position, _) = under_way.pop_front().expect("something is under way");
            now = at;
            pace.confirmed(Timestamp(now), position);
        }
        pace
    }

    #[test]
    fn a_slow_line_gets_small_messages_and_a_fast_one_large_ones() {
        let kib = |bytes_per_second, round_trip_ms| {
            settle(bytes_per_second, round_trip_ms).window_bytes() >> 10
        };
        assert!((16..=32).contains(&kib(3_750, 600)), "30 kbit/s");
        assert!((64..=256).contains(&kib(30_000, 1_200)));
        assert_eq!(kib(2_500_000, 60), 4 << 10, "4G");
    }

    #[test]
    fn a_line_that_becomes_slow_gets_smaller_messages() {
        let mut pace = settle(100_000_000, 1);
        let now = 1_000_000_000;
        for position in 10_000..10_020 {
            pace.sent(Timestamp(now), position);
            pace.confirmed(Timestamp(now + 10_000), position);
        }
        assert_eq!(pace.window_bytes(), 16 << 10);
    }

    #[test]
    fn a_clock_that_is_set_back_does_no_harm() {
        let mut pace = Pace::new(4 << 20);
        pace.sent(Timestamp(5_000), 1);
        pace.confirmed(Timestamp(1), 1);
        assert!(pace.window_bytes() <= 32 << 10);
    }
}
