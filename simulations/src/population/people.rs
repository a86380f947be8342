//! Households and who lives in them: families share a name and a house, and most of the people whom
//! hospitals know are old.

use std::collections::VecDeque;

use jiff::civil::Date;

use super::dice::Dice;
use super::diseases::{DISEASES, Disease};
use super::hospitals::Department;
use super::names::{self, Name};
use super::places::{self, Town};
use super::{Options, Population};

/// An invented person.
#[derive(Clone, Debug)]
pub struct Person {
    /// The person's number in this population, from 0.
    pub number: u64,
    /// The household's number; members share surname and address.
    pub household: u64,
    /// Surname.
    pub family: Name,
    /// Given name.
    pub given: Name,
    /// Whether a woman.
    pub female: bool,
    /// Date of birth.
    pub birth: Date,
    /// Where the person is a patient: one hospital, or two.
    pub registrations: Vec<Registration>,
    pub(crate) town: Town,
    pub(crate) house: String,
    pub(crate) phone: String,
    pub(crate) insurance: String,
    /// How much of the hospitals' work this person is: one for the heavily ill, a few hundredths for most.
    pub(crate) intensity: f64,
    pub(crate) illnesses: Vec<Illness>,
}

/// A person's number at one hospital.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The hospital's place in [`Population::hospitals`].
    pub hospital: usize,
    /// The patient number of that hospital.
    pub local_id: String,
}

/// A disease that somebody has, and since when.
#[derive(Clone)]
pub(crate) struct Illness {
    pub(crate) disease: &'static Disease,
    pub(crate) onset: Date,
}

impl std::fmt::Debug for Illness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} since {}", self.disease.key, self.onset)
    }
}

impl Illness {
    /// How bad it is on a day: it starts somewhere and grows with the years.
    pub(crate) fn severity(&self, on: Date) -> f64 {
        let years = f64::from(days_between(self.onset, on).max(0)) / 365.25;
        (self.disease.start + self.disease.pace * years).min(1.8)
    }
}

impl Person {
    /// The whole address in one line.
    pub fn address(&self) -> String {
        format!("{}{}{}{}", places::PREFECTURE, self.town.city, self.town.name, self.house)
    }

    pub(crate) fn age(&self, on: Date) -> u32 {
        let had_birthday = (on.month(), on.day()) >= (self.birth.month(), self.birth.day());
        u32::try_from(on.year() - self.birth.year() - i16::from(!had_birthday)).unwrap_or(0)
    }
}

pub(crate) fn days_between(from: Date, to: Date) -> i32 {
    from.until(to).expect("days between dates of this era are countable").get_days()
}

/// The stream of people, household by household.
#[derive(Debug)]
pub struct People<'a> {
    population: &'a Population,
    household: u64,
    waiting: VecDeque<Person>,
    number: u64,
}

impl<'a> People<'a> {
    pub(crate) fn new(population: &'a Population) -> Self {
        Self { population, household: 0, waiting: VecDeque::new(), number: 0 }
    }
}

impl Iterator for People<'_> {
    type Item = Person;

    fn next(&mut self) -> Option<Person> {
        if self.number == self.population.options.patients {
            return None;
        }
        while self.waiting.is_empty() {
            self.waiting.extend(household(self.population, self.household));
            self.household += 1;
        }
        let mut person = self.waiting.pop_front()?;
        person.number = self.number;
        for registration in &mut person.registrations {
            registration.local_id =
                self.population.hospitals[registration.hospital].local_id(self.number);
        }
        self.number += 1;
        Some(person)
    }
}

fn household(population: &Population, number: u64) -> Vec<Person> {
    let options = &population.options;
    let mut dice = population.dice.fork("household", number);
    let family = names::surname(&mut dice);
    let town = places::town(&mut dice);
    let house = format!("{}番地{}", dice.between(9001, 9899), dice.between(1, 30));
    let phone = format!("0942-0{}-{:04}", dice.between(1, 9), dice.below(10_000));
    let kind = dice.weighted(HOUSEHOLDS.iter().map(|&(weight, _)| weight));
    let mut members = Vec::new();
    for &(youngest, oldest, sex) in HOUSEHOLDS[kind].1 {
        let age = dice.between(youngest, oldest);
        let female = match sex {
            Sex::Woman => true,
            Sex::Man => false,
            // More women than men grow old alone.
            Sex::Either => dice.chance(if age >= 75 { 0.68 } else { 0.5 }),
        };
        let birth = options
            .until
            .checked_sub(jiff::Span::new().days(age * 365 + age / 4 + dice.between(0, 364)))
            .expect("nobody here is older than the calendar");
        let mut person = Person {
            number: 0,
            household: number,
            family,
            given: names::given(&mut dice, female, birth.year()),
            female,
            birth,
            registrations: Vec::new(),
            town,
            house: house.clone(),
            phone: phone.clone(),
            insurance: insurance(&mut dice, age),
            intensity: intensity(&mut dice, age, options),
            illnesses: Vec::new(),
        };
        person.illnesses = illnesses(&mut dice, age, female, person.intensity, options);
        person.registrations = registrations(&mut dice, &person.illnesses, options.hospitals);
        members.push(person);
    }
    members
}

/// A power law over people: half of them are hardly ever seen, one in ten is the daily work.
fn intensity(dice: &mut Dice, age: i64, options: &Options) -> f64 {
    if options.even {
        return 1.0;
    }
    let scale = match age {
        ..40 => 0.03,
        40..65 => 0.06,
        65..80 => 0.11,
        _ => 0.15,
    };
    (scale / (1.0 - dice.fraction())).min(2.2)
}

fn illnesses(
    dice: &mut Dice,
    age: i64,
    female: bool,
    intensity: f64,
    options: &Options,
) -> Vec<Illness> {
    let band = match age {
        ..40 => 0,
        40..65 => 1,
        65..80 => 2,
        _ => 3,
    };
    let mut found = Vec::new();
    for disease in DISEASES {
        let sex = if female { disease.women } else { disease.men };
        let burden = if intensity > 0.8 { 1.5 } else { 0.9 };
        let rate = f64::from(disease.common[band] * sex) / 10_000.0 * burden;
        let years = dice.between(0, (age / 3).clamp(1, 22));
        let day = dice.between(0, 364);
        if dice.chance(rate.min(0.95)) {
            let onset = options.until.checked_sub(jiff::Span::new().days(years * 365 + day));
            found.push(Illness { disease, onset: onset.expect("within the calendar") });
        }
    }
    found
}

/// One hospital for most; for one in four with illnesses of several departments, a second one that looks
/// after some of them.
fn registrations(dice: &mut Dice, illnesses: &[Illness], hospitals: usize) -> Vec<Registration> {
    let first = dice.below(hospitals as u64) as usize;
    let mut places = vec![first];
    let second =
        (first + 1 + dice.below((hospitals as u64).saturating_sub(1).max(1)) as usize) % hospitals;
    let has_special = illnesses.iter().any(|illness| special(illness.disease.department));
    let has_plain = illnesses.iter().any(|illness| !special(illness.disease.department));
    if hospitals > 1 && has_special && has_plain && dice.chance(0.4) {
        places.push(second);
    }
    places.into_iter().map(|hospital| Registration { hospital, local_id: String::new() }).collect()
}

/// Departments that a second hospital looks after when somebody goes to two.
pub(crate) fn special(department: Department) -> bool {
    matches!(
        department,
        Department::Orthopedics
            | Department::Neurosurgery
            | Department::Cardiology
            | Department::Urology
            | Department::Surgery
    )
}

fn insurance(dice: &mut Dice, age: i64) -> String {
    if age >= 75 {
        // The insurers of the old have eight digits beginning with 39; these end on numbers not in use.
        format!("39409999:{:08}", dice.below(100_000_000))
    } else {
        format!("40999{:03}:{}:{}", dice.below(1000), dice.between(1, 999), dice.between(1, 99_999))
    }
}

#[derive(Clone, Copy)]
enum Sex {
    Woman,
    Man,
    Either,
}

/// Weight of a kind of household and its members' ages and sexes.
type Members = &'static [(i64, i64, Sex)];

#[rustfmt::skip]
const HOUSEHOLDS: &[(u32, Members)] = &[
    (30, &[(72, 97, Sex::Either)]),
    (36, &[(68, 90, Sex::Man), (65, 88, Sex::Woman)]),
    (8, &[(70, 86, Sex::Man), (68, 84, Sex::Woman), (42, 60, Sex::Man), (40, 58, Sex::Woman), (8, 26, Sex::Either)]),
    (12, &[(82, 98, Sex::Woman), (55, 72, Sex::Either)]),
    (9, &[(45, 67, Sex::Man), (43, 65, Sex::Woman)]),
    (5, &[(28, 44, Sex::Man), (27, 42, Sex::Woman), (0, 12, Sex::Either)]),
];
