//! Any two sets find exactly what differs, at a cost that follows the difference.

use crate::hash::Context;
use proptest::prelude::*;

use super::*;
use crate::wire::Writer;

fn key(seed: u8) -> PrintKey {
    let device = DeviceId([1; 16]);
    PrintKey::agree(&NetworkId([2; 32]), (&device, &[seed; 32]), (&device, &[4; 32]))
}

fn item(scope: u64, digest: u64) -> Item {
    let scope = ScopeId::digest(&Context::new("azalea test scope"), &[&scope.to_be_bytes()]);
    Item { scope, digest: *blake3::hash(&digest.to_be_bytes()).as_bytes() }
}

fn bytes(ranges: &[Range]) -> usize {
    let mut writer = Writer::new();
    writer.list(ranges);
    writer.into_bytes().len()
}

/// What two sides find between them: scopes that only the left has so, those that only the right has so, bytes, messages.
fn reconcile(
    left: &[Item],
    right: &[Item],
) -> (BTreeSet<ScopeId>, BTreeSet<ScopeId>, usize, usize) {
    let sets = [ItemSet::new(key(3), left.to_vec()), ItemSet::new(key(3), right.to_vec())];
    let mut only = [BTreeSet::new(), BTreeSet::new()];
    let mut ranges = sets[0].open();
    let (mut cost, mut messages, mut turn) = (0, 0, 0);
    while !ranges.is_empty() {
        cost += bytes(&ranges);
        messages += 1;
        turn = 1 - turn;
        let found = sets[turn].compare(&ranges);
        only[turn].extend(found.only_ours);
        let theirs = found.only_theirs.iter().filter_map(|print| sets[1 - turn].scope(print));
        only[1 - turn].extend(theirs);
        ranges = found.ranges;
        assert!(messages < 12, "it comes to an end");
    }
    let [left, right] = only;
    (left, right, cost, messages)
}

fn differing(ours: &[Item], theirs: &[Item]) -> BTreeSet<ScopeId> {
    let theirs: BTreeMap<ScopeId, [u8; 32]> =
        theirs.iter().map(|item| (item.scope, item.digest)).collect();
    let differs = |item: &&Item| theirs.get(&item.scope) != Some(&item.digest);
    ours.iter().filter(differs).map(|item| item.scope).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_two_sets_find_exactly_what_differs(
        shared in 0_u64..3_000,
        changed in 0_u64..60,
        left in 0_u64..200,
        right in 0_u64..200,
    ) {
        let common: Vec<Item> = (0..shared).map(|scope| item(scope, 0)).collect();
        let with = |digest, from, extra| {
            let mut items = common.clone();
            // What both have, and one has differently.
            items.iter_mut().zip(0..changed).for_each(|(it, at)| *it = item(at * 7 % shared.max(1), digest));
            items.extend((from..from + extra).map(|scope| item(scope, 0)));
            items
        };
        let (ours, theirs) = (with(1, 10_000, left), with(2, 20_000, right));
        let (only_left, only_right, _, _) = reconcile(&ours, &theirs);
        let last = |items: &[Item]| -> Vec<Item> {
            let last: BTreeMap<_, _> = items.iter().map(|item| (item.scope, *item)).collect();
            last.into_values().collect()
        };
        let (ours, theirs) = (last(&ours), last(&theirs));
        prop_assert_eq!(only_left, differing(&ours, &theirs));
        prop_assert_eq!(only_right, differing(&theirs, &ours));
    }
}

#[test]
fn the_cost_follows_the_difference() {
    let side = |count: u64, changed: u64| -> Vec<Item> {
        (0..count).map(|scope| item(scope, u64::from(scope < changed))).collect()
    };
    for (count, changed, bytes_max, messages_max) in [
        (14_400, 0, 1_200, 1),
        (14_400, 10, 4_500, 3),
        (144_000, 10, 9_000, 3),
        (14_400, 100, 32_000, 3),
    ] {
        let (left, right, cost, messages) = reconcile(&side(count, changed), &side(count, 0));
        assert_eq!((left.len(), right.len()), (changed as usize, changed as usize));
        assert!(cost <= bytes_max, "{changed} of {count}: {cost} bytes");
        assert!(messages <= messages_max, "{changed} of {count}: {messages} messages");
    }
}

#[test]
fn an_empty_side_learns_of_everything() {
    let all: Vec<Item> = (0..500).map(|scope| item(scope, 1)).collect();
    let (left, right, ..) = reconcile(&all, &[]);
    assert_eq!((left.len(), right.len()), (500, 0));
    let (left, right, ..) = reconcile(&[], &all);
    assert_eq!((left.len(), right.len()), (0, 500));
}

#[test]
fn another_session_has_other_prints() {
    let one = ItemSet::new(key(3), [item(1, 1)]);
    let other = ItemSet::new(key(4), [item(1, 1)]);
    assert_ne!(one.open(), other.open());
}

#[test]
fn bounds_are_short_and_part_neighbours() {
    let mut scopes: Vec<ScopeId> = (0..1_000_u64)
        .map(|scope| ScopeId::digest(&Context::new("azalea test scope"), &[&scope.to_be_bytes()]))
        .collect();
    scopes.sort_unstable();
    for two in scopes.windows(2) {
        let bound = Bound::between(&two[0], &two[1]);
        let at = bound.scope().expect("not the end");
        assert!(two[0] < at && at <= two[1]);
        let range = Range { upto: bound, content: Content::Settled };
        let bytes = range.to_bytes();
        assert!(bytes.len() <= 5, "{bytes:?}");
        assert_eq!(Range::from_bytes(&bytes), Ok(range));
    }
    assert_eq!(Range::from_bytes(&[0]).map(|range| range.upto), Ok(Bound::End));
    assert!(Range::from_bytes(&[1, 0]).is_err(), "a bound has one form");
}
