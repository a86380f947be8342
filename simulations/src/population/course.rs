//! What happens to a person at one hospital: visits, stays, injections, and the values measured there.

use jiff::civil::{Date, Weekday};

use super::dice::Dice;
use super::diseases::{Episode, PLAIN_EPISODES};
use super::drugs::{Drug, Usage};
use super::hospitals::Department;
use super::labs::{self, Lab, Panel};
use super::people::{Illness, Person, special};
use super::{Options, Population};

/// One thing that happened.
pub(crate) struct Event {
    pub(crate) date: Date,
    pub(crate) kind: Kind,
}

pub(crate) enum Kind {
    /// An appointment in a department, with the days until the next one.
    Visit { department: Department, supply_days: u32 },
    /// A stay of so many days.
    Stay { episode: &'static Episode, days: i64, severity: f64 },
    /// A vaccination: CVX code and name.
    Vaccination { code: &'static str, name: &'static str },
}

/// Everything about one person at one hospital that the chart is written from.
pub(crate) struct Course<'a> {
    pub(crate) person: &'a Person,
    pub(crate) illnesses: Vec<Illness>,
    pub(crate) events: Vec<Event>,
    /// How this body differs from the average, item by item.
    habit: Dice,
}

impl<'a> Course<'a> {
    pub(crate) fn new(population: &Population, person: &'a Person, place: usize) -> Self {
        let options = &population.options;
        let mut dice = population.dice.fork("course", person.number * 8 + place as u64);
        let illnesses = illnesses_of(person, place);
        let events = events(&mut dice, person, &illnesses, options);
        let habit = population.dice.fork("habit", person.number);
        Self { person, illnesses, events, habit }
    }

    /// Illnesses known on a day.
    pub(crate) fn known(&self, on: Date) -> impl Iterator<Item = &Illness> {
        self.illnesses.iter().filter(move |illness| illness.onset <= on)
    }

    /// What the laboratory finds on a day, with what an acute illness adds (`acute` is its shifts and
    /// how much of them is left).
    pub(crate) fn value(
        &self,
        dice: &mut Dice,
        lab: Lab,
        on: Date,
        acute: Option<(&[(Lab, f64)], f64)>,
    ) -> f64 {
        let item = lab.item();
        if lab == Lab::Egfr {
            let creatinine = self.value(dice, Lab::Cre, on, acute);
            return labs::egfr(creatinine, self.person.age(on), self.person.female).max(item.least);
        }
        let mut habit = self.habit.fork("item", lab as u64);
        let mut value = item.rest + item.spread * habit.deviation();
        value += sex_and_age(lab, self.person.female, self.person.age(on));
        for illness in self.known(on) {
            let severity = illness.severity(on);
            value += shift(illness.disease.shifts, lab) * severity;
        }
        if let Some((shifts, left)) = acute {
            value += shift(shifts, lab) * left;
        }
        (value + item.spread * 0.6 * dice.deviation()).max(item.least)
    }

    pub(crate) fn panels(&self, on: Date, department: Department) -> Vec<&'static Panel> {
        let mut panels: Vec<&'static Panel> = Vec::new();
        for illness in self.known(on).filter(|illness| together(illness, department)) {
            for &panel in illness.disease.panels {
                if !panels.iter().any(|known| known.code == panel.code) {
                    panels.push(panel);
                }
            }
        }
        panels
    }

    pub(crate) fn drugs(&self, on: Date, department: Department) -> Vec<&'static Drug> {
        let mut drugs: Vec<&'static Drug> = Vec::new();
        for illness in self.known(on).filter(|illness| together(illness, department)) {
            let severity = illness.severity(on);
            let given = match severity {
                severity if severity < 0.5 => illness.disease.first,
                severity if severity < 1.0 => illness.disease.second,
                _ => illness.disease.third,
            };
            for &drug in given {
                if !drugs.iter().any(|known| known.name == drug.name) {
                    drugs.push(drug);
                }
            }
        }
        drugs
    }
}

/// Internal medicine looks after everything that is not surgical; the other departments after their own.
fn together(illness: &Illness, department: Department) -> bool {
    let own = illness.disease.department;
    own == department || (department == Department::Medicine && !special(own))
}

fn shift(shifts: &[(Lab, f64)], lab: Lab) -> f64 {
    shifts.iter().filter(|(shifted, _)| *shifted == lab).map(|(_, amount)| amount).sum()
}

fn sex_and_age(lab: Lab, female: bool, age: u32) -> f64 {
    let sex = match (lab, female) {
        (Lab::Hb, false) => 0.9,
        (Lab::Hb, true) => -0.6,
        (Lab::Ht, false) => 2.8,
        (Lab::Ht, true) => -1.8,
        (Lab::Rbc, false) => 28.0,
        (Lab::Rbc, true) => -18.0,
        (Lab::Cre, false) => 0.13,
        (Lab::Cre, true) => -0.11,
        (Lab::Ua, false) => 0.7,
        (Lab::Ua, true) => -0.6,
        _ => 0.0,
    };
    let old = f64::from(age.saturating_sub(70).min(25)) / 10.0;
    let age = match lab {
        Lab::Hb => -0.35 * old,
        Lab::Ht => -old,
        Lab::Rbc => -12.0 * old,
        Lab::Alb => -0.1 * old,
        Lab::Cre => 0.04 * old,
        Lab::Bnp => 12.0 * old,
        _ => 0.0,
    };
    sex + age
}

/// A second hospital takes the illnesses of the surgical departments and the heart.
fn illnesses_of(person: &Person, place: usize) -> Vec<Illness> {
    let both = person.registrations.len() > 1;
    person
        .illnesses
        .iter()
        .filter(|illness| !both || special(illness.disease.department) == (place == 1))
        .cloned()
        .collect()
}

fn events(
    dice: &mut Dice,
    person: &Person,
    illnesses: &[Illness],
    options: &Options,
) -> Vec<Event> {
    let from = options.since();
    let mut events = Vec::new();
    let mut stays = stays(dice, person, illnesses, options);
    let work = f64::from(options.per_year) * person.intensity / person.registrations.len() as f64;
    let in_stays: f64 =
        stays.iter().map(|event| stay_work(&event.kind)).sum::<f64>() / f64::from(options.years);
    for (department, share) in departments(illnesses, person.age(options.until)) {
        let visit = visit_work(illnesses, department);
        let a_year = ((work - in_stays).max(work * 0.3) * share / visit).clamp(0.4, 52.0);
        let gap = (365.0 / a_year) as i64;
        let supply_days = supply(gap);
        let mut date = from.saturating_add(jiff::Span::new().days(dice.between(0, gap.min(364))));
        while date < options.until {
            let day = working_day(date);
            if day < options.until && !stays.iter().any(|stay| covers(stay, day)) {
                events.push(Event { date: day, kind: Kind::Visit { department, supply_days } });
            }
            let wobble = (gap / 6).clamp(0, 14);
            let step = gap.max(5) + dice.between(-wobble, wobble);
            date = date.saturating_add(jiff::Span::new().days(step.max(1)));
        }
    }
    vaccinations(dice, person, options, &mut events);
    events.append(&mut stays);
    // Somebody who is registered has been there at least once.
    if events.is_empty() {
        let department = if person.age(options.until) < 15 {
            Department::Pediatrics
        } else {
            Department::Medicine
        };
        let date = working_day(from.saturating_add(jiff::Span::new().days(dice.between(0, 300))));
        events.push(Event { date, kind: Kind::Visit { department, supply_days: 7 } });
    }
    events.sort_by_key(|event| event.date);
    events
}

fn departments(illnesses: &[Illness], age: u32) -> Vec<(Department, f64)> {
    let mut counts: Vec<(Department, f64)> = Vec::new();
    for illness in illnesses {
        let own = illness.disease.department;
        let department = if special(own) { own } else { Department::Medicine };
        match counts.iter_mut().find(|(known, _)| *known == department) {
            Some((_, count)) => *count += 1.0,
            None => counts.push((department, 1.0)),
        }
    }
    if counts.is_empty() {
        let department = if age < 15 { Department::Pediatrics } else { Department::Medicine };
        counts.push((department, 1.0));
    }
    let total: f64 = counts.iter().map(|(_, count)| count).sum();
    counts.into_iter().map(|(department, count)| (department, count / total)).collect()
}

/// How many resources a visit writes, about.
fn visit_work(illnesses: &[Illness], department: Department) -> f64 {
    let mut codes: Vec<&str> = Vec::new();
    let mut work = 4.2;
    for illness in illnesses.iter().filter(|illness| together(illness, department)) {
        work += illness.disease.second.len() as f64;
        for panel in illness.disease.panels {
            if !codes.contains(&panel.code) {
                codes.push(panel.code);
                work += 1.0 + panel.labs.len() as f64;
            }
        }
    }
    work
}

fn stay_work(kind: &Kind) -> f64 {
    let Kind::Stay { episode, days, .. } = kind else { return 0.0 };
    let labs: usize = episode.panels.iter().map(|panel| panel.labs.len() + 1).sum();
    8.0 + *days as f64 * 3.0
        + (*days as f64 / 4.0 + 1.0) * labs as f64
        + episode.drugs.len() as f64 * 2.0
}

fn stays(dice: &mut Dice, person: &Person, illnesses: &[Illness], options: &Options) -> Vec<Event> {
    let mut stays: Vec<Event> = Vec::new();
    for year in 0..options.years {
        let start = options.since().saturating_add(jiff::Span::new().days(i64::from(year) * 365));
        for illness in illnesses.iter().filter(|illness| illness.onset <= start) {
            let Some(episode) = illness.disease.crisis else { continue };
            let severity = illness.severity(start);
            let chance = episode.rate * severity * (0.3 + 0.7 * person.intensity.min(1.2));
            let times = chance.floor() as u32 + u32::from(dice.chance(chance.fract()));
            for _ in 0..times {
                add_stay(dice, &mut stays, episode, start, severity, options);
            }
        }
        let plain = 0.02 * person.intensity * f64::from(person.age(start) / 20);
        if person.age(start) >= 60 && dice.chance(plain.min(0.2)) {
            let episode = dice.pick(PLAIN_EPISODES);
            add_stay(dice, &mut stays, episode, start, 0.7, options);
        }
    }
    stays
}

fn add_stay(
    dice: &mut Dice,
    stays: &mut Vec<Event>,
    episode: &'static Episode,
    start: Date,
    severity: f64,
    options: &Options,
) {
    let days = dice.between(episode.days.0, episode.days.1);
    let date = start.saturating_add(jiff::Span::new().days(dice.between(0, 364)));
    let end = date.saturating_add(jiff::Span::new().days(days));
    let stay = Event { date, kind: Kind::Stay { episode, days, severity } };
    let free = !stays
        .iter()
        .any(|known| covers(known, date) || covers(known, end) || covers(&stay, known.date));
    if end < options.until && free {
        stays.push(stay);
    }
}

fn covers(event: &Event, date: Date) -> bool {
    let Kind::Stay { days, .. } = event.kind else { return false };
    date >= event.date && date <= event.date.saturating_add(jiff::Span::new().days(days + 3))
}

fn vaccinations(dice: &mut Dice, person: &Person, options: &Options, events: &mut Vec<Event>) {
    let habit = dice.chance(0.25 + 0.3 * person.intensity.min(1.0));
    for year in options.since().year()..=options.until.year() {
        let date = Date::constant(year, 11, 1 + dice.below(25) as i8);
        let inside = date >= options.since() && date < options.until && date > person.birth;
        if habit && inside {
            let kind =
                Kind::Vaccination { code: "88", name: "インフルエンザＨＡワクチン" };
            events.push(Event { date: working_day(date), kind });
        }
        let sixty_five = person.birth.year() + 65 == year;
        if inside && sixty_five && dice.chance(0.5) {
            let kind =
                Kind::Vaccination { code: "33", name: "肺炎球菌ワクチン（２３価）" };
            events.push(Event { date: working_day(date), kind });
        }
    }
}

fn working_day(date: Date) -> Date {
    match date.weekday() {
        Weekday::Sunday => date.saturating_add(jiff::Span::new().days(1)),
        Weekday::Saturday => date.saturating_sub(jiff::Span::new().days(1)),
        _ => date,
    }
}

fn supply(gap: i64) -> u32 {
    match gap {
        ..18 => 14,
        18..44 => 28,
        44..72 => 56,
        _ => 84,
    }
}

/// How many tablets a prescription needs in all.
pub(crate) fn amount(drug: &Drug, days: u32) -> u32 {
    if drug.usage.as_needed() {
        return 10;
    }
    let a_day = if drug.usage == Usage::OncePasted { 1 } else { drug.usage.times_a_day() };
    a_day * drug.dose * days
}
