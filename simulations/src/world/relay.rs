//! The relay: the real mailbox with a disk that takes its time, and its operator.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use azalea_core::envelope::SignedEnvelope;
use azalea_core::id::{EnvelopeId, RelayEpoch, Timestamp};
use azalea_core::identity::{Certificate, PublicKey, SigningKeypair, Subject};
use azalea_core::storage::{Batch, Memory, Order, Range, Read, Store};
use azalea_core::sync::message::Message;
use azalea_relay::mailbox::{
    self, Burden, Effect, EffectId, Input, Limits, Mailbox, Query, Report, Request, RequestId,
    SessionId, tables,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::clock::Clock;
use super::council::Council;
use super::disk::{Disk, Work};
use super::mutation::Mutation;
use crate::population::Dice;

/// Of what it is told, after each so manieth its memory is looked at: that is a walk over its sessions.
const LOOKED_AT: u64 = 16;
/// Envelopes in which a bit turns at once.
const ROTTEN: usize = 6;

/// What is left of a row that cannot be read any more.
fn unreadable(value: &[u8]) -> &[u8] {
    &value[1..]
}

pub(super) struct Relay {
    mailbox: Option<Mailbox>,
    /// Its own; all that it is told of time goes through it.
    pub(super) clock: Clock,
    pub(super) disk: Disk<EffectId, Query>,
    /// What its operator put away last, for the day when the machine burns.
    backup: Option<(Timestamp, Memory)>,
    /// A row of a feed that could not be read any more: its key, and what had been written there.
    rotten_row: Option<(Vec<u8>, Vec<u8>)>,
    keys: (SigningKeypair, SigningKeypair),
    rng: StdRng,
    life: u64,
    epochs: u8,
    pub(super) dies_in: Option<u64>,
    died: bool,
    /// It has met damage that nobody can make good.
    trouble: bool,
    /// Places of which its disk knows that they are revoked: a backup from before does not.
    pub(super) revoked: BTreeSet<usize>,
    /// Devices that it may know, the hostile one and itself among them.
    pub(super) devices: usize,
    /// What it kept in memory beyond what it may, if that was ever seen.
    pub(super) excess: Option<String>,
    handled: u64,
    /// How often its store began another life, or went back to an earlier one.
    pub(super) lives_anew: u64,
    /// Envelopes that were found to have rotted.
    pub(super) damaged: u64,
    /// Envelopes that had rotted and came again.
    pub(super) mended: u64,
    sessions: BTreeMap<SessionId, usize>,
    sent: Vec<(SessionId, Message)>,
    closed: Vec<SessionId>,
    done: Vec<(u64, bool)>,
    asked: BTreeMap<u64, ()>,
    mutation: Option<Mutation>,
}

impl Relay {
    pub(super) fn new(
        council: &Council,
        seed: u64,
        (now, clock): (Timestamp, Clock),
        mutation: Option<Mutation>,
    ) -> Self {
        let mut disk = Disk::new();
        disk.rows.commit(&council.genesis()).expect("memory takes every batch");
        let mut relay = Self {
            mailbox: None,
            clock,
            disk,
            backup: None,
            rotten_row: None,
            keys: (council.relay_device.clone(), council.registrar.clone()),
            rng: StdRng::seed_from_u64(seed ^ 0x7265_6c61),
            life: 0,
            epochs: 7,
            dies_in: None,
            died: false,
            trouble: false,
            revoked: BTreeSet::new(),
            devices: 0,
            excess: None,
            handled: 0,
            lives_anew: 0,
            damaged: 0,
            mended: 0,
            sessions: BTreeMap::new(),
            sent: Vec::new(),
            closed: Vec::new(),
            done: Vec::new(),
            asked: BTreeMap::new(),
            mutation,
        };
        relay.start(now);
        relay
    }

    pub(super) fn start(&mut self, now: Timestamp) -> bool {
        if self.mailbox.is_some() || self.disk.reads().is_err() {
            return false;
        }
        let (own, registrar) = self.keys.clone();
        let now = self.clock.shows(now);
        let opened = Mailbox::open(&self.disk.rows, now, own, [registrar], Limits::default());
        self.mailbox = Some(opened.expect("the relay's own rows are sound"));
        true
    }

    pub(super) fn kill(&mut self, torn: bool) {
        if self.mailbox.take().is_some() {
            self.life += 1;
            self.disk.kill(torn);
            (self.died, self.dies_in) = (false, None);
            self.sessions.clear();
            self.sent.clear();
            self.closed.clear();
            self.done.extend(std::mem::take(&mut self.asked).into_keys().map(|id| (id, false)));
        }
    }

    /// A row of a feed cannot be read any more, as where its page is gone; nobody else knows it.
    pub(super) fn rot_feed(&mut self, dice: &mut Dice) {
        let mut kept = Vec::new();
        let each = &mut |key: &[u8], value: &[u8]| {
            kept.push((key.to_vec(), value.to_vec()));
            true
        };
        self.disk.rows.scan(tables::FEED, &Range::all(), Order::Ascending, each).expect("memory");
        if !kept.is_empty() {
            let (key, value) = dice.pick(&kept);
            let mut batch = Batch::new();
            batch.put(tables::FEED, key.clone(), unreadable(value));
            self.disk.rows.take(batch);
            self.rotten_row = Some((key.clone(), value.clone()));
        }
    }

    /// Its rows as they were written: a row that cannot be read stood for what it had fed.
    pub(super) fn rows_as_written(&self) -> Cow<'_, Memory> {
        let rows = &self.disk.rows;
        let rotten = self.rotten_row.as_ref().filter(|(key, value)| {
            let there = rows.get(tables::FEED, key).expect("memory");
            there.as_deref() == Some(unreadable(value))
        });
        let Some((key, value)) = rotten else { return Cow::Borrowed(rows) };
        let (mut mended, mut batch) = (rows.clone(), Batch::new());
        batch.put(tables::FEED, key.clone(), value.clone());
        mended.take(batch);
        Cow::Owned(mended)
    }

    /// A bit turns in some of its envelopes; the pages of its store have no seal that would say so, its log has checksums.
    pub(super) fn rot(&mut self, dice: &mut Dice) {
        let mut kept = Vec::new();
        let each = &mut |key: &[u8], value: &[u8]| {
            kept.push((key.to_vec(), value.to_vec()));
            true
        };
        self.disk.rows.scan(tables::LOG, &Range::all(), Order::Ascending, each).expect("memory");
        let mut batch = Batch::new();
        for _ in 0..if kept.is_empty() { 0 } else { ROTTEN } {
            let (key, mut value) = dice.pick(&kept).clone();
            let byte = dice.below(value.len() as u64) as usize;
            value[byte] ^= 1 << dice.below(8);
            batch.put(tables::LOG, key, value);
        }
        self.disk.rows.take(batch);
    }

    /// It has met damage since this was asked last.
    pub(super) fn take_trouble(&mut self) -> bool {
        std::mem::take(&mut self.trouble)
    }

    /// The operator makes a backup; the next one replaces it.
    pub(super) fn back_up(&mut self, now: Timestamp) {
        self.backup = Some((now, self.disk.rows.clone()));
    }

    /// How old its backup is, in seconds.
    pub(super) fn backup_age(&self, now: Timestamp) -> Option<u64> {
        self.backup.as_ref().map(|(made, _)| now.since_ms(*made) / 1_000)
    }

    /// The machine is lost and set up again from the backup, in a new epoch as `azalea-relay restore` draws it.
    pub(super) fn restore(&mut self, honest: bool) {
        self.kill(false);
        if let Some((_, backup)) = self.backup.clone() {
            self.disk.rows = backup;
            self.revoked.clear();
            self.lives_anew += 1;
        }
        if honest {
            self.new_epoch();
        }
    }

    /// Readers say what they hold and are given what they lack, and authors offer again what is theirs.
    pub(super) fn new_epoch(&mut self) {
        self.epochs += 1;
        self.lives_anew += 1;
        let epoch = RelayEpoch([self.epochs; 16]);
        let begins = tables::begin_epoch(&self.disk.rows, epoch).expect("memory can be read");
        self.disk.rows.take(begins);
    }

    pub(super) fn publish(&mut self, now: Timestamp, id: u64, certificates: Vec<Certificate>) {
        self.request(now, id, Request::Publish(certificates));
    }

    pub(super) fn revoke(&mut self, now: Timestamp, id: u64, subject: Subject) {
        let (reason, by) = ("紛失届".to_owned(), self.keys.1.public());
        self.request(now, id, Request::Revoke { subject, reason, by });
    }

    fn request(&mut self, now: Timestamp, id: u64, request: Request) {
        if self.mailbox.is_none() {
            self.done.push((id, false));
            return;
        }
        self.asked.insert(id, ());
        self.handle(now, Input::Request { id: RequestId(id), request });
    }

    pub(super) fn opened(
        &mut self,
        now: Timestamp,
        session: SessionId,
        place: usize,
        key: PublicKey,
    ) {
        self.sessions.insert(session, place);
        self.handle(now, Input::Opened { session, key });
    }

    pub(super) fn received(&mut self, now: Timestamp, session: SessionId, message: Message) {
        self.handle(now, Input::Received { session, message });
    }

    pub(super) fn closed(&mut self, now: Timestamp, session: SessionId) {
        self.sessions.remove(&session);
        self.handle(now, Input::Closed { session });
    }

    pub(super) fn tick(&mut self, now: Timestamp) {
        self.handle(now, Input::Tick);
    }

    pub(super) fn disk_step(&mut self, now: Timestamp) {
        let input = match self.disk.next() {
            None => return,
            Some(Work::Store(id, batch)) => {
                let early = self.mutation == Some(Mutation::RelayTakesBeforeStoring);
                let result = match early {
                    true => self.disk.commit_unsynced(batch),
                    false => self.disk.commit(batch),
                };
                Input::Stored { id, result }
            }
            Some(Work::Load(id, query)) => {
                let reads = self.disk.reads();
                let result = reads.and_then(|()| {
                    let answer = mailbox::run(&self.disk.rows, &query);
                    self.trouble |= answer.is_err();
                    answer
                });
                Input::Loaded { id, result }
            }
        };
        self.handle(now, input);
    }

    fn handle(&mut self, now: Timestamp, input: Input) {
        let Some(mailbox) = &mut self.mailbox else { return };
        if self.died {
            return;
        }
        mailbox.handle(self.clock.shows(now), &mut self.rng, input);
        while let Some(effect) = mailbox.poll() {
            match &mut self.dies_in {
                Some(0) => {
                    self.died = true;
                    return;
                }
                Some(left) => *left -= 1,
                None => {}
            }
            match effect {
                Effect::Send { session, message } => self.sent.push((session, message)),
                Effect::Close { session, goodbye } => {
                    self.sent.push((session, Message::Goodbye(goodbye)));
                    self.closed.push(session);
                }
                Effect::Store { id, batch } => self.disk.push(Work::Store(id, batch)),
                Effect::Load { id, query } => self.disk.push(Work::Load(id, query)),
                Effect::Done { id, result } => {
                    if self.asked.remove(&id.0).is_some() {
                        self.done.push((id.0, result.is_ok()));
                    }
                }
                Effect::Notice(mailbox::Notice::Damaged { author, .. }) => {
                    self.damaged += 1;
                    self.trouble |= author.is_none();
                }
                Effect::Notice(mailbox::Notice::Mended { .. }) => self.mended += 1,
                Effect::Notice(_) => {}
            }
        }
        self.handled += 1;
        if self.handled.is_multiple_of(LOOKED_AT) {
            self.look_at_burden();
        }
    }

    fn look_at_burden(&mut self) {
        let Some(burden) = self.burden() else { return };
        if let Some(words) = burden.excess(self.devices, self.sessions.len()) {
            let open = self.sessions.len();
            self.excess = Some(format!("{words}, {open} connections open: {burden:?}"));
        }
    }

    /// What it keeps in memory for a while.
    pub(super) fn burden(&self) -> Option<Burden> {
        self.mailbox.as_ref().map(Mailbox::burden)
    }

    /// Each envelope that its disk has whole.
    pub(super) fn each_kept(&self, visit: &mut dyn FnMut(&SignedEnvelope)) {
        let each = &mut |key: &[u8], value: &[u8]| {
            let position = u64::from_be_bytes(key.try_into().expect("a position"));
            let envelope = tables::parse_log_value(position, value).map(SignedEnvelope::from_bytes);
            if let Some(Ok(envelope)) = envelope {
                visit(&envelope);
            }
            true
        };
        self.disk.rows.scan(tables::LOG, &Range::all(), Order::Ascending, each).expect("memory");
    }

    /// Whether its disk has this envelope whole.
    pub(super) fn keeps(&self, id: &EnvelopeId) -> bool {
        let mut keeps = false;
        self.each_kept(&mut |envelope| keeps |= envelope.claimed_id() == *id);
        keeps
    }

    pub(super) fn is_up(&self) -> bool {
        self.mailbox.is_some()
    }

    pub(super) fn has_died(&self) -> bool {
        self.died
    }

    pub(super) fn is_busy(&self) -> bool {
        self.disk.is_busy()
    }

    pub(super) fn life(&self) -> u64 {
        self.life
    }

    pub(super) fn report(&self, now: Timestamp) -> Option<Report> {
        self.mailbox.as_ref().map(|mailbox| mailbox.report(self.clock.shows(now)))
    }

    pub(super) fn has(&self, session: SessionId) -> bool {
        self.sessions.contains_key(&session)
    }

    pub(super) fn place_of(&self, session: SessionId) -> Option<usize> {
        self.sessions.get(&session).copied()
    }

    /// When it wants to be woken, by the world's time.
    pub(super) fn wake_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.mailbox.as_ref().map(|mailbox| self.clock.when(mailbox.wake_at(), now))
    }

    pub(super) fn wants_disk(&mut self) -> bool {
        self.disk.wants_step()
    }

    pub(super) fn take_sent(&mut self) -> Vec<(SessionId, Message)> {
        std::mem::take(&mut self.sent)
    }

    pub(super) fn take_closed(&mut self) -> Vec<SessionId> {
        std::mem::take(&mut self.closed)
    }

    /// The operator's requests that were answered, and whether they took effect.
    pub(super) fn take_done(&mut self) -> Vec<(u64, bool)> {
        std::mem::take(&mut self.done)
    }
}
