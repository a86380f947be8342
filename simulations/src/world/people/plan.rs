//! What people will do, drawn before anything happens, where it is counted by things and not by patients and time (see
//! [`days`](super::super::days)).

use super::{Asked, Job, LATE_NOTES, LATE_NUMBERS};
use crate::world::fault::Fault;
use crate::world::truth::Local;
use crate::world::{Event, Options, World};

impl World {
    /// Draws what people will do.
    pub(in crate::world) fn plan_people(&mut self) {
        let options = self.options.clone();
        let span = options.seconds * 1_000;
        match &options.region {
            Some(region) => self.plan_days(region),
            None => self.plan_counted(&options, span),
        }
        let last = self.facilities.len();
        for place in last - options.joining.min(last - options.hospitals)..last {
            let at = span / 10 + self.dice.below(span / 2);
            self.job(at, Job::Admit { place });
        }
        let lost = options.revocations.min(last.saturating_sub(options.hospitals + 1));
        for number in 0..lost {
            let at = span / 2 + self.dice.below(span / 3);
            // Tablets are lost first.
            let place = last - 1 - number;
            self.job(at, Job::Revoke { place });
            self.plan_thief(place, at);
        }
    }

    /// So many of each thing, for all alike.
    fn plan_counted(&mut self, options: &Options, span: u64) {
        for place in 0..options.hospitals {
            for patient in 0..options.patients {
                self.plan_patient(place, format!("p{place}x{patient}"), span);
            }
        }
        let readers: Vec<usize> = (options.hospitals..self.facilities.len()).collect();
        if !readers.is_empty() {
            for number in 0..options.notes * readers.len() as u64 {
                let place = readers[number as usize % readers.len()];
                let at = span / 5 + self.dice.below(span * 3 / 4);
                self.job(at, Job::Note { place, number });
            }
        }
        for number in 0..options.edits {
            let place = self.dice.below(self.facilities.len() as u64) as usize;
            let at = span / 3 + self.dice.below(span * 3 / 5);
            self.job(at, Job::Edit { place, number });
        }
        for number in 0..if readers.is_empty() { 0 } else { options.late } {
            self.plan_late(number, &readers, span);
        }
        self.plan_openings(span);
        let linkable = options.links.min(options.patients);
        for patient in 0..if options.hospitals > 1 { linkable } else { 0 } {
            let (local, of) = ((1, format!("q1x{patient}")), (0, format!("p0x{patient}")));
            self.plan_link(patient, local, of, options.records, span);
        }
    }

    fn plan_patient(&mut self, place: usize, local: String, span: u64) {
        for number in 0..self.options.records {
            for version in 0..=self.dice.below(3) {
                let at = self.dice.below(span / 2) + version * span / 8;
                let local = local.clone();
                self.job(at, Job::Import { place, local, number, version });
            }
        }
        // Beyond the plan's numbers: what is written after a consent was taken back.
        for number in 0..2 {
            let (local, number) = (local.clone(), self.options.records + number);
            let at = span * 9 / 10 + self.dice.below(span / 10);
            self.job(at, Job::Import { place, local, number, version: 0 });
        }
        let mut at = span / 20 + self.dice.below(span / 3);
        let places = self.some_readers(place);
        self.job(at, Job::Give { place, local: local.clone(), places: places.clone() });
        let mut given = true;
        while given && self.dice.below(100) < self.options.withdrawals {
            at += 5_000 + self.dice.below(span / 3);
            if at >= span {
                break;
            }
            let some = match self.dice.below(2) {
                0 => Vec::new(),
                _ => vec![*self.dice.pick(&places)],
            };
            self.job(at, Job::Withdraw { place, local: local.clone(), places: some });
            given = self.dice.below(2) == 0;
            if given {
                at += 5_000 + self.dice.below(span / 3);
                let places = self.some_readers(place);
                let at = at.min(span);
                self.job(at, Job::Give { place, local: local.clone(), places });
            }
        }
    }

    /// A reader is cut off; while it is, it is put out of a patient's care, and goes on writing.
    fn plan_late(&mut self, number: usize, readers: &[usize], span: u64) {
        let hospital = self.dice.below(self.options.hospitals as u64) as usize;
        let patient = self.dice.below(self.options.patients as u64);
        let place = *self.dice.pick(readers);
        let at = span / 2 + self.dice.below(span / 4);
        self.after(at, Event::Fault(Fault::Cut { place }));
        let (local, places) = (format!("p{hospital}x{patient}"), vec![place]);
        self.job(at + 2_000, Job::Withdraw { place: hospital, local, places });
        // Of whom it writes hangs on the number: several in a row meet the patient.
        for note in 0..LATE_NOTES {
            let number = LATE_NUMBERS + number as u64 * LATE_NOTES + note;
            self.job(at + 20_000 + note * 500, Job::Note { place, number });
        }
        self.after(at + span / 8, Event::Fault(Fault::Restore { place }));
    }

    fn some_readers(&mut self, place: usize) -> Vec<usize> {
        let mut others: Vec<usize> =
            (0..self.facilities.len()).filter(|other| *other != place).collect();
        let most = match self.options.readers {
            0 => others.len(),
            most => most.min(others.len()),
        };
        while others.len() > most {
            let at = self.dice.below(others.len() as u64) as usize;
            others.remove(at);
        }
        others
    }

    /// A patient of one hospital is found to be one of another; every other time that was a mistake.
    pub(in crate::world) fn plan_link(
        &mut self,
        patient: usize,
        (place, local): Local,
        of: Local,
        records: u64,
        span: u64,
    ) {
        for number in 0..records {
            let (at, local) = (self.dice.below(span), local.clone());
            self.job(at, Job::Import { place, local, number, version: 0 });
        }
        let at = span / 2 + self.dice.below(span / 6);
        self.job(at, Job::Propose { place, local: local.clone(), of: of.clone() });
        self.job(at + 2_000, Job::Confirm { place, local: local.clone(), of: of.clone() });
        if patient % 2 == 1 {
            self.job(at + span / 6, Job::Part { place, local: local.clone(), of });
            let number = records;
            self.job(span * 19 / 20, Job::Import { place, local, number, version: 0 });
        }
    }

    pub(in crate::world) fn job(&mut self, after_ms: u64, job: Job) {
        self.jobs.push(Asked { job, at: None, patient: None, note: None, done: false });
        self.after(after_ms, Event::Job(self.jobs.len() - 1));
    }
}
