//! From one clinical resource to the rows of the timeline.
//!
//! One resource is one row, except that a document and a report also give rows for the results, allergies,
//! diagnoses and prescriptions inside them, marked as such: a referral's allergy must reach the banner.

use serde_json::Value;

use super::IndexError;
use super::date::CareTime;
use super::document;
use super::fhir::{
    codes, codings, concept, contained, first_concept, lexeme, list, period_end, reference_name,
    text, time,
};
use super::fold::fold;
use super::observation;
use super::row::{Category, Code, CodeKind, Standing, TimelineRow};

/// Rows that one record can give; a record with more is shown up to here and whole on its own page.
const ROWS_MAX: usize = 1_000;
const CODES_MAX: usize = 32;

/// The rows of a record, the record's own first. Patients and the facility's directory give none.
pub fn timeline_rows(raw: &[u8]) -> Result<Vec<TimelineRow>, IndexError> {
    let resource: Value = serde_json::from_slice(raw).map_err(|_| IndexError::NotJson)?;
    if !resource.is_object() {
        return Err(IndexError::NotJson);
    }
    let kind = text(&resource, "resourceType").ok_or(IndexError::NoType)?;
    if kind == "Bundle" {
        return Ok(bundle_rows(&resource));
    }
    let Some(own) = resource_row(&resource, kind) else { return Ok(Vec::new()) };
    let mut rows = vec![own];
    if kind == "DiagnosticReport" {
        let inner = list(&resource, "contained").iter();
        rows.extend(inner.filter_map(inner_row).take(ROWS_MAX));
    }
    Ok(rows)
}

fn bundle_rows(bundle: &Value) -> Vec<TimelineRow> {
    let Some(own) = document::row(bundle) else {
        let mut row = TimelineRow::new(Category::Other, "Bundle");
        row.at = time(bundle, &["timestamp"]);
        return vec![row];
    };
    let inner = list(bundle, "entry").iter().filter_map(|entry| inner_row(entry.get("resource")?));
    std::iter::once(own).chain(inner.take(ROWS_MAX)).collect()
}

/// A row for a resource inside another, where it is one that people look for by itself.
fn inner_row(resource: &Value) -> Option<TimelineRow> {
    let mut row = resource_row(resource, text(resource, "resourceType")?)?;
    row.inside_document = true;
    let wanted =
        !matches!(row.category, Category::Other | Category::Document | Category::Encounter);
    wanted.then_some(row)
}

fn resource_row(resource: &Value, kind: &str) -> Option<TimelineRow> {
    let mut row = TimelineRow::new(Category::Other, kind);
    match kind {
        "Patient" | "Practitioner" | "PractitionerRole" | "Organization" | "Location"
        | "Endpoint" | "HealthcareService" | "RelatedPerson" | "Person" | "Device"
        | "Medication" | "Provenance" => {
            return None;
        }
        "Observation" => observation::fill(&mut row, resource),
        "AllergyIntolerance" => allergy(&mut row, resource),
        "Condition" => condition(&mut row, resource),
        "MedicationRequest"
        | "MedicationDispense"
        | "MedicationAdministration"
        | "MedicationStatement" => {
            medication(&mut row, resource);
        }
        "Encounter" => encounter(&mut row, resource),
        "Procedure" => procedure(&mut row, resource),
        "Immunization" => immunization(&mut row, resource),
        "DiagnosticReport" => report(&mut row, resource),
        "ImagingStudy" => imaging(&mut row, resource),
        "DocumentReference" | "Composition" => document_reference(&mut row, resource),
        _ => other(&mut row, resource),
    }
    common(&mut row, resource);
    Some(row)
}

/// What all types share: status, codes, performer, and a title of last resort.
fn common(row: &mut TimelineRow, resource: &Value) {
    if row.status.is_empty() {
        row.status = text(resource, "status").unwrap_or_default().to_owned();
    }
    row.standing = standing(row, resource);
    let key = ["code", "medicationCodeableConcept", "vaccineCode"].into_iter();
    let stated = key.flat_map(|key| codings(resource, key)).filter_map(|coding| {
        let kind = CodeKind::of_system(text(coding, "system")?)?;
        Some(Code { kind, code: text(coding, "code")?.to_owned() })
    });
    row.codes = stated.take(CODES_MAX).collect();
    if row.performer.is_empty() {
        row.performer = performer(resource).unwrap_or_default();
    }
    if row.title.is_empty() {
        row.title = fallback_title(resource).unwrap_or_default();
    }
}

fn standing(row: &TimelineRow, resource: &Value) -> Standing {
    let has = |key: &str, wanted: &[&str]| codes(resource, key).any(|code| wanted.contains(&code));
    if has("verificationStatus", &["entered-in-error", "refuted"]) {
        return Standing::Void;
    }
    if has("clinicalStatus", &["resolved", "inactive", "remission"]) {
        return Standing::Past;
    }
    if has("verificationStatus", &["unconfirmed", "provisional", "differential"]) {
        return Standing::Pending;
    }
    match text(resource, "status").unwrap_or_default() {
        "entered-in-error" | "superseded" | "not-done" => Standing::Void,
        "amended" | "corrected" | "appended" => Standing::Corrected,
        "preliminary" | "registered" | "draft" | "planned" | "on-hold" | "preparation"
        | "unknown" => Standing::Pending,
        "stopped" | "cancelled" => Standing::Past,
        "completed" | "finished" if row.category == Category::Medication => Standing::Past,
        _ => Standing::Current,
    }
}

fn performer(resource: &Value) -> Option<String> {
    let keys = ["performer", "recorder", "asserter", "requester", "author", "participant"];
    let named = keys.iter().flat_map(|key| list(resource, key)).find_map(|item| {
        reference_name(item).or_else(|| {
            ["actor", "individual"].iter().find_map(|key| reference_name(item.get(*key)?))
        })
    });
    named.map(str::to_owned)
}

fn fallback_title(resource: &Value) -> Option<String> {
    let concepts = ["code", "type", "category", "serviceType", "vaccineCode"];
    let concept = concepts
        .iter()
        .find_map(|key| concept(resource.get(*key)).or_else(|| first_concept(resource, key)));
    let plain = ["title", "description", "name"]
        .iter()
        .find_map(|key| text(resource, key))
        .map(str::to_owned);
    concept.or(plain)
}

fn allergy(row: &mut TimelineRow, resource: &Value) {
    row.category = Category::Allergy;
    row.title = concept(resource.get("code")).unwrap_or_default();
    row.at = time(resource, &["recordedDate", "onsetDateTime", "onsetPeriod", "assertedDate"]);
    row.status = text(resource, "criticality").unwrap_or_default().to_owned();
    let reactions = list(resource, "reaction").iter().flat_map(|reaction| {
        let manifestations =
            list(reaction, "manifestation").iter().filter_map(|it| concept(Some(it)));
        manifestations.chain(text(reaction, "description").map(str::to_owned))
    });
    row.detail = reactions.take(8).collect::<Vec<_>>().join("、");
}

fn condition(row: &mut TimelineRow, resource: &Value) {
    row.category = Category::Problem;
    row.title = concept(resource.get("code")).unwrap_or_default();
    row.at = time(resource, &["onsetDateTime", "onsetPeriod", "recordedDate", "assertedDate"]);
    row.until = time(resource, &["abatementDateTime", "abatementPeriod"]);
    row.status = codes(resource, "clinicalStatus").next().unwrap_or_default().to_owned();
    let site = first_concept(resource, "bodySite");
    let severity = concept(resource.get("severity"));
    row.detail = [site, severity].into_iter().flatten().collect::<Vec<_>>().join("・");
}

fn medication(row: &mut TimelineRow, resource: &Value) {
    row.category = Category::Medication;
    row.title = medication_name(resource).unwrap_or_default();
    row.at = time(
        resource,
        &[
            "authoredOn",
            "whenHandedOver",
            "whenPrepared",
            "effectiveDateTime",
            "effectivePeriod",
            "dateAsserted",
        ],
    );
    let supply = ["dispenseRequest", "daysSupply"].iter().find_map(|key| {
        let holder = resource.get(*key)?;
        let days = holder.get("expectedSupplyDuration").unwrap_or(holder);
        lexeme(days, "value")?.parse::<u16>().ok()
    });
    row.until = row.at.zip(supply).and_then(|(at, days)| supplied_until(at, days));
    let dosages = ["dosageInstruction", "dosage"].iter().flat_map(|key| list(resource, key));
    let mut words: Vec<String> = dosages.take(4).filter_map(dosage).collect();
    let quantity = resource
        .get("dispenseRequest")
        .and_then(|it| it.get("quantity"))
        .or(resource.get("quantity"));
    words.extend(quantity.and_then(amount));
    words.extend(supply.map(|days| format!("{days}日分")));
    row.detail = words.join("　");
}

fn medication_name(resource: &Value) -> Option<String> {
    if let Some(name) = concept(resource.get("medicationCodeableConcept")) {
        return Some(name);
    }
    let reference = resource.get("medicationReference")?;
    let inner = contained(resource, reference).and_then(|medication| {
        concept(medication.get("code")).or_else(|| {
            let parts = list(medication, "ingredient").iter();
            let names = parts.filter_map(|part| concept(part.get("itemCodeableConcept")));
            Some(names.collect::<Vec<_>>().join("＋")).filter(|names| !names.is_empty())
        })
    });
    inner.or_else(|| reference_name(reference).map(str::to_owned))
}

fn dosage(dosage: &Value) -> Option<String> {
    let timing = dosage.get("timing").and_then(|timing| concept(timing.get("code")));
    let words = text(dosage, "text").map(str::to_owned).or(timing);
    let dose = list(dosage, "doseAndRate")
        .iter()
        .find_map(|rate| amount(rate.get("doseQuantity")?))
        .or_else(|| amount(dosage.get("dose")?));
    match (words, dose) {
        // Directions that tell the dose themselves are not told it again.
        (Some(words), Some(dose)) if fold(&words).contains(&fold(&format!("1回{dose}"))) => {
            Some(words)
        }
        (Some(words), Some(dose)) => Some(format!("{words}　1回{dose}")),
        (words, dose) => words.or(dose),
    }
}

fn amount(quantity: &Value) -> Option<String> {
    let unit = text(quantity, "unit").or_else(|| text(quantity, "code")).unwrap_or_default();
    lexeme(quantity, "value").map(|value| format!("{value}{unit}"))
}

/// The last day of a supply: the day it starts counts.
fn supplied_until(at: CareTime, days: u16) -> Option<CareTime> {
    let last = at.day.civil()?.checked_add(jiff::Span::new().days(i32::from(days) - 1)).ok()?;
    CareTime::from_fhir(&last.to_string())
}

fn encounter(row: &mut TimelineRow, resource: &Value) {
    row.category = Category::Encounter;
    row.at = time(resource, &["period"]);
    row.until = period_end(resource, "period");
    // The class (AMB, IMP, EMER…) is what people scan for; the page words it.
    let class = resource.get("class").and_then(|class| text(class, "code"));
    row.status = class.unwrap_or_default().to_owned();
    let reason = first_concept(resource, "reasonCode");
    let kind = first_concept(resource, "type").or_else(|| concept(resource.get("serviceType")));
    row.title = kind.or_else(|| reason.clone()).unwrap_or_default();
    let place =
        list(resource, "location").iter().find_map(|it| reference_name(it.get("location")?));
    let provider = resource.get("serviceProvider").and_then(reference_name);
    let reason = reason.filter(|reason| *reason != row.title);
    let words = [reason, place.map(str::to_owned), provider.map(str::to_owned)];
    row.detail = words.into_iter().flatten().collect::<Vec<_>>().join("・");
}

fn procedure(row: &mut TimelineRow, resource: &Value) {
    row.category = Category::Procedure;
    row.title = concept(resource.get("code")).unwrap_or_default();
    row.at = time(resource, &["performedDateTime", "performedPeriod"]);
    let words = [first_concept(resource, "bodySite"), first_concept(resource, "reasonCode")];
    row.detail = words.into_iter().flatten().collect::<Vec<_>>().join("・");
}

fn immunization(row: &mut TimelineRow, resource: &Value) {
    row.category = Category::Immunization;
    row.title = concept(resource.get("vaccineCode")).unwrap_or_default();
    row.at = time(resource, &["occurrenceDateTime", "recorded"]);
    let lot = text(resource, "lotNumber").map(|lot| format!("Lot {lot}"));
    let dose = resource.get("doseQuantity").and_then(amount);
    row.detail = [dose, lot].into_iter().flatten().collect::<Vec<_>>().join("・");
}

fn report(row: &mut TimelineRow, resource: &Value) {
    let category: Vec<&str> = codes(resource, "category").collect();
    let is = |wanted: &[&str]| category.iter().any(|code| wanted.contains(code));
    row.category =
        if is(&["LAB", "CH", "HM", "MB", "SR", "CP", "laboratory", "LP29693-6", "26436-6"]) {
            Category::Lab
        } else if is(&[
            "RAD",
            "IMG",
            "CT",
            "NMR",
            "RUS",
            "XRC",
            "NMS",
            "imaging",
            "LP29684-5",
            "18748-4",
        ]) {
            Category::Imaging
        } else {
            Category::Document
        };
    row.title = concept(resource.get("code")).unwrap_or_default();
    row.at = time(resource, &["effectiveDateTime", "effectivePeriod", "issued"]);
    row.detail = text(resource, "conclusion").unwrap_or_default().to_owned();
}

fn imaging(row: &mut TimelineRow, resource: &Value) {
    row.category = Category::Imaging;
    row.at = time(resource, &["started"]);
    let modality =
        list(resource, "modality").iter().find_map(|it| text(it, "display").or(text(it, "code")));
    row.title = text(resource, "description")
        .map(str::to_owned)
        .or_else(|| first_concept(resource, "procedureCode"))
        .or_else(|| modality.map(str::to_owned))
        .unwrap_or_default();
    let images = lexeme(resource, "numberOfInstances").map(|count| format!("{count}枚"));
    row.detail =
        [modality.map(str::to_owned), images].into_iter().flatten().collect::<Vec<_>>().join("・");
}

fn document_reference(row: &mut TimelineRow, resource: &Value) {
    row.category = Category::Document;
    let attachment =
        list(resource, "content").iter().find_map(|it| text(it.get("attachment")?, "title"));
    row.title = text(resource, "title")
        .or_else(|| text(resource, "description"))
        .or(attachment)
        .map(str::to_owned)
        .or_else(|| concept(resource.get("type")))
        .unwrap_or_default();
    row.at = time(resource, &["date", "created", "indexed"]);
    let kind = concept(resource.get("type")).filter(|kind| *kind != row.title);
    row.detail = kind.unwrap_or_default();
}

fn other(row: &mut TimelineRow, resource: &Value) {
    row.at = time(
        resource,
        &[
            "date",
            "authoredOn",
            "occurrenceDateTime",
            "performedDateTime",
            "effectiveDateTime",
            "period",
            "billablePeriod",
            "created",
            "recordedDate",
            "createdDateTime",
            "authored",
            "issued",
            "sent",
            "startDate",
            "recorded",
        ],
    );
    row.detail = text(resource, "description").unwrap_or_default().to_owned();
}

#[cfg(test)]
mod tests {
    use azalea_core::wire::Wire;

    use super::*;

    fn check(json: &str) -> TimelineRow {
        let rows = timeline_rows(json.as_bytes()).expect("a resource");
        let row = rows.into_iter().next().expect("a row");
        assert!(TimelineRow::from_bytes(&row.to_bytes()) == Ok(row.clone()));
        row
    }

    #[test]
    fn a_prescription_tells_drug_directions_and_days() {
        let row = check(
            r#"{"resourceType":"MedicationRequest","status":"active","authoredOn":"2020-04-01T12:28:17+09:00",
            "medicationCodeableConcept":{"coding":[{"system":"urn:oid:1.2.392.200119.4.403.1","code":"103835401",
              "display":"ムコダイン錠２５０ｍｇ"}]},
            "dosageInstruction":[{"text":"内服・経口・１日３回朝昼夕食後","doseAndRate":[{"doseQuantity":{"value":1,"unit":"錠"}}]}],
            "dispenseRequest":{"quantity":{"value":9,"unit":"錠"},"expectedSupplyDuration":{"value":3,"code":"d"}}}"#,
        );
        assert!(row.title == "ムコダイン錠２５０ｍｇ" && row.codes[0].kind == CodeKind::Hot);
        assert!(
            row.detail == "内服・経口・１日３回朝昼夕食後　1回1錠　9錠　3日分",
            "{}",
            row.detail
        );
        assert_eq!(row.until.map(|until| until.day.number()), Some(20200403));
    }

    #[test]
    fn what_was_entered_in_error_is_void() {
        for json in [
            r#"{"resourceType":"Observation","status":"entered-in-error"}"#,
            r#"{"resourceType":"Condition","verificationStatus":{"coding":[{"code":"entered-in-error"}]}}"#,
            r#"{"resourceType":"AllergyIntolerance","verificationStatus":{"coding":[{"code":"refuted"}]}}"#,
        ] {
            assert_eq!(check(json).standing, Standing::Void);
        }
    }

    #[test]
    fn a_stay_has_a_beginning_an_end_and_a_class() {
        let row = check(
            r#"{"resourceType":"Encounter","status":"finished","class":{"code":"IMP"},
            "period":{"start":"2022-05-08","end":"2022-05-20"},"reasonCode":[{"text":"肺炎"}]}"#,
        );
        assert!(row.status == "IMP" && row.title == "肺炎" && row.until.is_some());
    }

    #[test]
    fn an_unknown_type_still_gives_a_row_and_a_patient_none() {
        let row =
            check(r#"{"resourceType":"Novelty","code":{"text":"新しい種類"},"date":"2026-01-01"}"#);
        assert!(row.category == Category::Other && row.title == "新しい種類" && row.at.is_some());
        assert!(timeline_rows(br#"{"resourceType":"Patient"}"#).is_ok_and(|rows| rows.is_empty()));
        assert_eq!(timeline_rows(b"[]").err(), Some(IndexError::NotJson));
    }
}
