//! Who can read: scope keys, the channel between two devices, and the bundles that travel in it.
//!
//! This room makes and carries keys. Who should have one is decided in `access`.

mod bundle;
mod challenge;
mod pair;
mod scope_key;

pub use crate::access::PAIR_ENC_LEN;
pub use bundle::{Descriptor, KeyGrant};
pub use challenge::{Challenge, answer, challenge};
pub use pair::{PairError, pair_accept, pair_info, pair_offer};
pub use scope_key::ScopeKey;
