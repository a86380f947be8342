//! The words of FHIR R4 in Japan: JP Core profiles, systems and the shapes that every resource shares.

pub(crate) mod care;
pub(crate) mod directory;
pub(crate) mod document;
pub(crate) mod findings;
pub(crate) mod medication;
pub(crate) mod patient;

use jiff::civil::Date;

use super::json::{List, Object};

/// A point in time of the region's clocks: a day, an hour and a minute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) date: Date,
    pub(crate) minutes: u32,
}

impl Moment {
    pub(crate) fn new(date: Date, hour: u32, minute: u32) -> Self {
        Self { date, minutes: hour * 60 + minute }
    }

    pub(crate) fn later(self, minutes: u32) -> Self {
        Self { minutes: (self.minutes + minutes).min(24 * 60 - 1), ..self }
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}T{:02}:{:02}:00+09:00", self.date, self.minutes / 60, self.minutes % 60)
    }
}

/// A code with its system and its name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Coding<'a> {
    pub(crate) system: &'a str,
    pub(crate) code: &'a str,
    pub(crate) display: &'a str,
}

impl<'a> Coding<'a> {
    pub(crate) fn new(system: &'a str, code: &'a str, display: &'a str) -> Self {
        Self { system, code, display }
    }
}

pub(crate) fn profile(o: &mut Object<'_>, profile: &str, updated: Moment) {
    o.object("meta", |o| {
        o.text("lastUpdated", &updated.to_string());
        o.list("profile", |l| {
            l.text(&format!("http://jpfhir.jp/fhir/core/StructureDefinition/{profile}"));
        });
    });
}

pub(crate) fn concept(o: &mut Object<'_>, key: &str, codings: &[Coding<'_>], text: Option<&str>) {
    o.object(key, |o| fill_concept(o, codings, text));
}

pub(crate) fn concepts(o: &mut Object<'_>, key: &str, codings: &[Coding<'_>], text: Option<&str>) {
    o.list(key, |l| l.object(|o| fill_concept(o, codings, text)));
}

fn fill_concept(o: &mut Object<'_>, codings: &[Coding<'_>], text: Option<&str>) {
    if !codings.is_empty() {
        o.list("coding", |l| {
            for &each in codings {
                l.object(|o| fill_coding(o, each));
            }
        });
    }
    if let Some(text) = text {
        o.text("text", text);
    }
}

pub(crate) fn coding(o: &mut Object<'_>, key: &str, coding: Coding<'_>) {
    o.object(key, |o| fill_coding(o, coding));
}

fn fill_coding(o: &mut Object<'_>, coding: Coding<'_>) {
    o.text("system", coding.system);
    o.text("code", coding.code);
    if !coding.display.is_empty() {
        o.text("display", coding.display);
    }
}

pub(crate) fn reference(o: &mut Object<'_>, key: &str, target: &str) {
    o.object(key, |o| o.text("reference", target));
}

pub(crate) fn refer(l: &mut List<'_>, target: &str) {
    l.object(|o| o.text("reference", target));
}

pub(crate) fn identifiers(o: &mut Object<'_>, all: &[(&str, &str)]) {
    o.list("identifier", |l| {
        for (system, value) in all {
            l.object(|o| {
                o.text("system", system);
                o.text("value", value);
            });
        }
    });
}

/// A value with its unit in words and in UCUM; the number is written as given.
pub(crate) fn quantity(o: &mut Object<'_>, key: &str, lexeme: &str, unit: &str, ucum: &str) {
    o.object(key, |o| {
        o.raw("value", lexeme);
        if !unit.is_empty() {
            o.text("unit", unit);
        }
        o.text("system", UCUM);
        o.text("code", ucum);
    });
}

pub(crate) fn narrative(o: &mut Object<'_>, paragraphs: &[String]) {
    o.object("text", |o| {
        o.text("status", "generated");
        let mut div = String::from("<div xmlns=\"http://www.w3.org/1999/xhtml\">");
        for paragraph in paragraphs {
            div.push_str("<p>");
            div.push_str(paragraph);
            div.push_str("</p>");
        }
        div.push_str("</div>");
        o.text("div", &div);
    });
}

pub(crate) const UCUM: &str = "http://unitsofmeasure.org";
pub(crate) const LOINC: &str = "http://loinc.org";
pub(crate) const JLAC10: &str = "urn:oid:1.2.392.200119.4.504";
pub(crate) const HOT9: &str = "http://medis.or.jp/CodeSystem/master-HOT9";
pub(crate) const YJ: &str = "http://capstandard.jp/iyaku.info/CodeSystem/YJ-code";
pub(crate) const USAGE: &str = "http://jami.jp/CodeSystem/MedicationUsage";
pub(crate) const MERIT9_UNIT: &str =
    "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/MedicationUnitMERIT9Code";
pub(crate) const ICD10: &str = "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/ICD10-2013-full";
pub(crate) const DEPARTMENT: &str = "urn:oid:1.2.392.200250.2.2.2";
pub(crate) const INSTANCE: &str = "http://jpfhir.jp/fhir/core/IdSystem/resourceInstance-identifier";
pub(crate) const CATEGORY: &str =
    "http://jpfhir.jp/fhir/core/CodeSystem/JP_SimpleObservationCategory_CS";
pub(crate) const DOCUMENT_TYPE: &str = "http://jpfhir.jp/fhir/Common/CodeSystem/doc-typecodes";
pub(crate) const NAME_REPRESENTATION: &str =
    "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation";

/// Terminologies of HL7 itself.
pub(crate) fn hl7(name: &str) -> String {
    format!("http://terminology.hl7.org/CodeSystem/{name}")
}
