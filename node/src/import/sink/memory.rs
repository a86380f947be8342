//! A sink in memory: the rule for versions in its plainest form, for tests and for trying a file out.

use std::collections::{BTreeMap, HashMap};

use super::{BatchOutcome, Mark, RecordInput, RecordKey, Sink, SinkError, Subject};
use crate::import::report::FileReport;

/// Holds every version of every record, in the order in which they came.
#[derive(Default)]
pub struct MemorySink {
    versions: BTreeMap<RecordKey, Vec<RecordInput>>,
    files: HashMap<[u8; 32], Mark>,
    bearers: HashMap<(String, String), Option<String>>,
}

impl MemorySink {
    /// The versions of one record, oldest first.
    pub fn versions(&self, kind: &str, id: &str) -> &[RecordInput] {
        let key = RecordKey { kind: kind.to_owned(), id: id.to_owned() };
        self.versions.get(&key).map_or(&[], Vec::as_slice)
    }

    /// All records with all their versions, oldest first.
    pub fn records(&self) -> impl Iterator<Item = (&RecordKey, &[RecordInput])> {
        self.versions.iter().map(|(key, versions)| (key, versions.as_slice()))
    }

    /// How many different records are held.
    pub fn len(&self) -> usize {
        self.versions.len()
    }

    /// True where nothing is held.
    pub fn is_empty(&self) -> bool {
        self.versions.is_empty()
    }

    fn note_identifiers(&mut self, record: &RecordInput) {
        let Subject::Patient(local) = &record.subject else { return };
        if record.key.kind != "Patient" {
            return;
        }
        for name in crate::import::identifiers(&record.raw) {
            let bearer = self.bearers.entry(name).or_insert_with(|| Some(local.clone()));
            if bearer.as_ref() != Some(local) {
                *bearer = None;
            }
        }
    }
}

impl Sink for MemorySink {
    fn mark(&mut self, file: &[u8; 32]) -> Result<Option<Mark>, SinkError> {
        Ok(self.files.get(file).cloned())
    }

    fn take(
        &mut self,
        file: &[u8; 32],
        mark: &Mark,
        batch: Vec<RecordInput>,
    ) -> Result<BatchOutcome, SinkError> {
        let mut outcome = BatchOutcome::default();
        for record in batch {
            self.note_identifiers(&record);
            let versions = self.versions.entry(record.key.clone()).or_default();
            match versions.last() {
                None => outcome.taken += 1,
                Some(current) if current.content == record.content => {
                    outcome.unchanged += 1;
                    continue;
                }
                Some(_) => {
                    outcome.new_versions += 1;
                    let older = versions.iter().any(|version| version.content == record.content);
                    outcome.older_again += u64::from(older);
                }
            }
            versions.push(record);
        }
        self.files.insert(*file, mark.clone());
        Ok(outcome)
    }

    fn finished(&mut self, file: &[u8; 32], mark: &Mark, _: &FileReport) -> Result<(), SinkError> {
        self.files.insert(*file, mark.clone());
        Ok(())
    }

    fn patient_by_identifier(&self, system: &str, value: &str) -> Option<String> {
        self.bearers.get(&(system.to_owned(), value.to_owned())).cloned().flatten()
    }
}
