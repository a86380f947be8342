//! Passwords of staff: argon2id, stored with its parameters so that they can grow later.

use argon2::{Algorithm, Argon2, Params, Version};
use data_encoding::BASE64URL_NOPAD;
use zeroize::Zeroizing;

/// Memory in KiB: half a small office computer's second-level budget, felt as a tenth of a second.
const MEMORY_KIB: u32 = 19 * 1_024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Above these a stored verifier is damaged or hostile: one sign-in must not eat the machine.
const MEMORY_KIB_MAX: u32 = 1 << 20;
const PASSES_MAX: u32 = 16;
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

/// The fewest characters of a password.
pub const PASSWORD_CHARS_MIN: usize = 10;
/// The most bytes of a password.
pub const PASSWORD_BYTES_MAX: usize = 256;

/// What is stored instead of a password. Prints nothing of itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    memory_kib: u32,
    passes: u32,
    salt: [u8; SALT_BYTES],
    hash: [u8; HASH_BYTES],
}

/// Why there is no verifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too short to withstand guessing.
    #[error("a password needs at least {PASSWORD_CHARS_MIN} characters")]
    TooShort,
    /// Longer than anyone types.
    #[error("a password has at most {PASSWORD_BYTES_MAX} bytes")]
    TooLong,
    /// The stored form is not one that this program wrote. Usual cause: damage.
    #[error("the stored password form is damaged")]
    Damaged,
}

impl Verifier {
    /// Derives a verifier under a fresh salt. Takes a tenth of a second.
    pub fn create(password: &str, salt: [u8; SALT_BYTES]) -> Result<Self, PasswordError> {
        if password.chars().count() < PASSWORD_CHARS_MIN {
            return Err(PasswordError::TooShort);
        }
        if password.len() > PASSWORD_BYTES_MAX {
            return Err(PasswordError::TooLong);
        }
        let hash = derive(password, &salt, MEMORY_KIB, PASSES)?;
        Ok(Self { memory_kib: MEMORY_KIB, passes: PASSES, salt, hash: *hash })
    }

    /// Whether this is the password; takes as long for a wrong one as for the right one.
    pub fn verify(&self, password: &str) -> bool {
        if password.len() > PASSWORD_BYTES_MAX {
            return false;
        }
        let Ok(hash) = derive(password, &self.salt, self.memory_kib, self.passes) else {
            return false;
        };
        let difference = hash.iter().zip(&self.hash).fold(0, |sum, (a, b)| sum | (a ^ b));
        std::hint::black_box(difference) == 0
    }

    /// The stored form: `argon2id$memory$passes$salt$hash`.
    pub fn to_text(&self) -> String {
        let (salt, hash) = (BASE64URL_NOPAD.encode(&self.salt), BASE64URL_NOPAD.encode(&self.hash));
        format!("argon2id${}${}${salt}${hash}", self.memory_kib, self.passes)
    }

    /// Reads the stored form.
    pub fn from_text(text: &str) -> Result<Self, PasswordError> {
        parse(text).ok_or(PasswordError::Damaged)
    }
}

fn parse(text: &str) -> Option<Verifier> {
    let mut parts = text.split('$');
    if parts.next()? != "argon2id" {
        return None;
    }
    let memory_kib = parts.next()?.parse().ok().filter(|kib| *kib <= MEMORY_KIB_MAX)?;
    let passes = parts.next()?.parse().ok().filter(|passes| *passes <= PASSES_MAX)?;
    let salt = BASE64URL_NOPAD.decode(parts.next()?.as_bytes()).ok()?.try_into().ok()?;
    let hash = BASE64URL_NOPAD.decode(parts.next()?.as_bytes()).ok()?.try_into().ok()?;
    parts.next().is_none().then_some(Verifier { memory_kib, passes, salt, hash })
}

fn derive(
    password: &str,
    salt: &[u8],
    memory_kib: u32,
    passes: u32,
) -> Result<Zeroizing<[u8; HASH_BYTES]>, PasswordError> {
    let params = Params::new(memory_kib, passes, LANES, Some(HASH_BYTES));
    let params = params.map_err(|_| PasswordError::Damaged)?;
    let mut hash = Zeroizing::new([0; HASH_BYTES]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password.as_bytes(), salt, hash.as_mut())
        .map_err(|_| PasswordError::Damaged)?;
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_opens_and_only_our_own_form_is_read() {
        let verifier =
            Verifier::create("さくら咲くころ2026年", [7; SALT_BYTES]).expect("long enough");
        assert!(verifier.verify("さくら咲くころ2026年"));
        assert!(!verifier.verify("さくら咲くころ2027年"));
        let stored = Verifier::from_text(&verifier.to_text()).expect("our own form");
        assert!(stored == verifier);
        for text in ["", "argon2id", "argon2id$99999999$2$AA$AA", "bcrypt$1$1$AA$AA"] {
            assert!(Verifier::from_text(text).is_err());
        }
    }

    #[test]
    fn a_password_has_a_least_and_a_greatest_length() {
        let check =
            |text: &str, error| assert!(Verifier::create(text, [0; 16]).err() == Some(error));
        check("short", PasswordError::TooShort);
        check(&"あ".repeat(100), PasswordError::TooLong);
    }
}
