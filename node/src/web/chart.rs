//! From a chart's rows to what the patient page lists: pure sorting, grouping and cutting.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::model::{Chart, ChartEntry};
use crate::index::fold::fold;
use crate::index::{Category, Day, Standing};

/// Values of one test that its line shows and draws.
const SERIES_MAX: usize = 12;

/// Newest day first, rows without a date last; within a day by kind, facility and time, so that what belongs
/// together stands together; then by title, so that a page looks the same twice.
pub(super) fn newest_first(entries: &mut [&ChartEntry]) {
    entries.sort_by(|a, b| {
        let key = |entry: &ChartEntry| {
            let day = Reverse(entry.row.at.map(|at| at.day));
            (day, entry.row.category, entry.facility, Reverse(entry.row.at))
        };
        key(a)
            .cmp(&key(b))
            .then_with(|| a.row.title.cmp(&b.row.title))
            .then(a.record.cmp(&b.record))
    });
}

/// The entries of a category that still count, newest first.
pub(super) fn of(chart: &Chart, category: Category) -> Vec<&ChartEntry> {
    let valid = |entry: &&ChartEntry| entry.row.standing != Standing::Void;
    let mut entries: Vec<&ChartEntry> =
        chart.entries.iter().filter(|entry| entry.row.category == category).filter(valid).collect();
    without_copies(&mut entries);
    newest_first(&mut entries);
    entries
}

/// A letter repeats what its hospital also sends by itself: of the two, the copy inside the letter goes.
fn without_copies(entries: &mut Vec<&ChartEntry>) {
    let key = |entry: &ChartEntry| {
        (entry.facility, fold(&entry.row.title), entry.row.at.map(|at| at.day))
    };
    let own: BTreeSet<_> =
        entries.iter().filter(|entry| !entry.row.inside_document).map(|entry| key(entry)).collect();
    entries.retain(|entry| !entry.row.inside_document || !own.contains(&key(entry)));
}

/// One allergy, diagnosis or the like, with everyone who states it.
pub(super) struct Stated<'a> {
    /// The newest entry that states it.
    pub(super) entry: &'a ChartEntry,
    /// All entries that state it, newest first.
    pub(super) all: Vec<&'a ChartEntry>,
}

/// Entries of one title are one line, however many hospitals state it. Those that are current stand first.
pub(super) fn stated<'a>(entries: &[&'a ChartEntry]) -> Vec<Stated<'a>> {
    let mut lines: Vec<Stated<'a>> = Vec::new();
    let mut at: BTreeMap<String, usize> = BTreeMap::new();
    for entry in entries {
        match at.get(&fold(&entry.row.title)) {
            Some(line) if !entry.row.title.is_empty() => lines[*line].all.push(entry),
            _ => {
                at.insert(fold(&entry.row.title), lines.len());
                lines.push(Stated { entry, all: vec![entry] });
            }
        }
    }
    // One hospital's "over" does not end what another still treats.
    for line in &mut lines {
        let current = line.all.iter().find(|entry| entry.row.standing != Standing::Past);
        line.entry = current.copied().unwrap_or(line.entry);
    }
    lines.sort_by_key(|line| line.entry.row.standing == Standing::Past);
    lines
}

/// The allergies to warn of: those not stated as over; severe ones first.
pub(super) fn allergies(chart: &Chart) -> Vec<Stated<'_>> {
    let mut lines = stated(&of(chart, Category::Allergy));
    lines.retain(|line| line.entry.row.standing != Standing::Past);
    lines.sort_by_key(|line| !line.all.iter().any(|entry| is_severe(entry)));
    lines
}

/// Whether a facility calls the allergy severe.
pub(super) fn is_severe(entry: &ChartEntry) -> bool {
    entry.row.status == "high"
}

/// Prescriptions whose supply should be running today; then drugs given earlier, each once, however often it was
/// prescribed.
pub(super) fn medications(chart: &Chart, today: Day) -> (Vec<&ChartEntry>, Vec<Stated<'_>>) {
    let (running, mut others): (Vec<_>, Vec<_>) =
        of(chart, Category::Medication).into_iter().partition(|entry| is_running(entry, today));
    let names: Vec<String> = running.iter().map(|entry| fold(&entry.row.title)).collect();
    others.retain(|entry| !names.contains(&fold(&entry.row.title)));
    let mut earlier = stated(&others);
    earlier.iter_mut().for_each(|line| line.entry = line.all[0]);
    earlier.sort_by_key(|line| Reverse(line.entry.row.at));
    (running, earlier)
}

fn is_running(entry: &ChartEntry, today: Day) -> bool {
    let begun = entry.row.at.is_none_or(|at| at.day <= today);
    match entry.row.until {
        Some(until) => begun && until.day >= today,
        None => begun && entry.row.standing == Standing::Current && entry.row.status == "active",
    }
}

/// One test over time.
pub(super) struct Series<'a> {
    /// Its results, newest first; one at least.
    pub(super) results: Vec<&'a ChartEntry>,
}

impl Series<'_> {
    /// The newest result.
    pub(super) fn latest(&self) -> &ChartEntry {
        self.results[0]
    }

    /// The numbers that can be drawn, oldest first.
    pub(super) fn numbers(&self) -> Vec<f64> {
        let values = self.results.iter().rev().filter_map(|entry| entry.row.value.as_ref());
        let numbers =
            values.filter(|value| value.numeric).filter_map(|value| value.text.parse().ok());
        numbers.filter(|number: &f64| number.is_finite()).collect()
    }
}

/// Tests by their newest result: those of the newest day first, abnormal ones first within a day.
pub(super) fn series<'a>(entries: &[&'a ChartEntry]) -> Vec<Series<'a>> {
    let mut groups: BTreeMap<String, Vec<&'a ChartEntry>> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.row.value.is_some()) {
        let results = groups.entry(entry.row.series_key()).or_default();
        if results.len() < SERIES_MAX {
            results.push(entry);
        }
    }
    let mut series: Vec<Series<'a>> =
        groups.into_values().map(|results| Series { results }).collect();
    series.sort_by(|a, b| {
        let key = |series: &Series<'_>| {
            let row = &series.latest().row;
            let normal = row.value.as_ref().is_none_or(|value| value.flag.is_none());
            (Reverse(row.at.map(|at| at.day)), normal)
        };
        key(a).cmp(&key(b)).then_with(|| a.latest().row.title.cmp(&b.latest().row.title))
    });
    series
}

#[cfg(test)]
mod tests {
    use azalea_core::id::{FacilityId, PatientId, Timestamp, VersionId};

    use super::*;
    use crate::index::{Gender, timeline_rows};
    use crate::web::model::PatientHead;

    fn entry(facility: u8, json: &str) -> ChartEntry {
        let row = timeline_rows(json.as_bytes()).expect("a resource").remove(0);
        ChartEntry {
            record: VersionId([facility; 16]),
            facility: FacilityId([facility; 16]),
            versions: 1,
            conflict: false,
            received: Timestamp(0),
            row,
        }
    }

    fn diagnosis(facility: u8, name: &str, status: &str, onset: &str) -> ChartEntry {
        entry(
            facility,
            &format!(
                r#"{{"resourceType":"Condition","code":{{"text":"{name}"}},"onsetDateTime":"{onset}",
                "clinicalStatus":{{"coding":[{{"code":"{status}"}}]}}}}"#
            ),
        )
    }

    #[test]
    fn what_one_hospital_ended_and_another_treats_stays_current() {
        let entries = [
            diagnosis(1, "高血圧症", "resolved", "2024-01-01"),
            diagnosis(2, "高血圧症", "active", "2020-01-01"),
            diagnosis(1, "肺炎", "resolved", "2025-01-01"),
        ];
        let mut sorted: Vec<&ChartEntry> = entries.iter().collect();
        newest_first(&mut sorted);
        let lines = stated(&sorted);
        assert_eq!(lines.len(), 2);
        assert!(lines[0].entry.row.title == "高血圧症" && lines[0].all.len() == 2);
        assert_eq!(lines[0].entry.row.standing, Standing::Current);
    }

    #[test]
    fn a_drug_is_one_line_however_often_it_was_prescribed() {
        let drug = |name: &str, day: &str| {
            entry(
                1,
                &format!(
                    r#"{{"resourceType":"MedicationRequest","status":"completed","authoredOn":"{day}",
                    "medicationCodeableConcept":{{"text":"{name}"}},
                    "dispenseRequest":{{"expectedSupplyDuration":{{"value":28}}}}}}"#
                ),
            )
        };
        let entries = vec![
            drug("アムロジピン", "2026-11-10"),
            drug("アムロジピン", "2026-10-10"),
            drug("センノシド", "2026-03-01"),
            drug("センノシド", "2026-05-01"),
        ];
        let (patient, publishers, notes) = (nobody(), Vec::new(), Vec::new());
        let chart = Chart { patient, publishers, is_coming: false, entries, notes };
        let today = Day::from_number(20261124).expect("a day");
        let (running, earlier) = medications(&chart, today);
        assert!(running.len() == 1 && running[0].row.title == "アムロジピン");
        assert!(earlier.len() == 1 && earlier[0].entry.row.title == "センノシド");
        assert_eq!(earlier[0].entry.row.at.map(|at| at.day.number()), Some(20260501));
    }

    #[test]
    fn a_copy_inside_a_letter_does_not_count_twice() {
        let own = diagnosis(1, "高血圧症", "active", "2020-01-01");
        let mut copy = diagnosis(1, "高血圧症", "active", "2020-01-01");
        let mut other = diagnosis(2, "高血圧症", "active", "2020-01-01");
        (copy.row.inside_document, other.row.inside_document) = (true, true);
        let mut entries = vec![&own, &copy, &other];
        without_copies(&mut entries);
        assert_eq!(entries.len(), 2);
    }

    fn nobody() -> PatientHead {
        PatientHead {
            id: PatientId::ZERO,
            name: String::new(),
            kana: None,
            other_names: Vec::new(),
            birth: None,
            gender: Gender::Unknown,
            deceased: false,
            local_ids: Vec::new(),
            phone: None,
            address: None,
        }
    }

    #[test]
    fn results_of_one_code_are_one_line_and_other_units_are_another() {
        let result = |facility, value: &str, unit: &str, day: &str| {
            entry(
                facility,
                &format!(
                    r#"{{"resourceType":"Observation","code":{{"coding":[{{"system":"urn:oid:1.2.392.200119.4.504",
                    "code":"3C0150000023261{facility:02}"}}],"text":"クレアチニン"}},"effectiveDateTime":"{day}",
                    "valueQuantity":{{"value":{value},"unit":"{unit}"}}}}"#
                ),
            )
        };
        let entries = [
            result(1, "0.9", "mg/dL", "2026-01-01"),
            result(2, "1.10", "mg/dL", "2026-02-01"),
            result(3, "88", "umol/L", "2025-02-01"),
        ];
        let mut sorted: Vec<&ChartEntry> = entries.iter().collect();
        newest_first(&mut sorted);
        let lines = series(&sorted);
        assert_eq!(lines.iter().map(|line| line.results.len()).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(lines[0].numbers(), [0.9, 1.1]);
    }
}
