//! The secrets file: the store key and this device's keys, in the clear for a guarded machine or under a passphrase.
//!
//! ```text
//! magic 16 · version 1 · kind 1
//!   kind 0   payload · BLAKE3 digest of all before
//!   kind 1   salt 16 · memory KiB 4 · passes 4 · lanes 4 · nonce 24 · seal(payload) · tag 16
//! payload = store key 32 · identity
//! ```

use super::{read_limited, write_whole};
use crate::store::StoreKey;
use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use rand::Rng;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const MAGIC: &[u8; 16] = b"azalea secrets\r\n";
const VERSION: u8 = 1;
const CLEAR: u8 = 0;
const UNDER_PASSPHRASE: u8 = 1;
const PREFIX: usize = 18;
/// Salt and the three costs.
const COSTS: usize = 28;
const NONCE: usize = 24;
const TAG: usize = 16;
const FILE_BYTES_MAX: u64 = 64 << 10;
/// OWASP's first choice for argon2id (2024): 19 MiB and two passes are the least; this is above.
const MEMORY_KIB: u32 = 64 << 10;
const PASSES: u32 = 3;
const LANES: u32 = 1;
/// What a file may ask of this machine.
const MEMORY_KIB_MAX: u32 = 1 << 20;
const PASSES_MAX: u32 = 64;
const LANES_MAX: u32 = 16;

/// What a node must not lose and nobody else may see.
pub struct Secrets {
    /// Seals the store.
    pub store_key: StoreKey,
    /// The device's and the facility's keys, as `azalea_core::identity::Identity` writes them.
    pub identity: Zeroizing<Vec<u8>>,
}

/// A passphrase; wiped when dropped, silent in `Debug`.
pub struct Passphrase(pub Zeroizing<String>);

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase")
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

/// Why the secrets cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// There is no such file. Usual cause: the wrong directory.
    #[error("{} is missing: run `azalea init` or `azalea join CODE` first, or give another --dir", .file.display())]
    Missing {
        /// The file.
        file: PathBuf,
    },
    /// The file is not what was written. Usual cause: a failing disk; put back the copy made after `join`.
    #[error("{} is damaged: put back a copy of it; without one this device must join again", .file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
    },
    /// A newer program wrote it.
    #[error("{} has version {found}; this program reads {VERSION}: update this program", .file.display())]
    Version {
        /// The file.
        file: PathBuf,
        /// The version it states.
        found: u8,
    },
    /// A passphrase is needed and none was given.
    #[error("{} is under a passphrase: give --passphrase-file", .file.display())]
    PassphraseNeeded {
        /// The file.
        file: PathBuf,
    },
    /// Wrong passphrase, or a damaged file: the two look alike.
    #[error("{} does not open with this passphrase", .file.display())]
    WrongPassphrase {
        /// The file.
        file: PathBuf,
    },
    /// The disk's fault.
    #[error("{}: {source}", .file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Secrets {
    /// Reads `file`, with the passphrase if it is under one.
    pub fn load(file: &Path, passphrase: Option<&Passphrase>) -> Result<Self, SecretsError> {
        let path = || file.to_owned();
        let damaged = || SecretsError::Damaged { file: path() };
        let bytes = match read_limited(file, FILE_BYTES_MAX) {
            Err(source) if source.kind() == io::ErrorKind::NotFound => {
                return Err(SecretsError::Missing { file: path() });
            }
            read => read.map_err(|source| SecretsError::Io { file: path(), source })?,
        };
        let bytes = Zeroizing::new(bytes);
        let (prefix, rest) = bytes.split_at_checked(PREFIX).ok_or_else(damaged)?;
        if &prefix[..16] != MAGIC {
            return Err(damaged());
        }
        if prefix[16] != VERSION {
            return Err(SecretsError::Version { file: path(), found: prefix[16] });
        }
        match prefix[17] {
            CLEAR => Self::from_payload(check_digest(&bytes).ok_or_else(damaged)?),
            UNDER_PASSPHRASE => {
                let passphrase =
                    passphrase.ok_or_else(|| SecretsError::PassphraseNeeded { file: path() })?;
                let (costs, sealed) = rest.split_at_checked(COSTS).ok_or_else(damaged)?;
                let key = stretch(passphrase, costs).ok_or_else(damaged)?;
                let payload = unseal(&key, &bytes[..PREFIX + COSTS], sealed)
                    .ok_or_else(|| SecretsError::WrongPassphrase { file: path() })?;
                Self::from_payload(&payload)
            }
            _ => None,
        }
        .ok_or_else(damaged)
    }

    /// Writes `file`, readable by its owner only, whole or not at all.
    pub fn save(&self, file: &Path, passphrase: Option<&Passphrase>) -> Result<(), SecretsError> {
        let io = |source| SecretsError::Io { file: file.to_owned(), source };
        let mut bytes = Zeroizing::new(Vec::with_capacity(FILE_BYTES_MAX as usize));
        bytes.extend_from_slice(MAGIC);
        bytes.push(VERSION);
        bytes.push(if passphrase.is_some() { UNDER_PASSPHRASE } else { CLEAR });
        let mut payload = Zeroizing::new(self.store_key.0.to_vec());
        payload.extend_from_slice(&self.identity);
        match passphrase {
            None => {
                bytes.extend_from_slice(&payload);
                let digest = blake3::hash(&bytes);
                bytes.extend_from_slice(digest.as_bytes());
            }
            Some(passphrase) => {
                let mut costs = [0; COSTS];
                rand::rng().fill_bytes(&mut costs[..16]);
                for (field, cost) in
                    costs[16..].chunks_exact_mut(4).zip([MEMORY_KIB, PASSES, LANES])
                {
                    field.copy_from_slice(&cost.to_be_bytes());
                }
                bytes.extend_from_slice(&costs);
                let key = stretch(passphrase, &costs)
                    .ok_or_else(|| io(io::Error::other("the passphrase cannot be stretched")))?;
                let sealed = seal(&key, &bytes, &payload)
                    .ok_or_else(|| io(io::Error::other("the secrets are too long to seal")))?;
                bytes.extend_from_slice(&sealed);
            }
        }
        write_whole(file, &bytes).map_err(io)
    }

    fn from_payload(payload: &[u8]) -> Option<Self> {
        let (key, identity) = payload.split_first_chunk::<32>()?;
        Some(Self { store_key: StoreKey(*key), identity: Zeroizing::new(identity.to_vec()) })
    }
}

/// The payload, if the digest at the end is right.
fn check_digest(bytes: &[u8]) -> Option<&[u8]> {
    let (covered, digest) = bytes.split_last_chunk::<32>()?;
    (blake3::hash(covered).as_bytes() == digest).then_some(covered.get(PREFIX..)?)
}

fn stretch(passphrase: &Passphrase, costs: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let cost = |at: usize| costs.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
    let (memory, passes, lanes) = (cost(16)?, cost(20)?, cost(24)?);
    if memory > MEMORY_KIB_MAX || passes > PASSES_MAX || lanes > LANES_MAX {
        return None;
    }
    let params = Params::new(memory, passes, lanes, Some(32)).ok()?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.0.as_bytes(), costs.get(..16)?, key.as_mut())
        .ok()?;
    Some(key)
}

pub(super) fn seal(key: &[u8; 32], before: &[u8], payload: &[u8]) -> Option<Vec<u8>> {
    let mut sealed = vec![0; NONCE];
    rand::rng().fill_bytes(&mut sealed);
    let nonce = XNonce::try_from(&sealed[..]).ok()?;
    sealed.extend_from_slice(payload);
    let cipher = XChaCha20Poly1305::new(&Key::from(*key));
    let tag = cipher.encrypt_inout_detached(&nonce, before, (&mut sealed[NONCE..]).into()).ok()?;
    sealed.extend_from_slice(&tag);
    Some(sealed)
}

pub(super) fn unseal(key: &[u8; 32], before: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
    let (sealed, tag) = sealed.split_last_chunk::<TAG>()?;
    let mut payload = Zeroizing::new(sealed.to_vec());
    let cipher = XChaCha20Poly1305::new(&Key::from(*key));
    cipher
        .decrypt_inout_detached(
            &XNonce::from(*nonce),
            before,
            payload.as_mut_slice().into(),
            &(*tag).into(),
        )
        .ok()?;
    Some(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        Secrets { store_key: StoreKey([3; 32]), identity: Zeroizing::new(vec![9; 100]) }
    }

    fn phrase(text: &str) -> Passphrase {
        Passphrase(Zeroizing::new(text.to_owned()))
    }

    #[test]
    fn secrets_come_back_with_and_without_a_passphrase() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let file = home.path().join("secrets");
        assert!(matches!(Secrets::load(&file, None), Err(SecretsError::Missing { .. })));
        for given in [None, Some(phrase("つつじの花が咲く"))] {
            secrets().save(&file, given.as_ref()).expect("room");
            let loaded = Secrets::load(&file, given.as_ref()).expect("intact");
            assert_eq!(loaded.store_key.0, [3; 32]);
            assert_eq!(*loaded.identity, [9; 100]);
        }
        assert!(matches!(Secrets::load(&file, None), Err(SecretsError::PassphraseNeeded { .. })));
        let wrong = Secrets::load(&file, Some(&phrase("つつじの花")));
        assert!(matches!(wrong, Err(SecretsError::WrongPassphrase { .. })));
    }

    #[test]
    fn a_damaged_file_is_named_as_such() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let file = home.path().join("secrets");
        secrets().save(&file, None).expect("room");
        let bytes = std::fs::read(&file).expect("there");
        for place in (0..bytes.len()).step_by(7) {
            let mut bytes = bytes.clone();
            bytes[place] ^= 4;
            std::fs::write(&file, &bytes).expect("room");
            assert!(Secrets::load(&file, None).is_err(), "{place}");
            std::fs::write(&file, &bytes[..place]).expect("room");
            assert!(Secrets::load(&file, None).is_err(), "{place}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_the_file() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().expect("a temporary directory");
        let file = home.path().join("secrets");
        secrets().save(&file, None).expect("room");
        let mode = std::fs::metadata(&file).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
