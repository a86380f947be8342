//! The access log (操作ログ): who opened what, chained by digests and signed by this device line by line.
//!
//! Each line covers the one before it, so none can be altered, left out or put in between unnoticed; the device's
//! signature keeps others from writing a log of their own.

use azalea_core::id::{PatientId, Timestamp, VersionId};
use azalea_core::identity::{Domain, Signature};
use azalea_core::storage::{Batch, Order, Range, Read, StorageError};
use azalea_core::wire::{Reader, Wire, WireError, Writer, limits};

use super::Node;
use crate::store::tables::ACCESS;
use crate::web::ClinicError;
use crate::web::model::{AccessEntry, AccessKind, AccessPage, StaffId};

const FORMAT: u8 = 1;
const CONTEXT: &str = "azalea 2026-11 access log line";

/// Where the log ends.
#[derive(Default)]
pub(super) struct Tail {
    /// The next line's number.
    next: u64,
    /// The digest over the last line.
    digest: [u8; 32],
    read: bool,
}

struct Line {
    previous: [u8; 32],
    entry: AccessEntry,
    signature: Signature,
}

/// What a check of the whole log found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogCheck {
    /// Lines checked.
    pub lines: u64,
    /// The first line that does not fit, if any.
    pub broken_at: Option<u64>,
}

impl Line {
    fn body(previous: &[u8; 32], entry: &AccessEntry) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.u8(FORMAT);
        writer.raw(previous);
        entry.at.write(&mut writer);
        writer.bool(entry.staff.is_some());
        writer.text(entry.staff.as_ref().map_or("", |staff| &staff.0));
        writer.text(&entry.staff_name);
        writer.u8(number(entry.kind));
        writer.option(&entry.patient);
        writer.option(&entry.record);
        writer.into_bytes()
    }

    fn digest(&self) -> [u8; 32] {
        blake3::derive_key(CONTEXT, &Self::body(&self.previous, &self.entry))
    }
}

impl Wire for Line {
    fn write(&self, writer: &mut Writer) {
        writer.raw(&Self::body(&self.previous, &self.entry));
        self.signature.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.u8("access line")? {
            FORMAT => {}
            found => return Err(WireError::Version { field: "access line", found, known: FORMAT }),
        }
        let previous = reader.array("previous line")?;
        let at = Timestamp::read(reader)?;
        let known = reader.bool("staff")?;
        let staff = reader.text(limits::TEXT)?.to_owned();
        let staff_name = reader.text(limits::TEXT)?.to_owned();
        let kind =
            kind(reader.u8("access kind")?).ok_or(WireError::Invalid { field: "access kind" })?;
        let patient: Option<PatientId> = reader.option("patient")?;
        let record: Option<VersionId> = reader.option("record")?;
        let entry = AccessEntry {
            at,
            staff: known.then_some(StaffId(staff)),
            staff_name,
            kind,
            patient,
            patient_name: None,
            record,
        };
        Ok(Self { previous, entry, signature: Signature::read(reader)? })
    }
}

impl Node {
    /// Appends a line; on the disk when this returns.
    pub(super) fn append_access(&self, entry: &AccessEntry) -> Result<(), ClinicError> {
        let mut tail = self.access_tail();
        if !tail.read {
            *tail = self.read_tail().map_err(super::disk)?;
        }
        let entry = AccessEntry {
            staff_name: cut(&entry.staff_name).to_owned(),
            patient_name: None,
            ..entry.clone()
        };
        let body = Line::body(&tail.digest, &entry);
        let signature = self.identity.device.sign(Domain::Ledger, &body);
        let line = Line { previous: tail.digest, entry, signature };
        let mut batch = Batch::new();
        batch.put(ACCESS, tail.next.to_be_bytes(), line.to_bytes());
        self.handle.store().commit_all([&batch]).map_err(super::disk)?;
        tail.digest = line.digest();
        tail.next += 1;
        Ok(())
    }

    fn read_tail(&self) -> Result<Tail, StorageError> {
        let mut tail = Tail { read: true, ..Tail::default() };
        let mut odd = false;
        let visit = &mut |key: &[u8], value: &[u8]| {
            match (<[u8; 8]>::try_from(key), Line::from_bytes(value)) {
                (Ok(key), Ok(line)) => {
                    tail.next = u64::from_be_bytes(key) + 1;
                    tail.digest = line.digest();
                }
                _ => odd = true,
            }
            false
        };
        self.handle.store().scan(ACCESS, &Range::all(), Order::Descending, visit)?;
        match odd {
            true => Err(StorageError::Damaged { place: "the access log's last line".to_owned() }),
            false => Ok(tail),
        }
    }

    /// Lines of one patient or of all, the newest first.
    pub(super) fn access_lines(
        &self,
        patient: Option<PatientId>,
        offset: usize,
        limit: usize,
    ) -> Result<AccessPage, ClinicError> {
        let mut page = AccessPage { entries: Vec::new(), total: 0, chain_whole: true };
        // Each line is held against the one before it, which the scan meets next.
        let mut wanted: Option<[u8; 32]> = None;
        let key = self.identity.device.public();
        let visit = &mut |_: &[u8], value: &[u8]| {
            let Ok(line) = Line::from_bytes(value) else {
                page.chain_whole = false;
                return true;
            };
            page.chain_whole &= wanted.is_none_or(|wanted| wanted == line.digest());
            wanted = Some(line.previous);
            if patient.is_none() || line.entry.patient == patient {
                page.total += 1;
                if page.total as usize > offset && page.entries.len() < limit {
                    let body = Line::body(&line.previous, &line.entry);
                    page.chain_whole &= key.verify(Domain::Ledger, &body, &line.signature).is_ok();
                    page.entries.push(line.entry);
                }
            }
            true
        };
        let scanned = self.handle.store().scan(ACCESS, &Range::all(), Order::Descending, visit);
        scanned.map_err(super::disk)?;
        page.chain_whole &= wanted.is_none_or(|first| first == [0; 32]);
        for entry in &mut page.entries {
            entry.patient_name = entry.patient.and_then(|patient| self.patient_name(&patient));
        }
        Ok(page)
    }

    /// Checks every line's place in the chain and its signature.
    pub fn check_access_log(&self) -> Result<LogCheck, StorageError> {
        let mut check = LogCheck { lines: 0, broken_at: None };
        let mut previous = [0; 32];
        let key = self.identity.device.public();
        let visit = &mut |number: &[u8], value: &[u8]| {
            let line = Line::from_bytes(value).ok().filter(|line| {
                let body = Line::body(&line.previous, &line.entry);
                number == check.lines.to_be_bytes()
                    && line.previous == previous
                    && key.verify(Domain::Ledger, &body, &line.signature).is_ok()
            });
            match line {
                Some(line) => previous = line.digest(),
                None => {
                    check.broken_at = Some(check.lines);
                    return false;
                }
            }
            check.lines += 1;
            true
        };
        self.handle.store().scan(ACCESS, &Range::all(), Order::Ascending, visit)?;
        Ok(check)
    }
}

const KINDS: [AccessKind; 12] = [
    AccessKind::SignedIn,
    AccessKind::SignInRefused,
    AccessKind::SignedOut,
    AccessKind::Searched,
    AccessKind::OpenedPatient,
    AccessKind::OpenedRecord,
    AccessKind::WroteNote,
    AccessKind::GaveConsent,
    AccessKind::WithdrewConsent,
    AccessKind::Linked,
    AccessKind::ChangedStaff,
    AccessKind::ReadLog,
];

/// 0 stands for a kind that this list lacks; the order of the list is part of the file format.
fn number(kind: AccessKind) -> u8 {
    KINDS.iter().position(|known| *known == kind).map_or(0, |at| at as u8 + 1)
}

fn kind(number: u8) -> Option<AccessKind> {
    KINDS.get(usize::from(number).checked_sub(1)?).copied()
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(limits::TEXT.max)]
}
