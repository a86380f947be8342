//! What comes onto the shelf and goes off it run by run: nothing counts before the disk has it.

use azalea_core::blob::message::ShelfId;
use azalea_core::blob::shelf::{self, ShelfError};
use azalea_core::blob::{Fetch, Outboard, Placed, Run};
use azalea_core::storage::{Batch, Read as _, Table};

use super::{HoldError, Shelf};

/// (scope, blob, length) → the shelf of a relay that has all of it.
pub(super) const BROUGHT: Table = Table::named("brought");

impl Shelf {
    /// A fetch that goes on behind what is here; `None` where all of it is.
    pub fn begin(&self, of: &Placed) -> Result<Option<Fetch>, HoldError> {
        let snapshot = self.snapshot()?;
        match shelf::is_whole(&snapshot, of)? {
            true => Ok(None),
            false => Ok(Some(shelf::fetch(&snapshot, of)?)),
        }
    }

    /// Makes proven chunks durable. `false` where all of the blob has come here by another way meanwhile.
    pub fn keep(
        &self,
        of: &Placed,
        fetch: &mut Fetch,
        run: Run,
        bytes: &[u8],
    ) -> Result<bool, HoldError> {
        let _turn = self.turn();
        if shelf::is_whole(&self.snapshot()?, of)? {
            return Ok(false);
        }
        let batch = shelf::stored(of, fetch, run, bytes, self.clock.now());
        match self.commit(&batch) {
            Ok(()) => {
                fetch.stored(run);
                Ok(true)
            }
            Err(error) => {
                fetch.not_stored(run);
                Err(error.into())
            }
        }
    }

    /// Makes a blob whole of which every chunk is here. One whose chunks have rotted meanwhile is put away, to be begun anew.
    pub fn finish(&self, of: &Placed) -> Result<(), HoldError> {
        let _turn = self.turn();
        let snapshot = self.snapshot()?;
        if shelf::is_whole(&snapshot, of)? {
            return Ok(());
        }
        match shelf::finished(&snapshot, of, self.clock.now()) {
            Ok(batch) => Ok(self.commit(&batch)?),
            Err(error @ (ShelfError::Other | ShelfError::NotHere)) => {
                self.commit(&shelf::dropped(of))?;
                Err(error.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The tree of a blob that is whole, to cut slices with.
    pub fn outboard(&self, of: &Placed) -> Result<Outboard, HoldError> {
        Ok(shelf::outboard(&self.snapshot()?, of)?)
    }

    /// A run of a blob that is whole, with its proof.
    pub fn slice(&self, of: &Placed, outboard: &Outboard, run: Run) -> Result<Vec<u8>, HoldError> {
        Ok(shelf::slice(&self.snapshot()?, of, outboard, run)?)
    }

    /// The relay's shelf that has all of a blob, as far as is known here.
    pub fn brought_to(&self, of: &Placed) -> Result<Option<ShelfId>, HoldError> {
        let row = self.snapshot()?.get(BROUGHT, &of.key())?;
        Ok(row.and_then(|row| row.try_into().ok()).map(ShelfId))
    }

    /// Remembers that a relay's shelf has all of a blob.
    pub fn brought(&self, of: &Placed, to: ShelfId) -> Result<(), HoldError> {
        let mut batch = Batch::new();
        batch.put(BROUGHT, of.key(), to.0);
        Ok(self.commit(&batch)?)
    }
}
