//! Whoever looks after a device whose disk has rotted: stops it, has its store repaired as `azalea repair` does, and asks
//! those who wrote there for what the repair named as lost. A device that lost its whole store is set up anew in the same way.
//!
//! ```text
//! a read fails ─ stop ─ repair: what reads and is nowhere else ─ rebuild from the relay ─ what is missing? ─ asked for again
//! ```
//!
//! The one thing that can be lost for good is what had not been sent and lay on a rotten page, or follows on it in its
//! author's chain and is set apart for a person. The repair names it. Whatever else is missing stays known as saved, so that
//! the checkers find it.

use std::collections::{BTreeMap, BTreeSet};

use azalea_core::access::ScopeKind;
use azalea_core::envelope::{Body, SignedEnvelope};
use azalea_core::id::{EnvelopeId, NoteId, PatientId};
use azalea_core::keys::Descriptor;
use azalea_core::replica::Cause;
use azalea_core::storage::{Memory, Order, Range, Read, StorageError, Table, table};
use azalea_core::view::View;
use azalea_store::salvage::{Unsent, put, rows};

use super::check::Checker;
use super::disk::Pages;
use super::event::Event;
use super::facility::Facility;
use super::fault::Fault;
use super::people::{Asked, Job, content, is_edited, key, note_text};
use super::{World, check};

/// A device that was repaired, and what it had not sent.
pub(super) struct Repair {
    owed: BTreeMap<EnvelopeId, Written>,
    lost: BTreeSet<EnvelopeId>,
}

/// What an envelope was about.
pub(super) enum Written {
    Records(BTreeSet<Vec<u8>>),
    Note(NoteId),
    /// Somebody was let into this scope, or put out of it.
    Statement(Option<Descriptor>),
    /// Keys and names: a device says them again by itself.
    Other,
}

impl World {
    /// Some devices keep their rows as a node does.
    pub(super) fn give_stores(&mut self) {
        // A wrong engine is told from a right one just as well on disks that cost nothing.
        let many = if self.mutation.is_some() { 0 } else { self.options.stores };
        let mut dice = self.dice.fork("stores", 0);
        for _ in 0..many.min(self.facilities.len()) {
            let place = dice.below(self.facilities.len() as u64) as usize;
            let pages = Pages::new(dice.fork("pages", place as u64));
            self.facilities[place].disk.pages.get_or_insert(pages);
        }
    }

    /// Bits of a disk turn. What a relay has lost by then comes back from nobody, so this befalls devices of an honest one.
    pub(super) fn rot(&mut self, place: usize) {
        if place == self.facilities.len() {
            return self.relay.rot(&mut self.dice.fork("rotten relay", 0));
        }
        if self.gets_back_what_was_sent(place)
            && let Some(pages) = &mut self.facilities[place].disk.pages
        {
            pages.rot();
        }
    }

    /// Whether a device that lost its store would get back from the relay what it had sent there.
    pub(super) fn gets_back_what_was_sent(&self, place: usize) -> bool {
        let keeps = self.options.tricks.is_empty() && !self.options.faults.relay_goes_back();
        let is_linked = self.truth.charts.iter().any(|((owner, _), chart)| {
            *owner == place && (chart.linked.is_some() || chart.parting)
        });
        // Who stays cut off, or is put out, gets nothing back from the relay.
        let is_revoked =
            |asked: &Asked| matches!(asked.job, Job::Revoke { place: it } if it == place);
        let is_alone = self.is_left_out(place) || self.jobs.iter().any(is_revoked);
        let is_under_repair = self.truth.repairs.contains_key(&place);
        let has_joined = self.facilities[place].joined;
        keeps && !is_linked && !is_alone && !is_under_repair && has_joined
    }

    /// Whoever sees a device in trouble calls for somebody.
    pub(super) fn call_operator(&mut self, place: usize) {
        if self.facilities[place].take_trouble() {
            self.call(place);
        }
    }

    /// What rots of the relay's log it fetches again by itself. Where its other tables cannot be read it is set up from its backup, and
    /// whoever holds what that lacks brings it back.
    pub(super) fn call_relay_operator(&mut self) {
        if self.relay.take_trouble() {
            self.call(self.facilities.len());
        }
    }

    /// The region is healed: what has rotted and was not read yet is looked for too, as `azalea verify` does.
    pub(super) fn look_after(&mut self, place: usize) {
        let facility = &mut self.facilities[place];
        let is_rotten = facility.disk.pages.as_ref().is_some_and(Pages::is_rotten);
        if is_rotten && facility.disk.examine().is_err() {
            self.operator(place);
        }
    }

    /// Somebody comes in a while; who was called already is not called twice.
    fn call(&mut self, place: usize) {
        if self.truth.called.insert(place) {
            self.after(CALLED_MS, Event::Operator { place });
        }
    }

    pub(super) fn operator(&mut self, place: usize) {
        self.truth.called.remove(&place);
        if place == self.facilities.len() {
            self.watch.repairs += 1;
            self.fault(Fault::RestoreRelay);
            return self.after(CALLED_MS, Event::StartRelay);
        }
        let facility = &mut self.facilities[place];
        if !facility.has_power {
            return self.call(place);
        }
        if facility.is_to_be_set_up() {
            if facility.disk.condition.is_bad() {
                return self.call(place);
            }
            self.restore(place);
            return self.set_up_anew(place);
        }
        if self.truth.repairs.contains_key(&place) {
            return self.settle(place);
        }
        let is_rotten = facility.disk.pages.as_ref().is_some_and(Pages::is_rotten);
        if !is_rotten || self.truth.revoked.contains_key(&place) {
            return;
        }
        if facility.disk.condition.is_bad() {
            return self.call(place);
        }
        self.repair(place);
    }

    fn repair(&mut self, place: usize) {
        self.kill(place);
        let owed = self.facilities[place].owed();
        let repaired = self.facilities[place].repair_store();
        let repaired = repaired.expect("a new store on a disk that works");
        let saved = ids(&self.facilities[place].disk.rows, table::SALVAGED);
        let lost: BTreeSet<EnvelopeId> =
            owed.keys().filter(|id| !saved.contains(id)).copied().collect();
        let named = repaired.unsent.lost();
        let unnamed = match repaired.unsent.whole {
            true => lost.len().saturating_sub(repaired.unsent.lost),
            false => 0,
        };
        if unnamed > 0 {
            let words = format!(
                "the repair of device {place} names {named:?}, and {unnamed} more that were not sent are gone"
            );
            check::add(self, Checker::Durability, vec![words]);
        }
        if !repaired.ledger_whole {
            self.truth.torn_ledgers.insert(place);
        }
        self.watch.repairs += 1;
        self.is_lost(place, owed, lost);
        self.set_up_anew(place);
    }

    /// A store is gone, and what had not been sent of it, but for what was saved.
    pub(super) fn is_lost(
        &mut self,
        place: usize,
        owed: BTreeMap<EnvelopeId, Written>,
        lost: BTreeSet<EnvelopeId>,
    ) {
        self.watch.lost_unsent += lost.len() as u64;
        // Until it is known what the relay had of it all the same, nobody counts on what was not sent.
        for import in self.truth.imports.iter_mut().filter(|import| import.place == place) {
            let bytes = content(&import.local, import.number, import.version);
            import.lost |= owed.values().any(|it| it.has(&bytes));
        }
        for local in self.spoken_of(place, &owed.values().collect::<Vec<_>>()) {
            self.truth.chart(place, &local).in_doubt = true;
        }
        self.truth.lost.insert(place, self.now);
        // Of an earlier repair: what was told to the device until then is lost once more.
        self.truth.rebuilt.remove(&place);
        self.truth.repairs.insert(place, Repair { owed, lost });
    }

    /// A device begins again with its keys; somebody looks later what it lacks.
    fn set_up_anew(&mut self, place: usize) {
        self.begin_again(place);
        self.call(place);
    }

    /// Once the device has rebuilt its store: what is missing of what was named, people do again.
    fn settle(&mut self, place: usize) {
        let facility = &self.facilities[place];
        let is_rebuilt = facility.status().is_some_and(|status| !status.rebuilding);
        if !is_rebuilt && !self.truth.revoked.contains_key(&place) {
            return self.call(place);
        }
        let Some(mut repair) = self.truth.repairs.remove(&place) else { return };
        self.truth.is_settled(place);
        let apart = facility.quarantined().into_iter().filter(|row| {
            row.author == facility.device()
                && matches!(row.cause, Cause::Refused | Cause::Contradicted)
        });
        repair.lost.extend(apart.map(|row| row.id));
        let gone: Vec<&Written> = repair
            .owed
            .iter()
            .filter(|(id, _)| repair.lost.contains(id))
            .map(|(_, written)| written)
            .collect();
        self.imports_again(place, &gone);
        self.notes_again(place, &gone);
        self.consents_again(place, &gone);
    }

    fn imports_again(&mut self, place: usize, gone: &[&Written]) {
        let held = self.facilities[place].held();
        let owner = self.facilities[place].id();
        let mut again = Vec::new();
        for import in self.truth.imports.iter_mut().filter(|it| it.place == place && it.lost) {
            let bytes = content(&import.local, import.number, import.version);
            let record = held.get(&(owner, key(&import.local, import.number)));
            let is_held = record.is_some_and(|it| it.all.iter().any(|held| **held == *bytes));
            import.lost = !is_held && gone.iter().any(|it| it.has(&bytes));
            if import.lost {
                again.push((import.local.clone(), import.number, import.version));
            }
        }
        // Who sends a message again sends all of it, as hospital systems do; what is held of it is known as such.
        let messages = self.jobs.iter().enumerate().filter(|(_, asked)| match &asked.job {
            Job::Message { place: at, person, records } if *at == place => {
                let local = self.person(*person).local();
                let is_meant =
                    |(number, version)| again.contains(&(local.clone(), number, version));
                records.iter().copied().any(is_meant)
            }
            _ => false,
        });
        let messages: BTreeSet<usize> = messages.map(|(index, _)| index).collect();
        self.do_again(|index, job| match job {
            Job::Import { place: at, local, number, version } => {
                *at == place && again.contains(&(local.clone(), *number, *version))
            }
            _ => messages.contains(&index),
        });
    }

    fn notes_again(&mut self, place: usize, gone: &[&Written]) {
        let mut left: BTreeMap<NoteId, usize> = BTreeMap::new();
        for note in gone.iter().filter_map(|it| it.note()) {
            *left.entry(note).or_default() += 1;
        }
        let held = self.facilities[place].kept_notes();
        let mut is_gone = |note: &NoteId, is_in: &dyn Fn(&str) -> bool| {
            let is_there = held.get(note).is_some_and(|it| is_in(&it.text));
            let left = left.get_mut(note).filter(|left| !is_there && **left > 0);
            left.map(|left| *left -= 1).is_some()
        };
        let mut again = BTreeSet::new();
        self.truth.notes.retain(|it| {
            let gone =
                it.place == place && is_gone(&it.id, &|text| text.contains(&note_text(it.number)));
            again.extend(gone.then_some((false, it.number)));
            !gone
        });
        self.truth.edits.retain(|it| {
            let gone = it.place == place && is_gone(&it.note, &|text| is_edited(text, it.number));
            again.extend(gone.then_some((true, it.number)));
            !gone
        });
        self.do_again(|_, job| match job {
            Job::Note { place: at, number } | Job::Write { place: at, number, .. } => {
                *at == place && again.contains(&(false, *number))
            }
            Job::Edit { place: at, number } | Job::Rewrite { place: at, number, .. } => {
                *at == place && again.contains(&(true, *number))
            }
            _ => false,
        });
    }

    /// Of the patients of whose consents something is gone, nobody knows who may read until the last word is said again.
    fn consents_again(&mut self, place: usize, gone: &[&Written]) {
        let is_doubtful = self.spoken_of(place, gone);
        for local in &is_doubtful {
            for reader in self.truth.chart(place, local).readers.values_mut() {
                (reader.stands, reader.withdrawn) = (None, None);
            }
        }
        let mut last = BTreeMap::new();
        for (index, asked) in self.jobs.iter().enumerate().filter(|(_, asked)| asked.done) {
            if let Job::Give { place: at, local, .. } | Job::Withdraw { place: at, local, .. } =
                &asked.job
                && *at == place
                && is_doubtful.contains(local)
            {
                last.insert(local.clone(), index);
            }
        }
        last.into_values().for_each(|index| self.again_from_the_start(index));
    }

    /// The patients of a device on whose consents there is a statement among these.
    fn spoken_of(&self, place: usize, written: &[&Written]) -> BTreeSet<String> {
        let own = self.truth.charts.iter().filter(|((owner, _), _)| *owner == place);
        let named = own.filter(|((_, local), chart)| {
            written.iter().any(|it| it.is_statement_on(local, chart.patient))
        });
        named.map(|((_, local), _)| local.clone()).collect()
    }

    fn do_again(&mut self, is_meant: impl Fn(usize, &Job) -> bool) {
        let jobs = self.jobs.iter().enumerate();
        let meant = jobs.filter(|(index, asked)| asked.done && is_meant(*index, &asked.job));
        let meant: Vec<usize> = meant.map(|(index, _)| index).collect();
        meant.into_iter().for_each(|index| self.again_from_the_start(index));
    }

    fn again_from_the_start(&mut self, index: usize) {
        let asked = &mut self.jobs[index];
        (asked.done, asked.at, asked.note) = (false, None, None);
        self.after(CALLED_MS, Event::Job(index));
    }
}

impl Written {
    fn has(&self, bytes: &[u8]) -> bool {
        matches!(self, Self::Records(all) if all.contains(bytes))
    }

    fn note(&self) -> Option<NoteId> {
        match self {
            Self::Note(note) => Some(*note),
            _ => None,
        }
    }

    fn is_statement_on(&self, local: &str, patient: Option<PatientId>) -> bool {
        match self {
            Self::Statement(Some(it)) if it.kind == ScopeKind::Chart => {
                it.local.as_deref() == Some(local)
            }
            Self::Statement(Some(it)) if it.kind == ScopeKind::Care => it.patient == patient,
            Self::Statement(Some(_)) => false,
            // Nobody knows the scope's name.
            Self::Statement(None) => true,
            _ => false,
        }
    }
}

/// What a repair said.
struct Repaired {
    unsent: Unsent,
    ledger_whole: bool,
}

impl Facility {
    /// What the relay has not acknowledged, by what its disk should have.
    pub(super) fn owed(&self) -> BTreeMap<EnvelopeId, Written> {
        let rows = &self.disk.rows;
        // By the newest program: whoever wrote there and stepped back since knows what it was all the same.
        let mut view = View::new(rows);
        let scopes = self.scopes();
        let mut owed = BTreeMap::new();
        let each = &mut |position: &[u8], _: &[u8]| {
            let envelope = rows.get(table::LOG, position).expect("memory");
            let signed = envelope.and_then(|bytes| SignedEnvelope::from_bytes(bytes).ok());
            let at = position.try_into().map(u64::from_be_bytes).ok();
            if let (Some(signed), Some(at)) = (signed, at) {
                let header = signed.claimed_header();
                let written = match view.body(at) {
                    Ok(Body::Records { versions, .. }) => {
                        let raw = versions.iter().filter_map(|version| version.raw());
                        Written::Records(raw.map(<[u8]>::to_vec).collect())
                    }
                    Ok(Body::Note { note, .. }) => Written::Note(note),
                    Ok(Body::Statement(_)) => {
                        let scope = scopes.get(&header.scope);
                        Written::Statement(scope.and_then(|scope| scope.descriptor.clone()))
                    }
                    _ => Written::Other,
                };
                owed.insert(header.id(), written);
            }
            true
        };
        rows.scan(table::OUTBOX, &Range::all(), Order::Ascending, each).expect("memory");
        owed
    }

    /// What `azalea repair` does: a new store in the place of the old one, and in it what is nowhere else, as far as it reads.
    fn repair_store(&mut self) -> Result<Repaired, StorageError> {
        let mut old = self.disk.renew().expect("only a disk of pages is repaired");
        let mut repaired = Repaired { unsent: Unsent::default(), ledger_whole: false };
        let pages = self.disk.pages.as_mut().expect("renewed just above");
        // A store that does not open has nothing to be taken over.
        if let Ok(old) = old.store() {
            let fresh = pages.store()?;
            for own in [table::JUDGED, table::LEDGER] {
                let (found, whole) = rows(old, own);
                put(fresh, own, &found)?;
                if own == table::LEDGER {
                    repaired.ledger_whole = whole;
                }
            }
            repaired.unsent = Unsent::take_over(old, fresh)?;
        }
        self.disk.rows = pages.rows()?;
        self.look_anew();
        Ok(repaired)
    }
}

/// The envelopes in a table of them.
fn ids(rows: &Memory, of: Table) -> BTreeSet<EnvelopeId> {
    let mut ids = BTreeSet::new();
    rows.scan(of, &Range::all(), Order::Ascending, &mut |_, value| {
        ids.extend(SignedEnvelope::from_bytes(value.to_vec()).map(|it| it.claimed_id()));
        true
    })
    .expect("memory");
    ids
}

/// How long it takes until somebody comes, and comes again.
const CALLED_MS: u64 = 5_000;
