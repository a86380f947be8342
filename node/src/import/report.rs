//! What an import did, for people and for programs.

mod text;

use std::collections::BTreeMap;

use serde::Serialize;

use super::cause::Cause;
use super::place::Place;
use super::sink::BatchOutcome;

/// Everything about one call of [`import_path`](super::import_path).
#[derive(Debug, Clone, Default, Serialize)]
pub struct ImportReport {
    /// One report per file, in the order of reading: the first 10,000, then only those with something quarantined.
    pub files: Vec<FileReport>,
    /// Files read.
    pub files_read: u64,
    /// Files of which nothing was taken.
    pub files_quarantined: u64,
    /// Sums over all files.
    pub counts: Counts,
    /// Resources found, by type.
    pub by_type: BTreeMap<String, u64>,
    /// Why the import stopped before its end, where it did.
    pub stopped: Option<String>,
}

/// What became of one file.
#[derive(Debug, Clone, Serialize)]
pub struct FileReport {
    /// The file, as the caller named it.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Digest of its bytes in hexadecimal digits; empty where it could not be read.
    pub digest: String,
    /// `resource`, `ndjson`, or `Bundle/` and its type; empty where that could not be told.
    pub form: String,
    /// What happened.
    pub outcome: Outcome,
    /// How many of what.
    pub counts: Counts,
    /// Resources found, by type.
    pub by_type: BTreeMap<String, u64>,
    /// What was quarantined, the first 1,000 of them; `counts.quarantined` has them all.
    pub quarantined: Vec<Quarantined>,
    /// Entries that hold nothing to take, by reason.
    pub skipped: BTreeMap<Skipped, u64>,
}

/// What happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything in it was taken or is held already.
    Taken,
    /// The same bytes were taken before.
    SeenBefore,
    /// Some of its resources were quarantined.
    PartlyQuarantined,
    /// Nothing of it was taken.
    Quarantined,
}

/// Resources and entries, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Records that were not held before.
    pub taken: u64,
    /// Records whose content is held already.
    pub unchanged: u64,
    /// Records that were held with other content.
    pub new_versions: u64,
    /// Among the new versions, those whose content was held before and replaced since.
    pub older_again: u64,
    /// Resources quarantined; 1 for a file quarantined as a whole.
    pub quarantined: u64,
    /// Entries that hold nothing to take.
    pub skipped: u64,
}

/// One thing that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quarantined {
    /// The entry's number in its Bundle, or the value's in its file, from 1; `None` for a file as a whole.
    pub entry: Option<u64>,
    /// The resource's type, as far as it is known and is a name of a type.
    pub kind: Option<String>,
    /// Where in the file.
    pub place: Option<Place>,
    /// Why.
    pub cause: Cause,
}

/// Why an entry holds nothing to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Skipped {
    /// A request to read something.
    Request,
    /// A response without a resource.
    Response,
    /// No resource and no reason for it.
    NoResource,
}

impl Counts {
    /// Records that are held after the import.
    pub fn records(&self) -> u64 {
        self.taken + self.unchanged + self.new_versions
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.taken += other.taken;
        self.unchanged += other.unchanged;
        self.new_versions += other.new_versions;
        self.older_again += other.older_again;
        self.quarantined += other.quarantined;
        self.skipped += other.skipped;
    }

    pub(crate) fn add_batch(&mut self, outcome: &BatchOutcome) {
        self.taken += outcome.taken;
        self.unchanged += outcome.unchanged;
        self.new_versions += outcome.new_versions;
        self.older_again += outcome.older_again;
    }
}

impl FileReport {
    pub(crate) fn new(path: String) -> Self {
        Self {
            path,
            bytes: 0,
            digest: String::new(),
            form: String::new(),
            outcome: Outcome::Taken,
            counts: Counts::default(),
            by_type: BTreeMap::new(),
            quarantined: Vec::new(),
            skipped: BTreeMap::new(),
        }
    }

    /// Turns this into the report of a file of which nothing (more) is taken.
    pub(crate) fn quarantine(&mut self, cause: Cause, place: Option<Place>) {
        self.outcome = Outcome::Quarantined;
        self.withhold(Quarantined { entry: None, kind: None, place, cause });
    }

    /// Notes one thing that is not taken.
    pub(crate) fn withhold(&mut self, item: Quarantined) {
        self.counts.quarantined += 1;
        if self.quarantined.len() < QUARANTINED_MAX {
            self.quarantined.push(item);
        }
    }

    pub(crate) fn skip(&mut self, reason: Skipped) {
        self.counts.skipped += 1;
        *self.skipped.entry(reason).or_default() += 1;
    }

    pub(crate) fn count_type(&mut self, kind: &str) {
        count_type(&mut self.by_type, kind, 1);
    }

    /// What the counts come to, once the file was read to its end.
    pub(crate) fn conclude(&mut self) {
        self.outcome = match (self.counts.quarantined, self.counts.records(), self.counts.skipped) {
            (0, ..) => Outcome::Taken,
            (_, 0, 0) => Outcome::Quarantined,
            _ => Outcome::PartlyQuarantined,
        };
    }
}

impl ImportReport {
    /// Adds a file's report.
    pub(crate) fn add(&mut self, file: FileReport) {
        self.files_read += 1;
        self.files_quarantined += u64::from(file.outcome == Outcome::Quarantined);
        self.counts.add(&file.counts);
        for (kind, number) in &file.by_type {
            count_type(&mut self.by_type, kind, *number);
        }
        let telling = file.counts.quarantined > 0 && self.files.len() < FILES_MAX * 2;
        if telling || self.files.len() < FILES_MAX {
            self.files.push(file);
        }
    }
}

/// A type is a word from the file, so the number of different ones is bounded.
fn count_type(by_type: &mut BTreeMap<String, u64>, kind: &str, number: u64) {
    let kind = if by_type.contains_key(kind) || by_type.len() < TYPES_MAX { kind } else { "…" };
    *by_type.entry(kind.to_owned()).or_default() += number;
}

/// Files listed one by one; with something quarantined twice as many.
const FILES_MAX: usize = 10_000;
/// Quarantined resources listed per file.
const QUARANTINED_MAX: usize = 1_000;
/// R4 has 148 resource types.
const TYPES_MAX: usize = 512;
