use super::super::disk::sim::SimDisk;
use super::*;
use azalea_core::storage::{contract, table};

fn key() -> StoreKey {
    StoreKey([5; 32])
}

fn on(disk: &SimDisk) -> RedbStore {
    let path = Path::new("store.redb");
    if disk.bytes().is_empty() {
        drop(EncryptedFile::create(disk.clone(), path, &key()).expect("room"));
    }
    let disk = disk.clone();
    RedbStore::with_opener(move || open_database(Ok(disk.clone()), path, &key(), CACHE_BYTES))
        .expect("intact")
}

fn row(key: u8, len: usize) -> Batch {
    let mut batch = Batch::new();
    batch.put(table::LOG, [key], vec![key; len]);
    batch
}

#[test]
fn redb_keeps_the_contract() {
    contract::check_all(&mut || Box::new(on(&SimDisk::default())));
}

#[test]
fn a_file_is_made_whole_and_opened_only_with_its_key() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let file = home.path().join("store.redb");
    assert!(matches!(RedbStore::open(&file, &key()), Err(StoreOpenError::Missing { .. })));
    RedbStore::create(&file, &key()).expect("room");
    assert!(RedbStore::create(&file, &key()).is_err());
    let mut store = RedbStore::open(&file, &key()).expect("intact");
    store.commit(&row(1, 10)).expect("room");
    drop(store);
    let store = RedbStore::open(&file, &key()).expect("intact");
    assert_eq!(store.get(table::LOG, &[1]).expect("intact"), Some(vec![1; 10]));
    drop(store);
    let wrong = RedbStore::open(&file, &StoreKey([6; 32]));
    assert!(matches!(wrong, Err(StoreOpenError::Open(OpenError::WrongKey { .. }))));
}

/// The disk fills up: the commit says so, what was saved stays readable, and with room again the store goes on.
#[test]
fn a_full_disk_is_over_when_there_is_room_again() {
    let disk = SimDisk::default();
    let mut store = on(&disk);
    store.commit(&row(1, 5_000)).expect("room");
    disk.fill_after(20_000);
    assert_eq!(store.commit(&row(2, 500_000)), Err(StorageError::Full));
    disk.fill_after(30_000);
    assert_eq!(store.get(table::LOG, &[1]).expect("readable"), Some(vec![1; 5_000]));
    assert_eq!(store.commit(&row(2, 500_000)), Err(StorageError::Full));
    disk.make_room();
    store.commit(&row(2, 500_000)).expect("room again");
    assert_eq!(store.get(table::LOG, &[2]).expect("intact"), Some(vec![2; 500_000]));
    assert_eq!(store.get(table::LOG, &[1]).expect("intact"), Some(vec![1; 5_000]));
}

#[test]
fn a_damaged_block_is_named_with_what_to_do() {
    let disk = SimDisk::default();
    let mut store = on(&disk);
    store.commit(&row(1, 300_000)).expect("room");
    drop(store);
    let mut bytes = disk.bytes();
    let middle = bytes.len() / 2;
    for byte in &mut bytes[middle - 20_000..middle + 20_000] {
        *byte ^= 1;
    }
    let opened = RedbStore::with_opener({
        let disk = SimDisk::holding(bytes);
        move || open_database(Ok(disk.clone()), Path::new("store.redb"), &key(), CACHE_BYTES)
    });
    let error = opened.and_then(|store| store.get(table::LOG, &[1])).expect_err("damaged");
    let StorageError::Damaged { place } = error else { panic!("{error}") };
    assert!(place.contains("of store.redb does not authenticate"), "{place}");
    assert!(place.contains("azalea repair"), "{place}");
}

#[test]
fn a_snapshot_stays_as_it_was() {
    let mut store = on(&SimDisk::default());
    store.commit(&row(1, 10)).expect("room");
    let before = store.snapshot().expect("open");
    store.commit(&row(2, 10)).expect("room");
    assert_eq!(before.get(table::LOG, &[2]).expect("intact"), None);
    assert!(store.get(table::LOG, &[2]).expect("intact").is_some());
}
