//! Snapshots of others: what an author says that one covers, and from when to when all of that counts as held.
//!
//! Where everything that a snapshot covers is held, the snapshot counts as held too; where the snapshot is held and is what
//! its author said, everything that it covers counts as held. A vector moves over what counts, and always comes to rest
//! on an envelope that is here: what a publisher's word is held against is never derived from a snapshot.
//!
//! Where a snapshot turns out to be something else, or was written too late, it is set apart and covers nothing any more: the vector
//! goes back to before the first number that is not here, so what is missing shows, and is asked for.

mod make;
mod vector;

use std::collections::{BTreeMap, BTreeSet};

use crate::access::{ScopeKind, Snapshot};
use crate::document::{DocumentId, RecordVersion};
use crate::envelope::{AdmittedEnvelope, Body, Header};
use crate::id::{DeviceId, EnvelopeId, VersionId};
use crate::storage::row::{
    ChainRow, ScopeNumber, SnapshotRow, Standing, VectorRow, chain_key, key,
};
use crate::storage::table;
use crate::wire::{Wire, WireError, limits};

pub(super) use make::{Making, SNAPSHOT_AFTER};
pub(super) use vector::advance;
pub use vector::reach;

use super::Tx;
use super::effect::Query;
use super::hold::{Cause, QuarantineRow, Wait};
use super::input::Answer;
use super::receive::Stop;
use super::state::State;
use super::step::Work;

/// A statement about a snapshot, by its place in its author's chain. The snapshot is the envelope before it.
pub(super) type Place = (ScopeNumber, DeviceId, u64);

/// Snapshots that are looked at in one step.
const PER_STEP: usize = 32;
/// Chains of which it is remembered what was last opened.
const LAST_OPENED_MAX: usize = 4_096;

/// What was last opened of each chain. A statement comes right behind its snapshot, which need not be opened again for it.
#[derive(Default)]
pub(super) struct LastOpened(BTreeMap<(ScopeNumber, DeviceId), Opened>);

#[derive(Clone, Copy, PartialEq, Eq)]
struct Opened {
    seq: u64,
    epoch: u32,
    digest: [u8; 32],
}

impl LastOpened {
    fn note(&mut self, chain: (ScopeNumber, DeviceId), opened: Opened) {
        if self.0.len() >= LAST_OPENED_MAX {
            self.0.clear();
        }
        self.0.insert(chain, opened);
    }

    fn forget(&mut self, chain: (ScopeNumber, DeviceId)) {
        self.0.remove(&chain);
    }

    /// Whether the envelope before a statement is what that says.
    fn is_what(&self, (number, author, seq): Place, claim: &Snapshot) -> bool {
        let said = Opened { seq: seq - 1, epoch: claim.epoch, digest: claim.digest };
        self.0.get(&(number, author)) == Some(&said)
    }
}

/// Snapshots that are to be held against their statements: looked up in their chains first, then read.
pub(super) struct Check {
    places: Vec<Place>,
    found: Option<Vec<Found>>,
}

struct Found {
    place: Place,
    position: u64,
    id: EnvelopeId,
}

impl Check {
    /// These, a few at a time.
    pub(super) fn begin(places: &BTreeSet<Place>) -> impl Iterator<Item = Self> + use<> {
        let places: Vec<Place> = places.iter().copied().collect();
        let parts: Vec<Vec<Place>> = places.chunks(PER_STEP).map(<[Place]>::to_vec).collect();
        parts.into_iter().map(|places| Self { places, found: None })
    }

    /// What must be read first.
    pub(super) fn queries(&self) -> Vec<Query> {
        let chain = |(number, author, seq): &Place| {
            let key = chain_key(*number, author, seq - 1);
            Query::Get { table: table::CHAIN, key }
        };
        let log = |found: &Found| {
            let key = found.position.to_be_bytes().to_vec();
            Query::Get { table: table::LOG, key }
        };
        match &self.found {
            None => self.places.iter().map(chain).collect(),
            Some(found) => found.iter().map(log).collect(),
        }
    }
}

impl State {
    /// Keeps in memory what a row of the table amounts to. A program to which snapshots are newer knows nothing of them.
    pub(super) fn note_snapshot(
        &mut self,
        (number, author, seq): Place,
        row: SnapshotRow,
    ) -> Result<(), WireError> {
        if self.formats.reads() < crate::envelope::Formats::SNAPSHOTS {
            return Ok(());
        }
        if row.ended {
            self.set_back.insert((number, author));
        }
        self.known(number)?.snapshots.entry(author).or_default().insert(seq, row);
        Ok(())
    }

    /// How many are here that are sound: our own, or those of others.
    pub(super) fn snapshots(&self, ours: bool) -> usize {
        let chains = self.scopes.values().flat_map(|scope| &scope.snapshots);
        let rows = chains.filter(|(author, _)| (**author == self.me) == ours);
        let rows = rows.flat_map(|(_, rows)| rows.values());
        rows.filter(|row| row.standing == Standing::Sound).count()
    }

    /// Those that no step has looked at.
    pub(super) fn unread_snapshots(&self) -> BTreeSet<Place> {
        let mut unread = BTreeSet::new();
        for scope in self.scopes.values() {
            for (author, rows) in &scope.snapshots {
                let due = rows.iter().filter(|(_, row)| row.standing == Standing::Due);
                unread.extend(due.map(|(seq, _)| (scope.number, *author, *seq)));
            }
        }
        unread
    }

    fn snapshot(&self, (number, author, seq): &Place) -> Option<&SnapshotRow> {
        self.scope(*number).snapshots.get(author)?.get(seq)
    }

    fn keep_snapshot(&mut self, tx: &mut Tx<'_>, place: Place, row: SnapshotRow) {
        let (number, author, seq) = place;
        tx.batch.put(table::SNAPSHOT, snapshot_key(&place), row.to_bytes());
        self.scope_mut(number).snapshots.entry(author).or_default().insert(seq, row);
    }

    fn forget_snapshot(&mut self, tx: &mut Tx<'_>, place: Place) {
        let (number, author, seq) = place;
        tx.batch.remove(table::SNAPSHOT, snapshot_key(&place));
        let snapshots = &mut self.scope_mut(number).snapshots;
        if let Some(rows) = snapshots.get_mut(&author) {
            rows.remove(&seq);
            if rows.is_empty() {
                snapshots.remove(&author);
            }
        }
    }

    /// Takes an author's word on its snapshot.
    pub(super) fn take_snapshot(
        &mut self,
        tx: &mut Tx<'_>,
        number: ScopeNumber,
        position: u64,
        header: &Header,
        claim: &Snapshot,
    ) -> Result<(), Stop> {
        let access = self.scope(number).access.as_ref();
        let facility = self.roster.device(&header.author).map(|device| device.facility);
        let (Some(access), Some(facility)) = (access, facility) else {
            return Err(Stop::Wait(number, Wait::Statement, position));
        };
        if !access.may_snapshot(&facility) || !claim.fits(header.seq) {
            return Err(Stop::Apart(Cause::Body, number));
        }
        let place = (number, header.author, header.seq);
        let known = self.snapshot(&place);
        let is_known =
            |row: &SnapshotRow| row.claim == *claim && row.standing != Standing::Withdrawn;
        if known.is_some_and(is_known) {
            return Ok(());
        }
        let ended = known.is_some_and(|row| row.ended);
        let standing = match self.last_opened.is_what(place, claim) {
            true => Standing::Sound,
            false => Standing::Due,
        };
        if standing == Standing::Due {
            tx.unread.insert(place);
        }
        self.keep_snapshot(tx, place, SnapshotRow { claim: claim.clone(), standing, ended });
        self.count_on(tx, number, header.author);
        Ok(())
    }

    /// Holds records that were opened against what their author says of them in the next envelope, where that is here already.
    pub(super) fn hold_against_statement(
        &mut self,
        tx: &mut Tx<'_>,
        number: ScopeNumber,
        header: &Header,
        document: &DocumentId,
        versions: &[VersionId],
    ) -> Result<(), Stop> {
        let scope = self.scope(number);
        let key = scope.keys.get(&header.epoch);
        let (Some(ScopeKind::Chart), Some(key)) = (scope.kind(), key) else { return Ok(()) };
        let digest = Snapshot::digest_of(key, document, versions.iter().copied());
        let opened = Opened { seq: header.seq, epoch: header.epoch, digest };
        self.last_opened.note((number, header.author), opened);
        let place = (number, header.author, header.seq.saturating_add(1));
        let Some(row) = self.snapshot(&place) else { return Ok(()) };
        let is_it = (row.claim.epoch, row.claim.digest) == (header.epoch, digest);
        if row.standing == Standing::Withdrawn {
            return Ok(());
        }
        if !is_it {
            self.stand(tx, place, Standing::Broken);
            self.last_opened.forget((number, header.author));
            return Err(Stop::Apart(Cause::Body, number));
        }
        self.stand(tx, place, Standing::Sound);
        self.count_on(tx, number, header.author);
        Ok(())
    }

    /// A snapshot, if this is one, was written too late after all.
    pub(super) fn end_cover(&mut self, tx: &mut Tx<'_>, (number, author, seq): Place) {
        self.last_opened.forget((number, author));
        self.stand(tx, (number, author, seq.saturating_add(1)), Standing::Stated);
    }

    /// What an author said of its snapshot was said too late after all.
    pub(super) fn withdraw_snapshot(&mut self, tx: &mut Tx<'_>, place: Place) {
        let Some(row) = self.snapshot(&place).cloned() else { return };
        // Also where it covered nothing here: its snapshot counted as held by this word.
        let row = SnapshotRow { standing: Standing::Withdrawn, ended: true, ..row };
        self.keep_snapshot(tx, place, row);
        self.is_set_back(tx, (place.0, place.1));
    }

    fn is_set_back(&mut self, tx: &mut Tx<'_>, chain: (ScopeNumber, DeviceId)) {
        self.set_back.insert(chain);
        tx.set_back.insert(chain);
    }

    /// Notes how a snapshot stands. Where it no longer covers anything, its chain's vector is set back next.
    fn stand(&mut self, tx: &mut Tx<'_>, place: Place, standing: Standing) {
        let Some(row) = self.snapshot(&place).filter(|row| row.standing != standing) else {
            return;
        };
        let ends = row.standing.covers() && !standing.covers();
        let row = SnapshotRow { claim: row.claim.clone(), standing, ended: row.ended || ends };
        self.keep_snapshot(tx, place, row);
        if ends {
            self.is_set_back(tx, (place.0, place.1));
        }
    }

    /// Moves a chain's vector over what counts as held by now.
    fn count_on(&mut self, tx: &mut Tx<'_>, number: ScopeNumber, author: DeviceId) {
        let scope = self.scope(number);
        let Some(before) = scope.vectors.get(&author) else { return };
        let mut vector = before.clone();
        advance(&mut vector, scope.snapshots.get(&author));
        if vector != *before {
            self.set_vector(tx, number, author, vector);
        }
    }

    /// Looks snapshots up in their chains, or holds those that were read against their statements.
    pub(super) fn check_snapshots(&mut self, tx: &mut Tx<'_>, check: Check, answers: Vec<Answer>) {
        let Check { places, found } = check;
        let Some(found) = found else {
            let mut found = Vec::new();
            for (place, answer) in places.into_iter().zip(answers) {
                match chain_row(answer) {
                    Some(ChainRow { position, id }) => found.push(Found { place, position, id }),
                    None => self.stand(tx, place, Standing::Stated),
                }
            }
            if !found.is_empty() {
                let check = Check { places: Vec::new(), found: Some(found) };
                tx.further.push(Work::Snapshots(check));
            }
            return;
        };
        for (Found { place, id, .. }, answer) in found.into_iter().zip(answers) {
            let (number, author, _) = place;
            let is_due = |row: &&SnapshotRow| row.standing == Standing::Due;
            let Some(claim) = self.snapshot(&place).filter(is_due).map(|row| row.claim.clone())
            else {
                continue;
            };
            let Answer::Value(Some(envelope)) = answer else { continue };
            let standing = self.standing_of(tx, place, &claim, id, envelope);
            self.stand(tx, place, standing);
            self.count_on(tx, number, author);
        }
    }

    /// How a snapshot that is here stands to what its author says of it. One that says something else is set apart.
    fn standing_of(
        &mut self,
        tx: &mut Tx<'_>,
        (scope, author, seq): Place,
        claim: &Snapshot,
        id: EnvelopeId,
        envelope: Vec<u8>,
    ) -> Standing {
        if self.is_late(&id) {
            return Standing::Stated;
        }
        // In the log, so it read when it came; one that damage has changed since is `verify`'s to find.
        let Ok(admitted) = AdmittedEnvelope::restore(&*envelope) else { return Standing::Stated };
        let header = admitted.header();
        if header.is_clear() {
            return Standing::Broken;
        }
        let held = self.scope(scope).keys.get(&header.epoch);
        let Some(held) = held.filter(|_| !self.is_suspended(header)) else {
            return Standing::Sealed;
        };
        let (document, versions) = match admitted.open(held, self.formats) {
            Ok(body) => match body.into_inner() {
                Body::Records { document, versions } => (document, versions),
                _ => return Standing::Broken,
            },
            Err(cause) if cause.is_newer() => return Standing::Sealed,
            Err(_) => return Standing::Broken,
        };
        let ids = versions.iter().map(RecordVersion::version_id);
        let digest = Snapshot::digest_of(held, &document, ids);
        if (header.epoch, digest) == (claim.epoch, claim.digest) {
            return Standing::Sound;
        }
        self.unlist(tx, scope, &versions);
        let (cause, at, seq) = (Cause::Body, tx.now, seq - 1);
        self.quarantine(tx, &QuarantineRow { cause, scope, author, seq, id, at, envelope });
        Standing::Broken
    }

    /// Finds out anew how far a chain is held, by what is here of it.
    pub(super) fn set_chain_back(
        &mut self,
        tx: &mut Tx<'_>,
        (number, author): (ScopeNumber, DeviceId),
        answers: Vec<Answer>,
    ) {
        let scope = self.scope(number);
        let held = rows(answers).into_iter().map(|(seq, row)| (seq, row.id));
        let known = BTreeMap::new();
        let mut vector = reach(held, scope.snapshots.get(&author).unwrap_or(&known));
        // The rest is named once there is room for it.
        let is_whole = vector.ahead.len() <= limits::AHEAD.max;
        vector.ahead.truncate(limits::AHEAD.max);
        let before = scope.vectors.get(&author).cloned().unwrap_or_else(VectorRow::empty);
        // Of our own chain we know the end, whatever is here of it: a number is never given twice.
        if author != self.me && vector != before {
            if vector.seq < before.seq {
                self.take_complete_back(tx, &author);
            }
            self.set_vector(tx, number, author, vector);
        }
        if !is_whole && author != self.me {
            return;
        }
        self.set_back.remove(&(number, author));
        let rows = self.scope(number).snapshots.get(&author).into_iter().flatten();
        let ended = rows.filter(|(_, row)| row.ended);
        for (seq, row) in ended.map(|(seq, row)| (*seq, row.clone())).collect::<Vec<_>>() {
            match row.standing {
                Standing::Withdrawn => self.forget_snapshot(tx, (number, author, seq)),
                _ => {
                    let row = SnapshotRow { ended: false, ..row };
                    self.keep_snapshot(tx, (number, author, seq), row);
                }
            }
        }
    }
}

/// The rows of a chain with their numbers.
fn rows(answers: Vec<Answer>) -> Vec<(u64, ChainRow)> {
    let Some(Answer::Rows(rows)) = answers.into_iter().next() else { return Vec::new() };
    let row = |(at, row): &(Vec<u8>, Vec<u8>)| {
        let seq = u64::from_be_bytes(*at.last_chunk::<8>()?);
        Some((seq, ChainRow::from_bytes(row).ok()?))
    };
    rows.iter().filter_map(row).collect()
}

fn chain_row(answer: Answer) -> Option<ChainRow> {
    match answer {
        Answer::Value(Some(row)) => ChainRow::from_bytes(&row).ok(),
        _ => None,
    }
}

fn snapshot_key((number, author, seq): &Place) -> Vec<u8> {
    key(&[&number.to_be_bytes(), author.as_bytes(), &seq.to_be_bytes()])
}
