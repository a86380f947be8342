//! Ed25519 keys and signatures, under one strict rule.
//!
//! Every signature is made over a domain label followed by the message, so that what was signed as a
//! certificate never passes as an envelope. What holds is one rule, the same for one signature and for many
//! together, and it refuses weak or oddly encoded keys: all replicas must agree on what is valid.

mod proven;
mod rule;
mod verified;

pub use proven::Proven;
pub use verified::Signatures;

use crate::hash::Context;
use ed25519_dalek::{Signer, SigningKey};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::id::{DeviceId, FacilityId, IdError, NetworkId};
use crate::wire::{Reader, Wire, WireError, Writer};

/// What a signature is for; its label is the first thing signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Domain {
    /// Certificates, revocations and policies.
    Certificate,
    /// An envelope's header.
    Envelope,
    /// A publisher's word to its recipients about how much there is.
    HeadRoll,
    /// An entry of a device's access log.
    Ledger,
    /// A device's proof that it holds its key, for the facility that certifies it.
    Enrolment,
}

impl Domain {
    /// The label; each ends with a zero byte and none begins another.
    fn label(self) -> &'static [u8] {
        match self {
            Self::Certificate => b"azalea certificate v1\0",
            Self::Envelope => b"azalea envelope v1\0",
            Self::HeadRoll => b"azalea head roll v1\0",
            Self::Ledger => b"azalea ledger v1\0",
            Self::Enrolment => b"azalea enrolment v1\0",
        }
    }

    fn labelled(self, message: &[u8]) -> Vec<u8> {
        [self.label(), message].concat()
    }
}

/// A secret signing key with its public half. Wiped on drop; prints only its public half.
#[derive(Clone)]
pub struct SigningKeypair(SigningKey);

impl SigningKeypair {
    /// Draws a new key.
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut());
        Self(SigningKey::from_bytes(&seed))
    }

    /// The key of a stored seed.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&Zeroizing::new(seed)))
    }

    /// The 32 secret bytes from which the key can be made again.
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs `message` for one purpose.
    pub fn sign(&self, domain: Domain, message: &[u8]) -> Signature {
        let labelled = domain.labelled(message);
        let signature = self.0.sign(&labelled).to_bytes();
        verified::made(&self.public().0, &labelled, &signature);
        Signature(signature)
    }
}

impl std::fmt::Debug for SigningKeypair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKeypair({:?})", self.public())
    }
}

/// An Ed25519 public key as its 32 bytes. Whether they are a usable key shows when something is verified.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Takes the 32 bytes of a key, as a certificate or a TLS handshake carries them.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key's 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Checks that the holder of this key signed `message` for this purpose.
    pub fn verify(
        &self,
        domain: Domain,
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), SignatureError> {
        let labelled = domain.labelled(message);
        verified::once(&self.0, &labelled, &signature.0, || {
            rule::Claim::new(&self.0, &labelled, &signature.0)?.holds()
        })
    }

    /// The id of the network whose root key this is.
    pub fn network_id(&self) -> NetworkId {
        NetworkId::digest(&NETWORK, &[&self.0])
    }

    /// The id of the facility whose key this is.
    pub fn facility_id(&self) -> FacilityId {
        FacilityId::digest(&FACILITY, &[&self.0])
    }

    /// The id of the device whose signing key this is.
    pub fn device_id(&self) -> DeviceId {
        DeviceId::digest(&DEVICE, &[&self.0])
    }
}

impl std::fmt::Display for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // An id of the same length lends its text form.
        NetworkId(self.0).fmt(f)
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey:")?;
        self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::str::FromStr for PublicKey {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let digits = NetworkId::LEN * 2;
        let bytes: NetworkId = text.parse().map_err(|_| IdError { kind: "PublicKey", digits })?;
        Ok(Self(bytes.0))
    }
}

impl Wire for PublicKey {
    fn write(&self, writer: &mut Writer) {
        writer.raw(&self.0);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        reader.array("PublicKey").map(Self)
    }
}

/// An Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

impl Signature {
    /// Length in bytes.
    pub const LEN: usize = 64;

    /// Takes a signature's 64 bytes.
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The signature's 64 bytes.
    pub fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl std::fmt::Debug for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signature:")?;
        self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Wire for Signature {
    fn write(&self, writer: &mut Writer) {
        writer.raw(&self.0);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        reader.array("Signature").map(Self)
    }
}

/// Why a signature does not hold. Usual causes: damage on the way, or somebody who does not hold the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The 32 bytes are not a point of the curve; the key was damaged or made up.
    #[error("the bytes given as a public key are not a key")]
    NoKey,
    /// A small-order or non-canonical key, with which one signature can fit many messages; only made on purpose.
    #[error("the public key is weak and is refused")]
    WeakKey,
    /// The signature is not this key's over this message.
    #[error("the signature does not match the message and key")]
    Mismatch,
}

static NETWORK: Context = Context::new("azalea network v1");
static FACILITY: Context = Context::new("azalea facility v1");
static DEVICE: Context = Context::new("azalea device v1");

#[cfg(test)]
mod tests {
    use super::super::testing::keypair;
    use super::*;

    #[test]
    fn a_signature_holds_for_its_message_key_and_purpose_only() {
        let (key, other) = (keypair(1), keypair(2));
        let signature = key.sign(Domain::Envelope, b"header");
        let check = |public: PublicKey, domain, message: &[u8], expected| {
            assert_eq!(public.verify(domain, message, &signature), expected);
        };
        check(key.public(), Domain::Envelope, b"header", Ok(()));
        check(key.public(), Domain::Envelope, b"Header", Err(SignatureError::Mismatch));
        check(key.public(), Domain::Ledger, b"header", Err(SignatureError::Mismatch));
        check(other.public(), Domain::Envelope, b"header", Err(SignatureError::Mismatch));
    }

    #[test]
    fn no_domain_label_begins_another() {
        let all = [
            Domain::Certificate,
            Domain::Envelope,
            Domain::HeadRoll,
            Domain::Ledger,
            Domain::Enrolment,
        ];
        for a in all {
            for b in all {
                assert!(a == b || !b.label().starts_with(a.label()), "{a:?} begins {b:?}");
            }
        }
    }

    #[test]
    fn secrets_do_not_print_and_survive_as_seeds() {
        let key = keypair(7);
        let printed = format!("{key:?}");
        assert!(!printed.contains("0707"), "{printed}");
        assert_eq!(SigningKeypair::from_seed(*key.seed()).public(), key.public());
        assert_eq!(key.public().to_string().parse(), Ok(key.public()));
    }
}
