//! Sending a feed: live from memory where the reader has all before it, else from the disk, within a window.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use azalea_core::id::{DeviceId, Timestamp};
use azalea_core::sync::heads::HeadTree;
use azalea_core::sync::message::{Bytes, FeedItem, Message, Welcome};

use super::group::{FeedEntry, Item};
use super::lanes::Ahead;
use super::load::{self, FeedAnswer, FeedQuery, Found, Query};
use super::refill::{Going, Refill};
use super::session::Subscribed;
use super::tables::{DeviceNumber, FeedRow};
use super::{Loading, Mailbox, SessionId};

/// Bytes that may be under way to one reader on a fast line before it confirms some.
pub(crate) const WINDOW_BYTES_MAX: usize = 4 << 20;
/// Items of one message.
const MESSAGE_ITEMS: usize = 256;

impl Mailbox {
    /// Greets a member and starts its feed; waits where its feed is still being filled.
    pub(crate) fn welcome(&mut self, now: Timestamp, session: SessionId) {
        let Some(member) = self.sessions.get(&session).and_then(|known| known.subscribed()) else {
            return;
        };
        let (from, device, id) = ((member.scanned, member.told_end), member.device, member.id);
        let yours = self.envelopes_of(now, device);
        let welcome = self.welcome_at(now, &id, from, yours);
        self.send(session, Message::Welcome(welcome));
        self.pump(session);
    }

    /// The welcome of a member whose feed goes on after a position, up to its end.
    pub(super) fn welcome_at(
        &self,
        now: Timestamp,
        member: &DeviceId,
        (position, end): (u64, u64),
        yours: u64,
    ) -> Welcome {
        let said = self.state.heads.said(member);
        let roll = said.map_or_else(|| HeadTree::default().root(), |said| said.roll.root);
        Welcome { epoch: self.state.epoch, position, end, at: now, yours, roll }
    }

    /// Asks the disk for more of a reader's feed, if it wants more and there is more.
    pub(crate) fn pump(&mut self, session: SessionId) {
        if !self.begins_refill(session) {
            return;
        }
        self.pump_lanes(session);
        let Some(member) = self.sessions.get(&session).and_then(|known| known.subscribed()) else {
            return;
        };
        let feed_end = self.state.feed_end(member.device);
        let room = member.pace.window_bytes().saturating_sub(member.bytes_under_way);
        if member.is_loading || room == 0 || member.lanes.holds_up_the_feed() {
            return;
        }
        let to = member.reads_to(feed_end);
        if member.scanned >= to {
            return self.caught_up(session);
        }
        let bytes_max = room.min(member.pace.message_bytes());
        let (recipient, after) = (member.device, member.scanned);
        let held = match &member.refill {
            Refill::Going(going) => Some(Arc::clone(&going.held)),
            _ => None,
        };
        let (tail, covered_but) =
            (self.state.tail(recipient), member.covered_but(&self.state.revoked));
        let query = FeedQuery { recipient, after, bytes_max, held, tail, covered_but };
        self.with_member(session, |member| member.is_loading = true);
        self.load(Query::Feed(query), Loading::Feed(session, to));
    }

    /// As [`Mailbox::pump`], for everybody.
    pub(crate) fn pump_all(&mut self, _now: Timestamp) {
        for session in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.pump(session);
        }
    }

    pub(crate) fn feed_loaded(
        &mut self,
        now: Timestamp,
        session: SessionId,
        through: u64,
        FeedAnswer { items, through: looked_at, covered }: FeedAnswer,
    ) {
        let Some(member) = self.sessions.get(&session).and_then(|known| known.subscribed()) else {
            return;
        };
        let device = member.device;
        let feed_end = self.state.feed_end(device);
        // Where rows are missing up to the end that was known, there is nothing to wait for.
        let to = member.reads_to(u64::MAX);
        let mut scanned = looked_at.unwrap_or(through).min(to);
        let mut sendable = Vec::new();
        let mut waits = false;
        let asked = items.into_iter().filter(|item| item.position <= to);
        let mine = asked.filter(|item| self.is_for(now, member, &item.row));
        let mut waits_for = None;
        let mine = mine.map(|item| (member.lanes.went_ahead(item.position), item));
        for (ahead, load::Item { position, row, found }) in mine.collect::<Vec<_>>() {
            match ahead {
                // The feed's last place is given all the same, or the reader's cursor would never come to its end.
                Some(Ahead::Held) if position < feed_end => continue,
                Some(Ahead::Held) => {}
                Some(Ahead::UnderWay) => {
                    (scanned, waits_for) = (position - 1, Some(position));
                    break;
                }
                None => {}
            }
            match found {
                Found::Whole(envelope) => sendable.push((position, envelope)),
                Found::Rotten { log, lost } => {
                    if !self.passes_over(session, device, &row, (log, lost)) {
                        (scanned, waits) = (position - 1, true);
                        break;
                    }
                }
            }
        }
        self.counters.passed_over += covered;
        self.with_member(session, |member| {
            member.is_loading = waits;
            member.scanned = member.scanned.max(scanned);
            member.lanes.feed_is_at(scanned, waits_for);
        });
        self.send_items(now, session, sendable);
        self.pump(session);
    }

    pub(crate) fn feed_failed(&mut self, session: SessionId) {
        self.with_member(session, |member| member.is_loading = false);
    }

    /// Whether an item of a feed is to be sent: access is asked now, not when it was queued.
    pub(crate) fn is_for(&self, now: Timestamp, member: &Subscribed, row: &FeedRow) -> bool {
        if row.author == member.device {
            return member.want_own;
        }
        let scope = self.state.scope_by_number(row.scope);
        row.parting || scope.is_some_and(|(scope, _)| self.may_read(now, &member.id, scope))
    }

    /// Forwards what a commit brought to the readers who are here.
    pub(crate) fn forward(
        &mut self,
        now: Timestamp,
        items: &[Item],
        left_out: &BTreeSet<usize>,
        feeds: BTreeMap<DeviceNumber, Vec<FeedEntry>>,
    ) {
        let mut passed_over = 0;
        for (device, entries) in feeds {
            let Some(session) = self.by_device.get(&device).copied() else { continue };
            let Some(member) = self.sessions.get(&session).and_then(|known| known.subscribed())
            else {
                continue;
            };
            let first = entries.first().map_or(0, |entry| entry.position);
            let mut room = member.pace.window_bytes().saturating_sub(member.bytes_under_way);
            let mut scanned = member.scanned;
            let mut sendable = Vec::new();
            if !member.is_loading && member.refill == Refill::None && scanned + 1 == first {
                for entry in &entries {
                    let Some(index) = entry.item else { break };
                    let item = &items[index];
                    if room == 0 {
                        break;
                    }
                    scanned = entry.position;
                    if left_out.contains(&index) {
                        passed_over += 1;
                    } else if self.is_for(now, member, &entry.row) {
                        room = room.saturating_sub(item.bytes.len());
                        sendable.push((entry.position, item.bytes.to_vec()));
                    }
                }
            }
            self.with_member(session, |member| member.scanned = scanned);
            self.send_items(now, session, sendable);
            self.pump(session);
        }
        self.counters.passed_over += passed_over;
    }

    fn send_items(&mut self, now: Timestamp, session: SessionId, items: Vec<(u64, Vec<u8>)>) {
        let member = self.sessions.get(&session).and_then(|known| known.subscribed());
        let message_bytes = member.map_or(0, |member| member.pace.message_bytes());
        let mut items = items.into_iter().peekable();
        while items.peek().is_some() && message_bytes > 0 {
            let (mut message, mut bytes) = (Vec::new(), 0);
            while message.len() < MESSAGE_ITEMS && bytes < message_bytes {
                let Some((position, envelope)) = items.next() else { break };
                bytes += envelope.len();
                message.push(FeedItem { position, envelope: Bytes(envelope) });
            }
            self.send_feed(now, session, message, items.peek().is_none());
        }
    }

    fn send_feed(&mut self, now: Timestamp, session: SessionId, items: Vec<FeedItem>, last: bool) {
        let Some(known) = self.sessions.get_mut(&session) else { return };
        let Some(member) = known.subscribed_mut() else { return };
        let feed_end = self.state.feed_end(member.device);
        if member.under_way.is_empty() {
            member.progress_at = now;
        }
        for item in &items {
            let size = item.envelope.0.len();
            member.under_way.push_back((item.position, size));
            member.bytes_under_way += size;
            member.last_sent = item.position;
            self.counters.bytes_out += size as u64;
            self.counters.forwarded += 1;
        }
        if !items.is_empty() {
            member.pace.sent(now, member.last_sent);
        }
        // What follows but is not for this reader must not keep it from having caught up.
        let is_end = last && member.scanned >= feed_end;
        member.told_end = if is_end { member.last_sent } else { feed_end };
        let end = member.told_end;
        self.send(session, Message::Feed { items, end });
    }

    /// The reader has been sent all there is: say so where it does not know, and give it the publishers' statements.
    fn caught_up(&mut self, session: SessionId) {
        let Some(known) = self.sessions.get_mut(&session) else { return };
        let Some(member) = known.subscribed_mut() else { return };
        if let Refill::Going(Going { resume: position, .. }) = member.refill {
            member.refill = Refill::None;
            (member.scanned, member.last_sent, member.told_end) = (position, position, position);
            self.send(session, Message::Refilled { position });
            return self.pump(session);
        }
        if member.told_end > member.last_sent {
            member.told_end = member.last_sent;
            let end = member.told_end;
            self.send(session, Message::Feed { items: Vec::new(), end });
        }
        self.tell_heads(session);
    }

    /// A reader holds everything up to `position`.
    pub(crate) fn seen(&mut self, now: Timestamp, session: SessionId, position: u64) {
        let Some(known) = self.sessions.get_mut(&session) else { return };
        let Some(member) = known.subscribed_mut() else { return };
        if position > member.sent_to() {
            return;
        }
        while member.under_way.front().is_some_and(|(under_way, _)| *under_way <= position) {
            let (_, bytes) = member.under_way.pop_front().expect("there is a front");
            member.bytes_under_way -= bytes;
        }
        member.pace.confirmed(now, position);
        member.progress_at = now;
        // What is given once more lies before what it confirmed long ago.
        if member.refill == Refill::None {
            let device = member.device;
            self.noted.insert(device, (position, now));
        }
        self.pump(session);
    }

    pub(crate) fn with_member(&mut self, session: SessionId, change: impl FnOnce(&mut Subscribed)) {
        if let Some(member) =
            self.sessions.get_mut(&session).and_then(|known| known.subscribed_mut())
        {
            change(member);
        }
    }
}
