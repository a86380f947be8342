//! Identifiers: one newtype for every noun, short in logs, whole in exports.
//!
//! Ids made from keys are digests (self-certifying); ids of patients, scopes and grants are random, so
//! that nothing about a person can be read from them.

use rand_core::Rng;

/// Defines an identifier of a fixed number of bytes: ordered, hashable, hex in `Display`, eight digits in `Debug`.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $bytes:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $bytes]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $bytes;
            /// The id whose bytes are all zero; stands for "none" where a layout has a fixed width.
            pub const ZERO: Self = Self([0; $bytes]);

            /// Draws a random id.
            pub fn random(rng: &mut (impl Rng + ?Sized)) -> Self {
                let mut bytes = [0; $bytes];
                rng.fill_bytes(&mut bytes);
                Self(bytes)
            }

            /// The leading bytes of the BLAKE3 digest of `parts` under a context.
            pub fn digest(context: &crate::hash::Context, parts: &[&[u8]]) -> Self {
                let mut hasher = context.hasher();
                for part in parts {
                    hasher.update(&(part.len() as u64).to_be_bytes());
                    hasher.update(part);
                }
                let mut bytes = [0; $bytes];
                hasher.finalize_xof().fill(&mut bytes);
                Self(bytes)
            }

            /// The id's bytes.
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}:", stringify!($name))?;
                self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let mut bytes = [0; $bytes];
                parse_hex(text, &mut bytes).ok_or(IdError { kind: stringify!($name), digits: $bytes * 2 })?;
                Ok(Self(bytes))
            }
        }

        impl crate::wire::Wire for $name {
            fn write(&self, writer: &mut crate::wire::Writer) {
                writer.raw(&self.0);
            }

            fn read(reader: &mut crate::wire::Reader<'_>) -> Result<Self, crate::wire::WireError> {
                reader.array(stringify!($name)).map(Self)
            }
        }
    };
}

id!(/// A council's trust domain: the digest of its offline root key.
    NetworkId, 32);
id!(/// A hospital, clinic, pharmacy or visiting-nurse station: the digest of its facility key.
    FacilityId, 16);
id!(/// One node or tablet of a facility: the digest of its signing key.
    DeviceId, 16);
id!(/// A patient, network-wide: random.
    PatientId, 16);
id!(/// The unit of access: random for charts and care, derived for pairs and the registry.
    ScopeId, 16);
id!(/// What the relay sees instead of a document's id: a keyed digest of it.
    DocumentTag, 16);
id!(/// A sealed and signed envelope: the digest of its header, which covers the body's digest.
    EnvelopeId, 32);
id!(/// A grant of access: random.
    GrantId, 16);
id!(/// A patient's consent, which grants rest on: random.
    ConsentId, 16);
id!(/// One version of a record: the digest of its whole binary form.
    VersionId, 16);
id!(/// An attachment, sealed: the BLAKE3 hash of its ciphertext.
    BlobId, 32);
id!(/// A care note: random.
    NoteId, 16);
id!(/// One life of a relay's store; drawn anew when a relay is set up or restored.
    RelayEpoch, 16);

/// Milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The moment `ms` milliseconds later, at most the end of time.
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this moment; 0 where a clock went backwards.
    pub fn since_ms(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl crate::wire::Wire for Timestamp {
    fn write(&self, writer: &mut crate::wire::Writer) {
        writer.u64(self.0);
    }

    fn read(reader: &mut crate::wire::Reader<'_>) -> Result<Self, crate::wire::WireError> {
        reader.u64("Timestamp").map(Self)
    }
}

/// A text that is not an id of the wanted kind. Usual cause: a copied id that lost some digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a {kind}: expected {digits} hexadecimal digits")]
pub struct IdError {
    /// The kind of id that was expected.
    pub kind: &'static str,
    /// How many digits such an id has.
    pub digits: usize,
}

fn parse_hex(text: &str, out: &mut [u8]) -> Option<()> {
    let digits = text.as_bytes();
    if digits.len() != out.len() * 2 {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high << 4 | low).ok()?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Context;

    #[test]
    fn an_id_survives_its_text_form_and_refuses_others() {
        let id = ScopeId::digest(&Context::new("azalea test"), &[b"a"]);
        assert_eq!(id.to_string().parse::<ScopeId>(), Ok(id));
        assert!("zz".parse::<ScopeId>().is_err());
        assert!(format!("{id}0").parse::<ScopeId>().is_err());
        assert_eq!(format!("{id:?}").len(), "ScopeId:".len() + 8);
    }

    #[test]
    fn a_digest_keeps_its_parts_apart() {
        let joined = ScopeId::digest(&Context::new("azalea test"), &[b"ab", b"c"]);
        assert_ne!(joined, ScopeId::digest(&Context::new("azalea test"), &[b"a", b"bc"]));
        assert_ne!(joined, ScopeId::digest(&Context::new("another"), &[b"ab", b"c"]));
    }
}
