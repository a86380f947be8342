//! Noticing that a QUIC connection is dead sooner than its own timeout does, which is longer than a person's patience.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

/// The transport shows signs of life every 10 s, so silence for longer than this is no silence but a dead line.
const STALL_SECONDS: u64 = 16;
/// Something that was sent is answered within a few round trips, also over a satellite.
const UNANSWERED_SECONDS: u64 = 4;
const SETTLE_SECONDS: u64 = 2;
const CHECK_SECONDS: u64 = 1;

/// Ends when the line is dead: nothing has come back for what was sent, or nothing has come at all for longer still.
pub(crate) async fn watch(connection: &quinn::Connection) -> u64 {
    let mut checks = interval(Duration::from_secs(CHECK_SECONDS));
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut silence = Silence::new(Instant::now());
    loop {
        let now = checks.tick().await;
        let stats = connection.stats();
        if let Some(seconds) = silence.look(now, stats.udp_tx.datagrams, stats.udp_rx.datagrams) {
            return seconds;
        }
    }
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

    /// Takes in the counts of datagrams; says for how long the line has been dead, once it counts as that.
    fn look(&mut self, now: Instant, sent: u64, received: u64) -> Option<u64> {
        let sent_more = std::mem::replace(&mut self.sent, sent) != sent;
        if std::mem::replace(&mut self.received, received) != received {
            (self.heard, self.unanswered) = (now, None);
            return None;
        }
        let silent = now.duration_since(self.heard);
        // Right after something was received, what we send may be a bare acknowledgement, which nobody answers.
        if sent_more && silent >= Duration::from_secs(SETTLE_SECONDS) {
            self.unanswered.get_or_insert(now);
        }
        let unanswered = self.unanswered.map_or(Duration::ZERO, |since| now.duration_since(since));
        let dead = silent >= Duration::from_secs(STALL_SECONDS)
            || unanswered >= Duration::from_secs(UNANSWERED_SECONDS);
        dead.then_some(silent.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line looked at once a second: what was sent and received by then, and when it counts as dead.
    fn check(counts: &[(u64, u64)], dead_at: Option<usize>) {
        let start = Instant::now();
        let mut silence = Silence::new(start);
        let found = counts.iter().enumerate().position(|(second, (sent, received))| {
            silence.look(start + Duration::from_secs(second as u64), *sent, *received).is_some()
        });
        assert_eq!(found, dead_at);
    }

    #[test]
    fn a_quiet_line_is_alive_and_an_unanswered_one_is_not() {
        // Nothing to say for ten seconds, then a sign of life that is answered.
        let mut quiet = vec![(5, 5); 10];
        quiet.extend([(6, 5), (6, 6), (6, 6)]);
        check(&quiet, None);
        // Received, acknowledged, and then nothing: no reason to hang up.
        check(&[(5, 5), (5, 6), (6, 6), (6, 6), (6, 6), (6, 6), (6, 6), (6, 6), (6, 6)], None);
        // Sent again and again without an answer.
        check(&[(5, 5), (5, 5), (6, 5), (7, 5), (7, 5), (8, 5), (8, 5), (8, 5)], Some(6));
        // Not even our own signs of life go out.
        check(&[(5, 5); 20], Some(16));
    }
}
