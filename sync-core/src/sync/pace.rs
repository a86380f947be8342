//! How much may be under way and how much goes into one message, by how fast the other side confirms.
//!
//! Enough has to be under way that a line stays busy while what was lost on it is sent again. No more than that: what is urgent
//! waits behind what is under way, and a message that is cut in the middle is sent again whole.

use std::collections::VecDeque;

use crate::id::Timestamp;

/// Where a message is confirmed within so many times the shortest that one took, in quarters, more may be under way: the line is not
/// full, or not for long. What is lost is sent again within that.
const FAST_QUARTERS: u64 = 10;
/// Whatever was the shortest: so much it may take on any line, in milliseconds, …
const FAST_MS_MIN: u64 = 500;
/// … and no more than this.
const FAST_MS_MAX: u64 = 4_000;
/// Where it takes longer than so many times that, less may be.
const SLOW_TIMES: u64 = 2;
/// How slowly the shortest time is forgotten, in messages.
const FORGETTING: u64 = 8;
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
    /// The shortest time in which a message was confirmed, in milliseconds.
    shortest_ms: Option<u64>,
    sent: VecDeque<Sent>,
}

impl Pace {
    /// Begins slowly; no more than `window_bytes_max` is ever under way.
    pub fn new(window_bytes_max: usize) -> Self {
        let window_bytes = WINDOW_BYTES_MIN.min(window_bytes_max);
        Self { window_bytes, window_bytes_max, shortest_ms: None, sent: VecDeque::new() }
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
            let took_ms = now.since_ms(sent.at);
            let least = WINDOW_BYTES_MIN.min(self.window_bytes_max);
            let shortest_ms = match self.shortest_ms {
                // It may be another line by now. With the least under way hardly anything waits for anything else of ours, so what that
                // takes is what the line takes.
                Some(known) if known < took_ms && self.window_bytes == least => {
                    known + (took_ms - known).div_ceil(FORGETTING)
                }
                Some(known) => known.min(took_ms),
                None => took_ms,
            };
            self.shortest_ms = Some(shortest_ms);
            let fast_ms =
                (shortest_ms.saturating_mul(FAST_QUARTERS) / 4).clamp(FAST_MS_MIN, FAST_MS_MAX);
            if took_ms <= fast_ms {
                self.window_bytes = (self.window_bytes * 2).min(self.window_bytes_max);
            } else if took_ms > fast_ms * SLOW_TIMES {
                self.window_bytes = (self.window_bytes / 2).max(least);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pace on a line, sending as fast as the window allows.
    struct Run {
        pace: Pace,
        now: u64,
        position: u64,
    }

    impl Run {
        fn new() -> Self {
            Self { pace: Pace::new(4 << 20), now: 0, position: 0 }
        }

        /// Sends so many messages over a line of this speed; the window then, in KiB.
        fn over(&mut self, bytes_per_second: u64, round_trip_ms: u64) -> usize {
            let mut line_free = 0;
            let mut under_way: VecDeque<(u64, u64, usize)> = VecDeque::new();
            for _ in 0..2_000 {
                let bytes = |under_way: &VecDeque<(u64, u64, usize)>| {
                    under_way.iter().map(|(.., bytes)| bytes).sum::<usize>()
                };
                while bytes(&under_way) < self.pace.window_bytes() {
                    let message = self.pace.message_bytes();
                    self.position += 1;
                    line_free = self.now.max(line_free) + message as u64 * 1_000 / bytes_per_second;
                    under_way.push_back((line_free + round_trip_ms, self.position, message));
                    self.pace.sent(Timestamp(self.now), self.position);
                }
                let (at, position, _) = under_way.pop_front().expect("something is under way");
                self.now = at;
                self.pace.confirmed(Timestamp(self.now), position);
            }
            for (at, position, _) in under_way {
                self.now = at;
                self.pace.confirmed(Timestamp(self.now), position);
            }
            self.pace.window_bytes() >> 10
        }
    }

    #[test]
    fn a_slow_line_gets_small_messages_and_a_fast_one_large_ones() {
        assert_eq!(Run::new().over(3_750, 600), 16, "30 kbit/s");
        assert_eq!(Run::new().over(30_000, 600), 64);
        assert_eq!(Run::new().over(30_000, 1_200), 128);
        assert_eq!(Run::new().over(2_500_000, 60), 2 << 10, "4G");
        assert_eq!(Run::new().over(100_000_000, 1), 4 << 10, "a local network");
    }

    #[test]
    fn another_line_in_the_middle_of_a_session_gets_its_own_pace() {
        let mut run = Run::new();
        run.over(100_000_000, 1);
        assert!((32..=64).contains(&run.over(30_000, 600)), "to the far end of the valley");
        run.over(2_500_000, 60);
        assert!(run.over(1_000_000, 1_100) >= 2 << 10, "over a satellite");
    }

    #[test]
    fn a_line_that_becomes_slow_gets_smaller_messages() {
        let mut run = Run::new();
        run.over(100_000_000, 1);
        let mut pace = run.pace;
        let now = 1_000_000_000;
        for position in 1_000_000..1_000_020 {
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
