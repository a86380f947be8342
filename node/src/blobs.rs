//! Attachments at this node: sealed chunks on a shelf of their own, beside the store that has the records.
//!
//! ```text
//! import ─ cut out ─ Shelf::seal ─► blobs.redb ─ Shelf::content ─► export, screens
//!                                      ▲│
//!                                      │▼
//!                                   courier ◄─► the relay's shelf
//! record ─ BlobRef ─► node.attachment, node.blob_use: who refers to what
//! ```

mod shelf;
mod transfers;

pub use shelf::{CACHE_BYTES as SHELF_CACHE_BYTES, HoldError, Shelf, Standing};
pub use transfers::{InHand, Moved, Transfers, Way};
