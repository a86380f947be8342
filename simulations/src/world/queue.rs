//! What is still to come, the next thing first; of two things at one moment the one that was said first.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use azalea_core::id::Timestamp;

use super::event::Event;

/// A heap, not a map: what is next is asked for ten million times, what stands in the middle twice in a run.
#[derive(Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<Entry>>,
    next: u64,
}

struct Entry {
    at: Timestamp,
    number: u64,
    event: Event,
}

impl Queue {
    pub(super) fn push(&mut self, at: Timestamp, event: Event) {
        self.next += 1;
        self.heap.push(Reverse(Entry { at, number: self.next, event }));
    }

    /// The next thing up to a moment, and when it comes.
    pub(super) fn pop(&mut self, end: Timestamp) -> Option<(Timestamp, Event)> {
        if self.heap.peek()?.0.at > end {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| (entry.at, entry.event))
    }

    pub(super) fn clear(&mut self) {
        self.heap.clear();
    }

    /// Takes out what is so, in its order.
    pub(super) fn take(&mut self, is_so: impl Fn(Timestamp, &Event) -> bool) -> Vec<Event> {
        self.take_from(is_so, |_| true)
    }

    /// Takes out what is so, in its order, from the first on with which it `begins`; what comes before that stays.
    pub(super) fn take_from(
        &mut self,
        is_so: impl Fn(Timestamp, &Event) -> bool,
        begins: impl Fn(&Event) -> bool,
    ) -> Vec<Event> {
        let all = std::mem::take(&mut self.heap).into_vec();
        let (mut taken, kept): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|Reverse(entry)| is_so(entry.at, &entry.event));
        self.heap = kept.into();
        taken.sort_unstable_by(|one, other| other.cmp(one));
        let first = taken.iter().position(|Reverse(entry)| begins(&entry.event));
        self.heap.extend(taken.drain(..first.unwrap_or(taken.len())));
        taken.into_iter().map(|Reverse(entry)| entry.event).collect()
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_come_in_the_order_of_their_time_and_then_of_their_saying() {
        let mut queue = Queue::default();
        let said = [(5, 1), (3, 2), (5, 3), (3, 4), (9, 5)];
        said.into_iter().for_each(|(at, number)| queue.push(Timestamp(at), Event::Job(number)));
        let number = |event: Event| match event {
            Event::Job(number) => number,
            _ => unreachable!("only jobs were said"),
        };
        let taken = queue.take(|at, _| at == Timestamp(3));
        assert_eq!(taken.into_iter().map(number).collect::<Vec<_>>(), [2, 4]);
        let from = queue.take_from(|_, _| true, |event| matches!(event, Event::Job(3)));
        assert_eq!(
            from.into_iter().map(number).collect::<Vec<_>>(),
            [3, 5],
            "what comes before stays"
        );
        queue.push(Timestamp(5), Event::Job(3));
        let come = std::iter::from_fn(|| queue.pop(Timestamp(8)));
        assert_eq!(come.map(|(_, event)| number(event)).collect::<Vec<_>>(), [1, 3]);
    }
}
