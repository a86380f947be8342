//! Which chunks of a blob are there: one bit each, so that the progress of 2 GiB takes 16 KiB to keep.

use super::chunk::{Run, Sealed};
use crate::wire::{Reader, WireError, Writer, limits};

/// Chunks in a word.
const WORD: u32 = u64::BITS;

/// A set of chunks of one blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    chunks: u32,
    count: u32,
    words: Vec<u64>,
}

impl Held {
    /// No chunk of `blob`.
    pub fn none(blob: Sealed) -> Self {
        let chunks = blob.chunks();
        Self { chunks, count: 0, words: vec![0; chunks.div_ceil(WORD) as usize] }
    }

    /// Every chunk of `blob`.
    pub fn all(blob: Sealed) -> Self {
        let mut held = Self::none(blob);
        (0..held.chunks).for_each(|chunk| held.insert(chunk));
        held
    }

    /// How many chunks are held.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Whether none is missing.
    pub fn is_all(&self) -> bool {
        self.count == self.chunks
    }

    /// Whether this chunk is held.
    pub fn contains(&self, chunk: u32) -> bool {
        let word = self.words.get((chunk / WORD) as usize);
        word.is_some_and(|word| word >> (chunk % WORD) & 1 == 1)
    }

    /// What is kept so that a fetch goes on where it stopped: `chunks u32 │ u64 words`, the lowest bit first.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.u32(self.chunks);
        self.words.iter().for_each(|word| writer.u64(*word));
        writer.into_bytes()
    }

    /// Reads what was kept of `blob`. Refuses what is another blob's.
    pub fn restore(blob: Sealed, bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        let mut held = Self::none(blob);
        if reader.u32("chunks")? != held.chunks {
            return Err(WireError::Invalid { field: "chunks" });
        }
        for word in &mut held.words {
            *word = reader.u64("chunks held")?;
            held.count += word.count_ones();
        }
        reader.finish()?;
        let beyond = held.chunks % WORD;
        let last = held.words.last().expect("a blob has at least one chunk");
        if beyond != 0 && last >> beyond != 0 {
            return Err(WireError::Invalid { field: "chunks held" });
        }
        Ok(held)
    }

    pub(super) fn insert(&mut self, chunk: u32) {
        debug_assert!(chunk < self.chunks, "chunks come from a run that lies within the blob");
        self.count += u32::from(!self.contains(chunk));
        self.words[(chunk / WORD) as usize] |= 1 << (chunk % WORD);
    }

    pub(super) fn remove(&mut self, chunk: u32) {
        self.count -= u32::from(self.contains(chunk));
        self.words[(chunk / WORD) as usize] &= !(1 << (chunk % WORD));
    }

    /// The first chunks that are in neither set, at most `max` of them and at most a run's worth.
    pub(super) fn first_missing(&self, also: &Held, max: u32) -> Option<Run> {
        let words = self.words.iter().zip(&also.words);
        let (at, free) =
            words.map(|(held, also)| !(held | also)).enumerate().find(|(_, free)| *free != 0)?;
        let first = at as u32 * WORD + free.trailing_zeros();
        let max = max.min(limits::BLOB_RUN.max as u32).min(self.chunks.saturating_sub(first));
        let free = |chunk: &u32| !self.contains(*chunk) && !also.contains(*chunk);
        Run::new(first, (first..first + max).take_while(free).count() as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::BlobId;

    fn blob(chunks: usize) -> Sealed {
        let blob = Sealed::of_content(BlobId([7; 32]), (chunks - 1) * 16_368 + 1);
        assert_eq!(blob.chunks() as usize, chunks, "a number of chunks that padding leaves alone");
        blob
    }

    #[test]
    fn what_is_missing_is_found_in_order_and_in_runs() {
        let mut held = Held::none(blob(20));
        let mut asked = Held::none(blob(20));
        assert_eq!(held.first_missing(&asked, 100), Run::new(0, 20));
        assert_eq!(held.first_missing(&asked, 0), None);
        (0..3).for_each(|chunk| held.insert(chunk));
        asked.insert(3);
        held.insert(6);
        assert_eq!(held.first_missing(&asked, 100), Run::new(4, 2));
        (0..20).for_each(|chunk| asked.insert(chunk));
        assert_eq!(held.first_missing(&asked, 100), None);
        assert!(!held.is_all());
        held.remove(6);
        assert_eq!(held.count(), 3);
    }

    #[test]
    fn what_is_held_is_read_again_and_not_for_another_blob() {
        let mut held = Held::none(blob(20));
        held.insert(0);
        held.insert(19);
        let bytes = held.to_bytes();
        assert_eq!(Held::restore(blob(20), &bytes), Ok(held));
        assert!(Held::restore(blob(18), &bytes).is_err(), "of another blob");
        assert!(Held::restore(blob(20), &bytes[..11]).is_err(), "cut off");
        let mut beyond = bytes.clone();
        beyond[4..12].copy_from_slice(&(1_u64 << 20).to_be_bytes());
        assert!(Held::restore(blob(20), &beyond).is_err(), "a chunk that the blob does not have");
        assert!(Held::all(blob(20)).is_all());
    }
}
