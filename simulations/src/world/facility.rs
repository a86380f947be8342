//! A device of a facility: the real replica with a disk that takes its time, a clock that is off, and a line.

mod look;

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock};

use azalea_core::envelope::Formats;
use azalea_core::id::{DeviceId, FacilityId, PatientId, Timestamp};
use azalea_core::identity::{Certificate, Identity, PublicKey};
use azalea_core::ledger::Ledger;
use azalea_core::replica::command::{Command, CommandError, Outcome};
use azalea_core::replica::effect::{Effect, EffectId, Notice, Query};
use azalea_core::replica::input::{Answer, CommandId, Input};
use azalea_core::replica::{Replica, Status};
use azalea_core::storage::row::{ChainRow, VectorRow};
use azalea_core::storage::{Memory, Order, Range, Read, StorageError, table};
use azalea_core::sync::message::Message;
use azalea_core::wire::Wire;
use azalea_relay::mailbox::SessionId;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::clock::Clock;
use super::disk::{Disk, Work};
use super::load::Load;
use super::mutation::Mutation;
use look::Looked;
pub use look::{Held, HeldNote};
pub(super) use look::{HeldBack, Kept, Scopes, TooNew};

/// A device of the world, at its place.
pub struct Facility {
    place: usize,
    pub(super) identity: Identity,
    /// What its program reads and writes.
    formats: Formats,
    /// Envelopes of one volume that make it put a snapshot of them into the chart.
    pub(super) snapshot_after: Option<u64>,
    replica: Option<Replica>,
    pub(super) disk: Disk<EffectId, Vec<Query>>,
    pub(super) clock: Clock,
    rng: StdRng,
    life: u64,
    session: Option<SessionId>,
    /// It found no line, or no relay at its end, and tries on.
    pub(super) waits_for_line: bool,
    /// Whether it has joined the network.
    pub(super) joined: bool,
    /// Whether its store has what enrolment gave.
    begun: bool,
    /// Whether it has power; without, nobody starts it.
    pub(super) has_power: bool,
    /// Effects until the process dies by itself.
    pub(super) dies_in: Option<u64>,
    died: bool,
    /// Its disk has said that it is damaged.
    trouble: bool,
    sent: Vec<Message>,
    hangup: bool,
    done: Vec<(usize, Result<Outcome, Failure>)>,
    wake_planned: Option<Timestamp>,
    asked: BTreeMap<u64, usize>,
    next_command: u64,
    /// What it has under way, seen from outside.
    pub(super) load: Load,
    /// Why it refused envelopes and statements, by its own word, since that was asked last.
    refused: Vec<&'static str>,
    pub(super) mutation: Option<Mutation>,
    /// Where its ledger ends, once that was looked for.
    pub(super) ledger: Option<Ledger>,
    looked: Mutex<Looked>,
    /// What it says of itself, from when somebody asks until something happens to it.
    status: OnceLock<Option<Status>>,
}

/// The command with which a device begins; no job has this number.
const BEGIN: CommandId = CommandId(u64::MAX);

/// Why a job is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The process died before it answered.
    Unanswered,
    /// It said no.
    Refused(CommandError),
}

impl Facility {
    pub(super) fn new(
        place: usize,
        identity: Identity,
        seed: u64,
        clock: Clock,
        mutation: Option<Mutation>,
    ) -> Self {
        Self {
            place,
            identity,
            formats: Formats::default(),
            snapshot_after: None,
            replica: None,
            disk: Disk::new(),
            clock,
            rng: StdRng::seed_from_u64(seed.wrapping_mul(31).wrapping_add(place as u64)),
            life: 0,
            session: None,
            waits_for_line: false,
            joined: false,
            begun: false,
            has_power: true,
            dies_in: None,
            died: false,
            trouble: false,
            sent: Vec::new(),
            hangup: false,
            done: Vec::new(),
            wake_planned: None,
            asked: BTreeMap::new(),
            next_command: 0,
            load: Load::default(),
            refused: Vec::new(),
            mutation,
            ledger: None,
            looked: Mutex::default(),
            status: OnceLock::new(),
        }
    }

    /// Joins the network with what enrolment gave, or comes back to it with its keys and an empty store. `false` where
    /// it failed, with nothing left of it: whoever sets up a machine sees that, and does it again.
    pub(super) fn join(
        &mut self,
        now: Timestamp,
        certificates: Vec<Certificate>,
        rebuild: bool,
    ) -> bool {
        self.joined = true;
        self.begun = false;
        self.boot(now);
        let command = Command::Begin { certificates, rebuild };
        self.handle(now, Input::Command { id: BEGIN, command });
        while self.disk.is_busy() {
            self.disk_step(now);
        }
        if !self.begun {
            self.kill(false);
            self.lose_store();
            self.joined = false;
        }
        self.begun
    }

    /// Its store is gone.
    pub(super) fn lose_store(&mut self) {
        self.disk.renew();
        self.look_anew();
        (self.begun, self.ledger) = (false, None);
    }

    /// Whether its store is gone and nobody has set it up again.
    pub(super) fn is_to_be_set_up(&self) -> bool {
        self.joined && !self.begun
    }

    /// Its disk said that it is damaged, since this was asked last.
    pub(super) fn take_trouble(&mut self) -> bool {
        std::mem::take(&mut self.trouble)
    }

    /// Notes what a disk of pages says of itself; one that cannot be read for a while is no reason to mend it.
    fn told<T>(&mut self, result: Result<T, StorageError>) -> Result<T, StorageError> {
        let is_damage = matches!(result, Err(StorageError::Damaged { .. }));
        self.trouble |= is_damage && self.disk.pages.is_some() && !self.disk.condition.unreadable;
        result
    }

    /// The facility.
    pub fn id(&self) -> FacilityId {
        self.identity.facility
    }

    /// The device.
    pub fn device(&self) -> DeviceId {
        self.identity.device_id()
    }

    /// Its place in the world.
    pub fn place(&self) -> usize {
        self.place
    }

    /// What its replica says of itself.
    pub fn status(&self) -> Option<&Status> {
        self.status.get_or_init(|| self.read_status()).as_ref()
    }

    fn read_status(&self) -> Option<Status> {
        let mut status = self.replica.as_ref().map(Replica::status)?;
        if self.mutation == Some(Mutation::FreshFromConnection) && self.session.is_some() {
            for publisher in &mut status.publishers {
                publisher.complete = publisher.stated;
            }
        }
        Some(status)
    }

    pub(super) fn replica(&self) -> Option<&Replica> {
        self.replica.as_ref()
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

    /// Starts the process. `false` where it runs already, has no power or nothing to begin with, or its disk cannot be read.
    pub(super) fn start(&mut self, now: Timestamp) -> bool {
        self.begun && self.boot(now)
    }

    fn boot(&mut self, now: Timestamp) -> bool {
        if self.replica.is_some() || !self.joined || !self.has_power {
            return false;
        }
        let read = self.disk.read(|rows| answer(rows, &Replica::queries()));
        let Ok(answers) = self.told(read) else { return false };
        let (identity, shows) = (self.identity.clone(), self.clock.shows(now));
        let opened = Replica::open(identity, self.formats, answers, shows);
        let mut opened = opened.expect("the replica's own rows are sound");
        opened.make_snapshots_after(self.snapshot_after);
        self.replica = Some(opened);
        self.status.take();
        true
    }

    /// Another program lies in the place of this one; it runs from the next start on.
    pub(super) fn install(&mut self, formats: Formats) {
        assert!(self.replica.is_none(), "a program is not replaced while it runs");
        self.formats = formats;
        self.look_anew();
    }

    /// What its program reads and writes.
    pub fn formats(&self) -> Formats {
        self.formats
    }

    /// Kills the process and says which connection died with it.
    pub(super) fn kill(&mut self, torn: bool) -> Option<SessionId> {
        self.replica.take()?;
        self.status.take();
        self.life += 1;
        self.disk.kill(torn);
        self.load.is_not_written();
        self.look_anew();
        self.sent.clear();
        (self.hangup, self.died, self.dies_in) = (false, false, None);
        (self.wake_planned, self.ledger) = (None, None);
        // Whoever asked for something never heard of it and will ask again.
        let unanswered = std::mem::take(&mut self.asked).into_values();
        self.done.extend(unanswered.map(|number| (number, Err(Failure::Unanswered))));
        self.session.take()
    }

    pub(super) fn connected(&mut self, now: Timestamp, session: SessionId) {
        self.session = Some(session);
        self.load.begin();
        self.handle(now, Input::Connected);
    }

    pub(super) fn disconnected(&mut self, now: Timestamp) {
        self.session = None;
        self.handle(now, Input::Disconnected);
    }

    pub(super) fn received(&mut self, now: Timestamp, message: Message) {
        self.load.hears(&message);
        self.handle(now, Input::Received(message));
    }

    pub(super) fn command(&mut self, now: Timestamp, number: usize, command: Command) {
        self.next_command += 1;
        self.asked.insert(self.next_command, number);
        self.handle(now, Input::Command { id: CommandId(self.next_command), command });
    }

    /// Somebody looks at a patient of whom not all may be here.
    pub(super) fn wants_first(&mut self, now: Timestamp, patient: PatientId) {
        self.handle(now, Input::First(patient));
    }

    /// Wakes the replica, if this is the wake that was planned last: one that was overtaken by an earlier one wakes nobody,
    /// or each of them would plan a next one for ever. Says whether it did.
    pub(super) fn tick(&mut self, now: Timestamp) -> bool {
        if self.wake_planned != Some(now) {
            return false;
        }
        self.wake_planned = None;
        self.handle(now, Input::Tick);
        true
    }

    /// Whether it is to be woken at this moment.
    pub(super) fn wakes_at(&self, at: Timestamp) -> bool {
        self.wake_planned == Some(at)
    }

    pub(super) fn disk_step(&mut self, now: Timestamp) {
        let input = match self.disk.next() {
            None => return,
            Some(Work::Store(id, batch)) => {
                let batch = match self.mutation {
                    Some(mutation) => mutation.stored(&batch, &self.disk.rows),
                    None => batch,
                };
                self.looked.get_mut().expect("nobody stops while looking").changes(&batch);
                let early = self.mutation == Some(Mutation::AcknowledgeBeforeStoring);
                let result = match early {
                    true => self.disk.commit_unsynced(batch),
                    false => self.disk.commit(batch),
                };
                if result.is_err() {
                    self.load.is_not_written();
                }
                Input::Stored { id, result: self.told(result) }
            }
            Some(Work::Load(id, queries)) => {
                let result = self.disk.read(|rows| answer(rows, &queries));
                Input::Loaded { id, result: self.told(result) }
            }
        };
        self.handle(now, input);
    }

    fn handle(&mut self, now: Timestamp, input: Input) {
        let Some(replica) = &mut self.replica else { return };
        if self.died {
            return;
        }
        self.status.take();
        replica.handle(self.clock.shows(now), &mut self.rng, input);
        while let Some(effect) = replica.poll() {
            match &mut self.dies_in {
                Some(0) => {
                    self.died = true;
                    return;
                }
                Some(left) => *left -= 1,
                None => {}
            }
            match effect {
                Effect::Load { id, queries } => self.disk.push(Work::Load(id, queries)),
                Effect::Store { id, batch, .. } => self.disk.push(Work::Store(id, batch)),
                Effect::Send(message) => {
                    self.load.says(&message);
                    if matches!(message, Message::Refill) {
                        self.load.beyond_gaps += beyond_gaps(&self.disk.rows);
                    }
                    self.sent.push(message);
                }
                Effect::Hangup => self.hangup = true,
                Effect::Done { command: BEGIN, result } => self.begun = result.is_ok(),
                Effect::Done { command, result } => {
                    if let Some(number) = self.asked.remove(&command.0) {
                        self.done.push((number, result.map_err(Failure::Refused)));
                    }
                }
                Effect::Notify(Notice::Refused { cause }) => self.refused.push(cause),
                Effect::Notify(_) => {}
            }
        }
    }

    /// Whether the process has died at an effect.
    pub(super) fn has_died(&self) -> bool {
        self.died
    }

    pub(super) fn take_sent(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.sent)
    }

    pub(super) fn take_refused(&mut self) -> Vec<&'static str> {
        std::mem::take(&mut self.refused)
    }

    pub(super) fn take_hangup(&mut self) -> bool {
        std::mem::take(&mut self.hangup)
    }

    pub(super) fn take_done(&mut self) -> Vec<(usize, Result<Outcome, Failure>)> {
        std::mem::take(&mut self.done)
    }

    pub(super) fn wants_disk(&mut self) -> bool {
        self.disk.wants_step()
    }

    /// When, by the world's time, the replica wants to be woken, if that is not planned yet.
    pub(super) fn wants_wake(&mut self, now: Timestamp) -> Option<Timestamp> {
        if self.mutation == Some(Mutation::NeverWake) {
            return None;
        }
        let at = self.clock.when(self.replica.as_ref()?.wake_at()?, now);
        let at = at.max(now.plus_ms(SOONEST_MS));
        if self.wake_planned.is_some_and(|planned| planned <= at) {
            return None;
        }
        self.wake_planned = Some(at);
        Some(at)
    }

    /// Its clock was set: what was planned by the old one is planned anew.
    pub(super) fn forget_wake(&mut self) {
        self.wake_planned = None;
    }
}

/// How soon a process that asks to be woken is.
const SOONEST_MS: u64 = 20;

/// Bytes of the envelopes that lie beyond gaps in their chains.
fn beyond_gaps(rows: &Memory) -> u64 {
    let mut bytes = 0;
    rows.scan(table::VECTOR, &Range::all(), Order::Ascending, &mut |key, value| {
        let vector = VectorRow::from_bytes(value).expect("a sound store");
        for ahead in vector.ahead {
            let chain = [key, &ahead.seq.to_be_bytes()].concat();
            let place = rows.get(table::CHAIN, &chain).expect("memory");
            let place =
                place.map(|row| ChainRow::from_bytes(&row).expect("a sound store").position);
            let held =
                place.and_then(|at| rows.get(table::LOG, &at.to_be_bytes()).expect("memory"));
            bytes += held.map_or(0, |held| held.len() as u64);
        }
        true
    })
    .expect("memory");
    bytes
}

fn answer(rows: &dyn Read, queries: &[Query]) -> Result<Vec<Answer>, StorageError> {
    let read = |query: &Query| match query {
        Query::Get { table, key } => Ok(Answer::Value(rows.get(*table, key)?)),
        Query::Scan { table, range, order, limit } => {
            let mut found = Vec::new();
            if *limit > 0 {
                rows.scan(*table, range, *order, &mut |key, value| {
                    found.push((key.to_vec(), value.to_vec()));
                    found.len() < *limit
                })?;
            }
            Ok(Answer::Rows(found))
        }
    };
    queries.iter().map(read).collect()
}
