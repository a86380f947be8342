//! The line between a facility and the relay: one ordered stream each way, as QUIC gives it.
//!
//! Datagrams that are lost, doubled or overtaken are QUIC's business; what is left of them above it is delay, and
//! that is what a link has here. A cut takes everything that is said while it lasts, in one direction or in both;
//! a stream with a hole in it delivers nothing more, and both ends find out by their timers.

use azalea_core::id::Timestamp;
use azalea_core::sync::message::Message;
use azalea_relay::mailbox::SessionId;
use serde::{Deserialize, Serialize};

use crate::population::Dice;

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Up,
    Down,
}

/// How good a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// Fibre, as hospitals and most clinics have it.
    Fibre,
    /// An older line in a valley.
    Copper,
    /// Mobile, now and then a bar of it.
    Mobile,
}

impl Quality {
    /// All of them, the best first.
    pub const ALL: [Self; 3] = [Self::Fibre, Self::Copper, Self::Mobile];

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fibre => "fibre",
            Self::Copper => "copper",
            Self::Mobile => "mobile",
        }
    }

    /// Delay one way and its spread in milliseconds, lost datagrams per thousand, kbit/s up and down.
    fn figures(self) -> (u64, u64, u64, u64) {
        match self {
            Self::Fibre => (6, 6, 1, 40_000),
            Self::Copper => (25, 40, 10, 2_000),
            Self::Mobile => (60, 200, 60, 600),
        }
    }

    /// Bytes that the line can carry in a day, one way.
    pub fn bytes_per_day(self) -> u64 {
        self.figures().3 * 1_000 / 8 * 86_400
    }
}

/// One facility's line.
pub(super) struct Link {
    pub(super) quality: Quality,
    open: [bool; 2],
    /// Its stream has a hole in it, though nobody knows yet.
    broken: Option<SessionId>,
    /// When the last message of each direction arrives, and until when the line is taken.
    arrives: [Timestamp; 2],
    taken: [Timestamp; 2],
    /// Bytes carried, up and down.
    pub(super) bytes: [u64; 2],
}

impl Link {
    pub(super) fn new(quality: Quality, now: Timestamp) -> Self {
        Self {
            quality,
            open: [true; 2],
            broken: None,
            arrives: [now; 2],
            taken: [now; 2],
            bytes: [0; 2],
        }
    }

    /// Opens or cuts one direction.
    pub(super) fn set(&mut self, way: Way, open: bool) {
        self.open[way as usize] = open;
    }

    /// Whether a connection can be made.
    pub(super) fn is_open(&self) -> bool {
        self.open == [true; 2]
    }

    /// Sends a message: when it arrives, or `None` where it never will.
    pub(super) fn send(
        &mut self,
        dice: &mut Dice,
        now: Timestamp,
        session: SessionId,
        way: Way,
        bytes: usize,
    ) -> Sent {
        if self.broken == Some(session) {
            return Sent::Vanished;
        }
        let at = way as usize;
        if !self.open[at] {
            self.broken = Some(session);
            return Sent::Broken;
        }
        let (delay, spread, lost, kbit) = self.quality.figures();
        let begins = self.taken[at].max(now);
        self.taken[at] = begins.plus_ms(bytes as u64 * 8 / kbit);
        self.bytes[at] += bytes as u64;
        let mut travel = delay + dice.below(spread + 1);
        while dice.below(1_000) < lost {
            travel += 2 * delay + spread;
        }
        self.arrives[at] = self.taken[at].plus_ms(travel).max(self.arrives[at]);
        Sent::Arrives(self.arrives[at])
    }
}

/// What becomes of a message.
pub(super) enum Sent {
    Arrives(Timestamp),
    /// It fell into a cut: from here on nothing arrives.
    Broken,
    /// It was said on a stream that is dead already.
    Vanished,
}

/// About how many bytes a message has on the wire.
pub(super) fn weight(message: &Message) -> usize {
    const FRAME: usize = 64;
    const ROLL: usize = 120;
    const SHARE: usize = 72;
    const PATH: usize = 256;
    FRAME
        + match message {
            Message::Push(envelopes) => envelopes.iter().map(|it| it.0.len() + 4).sum(),
            Message::Feed { items, .. } => items.iter().map(|it| it.envelope.0.len() + 12).sum(),
            Message::Taken { stored, refused } => 32 * stored.len() + 40 * refused.len(),
            Message::Roll(update) => ROLL + SHARE * update.shares.len(),
            Message::Heads(words) => {
                let shares = words.iter().filter(|word| word.share.is_some()).count();
                ROLL * words.len() + (SHARE + PATH) * shares
            }
            _ => FRAME,
        }
}
