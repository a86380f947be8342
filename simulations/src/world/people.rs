//! What people and hospital systems want: imports, consents given and taken back, notes, edits, links.
//!
//! Nobody knows what became of a request that was not answered, so it is asked again until it is; a request that
//! was answered with a no is asked again as long as it may still become possible.

mod attempt;
mod command;
mod done;
mod plan;

use azalea_core::id::{NoteId, PatientId, Timestamp};

/// Something that somebody wants.
#[derive(Clone, Debug)]
pub(super) enum Job {
    Import {
        place: usize,
        local: String,
        number: u64,
        version: u64,
    },
    Give {
        place: usize,
        local: String,
        places: Vec<usize>,
    },
    /// Takes a consent back: for these facilities, for all where none is named.
    Withdraw {
        place: usize,
        local: String,
        places: Vec<usize>,
    },
    Note {
        place: usize,
        number: u64,
    },
    /// Retitles one of the notes that the place holds, and adds to its text.
    Edit {
        place: usize,
        number: u64,
    },
    Propose {
        place: usize,
        local: String,
        of: (usize, String),
    },
    Confirm {
        place: usize,
        local: String,
        of: (usize, String),
    },
    Part {
        place: usize,
        local: String,
        of: (usize, String),
    },
    /// Somebody opens a patient: which, in millionths of those shown.
    Open {
        place: usize,
        choice: u64,
    },
    /// A hospital's system sends a message: records of one of the region's patients, by number and version.
    Message {
        place: usize,
        person: usize,
        records: Vec<(u64, u64)>,
    },
    /// Writes a note about one of the region's patients.
    Write {
        place: usize,
        person: usize,
        number: u64,
    },
    /// Retitles this note about one of the region's patients, and adds to its text.
    Rewrite {
        place: usize,
        person: usize,
        note: NoteId,
        number: u64,
    },
    /// Somebody opens one of the region's patients, if the device shows them.
    Look {
        place: usize,
        person: usize,
    },
    /// The council tells of a device that joins.
    Admit {
        place: usize,
    },
    /// The council revokes a device that was lost.
    Revoke {
        place: usize,
    },
}

/// A job that was asked and not answered yet, and when.
pub(super) struct Asked {
    pub(super) job: Job,
    /// When it was first asked.
    pub(super) at: Option<Timestamp>,
    /// What else the answer is about: a patient, a note.
    pub(super) patient: Option<PatientId>,
    pub(super) note: Option<NoteId>,
    pub(super) done: bool,
}

impl Job {
    pub(super) fn place(&self) -> usize {
        match self {
            Self::Import { place, .. }
            | Self::Give { place, .. }
            | Self::Withdraw { place, .. }
            | Self::Note { place, .. }
            | Self::Edit { place, .. }
            | Self::Propose { place, .. }
            | Self::Confirm { place, .. }
            | Self::Part { place, .. }
            | Self::Open { place, .. }
            | Self::Message { place, .. }
            | Self::Write { place, .. }
            | Self::Rewrite { place, .. }
            | Self::Look { place, .. }
            | Self::Admit { place }
            | Self::Revoke { place } => *place,
        }
    }

    /// Whether it must be done in the end, whatever else happened.
    pub(super) fn is_due(&self) -> bool {
        matches!(
            self,
            Self::Import { .. }
                | Self::Message { .. }
                | Self::Give { .. }
                | Self::Withdraw { .. }
                | Self::Admit { .. }
        )
    }

    /// Whether the place itself has to do it, and not the council.
    pub(super) fn needs_core(&self) -> bool {
        !matches!(self, Self::Admit { .. })
    }
}

/// The content of a version of a record.
pub(super) fn content(local: &str, number: u64, version: u64) -> Vec<u8> {
    format!(r#"{{"resourceType":"Observation","id":"{local}-{number}","value":{version}}}"#)
        .into_bytes()
}

/// The key of a record as [`super::Held`] has it.
pub(super) fn key(local: &str, number: u64) -> String {
    format!("{}-{number}", key_of(local))
}

/// What the keys of a hospital's patient begin with, before a hyphen.
pub(super) fn key_of(local: &str) -> String {
    format!("Observation/{local}")
}

/// The hospital's patient that a record's key names.
pub(super) fn local_of(key: &str) -> &str {
    key.trim_start_matches("Observation/").split('-').next().unwrap_or("")
}

pub(super) fn note_text(number: u64) -> String {
    format!("記録{number}。")
}

/// Whether the mark of an edit stands in a text, and not that of one whose number begins like it.
pub(super) fn is_edited(text: &str, number: u64) -> bool {
    let mark = format!("＋{number}");
    let follows = |at: usize| text[at + mark.len()..].starts_with(|it: char| it.is_ascii_digit());
    text.match_indices(&mark).any(|(at, _)| !follows(at))
}

/// The title that an edit sets.
pub(super) fn title(number: u64) -> String {
    format!("改題{number}")
}

/// For how long a job is asked for again without a pause.
const PATIENCE_MS: u64 = 600_000;
/// Notes that whoever was put out goes on to write, and the first number of them.
pub(super) const LATE_NOTES: u64 = 4;
pub(super) const LATE_NUMBERS: u64 = 1_000_000;
