//! What is still to come, the next thing first; of two things at one moment the one that was said first.

use std::collections::BTreeMap;

use azalea_core::id::Timestamp;

use super::event::Event;

/// When something happens, and which of all things that were said it is.
pub(super) type Key = (Timestamp, u64);

/// What is to come, by its time. A map and not a heap: what comes soon is looked at before it is taken.
#[derive(Default)]
pub(super) struct Queue {
    events: BTreeMap<Key, Event>,
    next: u64,
}

impl Queue {
    pub(super) fn push(&mut self, at: Timestamp, event: Event) {
        self.next += 1;
        self.events.insert((at, self.next), event);
    }

    /// The next thing up to a moment, and when it comes.
    pub(super) fn pop(&mut self, end: Timestamp) -> Option<(Timestamp, Event)> {
        let first = self.events.first_entry().filter(|first| first.key().0 <= end)?;
        let ((at, _), event) = first.remove_entry();
        Some((at, event))
    }

    /// What comes, in its order.
    pub(super) fn upcoming(&self) -> impl Iterator<Item = (&Key, &Event)> {
        self.events.iter()
    }

    pub(super) fn get_mut(&mut self, key: &Key) -> Option<&mut Event> {
        self.events.get_mut(key)
    }

    pub(super) fn clear(&mut self) {
        self.events.clear();
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
        let mut has_begun = false;
        let taken = self.events.extract_if(.., |(at, _), event| {
            let is_so = is_so(*at, event);
            has_begun |= is_so && begins(event);
            is_so && has_begun
        });
        taken.map(|(_, event)| event).collect()
    }
}

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
