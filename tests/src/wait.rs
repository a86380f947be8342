//! Waiting for what can be seen, never for time to pass.

use std::time::{Duration, Instant};

/// How long anything may take on a busy machine; a story that reaches this has failed.
const PATIENCE: Duration = Duration::from_secs(120);
/// The pause between two looks.
const LOOK: Duration = Duration::from_millis(40);

/// Looks until `seen` gives something, and returns it; panics naming `what` when patience ends.
pub fn until<T>(what: &str, seen: impl FnMut() -> Option<T>) -> T {
    until_within(PATIENCE, what, seen)
}

/// As [`until`], with a patience of its own.
pub fn until_within<T>(patience: Duration, what: &str, mut seen: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + patience;
    loop {
        if let Some(found) = seen() {
            return found;
        }
        assert!(Instant::now() < end, "waited {} s in vain: {what}", patience.as_secs());
        std::thread::sleep(LOOK);
    }
}
