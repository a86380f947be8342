//! Taking an envelope in: verify, check its place in its author's chain, admit, store, open, apply.
//!
//! What may still become right (an author, a grant or a key that is on its way) is held and tried again when
//! that has come. What can never be right is refused and counted. What is right but may not be merged by
//! itself is set apart for a person.

use std::collections::BTreeMap;

use crate::access::{Change, Denial, ScopeAccess, ScopeKind, Statement};
use crate::document::{Author, Contribution, DocumentId, RecordVersion};
use crate::envelope::{
    AdmittedEnvelope, Body, Header, OpenError, SignedEnvelope, VerifiedEnvelope, VerifyError, prove,
};
use crate::id::{DeviceId, EnvelopeId, ScopeId};
use crate::identity::{Admission, Proven, StandingError};
use crate::keys::{KeyGrant, pair_accept, pair_info};
use crate::storage::row::{AheadRow, ChainRow, LocalRow, ScopeNumber, VectorRow, chain_key, key};
use crate::storage::{Order, Range, table};
use crate::wire::{Reader, Wire, WireError, limits};

use super::Tx;
use super::effect::{Applied, Query};
use super::hold::{Cause, QuarantineRow, Wait, WaitingRow};
use super::input::Answer;
use super::snapshot::advance;
use super::state::{Described, Given, State};

/// Held envelopes that are tried again in one step.
const RETRIES_PER_STEP: usize = 512;
/// Where envelopes wait whose author is not known, or whose header does not read: no scope can be believed of them.
pub(super) const NOWHERE: ScopeNumber = ScopeNumber::MAX;

/// The ids that are held at places in chains which arriving envelopes claim.
pub(super) type Places = BTreeMap<(ScopeId, DeviceId, u64), EnvelopeId>;

/// What is to become of an envelope that is not applied.
pub(super) enum Stop {
    /// It can never be right.
    Refuse(&'static str),
    /// Held already.
    Known,
    /// Something may still come.
    Wait(ScopeNumber, Wait, u64),
    /// Set apart.
    Apart(Cause, ScopeNumber),
}

impl Stop {
    /// The same for an envelope that stands in the log already.
    fn in_log(self, position: u64) -> Self {
        match self {
            Self::Wait(scope, wait, _) => Self::Wait(scope, wait, position),
            stop => stop,
        }
    }
}

impl State {
    /// Looks up what is held at places that arriving envelopes claim and that we have passed already.
    pub(super) fn place_queries<'a>(
        &self,
        envelopes: impl Iterator<Item = &'a [u8]>,
    ) -> (Vec<Query>, Vec<Place>) {
        let claims = envelopes.filter_map(|bytes| {
            let header = Header::read(&mut Reader::new(bytes)).ok()?;
            let scope = self.scopes.get(&header.scope)?;
            let held = scope.vectors.get(&header.author)?.seq;
            let place = (header.scope, header.author, header.seq);
            // More of it may be here than the vector has room to name.
            let is_longer = self.set_back.contains(&(scope.number, header.author));
            (header.seq <= held || is_longer).then_some((scope.number, place))
        });
        claims
            .map(|(number, place)| {
                let key = chain_key(number, &place.1, place.2);
                (Query::Get { table: table::CHAIN, key }, place)
            })
            .unzip()
    }

    /// Verifies the signatures of envelopes together that are about to be taken one by one.
    pub(super) fn prove<'a>(&self, tx: &mut Tx<'_>, envelopes: impl IntoIterator<Item = &'a [u8]>) {
        tx.proven = prove(envelopes, &self.roster, &self.identity.network);
    }

    /// Takes an envelope that arrived. Whether it is kept in one way or another, and need not come again.
    pub(super) fn receive(&mut self, tx: &mut Tx<'_>, bytes: Vec<u8>, places: &Places) -> bool {
        let stop = self.try_receive(tx, &bytes, places);
        self.stop(tx, bytes, stop)
    }

    pub(super) fn stop(&mut self, tx: &mut Tx<'_>, bytes: Vec<u8>, stop: Result<(), Stop>) -> bool {
        match stop {
            Ok(()) | Err(Stop::Known) => true,
            Err(Stop::Refuse(cause)) => {
                tx.refuse(cause);
                false
            }
            Err(Stop::Wait(number, wait, position)) => {
                let is_held =
                    self.hold(tx, number, &WaitingRow { wait, position, envelope: bytes });
                if !is_held {
                    tx.refuse("too many envelopes wait for statements that do not come");
                }
                is_held
            }
            Err(Stop::Apart(cause, scope)) => {
                let Ok(envelope) = SignedEnvelope::from_bytes(&*bytes) else { return false };
                let header = envelope.claimed_header();
                let (author, seq, id, at) =
                    (header.author, header.seq, envelope.claimed_id(), tx.now);
                let cause = match cause {
                    // Of our own numbers nobody can contradict us but a store of ours that we lost, or a twin.
                    Cause::Fork if author == self.me => Cause::Contradicted,
                    cause => cause,
                };
                if cause == Cause::Contradicted && self.refused.contains(&(scope, seq)) {
                    return true;
                }
                // A region that was upgraded may write much that is newer, and the log has it.
                let envelope = if cause == Cause::Newer { Vec::new() } else { bytes };
                let row = QuarantineRow { cause, scope, author, seq, id, at, envelope };
                self.quarantine(tx, &row);
                true
            }
        }
    }

    fn try_receive(&mut self, tx: &mut Tx<'_>, bytes: &[u8], places: &Places) -> Result<(), Stop> {
        let verified = self.verify(bytes, &tx.proven)?;
        let (id, header) = (verified.id(), verified.header().clone());
        let number = self.number(header.scope);
        let place = self.check_place(number, (id, &header), places);
        if matches!(place, Err(Stop::Apart(Cause::Fork, _))) {
            self.take_contradicting_certificate(tx, number, &verified)?;
        }
        place?;
        match self.admit(number, verified) {
            Ok(admitted) => {
                let position = self.place_received(tx, number, (id, &header), bytes);
                self.apply(tx, number, position, admitted)
            }
            Err(Stop::Apart(Cause::Late, number)) => {
                // In its author's chain all the same, so that what follows has its place.
                self.place_received(tx, number, (id, &header), bytes);
                Err(Stop::Apart(Cause::Late, number))
            }
            // What a store that is rebuilt learns of its own chain, or puts back into it, where the relay does not say yet, or
            // any more, what that scope is. Held back as what others wrote is, what follows it would follow on nothing.
            Err(Stop::Wait(number, wait, 0)) if header.author == self.me => {
                let position = self.place_received(tx, number, (id, &header), bytes);
                Err(Stop::Wait(number, wait, position))
            }
            Err(stop) => Err(stop),
        }
    }

    /// Where the registry's author contradicts itself, its relay came back from a backup or lost its key. What it says is evidence
    /// against it, and still true where the certificate proves itself: nobody must miss a revocation for it.
    fn take_contradicting_certificate(
        &mut self,
        tx: &mut Tx<'_>,
        number: ScopeNumber,
        verified: &VerifiedEnvelope,
    ) -> Result<(), Stop> {
        if verified.header().scope != self.roster.registry() {
            return Ok(());
        }
        let admitted = self.admit(number, verified.clone())?;
        match admitted.statement() {
            Ok(Some(Statement::Certificate(certificate))) => self.take_certificate(tx, certificate),
            _ => Ok(()),
        }
    }

    pub(super) fn verify(&self, bytes: &[u8], proven: &Proven) -> Result<VerifiedEnvelope, Stop> {
        let signed = SignedEnvelope::from_bytes(bytes).map_err(|cause| match cause.is_newer() {
            true => Stop::Wait(NOWHERE, Wait::Program, 0),
            false => Stop::Refuse("not an envelope"),
        })?;
        let verified = signed.verify_among(proven, &self.roster, &self.identity.network);
        verified.map_err(|error| match error {
            VerifyError::UnknownAuthor(_) => Stop::Wait(NOWHERE, Wait::Statement, 0),
            _ => Stop::Refuse("envelope's signature, network or body hash"),
        })
    }

    fn check_place(
        &self,
        number: ScopeNumber,
        (id, header): (EnvelopeId, &Header),
        places: &Places,
    ) -> Result<(), Stop> {
        let Some(vector) = self.scope(number).vectors.get(&header.author) else { return Ok(()) };
        let ahead = vector.ahead.iter().find(|ahead| ahead.seq == header.seq).map(|it| it.id);
        let at_end = (header.seq == vector.seq).then_some(vector.id);
        let place = (header.scope, header.author, header.seq);
        let held = ahead.or(at_end).or_else(|| places.get(&place).copied());
        match held {
            Some(held) if held == id => Err(Stop::Known),
            Some(_) => Err(Stop::Apart(Cause::Fork, number)),
            // Stored earlier in this very step, so its place was not looked up: the same chain, the same id.
            None if header.seq <= vector.seq => Err(Stop::Known),
            None if header.seq == vector.seq + 1 && header.previous != vector.id => {
                Err(Stop::Apart(Cause::Fork, number))
            }
            None if vector.ahead.len() >= limits::AHEAD.max && header.seq != vector.seq + 1 => {
                Err(Stop::Refuse("too far ahead of what is held of its author"))
            }
            None => Ok(()),
        }
    }

    pub(super) fn admit(
        &self,
        number: ScopeNumber,
        verified: VerifiedEnvelope,
    ) -> Result<AdmittedEnvelope, Stop> {
        let access = self.scope(number).access.as_ref();
        verified.admit(&self.roster, access).map_err(|denial| match denial {
            Denial::LateWrite { .. } => Stop::Apart(Cause::Late, number),
            Denial::NotCreated
            | Denial::NotMember
            | Denial::NotGranted
            | Denial::Standing(StandingError::Unknown) => Stop::Wait(number, Wait::Statement, 0),
            _ => Stop::Refuse("its author may not write there"),
        })
    }

    /// Stores an admitted envelope and moves its author's chain, past what had arrived early as well.
    fn place_received(
        &mut self,
        tx: &mut Tx<'_>,
        number: ScopeNumber,
        (id, header): (EnvelopeId, &Header),
        bytes: &[u8],
    ) -> u64 {
        let position = self.place(tx, number, header.author, header.seq, id, bytes);
        let held = self.scope(number).vectors.get(&header.author);
        let mut vector = held.cloned().unwrap_or_else(VectorRow::empty);
        let arrived = AheadRow { seq: header.seq, id, previous: header.previous };
        let at = vector.ahead.partition_point(|ahead| ahead.seq < header.seq);
        vector.ahead.insert(at, arrived);
        advance(&mut vector, self.scope(number).snapshots.get(&header.author));
        let chain = (number, header.author);
        if vector.ahead.is_empty() && self.set_back.contains(&chain) {
            tx.set_back.insert(chain);
        }
        self.set_vector(tx, number, header.author, vector);
        position
    }

    pub(super) fn apply(
        &mut self,
        tx: &mut Tx<'_>,
        number: ScopeNumber,
        position: u64,
        admitted: AdmittedEnvelope,
    ) -> Result<(), Stop> {
        let header = admitted.header().clone();
        if self.is_suspended(&header) {
            return Err(Stop::Wait(number, Wait::Decision, position));
        }
        let body = if header.is_clear() {
            let statement = admitted.statement();
            let statement = statement.map_err(|cause| Stop::Apart(unread(&cause), number))?;
            let statement = statement.ok_or(Stop::Apart(Cause::Body, number))?;
            if statement.format() > self.formats.reads() {
                return Err(Stop::Apart(Cause::Newer, number));
            }
            Body::Statement(statement)
        } else {
            let scope = self.scope(number);
            let Some(key) = scope.keys.get(&header.epoch) else {
                return match scope.access.as_ref().and_then(ScopeAccess::parties) {
                    // Sealed for somebody else's eyes; ours only if we still had the key.
                    Some((_, to)) if to != self.me => Ok(()),
                    _ => Err(Stop::Wait(number, Wait::Key, position)),
                };
            };
            let opened = admitted.open(key, self.formats).map_err(|cause| match cause {
                OpenError::Format(cause) => Stop::Apart(unread(&cause), number),
                _ => Stop::Apart(Cause::Body, number),
            })?;
            opened.into_inner()
        };
        match body {
            Body::Statement(statement) => {
                self.apply_statement(tx, number, position, &header, &statement)
            }
            Body::Records { document: document @ DocumentId::Volume { year }, versions } => {
                let ids: Vec<_> = versions.iter().map(RecordVersion::version_id).collect();
                self.hold_against_statement(tx, number, &header, &document, &ids)?;
                self.index_records(tx, number, year, position, ids.into_iter().zip(versions));
                Ok(())
            }
            Body::Note { note, changes } => {
                let document = DocumentId::Note(note);
                self.take_changes(tx, number, document, position, header.author, changes)
            }
            Body::Document { document, changes } => {
                self.take_changes(tx, number, document, position, header.author, changes)
            }
            Body::Keys(grants) => {
                let word = Described { by: header.author, seq: header.seq };
                self.take_keys(tx, number, word, grants);
                Ok(())
            }
            Body::Records { .. } => Err(Stop::Apart(Cause::Body, number)),
        }
    }

    fn apply_statement(
        &mut self,
        tx: &mut Tx<'_>,
        number: ScopeNumber,
        position: u64,
        header: &Header,
        statement: &Statement,
    ) -> Result<(), Stop> {
        if let Statement::Certificate(certificate) = statement {
            if header.scope != self.roster.registry() {
                return Err(Stop::Apart(Cause::Body, number));
            }
            return self.take_certificate(tx, certificate.clone());
        }
        if let Statement::Snapshot(claim) = statement {
            return self.take_snapshot(tx, number, position, header, claim);
        }
        let network = self.identity.network;
        let Some(device) = self.roster.device(&header.author) else {
            return Err(Stop::Wait(number, Wait::Statement, position));
        };
        let (author, facility) = (header.author, device.facility);
        match self.rule(tx, number, author, facility, statement) {
            Ok(Change::Unentitled) => tx.refuse("a statement that its author may not make"),
            Ok(_) => {}
            Err(crate::access::AccessError::NotCreated) => {
                return Err(Stop::Wait(number, Wait::Statement, position));
            }
            Err(_) => return Err(Stop::Apart(Cause::Body, number)),
        }
        self.check_descriptor(tx, number);
        tx.touched.insert(number);
        tx.arrived.insert(number);
        tx.governed.insert(number);
        tx.unshared.insert(number);
        if let Statement::PairOffer { to, enc } = statement
            && *to == self.me
            && !self.scope(number).keys.contains_key(&1)
        {
            let info = pair_info(&network, &author, to);
            match pair_accept(&self.identity.agreement, enc, &info) {
                Ok(key) => self.keep_key(tx, number, 1, key),
                Err(_) => return Err(Stop::Apart(Cause::Body, number)),
            }
        }
        Ok(())
    }

    fn take_certificate(
        &mut self,
        tx: &mut Tx<'_>,
        certificate: crate::identity::Certificate,
    ) -> Result<(), Stop> {
        let (digest, bytes) = (certificate.digest(), certificate.to_bytes());
        match self.roster.admit(certificate) {
            Ok(Admission::Known) => Ok(()),
            Ok(_) => {
                tx.batch.put(table::CERTIFICATE, digest, bytes);
                tx.registry = true;
                Ok(())
            }
            Err(_) => Err(Stop::Refuse("a certificate that nobody entitled signed")),
        }
    }

    /// A key is only its owner's to give: what somebody else gave before the scope's owner was known goes.
    fn check_descriptor(&mut self, tx: &mut Tx<'_>, number: ScopeNumber) {
        let scope = self.scope_mut(number);
        let owner = scope.access.as_ref().map(ScopeAccess::owner);
        let told = scope.descriptor.as_ref().map(|descriptor| descriptor.owner);
        if owner.is_some() && told.is_some() && owner != told {
            let before = scope.patient();
            scope.descriptor = None;
            scope.keys.clear();
            self.index_patient(number, before);
            tx.refuse("keys from somebody who does not own the scope");
        }
    }

    /// Keeps changes of somebody else, unless they are malformed or under another device's name.
    fn take_changes(
        &self,
        tx: &mut Tx<'_>,
        number: ScopeNumber,
        document: DocumentId,
        position: u64,
        device: DeviceId,
        changes: Vec<u8>,
    ) -> Result<(), Stop> {
        let Some(facility) = self.roster.device(&device).map(|it| it.facility) else {
            return Err(Stop::Wait(number, Wait::Statement, position));
        };
        let sent = Contribution { author: Author { device, facility }, changes };
        sent.check().map_err(|_| Stop::Apart(Cause::Body, number))?;
        self.keep_changes(tx, number, document, position, device, sent.changes);
        Ok(())
    }

    /// Keeps changes of a document; whoever reads it merges them.
    pub(super) fn keep_changes(
        &self,
        tx: &mut Tx<'_>,
        number: ScopeNumber,
        document: DocumentId,
        position: u64,
        device: DeviceId,
        changes: Vec<u8>,
    ) {
        // Admitted, so the roster has the device.
        let Some(facility) = self.roster.device(&device).map(|it| it.facility) else { return };
        let row = Contribution { author: Author { device, facility }, changes };
        let at = document_key(number, &document, position);
        tx.batch.put(table::DOCUMENT, at, row.to_bytes());
        tx.applied.push(Applied::Document { scope: number, document });
    }

    fn take_keys(
        &mut self,
        tx: &mut Tx<'_>,
        pair: ScopeNumber,
        word: Described,
        grants: Vec<KeyGrant>,
    ) {
        let Some((_, to)) = self.scope(pair).access.as_ref().and_then(ScopeAccess::parties) else {
            return;
        };
        let author = word.by;
        let Some(facility) = self.roster.device(&author).map(|device| device.facility) else {
            return;
        };
        for grant in grants {
            let number = self.number(grant.scope);
            if author == self.me {
                let given = Given { epoch: grant.epoch, patient: grant.descriptor.patient };
                let row = key(&[to.as_bytes(), &number.to_be_bytes()]);
                tx.batch.put(table::GIVEN, row, given.to_bytes());
                self.given.insert((to, number), given);
            }
            if to == self.me {
                self.take_key(tx, number, facility, word, grant);
            }
        }
    }

    fn take_key(
        &mut self,
        tx: &mut Tx<'_>,
        number: ScopeNumber,
        from: crate::id::FacilityId,
        word: Described,
        grant: KeyGrant,
    ) {
        let home = self.home;
        let scope = self.scope_mut(number);
        let owner = scope.access.as_ref().map_or(grant.descriptor.owner, ScopeAccess::owner);
        if owner != from || grant.descriptor.owner != from {
            tx.refuse("keys from somebody who does not own the scope");
            return;
        }
        let before = scope.patient();
        let chart = scope.id;
        let told = &grant.descriptor;
        // What was said first may be read last: where a program that could not read it has gone, or a store was mended.
        let is_older = scope.described.is_some_and(|it| it.by == word.by && it.seq > word.seq);
        let own = (told.kind == ScopeKind::Chart && from == home && !is_older)
            .then(|| told.local.clone().zip(told.patient))
            .flatten();
        if told.kind != ScopeKind::Pair && !is_older {
            scope.descriptor = Some(grant.descriptor);
            self.is_described(tx, number, word);
        }
        if let Some((local, patient)) = own {
            // Our own word to ourselves, from before the store was lost.
            let row = LocalRow { patients: vec![patient], chart: Some(chart) };
            self.set_local(tx, local, row);
        }
        if !self.scope(number).keys.contains_key(&grant.epoch) {
            self.keep_key(tx, number, grant.epoch, grant.key);
        }
        self.index_patient(number, before);
        tx.touched.insert(number);
        tx.governed.extend(
            self.scope(number)
                .patient()
                .into_iter()
                .flat_map(|patient| self.patients[&patient].iter().copied().collect::<Vec<_>>()),
        );
    }

    /// The held envelopes of a scope, after a row that was tried before.
    pub(super) fn retry_queries(number: ScopeNumber, after: &[u8]) -> Vec<Query> {
        let mut range = Range::prefix(&number.to_be_bytes());
        if !after.is_empty() {
            range.from = key(&[after, &[0]]);
        }
        vec![Query::Scan {
            table: table::WAITING,
            range,
            order: Order::Ascending,
            limit: RETRIES_PER_STEP,
        }]
    }

    /// Tries held envelopes again. Says whether any came further, so that another try may be worth it; where none did, those
    /// behind them are tried.
    pub(super) fn retry(&mut self, tx: &mut Tx<'_>, number: ScopeNumber, answer: Answer) -> bool {
        let Answer::Rows(rows) = answer else { return false };
        let mut progress = false;
        let full = rows.len() == RETRIES_PER_STEP;
        let last = rows.last().filter(|_| full).map(|(key, _)| key.clone());
        for (key, value) in rows {
            let Ok(row) = WaitingRow::from_bytes(&value) else { continue };
            if row.wait == Wait::Decision && self.still_suspended(&row.envelope) {
                continue;
            }
            let result = if row.position == 0 {
                self.try_receive(tx, &row.envelope, &Places::new())
            } else {
                let verified = self.verify(&row.envelope, &tx.proven);
                let admitted = verified.and_then(|verified| self.admit(number, verified));
                // It keeps its place in the log, whatever it waits for now.
                let admitted = admitted.map_err(|stop| stop.in_log(row.position));
                admitted.and_then(|admitted| self.apply(tx, number, row.position, admitted))
            };
            if let Err(Stop::Wait(at, wait, position)) = &result
                && (*at, *wait, *position) == (number, row.wait, row.position)
            {
                continue;
            }
            progress = true;
            self.release(tx, number, key, &row);
            self.stop(tx, row.envelope, result);
        }
        if !progress {
            tx.untried.extend(last.map(|last| (number, last)));
        }
        progress
    }

    fn still_suspended(&self, envelope: &[u8]) -> bool {
        Header::read(&mut Reader::new(envelope)).is_ok_and(|header| self.is_suspended(&header))
    }
}

/// Why a body is set apart that does not read.
fn unread(cause: &WireError) -> Cause {
    if cause.is_newer() { Cause::Newer } else { Cause::Body }
}

/// A place in a chain that an arriving envelope claims.
pub(super) type Place = (ScopeId, DeviceId, u64);

/// The key of a document's changes in an envelope.
pub(super) fn document_key(number: ScopeNumber, document: &DocumentId, position: u64) -> Vec<u8> {
    key(&[&number.to_be_bytes(), &document.to_bytes(), &position.to_be_bytes()])
}

/// The places that were found, by the answers to [`State::place_queries`].
pub(super) fn places(claims: Vec<Place>, answers: Vec<Answer>) -> Places {
    let held = answers.into_iter().map(|answer| match answer {
        Answer::Value(Some(row)) => ChainRow::from_bytes(&row).ok().map(|row| row.id),
        _ => None,
    });
    claims.into_iter().zip(held).filter_map(|(claim, id)| Some((claim, id?))).collect()
}
