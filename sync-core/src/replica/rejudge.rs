//! Judging again what was taken in, once statements or certificates say otherwise of its author's right.
//!
//! Envelopes come in any order. A note may be merged here before the word that put its author out arrives, and there
//! after it: what is shown must follow from what is held, not from what came first. So a word that changes what an
//! author was entitled to casts doubt on all that is held of that author in the scope, in a row of the same
//! batch; then each envelope is judged by what is known now, and merged or set apart accordingly.
//!
//! Certificates and keys stay: the first prove themselves, the second show nothing by themselves.

use std::collections::BTreeSet;

use crate::access::{AccessError, Change, ScopeAccess, ScopeKind, Statement, registry_scope};
use crate::document::RecordVersion;
use crate::envelope::{AdmittedEnvelope, Body, Header};
use crate::id::{DeviceId, EnvelopeId, FacilityId};
use crate::storage::row::{ChainRow, ScopeNumber, chain_key, key, record_key};
use crate::storage::{Order, Range, table};
use crate::wire::{Reader, Wire, Writer};

use super::Tx;
use super::effect::{Applied, Query};
use super::hold::{Cause, QuarantineRow};
use super::input::Answer;
use super::outbox::OutboxRow;
use super::receive::document_key;
use super::state::State;
use super::step::Work;

/// Envelopes that are judged in one step.
const PER_STEP: usize = 32;

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
        taken
    }

    /// Casts doubt on the facilities of whom a scope's statements say something else than they did.
    fn doubt_since(&mut self, tx: &mut Tx<'_>, number: ScopeNumber, before: &ScopeAccess) {
        let access = self.scope(number).access.as_ref();
        let facilities = access.map(|now| now.ruled_otherwise(before)).unwrap_or_default();
        let devices = facilities.iter().flat_map(|facility| self.roster.devices_of(facility));
        for author in devices.map(crate::identity::Device::id).collect::<Vec<_>>() {
            self.doubt(tx, number, author, false);
        }
    }

    /// Casts doubt wherever a revocation in the registry says otherwise than what is merged or set apart.
    pub(super) fn doubt_by_registry(&mut self, tx: &mut Tx<'_>) {
        let registry = registry_scope(&self.identity.network);
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
            self.doubt(tx, number, author, false);
        }
    }

    fn doubt(&mut self, tx: &mut Tx<'_>, number: ScopeNumber, author: DeviceId, anew: bool) {
        if !self.scope(number).vectors.contains_key(&author) {
            return;
        }
        let held = self.doubts.entry((number, author)).or_default();
        *held |= anew;
        let mut row = Writer::new();
        row.bool(*held);
        let at = key(&[&number.to_be_bytes(), author.as_bytes()]);
        tx.batch.put(table::REJUDGE, at, row.into_bytes());
        tx.doubted.insert((number, author));
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
                let anew = self.doubts.get(&(scope, author)).copied().unwrap_or(false);
                for (place, answer) in places.into_iter().zip(answers) {
                    if let Answer::Value(Some(envelope)) = answer {
                        self.judge_again(tx, scope, place, envelope, anew);
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
                self.doubts.remove(&(scope, author));
                let at = key(&[&scope.to_be_bytes(), author.as_bytes()]);
                tx.batch.remove(table::REJUDGE, at);
            }
        }
    }

    fn judge_again(
        &mut self,
        tx: &mut Tx<'_>,
        number: ScopeNumber,
        place: Place,
        envelope: Vec<u8>,
        anew: bool,
    ) {
        // In the log, so its signature held when it came; one that damage has changed since is `verify`'s to find.
        let Ok(verified) = self.verify(&envelope) else { return };
        match (self.admit(number, verified), self.is_late(&place.id)) {
            (Ok(admitted), true) => self.merge_after_all(tx, number, place, admitted, envelope),
            (Ok(admitted), false) if anew => self.list_anew(tx, number, place, &admitted),
            (Ok(_), false) | (Err(_), true) => {}
            (Err(_), false) => self.set_apart_after_all(tx, number, place, envelope),
        }
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
        tx.batch.remove(table::QUARANTINE, place.id.as_bytes());
        self.quarantined.remove(&place.id);
        if admitted.header().author == self.me && self.refused.remove(&(number, place.seq)) {
            // The relay answers at once where it has it.
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
        let Ok(admitted) = AdmittedEnvelope::restore(envelope.clone()) else { return };
        let header = admitted.header().clone();
        let Some(body) = self.body_of(number, admitted) else { return };
        match body {
            Body::Statement(statement) => {
                if !self.take_statement_back(tx, number, &header, &statement) {
                    return;
                }
            }
            Body::Records { versions, .. } => self.unlist(tx, number, &versions),
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
        admitted.open(key).ok().map(|opened| opened.into_inner())
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

    fn unlist(&mut self, tx: &mut Tx<'_>, number: ScopeNumber, versions: &[RecordVersion]) {
        for version in versions {
            let id = version.version_id();
            let at = record_key(number, &version.key.kind, &version.key.id, &id);
            tx.batch.remove(table::RECORD, at);
            tx.applied.push(Applied::Removed { scope: number, record: version.key.clone(), id });
        }
        // Somebody else may have brought the same version, and there is one row for both.
        for author in self.scope(number).vectors.keys().copied().collect::<Vec<_>>() {
            self.doubt(tx, number, author, true);
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

/// Reads a row of the table: whether the author's records are listed anew.
pub(super) fn read_doubt(row: &[u8]) -> Result<bool, crate::wire::WireError> {
    let mut row = Reader::new(row);
    let anew = row.bool("anew")?;
    row.finish()?;
    Ok(anew)
}
