//! Judging again what was taken in, once statements or certificates say otherwise of its author's right.
//!
//! Envelopes come in any order. A note may be merged here before the word that put its author out arrives, and there
//! after it: what is shown must follow from what is held, not from what came first. So a word that changes what an
//! author was entitled to casts doubt on all that is held of that author in the scope, in a row of the same
//! batch; then each envelope is judged by what is known now, and merged or set apart accordingly.
//!
//! Certificates and keys stay: the first prove themselves, the second show nothing by themselves.

use std::collections::BTreeSet;

use crate::access::{AccessError, Change, ScopeAccess, ScopeKind, Statement};
use crate::document::RecordVersion;
use crate::envelope::{AdmittedEnvelope, Body, Header};
use crate::id::{DeviceId, EnvelopeId, FacilityId};
use crate::storage::row::{ChainRow, ScopeNumber, chain_key, key, record_key};
use crate::storage::{Order, Range, table};
use crate::wire::{Reader, Wire, WireError, Writer};

use super::Tx;
use super::effect::{Applied, Query};
use super::hold::{Cause, QuarantineRow, Wait, one_less};
use super::input::Answer;
use super::outbox::OutboxRow;
use super::receive::{Stop, document_key};
use super::state::State;
use super::step::Work;

/// Envelopes that are judged in one step.
const PER_STEP: usize = 32;

/// What is doubted of an author's envelopes in a scope, besides its right to have written them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Doubt {
    /// Its records are listed anew: a row that they shared with somebody else's is gone.
    pub(super) anew: bool,
    /// Whether this program reads them: it is another one than before.
    pub(super) reads: bool,
}

impl Wire for Doubt {
    fn write(&self, writer: &mut Writer) {
        writer.u8(u8::from(self.anew) | u8::from(self.reads) << 1);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.u8("doubt")? {
            bits @ 0..4 => Ok(Self { anew: bits & 1 != 0, reads: bits & 2 != 0 }),
            _ => Err(WireError::Invalid { field: "doubt" }),
        }
    }
}

/// Part of an author's chain in a scope that is to be judged again.
pub(super) struct Rejudge {
    scope: ScopeNumber,
    author: DeviceId,
    part: Part,
}

enum Part {
    /// What is held from a number on is to be looked up.
    From(u64),
    /// These, at these positions; behind them it goes on at a number.
    At { places: Vec<Place>, then: Option<u64> },
}

#[derive(Clone, Copy)]
struct Place {
    seq: u64,
    position: u64,
    id: EnvelopeId,
}

impl Rejudge {
    /// All that is held of an author in a scope.
    pub(super) fn begin((scope, author): (ScopeNumber, DeviceId)) -> Self {
        Self { scope, author, part: Part::From(1) }
    }

    /// What must be read first.
    pub(super) fn queries(&self) -> Vec<Query> {
        match &self.part {
            Part::From(seq) => {
                let chain =
                    Range::prefix(&key(&[&self.scope.to_be_bytes(), self.author.as_bytes()]));
                let from = chain_key(self.scope, &self.author, *seq);
                vec![Query::Scan {
                    table: table::CHAIN,
                    range: Range { from, ..chain },
                    order: Order::Ascending,
                    limit: PER_STEP,
                }]
            }
            Part::At { places, .. } => {
                let position = |place: &Place| place.position.to_be_bytes().to_vec();
                let log = |place| Query::Get { table: table::LOG, key: position(place) };
                places.iter().map(log).collect()
            }
        }
    }
}

impl State {
    /// Takes a ruling into a scope's access. What it changes about other facilities' right to write casts doubt on
    /// what is held of them.
    pub(super) fn rule(
        &mut self,
        tx: &mut Tx<'_>,
        number: ScopeNumber,
        author: DeviceId,
        facility: FacilityId,
        statement: &Statement,
    ) -> Result<Change, AccessError> {
        let network = self.identity.network;
        let scope = self.scope_mut(number);
        let id = scope.id;
        let before = scope.access.as_ref().filter(|it| members_write(it)).cloned();
        let taken = ScopeAccess::take(&mut scope.access, &network, id, author, facility, statement);
        if let Some(before) = before {
            self.doubt_since(tx, number, &before);
        }
        if matches!(taken, Ok(Change::Created)) {
            self.index_own(number);
        }
        taken
    }

    /// Casts doubt on the facilities of whom a scope's statements say something else than they did.
    fn doubt_since(&mut self, tx: &mut Tx<'_>, number: ScopeNumber, before: &ScopeAccess) {
        let access = self.scope(number).access.as_ref();
        let facilities = access.map(|now| now.ruled_otherwise(before)).unwrap_or_default();
        let devices = facilities.iter().flat_map(|facility| self.roster.devices_of(facility));
        for author in devices.map(crate::identity::Device::id).collect::<Vec<_>>() {
            self.doubt(tx, number, author, Doubt::default());
        }
    }

    /// Casts doubt wherever a revocation in the registry says otherwise than what is merged or set apart.
    pub(super) fn doubt_by_registry(&mut self, tx: &mut Tx<'_>) {
        let registry = self.roster.registry();
        let mut doubted = BTreeSet::new();
        for author in self.roster.devices().map(crate::identity::Device::id) {
            if self.roster.cutoff(&author, &registry).is_none() {
                continue;
            }
            for scope in self.scopes.values().filter(|scope| scope.id != registry) {
                let Some(vector) = scope.vectors.get(&author) else { continue };
                let last = vector.ahead.last().map_or(vector.seq, |ahead| ahead.seq);
                if self.roster.cutoff(&author, &scope.id).is_some_and(|accepted| last > accepted) {
                    doubted.insert((scope.number, author));
                }
            }
        }
        let late = self.quarantined.values().filter(|apart| apart.cause == Cause::Late);
        doubted.extend(late.map(|apart| (apart.scope, apart.author)));
        for (number, author) in doubted {
            self.doubt(tx, number, author, Doubt::default());
        }
    }

    pub(super) fn doubt(
        &mut self,
        tx: &mut Tx<'_>,
        number: ScopeNumber,
        author: DeviceId,
        doubt: Doubt,
    ) {
        if !self.scope(number).vectors.contains_key(&author) {
            return;
        }
        let held = self.doubts.get(&(number, author)).copied().unwrap_or_default();
        let doubt = Doubt { anew: held.anew || doubt.anew, reads: held.reads || doubt.reads };
        self.note_doubt((number, author), doubt);
        let at = key(&[&number.to_be_bytes(), author.as_bytes()]);
        tx.batch.put(table::REJUDGE, at, doubt.to_bytes());
        tx.doubted.insert((number, author));
    }

    /// Keeps in memory what a row of the table amounts to.
    pub(super) fn note_doubt(&mut self, at: (ScopeNumber, DeviceId), doubt: Doubt) {
        let before = self.doubts.insert(at, doubt).unwrap_or_default();
        if doubt.reads && !before.reads {
            *self.reading_again.entry(at.1).or_default() += 1;
        }
    }

    /// Judges part of a chain again; the rest is further work.
    pub(super) fn rejudge(&mut self, tx: &mut Tx<'_>, rejudge: Rejudge, answers: Vec<Answer>) {
        let Rejudge { scope, author, part } = rejudge;
        let then = match part {
            Part::From(_) => {
                let places = places(answers);
                let full = places.len() == PER_STEP;
                let then = places.last().filter(|_| full).map(|last| last.seq + 1);
                let part = Part::At { places, then };
                tx.further.push(Work::Rejudge(Rejudge { scope, author, part }));
                return;
            }
            Part::At { places, then } => {
                let doubt = self.doubts.get(&(scope, author)).copied().unwrap_or_default();
                for (place, answer) in places.into_iter().zip(answers) {
                    if let Answer::Value(Some(envelope)) = answer {
                        self.judge_again(tx, (scope, author), place, envelope, doubt);
                    }
                }
                then
            }
        };
        match then {
            Some(seq) => {
                let part = Part::From(seq);
                tx.further.push(Work::Rejudge(Rejudge { scope, author, part }));
            }
            // A doubt that this very step cast begins at the front of the chain again.
            None if tx.doubted.contains(&(scope, author)) => {}
            None => {
                let doubt = self.doubts.remove(&(scope, author)).unwrap_or_default();
                if doubt.reads {
                    one_less(&mut self.reading_again, author);
                    // What waited to be read again may have been all that was missing.
                    tx.grown.insert(author);
                }
                let at = key(&[&scope.to_be_bytes(), author.as_bytes()]);
                tx.batch.remove(table::REJUDGE, at);
            }
        }
    }

    fn judge_again(
        &mut self,
        tx: &mut Tx<'_>,
        (number, author): (ScopeNumber, DeviceId),
        place: Place,
        envelope: Vec<u8>,
        doubt: Doubt,
    ) {
        let said = self.quarantined.get(&place.id).map(|apart| apart.cause);
        let verified = match self.verify(&envelope, &tx.proven) {
            Ok(verified) => verified,
            Err(Stop::Wait(_, Wait::Program, _)) if doubt.reads && said.is_none() => {
                return self.set_apart_as_newer(tx, (number, author), place);
            }
            // In the log, so its signature held when it came; one that damage has changed since is `verify`'s to find.
            Err(_) => return,
        };
        match (self.admit(number, verified), said) {
            (Ok(admitted), Some(Cause::Late)) => {
                self.merge_after_all(tx, number, place, admitted, envelope);
            }
            (Ok(admitted), Some(Cause::Newer)) => {
                self.read_again(tx, number, place, admitted, envelope);
            }
            (Ok(admitted), Some(Cause::Body)) if doubt.reads => {
                self.read_again(tx, number, place, admitted, envelope);
            }
            (Ok(admitted), None) if doubt.reads && self.is_newer(number, &admitted) => {
                self.set_apart_as_newer(tx, (number, author), place);
            }
            // What does not say what its author said of it has no rows.
            (Ok(_), Some(Cause::Body)) => {}
            (Ok(admitted), _) if doubt.anew => self.list_anew(tx, number, place, &admitted),
            (Ok(_), _) | (Err(_), Some(Cause::Late)) => {}
            (Err(_), _) => self.set_apart_after_all(tx, number, place, envelope),
        }
    }

    /// Applies what did not read, if it reads now.
    fn read_again(
        &mut self,
        tx: &mut Tx<'_>,
        number: ScopeNumber,
        place: Place,
        admitted: AdmittedEnvelope,
        envelope: Vec<u8>,
    ) {
        if self.is_newer(number, &admitted) {
            return;
        }
        self.set_back(tx, &place.id);
        let applied = self.apply(tx, number, place.position, admitted);
        self.stop(tx, envelope, applied);
    }

    /// Whether an envelope says something in a format that this program does not know.
    fn is_newer(&self, number: ScopeNumber, admitted: &AdmittedEnvelope) -> bool {
        let header = admitted.header();
        if header.is_clear() {
            return match admitted.statement() {
                Ok(statement) => statement.is_some_and(|it| it.format() > self.formats.reads()),
                Err(cause) => cause.is_newer(),
            };
        }
        let key = self.scope(number).keys.get(&header.epoch);
        // Set aside for a person's decision already, and read after that.
        !self.is_suspended(header)
            && key.is_some_and(|key| {
                admitted.open(key, self.formats).is_err_and(|cause| cause.is_newer())
            })
    }

    /// A newer program merged this here, and this one does not read it. What it listed stays listed: that there is a
    /// newer version of a record must not be forgotten, even where that cannot be shown.
    fn set_apart_as_newer(
        &mut self,
        tx: &mut Tx<'_>,
        (scope, author): (ScopeNumber, DeviceId),
        place: Place,
    ) {
        let Place { seq, id, .. } = place;
        let (cause, at, envelope) = (Cause::Newer, tx.now, Vec::new());
        self.quarantine(tx, &QuarantineRow { cause, scope, author, seq, id, at, envelope });
    }

    /// Merges what was set apart as late, now that its author is known to have had the right.
    fn merge_after_all(
        &mut self,
        tx: &mut Tx<'_>,
        number: ScopeNumber,
        place: Place,
        admitted: AdmittedEnvelope,
        envelope: Vec<u8>,
    ) {
        self.set_back(tx, &place.id);
        if admitted.header().author == self.me {
            // The relay may have refused it; it answers at once where it has it.
            self.refused.remove(&(number, place.seq));
            self.queue(tx, place.position, OutboxRow { scope: number, urgent: false });
        }
        let applied = self.apply(tx, number, place.position, admitted);
        self.stop(tx, envelope, applied);
    }

    /// Takes out of every view what was merged and is written too late, and sets it apart for a person.
    fn set_apart_after_all(
        &mut self,
        tx: &mut Tx<'_>,
        number: ScopeNumber,
        place: Place,
        envelope: Vec<u8>,
    ) {
        let Ok(admitted) = AdmittedEnvelope::restore(&*envelope) else { return };
        let header = admitted.header().clone();
        let Some(body) = self.body_of(number, admitted) else { return };
        match body {
            Body::Statement(Statement::Snapshot(_)) => {
                self.withdraw_snapshot(tx, (number, header.author, place.seq));
            }
            Body::Statement(statement) => {
                if !self.take_statement_back(tx, number, &header, &statement) {
                    return;
                }
            }
            Body::Records { versions, .. } => {
                self.unlist(tx, number, &versions);
                self.end_cover(tx, (number, header.author, place.seq));
            }
            Body::Note { .. } | Body::Document { .. } => {
                let Some(document) = body.document() else { return };
                let at = document_key(number, &document, place.position);
                tx.batch.remove(table::DOCUMENT, at);
                tx.applied.push(Applied::Document { scope: number, document });
            }
            Body::Keys(_) => return,
        }
        let Place { seq, id, .. } = place;
        let (cause, scope, author, at) = (Cause::Late, number, header.author, tx.now);
        self.quarantine(tx, &QuarantineRow { cause, scope, author, seq, id, at, envelope });
    }

    /// What an envelope of the log says; nothing where its key is not here, so nothing of it was merged.
    fn body_of(&self, number: ScopeNumber, admitted: AdmittedEnvelope) -> Option<Body> {
        if admitted.header().is_clear() {
            return admitted.statement().ok().flatten().map(Body::Statement);
        }
        let key = self.scope(number).keys.get(&admitted.header().epoch)?;
        admitted.open(key, self.formats).ok().map(|opened| opened.into_inner())
    }

    /// Of statements only what the registry or the scope's owner ended is taken back: these ask nobody's leave, so no
    /// two statements can go on taking each other back.
    fn take_statement_back(
        &mut self,
        tx: &mut Tx<'_>,
        number: ScopeNumber,
        header: &Header,
        statement: &Statement,
    ) -> bool {
        let Some(facility) = self.roster.device(&header.author).map(|it| it.facility) else {
            return false;
        };
        let cutoff = self.roster.cutoff(&header.author, &header.scope);
        let Some(access) = &mut self.scope_mut(number).access else { return false };
        let (author, seq, at) = (&header.author, header.seq, header.at);
        let ended = cutoff.is_some_and(|accepted| seq > accepted)
            || access.is_put_out_by_owner(author, &facility, seq, at);
        let before = access.clone();
        if !ended || !access.take_back(header.author, statement) {
            return false;
        }
        if members_write(&before) {
            self.doubt_since(tx, number, &before);
        }
        tx.touched.insert(number);
        tx.arrived.insert(number);
        tx.governed.insert(number);
        tx.unshared.insert(number);
        true
    }

    pub(super) fn unlist(
        &mut self,
        tx: &mut Tx<'_>,
        number: ScopeNumber,
        versions: &[RecordVersion],
    ) {
        for version in versions {
            let id = version.version_id();
            let at = record_key(number, &version.key.kind, &version.key.id, &id);
            tx.batch.remove(table::RECORD, at);
            tx.applied.push(Applied::Removed { scope: number, record: version.key.clone(), id });
        }
        // Somebody else may have brought the same version, and there is one row for both.
        for author in self.scope(number).vectors.keys().copied().collect::<Vec<_>>() {
            self.doubt(tx, number, author, Doubt { anew: true, ..Doubt::default() });
        }
    }

    fn list_anew(
        &mut self,
        tx: &mut Tx<'_>,
        number: ScopeNumber,
        place: Place,
        admitted: &AdmittedEnvelope,
    ) {
        if let Some(Body::Records { document, versions }) = self.body_of(number, admitted.clone())
            && let crate::document::DocumentId::Volume { year } = document
        {
            let versions = versions.into_iter().map(|version| (version.version_id(), version));
            self.index_records(tx, number, year, place.position, versions);
        }
    }
}

/// Whether others than the owner write content there, so that statements decide about it.
fn members_write(access: &ScopeAccess) -> bool {
    matches!(access.kind(), ScopeKind::Care | ScopeKind::Letter)
}

fn places(answers: Vec<Answer>) -> Vec<Place> {
    let Some(Answer::Rows(rows)) = answers.into_iter().next() else { return Vec::new() };
    let place = |(at, row): &(Vec<u8>, Vec<u8>)| {
        let (_, seq) = at.split_last_chunk::<8>()?;
        let ChainRow { position, id } = ChainRow::from_bytes(row).ok()?;
        Some(Place { seq: u64::from_be_bytes(*seq), position, id })
    };
    rows.iter().filter_map(place).collect()
}
