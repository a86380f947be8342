//! What a reader's feed passes over, since a snapshot further on in it stands for that.
//!
//! A row of a feed says whose envelope it means and where that lies in the log. An author's places in the log ascend with its
//! numbers, so a range of numbers is a range of places, and whether a row falls into one shows without a look at the log. Where
//! something of a chain had rotted, places no longer ascend: of such a chain nothing is passed over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use azalea_core::access::{Ranges, Snapshot};
use azalea_core::envelope::{Header, VerifiedEnvelope};
use azalea_core::storage::{Order, Range, Read, StorageError};
use azalea_core::sync::message::RefusalCause;
use azalea_core::wire::{Reader, Wire};

use super::group::Draft;
use super::load::{chain_row, sound};
use super::refill::Refill;
use super::session::Subscribed;
use super::tables::{self, DeviceNumber, FeedRow, RottenRow, ScopeNumber};

type Chain = (ScopeNumber, DeviceNumber);

/// What snapshots stand for, of the chains that one read of a feed meets.
pub(crate) struct Covered<'a> {
    store: &'a dyn Read,
    recipient: DeviceNumber,
    /// Of these authors nothing is passed over; `None` for of nobody.
    but: Option<&'a BTreeSet<DeviceNumber>>,
    count: u64,
    /// First and last place in the log of what is covered, ascending.
    chains: BTreeMap<Chain, Vec<(u64, u64)>>,
    is_any: Option<bool>,
    rotten: Option<BTreeSet<Chain>>,
}

impl<'a> Covered<'a> {
    /// Nothing is looked up yet.
    pub(crate) fn new(
        store: &'a dyn Read,
        recipient: DeviceNumber,
        but: Option<&'a BTreeSet<DeviceNumber>>,
    ) -> Self {
        Self {
            store,
            recipient,
            but,
            count: 0,
            chains: BTreeMap::new(),
            is_any: None,
            rotten: None,
        }
    }

    /// How many have been passed over.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Whether a snapshot stands for what a row means, to its recipient.
    pub(crate) fn passes_over(&mut self, row: &FeedRow) -> Result<bool, StorageError> {
        // What the recipient wrote itself it wants as it wrote it.
        let is_meant = row.author != self.recipient && !row.parting;
        let passes = is_meant
            && self.but.is_some_and(|but| !but.contains(&row.author))
            && self.is_any()?
            && self.contains(row)?;
        self.count += u64::from(passes);
        Ok(passes)
    }

    fn contains(&mut self, row: &FeedRow) -> Result<bool, StorageError> {
        let chain = (row.scope, row.author);
        if !self.chains.contains_key(&chain) {
            let places = self.places(chain)?;
            self.chains.insert(chain, places);
        }
        let places = &self.chains[&chain];
        let at = places.partition_point(|(_, last)| *last < row.log);
        Ok(places.get(at).is_some_and(|(first, _)| *first <= row.log))
    }

    /// Whether there is any snapshot at all: without one, a read costs one look.
    fn is_any(&mut self) -> Result<bool, StorageError> {
        if let Some(is_any) = self.is_any {
            return Ok(is_any);
        }
        let mut is_any = false;
        sound(self.store.scan(tables::SNAPSHOT, &Range::all(), Order::Ascending, &mut |_, _| {
            is_any = true;
            false
        }))?;
        self.is_any = Some(is_any);
        Ok(is_any)
    }

    fn places(&mut self, chain: Chain) -> Result<Vec<(u64, u64)>, StorageError> {
        let (scope, author) = chain;
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        let range = Range::prefix(&tables::author_prefix(scope, author));
        sound(self.store.scan(tables::SNAPSHOT, &range, Order::Ascending, &mut |_, value| {
            // What does not read stands for nothing: its originals are sent.
            ranges.extend(Ranges::from_bytes(value).iter().flat_map(Ranges::iter));
            true
        }))?;
        let Some(ranges) = Ranges::of(ranges) else { return Ok(Vec::new()) };
        if self.has_rotten(chain)? {
            return Ok(Vec::new());
        }
        let place = |seq| {
            let row = self.store.get(tables::CHAIN, &tables::chain_key(scope, author, seq))?;
            row.map(|row| chain_row(&row).map(|row| row.position)).transpose()
        };
        let mut places = Vec::new();
        for (first, last) in ranges.iter() {
            if let (Some(first), Some(last)) = (place(first)?, place(last)?) {
                places.push((first, last));
            }
        }
        Ok(places)
    }

    /// Whether anything of a chain had rotted, by the same state of the store as everything else here.
    fn has_rotten(&mut self, chain: Chain) -> Result<bool, StorageError> {
        if self.rotten.is_none() {
            let mut rotten = BTreeSet::new();
            self.store.scan(tables::ROTTEN, &Range::all(), Order::Ascending, &mut |_, value| {
                let row = RottenRow::from_bytes(value);
                rotten.extend(row.map(|row| (row.lost.scope, row.lost.author)));
                true
            })?;
            self.rotten = Some(rotten);
        }
        Ok(self.rotten.as_ref().is_some_and(|rotten| rotten.contains(&chain)))
    }
}

impl Subscribed {
    /// Of whom nothing is passed over; `None` for of nobody: a feed that is given once more brings what a snapshot could not stand for.
    pub(super) fn covered_but(
        &self,
        revoked: &Arc<BTreeSet<DeviceNumber>>,
    ) -> Option<Arc<BTreeSet<DeviceNumber>>> {
        let is_refill = matches!(self.refill, Refill::Going(_));
        (!is_refill).then(|| Arc::clone(revoked))
    }
}

impl Draft<'_> {
    /// Notes what an author's snapshot stands for. The snapshot is the envelope before the statement, so it is here.
    pub(crate) fn cover(
        &mut self,
        verified: &VerifiedEnvelope,
        author: DeviceNumber,
        snapshot: &Snapshot,
    ) -> Result<(), RefusalCause> {
        let Header { scope, seq, author: device, .. } = verified.header();
        let facility = self.roster().device(device).ok_or(RefusalCause::Author)?.facility;
        let place = self.scope(scope).ok_or(RefusalCause::Right)?;
        let access = place.access.as_deref();
        if !access.is_some_and(|access| access.may_snapshot(&facility)) {
            return Err(RefusalCause::Right);
        }
        if !snapshot.fits(*seq) {
            return Err(RefusalCause::Invalid);
        }
        let key = tables::chain_key(place.number, author, *seq);
        self.group.batch.put(tables::SNAPSHOT, key, snapshot.covered.to_bytes());
        // Who is here and has been sent all before it has the originals.
        let is_it = |bytes: &[u8]| {
            let header = Header::read(&mut Reader::new(bytes));
            header.is_ok_and(|it| (it.scope, it.author, it.seq + 1) == (*scope, *device, *seq))
        };
        let at = self.group.items.iter().rposition(|item| is_it(&item.bytes));
        self.group.left_out.extend(at);
        Ok(())
    }
}
