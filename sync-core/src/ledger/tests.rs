//! A ledger shows every alteration.

use super::*;
use crate::storage::{Memory, Store};

const LINES: u8 = 4;

fn entry(patient: u8) -> Entry {
    Entry {
        at: Timestamp(u64::from(patient)),
        staff: Some(StaffId("s1".to_owned())),
        staff_name: "山田 花子".to_owned(),
        kind: AccessKind::OpenedPatient,
        patient: Some(PatientId([patient; 16])),
        record: None,
        online: Some(false),
        reason: String::new(),
    }
}

/// A store with lines about as many patients, and the key of the device that wrote them.
fn written() -> (Memory, PublicKey) {
    let device = SigningKeypair::from_seed([5; 32]);
    let mut store = Memory::new();
    let mut ledger = Ledger::open(&store).expect("empty");
    for patient in 0..LINES {
        let (batch, next) = ledger.append(&entry(patient), &device);
        store.commit(&batch).expect("memory");
        ledger = next;
    }
    (store, device.public())
}

fn patients(store: &Memory, key: &PublicKey) -> (Vec<u8>, Option<u64>) {
    let mut seen = Vec::new();
    let each = &mut |entry: Entry| seen.push(entry.patient.expect("about a patient").0[0]);
    let found = check(store, key, each).expect("memory");
    (seen, found.broken_at)
}

#[test]
fn every_line_is_in_its_place_and_the_end_is_found_again() {
    let (mut store, key) = written();
    assert_eq!(patients(&store, &key), ((0..LINES).collect(), None));
    let device = SigningKeypair::from_seed([5; 32]);
    let (batch, _) = Ledger::open(&store).expect("a whole line").append(&entry(LINES), &device);
    store.commit(&batch).expect("memory");
    assert_eq!(patients(&store, &key), ((0..=LINES).collect(), None));
    let page = lines(&store, &key, None, (1, 2)).expect("memory");
    let shown: Vec<u64> = page.entries.iter().map(|entry| entry.at.0).collect();
    assert_eq!((shown, page.total, page.whole), (vec![3, 2], 5, true));
    let one = lines(&store, &key, Some(PatientId([2; 16])), (0, 9)).expect("memory");
    assert_eq!((one.entries.len(), one.total, one.whole), (1, 1, true));
}

#[test]
fn a_line_that_is_altered_missing_moved_or_anothers_is_named() {
    let (whole, key) = written();
    let line =
        |number: u64| whole.get(LEDGER, &number.to_be_bytes()).expect("memory").expect("there");
    let mut flipped = line(1);
    flipped[40] ^= 1;
    let end = Ledger { next: 1, last: Line::from_bytes(&line(0)).expect("read").digest() };
    let (theirs, _) = end.append(&entry(1), &SigningKeypair::from_seed([6; 32]));
    let mut altered = Batch::new();
    altered.put(LEDGER, 1u64.to_be_bytes(), flipped);
    let mut missing = Batch::new();
    missing.remove(LEDGER, 1u64.to_be_bytes());
    let mut moved = Batch::new();
    moved.put(LEDGER, 1u64.to_be_bytes(), line(2));
    moved.put(LEDGER, 2u64.to_be_bytes(), line(1));
    for batch in [altered, missing, moved, theirs] {
        let mut store = whole.clone();
        store.commit(&batch).expect("memory");
        assert_eq!(patients(&store, &key), (vec![0], Some(1)));
    }
}

#[test]
fn a_last_line_that_cannot_be_read_is_not_written_over() {
    let (mut store, _) = written();
    let mut batch = Batch::new();
    batch.put(LEDGER, 3u64.to_be_bytes(), vec![9]);
    store.commit(&batch).expect("memory");
    assert!(matches!(Ledger::open(&store), Err(StorageError::Damaged { .. })));
}
