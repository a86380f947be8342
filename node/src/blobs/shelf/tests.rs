//! From one shelf to another over cuts and lies, on a disk in memory.

use azalea_core::blob::message::ShelfId;
use azalea_core::blob::{BlobRef, Placed, Run, Sealer};
use azalea_core::id::ScopeId;
use azalea_core::keys::ScopeKey;
use azalea_store::disk::sim::SimDisk;

use super::*;
use crate::store::StoreKey;

const SCOPE: ScopeId = ScopeId([1; 16]);

fn shelf(disk: &SimDisk) -> Shelf {
    let store = RedbStore::on(disk.clone(), StoreKey([4; 32]), CACHE_BYTES).expect("intact");
    Shelf::new(store, Clock::default())
}

fn content(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at * 7 % 251) as u8).collect()
}

fn seal(shelf: &Shelf, content: &[u8]) -> (BlobRef, Placed) {
    let digest = *blake3::hash(content).as_bytes();
    let key = ScopeKey::from([2; 32]);
    let sealer = Sealer::new(digest, content.len() as u64, SCOPE, 1, &key).expect("short");
    let reference = shelf.seal(SCOPE, sealer, content).expect("room");
    let of = Placed { scope: SCOPE, blob: reference.sealed() };
    (reference, of)
}

fn opened(shelf: &Shelf, reference: &BlobRef) -> Option<Vec<u8>> {
    let mut found = Vec::new();
    let given = shelf.content(SCOPE, reference, &mut |piece| {
        found.extend_from_slice(piece);
        Ok(())
    });
    given.expect("intact").then_some(found)
}

#[test]
fn what_was_cut_goes_on_behind_the_last_durable_run_and_a_lie_is_not_kept() {
    let (from, disk) = (shelf(&SimDisk::default()), SimDisk::default());
    let scan = content(200_000);
    let (reference, of) = seal(&from, &scan);
    let outboard = from.outboard(&of).expect("whole");
    let slice = |run: Run| from.slice(&of, &outboard, run).expect("it has it");
    let to = shelf(&disk);
    let mut fetch = to.begin(&of).expect("intact").expect("nothing is here");
    for _ in 0..2 {
        let run = fetch.ask(4).expect("something is missing");
        let bytes = fetch.arrived(run, &slice(run)).expect("proven");
        assert!(to.keep(&of, &mut fetch, run, &bytes).expect("room"));
    }
    let run = fetch.ask(4).expect("something is missing");
    let mut lie = slice(run);
    *lie.last_mut().expect("bytes") ^= 1;
    assert!(fetch.arrived(run, &lie).is_err());
    assert_eq!(opened(&to, &reference), None, "a part is not given out");
    drop((to, fetch));

    let to = shelf(&disk);
    let standing = to.standing(&of).expect("intact");
    assert_eq!((standing.held, standing.is_whole), (8, false));
    let mut fetch = to.begin(&of).expect("intact").expect("not all is here");
    let mut first = None;
    while let Some(run) = fetch.ask(64) {
        first.get_or_insert(run.first());
        let bytes = fetch.arrived(run, &slice(run)).expect("proven");
        assert!(to.keep(&of, &mut fetch, run, &bytes).expect("room"));
    }
    assert_eq!(first, Some(8), "nothing comes twice");
    to.finish(&of).expect("all of it is here");
    assert!(opened(&to, &reference).expect("whole") == scan);
    assert!(to.begin(&of).expect("intact").is_none());
}

#[test]
fn a_content_that_is_sealed_here_while_it_comes_is_whole_once() {
    let (from, to) = (shelf(&SimDisk::default()), shelf(&SimDisk::default()));
    let scan = content(100_000);
    let (_, of) = seal(&from, &scan);
    let outboard = from.outboard(&of).expect("whole");
    let mut fetch = to.begin(&of).expect("intact").expect("nothing is here");
    let run = fetch.ask(2).expect("something is missing");
    let bytes = fetch.arrived(run, &from.slice(&of, &outboard, run).expect("it has it"));
    let bytes = bytes.expect("proven");
    let (reference, same) = seal(&to, &scan);
    assert_eq!(same, of, "one content, one scope, one key: one blob");
    assert!(!to.keep(&of, &mut fetch, run, &bytes).expect("intact"), "it has come another way");
    assert!(opened(&to, &reference).expect("whole") == scan);
    assert_eq!(to.census().expect("intact").whole, 1);
}

#[test]
fn a_reference_that_leads_to_other_content_or_has_another_key_gives_nothing_and_harms_nothing() {
    let here = shelf(&SimDisk::default());
    let (scan, other) = (content(50_000), vec![7; 50_000]);
    let (reference, of) = seal(&here, &scan);
    let (second, _) = seal(&here, &other);
    let (mut digest, mut key) = (reference.clone(), reference.clone());
    digest.digest = second.digest;
    key.key = second.key.clone();
    for wrong in [digest, key] {
        let given = here.content(SCOPE, &wrong, &mut |_| panic!("nothing is given out"));
        assert!(matches!(given, Err(HoldError::Other)), "{given:?}");
    }
    assert!(here.standing(&of).expect("intact").is_whole);
    assert!(opened(&here, &reference).expect("whole") == scan);
}

#[test]
fn which_relay_has_it_is_remembered() {
    let disk = SimDisk::default();
    let here = shelf(&disk);
    let (_, of) = seal(&here, &content(40_000));
    assert_eq!(here.brought_to(&of).expect("intact"), None);
    here.brought(&of, ShelfId([5; 16])).expect("room");
    drop(here);
    assert_eq!(shelf(&disk).brought_to(&of).expect("intact"), Some(ShelfId([5; 16])));
}
