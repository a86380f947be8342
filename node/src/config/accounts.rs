//! The accounts file: a copy of the staff accounts beside the store, so that damage to the one leaves the other.
//!
//! ```text
//! magic 16 · version 1 · nonce 24 · seal(list of account rows) · tag 16
//! ```
//!
//! Sealed under a key derived from the device's own, and written whole or not at all. The store is what counts: the
//! copy follows it, and is read only where the store has lost its accounts.

use super::{DataDir, read_limited, secrets, write_whole};
use azalea_core::identity::SigningKeypair;
use azalea_core::wire::{Limit, Reader, WireError, Writer};
use std::io;
use std::path::PathBuf;
use zeroize::Zeroizing;

const MAGIC: &[u8; 16] = b"azalea accounts\n";
const VERSION: u8 = 1;
const PREFIX: usize = 17;
const FILE_BYTES_MAX: u64 = 16 << 20;
const ROWS: Limit = Limit { name: "accounts_max", max: 16_384 };
const ROW: Limit = Limit { name: "account_bytes_max", max: 8_192 };
const CONTEXT: &str = "azalea 2026-11 copy of the staff accounts";

/// The file with the copy.
pub struct AccountsCopy {
    file: PathBuf,
    key: Zeroizing<[u8; 32]>,
}

/// Why there is no copy to be had. Usual causes: it was never written, or its disk rots too.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    /// The disk's fault, or there is no such file.
    #[error("the copy of the staff accounts cannot be read: {0}")]
    Io(#[from] io::Error),
    /// Not what this device wrote, or a newer program did.
    #[error("the copy of the staff accounts is damaged or of another device")]
    Damaged,
}

impl AccountsCopy {
    /// The copy in a directory, for the device with this key.
    pub fn new(dir: &DataDir, device: &SigningKeypair) -> Self {
        let key = Zeroizing::new(blake3::derive_key(CONTEXT, device.seed().as_slice()));
        Self { file: dir.accounts(), key }
    }

    /// The accounts' rows as they were last written.
    pub fn load(&self) -> Result<Vec<Vec<u8>>, AccountsError> {
        let bytes = read_limited(&self.file, FILE_BYTES_MAX)?;
        let (prefix, sealed) = bytes.split_at_checked(PREFIX).ok_or(AccountsError::Damaged)?;
        if prefix != self::prefix() {
            return Err(AccountsError::Damaged);
        }
        let opened = secrets::unseal(&self.key, prefix, sealed).ok_or(AccountsError::Damaged)?;
        let mut reader = Reader::new(&opened);
        let mut read = || -> Result<Vec<Vec<u8>>, WireError> {
            (0..reader.count(ROWS)?).map(|_| Ok(reader.bytes(ROW)?.to_vec())).collect()
        };
        let rows = read().map_err(|_| AccountsError::Damaged)?;
        reader.finish().map_err(|_| AccountsError::Damaged)?;
        Ok(rows)
    }

    /// Writes the rows, whole or not at all.
    pub fn save(&self, rows: &[Vec<u8>]) -> io::Result<()> {
        let mut writer = Writer::new();
        writer.count(rows.len());
        rows.iter().for_each(|row| writer.bytes(row));
        let payload = Zeroizing::new(writer.into_bytes());
        let mut bytes = prefix();
        let sealed = secrets::seal(&self.key, &bytes, &payload)
            .ok_or_else(|| io::Error::other("the accounts are too long to seal"))?;
        bytes.extend_from_slice(&sealed);
        write_whole(&self.file, &bytes)
    }
}

fn prefix() -> Vec<u8> {
    [&MAGIC[..], &[VERSION]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_comes_back_for_its_own_device_and_no_flipped_bit_is_overlooked() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let dir = DataDir::new(home.path());
        let device = SigningKeypair::from_seed([5; 32]);
        let copy = AccountsCopy::new(&dir, &device);
        assert!(matches!(copy.load(), Err(AccountsError::Io(_))), "never written");
        let rows = vec![b"one".to_vec(), Vec::new(), b"two".to_vec()];
        copy.save(&rows).expect("room");
        assert_eq!(copy.load().expect("intact"), rows);
        let other = AccountsCopy::new(&dir, &SigningKeypair::from_seed([6; 32]));
        assert!(matches!(other.load(), Err(AccountsError::Damaged)));
        let whole = std::fs::read(dir.accounts()).expect("there");
        assert!(!whole.windows(3).any(|bytes| bytes == b"one" || bytes == b"two"), "sealed");
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(dir.accounts(), bytes).expect("room");
            assert!(copy.load().is_err(), "byte {at}");
        }
    }
}
