//! Taking records from files: what is new, what changed, what stays as it is.

use std::collections::BTreeMap;

use crate::access::ScopeKind;
use crate::document::{Content, DocumentId, RecordKey, RecordVersion, heads};
use crate::envelope::Body;
use crate::id::{PatientId, VersionId};
use crate::storage::row::{
    LocalRow, RecordRow, ScopeNumber, parse_record_key, record_key, record_prefix,
};
use crate::storage::{Order, Range, table};
use crate::wire::{Wire, limits};

use super::Tx;
use super::command::{CommandError, ImportRecord, Outcome, Subject, Taken};
use super::effect::{Applied, Query};
use super::input::Answer;
use super::state::State;

/// Records and bytes after which an envelope is closed: large enough to compress and sign cheaply, small enough
/// to resend after a cut.
const RECORDS_PER_ENVELOPE: usize = 512;
const BYTES_PER_ENVELOPE: usize = 512 << 10;

/// A version of a record that is held or about to be.
struct Held {
    id: VersionId,
    parents: Vec<VersionId>,
    content: [u8; 32],
    removed: bool,
}

/// Versions on their way into one volume.
#[derive(Default)]
struct Open {
    versions: Vec<(VersionId, RecordVersion)>,
    bytes: usize,
}

impl State {
    /// One scan per record: the versions that are held of it.
    pub(super) fn import_queries(&self, records: &[ImportRecord]) -> Vec<Query> {
        records
            .iter()
            .map(|record| {
                let number = self.known_scope(&record.subject);
                let prefix = number.map(|n| record_prefix(n, &record.key.kind, &record.key.id));
                // A scope that does not exist yet holds nothing: an empty range answers at once.
                let range = prefix.map_or_else(
                    || Range { from: vec![0], to: Some(vec![0]) },
                    |prefix| Range::prefix(&prefix),
                );
                let (order, limit) = (Order::Ascending, VERSIONS_MAX);
                Query::Scan { table: table::RECORD, range, order, limit }
            })
            .collect()
    }

    /// Takes the records.
    pub(super) fn import(
        &mut self,
        tx: &mut Tx<'_>,
        records: Vec<ImportRecord>,
        answers: Vec<Answer>,
    ) -> Result<Outcome, CommandError> {
        self.check_import(&records, tx)?;
        let mut known: BTreeMap<(ScopeNumber, RecordKey), Vec<Held>> = BTreeMap::new();
        let mut open: BTreeMap<(ScopeNumber, u16), Open> = BTreeMap::new();
        let mut taken = Vec::with_capacity(records.len());
        for (record, answer) in records.into_iter().zip(answers) {
            let number = self.subject_scope(tx, &record.subject);
            let held =
                known.entry((number, record.key.clone())).or_insert_with(|| held_versions(answer));
            let (outcome, version) = decide(held, record);
            taken.push(outcome);
            let Some(version) = version else { continue };
            let id = version.version_id();
            held.push(Held {
                id,
                parents: version.parents.clone(),
                content: version.content,
                removed: false,
            });
            let year = year_of(&version);
            let volume = open.entry((number, year)).or_default();
            volume.bytes += version.size();
            volume.versions.push((id, version));
            if volume.versions.len() >= RECORDS_PER_ENVELOPE || volume.bytes >= BYTES_PER_ENVELOPE {
                let full = std::mem::take(volume);
                self.seal_records(tx, number, year, full.versions);
            }
        }
        for ((number, year), rest) in open {
            self.seal_records(tx, number, year, rest.versions);
        }
        Ok(Outcome::Imported(taken))
    }

    /// Makes the scopes of subjects that are new.
    pub(super) fn open_scopes(
        &mut self,
        tx: &mut Tx<'_>,
        subjects: &[Subject],
    ) -> Result<Outcome, CommandError> {
        self.check_import(&[], tx)?;
        for subject in subjects {
            self.subject_scope(tx, subject);
        }
        Ok(Outcome::Opened)
    }

    fn check_import(&self, records: &[ImportRecord], tx: &Tx<'_>) -> Result<(), CommandError> {
        let standing = self.roster.standing(&self.me, tx.now);
        if !standing.is_ok_and(|standing| standing.facility.rights.disclose) {
            return Err(CommandError::NoRight("disclose records"));
        }
        for record in records {
            for (what, size, limit) in [
                ("a record", record.raw.len(), limits::RECORD),
                ("a record's kind", record.key.kind.len(), limits::KEY),
                ("a record's id", record.key.id.len(), limits::KEY),
            ] {
                if size > limit.max {
                    return Err(CommandError::TooLarge { what, max: limit.max });
                }
            }
        }
        Ok(())
    }

    pub(super) fn known_scope(&self, subject: &Subject) -> Option<ScopeNumber> {
        match subject {
            Subject::Directory => self.own_scope(ScopeKind::Directory),
            Subject::Office => self.own_scope(ScopeKind::Office),
            Subject::Patient(id) => {
                let chart = self.locals.get(id)?.chart?;
                self.scopes.get(&chart).map(|scope| scope.number)
            }
        }
    }

    /// The scope that a subject's records go to; made when the subject is new.
    fn subject_scope(&mut self, tx: &mut Tx<'_>, subject: &Subject) -> ScopeNumber {
        if let Some(number) = self.known_scope(subject) {
            return number;
        }
        match subject {
            Subject::Directory => self.create_scope(tx, ScopeKind::Directory, None, None),
            Subject::Office => self.create_scope(tx, ScopeKind::Office, None, None),
            Subject::Patient(id) => {
                let mut row = self.locals.get(id).cloned().unwrap_or_default();
                if row.patients.is_empty() {
                    row.patients.push(PatientId::random(tx.rng));
                }
                let (patient, local) = (Some(row.patients[0]), Some(id.clone()));
                let number = self.create_scope(tx, ScopeKind::Chart, patient, local);
                row.chart = Some(self.scope(number).id);
                // Linked before there was anything of theirs: the chart follows the consent from its beginning.
                let care = self.scopes_of(&row.patients[0], ScopeKind::Care);
                tx.governed.extend(care.map(|scope| scope.number));
                self.set_local(tx, id.clone(), row);
                number
            }
        }
    }

    /// Sets what a local patient id stands for, in memory and its row.
    pub(super) fn set_local(&mut self, tx: &mut Tx<'_>, id: String, row: LocalRow) {
        tx.batch.put(table::LOCAL, id.as_bytes(), row.to_bytes());
        tx.applied.push(Applied::Local { id: id.clone(), row: row.clone() });
        self.locals.insert(id, row);
    }

    fn seal_records(
        &mut self,
        tx: &mut Tx<'_>,
        number: ScopeNumber,
        year: u16,
        versions: Vec<(VersionId, RecordVersion)>,
    ) {
        if versions.is_empty() {
            return;
        }
        let document = DocumentId::Volume { year };
        let (ids, versions): (Vec<_>, Vec<_>) = versions.into_iter().unzip();
        let body = Body::Records { document, versions };
        let position = self.author(tx, number, &body);
        let Body::Records { versions, .. } = body else { unreachable!("made two lines above") };
        self.index_records(tx, number, year, position, ids.into_iter().zip(versions));
    }

    /// Writes the rows that say where each version stands.
    pub(super) fn index_records(
        &mut self,
        tx: &mut Tx<'_>,
        scope: ScopeNumber,
        year: u16,
        position: u64,
        versions: impl Iterator<Item = (VersionId, RecordVersion)>,
    ) {
        for (index, (id, version)) in (0..).zip(versions) {
            let row = RecordRow {
                year,
                care_date: version.header.care_date,
                parents: version.parents.clone(),
                content: version.content,
                removed: version.raw().is_none(),
                received: version.header.received,
                position,
                index,
            };
            let key = record_key(scope, &version.key.kind, &version.key.id, &id);
            tx.batch.put(table::RECORD, key, row.to_bytes());
            tx.applied.push(Applied::Record { scope, id, version, row });
        }
    }
}

/// Versions of one record that are looked at; a record with more is a defect of its source.
const VERSIONS_MAX: usize = 4_096;

fn year_of(version: &RecordVersion) -> u16 {
    match DocumentId::volume_of(version.header.care_date) {
        DocumentId::Volume { year } => year,
        _ => 0,
    }
}

fn held_versions(answer: Answer) -> Vec<Held> {
    let Answer::Rows(rows) = answer else { return Vec::new() };
    rows.iter()
        .filter_map(|(key, value)| {
            let (_, _, _, id) = parse_record_key(key)?;
            let row = RecordRow::from_bytes(value).ok()?;
            Some(Held { id, parents: row.parents, content: row.content, removed: row.removed })
        })
        .collect()
}

/// What a record is beside the versions held, and the version to write if it is one.
fn decide(held: &[Held], record: ImportRecord) -> (Taken, Option<RecordVersion>) {
    let current = heads(held.iter().map(|version| (version.id, version.parents.as_slice())));
    let is_head = |version: &&Held| current.contains(&version.id);
    let same = |version: &Held| !version.removed && version.content == record.content;
    let agreed = held.iter().filter(is_head).all(same);
    let outcome = match held {
        [] => Taken::New,
        _ if agreed => return (Taken::Unchanged, None),
        _ if held.iter().any(same) => Taken::Revert,
        _ => Taken::Version,
    };
    // The source has spoken: it replaces every current version, also where those disagreed.
    let parents = current.into_iter().take(limits::PARENTS.max).collect();
    let ImportRecord { key, header, content, raw, .. } = record;
    (outcome, Some(RecordVersion { key, parents, content, header, body: Content::Raw(raw) }))
}
