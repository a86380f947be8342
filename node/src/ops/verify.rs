//! Checks everything that the replica holds, offline: from the disk's blocks up to what each record's author signed.
//!
//! ```text
//! every row of every table            reads, so its blocks authenticate
//! chain row ─► log envelope           signature, network, author, number, link to the one before, body's hash
//!              └► key ─► body         opens; each record has its row with the same place, parents and content
//! vector rows                         say what the chains say, and what snapshots stand for in them
//! snapshots                           are what their authors said, and so are their originals, where all of them are here
//! head statements                     signed by their publishers
//! access log                          whole and signed
//! attachments                         every chunk is what the blob's hash says
//! ```

mod attachments;
mod snapshots;

use azalea_core::envelope::{AdmittedEnvelope, Body, Formats, SignedEnvelope};
use azalea_core::id::{DeviceId, EnvelopeId, ScopeId};
use azalea_core::identity::Roster;
use azalea_core::replica::{PublisherRow, reach};
use azalea_core::storage::row::{ChainRow, RecordRow, ScopeNumber, VectorRow, record_key};
use azalea_core::storage::{Order, Range, Read, StorageError, Table, table};
use azalea_core::view::View;
use azalea_core::wire::{Wire, limits};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

use snapshots::Snapshots;

use super::{Answer, OpError, Output};
use crate::node::Node;
use crate::store::{Snapshot, tables};

/// Problems that are listed; beyond that they are counted.
const LISTED_MAX: usize = 100;
const PROGRESS_EVERY: u64 = 10_000;

/// What was checked, and what was found wrong.
#[derive(Default)]
struct Findings {
    envelopes: u64,
    statements: u64,
    records: u64,
    changes: u64,
    keys: u64,
    waiting: u64,
    /// Not read, since a newer program than this one wrote it.
    newer: u64,
    heads: u64,
    /// Snapshots that were held against what their authors say.
    snapshots: u64,
    /// Those of which the originals are here, and were held against the same.
    compared: u64,
    /// Attachments on the shelf of which every chunk was hashed.
    attachments: u64,
    rows: u64,
    problems: u64,
    listed: Vec<String>,
}

impl Findings {
    fn wrong(&mut self, place: impl std::fmt::Display, what: impl std::fmt::Display) {
        self.problems += 1;
        if self.listed.len() < LISTED_MAX {
            self.listed.push(format!("{place}: {what}"));
        }
    }
}

struct Checking<'a> {
    snapshot: &'a Snapshot,
    roster: &'a Roster,
    scopes: BTreeMap<ScopeNumber, ScopeId>,
    findings: Findings,
    records_seen: u64,
    /// In the log and meant to have no rows.
    unmerged: BTreeSet<EnvelopeId>,
    snapshots: Snapshots,
}

/// Where a chain stands while it is walked.
struct Walk {
    scope: ScopeNumber,
    author: DeviceId,
    seq: u64,
    id: EnvelopeId,
    /// All of it that is here.
    held: Vec<(u64, EnvelopeId)>,
}

pub(super) fn check(node: &Node, output: &mut dyn Output) -> Result<Answer, OpError> {
    let snapshot = node.handle().snapshot()?;
    let shown = node.handle().shown();
    let scopes = View::new(&snapshot).scopes()?;
    let mut checking = Checking {
        snapshot: &snapshot,
        roster: &shown.roster,
        scopes: scopes.into_iter().map(|scope| (scope.number, scope.id)).collect(),
        findings: Findings::default(),
        records_seen: 0,
        unmerged: View::new(&snapshot).unmerged()?,
        snapshots: Snapshots::new(),
    };
    output.progress("reading every row");
    checking.read_all()?;
    checking.read_snapshots()?;
    checking.chains(output)?;
    checking.counts()?;
    checking.statements()?;
    output.progress("comparing snapshots");
    checking.compare_snapshots()?;
    output.progress("reading the attachments");
    attachments::check(&node.shelf, &mut checking.findings)?;
    let mut findings = checking.findings;
    let log = node.check_access_log()?;
    if let Some(line) = log.broken_at {
        findings.wrong(
            format!("access log, line {line}"),
            "altered, removed or not signed by this device",
        );
    }
    Ok(answer(findings, log.lines))
}

fn answer(findings: Findings, lines: u64) -> Answer {
    let success = findings.problems == 0;
    let json = json!({
        "clean": success,
        "checked": {
            "rows": findings.rows, "envelopes": findings.envelopes,
            "statements": findings.statements, "records": findings.records,
            "changes": findings.changes, "keys": findings.keys,
            "waiting_for_key": findings.waiting, "newer": findings.newer, "head_statements": findings.heads,
            "snapshots": findings.snapshots, "snapshots_compared": findings.compared,
            "attachments": findings.attachments,
            "access_log_lines": lines,
        },
        "problems": findings.problems,
        "listed": findings.listed,
    });
    let mut text = format!(
        "checked {} rows, {} envelopes (signature, chain, body), {} records, {} statements, {} head statements, {} attachments, {} lines of the access log\n",
        findings.rows,
        findings.envelopes,
        findings.records,
        findings.statements,
        findings.heads,
        findings.attachments,
        lines
    );
    if findings.snapshots > 0 {
        text.push_str(&format!(
            "{} snapshots hold what their authors say; {} times the originals are here too, and hold the same\n",
            findings.snapshots, findings.compared
        ));
    }
    if findings.newer > 0 {
        text.push_str(&format!(
            "{} entries are newer than this program and were not opened; their signatures and places are right\n",
            findings.newer
        ));
    }
    match success {
        true => text.push_str("everything is as it was written and signed"),
        false => {
            let listed = findings.listed.join("\n");
            text.push_str(&format!(
                "{} problems:\n{listed}\n`azalea repair` starts a new store and fetches again what the relay has",
                findings.problems
            ));
        }
    }
    Answer { json, text, success }
}

impl Checking<'_> {
    /// Reads every row, so that a damaged block is found wherever it lies.
    fn read_all(&mut self) -> Result<(), OpError> {
        let own = [
            tables::SCOPES,
            tables::PERSON,
            tables::TIMELINE,
            tables::REVIEW,
            tables::CARE,
            tables::STAFF,
            tables::CONSENT,
            tables::IMPORT,
            tables::MARK,
            tables::BEARER,
            tables::ATTACHMENT,
            tables::BLOB_USE,
        ];
        for table in table::CORE.into_iter().chain(own) {
            let mut rows = 0;
            let read = self.snapshot.scan(table, &Range::all(), Order::Ascending, &mut |_, _| {
                rows += 1;
                true
            });
            self.findings.rows += rows;
            match read {
                Ok(()) => {}
                Err(StorageError::Damaged { place }) => {
                    self.findings.wrong(format!("table {}", table.name()), place);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Walks every author's chain in every scope, in the order of the chain table's keys.
    fn chains(&mut self, output: &mut dyn Output) -> Result<(), OpError> {
        let mut walk: Option<Walk> = None;
        for (key, value) in rows(self.snapshot, table::CHAIN)? {
            let place = chain_place(&key);
            let (Some((scope, author, seq)), Ok(row)) = (place, ChainRow::from_bytes(&value))
            else {
                self.findings.wrong("table chain", "a row does not read");
                continue;
            };
            let same = |walk: &Walk| (walk.scope, walk.author) == (scope, author);
            if !walk.as_ref().is_some_and(same) {
                self.end(walk.take())?;
                let (seq, id) = (0, EnvelopeId::ZERO);
                walk = Some(Walk { scope, author, seq, id, held: Vec::new() });
            }
            if let Some(walk) = &mut walk {
                self.envelope(walk, seq, &row)?;
            }
            if self.findings.envelopes.is_multiple_of(PROGRESS_EVERY) {
                output.progress(&format!("{} envelopes", self.findings.envelopes));
            }
        }
        self.end(walk)
    }

    fn envelope(&mut self, walk: &mut Walk, seq: u64, row: &ChainRow) -> Result<(), OpError> {
        self.findings.envelopes += 1;
        let place = format!("log position {}", row.position);
        let before = (walk.seq, walk.id);
        (walk.seq, walk.id) = (seq, row.id);
        walk.held.push((seq, row.id));
        let Some(bytes) = self.snapshot.get(table::LOG, &row.position.to_be_bytes())? else {
            self.findings.wrong(place, "missing, though the chain table names it");
            return Ok(());
        };
        let signed = match SignedEnvelope::from_bytes(bytes.clone()) {
            Ok(signed) => signed,
            Err(error) if error.is_newer() => {
                self.findings.newer += 1;
                return Ok(());
            }
            Err(error) => {
                self.findings.wrong(place, error);
                return Ok(());
            }
        };
        let verified = match signed.verify(self.roster, &self.roster.network()) {
            Ok(verified) => verified,
            Err(error) => {
                self.findings.wrong(place, error);
                return Ok(());
            }
        };
        let header = verified.header();
        let stands = verified.id() == row.id
            && Some(&header.scope) == self.scopes.get(&walk.scope)
            && (header.author, header.seq) == (walk.author, seq);
        if !stands {
            self.findings.wrong(&place, "is not the envelope that the chain table names");
        }
        if seq == before.0 + 1 && header.previous != before.1 {
            self.findings.wrong(&place, "does not follow the author's envelope before it");
        }
        if self.unmerged.contains(&row.id) {
            return Ok(());
        }
        let is_broken = self.is_broken(walk.scope, &walk.author, seq);
        self.body(walk.scope, row.position, bytes, is_broken)
    }

    /// Opens an envelope; a broken snapshot is set apart, and has no rows.
    fn body(
        &mut self,
        scope: ScopeNumber,
        position: u64,
        bytes: Vec<u8>,
        is_broken: bool,
    ) -> Result<(), OpError> {
        let place = format!("log position {position}");
        let envelope = match AdmittedEnvelope::restore(bytes) {
            Ok(envelope) => envelope,
            Err(error) => {
                self.findings.wrong(place, error);
                return Ok(());
            }
        };
        if envelope.header().is_clear() {
            match envelope.statement() {
                Ok(Some(_)) => self.findings.statements += 1,
                Ok(None) => self.findings.wrong(place, "a clear envelope without a statement"),
                Err(error) if error.is_newer() => self.findings.newer += 1,
                Err(error) => self.findings.wrong(place, error),
            }
            return Ok(());
        }
        let view = View::new(self.snapshot);
        let Some(key) = view.scope_key(scope, envelope.header().epoch)? else {
            self.findings.waiting += 1;
            return Ok(());
        };
        match envelope.open(&key, Formats::default()).map(|body| body.into_inner()) {
            Err(error) if error.is_newer() => self.findings.newer += 1,
            Err(error) => self.findings.wrong(place, error),
            Ok(Body::Records { .. }) if is_broken => {}
            Ok(Body::Records { versions, .. }) => {
                for (index, version) in versions.iter().enumerate() {
                    self.findings.records += 1;
                    let id = version.version_id();
                    let key = record_key(scope, &version.key.kind, &version.key.id, &id);
                    let row = self.snapshot.get(table::RECORD, &key)?;
                    let row = row.and_then(|row| RecordRow::from_bytes(&row).ok());
                    let fits = row.as_ref().is_some_and(|row| {
                        row.parents == version.parents
                            && row.content == version.content
                            && row.removed == version.raw().is_none()
                    });
                    if !fits {
                        let what = "has no row, or one that says something else";
                        self.findings.wrong(format!("{place}, record {index}"), what);
                    }
                    // The same version may have come in two envelopes; its row stands for the first.
                    let here = |row: &RecordRow| {
                        row.position == position && usize::from(row.index) == index
                    };
                    self.records_seen += u64::from(row.as_ref().is_some_and(here));
                }
            }
            Ok(Body::Note { .. } | Body::Document { .. }) => self.findings.changes += 1,
            Ok(Body::Keys(_)) => self.findings.keys += 1,
            Ok(Body::Statement(_)) => {
                self.findings.wrong(place, "a statement inside an encrypted body");
            }
        }
        Ok(())
    }

    /// Holds the vector row against the chain that was walked.
    fn end(&mut self, walk: Option<Walk>) -> Result<(), OpError> {
        let Some(walk) = walk else { return Ok(()) };
        let key = [&walk.scope.to_be_bytes()[..], walk.author.as_bytes()].concat();
        let row = self.snapshot.get(table::VECTOR, &key)?;
        let row = row.and_then(|row| VectorRow::from_bytes(&row).ok());
        let said = self.snapshots.get(&(walk.scope, walk.author)).cloned().unwrap_or_default();
        // Where one no longer covers anything, the row follows with the next step of the node.
        let follows = said.values().any(|row| row.ended);
        let mut expected = reach(walk.held, &said);
        expected.ahead.truncate(limits::AHEAD.max);
        // With a gap, what is held beyond it is listed in the row.
        let ahead =
            |row: &VectorRow| -> Vec<_> { row.ahead.iter().map(|it| (it.seq, it.id)).collect() };
        let fits = row.is_some_and(|row| {
            (row.seq, row.id) == (expected.seq, expected.id) && ahead(&row) == ahead(&expected)
        });
        if !fits && !follows {
            let place = format!("chain of {} in scope {}", walk.author, walk.scope);
            self.findings.wrong(place, "is not as long as the vector table says");
        }
        Ok(())
    }

    /// No envelope and no record outside of a chain.
    fn counts(&mut self) -> Result<(), OpError> {
        let logged = count(self.snapshot, table::LOG)?;
        if logged != self.findings.envelopes {
            let what =
                format!("{logged} envelopes, of which chains name {}", self.findings.envelopes);
            self.findings.wrong("table log", what);
        }
        let listed = count(self.snapshot, table::RECORD)?;
        // A newer program may have listed what this one cannot read.
        let may_hold_more = self.findings.newer > 0;
        if listed < self.records_seen || listed > self.records_seen && !may_hold_more {
            let what = format!("{listed} rows, of which envelopes hold {}", self.records_seen);
            self.findings.wrong("table record", what);
        }
        Ok(())
    }

    fn statements(&mut self) -> Result<(), OpError> {
        let (mut signers, network) = (BTreeSet::new(), self.roster.network());
        for (key, value) in rows(self.snapshot, table::HEAD)? {
            let (Ok(device), Ok(row)) =
                (DeviceId::from_bytes(&key), PublisherRow::from_bytes(&value))
            else {
                self.findings.wrong("table head", "a row does not read");
                continue;
            };
            self.findings.heads += 1;
            let certificate = self.roster.device(&device);
            let signed =
                certificate.is_some_and(|it| row.statement.verify(&network, &it.key).is_ok());
            if !signed || !signers.insert(device) {
                self.findings
                    .wrong(format!("head statement of {device}"), "not signed by its device");
            }
        }
        Ok(())
    }
}

type Rows = Vec<(Vec<u8>, Vec<u8>)>;

/// A table of small rows, whole.
fn rows(snapshot: &Snapshot, table: Table) -> Result<Rows, StorageError> {
    let mut rows = Vec::new();
    snapshot.scan(table, &Range::all(), Order::Ascending, &mut |key, value| {
        rows.push((key.to_vec(), value.to_vec()));
        true
    })?;
    Ok(rows)
}

fn count(snapshot: &Snapshot, table: Table) -> Result<u64, StorageError> {
    let mut count = 0;
    snapshot.scan(table, &Range::all(), Order::Ascending, &mut |_, _| {
        count += 1;
        true
    })?;
    Ok(count)
}

fn chain_place(key: &[u8]) -> Option<(ScopeNumber, DeviceId, u64)> {
    let (scope, rest) = key.split_first_chunk::<4>()?;
    let (author, seq) = rest.split_first_chunk::<{ DeviceId::LEN }>()?;
    let seq = u64::from_be_bytes(seq.try_into().ok()?);
    Some((u32::from_be_bytes(*scope), DeviceId(*author), seq))
}
