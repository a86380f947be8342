//! Envelopes that are kept but not applied: waiting for something that may still come, or set apart for a person.

use std::collections::BTreeMap;

use crate::envelope::Header;
use crate::id::{DeviceId, EnvelopeId, Timestamp};
use crate::storage::row::{ScopeNumber, key};
use crate::storage::table;
use crate::wire::{Reader, Wire, WireError, Writer, limits};

use super::Tx;
use super::state::State;

/// What an envelope waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Its author's certificate, its scope or its author's grant: a statement that may be on its way.
    Statement,
    /// The key of its epoch. Its signature and right are proven, and it stands in the log.
    Key,
    /// A person's decision on its author, who contradicted itself. Proven and in the log as well.
    Decision,
    /// A program that reads its header: this one is too old to tell who wrote it, and where.
    Program,
}

impl Wire for Wait {
    fn write(&self, writer: &mut Writer) {
        writer.u8(match self {
            Self::Statement => 0,
            Self::Key => 1,
            Self::Decision => 2,
            Self::Program => 3,
        });
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.u8("wait")? {
            0 => Ok(Self::Statement),
            1 => Ok(Self::Key),
            2 => Ok(Self::Decision),
            3 => Ok(Self::Program),
            _ => Err(WireError::Invalid { field: "wait" }),
        }
    }
}

/// A row of the waiting table: the envelope itself, so that trying again needs one read.
pub(super) struct WaitingRow {
    pub(super) wait: Wait,
    /// The position in the log; 0 where it is not there yet.
    pub(super) position: u64,
    pub(super) envelope: Vec<u8>,
}

impl Wire for WaitingRow {
    fn write(&self, writer: &mut Writer) {
        self.wait.write(writer);
        writer.u64(self.position);
        writer.bytes(&self.envelope);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let wait = Wait::read(reader)?;
        let position = reader.u64("position")?;
        Ok(Self { wait, position, envelope: reader.bytes(limits::ENVELOPE)?.to_vec() })
    }
}

impl WaitingRow {
    /// The author, where the envelope waits for a decision on it.
    fn set_aside(&self) -> Option<DeviceId> {
        let header = Header::read(&mut Reader::new(&self.envelope)).ok()?;
        (self.wait == Wait::Decision).then_some(header.author)
    }
}

/// The author of a waiting row's envelope, where it waits for a decision on the author.
pub(super) fn set_aside(row: &[u8]) -> Result<Option<DeviceId>, WireError> {
    WaitingRow::from_bytes(row).map(|row| row.set_aside())
}

/// The id of a waiting row's envelope, where it stands in the log and waits for a decision on its author.
pub(crate) fn set_aside_id(row: &[u8]) -> Result<Option<EnvelopeId>, WireError> {
    let row = WaitingRow::from_bytes(row)?;
    if row.wait != Wait::Decision {
        return Ok(None);
    }
    Header::read(&mut Reader::new(&row.envelope)).map(|header| Some(header.id()))
}

/// The id of a waiting row's envelope.
pub(super) fn waiting_id(row: &[u8]) -> Option<EnvelopeId> {
    let row = WaitingRow::from_bytes(row).ok()?;
    Header::read(&mut Reader::new(&row.envelope)).ok().map(|header| header.id())
}

/// Why an envelope is set apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Written after its author's right ended.
    Late,
    /// Another envelope has its place in the author's chain: one device said two things.
    Fork,
    /// Its body does not open or read, though its author's signature is right.
    Body,
    /// The relay refused an envelope of ours for good.
    Refused,
    /// The relay holds another envelope under this number of ours: this store came from a backup, or has a twin.
    Contradicted,
    /// Written by a newer program than this one: nothing is wrong with it, and it is read once this program is updated.
    Newer,
}

impl Cause {
    /// The cause in words for people who look after the node.
    pub fn words(self) -> &'static str {
        match self {
            Self::Late => "written after its author's right had ended",
            Self::Fork => "its author signed two different envelopes with one number",
            Self::Body => "its body does not open or read",
            Self::Refused => "refused by the relay",
            Self::Contradicted => {
                "the relay holds another envelope of this device with this number"
            }
            Self::Newer => "written by a newer program: update this one",
        }
    }
}

/// A row of the quarantine table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineRow {
    /// Why.
    pub cause: Cause,
    /// The scope's number.
    pub scope: ScopeNumber,
    /// The author.
    pub author: DeviceId,
    /// Its number in the author's chain.
    pub seq: u64,
    /// The envelope.
    pub id: EnvelopeId,
    /// When it was set apart.
    pub at: Timestamp,
    /// Its bytes; none where the log has them too: of what is newer than this program, and of our own that was refused.
    pub envelope: Vec<u8>,
}

impl Wire for QuarantineRow {
    fn write(&self, writer: &mut Writer) {
        writer.u8(match self.cause {
            Cause::Late => 0,
            Cause::Fork => 1,
            Cause::Body => 2,
            Cause::Refused => 3,
            Cause::Contradicted => 4,
            Cause::Newer => 5,
        });
        writer.u32(self.scope);
        self.author.write(writer);
        writer.u64(self.seq);
        self.id.write(writer);
        self.at.write(writer);
        writer.bytes(&self.envelope);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            cause: match reader.u8("cause")? {
                0 => Cause::Late,
                1 => Cause::Fork,
                2 => Cause::Body,
                3 => Cause::Refused,
                4 => Cause::Contradicted,
                5 => Cause::Newer,
                _ => return Err(WireError::Invalid { field: "cause" }),
            },
            scope: reader.u32("scope number")?,
            author: DeviceId::read(reader)?,
            seq: reader.u64("seq")?,
            id: EnvelopeId::read(reader)?,
            at: Timestamp::read(reader)?,
            envelope: reader.bytes(limits::ENVELOPE)?.to_vec(),
        })
    }
}

/// An envelope that is set apart, as memory keeps it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Apart {
    pub(super) cause: Cause,
    pub(super) scope: ScopeNumber,
    pub(super) author: DeviceId,
}

/// Envelopes that may wait for a statement at once; beyond that a hostile relay could fill the disk.
pub(super) const WAITING_MAX: usize = 100_000;

impl State {
    /// Keeps an envelope until what it waits for has come. Says whether there was room.
    pub(super) fn hold(&mut self, tx: &mut Tx<'_>, scope: ScopeNumber, row: &WaitingRow) -> bool {
        let is_proven = matches!(row.wait, Wait::Key | Wait::Decision);
        if !is_proven && self.waiting.values().sum::<usize>() >= WAITING_MAX {
            return false;
        }
        let count = self.next_waiting;
        self.next_waiting += 1;
        self.count_waiting(scope, row.wait);
        if let Some(author) = row.set_aside() {
            self.suspensions.count(author, true);
        }
        tx.batch.put(table::WAITING, waiting_key(scope, count), row.to_bytes());
        true
    }

    /// Counts an envelope that is held.
    pub(super) fn count_waiting(&mut self, scope: ScopeNumber, wait: Wait) {
        *self.waiting.entry(scope).or_default() += 1;
        if wait == Wait::Key {
            *self.waiting_for_key.entry(scope).or_default() += 1;
        }
        self.waiting_for_program += usize::from(wait == Wait::Program);
    }

    /// Takes a row out that was held.
    pub(super) fn release(
        &mut self,
        tx: &mut Tx<'_>,
        scope: ScopeNumber,
        key: Vec<u8>,
        row: &WaitingRow,
    ) {
        if let Some(author) = row.set_aside() {
            self.suspensions.count(author, false);
        }
        one_less(&mut self.waiting, scope);
        if row.wait == Wait::Key {
            one_less(&mut self.waiting_for_key, scope);
        }
        self.waiting_for_program -= usize::from(row.wait == Wait::Program);
        tx.batch.remove(table::WAITING, key);
    }

    /// Sets an envelope apart for a person to review.
    pub(super) fn quarantine(&mut self, tx: &mut Tx<'_>, row: &QuarantineRow) {
        if self.is_late(&row.id) {
            return;
        }
        tx.refuse(row.cause.words());
        if row.cause == Cause::Fork && self.suspensions.is_known(&row.author, &row.id) {
            return;
        }
        self.note_quarantined(row);
        tx.batch.put(table::QUARANTINE, row.id.as_bytes(), row.to_bytes());
    }

    /// Keeps in memory what a row of the quarantine table amounts to.
    pub(super) fn note_quarantined(&mut self, row: &QuarantineRow) {
        // Nobody refused what a newer program of ours wrote, and what is late the relay carries to whoever reviews it.
        if row.author == self.me && !matches!(row.cause, Cause::Newer | Cause::Late) {
            self.refused.insert((row.scope, row.seq));
        }
        self.contradicted |= row.cause == Cause::Contradicted;
        self.suspensions.note(row);
        let apart = Apart { cause: row.cause, scope: row.scope, author: row.author };
        if let Some(before) = self.quarantined.insert(row.id, apart) {
            self.count_newer(before, false);
        }
        self.count_newer(apart, true);
    }

    /// Takes an envelope out of what is set apart.
    pub(super) fn set_back(&mut self, tx: &mut Tx<'_>, id: &EnvelopeId) {
        tx.batch.remove(table::QUARANTINE, id.as_bytes());
        if let Some(apart) = self.quarantined.remove(id) {
            self.count_newer(apart, false);
        }
    }

    fn count_newer(&mut self, apart: Apart, is_set: bool) {
        let at = (apart.scope, apart.author);
        match (apart.cause, is_set) {
            (Cause::Newer, true) => *self.newer.entry(at).or_default() += 1,
            (Cause::Newer, false) => one_less(&mut self.newer, at),
            _ => {}
        }
    }

    /// Whether an envelope is set apart as written after its author's right had ended.
    pub(super) fn is_late(&self, id: &EnvelopeId) -> bool {
        self.quarantined.get(id).is_some_and(|apart| apart.cause == Cause::Late)
    }
}

/// Counts one down; nothing is left of a count of none.
pub(super) fn one_less<K: Ord>(counts: &mut BTreeMap<K, usize>, of: K) {
    if let Some(count) = counts.get_mut(&of) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&of);
        }
    }
}

fn waiting_key(scope: ScopeNumber, count: u64) -> Vec<u8> {
    key(&[&scope.to_be_bytes(), &count.to_be_bytes()])
}
