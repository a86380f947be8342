//! How much there is, in a form that does not depend on order and can be changed in one place.

use crate::hash::Context;
use crate::id::{DeviceId, EnvelopeId, ScopeId};
use crate::wire::{Reader, Wire, WireError, Writer};

/// How many envelopes, and a sum over the ends of their chains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Envelopes, over all scopes concerned.
    pub count: u64,
    /// Four lanes of wrapping sums of digests.
    pub sum: [u64; 4],
}

impl Tally {
    /// What a chain counts that reaches `seq` with envelope `id`.
    pub fn of(scope: &ScopeId, author: &DeviceId, seq: u64, id: &EnvelopeId) -> Self {
        Self { count: seq, sum: Self::lanes(scope, author, seq, id) }
    }

    /// Counts a chain's part.
    pub fn add(&mut self, part: &Self) {
        self.count = self.count.wrapping_add(part.count);
        for (lane, value) in self.sum.iter_mut().zip(part.sum) {
            *lane = lane.wrapping_add(value);
        }
    }

    /// Takes back what [`Tally::add`] counted.
    pub fn remove(&mut self, part: &Self) {
        self.count = self.count.wrapping_sub(part.count);
        for (lane, value) in self.sum.iter_mut().zip(part.sum) {
            *lane = lane.wrapping_sub(value);
        }
    }

    fn lanes(scope: &ScopeId, author: &DeviceId, seq: u64, id: &EnvelopeId) -> [u64; 4] {
        let mut hasher = TALLY.hasher();
        hasher.update(scope.as_bytes());
        hasher.update(author.as_bytes());
        hasher.update(&seq.to_be_bytes());
        hasher.update(id.as_bytes());
        let digest = hasher.finalize();
        let mut lanes = [0; 4];
        for (lane, chunk) in lanes.iter_mut().zip(digest.as_bytes().chunks_exact(8)) {
            *lane = u64::from_be_bytes(chunk.try_into().expect("chunks of eight bytes"));
        }
        lanes
    }
}

impl Wire for Tally {
    fn write(&self, writer: &mut Writer) {
        writer.u64(self.count);
        self.sum.iter().for_each(|lane| writer.u64(*lane));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut tally = Self { count: reader.u64("count")?, sum: [0; 4] };
        for lane in &mut tally.sum {
            *lane = reader.u64("sum")?;
        }
        Ok(tally)
    }
}

static TALLY: Context = Context::new("azalea head tally v1");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_does_not_depend_on_order_and_can_be_taken_back() {
        let entry =
            |n: u8| (ScopeId([n; 16]), DeviceId([n; 16]), u64::from(n), EnvelopeId([n; 32]));
        let mut one = Tally::default();
        let mut other = Tally::default();
        for n in [1, 2, 3] {
            let (scope, author, seq, id) = entry(n);
            one.add(&Tally::of(&scope, &author, seq, &id));
        }
        for n in [3, 4, 1, 2] {
            let (scope, author, seq, id) = entry(n);
            other.add(&Tally::of(&scope, &author, seq, &id));
        }
        assert_ne!(one, other);
        let (scope, author, seq, id) = entry(4);
        other.remove(&Tally::of(&scope, &author, seq, &id));
        assert_eq!(one, other);
        assert_eq!(one.count, 6);
    }
}
