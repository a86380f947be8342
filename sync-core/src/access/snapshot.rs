//! What stands for what in an author's chain: a snapshot of a volume, and the envelopes that it covers.
//!
//! ```text
//! number     3   4   5   6   7     8          9
//!           ├───────────────┤  snapshot   statement: "8 and 3–7 are equivalent, and this is the digest over them"
//! ```
//!
//! The statement follows the snapshot, so that a chain never ends on an envelope that some of its readers do without.

use crate::document::DocumentId;
use crate::hash::Context;
use crate::id::VersionId;
use crate::keys::ScopeKey;
use crate::wire::{Reader, Wire, WireError, Writer, limits};

/// An author's word that the envelope just before this one in its chain is a snapshot: it holds what the covered ones hold,
/// verbatim. Whoever has one side needs not the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The numbers of the author's chain that the snapshot stands for; all lie before it.
    pub covered: Ranges,
    /// The epoch under whose key the snapshot is sealed and the digest is made.
    pub epoch: u32,
    /// The digest over all versions, by [`Snapshot::digest_of`].
    pub digest: [u8; 32],
}

impl Snapshot {
    /// The digest over a volume's versions, whatever their order. Keyed, so that a relay cannot try what it guesses.
    pub fn digest_of(
        key: &ScopeKey,
        document: &DocumentId,
        versions: impl IntoIterator<Item = VersionId>,
    ) -> [u8; 32] {
        let mut ids: Vec<VersionId> = versions.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        let mut hasher = blake3::Hasher::new_keyed(&key.derive(&DIGEST_CONTEXT));
        hasher.update(&document.to_bytes());
        hasher.update(&(ids.len() as u64).to_be_bytes());
        for id in &ids {
            hasher.update(id.as_bytes());
        }
        *hasher.finalize().as_bytes()
    }

    /// Whether a statement with this number can say this: what it covers lies before the snapshot.
    pub fn fits(&self, seq: u64) -> bool {
        self.covered.last() < seq.saturating_sub(1)
    }
}

impl Wire for Snapshot {
    fn write(&self, writer: &mut Writer) {
        self.covered.write(writer);
        writer.u32(self.epoch);
        writer.raw(&self.digest);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let covered = Ranges::read(reader)?;
        match reader.u32("epoch")? {
            0 => Err(WireError::Invalid { field: "epoch" }),
            epoch => Ok(Self { covered, epoch, digest: reader.array("snapshot digest")? }),
        }
    }
}

/// Numbers of a chain, as ascending ranges that do not touch; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    /// The ranges that these numbers make up, in any order; `None` for no numbers. Zero is the number of no envelope, and
    /// is left out.
    pub fn of(numbers: impl IntoIterator<Item = (u64, u64)>) -> Option<Self> {
        let mut parts: Vec<(u64, u64)> = numbers.into_iter().collect();
        parts.retain(|(from, to)| *from > 0 && from <= to);
        parts.sort_unstable();
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for (from, to) in parts {
            match ranges.last_mut() {
                Some(last) if from <= last.1.saturating_add(1) => last.1 = last.1.max(to),
                _ => ranges.push((from, to)),
            }
        }
        (!ranges.is_empty()).then_some(Self(ranges))
    }

    /// First and last number of each.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().copied()
    }

    /// The last number of the range that holds this one.
    pub fn end_of(&self, number: u64) -> Option<u64> {
        let at = self.0.partition_point(|(_, to)| *to < number);
        self.0.get(at).filter(|(from, _)| *from <= number).map(|(_, to)| *to)
    }

    /// The last number of all.
    pub fn last(&self) -> u64 {
        self.0.last().map_or(0, |(_, to)| *to)
    }

    /// How many numbers.
    pub fn count(&self) -> u64 {
        self.0.iter().fold(0, |sum, (from, to)| sum.saturating_add(to - from).saturating_add(1))
    }

    /// How many ranges.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never: there is at least one.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Wire for Ranges {
    fn write(&self, writer: &mut Writer) {
        writer.count(self.0.len());
        for (from, to) in &self.0 {
            writer.u64(*from);
            writer.u64(*to);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let count = reader.count(limits::COVERED)?;
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for _ in 0..count {
            let (from, to) = (reader.u64("first covered")?, reader.u64("last covered")?);
            // Zero is no number, and one that touches the one before would be part of it.
            let follows = ranges.last().is_none_or(|(_, last)| from > last.saturating_add(1));
            if from == 0 || from > to || !follows {
                return Err(WireError::Invalid { field: "covered" });
            }
            ranges.push((from, to));
        }
        if ranges.is_empty() {
            return Err(WireError::Invalid { field: "covered" });
        }
        Ok(Self(ranges))
    }
}

static DIGEST_CONTEXT: Context = Context::new("azalea snapshot digest v1");

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(numbers: &[(u64, u64)]) -> Option<Ranges> {
        Ranges::of(numbers.iter().copied())
    }

    #[test]
    fn numbers_make_up_the_fewest_ranges() {
        let check = |parts: &[(u64, u64)], expected: &[(u64, u64)]| {
            let ranges = numbers(parts).expect("some");
            assert_eq!(ranges.iter().collect::<Vec<_>>(), expected);
            assert_eq!(Ranges::from_bytes(&ranges.to_bytes()), Ok(ranges));
        };
        check(&[(3, 3), (4, 4), (9, 9), (5, 7)], &[(3, 7), (9, 9)]);
        check(&[(1, 5), (2, 3), (6, 6)], &[(1, 6)]);
        check(&[(u64::MAX, u64::MAX), (1, 1)], &[(1, 1), (u64::MAX, u64::MAX)]);
        assert_eq!(numbers(&[]), None);
        assert_eq!(numbers(&[(0, 4)]), None);
    }

    #[test]
    fn a_number_is_found_in_its_range_only() {
        let ranges = numbers(&[(3, 7), (9, 9)]).expect("some");
        let ends: Vec<_> = (2..11).map(|number| ranges.end_of(number)).collect();
        let (seven, nine) = (Some(7), Some(9));
        assert_eq!(ends, [None, seven, seven, seven, seven, seven, None, nine, None]);
        assert_eq!((ranges.last(), ranges.count(), ranges.len()), (9, 6, 2));
    }

    #[test]
    fn ranges_that_are_not_in_their_one_form_are_refused() {
        let refused = WireError::Invalid { field: "covered" };
        for parts in [
            &[][..],
            &[(0, 4)],
            &[(5, 4)],
            &[(3, 7), (8, 9)],
            &[(3, 7), (7, 9)],
            &[(9, 9), (3, 7)],
            &[(1, u64::MAX), (0, 3)],
        ] {
            let ranges = Ranges(parts.to_vec());
            assert_eq!(Ranges::from_bytes(&ranges.to_bytes()), Err(refused.clone()), "{parts:?}");
        }
        let many =
            Ranges((0..=limits::COVERED.max as u64).map(|at| (2 * at + 1, 2 * at + 1)).collect());
        assert!(matches!(Ranges::from_bytes(&many.to_bytes()), Err(WireError::TooLong { .. })));
    }

    #[test]
    fn the_digest_is_over_a_set_and_nobody_makes_it_without_the_key() {
        let volume = |year| DocumentId::Volume { year };
        let digest = |key: u8, year, ids: &[u8]| {
            let ids = ids.iter().map(|id| VersionId([*id; 16]));
            Snapshot::digest_of(&ScopeKey::from([key; 32]), &volume(year), ids)
        };
        let one = digest(1, 2026, &[1, 2, 3]);
        assert_eq!(one, digest(1, 2026, &[3, 1, 2, 1]));
        for other in
            [digest(2, 2026, &[1, 2, 3]), digest(1, 2025, &[1, 2, 3]), digest(1, 2026, &[1, 2])]
        {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn what_is_covered_lies_before_the_snapshot() {
        let covered = numbers(&[(3, 7)]).expect("some");
        let snapshot = Snapshot { covered, epoch: 1, digest: [0; 32] };
        assert_eq!([7, 8, 9, 10].map(|seq| snapshot.fits(seq)), [false, false, true, true]);
        assert!(!snapshot.fits(0));
    }
}
