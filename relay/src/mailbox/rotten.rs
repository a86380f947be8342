//! Envelopes that the log can no longer give: remembered, asked for again, and given to whoever had to do without.
//!
//! ```text
//! a reader's feed meets it ─► written down, with the reader ─► the reader goes on without it
//!                                    └─► its author, or another who holds it, is told that the chain ends before it
//!                                             └─► pushed again ─► logged anew ─► the feeds that missed it
//! ```
//!
//! Nobody is told more than a relay that has gone back in time tells, so every node understands it: the welcome counts none
//! of the node's envelopes, the node says what it holds, and `Lacking` names the end of the chain before the first that is
//! gone. What is pushed behind that and stands in the log is known by its id and costs no room.

use std::collections::{BTreeMap, BTreeSet};

use azalea_core::envelope::VerifiedEnvelope;
use azalea_core::id::{DeviceId, EnvelopeId, ScopeId, Timestamp};
use azalea_core::storage::{Order, Range, Read};
use azalea_core::sync::message::Goodbye;
use azalea_core::wire::{Wire, WireError};

use super::group::{Draft, Item};
use super::holding::ASKED_MS;
use super::state::OpenError;
use super::tables::{
    self, ChainRow, DeviceNumber, FeedRow, Lost, MISSED, Missed, RottenRow, ScopeNumber,
};
use super::{Effect, Mailbox, Notice, SessionId};

/// Rotten envelopes that are remembered and asked for; a log that has lost more is set up from a backup.
const OPEN_MAX: usize = 16_384;
/// After all were asked in vain, the first is asked again after this pause, and after each further round twice as long.
const ROUND_MS: u64 = 300_000;
/// How often that pause grows: to ten hours.
const ROUNDS: u32 = 7;
/// Rotten envelopes for which somebody is looked for at once.
const LOOKED_FOR_MAX: usize = 256;

/// What is gone from the log and not here again.
#[derive(Default)]
pub(crate) struct Rotten {
    open: BTreeMap<u64, RottenRow>,
    places: BTreeMap<(ScopeNumber, DeviceNumber, u64), u64>,
    /// Positions at which something was gone that is here again, further on.
    returned: BTreeSet<u64>,
}

/// A reader's feed has met an envelope that is gone, and waits until that is written down.
pub(crate) struct Met {
    pub(crate) session: SessionId,
    pub(crate) log: u64,
    pub(crate) lost: Lost,
    pub(crate) missed: Missed,
}

/// Who was asked for an envelope that is gone, when the last of them, and how often all of them in vain.
pub(crate) struct AskedAgain {
    at: Timestamp,
    devices: BTreeSet<DeviceNumber>,
    rounds: u32,
}

impl Rotten {
    /// Reads what is gone; `returned` is told of each that is here again its scope and its new position.
    pub(crate) fn load(
        store: &dyn Read,
        mut returned: impl FnMut(ScopeNumber, u64),
    ) -> Result<Self, OpenError> {
        let mut rotten = Self::default();
        let mut result = Ok(());
        store.scan(tables::ROTTEN, &Range::all(), Order::Ascending, &mut |key, value| {
            let log = key.try_into().map(u64::from_be_bytes);
            let log = log.map_err(|_| WireError::Short { field: "position" });
            let row = log.and_then(|log| Ok((log, RottenRow::from_bytes(value)?)));
            result = row.map(|(log, row)| {
                row.again.into_iter().for_each(|again| returned(row.lost.scope, again));
                rotten.note(log, row);
            });
            result.is_ok()
        })?;
        let table = tables::ROTTEN.name();
        result.map(|()| rotten).map_err(|source| OpenError::Row { table, source })
    }

    /// Takes over what a commit has changed.
    pub(crate) fn note(&mut self, log: u64, row: RottenRow) {
        let Lost { scope, author, seq, .. } = row.lost;
        match row.again {
            None => {
                self.places.insert((scope, author, seq), log);
                self.open.insert(log, row);
            }
            Some(_) => {
                self.places.remove(&(scope, author, seq));
                self.open.remove(&log);
                self.returned.insert(log);
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// The first of a chain that is gone.
    pub(crate) fn first(&self, scope: ScopeNumber, author: DeviceNumber) -> Option<&Lost> {
        let of_chain = (scope, author, 0)..=(scope, author, u64::MAX);
        let (_, log) = self.places.range(of_chain).next()?;
        self.open.get(log).map(|row| &row.lost)
    }

    /// How many of an author's are gone.
    pub(crate) fn many_of(&self, author: DeviceNumber) -> u64 {
        self.open.values().filter(|row| row.lost.author == author).count() as u64
    }

    fn is_missed_by(&self, log: u64, reader: DeviceNumber) -> bool {
        self.open.get(&log).is_some_and(|row| row.is_missed_by(reader))
    }

    fn has_room_for(&self, log: u64) -> bool {
        match self.open.get(&log) {
            Some(row) => row.missed.len() < MISSED.max,
            None => self.open.len() < OPEN_MAX,
        }
    }
}

impl RottenRow {
    fn is_missed_by(&self, reader: DeviceNumber) -> bool {
        self.missed.iter().any(|missed| missed.recipient == reader)
    }
}

impl Draft<'_> {
    fn rotten(&self, log: u64) -> Option<&RottenRow> {
        self.group.rotten.get(&log).or_else(|| self.state.rotten.open.get(&log))
    }

    /// The log position of a place in a chain whose envelope `id` is gone.
    pub(crate) fn is_lost(
        &self,
        scope: &ScopeId,
        author: DeviceNumber,
        seq: u64,
        id: &EnvelopeId,
    ) -> Option<u64> {
        let number = self.state.scopes.get(scope)?.number;
        let log = *self.state.rotten.places.get(&(number, author, seq))?;
        let row = self.rotten(log)?;
        (row.again.is_none() && row.lost.id == *id).then_some(log)
    }

    /// Writes down that an envelope is gone, and who goes on without it.
    pub(crate) fn lose(&mut self, met: Met) {
        let Met { session, log, lost, missed } = met;
        self.group.met.push(session);
        // It came back while the disk was read; the feed finds it now.
        if self.state.rotten.returned.contains(&log) {
            return;
        }
        let new = || RottenRow { lost, missed: Vec::new(), again: None };
        let mut row = self.rotten(log).cloned().unwrap_or_else(new);
        if row.again.is_none() && !row.is_missed_by(missed.recipient) {
            row.missed.push(missed);
            self.keep_rotten(log, row);
        }
    }

    /// Takes an envelope again that was gone. Whether its author might write it was decided when it came first, and what it
    /// says has had its effect; so it is logged anew and nothing else. The page it stood on is not touched: it may
    /// not be readable, and a commit that needs it would fail with all that is in it.
    pub(crate) fn take_again(&mut self, log: u64, verified: &VerifiedEnvelope) {
        let Some(row) = self.rotten(log).cloned() else { return };
        let Lost { scope, author, seq, id, .. } = row.lost;
        let (bytes, again) = (verified.as_bytes(), self.group.next_log);
        self.group.next_log += 1;
        self.scope_mut(&verified.header().scope).last = again;
        let place = ChainRow { position: again, id };
        let batch = &mut self.group.batch;
        batch.put(tables::LOG, again.to_be_bytes(), tables::log_value(again, bytes));
        batch.put(tables::CHAIN, tables::chain_key(scope, author, seq), place.to_bytes());
        // Whoever missed it has been without it for long, and what has come since stands behind it.
        let (scope_id, ahead) = (verified.header().scope, None);
        let item = Item { scope: scope_id, author, log: again, bytes: bytes.into(), ahead };
        self.group.items.push(item);
        let index = self.group.items.len() - 1;
        for Missed { recipient, parting } in row.missed {
            self.feed(recipient, FeedRow { scope, author, log: again, parting }, Some(index));
        }
        self.keep_rotten(log, RottenRow { missed: Vec::new(), again: Some(again), ..row });
    }

    fn keep_rotten(&mut self, log: u64, row: RottenRow) {
        self.group.batch.put(tables::ROTTEN, log.to_be_bytes(), row.to_bytes());
        self.group.rotten.insert(log, row);
    }
}

impl Mailbox {
    /// Whether a reader may go on without an envelope that is gone. Otherwise it waits until that is written down: what is
    /// sent beyond it moves the reader's cursor past it, and nothing but our own word would bring it back.
    pub(crate) fn passes_over(
        &mut self,
        session: SessionId,
        reader: DeviceNumber,
        row: &FeedRow,
        (log, lost): (u64, Option<Lost>),
    ) -> bool {
        let rotten = &self.state.rotten;
        let is_back = rotten.returned.contains(&log);
        let is_kept = is_back || rotten.is_missed_by(log, reader) || rotten.has_room_for(log);
        match lost.filter(|_| is_kept) {
            Some(_) if rotten.is_missed_by(log, reader) => true,
            Some(lost) => {
                let missed = Missed { recipient: reader, parting: row.parting };
                self.met.push(Met { session, log, lost, missed });
                false
            }
            None => {
                self.counters.damaged += 1;
                self.effects.push_back(Effect::Notice(Notice::Damaged { log, author: None }));
                true
            }
        }
    }

    /// The disk has what a commit says of envelopes that are gone or here again.
    pub(crate) fn rotten_noted(&mut self, now: Timestamp, rotten: BTreeMap<u64, RottenRow>) {
        let mut is_new = false;
        for (log, row) in rotten {
            let author = self.state.devices.get(row.lost.author as usize).map(|device| device.id);
            let notice = match row.again {
                Some(_) => {
                    self.counters.mended += 1;
                    self.asked_again.remove(&log);
                    Some(Notice::Mended { log })
                }
                None if !self.state.rotten.open.contains_key(&log) => {
                    self.counters.damaged += 1;
                    is_new = true;
                    Some(Notice::Damaged { log, author })
                }
                None => None,
            };
            self.effects.extend(notice.map(Effect::Notice));
            self.state.rotten.note(log, row);
        }
        if is_new {
            if self.has_lost_its_own() {
                self.is_unsaid = true;
                self.look_for_unsaid();
            }
            self.look_for_rotten(now);
        }
    }

    /// Readers that waited for the disk go on.
    pub(crate) fn go_on(&mut self, sessions: Vec<SessionId>) {
        for session in sessions {
            self.with_member(session, |member| member.is_loading = false);
            self.pump(session);
        }
    }

    /// Has somebody come anew who may hold what is gone: its welcome will say that something is. The author first, then one
    /// reader of the scope at a time.
    pub(crate) fn look_for_rotten(&mut self, now: Timestamp) {
        let mut asked = BTreeSet::new();
        for known in self.asked_again.values_mut() {
            // An answer may have been lost with a line or a process, and who holds it may have come since.
            if now.since_ms(known.at) >= ROUND_MS << known.rounds.min(ROUNDS) {
                known.devices.clear();
                known.rounds += 1;
            }
        }
        for (log, row) in self.state.rotten.open.iter().take(LOOKED_FOR_MAX) {
            if !self.is_due(now, *log) {
                continue;
            }
            let scope = self.state.scope_by_number(row.lost.scope);
            let readers = scope.into_iter().flat_map(|(_, scope)| scope.members.keys().copied());
            let known = self.asked_again.get(log);
            let may_hold = |device: &DeviceNumber| {
                !row.is_missed_by(*device)
                    && known.is_none_or(|known| !known.devices.contains(device))
            };
            let next = [row.lost.author].into_iter().chain(readers).filter(may_hold);
            let session = |device| Some((device, *self.by_device.get(&device)?));
            if let Some((device, session)) = next.filter_map(session).next() {
                asked.insert((*log, device, session));
            }
        }
        for (log, device, _) in &asked {
            self.note_asked(now, *log, *device);
        }
        for session in asked.into_iter().map(|(_, _, session)| session).collect::<BTreeSet<_>>() {
            self.close(now, session, Goodbye::Closing);
        }
    }

    /// How many of a member's own envelopes its welcome is to name. None where it is to say what it holds: a number that is too
    /// small is what makes a node say so, and how many it counts as acknowledged by now is not known here.
    pub(crate) fn envelopes_of(&mut self, now: Timestamp, member: DeviceNumber) -> u64 {
        let open = self.state.rotten.open.iter();
        let wanted = open.filter(|(log, row)| self.may_bring(now, **log, row, member));
        let wanted: Vec<u64> = wanted.map(|(log, _)| *log).take(LOOKED_FOR_MAX).collect();
        for log in &wanted {
            self.note_asked(now, *log, member);
        }
        match wanted.is_empty() {
            true => self.state.devices[member as usize].written,
            false => 0,
        }
    }

    fn may_bring(&self, now: Timestamp, log: u64, row: &RottenRow, member: DeviceNumber) -> bool {
        if row.lost.author == member {
            return true;
        }
        let scope = self.state.scope_by_number(row.lost.scope);
        let is_reader = scope.is_some_and(|(_, scope)| scope.members.contains_key(&member));
        let asked = self.asked_again.get(&log);
        let was_asked = |device| asked.is_some_and(|asked| asked.devices.contains(&device));
        let author = row.lost.author;
        let author_may =
            self.by_device.contains_key(&author) && !row.is_missed_by(author) && !was_asked(author);
        let is_next = if self.is_due(now, log) { !author_may } else { was_asked(member) };
        is_reader && !row.is_missed_by(member) && is_next
    }

    /// Whether nobody has been asked for it lately.
    fn is_due(&self, now: Timestamp, log: u64) -> bool {
        self.asked_again.get(&log).is_none_or(|asked| now.since_ms(asked.at) >= ASKED_MS)
    }

    fn note_asked(&mut self, now: Timestamp, log: u64, device: DeviceNumber) {
        // Bounded by what is gone, and for each by those who may read it.
        let new = || AskedAgain { at: now, devices: BTreeSet::new(), rounds: 0 };
        let asked = self.asked_again.entry(log).or_insert_with(new);
        asked.at = now;
        asked.devices.insert(device);
    }

    /// How many of a device's envelopes are gone from the log and not here again.
    pub(crate) fn lost_of(&self, device: &DeviceId) -> u64 {
        let number = self.state.numbers.get(device);
        number.map_or(0, |number| self.state.rotten.many_of(*number))
    }
}
