//! How complete and how fresh what we hold is, per publisher; and what we owe others to say of ourselves.
//!
//! Tallies are kept as chains grow, so that neither a statement nor its check walks through all scopes.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::access::ScopeKind;
use crate::id::{DeviceId, EnvelopeId, FacilityId, Timestamp};
use crate::storage::row::ScopeNumber;
use crate::storage::table;
use crate::sync::heads::{
    HeadRoll, HeadShare, HeadStatement, HeadTree, HeadUpdate, HeadWord, Tally,
};
use crate::wire::{Reader, Wire, WireError, Writer};

use super::Tx;
use super::state::{Scope, State};
use super::step::After;

/// The newest word of a publisher and how far it was found true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublisherRow {
    /// Its newest statement.
    pub statement: HeadStatement,
    /// When that arrived, by our clock.
    pub heard: Timestamp,
    /// The time of the newest statement that matched what we hold.
    pub complete: Option<Timestamp>,
}

impl Wire for PublisherRow {
    fn write(&self, writer: &mut Writer) {
        self.statement.write(writer);
        self.heard.write(writer);
        writer.option(&self.complete);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            statement: HeadStatement::read(reader)?,
            heard: Timestamp::read(reader)?,
            complete: reader.option("complete")?,
        })
    }
}

/// What is counted, for whom.
#[derive(Default)]
pub(super) struct Freshness {
    /// Newest statements of others, by device.
    pub(super) publishers: BTreeMap<DeviceId, PublisherRow>,
    /// What was complete before the step that is on its way to the disk, where that finds more: until the disk has it, a screen
    /// would claim what its own rows do not show.
    undurable: BTreeMap<DeviceId, Option<Timestamp>>,
    /// What we hold of each publisher.
    held: Count<DeviceId>,
    /// What each facility may hold of us.
    owed: Count<FacilityId>,
    /// Facilities whose tally changed since they were last told.
    untold: BTreeSet<FacilityId>,
    /// Publishers of whom the disk has an older word, and since when it has.
    unsaved: BTreeSet<DeviceId>,
    unsaved_since: Option<Timestamp>,
    /// What each facility was last told.
    told: HeadTree,
    /// When anybody was last told, and when all were.
    told_at: Timestamp,
    pub(super) told_all: Option<Timestamp>,
    /// When a grant of a scope begins or ends next: what it counts for changes then, though nothing arrives.
    due: BTreeSet<(Timestamp, ScopeNumber)>,
    due_of: BTreeMap<ScopeNumber, Timestamp>,
    /// Scopes that lack something which their owner accepted of an author whom it put out since, and how much.
    short: BTreeMap<ScopeNumber, (FacilityId, u64)>,
}

impl Freshness {
    /// Until when what is held of a publisher is complete, by what the disk has.
    pub(super) fn complete(&self, publisher: &DeviceId, row: &PublisherRow) -> Option<Timestamp> {
        self.undurable.get(publisher).copied().unwrap_or(row.complete)
    }

    /// Notes that the disk has whatever was judged until now.
    pub(super) fn is_durable(&mut self) {
        self.undurable.clear();
    }

    /// When the next grant begins or ends.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes out the scopes in which a grant has begun or ended by `now`; each is counted anew after this.
    pub(super) fn take_due(&mut self, now: Timestamp) -> BTreeSet<ScopeNumber> {
        let mut taken = BTreeSet::new();
        while let Some((at, number)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            self.due.remove(&(at, number));
            self.due_of.remove(&number);
            taken.insert(number);
        }
        taken
    }

    /// Whether a relay that holds the roll with this root does not know yet what there is for whom.
    pub(super) fn is_news(&self, known: Option<[u8; 32]>) -> bool {
        !self.untold.is_empty() || known != Some(self.told.root())
    }

    fn wait_for(&mut self, number: ScopeNumber, at: Option<Timestamp>) {
        if let Some(before) = self.due_of.remove(&number) {
            self.due.remove(&(before, number));
        }
        if let Some(at) = at {
            self.due.insert((at, number));
            self.due_of.insert(number, at);
        }
    }
}

/// Where a chain ends, and what it counts.
#[derive(Clone, Copy)]
struct End {
    id: EnvelopeId,
    part: Tally,
}

/// A tally per party, and which chain end of each scope went into it.
struct Count<P> {
    tallies: BTreeMap<P, Tally>,
    counted: BTreeMap<(ScopeNumber, P), End>,
}

impl<P> Default for Count<P> {
    fn default() -> Self {
        Self { tallies: BTreeMap::new(), counted: BTreeMap::new() }
    }
}

impl<P: Ord + Copy> Count<P> {
    /// Counts a scope's chain end for a party, with what it counts; `None` takes it out. Says whether anything changed.
    fn set(
        &mut self,
        party: P,
        scope: ScopeNumber,
        end: Option<EnvelopeId>,
        part: impl FnOnce() -> Tally,
    ) -> bool {
        let key = (scope, party);
        if self.counted.get(&key).map(|before| before.id) == end {
            return false;
        }
        let tally = self.tallies.entry(party).or_default();
        if let Some(before) = self.counted.remove(&key) {
            tally.remove(&before.part);
        }
        if let Some(id) = end {
            let part = part();
            tally.add(&part);
            self.counted.insert(key, End { id, part });
        }
        true
    }

    fn parties(&self, scope: ScopeNumber) -> Vec<P>
    where
        P: Bounds,
    {
        self.counted
            .range((scope, P::LEAST)..=(scope, P::MOST))
            .map(|((_, party), _)| *party)
            .collect()
    }
}

/// The ends of a party's order, for range scans.
trait Bounds {
    const LEAST: Self;
    const MOST: Self;
}

impl Bounds for DeviceId {
    const LEAST: Self = Self([0; 16]);
    const MOST: Self = Self([u8::MAX; 16]);
}

impl Bounds for FacilityId {
    const LEAST: Self = Self([0; 16]);
    const MOST: Self = Self([u8::MAX; 16]);
}

/// Kinds whose envelopes a head statement counts: what people read.
fn counts(kind: ScopeKind) -> bool {
    matches!(kind, ScopeKind::Chart | ScopeKind::Care | ScopeKind::Directory | ScopeKind::Letter)
}

impl State {
    /// Counts a scope anew, after a chain in it grew or its members changed.
    pub(super) fn tally(&mut self, number: ScopeNumber, now: Timestamp) {
        let mut freshness = std::mem::take(&mut self.freshness);
        let scope = self.scope(number);
        if scope.kind().is_some_and(counts) {
            self.tally_held(&mut freshness, scope, now);
            self.tally_owed(&mut freshness, scope, now);
            self.tally_accepted(&mut freshness, scope, now);
            let access = scope.access.as_ref();
            freshness.wait_for(number, access.and_then(|access| access.next_change(now)));
        }
        self.freshness = freshness;
    }

    /// The clock showed `before`, and shows `now` again. A grant that began in between begins once more, and is waited for:
    /// it was counted as begun, so nobody waits for it, and what could not be done meanwhile (a chart that was linked, a
    /// device that joined) would never be done. What it let in stays counted until then.
    ///
    /// Gives the scopes of which a grant ended in between: it holds again, and they are to be counted anew.
    pub(super) fn clock_set_back(
        &mut self,
        before: Timestamp,
        now: Timestamp,
    ) -> BTreeSet<ScopeNumber> {
        let mut again = BTreeSet::new();
        for scope in self.scopes.values() {
            let Some(access) = &scope.access else { continue };
            if let Some(change) = access.next_change(now).filter(|change| *change <= before) {
                self.freshness.wait_for(scope.number, Some(change));
            }
            if access.ends_between(now, before) {
                again.insert(scope.number);
            }
        }
        // Nothing has waited for longer than the clock says.
        let since = self.freshness.unsaved_since.map(|since| since.min(now));
        self.freshness.unsaved_since = since;
        again
    }

    /// Draws the consequences of grants that have begun or ended by themselves: charts follow a consent that has
    /// begun, its readers are given keys, and everybody counts anew.
    pub(super) fn follow_time(&self, tx: &mut Tx<'_>, scopes: BTreeSet<ScopeNumber>) {
        for number in scopes {
            let authors = self.scope(number).vectors.keys();
            tx.grown.extend(authors.filter(|author| **author != self.me));
            tx.touched.insert(number);
            tx.governed.insert(number);
            tx.unshared.insert(number);
        }
    }

    /// Counts what is held of each author who reads the scope itself. Whoever was put out hears no longer whom the others let
    /// in or put out, so that its word and our count could never agree again; of it the owner says what was accepted.
    fn tally_held(&self, freshness: &mut Freshness, scope: &Scope, now: Timestamp) {
        let readable = scope.is_reader(&self.home, now);
        let reads = |author: &DeviceId| {
            let device = self.roster.device(author);
            device.is_some_and(|device| scope.is_reader(&device.facility, now))
        };
        for (author, vector) in scope.vectors.iter().filter(|(author, _)| **author != self.me) {
            let counts = readable && vector.seq > 0 && reads(author);
            let part = || Tally::of(&scope.id, author, vector.seq, &vector.id);
            freshness.held.set(*author, scope.number, counts.then_some(vector.id), part);
        }
    }

    /// Notes what is missing here of authors whom the scope's owner put out, by its word on what it accepted.
    fn tally_accepted(&self, freshness: &mut Freshness, scope: &Scope, now: Timestamp) {
        freshness.short.remove(&scope.number);
        let Some(access) = scope.access.as_ref() else { return };
        if !scope.is_reader(&self.home, now) {
            return;
        }
        let held = |author: &DeviceId| scope.vectors.get(author).map_or(0, |vector| vector.seq);
        let accepted = access.accepted_of_put_out(now);
        let missing = accepted.map(|(author, seq)| seq.saturating_sub(held(&author))).sum();
        if missing > 0 {
            freshness.short.insert(scope.number, (access.owner(), missing));
        }
    }

    fn tally_owed(&self, freshness: &mut Freshness, scope: &Scope, now: Timestamp) {
        let (seq, id) = self.vector(scope.number, &self.me);
        // Once put out, we no longer hear who reads there.
        let is_reader = scope.is_reader(&self.home, now);
        let mut parties = freshness.owed.parties(scope.number);
        parties.extend(scope.access.iter().flat_map(|a| a.members(now).map(|(member, _)| member)));
        // The same for every party, and only made where somebody's tally changes.
        let part = OnceCell::new();
        let part = || *part.get_or_init(|| Tally::of(&scope.id, &self.me, seq, &id));
        for facility in parties {
            if facility == self.home {
                continue;
            }
            let counts = seq > 0 && is_reader && scope.is_reader(&facility, now);
            if freshness.owed.set(facility, scope.number, counts.then_some(id), part) {
                freshness.untold.insert(facility);
            }
        }
    }

    /// What we hold of a publisher, to hold against its statement.
    pub(super) fn held_of(&self, publisher: &DeviceId) -> Tally {
        self.freshness.held.tallies.get(publisher).copied().unwrap_or_default()
    }

    /// What of a publisher is missing here, by its newest word and by what it accepted of others.
    pub(super) fn missing_of(&self, publisher: &DeviceId, facility: &FacilityId) -> u64 {
        let stated =
            self.freshness.publishers.get(publisher).map_or(0, |it| it.statement.tally().count);
        stated.saturating_sub(self.held_of(publisher).count) + self.short_of(facility)
    }

    /// What is missing in a facility's scopes of what it accepted of authors whom it put out.
    fn short_of(&self, owner: &FacilityId) -> u64 {
        let short = self.freshness.short.values();
        short.filter(|(facility, _)| facility == owner).map(|(_, missing)| missing).sum()
    }

    /// Takes the words that arrived; asks for what those build on that say nothing by themselves.
    pub(super) fn take_heads(&mut self, tx: &mut Tx<'_>, words: Vec<HeadWord>) -> Vec<After> {
        let mut wanted = Vec::new();
        for word in words {
            let publisher = word.roll.publisher;
            let known = self.freshness.publishers.get(&publisher).map(|known| &known.statement);
            match word.complete(known) {
                None => wanted.push(publisher),
                Some(statement) => {
                    if let Err(cause) = self.take_statement(tx, statement) {
                        tx.refuse(cause);
                    }
                }
            }
        }
        if wanted.is_empty() { Vec::new() } else { vec![After::WantHeads(wanted)] }
    }

    /// Takes a statement, if it is for us, newer and well signed. Says why not.
    fn take_statement(
        &mut self,
        tx: &mut Tx<'_>,
        statement: HeadStatement,
    ) -> Result<(), &'static str> {
        let (publisher, at) = (statement.roll.publisher, statement.at());
        if statement.share.recipient != self.home {
            return Err("statement for another recipient");
        }
        let standing = self.roster.standing(&publisher, at).map_err(|_| "statement's author")?;
        let verified = statement.verify(&self.identity.network, &standing.device.key);
        verified.map_err(|_| "statement's signature")?;
        let known = self.freshness.publishers.get(&publisher);
        if known.is_some_and(|known| known.statement.at() >= at) {
            return Ok(());
        }
        let complete = known.and_then(|known| known.complete);
        self.freshness
            .publishers
            .insert(publisher, PublisherRow { statement, heard: tx.now, complete });
        self.judge(tx, &publisher);
        Ok(())
    }

    /// Compares what we hold with a publisher's newest word; only equality moves *complete as of* forward.
    pub(super) fn judge(&mut self, tx: &mut Tx<'_>, publisher: &DeviceId) {
        let held = self.held_of(publisher);
        let waits = self.waits_for(publisher, tx.now);
        let freshness = &mut self.freshness;
        let Some(row) = freshness.publishers.get_mut(publisher) else { return };
        if held == *row.statement.tally() && !waits {
            freshness.undurable.entry(*publisher).or_insert(row.complete);
            row.complete = Some(row.statement.at());
        }
        freshness.unsaved.insert(*publisher);
        freshness.unsaved_since.get_or_insert(tx.now);
    }

    /// Something of a publisher that counted as held is not here after all.
    pub(super) fn take_complete_back(&mut self, tx: &mut Tx<'_>, publisher: &DeviceId) {
        let freshness = &mut self.freshness;
        if let Some(row) = freshness.publishers.get_mut(publisher) {
            row.complete = None;
            freshness.undurable.remove(publisher);
            freshness.unsaved.insert(*publisher);
            freshness.unsaved_since.get_or_insert(tx.now);
        }
    }

    /// When publishers' words are written down at the latest: one interval of them later.
    pub(super) fn heads_due(&self) -> Option<Timestamp> {
        let interval = self.roster.statement_interval_ms();
        self.freshness.unsaved_since.map(|since| since.plus_ms(interval))
    }

    /// Writes publishers' words with whatever else a step writes, or because they have waited for long enough. What a crash takes
    /// of them the relay tells again; until then an older time is shown, which is as true as it was.
    pub(super) fn save_heads(&mut self, tx: &mut Tx<'_>) {
        if tx.batch.is_empty() && self.heads_due().is_none_or(|due| tx.now < due) {
            return;
        }
        self.freshness.unsaved_since = None;
        for publisher in std::mem::take(&mut self.freshness.unsaved) {
            if let Some(row) = self.freshness.publishers.get(&publisher) {
                tx.batch.put(table::HEAD, publisher.as_bytes(), row.to_bytes());
            }
        }
    }

    /// Whether something of a publisher's facility that is for us has its place here and is not opened (it lacks a key
    /// that the facility owes us, waits for a person's decision on its author, or is newer than this program), or
    /// something that it accepted of others is not here.
    ///
    /// What waits for an author or for a grant has no place in a chain yet. Whether it is missing, the publisher's own
    /// count says; that it waits says nothing, since a relay can send what somebody wrote who never had a right.
    fn waits_for(&self, publisher: &DeviceId, now: Timestamp) -> bool {
        let Some(device) = self.roster.device(publisher) else { return true };
        let is_theirs = |author: &DeviceId| {
            self.roster.device(author).is_some_and(|author| author.facility == device.facility)
        };
        let is_ours = |number: &ScopeNumber| {
            let scope = self.numbers.get(number).and_then(|id| self.scopes.get(id))?;
            let access = scope.access.as_ref()?;
            let is_ours = match access.parties() {
                Some((_, to)) => to == self.me,
                None => scope.is_let_in(&self.home, now),
            };
            is_ours.then(|| access.owner())
        };
        self.short_of(&device.facility) > 0
            || self.suspensions.set_aside.keys().any(is_theirs)
            || self.has_other_program()
            || self.reading_again.keys().any(is_theirs)
            || self.set_back.iter().any(|(at, author)| is_theirs(author) && is_ours(at).is_some())
            || self.newer.keys().any(|(at, author)| is_theirs(author) && is_ours(at).is_some())
            || self.waiting_for_key.keys().any(|at| is_ours(at) == Some(device.facility))
    }

    /// The roll that is due, with what a relay that holds the one with the root `known` does not know of it.
    pub(super) fn roll(
        &mut self,
        now: Timestamp,
        all: bool,
        known: Option<[u8; 32]>,
    ) -> HeadUpdate {
        let untold = std::mem::take(&mut self.freshness.untold);
        let owed = &self.freshness.owed.tallies;
        let share = |recipient: FacilityId| {
            let tally = owed.get(&recipient).copied().unwrap_or_default();
            HeadShare { salt: self.identity.device.head_salt(&recipient), recipient, tally }
        };
        let changed: Vec<HeadShare> = untold.into_iter().map(share).collect();
        let before = self.freshness.told.root();
        self.freshness.told.set(changed.iter().cloned());
        let root = self.freshness.told.root();
        let (whole, shares) = match known {
            Some(known) if known == root => (false, Vec::new()),
            Some(known) if known == before => (false, changed),
            _ => (true, self.freshness.told.shares().to_vec()),
        };
        // Two rolls of one moment would be one word twice.
        let again = now == self.freshness.told_at;
        let at = if again { now.plus_ms(1) } else { now };
        self.freshness.told_at = at;
        if all {
            self.freshness.told_all = Some(at);
        }
        let roll = HeadRoll::sign(&self.identity.network, at, root, &self.identity.device);
        HeadUpdate { roll, whole, shares }
    }
}
