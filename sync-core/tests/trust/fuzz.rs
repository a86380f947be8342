//! Whatever comes from outside becomes a finished value with one binary form, or a refusal; never a panic.
//!
//! Pure noise seldom gets past the first length, so most inputs are a valid sample with some bytes changed.

use azalea_core::access::{ScopeAccess, Statement};
use azalea_core::identity::{Certificate, Identity, Roster};
use azalea_core::wire::{Wire, WireError};

use super::sample;

/// Bytes to change in a sample, and where to cut it.
type Damage = (u8, Vec<(u16, u8)>, Option<u16>);

fn damaged(samples: &[Vec<u8>], (which, changes, cut): &Damage) -> Vec<u8> {
    let mut bytes = samples[usize::from(*which) % samples.len()].clone();
    for (at, value) in changes {
        let at = usize::from(*at) % bytes.len();
        bytes[at] = *value;
    }
    if let Some(cut) = cut {
        bytes.truncate(usize::from(*cut));
    }
    bytes
}

/// What is read is written the same: otherwise a signature over one form would not cover the other.
fn check<T: Wire>(bytes: &[u8]) -> Result<T, WireError> {
    let value = T::from_bytes(bytes)?;
    assert!(value.to_bytes() == bytes, "read and written again, the bytes differ");
    Ok(value)
}

#[test]
fn fuzz_certificate() {
    let samples: Vec<_> = sample::certificates().iter().map(|(_, it)| it.to_bytes()).collect();
    let (_, Certificate::Root(root)) = &sample::certificates()[0] else { panic!("root is first") };
    let network = root.claims().key.network_id();
    let admit = |bytes: &[u8]| {
        let Ok(certificate) = check::<Certificate>(bytes) else { return };
        let mut roster = Roster::new(network);
        for (_, sample) in sample::certificates() {
            roster.admit(sample).expect("a good certificate");
        }
        let before = roster.certificates().count();
        // Nothing that a bit flip makes is ever admitted, only the samples themselves.
        let _ = roster.admit(certificate);
        assert_eq!(roster.certificates().count(), before);
    };
    bolero::check!(name = "certificate").for_each(admit);
    bolero::check!(name = "certificate_damaged")
        .with_type::<Damage>()
        .for_each(|damage| admit(&damaged(&samples, damage)));
}

#[test]
fn fuzz_statement() {
    let samples: Vec<_> = sample::statements().iter().map(|(_, it)| it.to_bytes()).collect();
    let apply = |bytes: &[u8]| {
        let Ok(statement) = check::<Statement>(bytes) else { return };
        let mut access = sample::access();
        let owner = access.owner();
        let _ = access.apply(azalea_core::id::DeviceId([1; 16]), owner, &statement);
        assert!(check::<ScopeAccess>(&access.to_bytes()) == Ok(access));
    };
    bolero::check!(name = "statement").for_each(apply);
    bolero::check!(name = "statement_damaged")
        .with_type::<Damage>()
        .for_each(|damage| apply(&damaged(&samples, damage)));
}

#[test]
fn fuzz_scope_access() {
    let samples = [sample::access().to_bytes()];
    let read = |bytes: &[u8]| {
        let _ = check::<ScopeAccess>(bytes);
    };
    bolero::check!(name = "scope_access").for_each(read);
    bolero::check!(name = "scope_access_damaged")
        .with_type::<Damage>()
        .for_each(|damage| read(&damaged(&samples, damage)));
}

#[test]
fn fuzz_identity() {
    let samples = [sample::identity().to_secret_bytes().to_vec()];
    let read = |bytes: &[u8]| {
        if let Ok(identity) = Identity::from_secret_bytes(bytes) {
            assert!(identity.to_secret_bytes().as_slice() == bytes);
        }
    };
    bolero::check!(name = "identity").for_each(read);
    bolero::check!(name = "identity_damaged")
        .with_type::<Damage>()
        .for_each(|damage| read(&damaged(&samples, damage)));
}
