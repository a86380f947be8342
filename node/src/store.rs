//! Where a node keeps what it holds: one `redb` file, sealed page by page under the store key.

pub mod disk;
pub mod encrypt;
