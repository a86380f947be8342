//! The ledger, or access log (操作ログ): who opened what, when, online or not; chained by digests and signed by
//! this device line by line.
//!
//! Each line covers the one before it, so none can be altered, left out or put in between unnoticed; the device's
//! signature keeps others from writing a log of their own.

mod line;

use azalea_core::id::PatientId;
use azalea_core::storage::{Batch, Order, Range, Read, StorageError};
use azalea_core::wire::Wire;

use super::Node;
use crate::store::tables::ACCESS;
use crate::web::ClinicError;
use crate::web::model::{AccessEntry, AccessPage, Link};
use line::Line;

/// Where the log ends.
#[derive(Default)]
pub(super) struct Tail {
    /// The next line's number.
    next: u64,
    /// The digest over the last line.
    digest: [u8; 32],
    read: bool,
}

/// What a check of the whole log found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogCheck {
    /// Lines checked.
    pub lines: u64,
    /// The first line that does not fit, if any.
    pub broken_at: Option<u64>,
}

impl Node {
    /// Appends a line; on the disk when this returns.
    pub(super) fn append_access(&self, entry: &AccessEntry) -> Result<(), ClinicError> {
        let mut tail = self.access_tail();
        if !tail.read {
            *tail = self.read_tail().map_err(super::disk)?;
        }
        let online = matches!(self.line(&self.handle.shown()), Link::Connected { .. });
        let entry = AccessEntry { online: Some(online), ..entry.clone() };
        let line = Line::sign(tail.digest, &entry, &self.identity.device);
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
                    page.chain_whole &= line.is_signed_by(&key);
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
                number == check.lines.to_be_bytes()
                    && line.previous == previous
                    && line.is_signed_by(&key)
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
