//! The ordinary days of a region: how much of each kind of work there is follows from its patients and the time, who does it
//! for whom is drawn when its moment comes. Nothing is planned up front that the run may not live to see: of each kind only
//! the next piece stands in the queue.

mod work;

use azalea_core::id::NoteId;

use super::fault::Fault;
use super::options::{Region, YEAR_S};
use super::panel::{Panel, Person};
use super::people::{Job, LATE_NOTES, LATE_NUMBERS};
use super::staff::Staff;
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
    /// At whole multiples of this alone.
    every: u64,
}

impl Stream {
    /// When the next piece comes, in milliseconds since the beginning; `None` where there is none.
    fn next(&mut self) -> Option<u64> {
        let at = |piece: u64| {
            self.from + (u128::from(self.long) * u128::from(piece) / u128::from(self.all)) as u64
        };
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
            (
                Work::Referral,
                region.in_all(region.referrals, 100, seconds),
                span / 10,
                span * 4 / 5,
            ),
            (Work::Change, region.in_all(region.changes, 100, seconds), span / 10, span * 4 / 5),
            (Work::Turnover, turnover.in_all(2 * region.turnover, 100, seconds), 0, span),
        ];
        let handover = region.handover * 1_000 / region.pace.max(1);
        let stream = |(number, (work, all, from, long))| {
            let dice = dice.fork("stream", number);
            let every = match work {
                Work::Chart | Work::Consent | Work::Message => handover,
                _ => 0,
            };
            Stream { work, dice, all, done: 0, from, long, every }
        };
        let streams = (0..).zip(streams).map(stream).collect();
        let numbers = vec![0; panel.people.len()];
        let people = panel.people.iter();
        let linked: Vec<(usize, Person)> = people
            .enumerate()
            .filter(|(_, it)| it.linked.is_some())
            .map(|(at, it)| (at, it.clone()))
            .collect();
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
            let it = &self.days().streams[stream];
            let at = super::since_beginning(at - at % it.every.max(1));
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
        // A day of a month, or whoever is cut off would do little but try to connect.
        self.after(at + (span / 30).max(60_000), Event::Fault(Fault::Restore { place }));
    }
}
