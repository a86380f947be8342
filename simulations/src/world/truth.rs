//! What the omniscient world knows: what people asked for, what they were told, and when. Checkers hold it against
//! what replicas have and show.

use std::collections::{BTreeMap, BTreeSet};

use azalea_core::id::{DeviceId, EnvelopeId, FacilityId, NoteId, PatientId, Timestamp};

use super::opening::Opening;
use super::operator::Repair;

/// A hospital's patient: the hospital's place, and its own number of the patient.
pub(super) type Local = (usize, String);

/// Everything that was asked and answered.
#[derive(Default)]
pub(super) struct Truth {
    /// Imports in the order in which they were acknowledged.
    pub(super) imports: Vec<Import>,
    /// Those of each chart, by their places there.
    imports_of: BTreeMap<Local, Vec<usize>>,
    /// Of each chart's records, by their numbers, all versions that a hospital was ever handed, acknowledged or not.
    handed: BTreeMap<Local, Vec<Versions>>,
    pub(super) charts: BTreeMap<Local, Chart>,
    /// The charts that were ever those of a patient.
    charts_of: BTreeMap<PatientId, BTreeSet<Local>>,
    pub(super) notes: Vec<Note>,
    pub(super) edits: Vec<Edit>,
    /// What was written about each patient: places among `notes` and among `edits`.
    written_of: BTreeMap<PatientId, Vec<Written>>,
    /// Edits as they were asked for, whatever became of them.
    pub(super) overwrites: Vec<Overwrite>,
    /// Head statements as they left: how much of `imports` there was, and when.
    pub(super) stated: BTreeMap<(DeviceId, Timestamp), Stated>,
    /// When a device last lost its store.
    pub(super) lost: BTreeMap<usize, Timestamp>,
    /// When a device that lost its store had learnt again all that its relay would tell it.
    pub(super) rebuilt: BTreeMap<usize, Rebuilt>,
    /// What repaired devices had not sent, until it is known what became of it.
    pub(super) repairs: BTreeMap<usize, Repair>,
    /// Places to which somebody is on the way.
    pub(super) called: BTreeSet<usize>,
    /// Devices of whose ledger a repair has named lines as lost.
    pub(super) torn_ledgers: BTreeSet<usize>,
    /// Pages that were shown, by place, in their order.
    pub(super) openings: BTreeMap<usize, Vec<Opening>>,
    /// What was written by hand with the keys of devices that were stolen.
    pub(super) forged: BTreeSet<EnvelopeId>,
    /// Devices that the council has revoked, since when.
    pub(super) revoked: BTreeMap<usize, Timestamp>,
    /// Of those, whom the relay told anything more.
    pub(super) told_when_out: BTreeSet<usize>,
    pub(super) healed: Option<Timestamp>,
    /// When anything that was asked for last took effect.
    pub(super) changed: Option<Timestamp>,
}

/// An import that its hospital was told is saved.
pub(super) struct Import {
    pub(super) place: usize,
    pub(super) local: String,
    pub(super) number: u64,
    pub(super) version: u64,
    pub(super) asked: Timestamp,
    /// A repair has named it as lost, or as set apart.
    pub(super) lost: bool,
}

/// Versions of one record, a bit for each.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Versions(u64);

impl Versions {
    /// More versions of a record than these are not told apart.
    pub(super) const MAX: u64 = 64;

    pub(super) fn each(self) -> impl Iterator<Item = u64> {
        (0..Self::MAX).filter(move |version| self.0 & (1 << version) != 0)
    }

    pub(super) fn count(self) -> u64 {
        u64::from(self.0.count_ones())
    }
}

/// Who may read a hospital's chart of a patient.
#[derive(Default)]
pub(super) struct Chart {
    /// The network's number of the patient, once anybody was told it.
    pub(super) patient: Option<PatientId>,
    pub(super) readers: BTreeMap<FacilityId, Reader>,
    /// Linked to a patient of another hospital: whose consent then counts.
    pub(super) linked: Option<Local>,
    /// When the link was confirmed; before it was answered, it may hold or not.
    pub(super) linked_at: Option<Timestamp>,
    /// The same moment by the hospital's own clock.
    pub(super) linked_from: Timestamp,
    /// Taking the link back was asked for.
    pub(super) parting: bool,
    /// When a link was taken back.
    pub(super) parted: Option<Timestamp>,
    /// Its hospital has lost its store, and with it words on its consent that the relay may have or not.
    pub(super) in_doubt: bool,
}

/// What one facility was ever allowed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reader {
    /// Since when a consent that was recorded stands; `None` while none does.
    pub(super) stands: Option<Timestamp>,
    /// When that consent begins, by the clock of the hospital that recorded it.
    pub(super) begins: Timestamp,
    /// When giving it was last asked for: from then on it may have taken effect.
    pub(super) asked: Option<Timestamp>,
    /// When its withdrawal was recorded.
    pub(super) withdrawn: Option<Timestamp>,
    /// Since when the relay tells it nothing, by the world's clock: a consent that was withdrawn before it began changes nothing.
    pub(super) untold: Option<Timestamp>,
}

/// A device has learnt again all that its relay would tell it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rebuilt {
    pub(super) at: Timestamp,
    /// What the relay's clock showed then: by that it judges who may read.
    pub(super) hour: Timestamp,
}

/// A consent that stands: since when by the world's clock, and when it begins by the hospital's, which may be off.
#[derive(Clone, Copy)]
pub(super) struct Standing {
    pub(super) since: Timestamp,
    pub(super) begins: Timestamp,
}

/// A note that its author was told is saved.
pub(super) struct Note {
    pub(super) place: usize,
    pub(super) number: u64,
    pub(super) patient: PatientId,
    pub(super) id: NoteId,
    pub(super) asked: Timestamp,
}

/// An edit that its author was told is saved: it set the title to `retitled <number>`.
pub(super) struct Edit {
    pub(super) place: usize,
    pub(super) number: u64,
    pub(super) patient: PatientId,
    pub(super) note: NoteId,
    pub(super) asked: Timestamp,
}

/// An edit on its way, and the titles that its author saw and meant to replace.
pub(super) struct Overwrite {
    pub(super) note: NoteId,
    pub(super) number: u64,
    pub(super) saw: BTreeSet<String>,
}

/// A note's place among all notes, or an edit's among all edits.
#[derive(Clone, Copy)]
pub(super) enum Written {
    Note(usize),
    Edit(usize),
}

/// What was true when a statement left.
#[derive(Clone, Copy)]
pub(super) struct Stated {
    pub(super) imports: usize,
    pub(super) notes: usize,
    pub(super) edits: usize,
    /// How far its publisher's log went.
    pub(super) position: u64,
    pub(super) at: Timestamp,
}

impl Reader {
    /// Certainly put out: withdrawn, and giving not asked for since.
    fn is_out(&self) -> bool {
        let again = |withdrawn| self.asked.is_some_and(|asked| asked > withdrawn);
        self.stands.is_none() && self.withdrawn.is_some_and(|withdrawn| !again(withdrawn))
    }

    fn standing(&self) -> Option<Standing> {
        self.stands.map(|since| Standing { since, begins: self.begins })
    }
}

impl Truth {
    pub(super) fn chart(&mut self, place: usize, local: &str) -> &mut Chart {
        self.charts.entry((place, local.to_owned())).or_default()
    }

    /// It is known what became of all that a device had not sent.
    pub(super) fn is_settled(&mut self, place: usize) {
        let own = self.charts.iter_mut().filter(|((owner, _), _)| *owner == place);
        own.for_each(|(_, chart)| chart.in_doubt = false);
    }

    pub(super) fn imported(&mut self, import: Import) {
        let chart = self.imports_of.entry((import.place, import.local.clone())).or_default();
        chart.push(self.imports.len());
        self.imports.push(import);
    }

    /// Somebody was told that a note is saved.
    pub(super) fn noted(&mut self, note: Note) {
        let written = self.written_of.entry(note.patient).or_default();
        written.push(Written::Note(self.notes.len()));
        self.notes.push(note);
    }

    /// Somebody was told that an edit is saved.
    pub(super) fn edited(&mut self, edit: Edit) {
        let written = self.written_of.entry(edit.patient).or_default();
        written.push(Written::Edit(self.edits.len()));
        self.edits.push(edit);
    }

    /// What was written about a patient.
    pub(super) fn written_of(&self, patient: &PatientId) -> &[Written] {
        self.written_of.get(patient).map_or(&[][..], Vec::as_slice)
    }

    /// A chart turns out to be a patient's.
    pub(super) fn is_of(&mut self, place: usize, local: &str, patient: PatientId) {
        self.chart(place, local).patient = Some(patient);
        self.charts_of.entry(patient).or_default().insert((place, local.to_owned()));
    }

    /// The charts that were ever a patient's; none where nobody was told that number.
    pub(super) fn charts_of(&self, patient: &PatientId) -> impl Iterator<Item = &Local> {
        self.charts_of.get(patient).into_iter().flatten()
    }

    /// The numbers of all patients that anybody was told.
    pub(super) fn patients(&self) -> impl Iterator<Item = &PatientId> {
        self.charts_of.keys()
    }

    /// A hospital is handed a version of a record.
    pub(super) fn hands(&mut self, place: usize, local: &str, number: u64, version: u64) {
        let records = self.handed.entry((place, local.to_owned())).or_default();
        let number = number as usize;
        records.resize(records.len().max(number + 1), Versions::default());
        records[number].0 |= 1 << version;
    }

    /// What a hospital was handed of a chart, by the numbers of its records.
    pub(super) fn handed(&self, chart: &Local) -> &[Versions] {
        self.handed.get(chart).map_or(&[][..], Vec::as_slice)
    }

    /// The imports of a chart among the first so many of all.
    pub(super) fn imports_of(&self, chart: &Local, first: usize) -> impl Iterator<Item = &Import> {
        let all = self.imports_of.get(chart).map_or(&[][..], Vec::as_slice);
        let some = all.iter().take_while(move |place| **place < first);
        some.map(|place| &self.imports[*place]).filter(|import| !import.lost)
    }

    /// The charts of one hospital into which a facility may have been let, by a consent of its own or of the patient
    /// it is linked to.
    pub(super) fn charts_named(
        &self,
        place: usize,
        reader: FacilityId,
    ) -> impl Iterator<Item = &Local> {
        let (from, to) = ((place, String::new()), (place + 1, String::new()));
        let is_named =
            move |chart: &Chart| chart.readers.contains_key(&reader) || chart.linked.is_some();
        self.charts.range(from..to).filter(move |(_, chart)| is_named(chart)).map(|(at, _)| at)
    }

    /// Whoever may have been let into a chart, by its own consent or by that of the patient it is linked to.
    pub(super) fn readers_of(&self, chart: &Local) -> BTreeSet<FacilityId> {
        let own = self.charts.get(chart);
        let linked = own.and_then(|own| own.linked.as_ref()).and_then(|at| self.charts.get(at));
        own.into_iter().chain(linked).flat_map(|chart| chart.readers.keys().copied()).collect()
    }

    /// Consent was asked for; whether it took effect is known only once it was answered.
    pub(super) fn asks(
        &mut self,
        place: usize,
        local: &str,
        facilities: &[FacilityId],
        now: Timestamp,
    ) {
        let chart = self.chart(place, local);
        for facility in facilities {
            chart.readers.entry(*facility).or_default().asked = Some(now);
        }
    }

    pub(super) fn gives(
        &mut self,
        place: usize,
        local: &str,
        patient: PatientId,
        facilities: &[FacilityId],
        given: Standing,
    ) {
        self.is_of(place, local, patient);
        let chart = self.chart(place, local);
        for facility in facilities {
            let reader = chart.readers.entry(*facility).or_default();
            if reader.stands.is_none() {
                (reader.stands, reader.begins) = (Some(given.since), given.begins);
            }
        }
    }

    pub(super) fn withdraws(
        &mut self,
        place: usize,
        local: &str,
        facilities: &[FacilityId],
        (now, hour): (Timestamp, Timestamp),
    ) {
        for (facility, reader) in &mut self.chart(place, local).readers {
            if facilities.is_empty() || facilities.contains(facility) {
                // Who is out already has been out since then; a second withdrawal puts out nobody.
                if !reader.is_out() {
                    (reader.stands, reader.withdrawn) = (None, Some(now));
                    let is_begun = reader.begins <= hour;
                    reader.untold = reader.untold.filter(|_| !is_begun).or(Some(now));
                }
            }
        }
    }

    /// Whether anybody ever asked that `reader` may see this chart, or the chart of the patient it was linked to.
    pub(super) fn was_ever_asked(&self, owner: usize, local: &str, reader: &FacilityId) -> bool {
        let own = self.charts.get(&(owner, local.to_owned()));
        let linked = own.and_then(|own| own.linked.as_ref()).and_then(|at| self.charts.get(at));
        own.into_iter()
            .chain(linked)
            .any(|chart| chart.readers.get(reader).is_some_and(|it| it.asked.is_some()))
    }

    /// Since when a recorded consent stands. A linked chart follows the consent of the patient whom it was linked
    /// to, as long as its own hospital is of that patient's team and so hears of it.
    pub(super) fn stands(
        &self,
        (owner, hospital): (usize, &FacilityId),
        local: &str,
        reader: &FacilityId,
    ) -> Option<Standing> {
        let own = self.charts.get(&(owner, local.to_owned())).filter(|own| !own.in_doubt)?;
        let Some((at, linked)) = own.linked_at.zip(own.linked.as_ref()) else {
            return own.readers.get(reader)?.standing();
        };
        if own.parted.is_some() || own.parting {
            return None;
        }
        let readers = &self.charts.get(linked).filter(|it| !it.in_doubt)?.readers;
        let (ours, theirs) = (readers.get(hospital)?.standing()?, readers.get(reader)?.standing()?);
        Some(Standing {
            since: ours.since.max(theirs.since).max(at),
            begins: ours.begins.max(theirs.begins).max(own.linked_from),
        })
    }

    /// The moment since when `reader` is certainly put out: withdrawn, and giving not asked for since.
    pub(super) fn is_out(
        &self,
        owner: usize,
        local: &str,
        reader: &FacilityId,
    ) -> Option<Timestamp> {
        let own = self.charts.get(&(owner, local.to_owned())).filter(|own| !own.in_doubt)?;
        if own.parted.is_some() {
            return own.parted;
        }
        if own.linked.is_some() {
            return None;
        }
        own.readers.get(reader).filter(|it| it.is_out())?.withdrawn
    }
}
