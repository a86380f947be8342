//! Where a node keeps what it holds: one `redb` file, sealed page by page under the store key.
//!
//! [`backend`] speaks the core's storage trait, [`encrypt`] seals what reaches the file, [`disk`] is the file itself;
//! [`overlay`] shows rows that are on their way.

pub mod backend;
pub mod derive;
pub mod directory;
pub mod disk;
pub mod encrypt;
pub mod overlay;
pub mod tables;

pub use backend::{RedbStore, Snapshot, StoreOpenError};
pub use encrypt::{OpenError, StoreKey};
