//! Where a node keeps what it holds: one `redb` file, sealed page by page under the store key.
//!
//! [`backend`] speaks the core's storage trait, [`encrypt`] seals what reaches the file, [`disk`] is the file itself;
//! [`salvage`] takes out of a damaged store what is nowhere else. A crate of its own, so that the simulated region keeps its
//! rows in the very same store as a node, on disks that tear and rot.

pub mod backend;
pub mod disk;
pub mod encrypt;
pub mod salvage;

pub use backend::{RedbStore, Snapshot, StoreOpenError};
pub use encrypt::{OpenError, StoreKey};
