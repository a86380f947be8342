//! One author's envelopes in one scope, each naming the one before: a gap or a fork is seen at once.

use crate::id::EnvelopeId;
use crate::wire::{Reader, Wire, WireError, Writer};

use super::Header;

/// Where one author's chain in one scope has got to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Chain {
    tip: Option<Tip>,
}

/// The newest envelope held of a chain without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tip {
    /// Its sequence number.
    pub seq: u64,
    /// Its id.
    pub id: EnvelopeId,
}

/// How an envelope stands to the chain that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// It continues the chain.
    Next,
    /// It lies within the chain; whether it is the same envelope as the one held under its number is for the
    /// store to compare, and a different one is a fork. At the tip itself that is checked here.
    Known,
    /// Earlier envelopes are missing.
    Gap {
        /// The number that should come next.
        expected: u64,
    },
    /// Another envelope has this place, or it follows another one than is held: evidence against its author.
    Fork,
}

impl Chain {
    /// A chain of which nothing is held.
    pub fn new() -> Self {
        Self::default()
    }

    /// A chain that is held without gaps up to `seq`, whose envelope is `id`. `seq` 0 means that nothing is held.
    pub fn at(seq: u64, id: EnvelopeId) -> Self {
        Self { tip: (seq > 0).then_some(Tip { seq, id }) }
    }

    /// The newest envelope held.
    pub fn tip(&self) -> Option<Tip> {
        self.tip
    }

    /// How many envelopes are held: the newest one's number.
    pub fn seq(&self) -> u64 {
        self.tip.map_or(0, |tip| tip.seq)
    }

    /// What the next envelope of this chain must say: its number, and the envelope before it.
    pub fn next(&self) -> (u64, EnvelopeId) {
        self.tip.map_or((1, EnvelopeId::ZERO), |tip| (tip.seq + 1, tip.id))
    }

    /// How an envelope `id` with number `seq`, which names `previous`, stands to this chain.
    pub fn check(&self, seq: u64, previous: &EnvelopeId, id: &EnvelopeId) -> Link {
        let (expected, before) = self.next();
        match seq.cmp(&expected) {
            std::cmp::Ordering::Greater => Link::Gap { expected },
            std::cmp::Ordering::Equal if *previous == before => Link::Next,
            std::cmp::Ordering::Equal => Link::Fork,
            std::cmp::Ordering::Less if seq == self.seq() && *id != before => Link::Fork,
            std::cmp::Ordering::Less => Link::Known,
        }
    }

    /// As [`Chain::check`], and moves the tip forward where the envelope is the next.
    pub fn follow(&mut self, header: &Header) -> Link {
        let id = header.id();
        let link = self.check(header.seq, &header.previous, &id);
        if link == Link::Next {
            self.tip = Some(Tip { seq: header.seq, id });
        }
        link
    }
}

impl Wire for Chain {
    fn write(&self, writer: &mut Writer) {
        let (seq, id) = self.tip.map_or((0, EnvelopeId::ZERO), |tip| (tip.seq, tip.id));
        writer.u64(seq);
        id.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let seq = reader.u64("seq")?;
        Ok(Self::at(seq, EnvelopeId::read(reader)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: EnvelopeId = EnvelopeId([0xa; 32]);
    const B: EnvelopeId = EnvelopeId([0xb; 32]);
    const C: EnvelopeId = EnvelopeId([0xc; 32]);

    fn check(held: (u64, EnvelopeId), envelope: (u64, EnvelopeId, EnvelopeId), expected: Link) {
        let (seq, previous, id) = envelope;
        assert_eq!(Chain::at(held.0, held.1).check(seq, &previous, &id), expected);
    }

    #[test]
    fn an_envelope_continues_repeats_skips_or_contradicts() {
        let nothing = (0, EnvelopeId::ZERO);
        check(nothing, (1, EnvelopeId::ZERO, A), Link::Next);
        check(nothing, (2, A, B), Link::Gap { expected: 1 });
        check((1, A), (2, A, B), Link::Next);
        check((1, A), (2, C, B), Link::Fork);
        check((1, A), (1, EnvelopeId::ZERO, A), Link::Known);
        check((1, A), (1, EnvelopeId::ZERO, B), Link::Fork);
        check((3, C), (2, A, B), Link::Known);
        check((3, C), (5, A, B), Link::Gap { expected: 4 });
    }

    #[test]
    fn a_chain_survives_its_binary_form() {
        for chain in [Chain::new(), Chain::at(7, A)] {
            assert_eq!(Chain::from_bytes(&chain.to_bytes()), Ok(chain));
        }
        assert_eq!(Chain::new().next(), (1, EnvelopeId::ZERO));
        assert_eq!(Chain::at(7, A).next(), (8, A));
    }
}
