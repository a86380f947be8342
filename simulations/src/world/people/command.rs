//! A job in the words of the replica that is asked for it.

use azalea_core::document::{NoteEdit, RecordHeader, RecordKey, content_digest};
use azalea_core::id::{FacilityId, NoteId, PatientId, Timestamp};
use azalea_core::replica::command::{Command, ImportRecord, Outcome, Staff, Subject, Who};

use super::{Job, content, note_text, title};
use crate::world::mutation::Mutation;
use crate::world::truth::Overwrite;
use crate::world::{HeldNote, World, check};

impl World {
    pub(super) fn command(&mut self, index: usize, job: &Job) -> Option<Command> {
        let now = self.now;
        let name = |world: &mut Self, role: &str| Staff(world.staff.name(job.place(), role));
        Some(match job {
            Job::Import { place, local, number, version } => {
                let records = vec![(*number, *version)];
                self.import(*place, local, &records)
            }
            Job::Message { place, person, records } => {
                let local = self.person(*person).local();
                self.import(*place, &local, records)
            }
            Job::Give { place, local, places } => {
                let mut named = self.ids(places);
                self.truth.asks(*place, local, &named, now);
                if self.mutation == Some(Mutation::ShareWithEverybody) {
                    let joined = self.facilities.iter().filter(|it| it.joined);
                    named = joined.map(|it| it.id()).collect();
                }
                let patient = Who::Local(local.clone());
                let by = name(self, "clerk");
                Command::GiveConsent { patient, facilities: named, until: None, by }
            }
            Job::Withdraw { local, places, .. } => {
                if self.mutation == Some(Mutation::IgnoreWithdrawals) {
                    let facilities = Vec::new();
                    self.done(job.place(), index, Ok(Outcome::Withdrawn { facilities }));
                    return None;
                }
                let (patient, facilities) = (Who::Local(local.clone()), self.ids(places));
                Command::WithdrawConsent { patient, facilities, by: name(self, "clerk") }
            }
            Job::Note { place, number } => {
                let patients = self.facilities[*place].patients();
                let choice = *number as usize % patients.len().max(1);
                let patient = patients.into_iter().nth(choice)?;
                self.write(index, patient, *number)
            }
            Job::Write { person, number, .. } => {
                let person = self.person(*person);
                let patient = self.network_patient(&(person.hospital, person.local()))?;
                self.write(index, patient, *number)
            }
            Job::Edit { place, number } => {
                let notes = self.facilities[*place].notes();
                // Few notes for many hands, so that two people meet in one.
                let choice = *number as usize % notes.len().clamp(1, 3);
                let (note, held) = notes.iter().nth(choice)?;
                self.rewrite(index, *note, held.clone(), *number)?
            }
            Job::Rewrite { place, person, note, number } => {
                let held = self.shown_note(*place, *person, *note)?;
                self.rewrite(index, *note, held, *number)?
            }
            Job::Propose { local, of, .. } => {
                let (local, patient) = (local.clone(), self.network_patient(of)?);
                Command::ProposeLink { local, patient, by: name(self, "clerk") }
            }
            Job::Confirm { place, local, of } => {
                let patient = self.network_patient(of)?;
                self.jobs[index].patient = Some(patient);
                // From here on the link may hold, whether or not the answer comes.
                self.truth.chart(*place, local).linked = Some(of.clone());
                let local = local.clone();
                Command::ConfirmLink { local, patient, by: name(self, "second clerk") }
            }
            Job::Part { place, local, of } => {
                let patient = self.network_patient(of)?;
                self.truth.chart(*place, local).parting = true;
                let local = local.clone();
                Command::RemoveLink { local, patient, by: name(self, "clerk") }
            }
            Job::Open { .. } | Job::Look { .. } | Job::Admit { .. } | Job::Revoke { .. } => {
                return None;
            }
        })
    }

    /// Records of one patient in one message, by number and version.
    fn import(&mut self, place: usize, local: &str, records: &[(u64, u64)]) -> Command {
        for (number, version) in records {
            self.truth.hands(place, local, *number, *version);
        }
        let now = self.now;
        let record = |(number, version): &(u64, u64)| record(local, *number, *version, now);
        Command::Import { records: records.iter().map(record).collect() }
    }

    fn write(&mut self, index: usize, patient: PatientId, number: u64) -> Command {
        self.jobs[index].patient = Some(patient);
        let edit = NoteEdit {
            kind: Some("record".to_owned()),
            title: Some("記録".to_owned()),
            text: Some(note_text(number)),
            ..NoteEdit::default()
        };
        let by = Staff(self.staff.name(self.jobs[index].job.place(), "nurse"));
        Command::EditNote { patient: Who::Network(patient), note: None, edit, by }
    }

    fn rewrite(
        &mut self,
        index: usize,
        note: NoteId,
        held: HeldNote,
        number: u64,
    ) -> Option<Command> {
        let patient = held.patient?;
        (self.jobs[index].patient, self.jobs[index].note) = (Some(patient), Some(note));
        let saw = check::shown(&held);
        self.truth.overwrites.push(Overwrite { note, number, saw });
        let edit = NoteEdit {
            base: Some(held.heads),
            title: Some(title(number)),
            text: Some(format!("{}＋{number}", held.text)),
            ..NoteEdit::default()
        };
        let by = Staff(self.staff.name(self.jobs[index].job.place(), "doctor"));
        Some(Command::EditNote { patient: Who::Network(patient), note: Some(note), edit, by })
    }

    /// A note about one of the region's patients as a device shows it.
    pub(in crate::world) fn shown_note(
        &self,
        place: usize,
        person: usize,
        note: NoteId,
    ) -> Option<HeldNote> {
        let person = self.person(person);
        let patient = self.network_patient(&(person.hospital, person.local()))?;
        self.facilities[place].note(patient, note)
    }

    pub(in crate::world) fn network_patient(&self, of: &(usize, String)) -> Option<PatientId> {
        self.truth.charts.get(of)?.patient
    }

    pub(super) fn ids(&self, places: &[usize]) -> Vec<FacilityId> {
        places.iter().map(|place| self.members[*place].identity.facility).collect()
    }
}

fn record(local: &str, number: u64, version: u64, now: Timestamp) -> ImportRecord {
    let raw = content(local, number, version);
    ImportRecord {
        subject: Subject::Patient(local.to_owned()),
        key: RecordKey { kind: "Observation".to_owned(), id: format!("{local}-{number}") },
        header: RecordHeader {
            care_date: Some(20_260_101 + u32::try_from(number % 28).unwrap_or(0)),
            source: "fhir".to_owned(),
            full_url: None,
            received: now,
            by: "system".to_owned(),
        },
        content: content_digest(&raw),
        raw,
    }
}
