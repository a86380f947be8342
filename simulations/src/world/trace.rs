//! What happened, in its order, as one running digest: two runs of a seed are the same where this is.

use azalea_core::id::Timestamp;

/// The running digest, and the last lines in words for whoever looks for a cause.
pub(super) struct Trace {
    hasher: blake3::Hasher,
    /// What is not hashed yet: a hash is quick over much at once, and slow over a few bytes ten million times.
    waiting: Vec<u8>,
    events: u64,
    kinds: Vec<(&'static str, u64)>,
    /// Prints every line as it is written.
    pub(super) aloud: bool,
}

impl Trace {
    pub(super) fn new() -> Self {
        Self {
            hasher: blake3::Hasher::new(),
            waiting: Vec::new(),
            events: 0,
            kinds: Vec::new(),
            aloud: false,
        }
    }

    /// Notes one event: what it was, where, and a number that tells it from its like.
    pub(super) fn note(&mut self, at: Timestamp, what: &'static str, place: usize, number: u64) {
        self.events += 1;
        match self.kinds.iter_mut().find(|(kind, _)| std::ptr::eq(*kind, what)) {
            Some((_, count)) => *count += 1,
            None => self.kinds.push((what, 1)),
        }
        self.waiting.extend_from_slice(&at.0.to_be_bytes());
        self.waiting.extend_from_slice(what.as_bytes());
        self.waiting.extend_from_slice(&(place as u64).to_be_bytes());
        self.waiting.extend_from_slice(&number.to_be_bytes());
        if self.waiting.len() >= HASHED_AT_ONCE {
            self.hasher.update(&self.waiting);
            self.waiting.clear();
        }
        if self.aloud {
            println!("{:>12} {what} {place} {number}", at.0);
        }
    }

    pub(super) fn digest(&self) -> String {
        self.hasher.clone().update(&self.waiting).finalize().to_hex().to_string()
    }

    /// How many there were of each kind.
    pub(super) fn kinds(&self) -> &[(&'static str, u64)] {
        &self.kinds
    }

    pub(super) fn events(&self) -> u64 {
        self.events
    }
}

/// Bytes, some cache lines of them.
const HASHED_AT_ONCE: usize = 16 * 1_024;
