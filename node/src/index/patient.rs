//! From a Patient resource, or the Patient inside a document, to the row that the patient list shows.

use azalea_core::wire::{Limit, Reader, Wire, WireError, Writer};
use serde_json::Value;

use super::IndexError;
use super::date::Day;
use super::fhir::{extension, human_name, list, text};
use super::fold::is_kana;
use super::row::cut;

const FORMAT: u8 = 1;
const TEXT: Limit = Limit { name: "patient_text_bytes_max", max: 4_096 };
const ITEMS: Limit = Limit { name: "patient_items_max", max: 64 };
const REPRESENTATION: &str = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation";
const LANGUAGE: &str = "http://hl7.org/fhir/StructureDefinition/language";

/// 性別, as FHIR has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gender {
    /// 男
    Male,
    /// 女
    Female,
    /// その他
    Other,
    /// 不明
    Unknown,
}

impl Gender {
    const ALL: [Self; 4] = [Self::Male, Self::Female, Self::Other, Self::Unknown];
}

/// A number under which someone knows the patient.
#[derive(Clone, PartialEq, Eq)]
pub struct Identifier {
    /// Whose number it is, as a URI; may be empty.
    pub system: String,
    /// The number as written.
    pub value: String,
}

/// What the list shows and searches. Prints nothing of the patient.
#[derive(Clone, PartialEq, Eq)]
pub struct PatientRow {
    /// The name, in kanji where the record has it.
    pub name: String,
    /// The reading, as written.
    pub kana: Option<String>,
    /// Other names: a maiden name, another script.
    pub other_names: Vec<String>,
    /// The date of birth.
    pub birth: Option<Day>,
    /// The gender.
    pub gender: Gender,
    /// Whether the record states a death.
    pub deceased: bool,
    /// The numbers.
    pub identifiers: Vec<Identifier>,
    /// The first telephone number.
    pub phone: Option<String>,
    /// The first address in one line.
    pub address: Option<String>,
}

impl std::fmt::Debug for PatientRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PatientRow({} identifiers)", self.identifiers.len())
    }
}

/// The row of the patient that these bytes are about.
pub fn patient_row(raw: &[u8]) -> Result<PatientRow, IndexError> {
    let value: Value = serde_json::from_slice(raw).map_err(|_| IndexError::NotJson)?;
    match text(&value, "resourceType").ok_or(IndexError::NoType)? {
        "Patient" => Ok(row(&value)),
        "Bundle" => patient_of_bundle(&value).map(row).ok_or(IndexError::NoPatient),
        _ => Err(IndexError::NoPatient),
    }
}

/// The patient that a document is about: the composition's subject, or the only patient there is.
fn patient_of_bundle(bundle: &Value) -> Option<&Value> {
    let resources =
        || list(bundle, "entry").iter().filter_map(|entry| Some((entry, entry.get("resource")?)));
    let is = |resource: &Value, kind: &str| text(resource, "resourceType") == Some(kind);
    let composition = resources().find(|(_, resource)| is(resource, "Composition"));
    let subject = composition.and_then(|(_, it)| text(it.get("subject")?, "reference"));
    let named = resources().find(|(entry, resource)| {
        is(resource, "Patient") && subject.is_some() && text(entry, "fullUrl") == subject
    });
    named.or_else(|| resources().find(|(_, resource)| is(resource, "Patient"))).map(|(_, it)| it)
}

fn row(patient: &Value) -> PatientRow {
    let mut names = Names::default();
    list(patient, "name").iter().for_each(|name| names.take(name));
    let (name, kana, other_names) = names.settle();
    PatientRow {
        name,
        kana,
        other_names,
        birth: text(patient, "birthDate").and_then(Day::from_fhir),
        gender: match text(patient, "gender") {
            Some("male") => Gender::Male,
            Some("female") => Gender::Female,
            Some("other") => Gender::Other,
            _ => Gender::Unknown,
        },
        deceased: patient.get("deceasedBoolean").and_then(Value::as_bool).unwrap_or(false)
            || patient.get("deceasedDateTime").is_some(),
        identifiers: identifiers(patient),
        phone: phone(patient),
        address: list(patient, "address").iter().find_map(address),
    }
}

#[derive(Default)]
struct Names {
    ideographic: Vec<String>,
    syllabic: Vec<String>,
    alphabetic: Vec<String>,
    unmarked: Vec<String>,
    old: Vec<String>,
}

impl Names {
    fn take(&mut self, name: &Value) {
        let Some(written) = human_name(name) else { return };
        if matches!(text(name, "use"), Some("old" | "maiden" | "nickname" | "anonymous")) {
            return self.old.push(written);
        }
        match representation(name) {
            Some("IDE") => self.ideographic.push(written),
            Some("SYL" | "ja-Kana" | "ja-Hrkt" | "ja-Hira") => self.syllabic.push(written),
            Some("ABC") => self.alphabetic.push(written),
            _ if is_kana(&written) => self.syllabic.push(written),
            _ => self.unmarked.push(written),
        }
    }

    /// The name to show, its reading, and the rest.
    fn settle(self) -> (String, Option<String>, Vec<String>) {
        let kana = self.syllabic.first().cloned();
        let mut all = self.ideographic.into_iter().chain(self.unmarked).chain(self.alphabetic);
        let name = all.next().or_else(|| kana.clone()).or_else(|| self.old.first().cloned());
        let name = name.unwrap_or_default();
        let mut others: Vec<String> = Vec::new();
        for other in all.chain(self.syllabic).chain(self.old) {
            let known = other == name || Some(&other) == kana.as_ref() || others.contains(&other);
            if !known && others.len() < ITEMS.max {
                others.push(other);
            }
        }
        (name, kana, others)
    }
}

fn representation(name: &Value) -> Option<&str> {
    let value = extension(name, REPRESENTATION).or_else(|| extension(name, LANGUAGE))?;
    text(value, "valueCode").or_else(|| text(value, "valueString"))
}

fn identifiers(patient: &Value) -> Vec<Identifier> {
    let stated = list(patient, "identifier").iter().filter_map(|identifier| {
        let value = text(identifier, "value")?.to_owned();
        Some(Identifier {
            system: text(identifier, "system").unwrap_or_default().to_owned(),
            value,
        })
    });
    stated.take(ITEMS.max).collect()
}

fn phone(patient: &Value) -> Option<String> {
    let is_phone = |telecom: &&Value| matches!(text(telecom, "system"), Some("phone") | None);
    list(patient, "telecom")
        .iter()
        .filter(is_phone)
        .find_map(|it| text(it, "value"))
        .map(str::to_owned)
}

fn address(address: &Value) -> Option<String> {
    if let Some(text) = text(address, "text") {
        return Some(text.to_owned());
    }
    let lines = address.get("line").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let parts: Vec<&str> = ["state", "city"]
        .iter()
        .filter_map(|key| text(address, key))
        .chain(lines.iter().filter_map(Value::as_str))
        .collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

impl Wire for Identifier {
    fn write(&self, writer: &mut Writer) {
        writer.text(cut(&self.system));
        writer.text(cut(&self.value));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self { system: reader.text(TEXT)?.to_owned(), value: reader.text(TEXT)?.to_owned() })
    }
}

impl Wire for PatientRow {
    fn write(&self, writer: &mut Writer) {
        writer.u8(FORMAT);
        writer.text(cut(&self.name));
        for text in [&self.kana, &self.phone, &self.address] {
            writer.text(text.as_deref().map_or("", cut));
        }
        writer.count(self.other_names.len());
        self.other_names.iter().for_each(|name| writer.text(cut(name)));
        writer.option(&self.birth);
        let gender = Gender::ALL.iter().position(|gender| *gender == self.gender);
        writer.u8(u8::try_from(gender.unwrap_or_default()).expect("four genders"));
        writer.bool(self.deceased);
        writer.list(&self.identifiers);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let found = reader.u8("row format")?;
        if found != FORMAT {
            return Err(WireError::Version { field: "patient row", found, known: FORMAT });
        }
        let name = reader.text(TEXT)?.to_owned();
        let mut optional =
            || reader.text(TEXT).map(|text| Some(text.to_owned()).filter(|text| !text.is_empty()));
        let (kana, phone, address) = (optional()?, optional()?, optional()?);
        let mut other_names = Vec::new();
        for _ in 0..reader.count(ITEMS)? {
            other_names.push(reader.text(TEXT)?.to_owned());
        }
        let birth = reader.option("birth")?;
        let gender = Gender::ALL.get(usize::from(reader.u8("gender")?)).copied();
        let gender = gender.ok_or(WireError::Invalid { field: "gender" })?;
        let deceased = reader.bool("deceased")?;
        let identifiers = reader.list(ITEMS)?;
        Ok(Self { name, kana, other_names, birth, gender, deceased, identifiers, phone, address })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str) -> PatientRow {
        let row = patient_row(json.as_bytes()).expect("a patient");
        assert!(PatientRow::from_bytes(&row.to_bytes()).expect("our own form") == row);
        row
    }

    #[test]
    fn kanji_and_kana_are_told_apart_by_their_marks() {
        let row = check(
            r#"{"resourceType":"Patient","name":[
              {"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation","valueCode":"SYL"}],
               "family":"ヤマダ","given":["タロウ"]},
              {"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation","valueCode":"IDE"}],
               "text":"山田 太郎"},{"use":"maiden","text":"鈴木 太郎"}],
              "birthDate":"1950-03-04","gender":"male","identifier":[{"system":"urn:a","value":"007"}]}"#,
        );
        assert!(row.name == "山田 太郎" && row.kana.as_deref() == Some("ヤマダ タロウ"));
        assert!(row.other_names == ["鈴木 太郎"] && row.gender == Gender::Male);
        assert_eq!(row.birth.map(Day::number), Some(19500304));
    }

    #[test]
    fn unmarked_kana_is_a_reading_and_a_lone_reading_is_a_name() {
        let row = check(
            r#"{"resourceType":"Patient","name":[{"text":"さとう はな"},{"text":"佐藤 花"}]}"#,
        );
        assert!(row.name == "佐藤 花" && row.kana.as_deref() == Some("さとう はな"));
        let row = check(r#"{"resourceType":"Patient","name":[{"text":"ｻﾄｳ ﾊﾅ"}]}"#);
        assert!(row.name == "ｻﾄｳ ﾊﾅ" && row.kana.as_deref() == Some("ｻﾄｳ ﾊﾅ"));
    }

    #[test]
    fn a_document_gives_its_subject() {
        let row = check(
            r#"{"resourceType":"Bundle","type":"document","entry":[
              {"resource":{"resourceType":"Composition","subject":{"reference":"urn:uuid:b"}}},
              {"fullUrl":"urn:uuid:a","resource":{"resourceType":"Patient","name":[{"text":"A"}]}},
              {"fullUrl":"urn:uuid:b","resource":{"resourceType":"Patient","name":[{"text":"B"}]}}]}"#,
        );
        assert!(row.name == "B");
    }

    #[test]
    fn odd_shapes_give_an_error_or_an_empty_row_but_no_panic() {
        assert_eq!(patient_row(b"{").err(), Some(IndexError::NotJson));
        assert_eq!(patient_row(b"{}").err(), Some(IndexError::NoType));
        assert_eq!(
            patient_row(br#"{"resourceType":"Observation"}"#).err(),
            Some(IndexError::NoPatient)
        );
        let row = check(
            r#"{"resourceType":"Patient","name":"x","birthDate":7,"identifier":[1,{"value":2}]}"#,
        );
        assert!(row.name.is_empty() && row.identifiers.is_empty());
    }
}
