//! How much one facility may ask for: token buckets, looked at before any signature is.

use std::collections::BTreeMap;

use azalea_core::id::Timestamp;

/// How fast a bucket fills and how much it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Tokens that come back each second.
    pub per_second: u64,
    /// Tokens that a bucket holds at most; what may come at once after a rest.
    pub burst: u64,
}

/// One bucket for each holder; those that are full again are forgotten.
#[derive(Debug)]
pub struct Quota<K> {
    rate: Rate,
    buckets: BTreeMap<K, Bucket>,
}

/// Thousandths of tokens that are missing, as of a time.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    missing_milli: u64,
    at: Timestamp,
}

/// Not now. Usual causes: a first import that sends faster than its share, or a device gone wild.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than the quota allows; again in {retry_after_ms} ms")]
pub struct OverQuota {
    /// When there will be enough.
    pub retry_after_ms: u64,
}

/// How many buckets there may be before full ones are looked for.
const SWEEP_AT: usize = 1_024;

impl<K: Ord + Clone> Quota<K> {
    /// Everybody starts with a full bucket.
    pub fn new(rate: Rate) -> Self {
        Self { rate, buckets: BTreeMap::new() }
    }

    /// Takes `tokens` out of the bucket of `holder`, or nothing where there are not enough.
    pub fn take(&mut self, now: Timestamp, holder: &K, tokens: u64) -> Result<(), OverQuota> {
        let missing_milli = self.missing_milli(now, holder);
        let wanted_milli = missing_milli.saturating_add(tokens.saturating_mul(1_000));
        let over_milli = wanted_milli.saturating_sub(self.rate.burst.saturating_mul(1_000));
        if over_milli > 0 {
            // Thousandths of a token over tokens a second are milliseconds.
            return Err(OverQuota {
                retry_after_ms: over_milli.div_ceil(self.rate.per_second.max(1)),
            });
        }
        self.set(now, holder, wanted_milli);
        Ok(())
    }

    /// Takes up to `tokens`, as a penalty: the bucket may become empty, never less.
    pub fn charge(&mut self, now: Timestamp, holder: &K, tokens: u64) {
        let missing_milli = self.missing_milli(now, holder);
        let wanted_milli = missing_milli.saturating_add(tokens.saturating_mul(1_000));
        self.set(now, holder, wanted_milli.min(self.rate.burst.saturating_mul(1_000)));
    }

    /// The clock was set: what `moved` makes of a moment is as far from now as that was before.
    pub fn shift(&mut self, moved: impl Fn(Timestamp) -> Timestamp) {
        self.buckets.values_mut().for_each(|bucket| bucket.at = moved(bucket.at));
    }

    fn missing_milli(&self, now: Timestamp, holder: &K) -> u64 {
        self.buckets.get(holder).map_or(0, |bucket| {
            let back = now.since_ms(bucket.at).saturating_mul(self.rate.per_second);
            bucket.missing_milli.saturating_sub(back)
        })
    }

    fn set(&mut self, now: Timestamp, holder: &K, missing_milli: u64) {
        if self.buckets.len() >= SWEEP_AT {
            let rate = self.rate;
            self.buckets.retain(|_, bucket| {
                bucket.missing_milli > now.since_ms(bucket.at).saturating_mul(rate.per_second)
            });
        }
        self.buckets.insert(holder.clone(), Bucket { missing_milli, at: now });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_second: 10, burst: 20 };

    #[test]
    fn a_bucket_empties_and_fills_with_time() {
        let mut quota = Quota::new(RATE);
        let at = |ms: u64| Timestamp(1_000_000 + ms);
        assert_eq!(quota.take(at(0), &"a", 20), Ok(()));
        assert_eq!(quota.take(at(0), &"a", 5), Err(OverQuota { retry_after_ms: 500 }));
        assert_eq!(quota.take(at(0), &"b", 5), Ok(()), "others do not notice");
        assert_eq!(quota.take(at(499), &"a", 5), Err(OverQuota { retry_after_ms: 1 }));
        assert_eq!(quota.take(at(500), &"a", 5), Ok(()));
        assert_eq!(quota.take(at(60_000), &"a", 21), Err(OverQuota { retry_after_ms: 100 }));
    }

    #[test]
    fn a_clock_that_goes_back_gives_no_tokens_and_a_penalty_stops_at_empty() {
        let mut quota = Quota::new(RATE);
        quota.charge(Timestamp(5_000), &1, 1_000);
        assert_eq!(quota.take(Timestamp(1_000), &1, 1), Err(OverQuota { retry_after_ms: 100 }));
        assert_eq!(quota.take(Timestamp(5_100), &1, 1), Ok(()));
    }

    #[test]
    fn full_buckets_are_forgotten() {
        let mut quota = Quota::new(RATE);
        for holder in 0..SWEEP_AT {
            quota.take(Timestamp(0), &holder, 1).unwrap();
        }
        quota.take(Timestamp(1_000), &SWEEP_AT, 1).unwrap();
        assert_eq!(quota.buckets.len(), 1);
    }
}
