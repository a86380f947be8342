//! The ordinary days of a region: how much of each kind of work there is follows from its patients and the time, who does it
//! for whom is drawn when its moment comes. Nothing is planned up front that the run may not live to see: of each kind only
//! the next piece stands in the queue.

use azalea_core::id::NoteId;

use super::fault::Fault;
use super::options::{Region, YEAR_S};
use super::panel::{Panel, Person};
use super::people::{Job, LATE_NOTES, LATE_NUMBERS};
use super::staff::Staff;
use super::truth::Versions;
use super::{Event, World};
use crate::population::Dice;

/// A region's patients, and how far its days are.
pub(super) struct Days {
    pub(super) panel: Panel,
    streams: Vec<Stream>,
    /// Who consents at the beginning, and who later.
    early: Vec<usize>,
    later: Vec<usize>,
    /// Of each patient the number that its next record gets.
    numbers: Vec<u64>,
    /// The notes that there are, and about whom, in the order in which they were saved.
    written: Vec<(NoteId, usize)>,
    next_note: u64,
    next_edit: u64,
}

/// A kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    /// A chart as it is at the beginning.
    Chart,
    /// A consent that stands since the beginning.
    Consent,
    /// A consent of somebody who comes in the course of things.
    Newcomer,
    /// A message of a hospital's system.
    Message,
    /// A page that a reader opens.
    Opening,
    /// A care note.
    Note,
    /// An edit of one.
    Edit,
    /// Two edits of one, both offline.
    Clash,
    /// A consent that is widened to somebody to whom the patient is referred.
    Referral,
    /// A consent that is narrowed or withdrawn, some of them to be given again.
    Change,
    /// Somebody comes to a facility, or leaves it.
    Turnover,
}

/// One kind of work: so much of it in so long, evenly enough, each piece at a moment of its own.
struct Stream {
    work: Work,
    dice: Dice,
    all: u64,
    done: u64,
    /// In milliseconds since the beginning.
    from: u64,
    long: u64,
}

impl Stream {
    /// When the next piece comes, in milliseconds since the beginning; `None` where there is none.
    fn next(&mut self) -> Option<u64> {
        let at = |piece: u64| self.from + (u128::from(self.long) * u128::from(piece) / u128::from(self.all)) as u64;
        if self.done == self.all {
            return None;
        }
        let (begins, ends) = (at(self.done), at(self.done + 1));
        Some(begins + self.dice.below((ends - begins).max(1)))
    }
}

impl World {
    /// Draws who lives in the region, and lets its days begin.
    pub(super) fn plan_days(&mut self, region: &Region) {
        let panel = Panel::draw(&self.options, region, &self.atlas);
        let mut dice = self.dice.fork("days", 0);
        self.staff = Staff::draw(&self.dice, &self.atlas);
        let (seconds, span) = (self.options.seconds, self.options.seconds * 1_000);
        // The region as it stands comes first, a chart before its consent; then the days.
        let (charts, consents) = (span / 40, span / 20);
        let (people, staff) = (panel.people.len() as u64, self.staff.many());
        let (later, early): (Vec<usize>, Vec<usize>) =
            (0..panel.people.len()).partition(|person| panel.people[*person].comes_later);
        let turnover = Region { patients: staff, ..region.clone() };
        let opened = panel.openings() * seconds * region.pace / YEAR_S;
        let streams = [
            (Work::Chart, people, 0, charts),
            (Work::Consent, early.len() as u64, charts, consents - charts),
            (Work::Newcomer, later.len() as u64, consents, span * 9 / 10 - consents),
            (Work::Message, region.in_all(region.messages, 1, seconds), consents, span - consents),
            (Work::Opening, opened, consents, span - consents),
            (Work::Note, region.in_all(region.notes, 100, seconds), consents, span - consents),
            (Work::Edit, region.in_all(region.edits, 100, seconds), span / 10, span * 9 / 10),
            (Work::Clash, region.in_all(region.clashes, 1_000, seconds), span / 5, span * 3 / 5),
            (Work::Referral, region.in_all(region.referrals, 100, seconds), span / 10, span * 4 / 5),
            (Work::Change, region.in_all(region.changes, 100, seconds), span / 10, span * 4 / 5),
            (Work::Turnover, turnover.in_all(2 * region.turnover, 100, seconds), 0, span),
        ];
        let stream = |(number, (work, all, from, long))| {
            let dice = dice.fork("stream", number);
            Stream { work, dice, all, done: 0, from, long }
        };
        let streams = (0..).zip(streams).map(stream).collect();
        let numbers = vec![0; panel.people.len()];
        let people = panel.people.iter();
        let linked: Vec<(usize, Person)> =
            people.enumerate().filter(|(_, it)| it.linked.is_some()).map(|(at, it)| (at, it.clone())).collect();
        self.days = Some(Days {
            panel,
            streams,
            early,
            later,
            numbers,
            written: Vec::new(),
            next_note: 0,
            next_edit: 0,
        });
        for stream in 0..self.days().streams.len() {
            self.next_day(stream);
        }
        for (number, person) in linked {
            let place = person.linked.expect("chosen by it");
            let (local, of) = (format!("q{place}x{number}"), (person.hospital, person.local()));
            self.plan_link(number, (place, local), of, region.chart, span);
        }
        for number in 0..if self.days().panel.people.is_empty() { 0 } else { self.options.late } {
            self.plan_late_in_region(&mut dice, number, span);
        }
    }

    fn days(&mut self) -> &mut Days {
        self.days.as_mut().expect("the region has days")
    }

    /// One of the region's patients.
    pub(super) fn person(&self, number: usize) -> &Person {
        &self.days.as_ref().expect("the region has days").panel.people[number]
    }

    /// A note about one of them was saved.
    pub(super) fn is_written(&mut self, note: NoteId, person: usize) {
        self.days().written.push((note, person));
    }

    /// The next piece of a kind of work has its place in the queue.
    fn next_day(&mut self, stream: usize) {
        if let Some(at) = self.days().streams[stream].next() {
            let at = super::since_beginning(at);
            self.at(at, Event::Day(stream));
        }
    }

    /// The moment of a piece of work has come.
    pub(super) fn day(&mut self, stream: usize) {
        let it = &mut self.days().streams[stream];
        let (work, number, mut dice) = (it.work, it.done as usize, it.dice.clone());
        it.done += 1;
        let done = self.work(work, number, &mut dice);
        *self.watch.days.entry(work).or_default() += done;
        self.days().streams[stream].dice = dice;
        self.next_day(stream);
    }

    /// Does a piece of work, or has it done before long. How much came of it: nothing where nobody was there to do it.
    fn work(&mut self, work: Work, number: usize, dice: &mut Dice) -> u64 {
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
                self.rewrites(0, place, note);
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

    fn rewrites(&mut self, after_ms: u64, place: usize, note: NoteId) {
        let number = self.days().next_edit;
        self.days().next_edit += 1;
        self.job(after_ms, Job::Rewrite { place, note, number });
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
                let device = &self.facilities[place];
                device.is_up() && device.notes().contains_key(&note)
            };
            (first != second && shows(first) && shows(second)).then_some((note, [first, second]))
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
        self.writes(span / 50 + dice.below(span / 20), to, person);
        if dice.below(2) == 0 {
            self.job(span / 10 + dice.below(span / 20), Job::Withdraw { place, local, places });
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
            self.job(span / 40 + dice.below(span / 20), Job::Give { place, local, places: it.readers });
        }
    }

    /// A message of one new record, whenever that is.
    fn later_message(&mut self, after_ms: u64, person: usize) {
        let number = self.days().numbers[person];
        self.days().numbers[person] += 1;
        let place = self.person(person).hospital;
        self.job(after_ms, Job::Message { place, person, records: vec![(number, 0)] });
    }

    /// A reader is cut off; while it is, it is put out of a patient's care, and goes on writing about that patient.
    fn plan_late_in_region(&mut self, dice: &mut Dice, number: usize, span: u64) {
        let person = self.days().panel.with_message(dice);
        let it = self.person(person).clone();
        if it.readers.is_empty() {
            return;
        }
        let place = *dice.pick(&it.readers);
        let at = span / 2 + dice.below(span / 4);
        self.after(at, Event::Fault(Fault::Cut { place }));
        let (local, places) = (it.local(), vec![place]);
        self.job(at + 2_000, Job::Withdraw { place: it.hospital, local, places });
        for note in 0..LATE_NOTES {
            let number = LATE_NUMBERS + number as u64 * LATE_NOTES + note;
            self.job(at + 20_000 + note * 500, Job::Write { place, person, number });
        }
        self.after(at + span / 8, Event::Fault(Fault::Restore { place }));
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
