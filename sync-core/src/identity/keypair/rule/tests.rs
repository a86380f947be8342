//! Where rules for Ed25519 part: what is asked here of one signature alone is asked of it among others as well.

use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT as BASE, EIGHT_TORSION};
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity;
use sha2::{Digest, Sha512};

use super::*;

const MESSAGE: &[u8] = b"a purpose\0a message";

/// A signature by hand, whatever its two points are.
#[derive(Clone, Copy)]
struct Said {
    key: [u8; 32],
    signature: [u8; 64],
}

impl Said {
    /// By the secret, with the nonce, under these encodings of the points that belong to them.
    fn by(secret: Scalar, nonce: Scalar, key: [u8; 32], commitment: [u8; 32]) -> Self {
        let hash = Sha512::new().chain_update(commitment).chain_update(key).chain_update(MESSAGE);
        let s = nonce + Scalar::from_bytes_mod_order_wide(&hash.finalize().into()) * secret;
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&commitment);
        signature[32..].copy_from_slice(s.as_bytes());
        Self { key, signature }
    }

    fn with_parts(seed: u64, of_key: EdwardsPoint, of_commitment: EdwardsPoint) -> Self {
        let (secret, nonce) = (Scalar::from(1_000 + seed), Scalar::from(2_000 + seed));
        let key = (BASE * secret + of_key).compress().to_bytes();
        let commitment = (BASE * nonce + of_commitment).compress().to_bytes();
        Self::by(secret, nonce, key, commitment)
    }

    fn honest(seed: u64) -> Self {
        Self::with_parts(seed, EdwardsPoint::identity(), EdwardsPoint::identity())
    }

    fn claim(&self, message: &[u8]) -> Result<Claim, SignatureError> {
        Claim::new(&self.key, message, &self.signature)
    }

    /// What the rule says of it alone, after it has said the same of it in every company.
    fn verdict(&self, message: &[u8]) -> Result<(), SignatureError> {
        let alone = self.claim(message).and_then(Claim::holds);
        // Refused from its bytes, so it comes into no company.
        let Ok(claim) = self.claim(message) else { return alone };
        let others: Vec<_> = (1..6).filter_map(|it| Self::honest(it).claim(MESSAGE).ok()).collect();
        // A part of small order that is not multiplied away is missed by one in eight.
        for number in 0..16 {
            for count in [0, 1, others.len()] {
                let company = others[..count].iter().chain([&claim]);
                assert_eq!(all_hold(company, &seed(number)), alone.is_ok(), "beside {count}");
            }
        }
        alone
    }

    /// Whether it holds by the equation alone, whatever its points are.
    fn holds_by_zip_215(&self) -> bool {
        let key = ed25519_zebra::VerificationKey::try_from(self.key);
        key.is_ok_and(|key| key.verify(&Signature::from_bytes(&self.signature), MESSAGE).is_ok())
    }

    fn holds_without_the_8(&self) -> bool {
        let key = ed25519_dalek::VerifyingKey::from_bytes(&self.key).expect("a point");
        let signature = ed25519_dalek::Signature::from_bytes(&self.signature);
        key.verify_strict(MESSAGE, &signature).is_ok()
    }
}

fn seed(number: u8) -> blake3::Hasher {
    let mut seed = blake3::Hasher::new();
    seed.update(&[number]);
    seed
}

/// All bytes that stand for a point of small order: the eight, those that are not reduced, and the two zeroes with a sign.
fn small_order() -> Vec<[u8; 32]> {
    let mut all: Vec<_> = EIGHT_TORSION.iter().map(|point| point.compress().to_bytes()).collect();
    for coordinate in [
        ends(0x01, 0x00, 0x00),
        ends(0xec, 0xff, 0x7f),
        ends(0xed, 0xff, 0x7f),
        ends(0xee, 0xff, 0x7f),
    ] {
        let mut negative = coordinate;
        negative[31] |= 0x80;
        all.extend([coordinate, negative]);
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 14);
    let point = |bytes: &[u8; 32]| CompressedEdwardsY(*bytes).decompress();
    assert!(all.iter().all(|bytes| point(bytes).is_some_and(|point| point.is_small_order())));
    all
}

#[test]
fn parts_of_small_order_in_key_and_signature_change_no_verdict() {
    let (mut without, mut all) = (0, 0);
    for of_key in EIGHT_TORSION {
        for of_commitment in EIGHT_TORSION {
            let said = Said::with_parts(9, of_key, of_commitment);
            assert_eq!(said.verdict(MESSAGE), Ok(()));
            assert_eq!(said.verdict(b"another message"), Err(SignatureError::Mismatch));
            all += 1;
            without += usize::from(said.holds_without_the_8());
        }
    }
    assert!(
        without < all / 2,
        "the cases are such that the equation without the 8 would tell apart"
    );
}

/// By the equation alone such a key lets one signature fit many messages.
#[test]
fn a_key_of_small_order_is_refused_in_every_encoding() {
    for key in small_order() {
        let nonce = Scalar::from(7_u8);
        let said = Said::by(Scalar::ZERO, nonce, key, (BASE * nonce).compress().to_bytes());
        assert!(said.holds_by_zip_215());
        assert_eq!(said.verdict(MESSAGE), Err(SignatureError::WeakKey));
    }
}

#[test]
fn a_commitment_of_small_order_is_refused_in_every_encoding() {
    for commitment in small_order() {
        let secret = Scalar::from(5_u8);
        let key = (BASE * secret).compress().to_bytes();
        let said = Said::by(secret, Scalar::ZERO, key, commitment);
        assert!(said.holds_by_zip_215());
        assert_eq!(said.verdict(MESSAGE), Err(SignatureError::Mismatch));
    }
}

#[test]
fn a_coordinate_that_is_not_reduced_is_refused_before_anything_is_computed() {
    let honest = Said::honest(1);
    for (low, sign) in (0xed..=0xff).flat_map(|low| [(low, 0), (low, 0x80)]) {
        let unreduced = ends(low, 0xff, 0x7f | sign);
        let key = Said { key: unreduced, ..honest };
        assert_eq!(key.claim(MESSAGE).err(), Some(SignatureError::WeakKey));
        let mut commitment = honest;
        commitment.signature[..32].copy_from_slice(&unreduced);
        assert_eq!(commitment.claim(MESSAGE).err(), Some(SignatureError::Mismatch));
    }
    // The highest that is reduced is −1 and of small order; the one below it passes on to the equation.
    assert!(is_strong(&ends(0xeb, 0xff, 0x7f)) && is_strong(&ends(0xeb, 0xff, 0xff)));
}

#[test]
fn bytes_that_are_no_point_are_refused() {
    let off_curve = ends(0x02, 0x00, 0x00);
    let honest = Said::honest(1);
    let key = Said { key: off_curve, ..honest };
    assert_eq!(key.verdict(MESSAGE), Err(SignatureError::NoKey));
    let mut commitment = honest;
    commitment.signature[..32].copy_from_slice(&off_curve);
    assert_eq!(commitment.verdict(MESSAGE), Err(SignatureError::Mismatch));
}

/// A carrier could otherwise make a second signature from one that holds, and another envelope of the same id.
#[test]
fn an_s_that_is_not_reduced_is_refused() {
    let mut order = (-Scalar::ONE).to_bytes();
    order[0] += 1;
    let mut said = Said::honest(1);
    assert_eq!(said.verdict(MESSAGE), Ok(()));
    for _ in 1..16 {
        let mut carry = 0;
        for (byte, more) in said.signature[32..].iter_mut().zip(order) {
            let sum = u16::from(*byte) + u16::from(more) + carry;
            (*byte, carry) = (sum as u8, sum >> 8);
        }
        if carry > 0 {
            return;
        }
        assert_eq!(said.verdict(MESSAGE), Err(SignatureError::Mismatch));
    }
}

/// What one has too much and another too little would cancel if all were multiplied with the same.
#[test]
fn two_wrong_ones_do_not_make_each_other_good() {
    let shifted = |seed, by: Scalar| {
        let mut said = Said::honest(seed);
        let s = said.signature[32..].try_into().expect("32 bytes");
        let s = Scalar::from_canonical_bytes(s).expect("reduced") + by;
        said.signature[32..].copy_from_slice(s.as_bytes());
        said.claim(MESSAGE).ok()
    };
    let (more, less) = (shifted(1, Scalar::ONE), shifted(2, -Scalar::ONE));
    let both = [more.expect("the form is right"), less.expect("the form is right")];
    assert!((0..16).all(|number| !all_hold(both.iter(), &seed(number))));
}

#[test]
fn the_coordinates_of_small_order_are_those_of_the_eight_points() {
    let mut expected: Vec<_> = EIGHT_TORSION.iter().map(|it| it.compress().to_bytes()).collect();
    expected.iter_mut().for_each(|bytes| bytes[31] &= 0x7f);
    expected.sort();
    expected.dedup();
    let mut listed = SMALL_ORDER.to_vec();
    listed.sort();
    assert_eq!(listed, expected);
    assert!(small_order().iter().all(|bytes| !is_strong(bytes)));
}

#[test]
fn the_same_claims_are_multiplied_with_the_same() {
    let drawn = |number| {
        let mut bytes = [0; 64];
        let Ok(()) = Coefficients(seed(number).finalize_xof()).try_fill_bytes(&mut bytes);
        bytes
    };
    assert_eq!(drawn(1), drawn(1));
    assert_ne!(drawn(1), drawn(2));
}
