//! A blob arrives on a shelf, through kills and rot, and is served from it.

use super::*;
use crate::blob::tests::{content, sealed};
use crate::blob::{BlobRef, Opener, verify};
use crate::id::ScopeId;
use crate::storage::{Memory, Store};

const NOW: Timestamp = Timestamp(1_000);
const SCOPE: ScopeId = ScopeId([1; 16]);

/// A shelf that holds a blob of so many bytes whole.
fn source(bytes: usize) -> (Memory, Placed, BlobRef) {
    let (chunks, outboard, reference) = sealed(bytes);
    let of = Placed { scope: SCOPE, blob: reference.sealed() };
    let mut store = Memory::new();
    let empty = Fetch::new(of.blob, Held::none(of.blob));
    for (at, chunk) in chunks.chunks(CHUNK_BYTES).enumerate() {
        let run = Run::new(at as u32, 1).expect("one chunk");
        store.commit(&stored(&of, &empty, run, chunk, NOW)).expect("in memory");
    }
    store.commit(&whole(&of, &outboard, NOW)).expect("in memory");
    (store, of, reference)
}

/// Takes runs of `count` chunks into `to`, at most `runs` of them; gives how many chunks were asked for.
fn take(from: &Memory, to: &mut Memory, of: &Placed, count: u32, runs: usize) -> u32 {
    let outboard = outboard(from, of).expect("whole there");
    let mut fetch = fetch(to, of).expect("its rows are sound");
    let mut asked = 0;
    for _ in 0..runs {
        let Some(run) = fetch.ask(count) else { break };
        asked += run.count();
        let slice = slice(from, of, &outboard, run).expect("the source is sound");
        let bytes = fetch.arrived(run, &slice).expect("the slice proves itself");
        to.commit(&stored(of, &fetch, run, &bytes, NOW)).expect("in memory");
        fetch.stored(run);
    }
    asked
}

#[test]
fn what_was_killed_goes_on_behind_the_last_durable_chunk_and_ends_whole() {
    let (from, of, reference) = source(1_000_000);
    let mut to = Memory::new();
    assert_eq!(take(&from, &mut to, &of, 3, 5), 15);
    let part = row(&to, &of).expect("readable").expect("there");
    assert!(!part.is_whole());
    assert_eq!(part.chunks_held(of.blob), Ok(15));
    assert!(matches!(outboard(&to, &of), Err(ShelfError::NotHere)), "a part is not served");
    assert!(matches!(finished(&to, &of, NOW), Err(ShelfError::NotHere)), "nor taken for whole");
    // Killed here: nothing but the rows is left.
    assert_eq!(take(&from, &mut to, &of, 64, 99), of.blob.chunks() - 15);
    to.commit(&finished(&to, &of, NOW).expect("every chunk is there")).expect("in memory");
    assert!(is_whole(&to, &of).expect("readable"));
    let opener = Opener::new(&reference, SCOPE);
    let opened: Vec<u8> = (0..of.blob.chunks())
        .flat_map(|at| {
            let sealed = chunk(&to, &of, at).expect("in memory").expect("there");
            opener.open(at, &sealed).expect("sound")
        })
        .collect();
    assert!(opened == content(1_000_000));
    assert_eq!(take(&to, &mut Memory::new(), &of, 64, 99), of.blob.chunks(), "and is served on");
}

#[test]
fn a_chunk_that_has_rotted_is_neither_served_nor_taken_for_whole() {
    let (mut store, of, _) = source(100_000);
    let mut rotten = chunk(&store, &of, 2).expect("in memory").expect("there");
    rotten[5] ^= 1;
    let mut batch = Batch::new();
    batch.put(BLOB_CHUNK, of.chunk_key(2), rotten);
    store.commit(&batch).expect("in memory");
    let tree = outboard(&store, &of).expect("its tree is sound");
    let run = |first| Run::new(first, 1).expect("one chunk");
    let error = slice(&store, &of, &tree, run(2)).expect_err("rotten");
    assert!(matches!(error, ShelfError::Damaged(SliceError::Chunk { chunk: 2 })), "{error}");
    let sound = slice(&store, &of, &tree, run(1)).expect("the rest is sound");
    assert!(verify(of.blob, run(1), &sound).is_ok());
    assert!(matches!(finished(&store, &of, NOW), Err(ShelfError::Other)));
}

#[test]
fn a_blob_in_another_scope_or_of_another_length_is_another_one() {
    let (store, of, _) = source(100_000);
    let elsewhere = Placed { scope: ScopeId([2; 16]), ..of };
    assert!(row(&store, &elsewhere).expect("readable").is_none());
    assert!(matches!(outboard(&store, &elsewhere), Err(ShelfError::NotHere)));
    let longer = Placed { blob: Sealed::of_content(of.blob.id(), 200_000), ..of };
    assert!(row(&store, &longer).expect("readable").is_none());
}

#[test]
fn what_is_dropped_leaves_nothing() {
    let (mut store, of, _) = source(100_000);
    let mut seen = Vec::new();
    each(&store, &mut |of, row| seen.push((of, row.is_whole()))).expect("readable");
    assert_eq!(seen, [(of, true)]);
    store.commit(&dropped(&of)).expect("in memory");
    assert_eq!(store.rows().count(), 0);
}
