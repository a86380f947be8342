//! What every feed has: the registry's envelopes, remembered once for all.
//!
//! A certificate concerns everybody. Were it a row in each feed, members would cost the square of their number. So a feed remembers up
//! to where in the log it has the registry. What came since stands at the feed's end, behind all of its rows and without one; as soon
//! as something else is to follow, it becomes a *run*, one row for all of it.
//!
//! ```text
//! log        r1  r2  c1  r3  c2  r4  r5         r: of the registry   c: of a chart
//! rows       [r1  r2] c1 [r3] c2
//! positions   1   2   3   4   5   6   7         as if each had a row
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use azalea_core::access::{Action, Question, decide};
use azalea_core::id::{DeviceId, FacilityId, Timestamp};
use azalea_core::identity::FacilityKind;
use azalea_core::storage::{Order, Range, Read, StorageError};
use azalea_core::sync::message::Lane;
use azalea_core::wire::Wire;

use super::group::Draft;
use super::state::{Number, OpenError, Party, State};
use super::tables::{
    self, ChainRow, DeviceNumber, FeedPlace, FeedRow, Member, RottenRow, Run, ScopeNumber,
};

/// The registry's envelopes in the order of the log, by position and author. One that rotted and is here again, further on, stays
/// where it was: there feeds have counted it.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Common {
    all: Vec<(u64, DeviceNumber)>,
    by_author: BTreeMap<DeviceNumber, Vec<u64>>,
}

/// The registry in one feed, as it stood when the disk was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    common: Arc<Common>,
    scope: ScopeNumber,
    /// The last position that had a row.
    rows_end: u64,
    /// What came in the log after this stood behind it; `None` for a feed that gets no more of the registry.
    after: Option<u64>,
    /// The feed's end.
    end: u64,
}

impl Common {
    /// Reads which they are.
    pub(super) fn load(store: &dyn Read, scope: ScopeNumber) -> Result<Self, StorageError> {
        let mut found = BTreeMap::new();
        let mut damaged = None;
        let range = Range::prefix(&tables::chain_prefix(scope));
        store.scan(tables::CHAIN, &range, Order::Ascending, &mut |key, value| {
            match (tables::parse_chain_key(key), ChainRow::from_bytes(value)) {
                (Some((_, author, _)), Ok(row)) => drop(found.insert(row.position, author)),
                _ => damaged = Some(tables::CHAIN),
            }
            damaged.is_none()
        })?;
        // Newest first: what came back twice is followed to where it stood at the beginning.
        store.scan(tables::ROTTEN, &Range::all(), Order::Descending, &mut |key, value| {
            match (key.try_into().map(u64::from_be_bytes), RottenRow::from_bytes(value)) {
                (Ok(log), Ok(row)) if row.lost.scope == scope => {
                    let author = row.again.and_then(|again| found.remove(&again));
                    found.extend(author.map(|author| (log, author)));
                }
                (Ok(_), Ok(_)) => {}
                _ => damaged = Some(tables::ROTTEN),
            }
            damaged.is_none()
        })?;
        if let Some(table) = damaged {
            return Err(StorageError::Damaged { place: format!("table {:?}", table.name()) });
        }
        let mut common = Self::default();
        found.into_iter().for_each(|(log, author)| common.push(log, author));
        Ok(common)
    }

    /// Adds the newest.
    pub(super) fn push(&mut self, log: u64, author: DeviceNumber) {
        self.all.push((log, author));
        self.by_author.entry(author).or_default().push(log);
    }

    /// The position of the newest in the log.
    pub(super) fn last(&self) -> u64 {
        self.all.last().map_or(0, |(log, _)| *log)
    }

    /// How many a recipient's feed has of those after a position in the log: its own are in nobody's but others' feeds.
    pub(super) fn count(&self, after: u64, recipient: DeviceNumber) -> u64 {
        let own = self.by_author.get(&recipient).map_or(0, |own| behind(own, after, |log| *log));
        (behind(&self.all, after, |(log, _)| *log) - own) as u64
    }

    /// Which these are.
    fn after(
        &self,
        after: u64,
        recipient: DeviceNumber,
    ) -> impl Iterator<Item = &(u64, DeviceNumber)> {
        let first = self.all.partition_point(|(log, _)| *log <= after);
        self.all[first..].iter().filter(move |(_, author)| *author != recipient)
    }
}

/// How many of ascending positions come after one.
fn behind<T>(ascending: &[T], after: u64, log: impl Fn(&T) -> u64) -> usize {
    ascending.len() - ascending.partition_point(|it| log(it) <= after)
}

impl std::fmt::Debug for Common {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Common({})", self.all.len())
    }
}

impl Tail {
    /// The items of a run whose row stands at `end`. Those that came after the disk was asked are left out.
    pub(super) fn of_run(
        &self,
        recipient: DeviceNumber,
        end: u64,
        run: &Run,
    ) -> Result<Vec<(u64, FeedRow)>, StorageError> {
        let damaged = || StorageError::Damaged { place: "table \"feed\"".into() };
        let before = end.checked_sub(u64::from(run.count)).ok_or_else(damaged)?;
        let items: Vec<_> =
            self.items(recipient, run.scope, before, run.after).take(run.count as usize).collect();
        // Counted when it was written and again when it is read.
        match end <= self.end && items.len() < run.count as usize {
            true => Err(damaged()),
            false => Ok(items),
        }
    }

    /// The items behind the last row; none where a row stands there by now.
    pub(super) fn items_at_end(
        &self,
        recipient: DeviceNumber,
        last_row: u64,
    ) -> impl Iterator<Item = (u64, FeedRow)> {
        let after = self.after.filter(|_| last_row <= self.rows_end);
        let items = after.map(|after| self.items(recipient, self.scope, self.rows_end, after));
        items.into_iter().flatten()
    }

    fn items(
        &self,
        recipient: DeviceNumber,
        scope: ScopeNumber,
        before: u64,
        after: u64,
    ) -> impl Iterator<Item = (u64, FeedRow)> {
        let row = move |log, author| FeedRow { scope, author, log, parting: false };
        let logged = self.common.after(after, recipient);
        logged
            .zip(before + 1..)
            .map(move |((log, author), position)| (position, row(*log, *author)))
    }
}

impl State {
    /// The end of a device's feed.
    pub(crate) fn feed_end(&self, number: DeviceNumber) -> u64 {
        let device = &self.devices[number as usize];
        device.rows_end + device.common.map_or(0, |after| self.common.count(after, number))
    }

    /// The registry in a device's feed.
    pub(super) fn tail(&self, number: DeviceNumber) -> Tail {
        let device = &self.devices[number as usize];
        let scope = self.scopes.get(&self.registry()).map_or(0, |scope| scope.number);
        let common = Arc::clone(&self.common);
        let (rows_end, after, end) = (device.rows_end, device.common, self.feed_end(number));
        Tail { common, scope, rows_end, after, end }
    }

    /// Reads what every feed has, and how far each has it. In format 1 each had rows of its own: who had all of them has them, who
    /// was still being given them is given all.
    pub(super) fn load_common(&mut self, store: &dyn Read) -> Result<(), StorageError> {
        let registry = self.registry();
        let Some(scope) = self.scopes.get_mut(&registry) else { return Ok(()) };
        let common = Common::load(store, scope.number)?;
        for (recipient, member) in &mut scope.members {
            let after = match (self.format, *member) {
                (tables::FORMAT_ROWS, Member::Whole) => common.last(),
                (tables::FORMAT_ROWS, Member::Filling(_)) | (_, Member::Whole) => 0,
                (_, Member::Filling(progress)) => progress.after,
            };
            *member = Member::up_to(after);
            if let Some(device) = self.devices.get_mut(*recipient as usize) {
                device.common = Some(after);
            }
        }
        self.common = Arc::new(common);
        Ok(())
    }
}

impl Draft<'_> {
    /// Lets into the registry whoever a certificate may have let in, and puts out whoever it may have put out; with the first
    /// certificate of a group also those whom the time has. Returns those who are put out.
    pub(crate) fn settle_registry(&mut self, concerned: &[Party]) -> BTreeSet<DeviceNumber> {
        let id = self.state.registry();
        let is_first = !std::mem::replace(&mut self.group.is_settled, true);
        let roster = self.roster();
        let relays = |facility: &FacilityId| {
            roster.facility(facility).is_some_and(|known| known.kind == FacilityKind::Relay)
        };
        let reads = |device: &DeviceId| {
            let question = Question { device: *device, action: Action::Read, at: self.now };
            roster.device(device).is_some_and(|known| !relays(&known.facility))
                && decide(roster, &id, None, &question).is_ok()
        };
        let devices: Vec<DeviceId> = match is_first {
            true => roster.devices().map(|device| device.id()).collect(),
            false => concerned.iter().filter_map(Party::device).collect(),
        };
        let members = self.scope(&id).map(|scope| &scope.members);
        let is_member =
            |number: &DeviceNumber| members.is_some_and(|members| members.contains_key(number));
        let numbered = devices.iter().filter_map(|id| Some((id, self.number_of(id)?)));
        let changed: Vec<_> = numbered
            .map(|(id, number)| (number, reads(id), is_member(&number)))
            .filter(|(_, reads, is_member)| reads != is_member)
            .collect();
        let mut parted = BTreeSet::new();
        for (number, reads, _) in changed {
            let after = reads.then_some(0);
            if !reads {
                // What it was due is its due; what parts it from the registry comes after.
                self.put_run(number);
                parted.insert(number);
            }
            self.set_member(&id, number, after.map(Member::up_to));
            if let Some(device) = self.device_mut(number) {
                device.common = after;
            }
        }
        parted
    }

    /// Has the newest envelope of the registry go ahead of its place in every feed but its author's.
    pub(crate) fn urge(&mut self, author: DeviceNumber, lane: Lane) {
        let registry = self.state.registry();
        let members = self.scope(&registry).map(|scope| scope.members.keys().copied());
        let readers: Vec<_> = members.into_iter().flatten().filter(|it| *it != author).collect();
        for recipient in readers {
            let Some((count, _)) = self.behind_rows(recipient) else { continue };
            let Some(device) = self.device_mut(recipient) else { continue };
            device.urgent_end = device.rows_end + count;
            let key = tables::feed_key(recipient, device.urgent_end);
            self.group.batch.put(tables::URGENT, key, lane.to_bytes());
        }
    }

    /// How much of the registry stands at the end of a feed without a row, and up to where in the log it goes.
    fn behind_rows(&self, recipient: DeviceNumber) -> Option<(u64, u64)> {
        let device = self.group.devices.get(&recipient).or_else(|| self.state.device(recipient));
        let after = device?.common?;
        let new = self.group.common.iter().filter(|(log, _)| *log > after);
        let others = new.clone().filter(|(_, author)| *author != recipient).count() as u64;
        let last = new.max().map_or_else(|| self.state.common.last(), |(log, _)| *log);
        Some((self.state.common.count(after, recipient) + others, last))
    }

    /// Gives what stands at the end of a feed without a row its row, before something else follows.
    pub(crate) fn put_run(&mut self, recipient: DeviceNumber) {
        let Some((count, last)) = self.behind_rows(recipient) else { return };
        let registry = self.state.registry();
        let Some(scope) = self.scope(&registry).map(|scope| scope.number) else { return };
        let (Ok(run_count), false) = (u32::try_from(count), count == 0) else { return };
        let Some(device) = self.device_mut(recipient) else { return };
        let Some(after) = device.common.replace(last) else { return };
        device.rows_end += count;
        let key = tables::feed_key(recipient, device.rows_end);
        let run = FeedPlace::Run(Run { scope, count: run_count, after });
        let member = Member::up_to(last);
        self.group.batch.put(tables::FEED, key, run.to_bytes());
        self.group.batch.put(
            tables::MEMBER,
            tables::member_key(scope, recipient),
            member.to_bytes(),
        );
    }

    /// A store whose feeds had rows for all of it says from now on how far each has it.
    pub(super) fn upgrade(&mut self) {
        if self.state.format == tables::FORMAT {
            return;
        }
        let format = Number(tables::FORMAT).to_bytes();
        self.group.batch.put(tables::META, tables::FORMAT_KEY, format);
        let Some(scope) = self.state.scopes.get(&self.state.registry()) else { return };
        for (recipient, member) in &scope.members {
            let key = tables::member_key(scope.number, *recipient);
            self.group.batch.put(tables::MEMBER, key, member.to_bytes());
        }
    }
}

/// All that the feeds of a store have to give: recipients and log positions, 0 for a row that does not read. For whoever counts it from
/// outside, as simulations do.
pub fn feeds(store: &dyn Read, now: Timestamp) -> Result<Vec<(u32, u64)>, OpenError> {
    let state = State::load(store, now)?;
    let mut given = Vec::new();
    for device in &state.devices {
        let recipient = device.row.number;
        let tail = state.tail(recipient);
        let mut give = |log| given.push((recipient, log));
        let rows = Range::prefix(&recipient.to_be_bytes());
        store.scan(tables::FEED, &rows, Order::Ascending, &mut |key, value| {
            match (tables::feed_position(key), FeedPlace::from_bytes(value)) {
                (Some(_), Ok(FeedPlace::One(row))) => give(row.log),
                (Some(end), Ok(FeedPlace::Run(run))) => {
                    let items = tail.of_run(recipient, end, &run).unwrap_or_default();
                    items.iter().for_each(|(_, row)| give(row.log));
                }
                _ => give(0),
            }
            true
        })?;
        tail.items_at_end(recipient, 0).for_each(|(_, row)| give(row.log));
    }
    Ok(given)
}
