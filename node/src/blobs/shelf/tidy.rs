//! Putting away what nothing refers to any more: what a cut left between sealing and the record, or a version that was taken back.

use azalea_core::blob::Placed;
use azalea_core::blob::shelf;
use azalea_core::storage::StorageError;

use super::moving::BROUGHT;
use super::{HoldError, Shelf};

/// What came or was sealed anew within this time stays: the record that refers to it may be on its way.
const YOUNG_MS: u64 = 24 * 60 * 60 * 1_000;

impl Shelf {
    /// Puts away what `is_needed` denies; how many.
    pub fn tidy(
        &self,
        is_needed: &mut dyn FnMut(&Placed) -> Result<bool, StorageError>,
    ) -> Result<u64, HoldError> {
        let now = self.clock.now();
        let mut old = Vec::new();
        shelf::each(&self.snapshot()?, &mut |of, row| {
            if now.since_ms(row.at) > YOUNG_MS {
                old.push(of);
            }
        })?;
        let mut count = 0;
        for of in old {
            let _turn = self.turn();
            // Somebody may have sealed the same content since, for a record that is about to be taken.
            let row = shelf::row(&self.snapshot()?, &of)?;
            if row.is_none_or(|row| now.since_ms(row.at) <= YOUNG_MS) || is_needed(&of)? {
                continue;
            }
            let mut batch = shelf::dropped(&of);
            batch.remove(BROUGHT, of.key());
            self.commit(&batch)?;
            count += 1;
        }
        Ok(count)
    }
}
