//! The documents of a chart: the summary that closes a stay, and the letter to the other hospital.

use jiff::civil::Date;

use super::super::chart::{Resource, closure};
use super::super::course::Kind;
use super::super::diseases::Episode;
use super::super::fhir::Moment;
use super::super::fhir::document::{self, Draft, Section, Sort};
use super::super::hospitals::{Department, Hospital};
use super::Writer;

impl Writer<'_> {
    #[expect(clippy::too_many_arguments, reason = "a summary gathers everything of its stay")]
    pub(super) fn discharge_summary(
        &mut self,
        episode: &'static Episode,
        encounter: &str,
        condition: &str,
        doctor: &str,
        (start, end): (Moment, Moment),
        medication: &[String],
        results: &[String],
    ) {
        let history = self.course.illnesses.iter().filter(|illness| illness.onset <= start.date);
        let history = history.map(|illness| illness.disease.name.to_owned()).collect();
        let sections = vec![
            Section {
                title: "入院期間",
                paragraphs: vec![format!(
                    "{} から {} まで",
                    japanese(start.date),
                    japanese(end.date)
                )],
                entries: vec![encounter.to_owned()],
            },
            Section {
                title: "入院時診断・主訴",
                paragraphs: vec![episode.name.to_owned(), episode.complaint.to_owned()],
                entries: vec![condition.to_owned()],
            },
            Section { title: "既往歴", paragraphs: history, entries: Vec::new() },
            Section {
                title: "入院中経過",
                paragraphs: vec![episode.course.to_owned()],
                entries: Vec::new(),
            },
            Section {
                title: "退院時投薬",
                paragraphs: self.texts_of(medication),
                entries: medication.to_vec(),
            },
            Section {
                title: "退院時検査結果",
                paragraphs: vec!["退院前の検体検査を添える。".to_owned()],
                entries: results.to_vec(),
            },
        ];
        self.close_document(
            Sort::DischargeSummary,
            encounter,
            doctor,
            end.later(90),
            sections,
            None,
        );
    }

    /// A letter to the person's other hospital, written on the occasion of the last visit.
    pub(super) fn referral(&mut self, other: &Hospital) {
        let Some(place) = self.resources.iter().rposition(|each| each.kind == "Encounter") else {
            return;
        };
        let encounter = self.resources[place].reference();
        let Some(event) = self
            .course
            .events
            .iter()
            .rev()
            .find(|event| matches!(event.kind, Kind::Visit { .. } | Kind::Stay { .. }))
        else {
            return;
        };
        let at = Moment::new(event.date, 16, 50);
        let leading = self.course.illnesses.first();
        let department = leading.map_or(Department::Medicine, |illness| illness.disease.department);
        let doctor = self.doctor(department);
        let stories = self
            .course
            .illnesses
            .iter()
            .map(|illness| format!("{}：{}", illness.disease.name, illness.disease.story))
            .collect();
        let conditions: Vec<String> = self.of_kind("Condition").take(12).collect();
        let allergies: Vec<String> = self.of_kind("AllergyIntolerance").collect();
        let medication: Vec<String> = self.resources[place..]
            .iter()
            .filter(|each| each.kind == "MedicationRequest")
            .map(Resource::reference)
            .collect();
        let sections = vec![
            Section {
                title: "紹介目的",
                paragraphs: vec!["貴院での診療の継続と情報の共有をお願いいたします。".to_owned()],
                entries: vec![encounter.clone()],
            },
            Section {
                title: "傷病名",
                paragraphs: self.texts_of(&conditions),
                entries: conditions,
            },
            Section { title: "現病歴", paragraphs: stories, entries: Vec::new() },
            Section {
                title: "アレルギー・不耐性反応",
                paragraphs: if allergies.is_empty() {
                    vec!["特記すべきことなし".to_owned()]
                } else {
                    self.texts_of(&allergies)
                },
                entries: allergies,
            },
            Section {
                title: "投薬指示",
                paragraphs: self.texts_of(&medication),
                entries: medication,
            },
        ];
        self.close_document(Sort::Referral, &encounter, &doctor, at, sections, Some(other.name));
    }

    fn close_document(
        &mut self,
        kind: Sort,
        encounter: &str,
        doctor: &str,
        at: Moment,
        sections: Vec<Section>,
        addressee: Option<&str>,
    ) {
        let id = self.next_id('b');
        let subject = self.subject.clone();
        let roots: Vec<String> = sections
            .iter()
            .flat_map(|section| &section.entries)
            .map(String::as_str)
            .chain([subject.as_str(), "Organization/org", doctor, encounter])
            .map(|target| format!("\"reference\":\"{target}\""))
            .collect();
        let roots: Vec<&str> = roots.iter().map(String::as_str).collect();
        let known: Vec<&Resource> = self.directory.iter().chain(&self.resources).collect();
        let copies = closure(&roots, &known)
            .into_iter()
            .map(|each| (each.reference(), each.json.clone()))
            .collect();
        let draft = Draft {
            id: &id,
            hospital: self.hospital,
            kind,
            at,
            author: doctor,
            encounter,
            subject: &subject,
            sections,
            copies,
            addressee,
        };
        let bundle = document::bundle(&draft, &mut self.dice);
        let target = format!("Bundle/{id}");
        let list_id = format!("{id}-d");
        let listed = document::document_reference(&list_id, &draft, &target);
        self.push("Bundle", &id, bundle);
        self.push("DocumentReference", &list_id, listed);
    }

    fn of_kind(&self, kind: &'static str) -> impl Iterator<Item = String> {
        self.resources.iter().filter(move |each| each.kind == kind).map(Resource::reference)
    }

    /// What a resource says in words: the text of its code or its directions.
    fn texts_of(&self, targets: &[String]) -> Vec<String> {
        let find = |target: &String| self.resources.iter().find(|each| each.reference() == *target);
        targets
            .iter()
            .filter_map(find)
            .filter_map(|each| {
                let value: serde_json::Value = serde_json::from_str(&each.json).ok()?;
                let name = ["medicationCodeableConcept", "code"]
                    .iter()
                    .find_map(|key| value[key]["text"].as_str())?;
                let directions = value["dosageInstruction"][0]["text"].as_str();
                Some(directions.map_or_else(|| name.to_owned(), |text| format!("{name}　{text}")))
            })
            .collect()
    }
}

fn japanese(date: Date) -> String {
    format!("{}年{}月{}日", date.year(), date.month(), date.day())
}
