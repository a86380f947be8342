//! What can be wrong with a store's file, told apart because the reaction differs.

use std::io;
use std::path::PathBuf;

use super::seal::VERSION;

/// Why a store file cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file is something else. Usual cause: the wrong path.
    #[error("{} is not an Azalea store", .file.display())]
    NotAStore {
        /// The file.
        file: PathBuf,
    },
    /// A newer program wrote it.
    #[error("{} has store version {found}; this program reads {VERSION}: update this program", .file.display())]
    Version {
        /// The file.
        file: PathBuf,
        /// The version it states.
        found: u32,
    },
    /// The key is not the one that the file was made with. Usual cause: the secrets file of another node.
    #[error("{} was sealed with another store key: put back the secrets file that belongs to it", .file.display())]
    WrongKey {
        /// The file.
        file: PathBuf,
    },
    /// The head or both copies of page 0 are damaged.
    #[error("{part} of {} is damaged: `azalea repair` starts a new store and fetches again what the relay has", .file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// Which part.
        part: &'static str,
    },
    /// The file is shorter than its own header says. Usual cause: an interrupted copy.
    #[error("{} is cut short: {found} of {expected} bytes; `azalea repair` starts a new store and fetches again what the relay has", .file.display())]
    Truncated {
        /// The file.
        file: PathBuf,
        /// Bytes it should have.
        expected: u64,
        /// Bytes it has.
        found: u64,
    },
    /// The disk's fault.
    #[error("{} cannot be read: {source}", .file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// One block that is not what was written; travels inside an `io::Error` through `redb`.
#[derive(Debug, thiserror::Error)]
#[error("block {block} of {} does not authenticate: the file is damaged; `azalea repair` starts a new store and fetches again what the relay has", .file.display())]
pub struct BlockDamaged {
    /// The block's number, which is the page's number in `redb`.
    pub block: u64,
    /// The file.
    pub file: PathBuf,
}
