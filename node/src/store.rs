//! Where a node keeps what it holds: one sealed `redb` file (`azalea_store`), and in it the node's own [`tables`] beside the core's.
//!
//! [`mod@derive`] keeps derived rows with the records that they describe, [`directory`] what is looked up all the time;
//! [`overlay`] shows rows that are on their way.

pub mod derive;
pub mod directory;
pub mod overlay;
pub mod tables;

pub use azalea_store::{OpenError, RedbStore, Snapshot, StoreKey, StoreOpenError};
