//! Reading what a session sends from the store, in the order in which this replica took it in.
//!
//! The order of the log is one in which every envelope found what it needed, so whoever takes them in that order
//! rarely has to hold one back. The registry goes first: certificates and revocations never wait behind records.

use crate::access::{Statement, registry_scope};
use crate::envelope::{AdmittedEnvelope, Header};
use crate::id::{FacilityId, NetworkId, ScopeId};
use crate::storage::row::{ChainRow, ScopeNumber, chain_key};
use crate::storage::{Order, Range, Read, StorageError, table};
use crate::wire::{Reader, Wire};

use super::Stretch;

/// Where an envelope to be sent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Its position in the log.
    pub position: u64,
    /// Its scope, so that access can be asked once more before it leaves.
    pub scope: ScopeId,
    /// Whether it tells the other that it has been put out, which it may know though it may not read the scope.
    pub parting: bool,
}

/// Where the envelopes of stretches stand, the registry's first, then in the order of the log.
pub fn placed(
    store: &(impl Read + ?Sized),
    network: &NetworkId,
    stretches: &[Stretch],
) -> Result<Vec<Placed>, StorageError> {
    let mut found = Vec::new();
    for stretch in stretches {
        let Stretch { number, author, from, to, scope } = stretch;
        let beyond = to.checked_add(1).map(|beyond| chain_key(*number, author, beyond));
        let range = Range { from: chain_key(*number, author, *from), to: beyond };
        store.scan(table::CHAIN, &range, Order::Ascending, &mut |_, row| {
            if let Ok(row) = ChainRow::from_bytes(row) {
                found.push(Placed { position: row.position, scope: *scope, parting: false });
            }
            true
        })?;
    }
    let registry = registry_scope(network);
    found.sort_by_key(|it| (it.scope != registry, it.position));
    found.dedup();
    Ok(found)
}

/// Where the statements stand by which a facility was put out of a scope.
pub fn partings(
    store: &(impl Read + ?Sized),
    scope: ScopeId,
    number: ScopeNumber,
    facility: &FacilityId,
) -> Result<Vec<Placed>, StorageError> {
    let mut positions = Vec::new();
    let range = Range::prefix(&number.to_be_bytes());
    store.scan(table::CHAIN, &range, Order::Ascending, &mut |_, row| {
        positions.extend(ChainRow::from_bytes(row).map(|row| row.position));
        true
    })?;
    positions.sort_unstable();
    let mut found = Vec::new();
    for position in positions {
        let Some(bytes) = store.get(table::LOG, &position.to_be_bytes())? else { continue };
        if puts_out(bytes, facility) {
            found.push(Placed { position, scope, parting: true });
        }
    }
    Ok(found)
}

fn puts_out(bytes: Vec<u8>, facility: &FacilityId) -> bool {
    let clear = Header::read(&mut Reader::new(&bytes)).is_ok_and(|header| header.is_clear());
    if !clear {
        return false;
    }
    let statement = AdmittedEnvelope::restore(bytes).and_then(|envelope| envelope.statement());
    matches!(statement, Ok(Some(Statement::Revoke { facility: put_out, .. })) if put_out == *facility)
}

/// The envelopes at these places, up to so many bytes but at least one; says how many places they took.
pub fn envelopes(
    store: &(impl Read + ?Sized),
    places: &[Placed],
    bytes_max: usize,
) -> Result<(Vec<Vec<u8>>, usize), StorageError> {
    let mut envelopes = Vec::new();
    let (mut bytes, mut taken) = (0, 0);
    for place in places {
        if bytes >= bytes_max {
            break;
        }
        taken += 1;
        // A place without an envelope cannot be: what the chain names is in the log by the same commit.
        if let Some(envelope) = store.get(table::LOG, &place.position.to_be_bytes())? {
            bytes += envelope.len();
            envelopes.push(envelope);
        }
    }
    Ok((envelopes, taken))
}
