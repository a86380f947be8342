//! The access log: who opened whose record, when, online or not. Hash-chained and signed, so that no entry can
//! be taken out or changed without showing.

use crate::id::{PatientId, Timestamp};
use crate::identity::{Domain, PublicKey, Signature};
use crate::storage::table;
use crate::wire::{Reader, Wire, WireError, Writer, limits};

use super::Tx;
use super::command::Staff;
use super::state::{State, meta};

/// One access.
#[derive(Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    /// Its number, from 1.
    pub seq: u64,
    /// The digest of the entry before; zero for the first.
    pub previous: [u8; 32],
    /// When.
    pub at: Timestamp,
    /// Whose record.
    pub patient: PatientId,
    /// Who.
    pub by: String,
    /// What was opened.
    pub what: String,
    /// Whether the relay was connected.
    pub online: bool,
    /// The device's signature over all of the above.
    pub signature: Signature,
}

impl std::fmt::Debug for LedgerEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LedgerEntry({})", self.seq)
    }
}

impl LedgerEntry {
    /// Checks an entry against the one before it and the device's key; gives its digest for the next.
    pub fn check(&self, previous: (u64, [u8; 32]), key: &PublicKey) -> Option<(u64, [u8; 32])> {
        let follows = self.seq == previous.0 + 1 && self.previous == previous.1;
        let signed = key.verify(Domain::Ledger, &self.unsigned(), &self.signature).is_ok();
        (follows && signed).then(|| (self.seq, self.digest()))
    }

    fn digest(&self) -> [u8; 32] {
        *blake3::hash(&self.to_bytes()).as_bytes()
    }

    fn unsigned(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.u64(self.seq);
        writer.raw(&self.previous);
        self.at.write(&mut writer);
        self.patient.write(&mut writer);
        writer.text(&self.by);
        writer.text(&self.what);
        writer.bool(self.online);
        writer.into_bytes()
    }
}

impl Wire for LedgerEntry {
    fn write(&self, writer: &mut Writer) {
        writer.raw(&self.unsigned());
        self.signature.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            seq: reader.u64("ledger seq")?,
            previous: reader.array("ledger previous")?,
            at: Timestamp::read(reader)?,
            patient: PatientId::read(reader)?,
            by: reader.text(limits::TEXT)?.to_owned(),
            what: reader.text(limits::TEXT)?.to_owned(),
            online: reader.bool("online")?,
            signature: Signature::read(reader)?,
        })
    }
}

impl State {
    /// Appends an access.
    pub(super) fn log_access(
        &mut self,
        tx: &mut Tx<'_>,
        patient: PatientId,
        by: Staff,
        what: &str,
        online: bool,
    ) {
        let (seq, previous) = self.ledger;
        let mut entry = LedgerEntry {
            seq: seq + 1,
            previous,
            at: tx.now,
            patient,
            by: by.0,
            what: what.to_owned(),
            online,
            signature: Signature::from_bytes([0; 64]),
        };
        entry.signature = self.identity.device.sign(Domain::Ledger, &entry.unsigned());
        self.ledger = (entry.seq, entry.digest());
        tx.batch.put(table::LEDGER, entry.seq.to_be_bytes(), entry.to_bytes());
        let mut tail = Writer::new();
        tail.u64(self.ledger.0);
        tail.raw(&self.ledger.1);
        tx.batch.put(table::META, meta::LEDGER, tail.into_bytes());
    }
}
