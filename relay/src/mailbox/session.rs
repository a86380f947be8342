//! One connection: what stage it is in, and what it may say there.

use std::collections::{BTreeSet, VecDeque};

use azalea_core::access::{Action, Question, decide};
use azalea_core::id::{DeviceId, FacilityId, ScopeId, Timestamp};
use azalea_core::identity::{PublicKey, StandingError};
use azalea_core::sync::message::{Goodbye, Hello, Message, NotAdmitted};
use azalea_core::sync::pace::Pace;
use rand::CryptoRng;

use super::enrol::Proving;
use super::heads::Told;
use super::lanes::Lanes;
use super::members::Fill;
use super::refill::{Held, Refill};
use super::subscribe::WINDOW_BYTES_MAX;
use super::tables::{DeviceNumber, Progress};
use super::{Effect, Mailbox, Notice, Own, SessionId};

/// A connection that has said nothing useful for this long is ended.
const OPENING_MS_MAX: u64 = 15_000;
/// A reader that has not confirmed anything for this long, with items under way, is ended: it may connect again.
const STALLED_MS_MAX: u64 = 180_000;
/// Messages in which a node may say what it holds, in one session: more than the largest hospital has to say, several times.
const HOLDINGS_MAX: u8 = 255;
/// Clocks that differ by more than this are noted.
const CLOCK_OFF_MS: u64 = 60_000;

pub(crate) struct Session {
    pub(crate) key: PublicKey,
    pub(crate) since: Timestamp,
    pub(crate) stage: Stage,
}

pub(crate) enum Stage {
    /// Connected, nothing said.
    Opening,
    /// Asked to open what was sealed to it.
    Proving(Box<Proving>),
    /// Proven; its certificates are on the way to the disk.
    Enrolling,
    /// Its own envelopes are being put into its feed before it is welcomed.
    Rebuilding(Subscribed),
    /// A member, with its feed.
    Subscribed(Subscribed),
}

/// A member's place in its feed.
pub(crate) struct Subscribed {
    pub(crate) device: DeviceNumber,
    pub(crate) id: DeviceId,
    pub(crate) facility: FacilityId,
    pub(crate) want_own: bool,
    /// Feed positions up to here have been sent or passed over.
    pub(crate) scanned: u64,
    /// The last position that was sent.
    pub(crate) last_sent: u64,
    /// The end that was last told.
    pub(crate) told_end: u64,
    /// Sent and not yet confirmed: position and bytes.
    pub(crate) under_way: VecDeque<(u64, usize)>,
    pub(crate) bytes_under_way: usize,
    pub(crate) pace: Pace,
    pub(crate) is_loading: bool,
    pub(crate) progress_at: Timestamp,
    /// What it was told of its publishers.
    pub(crate) told: Told,
    /// Certificates that it was asked for, by their digests.
    pub(crate) wanted: BTreeSet<[u8; 32]>,
    /// How often it may still say what it holds, or ask for its feed once more: that costs us more than it costs the member.
    pub(crate) holdings_left: u8,
    /// Where the chains end that it said it holds.
    pub(crate) held: Held,
    pub(crate) refill: Refill,
    pub(crate) lanes: Lanes,
}

impl Session {
    pub(crate) fn new(key: PublicKey, now: Timestamp) -> Self {
        Self { key, since: now, stage: Stage::Opening }
    }

    pub(crate) fn subscribed(&self) -> Option<&Subscribed> {
        match &self.stage {
            Stage::Subscribed(subscribed) => Some(subscribed),
            _ => None,
        }
    }

    pub(crate) fn subscribed_mut(&mut self) -> Option<&mut Subscribed> {
        match &mut self.stage {
            Stage::Subscribed(subscribed) => Some(subscribed),
            _ => None,
        }
    }
}

impl Mailbox {
    pub(crate) fn received(
        &mut self,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
        session: SessionId,
        message: Message,
    ) {
        let Some(known) = self.sessions.get(&session) else { return };
        match (&known.stage, message) {
            (Stage::Opening, Message::Hello(hello)) => self.hello(now, session, &hello),
            (Stage::Opening, Message::Enrol(enrol)) => self.enrol(now, rng, session, enrol),
            (Stage::Proving(_), Message::Prove { nonce }) => self.prove(now, session, &nonce),
            (Stage::Subscribed(_), Message::Push(envelopes)) => {
                self.pushed(now, session, envelopes);
            }
            (Stage::Subscribed(_), Message::Seen { position }) => {
                self.seen(now, session, position);
            }
            (Stage::Subscribed(_), Message::First { scopes }) => {
                self.first_wanted(session, &scopes);
            }
            (Stage::Subscribed(_), Message::Kept { held, left }) => {
                self.kept(now, session, &held, &left);
            }
            (Stage::Subscribed(_), Message::Roll(update)) => self.take_roll(now, session, update),
            (Stage::Subscribed(_), Message::WantHead { publisher }) => {
                self.head_wanted(session, publisher);
            }
            (Stage::Subscribed(_), Message::Holding { chains, certificates }) => {
                self.holding(now, session, &chains, certificates);
            }
            (Stage::Subscribed(_), Message::Refill) => self.refill_wanted(now, session),
            (Stage::Subscribed(_), Message::Certificates(certificates)) => {
                self.take_certificates(now, session, certificates);
            }
            (_, Message::Goodbye(_)) => self.close(now, session, Goodbye::Closing),
            _ => self.close(now, session, Goodbye::Protocol),
        }
    }

    fn hello(&mut self, now: Timestamp, session: SessionId, hello: &Hello) {
        let Some(key) = self.sessions.get(&session).map(|known| known.key) else { return };
        let (device, facility) = match self.member(now, &key, hello) {
            Ok(member) => member,
            Err(why) => {
                self.counters.not_admitted += 1;
                return self.close(now, session, Goodbye::NotAdmitted(why));
            }
        };
        let off_ms = now.0.abs_diff(hello.at.0);
        if off_ms > CLOCK_OFF_MS {
            let device = hello.device;
            self.effects.push_back(Effect::Notice(Notice::Clock { device, off_ms }));
        }
        // A device whose line was cut comes back before we notice; the newest connection is the one that counts.
        if let Some(former) = self.by_device.insert(device, session)
            && former != session
        {
            self.close(now, former, Goodbye::Closing);
            self.by_device.insert(device, session);
        }
        let end = self.state.feed_end(device);
        self.compare(device, hello, end);
        let (position, refill) = match hello.cursor {
            None => (0, Refill::None),
            Some(cursor) if cursor.epoch == self.state.epoch && cursor.position <= end => {
                (cursor.position, Refill::None)
            }
            Some(_) => (0, Refill::Awaited),
        };
        let subscribed = Subscribed {
            device,
            id: hello.device,
            facility,
            want_own: hello.want_own,
            scanned: position,
            last_sent: position,
            told_end: end,
            under_way: VecDeque::new(),
            bytes_under_way: 0,
            pace: Pace::new(WINDOW_BYTES_MAX),
            is_loading: false,
            progress_at: now,
            told: Told::nothing(self.state.heads.publishers(facility)),
            wanted: BTreeSet::new(),
            holdings_left: HOLDINGS_MAX,
            held: Held::default(),
            refill,
            lanes: Lanes::new(),
        };
        self.noted.insert(device, (position, now));
        self.counters.sessions += 1;
        self.in_order = None;
        let stage = match hello.want_own && self.rebuild(device) {
            true => Stage::Rebuilding(subscribed),
            false => Stage::Subscribed(subscribed),
        };
        self.sessions.insert(session, Session { key, since: now, stage });
        self.welcome(now, session);
    }

    /// The device and facility of a member in good order; otherwise why not.
    pub(super) fn member(
        &self,
        now: Timestamp,
        key: &PublicKey,
        hello: &Hello,
    ) -> Result<(DeviceNumber, FacilityId), NotAdmitted> {
        if hello.network != self.state.network {
            return Err(NotAdmitted::OtherNetwork);
        }
        // Who says to be somebody else learns nothing about them.
        if key.device_id() != hello.device {
            return Err(NotAdmitted::Unknown);
        }
        let standing = self.state.roster.in_order(&hello.device, now);
        let facility = standing.map_err(|error| self.why(&hello.device, error))?.facility.id();
        let number = self.state.numbers.get(&hello.device).copied();
        Ok((number.ok_or(NotAdmitted::Unknown)?, facility))
    }

    /// What a device is told that is not in good order. A revoked one is told so whatever its certificate's dates are.
    fn why(&self, device: &DeviceId, error: StandingError) -> NotAdmitted {
        if self.state.roster.cutoff(device, &self.state.registry()).is_some() {
            return NotAdmitted::Revoked;
        }
        match error {
            StandingError::Unknown => NotAdmitted::Unknown,
            StandingError::NotYetValid => NotAdmitted::NotYetValid,
            StandingError::Expired => NotAdmitted::Expired,
            StandingError::Revoked { .. } => NotAdmitted::Revoked,
        }
    }

    /// Looks whether either store has gone back in time: a reader confirms what its disk has, and we what ours has.
    fn compare(&mut self, number: DeviceNumber, hello: &Hello, end: u64) {
        let Some(cursor) = hello.cursor.filter(|cursor| cursor.epoch == self.state.epoch) else {
            return;
        };
        let seen = self.confirmed_by(number);
        let device = hello.device;
        if cursor.position > end {
            self.is_behind = true;
            self.effects.push_back(Effect::Notice(Notice::Behind { device }));
        } else if cursor.position < seen {
            self.effects.push_back(Effect::Notice(Notice::RolledBack { device }));
        }
    }

    /// How far a device is known to hold its feed.
    pub(super) fn confirmed_by(&self, number: DeviceNumber) -> u64 {
        let known = &self.state.devices[number as usize].row;
        self.noted.get(&number).map_or(known.seen, |(seen, _)| *seen)
    }

    /// Begins to put a device's own envelopes into its feed; `false` where there are none to put.
    fn rebuild(&mut self, device: DeviceNumber) -> bool {
        if self.owns.contains_key(&device) {
            return true;
        }
        let after = self.state.devices[device as usize].row.own_through;
        let scopes: Vec<ScopeId> = self
            .state
            .scopes
            .iter()
            .filter(|(_, scope)| scope.chains.contains_key(&device) && scope.last > after)
            .map(|(id, _)| *id)
            .collect();
        if scopes.is_empty() {
            return false;
        }
        let through = self.state.next_log - 1;
        self.owns.insert(device, Own { scopes_left: scopes.len(), through });
        let progress = Progress { after, stated: 0 };
        let fill = |scope| (Fill { scope, recipient: device, own: true }, progress);
        self.queue_fills(scopes.into_iter().map(fill));
        true
    }

    /// One more scope of a device's own is in its feed; after the last it is welcomed.
    pub(crate) fn own_done(&mut self, now: Timestamp, device: DeviceNumber) {
        let Some(own) = self.owns.get_mut(&device) else { return };
        own.scopes_left = own.scopes_left.saturating_sub(1);
        if own.scopes_left > 0 {
            return;
        }
        self.owns.remove(&device);
        let Some(session) = self.by_device.get(&device).copied() else { return };
        let Some(known) = self.sessions.get_mut(&session) else { return };
        known.stage = match std::mem::replace(&mut known.stage, Stage::Opening) {
            Stage::Rebuilding(mut subscribed) => {
                subscribed.told_end = self.state.feed_end(device);
                Stage::Subscribed(subscribed)
            }
            other => other,
        };
        self.welcome(now, session);
    }

    pub(crate) fn facility_of(&self, session: SessionId) -> Option<FacilityId> {
        self.sessions.get(&session)?.subscribed().map(|subscribed| subscribed.facility)
    }

    /// Whether a device may read a scope now; asked again for every item that is sent.
    pub(crate) fn may_read(&self, now: Timestamp, device: &DeviceId, scope: &ScopeId) -> bool {
        let access = self.state.scopes.get(scope).and_then(|scope| scope.access.as_deref());
        let question = Question { device: *device, action: Action::Read, at: now };
        decide(&self.state.roster, scope, access, &question).is_ok()
    }

    /// Ends a connection with a word.
    pub(crate) fn close(&mut self, now: Timestamp, session: SessionId, goodbye: Goodbye) {
        self.effects.push_back(Effect::Close { session, goodbye });
        self.drop_session(now, session);
    }

    /// Forgets a connection that is gone.
    pub(crate) fn drop_session(&mut self, now: Timestamp, session: SessionId) {
        let Some(gone) = self.sessions.remove(&session) else { return };
        let (Stage::Subscribed(subscribed) | Stage::Rebuilding(subscribed)) = gone.stage else {
            return;
        };
        if self.by_device.get(&subscribed.device) == Some(&session) {
            self.by_device.remove(&subscribed.device);
        }
        let row = self.state.devices[subscribed.device as usize].row;
        let noted = self.noted.entry(subscribed.device).or_insert((row.seen, now));
        noted.1 = now;
        self.flush = true;
    }

    /// Ends the connections of those who are no longer members.
    pub(crate) fn close_revoked(&mut self, now: Timestamp) {
        let roster = &self.state.roster;
        let mut until = Timestamp(u64::MAX);
        let mut revoked = Vec::new();
        for (session, known) in &self.sessions {
            let (Stage::Subscribed(member) | Stage::Rebuilding(member)) = &known.stage else {
                continue;
            };
            match roster.in_order(&member.id, now) {
                Ok(_) => until = until.min(roster.stands_until(&member.id, now)),
                Err(error) => revoked.push((*session, self.why(&member.id, error))),
            }
        }
        for (session, why) in revoked {
            self.close(now, session, Goodbye::NotAdmitted(why));
        }
        self.in_order = Some((now, until));
    }

    /// Ends connections that say nothing or confirm nothing.
    pub(crate) fn close_stalled(&mut self, now: Timestamp) {
        let stalled = self.sessions.iter().filter_map(|(session, known)| match &known.stage {
            Stage::Opening | Stage::Proving(_) => {
                (now.since_ms(known.since) > OPENING_MS_MAX).then_some(*session)
            }
            Stage::Subscribed(member) => ((!member.under_way.is_empty()
                || member.lanes.is_under_way())
                && now.since_ms(member.progress_at) > STALLED_MS_MAX)
                .then_some(*session),
            Stage::Enrolling | Stage::Rebuilding(_) => None,
        });
        for session in stalled.collect::<Vec<_>>() {
            self.counters.stalled += 1;
            self.close(now, session, Goodbye::Closing);
        }
        // Of hundreds of members nobody's papers end between two looks, as a rule.
        if self.in_order.is_none_or(|(from, until)| now < from || now >= until) {
            self.close_revoked(now);
        }
    }
}
