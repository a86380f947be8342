//! Devices that contradicted themselves: until a person decides, nothing more of theirs is merged here.
//!
//! A device that signs two envelopes under one number was restored from a backup, has a twin, or its key was stolen: what it says
//! next may be the thief's. Both envelopes are kept; what follows keeps its place in the log and waits. Certificates pass
//! all the same: each is its own proof, and a revocation must never wait (`docs/decisions/0015-forks-suspend.md`).

use std::collections::{BTreeMap, BTreeSet};

use crate::envelope::Header;
use crate::id::{DeviceId, EnvelopeId, FacilityId, Timestamp};
use crate::identity::FacilityKind;
use crate::storage::row::ScopeNumber;
use crate::storage::table;
use crate::wire::{Reader, Wire, WireError, Writer};

use super::Tx;
use super::command::{CommandError, Outcome, Staff};
use super::hold::{Cause, QuarantineRow};
use super::state::State;

/// Contradictions of one device that are kept while it is suspended; one would do, and a device could sign without end.
const EVIDENCE_MAX: usize = 16;

/// A device whose envelopes are set aside, as people are shown it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspended {
    /// The device.
    pub device: DeviceId,
    /// Its facility, as far as the registry says.
    pub facility: Option<FacilityId>,
    /// Whether it is the relay's own: then its store came back from a backup, or its key is in other hands. Nothing waits for a
    /// decision on it, since certificates prove themselves.
    pub is_relay: bool,
    /// When the first contradiction was found.
    pub since: Timestamp,
    /// The number that it gave twice.
    pub seq: u64,
    /// Contradicting envelopes that are kept.
    pub evidence: usize,
    /// Its envelopes that wait for a person's decision.
    pub set_aside: usize,
}

/// Who contradicted itself, and on what people have decided.
#[derive(Default)]
pub(super) struct Suspensions {
    /// Contradictions that nobody has decided on, by device.
    open: BTreeMap<DeviceId, BTreeMap<EnvelopeId, (Timestamp, u64)>>,
    judged: BTreeSet<EnvelopeId>,
    /// Envelopes that wait, by device.
    pub(super) set_aside: BTreeMap<DeviceId, usize>,
}

impl Suspensions {
    /// Takes up a row of the quarantine table.
    pub(super) fn note(&mut self, row: &QuarantineRow) {
        if row.cause == Cause::Fork && !self.judged.contains(&row.id) {
            self.open.entry(row.author).or_default().insert(row.id, (row.at, row.seq));
        }
    }

    /// Takes up a row of the judged table.
    pub(super) fn note_judged(&mut self, id: EnvelopeId) {
        self.judged.insert(id);
        self.open.retain(|_, evidence| {
            evidence.remove(&id);
            !evidence.is_empty()
        });
    }

    pub(super) fn contains(&self, device: &DeviceId) -> bool {
        self.open.contains_key(device)
    }

    /// Whether a contradiction adds nothing to what is kept.
    pub(super) fn is_known(&self, author: &DeviceId, id: &EnvelopeId) -> bool {
        let open = self.open.get(author);
        self.judged.contains(id)
            || open.is_some_and(|open| open.contains_key(id) || open.len() >= EVIDENCE_MAX)
    }

    pub(super) fn count(&mut self, author: DeviceId, waits: bool) {
        let count = self.set_aside.entry(author).or_default();
        *count = if waits { *count + 1 } else { count.saturating_sub(1) };
        if *count == 0 {
            self.set_aside.remove(&author);
        }
    }
}

impl State {
    /// Whether what this header's author says waits for a person's decision on the author.
    pub(super) fn is_suspended(&self, header: &Header) -> bool {
        header.scope != self.roster.registry() && self.suspensions.contains(&header.author)
    }

    /// A person trusts a device again: what was set aside is merged, and what was kept as evidence stays.
    pub(super) fn trust(
        &mut self,
        tx: &mut Tx<'_>,
        device: DeviceId,
        by: &Staff,
    ) -> Result<Outcome, CommandError> {
        let evidence = self.suspensions.open.get(&device).cloned().unwrap_or_default();
        if evidence.is_empty() {
            return Err(CommandError::NotSuspended(device));
        }
        let row = JudgedRow { device, at: tx.now, by: by.clone() };
        for id in evidence.into_keys() {
            tx.batch.put(table::JUDGED, id.as_bytes(), row.to_bytes());
            self.suspensions.note_judged(id);
        }
        let envelopes = self.suspensions.set_aside.get(&device).copied().unwrap_or(0);
        let scopes: Vec<ScopeNumber> = self.waiting.keys().copied().collect();
        tx.arrived.extend(scopes);
        Ok(Outcome::Trusted { envelopes })
    }

    /// Devices that are suspended here, in the order of their ids.
    pub(super) fn suspended(&self) -> Vec<Suspended> {
        let one = |(device, evidence): (&DeviceId, &BTreeMap<EnvelopeId, (Timestamp, u64)>)| {
            let (since, seq) = evidence.values().min().copied()?;
            let facility = self.roster.device(device).map(|certificate| certificate.facility);
            let certified = facility.and_then(|facility| self.roster.facility(&facility));
            Some(Suspended {
                device: *device,
                facility,
                is_relay: certified.is_some_and(|it| it.kind == FacilityKind::Relay),
                since,
                seq,
                evidence: evidence.len(),
                set_aside: self.suspensions.set_aside.get(device).copied().unwrap_or(0),
            })
        };
        self.suspensions.open.iter().filter_map(one).collect()
    }
}

/// A row of the judged table: who decided that a contradiction no longer stands against its author.
struct JudgedRow {
    device: DeviceId,
    at: Timestamp,
    by: Staff,
}

impl Wire for JudgedRow {
    fn write(&self, writer: &mut Writer) {
        self.device.write(writer);
        self.at.write(writer);
        writer.text(&self.by.0);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            device: DeviceId::read(reader)?,
            at: Timestamp::read(reader)?,
            by: Staff(reader.text(crate::wire::limits::TEXT)?.to_owned()),
        })
    }
}

/// Checks that a row of the judged table reads.
pub(super) fn check_judged(value: &[u8]) -> Result<(), WireError> {
    JudgedRow::from_bytes(value).map(|_| ())
}
