//! What is held of a scope: how far each author's chain reaches, and the digest over that.

use crate::hash::Context;
use std::collections::{BTreeMap, BTreeSet};

use crate::id::{DeviceId, EnvelopeId, ScopeId, Timestamp};
use crate::storage::row::{ScopeNumber, VectorRow};
use crate::sync::reconcile::Item;
use crate::wire::{Limit, Reader, Wire, WireError, Writer, limits};

use super::REACHES;

/// The digest of a scope's vector.
pub type Digest = [u8; 32];

/// How far each author's chain in one scope is held, ascending by author.
pub type Vector = Vec<Reach>;

/// How far one author's chain is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// The author.
    pub author: DeviceId,
    /// Held without a gap up to this number.
    pub seq: u64,
    /// The envelope there; zero for none.
    pub id: EnvelopeId,
    /// Numbers that are held beyond a gap, ascending.
    pub ahead: Vec<u64>,
}

/// Envelopes of one chain, by their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// The scope.
    pub scope: ScopeId,
    /// Its number in the store that holds them.
    pub number: ScopeNumber,
    /// The author.
    pub author: DeviceId,
    /// The first number.
    pub from: u64,
    /// The last one.
    pub to: u64,
}

/// What a replica says of one scope to one other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holding {
    /// Both may read it: how far it is held.
    Shared {
        /// Its number in this store.
        number: ScopeNumber,
        /// How far.
        vector: Vector,
    },
    /// Not held, or nothing is known here by which the other may read it: it may send what it has.
    Unknown,
    /// The other is known to have been put out, or we are: nothing of it is wanted from there.
    Closed {
        /// Its number in this store.
        number: ScopeNumber,
    },
}

/// What a session asks of the replica that it works for.
pub trait Holdings {
    /// The scopes of which something is held and that both sides may read, each with its digest.
    fn shared(&self, with: &DeviceId, now: Timestamp) -> Vec<Item>;
    /// What may be said of one scope.
    fn holding(&self, with: &DeviceId, scope: &ScopeId, now: Timestamp) -> Holding;
}

/// The digest of a scope's vector. Two scopes with one digest hold the same, down to the envelopes' ids.
pub fn digest(vectors: &BTreeMap<DeviceId, VectorRow>) -> Digest {
    let mut hasher = VECTOR.hasher();
    for (author, row) in vectors {
        hasher.update(author.as_bytes());
        hasher.update(&row.seq.to_be_bytes());
        hasher.update(row.id.as_bytes());
        hasher.update(&(row.ahead.len() as u64).to_be_bytes());
        for ahead in &row.ahead {
            hasher.update(&ahead.seq.to_be_bytes());
            hasher.update(ahead.id.as_bytes());
        }
    }
    *hasher.finalize().as_bytes()
}

/// A vector from its rows.
pub(crate) fn vector(vectors: &BTreeMap<DeviceId, VectorRow>) -> Vector {
    let reach = |(author, row): (&DeviceId, &VectorRow)| Reach {
        author: *author,
        seq: row.seq,
        id: row.id,
        ahead: row.ahead.iter().map(|ahead| ahead.seq).collect(),
    };
    vectors.iter().map(reach).collect()
}

/// All that is held of scopes, as for somebody who may hold nothing of them.
pub fn whole(holdings: &[(ScopeId, Holding)]) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    for (scope, holding) in holdings {
        if let Holding::Shared { number, vector } = holding {
            stretches.extend(lacking(*scope, *number, vector, &[]));
        }
    }
    stretches
}

/// What `ours` has and `theirs` lacks. Where both reach one number by different envelopes, the last one is the evidence.
pub fn lacking(
    scope: ScopeId,
    number: ScopeNumber,
    ours: &[Reach],
    theirs: &[Reach],
) -> Vec<Stretch> {
    let theirs: BTreeMap<&DeviceId, &Reach> =
        theirs.iter().map(|reach| (&reach.author, reach)).collect();
    let mut stretches: Vec<Stretch> = Vec::new();
    for reach in ours {
        let author = reach.author;
        let held = theirs.get(&author);
        let seq = held.map_or(0, |held| held.seq);
        let ahead: BTreeSet<u64> =
            held.into_iter().flat_map(|held| held.ahead.iter().copied()).collect();
        let forked = held.is_some_and(|held| held.seq == reach.seq && held.id != reach.id);
        let mut add = |from: u64, to: u64| {
            if from <= to {
                stretches.push(Stretch { scope, number, author, from, to });
            }
        };
        if forked && seq > 0 {
            add(seq, seq);
        }
        // Between what they hold beyond their gap lies what they lack.
        let mut next = seq.saturating_add(1);
        for held in ahead.range(next..=reach.seq.max(next)).copied().filter(|at| *at <= reach.seq) {
            add(next, held.saturating_sub(1));
            next = held.saturating_add(1);
        }
        add(next, reach.seq);
        for at in reach.ahead.iter().filter(|at| **at > seq && !ahead.contains(at)) {
            add(*at, *at);
        }
    }
    stretches
}

/// Numbers of one author that are held beyond a gap.
const AHEAD: Limit = limits::AHEAD;

impl Wire for Reach {
    fn write(&self, writer: &mut Writer) {
        self.author.write(writer);
        writer.u64(self.seq);
        self.id.write(writer);
        writer.count(self.ahead.len());
        self.ahead.iter().for_each(|seq| writer.u64(*seq));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let author = DeviceId::read(reader)?;
        let seq = reader.u64("seq")?;
        let id = EnvelopeId::read(reader)?;
        let count = reader.count(AHEAD)?;
        let mut ahead = Vec::new();
        for _ in 0..count {
            let at = reader.u64("ahead")?;
            if at <= ahead.last().copied().unwrap_or(seq) {
                return Err(WireError::Invalid { field: "ahead" });
            }
            ahead.push(at);
        }
        if (seq == 0) != (id == EnvelopeId::ZERO) {
            return Err(WireError::Invalid { field: "reach" });
        }
        Ok(Self { author, seq, id, ahead })
    }
}

/// Reads a vector whose authors ascend.
pub(super) fn read_vector(reader: &mut Reader<'_>) -> Result<Vector, WireError> {
    let vector: Vector = reader.list(REACHES)?;
    match vector.windows(2).all(|two| two[0].author < two[1].author) {
        true => Ok(vector),
        false => Err(WireError::Invalid { field: "vector" }),
    }
}

static VECTOR: Context = Context::new("azalea vector digest v1");

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(author: u8, seq: u64, id: u8, ahead: &[u64]) -> Reach {
        let id = if seq == 0 { EnvelopeId::ZERO } else { EnvelopeId([id; 32]) };
        Reach { author: DeviceId([author; 16]), seq, id, ahead: ahead.to_vec() }
    }

    fn check(ours: &[Reach], theirs: &[Reach], expected: &[(u8, u64, u64)]) {
        let found = lacking(ScopeId([1; 16]), 7, ours, theirs);
        let found: Vec<_> = found.iter().map(|it| (it.author.0[0], it.from, it.to)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn exactly_what_is_missing_is_found() {
        check(&[reach(1, 5, 1, &[])], &[], &[(1, 1, 5)]);
        check(&[reach(1, 5, 1, &[])], &[reach(1, 3, 9, &[])], &[(1, 4, 5)]);
        check(&[reach(1, 3, 1, &[])], &[reach(1, 5, 9, &[])], &[]);
        check(&[reach(1, 9, 1, &[])], &[reach(1, 3, 9, &[5, 6, 12])], &[(1, 4, 4), (1, 7, 9)]);
        check(&[reach(1, 3, 1, &[7, 8])], &[reach(1, 3, 1, &[8])], &[(1, 7, 7)]);
        check(&[reach(1, 3, 1, &[])], &[reach(1, 3, 1, &[])], &[]);
        check(&[reach(1, 2, 1, &[]), reach(2, 1, 1, &[])], &[reach(1, 2, 1, &[])], &[(2, 1, 1)]);
        check(&[reach(1, 0, 0, &[4])], &[], &[(1, 4, 4)]);
    }

    #[test]
    fn of_a_fork_the_evidence_is_sent() {
        check(&[reach(1, 3, 1, &[])], &[reach(1, 3, 2, &[])], &[(1, 3, 3)]);
    }
}
