//! A blob's way from its content and back, and everything that may go wrong on it.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::chunk::CONTENT_BYTES;
use super::*;
use crate::id::ScopeId;
use crate::keys::ScopeKey;
use crate::wire::limits;

const SCOPE: ScopeId = ScopeId([1; 16]);
static MEGABYTE: LazyLock<(Vec<u8>, Outboard, BlobRef)> = LazyLock::new(|| sealed(1_000_000));

fn key() -> ScopeKey {
    ScopeKey::from([9; 32])
}

/// Bytes that repeat nowhere, so that no two chunks are alike.
pub(super) fn content(bytes: usize) -> Vec<u8> {
    let mut content = vec![0; bytes];
    blake3::Hasher::new().finalize_xof().fill(&mut content);
    content
}

/// The sealed bytes, their tree, and what a record would say.
fn seal(
    content: &[u8],
    scope: ScopeId,
    epoch: u32,
    key: &ScopeKey,
) -> (Vec<u8>, Outboard, BlobRef) {
    let digest = *blake3::hash(content).as_bytes();
    let sealer = Sealer::new(digest, content.len() as u64, scope, epoch, key).expect("small");
    let mut rest = content;
    let mut sealed = Vec::new();
    for chunk in 0..sealer.chunks() {
        let (here, after) = rest.split_at(sealer.content_bytes(chunk));
        rest = after;
        sealed.extend(sealer.seal(chunk, here));
    }
    assert!(rest.is_empty(), "all content is sealed");
    assert_eq!(sealed.len() as u64, sealer.sealed_bytes());
    let outboard = Outboard::of(sealed.as_slice(), sealed.len() as u64).expect("in memory");
    let reference = sealer.reference(outboard.blob().id());
    (sealed, outboard, reference)
}

pub(super) fn sealed(bytes: usize) -> (Vec<u8>, Outboard, BlobRef) {
    seal(&content(bytes), SCOPE, 1, &key())
}

fn run(first: u32, count: u32) -> Run {
    Run::new(first, count).expect("a small run")
}

fn slice(sealed: &[u8], outboard: &Outboard, run: Run) -> Vec<u8> {
    let place = outboard.blob().place(run).expect("the blob has it");
    let chunks = &sealed[place.start as usize..place.end as usize];
    outboard.slice(run, chunks).expect("nothing has rotted")
}

fn open(sealed: &[u8], reference: &BlobRef, scope: ScopeId) -> Result<Vec<u8>, OpenError> {
    let opener = Opener::new(reference, scope);
    let chunks = (0..).zip(sealed.chunks(CHUNK_BYTES));
    let chunks = chunks.map(|(chunk, bytes)| opener.open(chunk, bytes));
    chunks.collect::<Result<Vec<_>, _>>().map(|chunks| chunks.concat())
}

#[test]
fn content_of_any_length_comes_back_and_its_length_is_hidden() {
    let edges =
        [0, 1, 15, 16, CONTENT_BYTES - 1, CONTENT_BYTES, CONTENT_BYTES + 1, 100_000, 700_001];
    for bytes in edges {
        let (sealed, outboard, reference) = sealed(bytes);
        assert_eq!(open(&sealed, &reference, SCOPE), Ok(content(bytes)), "{bytes}");
        assert_eq!(reference.sealed(), outboard.blob());
        assert_eq!(reference.bytes(), bytes as u64);
        assert_eq!(outboard.blob().id().0, *blake3::hash(&sealed).as_bytes(), "an ordinary hash");
    }
    let blobs = [700_001, 700_500].map(|bytes| sealed(bytes).1.blob().bytes());
    assert_eq!(blobs[0], blobs[1], "a relay cannot tell them apart by length");
}

#[test]
fn the_same_content_is_one_blob_in_a_scope_and_epoch_and_another_one_elsewhere() {
    let content = content(40_000);
    let (first, _, reference) = seal(&content, SCOPE, 1, &key());
    let (again, _, same) = seal(&content, SCOPE, 1, &key());
    assert!(first == again && reference == same);
    let others = [
        seal(&content, ScopeId([2; 16]), 1, &key()),
        seal(&content, SCOPE, 2, &key()),
        seal(&content, SCOPE, 1, &ScopeKey::from([8; 32])),
    ];
    for (bytes, outboard, other) in others {
        assert_ne!(outboard.blob().id(), reference.id);
        assert!(other.key != reference.key);
        let alike = bytes.chunks(CHUNK_BYTES).zip(first.chunks(CHUNK_BYTES)).any(|(a, b)| a == b);
        assert!(!alike, "not one chunk is alike");
    }
}

/// Two contents never meet under one key: otherwise the chunk's number could not be the nonce.
#[test]
fn other_content_has_another_key_also_where_most_chunks_are_alike() {
    let one = content(40_000);
    let mut two = one.clone();
    two[39_999] ^= 1;
    let (first, _, a) = seal(&one, SCOPE, 1, &key());
    let (second, _, b) = seal(&two, SCOPE, 1, &key());
    assert!(a.key != b.key);
    assert!(first.chunks(CHUNK_BYTES).zip(second.chunks(CHUNK_BYTES)).all(|(a, b)| a != b));
    assert!(open(&first, &b, SCOPE).is_err());
}

#[test]
fn a_chunk_opens_in_its_scope_at_its_place_and_whole() {
    let (sealed, _, reference) = sealed(40_000);
    assert_eq!(open(&sealed, &reference, ScopeId([2; 16])), Err(OpenError { chunk: 0 }));
    let opener = Opener::new(&reference, SCOPE);
    assert!(opener.open(0, &sealed[..CHUNK_BYTES]).is_ok());
    assert_eq!(opener.open(1, &sealed[..CHUNK_BYTES]), Err(OpenError { chunk: 1 }));
    assert_eq!(opener.open(0, &sealed[..CHUNK_BYTES - 1]), Err(OpenError { chunk: 0 }));
    assert_eq!(opener.open(0, &[]), Err(OpenError { chunk: 0 }));
    assert_eq!(opener.open(u32::MAX, &sealed[..CHUNK_BYTES]), Err(OpenError { chunk: u32::MAX }));
}

#[test]
fn content_above_the_limit_is_refused_by_name() {
    let bytes = limits::BLOB.max as u64 + 1;
    let error = Sealer::new([0; 32], bytes, SCOPE, 1, &key()).err().expect("too long");
    assert_eq!(
        error.to_string(),
        "the attachment has 2147483649 bytes; blob_bytes_max is 2147483648"
    );
    assert!(Sealer::new([0; 32], bytes - 1, SCOPE, 1, &key()).is_ok());
}

#[test]
fn a_slice_proves_its_chunks_and_stays_within_its_limit() {
    let (sealed, outboard, _) = sealed(10_000_000);
    let blob = outboard.blob();
    let last = blob.chunks() - 1;
    for run in [run(0, 1), run(3, 64), run(63, 2), run(last, 1), run(last - 63, 64)] {
        let slice = slice(&sealed, &outboard, run);
        assert!(slice.len() <= limits::BLOB_SLICE.max);
        let place = blob.place(run).expect("the blob has it");
        let expected = &sealed[place.start as usize..place.end as usize];
        assert!(verify(blob, run, &slice).as_deref() == Ok(expected), "{run:?}");
    }
    // The deepest tree: 2 GiB has 2^17 chunks, so a run has at most two paths of 17 hashes and its own 127 above it.
    const { assert!(64 * CHUNK_BYTES + (2 * 18 + 127) * 64 <= limits::BLOB_SLICE.max) };
}

#[test]
fn a_wrong_byte_is_refused_and_its_chunk_named() {
    let (sealed, outboard, _) = sealed(700_000);
    let blob = outboard.blob();
    for chunk in 0..blob.chunks() {
        let mut damaged = sealed.clone();
        damaged[chunk as usize * CHUNK_BYTES + 5] ^= 1;
        let other = Outboard::of(damaged.as_slice(), blob.bytes()).expect("in memory");
        // A relay that made its own tree over a chunk that it altered.
        let forged = slice(&damaged, &other, run(chunk, 1));
        assert!(matches!(verify(blob, run(chunk, 1), &forged), Err(SliceError::Hash { .. })));
        // A disk that rots under a good tree: the sender notices.
        let place = blob.place(run(chunk, 1)).expect("the blob has it");
        let chunks = &damaged[place.start as usize..place.end as usize];
        assert_eq!(outboard.slice(run(chunk, 1), chunks), Err(SliceError::Chunk { chunk }));
        // A line or a relay that alters the chunk's last byte after the hashes.
        let mut altered = slice(&sealed, &outboard, run(chunk, 1));
        *altered.last_mut().expect("not empty") ^= 1;
        assert_eq!(verify(blob, run(chunk, 1), &altered), Err(SliceError::Chunk { chunk }));
    }
}

#[test]
fn a_slice_of_something_else_is_refused() {
    let (sealed, outboard, _) = sealed(700_000);
    let blob = outboard.blob();
    let whole = slice(&sealed, &outboard, run(2, 3));
    assert!(verify(blob, run(3, 3), &whole).is_err(), "of other chunks");
    let cut = &whole[..whole.len() - 1];
    assert_eq!(verify(blob, run(2, 3), cut), Err(SliceError::Short { chunk: 4 }));
    assert!(matches!(verify(blob, run(2, 3), &[]), Err(SliceError::Short { .. })));
    let longer = [whole.as_slice(), &[0]].concat();
    assert_eq!(verify(blob, run(2, 3), &longer), Err(SliceError::LeftOver { count: 1 }));
    let past = run(blob.chunks() - 1, 2);
    assert!(matches!(verify(blob, past, &whole), Err(SliceError::Run(_))));
    let length = outboard.slice(run(2, 3), &sealed[..5]);
    assert_eq!(length, Err(SliceError::Length { expected: 3 * 16_384, found: 5 }));
}

#[test]
fn a_fetch_goes_on_after_a_cut_a_lie_and_a_full_disk() {
    let (sealed, outboard, reference) = sealed(200_000);
    let blob = reference.sealed();
    let mut fetch = Fetch::new(blob, Held::none(blob));
    let [one, two, three] = [4, 4, 2].map(|count| fetch.ask(count).expect("more is missing"));
    assert_eq!(fetch.under_way(), 10);

    fetch.arrived(one, &slice(&sealed, &outboard, one)).expect("it is what it should be");
    let mut lie = slice(&sealed, &outboard, two);
    *lie.last_mut().expect("not empty") ^= 1;
    assert!(matches!(fetch.arrived(two, &lie), Err(FetchError::Slice(_))));
    assert_eq!(fetch.arrived(two, &lie), Err(FetchError::NotAsked(two)), "once is enough");
    fetch.not_stored(one);
    assert_eq!(fetch.held().count(), 0);
    assert_eq!(fetch.ask(64), Some(run(0, 8)), "what was refused and what did not fit");
    fetch.refused(run(0, 8));
    assert_eq!(fetch.ask(2), Some(run(0, 2)));
    fetch.cut();
    assert_eq!(fetch.under_way(), 0);
    assert_eq!(fetch.arrived(three, &[]), Err(FetchError::NotAsked(three)));

    let all = fetch.ask(64).expect("everything is missing");
    assert_eq!(all, run(0, blob.chunks()));
    let bytes = fetch.arrived(all, &slice(&sealed, &outboard, all)).expect("whole");
    assert!(!fetch.is_complete(), "before the disk has it");
    fetch.stored(all);
    assert!(fetch.is_complete() && bytes == sealed);
    assert_eq!(fetch.ask(64), None);
    fetch.damaged(5);
    assert_eq!(fetch.ask(64), Some(run(5, 1)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A node is killed at any moment: what the disk has is never asked for again, and everything else is asked for once.
    #[test]
    fn a_fetch_resumes_from_any_set_of_chunks(
        bytes in 0_usize..600_000,
        held in proptest::collection::vec(any::<bool>(), 48),
        batch in 1_u32..70,
    ) {
        let (sealed, outboard, reference) = sealed(bytes);
        let blob = reference.sealed();
        let mut before = Held::none(blob);
        let kept = (0..blob.chunks()).filter(|chunk| held[*chunk as usize % held.len()]);
        kept.for_each(|chunk| before.insert(chunk));
        let mut disk = vec![0; sealed.len()];
        for chunk in (0..blob.chunks()).filter(|chunk| before.contains(*chunk)) {
            let place = blob.place(run(chunk, 1)).expect("the blob has it");
            let place = place.start as usize..place.end as usize;
            disk[place.clone()].copy_from_slice(&sealed[place]);
        }

        let restored = Held::restore(blob, &before.to_bytes()).expect("it is of this blob");
        let mut fetch = Fetch::new(blob, restored);
        let mut asked = 0;
        while let Some(run) = fetch.ask(batch) {
            prop_assert!(run.chunks().all(|chunk| !before.contains(chunk)));
            asked += run.count();
            let came = fetch.arrived(run, &slice(&sealed, &outboard, run)).expect("whole");
            let start = blob.place(run).expect("the blob has it").start as usize;
            disk[start..start + came.len()].copy_from_slice(&came);
            fetch.stored(run);
        }
        prop_assert!(fetch.is_complete());
        prop_assert_eq!(asked, blob.chunks() - before.count());
        prop_assert!(open(&disk, &reference, SCOPE) == Ok(content(bytes)));
    }

    /// Whatever is altered anywhere in a slice, no byte of it is taken.
    #[test]
    fn no_altered_slice_is_taken(
        first in 0_u32..40,
        count in 1_u32..20,
        at in any::<prop::sample::Index>(),
        bit in 0_u8..8,
        cut in any::<bool>(),
    ) {
        let (sealed, outboard, _) = &*MEGABYTE;
        let run = run(first, count);
        let mut slice = slice(sealed, outboard, run);
        let at = at.index(slice.len());
        if cut {
            slice.truncate(at);
        } else {
            slice[at] ^= 1 << bit;
        }
        prop_assert!(verify(outboard.blob(), run, &slice).is_err());
    }
}

/// Whatever a source sends for a run is proven or refused by name; nothing panics.
#[test]
fn fuzz_blob_slice() {
    let (sealed, outboard, _) = sealed(100_000);
    let whole = slice(&sealed, &outboard, run(2, 2));
    crate::corpus::hold("src/blob", "blob_slice", [("two", whole.clone())]);
    let expected = &sealed[2 * CHUNK_BYTES..4 * CHUNK_BYTES];
    let check = |slice: &[u8]| {
        if let Ok(chunks) = verify(outboard.blob(), run(2, 2), slice) {
            assert!(chunks == expected && slice == whole);
        }
    };
    bolero::check!(name = "blob_slice").with_iterations(2_000).for_each(check);
    bolero::check!(name = "blob_slice_damaged")
        .with_type::<Vec<(u16, u8)>>()
        .with_iterations(2_000)
        .for_each(|edits| {
            let mut slice = whole.clone();
            for (at, byte) in edits {
                let at = usize::from(*at) % slice.len();
                slice[at] = *byte;
            }
            check(&slice);
        });
}
