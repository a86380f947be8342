//! Enrolment's question: can the new device open what is sealed to its agreement key?
//!
//! A device whose key cannot be reached would be a member that never reads anything, and nobody would know why.
//! So the relay seals a nonce to the key in the device's certificate, and admits whoever sends it back.

use crate::hash::Context;
use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit, Nonce};
use rand_core::CryptoRng;

use super::{ScopeKey, pair_accept, pair_offer};
use crate::identity::{AgreementKeypair, AgreementPublic, PublicKey};

/// What a joining device is asked, with the answer that only it can give.
pub struct Challenge {
    /// The encapsulated key, as `Message::Challenge` carries it.
    pub enc: Vec<u8>,
    /// The sealed nonce, as `Message::Challenge` carries it.
    pub sealed: Vec<u8>,
    /// The right answer; stays here.
    pub nonce: [u8; 32],
}

/// Seals a fresh nonce to a device that joins.
pub fn challenge(
    rng: &mut (impl CryptoRng + ?Sized),
    device: &PublicKey,
    to: &AgreementPublic,
) -> Challenge {
    let mut nonce = [0; 32];
    rng.fill_bytes(&mut nonce);
    let (enc, key) = pair_offer(rng, to, &info(device));
    let mut sealed = nonce.to_vec();
    cipher(&key)
        .encrypt_in_place(&Nonce::default(), b"", &mut sealed)
        .expect("32 bytes are far below the cipher's limit");
    Challenge { enc, sealed, nonce }
}

/// Opens the nonce; `None` where it was sealed to another key or altered.
pub fn answer(
    device: &PublicKey,
    ours: &AgreementKeypair,
    enc: &[u8],
    sealed: &[u8],
) -> Option<[u8; 32]> {
    let key = pair_accept(ours, enc, &info(device)).ok()?;
    let mut nonce = sealed.to_vec();
    cipher(&key).decrypt_in_place(&Nonce::default(), b"", &mut nonce).ok()?;
    nonce.try_into().ok()
}

/// The key serves one message, so the nonce can be the constant zero.
fn cipher(key: &ScopeKey) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new((&*key.derive(&CONTEXT)).into())
}

fn info(device: &PublicKey) -> Vec<u8> {
    [b"azalea enrolment challenge v1\0".as_slice(), device.as_bytes()].concat()
}

static CONTEXT: Context = Context::new("azalea enrolment challenge v1");

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn only_the_device_that_is_asked_can_answer() {
        let mut rng = rand::rngs::StdRng::seed_from_u64(1);
        let (ours, other) =
            (AgreementKeypair::generate(&mut rng), AgreementKeypair::generate(&mut rng));
        let device = PublicKey::from_bytes([1; 32]);
        let asked = challenge(&mut rng, &device, ours.public());
        assert_eq!(answer(&device, &ours, &asked.enc, &asked.sealed), Some(asked.nonce));
        assert_eq!(answer(&device, &other, &asked.enc, &asked.sealed), None);
        let another = PublicKey::from_bytes([2; 32]);
        assert_eq!(answer(&another, &ours, &asked.enc, &asked.sealed), None);
        assert_eq!(answer(&device, &ours, &asked.enc[1..], &asked.sealed), None);
        assert_eq!(answer(&device, &ours, &asked.enc, &asked.sealed[1..]), None);
    }
}
