//! Where finished records go: the one seam between reading files and keeping records.
//!
//! The importer knows files, the sink knows what is held. So the sink decides what is new, and it remembers
//! how far a file was taken: a process that dies in the middle of a file goes on where its last durable
//! batch ended, and a record that the file names twice is not doubled.

mod memory;

pub use azalea_core::document::RecordKey;
pub use memory::MemorySink;

use serde::{Deserialize, Serialize};

use super::report::FileReport;

/// Whose record it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A patient, by the facility's own id: `Patient.id`, or the name by which the file refers to a patient
    /// that it does not contain.
    Patient(String),
    /// No patient, or several. Only what [`describes_facility`](super::describes_facility) names is meant for other
    /// facilities; the rest stays with the facility.
    Directory,
}

/// A local id is patient data: says which kind of subject only.
impl std::fmt::Debug for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Patient(id) => write!(f, "Patient({} bytes)", id.len()),
            Self::Directory => f.write_str("Directory"),
        }
    }
}

/// One record as it was found in a file.
#[derive(Clone, PartialEq, Eq)]
pub struct RecordInput {
    /// Whose record it is.
    pub subject: Subject,
    /// Its type and id.
    pub key: RecordKey,
    /// The year of care; 0 where the record bears no date.
    pub year: u16,
    /// The day of care as `yyyymmdd`; a month or day that the record leaves open is 00.
    pub care_date: Option<u32>,
    /// Digest of the canonical form: equal for equal content, whatever the order of keys and the white space.
    pub content: [u8; 32],
    /// The name that its Bundle gave to it.
    pub full_url: Option<String>,
    /// The resource exactly as it stands in the file.
    pub raw: Vec<u8>,
}

/// Patient data: says its kind and length only.
impl std::fmt::Debug for RecordInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RecordInput({}, {} bytes)", self.key.kind, self.raw.len())
    }
}

/// How far a file, known by its digest, was taken. The sink keeps it as it is and need not understand it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The file was taken to its end.
    pub whole: bool,
    /// So many of its resources, in the order of reading, were dealt with.
    pub position: u64,
    /// Which of them were quarantined, ascending: another import of the file tries these again, and only these.
    pub quarantined: Vec<u64>,
}

impl Mark {
    /// True where the resource at this position is held already because of this file.
    pub(crate) fn holds(&self, position: u64) -> bool {
        position < self.position && self.quarantined.binary_search(&position).is_err()
    }
}

/// What a sink did with one batch; each record counts once as taken, unchanged or a new version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BatchOutcome {
    /// Records that were not held before.
    pub taken: u64,
    /// Records whose content is what is held.
    pub unchanged: u64,
    /// Records held with other content until now.
    pub new_versions: u64,
    /// Among the new versions, those whose content is that of an older version: a revert, or an older export.
    pub older_again: u64,
}

/// Keeps records. A method fails for the sink's own reasons (a full disk); the import then stops and says so.
pub trait Sink {
    /// The last mark that was kept for the file with this digest.
    fn mark(&mut self, file: &[u8; 32]) -> Result<Option<Mark>, SinkError>;

    /// Keeps a batch and, in one step with it, the mark: neither may be durable without the other.
    ///
    /// A record equal in content to the current version of its key is unchanged; any other is a new version. A batch
    /// may hold the same key more than once: its order counts.
    ///
    /// Batches are kept in the order in which they are given, and a sink may return before the disk has this one, so that the file
    /// is read on meanwhile. What it returns is what became of those that are durable and were not told yet.
    fn take(
        &mut self,
        file: &[u8; 32],
        mark: &Mark,
        batch: Vec<RecordInput>,
    ) -> Result<BatchOutcome, SinkError>;

    /// Waits until the disk has every batch; what became of those that were not told yet.
    fn settle(&mut self) -> Result<BatchOutcome, SinkError> {
        Ok(BatchOutcome::default())
    }

    /// Nothing more comes of this file, taken or not, and its batches are settled; what the report lists as quarantined
    /// waits for a person. The mark is kept, so that the same bytes are known when they come again.
    fn finished(
        &mut self,
        file: &[u8; 32],
        mark: &Mark,
        report: &FileReport,
    ) -> Result<(), SinkError>;

    /// The local id of the one patient who bears this identifier, as far as held `Patient` records tell (see
    /// [`identifiers`](super::identifiers)). `None` also where two bear it.
    fn patient_by_identifier(&self, system: &str, value: &str) -> Option<String>;
}

/// The sink could not do its work. Usual cause: the disk is full, or the store was closed meanwhile.
#[derive(Debug, thiserror::Error)]
#[error("the records could not be kept: {reason}")]
pub struct SinkError {
    /// The store's reason, free of patient data.
    pub reason: String,
}
