//! What every store must do, as checks that any backend runs.
//!
//! A backend's test calls [`check_all`] with a function that makes a fresh, empty store.

use super::{Batch, Order, Range, Read, Store, table};

/// Runs every check; panics with the broken promise.
pub fn check_all(fresh: &mut dyn FnMut() -> Box<dyn Store>) {
    a_batch_takes_effect_whole(fresh().as_mut());
    a_later_change_replaces_an_earlier_one(fresh().as_mut());
    scans_are_ordered_and_half_open(fresh().as_mut());
    a_scan_stops_when_it_is_told(fresh().as_mut());
    tables_do_not_mix(fresh().as_mut());
    a_store_is_an_ordered_map(fresh().as_mut());
}

fn rows(store: &(impl Read + ?Sized), range: &Range, order: Order) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    store
        .scan(table::LOG, range, order, &mut |key, value| {
            found.push((key.to_vec(), value.to_vec()));
            true
        })
        .expect("a scan of a sound store");
    found
}

fn a_batch_takes_effect_whole(store: &mut dyn Store) {
    let mut batch = Batch::new();
    batch.put(table::LOG, *b"a", *b"1");
    batch.put(table::META, *b"b", *b"2");
    store.commit(&batch).expect("a commit");
    assert_eq!(store.get(table::LOG, b"a").expect("a read"), Some(b"1".to_vec()));
    assert_eq!(store.get(table::META, b"b").expect("a read"), Some(b"2".to_vec()));
}

fn a_later_change_replaces_an_earlier_one(store: &mut dyn Store) {
    let mut batch = Batch::new();
    batch.put(table::LOG, *b"a", *b"1");
    batch.remove(table::LOG, *b"a");
    batch.put(table::LOG, *b"b", *b"1");
    batch.put(table::LOG, *b"b", *b"2");
    batch.remove(table::LOG, *b"never there");
    store.commit(&batch).expect("a commit");
    assert_eq!(rows(store, &Range::all(), Order::Ascending), [(b"b".to_vec(), b"2".to_vec())]);
}

fn scans_are_ordered_and_half_open(store: &mut dyn Store) {
    let mut batch = Batch::new();
    for key in [[3, 0], [1, 0], [1, 255], [2, 7], [255, 255]] {
        batch.put(table::LOG, key, Vec::new());
    }
    store.commit(&batch).expect("a commit");
    let keys = |range: &Range, order| -> Vec<Vec<u8>> {
        rows(store, range, order).into_iter().map(|(key, _)| key).collect()
    };
    assert_eq!(keys(&Range::prefix(&[1]), Order::Ascending), [[1, 0], [1, 255]]);
    assert_eq!(keys(&Range::prefix(&[255]), Order::Ascending), [[255, 255]]);
    let middle = Range { from: vec![1, 255], to: Some(vec![3, 0]) };
    assert_eq!(keys(&middle, Order::Descending), [[2, 7], [1, 255]]);
    let empty = Range { from: vec![3], to: Some(vec![1]) };
    assert!(keys(&empty, Order::Ascending).is_empty());
    assert_eq!(keys(&Range::since(vec![2, 8]), Order::Ascending), [[3, 0], [255, 255]]);
}

fn a_scan_stops_when_it_is_told(store: &mut dyn Store) {
    let mut batch = Batch::new();
    for key in 0..10u8 {
        batch.put(table::LOG, [key], Vec::new());
    }
    store.commit(&batch).expect("a commit");
    let mut seen = 0;
    store
        .scan(table::LOG, &Range::all(), Order::Ascending, &mut |_, _| {
            seen += 1;
            seen < 3
        })
        .expect("a scan");
    assert_eq!(seen, 3);
}

fn tables_do_not_mix(store: &mut dyn Store) {
    let mut batch = Batch::new();
    batch.put(table::OUTBOX, *b"a", *b"1");
    store.commit(&batch).expect("a commit");
    assert_eq!(store.get(table::WAITING, b"a").expect("a read"), None);
    assert!(rows(store, &Range::all(), Order::Ascending).is_empty());
}

/// A walk of puts and removes drawn from a fixed sequence, held against a plain ordered map after each commit.
fn a_store_is_an_ordered_map(store: &mut dyn Store) {
    let mut expected = std::collections::BTreeMap::new();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    for _ in 0..50 {
        let mut batch = Batch::new();
        for _ in 0..draw(20) {
            let key = draw(200).to_be_bytes().to_vec();
            if draw(3) == 0 {
                expected.remove(&key);
                batch.remove(table::LOG, key);
            } else {
                let value = vec![0x5a; usize::try_from(draw(6_000)).expect("a small number")];
                expected.insert(key.clone(), value.clone());
                batch.put(table::LOG, key, value);
            }
        }
        store.commit(&batch).expect("a commit");
        let wanted: Vec<_> = expected.clone().into_iter().collect();
        assert_eq!(rows(store, &Range::all(), Order::Ascending), wanted);
    }
}
