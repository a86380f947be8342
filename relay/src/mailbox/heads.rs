//! Publishers' rolls: kept as they were signed, passed on to each recipient with its own share.
//!
//! A roll counts as soon as it is here and is written down with whatever is written next: what a crash takes of it its publisher
//! says again, by the root that the relay's next welcome names. Whose share changed is told at once. Everybody else is told once per interval, in one message, what all of their publishers
//! have said: that nothing has changed can wait until the others have said it too.

use std::collections::{BTreeMap, BTreeSet};

use azalea_core::id::{DeviceId, FacilityId, Timestamp};
use azalea_core::storage::Batch;
use azalea_core::sync::heads::{HeadRoll, HeadShare, HeadTree, HeadUpdate, HeadWord, rounds};
use azalea_core::sync::message::Message;
use azalea_core::wire::{Wire, WireError};

use super::session::Session;
use super::state::{OpenError, each};
use super::tables;
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
    unsaved: Unsaved,
}

/// Rolls that the disk does not have, each with the recipients whose share is another one there.
pub(crate) type Unsaved = BTreeMap<DeviceId, BTreeSet<FacilityId>>;

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

    /// Takes a roll that is newer and signed, if it covers the shares that are held with those that came. Gives the recipients
    /// whose share is another one than before; `None` where it does not fit: then what was held of a roll that was to be changed
    /// is of no more use, and one that came whole changes nothing.
    fn take(&mut self, update: HeadUpdate, shares_max: usize) -> Option<BTreeSet<FacilityId>> {
        let HeadUpdate { roll, whole, shares } = update;
        let publisher = roll.publisher;
        let anew = whole.then(|| HeadTree::of(shares.iter().cloned()));
        if anew.as_ref().is_some_and(|tree| tree.root() != roll.root) {
            return None;
        }
        let mut before = self.said.remove(&publisher).map(|said| said.tree).unwrap_or_default();
        let is_new = |share: &&HeadShare| before.get(&share.recipient) != Some(share);
        let mut changed: BTreeSet<FacilityId> =
            shares.iter().filter(is_new).map(|share| share.recipient).collect();
        let tree = match anew {
            Some(tree) => {
                let all = before.shares().iter().map(|share| share.recipient);
                changed.extend(all.filter(|recipient| tree.get(recipient).is_none()));
                tree
            }
            None => {
                before.set(shares);
                before
            }
        };
        if tree.root() != roll.root || tree.shares().len() > shares_max {
            return None;
        }
        self.told.extend(changed.iter().map(|recipient| (*recipient, publisher)));
        self.unsaved.entry(publisher).or_default().extend(&changed);
        self.said.insert(publisher, Said { roll, tree });
        Some(changed)
    }

    /// Publishers whose last roll the disk lacks.
    pub(crate) fn unsaved(&self) -> usize {
        self.unsaved.len()
    }

    /// Whether the disk lacks something of it.
    pub(crate) fn is_unsaved(&self) -> bool {
        !self.unsaved.is_empty()
    }

    /// The rows that the disk lacks, and what to give back to [`Heads::not_saved`] where it refuses them.
    pub(crate) fn save(&mut self) -> (Batch, Unsaved) {
        let unsaved = std::mem::take(&mut self.unsaved);
        let mut rows = Batch::new();
        for (publisher, recipients) in &unsaved {
            let Some(Said { roll, tree }) = self.said.get(publisher) else { continue };
            rows.put(tables::HEAD_ROLL, publisher.as_bytes(), roll.to_bytes());
            for recipient in recipients {
                let key = tables::share_key(publisher, recipient);
                match tree.get(recipient) {
                    Some(share) => rows.put(tables::HEAD_SHARE, key, share.to_bytes()),
                    None => rows.remove(tables::HEAD_SHARE, key),
                }
            }
        }
        (rows, unsaved)
    }

    /// The disk did not take what it lacked.
    pub(crate) fn not_saved(&mut self, unsaved: Unsaved) {
        for (publisher, recipients) in unsaved {
            self.unsaved.entry(publisher).or_default().extend(recipients);
        }
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

    /// A publisher's roll, if it is its own, newer than the one before, and signed. Where it does not follow from what is held,
    /// it is asked for whole.
    pub(crate) fn take_roll(&mut self, now: Timestamp, session: SessionId, update: HeadUpdate) {
        let (publisher, whole) = (update.roll.publisher, update.whole);
        let Some(member) = self.sessions.get(&session).and_then(Session::subscribed) else {
            return;
        };
        let (is_own, facility) = (member.id == publisher, member.facility);
        let heads = &self.state.heads;
        let is_newer = heads.said(&publisher).is_none_or(|before| before.roll.at < update.roll.at);
        if !is_own || !is_newer || self.pushed.take(now, &facility, 1).is_err() {
            return;
        }
        let (roster, network) = (&self.state.roster, &self.state.network);
        let standing = roster.in_order(&publisher, now);
        let verified = standing.is_ok_and(|it| update.roll.verify(network, &it.device.key).is_ok());
        if !verified {
            return;
        }
        // Facilities that are not known here yet may be among them, within reason.
        let shares_max = roster.facility_count() * 2 + STRANGERS_MAX;
        match self.state.heads.take(update, shares_max) {
            Some(changed) => {
                changed.into_iter().for_each(|recipient| self.head_changed(recipient, publisher));
            }
            None if whole => {}
            None => self.send(session, Message::WantHead { publisher }),
        }
    }
}

/// Words of one message: some ten kilobytes where every share is new.
const WORDS_MAX: usize = 32;
/// Recipients of one roll beyond twice the facilities that are known here.
const STRANGERS_MAX: usize = 64;
