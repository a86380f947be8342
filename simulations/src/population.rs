//! An invented population of a Japanese region and its charts, for the demo, the tests and the benchmarks.
//!
//! Nobody in it exists. The same options give the same bytes: chance comes from our own dice, dates from
//! [`Options::until`], and nothing from the clock or the machine. People are made one household at a
//! time and charts one person at a time, so that a million resources need no more memory than one chart.
//!
//! ```
//! use azalea_simulations::population::{Options, Population};
//!
//! let population = Population::new(Options { patients: 3, ..Options::default() });
//! for chart in population.charts() {
//!     let hospital = &population.hospitals()[chart.hospital];
//!     println!("{} {}: {} resources", hospital.name, chart.local_id, chart.resources.len());
//! }
//! ```

mod chart;
mod course;
mod dice;
mod diseases;
mod drugs;
mod fhir;
mod hospitals;
mod json;
mod labs;
mod names;
mod people;
mod places;
mod result;
mod write;

use jiff::civil::Date;

pub use chart::{Chart, Resource};
pub use hospitals::{HOSPITALS_MAX, Hospital};
pub use names::Name;
pub use people::{People, Person, Registration};
pub use result::{Order, TESTS, Test};

pub(crate) use dice::Dice;
use fhir::Moment;

/// What population to make.
#[derive(Clone, Debug)]
pub struct Options {
    /// The seed; the same seed with the same options gives the same bytes.
    pub seed: u64,
    /// How many people.
    pub patients: u64,
    /// How many years of their charts.
    pub years: u16,
    /// How many hospitals, up to [`HOSPITALS_MAX`].
    pub hospitals: usize,
    /// Resources that a heavily ill person gathers in a year, over all hospitals.
    pub per_year: u32,
    /// Everybody is heavily ill: for measurements that want every chart alike.
    pub even: bool,
    /// The day before which everything happened.
    pub until: Date,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            patients: 100,
            years: 3,
            hospitals: 2,
            per_year: 230,
            even: false,
            until: Date::constant(2026, 11, 1),
        }
    }
}

impl Options {
    pub(crate) fn since(&self) -> Date {
        self.until.saturating_sub(jiff::Span::new().days(i64::from(self.years) * 365))
    }
}

/// A region with its hospitals, ready to tell its people and charts.
#[derive(Debug)]
pub struct Population {
    options: Options,
    dice: Dice,
    hospitals: Vec<Hospital>,
    directories: Vec<Vec<Resource>>,
}

impl Population {
    /// Prepares a population. The number of hospitals is brought between one and [`HOSPITALS_MAX`], that of
    /// years between one and fifty.
    pub fn new(mut options: Options) -> Self {
        options.hospitals = options.hospitals.clamp(1, HOSPITALS_MAX);
        options.years = options.years.clamp(1, 50);
        let dice = Dice::new(options.seed);
        let hospitals: Vec<Hospital> =
            (0..options.hospitals).map(|index| Hospital::new(&dice, index)).collect();
        let opened = Moment::new(options.since(), 8, 0);
        let directories =
            hospitals.iter().map(|each| fhir::directory::directory(each, opened)).collect();
        Self { options, dice, hospitals, directories }
    }

    /// The options, after correction.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The hospitals.
    pub fn hospitals(&self) -> &[Hospital] {
        &self.hospitals
    }

    /// What a hospital's directory holds: itself, departments, doctors, wards.
    pub fn directory(&self, hospital: usize) -> &[Resource] {
        &self.directories[hospital]
    }

    /// A hospital's directory as one transaction Bundle.
    pub fn directory_bundle(&self, hospital: usize) -> String {
        chart::transaction(&self.hospitals[hospital].base(), self.directories[hospital].iter())
    }

    /// A hospital's directory, one resource per line.
    pub fn directory_ndjson(&self, hospital: usize) -> String {
        chart::lines(&self.directories[hospital])
    }

    /// The people, one after the other.
    pub fn people(&self) -> People<'_> {
        People::new(self)
    }

    /// The charts of a person: one for each hospital that knows them.
    pub fn charts_of(&self, person: &Person) -> Vec<Chart> {
        (0..person.registrations.len()).map(|place| write::chart(self, person, place)).collect()
    }

    /// All charts, person by person.
    pub fn charts(&self) -> impl Iterator<Item = Chart> + '_ {
        self.people().flat_map(|person| self.charts_of(&person))
    }
}

impl Hospital {
    /// The address under which this hospital's resources are known; it leads nowhere.
    pub fn base(&self) -> String {
        format!("https://{}.hospital.example/fhir", self.code)
    }
}
