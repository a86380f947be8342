//! The hand that writes a chart: event after event of a course becomes resources.

use jiff::Span;
use jiff::civil::Date;

use super::Population;
use super::chart::{Chart, Resource, closure};
use super::course::{Course, Event, Kind};
use super::dice::Dice;
use super::diseases::Episode;
use super::drugs::Drug;
use super::fhir::Moment;
use super::fhir::care::{self, Contact, Diagnosis};
use super::fhir::findings::{self, Context, Sign};
use super::fhir::medication::{self, Numbers};
use super::fhir::patient;
use super::hospitals::{Department, Hospital, WARDS};
use super::labs::Panel;
use super::people::Person;

mod documents;

/// Writes the chart of `person` at the place-th of their hospitals.
pub(crate) fn chart(population: &Population, person: &Person, place: usize) -> Chart {
    let registration = &person.registrations[place];
    let hospital = &population.hospitals[registration.hospital];
    let course = Course::new(population, person, place);
    let local_id = registration.local_id.clone();
    let mut writer = Writer {
        hospital,
        directory: &population.directories[registration.hospital],
        course: &course,
        subject: format!("Patient/{local_id}"),
        local_system: format!("https://{}.hospital.example/codes", hospital.code),
        dice: population.dice.fork("chart", person.number * 8 + place as u64),
        resources: Vec::new(),
        local_id,
        orders: 0,
        until: population.options.until,
    };
    writer.face_sheet(registration);
    for event in &course.events {
        writer.event(event);
    }
    if person.registrations.len() > 1 {
        let other = &population.hospitals[person.registrations[1 - place].hospital];
        writer.referral(other);
    }
    let Writer { resources, directory, local_id, .. } = writer;
    let texts: Vec<&str> = resources.iter().map(|each| each.json.as_str()).collect();
    let known: Vec<&Resource> = directory.iter().collect();
    let directory = closure(&texts, &known).into_iter().cloned().collect();
    Chart {
        hospital: hospital.index,
        person: person.number,
        local_id,
        resources,
        directory,
        base: hospital.base(),
    }
}

struct Writer<'a> {
    hospital: &'a Hospital,
    directory: &'a [Resource],
    course: &'a Course<'a>,
    subject: String,
    local_id: String,
    local_system: String,
    dice: Dice,
    resources: Vec<Resource>,
    orders: u32,
    until: Date,
}

impl Writer<'_> {
    fn person(&self) -> &Person {
        self.course.person
    }

    fn next_id(&self, letter: char) -> String {
        format!("{}-{letter}{:05}", self.local_id, self.resources.len())
    }

    fn push(&mut self, kind: &'static str, id: &str, json: String) -> String {
        self.resources.push(Resource::new(kind, id, json));
        format!("{kind}/{id}")
    }

    fn doctor(&self, department: Department) -> String {
        // A person stays with one doctor of a department.
        format!("Practitioner/{}", self.hospital.doctor(department, self.person().number).id)
    }

    /// What is known from the first day: who it is, the insurance, allergies, long illnesses.
    fn face_sheet(&mut self, registration: &super::people::Registration) {
        let first = self.course.events.first().map_or(self.until, |event| event.date);
        let at = Moment::new(first, 8, 40);
        let id = self.local_id.clone();
        let json = patient::patient(self.hospital, self.person(), registration, &id, at);
        self.push("Patient", &id, json);
        let id = self.next_id('k');
        let json = patient::coverage(self.person(), &id, &self.subject, at);
        self.push("Coverage", &id, json);
        // Both hospitals are told of the same allergies.
        let mut habit = Dice::new(self.person().number ^ 0xa11e_2619).fork("allergy", 0);
        let allergies = habit.weighted([70u32, 22, 8].into_iter());
        for _ in 0..allergies {
            let allergy = habit.pick(care::ALLERGIES);
            let id = self.next_id('a');
            let json = care::allergy(&id, &self.subject, allergy, at);
            self.push("AllergyIntolerance", &id, json);
        }
        for illness in &self.course.illnesses {
            let recorded = Moment::new(illness.onset.max(first), 9, 30);
            let doctor = self.doctor(illness.disease.department);
            let id = self.next_id('c');
            let diagnosis = Diagnosis {
                subject: &self.subject,
                encounter: None,
                doctor: &doctor,
                icd: illness.disease.icd,
                icd_name: illness.disease.icd_name,
                name: illness.disease.name,
                onset: illness.onset,
                abatement: None,
                recorded,
            };
            let json = care::condition(&id, &diagnosis);
            self.push("Condition", &id, json);
        }
    }

    fn event(&mut self, event: &Event) {
        match event.kind {
            Kind::Visit { department, supply_days } => {
                self.visit(event.date, department, supply_days);
            }
            Kind::Stay { episode, days, severity } => {
                self.stay(event.date, episode, days, severity)
            }
            Kind::Vaccination { code, name } => {
                let at = Moment::new(event.date, 14, self.dice.below(60) as u32);
                let lot = self.dice.below(900) + 100;
                let id = self.next_id('i');
                let json =
                    care::immunization(&id, &self.subject, self.hospital, code, name, at, lot);
                self.push("Immunization", &id, json);
            }
        }
    }

    fn visit(&mut self, date: Date, department: Department, supply_days: u32) {
        let start = Moment::new(date, self.dice.between(9, 15) as u32, self.dice.below(60) as u32);
        let doctor = self.doctor(department);
        let subject = self.subject.clone();
        let id = self.next_id('e');
        let contact = Contact {
            subject: &subject,
            doctor: &doctor,
            department,
            start,
            end: start.later(25),
            stay: None,
        };
        let encounter = self.push("Encounter", &id, care::encounter(&id, &contact));
        self.vitals(&encounter, &doctor, start, false);
        let panels = self.course.panels(date, department);
        self.laboratory(&encounter, &doctor, start, &panels, None);
        let drugs = self.course.drugs(date, department);
        self.prescribe(&encounter, &doctor, start.later(20), &drugs, supply_days);
    }

    fn vitals(&mut self, encounter: &str, doctor: &str, at: Moment, full: bool) {
        let has = |key: &str| self.course.known(at.date).any(|i| i.disease.key == key);
        let pressure = if has("hypertension") { 138 } else { 124 };
        let lungs = if has("copd") { 93 } else { 97 };
        let systolic = pressure + (self.dice.deviation() * 11.0) as i64;
        let diastolic = systolic * 58 / 100 + self.dice.between(-4, 6);
        let subject = self.subject.clone();
        let local_system = self.local_system.clone();
        let context = Context {
            subject: &subject,
            encounter: Some(encounter),
            doctor,
            local_system: &local_system,
            at,
        };
        let id = self.next_id('v');
        let json = findings::blood_pressure(
            &id,
            context,
            systolic.clamp(84, 212),
            diastolic.clamp(44, 118),
        );
        self.push("Observation", &id, json);
        let mut signs = Vec::new();
        if full || self.dice.chance(0.6) {
            let beats = 74.0 + self.dice.deviation() * 9.0;
            signs.push(Sign {
                code: "8867-4",
                name: "脈拍数",
                lexeme: format!("{beats:.0}"),
                unit: "/分",
                ucum: "/min",
            });
        }
        if full || self.dice.chance(0.35) {
            let warmth = 36.4 + self.dice.deviation() * 0.25 + if full { 0.3 } else { 0.0 };
            signs.push(Sign {
                code: "8310-5",
                name: "体温",
                lexeme: format!("{warmth:.1}"),
                unit: "℃",
                ucum: "Cel",
            });
        }
        if full || has("copd") || has("heart-failure") {
            let saturation = (lungs + self.dice.between(-2, 2)).min(100);
            signs.push(Sign {
                code: "59408-5",
                name: "経皮的動脈血酸素飽和度",
                lexeme: saturation.to_string(),
                unit: "%",
                ucum: "%",
            });
        }
        if !full && self.dice.chance(0.3) {
            let weight = if self.person().female { 49.0 } else { 60.0 }
                + (self.person().number % 17) as f64
                - 6.0
                + self.dice.deviation() * 0.6;
            signs.push(Sign {
                code: "29463-7",
                name: "体重",
                lexeme: format!("{weight:.1}"),
                unit: "kg",
                ucum: "kg",
            });
        }
        for sign in &signs {
            let id = self.next_id('v');
            let json = findings::vital(&id, context, sign);
            self.push("Observation", &id, json);
        }
    }

    fn laboratory(
        &mut self,
        encounter: &str,
        doctor: &str,
        at: Moment,
        panels: &[&'static Panel],
        acute: Option<(&Episode, f64)>,
    ) -> Vec<String> {
        let subject = self.subject.clone();
        let local_system = self.local_system.clone();
        let context = Context {
            subject: &subject,
            encounter: Some(encounter),
            doctor,
            local_system: &local_system,
            at,
        };
        let mut done: Vec<(super::labs::Lab, String)> = Vec::new();
        for panel in panels {
            let mut results = Vec::new();
            for &lab in panel.labs {
                if let Some((_, known)) = done.iter().find(|(measured, _)| *measured == lab) {
                    results.push(known.clone());
                    continue;
                }
                let shifts = acute.map(|(episode, left)| (episode.shifts, left));
                let value = self.course.value(&mut self.dice, lab, at.date, shifts);
                let id = self.next_id('o');
                let json =
                    findings::laboratory(&id, context, lab.item(), self.person().female, value);
                let target = self.push("Observation", &id, json);
                done.push((lab, target.clone()));
                results.push(target);
            }
            let id = self.next_id('r');
            let json = findings::laboratory_report(&id, context, panel, &results);
            self.push("DiagnosticReport", &id, json);
        }
        done.into_iter().map(|(_, target)| target).collect()
    }

    fn prescribe(
        &mut self,
        encounter: &str,
        doctor: &str,
        at: Moment,
        drugs: &[&'static Drug],
        days: u32,
    ) -> Vec<String> {
        let subject = self.subject.clone();
        let local_system = self.local_system.clone();
        let context = Context {
            subject: &subject,
            encounter: Some(encounter),
            doctor,
            local_system: &local_system,
            at,
        };
        self.orders += 1;
        let mut written = Vec::new();
        let mut groups: Vec<super::drugs::Usage> = Vec::new();
        for drug in drugs {
            let group = groups.iter().position(|known| *known == drug.usage).unwrap_or_else(|| {
                groups.push(drug.usage);
                groups.len() - 1
            });
            let place = 1 + drugs
                .iter()
                .take_while(|each| each.name != drug.name)
                .filter(|each| each.usage == drug.usage)
                .count();
            let used_up = at.date.saturating_add(Span::new().days(i64::from(days)));
            let current = used_up >= self.until;
            let numbers = Numbers { order: self.orders, group: group + 1, place, current };
            let id = self.next_id('m');
            let json = medication::medication_request(&id, context, drug, days, numbers);
            written.push(self.push("MedicationRequest", &id, json));
        }
        written
    }

    fn stay(&mut self, date: Date, episode: &'static Episode, days: i64, severity: f64) {
        let start = Moment::new(date, self.dice.between(10, 20) as u32, self.dice.below(60) as u32);
        let last = date.saturating_add(Span::new().days(days));
        let end = Moment::new(last, 10, 30);
        let doctor = self.doctor(episode.department);
        let subject = self.subject.clone();
        let ward = format!("Location/{}", self.dice.pick(WARDS).0);
        let id = self.next_id('e');
        let contact = Contact {
            subject: &subject,
            doctor: &doctor,
            department: episode.department,
            start,
            end,
            stay: Some((&ward, episode)),
        };
        let encounter = self.push("Encounter", &id, care::encounter(&id, &contact));
        let id = self.next_id('c');
        let diagnosis = Diagnosis {
            subject: &subject,
            encounter: Some(&encounter),
            doctor: &doctor,
            icd: episode.icd,
            icd_name: episode.icd_name,
            name: episode.name,
            onset: date,
            abatement: Some(last),
            recorded: start.later(60),
        };
        let condition = self.push("Condition", &id, care::condition(&id, &diagnosis));
        if let Some((name, conclusion)) = episode.imaging {
            let at = start.later(90);
            let local_system = self.local_system.clone();
            let context = Context {
                subject: &subject,
                encounter: Some(&encounter),
                doctor: &doctor,
                local_system: &local_system,
                at,
            };
            let id = self.next_id('r');
            let json = findings::imaging_report(&id, context, name, conclusion);
            self.push("DiagnosticReport", &id, json);
        }
        if let Some(name) = episode.procedure {
            let at = Moment::new(date.saturating_add(Span::new().days(1)), 13, 20);
            let id = self.next_id('t');
            let json = care::procedure(&id, &subject, &encounter, &doctor, name, at);
            self.push("Procedure", &id, json);
        }
        let mut results = Vec::new();
        for day in 0..=days {
            let on = date.saturating_add(Span::new().days(day));
            self.vitals(
                &encounter,
                &doctor,
                Moment::new(on, 6, 30).later(if day == 0 { 800 } else { 0 }),
                true,
            );
            if day % 4 == 0 || day == days {
                // The acute values fall in a straight line and are mostly gone at the end.
                let left = (severity + 0.3) * (1.0 - day as f64 / days as f64 * 0.92);
                let at = Moment::new(on, 7, 10).later(if day == 0 { 790 } else { 0 });
                results =
                    self.laboratory(&encounter, &doctor, at, episode.panels, Some((episode, left)));
            }
            if day == 0 {
                self.prescribe(
                    &encounter,
                    &doctor,
                    start.later(70),
                    episode.drugs,
                    days.clamp(3, 14) as u32,
                );
            }
        }
        let mut drugs = self.course.drugs(last, Department::Medicine);
        for &drug in episode.drugs {
            if !drugs.iter().any(|known| known.name == drug.name) {
                drugs.push(drug);
            }
        }
        let medication = self.prescribe(&encounter, &doctor, end, &drugs, 14);
        self.discharge_summary(
            episode,
            &encounter,
            &condition,
            &doctor,
            (start, end),
            &medication,
            &results,
        );
    }
}
