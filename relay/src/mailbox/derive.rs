//! Rows that a program before this one did not write, made once from those that it did.
//!
//! Nothing rests on them: a statement that the table does not name keeps its place in the log when a new reader's feed is filled.

use std::collections::BTreeMap;

use azalea_core::access::registry_scope;
use azalea_core::envelope::Header;
use azalea_core::id::{DeviceId, NetworkId, ScopeId};
use azalea_core::storage::{Batch, Order, Range, Read, StorageError};
use azalea_core::wire::{Reader, Wire};

use super::tables::{self, DeviceRow, ScopeRow};

/// Names a store whose statements are in their table.
const STATED_KEY: &[u8] = b"stated";
/// What stands before an envelope in the log.
const CHECKSUM: usize = 32;

/// The rows of the table of statements for a store that has none, by one walk through its log; `None` where they are there.
pub fn statements(store: &dyn Read) -> Result<Option<Batch>, StorageError> {
    if store.get(tables::META, STATED_KEY)?.is_some() {
        return Ok(None);
    }
    let network = store.get(tables::META, tables::NETWORK_KEY)?;
    let Some(Ok(network)) = network.map(|bytes| NetworkId::from_bytes(&bytes)) else {
        return Ok(None);
    };
    let registry = registry_scope(&network);
    let scopes = numbers(store, tables::SCOPE, |value| {
        ScopeRow::from_bytes(value).ok().map(|row| row.number)
    })?;
    let devices = numbers(store, tables::DEVICE, |value| {
        DeviceRow::from_bytes(value).ok().map(|row| row.number)
    })?;
    let mut batch = Batch::new();
    store.scan(tables::LOG, &Range::all(), Order::Ascending, &mut |key, value| {
        let place = key.try_into().map(u64::from_be_bytes);
        let header = value.get(CHECKSUM..).map(|envelope| Header::read(&mut Reader::new(envelope)));
        // What does not read is not for here to judge.
        if let (Ok(place), Some(Ok(header))) = (place, header)
            && header.is_clear()
            && header.scope != registry
            && let Some(scope) = scopes.get(header.scope.as_bytes())
            && let Some(author) = devices.get(header.author.as_bytes())
        {
            let key = tables::statement_key(*scope, place);
            batch.put(tables::STATEMENT, key, author.to_be_bytes());
        }
        true
    })?;
    batch.put(tables::META, STATED_KEY, Vec::new());
    Ok(Some(batch))
}

fn numbers(
    store: &dyn Read,
    table: azalea_core::storage::Table,
    number: impl Fn(&[u8]) -> Option<u32>,
) -> Result<BTreeMap<[u8; 16], u32>, StorageError> {
    const { assert!(ScopeId::LEN == 16 && DeviceId::LEN == 16) };
    let mut numbers = BTreeMap::new();
    store.scan(table, &Range::all(), Order::Ascending, &mut |key, value| {
        if let (Ok(id), Some(number)) = (key.try_into(), number(value)) {
            numbers.insert(id, number);
        }
        true
    })?;
    Ok(numbers)
}
