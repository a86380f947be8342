//! Attachments that are too large for an envelope: images, PDFs, whatever is not text. A record carries a
//! [`BlobRef`]; the blob itself lies and travels as ciphertext, chunk by chunk.
//!
//! ```text
//! content ──Sealer──► sealed chunks ──Outboard──► BlobId        the record carries BlobRef: id, key, digest, length
//!                        16 KiB each    hash tree
//!
//! Fetch::ask ──► Run ──► Outboard::slice ──► Fetch::arrived ──► the disk ──► Fetch::stored ──► Opener ──► content
//!                        chunks, hashes        every byte proven
//! ```
//!
//! The id is the hash of the ciphertext: a relay that cannot read it can still prove every chunk that it takes and gives.
//! This room moves no bytes by itself: [`message`] is what is said on a blob's stream, [`shelf`] where blobs lie in a store. Who may have
//! one is decided in `access`, by the scope of the record that refers to it.

mod chunk;
mod fetch;
mod held;
pub mod message;
mod outboard;
mod place;
mod reference;
mod seal;
pub mod shelf;
mod stride;

#[cfg(test)]
mod tests;

pub use chunk::{CHUNK_BYTES, Run, RunError, Sealed};
pub use fetch::{Fetch, FetchError};
pub use held::Held;
pub use outboard::{Outboard, OutboardError, SliceError, verify};
pub use place::Placed;
pub use reference::{BlobKey, BlobRef};
pub use seal::{OpenError, Opener, Sealer, TooLong};
pub use stride::Stride;
