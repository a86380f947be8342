//! Head statements: a publisher's signed word to one facility on how much there is for it to hold.
//!
//! ```text
//! publisher ── HeadRoll: one signature over the root of a tree, one leaf for each recipient ──► relay, with the leaves that changed
//! relay ── the roll, with the recipient's own leaf and its path to the root where they are new ──► recipient
//! ```
//!
//! One signature speaks to everybody: where nothing has changed for a recipient, the next word is a new time under a root that it
//! knows. What it costs a publisher and its relay to say that all is as it was follows neither the recipients nor the charts.

mod roll;
pub mod rounds;
mod tally;
mod tree;

pub use roll::{HeadRoll, HeadStatement, HeadUpdate, HeadWord};
pub use tally::Tally;
pub use tree::{HeadShare, HeadTree, SharePath, share_limits};
