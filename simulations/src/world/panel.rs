//! The patients of a region: which hospital knows them, who looks after them, and how much is done for them. All of it is
//! drawn from the seed before anything happens, and follows power laws: few hospitals and clinics have many patients, few
//! patients cause most of the work.
//!
//! ```text
//! hospital ─ by its size          clinic ─ by its panel          pharmacy, nurse ─ in the clinic's district
//!     └── discloses the chart to ──── home clinic, pharmacy, now and then a visiting nurse, seldom another hospital
//! ```

mod choice;
#[cfg(test)]
mod tests;

use azalea_core::identity::FacilityKind;

use super::atlas::Place;
use super::options::{Options, Region, YEAR_S};
use crate::population::Dice;
use choice::{Choice, Nearby, Sums, heavy_tail, rate};

/// Everybody.
pub(super) struct Panel {
    pub(super) people: Vec<Person>,
    /// What is done for everybody up to and with each of them: messages by their hospital, and pages opened.
    messages: Sums,
    openings: Sums,
    clinics: Choice,
    others: Choice,
}

/// A patient, with a chart at one hospital.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    /// The place of the hospital, and its number of the patient.
    pub(super) hospital: usize,
    pub(super) number: u32,
    /// The first devices of the facilities that the consent names; those that a referral adds come last.
    pub(super) readers: Vec<usize>,
    /// Consents only in the course of things.
    pub(super) comes_later: bool,
    /// Turns out to be a patient of this hospital too.
    pub(super) linked: Option<usize>,
}

impl Person {
    /// How the hospital calls the patient.
    pub(super) fn local(&self) -> String {
        format!("p{}x{}", self.hospital, self.number)
    }
}

impl Panel {
    pub(super) fn draw(options: &Options, region: &Region, places: &[Place]) -> Self {
        let mut dice = Dice::new(options.seed).fork("panel", 0);
        let of = |kind, discloses| {
            let is_one =
                move |it: &Place| (it.kind, it.discloses, it.tablet_of) == (kind, discloses, None);
            let all = places.iter().enumerate().filter(move |(_, it)| is_one(it));
            all.map(|(place, _)| place).collect::<Vec<usize>>()
        };
        let hospitals = Choice::draw(&mut dice, of(FacilityKind::Hospital, true), 1);
        let clinics = of(FacilityKind::Clinic, false);
        // Panels of clinics differ less than the sizes of hospitals.
        let flat = 1 + clinics.len() as u64 / 16;
        let clinics = Choice::draw(&mut dice, clinics, flat);
        let pharmacies = Nearby::draw(&mut dice, of(FacilityKind::Pharmacy, false), places);
        let nurses = Nearby::draw(&mut dice, of(FacilityKind::VisitingNurse, false), places);
        let mut elsewhere = of(FacilityKind::Hospital, false);
        elsewhere.extend(&hospitals.of);
        let others = Choice::draw(&mut dice, elsewhere, 4);
        let mut numbers = vec![0; places.len()];
        let (mut messages, mut openings) = (Sums::default(), Sums::default());
        let mut people = Vec::new();
        for person in 0..region.patients {
            let hospital = hospitals.one(&mut dice).expect("a region has a hospital");
            let mut readers = Vec::new();
            let clinic = clinics.one(&mut dice);
            readers.extend(clinic);
            let district = places[clinic.unwrap_or(hospital)].district;
            readers.extend(pharmacies.one(&mut dice, district));
            if dice.below(100) < NURSED {
                readers.extend(nurses.one(&mut dice, district));
            }
            if dice.below(100) < ELSEWHERE || readers.is_empty() {
                readers.extend(others.one(&mut dice).filter(|it| *it != hospital));
            }
            let wants_link = person < options.links as u64;
            let linked = wants_link.then(|| hospitals.other(&mut dice, hospital)).flatten();
            // What is linked follows the consent, which has to include its hospital.
            let unnamed = linked.filter(|it| !readers.contains(it));
            readers.extend(unnamed);
            let number = numbers[hospital];
            numbers[hospital] += 1;
            messages.add(heavy_tail(&mut dice));
            openings.add(rate(&mut dice, region.openings));
            // A year's share of them, in the time that there is.
            let long = options.seconds * region.pace;
            let comes_later =
                dice.below(100 * YEAR_S) < region.newcomers * long && linked.is_none();
            people.push(Person { hospital, number, readers, comes_later, linked });
        }
        Self { people, messages, openings, clinics, others }
    }

    /// Somebody for whom a message comes: the more is done for them, the likelier.
    pub(super) fn with_message(&self, dice: &mut Dice) -> usize {
        self.messages.one(dice)
    }

    /// Somebody whose page is opened.
    pub(super) fn with_opening(&self, dice: &mut Dice) -> usize {
        self.openings.one(dice)
    }

    /// Pages opened of everybody in a year.
    pub(super) fn openings(&self) -> u64 {
        self.openings.all()
    }

    /// A facility to which a patient may be referred: mostly a clinic, else a hospital.
    pub(super) fn refer(&self, dice: &mut Dice) -> Option<usize> {
        let clinic = dice.below(4) > 0;
        let (first, second) =
            if clinic { (&self.clinics, &self.others) } else { (&self.others, &self.clinics) };
        first.one(dice).or_else(|| second.one(dice))
    }
}

/// Of a hundred patients, so many have a visiting nurse.
const NURSED: u64 = 12;
/// Of a hundred, so many are known to one more hospital that reads.
const ELSEWHERE: u64 = 8;
