//! The node's own tables, beside the core's: what pages read, accounts. All of it can be derived
//! again or belongs to this device alone. `docs/STORAGE.md` lists them.

use azalea_core::access::ScopeKind;
use azalea_core::blob::{BlobRef, Placed};
use azalea_core::id::{FacilityId, PatientId, ScopeId, Timestamp, VersionId};
use azalea_core::replica::effect::ScopeView;
use azalea_core::storage::Table;
use azalea_core::storage::row::ScopeNumber;
use azalea_core::wire::{Reader, Wire, WireError, Writer, limits};

use crate::index::{CareTime, PatientRow, TimelineRow};

/// Scope number → what pages know of the scope.
pub const SCOPES: Table = Table::named("node.scope");
/// (scope number, version) → the patient as that version states them.
pub const PERSON: Table = Table::named("node.person");
/// (scope number, version, place) → one line of a timeline; current versions only.
pub const TIMELINE: Table = Table::named("node.timeline");
/// (scope number, record) → nothing: its current versions disagree.
pub const REVIEW: Table = Table::named("node.review");
/// Scope number → the newest care in it.
pub const CARE: Table = Table::named("node.care");
/// Login → staff account.
pub const STAFF: Table = Table::named("node.staff");
/// (patient, consent) → how it was recorded here.
pub const CONSENT: Table = Table::named("node.consent");
/// Digest of a file → what of it the importer could not take.
pub const IMPORT: Table = Table::named("node.import");
/// Digest of a file → how far it was taken.
pub const MARK: Table = Table::named("node.mark");
/// (digest of an identifier, local patient id) → nothing: a Patient record bears it.
pub const BEARER: Table = Table::named("node.bearer");
/// (scope number, version, place) → what the version says of an attachment.
pub const ATTACHMENT: Table = Table::named("node.attachment");
/// (scope, blob, length, version) → nothing: the version refers to the blob.
pub const BLOB_USE: Table = Table::named("node.blob_use");

/// A timeline row's key; an attachment's is alike.
pub fn timeline_key(scope: ScopeNumber, version: &VersionId, place: u16) -> Vec<u8> {
    [&scope.to_be_bytes()[..], version.as_bytes(), &place.to_be_bytes()].concat()
}

/// The front of all timeline keys of one version; also the key of its person row.
pub fn version_key(scope: ScopeNumber, version: &VersionId) -> Vec<u8> {
    [&scope.to_be_bytes()[..], version.as_bytes()].concat()
}

/// The version in a timeline or person key.
pub fn version_of(key: &[u8]) -> Option<VersionId> {
    key.get(4..20)?.try_into().ok().map(VersionId)
}

/// The key under which a version stands for its use of a blob.
pub fn blob_use_key(of: &Placed, version: &VersionId) -> Vec<u8> {
    [of.key(), version.as_bytes().to_vec()].concat()
}

/// The blob in such a key.
pub fn used_blob(key: &[u8]) -> Option<Placed> {
    let of = key.len().checked_sub(VersionId::LEN)?;
    Placed::from_bytes(key.get(..of)?).ok()
}

/// An attachment as a version of a record refers to it. Its key never leaves the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachmentRow {
    /// What the record says of the blob.
    pub blob: BlobRef,
    /// The media type that the record gives.
    pub media_type: Option<String>,
    /// The title that the record gives: patient data.
    pub title: Option<Title>,
}

/// What a record calls an attachment; prints as a length only.
#[derive(Clone, PartialEq, Eq)]
pub struct Title(pub String);

impl std::fmt::Debug for Title {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Title({} bytes)", self.0.len())
    }
}

impl Wire for AttachmentRow {
    fn write(&self, writer: &mut Writer) {
        self.blob.write(writer);
        for text in [self.media_type.as_deref(), self.title.as_ref().map(|title| title.0.as_str())]
        {
            writer.bool(text.is_some());
            writer.text(text.unwrap_or_default());
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let blob = BlobRef::read(reader)?;
        let mut text = |field| {
            let is_there = reader.bool(field)?;
            let text = reader.text(limits::TEXT)?;
            Ok::<_, WireError>(is_there.then(|| text.to_owned()))
        };
        Ok(Self { blob, media_type: text("media type")?, title: text("title")?.map(Title) })
    }
}

/// A line of a timeline with what a page needs beside it.
pub struct EntryRow {
    /// How many versions the record has.
    pub versions: u32,
    /// Whether its current versions disagree.
    pub conflict: bool,
    /// When its publisher took it in.
    pub received: Timestamp,
    /// The line.
    pub row: TimelineRow,
}

/// Length of what comes before the line in an [`EntryRow`]'s binary form.
const ENTRY_HEAD: usize = 13;

impl EntryRow {
    /// Puts another count and conflict into a row's binary form; the line itself is left as it is.
    pub fn patch(bytes: &[u8], versions: u32, conflict: bool) -> Option<Vec<u8>> {
        let received = bytes.get(5..ENTRY_HEAD)?;
        let mut writer = Writer::new();
        writer.u32(versions);
        writer.bool(conflict);
        writer.raw(received);
        writer.raw(&bytes[ENTRY_HEAD..]);
        Some(writer.into_bytes())
    }
}

impl Wire for EntryRow {
    fn write(&self, writer: &mut Writer) {
        writer.u32(self.versions);
        writer.bool(self.conflict);
        self.received.write(writer);
        self.row.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            versions: reader.u32("versions")?,
            conflict: reader.bool("conflict")?,
            received: Timestamp::read(reader)?,
            row: TimelineRow::read(reader)?,
        })
    }
}

/// A patient as one record states them.
pub struct PersonRow {
    /// Whether it is a Patient resource, which counts before a document's mention.
    pub own: bool,
    /// What it states.
    pub row: PatientRow,
}

impl Wire for PersonRow {
    fn write(&self, writer: &mut Writer) {
        writer.bool(self.own);
        self.row.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self { own: reader.bool("own")?, row: PatientRow::read(reader)? })
    }
}

/// A scope as [`SCOPES`] keeps it.
pub struct ScopeRow(pub ScopeView);

impl Wire for ScopeRow {
    fn write(&self, writer: &mut Writer) {
        self.0.id.write(writer);
        writer.u32(self.0.number);
        self.0.kind.write(writer);
        self.0.owner.write(writer);
        writer.option(&self.0.patient);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self(ScopeView {
            id: ScopeId::read(reader)?,
            number: reader.u32("scope number")?,
            kind: ScopeKind::read(reader)?,
            owner: FacilityId::read(reader)?,
            patient: reader.option("patient")?,
        }))
    }
}

/// The patient whose chart or care a scope holds.
pub fn page_patient(scope: &ScopeView) -> Option<PatientId> {
    matches!(scope.kind, ScopeKind::Chart | ScopeKind::Care).then_some(scope.patient)?
}

/// The newest care in a scope.
pub struct CareRow(pub CareTime);

impl Wire for CareRow {
    fn write(&self, writer: &mut Writer) {
        self.0.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        CareTime::read(reader).map(Self)
    }
}
