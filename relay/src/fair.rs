//! Who is served next: each holder's queue gets its turn, measured in bytes (deficit round robin).
//!
//! A hospital that sends its first hundred thousand envelopes waits behind itself; a nurse's one note waits
//! for at most one turn of everybody else.

use std::collections::{BTreeMap, VecDeque};

/// Bytes that a holder may send in one turn.
const TURN_BYTES: usize = 256 << 10;

/// Queues of items with a size, one for each holder.
#[derive(Debug)]
pub struct FairQueue<K, T> {
    queues: BTreeMap<K, Queue<T>>,
    turns: VecDeque<K>,
}

#[derive(Debug)]
struct Queue<T> {
    items: VecDeque<(usize, T)>,
    bytes: usize,
    credit: usize,
}

impl<K: Ord + Clone, T> Default for FairQueue<K, T> {
    fn default() -> Self {
        Self { queues: BTreeMap::new(), turns: VecDeque::new() }
    }
}

impl<K: Ord + Clone, T> FairQueue<K, T> {
    /// Appends an item to its holder's queue.
    pub fn push(&mut self, holder: K, bytes: usize, item: T) {
        let queue = self.queues.entry(holder.clone()).or_insert_with(|| {
            self.turns.push_back(holder);
            Queue { items: VecDeque::new(), bytes: 0, credit: 0 }
        });
        queue.bytes += bytes;
        queue.items.push_back((bytes, item));
    }

    /// The next item of whoever's turn it is.
    pub fn pop(&mut self) -> Option<T> {
        loop {
            let holder = self.turns.front()?;
            let queue = self.queues.get_mut(holder).expect("every turn has its queue");
            let (bytes, _) = queue.items.front().expect("an empty queue is removed");
            if *bytes > queue.credit {
                queue.credit += TURN_BYTES;
                self.turns.rotate_left(1);
                continue;
            }
            let (bytes, item) = queue.items.pop_front().expect("there is a front");
            queue.credit -= bytes;
            queue.bytes -= bytes;
            if queue.items.is_empty() {
                // Credit is not saved up: who comes back begins anew.
                let holder = self.turns.pop_front().expect("it was the front");
                self.queues.remove(&holder);
            }
            return Some(item);
        }
    }

    /// Bytes that wait for `holder`.
    pub fn bytes_of(&self, holder: &K) -> usize {
        self.queues.get(holder).map_or(0, |queue| queue.bytes)
    }

    /// How many items wait.
    pub fn len(&self) -> usize {
        self.queues.values().map(|queue| queue.items.len()).sum()
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        self.queues.values().map(|queue| queue.bytes).sum()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_note_does_not_wait_behind_a_hospital() {
        let mut queue = FairQueue::default();
        for n in 0..10_000 {
            queue.push("hospital", 64 << 10, n);
        }
        queue.push("nurse", 1_000, -1);
        let before = std::iter::from_fn(|| queue.pop()).take_while(|item| *item >= 0).count();
        assert!(before <= TURN_BYTES / (64 << 10), "{before}");
    }

    #[test]
    fn each_holder_keeps_its_order_and_nothing_is_lost() {
        let mut queue = FairQueue::default();
        for n in 0..300_usize {
            queue.push(n % 3, n * 10_000, n);
        }
        assert_eq!(queue.bytes_of(&1), (0..100).map(|n| (3 * n + 1) * 10_000).sum::<usize>());
        let popped: Vec<usize> = std::iter::from_fn(|| queue.pop()).collect();
        for holder in 0..3 {
            let own: Vec<_> = popped.iter().copied().filter(|n| n % 3 == holder).collect();
            assert!(own.is_sorted() && own.len() == 100);
        }
        assert!(queue.is_empty() && (queue.len(), queue.bytes()) == (0, 0));
    }
}
