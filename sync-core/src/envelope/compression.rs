//! Bodies are small and alike: compressed each by itself, against a dictionary of what they have in common.
//!
//! A dictionary is part of the format. It has a number, is embedded, and stays embedded for as long as an envelope
//! that names it may be read. It is trained from the invented population alone, so nothing of anybody's chart is in
//! it: `cargo run --release --package azalea-simulations --bin azalea-dictionary -- --help`.

use std::cell::RefCell;

use crate::wire::limits;

const LEVEL: i32 = 3;
/// No dictionary: plain zstd.
const NONE: u8 = 0;
/// Trained on single records of the invented population, JP Core R4.
const FIRST: u8 = 1;
const FIRST_BYTES: &[u8] = include_bytes!("compression/1.zdict");
/// The newest dictionary that this program knows.
pub(super) const NEWEST: u8 = FIRST;
/// A longer body brings its own repetitions: beyond this a dictionary gains nothing and costs time.
const DICTIONARY_PLAIN_MAX: usize = 128 * 1_024;

thread_local! {
    // A context costs more to set up than a small body costs to compress; it holds no state between bodies.
    static COMPRESSORS: [RefCell<zstd::bulk::Compressor<'static>>; 2] = [&[], FIRST_BYTES]
        .map(|dictionary: &[u8]| {
            let made = zstd::bulk::Compressor::with_dictionary(LEVEL, dictionary);
            RefCell::new(made.expect("zstd knows its level 3 and our dictionary"))
        });
    static DECOMPRESSORS: [RefCell<zstd::bulk::Decompressor<'static>>; 2] = [&[], FIRST_BYTES]
        .map(|dictionary: &[u8]| {
            let made = zstd::bulk::Decompressor::with_dictionary(dictionary);
            RefCell::new(made.expect("zstd knows our dictionary"))
        });
}

/// The dictionary's number, of those that came with `format` or before, and the compressed form.
pub(super) fn compress(plain: &[u8], format: u8) -> (u8, Vec<u8>) {
    let dictionary = if plain.len() <= DICTIONARY_PLAIN_MAX { format.min(NEWEST) } else { NONE };
    let compressed = COMPRESSORS.with(|all| {
        let mut zstd = all[usize::from(dictionary)].borrow_mut();
        zstd.compress(plain).expect("the buffer has zstd's own bound for its output")
    });
    (dictionary, compressed)
}

/// Undoes [`compress`]; `None` where the bytes are damaged, too long, or of a dictionary that is not known.
pub(super) fn decompress(dictionary: u8, compressed: &[u8]) -> Option<Vec<u8>> {
    DECOMPRESSORS.with(|all| {
        let mut zstd = all.get(usize::from(dictionary))?.borrow_mut();
        zstd.decompress(compressed, limits::PLAINTEXT.max).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A laboratory result as a hospital of the invented region writes it.
    const RESULT: &str = concat!(
        r#"{"resourceType":"Observation","id":"lab-1","status":"final","category":[{"coding":[{"system":"#,
        r#""http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],"code":{"#,
        r#""coding":[{"system":"urn:oid:1.2.392.200119.4.504","code":"3D010000002327101"}],"text":"血糖"},"#,
        r#""subject":{"reference":"Patient/0001234"},"effectiveDateTime":"2026-04-01T09:30:00+09:00","#,
        r#""valueQuantity":{"value":6.30,"unit":"mmol/L"}}"#,
    );

    #[test]
    fn what_is_compressed_comes_back() {
        for len in [0, 1, 1_000, DICTIONARY_PLAIN_MAX, DICTIONARY_PLAIN_MAX + 1] {
            let plain: Vec<u8> = RESULT.bytes().cycle().take(len).collect();
            let (dictionary, compressed) = compress(&plain, NEWEST);
            assert!(decompress(dictionary, &compressed).as_ref() == Some(&plain), "{len} bytes");
        }
    }

    #[test]
    fn a_single_record_is_much_smaller_with_the_dictionary() {
        let plain = zstd::bulk::compress(RESULT.as_bytes(), LEVEL).expect("zstd");
        let (dictionary, compressed) = compress(RESULT.as_bytes(), NEWEST);
        assert_eq!(dictionary, NEWEST);
        assert!(compressed.len() * 2 < plain.len(), "{} of {}", compressed.len(), plain.len());
    }

    #[test]
    fn an_older_format_is_written_for_those_who_read_no_newer_one() {
        let (dictionary, compressed) = compress(RESULT.as_bytes(), NONE);
        assert_eq!(dictionary, NONE);
        assert_eq!(decompress(NONE, &compressed).as_deref(), Some(RESULT.as_bytes()));
    }

    #[test]
    fn a_body_of_the_first_programs_is_read_for_ever() {
        let old = zstd::bulk::compress(RESULT.as_bytes(), LEVEL).expect("zstd");
        assert_eq!(decompress(NONE, &old).as_deref(), Some(RESULT.as_bytes()));
    }

    #[test]
    fn a_bomb_is_refused_before_it_fills_the_memory() {
        let bomb = zstd::bulk::compress(&vec![0; limits::PLAINTEXT.max + 1], LEVEL).expect("zstd");
        assert!(bomb.len() < 8_192);
        assert_eq!(decompress(NONE, &bomb), None);
        let most = zstd::bulk::compress(&vec![0; limits::PLAINTEXT.max], LEVEL).expect("zstd");
        assert!(decompress(NONE, &most).is_some());
    }

    #[test]
    fn the_first_dictionary_is_the_one_that_is_published() {
        let digest = blake3::hash(FIRST_BYTES).to_hex();
        assert_eq!(
            digest.as_str(),
            "d0ce2b660037b6b19b97051c4765c3fca93b7c69d1462d1f5da9966dc50d34c6",
            "envelopes of its readers would be lost"
        );
    }

    #[test]
    fn another_dictionary_than_the_one_named_gives_nothing_or_an_error() {
        let (_, compressed) = compress(RESULT.as_bytes(), NEWEST);
        assert_ne!(decompress(NONE, &compressed).as_deref(), Some(RESULT.as_bytes()));
        assert_eq!(decompress(NEWEST + 1, &compressed), None);
    }
}
