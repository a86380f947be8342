//! The patients of a region: which hospital knows them, who looks after them, and how much is done for them. All of it is
//! drawn from the seed before anything happens, and follows power laws: few hospitals and clinics have many patients, few
//! patients cause most of the work.
//!
//! ```text
//! hospital ─ by its size          clinic ─ by its panel          pharmacy, nurse ─ in the clinic's district
//!     └── discloses the chart to ──── home clinic, pharmacy, now and then a visiting nurse, seldom another hospital
//! ```

use azalea_core::identity::FacilityKind;

use super::atlas::Place;
use super::options::{Options, Region, YEAR_S};
use crate::population::Dice;

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
            let is_one = move |it: &Place| {
                (it.kind, it.discloses, it.tablet_of) == (kind, discloses, None)
            };
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
            let comes_later = dice.below(100 * YEAR_S) < region.newcomers * long && linked.is_none();
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

/// Facilities by their sizes.
struct Choice {
    of: Vec<usize>,
    sizes: Sums,
}

impl Choice {
    /// The nth largest is a share of one nth, counted from `flat` on; which one that is, is drawn.
    fn draw(dice: &mut Dice, mut of: Vec<usize>, flat: u64) -> Self {
        for at in (1..of.len()).rev() {
            of.swap(at, dice.below(at as u64 + 1) as usize);
        }
        let mut sizes = Sums::default();
        (0..of.len() as u64).for_each(|rank| sizes.add(SHARE / (rank + flat)));
        Self { of, sizes }
    }

    fn one(&self, dice: &mut Dice) -> Option<usize> {
        (!self.of.is_empty()).then(|| self.of[self.sizes.one(dice)])
    }

    /// One that is not this one.
    fn other(&self, dice: &mut Dice, than: usize) -> Option<usize> {
        let others = (self.of.len() > 1).then(|| self.one(dice))?;
        others.map(|one| {
            let at = self.of.iter().position(|it| *it == one).expect("one of them");
            if one == than { self.of[(at + 1) % self.of.len()] } else { one }
        })
    }
}

/// Facilities by district, and by their sizes there.
struct Nearby {
    districts: Vec<Choice>,
    anywhere: Choice,
}

impl Nearby {
    fn draw(dice: &mut Dice, of: Vec<usize>, places: &[Place]) -> Self {
        let districts = places.iter().map(|it| it.district + 1).max().unwrap_or(0);
        let mut there = |district| {
            let here = of.iter().copied().filter(|it| places[*it].district == district);
            Choice::draw(dice, here.collect(), 4)
        };
        let districts = (0..districts).map(&mut there).collect();
        Self { districts, anywhere: Choice::draw(dice, of, 4) }
    }

    fn one(&self, dice: &mut Dice, district: usize) -> Option<usize> {
        self.districts[district].one(dice).or_else(|| self.anywhere.one(dice))
    }
}

/// Running sums of weights, to draw by them.
#[derive(Default)]
struct Sums(Vec<u64>);

impl Sums {
    fn add(&mut self, weight: u64) {
        self.0.push(self.all() + weight);
    }

    fn all(&self) -> u64 {
        self.0.last().copied().unwrap_or(0)
    }

    fn one(&self, dice: &mut Dice) -> usize {
        let drawn = dice.below(self.all());
        self.0.partition_point(|sum| *sum <= drawn)
    }
}

/// The work that a patient causes, in thousandths of the mean: a power law (Lomax, exponent 2) whose upper tenth is half of all.
/// Only a square root is taken, which is the same on every machine.
fn heavy_tail(dice: &mut Dice) -> u64 {
    let rest = 1.0 - dice.fraction();
    (((1.0 / rest.sqrt()) - 1.0) * 1_000.0).min(HEAVIEST) as u64 + 1
}

/// Openings of a patient in a year: n of them with a share of one n²th.
fn rate(dice: &mut Dice, [fewest, most]: [u64; 2]) -> u64 {
    let fewest = fewest.max(1);
    let shares = (fewest..=most.max(fewest)).map(|n| (SHARE / (n * n)) as u32);
    fewest + dice.weighted(shares) as u64
}

const SHARE: u64 = 1 << 20;
/// Nobody causes more than forty times the mean.
const HEAVIEST: f64 = 40_000.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{Quality, atlas};

    fn story(seed: u64) -> (Options, Vec<Place>, Panel) {
        let story = include_str!("../../stories/whole-region.json");
        let options = Options { seed, ..serde_json::from_str(story).expect("a story") };
        let places = atlas::draw(&options);
        let region = options.region.clone().expect("counted by patients");
        let panel = Panel::draw(&options, &region, &places);
        (options, places, panel)
    }

    #[test]
    fn the_whole_region_is_that_of_the_field() {
        let (options, places, panel) = story(1);
        let facilities: Vec<&Place> = places.iter().filter(|it| it.tablet_of.is_none()).collect();
        assert_eq!(facilities.iter().filter(|it| it.discloses).count(), 7);
        assert_eq!(facilities.iter().filter(|it| !it.discloses).count(), 238);
        let of = |kind| facilities.iter().filter(|it| it.kind == kind).count();
        let kinds = [FacilityKind::Hospital, FacilityKind::Clinic];
        assert_eq!(kinds.map(of), [7 + 12, 166]);
        assert_eq!([FacilityKind::Pharmacy, FacilityKind::VisitingNurse].map(of), [48, 12]);
        let tablets: Vec<&Place> = places.iter().filter(|it| it.tablet_of.is_some()).collect();
        assert!(tablets.len() == 24 && tablets.iter().all(|it| it.line == Quality::Mobile));
        assert!(tablets.iter().all(|it| it.kind == FacilityKind::VisitingNurse));
        let admitted = |by| facilities.iter().filter(|it| it.district == by).count();
        let admitted: Vec<usize> = (0..4).map(admitted).collect();
        assert_eq!(admitted.iter().sum::<usize>(), 245);
        assert!(admitted.is_sorted_by(|a, b| a > b) && admitted[3] > 10, "{admitted:?}");
        assert_eq!(panel.people.len(), 14_400);
        assert_eq!(panel.people.iter().filter(|it| it.linked.is_some()).count(), 40);
        let region = options.region.expect("counted by patients");
        assert_eq!(region, Region::default());
        let month = |rate, per| region.in_all(rate, per, options.seconds);
        assert_eq!((month(region.messages, 1), month(region.resources, 1)), (71_013, 272_219));
    }

    #[test]
    fn lines_are_worse_further_out_and_on_the_road() {
        let places: Vec<Place> = (1..11).flat_map(|seed| story(seed).1).collect();
        let fibre = |is_one: &dyn Fn(&&Place) -> bool| {
            let these: Vec<&Place> =
                places.iter().filter(|it| it.tablet_of.is_none()).filter(is_one).collect();
            let fibre = these.iter().filter(|it| it.line == Quality::Fibre);
            100 * fibre.count() / these.len()
        };
        let clinics = |it: &&Place, by| it.kind == FacilityKind::Clinic && it.district == by;
        assert_eq!(fibre(&|it| it.kind == FacilityKind::Hospital), 100);
        let (city, out) = (fibre(&|it| clinics(it, 0)), fibre(&|it| clinics(it, 3)));
        assert!(city > 80 && out < 55, "{city} of a hundred in the city, {out} in the valleys");
    }

    /// What the largest of so many hold of all, in hundredths, and what the smallest does.
    fn shares(mut sizes: Vec<u64>, largest: usize) -> (u64, u64) {
        sizes.sort_unstable();
        let all: u64 = sizes.iter().sum();
        let most: u64 = sizes.iter().rev().take(largest).sum();
        (100 * most / all, 1_000 * sizes[0] / all)
    }

    #[test]
    fn sizes_work_and_openings_follow_power_laws() {
        let (_, places, panel) = story(1);
        let mut patients = vec![0; places.len()];
        let mut panels = vec![0; places.len()];
        for person in &panel.people {
            patients[person.hospital] += 1;
            person.readers.iter().for_each(|reader| panels[*reader] += 1);
        }
        let (largest, smallest) = shares(patients[..7].to_vec(), 1);
        assert!((35..43).contains(&largest) && (45..65).contains(&smallest));
        let (tenth, _) = shares(panels[7..7 + 166].to_vec(), 17);
        assert!((29..40).contains(&tenth), "the largest tenth of the clinics has {tenth} %");
        assert!(panels[7..].iter().take(238).all(|panel| *panel > 0), "nobody reads nothing");
        let each = |sums: &Sums| {
            let before = [0].into_iter().chain(sums.0.iter().copied());
            before.zip(&sums.0).map(|(before, sum)| sum - before).collect::<Vec<u64>>()
        };
        let (tenth, _) = shares(each(&panel.messages), 1_440);
        assert!((48..58).contains(&tenth), "the heaviest tenth has {tenth} % of the messages");
        let openings = each(&panel.openings);
        assert!(openings.iter().all(|openings| (1..=9).contains(openings)));
        let with = |n| openings.iter().filter(|openings| **openings == n).count();
        assert!(with(1) > 14_400 / 2 && with(1) > 3 * with(2) && with(9) > 50);
        let mean = panel.openings() * 100 / 14_400;
        assert!((170..200).contains(&mean), "{mean} hundredths a year");
    }

    #[test]
    fn who_looks_after_whom_hangs_on_the_seed_alone() {
        assert!(story(3).2.people == story(3).2.people);
        assert!(story(3).2.people != story(4).2.people);
        let nurses = |it: &&Person| it.readers.iter().any(|place| (221..233).contains(place));
        let nursed = story(3).2.people.iter().filter(nurses).count();
        assert!((1_500..2_000).contains(&nursed), "{nursed} have a visiting nurse");
    }

    #[test]
    fn a_region_of_one_hospital_and_a_pharmacy_has_patients_too() {
        let options =
            Options { hospitals: 1, clinics: 0, pharmacies: 1, links: 3, ..Options::default() };
        let places = atlas::draw(&options);
        let panel = Panel::draw(&options, &Region::default(), &places);
        assert!(panel.people.iter().all(|it| it.readers == [1] && it.linked.is_none()));
    }
}
