//! One group commit in the making: everything that changes together, laid over the state as it stands on disk.
//!
//! Nothing of it counts before its batch is durable. If the disk refuses, the group is dropped and the state is
//! as it was; whoever waited for an acknowledgement is told to come again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use azalea_core::envelope::Chain;
use azalea_core::id::{DeviceId, EnvelopeId, ScopeId, Timestamp};
use azalea_core::identity::{Certificate, Proven, Roster};
use azalea_core::storage::Batch;
use azalea_core::sync::message::{Goodbye, Lane, Refusal};
use azalea_core::wire::Wire;

use super::heads::Unsaved;
use super::invite::Invite;
use super::lanes::Said;
use super::members::Fill;
use super::state::{Device, Party, Scope, State};
use super::suspend::Forks;
use super::tables::{
    self, ChainRow, DeviceNumber, DeviceRow, FeedPlace, FeedRow, Member, Progress, RottenRow,
    ScopeRow,
};
use super::{RequestId, RequestResult, SessionId};

/// What a commit changes, complete; kept while the disk works.
#[derive(Default)]
pub(crate) struct Group {
    /// When it was made: what began until then is in it, what begins after that is due.
    made: Timestamp,
    pub(crate) roster: Option<Roster>,
    /// Digests of certificates that are new.
    pub(crate) certified: Vec<[u8; 32]>,
    pub(crate) scopes: BTreeMap<ScopeId, Scope>,
    pub(crate) new_scopes: Vec<ScopeId>,
    pub(crate) devices: BTreeMap<DeviceNumber, Device>,
    pub(crate) new_devices: Vec<DeviceId>,
    /// Publishers' rolls that are written with it.
    pub(crate) heads: Unsaved,
    pub(crate) invites: BTreeMap<[u8; 32], Option<Invite>>,
    pub(crate) next_log: u64,
    pub(crate) forks: Option<Forks>,
    /// Authors of contradictions that are new, each as often as it has one.
    pub(crate) forked: Vec<DeviceId>,
    pub(crate) items: Vec<Item>,
    /// Those of them that every feed has: log positions and authors.
    pub(crate) common: Vec<(u64, DeviceNumber)>,
    /// All were looked at, whether they may read the registry.
    pub(crate) is_settled: bool,
    pub(crate) feeds: BTreeMap<DeviceNumber, Vec<FeedEntry>>,
    pub(crate) replies: BTreeMap<SessionId, Reply>,
    pub(crate) requests: Vec<(RequestId, RequestResult)>,
    pub(crate) enrolled: Vec<(SessionId, Vec<Certificate>)>,
    /// Those who could not be enrolled after all.
    pub(crate) turned_away: Vec<(SessionId, Goodbye)>,
    /// Scopes whose access changed: to be indexed again.
    pub(crate) governed: BTreeSet<ScopeId>,
    /// Feeds that lack a scope's earlier envelopes, and how far they have them.
    pub(crate) fills: BTreeMap<Fill, Progress>,
    /// Fills that were worked on, to be done again if the disk refuses.
    pub(crate) worked: Vec<(Fill, Progress)>,
    /// Scopes that were looked at because a grant of theirs began.
    pub(crate) due: BTreeSet<ScopeId>,
    /// Those of them whose readers are given everything again.
    pub(crate) again: BTreeSet<ScopeId>,
    /// Devices for each of which one more of its own scopes is in its feed.
    pub(crate) own_done: Vec<DeviceNumber>,
    /// Envelopes that are gone from the log, or here again, by the log position at which they stood.
    pub(crate) rotten: BTreeMap<u64, RottenRow>,
    /// Certificates whose envelopes had rotted are said again in it.
    pub(crate) says_again: bool,
    /// Items that are snapshots of what their readers were sent before.
    pub(crate) left_out: BTreeSet<usize>,
    /// Sessions whose feeds met them.
    pub(crate) met: Vec<SessionId>,
    pub(crate) batch: Batch,
}

/// An envelope that was taken.
pub(crate) struct Item {
    pub(crate) scope: ScopeId,
    pub(crate) author: DeviceNumber,
    pub(crate) log: u64,
    pub(crate) bytes: Arc<[u8]>,
    /// On which lane it goes ahead of its place in a feed, if it does.
    pub(crate) ahead: Option<Lane>,
}

/// A new place in a feed; `item` where the envelope is of this group.
pub(crate) struct FeedEntry {
    pub(crate) position: u64,
    pub(crate) row: FeedRow,
    pub(crate) item: Option<usize>,
}

/// What one session is told once the disk has it.
#[derive(Default)]
pub(crate) struct Reply {
    pub(crate) stored: Vec<EnvelopeId>,
    pub(crate) refused: Vec<Refusal>,
}

/// A group and the state under it.
pub(crate) struct Draft<'a> {
    pub(crate) state: &'a State,
    pub(crate) now: Timestamp,
    pub(crate) group: Group,
    /// Ids of this group's envelopes by place, for repeats within the group.
    pub(crate) places: BTreeMap<(ScopeId, DeviceNumber, u64), EnvelopeId>,
    /// Signatures of what is about to be judged, as far as they were verified together.
    pub(crate) proven: Proven,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(state: &'a State, now: Timestamp) -> Self {
        let group = Group { made: now, next_log: state.next_log, ..Group::default() };
        let mut draft =
            Self { state, now, group, places: BTreeMap::new(), proven: Proven::default() };
        draft.upgrade();
        draft
    }

    pub(crate) fn roster(&self) -> &Roster {
        self.group.roster.as_ref().unwrap_or(&self.state.roster)
    }

    /// Whether a certificate with this digest is held.
    pub(crate) fn is_certified(&self, digest: &[u8; 32]) -> bool {
        self.state.certificates.contains(digest) || self.group.certified.contains(digest)
    }

    pub(crate) fn scope(&self, id: &ScopeId) -> Option<&Scope> {
        self.group.scopes.get(id).or_else(|| self.state.scopes.get(id))
    }

    /// The scope to change; begun where it is new.
    pub(crate) fn scope_mut(&mut self, id: &ScopeId) -> &mut Scope {
        let (state, group) = (self.state, &mut self.group);
        group.scopes.entry(*id).or_insert_with(|| match state.scopes.get(id) {
            Some(scope) => scope.clone(),
            None => {
                let number = state.scope_ids.len() + group.new_scopes.len();
                group.new_scopes.push(*id);
                Scope::new(u32::try_from(number).expect("scopes are far fewer than 2^32"))
            }
        })
    }

    pub(crate) fn number_of(&self, id: &DeviceId) -> Option<DeviceNumber> {
        self.state.numbers.get(id).copied().or_else(|| {
            let new = self.group.new_devices.iter().position(|new| new == id)?;
            u32::try_from(self.state.devices.len() + new).ok()
        })
    }

    pub(crate) fn device_mut(&mut self, number: DeviceNumber) -> Option<&mut Device> {
        if !self.group.devices.contains_key(&number) {
            self.group.devices.insert(number, self.state.device(number)?.clone());
        }
        self.group.devices.get_mut(&number)
    }

    /// Gives a certified device its number.
    pub(crate) fn intern(&mut self, id: DeviceId) {
        if self.number_of(&id).is_some() {
            return;
        }
        let number = self.state.devices.len() + self.group.new_devices.len();
        let number = u32::try_from(number).expect("devices are far fewer than 2^32");
        let row = DeviceRow { number, seen: 0, last_seen: Timestamp(0), own_through: 0 };
        self.group.new_devices.push(id);
        self.group.devices.insert(
            number,
            Device { id, row, rows_end: 0, common: None, urgent_end: 0, written: 0 },
        );
    }

    /// Puts an envelope that was found good into the log and its author's chain.
    pub(crate) fn log(
        &mut self,
        scope: &ScopeId,
        author: DeviceNumber,
        chain: Chain,
        (bytes, said): (Arc<[u8]>, Said),
    ) {
        let log = self.group.next_log;
        self.group.next_log += 1;
        let tip = chain.tip().expect("a chain that an envelope was added to has a tip");
        let place = self.scope_mut(scope);
        place.chains.insert(author, chain);
        place.last = log;
        let key = tables::chain_key(place.number, author, tip.seq);
        let row = ChainRow { position: log, id: tip.id };
        self.group.batch.put(tables::LOG, log.to_be_bytes(), tables::log_value(log, &bytes));
        self.group.batch.put(tables::CHAIN, key, row.to_bytes());
        if said.goes_first {
            let key = tables::statement_key(self.scope(scope).map_or(0, |it| it.number), log);
            self.group.batch.put(tables::STATEMENT, key, author.to_be_bytes());
        }
        self.places.insert((*scope, author, tip.seq), tip.id);
        if let Some(device) = self.device_mut(author) {
            device.written += 1;
        }
        if *scope == self.state.registry() {
            self.group.common.push((log, author));
            if let Some(lane) = said.ahead {
                self.urge(author, lane);
            }
        }
        let ahead = said.ahead;
        self.group.items.push(Item { scope: *scope, author, log, bytes, ahead });
    }

    /// Appends to a recipient's feed.
    pub(crate) fn feed(&mut self, recipient: DeviceNumber, row: FeedRow, item: Option<usize>) {
        let ahead = item.and_then(|index| self.group.items[index].ahead);
        self.put_run(recipient);
        let Some(device) = self.device_mut(recipient) else { return };
        device.rows_end += 1;
        let position = device.rows_end;
        device.urgent_end = if ahead.is_some() { position } else { device.urgent_end };
        let key = tables::feed_key(recipient, position);
        if let Some(lane) = ahead {
            self.group.batch.put(tables::URGENT, key.clone(), lane.to_bytes());
        }
        self.group.batch.put(tables::FEED, key, FeedPlace::One(row).to_bytes());
        let entry = FeedEntry { position, row, item };
        self.group.feeds.entry(recipient).or_default().push(entry);
    }

    /// Sends the last envelope that was logged to everybody whose feed has all before it, and to those who part by it. What is
    /// common to all feeds is in them as it is in the log.
    pub(crate) fn fan_out(&mut self, parted: &BTreeSet<DeviceNumber>) {
        let index = self.group.items.len() - 1;
        let Item { scope, author, log, .. } = self.group.items[index];
        let Some(place) = self.scope(&scope) else { return };
        let number = place.number;
        let whole = place.members.iter().filter(|(_, member)| **member == Member::Whole);
        let recipients: Vec<_> = whole.map(|(recipient, _)| (*recipient, false)).collect();
        let parted = parted.iter().map(|recipient| (*recipient, true));
        for (recipient, parting) in recipients.into_iter().chain(parted) {
            if recipient != author {
                let row = FeedRow { scope: number, author, log, parting };
                self.feed(recipient, row, Some(index));
            }
        }
    }

    pub(crate) fn set_member(
        &mut self,
        scope: &ScopeId,
        recipient: DeviceNumber,
        member: Option<Member>,
    ) {
        let place = self.scope_mut(scope);
        let key = tables::member_key(place.number, recipient);
        match member {
            Some(member) => {
                place.members.insert(recipient, member);
                self.group.batch.put(tables::MEMBER, key, member.to_bytes());
            }
            None => {
                place.members.remove(&recipient);
                self.group.batch.remove(tables::MEMBER, key);
            }
        }
    }

    /// The scopes that concern a party, by what is on disk and by this group.
    pub(crate) fn scopes_of(&self, party: Party) -> BTreeSet<ScopeId> {
        let mut scopes = self.state.parties.get(&party).cloned().unwrap_or_default();
        for id in &self.group.governed {
            let concerned = self.group.scopes.get(id);
            if concerned.is_some_and(|scope| scope.parties(self.now).contains(&party)) {
                scopes.insert(*id);
            }
        }
        scopes
    }

    pub(crate) fn reply(&mut self, session: SessionId) -> &mut Reply {
        self.group.replies.entry(session).or_default()
    }

    /// Adds the rows that sum up, once each.
    pub(crate) fn finish(mut self) -> Group {
        let group = &mut self.group;
        for id in group.governed.iter().chain(&group.new_scopes).collect::<BTreeSet<_>>() {
            if let Some(scope) = group.scopes.get(id) {
                let access = scope.access.as_deref().cloned();
                let row = ScopeRow { number: scope.number, access };
                group.batch.put(tables::SCOPE, id.0, row.to_bytes());
            }
        }
        for device in group.devices.values() {
            let same = |known: &Device| known.row == device.row;
            if !self.state.device(device.row.number).is_some_and(same) {
                group.batch.put(tables::DEVICE, device.id.0, device.row.to_bytes());
            }
        }
        self.group
    }
}

impl Group {
    /// The clock was set back while the disk worked: what begins after that is due. Gives the scopes whose readers it settled.
    pub(crate) fn clock_set_back(&mut self, now: Timestamp) -> BTreeSet<ScopeId> {
        self.made = self.made.min(now);
        self.governed.clone()
    }

    /// Makes the group part of the state, now that the disk has it. Returns what to send.
    pub(crate) fn apply(mut self, state: &mut State) -> Self {
        let mut has_roster = false;
        if let Some(roster) = self.roster.take() {
            state.roster = roster;
            has_roster = true;
        }
        state.certificates.extend(self.certified.drain(..));
        // One by one: to append a map is to build it anew, with all scopes of the region, for every commit.
        state.scope_ids.extend(std::mem::take(&mut self.new_scopes));
        state.scopes.extend(std::mem::take(&mut self.scopes));
        for (number, device) in std::mem::take(&mut self.devices) {
            state.numbers.insert(device.id, number);
            match state.devices.get_mut(number as usize) {
                Some(known) => *known = device,
                None => state.devices.push(device),
            }
        }
        if has_roster {
            state.note_revoked();
        }
        for (digest, invite) in std::mem::take(&mut self.invites) {
            match invite {
                Some(invite) => state.invites.insert(digest, invite),
                None => state.invites.remove(&digest),
            };
        }
        state.next_log = self.next_log;
        state.format = tables::FORMAT;
        if !self.common.is_empty() {
            let common = Arc::make_mut(&mut state.common);
            self.common.iter().for_each(|(log, author)| common.push(*log, *author));
        }
        if let Some(forks) = self.forks.take() {
            state.forks = forks;
        }
        // By the time of its making: a grant that began while the disk worked has let nobody in yet.
        self.governed.iter().for_each(|scope| state.index_scope(scope, self.made));
        self
    }
}
