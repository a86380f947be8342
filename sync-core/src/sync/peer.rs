//! A session between any two replicas, with no relay and no cursor: what differs is found, then exchanged.
//!
//! ```text
//! caller                                            answerer
//!   Hello ────────────────────────────────────────►
//!         ◄──────────────────────────────────────── Hello, Turn: ranges of all scopes that both may read
//!   Turn: finer ranges ───────────────────────────►
//!         ◄──────────────────────────────────────── Turn: lists of the small ranges that differ
//!   Turn: vectors of what differs, what to ask ───►
//!         ◄──────────────────────────────────────── Turn: vectors; Envelopes … End
//!   Envelopes … End, Held … ──────────────────────►
//!         ◄──────────────────────────────────────── Held …
//! ```
//!
//! The access decision says what may be named: a scope that the other device may not read by what is held here is in no
//! range, no list and no vector. Both sides check; the set that is compared is what both may read by what each knows.
//!
//! A session says that it is finished only when the disk of each side has what the other one sent.

mod gather;
mod message;
mod session;
mod vector;

pub use gather::{Placed, envelopes, partings, placed};
pub use message::{Answer, Hello, Message, Named, Turn};
pub use session::{Effect, Failure, Input, Role, Session, Summary};
pub(crate) use vector::vector;
pub use vector::{Digest, Holding, Holdings, Reach, Stretch, Vector, digest};
pub use vector::{lacking, whole};

use crate::wire::Limit;

/// Authors in one scope's vector.
pub const REACHES: Limit = Limit { name: "reaches_max", max: 16_384 };
/// Scopes whose vectors one turn gives or asks for.
pub const NAMED: Limit = Limit { name: "named_max", max: 131_072 };
