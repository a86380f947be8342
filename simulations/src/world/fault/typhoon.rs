//! A typhoon takes the power from one valley, and it comes back to everybody there at once.
//!
//! ```text
//! houses go dark one after the other ─ no process, no line ─ a third of the time ─ power ─ a storm of reconnects
//! ```

use super::Fault;
use crate::population::Dice;
use crate::world::link::Way;
use crate::world::{Event, World};

impl World {
    pub(super) fn plan_typhoons(&mut self, span: u64) {
        for number in 0..self.options.faults.typhoons {
            let mut dice = self.dice.fork("typhoon", number as u64);
            let Some(valley) = self.valley(&mut dice) else { return };
            let (begins, spread) = (span / 4 + dice.below(span / 4), span / 50);
            // Whoever goes dark last is without power for a third of the time too.
            let ends = begins + spread + span / 3;
            let there = self.atlas.iter().enumerate().filter(|(_, it)| it.district == valley);
            let there: Vec<usize> = there.map(|(place, _)| place).collect();
            for place in there {
                let at = begins + dice.below(spread);
                self.after(at, Event::Fault(Fault::PowerLost { place }));
                self.after(ends, Event::Fault(Fault::PowerBack { place }));
            }
        }
    }

    /// A district in which somebody reads: not the city's, where there is another.
    fn valley(&self, dice: &mut Dice) -> Option<usize> {
        let readers = self.atlas.iter().filter(|it| !it.discloses);
        let mut districts: Vec<usize> = readers.map(|it| it.district).collect();
        districts.sort_unstable();
        districts.dedup();
        if districts.len() > 1 {
            districts.retain(|district| *district != CITY);
        }
        (!districts.is_empty()).then(|| *dice.pick(&districts))
    }

    /// Tablets have batteries and are charged in cars, but the masts around them are dark too.
    pub(super) fn power_lost(&mut self, place: usize) {
        if self.atlas[place].tablet_of.is_none() {
            self.kill(place);
            self.facilities[place].has_power = false;
        }
        Way::BOTH.into_iter().for_each(|way| self.cut(place, way));
        self.links[place].has_power = false;
    }

    pub(super) fn power_is_back(&mut self, place: usize) {
        self.facilities[place].has_power = true;
        self.links[place].has_power = true;
        self.restore(place);
        self.fault(Fault::StartFacility { place });
    }
}

/// The district of the city.
const CITY: usize = 0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{Faults, Options, atlas};

    #[test]
    fn whoever_lives_in_the_valley_has_no_power_and_tablets_run_on() {
        // So many that some are mended while it is dark.
        let faults = Faults { typhoons: 1, kills: 40, cuts: 40, lasting: 80, ..Faults::default() };
        let options = |seed| Options {
            seed,
            clinics: 4,
            visiting_nurses: 2,
            tablets: 4,
            associations: 2,
            probe_seconds: 30,
            faults: faults.clone(),
            ..Options::default()
        };
        let has_tablets = |options: &Options| {
            atlas::draw(options).iter().any(|it| it.district != CITY && it.tablet_of.is_some())
        };
        let options = (1..).map(options).find(has_tablets).expect("stations are in valleys too");
        let mut world = World::new(options);
        assert_eq!(world.run(), []);
        let atlas = world.atlas();
        let valley = |place: usize| atlas[place].district != CITY;
        let is_tablet = |place: usize| atlas[place].tablet_of.is_some();
        assert!((0..atlas.len()).any(|place| valley(place) && !is_tablet(place)));
        // By then it is dark everywhere, and it is not yet over.
        let dark = 600 / 2 + 600 / 50..600 / 4 + 600 / 3;
        let samples = world.watch().samples.iter();
        let there = samples.filter(|it| dark.contains(&it.at) && valley(it.place));
        for it in there.clone() {
            assert!(!it.is_online && (!it.is_up || is_tablet(it.place)), "{it:?}");
        }
        assert!(there.clone().any(|it| it.is_up), "tablets run on, unless they are killed");
    }
}
