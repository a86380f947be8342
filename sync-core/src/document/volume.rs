//! The versions of a chart and which of them count: those that no other version replaces.
//!
//! A set that only grows gives the same answer whatever the order of arrival. One record's versions may lie
//! in several volumes of a scope (a corrected care date moves the newer version to another year), so ask for
//! heads over all that is held of a scope.

use std::collections::{BTreeMap, BTreeSet};

use super::{RecordKey, RecordVersion};
use crate::id::VersionId;

/// The versions among `versions` that no other one names as a parent; ascending.
///
/// Takes each version's id and parents. A parent that is not held replaces nothing and is no error: it may
/// still arrive. Versions that name each other in a circle cannot exist, since an id covers its parents.
pub fn heads<'a>(
    versions: impl IntoIterator<Item = (VersionId, &'a [VersionId])>,
) -> Vec<VersionId> {
    let mut held = BTreeSet::new();
    let mut replaced = BTreeSet::new();
    for (version, parents) in versions {
        held.insert(version);
        replaced.extend(parents.iter().copied());
    }
    held.difference(&replaced).copied().collect()
}

/// A grow-only set of record versions, in memory. A replica keeps the same in its store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Volume {
    versions: BTreeMap<RecordKey, BTreeMap<VersionId, RecordVersion>>,
}

/// What an insertion changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Insertion {
    /// The version was not held before.
    New,
    /// The version was held already; nothing changed.
    Known,
}

/// What counts of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Current<'a> {
    /// No version of it is held.
    Absent,
    /// One version, or several that say the same.
    Agreed(&'a RecordVersion),
    /// Versions made apart that say different things: 要確認. Ascending by id.
    Disagreed(Vec<&'a RecordVersion>),
}

impl Volume {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a version; adding it again changes nothing.
    pub fn insert(&mut self, version: RecordVersion) -> Insertion {
        let id = version.version_id();
        let versions = self.versions.entry(version.key.clone()).or_default();
        match versions.insert(id, version) {
            None => Insertion::New,
            Some(_) => Insertion::Known,
        }
    }

    /// The keys held, ascending.
    pub fn keys(&self) -> impl Iterator<Item = &RecordKey> {
        self.versions.keys()
    }

    /// Every version held of a record, ascending by id.
    pub fn history(&self, key: &RecordKey) -> impl Iterator<Item = &RecordVersion> {
        self.versions.get(key).into_iter().flat_map(BTreeMap::values)
    }

    /// What counts of a record. Removal against change is a disagreement; equal content is none.
    pub fn current(&self, key: &RecordKey) -> Current<'_> {
        let Some(versions) = self.versions.get(key) else { return Current::Absent };
        let heads: Vec<&RecordVersion> =
            heads(versions.iter().map(|(id, version)| (*id, version.parents.as_slice())))
                .iter()
                .filter_map(|id| versions.get(id))
                .collect();
        let says = |version: &RecordVersion| (version.content, version.raw().is_some());
        match heads.as_slice() {
            [] => Current::Absent,
            [first, rest @ ..] if rest.iter().all(|other| says(other) == says(first)) => {
                Current::Agreed(first)
            }
            _ => Current::Disagreed(heads),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Content, RecordHeader};
    use super::*;
    use crate::id::Timestamp;
    use proptest::prelude::*;

    fn version(id: &str, text: &str, parents: &[&RecordVersion]) -> RecordVersion {
        let mut parents: Vec<VersionId> =
            parents.iter().map(|parent| parent.version_id()).collect();
        parents.sort_unstable();
        RecordVersion {
            key: RecordKey { kind: "Condition".into(), id: id.into() },
            parents,
            content: super::super::content_digest(text.as_bytes()),
            header: RecordHeader {
                care_date: None,
                source: "fhir".into(),
                full_url: None,
                received: Timestamp(1),
                by: String::new(),
            },
            body: Content::Raw(text.as_bytes().to_vec()),
        }
    }

    fn volume(versions: &[&RecordVersion]) -> Volume {
        let mut volume = Volume::new();
        versions.iter().for_each(|version| {
            volume.insert((*version).clone());
        });
        volume
    }

    #[test]
    fn two_versions_made_apart_disagree_until_a_third_settles_them() {
        let first = version("c", "fever", &[]);
        let left = version("c", "influenza", &[&first]);
        let right = version("c", "cold", &[&first]);
        let apart = volume(&[&right, &first, &left]);
        assert!(matches!(apart.current(&first.key), Current::Disagreed(two) if two.len() == 2));

        let settled = version("c", "influenza A", &[&left, &right]);
        let together = volume(&[&settled, &left, &first, &right]);
        assert_eq!(together.current(&first.key), Current::Agreed(&settled));
        assert_eq!(together.history(&first.key).count(), 4, "every version is kept");
    }

    #[test]
    fn the_same_content_taken_in_twice_is_no_disagreement() {
        let one = version("c", "fever", &[]);
        let mut again = one.clone();
        again.header.received = Timestamp(2);
        assert!(matches!(volume(&[&one, &again]).current(&one.key), Current::Agreed(_)));
    }

    #[test]
    fn a_removal_against_a_change_is_shown() {
        let first = version("c", "fever", &[]);
        let changed = version("c", "cold", &[&first]);
        let mut removed = version("c", "cold", &[&first]);
        removed.body = Content::Removed;
        let both = volume(&[&first, &changed, &removed]);
        assert!(matches!(both.current(&first.key), Current::Disagreed(_)));
    }

    #[test]
    fn a_version_whose_parent_is_not_here_yet_counts() {
        let first = version("c", "fever", &[]);
        let second = version("c", "cold", &[&first]);
        assert_eq!(volume(&[&second]).current(&first.key), Current::Agreed(&second));
    }

    /// A random family of versions: each names some earlier ones as parents.
    fn family() -> impl Strategy<Value = Vec<RecordVersion>> {
        prop::collection::vec((0..3u8, any::<u8>(), any::<u16>()), 1..24).prop_map(|seeds| {
            let mut made: Vec<RecordVersion> = Vec::new();
            for (record, text, picks) in seeds {
                let id = format!("r{record}");
                let parents: Vec<&RecordVersion> = made
                    .iter()
                    .enumerate()
                    .filter(|(at, other)| other.key.id == id && picks >> (at % 16) & 1 == 1)
                    .map(|(_, other)| other)
                    .collect();
                let version = version(&id, &format!("text {text}"), &parents);
                made.push(version);
            }
            made
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_order_with_repeats_gives_the_same_volume(
            (made, order) in family().prop_flat_map(|made| {
                let twice: Vec<RecordVersion> = made.iter().chain(&made).cloned().collect();
                (Just(made), Just(twice).prop_shuffle())
            })
        ) {
            let straight = volume(&made.iter().collect::<Vec<_>>());
            let shuffled = volume(&order.iter().collect::<Vec<_>>());
            for key in straight.keys() {
                prop_assert_eq!(straight.current(key), shuffled.current(key));
            }
            prop_assert_eq!(straight, shuffled);
        }
    }
}
