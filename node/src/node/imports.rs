//! What importers hand over becomes records of the replica; what they could not take is written down until it is.

use std::cell::RefCell;

use azalea_core::document::RecordHeader;
use azalea_core::id::Timestamp;
use azalea_core::replica::command::{Command, CommandError, ImportRecord, Outcome, Subject, Taken};
use azalea_core::storage::{Batch, Order, Range, Read};
use tokio::sync::oneshot::Receiver;

use super::Node;
use super::quarantine::{Because, Withheld};
use crate::driver::Gone;
use crate::import::{self, BatchOutcome, FileReport, Language, Mark, RecordInput, Sink, SinkError};
use crate::store::tables::{BEARER, IMPORT, MARK};

/// Causes kept of one file; its report has more.
const CAUSES_MAX: usize = 200;
const SOURCE: &str = "fhir";

/// A sink for one import; `by` names the person or service that imports.
pub struct NodeSink<'a> {
    node: &'a Node,
    by: String,
    /// The batch that the replica has and nobody has waited for: it is sealed and written while the next one is read.
    under_way: RefCell<Option<Receiver<Result<Outcome, CommandError>>>>,
    /// What became of the batches before it, where it was not told yet.
    untold: RefCell<Result<BatchOutcome, SinkError>>,
}

impl Node {
    /// A sink for an import by `by`.
    pub fn sink(&self, by: impl Into<String>) -> NodeSink<'_> {
        let untold = RefCell::new(Ok(BatchOutcome::default()));
        NodeSink { node: self, by: by.into(), under_way: RefCell::default(), untold }
    }
}

impl Sink for NodeSink<'_> {
    fn mark(&mut self, file: &[u8; 32]) -> Result<Option<Mark>, SinkError> {
        let row = self.node.handle.store().get(MARK, file).map_err(|error| failed(&error))?;
        // A mark that does not read is none: the file is read anew, and what is held stays unchanged.
        Ok(row.and_then(|row| serde_json::from_slice(&row).ok()))
    }

    fn take(
        &mut self,
        file: &[u8; 32],
        mark: &Mark,
        batch: Vec<RecordInput>,
    ) -> Result<BatchOutcome, SinkError> {
        let mut rows = Batch::new();
        put_mark(&mut rows, file, mark)?;
        batch.iter().for_each(|record| put_bearers(&mut rows, record));
        let received = self.node.handle.clock().now();
        let records = batch.into_iter().map(|record| self.record(record, received));
        let import = Command::Import { records: records.collect::<Result<_, _>>()? };
        let command = Command::Beside { rows, command: Box::new(import) };
        // One at a time: what is given here takes room until it is on the disk.
        let settled = self.settle()?;
        let begun = self.node.handle.begin_blocking(command).map_err(|error| failed(&error))?;
        *self.under_way.get_mut() = Some(begun);
        Ok(settled)
    }

    fn settle(&mut self) -> Result<BatchOutcome, SinkError> {
        self.wait();
        self.untold.replace(Ok(BatchOutcome::default()))
    }

    fn finished(
        &mut self,
        file: &[u8; 32],
        mark: &Mark,
        report: &FileReport,
    ) -> Result<(), SinkError> {
        let mut rows = Batch::new();
        put_mark(&mut rows, file, mark)?;
        if report.counts.quarantined == 0 {
            rows.remove(IMPORT, file.to_vec());
        } else {
            let withheld = Withheld {
                at_ms: self.node.handle.clock().now().0,
                file: report.path.clone(),
                bytes: report.bytes,
                causes: report.quarantined.iter().take(CAUSES_MAX).map(because).collect(),
            };
            let value = serde_json::to_vec(&withheld).map_err(|error| failed(&error))?;
            rows.put(IMPORT, file.to_vec(), value);
        }
        self.node.handle.store().commit_all([&rows]).map_err(|error| failed(&error))
    }

    fn patient_by_identifier(&self, system: &str, value: &str) -> Option<String> {
        // A patient of the batch before counts too.
        self.wait();
        let front = bearer_front(system, value);
        let mut bearers = Vec::new();
        let visit = &mut |key: &[u8], _: &[u8]| {
            bearers.extend(key.get(front.len()..).map(<[u8]>::to_vec));
            bearers.len() < 2
        };
        let range = Range::prefix(&front);
        self.node.handle.store().scan(BEARER, &range, Order::Ascending, visit).ok()?;
        match bearers.len() {
            1 => String::from_utf8(bearers.remove(0)).ok(),
            _ => None,
        }
    }
}

impl NodeSink<'_> {
    /// Waits for the batch under way, if there is one.
    fn wait(&self) {
        let Some(under_way) = self.under_way.take() else { return };
        let settled = match under_way.blocking_recv() {
            Ok(Ok(Outcome::Imported(taken))) => Ok(outcome(&taken)),
            Ok(Ok(_)) => {
                Err(SinkError { reason: "the replica answered something else".to_owned() })
            }
            Ok(Err(error)) => Err(failed(&error)),
            Err(_) => Err(failed(&Gone)),
        };
        // There is never more than one that is not told.
        *self.untold.borrow_mut() = settled;
    }

    fn record(&self, record: RecordInput, received: Timestamp) -> Result<ImportRecord, SinkError> {
        let subject = match record.subject {
            import::Subject::Patient(id) => Subject::Patient(id),
            import::Subject::Directory if import::describes_facility(&record.key.kind) => {
                Subject::Directory
            }
            import::Subject::Directory => Subject::Office,
        };
        let mut record = ImportRecord {
            subject,
            key: record.key,
            header: RecordHeader {
                care_date: record.care_date,
                source: SOURCE.to_owned(),
                full_url: record.full_url,
                received,
                by: self.by.clone(),
            },
            content: record.content,
            raw: record.raw,
        };
        self.node.cut_out(&mut record).map_err(|error| failed(&error))?;
        Ok(record)
    }
}

fn outcome(taken: &[Taken]) -> BatchOutcome {
    let count = |wanted| taken.iter().filter(|it| **it == wanted).count() as u64;
    let older_again = count(Taken::Revert);
    BatchOutcome {
        taken: count(Taken::New),
        unchanged: count(Taken::Unchanged),
        new_versions: count(Taken::Version) + older_again,
        older_again,
    }
}

fn put_mark(rows: &mut Batch, file: &[u8; 32], mark: &Mark) -> Result<(), SinkError> {
    rows.put(MARK, *file, serde_json::to_vec(mark).map_err(|error| failed(&error))?);
    Ok(())
}

/// Who bears an identifier: found again when a later file names a patient by it.
fn put_bearers(rows: &mut Batch, record: &RecordInput) {
    let import::Subject::Patient(local) = &record.subject else { return };
    if record.key.kind != "Patient" {
        return;
    }
    for (system, value) in import::identifiers(&record.raw) {
        let mut key = bearer_front(&system, &value);
        key.extend_from_slice(local.as_bytes());
        rows.put(BEARER, key, Vec::new());
    }
}

fn bearer_front(system: &str, value: &str) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new_derive_key("azalea 2026-11 identifier of a patient");
    hasher.update(&(system.len() as u64).to_be_bytes());
    hasher.update(system.as_bytes()).update(value.as_bytes());
    hasher.finalize().as_bytes()[..16].to_vec()
}

fn because(item: &import::Quarantined) -> Because {
    let entry = item.entry.map(|entry| format!("#{entry}"));
    let kind = item.kind.clone();
    let place = item.place.map(|place| format!("{}:{}", place.line, place.column));
    let words: Vec<String> = [entry, kind, place].into_iter().flatten().collect();
    Because { place: words.join(" "), cause: item.cause.text(Language::Japanese) }
}

fn failed(error: &dyn std::fmt::Display) -> SinkError {
    SinkError { reason: error.to_string() }
}
