mod data;
mod fuzz;
mod stories;

use std::io::Cursor;
use std::path::Path;

use super::*;

/// Imports bytes as if they were a file.
fn import_bytes(bytes: &[u8], sink: &mut dyn Sink) -> FileReport {
    let path = Path::new("file");
    import_source(Cursor::new(bytes), path, sink, &mut |_| ())
        .expect("a sink in memory always works")
}

/// A sink in memory that also tells what it was given, in order.
#[derive(Default)]
struct Listening {
    held: MemorySink,
    given: Vec<RecordInput>,
}

impl Sink for Listening {
    fn mark(&mut self, file: &[u8; 32]) -> Result<Option<Mark>, SinkError> {
        self.held.mark(file)
    }

    fn take(
        &mut self,
        file: &[u8; 32],
        mark: &Mark,
        batch: Vec<RecordInput>,
    ) -> Result<BatchOutcome, SinkError> {
        self.given.extend(batch.iter().cloned());
        self.held.take(file, mark, batch)
    }

    fn finished(
        &mut self,
        file: &[u8; 32],
        mark: &Mark,
        report: &FileReport,
    ) -> Result<(), SinkError> {
        self.held.finished(file, mark, report)
    }

    fn patient_by_identifier(&self, system: &str, value: &str) -> Option<String> {
        self.held.patient_by_identifier(system, value)
    }
}
