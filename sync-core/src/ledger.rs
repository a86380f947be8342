//! The ledger, or access log (操作ログ): who opened what, when, online or not; chained by digests and signed by
//! its device line by line.
//!
//! Each line covers the one before it, so none can be altered, left out or put in between unnoticed; the device's
//! signature keeps others from writing a log of their own. What is opened is shown only once its line is durable.

mod line;
#[cfg(test)]
mod tests;

use crate::id::{PatientId, Timestamp, VersionId};
use crate::identity::{PublicKey, SigningKeypair};
use crate::storage::table::LEDGER;
use crate::storage::{Batch, Order, Range, Read, StorageError};
use crate::wire::Wire;
use line::Line;

/// A member of staff: stable, never reused; random letters, not a name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StaffId(pub String);

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessKind {
    /// Signed in.
    SignedIn,
    /// A password was refused.
    SignInRefused,
    /// Signed out, or the session ran out.
    SignedOut,
    /// Searched the patient list.
    Searched,
    /// Opened a patient.
    OpenedPatient,
    /// Opened a record.
    OpenedRecord,
    /// Wrote, edited, cancelled or resolved a note.
    WroteNote,
    /// Recorded a consent.
    GaveConsent,
    /// Recorded a withdrawal.
    WithdrewConsent,
    /// Proposed, confirmed or rejected a link.
    Linked,
    /// Added, stopped or restored an account, or changed a password.
    ChangedStaff,
    /// Read the access log.
    ReadLog,
    /// Had a quarantined file read again.
    RetriedImport,
    /// Took a quarantined file off the list.
    DiscardedImport,
}

/// What a line of the ledger says.
#[derive(Clone)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// Who; `None` where a sign-in was refused, or a command did it.
    pub staff: Option<StaffId>,
    /// Their name when it was written.
    pub staff_name: String,
    /// What.
    pub kind: AccessKind,
    /// About whom.
    pub patient: Option<PatientId>,
    /// Which record.
    pub record: Option<VersionId>,
    /// Whether the relay was connected; unknown in lines of older programs.
    pub online: Option<bool>,
    /// Why it was done, where a person had to say so.
    pub reason: String,
}

/// Where the ledger ends.
#[derive(Clone, Default)]
pub struct Ledger {
    next: u64,
    last: [u8; 32],
}

/// Some lines of the ledger.
pub struct Lines {
    /// What they say, the newest first.
    pub entries: Vec<Entry>,
    /// How many there are in all.
    pub total: u64,
    /// Whether every line names the one before it, and those given here are signed by the device.
    pub whole: bool,
}

/// What a check of the whole ledger found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerCheck {
    /// Lines that are in their place.
    pub lines: u64,
    /// The first line that does not fit, if any.
    pub broken_at: Option<u64>,
}

impl Ledger {
    /// Finds the end.
    ///
    /// # Errors
    ///
    /// What the store says, and [`StorageError::Damaged`] where the last line cannot be read.
    pub fn open(store: &impl Read) -> Result<Self, StorageError> {
        let mut end = Some(Self::default());
        store.scan(LEDGER, &Range::all(), Order::Descending, &mut |key, value| {
            let number = key.try_into().ok().map(u64::from_be_bytes);
            end = number
                .zip(Line::from_bytes(value).ok())
                .map(|(number, line)| Self { next: number + 1, last: line.digest() });
            false
        })?;
        end.ok_or_else(|| StorageError::Damaged { place: "the access log's last line".to_owned() })
    }

    /// The line for `entry`, signed by its device; long texts are cut. The ledger ends with it once the batch is
    /// durable, and as before where it never is.
    pub fn append(&self, entry: &Entry, device: &SigningKeypair) -> (Batch, Self) {
        let line = Line::sign(self.last, entry, device);
        let mut batch = Batch::new();
        batch.put(LEDGER, self.next.to_be_bytes(), line.to_bytes());
        (batch, Self { next: self.next + 1, last: line.digest() })
    }
}

/// Lines of one patient or of all.
///
/// # Errors
///
/// What the store says; lines that cannot be read leave the ledger not whole.
pub fn lines(
    store: &impl Read,
    key: &PublicKey,
    patient: Option<PatientId>,
    (offset, limit): (usize, usize),
) -> Result<Lines, StorageError> {
    let mut found = Lines { entries: Vec::new(), total: 0, whole: true };
    // Each line is held against the one before it, which the scan meets next.
    let mut wanted: Option<[u8; 32]> = None;
    store.scan(LEDGER, &Range::all(), Order::Descending, &mut |_, value| {
        let Ok(line) = Line::from_bytes(value) else {
            found.whole = false;
            return true;
        };
        found.whole &= wanted.is_none_or(|wanted| wanted == line.digest());
        wanted = Some(line.previous);
        if patient.is_none() || line.entry.patient == patient {
            found.total += 1;
            if found.total as usize > offset && found.entries.len() < limit {
                found.whole &= line.is_signed_by(key);
                found.entries.push(line.entry);
            }
        }
        true
    })?;
    found.whole &= wanted.is_none_or(|first| first == [0; 32]);
    Ok(found)
}

/// Checks every line's place in the chain and its signature, and shows what is in its place to `each`.
///
/// # Errors
///
/// What the store says.
pub fn check(
    store: &impl Read,
    key: &PublicKey,
    each: &mut dyn FnMut(Entry),
) -> Result<LedgerCheck, StorageError> {
    let mut check = LedgerCheck { lines: 0, broken_at: None };
    let mut previous = [0; 32];
    store.scan(LEDGER, &Range::all(), Order::Ascending, &mut |number, value| {
        let line = Line::from_bytes(value).ok().filter(|line| {
            number == check.lines.to_be_bytes()
                && line.previous == previous
                && line.is_signed_by(key)
        });
        let Some(line) = line else {
            check.broken_at = Some(check.lines);
            return false;
        };
        previous = line.digest();
        check.lines += 1;
        each(line.entry);
        true
    })?;
    Ok(check)
}
