//! The messages of a session, one per frame; the layout is in `docs/WIRE.md`.
//!
//! A session between a node and its relay: the node says `Hello` with its cursor, the relay answers
//! `Welcome`, then both sides send: the node `Push` and `Seen`, the relay `Taken` and `Feed`. Every
//! acknowledgement is sent after the disk has what it acknowledges.
//!
//! Order of a feed: per author and scope ascending by sequence. Where a statement admits a new reader, that
//! reader's feed gets the scope's statements first, with this one, then its other envelopes in log order, then what
//! follows: what comes can be opened as it comes.
//!
//! What does not wait for its place comes ahead of it in an `Ahead`, on a stream of its own where the line has some, and is
//! answered by a `Kept`. The cursor knows nothing of it.
//!
//! A write after its author's right to the scope ended (the author being a member of the network still) is
//! stored and forwarded like any other: the recipients keep it apart for a person to review. A relay that
//! refused it would tear the author's chain, and the work of a nurse who was offline would be lost.

use crate::id::{DeviceId, EnvelopeId, NetworkId, RelayEpoch, ScopeId, Timestamp};
use crate::identity::{Certificate, PublicKey};
use crate::wire::{Limit, Reader, Wire, WireError, Writer, limits};

use super::heads::{HeadUpdate, HeadWord};

/// The session format that this program speaks.
pub const VERSION: u8 = 3;
/// The format of a goodbye, the same for ever: the one word that programs of all versions understand.
const GOODBYE_VERSION: u8 = 1;

/// A place in a recipient's feed, bound to one life of the relay's store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The relay's epoch in which the position counts.
    pub epoch: RelayEpoch,
    /// The last position that is durably held.
    pub position: u64,
}

/// One message; a frame holds exactly one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Node → relay, first.
    Hello(Hello),
    /// Relay → node, the answer to `Hello`.
    Welcome(Welcome),
    /// Node → relay: envelopes to keep and forward, in the order of each author's chain.
    Push(Vec<Bytes>),
    /// Relay → node: what became of pushed envelopes; sent after the relay's disk has those stored.
    Taken {
        /// Stored, or known already.
        stored: Vec<EnvelopeId>,
        /// Not stored, each with its cause.
        refused: Vec<Refusal>,
    },
    /// Relay → node: the next items of the recipient's feed, ascending.
    Feed {
        /// The items.
        items: Vec<FeedItem>,
        /// The feed's newest position when this was sent; the node has caught up once it holds that.
        end: u64,
    },
    /// Node → relay: everything up to here is durably held.
    Seen {
        /// The position.
        position: u64,
    },
    /// Node → relay: our roll, with what changed of it.
    Roll(HeadUpdate),
    /// Joining node → relay: asks for admission with a one-time code.
    Enrol(Enrol),
    /// Relay → joining node: a nonce sealed to the new device; whoever opens it holds the agreement key.
    Challenge {
        /// The HPKE encapsulation.
        enc: Vec<u8>,
        /// The nonce, sealed under the encapsulated key.
        sealed: Vec<u8>,
    },
    /// Joining node → relay: the opened nonce.
    Prove {
        /// The nonce.
        nonce: [u8; 32],
    },
    /// Relay → joining node: admitted; the certificates that the new device starts from, root first.
    Enrolled {
        /// Root, registrars, policy, the facility's and the device's own.
        certificates: Vec<Certificate>,
    },
    /// Either way, last: why the session ends.
    Goodbye(Goodbye),
    /// Node → relay, after a welcome that shows a relay that has gone back in time: how far chains go that the node holds,
    /// and the digests of the certificates that it holds.
    Holding {
        /// Ends of chains, its own and others'.
        chains: Vec<ChainEnd>,
        /// Digests of certificates, as [`Certificate::digest`] gives them.
        certificates: Vec<[u8; 32]>,
    },
    /// Relay → node, the answer to `Holding`: what the relay lacks of that.
    Lacking {
        /// Chains of which the relay holds less: where its part ends; number 0 where it holds nothing.
        chains: Vec<ChainEnd>,
        /// Certificates that it does not hold.
        certificates: Vec<[u8; 32]>,
        /// Whether it holds less of other chains too, for which it has asked somebody else.
        others: bool,
    },
    /// Node → relay: certificates that the relay named in `Lacking`.
    Certificates(Vec<Certificate>),
    /// Relay → node: the newest words of publishers, each with our share where it is new.
    Heads(Vec<HeadWord>),
    /// Relay → node: it does not hold what our roll builds on, and wants it whole. Node → relay: what a publisher's word
    /// builds on is not held here.
    WantHead {
        /// Whose roll.
        publisher: DeviceId,
    },
    /// Node → relay, after `Holding`: our feed once more from its beginning, without what we said that we hold.
    Refill,
    /// Relay → node: what was wanted with `Refill` has been sent, and the feed goes on behind this position.
    Refilled {
        /// The position.
        position: u64,
    },
    /// Relay → node, after `First`: items of the feed ahead of their places.
    Ahead {
        /// On which lane.
        lane: Lane,
        /// The items.
        items: Vec<FeedItem>,
    },
    /// Node → relay, the answer to `Ahead`: what need not come again at its place in this session.
    Kept {
        /// Places whose items are durably held.
        held: Vec<u64>,
        /// Places whose items could not be taken ahead of what comes before them.
        left: Vec<u64>,
    },
    /// Node → relay, once after the welcome and whenever it changes: the scopes whose envelopes are wanted first.
    First {
        /// The scopes.
        scopes: Vec<ScopeId>,
    },
}

/// What goes ahead of its place in a feed, the more urgent one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// What puts somebody out.
    Urgent,
    /// What the reader wants first.
    Wanted,
    /// Keys, a few at a time beside the feed.
    Keys,
}

impl Lane {
    /// All of them, in their order.
    pub const ALL: [Self; 3] = [Self::Urgent, Self::Wanted, Self::Keys];
}

/// The end of an author's chain in a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainEnd {
    /// The scope.
    pub scope: ScopeId,
    /// Whose chain.
    pub author: DeviceId,
    /// The last number; 0 for none.
    pub seq: u64,
    /// The envelope there; zero for none.
    pub id: EnvelopeId,
}

impl Wire for ChainEnd {
    fn write(&self, writer: &mut Writer) {
        self.scope.write(writer);
        self.author.write(writer);
        writer.u64(self.seq);
        self.id.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            scope: ScopeId::read(reader)?,
            author: DeviceId::read(reader)?,
            seq: reader.u64("seq")?,
            id: EnvelopeId::read(reader)?,
        })
    }
}

/// An envelope's bytes inside a message, not verified.
#[derive(Clone, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bytes({})", self.0.len())
    }
}

/// How a node begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// The node's network.
    pub network: NetworkId,
    /// The node's device; its key is the one that the connection was authenticated with.
    pub device: DeviceId,
    /// How far it holds its feed; `None` for a store that starts anew.
    pub cursor: Option<Cursor>,
    /// Whether its own envelopes are wanted too: a store that is rebuilt learns from them what it wrote.
    pub want_own: bool,
    /// The node's clock, so that both sides can warn of a wrong one.
    pub at: Timestamp,
}

/// How a relay answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcome {
    /// This life of the relay's store.
    pub epoch: RelayEpoch,
    /// The position after which the feed continues: the cursor's, or 0 where the cursor is not of this epoch.
    pub position: u64,
    /// The feed's newest position.
    pub end: u64,
    /// The relay's clock.
    pub at: Timestamp,
    /// Envelopes of the recipient's own that the relay holds: fewer than it has acknowledged show that it has gone back.
    pub yours: u64,
    /// The root of the recipient's own roll that the relay holds: what is as it was need not be said again.
    pub roll: [u8; 32],
}

/// One item of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedItem {
    /// Its position in this recipient's feed.
    pub position: u64,
    /// The envelope.
    pub envelope: Bytes,
}

/// An envelope that the relay did not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which one.
    pub id: EnvelopeId,
    /// Why.
    pub cause: RefusalCause,
}

/// Why an envelope was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalCause {
    /// Not an envelope, or its signature or body hash is wrong.
    Invalid,
    /// The author is not a valid device of this network at this time.
    Author,
    /// The author may not write there.
    Right,
    /// Written by a device after it was revoked. (After a scope's right ended: stored, see above.)
    Late,
    /// An earlier envelope of the author is missing; `expected` is the sequence number to resend from.
    Gap {
        /// The sequence number that the relay wants next.
        expected: u64,
    },
    /// Another envelope has this place in the author's chain.
    Fork,
    /// The relay could not store it now (full disk, quota): keep it and try again later.
    Busy,
    /// The author contradicted itself: keep it until the relay's operator has decided.
    Suspended,
    /// In a format that the relay does not know, being older than its author's program: keep it and try again later.
    Newer,
}

/// What a joining device asks with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrol {
    /// The code's secret.
    pub secret: [u8; 16],
    /// The new facility's key.
    pub facility: PublicKey,
    /// The facility's certificate for its device.
    pub device: Certificate,
}

/// Why a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goodbye {
    /// The other side speaks another version.
    Version {
        /// The version spoken here.
        ours: u8,
    },
    /// The device may not have a session, and why: it has proven its key, so it may know.
    NotAdmitted(NotAdmitted),
    /// The code is unknown, used up or expired.
    Code,
    /// The new device could not open what was sealed to it.
    Proof,
    /// A message that does not belong here.
    Protocol,
    /// Too much at once, or the store has no room: come back later.
    Busy {
        /// Milliseconds to wait.
        retry_after_ms: u32,
    },
    /// The other side is shutting down.
    Closing,
}

/// Why a device is not admitted, in words that say what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    /// No certificate of it is held.
    #[error(
        "the relay does not know this device; it may have come back from an older backup: ask its operator for a new code and run `azalea join`"
    )]
    Unknown = 0,
    /// It is of another council's network.
    #[error("the relay serves another network: check its address")]
    OtherNetwork = 1,
    /// Its certificate, or one above it, begins later.
    #[error(
        "this device's certificate is not valid yet: compare the clocks of this device and the relay"
    )]
    NotYetValid = 2,
    /// Its certificate, or one above it, has ended.
    #[error(
        "the certificate of this device or its facility has expired: ask the relay's operator to renew it with `azalea-relay renew`"
    )]
    Expired = 3,
    /// It, its facility or its registrar has been revoked.
    #[error(
        "this device or its facility has been revoked: ask the relay's operator; whoever returns joins again with new keys"
    )]
    Revoked = 4,
    /// The relay cannot sign in the name of the registrar whom the code names.
    #[error(
        "the relay cannot admit in the name of this code's registrar: ask its operator for another code"
    )]
    Registrar = 5,
}

/// Limits of lists in messages.
pub mod message_limits {
    use crate::wire::Limit;

    /// Certificates, or digests of some, in one message.
    pub const CERTIFICATES: Limit = Limit { name: "certificates_max", max: 4_096 };
    /// Ends of chains in one message.
    pub const CHAINS: Limit = Limit { name: "chains_max", max: 8_192 };
    /// Scopes that are wanted first.
    pub const FIRST: Limit = Limit { name: "first_max", max: 256 };
    /// Publishers' words in one message.
    pub const HEADS: Limit = Limit { name: "heads_max", max: 256 };
}

/// The kind that says goodbye.
const GOODBYE_KIND: u8 = 11;

/// An encapsulated key or a sealed nonce, in bytes.
const CHALLENGE: Limit = Limit { name: "challenge_bytes_max", max: 4_096 };

impl Wire for Message {
    fn write(&self, writer: &mut Writer) {
        let is_goodbye = matches!(self, Self::Goodbye(_));
        writer.u8(if is_goodbye { GOODBYE_VERSION } else { VERSION });
        match self {
            Self::Hello(hello) => {
                writer.u8(0);
                hello.network.write(writer);
                hello.device.write(writer);
                writer.option(&hello.cursor);
                writer.bool(hello.want_own);
                hello.at.write(writer);
            }
            Self::Welcome(welcome) => {
                writer.u8(1);
                welcome.epoch.write(writer);
                writer.u64(welcome.position);
                writer.u64(welcome.end);
                welcome.at.write(writer);
                writer.u64(welcome.yours);
                writer.raw(&welcome.roll);
            }
            Self::Push(envelopes) => {
                writer.u8(2);
                writer.list(envelopes);
            }
            Self::Taken { stored, refused } => {
                writer.u8(3);
                writer.list(stored);
                writer.list(refused);
            }
            Self::Feed { items, end } => {
                writer.u8(4);
                writer.list(items);
                writer.u64(*end);
            }
            Self::Seen { position } => {
                writer.u8(5);
                writer.u64(*position);
            }
            Self::Roll(update) => {
                writer.u8(6);
                update.write(writer);
            }
            Self::Enrol(enrol) => {
                writer.u8(7);
                writer.raw(&enrol.secret);
                enrol.facility.write(writer);
                enrol.device.write(writer);
            }
            Self::Challenge { enc, sealed } => {
                writer.u8(8);
                writer.bytes(enc);
                writer.bytes(sealed);
            }
            Self::Prove { nonce } => {
                writer.u8(9);
                writer.raw(nonce);
            }
            Self::Enrolled { certificates } => {
                writer.u8(10);
                writer.list(certificates);
            }
            Self::Goodbye(goodbye) => {
                writer.u8(GOODBYE_KIND);
                goodbye.write(writer);
            }
            Self::Holding { chains, certificates } => {
                writer.u8(12);
                writer.list(chains);
                write_digests(writer, certificates);
            }
            Self::Lacking { chains, certificates, others } => {
                writer.u8(13);
                writer.list(chains);
                write_digests(writer, certificates);
                writer.bool(*others);
            }
            Self::Certificates(certificates) => {
                writer.u8(14);
                writer.list(certificates);
            }
            Self::Heads(words) => {
                writer.u8(15);
                writer.list(words);
            }
            Self::WantHead { publisher } => {
                writer.u8(16);
                publisher.write(writer);
            }
            Self::Refill => writer.u8(17),
            Self::Refilled { position } => {
                writer.u8(18);
                writer.u64(*position);
            }
            Self::Ahead { lane, items } => {
                writer.u8(19);
                lane.write(writer);
                writer.list(items);
            }
            Self::Kept { held, left } => {
                writer.u8(20);
                write_places(writer, held);
                write_places(writer, left);
            }
            Self::First { scopes } => {
                writer.u8(21);
                writer.list(scopes);
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let version = reader.u8("message version")?;
        let unknown = WireError::Version { field: "message", found: version, known: VERSION };
        if ![GOODBYE_VERSION, VERSION].contains(&version) {
            return Err(unknown);
        }
        let kind = reader.u8("message kind")?;
        if (version == GOODBYE_VERSION) != (kind == GOODBYE_KIND) {
            return Err(unknown);
        }
        Ok(match kind {
            0 => Self::Hello(Hello {
                network: NetworkId::read(reader)?,
                device: DeviceId::read(reader)?,
                cursor: reader.option("cursor")?,
                want_own: reader.bool("want own")?,
                at: Timestamp::read(reader)?,
            }),
            1 => Self::Welcome(Welcome {
                epoch: RelayEpoch::read(reader)?,
                position: reader.u64("position")?,
                end: reader.u64("end")?,
                at: Timestamp::read(reader)?,
                yours: reader.u64("yours")?,
                roll: reader.array("roll")?,
            }),
            2 => Self::Push(reader.list(limits::ENVELOPES)?),
            3 => Self::Taken {
                stored: reader.list(limits::ENVELOPES)?,
                refused: reader.list(limits::ENVELOPES)?,
            },
            4 => Self::Feed { items: reader.list(limits::ENVELOPES)?, end: reader.u64("end")? },
            5 => Self::Seen { position: reader.u64("position")? },
            6 => Self::Roll(HeadUpdate::read(reader)?),
            7 => Self::Enrol(Enrol {
                secret: reader.array("secret")?,
                facility: PublicKey::read(reader)?,
                device: Certificate::read(reader)?,
            }),
            8 => Self::Challenge {
                enc: reader.bytes(CHALLENGE)?.to_vec(),
                sealed: reader.bytes(CHALLENGE)?.to_vec(),
            },
            9 => Self::Prove { nonce: reader.array("nonce")? },
            10 => Self::Enrolled { certificates: reader.list(message_limits::CERTIFICATES)? },
            GOODBYE_KIND => Self::Goodbye(Goodbye::read(reader)?),
            12 => Self::Holding {
                chains: reader.list(message_limits::CHAINS)?,
                certificates: read_digests(reader)?,
            },
            13 => Self::Lacking {
                chains: reader.list(message_limits::CHAINS)?,
                certificates: read_digests(reader)?,
                others: reader.bool("others")?,
            },
            14 => Self::Certificates(reader.list(message_limits::CERTIFICATES)?),
            15 => Self::Heads(reader.list(message_limits::HEADS)?),
            16 => Self::WantHead { publisher: DeviceId::read(reader)? },
            17 => Self::Refill,
            18 => Self::Refilled { position: reader.u64("position")? },
            19 => Self::Ahead { lane: Lane::read(reader)?, items: reader.list(limits::ENVELOPES)? },
            20 => Self::Kept { held: read_places(reader)?, left: read_places(reader)? },
            21 => Self::First { scopes: reader.list(message_limits::FIRST)? },
            _ => return Err(WireError::Invalid { field: "message kind" }),
        })
    }
}

impl Wire for Lane {
    fn write(&self, writer: &mut Writer) {
        writer.u8(match self {
            Self::Urgent => 0,
            Self::Wanted => 1,
            Self::Keys => 2,
        });
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.u8("lane")? {
            0 => Ok(Self::Urgent),
            1 => Ok(Self::Wanted),
            2 => Ok(Self::Keys),
            _ => Err(WireError::Invalid { field: "lane" }),
        }
    }
}

fn write_places(writer: &mut Writer, places: &[u64]) {
    writer.count(places.len());
    places.iter().for_each(|place| writer.u64(*place));
}

fn read_places(reader: &mut Reader<'_>) -> Result<Vec<u64>, WireError> {
    let count = reader.count(limits::ENVELOPES)?;
    (0..count).map(|_| reader.u64("position")).collect()
}

fn write_digests(writer: &mut Writer, digests: &[[u8; 32]]) {
    writer.count(digests.len());
    digests.iter().for_each(|digest| writer.raw(digest));
}

fn read_digests(reader: &mut Reader<'_>) -> Result<Vec<[u8; 32]>, WireError> {
    let count = reader.count(message_limits::CERTIFICATES)?;
    (0..count).map(|_| reader.array("digest")).collect()
}

impl Wire for Bytes {
    fn write(&self, writer: &mut Writer) {
        writer.bytes(&self.0);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self(reader.bytes(limits::ENVELOPE)?.to_vec()))
    }
}

impl Wire for Cursor {
    fn write(&self, writer: &mut Writer) {
        self.epoch.write(writer);
        writer.u64(self.position);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self { epoch: RelayEpoch::read(reader)?, position: reader.u64("position")? })
    }
}

impl Wire for FeedItem {
    fn write(&self, writer: &mut Writer) {
        writer.u64(self.position);
        self.envelope.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self { position: reader.u64("position")?, envelope: Bytes::read(reader)? })
    }
}

impl Wire for Refusal {
    fn write(&self, writer: &mut Writer) {
        self.id.write(writer);
        let (code, detail) = match self.cause {
            RefusalCause::Invalid => (0, 0),
            RefusalCause::Author => (1, 0),
            RefusalCause::Right => (2, 0),
            RefusalCause::Late => (3, 0),
            RefusalCause::Gap { expected } => (4, expected),
            RefusalCause::Fork => (5, 0),
            RefusalCause::Busy => (6, 0),
            RefusalCause::Suspended => (7, 0),
            RefusalCause::Newer => (8, 0),
        };
        writer.u8(code);
        writer.u64(detail);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let id = EnvelopeId::read(reader)?;
        let code = reader.u8("refusal cause")?;
        let detail = reader.u64("refusal detail")?;
        let cause = match (code, detail) {
            (0, 0) => RefusalCause::Invalid,
            (1, 0) => RefusalCause::Author,
            (2, 0) => RefusalCause::Right,
            (3, 0) => RefusalCause::Late,
            (4, expected) => RefusalCause::Gap { expected },
            (5, 0) => RefusalCause::Fork,
            (6, 0) => RefusalCause::Busy,
            (7, 0) => RefusalCause::Suspended,
            (8, 0) => RefusalCause::Newer,
            _ => return Err(WireError::Invalid { field: "refusal cause" }),
        };
        Ok(Self { id, cause })
    }
}

impl Wire for Goodbye {
    fn write(&self, writer: &mut Writer) {
        let (code, detail) = match self {
            Self::Version { ours } => (0, u32::from(*ours)),
            Self::NotAdmitted(why) => (1, *why as u32),
            Self::Code => (2, 0),
            Self::Proof => (3, 0),
            Self::Protocol => (4, 0),
            Self::Busy { retry_after_ms } => (5, *retry_after_ms),
            Self::Closing => (6, 0),
        };
        writer.u8(code);
        writer.u32(detail);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let invalid = WireError::Invalid { field: "goodbye" };
        let code = reader.u8("goodbye")?;
        let detail = reader.u32("goodbye detail")?;
        Ok(match (code, detail) {
            (0, ours) => Self::Version { ours: u8::try_from(ours).map_err(|_| invalid)? },
            (1, 0) => Self::NotAdmitted(NotAdmitted::Unknown),
            (1, 1) => Self::NotAdmitted(NotAdmitted::OtherNetwork),
            (1, 2) => Self::NotAdmitted(NotAdmitted::NotYetValid),
            (1, 3) => Self::NotAdmitted(NotAdmitted::Expired),
            (1, 4) => Self::NotAdmitted(NotAdmitted::Revoked),
            (1, 5) => Self::NotAdmitted(NotAdmitted::Registrar),
            (2, 0) => Self::Code,
            (3, 0) => Self::Proof,
            (4, 0) => Self::Protocol,
            (5, retry_after_ms) => Self::Busy { retry_after_ms },
            (6, 0) => Self::Closing,
            _ => return Err(invalid),
        })
    }
}

#[cfg(test)]
mod tests;
