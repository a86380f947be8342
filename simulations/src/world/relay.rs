//! The relay: the real mailbox with a disk that takes its time.

use std::collections::BTreeMap;

use azalea_core::id::Timestamp;
use azalea_core::identity::{Certificate, PublicKey, SigningKeypair};
use azalea_core::storage::Store;
use azalea_core::sync::message::Message;
use azalea_relay::mailbox::{
    self, Effect, EffectId, Input, Limits, Mailbox, Query, Request, RequestId, SessionId,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::council::Council;
use super::disk::{Disk, Work};

pub(super) struct Relay {
    mailbox: Option<Mailbox>,
    disk: Disk<EffectId, Query>,
    keys: (SigningKeypair, SigningKeypair),
    rng: StdRng,
    life: u64,
    sessions: BTreeMap<SessionId, usize>,
    sent: Vec<(SessionId, Message)>,
    closed: Vec<SessionId>,
}

impl Relay {
    pub(super) fn new(council: &Council, seed: u64, now: Timestamp) -> Self {
        let mut disk = Disk::new();
        disk.rows.commit(&council.genesis()).expect("memory takes every batch");
        let mut relay = Self {
            mailbox: None,
            disk,
            keys: (council.relay_device.clone(), council.registrar.clone()),
            rng: StdRng::seed_from_u64(seed ^ 0x7265_6c61),
            life: 0,
            sessions: BTreeMap::new(),
            sent: Vec::new(),
            closed: Vec::new(),
        };
        relay.start(now);
        relay
    }

    pub(super) fn start(&mut self, now: Timestamp) -> bool {
        if self.mailbox.is_some() {
            return false;
        }
        let (own, registrar) = self.keys.clone();
        let opened = Mailbox::open(&self.disk.rows, now, own, [registrar], Limits::default());
        self.mailbox = Some(opened.expect("the relay's own rows are sound"));
        true
    }

    pub(super) fn kill(&mut self, torn: bool) {
        if self.mailbox.take().is_some() {
            self.life += 1;
            self.disk.kill(torn);
            self.sessions.clear();
            self.sent.clear();
            self.closed.clear();
        }
    }

    pub(super) fn publish(&mut self, now: Timestamp, certificates: Vec<Certificate>) {
        let request = Request::Publish(certificates);
        self.handle(now, Input::Request { id: RequestId(1), request });
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
                Input::Stored { id, result: self.disk.commit(&batch, false) }
            }
            Some(Work::Load(id, query)) => {
                Input::Loaded { id, result: mailbox::run(&self.disk.rows, &query) }
            }
        };
        self.handle(now, input);
    }

    fn handle(&mut self, now: Timestamp, input: Input) {
        let Some(mailbox) = &mut self.mailbox else { return };
        mailbox.handle(now, &mut self.rng, input);
        while let Some(effect) = mailbox.poll() {
            match effect {
                Effect::Send { session, message } => self.sent.push((session, message)),
                Effect::Close { session, goodbye } => {
                    self.sent.push((session, Message::Goodbye(goodbye)));
                    self.closed.push(session);
                }
                Effect::Store { id, batch } => self.disk.push(Work::Store(id, batch)),
                Effect::Load { id, query } => self.disk.push(Work::Load(id, query)),
                Effect::Done { result, .. } => result.expect("what the council says is taken"),
                Effect::Notice(_) => {}
            }
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.mailbox.is_some()
    }

    pub(super) fn is_busy(&self) -> bool {
        self.disk.is_busy()
    }

    pub(super) fn life(&self) -> u64 {
        self.life
    }

    pub(super) fn has(&self, session: SessionId) -> bool {
        self.sessions.contains_key(&session)
    }

    pub(super) fn place_of(&self, session: SessionId) -> Option<usize> {
        self.sessions.get(&session).copied()
    }

    pub(super) fn wake_at(&self) -> Option<Timestamp> {
        self.mailbox.as_ref().map(Mailbox::wake_at)
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
}
