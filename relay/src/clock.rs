//! The only place where the relay reads a clock.

use std::time::{SystemTime, UNIX_EPOCH};

use azalea_core::id::Timestamp;

/// Now, by the system's clock; the beginning of time where that is set before 1970.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
