//! X-Wing keys (ML-KEM-768 with X25519): how others reach a device in secret.
//!
//! Hybrid and post-quantum, because a relay's disk is worth copying today to be read in twenty years. The
//! exchange itself lives in `keys`; this file only makes, stores and prints the keys.

use hpke::kem::XWing;
use hpke::{Deserializable, Kem, Serializable};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::wire::{Reader, Wire, WireError, Writer};

/// A device's secret agreement key with its public half. Wiped on drop; prints only its public half.
#[derive(Clone)]
pub struct AgreementKeypair {
    secret: <XWing as Kem>::PrivateKey,
    public: AgreementPublic,
}

impl AgreementKeypair {
    /// Draws a new key.
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut());
        Self::from_seed(*seed)
    }

    /// The key of a stored seed. An X-Wing secret key is its seed.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let seed = Zeroizing::new(seed);
        let secret = <XWing as Kem>::PrivateKey::from_bytes(seed.as_ref())
            .expect("any 32 bytes are an X-Wing secret key");
        let mut public = Box::new([0; AgreementPublic::LEN]);
        XWing::sk_to_pk(&secret).write_exact(public.as_mut());
        Self { secret, public: AgreementPublic(public) }
    }

    /// The 32 secret bytes from which the key can be made again.
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        let mut seed = Zeroizing::new([0; 32]);
        self.secret.write_exact(seed.as_mut());
        seed
    }

    /// The public half.
    pub fn public(&self) -> &AgreementPublic {
        &self.public
    }

    /// The key as hpke takes it.
    pub(crate) fn hpke(&self) -> &<XWing as Kem>::PrivateKey {
        &self.secret
    }
}

impl std::fmt::Debug for AgreementKeypair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AgreementKeypair({:?})", self.public)
    }
}

/// A public X-Wing key that has been checked to be well formed.
#[derive(Clone, PartialEq, Eq)]
pub struct AgreementPublic(Box<[u8; AgreementPublic::LEN]>);

impl AgreementPublic {
    /// Length in bytes: 1184 for ML-KEM-768, then 32 for X25519.
    pub const LEN: usize = 1216;

    /// The key's bytes.
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// The key as hpke takes it.
    pub(crate) fn hpke(&self) -> <XWing as Kem>::PublicKey {
        <XWing as Kem>::PublicKey::from_bytes(self.0.as_ref())
            .expect("checked when it was read, or made here from a secret key")
    }
}

impl std::fmt::Debug for AgreementPublic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AgreementPublic:")?;
        self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Wire for AgreementPublic {
    fn write(&self, writer: &mut Writer) {
        writer.raw(self.0.as_ref());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut bytes = Box::new([0; Self::LEN]);
        bytes.copy_from_slice(reader.raw(Self::LEN, "AgreementPublic")?);
        // A key that is malformed would fail only when first used.
        if !is_reduced(&bytes) {
            return Err(WireError::Invalid { field: "AgreementPublic" });
        }
        Ok(Self(bytes))
    }
}

/// Whether every coefficient of the ML-KEM part is reduced, as FIPS 203 (7.2) asks before a key is used: the only way in which
/// bytes of the right length are no key. Asked by hand, because the library expands the key's whole matrix to answer it, and a
/// device reads the certificates of its whole network whenever it starts.
fn is_reduced(key: &[u8; AgreementPublic::LEN]) -> bool {
    const COEFFICIENTS_LEN: usize = 3 * 256 * 12 / 8;
    const MODULUS: u16 = 3329;
    key[..COEFFICIENTS_LEN].chunks_exact(3).all(|three| {
        let [a, b, c] = [three[0], three[1], three[2]].map(u16::from);
        (a | (b & 0x0f) << 8) < MODULUS && (b >> 4 | c << 4) < MODULUS
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_as_its_seed_and_its_public_half_as_bytes() {
        let key = AgreementKeypair::from_seed([7; 32]);
        let again = AgreementKeypair::from_seed(*key.seed());
        assert_eq!(again.public(), key.public());
        assert_eq!(AgreementPublic::from_bytes(&key.public().to_bytes()), Ok(key.public().clone()));
        assert!(!format!("{key:?}").contains("0707"));
    }

    #[test]
    fn a_malformed_public_key_is_refused_where_it_is_read() {
        let refused = Err(WireError::Invalid { field: "AgreementPublic" });
        assert_eq!(AgreementPublic::from_bytes(&[0xff; AgreementPublic::LEN]), refused);
    }

    #[test]
    fn a_key_is_taken_where_the_library_takes_it() {
        let key = AgreementKeypair::from_seed([7; 32]);
        let (mut taken, mut refused) = (0, 0);
        for at in 0..AgreementPublic::LEN {
            for value in [0x00, 0x01, 0x0c, 0x0d, 0x10, 0xd0, 0xf0, 0xff] {
                let mut bytes = *key.public().as_bytes();
                bytes[at] = value;
                let theirs = <XWing as Kem>::PublicKey::from_bytes(&bytes).is_ok();
                assert_eq!(AgreementPublic::from_bytes(&bytes).is_ok(), theirs, "{at}: {value}");
                if theirs { taken += 1 } else { refused += 1 }
            }
        }
        assert!(taken > 1_000 && refused > 1_000, "{taken} taken, {refused} refused");
        // The last coefficient that is reduced and the first that is not, in either place.
        for (three, is_key) in [
            ([0x00, 0x0d, 0x00], true),
            ([0x01, 0x0d, 0x00], false),
            ([0, 0x00, 0xd0], true),
            ([0, 0x10, 0xd0], false),
        ] {
            let mut bytes = *key.public().as_bytes();
            bytes[..3].copy_from_slice(&three);
            assert_eq!(AgreementPublic::from_bytes(&bytes).is_ok(), is_key);
            assert_eq!(<XWing as Kem>::PublicKey::from_bytes(&bytes).is_ok(), is_key);
        }
    }
}
