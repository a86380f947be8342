//! One direction of a line, datagram by datagram, and the ordered streams that the transport makes of them.
//!
//! ```text
//! message ─ datagrams ─ each late by itself, lost, doubled, overtaken ─ whole again, in order ─ message
//!                 └───── not acknowledged in time: sent again ─────┘
//! ```
//!
//! What becomes of a datagram is drawn when it leaves, so that a message costs one event however many datagrams it
//! takes; most take one, and one number of the dice. Congestion windows are not modelled: a line carries what it can.

use serde::{Deserialize, Serialize};

use super::Stream;
use super::quality::Figures;
use crate::population::Dice;

/// What lines did to datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Datagrams {
    /// Sent, each counted once however often it had to be.
    pub sent: u64,
    /// Lost on the way, and sent again after a timeout.
    pub lost: u64,
    /// Arrived twice, doubled by the line or sent again too soon: the transport threw the second away.
    pub doubled: u64,
    /// Arrived before one that had left earlier, and waited for it.
    pub overtook: u64,
    /// Changes of address in the middle of a connection.
    pub moves: u64,
}

impl Datagrams {
    pub(in crate::world) fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.overtook += other.overtook;
        self.moves += other.moves;
    }
}

/// One direction. Times are microseconds: on fibre a datagram takes a fraction of a millisecond.
pub(super) struct Lane {
    /// Until when the line is taken for each stream: by what is said on it and on those that go before it.
    taken: [u64; Stream::MANY],
    /// When everything that was said on each stream is whole at the other end.
    whole: [u64; Stream::MANY],
    /// When the last datagram of each that was sent again arrives: until then the stream needs its sender.
    hangs: [u64; Stream::MANY],
    /// The latest arrival so far.
    latest: u64,
    round_trip: RoundTrip,
}

/// When a message is whole at the other end.
pub(super) struct Whole {
    pub(super) at: u64,
    /// It or something before it has to be sent again: should its sender die first, it never arrives.
    pub(super) hangs: bool,
    /// What the line carried for it.
    pub(super) bytes: u64,
}

impl Lane {
    pub(super) fn new(now: u64, line: &Figures) -> Self {
        let round_trip = RoundTrip::new(line);
        let (taken, whole) = ([now; Stream::MANY], [now; Stream::MANY]);
        Self { taken, whole, hangs: [0; Stream::MANY], latest: now, round_trip }
    }

    /// Nothing is under way any more; what is said from now on leaves at `at` at the earliest.
    pub(super) fn begin(&mut self, at: u64) {
        (self.taken, self.whole) = ([at; Stream::MANY], [at; Stream::MANY]);
        (self.hangs, self.latest) = ([0; Stream::MANY], at);
    }

    /// Another line: what was learnt of the one before is forgotten, as RFC 9000 (9.4) has it.
    pub(super) fn measure_anew(&mut self, line: &Figures) {
        self.round_trip = RoundTrip::new(line);
    }

    /// When everything that was said so far is whole.
    pub(super) fn whole(&self) -> u64 {
        self.whole.into_iter().max().unwrap_or_default()
    }

    pub(super) fn timeout(&self) -> u64 {
        self.round_trip.timeout()
    }

    /// Sends a message.
    pub(super) fn carry(
        &mut self,
        dice: &mut Dice,
        line: &Figures,
        now: u64,
        (stream, bytes): (Stream, usize),
        counts: &mut Datagrams,
    ) -> Whole {
        let (mut left, mut carried) = (bytes as u64, 0);
        loop {
            let some = left.min(DATAGRAM_BYTES);
            carried += self.datagram(dice, line, now, (stream, some), counts);
            left -= some;
            if left == 0 {
                let (at, hangs) = (self.whole[stream as usize], self.hangs[stream as usize] > now);
                return Whole { at, hangs, bytes: carried };
            }
        }
    }

    /// Sends one datagram, until it arrives; says what the line carried for it.
    fn datagram(
        &mut self,
        dice: &mut Dice,
        line: &Figures,
        now: u64,
        (stream, bytes): (Stream, u64),
        counts: &mut Datagrams,
    ) -> u64 {
        let at = stream as usize;
        let takes = bytes * 8_000 / line.kbit;
        self.take(stream, now, takes);
        let mut leaves = self.taken[at];
        counts.sent += 1;
        let mut luck = Luck(dice.draw());
        let mut times = 1;
        while luck.is_lost(line) {
            counts.lost += 1;
            // Each timeout is twice the one before, as RFC 9002 (6.2.1) has it.
            leaves += (self.round_trip.timeout() << (times - 1).min(BACKOFFS_MAX)) + takes;
            self.take(stream, now, takes);
            times += 1;
            luck = Luck(dice.draw());
        }
        let arrives = leaves + line.delay_us + luck.late(line);
        if times > 1 {
            self.hangs[at] = self.hangs[at].max(arrives);
        }
        let acknowledged = arrives - leaves + line.delay_us + luck.late_back(line);
        let too_soon = acknowledged > self.round_trip.timeout();
        if times == 1 {
            // Of what was sent twice nobody knows which one was acknowledged.
            self.round_trip.measured(acknowledged);
        }
        if too_soon || luck.is_doubled(line) {
            counts.doubled += 1;
            times += 1;
        }
        if arrives < self.latest {
            counts.overtook += 1;
        }
        self.latest = self.latest.max(arrives);
        self.whole[at] = self.whole[at].max(arrives);
        bytes * times
    }

    /// Takes the line for a stream, and so from all that wait for it.
    fn take(&mut self, stream: Stream, now: u64, takes: u64) {
        for taken in &mut self.taken[..=stream as usize] {
            *taken = now.max(*taken) + takes;
        }
    }
}

/// What the transport knows of the time there and back, by RFC 9002 (5.3), in microseconds.
struct RoundTrip {
    smoothed: u64,
    varies: u64,
}

impl RoundTrip {
    /// As after the first measurement, which the handshake gives.
    fn new(line: &Figures) -> Self {
        let first = 2 * line.delay_us + line.spread_us;
        Self { smoothed: first, varies: first / 2 }
    }

    fn measured(&mut self, sample: u64) {
        self.varies = (3 * self.varies + self.smoothed.abs_diff(sample)) / 4;
        self.smoothed = (7 * self.smoothed + sample) / 8;
    }

    /// After how long without an acknowledgement a datagram is sent again.
    fn timeout(&self) -> u64 {
        self.smoothed + (4 * self.varies).max(GRANULARITY_US) + ACK_DELAY_US
    }
}

/// What one number of the dice says of a datagram: four parts of sixteen bits.
struct Luck(u64);

impl Luck {
    fn part(&self, number: u32) -> u64 {
        (self.0 >> (16 * number)) & 0xffff
    }

    fn is_lost(&self, line: &Figures) -> bool {
        self.part(0) < line.lost
    }

    fn is_doubled(&self, line: &Figures) -> bool {
        self.part(1) < line.doubled
    }

    fn late(&self, line: &Figures) -> u64 {
        (self.part(2) * line.spread_us) >> 16
    }

    fn late_back(&self, line: &Figures) -> u64 {
        (self.part(3) * line.spread_us) >> 16
    }
}

/// What of a stream one datagram carries: the smallest that QUIC may count on.
pub(super) const DATAGRAM_BYTES: u64 = 1_200;
/// How long a receiver may keep an acknowledgement back, and the least that timers tell apart (RFC 9002).
const ACK_DELAY_US: u64 = 25_000;
const GRANULARITY_US: u64 = 1_000;
/// Beyond this the pause between two tries grows no more: a connection is given up long before.
const BACKOFFS_MAX: u64 = 8;

#[cfg(test)]
mod tests {
    use super::super::Quality;
    use super::*;

    fn sends(quality: Quality, messages: usize, bytes: usize) -> (Vec<Whole>, Datagrams) {
        let (mut dice, mut counts) = (Dice::new(1), Datagrams::default());
        let line = quality.figures();
        let mut lane = Lane::new(0, line);
        let said = (0..messages).map(|number| {
            let now = number as u64 * 1_000;
            lane.carry(&mut dice, line, now, (Stream::Session, bytes), &mut counts)
        });
        (said.collect(), counts)
    }

    #[test]
    fn messages_are_whole_in_the_order_in_which_they_were_said() {
        for quality in Quality::ALL {
            let (said, counts) = sends(quality, 2_000, 3_000);
            assert!(said.windows(2).all(|two| two[0].at <= two[1].at));
            assert_eq!(counts.sent, 6_000);
        }
    }

    #[test]
    fn a_bad_line_loses_doubles_and_reorders_what_it_carries_and_a_good_one_hardly() {
        let (said, counts) = sends(Quality::Mobile, 20_000, 400);
        assert!((800..2_000).contains(&counts.lost), "{counts:?}");
        assert!((50..2_000).contains(&counts.doubled), "{counts:?}");
        assert!(counts.overtook > 5_000, "{counts:?}");
        assert!(said.iter().any(|it| it.hangs) && said.iter().any(|it| it.bytes > 400));
        let (_, counts) = sends(Quality::Fibre, 20_000, 400);
        assert!((5..60).contains(&counts.lost), "{counts:?}");
    }

    #[test]
    fn what_is_urgent_overtakes_what_was_said_before_it_and_is_in_order_itself() {
        let (mut dice, mut counts) = (Dice::new(1), Datagrams::default());
        let line = Quality::Mobile.figures();
        let mut lane = Lane::new(0, line);
        let mut carry =
            |stream, now, bytes| lane.carry(&mut dice, line, now, (stream, bytes), &mut counts).at;
        let long = carry(Stream::Session, 0, 750_000);
        let urgent: Vec<u64> = (1..20).map(|at| carry(Stream::Urgent, at * 1_000, 400)).collect();
        assert!(urgent.iter().all(|at| *at < long / 2), "{urgent:?}, {long}");
        assert!(urgent.windows(2).all(|two| two[0] <= two[1]));
        assert!(
            carry(Stream::Session, 20_000, 400) >= long,
            "and what is said after it is not early"
        );
    }

    #[test]
    fn a_large_message_takes_as_long_as_the_line_needs_for_it() {
        // 600 kbit/s: 75,000 bytes are a second.
        let (said, _) = sends(Quality::Mobile, 1, 750_000);
        assert!((10_000_000..13_000_000).contains(&said[0].at), "{}", said[0].at);
        assert!(said[0].bytes > 750_000, "what is lost is carried again");
    }

    #[test]
    fn the_timeout_follows_what_was_measured() {
        let mut round_trip = RoundTrip::new(Quality::Fibre.figures());
        let at_first = round_trip.timeout();
        (0..100).for_each(|_| round_trip.measured(400_000));
        assert!(round_trip.timeout() > 2 * at_first && round_trip.timeout() < 500_000);
    }
}
