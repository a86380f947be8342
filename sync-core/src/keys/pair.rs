//! One exchange between two devices gives the key under which one sends the other its bundles.
//!
//! X-Wing through HPKE: whoever copies a relay's disk today would have to break both ML-KEM-768 and X25519.
//! The exchange proves nothing about its sender; the envelope that carries it is signed by the sender, and
//! `info` ties it to the two of them.

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::KdfShake256;
use hpke::kem::XWing;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::ScopeKey;
use crate::access::PAIR_ENC_LEN;
use crate::id::{DeviceId, NetworkId};
use crate::identity::{AgreementKeypair, AgreementPublic};

/// Only the exporter is used; hpke 0.15.1 panics when its export-only suite meets a one-stage KDF, so the
/// suite names a cipher.
type Aead = ChaCha20Poly1305;

/// What ties an exchange to its network and its two devices; both sides must say the same.
pub fn pair_info(network: &NetworkId, from: &DeviceId, to: &DeviceId) -> Vec<u8> {
    [INFO, network.as_bytes(), from.as_bytes(), to.as_bytes()].concat()
}

/// Makes a key for `to` and what `to` needs to make it too, which may travel in the clear.
pub fn pair_offer(
    rng: &mut (impl CryptoRng + ?Sized),
    to: &AgreementPublic,
    info: &[u8],
) -> (Vec<u8>, ScopeKey) {
    let (enc, context) = hpke::setup_sender_with_rng::<Aead, KdfShake256, XWing>(
        &OpModeS::Base,
        &to.hpke(),
        info,
        &mut &mut *rng,
    )
    .expect("X-Wing reaches every key that was checked when it was read");
    let mut key = Zeroizing::new([0; ScopeKey::LEN]);
    context.export(EXPORT, key.as_mut()).expect("32 bytes are within what the KDF gives");
    (enc.to_bytes().to_vec(), ScopeKey::from(*key))
}

/// Makes the key that an offer stands for.
///
/// An offer that was made for another device, or with another `info`, gives a key that opens nothing.
pub fn pair_accept(
    ours: &AgreementKeypair,
    enc: &[u8],
    info: &[u8],
) -> Result<ScopeKey, PairError> {
    let enc =
        <XWing as Kem>::EncappedKey::from_bytes(enc).map_err(|_| PairError { len: enc.len() })?;
    let context =
        hpke::setup_receiver::<Aead, KdfShake256, XWing>(&OpModeR::Base, ours.hpke(), &enc, info)
            .expect("X-Wing decapsulates every ciphertext of its length");
    let mut key = Zeroizing::new([0; ScopeKey::LEN]);
    context.export(EXPORT, key.as_mut()).expect("32 bytes are within what the KDF gives");
    Ok(ScopeKey::from(*key))
}

/// An offer of the wrong length. Usual cause: a sender with another program, or damage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an offer of {len} bytes, where {PAIR_ENC_LEN} are wanted")]
pub struct PairError {
    /// The length found.
    pub len: usize,
}

const INFO: &[u8] = b"azalea pair v1\0";
const EXPORT: &[u8] = b"azalea pair key v1";

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn both_ends_of_an_exchange_hold_one_key_and_nobody_else_does() {
        let mut rng = rand::rngs::StdRng::seed_from_u64(1);
        let (ours, other) =
            (AgreementKeypair::generate(&mut rng), AgreementKeypair::generate(&mut rng));
        let info = pair_info(&NetworkId::ZERO, &DeviceId([1; 16]), &DeviceId([2; 16]));
        let (enc, key) = pair_offer(&mut rng, ours.public(), &info);
        assert_eq!(enc.len(), PAIR_ENC_LEN);
        assert_eq!(pair_accept(&ours, &enc, &info), Ok(key.clone()));
        assert_ne!(pair_accept(&other, &enc, &info), Ok(key.clone()));
        let swapped = pair_info(&NetworkId::ZERO, &DeviceId([2; 16]), &DeviceId([1; 16]));
        assert_ne!(pair_accept(&ours, &enc, &swapped), Ok(key));
        assert_eq!(pair_accept(&ours, &enc[1..], &info), Err(PairError { len: 1_119 }));
    }

    #[test]
    fn a_damaged_offer_gives_another_key_and_never_a_panic() {
        let mut rng = rand::rngs::StdRng::seed_from_u64(2);
        let ours = AgreementKeypair::generate(&mut rng);
        let (enc, key) = pair_offer(&mut rng, ours.public(), b"");
        for at in (0..enc.len()).step_by(97) {
            let mut damaged = enc.clone();
            damaged[at] ^= 1;
            assert_ne!(pair_accept(&ours, &damaged, b""), Ok(key.clone()), "byte {at}");
        }
    }

    /// Counts up, so that the exchange below is the same in every run and with every version of `rand`.
    struct Counting(u8);

    impl rand_core::TryRng for Counting {
        type Error = std::convert::Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            let mut bytes = [0; 4];
            self.try_fill_bytes(&mut bytes)?;
            Ok(u32::from_be_bytes(bytes))
        }

        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            let mut bytes = [0; 8];
            self.try_fill_bytes(&mut bytes)?;
            Ok(u64::from_be_bytes(bytes))
        }

        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
            for byte in bytes {
                *byte = self.0;
                self.0 = self.0.wrapping_add(1);
            }
            Ok(())
        }
    }

    impl rand_core::TryCryptoRng for Counting {}

    #[test]
    fn an_exchange_has_these_bytes() {
        let ours = AgreementKeypair::from_seed([3; 32]);
        let info = pair_info(&NetworkId([1; 32]), &DeviceId([2; 16]), &DeviceId([3; 16]));
        let (enc, key) = pair_offer(&mut Counting(0), ours.public(), &info);
        let digest = blake3::hash(&enc).to_hex();
        assert_eq!(
            digest.as_str(),
            "efd383ed4b835485aa550cbca88e1e1bde20edab2fa93cd2d46da825d08cbf19"
        );
        let key: String = key.expose().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(key, "c6aa9dbbdd7d1d4402efff68fc23b10672b214b5f12bb3f6818aaf1ac0421fe5");
    }
}
