//! Secret keys in files: 64 hexadecimal digits, readable by their owner only, never overwritten.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use azalea_transport::lock::owner_only;
use data_encoding::HEXLOWER_PERMISSIVE;
use zeroize::Zeroizing;

/// Why a key could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file could not be read or made. Usual causes: it is on another medium, missing rights, or it exists already.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is no key.
    #[error("{} does not hold a key (64 hexadecimal digits)", path.display())]
    Form {
        /// The file.
        path: PathBuf,
    },
}

/// Bytes of a key file that are read; a key has 64 digits and a line end.
const FILE_BYTES_MAX: u64 = 128;

/// Writes a seed to a new file; it is on disk when this returns.
pub fn write_new(path: &Path, seed: &[u8; 32]) -> Result<(), KeyFileError> {
    let io = |source| KeyFileError::Io { path: path.into(), source };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    let mut file = owner_only(&mut options).open(path).map_err(io)?;
    let mut text = Zeroizing::new(HEXLOWER_PERMISSIVE.encode(seed));
    text.push('\n');
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(io)
}

/// Reads a seed.
pub fn read(path: &Path) -> Result<Zeroizing<[u8; 32]>, KeyFileError> {
    let io = |source| KeyFileError::Io { path: path.into(), source };
    let file = std::fs::File::open(path).map_err(io)?;
    let mut text = Zeroizing::new(String::with_capacity(FILE_BYTES_MAX as usize));
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(io)?;
    let form = || KeyFileError::Form { path: path.into() };
    let digits = text.trim().as_bytes();
    let mut seed = Zeroizing::new([0; 32]);
    if HEXLOWER_PERMISSIVE.decode_len(digits.len()) != Ok(seed.len()) {
        return Err(form());
    }
    HEXLOWER_PERMISSIVE.decode_mut(digits, seed.as_mut()).map_err(|_| form())?;
    Ok(seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_file_and_is_never_overwritten() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.key");
        write_new(&path, &[0xab; 32]).unwrap();
        assert_eq!(*read(&path).unwrap(), [0xab; 32]);
        assert!(matches!(write_new(&path, &[1; 32]), Err(KeyFileError::Io { .. })));
        assert_eq!(*read(&path).unwrap(), [0xab; 32]);
        std::fs::write(&path, "not a key").unwrap();
        assert!(matches!(read(&path), Err(KeyFileError::Form { .. })));
        std::fs::write(&path, "z".repeat(64)).unwrap();
        assert!(matches!(read(&path), Err(KeyFileError::Form { .. })));
    }
}
