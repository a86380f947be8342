//! Making snapshots of our own, a little at a time, when nothing else is to be done.
//!
//! ```text
//! enough of ours in a chart ─► chain ─► envelopes, sorted by volume ─► those of one volume ─► sealed, opened again, compared
//!                              (rows)   (a few per step)               (a few per step)       with what went in ─► stored
//! ```
//!
//! A snapshot is made once a volume has as many envelopes outside of it as the last one covers, so that the work for a volume
//! doubles with it and never squares. The originals stay.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::access::{Ranges, Snapshot, Statement};
use crate::document::{DocumentId, RecordVersion};
use crate::envelope::{AdmittedEnvelope, Body, Formats, SignedEnvelope};
use crate::id::{Timestamp, VersionId};
use crate::storage::row::{ScopeNumber, SnapshotRow, Standing};
use crate::storage::table;
use crate::wire::{Wire, limits};

use super::super::Tx;
use super::super::effect::Query;
use super::super::input::Answer;
use super::super::state::State;
use super::super::step::{Work, chain_query};

/// Envelopes of one volume outside of snapshots that make one worth it: below that its own cost is felt.
pub(in crate::replica) const SNAPSHOT_AFTER: u64 = 32;
/// Envelopes that are read and opened in one step: what people do must not wait for long behind them.
const PER_STEP: usize = 16;
/// Of so many envelopes that are opened to see that none is to be made yet, one more makes us look again.
const VAIN_SHARE: u64 = 4;
/// What a snapshot holds at most, uncompressed: sealed it fits into a body even where nothing compresses. A larger volume has
/// several.
const PLAINTEXT_BYTES_MAX: usize = 6 << 20;

/// A snapshot on its way.
pub(in crate::replica) struct Making {
    chart: ScopeNumber,
    part: Part,
    /// How many more envelopes of ours make it worth to look again.
    more: u64,
}

enum Part {
    /// What is here of our chain is to be looked up.
    Begin,
    /// These are to be sorted by volume.
    Sort { left: VecDeque<Own>, volumes: BTreeMap<u16, Vec<Own>> },
    /// These are to be put together.
    Gather { plan: Plan, left: VecDeque<Own>, gathered: Gathered, then: VecDeque<Plan> },
}

/// An envelope of ours that no snapshot covers.
#[derive(Clone, Copy)]
struct Own {
    seq: u64,
    position: u64,
    /// Length of its body.
    size: usize,
    versions: usize,
}

/// What a snapshot is to be made of.
struct Plan {
    year: u16,
    envelopes: Vec<Own>,
    covered: Ranges,
}

#[derive(Default)]
struct Gathered {
    ids: BTreeSet<VersionId>,
    versions: Vec<RecordVersion>,
}

impl State {
    /// Whether a snapshot is to be made, or looked for.
    pub(in crate::replica) fn has_making(&self) -> bool {
        self.may_make() && (self.making.is_some() || !self.to_look_at.is_empty())
    }

    /// The next part of making snapshots.
    pub(in crate::replica) fn next_making(&mut self) -> Option<Work> {
        let after = self.snapshot_after.filter(|_| self.may_make())?;
        while self.making.is_none() {
            let chart = self.to_look_at.pop_first()?;
            if self.is_to_look_at(chart) {
                let (part, more) = (Part::Begin, after);
                self.making = Some(Making { chart, part, more });
            }
        }
        Some(Work::Making)
    }

    /// Not while this store learns what it wrote, nor once somebody may have written in its name.
    fn may_make(&self) -> bool {
        self.formats.writes() >= Formats::SNAPSHOTS
            && !self.rebuilding
            && !self.contradicted
            && !self.suspensions.contains(&self.me)
    }

    /// Sets how many envelopes of ours make us look for a snapshot to make.
    pub(in crate::replica) fn snapshot_after(&mut self, envelopes: Option<u64>) {
        self.snapshot_after = envelopes;
        self.making = None;
        self.look_at_charts();
    }

    /// Finds the charts of ours that are to be looked at.
    pub(in crate::replica) fn look_at_charts(&mut self) {
        let numbers = self.numbers.keys().copied();
        self.to_look_at = numbers.filter(|number| self.is_to_look_at(*number)).collect();
    }

    /// Notes that we have written in a scope.
    pub(in crate::replica) fn look_at_chart(&mut self, number: ScopeNumber) {
        if self.is_to_look_at(number) {
            self.to_look_at.insert(number);
        }
    }

    fn is_to_look_at(&self, number: ScopeNumber) -> bool {
        let Some(after) = self.snapshot_after else { return false };
        let access = self.scope(number).access.as_ref();
        if !access.is_some_and(|access| access.may_snapshot(&self.home)) {
            return false;
        }
        self.uncovered(number) >= self.looked.get(&number).copied().unwrap_or(after)
    }

    /// How many envelopes of ours in a scope no snapshot covers, snapshots and what is said of them aside.
    fn uncovered(&self, number: ScopeNumber) -> u64 {
        let (seq, _) = self.vector(number, &self.me);
        seq - self.covered(number).map_or(0, |covered| covered.count()).min(seq)
    }

    fn covered(&self, number: ScopeNumber) -> Option<Ranges> {
        let rows = self.scope(number).snapshots.get(&self.me)?;
        let rows = rows.iter().filter(|(_, row)| row.standing.covers());
        Ranges::of(rows.flat_map(|(seq, row)| row.claim.covered.iter().chain([(seq - 1, *seq)])))
    }

    /// What must be read for the next part.
    pub(in crate::replica) fn making_queries(&self) -> Vec<Query> {
        let Some(Making { chart, part, .. }) = &self.making else { return Vec::new() };
        let log =
            |own: &Own| Query::Get { table: table::LOG, key: own.position.to_be_bytes().to_vec() };
        match part {
            Part::Begin => vec![chain_query((*chart, self.me))],
            Part::Sort { left, .. } | Part::Gather { left, .. } => {
                left.iter().take(PER_STEP).map(log).collect()
            }
        }
    }

    /// Does the next part.
    pub(in crate::replica) fn make_snapshot(&mut self, tx: &mut Tx<'_>, answers: Vec<Answer>) {
        let Some(Making { chart, part, mut more }) = self.making.take() else { return };
        let next = match part {
            Part::Begin => self.sort_out(chart, answers),
            Part::Sort { mut left, mut volumes } => {
                let read: Vec<Own> = left.drain(..answers.len().min(left.len())).collect();
                for (own, answer) in read.into_iter().zip(answers) {
                    if let Some((year, size, versions)) = self.open_own(chart, answer) {
                        let own = Own { size, versions: versions.len(), ..own };
                        volumes.entry(year).or_default().push(own);
                    }
                }
                Some(Part::Sort { left, volumes })
            }
            Part::Gather { plan, mut left, gathered, then } => {
                let read = answers.len().min(left.len());
                left.drain(..read);
                self.gather(tx, chart, (plan, left, gathered, then), answers)
            }
        };
        self.making = match next {
            Some(Part::Sort { left, volumes }) if left.is_empty() => {
                let (plans, left) = self.plans(chart, volumes);
                more = left;
                gathering(plans)
            }
            next => next,
        }
        .map(|part| Making { chart, part, more });
        if self.making.is_none() {
            self.looked_at(tx, chart, more);
        }
    }

    fn sort_out(&self, chart: ScopeNumber, answers: Vec<Answer>) -> Option<Part> {
        let covered = self.covered_only(chart);
        let is_covered = |seq| covered.as_ref().is_some_and(|it| it.end_of(seq).is_some());
        let rows = super::rows(answers).into_iter().filter(|(seq, _)| !is_covered(*seq));
        let left = rows.map(|(seq, row)| Own { seq, position: row.position, size: 0, versions: 0 });
        Some(Part::Sort { left: left.collect(), volumes: BTreeMap::new() })
    }

    /// What snapshots cover, without those that nothing covers.
    fn covered_only(&self, chart: ScopeNumber) -> Option<Ranges> {
        let rows = self.scope(chart).snapshots.get(&self.me)?.values();
        let rows = rows.filter(|row| row.standing.covers());
        Ranges::of(rows.flat_map(|row| row.claim.covered.iter()))
    }

    /// The records of an envelope of ours: their volume, the length of the body, and they themselves.
    fn open_own(
        &self,
        chart: ScopeNumber,
        answer: Answer,
    ) -> Option<(u16, usize, Vec<RecordVersion>)> {
        let Answer::Value(Some(bytes)) = answer else { return None };
        let admitted = AdmittedEnvelope::restore(bytes).ok()?;
        let id = admitted.id();
        if admitted.header().is_clear() || self.quarantined.contains_key(&id) {
            return None;
        }
        let key = self.scope(chart).keys.get(&admitted.header().epoch)?;
        let body = admitted.open(key, self.formats).ok()?;
        let size = body.len();
        match body.into_inner() {
            Body::Records { document: DocumentId::Volume { year }, versions } => {
                Some((year, size, versions))
            }
            _ => None,
        }
    }

    /// Which volumes have enough for a snapshot, and what it is to be made of; and how many envelopes more make it worth to look
    /// again: as many as one of them lacks, but a share of what was opened in vain, so that looking does not square either.
    fn plans(&self, chart: ScopeNumber, volumes: BTreeMap<u16, Vec<Own>>) -> (VecDeque<Plan>, u64) {
        let mut plans = VecDeque::new();
        let (mut lacking, mut in_vain) = (self.snapshot_after.unwrap_or(u64::MAX), 0);
        for (year, envelopes) in volumes {
            let opened = envelopes.len() as u64;
            match self.plan(chart, year, envelopes) {
                Ok(plan) => plans.push_back(plan),
                Err(lacks) => {
                    lacking = lacking.min(lacks);
                    in_vain += opened;
                }
            }
        }
        (plans, lacking.max(in_vain / VAIN_SHARE))
    }

    /// What a snapshot of a volume is made of, or how many envelopes it lacks.
    fn plan(&self, chart: ScopeNumber, year: u16, envelopes: Vec<Own>) -> Result<Plan, u64> {
        let after = self.snapshot_after.unwrap_or(u64::MAX);
        let rows = self.scope(chart).snapshots.get(&self.me);
        let claim = |own: &Own| rows?.get(&(own.seq + 1)).map(|row| &row.claim);
        let last = envelopes.iter().filter_map(claim).map(|claim| claim.covered.count()).max();
        let originals: Vec<Own> =
            envelopes.iter().filter(|own| claim(own).is_none()).copied().collect();
        let enough = after.max(last.unwrap_or(0));
        if (originals.len() as u64) < enough {
            return Err(enough - originals.len() as u64);
        }
        let ranges = |envelopes: &[Own]| {
            let own = envelopes.iter().map(|own| (own.seq, own.seq));
            let older = envelopes.iter().filter_map(|own| Some((own.seq, claim(own)?)));
            let older = older.flat_map(|(seq, claim)| {
                claim.covered.iter().chain([(seq, seq.saturating_add(1))])
            });
            Ranges::of(own.chain(older))
        };
        let fits = |covered: &Ranges| covered.len() <= limits::COVERED.max;
        if fitting(&envelopes) == envelopes.len()
            && let Some(covered) = ranges(&envelopes).filter(fits)
        {
            return Ok(Plan { year, envelopes, covered });
        }
        // Too much for one: what is covered already stays as it is, and this is a part of its own.
        let mut envelopes = originals;
        envelopes.truncate(fitting(&envelopes).min(limits::COVERED.max));
        let covered = ranges(&envelopes).filter(|_| envelopes.len() > 1);
        covered.map(|covered| Plan { year, envelopes, covered }).ok_or(after)
    }

    fn gather(
        &mut self,
        tx: &mut Tx<'_>,
        chart: ScopeNumber,
        (plan, left, mut gathered, then): (Plan, VecDeque<Own>, Gathered, VecDeque<Plan>),
        answers: Vec<Answer>,
    ) -> Option<Part> {
        for answer in answers {
            // It opened a moment ago; what does not now is not stood in for.
            let Some((year, _, versions)) = self.open_own(chart, answer) else {
                return gathering(then);
            };
            if year != plan.year {
                return gathering(then);
            }
            for version in versions {
                if gathered.ids.insert(version.version_id()) {
                    gathered.versions.push(version);
                }
            }
        }
        if !left.is_empty() {
            return Some(Part::Gather { plan, left, gathered, then });
        }
        self.seal_snapshot(tx, chart, plan, gathered);
        gathering(then)
    }

    /// Seals what was gathered, opens it again, and keeps it only if it is, byte for byte, what went in.
    fn seal_snapshot(&mut self, tx: &mut Tx<'_>, chart: ScopeNumber, plan: Plan, from: Gathered) {
        let Plan { year, covered, .. } = plan;
        let is_refused = |(_, seq): &&(ScopeNumber, u64)| covered.end_of(*seq).is_some();
        let mut refused = self.refused.range((chart, 0)..=(chart, u64::MAX));
        if refused.any(|it| is_refused(&it)) || !self.may_state(chart, tx.now) {
            return;
        }
        let document = DocumentId::Volume { year };
        let body = Body::Records { document, versions: from.versions };
        let Ok(sealed) = self.seal_next(tx, chart, &body) else { return };
        let Some((epoch, key)) = self.scope(chart).newest_key() else { return };
        if !self.is_same(&sealed, key, &body) {
            return tx.refuse("a snapshot of ours that does not open as it was sealed");
        }
        let digest = Snapshot::digest_of(key, &document, from.ids);
        let claim = Snapshot { covered, epoch, digest };
        self.keep_own(tx, chart, &sealed, false);
        let statement = Body::Statement(Statement::Snapshot(claim.clone()));
        let position = self.author(tx, chart, &statement);
        self.paired.insert(position);
        let (seq, _) = self.vector(chart, &self.me);
        let row = SnapshotRow { claim, standing: Standing::Sound, ended: false };
        self.keep_snapshot(tx, (chart, self.me, seq), row);
    }

    /// Whether we may write and state something in a chart of ours now, as far as the registry says.
    fn may_state(&self, chart: ScopeNumber, now: Timestamp) -> bool {
        let scope = self.scope(chart);
        let standing = self.roster.standing(&self.me, now);
        standing.is_ok_and(|standing| standing.facility.rights.disclose)
            && self.roster.cutoff(&self.me, &scope.id).is_none()
            && scope.vectors.get(&self.me).is_some_and(|vector| vector.ahead.is_empty())
            && scope.newest_key().is_some()
    }

    fn is_same(&self, sealed: &SignedEnvelope, key: &crate::keys::ScopeKey, body: &Body) -> bool {
        let opened = AdmittedEnvelope::restore(sealed.as_bytes())
            .ok()
            .and_then(|envelope| envelope.open(key, self.formats).ok());
        opened.is_some_and(|opened| opened.into_inner().to_bytes() == body.to_bytes())
    }

    /// Notes that a chart has been looked at, and when it is to be looked at again.
    fn looked_at(&mut self, tx: &mut Tx<'_>, chart: ScopeNumber, more: u64) {
        let count = self.uncovered(chart).saturating_add(more.max(1));
        if self.looked.insert(chart, count) != Some(count) {
            tx.batch.put(table::LOOKED, chart.to_be_bytes(), count.to_be_bytes());
        }
        self.look_at_chart(chart);
    }
}

/// The next plan, to be carried out.
fn gathering(mut plans: VecDeque<Plan>) -> Option<Part> {
    let plan = plans.pop_front()?;
    let left = plan.envelopes.iter().copied().collect();
    Some(Part::Gather { plan, left, gathered: Gathered::default(), then: plans })
}

/// How many of these, from the front, fit into one snapshot.
fn fitting(envelopes: &[Own]) -> usize {
    let (mut bytes, mut versions) = (0, 0);
    let fits = |own: &&Own| {
        bytes += own.size;
        versions += own.versions;
        bytes <= PLAINTEXT_BYTES_MAX && versions <= limits::RECORDS.max
    };
    envelopes.iter().take_while(fits).count()
}
