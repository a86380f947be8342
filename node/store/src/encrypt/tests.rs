use super::super::disk::sim::SimDisk;
use super::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use redb::{Database, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition};
use std::collections::BTreeMap;

const ROWS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");

fn key() -> StoreKey {
    StoreKey([7; 32])
}

fn path() -> &'static Path {
    Path::new("store.redb")
}

fn create(disk: &SimDisk) -> EncryptedFile<SimDisk> {
    EncryptedFile::create(disk.clone(), path(), &key()).expect("the disk has room")
}

fn open(disk: &SimDisk) -> Result<EncryptedFile<SimDisk>, OpenError> {
    EncryptedFile::open(disk.clone(), path(), &key())
}

fn database(file: EncryptedFile<SimDisk>) -> Result<Database, redb::DatabaseError> {
    Database::builder().set_cache_size(64 << 10).create_with_backend(file)
}

fn put(database: &Database, rows: &[(Vec<u8>, Vec<u8>)]) -> Result<(), redb::Error> {
    let mut write = database.begin_write()?;
    write.set_quick_repair(true);
    {
        let mut table = write.open_table(ROWS)?;
        for (key, value) in rows {
            table.insert(key.as_slice(), value.as_slice())?;
        }
    }
    Ok(write.commit()?)
}

fn all(database: &Database) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, redb::Error> {
    let table = match database.begin_read()?.open_table(ROWS) {
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(BTreeMap::new()),
        table => table?,
    };
    let mut rows = BTreeMap::new();
    for row in table.iter()? {
        let (key, value) = row?;
        rows.insert(key.value().to_vec(), value.value().to_vec());
    }
    Ok(rows)
}

/// A few rows, some of them longer than a page.
fn some_rows(rng: &mut StdRng) -> Vec<(Vec<u8>, Vec<u8>)> {
    (0..rng.random_range(1..20))
        .map(|_| {
            let key = rng.random_range(0..400u32).to_be_bytes().to_vec();
            let mut value = vec![0; rng.random_range(0..9_000)];
            rng.fill_bytes(&mut value);
            (key, value)
        })
        .collect()
}

#[test]
fn bytes_read_back_at_any_offset_and_length() {
    let disk = SimDisk::default();
    let file = create(&disk);
    let mut expected = vec![0; 40 * PAGE];
    file.set_len(expected.len() as u64).expect("room");
    // The first write fills single pages in part; the rest of each reads as zeros.
    for page in expected.chunks_exact_mut(PAGE).enumerate() {
        page.1[..10].fill(page.0 as u8);
        file.write(page.0 as u64 * PAGE_LEN, &page.1[..10]).expect("room");
    }
    let mut rng = StdRng::seed_from_u64(1);
    for _ in 0..300 {
        let start = rng.random_range(0..expected.len());
        let len = rng.random_range(0..=(expected.len() - start).min(5 * PAGE));
        let bytes = &mut expected[start..start + len];
        rng.fill_bytes(bytes);
        file.write(start as u64, bytes).expect("room");
        let start = rng.random_range(0..expected.len());
        let len = rng.random_range(0..=expected.len() - start);
        let mut found = vec![1; len];
        file.read(start as u64, &mut found).expect("within the file");
        assert_eq!(found, expected[start..start + len]);
    }
    file.sync_data().expect("room");
    drop(file);
    let mut found = vec![1; expected.len()];
    let file = open(&disk).expect("intact");
    assert_eq!(file.len().expect("known"), expected.len() as u64);
    file.read(0, &mut found).expect("intact");
    assert_eq!(found, expected);
    assert!(file.read(1, &mut found).is_err());
    assert!(file.write(expected.len() as u64, &[1]).is_err());
}

#[test]
fn nothing_written_is_found_in_the_file() {
    let disk = SimDisk::default();
    let database = database(create(&disk)).expect("room");
    let text = "山田太郎 19480203".as_bytes();
    put(&database, &[(text.to_vec(), text.repeat(40))]).expect("room");
    drop(database);
    let bytes = disk.bytes();
    assert!(!bytes.windows(8).any(|window| window == &text[..8]));
    assert!(!bytes.windows(4).any(|window| window == b"redb"));
}

/// The power goes at random moments: what was committed is there, what was not is there whole or not at all.
#[test]
fn a_torn_write_never_harms_what_was_committed() {
    for seed in 0..24 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut disk = SimDisk::default();
        let mut expected = BTreeMap::new();
        put(&database(create(&disk)).expect("room"), &[]).expect("room");
        for _ in 0..6 {
            let store = database(open(&disk).expect("intact")).expect("intact");
            for _ in 0..rng.random_range(0..4) {
                let rows = some_rows(&mut rng);
                put(&store, &rows).expect("room");
                expected.extend(rows);
            }
            // This one is cut off somewhere on the way to the disk.
            disk.fill_after(rng.random_range(0..200_000));
            let rows = some_rows(&mut rng);
            let committed = put(&store, &rows).is_ok();
            let mut with_last = expected.clone();
            with_last.extend(rows);
            disk = disk.power_cut(rng.random());
            drop(store);
            let store = database(open(&disk).expect("one page 0 is whole")).expect("repaired");
            let found = all(&store).expect("no page of a commit is torn");
            assert!(found == with_last || (!committed && found == expected), "seed {seed}");
            expected = found;
        }
    }
}

#[test]
fn a_full_disk_is_an_error_and_nothing_is_lost() {
    let disk = SimDisk::default();
    let store = database(create(&disk)).expect("room");
    let mut rng = StdRng::seed_from_u64(3);
    let rows = some_rows(&mut rng);
    put(&store, &rows).expect("room");
    disk.fill_after(9_000);
    assert!(put(&store, &[(b"more".to_vec(), vec![1; 100_000])]).is_err());
    drop(store);
    disk.make_room();
    let store = database(open(&disk).expect("intact")).expect("repaired");
    assert_eq!(all(&store).expect("intact"), rows.into_iter().collect());
    put(&store, &[(b"more".to_vec(), vec![1; 100_000])]).expect("room again");
}

#[test]
fn a_wrong_key_a_cut_and_another_file_have_their_own_errors() {
    let disk = SimDisk::default();
    let store = database(create(&disk)).expect("room");
    put(&store, &[(b"key".to_vec(), vec![1; 20_000])]).expect("room");
    drop(store);
    let bytes = disk.bytes();
    let with = |bytes: &[u8]| open(&SimDisk::holding(bytes.to_vec()));

    let wrong = EncryptedFile::open(disk.clone(), path(), &StoreKey([8; 32]));
    assert!(matches!(wrong, Err(OpenError::WrongKey { .. })));
    for len in [0, HEAD - 1, HEAD, 5_000, 20_480, bytes.len() - 1] {
        let cut = with(&bytes[..len]);
        assert!(matches!(cut, Err(OpenError::Truncated { .. })), "{len}");
    }
    assert!(matches!(with(&[b'x'; 50_000]), Err(OpenError::NotAStore { .. })));
    let mut other = bytes.clone();
    other[19] = 2;
    let digest = *blake3::hash(&other[..68]).as_bytes();
    other[68..HEAD].copy_from_slice(&digest);
    assert!(matches!(with(&other), Err(OpenError::Version { found: 2, .. })));
    assert!(with(&bytes).is_ok());
}

/// Whatever bit is flipped: the rows are all there, or there is an error that names the place.
#[test]
fn a_flipped_bit_is_found_or_harmless_and_never_invents_data() {
    let disk = SimDisk::default();
    let store = database(create(&disk)).expect("room");
    let mut rng = StdRng::seed_from_u64(4);
    let mut expected = BTreeMap::new();
    for _ in 0..5 {
        let rows = some_rows(&mut rng);
        put(&store, &rows).expect("room");
        expected.extend(rows);
    }
    // Not closed: the process was killed, and the newest page 0 counts.
    let bytes = disk.bytes();
    let mut named = 0;
    for round in 0..200 {
        let mut bytes = bytes.clone();
        // The first rounds go for the head and the slots.
        let place = if round < 100 { round * 197 } else { rng.random_range(0..bytes.len()) };
        bytes[place] ^= 1 << rng.random_range(0..8);
        let file = match open(&SimDisk::holding(bytes)) {
            Ok(file) => file,
            Err(error) => {
                assert!(!(HEAD..4096).contains(&place), "{error}");
                continue;
            }
        };
        let result = database(file).map_err(redb::Error::from).and_then(|store| all(&store));
        match result {
            Ok(rows) => assert!(rows == expected, "flipped a bit of byte {place}"),
            Err(redb::Error::Io(error)) => {
                let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<BlockDamaged>());
                let block = cause.expect("the cause is named").block;
                assert_eq!(
                    block_offset(block),
                    place as u64 - (place as u64 - BLOCKS) % BLOCK as u64
                );
                assert!(error.to_string().contains("does not authenticate"));
                named += 1;
            }
            Err(other) => panic!("{other} for byte {place}"),
        }
    }
    assert!(named > 20);
}

#[test]
fn an_erased_block_is_damage_and_not_an_empty_page() {
    let disk = SimDisk::default();
    let store = database(create(&disk)).expect("room");
    put(&store, &[(b"key".to_vec(), vec![1; 200_000])]).expect("room");
    drop(store);
    let mut bytes = disk.bytes();
    let start = block_offset(1) as usize;
    bytes[start..].fill(0);
    let result = database(open(&SimDisk::holding(bytes)).expect("the header is intact"))
        .map_err(redb::Error::from)
        .and_then(|store| all(&store));
    assert!(matches!(result, Err(redb::Error::Io(_))));
}

#[test]
fn blocks_cannot_change_places_nor_come_from_another_file() {
    let disk = SimDisk::default();
    let file = create(&disk);
    file.set_len(4 * PAGE_LEN).expect("room");
    file.write(PAGE_LEN, &[1; 2 * PAGE]).expect("room");
    file.sync_data().expect("room");
    let mut bytes = disk.bytes();
    let (first, second) = (block_offset(1) as usize, block_offset(2) as usize);
    bytes.copy_within(first..first + BLOCK, second);
    let swapped = open(&SimDisk::holding(bytes)).expect("the header is intact");
    let mut page = [0; PAGE];
    swapped.read(PAGE_LEN, &mut page).expect("untouched");
    let error = swapped.read(2 * PAGE_LEN, &mut page).expect_err("moved");
    assert!(error.to_string().starts_with("block 2 of store.redb does not authenticate"));

    let other = SimDisk::default();
    create(&other).set_len(4 * PAGE_LEN).expect("room");
    let mut spliced = disk.bytes();
    spliced[..HEAD].copy_from_slice(&other.bytes()[..HEAD]);
    assert!(matches!(open(&SimDisk::holding(spliced)), Err(OpenError::Damaged { .. })));
}
