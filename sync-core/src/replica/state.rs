//! What a replica keeps in memory: who is who, scopes with their keys and vectors, counters. Never records.
//!
//! Everything here is loaded from rows at start and again after a store has failed, so that the state in
//! memory is never ahead of what the disk has.

use std::collections::{BTreeMap, BTreeSet};

use crate::access::{ScopeAccess, ScopeKind};
use crate::envelope::Formats;
use crate::id::{DeviceId, EnvelopeId, FacilityId, PatientId, ScopeId, Timestamp};
use crate::identity::{Certificate, Identity, Roster};
use crate::keys::{Descriptor, ScopeKey};
use crate::storage::row::{LocalRow, ScopeNumber, SnapshotRow, VectorRow};
use crate::storage::{Order, Range, Table, table};
use crate::sync::message::Cursor;
use crate::sync::peer::{self, Digest};
use crate::wire::{Reader, Wire, WireError, Writer};

use super::effect::{Query, ScopeView};
use super::freshness::{Freshness, PublisherRow};
use super::hold::Apart;
use super::input::Answer;
use super::outbox::{Outbox, OutboxRow};
use super::program::{self, Program};
use super::rejudge::Doubt;
use super::snapshot::{LastOpened, Making, SNAPSHOT_AFTER};
use super::suspend::{self, Suspensions};

/// A scope as this device knows it.
pub(super) struct Scope {
    pub(super) id: ScopeId,
    pub(super) number: ScopeNumber,
    /// `None` until the statement that creates it is here; the registry never has one.
    pub(super) access: Option<ScopeAccess>,
    /// What its owner told us about it, together with a key.
    pub(super) descriptor: Option<Descriptor>,
    /// Whose word that was, and which.
    pub(super) described: Option<Described>,
    pub(super) keys: BTreeMap<u32, ScopeKey>,
    pub(super) vectors: BTreeMap<DeviceId, VectorRow>,
    /// What authors said of snapshots, by the numbers of the statements.
    pub(super) snapshots: BTreeMap<DeviceId, BTreeMap<u64, SnapshotRow>>,
    /// The digest of the vectors, kept as they grow: what a session with another replica compares.
    pub(super) digest: Digest,
}

impl Scope {
    fn new(id: ScopeId, number: ScopeNumber) -> Self {
        Self {
            id,
            number,
            access: None,
            descriptor: None,
            described: None,
            keys: BTreeMap::new(),
            vectors: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            digest: peer::digest(&BTreeMap::new()),
        }
    }

    /// The newest epoch that we have the key of.
    pub(super) fn newest_key(&self) -> Option<(u32, &ScopeKey)> {
        self.keys.last_key_value().map(|(epoch, key)| (*epoch, key))
    }

    pub(super) fn patient(&self) -> Option<PatientId> {
        self.descriptor.as_ref().and_then(|descriptor| descriptor.patient)
    }

    pub(super) fn kind(&self) -> Option<ScopeKind> {
        self.access.as_ref().map(ScopeAccess::kind)
    }

    /// Whether `facility` may read here at `now`, by the statements that we hold.
    pub(super) fn is_reader(&self, facility: &FacilityId, now: Timestamp) -> bool {
        self.access
            .as_ref()
            .is_some_and(|access| access.access_of(facility, now).is_some_and(|it| it.read))
    }

    /// Whether `facility` may read here at `now` or from a time to come: our clock may have been set back since it
    /// was let in, and the scope's envelopes counted.
    pub(super) fn is_let_in(&self, facility: &FacilityId, now: Timestamp) -> bool {
        let is_to_come = |access: &ScopeAccess| {
            access.grants_from(now).any(|it| it.facility == *facility && it.access.read)
        };
        self.is_reader(facility, now) || self.access.as_ref().is_some_and(is_to_come)
    }

    pub(super) fn view(&self) -> Option<ScopeView> {
        let access = self.access.as_ref()?;
        Some(ScopeView {
            id: self.id,
            number: self.number,
            kind: access.kind(),
            owner: access.owner(),
            patient: self.patient(),
        })
    }

    fn row(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.u32(self.number);
        writer.option(&self.access);
        writer.option(&self.descriptor);
        writer.into_bytes()
    }
}

/// An owner's word about a scope: who said it, and its number among what that device said to us.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Described {
    pub(super) by: DeviceId,
    pub(super) seq: u64,
}

impl Wire for Described {
    fn write(&self, writer: &mut Writer) {
        self.by.write(writer);
        writer.u64(self.seq);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self { by: DeviceId::read(reader)?, seq: reader.u64("seq")? })
    }
}

/// What was given to a device about a scope: enough to see whether it must be told anew.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) epoch: u32,
    pub(super) patient: Option<PatientId>,
}

impl Wire for Given {
    fn write(&self, writer: &mut Writer) {
        writer.u32(self.epoch);
        writer.option(&self.patient);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self { epoch: reader.u32("epoch")?, patient: reader.option("patient")? })
    }
}

/// Everything in memory that rows can restore.
pub(super) struct State {
    pub(super) identity: Identity,
    pub(super) me: DeviceId,
    pub(super) home: FacilityId,
    pub(super) roster: Roster,
    pub(super) scopes: BTreeMap<ScopeId, Scope>,
    pub(super) numbers: BTreeMap<ScopeNumber, ScopeId>,
    pub(super) patients: BTreeMap<PatientId, BTreeSet<ScopeNumber>>,
    /// Scopes that belong to our whole facility and not to a patient, by their kind.
    pub(super) own_by_kind: BTreeSet<(ScopeKind, ScopeNumber)>,
    pub(super) locals: BTreeMap<String, LocalRow>,
    pub(super) given: BTreeMap<(DeviceId, ScopeNumber), Given>,
    /// Our envelopes that the relay has not acknowledged.
    pub(super) outbox: Outbox,
    /// Positions from here on are not on the disk yet: nobody else may see them, since a power cut would let
    /// us give their places in our chain to other envelopes.
    pub(super) undurable: u64,
    /// Our envelopes that the relay refused for good, by scope and sequence. Of what is set apart as late as well only those that
    /// this process was told of: the relay says it again.
    pub(super) refused: BTreeSet<(ScopeNumber, u64)>,
    pub(super) freshness: Freshness,
    /// Envelopes held back, by the scope that they wait for.
    pub(super) waiting: BTreeMap<ScopeNumber, usize>,
    /// Those of them that wait for nothing but a key.
    pub(super) waiting_for_key: BTreeMap<ScopeNumber, usize>,
    /// Those of them whose header this program does not read.
    pub(super) waiting_for_program: usize,
    /// What this program reads and writes.
    pub(super) formats: Formats,
    /// The program that the store is of by its own word; `None` in an empty store.
    pub(super) program: Option<Program>,
    /// What is set apart for a person, and why.
    pub(super) quarantined: BTreeMap<EnvelopeId, Apart>,
    /// How much of that is newer than this program, by scope and author.
    pub(super) newer: BTreeMap<(ScopeNumber, DeviceId), usize>,
    /// What is held of these authors is to be judged again.
    pub(super) doubts: BTreeMap<(ScopeNumber, DeviceId), Doubt>,
    /// In how many scopes it is not known yet what of these authors this program reads.
    pub(super) reading_again: BTreeMap<DeviceId, usize>,
    pub(super) suspensions: Suspensions,
    /// Chains of which a snapshot no longer covers anything, and whose vectors are still to be set back.
    pub(super) set_back: BTreeSet<(ScopeNumber, DeviceId)>,
    /// What was last opened of each chain, for a statement that may follow.
    pub(super) last_opened: LastOpened,
    /// How many envelopes of our own make us look for a snapshot to make; `None`: none are made.
    pub(super) snapshot_after: Option<u64>,
    /// Charts of ours that are to be looked at for that.
    pub(super) to_look_at: BTreeSet<ScopeNumber>,
    /// How many of our envelopes in a chart have to be outside of snapshots before it is looked at again.
    pub(super) looked: BTreeMap<ScopeNumber, u64>,
    /// The snapshot that is being made.
    pub(super) making: Option<Making>,
    /// Where statements stand that leave together with the snapshot before them.
    pub(super) paired: BTreeSet<u64>,
    /// The relay holds other envelopes under numbers of ours.
    pub(super) contradicted: bool,
    pub(super) cursor: Option<Cursor>,
    /// The relay has gone back in time, and has not said yet that it lacks nothing of what we hold.
    pub(super) offering: bool,
    pub(super) rebuilding: bool,
    pub(super) next_position: u64,
    pub(super) next_waiting: u64,
}

/// Why a store's rows are not a replica. Usual cause: damage, or a store of a newer program.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A row that does not read.
    #[error("a row of table {table} does not read: {cause}")]
    Row {
        /// The table.
        table: &'static str,
        /// What is wrong with it.
        cause: WireError,
    },
    /// The answers are not those to [`super::Replica::queries`].
    #[error("the store was not asked for the right tables")]
    Answers,
    /// A newer program has written the store's own rows in another form. Usual cause: this program was put back in its place.
    #[error(
        "the store has format {found}, and this program reads up to {known}: a newer one wrote it"
    )]
    Newer {
        /// The store's.
        found: u32,
        /// The newest that is known here.
        known: u32,
    },
}

/// What is read at start, each table whole.
const TABLES: [Table; 16] = [
    table::META,
    table::CERTIFICATE,
    table::SCOPE,
    table::KEY,
    table::VECTOR,
    table::SNAPSHOT,
    table::LOOKED,
    table::LOCAL,
    table::GIVEN,
    table::DESCRIBED,
    table::OUTBOX,
    table::JUDGED,
    table::QUARANTINE,
    table::REJUDGE,
    table::WAITING,
    table::HEAD,
];

impl State {
    /// The queries whose answers [`State::load`] takes.
    pub(super) fn queries() -> Vec<Query> {
        TABLES
            .into_iter()
            .map(|table| Query::Scan {
                table,
                range: Range::all(),
                order: Order::Ascending,
                limit: usize::MAX,
            })
            .collect()
    }

    /// A state from what the store holds; from nothing, the state of a new device.
    pub(super) fn load(
        identity: Identity,
        formats: Formats,
        answers: Vec<Answer>,
        now: Timestamp,
    ) -> Result<Self, OpenError> {
        let me = identity.device_id();
        let mut state = Self {
            me,
            home: identity.facility,
            roster: Roster::new(identity.network),
            identity,
            scopes: BTreeMap::new(),
            numbers: BTreeMap::new(),
            patients: BTreeMap::new(),
            own_by_kind: BTreeSet::new(),
            locals: BTreeMap::new(),
            given: BTreeMap::new(),
            outbox: Outbox::default(),
            undurable: 1,
            refused: BTreeSet::new(),
            freshness: Freshness::default(),
            waiting: BTreeMap::new(),
            waiting_for_key: BTreeMap::new(),
            waiting_for_program: 0,
            formats,
            program: None,
            quarantined: BTreeMap::new(),
            newer: BTreeMap::new(),
            doubts: BTreeMap::new(),
            reading_again: BTreeMap::new(),
            suspensions: Suspensions::default(),
            set_back: BTreeSet::new(),
            last_opened: LastOpened::default(),
            snapshot_after: Some(SNAPSHOT_AFTER),
            to_look_at: BTreeSet::new(),
            looked: BTreeMap::new(),
            making: None,
            paired: BTreeSet::new(),
            contradicted: false,
            cursor: None,
            offering: false,
            rebuilding: false,
            next_position: 1,
            next_waiting: 1,
        };
        if answers.len() != TABLES.len() {
            return Err(OpenError::Answers);
        }
        for (table, answer) in TABLES.into_iter().zip(answers) {
            let Answer::Rows(rows) = answer else { return Err(OpenError::Answers) };
            if table == table::META {
                // Before any other row is read: they may have another form.
                program::check_format(&rows)?;
                state.program = (!rows.is_empty()).then(Program::unnamed);
            }
            let taken = match table == table::CERTIFICATE {
                true => state.take_certificates(&rows),
                false => rows.iter().try_for_each(|(key, value)| state.take_row(table, key, value)),
            };
            taken.map_err(|cause| OpenError::Row { table: table.name(), cause })?;
        }
        state.undurable = state.next_position;
        state.notice_program();
        let numbers: Vec<ScopeNumber> = state.numbers.keys().copied().collect();
        for number in numbers {
            state.index_patient(number, None);
            state.index_own(number);
            let scope = state.scope_mut(number);
            scope.digest = peer::digest(&scope.vectors);
            state.tally(number, now);
        }
        state.look_at_charts();
        Ok(state)
    }

    /// Rows lie in the order of digests. Taken so, more would wait for their issuers than may, and be forgotten.
    fn take_certificates(&mut self, rows: &[(Vec<u8>, Vec<u8>)]) -> Result<(), WireError> {
        let mut certificates = Vec::with_capacity(rows.len());
        for (_, value) in rows {
            match Certificate::from_bytes(value) {
                Ok(certificate) => certificates.push(certificate),
                // A newer program took it. Its envelope is set apart as such; the row stays for that program.
                Err(cause) if cause.is_newer() => {}
                Err(cause) => return Err(cause),
            }
        }
        certificates.sort_by_key(Certificate::rank);
        // Verified before they were stored; a roster that knows their issuers takes them again.
        certificates.into_iter().for_each(|certificate| drop(self.roster.admit(certificate)));
        Ok(())
    }

    fn take_row(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), WireError> {
        let mut at = Reader::new(key);
        if table == table::META {
            self.take_meta(key, value)?;
        } else if table == table::SCOPE {
            let id = ScopeId::from_bytes(key)?;
            let mut row = Reader::new(value);
            let mut scope = Scope::new(id, row.u32("scope number")?);
            scope.access = row.option("access")?;
            scope.descriptor = row.option("descriptor")?;
            row.finish()?;
            self.numbers.insert(scope.number, id);
            self.scopes.insert(id, scope);
        } else if table == table::KEY {
            let (number, epoch) = (at.u32("scope number")?, at.u32("epoch")?);
            let key = ScopeKey::from_bytes(value)?;
            self.known(number)?.keys.insert(epoch, key);
        } else if table == table::DESCRIBED {
            self.known(at.u32("scope number")?)?.described = Some(Described::from_bytes(value)?);
        } else if table == table::VECTOR {
            let (number, author) = (at.u32("scope number")?, DeviceId::read(&mut at)?);
            let vector = VectorRow::from_bytes(value)?;
            self.known(number)?.vectors.insert(author, vector);
        } else if table == table::SNAPSHOT {
            let (number, author) = (at.u32("scope number")?, DeviceId::read(&mut at)?);
            let place = (number, author, at.u64("seq")?);
            self.note_snapshot(place, SnapshotRow::from_bytes(value)?)?;
        } else if table == table::LOOKED {
            let count = Reader::new(value).u64("looked at")?;
            self.looked.insert(at.u32("scope number")?, count);
        } else if table == table::LOCAL {
            let id = String::from_utf8(key.to_vec())
                .map_err(|_| WireError::Invalid { field: "local patient id" })?;
            self.locals.insert(id, LocalRow::from_bytes(value)?);
        } else if table == table::GIVEN {
            let (device, number) = (DeviceId::read(&mut at)?, at.u32("scope number")?);
            self.given.insert((device, number), Given::from_bytes(value)?);
        } else if table == table::OUTBOX {
            self.outbox.insert(at.u64("position")?, OutboxRow::from_bytes(value)?);
        } else if table == table::JUDGED {
            suspend::check_judged(value)?;
            self.suspensions.note_judged(EnvelopeId::from_bytes(key)?);
        } else if table == table::QUARANTINE {
            self.note_quarantined(&super::hold::QuarantineRow::from_bytes(value)?);
        } else if table == table::REJUDGE {
            let (number, author) = (at.u32("scope number")?, DeviceId::read(&mut at)?);
            self.note_doubt((number, author), Doubt::from_bytes(value)?);
        } else if table == table::WAITING {
            let (number, count) = (at.u32("scope number")?, at.u64("count")?);
            self.count_waiting(number, super::hold::Wait::read(&mut Reader::new(value))?);
            if let Some(author) = super::hold::set_aside(value)? {
                self.suspensions.count(author, true);
            }
            self.next_waiting = self.next_waiting.max(count + 1);
        } else if table == table::HEAD {
            let row = PublisherRow::from_bytes(value)?;
            self.freshness.publishers.insert(DeviceId::from_bytes(key)?, row);
        }
        Ok(())
    }

    fn take_meta(&mut self, key: &[u8], value: &[u8]) -> Result<(), WireError> {
        match key {
            meta::CURSOR => self.cursor = Some(Cursor::from_bytes(value)?),
            meta::POSITION => self.next_position = Reader::new(value).u64("position")?,
            meta::OFFERING => self.offering = value == [1],
            meta::REBUILDING => self.rebuilding = value == [1],
            meta::PROGRAM => self.program = Some(Program::from_bytes(value)?),
            // Written by a newer program; left as it is.
            _ => {}
        }
        Ok(())
    }

    pub(super) fn known(&mut self, number: ScopeNumber) -> Result<&mut Scope, WireError> {
        let missing = WireError::Invalid { field: "scope number" };
        let id = self.numbers.get(&number).ok_or(missing.clone())?;
        self.scopes.get_mut(id).ok_or(missing)
    }

    /// The scope with this number, which came from this state.
    pub(super) fn scope(&self, number: ScopeNumber) -> &Scope {
        &self.scopes[&self.numbers[&number]]
    }

    /// The scope with this number, which came from this state.
    pub(super) fn scope_mut(&mut self, number: ScopeNumber) -> &mut Scope {
        let id = self.numbers[&number];
        self.scopes.get_mut(&id).expect("every number names a scope")
    }

    /// The number of a scope; a scope that is new here gets the next one.
    pub(super) fn number(&mut self, id: ScopeId) -> ScopeNumber {
        if let Some(scope) = self.scopes.get(&id) {
            return scope.number;
        }
        let number = self.numbers.last_key_value().map_or(0, |(last, _)| last + 1);
        self.numbers.insert(number, id);
        self.scopes.insert(id, Scope::new(id, number));
        number
    }

    /// Keeps the map from patients to scopes true after a scope's patient became known or changed.
    pub(super) fn index_patient(&mut self, number: ScopeNumber, before: Option<PatientId>) {
        let now = self.scope(number).patient();
        if let Some(scopes) = before.and_then(|patient| self.patients.get_mut(&patient)) {
            scopes.remove(&number);
        }
        if let Some(patient) = now {
            self.patients.entry(patient).or_default().insert(number);
        }
    }

    /// The scopes of a patient of one kind, ascending by number.
    pub(super) fn scopes_of(
        &self,
        patient: &PatientId,
        kind: ScopeKind,
    ) -> impl Iterator<Item = &Scope> {
        self.patients
            .get(patient)
            .into_iter()
            .flatten()
            .map(|number| self.scope(*number))
            .filter(move |scope| scope.kind() == Some(kind))
    }

    /// Our own scope of a kind that a facility has once: directory or office.
    pub(super) fn own_scope(&self, kind: ScopeKind) -> Option<ScopeNumber> {
        let of_kind = self.own_by_kind.range((kind, ScopeNumber::MIN)..=(kind, ScopeNumber::MAX));
        let mut numbers = of_kind.map(|(_, number)| *number);
        numbers.find(|number| self.scope(*number).newest_key().is_some())
    }

    /// Keeps the list of our own directories and offices true after a scope has begun.
    pub(super) fn index_own(&mut self, number: ScopeNumber) {
        let Some(access) = &self.scope(number).access else { return };
        let kind = access.kind();
        if matches!(kind, ScopeKind::Directory | ScopeKind::Office) && access.owner() == self.home {
            self.own_by_kind.insert((kind, number));
        }
    }

    /// How far `author`'s chain in a scope is held.
    pub(super) fn vector(&self, number: ScopeNumber, author: &DeviceId) -> (u64, EnvelopeId) {
        self.scope(number).vectors.get(author).map_or((0, EnvelopeId::ZERO), |v| (v.seq, v.id))
    }
}

/// Names in the meta table.
pub(super) mod meta {
    pub(in crate::replica) const CURSOR: &[u8] = b"cursor";
    pub(in crate::replica) const POSITION: &[u8] = b"position";
    pub(in crate::replica) const OFFERING: &[u8] = b"offering";
    pub(in crate::replica) const REBUILDING: &[u8] = b"rebuilding";
    pub(in crate::replica) const FORMAT: &[u8] = b"format";
    pub(in crate::replica) const PROGRAM: &[u8] = b"program";
    /// When a store that had failed was last asked to take something.
    pub(in crate::replica) const TRIED: &[u8] = b"tried";
}

/// A scope's row in the scope table.
pub(super) fn scope_row(scope: &Scope) -> Vec<u8> {
    scope.row()
}
