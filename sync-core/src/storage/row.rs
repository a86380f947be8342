//! The keys and values of the core's tables as types. Integers in keys are big-endian, so that keys ascend.

use crate::access::Snapshot;
use crate::id::{DeviceId, EnvelopeId, PatientId, ScopeId, Timestamp, VersionId};
use crate::wire::{Reader, Wire, WireError, Writer, limits};

/// A scope's number in this store: given in order of arrival, so that backfills write ascending keys.
pub type ScopeNumber = u32;

/// A key from parts of fixed width, laid end to end.
pub fn key(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// The front of all versions' keys of one record: kind and id end with a zero byte, which neither contains.
pub fn record_prefix(scope: ScopeNumber, kind: &str, id: &str) -> Vec<u8> {
    key(&[&scope.to_be_bytes(), kind.as_bytes(), &[0], id.as_bytes(), &[0]])
}

/// The key of one version of a record.
pub fn record_key(scope: ScopeNumber, kind: &str, id: &str, version: &VersionId) -> Vec<u8> {
    let mut bytes = record_prefix(scope, kind, id);
    bytes.extend_from_slice(version.as_bytes());
    bytes
}

/// Kind, id and version from a record's key.
pub fn parse_record_key(bytes: &[u8]) -> Option<(ScopeNumber, &str, &str, VersionId)> {
    let (scope, rest) = bytes.split_first_chunk::<4>()?;
    let (rest, version) = rest.split_last_chunk::<{ VersionId::LEN }>()?;
    let mut names = rest.strip_suffix(&[0])?.splitn(2, |byte| *byte == 0);
    let kind = std::str::from_utf8(names.next()?).ok()?;
    let id = std::str::from_utf8(names.next()?).ok()?;
    Some((u32::from_be_bytes(*scope), kind, id, VersionId(*version)))
}

/// The key of an author's envelope in the chain table.
pub fn chain_key(scope: ScopeNumber, author: &DeviceId, seq: u64) -> Vec<u8> {
    key(&[&scope.to_be_bytes(), author.as_bytes(), &seq.to_be_bytes()])
}

/// Where a version of a record stands, and what a page needs before it opens the envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordRow {
    /// The care year whose volume holds the version; 0 where undated.
    pub year: u16,
    /// The care date as yyyymmdd.
    pub care_date: Option<u32>,
    /// The versions that this one replaces.
    pub parents: Vec<VersionId>,
    /// The canonical digest of the content.
    pub content: [u8; 32],
    /// Whether the version says that the record was removed at its source.
    pub removed: bool,
    /// When the publisher received it.
    pub received: Timestamp,
    /// The envelope's position in the log.
    pub position: u64,
    /// The version's place among the envelope's records.
    pub index: u16,
}

impl Wire for RecordRow {
    fn write(&self, writer: &mut Writer) {
        writer.u16(self.year);
        writer.u32(self.care_date.unwrap_or(0));
        writer.list(&self.parents);
        writer.raw(&self.content);
        writer.bool(self.removed);
        self.received.write(writer);
        writer.u64(self.position);
        writer.u16(self.index);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            year: reader.u16("year")?,
            care_date: Some(reader.u32("care date")?).filter(|date| *date != 0),
            parents: reader.list(limits::PARENTS)?,
            content: reader.array("content")?,
            removed: reader.bool("removed")?,
            received: Timestamp::read(reader)?,
            position: reader.u64("position")?,
            index: reader.u16("index")?,
        })
    }
}

/// Where an author's envelope stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainRow {
    /// Its position.
    pub position: u64,
    /// Its id.
    pub id: EnvelopeId,
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

/// How far an author's chain in a scope is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VectorRow {
    /// The last sequence number that is held without a gap; 0 for none.
    pub seq: u64,
    /// The envelope there; zero for none.
    pub id: EnvelopeId,
    /// What is held beyond the gap, ascending.
    pub ahead: Vec<AheadRow>,
}

/// An envelope that arrived before an earlier one of its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AheadRow {
    /// Its sequence number.
    pub seq: u64,
    /// Its id.
    pub id: EnvelopeId,
    /// The id that it names as its predecessor; zero where the row was made anew without reading the envelope.
    pub previous: EnvelopeId,
}

impl VectorRow {
    /// Nothing is held.
    pub fn empty() -> Self {
        Self { seq: 0, id: EnvelopeId::ZERO, ahead: Vec::new() }
    }
}

impl Wire for AheadRow {
    fn write(&self, writer: &mut Writer) {
        writer.u64(self.seq);
        self.id.write(writer);
        self.previous.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            seq: reader.u64("seq")?,
            id: EnvelopeId::read(reader)?,
            previous: EnvelopeId::read(reader)?,
        })
    }
}

impl Wire for VectorRow {
    fn write(&self, writer: &mut Writer) {
        writer.u64(self.seq);
        self.id.write(writer);
        writer.list(&self.ahead);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            seq: reader.u64("seq")?,
            id: EnvelopeId::read(reader)?,
            ahead: reader.list(limits::AHEAD)?,
        })
    }
}

/// What an author said of a snapshot of its own, and what came of it here. The snapshot is the envelope before the statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotRow {
    /// The author's word.
    pub claim: Snapshot,
    /// Whether what it covers counts as held here.
    pub standing: Standing,
    /// What it covers no longer counts, and the vector is still to be set back.
    pub ended: bool,
}

/// How a snapshot stands here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Only the statement counts: the snapshot is not here, or is set apart as written late.
    Stated,
    /// Still to be looked at.
    Due,
    /// Here, and not to be opened yet: its key, a decision on its author or a program that reads it is missing.
    Sealed,
    /// Here, and what the statement says.
    Sound,
    /// Here, and not what the statement says.
    Broken,
    /// The statement itself is taken back.
    Withdrawn,
}

impl Standing {
    /// Whether all that is covered counts as held.
    pub fn covers(self) -> bool {
        matches!(self, Self::Sealed | Self::Sound)
    }
}

impl Wire for Standing {
    fn write(&self, writer: &mut Writer) {
        writer.u8(match self {
            Self::Stated => 0,
            Self::Due => 1,
            Self::Sealed => 2,
            Self::Sound => 3,
            Self::Broken => 4,
            Self::Withdrawn => 5,
        });
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(match reader.u8("standing")? {
            0 => Self::Stated,
            1 => Self::Due,
            2 => Self::Sealed,
            3 => Self::Sound,
            4 => Self::Broken,
            5 => Self::Withdrawn,
            _ => return Err(WireError::Invalid { field: "standing" }),
        })
    }
}

impl Wire for SnapshotRow {
    fn write(&self, writer: &mut Writer) {
        self.claim.write(writer);
        self.standing.write(writer);
        writer.bool(self.ended);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            claim: Snapshot::read(reader)?,
            standing: Standing::read(reader)?,
            ended: reader.bool("ended")?,
        })
    }
}

/// What a facility's own patient id stands for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LocalRow {
    /// The network's patients that this id is linked to; the first is the one for whom we publish.
    pub patients: Vec<PatientId>,
    /// Our chart of this patient, where we hold one.
    pub chart: Option<ScopeId>,
}

impl Wire for LocalRow {
    fn write(&self, writer: &mut Writer) {
        writer.list(&self.patients);
        writer.option(&self.chart);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self { patients: reader.list(limits::PARENTS)?, chart: reader.option("chart")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_key_comes_apart_as_it_was_put_together() {
        let version = VersionId([0; 16]);
        let bytes = record_key(7, "Observation", "a-1", &version);
        assert_eq!(parse_record_key(&bytes), Some((7, "Observation", "a-1", version)));
        assert!(bytes.starts_with(&record_prefix(7, "Observation", "a-1")));
        assert_eq!(parse_record_key(&bytes[..12]), None);
    }

    #[test]
    fn a_snapshot_row_survives_its_binary_form() {
        let covered = crate::access::Ranges::of([(3, 7), (9, 9)]).expect("some");
        let claim = Snapshot { covered, epoch: 2, digest: [4; 32] };
        for standing in [
            Standing::Stated,
            Standing::Due,
            Standing::Sealed,
            Standing::Sound,
            Standing::Broken,
            Standing::Withdrawn,
        ] {
            let row = SnapshotRow { claim: claim.clone(), standing, ended: !standing.covers() };
            assert_eq!(SnapshotRow::from_bytes(&row.to_bytes()), Ok(row));
        }
    }

    #[test]
    fn a_record_row_survives_its_binary_form() {
        let row = RecordRow {
            year: 2024,
            care_date: Some(20_240_131),
            parents: vec![VersionId([1; 16])],
            content: [2; 32],
            removed: false,
            received: Timestamp(5),
            position: 9,
            index: 3,
        };
        assert_eq!(RecordRow::from_bytes(&row.to_bytes()), Ok(row));
    }
}
