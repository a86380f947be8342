//! The shelf: whatever is whole on it must be what its hash says, chunk by chunk.

use azalea_core::blob::Placed;
use azalea_core::blob::shelf::{self, ShelfError};
use azalea_core::id::Timestamp;
use azalea_core::storage::StorageError;

use super::Findings;
use crate::blobs::{HoldError, Shelf};
use crate::ops::OpError;

/// Hashes every attachment that is here whole. What is here in part proved itself when it came, and does so again at its end.
pub(super) fn check(shelf: &Shelf, findings: &mut Findings) -> Result<(), OpError> {
    let snapshot = shelf.snapshot()?;
    let mut whole: Vec<Placed> = Vec::new();
    let listed = shelf::each(&snapshot, &mut |of, row| {
        if row.is_whole() {
            whole.push(of);
        }
    });
    report("the shelf", listed, findings)?;
    for of in whole {
        findings.attachments += 1;
        let place = format!("attachment {}", of.blob.id());
        // Nothing is written: the rows would be the ones that are there.
        let hashed = shelf::finished(&snapshot, &of, Timestamp(0)).map(drop);
        let hashed = match hashed {
            Err(ShelfError::Other | ShelfError::NotHere) => find(shelf, &of),
            hashed => hashed,
        };
        report(&place, hashed, findings)?;
    }
    Ok(())
}

/// Which chunk it is that does not fit.
fn find(shelf: &Shelf, of: &Placed) -> Result<(), ShelfError> {
    match shelf.prove(of) {
        Err(HoldError::Shelf(error)) => Err(error),
        // The chunks are right one by one, and the row that names them is not.
        _ => Err(ShelfError::Other),
    }
}

fn report(
    place: &str,
    found: Result<(), ShelfError>,
    findings: &mut Findings,
) -> Result<(), OpError> {
    match found {
        Ok(()) => {}
        Err(ShelfError::Storage(
            error @ StorageError::Failed { .. } | error @ StorageError::Full,
        )) => {
            return Err(error.into());
        }
        Err(error) => findings.wrong(place, error),
    }
    Ok(())
}
