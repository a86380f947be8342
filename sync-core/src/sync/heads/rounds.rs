//! When publishers speak to everybody, and when the relay passes on what they said.
//!
//! Everybody speaks at the same moments, spread over a sixtieth of the interval; the relay waits for twice that and then tells
//! each reader in one message what all of its publishers have said. A reader's line, radio and disk are used once per interval,
//! however many publishers it has.

use crate::id::{DeviceId, Timestamp};

/// The part of an interval over which devices spread what they say.
const SPREAD: u64 = 60;

/// When a device that spoke at `told` speaks next.
pub fn next(told: Timestamp, interval_ms: u64, device: &DeviceId) -> Timestamp {
    let front = device.as_bytes()[..8].try_into().expect("eight of sixteen");
    let offset = u64::from_be_bytes(front) % (interval_ms / SPREAD).max(1);
    after(told, interval_ms, offset)
}

/// When the relay tells everybody next what publishers have said by then.
pub fn passing(last: Timestamp, interval_ms: u64) -> Timestamp {
    after(last, interval_ms, 2 * interval_ms / SPREAD)
}

/// The first moment after `last` that lies `offset` behind a multiple of the interval.
fn after(last: Timestamp, interval_ms: u64, offset: u64) -> Timestamp {
    let interval_ms = interval_ms.max(1);
    let rounds = last.0.saturating_sub(offset) / interval_ms + u64::from(last.0 >= offset);
    Timestamp(rounds.saturating_mul(interval_ms).saturating_add(offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_speaks_within_a_sixtieth_and_the_relay_passes_it_on_after_that() {
        let told = Timestamp(1_800_000_012_345);
        for device in [[0; 16], [7; 16], [0xff; 16]].map(DeviceId) {
            let next = next(told, 60_000, &device);
            assert!(next > told && next.0 - told.0 <= 61_000);
            assert!(next.0 % 60_000 < 1_000, "{next:?}");
            assert_eq!(super::next(next, 60_000, &device).0, next.0 + 60_000);
            assert!(passing(next, 60_000).0 - next.0 <= 2_000);
        }
        assert_eq!(passing(Timestamp(1_800_000_002_000), 60_000), Timestamp(1_800_000_062_000));
        assert_eq!(next(Timestamp(0), 0, &DeviceId([1; 16])), Timestamp(1));
    }
}
