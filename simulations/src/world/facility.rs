//! A facility: the real replica with a disk that takes its time, a line, and people.

use std::collections::{BTreeMap, BTreeSet};

use azalea_core::access::ScopeKind;
use azalea_core::document::{CareNote, NoteEdit, RecordHeader, RecordKey, content_digest};
use azalea_core::id::{FacilityId, PatientId, Timestamp};
use azalea_core::identity::{Identity, PublicKey};
use azalea_core::replica::command::{Command, ImportRecord, Outcome, Staff, Subject, Who};
use azalea_core::replica::effect::{Effect, EffectId, Query};
use azalea_core::replica::input::{Answer, CommandId, Input};
use azalea_core::replica::{Replica, Status};
use azalea_core::storage::{Memory, Read};
use azalea_core::sync::message::Message;
use azalea_core::view::{View, current};
use azalea_relay::mailbox::SessionId;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::council::Council;
use super::disk::{Disk, Work};

/// A facility of the world.
pub struct Facility {
    place: usize,
    identity: Identity,
    replica: Option<Replica>,
    disk: Disk<EffectId, Vec<Query>>,
    rng: StdRng,
    life: u64,
    session: Option<SessionId>,
    pub(super) line_open: bool,
    pub(super) disk_full: bool,
    /// A connection with a hole in its streams: nothing passes, though nobody knows yet.
    pub(super) broken: Option<SessionId>,
    sent: Vec<Message>,
    hangup: bool,
    done: Vec<(usize, Option<Outcome>)>,
    wake_planned: Option<Timestamp>,
    arrivals: [Timestamp; 2],
    asked: BTreeMap<u64, usize>,
    next_command: u64,
    imports: BTreeMap<(String, u64), BTreeSet<u64>>,
    notes: BTreeSet<u64>,
}

/// What a facility holds of the records of one publisher: the current content of each record.
pub type Held = BTreeMap<(FacilityId, String), Vec<Vec<u8>>>;

impl Facility {
    pub(super) fn new(
        place: usize,
        identity: Identity,
        council: &Council,
        seed: u64,
        now: Timestamp,
    ) -> Self {
        let mut facility = Self {
            place,
            identity,
            replica: None,
            disk: Disk::new(),
            rng: StdRng::seed_from_u64(seed.wrapping_mul(31).wrapping_add(place as u64)),
            life: 0,
            session: None,
            line_open: true,
            disk_full: false,
            broken: None,
            sent: Vec::new(),
            hangup: false,
            done: Vec::new(),
            wake_planned: None,
            arrivals: [now; 2],
            asked: BTreeMap::new(),
            next_command: 0,
            imports: BTreeMap::new(),
            notes: BTreeSet::new(),
        };
        facility.start(now);
        let command = Command::Begin { certificates: council.given(), rebuild: false };
        facility.handle(now, Input::Command { id: CommandId(u64::MAX), command });
        while facility.disk.is_busy() {
            facility.disk_step(now);
        }
        facility
    }

    /// Its id.
    pub fn id(&self) -> FacilityId {
        self.identity.facility
    }

    /// Its place in the world.
    pub fn place(&self) -> usize {
        self.place
    }

    /// What its replica says of itself.
    pub fn status(&self) -> Option<Status> {
        self.replica.as_ref().map(Replica::status)
    }

    /// The current records that it can show, with their bytes.
    pub fn held(&self) -> Held {
        let mut view = View::new(&self.disk.rows);
        let mut held = Held::new();
        for scope in view.scopes().expect("a sound store") {
            let Some(access) = &scope.access else { continue };
            for versions in view.records(scope.number).expect("a sound store") {
                let key = &versions[0].key;
                let key = (access.owner(), format!("{}/{}", key.kind, key.id));
                let mut raws: Vec<Vec<u8>> = current(&versions)
                    .into_iter()
                    .map(|entry| view.open(entry).expect("a sound store"))
                    .map(|version| version.raw().unwrap_or_default().to_vec())
                    .collect();
                raws.sort();
                held.insert(key, raws);
            }
        }
        held
    }

    /// The texts of the notes that it can show.
    pub fn notes(&self) -> BTreeSet<String> {
        let view = View::new(&self.disk.rows);
        let scopes = view.scopes().expect("a sound store");
        let notes = scopes.iter().flat_map(|scope| view.notes(scope.number).expect("sound"));
        notes
            .map(|(_, rows)| rows.into_iter().map(|(_, row)| row).collect::<Vec<_>>())
            .filter_map(|rows| CareNote::replay(&rows).0.view())
            .map(|note| note.text)
            .collect()
    }

    /// Imports that were acknowledged: local patient and record, with the versions.
    pub fn acknowledged_imports(&self) -> &BTreeMap<(String, u64), BTreeSet<u64>> {
        &self.imports
    }

    /// Notes that were acknowledged.
    pub fn acknowledged_notes(&self) -> impl Iterator<Item = String> + '_ {
        self.notes.iter().map(|number| note_text(*number))
    }

    pub(super) fn key(&self) -> PublicKey {
        self.identity.device.public()
    }

    pub(super) fn life(&self) -> u64 {
        self.life
    }

    pub(super) fn is_up(&self) -> bool {
        self.replica.is_some()
    }

    pub(super) fn session(&self) -> Option<SessionId> {
        self.session
    }

    pub(super) fn start(&mut self, now: Timestamp) -> bool {
        if self.replica.is_some() {
            return false;
        }
        let answers = answer(&self.disk.rows, &Replica::queries());
        let opened = Replica::open(self.identity.clone(), answers, now);
        self.replica = Some(opened.expect("the replica's own rows are sound"));
        true
    }

    /// Kills the process and says which connection died with it.
    pub(super) fn kill(&mut self, torn: bool) -> Option<SessionId> {
        self.replica.take()?;
        self.life += 1;
        self.disk.kill(torn && !self.disk_full);
        self.sent.clear();
        self.hangup = false;
        self.wake_planned = None;
        // Whoever asked for something never heard of it and will ask again.
        let unanswered = std::mem::take(&mut self.asked).into_values();
        self.done.extend(unanswered.map(|number| (number, None)));
        self.session.take()
    }

    pub(super) fn connected(&mut self, now: Timestamp, session: SessionId) {
        self.session = Some(session);
        self.handle(now, Input::Connected);
    }

    pub(super) fn disconnected(&mut self, now: Timestamp) {
        self.session = None;
        self.handle(now, Input::Disconnected);
    }

    pub(super) fn received(&mut self, now: Timestamp, message: Message) {
        self.handle(now, Input::Received(message));
    }

    pub(super) fn command(&mut self, now: Timestamp, number: usize, command: Command) {
        self.next_command += 1;
        self.asked.insert(self.next_command, number);
        self.handle(now, Input::Command { id: CommandId(self.next_command), command });
    }

    pub(super) fn tick(&mut self, now: Timestamp) {
        self.wake_planned = None;
        self.handle(now, Input::Tick);
    }

    pub(super) fn disk_step(&mut self, now: Timestamp) {
        let input = match self.disk.next() {
            None => return,
            Some(Work::Store(id, batch)) => {
                Input::Stored { id, result: self.disk.commit(&batch, self.disk_full) }
            }
            Some(Work::Load(id, queries)) => {
                Input::Loaded { id, result: Ok(answer(&self.disk.rows, &queries)) }
            }
        };
        self.handle(now, input);
    }

    fn handle(&mut self, now: Timestamp, input: Input) {
        let Some(replica) = &mut self.replica else { return };
        replica.handle(now, &mut self.rng, input);
        while let Some(effect) = replica.poll() {
            match effect {
                Effect::Load { id, queries } => self.disk.push(Work::Load(id, queries)),
                Effect::Store { id, batch, .. } => self.disk.push(Work::Store(id, batch)),
                Effect::Send(message) => self.sent.push(message),
                Effect::Hangup => self.hangup = true,
                Effect::Done { command, result } => {
                    if let Some(number) = self.asked.remove(&command.0) {
                        self.done.push((number, result.ok()));
                    }
                }
                Effect::Notify(_) => {}
            }
        }
    }

    pub(super) fn take_sent(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.sent)
    }

    pub(super) fn take_hangup(&mut self) -> bool {
        std::mem::take(&mut self.hangup)
    }

    pub(super) fn take_done(&mut self) -> Vec<(usize, Option<Outcome>)> {
        std::mem::take(&mut self.done)
    }

    pub(super) fn wants_disk(&mut self) -> bool {
        self.disk.wants_step()
    }

    /// When the replica wants to be woken, if that is not planned yet.
    pub(super) fn wants_wake(&mut self) -> Option<Timestamp> {
        let at = self.replica.as_ref()?.wake_at()?;
        if self.wake_planned.is_some_and(|planned| planned <= at) {
            return None;
        }
        self.wake_planned = Some(at);
        Some(at)
    }

    /// Messages of one direction arrive in their order.
    pub(super) fn arrival(&mut self, wanted: Timestamp, to_relay: bool) -> Timestamp {
        let last = &mut self.arrivals[usize::from(to_relay)];
        *last = wanted.max(*last);
        *last
    }

    /// One of the patients in whose care this facility takes part.
    pub(super) fn some_patient(&self, choice: u64) -> Option<PatientId> {
        let scopes = View::new(&self.disk.rows).scopes().expect("a sound store");
        let patients: BTreeSet<PatientId> = scopes
            .iter()
            .filter_map(|scope| scope.descriptor.as_ref())
            .filter(|descriptor| descriptor.kind == ScopeKind::Care)
            .filter_map(|descriptor| descriptor.patient)
            .collect();
        let choice = choice as usize % patients.len().max(1);
        patients.into_iter().nth(choice)
    }

    pub(super) fn acknowledge_import(&mut self, local: &str, number: u64, version: u64) {
        self.imports.entry((local.to_owned(), number)).or_default().insert(version);
    }

    pub(super) fn acknowledge_note(&mut self, number: u64) {
        self.notes.insert(number);
    }
}

/// The content of a version of a record.
pub(super) fn content(local: &str, number: u64, version: u64) -> Vec<u8> {
    format!(r#"{{"resourceType":"Observation","id":"{local}-{number}","value":{version}}}"#)
        .into_bytes()
}

/// The key of a record as [`Held`] has it.
pub(super) fn key(local: &str, number: u64) -> String {
    format!("Observation/{local}-{number}")
}

pub(super) fn import(local: &str, number: u64, version: u64, now: Timestamp) -> Command {
    let raw = content(local, number, version);
    let record = ImportRecord {
        subject: Subject::Patient(local.to_owned()),
        key: RecordKey { kind: "Observation".to_owned(), id: format!("{local}-{number}") },
        header: RecordHeader {
            care_date: Some(20_260_000 + u32::try_from(number).unwrap_or(0) + 101),
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

pub(super) fn note(patient: PatientId, number: u64) -> Command {
    let edit = NoteEdit {
        kind: Some("record".to_owned()),
        title: Some("記録".to_owned()),
        text: Some(note_text(number)),
        ..NoteEdit::default()
    };
    let by = Staff("nurse".to_owned());
    Command::EditNote { patient: Who::Network(patient), note: None, edit, by }
}

fn note_text(number: u64) -> String {
    format!("記録 {number}")
}

fn answer(rows: &Memory, queries: &[Query]) -> Vec<Answer> {
    let read = |query: &Query| match query {
        Query::Get { table, key } => Answer::Value(rows.get(*table, key).expect("memory")),
        Query::Scan { table, range, order, limit } => {
            let mut found = Vec::new();
            if *limit > 0 {
                rows.scan(*table, range, *order, &mut |key, value| {
                    found.push((key.to_vec(), value.to_vec()));
                    found.len() < *limit
                })
                .expect("memory");
            }
            Answer::Rows(found)
        }
    };
    queries.iter().map(read).collect()
}
