//! How far a chain is held, by what is here of it and by what snapshots stand for.

use std::collections::BTreeMap;

use crate::id::EnvelopeId;
use crate::storage::row::{AheadRow, SnapshotRow, Standing, VectorRow};

/// How far a chain is held by all that is here of it, ascending, and by what is said of its snapshots.
pub fn reach(
    held: impl IntoIterator<Item = (u64, EnvelopeId)>,
    snapshots: &BTreeMap<u64, SnapshotRow>,
) -> VectorRow {
    let row = |(seq, id)| AheadRow { seq, id, previous: EnvelopeId::ZERO };
    let mut vector = VectorRow { ahead: held.into_iter().map(row).collect(), ..VectorRow::empty() };
    advance(&mut vector, Some(snapshots));
    vector
}

/// Moves a chain's end over what is held or counts as held, to the last that is held.
pub(in crate::replica) fn advance(
    vector: &mut VectorRow,
    snapshots: Option<&BTreeMap<u64, SnapshotRow>>,
) {
    let covering = |number: u64| {
        let rows = snapshots.into_iter().flat_map(BTreeMap::values);
        let rows = rows.filter(|row| row.standing.covers());
        rows.filter_map(|row| row.claim.covered.end_of(number)).max()
    };
    // The envelope before a statement, where all that comes before it counts: so does whatever it covers.
    let is_snapshot = |number: u64| {
        let said = number.checked_add(1).and_then(|seq| snapshots?.get(&seq));
        said.is_some_and(|row| row.standing != Standing::Withdrawn)
    };
    let (mut counted, mut taken) = (vector.seq, 0);
    while let Some(next) = counted.checked_add(1) {
        if vector.ahead.get(taken).is_some_and(|ahead| ahead.seq == next) {
            taken += 1;
            counted = next;
        } else if let Some(last) = covering(next) {
            counted = last;
            taken += vector.ahead[taken..].partition_point(|ahead| ahead.seq <= last);
        } else if is_snapshot(next) {
            counted = next;
        } else {
            break;
        }
    }
    if let Some(last) = vector.ahead.drain(..taken).next_back() {
        (vector.seq, vector.id) = (last.seq, last.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Ranges, Snapshot};

    fn id(seq: u64) -> EnvelopeId {
        EnvelopeId([seq as u8; 32])
    }

    /// Statements by their numbers, what each covers, and how it stands.
    fn check(held: &[u64], said: &[(u64, (u64, u64), Standing)], (seq, ahead): (u64, &[u64])) {
        let row = |(at, covered, standing): &(u64, (u64, u64), Standing)| {
            let covered = Ranges::of([*covered]).expect("some");
            let claim = Snapshot { covered, epoch: 1, digest: [0; 32] };
            (*at, SnapshotRow { claim, standing: *standing, ended: false })
        };
        let said: BTreeMap<u64, SnapshotRow> = said.iter().map(row).collect();
        let vector = reach(held.iter().map(|seq| (*seq, id(*seq))), &said);
        let found: Vec<u64> = vector.ahead.iter().map(|ahead| ahead.seq).collect();
        assert_eq!((vector.seq, found.as_slice()), (seq, ahead), "{held:?}");
        assert_eq!(vector.id, if seq == 0 { EnvelopeId::ZERO } else { id(seq) });
    }

    #[test]
    fn without_snapshots_a_chain_is_held_up_to_its_first_gap() {
        check(&[], &[], (0, &[]));
        check(&[1, 2, 3], &[], (3, &[]));
        check(&[1, 2, 4, 5], &[], (2, &[4, 5]));
    }

    #[test]
    fn either_side_of_a_snapshot_counts_for_the_other() {
        let said = |standing| [(7, (3, 5), standing)];
        check(&[1, 2, 6, 7], &said(Standing::Sound), (7, &[]));
        check(&[1, 2, 6, 7], &said(Standing::Sealed), (7, &[]));
        check(&[1, 2, 3, 4, 5, 7, 8], &said(Standing::Stated), (8, &[]));
        check(&[1, 2, 3, 6, 7], &said(Standing::Sound), (7, &[]));
        // A number that nothing stands for is a gap all the same.
        check(&[1, 6, 7], &said(Standing::Sound), (1, &[6, 7]));
        for standing in [Standing::Stated, Standing::Due, Standing::Broken, Standing::Withdrawn] {
            check(&[1, 2, 6, 7], &said(standing), (2, &[6, 7]));
        }
        check(&[1, 2, 3, 4, 5, 7], &said(Standing::Withdrawn), (5, &[7]));
    }

    #[test]
    fn a_chain_rests_on_what_is_here() {
        // The snapshot counts, and its statement is not here to rest on.
        check(&[1, 2, 3, 4, 5], &[(7, (3, 5), Standing::Stated)], (5, &[]));
        // What is covered ends beyond all that is here.
        check(&[1, 2], &[(9, (3, 5), Standing::Sound)], (2, &[]));
    }

    #[test]
    fn a_later_snapshot_stands_for_the_one_before_it_too() {
        let said = [(7, (3, 5), Standing::Stated), (12, (3, 10), Standing::Sound)];
        check(&[1, 2, 11, 12, 13], &said, (13, &[]));
        let said = [(7, (3, 5), Standing::Sound), (12, (3, 10), Standing::Broken)];
        check(&[1, 2, 6, 7, 8, 11, 12], &said, (8, &[11, 12]));
    }
}
