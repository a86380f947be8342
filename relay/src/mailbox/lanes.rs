//! What does not wait for its place in a feed: what puts somebody out, what a reader wants first, and keys.
//!
//! It is sent at once, on a stream of its own, while the feed is far from there. The reader's cursor knows nothing of it: when the
//! feed comes to the place, it passes over what the reader has confirmed in this session, waits for the answer where that is
//! under way, and sends everything else. What this session knows is forgotten with it; then it comes once more and is known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use azalea_core::access::{ScopeKind, Statement};
use azalea_core::id::{ScopeId, Timestamp};
use azalea_core::identity::Certificate;
use azalea_core::sync::message::{Bytes, FeedItem, Lane, Message};
use azalea_core::sync::pace::Pace;

use super::ahead::{AheadQuery, Pick};
use super::group::Draft;
use super::load::{FeedAnswer, Found, Query};
use super::refill::Refill;
use super::tables::ScopeNumber;
use super::{Loading, Mailbox, SessionId};

/// Places of a feed that one session remembers as gone ahead. A reader holds what lies beyond a gap in its author's chain only up
/// to a limit, which is twice this.
pub(crate) const AHEAD_MAX: usize = 2_048;
/// Of these so many may be wanted or bring keys: what is urgent does not wait for room among them.
pub(crate) const PATIENT_MAX: usize = 1_024;
/// Bytes that may be under way on one lane of a fast line.
pub(crate) const LANE_BYTES_MAX: usize = 256 << 10;
/// Places that the feed itself gives at once, where it may.
const NEAR: u64 = 256;
/// How often a reader may say in a session what it wants first: each time its feed is looked through.
const FIRSTS_MAX: u32 = 1_024;

/// What an envelope says to those who put it into feeds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// A statement that a new reader of its scope gets before what is not.
    pub(crate) goes_first: bool,
    /// It goes ahead of its place: it puts somebody out, or brings keys.
    pub(crate) ahead: Option<Lane>,
}

/// Where something is that went ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ahead {
    /// The reader has not answered yet.
    UnderWay,
    /// The reader has confirmed that it is on its disk.
    Held,
}

/// What has gone ahead in one session.
pub(crate) struct Lanes {
    /// The place up to which the feed had been sent when the reader said what it wants first, and with it that it has been welcomed.
    opened_at: Option<u64>,
    firsts_left: u32,
    /// Places that the feed has not come to.
    ahead: BTreeMap<u64, Ahead>,
    /// The place at which the feed waits for an answer.
    held_up: Option<u64>,
    urgent: Side,
    wanted: Side,
    keys: Side,
    scopes: Arc<BTreeSet<ScopeNumber>>,
}

/// One of them.
struct Side {
    /// Places up to here were looked at.
    looked: u64,
    is_loading: bool,
    /// What is wanted changed while the disk was asked.
    is_outdated: bool,
    /// Not answered: by its place, in which message it went and its bytes.
    under_way: BTreeMap<u64, (u64, usize)>,
    messages: u64,
    pace: Pace,
}

impl Side {
    fn new() -> Self {
        let (under_way, pace) = (BTreeMap::new(), Pace::new(LANE_BYTES_MAX));
        Self { looked: 0, is_loading: false, is_outdated: false, under_way, messages: 0, pace }
    }

    fn bytes(&self) -> usize {
        self.under_way.values().map(|(_, bytes)| bytes).sum()
    }

    fn room(&self) -> usize {
        self.pace.window_bytes().saturating_sub(self.bytes())
    }

    fn has_failed(&mut self) {
        (self.is_loading, self.is_outdated) = (false, false);
    }

    fn answered(&mut self, now: Timestamp, place: u64) -> bool {
        if self.under_way.remove(&place).is_none() {
            return false;
        }
        let open = self.under_way.values().map(|(message, _)| *message).min();
        self.pace.confirmed(now, open.map_or(self.messages, |open| open - 1));
        true
    }
}

impl Lanes {
    pub(crate) fn new() -> Self {
        Self {
            opened_at: None,
            firsts_left: FIRSTS_MAX,
            ahead: BTreeMap::new(),
            held_up: None,
            urgent: Side::new(),
            wanted: Side::new(),
            keys: Side::new(),
            scopes: Arc::default(),
        }
    }

    fn side(&mut self, lane: Lane) -> &mut Side {
        match lane {
            Lane::Urgent => &mut self.urgent,
            Lane::Wanted => &mut self.wanted,
            Lane::Keys => &mut self.keys,
        }
    }

    fn sides(&self) -> [&Side; 3] {
        [&self.urgent, &self.wanted, &self.keys]
    }

    /// Whether something at this place of the feed went ahead of it.
    pub(crate) fn went_ahead(&self, place: u64) -> Option<Ahead> {
        self.ahead.get(&place).copied()
    }

    /// The feed has come so far, and waits at a place for the answer to what went ahead from there.
    pub(crate) fn feed_is_at(&mut self, scanned: u64, waits_for: Option<u64>) {
        self.ahead = self.ahead.split_off(&scanned.saturating_add(1));
        self.held_up = waits_for;
    }

    pub(crate) fn holds_up_the_feed(&self) -> bool {
        self.held_up.is_some_and(|place| self.went_ahead(place) == Some(Ahead::UnderWay))
    }

    pub(crate) fn is_under_way(&self) -> bool {
        self.sides().iter().any(|side| !side.under_way.is_empty())
    }

    /// Places that are remembered, and bytes under way.
    pub(crate) fn burden(&self) -> (usize, usize) {
        let bytes = self.sides().map(Side::bytes).into_iter().max();
        (self.ahead.len(), bytes.unwrap_or_default())
    }

    pub(crate) fn clock_was_set(&mut self) {
        Lane::ALL.into_iter().for_each(|lane| self.side(lane).pace.clock_was_set());
    }
}

impl Draft<'_> {
    /// What an envelope says in a scope, by its statement.
    pub(crate) fn said(&self, scope: &ScopeId, statement: Option<&Statement>) -> Said {
        let access = self.scope(scope).and_then(|scope| scope.access.as_deref());
        let is_pair = access.is_some_and(|access| access.kind() == ScopeKind::Pair)
            || matches!(statement, Some(Statement::PairOffer { .. }));
        let puts_out = match statement {
            Some(Statement::Revoke { .. } | Statement::Rotate { .. }) => true,
            Some(Statement::Certificate(said)) => matches!(said, Certificate::Revocation(_)),
            _ => false,
        };
        let goes_first = statement.is_some() && *scope != self.state.registry();
        let ahead = match (puts_out, is_pair) {
            (true, _) => Some(Lane::Urgent),
            (false, true) => Some(Lane::Keys),
            (false, false) => None,
        };
        Said { goes_first, ahead }
    }
}

impl Mailbox {
    /// A reader says which scopes it wants first. Of names that mean nothing here nothing is remembered.
    pub(crate) fn first_wanted(&mut self, session: SessionId, scopes: &[ScopeId]) {
        let numbers = scopes.iter().filter_map(|id| self.state.scopes.get(id));
        let numbers: BTreeSet<_> = numbers.map(|scope| scope.number).collect();
        self.with_member(session, |member| {
            let last_sent = member.last_sent;
            let lanes = &mut member.lanes;
            lanes.opened_at.get_or_insert(last_sent);
            if let Some(left) = lanes.firsts_left.checked_sub(1) {
                lanes.firsts_left = left;
                lanes.wanted.looked = 0;
                lanes.wanted.is_outdated = lanes.wanted.is_loading;
                lanes.scopes = Arc::new(numbers);
            }
        });
        self.pump(session);
    }

    /// Asks the disk for what is to go ahead, where the feed is not there at once by itself.
    pub(crate) fn pump_lanes(&mut self, session: SessionId) {
        for lane in Lane::ALL {
            let Some(query) = self.next_ahead(session, lane) else { continue };
            let to = query.to;
            self.with_member(session, |member| member.lanes.side(lane).is_loading = true);
            self.load(Query::Ahead(query), Loading::Ahead(session, lane, to));
        }
    }

    fn next_ahead(&mut self, session: SessionId, lane: Lane) -> Option<AheadQuery> {
        let member = self.sessions.get_mut(&session)?.subscribed_mut()?;
        let device = &self.state.devices[member.device as usize];
        let feed_end = self.state.feed_end(member.device);
        let at = member.sent_to();
        let is_full = member.bytes_under_way >= member.pace.window_bytes();
        let is_fed = matches!(member.refill, Refill::None | Refill::Going(_));
        let is_far = is_full || feed_end.saturating_sub(at) > NEAR;
        let oldest = member.under_way.front().map(|(place, _)| *place);
        let covered_but = member.covered_but(&self.state.revoked);
        let lanes = &mut member.lanes;
        let opened_at = lanes.opened_at?;
        let places_max = if lane == Lane::Urgent { AHEAD_MAX } else { PATIENT_MAX };
        if !(is_fed && is_far && lanes.ahead.len() < places_max) {
            return None;
        }
        let (to, pick) = match lane {
            Lane::Urgent | Lane::Keys => (device.urgent_end, Pick::Lane(lane)),
            Lane::Wanted if lanes.scopes.is_empty() => return None,
            Lane::Wanted => {
                (feed_end, Pick::Scopes { wanted: Arc::clone(&lanes.scopes), covered_but })
            }
        };
        let side = lanes.side(lane);
        let (after, room) = match lane {
            // Of thousands the first chart is not to wait for the last: one message at a time, and none before what the session
            // began with is there.
            Lane::Keys if !side.under_way.is_empty() => return None,
            Lane::Keys if oldest.is_some_and(|place| place <= opened_at) => return None,
            _ => (side.looked.max(at), side.room()),
        };
        if side.is_loading || after >= to || room == 0 {
            return None;
        }
        let bytes_max = room.min(side.pace.message_bytes());
        let tail = self.state.tail(member.device);
        Some(AheadQuery { recipient: member.device, after, to, bytes_max, pick, tail })
    }

    pub(crate) fn ahead_loaded(
        &mut self,
        now: Timestamp,
        session: SessionId,
        lane: Lane,
        to: u64,
        // What is passed over here is passed over by the feed too, and counted there.
        FeedAnswer { items, through, covered: _ }: FeedAnswer,
    ) {
        let Some(member) = self.sessions.get(&session).and_then(|known| known.subscribed()) else {
            return;
        };
        let at = member.sent_to();
        let is_new = |place| place > at && member.lanes.went_ahead(place).is_none();
        let items = items
            .into_iter()
            .filter(|item| is_new(item.position) && self.is_for(now, member, &item.row));
        let sendable = items.filter_map(|item| match item.found {
            Found::Whole(envelope) => {
                Some(FeedItem { position: item.position, envelope: Bytes(envelope) })
            }
            // The feed says so when it comes there.
            Found::Rotten { .. } => None,
        });
        let sendable: Vec<FeedItem> = sendable.collect();
        for item in &sendable {
            self.counters.bytes_out += item.envelope.0.len() as u64;
            self.counters.forwarded += 1;
        }
        self.with_member(session, |member| {
            if member.under_way.is_empty() && !member.lanes.is_under_way() {
                member.progress_at = now;
            }
            let lanes = &mut member.lanes;
            lanes.ahead.extend(sendable.iter().map(|item| (item.position, Ahead::UnderWay)));
            let side = lanes.side(lane);
            side.is_loading = false;
            if !std::mem::take(&mut side.is_outdated) {
                side.looked = side.looked.max(through.unwrap_or(to));
            }
            if !sendable.is_empty() {
                side.messages += 1;
                side.pace.sent(now, side.messages);
                let message = side.messages;
                let under_way = |item: &FeedItem| (item.position, (message, item.envelope.0.len()));
                side.under_way.extend(sendable.iter().map(under_way));
            }
        });
        if !sendable.is_empty() {
            self.send(session, Message::Ahead { lane, items: sendable });
        }
        self.pump(session);
    }

    pub(crate) fn ahead_failed(&mut self, session: SessionId, lane: Lane) {
        self.with_member(session, |member| member.lanes.side(lane).has_failed());
    }

    /// A reader holds some of what went ahead, and leaves the rest for its places in the feed.
    pub(crate) fn kept(&mut self, now: Timestamp, session: SessionId, held: &[u64], left: &[u64]) {
        self.with_member(session, |member| {
            for (place, is_held) in
                held.iter().map(|it| (it, true)).chain(left.iter().map(|it| (it, false)))
            {
                let lanes = &mut member.lanes;
                if Lane::ALL.into_iter().any(|lane| lanes.side(lane).answered(now, *place)) {
                    member.progress_at = now;
                    match is_held {
                        true => lanes.ahead.insert(*place, Ahead::Held),
                        false => lanes.ahead.remove(place),
                    };
                }
            }
        });
        self.pump(session);
    }
}
