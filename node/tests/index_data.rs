//! The index over published data: every resource gives a row or is of a type that gives none, nothing is lost
//! to a panic, and Japanese text comes out as it stands in the record.

#![expect(clippy::tests_outside_test_module, reason = "an integration test is a test module")]

use std::path::{Path, PathBuf};

use azalea_core::wire::Wire;
use azalea_node::index::document::document_view;
use azalea_node::index::{Category, PatientRow, TimelineRow, patient_row, timeline_rows};
use serde_json::Value;

/// The data's folder; where there is none the test says so, and fails where it is to be complete.
fn data(folder: &str) -> Option<PathBuf> {
    let Some(root) = std::env::var_os("AZALEA_DATA") else {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "AZALEA_DATA is not set");
        eprintln!("skipped: AZALEA_DATA is not set");
        return None;
    };
    Some(Path::new(&root).join(folder))
}

/// The JSON texts under a folder: one for a file, one for a line of NDJSON.
fn texts(folder: &Path) -> Vec<String> {
    let mut texts = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the data is readable") {
            let path = entry.expect("the data is readable").path();
            let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
            let read = || std::fs::read_to_string(&path).expect("the data is UTF-8");
            match kind {
                _ if path.is_dir() => folders.push(path),
                "json" => texts.push(read()),
                "ndjson" => texts.extend(read().lines().map(str::to_owned)),
                _ => {}
            }
        }
    }
    texts
}

/// Records as the importer keeps them: documents whole, other Bundles by entry.
fn records(folder: &Path) -> Vec<Value> {
    let mut records = Vec::new();
    for text in texts(folder) {
        let Ok(value) = serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}')) else {
            continue;
        };
        let is_document = value["type"] == "document";
        match value["entry"].as_array() {
            Some(entries) if value["resourceType"] == "Bundle" && !is_document => {
                records.extend(entries.iter().map(|entry| entry["resource"].clone()));
            }
            _ => records.push(value),
        }
    }
    records.retain(|record| record["resourceType"].is_string());
    records
}

fn check_rows(record: &Value) -> Vec<TimelineRow> {
    let raw = record.to_string();
    let rows = timeline_rows(raw.as_bytes()).expect("a resource has rows, if none");
    for row in &rows {
        assert!(TimelineRow::from_bytes(&row.to_bytes()).expect("our own form") == *row);
    }
    rows
}

#[test]
fn japanese_examples_have_titles_dates_and_values() {
    let Some(folder) = data("jp_fhir") else { return };
    let records = records(&folder);
    assert!(records.len() > 100);
    let (mut named, mut japanese) = (0, 0);
    for record in &records {
        let kind = record["resourceType"].as_str().unwrap_or_default();
        let rows = check_rows(record);
        let listed =
            ["AllergyIntolerance", "Condition", "MedicationRequest", "Observation", "Encounter"];
        if listed.contains(&kind) {
            assert!(!rows.is_empty(), "{kind} {}", record["id"]);
            named += usize::from(!rows[0].title.is_empty());
            japanese += usize::from(azalea_node::index::fold::is_japanese(&rows[0].title));
        }
    }
    assert!(named > 60 && japanese * 10 > named * 7, "{named} named, {japanese} in Japanese");
}

#[test]
fn japanese_patients_have_kanji_and_kana() {
    let Some(folder) = data("jp_fhir") else { return };
    let mut found = Vec::new();
    for record in records(&folder) {
        if let Ok(row) = patient_row(record.to_string().as_bytes()) {
            assert!(PatientRow::from_bytes(&row.to_bytes()).expect("our own form") == row);
            found.push((
                row.name,
                row.kana.unwrap_or_default(),
                row.birth.map(|birth| birth.number()),
            ));
        }
    }
    let has = |name: &str, kana: &str, birth| {
        found.iter().any(|row| *row == (name.to_owned(), kana.to_owned(), Some(birth)))
    };
    assert!(has("山田 太郎", "ヤマダ タロウ", 19700101));
    assert!(has("牧野 爛漫", "マキノ ランマン", 19300628));
    assert!(has("健診 太郎", "ケンシン タロウ", 19500504));
}

#[test]
fn japanese_documents_read_as_text_and_give_up_their_allergies() {
    let Some(folder) = data("jp_fhir") else { return };
    let documents: Vec<Value> =
        records(&folder).into_iter().filter(|record| record["type"] == "document").collect();
    assert_eq!(documents.len(), 6);
    let mut allergies = Vec::new();
    let mut texts = String::new();
    for document in &documents {
        let rows = check_rows(document);
        assert_eq!(rows[0].category, Category::Document);
        assert!(!rows[0].title.is_empty() && rows[0].at.is_some());
        let inner = rows.iter().filter(|row| row.category == Category::Allergy);
        allergies.extend(inner.map(|row| row.title.clone()));
        let view = document_view(document.to_string().as_bytes()).expect("a document");
        assert!(!view.sections.is_empty());
        texts.extend(view.sections.iter().map(|section| section.text.as_str()));
    }
    assert!(!allergies.is_empty() && allergies.iter().all(|title| !title.is_empty()));
    assert!(texts.contains("腹痛精査お願いします。") && texts.contains("母　胃がん"));
    assert!(!texts.contains("<div") && !texts.contains("xmlns"));
}

#[test]
fn synthetic_charts_have_rows_of_every_kind() {
    let Some(folder) = data("synthea") else { return };
    let mut counts = std::collections::BTreeMap::<Category, usize>::new();
    let (mut dated, mut all) = (0, 0);
    for record in records(&folder) {
        for row in check_rows(&record) {
            *counts.entry(row.category).or_default() += 1;
            all += 1;
            dated += usize::from(row.at.is_some());
        }
    }
    for category in [
        Category::Allergy,
        Category::Problem,
        Category::Medication,
        Category::Lab,
        Category::Encounter,
        Category::Procedure,
        Category::Immunization,
        Category::Vital,
    ] {
        assert!(counts.get(&category).is_some_and(|count| *count > 0), "{category:?}");
    }
    assert!(dated * 100 > all * 95, "{dated} of {all} rows have a date");
}
