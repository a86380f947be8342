//! The rule by which a signature holds: the same for one by itself and for many together.
//!
//! The equation is that of ZIP 215, `8·S·B = 8·R + 8·k·A`. A point can have a part of small order beside its part in
//! the group that signatures are made in. Times 8 such parts vanish, from each equation as from a sum of equations.
//! Without the 8 they stay, and can cancel in a sum where they do not in its terms: then a replica that verified an
//! envelope among others would hold what one that verified it alone refuses.
//!
//! What else makes a signature weak is refused from its bytes, before either way looks at the equation.

use ed25519_zebra::batch::{Item, Verifier};
use ed25519_zebra::{Error, Signature, VerificationKeyBytes};
use rand_core::{TryCryptoRng, TryRng};
use std::convert::Infallible;

use super::SignatureError;

/// What somebody says that a key signed, in the form that can hold.
pub(super) struct Claim(Item);

impl Claim {
    /// Takes a key and a signature that everybody reads alike and that bind each other.
    pub(super) fn new(
        key: &[u8; 32],
        labelled: &[u8],
        signature: &[u8; 64],
    ) -> Result<Self, SignatureError> {
        if !is_strong(key) {
            return Err(SignatureError::WeakKey);
        }
        let (commitment, _) = signature.split_first_chunk().expect("64 bytes begin with 32");
        if !is_strong(commitment) {
            return Err(SignatureError::Mismatch);
        }
        // The library refuses an S that is not reduced, and bytes that are no point, both ways.
        let (key, signature) = (VerificationKeyBytes::from(*key), Signature::from_bytes(signature));
        Ok(Self(Item::from((key, signature, labelled))))
    }

    /// Whether it holds, by itself.
    pub(super) fn holds(self) -> Result<(), SignatureError> {
        self.0.verify_single().map_err(|error| match error {
            Error::MalformedPublicKey => SignatureError::NoKey,
            _ => SignatureError::Mismatch,
        })
    }
}

/// Whether all hold. The seed is a digest over all of them: whoever changes one changes what every other is multiplied
/// with, so nobody can choose two wrong ones that make each other good.
pub(super) fn all_hold<'a>(claims: impl Iterator<Item = &'a Claim>, seed: &blake3::Hasher) -> bool {
    let mut verifier = Verifier::new();
    claims.for_each(|claim| verifier.queue(claim.0.clone()));
    verifier.verify(Coefficients(seed.finalize_xof())).is_ok()
}

/// The numbers that the equations are multiplied with before they are added up.
struct Coefficients(blake3::OutputReader);

impl TryRng for Coefficients {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        rand_core::utils::next_word_via_fill(self)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        rand_core::utils::next_word_via_fill(self)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Coefficients {}

/// Whether bytes that stand for a point do so in the one reduced way, and not for a point of small order.
fn is_strong(point: &[u8; 32]) -> bool {
    let mut coordinate = *point;
    coordinate[31] &= 0x7f;
    is_reduced(&coordinate) && !SMALL_ORDER.contains(&coordinate)
}

/// Whether the encoded coordinate is below 2^255 − 19; the curve library also takes the few above.
fn is_reduced(coordinate: &[u8; 32]) -> bool {
    let above = coordinate[31] == 0x7f && coordinate[1..31].iter().all(|byte| *byte == 0xff);
    !(above && coordinate[0] >= 0xed)
}

/// The coordinates of the eight points of small order; of both signs, where there are two.
const SMALL_ORDER: [[u8; 32]; 5] = [
    // Order 4.
    [0; 32],
    // The neutral point.
    ends(0x01, 0x00, 0x00),
    // Order 2: −1.
    ends(0xec, 0xff, 0x7f),
    // Order 8.
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

const fn ends(first: u8, between: u8, last: u8) -> [u8; 32] {
    let mut bytes = [between; 32];
    (bytes[0], bytes[31]) = (first, last);
    bytes
}

#[cfg(test)]
mod tests;
