//! The relay's tables: keys, values and their types. `docs/STORAGE.md` says which scan each serves.
//!
//! Devices and scopes have numbers here, given in order of arrival, so that keys are short and ascend.
//! Integers in keys are big-endian.

use azalea_core::access::ScopeAccess;
use azalea_core::id::{DeviceId, EnvelopeId, FacilityId, RelayEpoch, ScopeId, Timestamp};
use azalea_core::storage::{Batch, Order, Range, Read, StorageError, Table, table};
use azalea_core::wire::limits::Limit;
use azalea_core::wire::{Reader, Wire, WireError, Writer, limits};

/// Name → value: the format's version, the network, the epoch.
pub const META: Table = table::META;
/// Digest of a certificate → certificate; loaded whole at start.
pub const CERTIFICATE: Table = table::CERTIFICATE;
/// Scope id → number and access.
pub const SCOPE: Table = table::SCOPE;
/// Log position → checksum over position and envelope, then the envelope; append-only.
pub const LOG: Table = table::LOG;
/// (scope, author, sequence) → log position and envelope id.
pub const CHAIN: Table = table::CHAIN;
/// Device id → number and what is remembered of it.
pub const DEVICE: Table = Table::named("device");
/// (scope, recipient) → how far the recipient's feed has the scope's earlier envelopes.
pub const MEMBER: Table = Table::named("member");
/// (recipient, feed position) → scope, author and log position; or, at its last position, a run of what every feed has.
pub const FEED: Table = Table::named("feed");
/// (scope, log position) → author: a scope's statements, which a new reader gets first.
pub const STATEMENT: Table = Table::named("statement");
/// (recipient, feed position) → lane: what goes ahead of its place in the feed.
pub const URGENT: Table = Table::named("urgent");
/// Publisher device → the newest roll that it signed.
pub const HEAD_ROLL: Table = Table::named("head_roll");
/// (publisher device, recipient facility) → the recipient's share of that roll.
pub const HEAD_SHARE: Table = Table::named("head_share");
/// (author, scope, sequence, envelope id) → an envelope that contradicts the one in the log.
pub const FORK: Table = Table::named("fork");
/// Key of a fork → when the operator decided that it no longer stands against its author.
pub const JUDGED: Table = Table::named("judged");
/// Log position whose envelope is not what was written → where that stands in its chain, and what has become of it.
pub const ROTTEN: Table = Table::named("rotten");
/// (scope, author, sequence of the statement) → the numbers of the author's chain that a snapshot stands for.
pub const SNAPSHOT: Table = table::SNAPSHOT;
/// Digest of an invitation's secret → invitation.
pub const INVITE: Table = Table::named("invite");

/// Value of [`FORMAT_KEY`] that this program writes.
pub(crate) const FORMAT: u32 = 2;
/// The one before, which it reads: each envelope of the registry had a row in each feed.
pub(crate) const FORMAT_ROWS: u32 = 1;
pub(crate) const FORMAT_KEY: &[u8] = b"format";
pub(crate) const EPOCH_KEY: &[u8] = b"epoch";
/// The first log position that was free when the epoch began; 0 where it is not there.
pub(crate) const EPOCH_BEGAN_KEY: &[u8] = b"epoch-began";
pub(crate) const NETWORK_KEY: &[u8] = b"network";

/// A device's number in this store.
pub(crate) type DeviceNumber = u32;
/// A scope's number in this store.
pub(crate) type ScopeNumber = u32;

/// The rows with which a new epoch begins, for a store that came from a backup: where readers stand in its feeds is not to be
/// relied on.
pub fn begin_epoch(store: &dyn Read, epoch: RelayEpoch) -> Result<Batch, StorageError> {
    let mut next = 0_u64;
    store.scan(LOG, &Range::all(), Order::Descending, &mut |key, _| {
        next = key.try_into().map_or(0, |position| u64::from_be_bytes(position).saturating_add(1));
        false
    })?;
    let mut batch = Batch::new();
    batch.put(META, EPOCH_KEY, epoch.to_bytes());
    batch.put(META, EPOCH_BEGAN_KEY, next.to_be_bytes());
    Ok(batch)
}

pub(crate) fn chain_prefix(scope: ScopeNumber) -> Vec<u8> {
    scope.to_be_bytes().to_vec()
}

pub(crate) fn author_prefix(scope: ScopeNumber, author: DeviceNumber) -> Vec<u8> {
    [scope.to_be_bytes(), author.to_be_bytes()].concat()
}

pub(crate) fn chain_key(scope: ScopeNumber, author: DeviceNumber, seq: u64) -> Vec<u8> {
    [&scope.to_be_bytes()[..], &author.to_be_bytes(), &seq.to_be_bytes()].concat()
}

pub(crate) fn parse_chain_key(key: &[u8]) -> Option<(ScopeNumber, DeviceNumber, u64)> {
    let (scope, rest) = key.split_first_chunk::<4>()?;
    let (author, seq) = rest.split_first_chunk::<4>()?;
    Some((
        u32::from_be_bytes(*scope),
        u32::from_be_bytes(*author),
        u64::from_be_bytes(seq.try_into().ok()?),
    ))
}

pub(crate) fn statement_key(scope: ScopeNumber, log: u64) -> Vec<u8> {
    [&scope.to_be_bytes()[..], &log.to_be_bytes()].concat()
}

/// The log position of a statement, and its author.
pub(crate) fn parse_statement(key: &[u8], value: &[u8]) -> Option<(u64, DeviceNumber)> {
    let (_, log) = key.split_last_chunk::<8>()?;
    Some((u64::from_be_bytes(*log), u32::from_be_bytes(value.try_into().ok()?)))
}

pub(crate) fn feed_key(recipient: DeviceNumber, position: u64) -> Vec<u8> {
    [&recipient.to_be_bytes()[..], &position.to_be_bytes()].concat()
}

pub(crate) fn feed_position(key: &[u8]) -> Option<u64> {
    key.split_last_chunk::<8>().map(|(_, position)| u64::from_be_bytes(*position))
}

pub(crate) fn member_key(scope: ScopeNumber, recipient: DeviceNumber) -> Vec<u8> {
    [scope.to_be_bytes(), recipient.to_be_bytes()].concat()
}

pub(crate) fn parse_member_key(key: &[u8]) -> Option<(ScopeNumber, DeviceNumber)> {
    let (scope, recipient) = key.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*scope), u32::from_be_bytes(recipient.try_into().ok()?)))
}

pub(crate) fn share_key(publisher: &DeviceId, recipient: &FacilityId) -> Vec<u8> {
    [publisher.as_bytes(), recipient.as_bytes()].concat()
}

pub(crate) fn share_publisher(key: &[u8]) -> Option<DeviceId> {
    key.split_first_chunk::<16>().map(|(publisher, _)| DeviceId(*publisher))
}

pub(crate) fn fork_key(author: &DeviceId, scope: &ScopeId, seq: u64, id: &EnvelopeId) -> Vec<u8> {
    [author.as_bytes(), scope.as_bytes(), &seq.to_be_bytes(), id.as_bytes()].concat()
}

/// Author, scope and sequence from a fork's key.
pub(crate) fn parse_fork_key(key: &[u8]) -> Option<(DeviceId, ScopeId, u64)> {
    let (author, rest) = key.split_first_chunk::<16>()?;
    let (scope, rest) = rest.split_first_chunk::<16>()?;
    let (seq, id) = rest.split_first_chunk::<8>()?;
    (id.len() == EnvelopeId::LEN)
        .then(|| (DeviceId(*author), ScopeId(*scope), u64::from_be_bytes(*seq)))
}

/// An envelope as the log keeps it: a checksum over its position and bytes, then the bytes.
pub(crate) fn log_value(position: u64, envelope: &[u8]) -> Vec<u8> {
    [&log_checksum(position, envelope)[..], envelope].concat()
}

/// The envelope in a log value, if it is what was written at this position.
pub fn parse_log_value(position: u64, value: &[u8]) -> Option<&[u8]> {
    let (checksum, envelope) = value.split_first_chunk::<32>()?;
    (log_checksum(position, envelope) == *checksum).then_some(envelope)
}

/// The position is part of it: a damaged key must not pass one envelope off as another.
fn log_checksum(position: u64, envelope: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&position.to_be_bytes());
    hasher.update(envelope);
    *hasher.finalize().as_bytes()
}

/// Where an envelope stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChainRow {
    pub(crate) position: u64,
    pub(crate) id: EnvelopeId,
}

impl Wire for ChainRow {
    fn write(&self, writer: &mut Writer) {
        writer.u64(self.position);
        self.id.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self { position: reader.u64("position")?, id: EnvelopeId::read(reader)? })
    }
}

/// A row of a recipient's feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FeedPlace {
    /// One envelope.
    One(FeedRow),
    /// Several that follow one another.
    Run(Run),
}

/// What a feed has of the registry between two other rows: so many envelopes of others, those after a position in the log. The row stands
/// at the position of the last of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) scope: ScopeNumber,
    pub(crate) count: u32,
    pub(crate) after: u64,
}

/// One place in a recipient's feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FeedRow {
    pub(crate) scope: ScopeNumber,
    pub(crate) author: DeviceNumber,
    pub(crate) log: u64,
    /// Sent even though the recipient has no access any more: the word that took it away.
    pub(crate) parting: bool,
}

impl Wire for FeedPlace {
    fn write(&self, writer: &mut Writer) {
        let (scope, second, log, flag) = match self {
            Self::One(row) => (row.scope, row.author, row.log, u8::from(row.parting)),
            Self::Run(run) => (run.scope, run.count, run.after, RUN),
        };
        writer.u32(scope);
        writer.u32(second);
        writer.u64(log);
        writer.u8(flag);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let (scope, second) = (reader.u32("scope")?, reader.u32("author or count")?);
        let log = reader.u64("position")?;
        let one = |parting| Self::One(FeedRow { scope, author: second, log, parting });
        match reader.u8("flag")? {
            0 => Ok(one(false)),
            1 => Ok(one(true)),
            RUN => Ok(Self::Run(Run { scope, count: second, after: log })),
            _ => Err(WireError::Invalid { field: "flag" }),
        }
    }
}

/// The flag of a run, where others say whether their reader parts by them.
const RUN: u8 = 2;

/// How far a recipient's feed has a scope's earlier envelopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Member {
    /// All of them; new ones are appended as they come.
    Whole,
    /// So far; new ones wait until the earlier ones are there. Of the registry always so: what comes after it stands at the feed's
    /// end.
    Filling(Progress),
}

/// How far a feed that is being filled has got with a scope.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// It has the envelopes up to this log position.
    pub(crate) after: u64,
    /// It has the statements up to this log position, which went before the rest; 0 for none.
    pub(crate) stated: u64,
}

impl Member {
    /// A feed that has a scope up to a log position.
    pub(crate) fn up_to(after: u64) -> Self {
        Self::Filling(Progress { after, stated: 0 })
    }
}

impl Wire for Member {
    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Whole => writer.u8(0),
            Self::Filling(Progress { after, stated: 0 }) => {
                writer.u8(1);
                writer.u64(*after);
            }
            Self::Filling(Progress { after, stated }) => {
                writer.u8(2);
                writer.u64(*after);
                writer.u64(*stated);
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.u8("member")? {
            0 => Ok(Self::Whole),
            1 => Ok(Self::Filling(Progress { after: reader.u64("after")?, stated: 0 })),
            2 => {
                let (after, stated) = (reader.u64("after")?, reader.u64("stated")?);
                match stated {
                    0 => Err(WireError::Invalid { field: "stated" }),
                    _ => Ok(Self::Filling(Progress { after, stated })),
                }
            }
            _ => Err(WireError::Invalid { field: "member" }),
        }
    }
}

/// What is remembered of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DeviceRow {
    pub(crate) number: DeviceNumber,
    /// The feed position up to which it holds everything.
    pub(crate) seen: u64,
    /// When it last had a session.
    pub(crate) last_seen: Timestamp,
    /// The log position up to which its own envelopes are in its feed; they are put there only on demand.
    pub(crate) own_through: u64,
}

impl Wire for DeviceRow {
    fn write(&self, writer: &mut Writer) {
        writer.u32(self.number);
        writer.u64(self.seen);
        self.last_seen.write(writer);
        writer.u64(self.own_through);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            number: reader.u32("number")?,
            seen: reader.u64("seen")?,
            last_seen: Timestamp::read(reader)?,
            own_through: reader.u64("own through")?,
        })
    }
}

/// An envelope that the log can no longer give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RottenRow {
    pub(crate) lost: Lost,
    /// Whose feeds have passed it over, and which of them part by it; each gets it once it is here again.
    pub(crate) missed: Vec<Missed>,
    /// The log position at which it is here again.
    pub(crate) again: Option<u64>,
}

/// Where an envelope stands in its author's chain that the log can no longer give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) scope: ScopeNumber,
    pub(crate) author: DeviceNumber,
    pub(crate) seq: u64,
    pub(crate) id: EnvelopeId,
    /// The envelope before it in the chain; zero for the first.
    pub(crate) before: EnvelopeId,
}

/// A reader that was not sent an envelope that was its due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Missed {
    pub(crate) recipient: DeviceNumber,
    pub(crate) parting: bool,
}

/// Readers that one rotten envelope remembers.
pub(crate) const MISSED: Limit = Limit { name: "missed_max", max: 65_536 };

impl Wire for Missed {
    fn write(&self, writer: &mut Writer) {
        writer.u32(self.recipient);
        writer.bool(self.parting);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self { recipient: reader.u32("recipient")?, parting: reader.bool("parting")? })
    }
}

impl Wire for RottenRow {
    fn write(&self, writer: &mut Writer) {
        writer.u32(self.lost.scope);
        writer.u32(self.lost.author);
        writer.u64(self.lost.seq);
        self.lost.id.write(writer);
        self.lost.before.write(writer);
        writer.list(&self.missed);
        writer.u64(self.again.unwrap_or(0));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let lost = Lost {
            scope: reader.u32("scope")?,
            author: reader.u32("author")?,
            seq: reader.u64("seq")?,
            id: EnvelopeId::read(reader)?,
            before: EnvelopeId::read(reader)?,
        };
        let missed = reader.list(MISSED)?;
        let again = reader.u64("position")?;
        Ok(Self { lost, missed, again: (again > 0).then_some(again) })
    }
}

/// A scope: its number, and who may do what in it once that has been stated.
pub(crate) struct ScopeRow {
    pub(crate) number: ScopeNumber,
    pub(crate) access: Option<ScopeAccess>,
}

impl Wire for ScopeRow {
    fn write(&self, writer: &mut Writer) {
        writer.u32(self.number);
        writer.option(&self.access);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self { number: reader.u32("number")?, access: reader.option("access")? })
    }
}

/// Text in an invitation, written and read with one limit.
pub(crate) fn read_text(reader: &mut Reader<'_>) -> Result<String, WireError> {
    reader.text(limits::TEXT).map(str::to_owned)
}
