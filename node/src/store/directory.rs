//! What the node keeps in memory to find things at once: scopes, patients by name and number, local ids.
//!
//! Read whole from the tables at the start (some ten thousand patients, a few megabytes) and brought up to date
//! after each commit, so it never shows what is not on the disk.

use azalea_core::access::ScopeKind;
use azalea_core::id::{PatientId, ScopeId};
use azalea_core::replica::effect::ScopeView;
use azalea_core::storage::row::{LocalRow, ScopeNumber};
use azalea_core::storage::{Order, Range, Read, StorageError, Table, table};
use azalea_core::wire::Wire;
use std::collections::{BTreeMap, BTreeSet};

use super::derive::Derived;
use super::tables::{self, CARE, CareRow, PERSON, PersonRow, REVIEW, SCOPES, ScopeRow};
use crate::index::{CareTime, PatientRow, PatientSearch};

/// Scopes, patients and local ids, in memory.
#[derive(Default)]
pub struct Directory {
    scopes: BTreeMap<ScopeNumber, ScopeView>,
    numbers: BTreeMap<ScopeId, ScopeNumber>,
    patients: BTreeMap<PatientId, BTreeSet<ScopeNumber>>,
    locals: BTreeMap<String, LocalRow>,
    local_of_chart: BTreeMap<ScopeId, String>,
    local_of_patient: BTreeMap<PatientId, BTreeSet<String>>,
    care: BTreeMap<ScopeNumber, CareTime>,
    /// Patients by newest care, the newest last.
    by_care: BTreeSet<(Option<CareTime>, PatientId)>,
    care_of_patient: BTreeMap<PatientId, Option<CareTime>>,
    reviews: u64,
    search: PatientSearch,
}

impl Directory {
    /// Reads everything that is committed.
    pub fn load(read: &impl Read) -> Result<Self, StorageError> {
        let mut directory = Self::default();
        each(read, SCOPES, |_, value| {
            let ScopeRow(view) = ScopeRow::from_bytes(value).ok()?;
            directory.set_scope(view);
            Some(())
        })?;
        each(read, table::LOCAL, |key, value| {
            let id = std::str::from_utf8(key).ok()?.to_owned();
            directory.set_local(id, LocalRow::from_bytes(value).ok()?);
            Some(())
        })?;
        each(read, CARE, |key, value| {
            let number = u32::from_be_bytes(key.try_into().ok()?);
            directory.care.insert(number, CareRow::from_bytes(value).ok()?.0);
            Some(())
        })?;
        each(read, REVIEW, |_, _| {
            directory.reviews += 1;
            Some(())
        })?;
        let patients: Vec<PatientId> = directory.patients.keys().copied().collect();
        for patient in patients {
            directory.refresh(read, patient)?;
        }
        Ok(directory)
    }

    /// Takes in what a commit changed; `read` sees the commit.
    pub fn apply(&mut self, read: &impl Read, derived: Derived) -> Result<(), StorageError> {
        let mut touched = BTreeSet::new();
        self.reviews = self.reviews.saturating_add_signed(derived.reviews);
        for view in derived.scopes {
            touched.extend(self.scopes.get(&view.number).and_then(tables::page_patient));
            touched.extend(tables::page_patient(&view));
            self.set_scope(view);
        }
        for (id, row) in derived.locals {
            self.set_local(id, row);
        }
        for number in derived.persons {
            let care = read.get(CARE, &number.to_be_bytes())?;
            if let Some(CareRow(care)) = care.and_then(|bytes| CareRow::from_bytes(&bytes).ok()) {
                self.care.insert(number, care);
            }
            touched.extend(self.scopes.get(&number).and_then(tables::page_patient));
        }
        touched.into_iter().try_for_each(|patient| self.refresh(read, patient))
    }

    /// A scope by its number in this store.
    pub fn scope(&self, number: ScopeNumber) -> Option<&ScopeView> {
        self.scopes.get(&number)
    }

    /// A scope by its id.
    pub fn scope_of(&self, id: &ScopeId) -> Option<&ScopeView> {
        self.scopes.get(self.numbers.get(id)?)
    }

    /// All scopes.
    pub fn scopes(&self) -> impl Iterator<Item = &ScopeView> {
        self.scopes.values()
    }

    /// The chart and care scopes of a patient.
    pub fn scopes_of(&self, patient: &PatientId) -> impl Iterator<Item = &ScopeView> {
        let numbers = self.patients.get(patient).into_iter().flatten();
        numbers.filter_map(|number| self.scopes.get(number))
    }

    /// All patients, the newest care first.
    pub fn patients(&self) -> impl Iterator<Item = PatientId> + '_ {
        self.by_care.iter().rev().map(|(_, patient)| *patient)
    }

    /// How many patients there are.
    pub fn patient_count(&self) -> usize {
        self.patients.len()
    }

    /// When the patient was last cared for, as far as is known.
    pub fn last_care(&self, patient: &PatientId) -> Option<CareTime> {
        self.care_of_patient.get(patient).copied().flatten()
    }

    /// Records whose current versions disagree (要確認).
    pub fn reviews(&self) -> u64 {
        self.reviews
    }

    /// The patients by name, number or date of birth.
    pub fn search(&self) -> &PatientSearch {
        &self.search
    }

    /// This facility's own ids of a patient.
    pub fn local_ids(&self, patient: &PatientId) -> BTreeSet<&str> {
        let linked = self.local_of_patient.get(patient).into_iter().flatten();
        let charts = self.scopes_of(patient).filter_map(|scope| self.local_of_chart.get(&scope.id));
        linked.chain(charts).map(String::as_str).collect()
    }

    /// What this facility's own patient id stands for.
    pub fn local(&self, id: &str) -> Option<&LocalRow> {
        self.locals.get(id)
    }

    /// All local ids with what they stand for.
    pub fn locals(&self) -> impl Iterator<Item = (&str, &LocalRow)> {
        self.locals.iter().map(|(id, row)| (id.as_str(), row))
    }

    /// The patient whom a local id stands for.
    pub fn patient_of_local(&self, id: &str) -> Option<PatientId> {
        self.locals.get(id)?.patients.first().copied()
    }

    fn set_scope(&mut self, view: ScopeView) {
        let before = self.scopes.get(&view.number).and_then(tables::page_patient);
        if let Some(before) = before
            && let Some(numbers) = self.patients.get_mut(&before)
        {
            numbers.remove(&view.number);
            if numbers.is_empty() {
                self.patients.remove(&before);
            }
        }
        if let Some(patient) = tables::page_patient(&view) {
            self.patients.entry(patient).or_default().insert(view.number);
        }
        self.numbers.insert(view.id, view.number);
        self.scopes.insert(view.number, view);
    }

    fn set_local(&mut self, id: String, row: LocalRow) {
        if let Some(before) = self.locals.get(&id) {
            for patient in &before.patients {
                if let Some(ids) = self.local_of_patient.get_mut(patient) {
                    ids.remove(&id);
                }
            }
        }
        for patient in &row.patients {
            self.local_of_patient.entry(*patient).or_default().insert(id.clone());
        }
        if let Some(chart) = row.chart {
            self.local_of_chart.insert(chart, id.clone());
        }
        self.locals.insert(id, row);
    }

    /// Looks a patient up again in the tables.
    fn refresh(&mut self, read: &impl Read, patient: PatientId) -> Result<(), StorageError> {
        if let Some(before) = self.care_of_patient.remove(&patient) {
            self.by_care.remove(&(before, patient));
        }
        if !self.patients.contains_key(&patient) {
            self.search.remove(&patient);
            return Ok(());
        }
        let care = self.scopes_of(&patient).filter_map(|scope| self.care.get(&scope.number)).max();
        let care = care.copied();
        self.care_of_patient.insert(patient, care);
        self.by_care.insert((care, patient));
        let rows = self.persons(read, &patient)?;
        self.search.insert(patient, rows.iter().map(|(_, row)| row));
        Ok(())
    }

    /// How each scope states the patient, Patient resources before what documents mention.
    pub fn persons(
        &self,
        read: &impl Read,
        patient: &PatientId,
    ) -> Result<Vec<(ScopeView, PatientRow)>, StorageError> {
        let mut own = Vec::new();
        let mut mentioned = Vec::new();
        for scope in self.scopes_of(patient).filter(|scope| scope.kind == ScopeKind::Chart) {
            let range = Range::prefix(&scope.number.to_be_bytes());
            read.scan(PERSON, &range, Order::Ascending, &mut |_, value| {
                if let Ok(person) = PersonRow::from_bytes(value) {
                    let list = if person.own { &mut own } else { &mut mentioned };
                    list.push((scope.clone(), person.row));
                }
                true
            })?;
        }
        own.append(&mut mentioned);
        Ok(own)
    }
}

/// Visits a whole table of ours; a row that is not of our making is damage.
fn each(
    read: &impl Read,
    table: Table,
    mut visit: impl FnMut(&[u8], &[u8]) -> Option<()>,
) -> Result<(), StorageError> {
    let mut odd = false;
    read.scan(table, &Range::all(), Order::Ascending, &mut |key, value| {
        odd |= visit(key, value).is_none();
        true
    })?;
    if odd {
        return Err(StorageError::Damaged { place: format!("a row of table {}", table.name()) });
    }
    Ok(())
}
