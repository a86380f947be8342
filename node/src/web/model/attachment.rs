//! Attachments of records: what a record says of each, and how much of it is here.

use azalea_core::id::{BlobId, VersionId};

/// How much of an attachment is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttachmentState {
    /// All of it: it can be opened.
    Held,
    /// It is coming now; so many percent are here.
    Coming(u8),
    /// Somebody waits for it; so many percent are here.
    Wanted(u8),
    /// As above, and the relay says that it does not have all of it yet.
    NotAtRelay(u8),
    /// Not here, or so many percent of it.
    NotHere(u8),
}

/// One attachment of one version of a record.
#[derive(Clone)]
pub struct AttachmentCard {
    /// The version that refers to it.
    pub version: VersionId,
    /// Whether that version is current.
    pub current: bool,
    /// Its place among those of the version.
    pub place: u16,
    /// The FHIR type of the record.
    pub kind: String,
    /// The blob.
    pub blob: BlobId,
    /// What the record calls it.
    pub title: Option<String>,
    /// Its media type, as the record says.
    pub media_type: Option<String>,
    /// Bytes of content.
    pub bytes: u64,
    /// How much of it is here.
    pub state: AttachmentState,
}

/// An attachment's content.
pub struct AttachmentContent {
    /// The blob.
    pub blob: BlobId,
    /// Its media type, as the record says.
    pub media_type: Option<String>,
    /// All of it.
    pub bytes: Vec<u8>,
}
