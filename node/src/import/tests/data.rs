//! Published FHIR data against counts and digests that another program made of it.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use serde_json::Value;
use sha2::Digest;

use super::*;
use crate::import::json::{Node, Parser, write_canonical};

/// Where the data is; `None` where the test cannot run.
fn data() -> Option<PathBuf> {
    let found = std::env::var_os("AZALEA_DATA").map(PathBuf::from);
    if found.is_none() {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "AZALEA_DATA has to be set in CI");
        println!("skipped: AZALEA_DATA is not set");
    }
    found
}

/// One line of a `resources.tsv.gz`: type, id, fullUrl, digest.
type Row = (String, String, String, String);

/// One set of files with what is expected of it.
struct Set {
    folder: PathBuf,
    expected: Value,
    rows: BTreeMap<String, Vec<Row>>,
}

impl Set {
    fn open(name: &str) -> Option<Self> {
        let data = data()?;
        let expected = std::fs::read(data.join(format!("{name}.expected.json"))).expect("counts");
        let expected = serde_json::from_slice(&expected).expect("JSON");
        let mut tsv = String::new();
        if let Ok(file) = std::fs::File::open(data.join(format!("{name}.resources.tsv.gz"))) {
            flate2::read::GzDecoder::new(file).read_to_string(&mut tsv).expect("rows");
        }
        let mut rows = BTreeMap::<String, Vec<Row>>::new();
        for line in tsv.lines().skip(1) {
            let fields: Vec<String> = line.split('\t').map(str::to_owned).collect();
            let [file, _, kind, id, full_url, digest] =
                <[String; 6]>::try_from(fields).expect("six fields");
            rows.entry(file).or_default().push((kind, id, full_url, digest));
        }
        let set = Self { folder: data.join(name), expected, rows };
        Some(set.with_files_that_hold_nothing())
    }

    fn with_files_that_hold_nothing(mut self) -> Self {
        for (file, about) in self.expected["per_file"].as_object().expect("files") {
            if about["resources"] == 0 {
                self.rows.entry(file.clone()).or_default();
            }
        }
        self
    }

    fn kind(&self, file: &str) -> &str {
        self.expected["per_file"][file]["kind"].as_str().expect("a kind")
    }
}

fn sha256(node: &Node<'_>) -> String {
    let mut canonical = Vec::new();
    write_canonical(node, &mut canonical);
    data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(&canonical))
}

fn text(node: &Node<'_>, key: &str) -> String {
    node.text_at(key).unwrap_or_default().to_owned()
}

/// The rows that a file's records come to, in the order in which they were given.
fn rows_of(kind: &str, given: &[RecordInput]) -> Vec<Row> {
    let mut rows = Vec::new();
    for record in given {
        let raw = std::str::from_utf8(&record.raw).expect("UTF-8");
        let node = Parser::new(raw).value().expect("JSON");
        if kind != "Bundle/document" {
            let url = record.full_url.clone().unwrap_or_default();
            rows.push((text(&node, "resourceType"), text(&node, "id"), url, sha256(&node)));
            continue;
        }
        for entry in node.get("entry").expect("entries").items() {
            let inner = entry.get("resource").expect("a resource");
            let url = text(entry, "fullUrl");
            rows.push((text(inner, "resourceType"), text(inner, "id"), url, sha256(inner)));
        }
    }
    rows
}

/// Every record stands in its file byte for byte, in the order in which it was given.
fn stand_in(file: &[u8], given: &[RecordInput]) {
    let mut rest = file;
    for record in given {
        let place = rest.windows(record.raw.len()).position(|window| window == record.raw);
        rest = &rest[place.expect("the bytes are those of the file") + record.raw.len()..];
    }
}

/// Imports every file of a set; returns the sink, the report's sums and the files with what was not taken.
fn import_all(set: &Set) -> (Listening, Counts, Vec<String>) {
    let mut sink = Listening::default();
    let mut counts = Counts::default();
    let mut refused = Vec::new();
    for (file, rows) in &set.rows {
        let path = set.folder.join(file);
        sink.given.clear();
        let report = import_file(&path, &mut sink, &mut |_| ()).expect("memory holds it");
        counts.add(&report.counts);
        if report.outcome == Outcome::SeenBefore {
            assert_eq!(
                report.counts.unchanged,
                rows.len() as u64,
                "{file} is a copy of an earlier one"
            );
            continue;
        }
        refused.extend(report.quarantined.iter().map(|item| {
            format!("{file} {} {}", item.entry.unwrap_or(1), item.cause.text(Language::English))
        }));
        let kind = set.kind(file);
        let found = rows_of(kind, &sink.given);
        let refused: Vec<u64> =
            report.quarantined.iter().map(|item| item.entry.unwrap_or(1) - 1).collect();
        let expected = rows.iter().zip(0..).filter(|(_, place)| !refused.contains(place));
        let expected: Vec<Row> = expected.map(|(row, _)| row.clone()).collect();
        assert_eq!(found.len(), expected.len(), "{file}");
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected, "{file}");
        }
        stand_in(&std::fs::read(&path).expect("the file is there"), &sink.given);
        if kind != "Bundle/document" {
            for (kind, number) in
                set.expected["per_file"][file]["by_type"].as_object().expect("counts")
            {
                let refused =
                    report.quarantined.iter().filter(|item| item.kind.as_ref() == Some(kind));
                let found = report.by_type.get(kind).copied().unwrap_or(0) + refused.count() as u64;
                assert_eq!(Some(found), number.as_u64(), "{file} {kind}");
            }
        }
        assert_eq!(report.form, kind, "{file}");
    }
    (sink, counts, refused)
}

/// How often a record's content differs from that before it, and how often it had been so earlier.
fn changes(set: &Set) -> (u64, u64) {
    let mut held = BTreeMap::<(&str, &str), Vec<&str>>::new();
    let (mut changed, mut older) = (0, 0);
    for (kind, id, _, digest) in set.rows.values().flatten() {
        let versions = held.entry((kind, id)).or_default();
        if versions.last().is_some_and(|last| last != digest) {
            changed += 1;
            older += u64::from(versions.contains(&digest.as_str()));
        }
        if versions.last() != Some(&digest.as_str()) {
            versions.push(digest);
        }
    }
    (changed, older)
}

#[test]
fn synthea_is_taken_whole_and_a_second_import_changes_nothing() {
    let Some(set) = Set::open("synthea") else { return };
    let (mut sink, counts, refused) = import_all(&set);
    assert!(refused.is_empty(), "{refused:?}");
    let number = |name: &str| set.expected[name].as_u64().expect("a number");
    assert_eq!(counts.records(), number("resource_occurrences"));
    assert_eq!(counts.taken, number("distinct_type_id"));
    // The expected file compares with the first version, the rule with the current one.
    let repeats = number("repeat_identical") + number("repeat_conflicting");
    assert_eq!(counts.unchanged + counts.new_versions, repeats);
    assert_eq!((counts.new_versions, counts.older_again), changes(&set));
    assert_eq!(sink.held.len() as u64, number("distinct_type_id"));

    let mut by_type = BTreeMap::<&str, u64>::new();
    for (key, versions) in sink.held.records() {
        *by_type.entry(&key.kind).or_default() += 1;
        let last = versions.last().expect("at least one");
        let directory = last.subject == Subject::Directory;
        assert_eq!(directory, describes_facility(&key.kind), "{}", key.kind);
    }
    let expected = set.expected["distinct_by_type"].as_object().expect("counts");
    assert_eq!(by_type.len(), expected.len());
    for (kind, number) in expected {
        assert_eq!(by_type.get(kind.as_str()).copied(), number.as_u64(), "{kind}");
    }

    sink.given.clear();
    let again = import_path(&set.folder, &mut sink, &mut |_| ());
    assert!(sink.given.is_empty());
    assert_eq!(again.counts.unchanged, counts.records());
    assert_eq!((again.counts.taken, again.counts.new_versions), (0, 0));
    let causes: Vec<_> = again.files.iter().flat_map(|file| &file.quarantined).collect();
    assert_eq!(causes.len(), 2, "the page about the source and the file in XML");
}

#[test]
fn japanese_documents_are_records_of_their_own_and_nothing_is_lost() {
    let Some(set) = Set::open("jp_fhir") else { return };
    let (sink, counts, refused) = import_all(&set);
    let documents = set.expected["bundles_by_type"]["document"].as_u64().expect("a number");
    let bundles = sink.held.records().filter(|(key, _)| key.kind == "Bundle");
    assert_eq!(bundles.map(|(_, versions)| versions.len() as u64).sum::<u64>(), documents);
    for (key, versions) in sink.held.records().filter(|(key, _)| key.kind == "Bundle") {
        let patients =
            versions.iter().all(|version| matches!(version.subject, Subject::Patient(_)));
        assert!(patients, "whose {} is", key.id);
    }
    let names: Vec<&str> = refused.iter().filter_map(|line| line.split('/').next_back()).collect();
    let expected = [
        "CarePlan-Example-JP-CarePlan-eCS-HT.json 1 CarePlan.subject",
        "Composition-Instance-for-Composition.json 1 Composition.subject",
        "Observation-Instance-for-Obs-BH.json 1 Observation.subject",
        "Observation-Instance-for-Obs-BW.json 1 Observation.subject",
        "Observation-Instance-for-Obs-ECGimpressionTF.json 1 Observation.subject",
        "Observation-Instance-for-Obs-ECGreason.json 1 Observation.subject",
        "Observation-Instance-for-Obs-ECGsubjectCategory.json 1 Observation.subject",
        "Composition-compositionReferralExample01.json 1 Composition.subject",
    ];
    assert_eq!(names.len(), expected.len(), "{names:#?}");
    assert!(names.iter().zip(expected).all(|(name, start)| name.starts_with(start)), "{names:#?}");
    let inner: u64 = set
        .rows
        .iter()
        .filter(|(file, _)| set.kind(file) == "Bundle/document")
        .map(|(_, rows)| rows.len() as u64)
        .sum();
    let occurrences = set.expected["resource_occurrences"].as_u64().expect("a number");
    assert_eq!(counts.records() + refused.len() as u64 + inner - documents, occurrences);
}

#[test]
fn every_resource_type_of_the_specification_makes_the_round_trip() {
    let Some(set) = Set::open("fhir_r4_spec") else { return };
    let (sink, counts, refused) = import_all(&set);
    assert!(refused.is_empty(), "{refused:#?}");
    assert_eq!(counts.skipped, 9, "requests to read");
    let found: std::collections::BTreeSet<_> =
        sink.held.records().map(|(key, _)| key.kind.clone()).collect();
    let expected = set.expected["distinct_by_type"].as_object().expect("counts");
    let missing: Vec<_> = expected.keys().filter(|kind| !found.contains(*kind)).collect();
    assert_eq!(missing, ["Composition"], "the only one stands in a document");
}

#[test]
fn every_bad_file_is_named_with_its_cause() {
    let Some(set) = Set::open("fhir_malformed") else { return };
    let mut sink = MemorySink::default();
    let folder = set.folder.join("validator_R4_Apache2");
    let report = import_path(&folder, &mut sink, &mut |_| ());
    let mut causes = BTreeMap::<&str, Vec<String>>::new();
    for file in &report.files {
        let name = file.path.rsplit('/').next().expect("a name");
        for item in &file.quarantined {
            let at = item.place.map_or(String::new(), |at| format!(" {}:{}", at.line, at.column));
            causes.entry(item.cause.code()).or_default().push(format!("{name}{at}"));
        }
    }
    assert_eq!(causes["xml"].len(), 105, "every XML file and nothing else");
    assert_eq!(causes["token"], ["shc.jwt"]);
    assert_eq!(causes["unknown-format"], ["json-comments-1.json", "shlink.txt"]);
    assert_eq!(
        causes["not-json"],
        [
            "bad-json-close-3.json 16:9",
            "json-comma-bad-2.json 9:7",
            "json-comments-2.json 3:3",
            "json-no-quotes-2.json 8:9",
        ]
    );
    let files = std::fs::read_dir(&folder).expect("a folder").count() as u64;
    assert_eq!(report.files_read, files);
}
