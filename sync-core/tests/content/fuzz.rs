//! Whatever comes from outside becomes a finished value with one binary form, or a refusal; never a panic.

use azalea_core::document::{CareNote, Contribution, RecordVersion};
use azalea_core::envelope::{AdmittedEnvelope, Body, Chain, Formats, Header, SignedEnvelope};
use azalea_core::keys::KeyGrant;
use azalea_core::wire::Wire;

use super::sample::{self, Samples};

/// Which sample, at which places which bytes replace how many, and where to cut.
type Damage = (u8, Vec<(u16, Vec<u8>, u8)>, Option<u16>);

fn damaged(samples: &Samples, (which, edits, cut): &Damage) -> Vec<u8> {
    let mut bytes = samples[usize::from(*which) % samples.len()].1.clone();
    for (at, new, replaced) in edits.iter().take(4) {
        let at = usize::from(*at) % (bytes.len() + 1);
        let end = (at + usize::from(*replaced % 8)).min(bytes.len());
        bytes.splice(at..end, new.iter().copied().take(8));
    }
    if let Some(cut) = cut {
        bytes.truncate(usize::from(*cut));
    }
    bytes
}

/// Feeds a check with the corpus, noise, and damaged samples.
macro_rules! fuzz {
    ($name:literal, $samples:expr, $check:expr) => {
        let samples: Samples = $samples;
        let check = $check;
        bolero::check!(name = $name).with_iterations(4_000).for_each(|bytes: &[u8]| check(bytes));
        bolero::check!(name = $name)
            .with_type::<Damage>()
            .with_iterations(4_000)
            .for_each(|damage| check(&damaged(&samples, damage)));
    };
}

/// What is read is written the same: otherwise a signature over one form would not cover the other.
fn one_form<T: Wire>(bytes: &[u8]) {
    if let Ok(value) = T::from_bytes(bytes) {
        assert!(value.to_bytes() == bytes, "read and written again, the bytes differ");
    }
}

#[test]
fn fuzz_header() {
    fuzz!("header", sample::headers(), one_form::<Header>);
}

#[test]
fn fuzz_record_version() {
    fuzz!("record_version", sample::versions(), |bytes: &[u8]| {
        if let Ok(version) = RecordVersion::from_bytes(bytes) {
            assert!(version.to_bytes() == bytes && bytes.len() <= version.size());
        }
    });
}

#[test]
fn fuzz_key_grant() {
    fuzz!("key_grant", sample::grants(), one_form::<KeyGrant>);
}

#[test]
fn fuzz_row() {
    fuzz!("row", sample::rows(), |bytes: &[u8]| {
        one_form::<Contribution>(bytes);
        let _ = Chain::from_bytes(bytes);
    });
}

#[test]
fn fuzz_body() {
    let samples = sample::bodies().iter().map(|(name, it)| (*name, it.to_bytes())).collect();
    fuzz!("body", samples, one_form::<Body>);
}

#[test]
fn fuzz_signed_envelope() {
    let whole: Samples =
        sample::envelopes().into_iter().map(|(name, it)| (name, it.into_bytes())).collect();
    // What was sealed before there were dictionaries opens as well.
    let older = [
        include_bytes!("__fuzz__/signed_envelope/corpus/document-dictionary-0").as_slice(),
        include_bytes!("__fuzz__/signed_envelope/corpus/keys-dictionary-0").as_slice(),
        include_bytes!("__fuzz__/signed_envelope/corpus/note-dictionary-0").as_slice(),
        include_bytes!("__fuzz__/signed_envelope/corpus/records-dictionary-0").as_slice(),
    ];
    let key = sample::key();
    fuzz!("signed_envelope", whole.clone(), |bytes: &[u8]| {
        let Ok(envelope) = SignedEnvelope::from_bytes(bytes) else { return };
        assert!(envelope.as_bytes() == bytes);
        assert!(
            envelope.claimed_header().body_len as usize + SignedEnvelope::OVERHEAD == bytes.len()
        );
        let Ok(admitted) = AdmittedEnvelope::restore(bytes) else { panic!("it has the shape") };
        let _ = admitted.statement();
        // The signature is not looked at here: the key alone must tell an altered header or body.
        if admitted.open(&key, Formats::default()).is_ok() {
            let sealed =
                |bytes: &[u8]| [&bytes[..153], &bytes[SignedEnvelope::OVERHEAD..]].concat();
            let whole = whole.iter().map(|(_, sample)| sample.as_slice());
            assert!(whole.chain(older).any(|sample| sealed(sample) == sealed(bytes)));
        }
    });
}

#[test]
fn fuzz_stored_note() {
    fuzz!("stored_note", vec![("note", sample::stored_note())], |bytes: &[u8]| {
        if let Ok(note) = CareNote::load(bytes) {
            let _ = note.view();
        }
    });
}
