//! The node's own store on a disk of pages: `redb` under encryption, as a facility has it, on a medium that forgets what
//! was not synced when the power goes, keeps some sectors of a write and not others, and rots.
//!
//! The store and its crash safety are the product's; only the medium is made up. What it holds is read back whole after
//! each crash, and that is what the device goes on with.

use azalea_core::storage::{Batch, Memory, Order, Range, Read, StorageError, table};
use azalea_store::disk::sim::SimDisk;
use azalea_store::{RedbStore, StoreKey};

use crate::population::Dice;

pub(in crate::world) struct Pages {
    disk: SimDisk,
    key: StoreKey,
    /// `None` where the file does not open: too much of it has rotted.
    store: Option<RedbStore>,
    dice: Dice,
    /// Bits that have turned since the store was made.
    rotten: u64,
}

impl Pages {
    /// An empty store, made on an empty disk.
    pub(in crate::world) fn new(mut dice: Dice) -> Self {
        let key = StoreKey(std::array::from_fn(|_| dice.draw() as u8));
        let mut pages = Self { disk: SimDisk::default(), key, store: None, dice, rotten: 0 };
        pages.open().expect("an empty disk that works");
        pages
    }

    /// Another store in place of this one, which goes to whoever mends it.
    pub(in crate::world) fn replace(&mut self) -> Self {
        let fresh = Self::new(self.dice.fork("replaced", self.rotten));
        std::mem::replace(self, fresh)
    }

    fn open(&mut self) -> Result<(), StorageError> {
        self.store = None;
        self.store = Some(RedbStore::on(self.disk.clone(), self.key.clone(), CACHE_BYTES)?);
        Ok(())
    }

    /// The store, opened anew where it was not open.
    pub(in crate::world) fn store(&mut self) -> Result<&RedbStore, StorageError> {
        if self.store.is_none() {
            self.open()?;
        }
        Ok(self.store.as_ref().expect("opened just above"))
    }

    /// Whether any bit has turned.
    pub(in crate::world) fn is_rotten(&self) -> bool {
        self.rotten > 0
    }

    /// Makes a batch durable. On a full disk the file cannot grow: what fits where something was before is kept all the same.
    pub(in crate::world) fn commit(
        &mut self,
        batch: &Batch,
        is_full: bool,
    ) -> Result<(), StorageError> {
        self.disk.fix_size(is_full);
        self.store()?.commit_all([batch])
    }

    /// Everything that the store has.
    pub(in crate::world) fn rows(&mut self) -> Result<Memory, StorageError> {
        let snapshot = self.store()?.snapshot()?;
        let mut rows = Batch::new();
        for table in table::CORE {
            snapshot.scan(table, &Range::all(), Order::Ascending, &mut |key, value| {
                rows.put(table, key, value);
                true
            })?;
        }
        let mut memory = Memory::new();
        memory.take(rows);
        Ok(memory)
    }

    /// Everything that lies on the medium, read anew.
    pub(in crate::world) fn examine(&mut self) -> Result<Memory, StorageError> {
        self.store = None;
        self.rows()
    }

    /// The process is killed, or the power goes; a batch that was being written got somewhere on its way.
    pub(in crate::world) fn crash(&mut self, under_way: Option<&Batch>) {
        if let Some(batch) = under_way {
            self.disk.fill_after(self.dice.below(WRITTEN_MAX) as usize);
            // Whether it got there is told to nobody.
            let _ = self.store().and_then(|store| store.commit_all([batch]));
        }
        let cut = match self.dice.below(3) {
            0 => self.disk.killed(),
            _ => self.disk.power_cut(self.dice.draw()),
        };
        // The disk first: what a store writes as it is closed never reaches this one.
        self.disk = cut;
        self.store = None;
    }

    /// A few bits of the medium turn.
    pub(in crate::world) fn rot(&mut self) {
        let len = azalea_store::disk::Disk::size(&self.disk).expect("a disk in memory");
        for _ in 0..1 + self.dice.below(ROTTEN_MAX) {
            let (byte, bit) = (self.dice.below(len.max(1)), self.dice.below(8) as u8);
            self.rotten += u64::from(self.disk.rot(byte as usize, bit));
        }
    }
}

/// Few pages stay in memory, so that what is read is what lies on the medium now.
const CACHE_BYTES: usize = 64 << 10;
/// How far a write gets at most before the power goes: several times what a usual commit takes.
const WRITTEN_MAX: u64 = 120_000;
/// Bits that turn at once.
const ROTTEN_MAX: u64 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(number: u64) -> Batch {
        let mut batch = Batch::new();
        batch.put(table::LOG, number.to_be_bytes(), vec![number as u8; 3_000]);
        batch.put(table::OUTBOX, number.to_be_bytes(), Vec::new());
        batch
    }

    #[test]
    fn what_was_durable_survives_every_crash_and_what_was_under_way_is_whole_or_absent() {
        let mut pages = Pages::new(Dice::new(1));
        let mut expected = Memory::new();
        let mut went_through = 0;
        for round in 0..60 {
            pages.commit(&batch(2 * round), false).expect("room");
            expected.take(batch(2 * round));
            pages.crash(Some(&batch(2 * round + 1)));
            let found = pages.rows().expect("no page of a commit is torn");
            let mut with = expected.clone();
            with.take(batch(2 * round + 1));
            let is_there = found.rows().eq(with.rows());
            assert!(is_there || found.rows().eq(expected.rows()), "round {round}");
            went_through += usize::from(is_there);
            expected = found;
        }
        assert!((5..55).contains(&went_through), "{went_through} of 60 got there in time");
    }

    #[test]
    fn a_bit_that_turns_is_noticed_or_harmless() {
        let (mut noticed, mut harmless) = (0, 0);
        for seed in 0..30 {
            let mut pages = Pages::new(Dice::new(seed));
            let mut expected = Memory::new();
            for number in 0..20 {
                pages.commit(&batch(number), false).expect("room");
                expected.take(batch(number));
            }
            pages.rot();
            match pages.examine() {
                Ok(found) => {
                    assert!(found.rows().eq(expected.rows()), "seed {seed}");
                    harmless += 1;
                }
                Err(error) => {
                    assert!(matches!(error, StorageError::Damaged { .. }), "{error}");
                    noticed += 1;
                }
            }
        }
        assert!(noticed > 5 && harmless > 2, "{noticed} noticed, {harmless} harmless");
    }
}
