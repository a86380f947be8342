//! BLAKE3 under context strings: what is hashed for one purpose is another hash for every other one.

use std::sync::OnceLock;

use blake3::Hasher;
use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};

/// A purpose, by words that occur nowhere else.
///
/// Most of what is hashed is short, and hashing the words each time would be half of the work: their hash is kept.
pub struct Context {
    words: &'static str,
    key: OnceLock<ContextKey>,
}

impl Context {
    /// The purpose that these words name.
    pub const fn new(words: &'static str) -> Self {
        Self { words, key: OnceLock::new() }
    }

    /// Hashes bytes that come piece by piece.
    pub fn hasher(&self) -> Hasher {
        Hasher::new_from_context_key(self.key.get_or_init(|| hash_derive_key_context(self.words)))
    }

    /// The hash of all the bytes.
    pub fn hash(&self, bytes: &[u8]) -> [u8; 32] {
        *self.hasher().update(bytes).finalize().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_that_is_kept_hashes_like_one_that_is_not() {
        let context = Context::new("azalea test context");
        for bytes in [&b""[..], b"a", &[7; 3_000]] {
            let expected = blake3::derive_key("azalea test context", bytes);
            assert_eq!(context.hash(bytes), expected);
            assert_eq!(context.hash(bytes), expected, "the second time too");
        }
        assert_ne!(context.hash(b"a"), Context::new("azalea test contexts").hash(b"a"));
    }
}
