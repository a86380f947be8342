//! Between a device and the relay: connections, what is said on them, and what engines ask of their disks and clocks.

use azalea_core::envelope::SignedEnvelope;
use azalea_core::id::Timestamp;
use azalea_core::sync::message::{Bytes, Message};
use azalea_relay::mailbox::SessionId;

use super::event::Event;
use super::fault::Fault;
use super::hostile;
use super::link::Way;
use super::mutation::Mutation;
use super::truth::{Rebuilt, Stated};
use super::{IDLE_MS, NOBODY, RESTART_MS, RETRY_MS, REVOKED_PATIENCE_MS, SLOW_MS, World};

impl World {
    pub(super) fn connect(&mut self, place: usize) {
        let now = self.now;
        let facility = &self.facilities[place];
        let idle = facility.is_up() && facility.session().is_none();
        if !idle {
            return;
        }
        if !self.links[place].is_open() || !self.relay.is_up() {
            // It tries in vain until then, which nobody sees; of hundreds of devices that is most of what happens.
            self.facilities[place].waits_for_line = true;
            return;
        }
        let key = facility.key();
        self.links[place].forget(now);
        let session = self.new_session();
        self.relay.opened(now, session, place, key);
        self.drain_relay();
        self.fed[place].begin();
        self.hostile.begin(place);
        self.facilities[place].connected(now, session);
        self.drain_facility(place);
        if !self.relay.is_up() {
            // It died as it took the connection, when nobody could be told yet who was connected.
            self.after(IDLE_MS, Event::Lost { place, session });
        }
    }

    /// A line or the relay is there again: those who waited for it find out at their next try.
    pub(super) fn line_is_back(&mut self, place: usize) {
        if std::mem::take(&mut self.facilities[place].waits_for_line) {
            let wait = self.dice.below(RETRY_MS);
            self.after(wait, Event::Reconnect { place });
        }
    }

    pub(super) fn new_session(&mut self) -> SessionId {
        self.next_session += 1;
        SessionId(self.next_session)
    }

    pub(super) fn lost(&mut self, place: usize, session: SessionId) {
        let now = self.now;
        let unnoticed = self.mutation == Some(Mutation::NeverNotice);
        if place < self.facilities.len()
            && self.facilities[place].session() == Some(session)
            && !unnoticed
        {
            self.links[place].forget(now);
            self.facilities[place].disconnected(now);
            self.drain_facility(place);
            let wait = RETRY_MS + self.dice.below(1_000);
            // Whoever was put out for good tries less and less often.
            let out = self.truth.revoked.get(&place).map_or(0, |at| now.since_ms(*at));
            let wait = wait.max(out.saturating_sub(REVOKED_PATIENCE_MS) / 8);
            self.after(wait, Event::Reconnect { place });
        }
        if self.relay.has(session) {
            self.relay.closed(now, session);
            self.drain_relay();
        }
    }

    /// The hostile member speaks to the relay, each word on a connection of its own.
    pub(super) fn attack(&mut self) {
        if !self.relay.is_up() {
            return;
        }
        let Some(target) = self.any_target() else { return };
        let (member, now) = (self.hostile_member.clone(), self.now);
        let identity = &member.identity;
        self.watch.attacks += 1;
        for message in hostile::member::attack(&member, &mut self.rng, &target, now) {
            let session = self.new_session();
            self.relay.opened(now, session, NOBODY, identity.device.public());
            self.relay.received(now, session, hostile::member::hello(identity, now));
            self.hostile.is_handed(&message);
            self.relay.received(now, session, message);
            self.drain_relay();
            self.after(60, Event::Lost { place: NOBODY, session });
        }
    }

    /// Whoever has a stolen device speaks to the relay as that device: it uses a number again, and once the device is
    /// revoked goes on with its chain, dated back.
    pub(super) fn steal(&mut self, place: usize) {
        let choice = self.dice.draw();
        let Some(loot) = self.facilities[place].loot(choice) else { return };
        if !self.relay.is_up() {
            return;
        }
        let (identity, now) = (self.members[place].identity.clone(), self.now);
        self.watch.attacks += 1;
        // Where the relay has not met the first one, the second is as good as that.
        let is_met = self.relay.keeps(&loot.end.1);
        let twin = hostile::thief::twin(&identity, &loot, &mut self.rng, now).filter(|_| is_met);
        let mut forged: Vec<Vec<u8>> = twin.into_iter().collect();
        if let Some(revoked) = self.truth.revoked.get(&place) {
            let before = Timestamp(revoked.0.saturating_sub(DATED_BACK_MS));
            let next = hostile::thief::next(&identity, &loot, &mut self.rng, before);
            // What it uses again is for the relay alone: a reader who has not met the first has no means to tell.
            next.iter().for_each(|bytes| {
                self.hostile.is_handed(&Message::Push(vec![Bytes(bytes.clone())]));
            });
            forged.extend(next);
        }
        for bytes in forged {
            let id = SignedEnvelope::from_bytes(&*bytes).expect("sealed just above").claimed_id();
            self.truth.forged.insert(id);
            let session = self.new_session();
            self.relay.opened(now, session, NOBODY, identity.device.public());
            self.relay.received(now, session, hostile::member::hello(&identity, now));
            self.relay.received(now, session, Message::Push(vec![Bytes(bytes)]));
            self.drain_relay();
            self.after(60, Event::Lost { place: NOBODY, session });
        }
    }

    fn any_target(&mut self) -> Option<hostile::member::Target> {
        let place = self.dice.below(self.facilities.len() as u64) as usize;
        let choice = self.dice.draw();
        self.facilities[place].target(choice)
    }

    pub(super) fn drain_relay(&mut self) {
        let now = self.now;
        loop {
            let sent = self.relay.take_sent();
            if sent.is_empty() {
                break;
            }
            for (session, message) in sent {
                let Some(place) = self.relay.place_of(session) else { continue };
                if let Some(fed) = self.fed.get_mut(place) {
                    fed.is_sent(&message);
                }
                if self.relay.revoked.contains(&place) && !matches!(message, Message::Goodbye(_)) {
                    self.truth.told_when_out.insert(place);
                }
                self.relay_says(place, session, message);
            }
        }
        for session in self.relay.take_closed() {
            if let Some(place) = self.relay.place_of(session) {
                self.after(60, Event::Lost { place, session });
            }
        }
        for (id, took_effect) in self.relay.take_done() {
            self.council_done(id, took_effect);
        }
        if self.relay.wants_disk() {
            let slow = if self.relay.disk.condition.slow { SLOW_MS } else { 0 };
            let wait = 1 + slow + self.dice.below(6);
            self.at(now.plus_ms(wait), Event::RelayDisk { life: self.relay.life(), ahead: false });
        }
        self.call_relay_operator();
        if self.relay.has_died() {
            self.kill_relay();
            self.after(RESTART_MS, Event::Fault(Fault::StartRelay));
        }
    }

    pub(super) fn drain_facility(&mut self, place: usize) {
        let now = self.now;
        if !self.parked.is_empty() && self.facilities[place].is_up() {
            for index in self.parked.remove(&place).unwrap_or_default() {
                self.after(RETRY_MS, Event::Job(index));
            }
        }
        let session = self.facilities[place].session();
        for message in self.facilities[place].take_sent() {
            self.fed[place].hears(&message);
            if let Message::Roll(update) = &message {
                let stated = Stated {
                    imports: self.truth.imports.len(),
                    notes: self.truth.notes.len(),
                    edits: self.truth.edits.len(),
                    position: self.facilities[place].log_end(),
                    at: now,
                };
                // Who has its clock set back may say a moment twice: the first word is the one that counts, for the relay as for
                // readers, since the second is not newer.
                let key = (update.roll.publisher, update.roll.at);
                self.truth.stated.entry(key).or_insert(stated);
            }
            if let Some(session) = session
                && let Some(message) = self.hostile.hears(now, place, message)
            {
                self.carry(place, session, message, Way::Up);
            }
        }
        if let Some(session) = session.filter(|_| self.facilities[place].take_hangup()) {
            self.after(60, Event::Lost { place, session });
        }
        self.notice(place);
        for (index, result) in self.facilities[place].take_done() {
            self.done(place, index, result);
        }
        if self.truth.lost.contains_key(&place)
            && !self.truth.rebuilt.contains_key(&place)
            && self.facilities[place].status().is_some_and(|status| !status.rebuilding)
        {
            // The relay may be at work ahead of this.
            self.await_all();
            let hour = self.relay.clock.shows(now);
            self.truth.rebuilt.insert(place, Rebuilt { at: now, hour });
        }
        let life = self.facilities[place].life();
        if self.facilities[place].wants_disk() {
            let slow = if self.facilities[place].disk.condition.slow { SLOW_MS } else { 0 };
            let wait = 1 + slow + self.dice.below(8);
            self.at(now.plus_ms(wait), Event::FacilityDisk { place, life, ahead: false });
        }
        if let Some(at) = self.facilities[place].wants_wake(now) {
            self.at(at, Event::FacilityWakes { place, life, ahead: false });
        }
        self.call_operator(place);
        if self.facilities[place].has_died() {
            self.kill(place);
            self.after(RESTART_MS, Event::Fault(Fault::StartFacility { place }));
        }
    }
}

/// How far back whoever has a stolen device dates what it writes, from when that was reported.
const DATED_BACK_MS: u64 = 3_600_000;
