//! The second reading of a file: every resource becomes a record and goes to the sink in batches.

use std::io::BufRead;

use azalea_core::wire::limits;

use super::cause::Cause;
use super::entry::Entry;
use super::json::Node;
use super::links::{Context, LOOSE};
use super::place::Place;
use super::record::{self, Origin};
use super::report::{FileReport, Quarantined, Skipped};
use super::scan::{Piece, ScanError, Scanner, Step};
use super::sink::{Mark, RecordInput, Sink, SinkError};
use super::survey::{Form, Survey, read};

/// Takes one file that was surveyed.
pub(crate) struct Taking<'t> {
    pub(crate) survey: &'t Survey,
    pub(crate) sink: &'t mut dyn Sink,
    pub(crate) file: [u8; 32],
    /// How far the file was taken in earlier runs.
    before: Mark,
    /// How far it is taken now.
    position: u64,
    quarantined: Vec<u64>,
    /// From here on there were too many quarantined resources to remember which.
    overflow: Option<u64>,
    pub(crate) report: &'t mut FileReport,
    batch: Vec<RecordInput>,
    batch_bytes: usize,
    history: Vec<Candidate>,
    history_bytes: usize,
    scratch: Vec<u8>,
}

/// A resource as it was found: a record, or the reason why it is none.
type Candidate = Result<RecordInput, Quarantined>;

/// Why taking stopped before the end of the file.
pub(crate) enum Stop {
    /// The file as a whole cannot be taken.
    Refused(Cause),
    /// The file could not be read on.
    Scan(ScanError),
    /// The sink could not keep what it was given.
    Sink(SinkError),
}

impl From<ScanError> for Stop {
    fn from(error: ScanError) -> Self {
        Self::Scan(error)
    }
}

impl From<SinkError> for Stop {
    fn from(error: SinkError) -> Self {
        Self::Sink(error)
    }
}

impl<'t> Taking<'t> {
    pub(crate) fn new(
        survey: &'t Survey,
        sink: &'t mut dyn Sink,
        file: [u8; 32],
        before: Mark,
        report: &'t mut FileReport,
    ) -> Self {
        Self {
            survey,
            sink,
            file,
            before,
            position: 0,
            quarantined: Vec::new(),
            overflow: None,
            report,
            batch: Vec::new(),
            batch_bytes: 0,
            history: Vec::new(),
            history_bytes: 0,
            scratch: Vec::new(),
        }
    }

    /// Reads on to the end of the next batch; false at the end of the file.
    pub(crate) fn step<R: BufRead>(&mut self, scanner: &mut Scanner<R>) -> Result<bool, Stop> {
        while let Some(step) = scanner.next()? {
            match step {
                Step::Entry { value, number, place, piece } => {
                    let form = self.survey.form(value);
                    if let Some(form @ (Form::Loose(_) | Form::History)) = form {
                        self.entry(form, value, number, place, piece)?;
                    }
                }
                Step::Value { number, place, whole, .. } => self.value(number, place, whole)?,
            }
            if self.batch.len() >= BATCH_RECORDS_MAX || self.batch_bytes >= BATCH_BYTES_MAX {
                self.flush()?;
                return Ok(true);
            }
        }
        self.flush()?;
        Ok(false)
    }

    /// The mark with which the file is finished.
    pub(crate) fn finish(mut self) -> Result<(), Stop> {
        self.flush()?;
        self.report.counts.add_batch(&self.sink.settle()?);
        self.report.conclude();
        let mut mark = self.mark();
        mark.whole = self.overflow.is_none();
        Ok(self.sink.finished(&self.file, &mark, self.report)?)
    }

    fn entry(
        &mut self,
        form: Form,
        value: u64,
        number: u64,
        place: Place,
        piece: Option<Piece<'_>>,
    ) -> Result<(), Stop> {
        let refuse =
            |cause| Err(Quarantined { entry: Some(number), kind: None, place: Some(place), cause });
        let Some(piece) = piece else {
            return self.candidate(form, refuse(Cause::TooLarge(limits::RECORD.max)));
        };
        let mut duplicate = None;
        let entry = read(&piece, |parser| {
            let entry = Entry::read(parser, |parser| parser.value())?;
            duplicate = parser.duplicate();
            Ok(entry)
        })?;
        let Some(entry) = entry else { return self.candidate(form, refuse(Cause::BadEntry)) };
        if entry.repeated {
            return self.candidate(form, refuse(Cause::RepeatedKey));
        }
        let method = entry.method.as_deref().unwrap_or_default();
        match (method, &entry.resource) {
            ("DELETE", _) => return self.candidate(form, refuse(Cause::Deletion)),
            ("PATCH", _) => return self.candidate(form, refuse(Cause::Patch)),
            (_, Some((_, _, Node::Object(_)))) => {}
            (_, Some((_, _, Node::Null)) | None) => {
                self.report.skip(match (method, entry.response) {
                    ("GET" | "HEAD", _) => Skipped::Request,
                    (_, true) => Skipped::Response,
                    _ => Skipped::NoResource,
                });
                return Ok(());
            }
            _ => return self.candidate(form, refuse(Cause::BadEntry)),
        }
        let Some((offset, raw, resource)) = &entry.resource else { return Ok(()) };
        let origin = Origin { entry: Some(number), place: piece.locate(*offset) };
        let candidate = if duplicate.is_some() {
            Err(origin.quarantined(resource, Cause::RepeatedKey))
        } else {
            self.record(resource, raw, entry.full_url, value, origin)
        };
        self.candidate(form, candidate)
    }

    fn value(&mut self, number: u64, place: Place, whole: Option<Piece<'_>>) -> Result<(), Stop> {
        let entry = (self.survey.values > 1).then_some(number);
        let refuse = |cause| Err(Quarantined { entry, kind: None, place: Some(place), cause });
        let candidate = match (self.survey.form(number), whole) {
            (Some(Form::Loose(_)), _) => return Ok(()),
            (Some(Form::History), _) => return self.turn_round(place, entry),
            (Some(Form::Unclear), _) => refuse(Cause::BadBundleType),
            (Some(Form::Repeated), _) => refuse(Cause::RepeatedKey),
            (_, None) => refuse(Cause::TooLarge(limits::RECORD.max)),
            (Some(Form::Document) | None, Some(whole)) => {
                let mut duplicate = None;
                let resource = read(&whole, |parser| {
                    let resource = parser.value()?;
                    duplicate = parser.duplicate();
                    Ok(resource)
                })?;
                let origin = Origin { entry, place };
                if duplicate.is_some() {
                    Err(origin.quarantined(&resource, Cause::RepeatedKey))
                } else {
                    self.record(&resource, whole.text()?, None, LOOSE, origin)
                }
            }
        };
        self.offer(candidate);
        Ok(())
    }

    fn record(
        &mut self,
        resource: &Node<'_>,
        raw: &str,
        full_url: Option<Option<std::borrow::Cow<'_, str>>>,
        scope: u64,
        origin: Origin,
    ) -> Candidate {
        let context = Context { links: &self.survey.links, scope, sink: &*self.sink };
        let record = record::record(resource, raw, full_url, &context, &mut self.scratch);
        record.map_err(|cause| origin.quarantined(resource, cause))
    }

    fn candidate(&mut self, form: Form, candidate: Candidate) -> Result<(), Stop> {
        if form != Form::History {
            self.offer(candidate);
            return Ok(());
        }
        self.history_bytes += ENTRY_BYTES + candidate.as_ref().map_or(0, |record| record.raw.len());
        if self.history_bytes > HISTORY_BYTES_MAX {
            self.history = Vec::new();
        } else {
            self.history.push(candidate);
        }
        Ok(())
    }

    /// A history Bundle has its newest versions first; records go to the sink in the order in which they were written.
    fn turn_round(&mut self, place: Place, entry: Option<u64>) -> Result<(), Stop> {
        let history = std::mem::take(&mut self.history);
        let bytes = std::mem::take(&mut self.history_bytes);
        if bytes > HISTORY_BYTES_MAX {
            let cause = Cause::HistoryTooLarge(HISTORY_BYTES_MAX);
            self.offer(Err(Quarantined { entry, kind: None, place: Some(place), cause }));
        }
        for candidate in history.into_iter().rev() {
            self.offer(candidate);
            if self.batch.len() >= BATCH_RECORDS_MAX || self.batch_bytes >= BATCH_BYTES_MAX {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn offer(&mut self, candidate: Candidate) {
        let held = self.before.holds(self.position);
        match candidate {
            Ok(record) => {
                self.report.count_type(&record.key.kind);
                if held {
                    self.report.counts.unchanged += 1;
                } else {
                    self.batch_bytes += record.raw.len();
                    self.batch.push(record);
                }
            }
            Err(item) => {
                if self.quarantined.len() < QUARANTINED_MAX {
                    self.quarantined.push(self.position);
                } else {
                    self.overflow = self.overflow.or(Some(self.position));
                }
                self.report.withhold(item);
            }
        }
        self.position += 1;
    }

    fn flush(&mut self) -> Result<(), Stop> {
        self.batch_bytes = 0;
        if self.batch.is_empty() {
            return Ok(());
        }
        let mark = self.mark();
        let outcome = self.sink.take(&self.file, &mark, std::mem::take(&mut self.batch))?;
        self.report.counts.add_batch(&outcome);
        Ok(())
    }

    /// What is dealt with so far, in this run or an earlier one. Behind an overflow the file counts as not read: what is held
    /// of it will be unchanged.
    fn mark(&self) -> Mark {
        let later = self.before.quarantined.iter().filter(|place| **place >= self.position);
        let end = self.overflow.unwrap_or(u64::MAX);
        let quarantined = self.quarantined.iter().chain(later).copied();
        Mark {
            whole: self.before.whole && self.overflow.is_none(),
            position: self.position.max(self.before.position).min(end),
            quarantined: quarantined.filter(|place| *place < end).collect(),
        }
    }
}

/// Records in one batch.
const BATCH_RECORDS_MAX: usize = 1_000;
/// Bytes of records in one batch, where the last one may go beyond it.
const BATCH_BYTES_MAX: usize = 4 << 20;
/// Bytes of a history Bundle, which is held in memory to turn it round.
const HISTORY_BYTES_MAX: usize = 64 << 20;
/// What an entry without a record counts towards that limit.
const ENTRY_BYTES: usize = 256;
/// Quarantined resources that a mark remembers one by one.
const QUARANTINED_MAX: usize = 100_000;
