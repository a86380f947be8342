//! The messages between two replicas, one per frame; the layout is in `docs/WIRE.md`.
//!
//! Their kinds begin where those of the session with a relay have room to grow, so that neither is taken for the other.

use crate::id::{DeviceId, NetworkId, ScopeId, Timestamp};
use crate::sync::message::{Bytes, Goodbye};
use crate::sync::reconcile::{Print, Range, read_ranges};
use crate::wire::{Reader, Wire, WireError, Writer, limits};

use super::vector::{Vector, read_vector};
use super::{NAMED, REACHES};

/// The format that this program speaks.
const VERSION: u8 = 1;

/// One message; a frame holds exactly one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Both, first.
    Hello(Hello),
    /// One step of finding what differs; whoever gets one that leaves something open answers with one.
    Turn(Turn),
    /// Envelopes that the other side lacks.
    Envelopes(Vec<Bytes>),
    /// So many envelopes of the other side are durable here, or refused for good.
    Held {
        /// Counted from the session's beginning.
        count: u64,
    },
    /// There are no more envelopes.
    End {
        /// How many were sent.
        count: u64,
    },
    /// Last: why the session ends early.
    Goodbye(Goodbye),
}

/// How both sides begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// The network.
    pub network: NetworkId,
    /// The device; its key is the one that the connection was authenticated with.
    pub device: DeviceId,
    /// This side's share of the randomness that keys the session's prints.
    pub nonce: [u8; 32],
    /// The device's clock.
    pub at: Timestamp,
}

/// One step of finding what differs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Turn {
    /// Ranges to be compared.
    pub ranges: Vec<Range>,
    /// Items of the other side whose scope and vector are wanted.
    pub asks: Vec<Print>,
    /// Scopes that differ, with what is held of each; the other side answers with its own.
    pub offers: Vec<Named>,
    /// What was asked for or offered, answered.
    pub answers: Vec<Answer>,
    /// Whether more follows in the next turn.
    pub more: bool,
}

/// A scope and how far it is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The scope.
    pub scope: ScopeId,
    /// How far.
    pub vector: Vector,
}

/// What is said to an offer or an ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// So far it is held here.
    Holds(Named),
    /// Nothing of it is wanted.
    Closed(ScopeId),
}

impl Turn {
    /// Whether the other side has to answer.
    pub fn awaits_answer(&self) -> bool {
        self.more || !self.ranges.is_empty() || !self.asks.is_empty() || !self.offers.is_empty()
    }
}

impl Wire for Message {
    fn write(&self, writer: &mut Writer) {
        writer.u8(VERSION);
        match self {
            Self::Hello(hello) => {
                writer.u8(32);
                hello.network.write(writer);
                hello.device.write(writer);
                writer.raw(&hello.nonce);
                hello.at.write(writer);
            }
            Self::Turn(turn) => {
                writer.u8(33);
                writer.list(&turn.ranges);
                writer.list(&turn.asks);
                writer.list(&turn.offers);
                writer.list(&turn.answers);
                writer.bool(turn.more);
            }
            Self::Envelopes(envelopes) => {
                writer.u8(34);
                writer.list(envelopes);
            }
            Self::Held { count } => {
                writer.u8(35);
                writer.u64(*count);
            }
            Self::End { count } => {
                writer.u8(36);
                writer.u64(*count);
            }
            Self::Goodbye(goodbye) => {
                writer.u8(37);
                goodbye.write(writer);
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let version = reader.u8("message version")?;
        if version != VERSION {
            return Err(WireError::Version { field: "message", found: version, known: VERSION });
        }
        Ok(match reader.u8("message kind")? {
            32 => Self::Hello(Hello {
                network: NetworkId::read(reader)?,
                device: DeviceId::read(reader)?,
                nonce: reader.array("nonce")?,
                at: Timestamp::read(reader)?,
            }),
            33 => Self::Turn(Turn {
                ranges: read_ranges(reader)?,
                asks: reader.list(NAMED)?,
                offers: reader.list(NAMED)?,
                answers: reader.list(NAMED)?,
                more: reader.bool("more")?,
            }),
            34 => Self::Envelopes(reader.list(limits::ENVELOPES)?),
            35 => Self::Held { count: reader.u64("count")? },
            36 => Self::End { count: reader.u64("count")? },
            37 => Self::Goodbye(Goodbye::read(reader)?),
            _ => return Err(WireError::Invalid { field: "message kind" }),
        })
    }
}

impl Wire for Named {
    fn write(&self, writer: &mut Writer) {
        debug_assert!(self.vector.len() <= REACHES.max, "cut by whoever names the scope");
        self.scope.write(writer);
        writer.list(&self.vector);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self { scope: ScopeId::read(reader)?, vector: read_vector(reader)? })
    }
}

impl Wire for Answer {
    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Holds(named) => {
                writer.u8(0);
                named.write(writer);
            }
            Self::Closed(scope) => {
                writer.u8(1);
                scope.write(writer);
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.u8("answer")? {
            0 => Ok(Self::Holds(Named::read(reader)?)),
            1 => Ok(Self::Closed(ScopeId::read(reader)?)),
            _ => Err(WireError::Invalid { field: "answer" }),
        }
    }
}

#[cfg(test)]
mod tests;
