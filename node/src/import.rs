//! Reads FHIR R4 JSON from a hospital's files: Bundles, single resources and NDJSON, of any size in flat memory.
//!
//! A file is read at least twice. The first reading checks it to its end and learns who is who in it; only then
//! records are taken, byte for byte, and handed to a [`Sink`] in batches. So a file that stops in the middle leaves
//! nothing behind, and whatever is not taken has a cause and a place in the report. What this room never does: decide
//! what is new (the sink does), repair what a file says, or put what it says into a message.
//!
//! ```text
//! file ─ source ─ scan ─ entry ─ json ─┬─ survey (links) ─┐
//!                                      └─ record ── whose ┴─ take ─ sink
//! ```

mod attachment;
mod care_date;
mod cause;
mod compartment;
mod content;
mod entry;
mod inbox;
mod json;
mod links;
mod place;
mod record;
mod reference;
mod report;
mod scan;
mod sink;
mod sniff;
mod source;
mod survey;
mod take;
mod whose;

pub use attachment::{CUT_BYTES_MIN, Restored, attachments, cut, restore, without_keys};
pub use cause::{Cause, Foreign, Language, Syntax};
pub use compartment::describes_facility;
pub use inbox::{Inbox, InboxError};
pub use place::Place;
pub use report::{Counts, FileReport, ImportReport, Outcome, Quarantined, Skipped};
pub use sink::{BatchOutcome, Mark, MemorySink, RecordInput, RecordKey, Sink, SinkError, Subject};

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use azalea_core::wire::limits;

use scan::{ScanError, Scanner};
use source::{Checked, Fingerprint};
use survey::Survey;
use take::{Stop, Taking};

/// How far an import has come; told after every batch.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'p> {
    /// The file that is being read.
    pub path: &'p Path,
    /// Its size.
    pub bytes: u64,
    /// How much of it was taken.
    pub bytes_taken: u64,
}

/// Imports a file, or every file below a folder in the order of their names. Hidden files are left alone.
pub fn import_path(
    path: &Path,
    sink: &mut dyn Sink,
    progress: &mut dyn FnMut(Progress<'_>),
) -> ImportReport {
    let mut report = ImportReport::default();
    if let Err(error) = walk(path, true, &mut |path| {
        report.add(import_file(path, sink, progress)?);
        Ok(())
    }) {
        report.stopped = Some(error.to_string());
    }
    report
}

/// Imports one file. Fails only where the sink does.
pub fn import_file(
    path: &Path,
    sink: &mut dyn Sink,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<FileReport, SinkError> {
    // Opening a pipe would wait for its other end.
    let opened = std::fs::metadata(path).and_then(|kind| match kind.is_file() {
        true => File::open(path),
        false => Err(std::io::ErrorKind::InvalidInput.into()),
    });
    match opened {
        Ok(file) => import_source(file, path, sink, progress),
        Err(error) => {
            let mut report = FileReport::new(path.display().to_string());
            report.quarantine(Cause::Unreadable(error.kind()), None);
            Ok(report)
        }
    }
}

/// Whether a file has this digest, by which [`Sink::mark`] knows it; one that cannot be read has not.
pub fn has_digest(path: &Path, digest: &[u8; 32]) -> bool {
    let read = File::open(path).and_then(Fingerprint::of);
    read.is_ok_and(|fingerprint| fingerprint.digest == *digest)
}

/// Imports from anything that can be read more than once.
pub fn import_source(
    mut file: impl Read + Seek,
    path: &Path,
    sink: &mut dyn Sink,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<FileReport, SinkError> {
    let mut report = FileReport::new(path.display().to_string());
    let fingerprint = match Fingerprint::of(&mut file) {
        Ok(fingerprint) => fingerprint,
        Err(error) => {
            report.quarantine(Cause::Unreadable(error.kind()), None);
            return Ok(report);
        }
    };
    report.bytes = fingerprint.bytes;
    report.digest = data_encoding::HEXLOWER.encode(&fingerprint.digest);
    let before = sink.mark(&fingerprint.digest)?.unwrap_or_default();
    let read = read_source(&mut file, &fingerprint, &before, path, sink, progress, &mut report);
    let (cause, place) = match read {
        Ok(()) => return Ok(report),
        Err(Stop::Sink(error)) => {
            // The next file is not told what became of this one; why it stopped is said already.
            let _ = sink.settle();
            return Err(error);
        }
        Err(Stop::Refused(cause)) => (cause, None),
        Err(Stop::Scan(error)) => error.into(),
    };
    // What was taken before that stays taken.
    report.counts.add_batch(&sink.settle()?);
    let lasting = !matches!(cause, Cause::Changed | Cause::Unreadable(_));
    report.quarantine(cause, place);
    if lasting {
        sink.finished(&fingerprint.digest, &before, &report)?;
    }
    Ok(report)
}

/// The identifiers of a `Patient` resource, as pairs of system and value: what [`Sink::patient_by_identifier`] answers from.
pub fn identifiers(patient: &[u8]) -> Vec<(String, String)> {
    let Ok(text) = std::str::from_utf8(patient) else { return Vec::new() };
    let Ok(node) = json::Parser::new(text).value() else { return Vec::new() };
    links::identifiers_of(&node)
        .map(|(system, value)| (system.to_owned(), value.to_owned()))
        .collect()
}

fn read_source(
    file: &mut (impl Read + Seek),
    fingerprint: &Fingerprint,
    before: &Mark,
    path: &Path,
    sink: &mut dyn Sink,
    progress: &mut dyn FnMut(Progress<'_>),
    report: &mut FileReport,
) -> Result<(), Stop> {
    if before.whole && before.quarantined.is_empty() {
        report.outcome = Outcome::SeenBefore;
        report.counts.unchanged = before.position;
        return Ok(());
    }
    let mut start = Vec::new();
    file.rewind().map_err(ScanError::Read)?;
    file.take(sniff::SNIFF_BYTES).read_to_end(&mut start).map_err(ScanError::Read)?;
    if let Some(foreign) = sniff::foreign(&start) {
        return Err(Stop::Refused(Cause::Foreign(foreign)));
    }
    let mut survey = Survey::of(&mut reading(&mut *file, fingerprint)?)?;
    report.form = survey.name();
    if survey.values == 0 {
        return Err(Stop::Refused(Cause::Empty));
    }
    if survey.links.unsettled() {
        survey.settle(&mut reading(&mut *file, fingerprint)?, &*sink)?;
    }
    let mut scanner = reading(file, fingerprint)?;
    let mut taking = Taking::new(&survey, sink, fingerprint.digest, before.clone(), report);
    loop {
        let more = taking.step(&mut scanner)?;
        progress(Progress {
            path,
            bytes: fingerprint.bytes,
            bytes_taken: scanner.source().read_bytes(),
        });
        if !more {
            return taking.finish();
        }
    }
}

/// Starts a reading that is checked against the fingerprint.
fn reading<F: Read + Seek>(
    file: F,
    fingerprint: &Fingerprint,
) -> Result<Scanner<Checked<'_, F>>, ScanError> {
    let mut file = file;
    file.rewind()?;
    Ok(Scanner::new(Checked::new(file, fingerprint), limits::RECORD.max))
}

/// Calls `each` for the file, or for every file below the folder. What cannot be listed is handed over as if it were
/// a file, so that it shows up in the report.
fn walk(
    path: &Path,
    top: bool,
    each: &mut dyn FnMut(&Path) -> Result<(), SinkError>,
) -> Result<(), SinkError> {
    // Links are followed where the caller names them, not below: they could lead round in a circle.
    let kind = if top { std::fs::metadata(path) } else { std::fs::symlink_metadata(path) };
    if !kind.is_ok_and(|kind| kind.is_dir()) {
        return each(path);
    }
    let listed = std::fs::read_dir(path).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
    let Ok(entries) = listed else { return each(path) };
    let mut names: Vec<_> = entries.into_iter().map(|entry| entry.file_name()).collect();
    names.retain(|name| !name.as_encoded_bytes().starts_with(b"."));
    names.sort();
    names.iter().try_for_each(|name| walk(&path.join(name), false, each))
}

#[cfg(test)]
mod tests;
