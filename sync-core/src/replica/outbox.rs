//! Our envelopes that the relay does not have yet, in the order in which they leave.
//!
//! Withdrawals and revocations travel first: once one is written in a scope, everything of that scope leaves
//! before anything else. The whole scope, because the relay takes an author's chain only without gaps.

use std::collections::{BTreeMap, BTreeSet};

use crate::storage::row::ScopeNumber;
use crate::wire::{Reader, Wire, WireError, Writer};

/// Positions in the log that wait to be sent.
#[derive(Default)]
pub(super) struct Outbox {
    waiting: BTreeMap<u64, OutboxRow>,
    /// Scopes with a revocation that has not left.
    urgent: BTreeSet<ScopeNumber>,
}

/// A row of the outbox table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OutboxRow {
    pub(super) scope: ScopeNumber,
    /// Whether the envelope puts somebody out.
    pub(super) urgent: bool,
}

impl Wire for OutboxRow {
    fn write(&self, writer: &mut Writer) {
        writer.u32(self.scope);
        writer.bool(self.urgent);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self { scope: reader.u32("scope number")?, urgent: reader.bool("urgent")? })
    }
}

impl Outbox {
    pub(super) fn insert(&mut self, position: u64, row: OutboxRow) {
        if row.urgent {
            self.urgent.insert(row.scope);
        }
        self.waiting.insert(position, row);
    }

    pub(super) fn remove(&mut self, position: u64) {
        let Some(row) = self.waiting.remove(&position) else { return };
        let another = |other: &OutboxRow| other.urgent && other.scope == row.scope;
        if row.urgent && !self.waiting.values().any(another) {
            self.urgent.remove(&row.scope);
        }
    }

    pub(super) fn contains(&self, position: u64) -> bool {
        self.waiting.contains_key(&position)
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The order in which all of it leaves: urgent scopes whole, then by position.
    pub(super) fn next(&self) -> impl Iterator<Item = u64> {
        let hurry = (!self.urgent.is_empty()).then_some(&self.waiting);
        let first = hurry.into_iter().flatten();
        let first = first.filter(|(_, row)| self.urgent.contains(&row.scope));
        let then = self.waiting.iter();
        let then = then.filter(|(_, row)| !self.urgent.contains(&row.scope));
        first.chain(then).map(|(position, _)| *position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_with_a_revocation_leaves_first_and_whole() {
        let mut outbox = Outbox::default();
        for (position, scope) in [(1, 7), (2, 8), (3, 7), (4, 9)] {
            outbox.insert(position, OutboxRow { scope, urgent: false });
        }
        assert_eq!(outbox.next().collect::<Vec<_>>(), [1, 2, 3, 4]);
        outbox.insert(5, OutboxRow { scope: 8, urgent: true });
        assert_eq!(outbox.next().collect::<Vec<_>>(), [2, 5, 1, 3, 4]);
        outbox.remove(2);
        outbox.remove(5);
        assert_eq!(outbox.next().collect::<Vec<_>>(), [1, 3, 4]);
    }
}
