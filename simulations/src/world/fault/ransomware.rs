//! Ransomware at a hospital: all of its devices lose their stores at once, and are set up anew only after a while.
//!
//! ```text
//! the line is pulled ─ people write on ─ stores lost ─ a seventh of the time ─ set up with its keys ─ rebuilt from the relay ─ what is missing?
//! ```
//!
//! What people wrote after the line was pulled lay on these disks alone. It is lost; once the hospital has rebuilt its
//! stores and knows what the relay had of it all the same, its people and systems do the rest again. Whatever else is missing
//! stays known as saved, so that the checkers find it.

use super::Fault;
use crate::world::{Event, Mutation, World};

impl World {
    pub(super) fn plan_ransomware(&mut self, span: u64) {
        for number in 0..self.options.faults.ransomware {
            let mut dice = self.dice.fork("ransomware", number as u64);
            let hospital = dice.below(self.options.hospitals as u64) as usize;
            let at = span / 4 + dice.below(span / 2);
            for place in self.devices_of(hospital) {
                self.after(at, Event::Fault(Fault::Cut { place }));
            }
            self.after(at + span / 100, Event::Fault(Fault::Ransomware { hospital }));
        }
    }

    /// All places of the facility whose first device is at this one.
    fn devices_of(&self, first: usize) -> Vec<usize> {
        let is_its = |place: &usize| self.atlas[*place].tablet_of.is_none_or(|of| of == first);
        let of = |place: &usize| *place == first || self.atlas[*place].tablet_of.is_some();
        (0..self.atlas.len()).filter(of).filter(is_its).collect()
    }

    /// A hospital that would not get its stores back for another reason is spared, and plugs its line in again.
    pub(super) fn ransom(&mut self, hospital: usize) {
        let places = self.devices_of(hospital);
        // Of a relay that forgets what it took, nothing comes back.
        let forgets = self.mutation == Some(Mutation::RelayTakesBeforeStoring);
        let comes_back = |place: &usize| {
            self.gets_back_what_was_sent(*place) && !self.truth.called.contains(place)
        };
        if forgets || !places.iter().all(comes_back) {
            return places.into_iter().for_each(|place| self.restore(place));
        }
        let down_ms = self.options.seconds * 1_000 / 7;
        for place in places {
            self.kill(place);
            let owed = self.facilities[place].owed();
            self.facilities[place].lose_store();
            // What was opened there was known to that disk alone.
            self.truth.openings.remove(&place);
            self.watch.ransomed += 1;
            let lost = owed.keys().copied().collect();
            self.is_lost(place, owed, lost);
            self.truth.called.insert(place);
            self.after(down_ms, Event::Operator { place });
        }
    }
}
