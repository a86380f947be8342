//! How much may be on the line at once: CUBIC, but for losses that are none of its business.
//!
//! CUBIC takes every lost datagram for a sign that the line is crowded, and sends less. Radio loses datagrams on an empty line too:
//! with one in twenty lost, and round trips of 600 ms, CUBIC fills half of 30 KB/s. A crowded line shows in something else besides: what
//! is on it waits, so a round trip takes longer than it would. A loss without that is chance; what was lost is sent again, and no less
//! is sent for it. Where more is lost than radio loses, somebody on the way drops rather than lets wait: that is a crowded line too.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quinn::congestion::{Controller, ControllerFactory, ControllerMetrics, CubicConfig};
use quinn_proto::RttEstimator;

/// A round trip that takes so much longer than the shortest, as a share of it, has waited somewhere.
const WAITED_SHARE: u32 = 4;
/// On a short line the system's own delays are more than that share.
const WAITED_MIN: Duration = Duration::from_millis(10);
/// Of so many bytes, acknowledged or lost, …
const WATCHED_BYTES: u64 = 64 << 10;
/// … chance loses no more than one in so many.
const CHANCE_SHARE: u64 = 8;

/// Makes a [`Crowding`] for each path.
#[derive(Debug, Default)]
pub(super) struct CrowdingConfig {
    cubic: Arc<CubicConfig>,
}

impl ControllerFactory for CrowdingConfig {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        let cubic = self.cubic.clone().build(now, current_mtu);
        Box::new(Crowding { cubic, line: Line::default() })
    }
}

/// CUBIC, told only of losses that mean something.
struct Crowding {
    cubic: Box<dyn Controller>,
    line: Line,
}

/// What acknowledgements and losses say of the line.
#[derive(Clone, Debug, Default)]
struct Line {
    shortest: Option<Duration>,
    last: Option<Duration>,
    /// Of late: older ones count less and less.
    acked_bytes: u64,
    lost_bytes: u64,
}

impl Line {
    fn acked(&mut self, round_trip: Duration, bytes: u64) {
        self.shortest = Some(self.shortest.map_or(round_trip, |it| it.min(round_trip)));
        self.last = Some(round_trip);
        self.acked_bytes += bytes;
        self.forget();
    }

    fn lost(&mut self, bytes: u64) {
        self.lost_bytes += bytes;
        self.forget();
    }

    fn forget(&mut self) {
        if self.acked_bytes + self.lost_bytes > WATCHED_BYTES {
            self.acked_bytes /= 2;
            self.lost_bytes /= 2;
        }
    }

    fn is_crowded(&self) -> bool {
        let (Some(shortest), Some(last)) = (self.shortest, self.last) else { return true };
        let has_waited = last > shortest + (shortest / WAITED_SHARE).max(WAITED_MIN);
        has_waited || self.lost_bytes * CHANCE_SHARE > self.acked_bytes + self.lost_bytes
    }
}

impl Controller for Crowding {
    fn on_sent(&mut self, now: Instant, bytes: u64, last_packet_number: u64) {
        self.cubic.on_sent(now, bytes, last_packet_number);
    }

    fn on_ack(
        &mut self,
        now: Instant,
        sent: Instant,
        bytes: u64,
        app_limited: bool,
        rtt: &RttEstimator,
    ) {
        self.line.acked(now.saturating_duration_since(sent), bytes);
        self.cubic.on_ack(now, sent, bytes, app_limited, rtt);
    }

    fn on_end_acks(
        &mut self,
        now: Instant,
        in_flight: u64,
        app_limited: bool,
        largest_packet_num_acked: Option<u64>,
    ) {
        self.cubic.on_end_acks(now, in_flight, app_limited, largest_packet_num_acked);
    }

    fn on_congestion_event(
        &mut self,
        now: Instant,
        sent: Instant,
        is_persistent_congestion: bool,
        lost_bytes: u64,
    ) {
        self.line.lost(lost_bytes);
        // Nothing was lost where a router said itself that it is crowded.
        if lost_bytes == 0 || is_persistent_congestion || self.line.is_crowded() {
            self.cubic.on_congestion_event(now, sent, is_persistent_congestion, lost_bytes);
        }
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.cubic.on_mtu_update(new_mtu);
    }

    fn window(&self) -> u64 {
        self.cubic.window()
    }

    fn metrics(&self) -> ControllerMetrics {
        self.cubic.metrics()
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(Self { cubic: self.cubic.clone_box(), line: self.line.clone() })
    }

    fn initial_window(&self) -> u64 {
        self.cubic.initial_window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATAGRAM: u64 = 1_200;

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// A line whose round trips took so long, and that lost so many of a hundred datagrams among them.
    fn line(round_trips: &[u64], lost: u64) -> Line {
        let mut line = Line::default();
        for number in 0..100 {
            match number % 10 < lost / 10 {
                true => line.lost(DATAGRAM),
                false => line.acked(ms(round_trips[number as usize % round_trips.len()]), DATAGRAM),
            }
        }
        line
    }

    #[test]
    fn a_line_is_crowded_where_what_is_on_it_waits_or_more_is_lost_than_chance_loses() {
        assert!(!line(&[600, 640], 10).is_crowded());
        assert!(line(&[600, 900], 10).is_crowded());
        assert!(line(&[600], 20).is_crowded());
        // A system's own delays are no queue, however short the line.
        assert!(!line(&[1, 9], 10).is_crowded());
        assert!(Line::default().is_crowded(), "nothing is known yet");
        // What was lost long ago no longer counts.
        let mut line = line(&[600], 20);
        (0..100).for_each(|_| line.acked(ms(600), DATAGRAM));
        assert!(!line.is_crowded());
    }

    /// What may be on a line of this kind after a loss, of what might be before.
    fn check(round_trips: &[u64], lost_bytes: u64, is_persistent: bool, keeps: bool) {
        let begun = Instant::now();
        let mut crowding = Crowding {
            cubic: Arc::new(CubicConfig::default()).build(begun, DATAGRAM as u16),
            line: line(round_trips, 0),
        };
        let before = crowding.window();
        crowding.on_congestion_event(begun + ms(1), begun, is_persistent, lost_bytes);
        assert_eq!(crowding.window() == before, keeps, "{round_trips:?} {lost_bytes}");
    }

    #[test]
    fn only_a_loss_on_a_crowded_line_makes_it_send_less() {
        check(&[600, 600], DATAGRAM, false, true);
        check(&[600, 900], DATAGRAM, false, false);
        // Nothing came through for long, or a router said itself that it has too much.
        check(&[600, 600], DATAGRAM, true, false);
        check(&[600, 600], 0, false, false);
    }
}
