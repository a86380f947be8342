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
        let wait = at.0.saturating_sub(self.shows(now).0);
        let pace = i128::from(1_000_000 + self.drift_ppm);
        let wait = i128::from(wait) * 1_000_000 / pace;
        let mut when = now.plus_ms(u64::try_from(wait).unwrap_or(0));
        while self.shows(when) < at {
            when = when.plus_ms(1);
        }
        when
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
        for drift in [-500, -5, 0, 5, 500] {
            let clock = Clock::new(began, -5_000, drift);
            let at = clock.shows(later).plus_ms(14_400_000);
            let when = clock.when(at, later);
            assert!(clock.shows(when) >= at && clock.shows(Timestamp(when.0 - 2)) < at, "{drift}");
        }
        clock.jump(-60_000);
        assert_eq!(clock.shows(later).0, later.0 - 64_000);
        clock.correct();
        assert_eq!(clock.shows(later), later);
    }
}
