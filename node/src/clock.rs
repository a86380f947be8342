//! What time it is: the one place where the node reads a clock.

use azalea_core::id::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};

/// The system's clock, which a rehearsal may shift to live through a week in a minute.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock {
    /// Milliseconds added to the system's time.
    pub shift_ms: u64,
}

impl Clock {
    /// The moment, UTC.
    pub fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)).plus_ms(self.shift_ms)
    }
}
