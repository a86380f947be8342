//! Publishers' rolls: kept as they were signed, passed on to each recipient with its own share.
//!
//! Whose share changed is told at once. Everybody else is told once per interval, in one message, what all of their publishers
//! have said: that nothing has changed can wait until the others have said it too.

use std::collections::{BTreeMap, BTreeSet};

use azalea_core::id::{DeviceId, FacilityId, Timestamp};
use azalea_core::sync::heads::{HeadRoll, HeadShare, HeadTree, HeadUpdate, HeadWord, rounds};
use azalea_core::sync::message::Message;
use azalea_core::wire::{Wire, WireError};

use super::group::Draft;
use super::state::{OpenError, each};
use super::tables::{self, DeviceNumber};
use super::{Mailbox, Read, SessionId};

/// What a publisher said last.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) roll: HeadRoll,
    pub(crate) tree: HeadTree,
}

/// What everybody said last.
#[derive(Default)]
pub(crate) struct Heads {
    said: BTreeMap<DeviceId, Said>,
    /// Who is told something by whom.
    told: BTreeSet<(FacilityId, DeviceId)>,
}

impl Heads {
    /// Reads what was said. A roll that does not cover the shares beside it is as good as none: its publisher says it again.
    pub(crate) fn load(store: &dyn Read) -> Result<Self, OpenError> {
        let mut shares: BTreeMap<DeviceId, Vec<HeadShare>> = BTreeMap::new();
        each(store, tables::HEAD_SHARE, |key, share: HeadShare| {
            let publisher = tables::share_publisher(key);
            let publisher = publisher.ok_or(WireError::Short { field: "share's publisher" })?;
            shares.entry(publisher).or_default().push(share);
            Ok(())
        })?;
        let mut heads = Self::default();
        each(store, tables::HEAD_ROLL, |_, roll: HeadRoll| {
            let tree = HeadTree::of(shares.remove(&roll.publisher).unwrap_or_default());
            if tree.root() == roll.root {
                let told = tree.shares().iter().map(|share| (share.recipient, roll.publisher));
                heads.told.extend(told);
                heads.said.insert(roll.publisher, Said { roll, tree });
            }
            Ok(())
        })?;
        Ok(heads)
    }

    pub(crate) fn said(&self, publisher: &DeviceId) -> Option<&Said> {
        self.said.get(publisher)
    }

    /// Takes what is new: rolls, and whom they tell something else than before.
    pub(crate) fn extend(
        &mut self,
        said: BTreeMap<DeviceId, Said>,
        told: &BTreeSet<(FacilityId, DeviceId)>,
    ) {
        self.told.extend(told);
        self.said.extend(said);
    }

    /// Who says something to a facility.
    pub(crate) fn publishers(&self, recipient: FacilityId) -> impl Iterator<Item = DeviceId> {
        let all = (recipient, DeviceId([0; 16]))..=(recipient, DeviceId([0xff; 16]));
        self.told.range(all).map(|(_, publisher)| *publisher)
    }
}

/// What one reader was told of its publishers in this session: whose word it has, of when, under which root.
#[derive(Default)]
pub(crate) struct Told {
    by: BTreeMap<DeviceId, (Timestamp, [u8; 32])>,
    /// Publishers whose newest word it should get once it has caught up.
    due: BTreeSet<DeviceId>,
}

impl Told {
    /// Nothing yet, and these have something to say.
    pub(crate) fn nothing(due: impl Iterator<Item = DeviceId>) -> Self {
        Self { by: BTreeMap::new(), due: due.collect() }
    }

    /// The next words, a message at a time.
    fn next(&mut self, facility: &FacilityId, heads: &Heads) -> Vec<HeadWord> {
        let mut words = Vec::new();
        while words.len() < WORDS_MAX
            && let Some(publisher) = self.due.pop_first()
        {
            let Some(Said { roll, tree }) = heads.said(&publisher) else { continue };
            let before = self.by.get(&publisher).copied();
            if before.is_some_and(|(at, _)| at >= roll.at) {
                continue;
            }
            let share = match before.is_some_and(|(_, root)| root == roll.root) {
                true => None,
                false => match tree.share(facility) {
                    Some(share) => Some(share),
                    None => continue,
                },
            };
            self.by.insert(publisher, (roll.at, roll.root));
            words.push(HeadWord { roll: roll.clone(), share });
        }
        words
    }
}

impl Mailbox {
    /// A reader has been sent all there is: it is given its publishers' words.
    pub(crate) fn tell_heads(&mut self, session: SessionId) {
        loop {
            let Some(known) = self.sessions.get_mut(&session) else { return };
            let Some(member) = known.subscribed_mut() else { return };
            let words = member.told.next(&member.facility, &self.state.heads);
            if words.is_empty() {
                return;
            }
            self.send(session, Message::Heads(words));
        }
    }

    /// A publisher's new word, for the devices of those whose share it changes that are here.
    pub(crate) fn head_changed(&mut self, recipient: FacilityId, publisher: DeviceId) {
        // By its few devices: to ask every session would cost each word a walk over the whole region.
        let devices = self.state.roster.devices_of(&recipient);
        let numbers = devices.filter_map(|device| self.state.numbers.get(&device.id()));
        let mut sessions: Vec<_> =
            numbers.filter_map(|number| self.by_device.get(number).copied()).collect();
        sessions.sort_unstable();
        for session in sessions {
            self.with_member(session, |member| {
                member.told.due.insert(publisher);
            });
            self.pump(session);
        }
    }

    /// Tells everybody what publishers have said since the last time, where that time has come.
    pub(crate) fn pass_heads(&mut self, now: Timestamp) {
        if now < self.passing_at {
            return;
        }
        self.passing_at = rounds::passing(now, self.state.roster.statement_interval_ms());
        for session in self.sessions.keys().copied().collect::<Vec<_>>() {
            let Some(known) = self.sessions.get_mut(&session) else { continue };
            let Some(member) = known.subscribed_mut() else { continue };
            member.told.due.extend(self.state.heads.publishers(member.facility));
            self.pump(session);
        }
    }

    /// What a publisher's word builds on is not held by a reader: it is told again, whole.
    pub(crate) fn head_wanted(&mut self, session: SessionId, publisher: DeviceId) {
        self.with_member(session, |member| {
            if member.told.by.remove(&publisher).is_some() {
                member.told.due.insert(publisher);
            }
        });
        self.pump(session);
    }

    /// A publisher's roll does not follow from what is held here.
    pub(crate) fn want_head(&mut self, device: DeviceNumber) {
        let Some(publisher) = self.state.device(device).map(|device| device.id) else { return };
        if let Some(session) = self.by_device.get(&device).copied() {
            self.send(session, Message::WantHead { publisher });
        }
    }
}

impl Draft<'_> {
    /// Keeps a publisher's roll, if it is its own, in order, and newer than the one before.
    pub(crate) fn take_roll(&mut self, device: DeviceNumber, update: HeadUpdate) {
        let HeadUpdate { roll, whole, shares } = update;
        let publisher = roll.publisher;
        let before = self.group.heads.get(&publisher).or_else(|| self.state.heads.said(&publisher));
        let is_newer = before.is_none_or(|before| before.roll.at < roll.at);
        let is_own = self.device(device).is_some_and(|device| device.id == publisher);
        let is_signed = || {
            let standing = self.roster().standing(&publisher, self.now);
            let network = &self.state.network;
            standing.is_ok_and(|standing| roll.verify(network, &standing.device.key).is_ok())
        };
        if !(is_newer && is_own && is_signed()) {
            return;
        }
        let tree = match (whole, before) {
            (true, _) | (false, None) => HeadTree::of(shares.iter().cloned()),
            (false, Some(before)) => {
                let mut tree = before.tree.clone();
                tree.set(shares.iter().cloned());
                tree
            }
        };
        // Facilities that are not known here yet may be among them, within reason.
        let many = self.roster().facility_count() * 2 + STRANGERS_MAX;
        if tree.root() != roll.root || tree.shares().len() > many {
            if !whole {
                self.group.wanted.insert(device);
            }
            return;
        }
        let is_new = |share: &HeadShare| {
            before.and_then(|before| before.tree.get(&share.recipient)) != Some(share)
        };
        let is_gone = |share: &&HeadShare| tree.get(&share.recipient).is_none();
        let new: Vec<HeadShare> = shares.into_iter().filter(is_new).collect();
        let before = before.into_iter().flat_map(|before| before.tree.shares());
        let gone: Vec<HeadShare> = before.filter(is_gone).cloned().collect();
        for share in &gone {
            self.group.batch.remove(tables::HEAD_SHARE, tables::share_key(&publisher, share));
        }
        for share in &new {
            let key = tables::share_key(&publisher, share);
            self.group.batch.put(tables::HEAD_SHARE, key, share.to_bytes());
            self.group.told.insert((share.recipient, publisher));
        }
        self.group.batch.put(tables::HEAD_ROLL, publisher.as_bytes(), roll.to_bytes());
        self.group.heads.insert(publisher, Said { roll, tree });
    }
}

/// Words of one message: some ten kilobytes where every share is new.
const WORDS_MAX: usize = 32;
/// Recipients of one roll beyond twice the facilities that are known here.
const STRANGERS_MAX: usize = 64;
