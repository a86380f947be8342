//! One process per data directory: a lock that ends with its process, however that ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Name of the lock file inside a data directory.
const FILE: &str = "lock";

/// The right to use a data directory; given up when dropped.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

/// Why a data directory could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has the directory. Usual cause: the daemon runs; ask it over its control socket.
    #[error("{} is in use by another process{}", dir.display(), pid_text(pid))]
    Held {
        /// The directory.
        dir: PathBuf,
        /// The other process's id as it wrote it down, if it can be read.
        pid: Option<u32>,
    },
    /// The directory or the file in it could not be made. Usual cause: missing rights, or a full disk.
    #[error("{}: {source}", path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

fn pid_text(pid: &Option<u32>) -> String {
    pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
}

impl DataLock {
    /// Makes `dir` if it is missing (open to its owner only) and takes it for this process.
    pub fn acquire(dir: &Path) -> Result<Self, LockError> {
        private_dir(dir)?;
        let path = dir.join(FILE);
        let io = |source| LockError::Io { path: path.clone(), source };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = owner_only(&mut options).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // Only for the message; an unreadable id is no reason for another error.
                let _ = (&mut file).take(16).read_to_string(&mut text);
                return Err(LockError::Held { dir: dir.into(), pid: text.trim().parse().ok() });
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        file.set_len(0).map_err(io)?;
        writeln!(file, "{}", std::process::id()).map_err(io)?;
        Ok(Self { _file: file })
    }
}

/// Makes a directory that only its owner can enter; an existing one keeps the rights it has.
pub fn private_dir(dir: &Path) -> Result<(), LockError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(|source| LockError::Io { path: dir.into(), source })
}

/// Lets only the owner read and write a file that is about to be made.
pub fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_has_one_holder_at_a_time() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("data");
        let first = DataLock::acquire(&dir).unwrap();
        let refused = DataLock::acquire(&dir).unwrap_err();
        assert!(matches!(refused, LockError::Held { pid, .. } if pid == Some(std::process::id())));
        drop(first);
        DataLock::acquire(&dir).unwrap();
    }
}
