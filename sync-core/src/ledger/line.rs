//! One line of the ledger in its binary form: what is chained and signed.

use super::{AccessKind, Entry, StaffId};
use crate::hash::Context;
use crate::id::{PatientId, Timestamp, VersionId};
use crate::identity::{Domain, PublicKey, Signature, SigningKeypair};
use crate::wire::{Reader, Wire, WireError, Writer, limits};

/// Without a word on whether the relay was connected, and without a reason.
const FIRST: u8 = 1;
const FORMAT: u8 = 2;
static CONTEXT: Context = Context::new("azalea 2026-11 access log line");

/// What was done, with the digest of the line before and the device's signature over both.
pub(super) struct Line {
    pub(super) previous: [u8; 32],
    pub(super) entry: Entry,
    signature: Signature,
}

impl Line {
    /// Signs what was done after the line whose digest is `previous`; long texts are cut.
    pub(super) fn sign(previous: [u8; 32], entry: &Entry, device: &SigningKeypair) -> Self {
        let entry = Entry {
            staff_name: cut(&entry.staff_name).to_owned(),
            reason: cut(&entry.reason).to_owned(),
            ..entry.clone()
        };
        let signature = device.sign(Domain::Ledger, &body(&previous, &entry));
        Self { previous, entry, signature }
    }

    /// What the next line names as the one before it.
    pub(super) fn digest(&self) -> [u8; 32] {
        CONTEXT.hash(&body(&self.previous, &self.entry))
    }

    /// Whether this device wrote the line.
    pub(super) fn is_signed_by(&self, key: &PublicKey) -> bool {
        let body = body(&self.previous, &self.entry);
        key.verify(Domain::Ledger, &body, &self.signature).is_ok()
    }
}

fn body(previous: &[u8; 32], entry: &Entry) -> Vec<u8> {
    let mut writer = Writer::new();
    // A line that says nothing of the relay was written in the first format and keeps its bytes.
    writer.u8(if entry.online.is_some() { FORMAT } else { FIRST });
    writer.raw(previous);
    entry.at.write(&mut writer);
    writer.bool(entry.staff.is_some());
    writer.text(entry.staff.as_ref().map_or("", |staff| &staff.0));
    writer.text(&entry.staff_name);
    writer.u8(number(entry.kind));
    writer.option(&entry.patient);
    writer.option(&entry.record);
    if let Some(online) = entry.online {
        writer.bool(online);
        writer.text(&entry.reason);
    }
    writer.into_bytes()
}

impl Wire for Line {
    fn write(&self, writer: &mut Writer) {
        writer.raw(&body(&self.previous, &self.entry));
        self.signature.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let format = match reader.u8("access line")? {
            format @ (FIRST | FORMAT) => format,
            found => return Err(WireError::Version { field: "access line", found, known: FORMAT }),
        };
        let previous = reader.array("previous line")?;
        let at = Timestamp::read(reader)?;
        let known = reader.bool("staff")?;
        let staff = reader.text(limits::TEXT)?.to_owned();
        let staff_name = reader.text(limits::TEXT)?.to_owned();
        let kind =
            kind(reader.u8("access kind")?).ok_or(WireError::Invalid { field: "access kind" })?;
        let patient: Option<PatientId> = reader.option("patient")?;
        let record: Option<VersionId> = reader.option("record")?;
        let (online, reason) = match format {
            FIRST => (None, String::new()),
            _ => (Some(reader.bool("online")?), reader.text(limits::TEXT)?.to_owned()),
        };
        let entry = Entry {
            at,
            staff: known.then_some(StaffId(staff)),
            staff_name,
            kind,
            patient,
            record,
            online,
            reason,
        };
        Ok(Self { previous, entry, signature: Signature::read(reader)? })
    }
}

const KINDS: [AccessKind; 14] = [
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
    AccessKind::RetriedImport,
    AccessKind::DiscardedImport,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(online: Option<bool>) -> Entry {
        Entry {
            at: Timestamp(7),
            staff: Some(StaffId("s1".to_owned())),
            staff_name: "山田 花子".to_owned(),
            kind: AccessKind::OpenedPatient,
            patient: Some(PatientId([3; 16])),
            record: None,
            online,
            reason: String::new(),
        }
    }

    #[test]
    fn a_line_of_the_first_format_keeps_its_bytes_and_its_signature() {
        let device = SigningKeypair::from_seed([5; 32]);
        for (online, format) in [(None, FIRST), (Some(false), FORMAT), (Some(true), FORMAT)] {
            let bytes = Line::sign([9; 32], &entry(online), &device).to_bytes();
            assert_eq!(bytes[0], format);
            let read = Line::from_bytes(&bytes).expect("as it was written");
            assert_eq!((read.entry.online, read.to_bytes()), (online, bytes));
            assert!(read.is_signed_by(&device.public()));
        }
    }

    #[test]
    fn every_kind_has_a_number() {
        for kind in KINDS {
            assert_eq!(super::kind(number(kind)), Some(kind));
        }
        assert_eq!((super::kind(0), super::kind(KINDS.len() as u8 + 1)), (None, None));
    }
}
