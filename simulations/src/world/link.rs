//! The line between a facility and the relay: ordered streams each way, as QUIC makes them of datagrams: one for the session, and
//! down three for what goes ahead of its place, which overtake the session and each other.
//!
//! [`datagram`] loses, doubles and delays them. A cut takes everything that is under way or said while it lasts, in one
//! direction or in both: it is sent again once the line is back, unless that takes so long that both ends give the
//! connection up. A device that changes its address keeps its connection: what was under way is sent again once
//! the new path has answered.

mod datagram;
mod quality;

use std::collections::VecDeque;

use azalea_core::id::Timestamp;
use azalea_core::sync::message::{Lane as Ahead, Message};
use azalea_core::wire::Wire;
use azalea_relay::mailbox::SessionId;

pub use datagram::Datagrams;
use datagram::{DATAGRAM_BYTES, Lane};
pub use quality::Quality;

use crate::population::Dice;

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Up,
    Down,
}

impl Way {
    pub(super) const BOTH: [Self; 2] = [Self::Up, Self::Down];
}

/// On which stream a message goes; a later one goes before an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Session,
    Keys,
    Wanted,
    Urgent,
}

impl Stream {
    pub(super) const MANY: usize = 4;

    pub(super) fn of(message: &Message) -> Self {
        match message {
            Message::Ahead { lane: Ahead::Urgent, .. } => Self::Urgent,
            Message::Ahead { lane: Ahead::Wanted, .. } => Self::Wanted,
            Message::Ahead { lane: Ahead::Keys, .. } => Self::Keys,
            _ => Self::Session,
        }
    }
}

/// What is said on a stream.
pub(super) type Said = (SessionId, Box<Message>);

/// One facility's line.
pub(super) struct Link {
    pub(super) quality: Quality,
    /// Whether the network around it has power.
    pub(super) has_power: bool,
    dice: Dice,
    /// Since when each direction is cut.
    cut: [Option<Timestamp>; 2],
    lanes: [Lane; 2],
    /// What fell into a cut, in the order in which it was said.
    held: [VecDeque<Said>; 2],
    /// Since when a connection has had no answer.
    silent: Option<(SessionId, Timestamp)>,
    /// Bytes carried, up and down.
    pub(super) bytes: [u64; 2],
    /// The same by the quality that the line had then.
    pub(super) bytes_by_quality: [[u64; 2]; Quality::ALL.len()],
    counts: Datagrams,
}

/// What becomes of a message.
pub(super) enum Sent {
    /// It arrives, though perhaps not if its sender dies before.
    Arrives { at: Timestamp, hangs: bool },
    /// It fell into a cut.
    Held,
}

impl Link {
    pub(super) fn new(quality: Quality, dice: Dice, now: Timestamp) -> Self {
        let lane = || Lane::new(us(now), quality.figures());
        Self {
            quality,
            has_power: true,
            dice,
            cut: [None; 2],
            lanes: [lane(), lane()],
            held: Default::default(),
            silent: None,
            bytes: [0; 2],
            bytes_by_quality: Default::default(),
            counts: Datagrams::default(),
        }
    }

    /// Whether a connection can be made.
    pub(super) fn is_open(&self) -> bool {
        self.cut == [None; 2]
    }

    /// What its datagrams met.
    pub(super) fn counts(&self) -> &Datagrams {
        &self.counts
    }

    /// When all that was said in a direction has arrived.
    pub(super) fn whole(&self, way: Way) -> Timestamp {
        ms(self.lanes[way as usize].whole())
    }

    /// When what was said last in a direction has arrived, unless it fell into a cut.
    pub(super) fn arrives(&self, way: Way) -> Option<Timestamp> {
        self.cut[way as usize].is_none().then(|| self.whole(way))
    }

    /// Sends a message.
    pub(super) fn send(
        &mut self,
        now: Timestamp,
        way: Way,
        (stream, bytes): (Stream, usize),
    ) -> Sent {
        let at = way as usize;
        if self.cut[at].is_some() {
            return Sent::Held;
        }
        let (dice, line) = (&mut self.dice, self.quality.figures());
        let whole = self.lanes[at].carry(dice, line, us(now), (stream, bytes), &mut self.counts);
        self.bytes[at] += whole.bytes;
        self.bytes_by_quality[self.quality as usize][at] += whole.bytes;
        Sent::Arrives { at: ms(whole.at), hangs: whole.hangs }
    }

    /// Keeps what fell into a cut. Whether this is the first that a connection has had no answer to.
    pub(super) fn hold(&mut self, now: Timestamp, way: Way, said: Said) -> bool {
        let session = said.0;
        self.counts.lost += (weight(&said.1) as u64).div_ceil(DATAGRAM_BYTES);
        self.held[way as usize].push_back(said);
        let is_first = self.silent.is_none_or(|(silent, _)| silent != session);
        if is_first {
            self.silent = Some((session, now));
        }
        is_first
    }

    /// Since when a connection has had no answer, if that is so.
    pub(super) fn silent_since(&self, session: SessionId) -> Option<Timestamp> {
        self.silent.filter(|(silent, _)| *silent == session).map(|(_, since)| since)
    }

    /// Cuts one direction; `false` where it was cut already.
    pub(super) fn close(&mut self, now: Timestamp, way: Way) -> bool {
        let is_new = self.cut[way as usize].is_none();
        self.cut[way as usize].get_or_insert(now);
        is_new
    }

    /// Opens one direction: what fell into the cut, and has to be sent again. It leaves with the next probe: the pauses
    /// between these have grown while there was no answer.
    pub(super) fn open(&mut self, now: Timestamp, way: Way) -> VecDeque<Said> {
        let at = way as usize;
        let Some(cut) = self.cut[at].take() else { return VecDeque::new() };
        let mut pause = self.lanes[at].timeout();
        let mut probe = us(cut) + pause;
        while probe < us(now) {
            pause *= 2;
            probe += pause;
        }
        self.lanes[at].begin(probe);
        if self.is_open() {
            self.silent = None;
        }
        std::mem::take(&mut self.held[at])
    }

    /// The device is somewhere else in the network. What is said from here on leaves once the new path was asked and has
    /// answered.
    pub(super) fn change_address(&mut self, now: Timestamp, quality: Quality) {
        self.quality = quality;
        let line = quality.figures();
        self.lanes.iter_mut().for_each(|lane| lane.measure_anew(line));
        if self.is_open() {
            self.counts.moves += 1;
            // A lane of its own gives the question and its answer delay, jitter and loss like any other datagram.
            let mut validates = Lane::new(us(now), line);
            for _ in 0..2 {
                let from = validates.whole();
                let asked = (Stream::Session, CHALLENGE_BYTES);
                validates.carry(&mut self.dice, line, from, asked, &mut self.counts);
            }
            self.lanes.iter_mut().for_each(|lane| lane.begin(validates.whole()));
        }
    }

    /// What was under way when the address changed was lost.
    pub(super) fn lost(&mut self, bytes: usize) {
        self.counts.lost += (bytes as u64).div_ceil(DATAGRAM_BYTES);
    }

    /// A connection begins, or has ended: nothing of one before it is sent again.
    pub(super) fn forget(&mut self, now: Timestamp) {
        self.held.iter_mut().for_each(VecDeque::clear);
        self.silent = None;
        self.lanes.iter_mut().for_each(|lane| lane.begin(us(now)));
    }
}

fn us(at: Timestamp) -> u64 {
    at.0 * 1_000
}

fn ms(us: u64) -> Timestamp {
    Timestamp(us.div_ceil(1_000))
}

/// What asks a new path whether it carries anything, and answers: padded, so that it proves that whole datagrams pass.
const CHALLENGE_BYTES: usize = DATAGRAM_BYTES as usize;

/// About how many bytes a message has on the wire.
pub(super) fn weight(message: &Message) -> usize {
    const FRAME: usize = 64;
    const ROLL: usize = 120;
    const SHARE: usize = 72;
    const PATH: usize = 256;
    const CHAIN: usize = 72;
    const DIGEST: usize = 32;
    const PLACE: usize = 8;
    const SCOPE: usize = 16;
    FRAME
        + match message {
            Message::Push(envelopes) => envelopes.iter().map(|it| it.0.len() + 4).sum(),
            Message::Feed { items, .. } | Message::Ahead { items, .. } => {
                items.iter().map(|it| it.envelope.0.len() + 12).sum()
            }
            Message::Taken { stored, refused } => 32 * stored.len() + 40 * refused.len(),
            Message::Roll(update) => ROLL + SHARE * update.shares.len(),
            Message::Heads(words) => {
                let shares = words.iter().filter(|word| word.share.is_some()).count();
                ROLL * words.len() + (SHARE + PATH) * shares
            }
            Message::Holding { chains, certificates }
            | Message::Lacking { chains, certificates, .. } => {
                CHAIN * chains.len() + DIGEST * certificates.len()
            }
            Message::Kept { held, left } => PLACE * (held.len() + left.len()),
            Message::First { scopes } => SCOPE * scopes.len(),
            Message::Certificates(all) => all.iter().map(|it| it.to_bytes().len()).sum(),
            _ => FRAME,
        }
}
