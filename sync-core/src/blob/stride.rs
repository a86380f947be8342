//! How many chunks are asked for at a time: as many as a line brings in a moment, so that a kill or a cut costs little of it.

use crate::wire::limits;

/// A run that came within this time may be longer the next time.
const SHORT_MS: u64 = 500;
/// A run that took longer than this is too long: what is under way when the line is cut is lost, and whoever waits for another
/// attachment waits for it.
const LONG_MS: u64 = 4_000;

/// The length of the next run.
#[derive(Debug, Clone, Copy)]
pub struct Stride(u32);

impl Default for Stride {
    /// Nothing is known of the line: one chunk.
    fn default() -> Self {
        Self(1)
    }
}

impl Stride {
    /// Chunks to ask for next.
    pub fn chunks(&self) -> u32 {
        self.0
    }

    /// Learns from a run of as many chunks that took so long.
    pub fn took(&mut self, ms: u64) {
        if ms <= SHORT_MS {
            self.0 = (self.0 * 2).min(limits::BLOB_RUN.max as u32);
        } else if ms > LONG_MS {
            self.0 = (self.0 / 2).max(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_line_gets_whole_runs_and_a_slow_one_single_chunks() {
        let mut stride = Stride::default();
        (0..10).for_each(|_| stride.took(20));
        assert_eq!(stride.chunks() as usize, limits::BLOB_RUN.max);
        stride.took(2_000);
        assert_eq!(stride.chunks() as usize, limits::BLOB_RUN.max, "a pace that is right stays");
        (0..10).for_each(|_| stride.took(5_000));
        assert_eq!(stride.chunks(), 1);
    }
}
