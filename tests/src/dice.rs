//! Seeded chance, so that a story that depends on luck can be told again.

use std::time::Duration;

/// Dice that fall the same way for the same seed (SplitMix64; nothing here needs to be hard to guess).
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice of `AZALEA_SEED`, or of `seed` where that is not set; says which.
    pub fn new(seed: u64) -> Self {
        let given = std::env::var("AZALEA_SEED").ok().and_then(|text| text.parse().ok());
        let seed = given.unwrap_or(seed);
        println!("seed {seed} (AZALEA_SEED chooses another)");
        Self(seed)
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.any() % end
    }

    /// True once in `of` times.
    pub fn once_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }

    /// A span of time below `max`.
    pub fn span(&mut self, max: Duration) -> Duration {
        Duration::from_millis(self.below(u64::try_from(max.as_millis()).unwrap_or(u64::MAX).max(1)))
    }
}
