//! The map of the region: what kind of facility stands where, in whose district, on which line, and whose tablet is whose.
//!
//! ```text
//! hospitals that disclose │ clinics │ pharmacies │ visiting-nurse stations │ hospitals that only read │ tablets
//! ```
//!
//! is the order of the places. The city's district is the first and the largest; the further out, the worse the lines.

use azalea_core::identity::FacilityKind;

use super::link::Quality;
use super::options::Options;
use crate::population::Dice;

/// A device's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Of its facility.
    pub kind: FacilityKind,
    /// Whether its facility discloses charts.
    pub discloses: bool,
    /// The association that admitted its facility, counted from 0.
    pub district: usize,
    /// Its line.
    pub line: Quality,
    /// The place of its facility's first device, where this is a tablet.
    pub tablet_of: Option<usize>,
}

/// All places, in their order.
pub(super) fn draw(options: &Options) -> Vec<Place> {
    let mut dice = Dice::new(options.seed).fork("atlas", 0);
    let kinds = [
        (FacilityKind::Hospital, true, options.hospitals),
        (FacilityKind::Clinic, false, options.clinics),
        (FacilityKind::Pharmacy, false, options.pharmacies),
        (FacilityKind::VisitingNurse, false, options.visiting_nurses),
        (FacilityKind::Hospital, false, options.reading_hospitals),
    ];
    let mut places = Vec::new();
    for (kind, discloses, many) in kinds {
        for _ in 0..many {
            let district = district(&mut dice, options.associations);
            let line = line(&mut dice, kind, district);
            places.push(Place { kind, discloses, district, line, tablet_of: None });
        }
    }
    for of in owners(options) {
        // A tablet is on the road.
        let (tablet_of, line) = (Some(of), Quality::Mobile);
        places.push(Place { tablet_of, line, ..places[of] });
    }
    if options.region.is_none() {
        for (place, it) in places.iter_mut().enumerate() {
            it.line = match place.checked_sub(options.hospitals) {
                Some(number) if !options.lines.is_empty() => {
                    options.lines[number % options.lines.len()]
                }
                _ => Quality::Fibre,
            };
        }
    }
    places
}

/// Whose the tablets are: the stations' in turn, then one of each clinic's.
fn owners(options: &Options) -> impl Iterator<Item = usize> {
    let first = options.hospitals + options.clinics + options.pharmacies;
    let stations = options.visiting_nurses;
    let theirs = (0..stations * STATION_TABLETS).map(move |number| first + number % stations);
    let clinics = options.hospitals..options.hospitals + options.clinics;
    theirs.chain(clinics).take(options.tablets)
}

/// One of the districts, the first most often.
fn district(dice: &mut Dice, associations: usize) -> usize {
    match associations {
        0 => 0,
        many => dice.weighted((0..many as u32).map(|rank| 60 / (rank + 1))),
    }
}

/// A line as such a facility has it there. Hospitals everywhere have fibre.
fn line(dice: &mut Dice, kind: FacilityKind, district: usize) -> Quality {
    // Fibre, copper and mobile, of a hundred.
    let shares = match (kind, district) {
        (FacilityKind::Hospital, _) => [100, 0, 0],
        // On the main road; and in the next house's spare room.
        (FacilityKind::Pharmacy, _) => [90, 10, 0],
        (FacilityKind::VisitingNurse, 0) => [60, 25, 15],
        (FacilityKind::VisitingNurse, _) => [30, 40, 30],
        (_, 0) => [85, 15, 0],
        (_, 1) => [70, 25, 5],
        _ => [45, 40, 15],
    };
    Quality::ALL[dice.weighted(shares.into_iter())]
}

/// A member that does what it may not is a clinic of the first district.
pub(super) const HOSTILE: Place = Place {
    kind: FacilityKind::Clinic,
    discloses: false,
    district: 0,
    line: Quality::Fibre,
    tablet_of: None,
};
/// Tablets of one station, at the most.
const STATION_TABLETS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tablets_are_the_stations_first_and_then_the_clinics() {
        let options = Options { clinics: 3, visiting_nurses: 2, tablets: 10, ..Options::default() };
        let places = draw(&options);
        let of: Vec<usize> = places.iter().filter_map(|it| it.tablet_of).collect();
        assert_eq!(of, [5, 6, 5, 6, 5, 6, 5, 6, 2, 3]);
        assert_eq!(places[places.len() - 1].kind, FacilityKind::Clinic);
    }

    #[test]
    fn a_region_of_clinics_alone_is_as_it_was() {
        let lines = vec![Quality::Copper, Quality::Mobile];
        let places = draw(&Options { clinics: 3, tablets: 9, lines, ..Options::default() });
        assert_eq!(places.len(), 8, "a clinic has one tablet");
        let lines: Vec<Quality> = places.iter().map(|it| it.line).collect();
        let (copper, mobile) = (Quality::Copper, Quality::Mobile);
        let fibre = Quality::Fibre;
        assert_eq!(lines, [fibre, fibre, copper, mobile, copper, mobile, copper, mobile]);
        assert!(places.iter().all(|it| it.district == 0));
    }
}
