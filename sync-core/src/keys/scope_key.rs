//! The key of one scope for one epoch; everything sealed in that epoch hangs on it.

use crate::hash::Context;
use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::wire::{Reader, Wire, WireError, Writer};

/// A scope's content key for one epoch. Wiped when dropped; prints as its kind only.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct ScopeKey([u8; Self::LEN]);

impl ScopeKey {
    /// Length in bytes.
    pub const LEN: usize = 32;

    /// Draws a key.
    pub fn random(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut bytes = [0; Self::LEN];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// The key's bytes, for a place that is itself sealed.
    pub fn expose(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// A key of its own for one purpose, so that no two purposes ever share one.
    pub(crate) fn derive(&self, context: &Context) -> zeroize::Zeroizing<[u8; Self::LEN]> {
        zeroize::Zeroizing::new(context.hash(&self.0))
    }
}

impl From<[u8; Self::LEN]> for ScopeKey {
    fn from(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }
}

impl Wire for ScopeKey {
    fn write(&self, writer: &mut Writer) {
        writer.raw(&self.0);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        reader.array("scope key").map(Self)
    }
}

impl std::fmt::Debug for ScopeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ScopeKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_shows_nothing_and_purposes_do_not_meet() {
        let key = ScopeKey::from([0x5a; 32]);
        assert_eq!(format!("{key:?}"), "ScopeKey");
        assert_ne!(key.derive(&Context::new("a")), key.derive(&Context::new("b")));
        assert_eq!(ScopeKey::from_bytes(&key.to_bytes()), Ok(key));
    }
}
