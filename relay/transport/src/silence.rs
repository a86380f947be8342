//! Noticing that a QUIC connection is dead sooner than its own timeout does, which is longer than a person's patience.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

/// The transport shows signs of life every 10 s, so silence for longer than this is no silence but a dead line.
const STALL_SECONDS: u64 = 16;
/// Something that was sent is answered within a few round trips, also over a satellite.
const UNANSWERED_SECONDS: u64 = 4;
/// Where a round trip takes seconds, within so many: what a cut of a few seconds swallowed is sent again after two or three of them, then
/// after twice as many, and the answer takes one more.
const UNANSWERED_ROUND_TRIPS: u32 = 8;
const SETTLE_SECONDS: u64 = 2;
const CHECK_SECONDS: u64 = 1;

/// Ends when the line is dead: nothing has come back for what was sent, or nothing has come at all for longer still. Says so before, each
/// time it has looked, while what was sent is not answered.
pub(crate) async fn watch(connection: &quinn::Connection, unanswered: impl Fn()) -> u64 {
    let mut checks = interval(Duration::from_secs(CHECK_SECONDS));
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut silence = Silence::new(Instant::now());
    loop {
        let now = checks.tick().await;
        let stats = connection.stats();
        let (sent, received) = (stats.udp_tx.datagrams, stats.udp_rx.datagrams);
        match silence.look(now, stats.path.rtt, sent, received) {
            Heard::Alive => {}
            Heard::Unanswered => unanswered(),
            Heard::Dead { seconds } => return seconds,
        }
    }
}

/// How a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Alive,
    /// Something was sent into a silence that has lasted for a while.
    Unanswered,
    Dead {
        seconds: u64,
    },
}

/// What is known of a silent line.
struct Silence {
    heard: Instant,
    received: u64,
    sent: u64,
    /// Since when something is under way that the other end would have acknowledged.
    unanswered: Option<Instant>,
}

impl Silence {
    fn new(now: Instant) -> Self {
        Self { heard: now, received: 0, sent: 0, unanswered: None }
    }

    /// Takes in the counts of datagrams, and how long a round trip takes.
    fn look(&mut self, now: Instant, round_trip: Duration, sent: u64, received: u64) -> Heard {
        let sent_more = std::mem::replace(&mut self.sent, sent) != sent;
        if std::mem::replace(&mut self.received, received) != received {
            (self.heard, self.unanswered) = (now, None);
            return Heard::Alive;
        }
        let silent = now.duration_since(self.heard);
        // Right after something was received, what we send may be a bare acknowledgement, which nobody answers.
        if sent_more && silent >= Duration::from_secs(SETTLE_SECONDS) {
            self.unanswered.get_or_insert(now);
        }
        let unanswered = self.unanswered.map_or(Duration::ZERO, |since| now.duration_since(since));
        let patience =
            Duration::from_secs(UNANSWERED_SECONDS).max(round_trip * UNANSWERED_ROUND_TRIPS);
        let dead = silent >= Duration::from_secs(STALL_SECONDS) || unanswered >= patience;
        match dead {
            true => Heard::Dead { seconds: silent.as_secs() },
            // What has just been sent may be answered by the next look.
            false if unanswered > Duration::ZERO => Heard::Unanswered,
            false => Heard::Alive,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line looked at once a second: what was sent and received by then; when it was first unanswered, and when it counts as dead.
    fn look(round_trip_ms: u64, counts: &[(u64, u64)]) -> (Option<usize>, Option<usize>) {
        let start = Instant::now();
        let mut silence = Silence::new(start);
        let round_trip = Duration::from_millis(round_trip_ms);
        let mut unanswered = None;
        for (second, (sent, received)) in counts.iter().enumerate() {
            let now = start + Duration::from_secs(second as u64);
            match silence.look(now, round_trip, *sent, *received) {
                Heard::Alive => {}
                Heard::Unanswered => unanswered = unanswered.or(Some(second)),
                Heard::Dead { .. } => return (unanswered, Some(second)),
            }
        }
        (unanswered, None)
    }

    fn check(round_trip_ms: u64, counts: &[(u64, u64)], dead_at: Option<usize>) {
        assert_eq!(look(round_trip_ms, counts).1, dead_at);
    }

    #[test]
    fn a_quiet_line_is_alive_and_an_unanswered_one_is_not() {
        // Nothing to say for ten seconds, then a sign of life that is answered.
        let mut quiet = vec![(5, 5); 10];
        quiet.extend([(6, 5), (6, 6), (6, 6)]);
        check(60, &quiet, None);
        // Received, acknowledged, and then nothing: no reason to hang up.
        check(60, &[(5, 5), (5, 6), (6, 6), (6, 6), (6, 6), (6, 6), (6, 6), (6, 6), (6, 6)], None);
        // Sent again and again without an answer.
        let unanswered = [(5, 5), (5, 5), (6, 5), (7, 5), (7, 5), (8, 5), (8, 5), (8, 5)];
        check(60, &unanswered, Some(6));
        assert_eq!(look(60, &quiet).0, None);
        assert_eq!(look(60, &unanswered).0, Some(3));
        // Not even our own signs of life go out.
        check(60, &[(5, 5); 20], Some(16));
    }

    /// Nodes at the end of a line of 30 kbit/s once gave up a connection with every cut of three seconds, although the line was back, and
    /// were sent again what had been under way.
    #[test]
    fn a_line_whose_round_trips_take_seconds_is_given_time_to_answer() {
        // Cut for three seconds; what was sent again in the eighth second is answered in the tenth.
        let cut = [(5, 5), (5, 5), (6, 5), (6, 5), (6, 5), (6, 5), (6, 5), (7, 5), (7, 5), (7, 6)];
        check(1_600, &cut, None);
        check(400, &cut, Some(6));
        // No line is waited for any longer than one on which nobody speaks.
        check(20_000, &[&cut[..9], &[(9, 5); 12]].concat(), Some(16));
    }
}
