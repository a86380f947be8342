//! What people and hospital systems want: imports, consents given and taken back, notes, edits, links.
//!
//! Nobody knows what became of a request that was not answered, so it is asked again until it is; a request that
//! was answered with a no is asked again as long as it may still become possible.

use azalea_core::document::{NoteEdit, RecordHeader, RecordKey, content_digest};
use azalea_core::id::{FacilityId, PatientId, Timestamp};
use azalea_core::identity::Subject as Revoked;
use azalea_core::replica::command::{Command, ImportRecord, Outcome, Staff, Subject, Who};

use super::facility::Failure;
use super::fault::Fault;
use super::mutation::Mutation;
use super::truth::{Edit, Import, Note, Overwrite, Standing};
use super::{Event, RETRY_MS, World};

/// Something that somebody wants.
#[derive(Clone, Debug)]
pub(super) enum Job {
    Import {
        place: usize,
        local: String,
        number: u64,
        version: u64,
    },
    Give {
        place: usize,
        local: String,
        places: Vec<usize>,
    },
    /// Takes a consent back: for these facilities, for all where none is named.
    Withdraw {
        place: usize,
        local: String,
        places: Vec<usize>,
    },
    Note {
        place: usize,
        number: u64,
    },
    /// Retitles one of the notes that the place holds, and adds to its text.
    Edit {
        place: usize,
        number: u64,
    },
    Propose {
        place: usize,
        local: String,
        of: (usize, String),
    },
    Confirm {
        place: usize,
        local: String,
        of: (usize, String),
    },
    Part {
        place: usize,
        local: String,
        of: (usize, String),
    },
    /// Somebody opens a patient: which, in millionths of those shown.
    Open {
        place: usize,
        choice: u64,
    },
    /// The council tells of a device that joins.
    Admit {
        place: usize,
    },
    /// The council revokes a device that was lost.
    Revoke {
        place: usize,
    },
}

/// A job that was asked and not answered yet, and when.
pub(super) struct Asked {
    pub(super) job: Job,
    /// When it was first asked.
    pub(super) at: Option<Timestamp>,
    /// What else the answer is about: a patient, a note.
    pub(super) patient: Option<PatientId>,
    pub(super) note: Option<azalea_core::id::NoteId>,
    pub(super) done: bool,
}

impl Job {
    pub(super) fn place(&self) -> usize {
        match self {
            Self::Import { place, .. }
            | Self::Give { place, .. }
            | Self::Withdraw { place, .. }
            | Self::Note { place, .. }
            | Self::Edit { place, .. }
            | Self::Propose { place, .. }
            | Self::Confirm { place, .. }
            | Self::Part { place, .. }
            | Self::Open { place, .. }
            | Self::Admit { place }
            | Self::Revoke { place } => *place,
        }
    }

    /// Whether it must be done in the end, whatever else happened.
    pub(super) fn is_due(&self) -> bool {
        matches!(
            self,
            Self::Import { .. } | Self::Give { .. } | Self::Withdraw { .. } | Self::Admit { .. }
        )
    }

    /// Whether the place itself has to do it, and not the council.
    pub(super) fn needs_core(&self) -> bool {
        !matches!(self, Self::Admit { .. })
    }
}

impl World {
    /// Draws what people will do.
    pub(super) fn plan_people(&mut self) {
        let options = self.options.clone();
        let span = options.seconds * 1_000;
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
            self.plan_link(patient, span);
        }
        let last = self.facilities.len();
        for place in last - options.joining.min(options.clinics + options.tablets)..last {
            let at = span / 10 + self.dice.below(span / 2);
            self.job(at, Job::Admit { place });
        }
        let lost = options.revocations.min(last.saturating_sub(options.hospitals + 1));
        for number in 0..lost {
            let at = span / 2 + self.dice.below(span / 3);
            // Tablets are lost first.
            self.job(at, Job::Revoke { place: last - 1 - number });
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

    /// A patient of the first hospital is found to be one of the second; every other time that was a mistake.
    fn plan_link(&mut self, patient: usize, span: u64) {
        let (place, local) = (1, format!("q1x{patient}"));
        let of = (0, format!("p0x{patient}"));
        for number in 0..self.options.records {
            let (at, local) = (self.dice.below(span), local.clone());
            self.job(at, Job::Import { place, local, number, version: 0 });
        }
        let at = span / 2 + self.dice.below(span / 6);
        self.job(at, Job::Propose { place, local: local.clone(), of: of.clone() });
        self.job(at + 2_000, Job::Confirm { place, local: local.clone(), of: of.clone() });
        if patient % 2 == 1 {
            self.job(at + span / 6, Job::Part { place, local: local.clone(), of });
            let number = self.options.records;
            self.job(span * 19 / 20, Job::Import { place, local, number, version: 0 });
        }
    }

    pub(super) fn job(&mut self, after_ms: u64, job: Job) {
        self.jobs.push(Asked { job, at: None, patient: None, note: None, done: false });
        self.after(after_ms, Event::Job(self.jobs.len() - 1));
    }

    /// Asks for a job; when it cannot be done yet it is asked for again.
    pub(super) fn attempt(&mut self, index: usize) {
        let job = self.jobs[index].job.clone();
        let (place, now) = (job.place(), self.now);
        self.jobs[index].at.get_or_insert(now);
        if let Job::Admit { place } | Job::Revoke { place } = job {
            return self.ask_council(index, place);
        }
        if self.truth.revoked.contains_key(&place) {
            return;
        }
        if !self.facilities[place].is_up() {
            return self.again(index);
        }
        if let Job::Open { place, choice } = job {
            return self.open(index, place, choice);
        }
        match self.command(index, &job) {
            Some(command) => {
                self.facilities[place].command(now, index, command);
                self.drain_facility(place);
            }
            None => self.again(index),
        }
    }

    /// Who has waited for long asks less often: what cannot be done for weeks must not keep the world busy.
    fn again(&mut self, index: usize) {
        let at = self.jobs[index].at.max(self.truth.healed);
        let waited = at.map_or(0, |at| self.now.since_ms(at));
        let wait = RETRY_MS.max(waited.saturating_sub(PATIENCE_MS) / 8);
        self.after(wait, Event::Job(index));
    }

    /// The region was healed: what people had nearly given up is asked for again at once.
    pub(super) fn ask_again_soon(&mut self) {
        let soon = self.now.plus_ms(RETRY_MS);
        let late = |(at, event): (&(Timestamp, u64), &Event)| match event {
            Event::Job(index) if at.0 > soon && self.jobs[*index].at.is_some() => Some(*at),
            _ => None,
        };
        let moved: Vec<(Timestamp, u64)> = self.queue.iter().filter_map(late).collect();
        for at in moved {
            let event = self.queue.remove(&at).expect("found just above");
            self.at(soon, event);
        }
    }

    fn ask_council(&mut self, index: usize, place: usize) {
        let (now, id) = (self.now, index as u64 + 1_000);
        match self.jobs[index].job {
            // Nobody sets up a machine whose disk takes nothing.
            Job::Admit { .. } if self.facilities[place].disk.condition.is_bad() => {
                self.again(index);
            }
            Job::Admit { .. } => {
                let certificates = self.members[place].certificates.clone();
                self.council.admit(&self.members[place]);
                self.relay.publish(now, id, certificates);
            }
            _ => {
                let subject = Revoked::Device(self.facilities[place].device());
                self.relay.revoke(now, id, subject);
            }
        }
        self.drain_relay();
    }

    /// The relay was set up from a backup: what the council said since then is said again.
    pub(super) fn tell_again(&mut self) {
        if !std::mem::take(&mut self.told_again) {
            return;
        }
        for index in 0..self.jobs.len() {
            let Asked { job: Job::Admit { place } | Job::Revoke { place }, done: true, .. } =
                self.jobs[index]
            else {
                continue;
            };
            self.ask_council(index, place);
        }
    }

    /// The relay answered its operator.
    pub(super) fn council_done(&mut self, id: u64, took_effect: bool) {
        let Some(index) = id.checked_sub(1_000).map(|index| index as usize) else { return };
        if !took_effect {
            self.jobs[index].done = false;
            return self.again(index);
        }
        let now = self.now;
        self.jobs[index].done = true;
        self.truth.changed = Some(now);
        match self.jobs[index].job {
            Job::Admit { place } if !self.facilities[place].joined => {
                let certificates = self.council.given();
                if !self.facilities[place].join(now, certificates, false) {
                    self.jobs[index].done = false;
                    return self.again(index);
                }
                self.drain_facility(place);
                self.after(500, Event::Reconnect { place });
            }
            Job::Revoke { place } => {
                self.truth.revoked.entry(place).or_insert(now);
            }
            _ => {}
        }
    }

    fn command(&mut self, index: usize, job: &Job) -> Option<Command> {
        let now = self.now;
        let by = |name: &str| Staff(name.to_owned());
        Some(match job {
            Job::Import { place, local, number, version } => {
                let handed = self.truth.handed.entry((*place, local.clone(), *number));
                handed.or_default().insert(*version);
                import(local, *number, *version, now)
            }
            Job::Give { place, local, places } => {
                let mut named = self.ids(places);
                self.truth.asks(*place, local, &named, now);
                if self.mutation == Some(Mutation::ShareWithEverybody) {
                    let joined = self.facilities.iter().filter(|it| it.joined);
                    named = joined.map(|it| it.id()).collect();
                }
                let patient = Who::Local(local.clone());
                Command::GiveConsent { patient, facilities: named, until: None, by: by("clerk") }
            }
            Job::Withdraw { local, places, .. } => {
                if self.mutation == Some(Mutation::IgnoreWithdrawals) {
                    let facilities = Vec::new();
                    self.done(job.place(), index, Ok(Outcome::Withdrawn { facilities }));
                    return None;
                }
                let (patient, facilities) = (Who::Local(local.clone()), self.ids(places));
                Command::WithdrawConsent { patient, facilities, by: by("clerk") }
            }
            Job::Note { place, number } => {
                let patients = self.facilities[*place].patients();
                let choice = *number as usize % patients.len().max(1);
                let patient = patients.into_iter().nth(choice)?;
                self.jobs[index].patient = Some(patient);
                let edit = NoteEdit {
                    kind: Some("record".to_owned()),
                    title: Some("記録".to_owned()),
                    text: Some(note_text(*number)),
                    ..NoteEdit::default()
                };
                let patient = Who::Network(patient);
                Command::EditNote { patient, note: None, edit, by: by("nurse") }
            }
            Job::Edit { place, number } => {
                let notes = self.facilities[*place].notes();
                // Few notes for many hands, so that two people meet in one.
                let choice = *number as usize % notes.len().clamp(1, 3);
                let (note, held) = notes.iter().nth(choice)?;
                let (note, held) = (*note, held.clone());
                let patient = held.patient?;
                (self.jobs[index].patient, self.jobs[index].note) = (Some(patient), Some(note));
                let saw = super::check::shown(&held);
                self.truth.overwrites.push(Overwrite { note, number: *number, saw });
                let edit = NoteEdit {
                    base: Some(held.heads),
                    title: Some(title(*number)),
                    text: Some(format!("{}＋{number}", held.text)),
                    ..NoteEdit::default()
                };
                let patient = Who::Network(patient);
                Command::EditNote { patient, note: Some(note), edit, by: by("doctor") }
            }
            Job::Propose { local, of, .. } => {
                let (local, patient) = (local.clone(), self.network_patient(of)?);
                Command::ProposeLink { local, patient, by: by("clerk") }
            }
            Job::Confirm { place, local, of } => {
                let patient = self.network_patient(of)?;
                self.jobs[index].patient = Some(patient);
                // From here on the link may hold, whether or not the answer comes.
                self.truth.chart(*place, local).linked = Some(of.clone());
                let local = local.clone();
                Command::ConfirmLink { local, patient, by: by("second clerk") }
            }
            Job::Part { place, local, of } => {
                let patient = self.network_patient(of)?;
                self.truth.chart(*place, local).parting = true;
                let local = local.clone();
                Command::RemoveLink { local, patient, by: by("clerk") }
            }
            Job::Open { .. } | Job::Admit { .. } | Job::Revoke { .. } => return None,
        })
    }

    fn network_patient(&self, of: &(usize, String)) -> Option<PatientId> {
        self.truth.charts.get(of)?.patient
    }

    fn ids(&self, places: &[usize]) -> Vec<FacilityId> {
        places.iter().map(|place| self.facilities[*place].id()).collect()
    }

    /// A facility answered, or died before it could.
    pub(super) fn done(&mut self, place: usize, index: usize, result: Result<Outcome, Failure>) {
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
            (Job::Give { local, places, .. }, Outcome::Given { patient, consent }) => {
                let facilities = self.ids(&places);
                let begins = self.facilities[place].begins(&consent).unwrap_or(now);
                let given = Standing { since: now, begins };
                self.truth.gives(place, &local, patient, &facilities, given);
            }
            (Job::Withdraw { local, places, .. }, Outcome::Withdrawn { .. }) => {
                let facilities = self.ids(&places);
                self.truth.withdraws(place, &local, &facilities, now);
            }
            (Job::Note { number, .. }, Outcome::Saved { note: id }) => {
                let patient = patient.expect("noted when it was asked");
                self.truth.notes.push(Note { place, number, patient, id, asked });
            }
            (Job::Edit { number, .. }, Outcome::Saved { .. }) => {
                let note = note.expect("noted when it was asked");
                self.truth.edits.push(Edit { place, number, note });
            }
            (Job::Confirm { local, .. }, Outcome::Linked) => {
                let linked_from = self.facilities[place].clock.shows(now);
                let chart = self.truth.chart(place, &local);
                (chart.patient, chart.linked_at) = (patient, Some(now));
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

/// For how long a job is asked for again without a pause.
const PATIENCE_MS: u64 = 600_000;
/// Notes that whoever was put out goes on to write, and the first number of them.
const LATE_NOTES: u64 = 4;
const LATE_NUMBERS: u64 = 1_000_000;

/// The content of a version of a record.
pub(super) fn content(local: &str, number: u64, version: u64) -> Vec<u8> {
    format!(r#"{{"resourceType":"Observation","id":"{local}-{number}","value":{version}}}"#)
        .into_bytes()
}

/// The key of a record as [`super::Held`] has it.
pub(super) fn key(local: &str, number: u64) -> String {
    format!("{}-{number}", key_of(local))
}

/// What the keys of a hospital's patient begin with, before a hyphen.
pub(super) fn key_of(local: &str) -> String {
    format!("Observation/{local}")
}

/// The hospital's patient that a record's key names.
pub(super) fn local_of(key: &str) -> &str {
    key.trim_start_matches("Observation/").split('-').next().unwrap_or("")
}

fn import(local: &str, number: u64, version: u64, now: Timestamp) -> Command {
    let raw = content(local, number, version);
    let record = ImportRecord {
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
    };
    Command::Import { records: vec![record] }
}

pub(super) fn note_text(number: u64) -> String {
    format!("記録{number}。")
}

/// The title that an edit sets.
pub(super) fn title(number: u64) -> String {
    format!("改題{number}")
}
