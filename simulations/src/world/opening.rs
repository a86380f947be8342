//! People open patients, with the line up or cut; a page is shown once the ledger has its line.

use azalea_core::id::{PatientId, Timestamp};
use azalea_core::ledger::{AccessKind, Entry, Ledger, StaffId};
use azalea_core::storage::StorageError;

use super::facility::Facility;
use super::mutation::Mutation;
use super::people::Job;
use super::{RETRY_MS, World};

/// A page that somebody was shown: whose, when by that device's clock, and whether its line was up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opening {
    pub(super) patient: PatientId,
    pub(super) at: Timestamp,
    pub(super) online: bool,
    /// Who opened it, where staff are told apart.
    pub(super) staff: Option<u32>,
}

impl World {
    /// Draws who opens something and when; few patients are opened often and most of them seldom.
    pub(super) fn plan_openings(&mut self, span: u64) {
        let mut dice = self.dice.fork("openings", 0);
        for _ in 0..self.options.openings {
            let place = dice.below(self.facilities.len() as u64) as usize;
            let (at, choice) = (dice.below(span), dice.fraction());
            self.job(at, Job::Open { place, choice: (choice * choice * 1_000_000.0) as u64 });
        }
    }

    /// Opens one of the patients that the device shows, counted in millionths of their list; none is opened where
    /// nothing is shown. Where the disk does not take the line the page is not shown, and asked for again.
    pub(super) fn open(&mut self, index: usize, place: usize, choice: u64) {
        let patients = self.facilities[place].patients();
        let chosen = patients.len() as u64 * choice / 1_000_000;
        let Some(patient) = patients.into_iter().nth(chosen as usize) else { return };
        let staff = self.staff.number(place);
        self.show(index, place, patient, staff);
    }

    /// Opens one of the region's patients, if this device shows them.
    pub(super) fn look_at(&mut self, index: usize, place: usize, person: usize) {
        let (hospital, local) = (self.person(person).hospital, self.person(person).local());
        let Some(patient) = self.network_patient(&(hospital, local)) else { return };
        if self.facilities[place].cares_for(patient) {
            let staff = self.staff.number(place);
            self.show(index, place, patient, staff);
        }
    }

    fn show(&mut self, index: usize, place: usize, patient: PatientId, staff: Option<u32>) {
        match self.facilities[place].open(self.now, patient, staff) {
            Ok(opening) => {
                self.jobs[index].done = true;
                self.truth.openings.entry(place).or_default().push(opening);
                self.facilities[place].wants_first(self.now, patient);
                self.drain_facility(place);
            }
            Err(_) if self.truth.healed.is_some() => {}
            Err(_) => self.after(RETRY_MS, super::Event::Job(index)),
        }
    }
}

impl Facility {
    /// Opens a patient: writes it into the ledger, and shows the page if the disk took that.
    fn open(
        &mut self,
        now: Timestamp,
        patient: PatientId,
        staff: Option<u32>,
    ) -> Result<Opening, StorageError> {
        let at = self.clock.shows(now);
        let opening = Opening { patient, at, online: self.session().is_some(), staff };
        if self.mutation == Some(Mutation::ShowUnlogged) && at.0.is_multiple_of(4) {
            return Ok(opening);
        }
        self.disk.reads()?;
        let end = self.ledger.take();
        let end = end.map_or_else(|| Ledger::open(&self.disk.rows), Ok)?;
        let entry = Entry {
            at,
            staff: Some(StaffId(
                staff.map_or_else(|| "nurse".to_owned(), |number| format!("s{number}")),
            )),
            staff_name: "看護師".to_owned(),
            kind: AccessKind::OpenedPatient,
            patient: Some(patient),
            record: None,
            online: Some(opening.online),
            reason: String::new(),
        };
        let (batch, after) = end.append(&entry, &self.identity.device);
        match self.mutation {
            Some(Mutation::AcknowledgeBeforeStoring) => self.disk.commit_unsynced(batch)?,
            _ => self.disk.commit(batch)?,
        }
        self.ledger = Some(after);
        Ok(opening)
    }
}
