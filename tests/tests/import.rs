//! Published data through the real programs: what goes in by `azalea import` comes out by `azalea export`, digest by digest.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use azalea_tests::data::{self, Row};
use azalea_tests::fhir;
use azalea_tests::{HOSPITAL, Node, Region};

/// What is compared of a resource: type, id, digest.
type Content = (String, String, String);

/// A data set and the hospital that takes it.
struct Set {
    folder: PathBuf,
    expected: Value,
    rows: Vec<Row>,
    hospital: Node,
    _region: Region,
}

impl Set {
    fn open(name: &str) -> Option<Self> {
        let data = data::folder()?;
        let region = Region::start();
        let hospital = region.joined(&HOSPITAL);
        let digests = data.join(format!("{name}.resources.tsv.gz"));
        let rows = if digests.is_file() { data::rows(&data, name) } else { Vec::new() };
        let expected = data::expected(&data, name);
        Some(Self { folder: data.join(name), expected, rows, hospital, _region: region })
    }

    /// The report of an import of everything; files that are no FHIR JSON make it end with 1, never with a signal.
    fn import(&self) -> Value {
        let told = self.hospital.ask(&["import", self.folder.to_str().expect("a path in UTF-8")]);
        assert!(told.status.code().is_some_and(|code| code <= 1), "{}: {}", told.status, told.err);
        assert!(!told.err.contains("panicked"), "{}", told.err);
        let report = told.json();
        assert!(report["stopped"].is_null(), "{}", report["stopped"]);
        report
    }

    fn number(&self, name: &str) -> u64 {
        self.expected[name].as_u64().expect("a count")
    }

    /// What has to be there: every row but those that the report quarantined.
    fn wanted(&self, report: &Value) -> BTreeSet<Content> {
        let mut refused = BTreeSet::new();
        for (path, item) in quarantined(report) {
            let entry = item["entry"].as_u64().unwrap_or(1);
            refused.insert((path, entry - 1));
        }
        let is_taken = |row: &&Row| {
            !refused.iter().any(|(path, entry)| *entry == row.entry && path.ends_with(&row.file))
        };
        let content = |row: &Row| (row.kind.clone(), row.id.clone(), row.digest.clone());
        self.rows.iter().filter(is_taken).map(content).collect()
    }
}

fn quarantined(report: &Value) -> Vec<(String, &Value)> {
    let files = report["files"].as_array().expect("files");
    let items = files.iter().flat_map(|file| {
        let path = file["path"].as_str().expect("a path");
        file["quarantined"]
            .as_array()
            .into_iter()
            .flatten()
            .map(move |item| (path.to_owned(), item))
    });
    items.collect()
}

fn count(report: &Value, name: &str) -> u64 {
    report["counts"][name].as_u64().expect("a count")
}

fn content(resource: &str) -> Content {
    let read: Value = serde_json::from_str(resource).expect("a resource is JSON");
    let text = |name: &str| read[name].as_str().unwrap_or_default().to_owned();
    (text("resourceType"), text("id"), data::digest(resource))
}

/// Everything that an export holds; a document is counted by what stands in it, as the digests were made.
fn contents(export: &[String]) -> BTreeSet<Content> {
    let mut contents = BTreeSet::new();
    for resource in export {
        let read: Value = serde_json::from_str(resource).expect("an export is JSON");
        if read["resourceType"] == "Bundle" && read["type"] == "document" {
            contents.extend(fhir::resources(resource).iter().map(|inner| content(inner)));
        } else {
            contents.insert(content(resource));
        }
    }
    contents
}

/// The two must be equal; says what is missing or too much rather than printing both.
fn assert_same(found: &BTreeSet<Content>, wanted: &BTreeSet<Content>) {
    let missing: Vec<_> = wanted.difference(found).take(5).collect();
    let invented: Vec<_> = found.difference(wanted).take(5).collect();
    assert!(
        missing.is_empty() && invented.is_empty(),
        "missing {missing:?}, invented {invented:?}"
    );
}

#[test]
fn synthea_comes_out_as_it_went_in_and_a_second_import_changes_nothing() {
    let Some(set) = Set::open("synthea") else { return };
    let report = set.import();
    let records = ["taken", "unchanged", "new_versions"].map(|name| count(&report, name));
    assert_eq!(records.iter().sum::<u64>(), set.number("resource_occurrences"));
    assert_eq!(records[0], set.number("distinct_type_id"));
    assert_eq!(report["by_type"], set.expected["occurrences_by_type"]);

    let every_version = set.hospital.export(&["--all", "--versions"]);
    assert_same(&contents(&every_version), &set.wanted(&report));
    // Of each record one version is current.
    let current = contents(&set.hospital.export(&["--all"]));
    let keys: BTreeSet<_> = current.iter().map(|(kind, id, _)| (kind, id)).collect();
    assert_eq!((keys.len(), current.len() as u64), (current.len(), set.number("distinct_type_id")));
    let mut by_type = BTreeMap::<String, u64>::new();
    current.iter().for_each(|(kind, ..)| *by_type.entry(kind.clone()).or_default() += 1);
    assert_eq!(serde_json::json!(by_type), set.expected["distinct_by_type"]);

    let again = set.import();
    assert_eq!((count(&again, "taken"), count(&again, "new_versions")), (0, 0));
    assert_eq!(count(&again, "unchanged"), set.number("resource_occurrences"));
    assert_eq!(set.hospital.export(&["--all", "--versions"]), every_version);
    let checked = set.hospital.verify();
    assert!(checked["checked"]["records"].as_u64() >= Some(set.number("distinct_type_id")));
}

#[test]
fn japanese_documents_lose_nothing_where_ids_repeat() {
    let Some(set) = Set::open("jp_fhir") else { return };
    let report = set.import();
    let strays = quarantined(&report).into_iter().filter(|(_, item)| !item["kind"].is_null());
    let causes: Vec<_> = strays.map(|(_, item)| item["cause"]["code"].clone()).collect();
    assert_eq!(causes, vec![Value::from("patient-unknown"); 8], "their patients are in no file");
    let export = set.hospital.export(&["--all", "--versions"]);
    assert_same(&contents(&export), &set.wanted(&report));

    // Texts and extensions are equal because the bytes are.
    let mut files = String::new();
    for row in set.rows.iter().map(|row| &row.file).collect::<BTreeSet<_>>() {
        files.push_str(&std::fs::read_to_string(set.folder.join(row)).expect("a file"));
    }
    assert!(export.iter().all(|resource| files.contains(resource.as_str())));
    assert!(export.iter().any(|resource| resource.contains("アレルギー")));
    set.hospital.verify();
}

#[test]
fn every_resource_type_of_the_specification_makes_the_round_trip() {
    let Some(set) = Set::open("fhir_r4_spec") else { return };
    let report = set.import();
    let refused = quarantined(&report);
    assert!(
        refused.iter().all(|(_, item)| item["kind"].is_null()),
        "only whole files: {refused:#?}"
    );
    let found = contents(&set.hospital.export(&["--all", "--versions"]));
    assert_same(&found, &set.wanted(&report));
    let kinds: BTreeSet<_> = found.iter().map(|(kind, ..)| kind.as_str()).collect();
    let expected = set.expected["occurrences_by_type"].as_object().expect("counts");
    assert!(expected.keys().all(|kind| kinds.contains(kind.as_str())));
    set.hospital.verify();
}

#[test]
fn every_bad_file_is_named_with_its_cause() {
    let Some(set) = Set::open("fhir_malformed") else { return };
    let report = set.import();
    let expected = set.expected["per_file"].as_object().expect("files");
    // The page about the source lies beside the counted files.
    assert_eq!(report["files_read"], expected.len() as u64 + 1);
    let mut named = BTreeMap::<String, Vec<String>>::new();
    for (path, item) in quarantined(&report) {
        let cause = &item["cause"];
        for text in ["code", "en", "ja"] {
            assert!(cause[text].as_str().is_some_and(|text| !text.is_empty()), "{path}: {item}");
        }
        let code = cause["code"].as_str().unwrap_or_default().to_owned();
        named.entry(path).or_default().push(code);
    }
    let code_of = |file: &str| named.iter().find(|(path, _)| path.ends_with(file)).map(|it| it.1);
    for file in expected.keys().filter(|file| file.ends_with(".xml")) {
        assert_eq!(code_of(file), Some(&vec!["xml".to_owned()]), "{file}");
    }
    for (file, code) in [
        ("shc.jwt", "token"),
        ("bad-json-close-3.json", "not-json"),
        ("json-comma-bad-2.json", "not-json"),
        ("json-no-quotes-2.json", "not-json"),
        ("json-comments-1.json", "unknown-format"),
    ] {
        assert_eq!(code_of(file), Some(&vec![code.to_owned()]), "{file}");
    }
    // What was taken of the others is whole, and the quarantine can be read afterwards.
    set.hospital.verify();
    let kept = set.hospital.ask(&["quarantine", "list"]).expect("azalea quarantine list");
    assert!(kept["quarantined"].as_array().is_some_and(|kept| kept.len() >= named.len()));
}
