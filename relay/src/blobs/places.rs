//! The streams that are served at once: so many in all, and of each member so many that the others are served too.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use azalea_core::id::DeviceId;

/// Streams that are served at once; each may hold the tree of one blob, which is 8 MiB for the largest.
const STREAMS_MAX: usize = 64;
/// Streams of one member: a node fetches a few things side by side and brings one.
const STREAMS_EACH: usize = 8;

/// Who has how many.
#[derive(Clone, Default)]
pub(super) struct Places(Arc<Mutex<BTreeMap<DeviceId, usize>>>);

impl Places {
    /// A place until it is dropped; `None` where all are taken, or all that this member may have.
    pub(super) fn take(&self, device: DeviceId) -> Option<Place> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, own) = (taken.values().sum::<usize>(), taken.get(&device).copied().unwrap_or(0));
        if all >= STREAMS_MAX || own >= STREAMS_EACH {
            return None;
        }
        taken.insert(device, own + 1);
        Some(Place { of: self.clone(), device })
    }
}

/// The place of one stream.
pub(super) struct Place {
    of: Places,
    device: DeviceId,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.of.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.device) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.device);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_has_no_more_than_its_own_and_all_have_no_more_than_there_are() {
        let places = Places::default();
        let device = |number: u8| DeviceId([number; 16]);
        let take = |number| places.take(device(number));
        let mut held: Vec<Place> = (0..STREAMS_EACH).filter_map(|_| take(0)).collect();
        assert_eq!(held.len(), STREAMS_EACH);
        assert!(take(0).is_none(), "it has all of its own");
        for number in 1..=8 {
            held.extend((0..STREAMS_EACH).filter_map(|_| take(number)));
        }
        assert_eq!(held.len(), STREAMS_MAX, "the others have theirs");
        assert!(take(9).is_none(), "there are no more");
        held.remove(0);
        let again = take(9);
        assert!(again.is_some(), "one was given back");
        drop((held, again));
        assert!(places.0.lock().expect("nobody stopped").is_empty());
    }
}
