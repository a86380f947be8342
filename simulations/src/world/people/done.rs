//! What a facility answered, as the omniscient world remembers it.

use azalea_core::replica::command::Outcome;

use super::{Asked, Job};
use crate::world::World;
use crate::world::facility::Failure;
use crate::world::truth::{Edit, Import, Note, Standing};

impl World {
    /// A facility answered, or died before it could.
    pub(in crate::world) fn done(
        &mut self,
        place: usize,
        index: usize,
        result: Result<Outcome, Failure>,
    ) {
        let now = self.now;
        let outcome = match result {
            Ok(outcome) => outcome,
            Err(_) if self.truth.healed.is_some() && !self.jobs[index].job.is_due() => return,
            Err(_) => return self.again(index),
        };
        if std::mem::replace(&mut self.jobs[index].done, true) {
            return;
        }
        self.truth.changed = Some(now);
        let Asked { job, at, patient, note, .. } = &self.jobs[index];
        let (job, asked) = (job.clone(), at.unwrap_or(now));
        let (patient, note) = (*patient, *note);
        match (job, outcome) {
            (Job::Import { local, number, version, .. }, Outcome::Imported(_)) => {
                self.truth.imported(Import { place, local, number, version, asked, lost: false });
            }
            (Job::Message { person, records, .. }, Outcome::Imported(_)) => {
                let local = self.person(person).local();
                for (number, version) in records {
                    let local = local.clone();
                    self.truth.imported(Import {
                        place,
                        local,
                        number,
                        version,
                        asked,
                        lost: false,
                    });
                }
            }
            (Job::Give { local, places, .. }, Outcome::Given { patient, consent }) => {
                let facilities = self.ids(&places);
                let begins = self.facilities[place].begins(&consent).unwrap_or(now);
                let given = Standing { since: now, begins };
                self.truth.gives(place, &local, patient, &facilities, given);
            }
            (Job::Withdraw { local, places, .. }, Outcome::Withdrawn { .. }) => {
                let facilities = self.ids(&places);
                self.await_all();
                let hour = self.relay.clock.shows(now);
                self.truth.withdraws(place, &local, &facilities, (now, hour));
            }
            (Job::Note { number, .. }, Outcome::Saved { note: id }) => {
                let patient = patient.expect("noted when it was asked");
                self.truth.noted(Note { place, number, patient, id, asked });
            }
            (Job::Write { person, number, .. }, Outcome::Saved { note: id }) => {
                let patient = patient.expect("noted when it was asked");
                self.truth.noted(Note { place, number, patient, id, asked });
                self.is_written(id, person);
            }
            (Job::Edit { number, .. } | Job::Rewrite { number, .. }, Outcome::Saved { .. }) => {
                let note = note.expect("noted when it was asked");
                let patient = patient.expect("noted when it was asked");
                self.truth.edited(Edit { place, number, patient, note, asked });
            }
            (Job::Confirm { local, .. }, Outcome::Linked) => {
                let linked_from = self.facilities[place].clock.shows(now);
                let patient = patient.expect("noted when it was asked");
                self.truth.is_of(place, &local, patient);
                let chart = self.truth.chart(place, &local);
                chart.linked_at = Some(now);
                chart.linked_from = linked_from;
                // Confirmed again, because the first answer was lost, after the link had been taken back: it holds.
                if chart.parted.take().is_some() {
                    chart.parting = false;
                }
            }
            (Job::Part { local, .. }, Outcome::Unlinked) => {
                let chart = self.truth.chart(place, &local);
                (chart.parted, chart.patient) = (Some(now), None);
            }
            _ => {}
        }
    }
}
