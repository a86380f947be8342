//! A facility's own clock: off by some seconds, running a little fast or slow, set wrong now and then.

use azalea_core::id::Timestamp;

/// What a machine's clock shows while the world's time passes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    began: Timestamp,
    offset_ms: i64,
    drift_ppm: i64,
}

impl Clock {
    pub(super) fn new(began: Timestamp, offset_ms: i64, drift_ppm: i64) -> Self {
        Self { began, offset_ms, drift_ppm }
    }

    /// What it shows at the world's `now`.
    pub(super) fn shows(&self, now: Timestamp) -> Timestamp {
        let passed = i128::from(now.0) - i128::from(self.began.0);
        let drift = passed * i128::from(self.drift_ppm) / 1_000_000;
        let shown = i128::from(now.0) + i128::from(self.offset_ms) + drift;
        Timestamp(u64::try_from(shown.max(0)).unwrap_or(u64::MAX))
    }

    /// The world's time at which it will show `at`; `now` where it does so already.
    pub(super) fn when(&self, at: Timestamp, now: Timestamp) -> Timestamp {
        now.plus_ms(at.0.saturating_sub(self.shows(now).0))
    }

    /// Somebody or something sets it: forwards or back.
    pub(super) fn jump(&mut self, by_ms: i64) {
        self.offset_ms += by_ms;
    }

    /// It is set right.
    pub(super) fn correct(&mut self) {
        (self.offset_ms, self.drift_ppm) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_drifts_jumps_and_is_set_right() {
        let began = Timestamp(1_000_000_000);
        let mut clock = Clock::new(began, -5_000, 100);
        assert_eq!(clock.shows(began), Timestamp(999_995_000));
        let later = began.plus_ms(10_000_000);
        assert_eq!(clock.shows(later).0, later.0 - 5_000 + 1_000);
        assert_eq!(clock.when(clock.shows(later).plus_ms(70), later), later.plus_ms(70));
        clock.jump(-60_000);
        assert_eq!(clock.shows(later).0, later.0 - 64_000);
        clock.correct();
        assert_eq!(clock.shows(later), later);
    }
}
