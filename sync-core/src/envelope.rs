//! How a change is sealed and proven: compress, pad, encrypt, sign; verify, admit, open.
//!
//! ```text
//! bytes ──► SignedEnvelope ──verify──► VerifiedEnvelope ──admit──► AdmittedEnvelope ──open──► Plaintext<Body>
//!           well formed                signed by a known           allowed by the one          sealed with this
//!                                      device, body whole          decision                    scope's key
//! ```
//!
//! Each type is made in one place, where its claim is checked. An envelope is a header, the author's signature
//! over it, and the body, which the header names by length and hash.

mod admitted;
mod body;
mod chain;
mod cipher;
mod compression;
mod formats;
mod header;
mod padding;
mod plaintext;
mod prove;
mod seal;
mod signed;
mod verified;

#[cfg(test)]
mod tests;

pub use admitted::{AdmittedEnvelope, OpenError};
pub use body::Body;
pub use chain::{Chain, Link, Tip};
pub use formats::Formats;
pub use header::Header;
pub use padding::padded;
pub use plaintext::Plaintext;
pub use prove::prove;
pub use seal::{Draft, SealError, seal};
pub use signed::{SignedEnvelope, VerifyError};
pub use verified::VerifiedEnvelope;
