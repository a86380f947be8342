//! The only place where the relay reads a clock.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use azalea_core::id::Timestamp;

/// Milliseconds added to the system's clock, for rehearsals; the node has the same.
const SHIFT: &str = "AZALEA_CLOCK_SHIFT_MS";

/// Now, by the system's clock; the beginning of time where that is set before 1970.
pub fn now() -> Timestamp {
    static SHIFT_MS: OnceLock<u64> = OnceLock::new();
    let shift_ms = *SHIFT_MS.get_or_init(|| {
        let shift = std::env::var(SHIFT).ok();
        shift.and_then(|shift| shift.parse().ok()).unwrap_or(0)
    });
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)).plus_ms(shift_ms)
}
