//! One version of one clinical record: its verbatim bytes and what is said about them.
//!
//! The bytes are never parsed here. `content` is the publisher's digest of what they mean (canonical form),
//! by which an importer sees that nothing changed; the version's own id covers every byte instead, so that
//! two replicas can never hold different bytes under one id.

use crate::hash::Context;
use crate::id::{Timestamp, VersionId};
use crate::wire::{Reader, Wire, WireError, Writer, limits};

/// Which record a version belongs to, within its scope.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey {
    /// The FHIR resource type, or `Bundle/document` and the like for what is kept whole.
    pub kind: String,
    /// The publisher's own id of the record.
    pub id: String,
}

/// What is said about a record beside its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct RecordHeader {
    /// The day of care as `yyyymmdd`, where the record bears one.
    pub care_date: Option<u32>,
    /// Which system the record came from: `fhir`, `ssmix2`, … Never a file's name.
    pub source: String,
    /// The `fullUrl` under which its Bundle named it; other entries may refer to it so.
    pub full_url: Option<String>,
    /// When the publisher took it in.
    pub received: Timestamp,
    /// The staff id or service that took it in.
    pub by: String,
}

/// The record itself, or the fact that its publisher took it back.
#[derive(Clone, PartialEq, Eq)]
pub enum Content {
    /// The record's bytes as they came.
    Raw(Vec<u8>),
    /// The publisher removed the record; earlier versions stay readable as history.
    Removed,
}

/// One version of a record. Equal versions are equal bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct RecordVersion {
    /// The record.
    pub key: RecordKey,
    /// The versions that this one replaces; ascending. More than one settles a disagreement.
    pub parents: Vec<VersionId>,
    /// The publisher's digest of the record's canonical form.
    pub content: [u8; 32],
    /// What is said about the record.
    pub header: RecordHeader,
    /// The record.
    pub body: Content,
}

/// The digest to put into [`RecordVersion::content`] for a canonical form.
pub fn content_digest(canonical: &[u8]) -> [u8; 32] {
    CONTENT_CONTEXT.hash(canonical)
}

impl RecordVersion {
    /// This version's id: the digest of its whole binary form.
    pub fn version_id(&self) -> VersionId {
        VersionId::digest(&ID_CONTEXT, &[&self.to_bytes()])
    }

    /// The verbatim bytes; `None` where the record was removed.
    pub fn raw(&self) -> Option<&[u8]> {
        match &self.body {
            Content::Raw(bytes) => Some(bytes),
            Content::Removed => None,
        }
    }

    /// An upper bound of this version's share of a body, to cut batches by.
    pub fn size(&self) -> usize {
        let header = &self.header;
        let texts = [&self.key.kind, &self.key.id, &header.source, &header.by];
        FIXED_BYTES
            + texts.iter().map(|text| text.len()).sum::<usize>()
            + header.full_url.as_ref().map_or(0, String::len)
            + self.parents.len() * VersionId::LEN
            + self.raw().map_or(0, <[u8]>::len)
    }
}

impl Wire for RecordKey {
    fn write(&self, writer: &mut Writer) {
        writer.text(&self.kind);
        writer.text(&self.id);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let kind = reader.text(limits::KEY)?.to_owned();
        let id = reader.text(limits::KEY)?.to_owned();
        Ok(Self { kind, id })
    }
}

impl Wire for RecordHeader {
    fn write(&self, writer: &mut Writer) {
        writer.bool(self.care_date.is_some());
        if let Some(date) = self.care_date {
            writer.u32(date);
        }
        writer.text(&self.source);
        writer.bool(self.full_url.is_some());
        if let Some(url) = &self.full_url {
            writer.text(url);
        }
        self.received.write(writer);
        writer.text(&self.by);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let dated = reader.bool("care date")?;
        let care_date = dated.then(|| reader.u32("care date")).transpose()?;
        let source = reader.text(limits::TEXT)?.to_owned();
        let named = reader.bool("full url")?;
        let full_url = named.then(|| reader.text(limits::URL).map(str::to_owned)).transpose()?;
        let received = Timestamp::read(reader)?;
        let by = reader.text(limits::TEXT)?.to_owned();
        Ok(Self { care_date, source, full_url, received, by })
    }
}

impl Wire for RecordVersion {
    fn write(&self, writer: &mut Writer) {
        writer.u8(VERSION);
        self.key.write(writer);
        writer.list(&self.parents);
        writer.raw(&self.content);
        self.header.write(writer);
        match &self.body {
            Content::Raw(bytes) => {
                writer.u8(1);
                writer.bytes(bytes);
            }
            Content::Removed => writer.u8(0),
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.u8("record version")? {
            VERSION => {}
            0 => return Err(WireError::Invalid { field: "record version" }),
            found => {
                return Err(WireError::Version { field: "record version", found, known: VERSION });
            }
        }
        let key = RecordKey::read(reader)?;
        let parents: Vec<VersionId> = reader.list(limits::PARENTS)?;
        if !parents.is_sorted_by(|a, b| a < b) {
            return Err(WireError::Invalid { field: "parents" });
        }
        let content = reader.array("content digest")?;
        let header = RecordHeader::read(reader)?;
        let body = match reader.u8("record content")? {
            0 => Content::Removed,
            1 => Content::Raw(reader.bytes(limits::RECORD)?.to_vec()),
            _ => return Err(WireError::Invalid { field: "record content" }),
        };
        Ok(Self { key, parents, content, header, body })
    }
}

/// Keys can hold a patient's number, so they print as a kind and a length.
impl std::fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RecordKey({}, {} bytes)", self.kind.len(), self.id.len())
    }
}

impl std::fmt::Debug for RecordHeader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecordHeader")
    }
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Raw(bytes) => write!(f, "Raw({} bytes)", bytes.len()),
            Self::Removed => f.write_str("Removed"),
        }
    }
}

impl std::fmt::Debug for RecordVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RecordVersion({:?}, {} parents, {:?})", self.key, self.parents.len(), self.body)
    }
}

const VERSION: u8 = 1;
static ID_CONTEXT: Context = Context::new("azalea record version v1");
static CONTENT_CONTEXT: Context = Context::new("azalea record content v1");
/// Version, lengths, flags, digest and times of a version whose texts and bytes are empty.
const FIXED_BYTES: usize = 96;

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> RecordVersion {
        RecordVersion {
            key: RecordKey { kind: "Observation".into(), id: "o1".into() },
            parents: vec![VersionId([1; 16]), VersionId([2; 16])],
            content: [9; 32],
            header: RecordHeader {
                care_date: Some(20261122),
                source: "fhir".into(),
                full_url: Some("urn:uuid:1".into()),
                received: Timestamp(5),
                by: "s1".into(),
            },
            body: Content::Raw(b"{ \"value\": 6.30 }".to_vec()),
        }
    }

    #[test]
    fn a_record_version_has_these_bytes() {
        let expected = [
            "01",                             // format version
            "0000000b4f62736572766174696f6e", // kind
            "000000026f31",                   // id
            "00000002",                       // two parents
            "01010101010101010101010101010101",
            "02020202020202020202020202020202",
            "0909090909090909090909090909090909090909090909090909090909090909",
            "0101352902",                                   // care date 20261122
            "0000000466686972",                             // source
            "010000000a75726e3a757569643a31",               // full url
            "0000000000000005",                             // received
            "000000027331",                                 // by
            "01000000117b202276616c7565223a20362e3330207d", // raw bytes
        ]
        .concat();
        let bytes = sample().to_bytes();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected);
        assert_eq!(RecordVersion::from_bytes(&bytes), Ok(sample()));
        assert!(bytes.len() <= sample().size());
    }

    #[test]
    fn number_lexemes_and_odd_bytes_come_back_as_they_were() {
        let mut version = sample();
        version.body = Content::Raw(b"\xef\xbb\xbf{\"a\":1.0e0,\r\n \"a\":1.00}\xff\0".to_vec());
        let read = RecordVersion::from_bytes(&version.to_bytes()).expect("just written");
        assert_eq!(read.raw(), version.raw());
        assert_eq!(read.version_id(), version.version_id());
    }

    #[test]
    fn every_part_of_a_version_is_in_its_id() {
        let base = sample();
        let mut others = vec![base.clone(); 7];
        others[0].key.id = "o2".into();
        others[1].parents.pop();
        others[2].content = [8; 32];
        others[3].header.care_date = None;
        others[4].header.received = Timestamp(6);
        others[5].body = Content::Raw(b"{ \"value\": 6.3 }".to_vec());
        others[6].body = Content::Removed;
        for other in others {
            assert_ne!(other.version_id(), base.version_id(), "{other:?}");
        }
    }

    #[test]
    fn parents_have_one_order_and_a_newer_version_asks_for_an_update() {
        let mut twisted = sample();
        twisted.parents.reverse();
        assert_eq!(
            RecordVersion::from_bytes(&twisted.to_bytes()),
            Err(WireError::Invalid { field: "parents" })
        );
        let mut newer = sample().to_bytes();
        newer[0] = 2;
        let error = RecordVersion::from_bytes(&newer).expect_err("version 2 is not known");
        assert!(error.to_string().ends_with("update this program"), "{error}");
    }

    #[test]
    fn nothing_of_a_record_shows_in_debug() {
        let text = format!("{:?} {:?}", sample(), sample().header);
        for secret in ["o1", "s1", "urn", "6.30", "20261122"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
