//! One piece of each kind of work: who does it for whom, drawn at its moment among those who can.

use azalea_core::id::NoteId;

use super::Work;
use crate::population::Dice;
use crate::world::fault::Fault;
use crate::world::options::Region;
use crate::world::people::Job;
use crate::world::truth::Versions;
use crate::world::{Event, World};

impl World {
    /// Does a piece of work, or has it done before long. How much came of it: nothing where nobody was there to do it.
    pub(super) fn work(&mut self, work: Work, number: usize, dice: &mut Dice) -> u64 {
        let region = self.options.region.clone().expect("the region has days");
        match work {
            Work::Chart => {
                let many = 1 + dice.below(2 * region.chart.max(1));
                self.message(number, many, dice);
            }
            Work::Consent => {
                let person = self.days().early[number];
                self.consents(person);
            }
            Work::Newcomer => {
                let person = self.days().later[number];
                self.consents(person);
            }
            Work::Message => {
                let person = self.days().panel.with_message(dice);
                let many = records_of(&region, dice);
                self.message(person, many, dice);
            }
            Work::Opening => {
                let person = self.days().panel.with_opening(dice);
                let Some(place) = self.one_of_team(person, dice) else { return 0 };
                self.job(0, Job::Look { place, person });
            }
            Work::Note => {
                let Some((person, place)) = self.anybody(dice) else { return 0 };
                self.writes(0, place, person);
            }
            Work::Edit => {
                let Some((note, person)) = self.recent_note(dice) else { return 0 };
                let Some(place) = self.one_of_team(person, dice) else { return 0 };
                self.rewrites(0, place, (note, person));
            }
            Work::Clash => return u64::from(self.clash(dice)),
            Work::Referral => {
                let Some((person, _)) = self.anybody(dice) else { return 0 };
                return u64::from(self.refer(person, dice));
            }
            Work::Change => {
                let Some((person, _)) = self.anybody(dice) else { return 0 };
                self.change(person, dice);
            }
            Work::Turnover => return u64::from(self.staff.changes(number.is_multiple_of(2))),
        }
        1
    }

    /// A message of so many records: most of them new, some new versions of older ones.
    fn message(&mut self, person: usize, many: u64, dice: &mut Dice) {
        let it = self.person(person);
        let (place, chart) = (it.hospital, (it.hospital, it.local()));
        let mut records: Vec<(u64, u64)> = Vec::new();
        let before = self.days().numbers[person];
        for _ in 0..many {
            let next = self.days().numbers[person];
            let number = if before > 0 && dice.below(8) == 0 { dice.below(before) } else { next };
            if records.iter().any(|(known, _)| *known == number) {
                continue;
            }
            self.days().numbers[person] = next.max(number + 1);
            let versions = self.truth.handed(&chart).get(number as usize);
            let version = versions.map_or(0, |versions| versions.count());
            records.push((number, version.min(Versions::MAX - 1)));
        }
        self.job(0, Job::Message { place, person, records });
    }

    fn consents(&mut self, person: usize) {
        let person = self.person(person).clone();
        let (place, local, places) = (person.hospital, person.local(), person.readers);
        self.job(0, Job::Give { place, local, places });
    }

    /// Somebody whose consent stands, the likelier the more is done for them, and a device of somebody who may read.
    fn anybody(&mut self, dice: &mut Dice) -> Option<(usize, usize)> {
        (0..PATIENT_DRAWS).find_map(|_| {
            let person = self.days().panel.with_message(dice);
            self.one_of_team(person, dice).map(|place| (person, place))
        })
    }

    /// A device of a facility for which the patient's consent stands; one that sees them on the road, where it has such.
    fn one_of_team(&self, person: usize, dice: &mut Dice) -> Option<usize> {
        let it = self.person(person);
        let local = it.local();
        let stands =
            |place: &&usize| self.stands(it.hospital, &local, &self.facilities[**place]).is_some();
        let team: Vec<usize> = it.readers.iter().filter(stands).copied().collect();
        let of = (!team.is_empty()).then(|| *dice.pick(&team))?;
        let tablets = (0..self.atlas.len()).filter(|at| self.atlas[*at].tablet_of == Some(of));
        let tablets: Vec<usize> = tablets.filter(|at| self.facilities[*at].is_up()).collect();
        Some(if tablets.is_empty() { of } else { *dice.pick(&tablets) })
    }

    fn recent_note(&mut self, dice: &mut Dice) -> Option<(NoteId, usize)> {
        let written = &self.days().written;
        let recent = &written[written.len().saturating_sub(RECENT)..];
        (!recent.is_empty()).then(|| *dice.pick(recent))
    }

    fn writes(&mut self, after_ms: u64, place: usize, person: usize) {
        let number = self.days().next_note;
        self.days().next_note += 1;
        self.job(after_ms, Job::Write { place, person, number });
    }

    fn rewrites(&mut self, after_ms: u64, place: usize, (note, person): (NoteId, usize)) {
        let number = self.days().next_edit;
        self.days().next_edit += 1;
        self.job(after_ms, Job::Rewrite { place, person, note, number });
    }

    /// Two of a patient's team have the same note before them and no line: both write into it. Whether there were two.
    fn clash(&mut self, dice: &mut Dice) -> bool {
        let found = (0..PATIENT_DRAWS).find_map(|_| {
            let (note, person) = self.recent_note(dice)?;
            let first = self.one_of_team(person, dice)?;
            let second = match dice.below(2) {
                0 => self.person(person).hospital,
                _ => self.one_of_team(person, dice)?,
            };
            let shows = |place: usize| {
                self.facilities[place].is_up() && self.shown_note(place, person, note).is_some()
            };
            let both = first != second && shows(first) && shows(second);
            both.then_some(((note, person), [first, second]))
        });
        let Some((note, places)) = found else { return false };
        let long = CLASH_MS.min(self.options.seconds * 100);
        for place in places {
            self.fault(Fault::Cut { place });
            let (at, until) = (1_000 + dice.below(long / 4), long / 2 + dice.below(long / 2));
            self.rewrites(at, place, note);
            self.after(until, Event::Fault(Fault::Restore { place }));
        }
        true
    }

    /// The engine has no command for a letter yet: who refers widens the consent to whoever is to see the patient. That one
    /// writes, and every other time the consent is narrowed again when it is over.
    fn refer(&mut self, person: usize, dice: &mut Dice) -> bool {
        let (place, local) = (self.person(person).hospital, self.person(person).local());
        let to = (0..PATIENT_DRAWS).find_map(|_| {
            let to = self.days().panel.refer(dice)?;
            let known = &self.person(person).readers;
            (to != place && !known.contains(&to)).then_some(to)
        });
        let Some(to) = to else { return false };
        let places = vec![to];
        self.job(0, Job::Give { place, local: local.clone(), places: places.clone() });
        self.days().panel.people[person].readers.push(to);
        let span = self.options.seconds * 1_000;
        let at = self.in_time(span / 50 + dice.below(span / 20));
        self.writes(at, to, person);
        if dice.below(2) == 0 {
            let at = self.in_time(span / 10 + dice.below(span / 20));
            self.job(at, Job::Withdraw { place, local, places });
        }
        true
    }

    /// A consent is narrowed or withdrawn, and every other time given again; the hospital writes on meanwhile.
    fn change(&mut self, person: usize, dice: &mut Dice) {
        let span = self.options.seconds * 1_000;
        let it = self.person(person).clone();
        let (place, local) = (it.hospital, it.local());
        let places = match dice.below(2) {
            0 => Vec::new(),
            _ => vec![*dice.pick(&it.readers)],
        };
        self.job(0, Job::Withdraw { place, local: local.clone(), places });
        self.later_message(span / 200, person);
        self.later_message(span / 50, person);
        if dice.below(2) == 0 {
            let at = self.in_time(span / 40 + dice.below(span / 20));
            self.job(at, Job::Give { place, local, places: it.readers });
        }
    }

    /// So much later, but while there is still time: what is wanted after the region was healed would keep it from its rest.
    fn in_time(&self, after_ms: u64) -> u64 {
        let end = crate::world::since_beginning(self.options.seconds * 980);
        after_ms.min(end.since_ms(self.now))
    }

    /// A message of one new record, whenever that is.
    fn later_message(&mut self, after_ms: u64, person: usize) {
        let number = self.days().numbers[person];
        self.days().numbers[person] += 1;
        let place = self.person(person).hospital;
        self.job(after_ms, Job::Message { place, person, records: vec![(number, 0)] });
    }
}

/// How many records a message has: evenly about the mean, at least one.
fn records_of(region: &Region, dice: &mut Dice) -> u64 {
    let mean = (region.resources * 1_000 / region.messages.max(1)).max(1_000);
    (500 + dice.below(2 * mean - 1_000 + 1) + 500) / 1_000
}

/// How often somebody fitting is looked for before that piece of work is left undone.
const PATIENT_DRAWS: usize = 8;
/// Notes that people still write into.
const RECENT: usize = 400;
/// How long two people are offline with one note.
const CLASH_MS: u64 = 3_600_000;
