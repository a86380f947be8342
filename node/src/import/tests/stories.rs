//! What an import does, told by small files.

use std::io::{Read, Seek, SeekFrom};

use super::*;

fn bundle(kind: &str, entries: &[&str]) -> String {
    format!(r#"{{"resourceType":"Bundle","type":"{kind}","entry":[{}]}}"#, entries.join(","))
}

fn entry(full_url: &str, resource: &str) -> String {
    format!(r#"{{"fullUrl":"{full_url}","resource":{resource}}}"#)
}

fn observation(id: &str, subject: &str) -> String {
    format!(r#"{{"resourceType":"Observation","id":"{id}","subject":{subject}}}"#)
}

const TARO: &str =
    r#"{"resourceType":"Patient","id":"taro","identifier":[{"system":"urn:mrn","value":"0042"}]}"#;

fn subject_of(sink: &MemorySink, kind: &str, id: &str) -> Option<Subject> {
    sink.versions(kind, id).last().map(|version| version.subject.clone())
}

fn patient(id: &str) -> Option<Subject> {
    Some(Subject::Patient(id.to_owned()))
}

fn codes(report: &FileReport) -> Vec<&'static str> {
    report.quarantined.iter().map(|item| item.cause.code()).collect()
}

#[test]
fn every_way_to_name_a_patient_leads_to_their_chart() {
    let observations = [
        ("relative", r#"{"reference":"Patient/taro"}"#),
        ("versioned", r#"{"reference":"Patient/taro/_history/3"}"#),
        ("absolute", r#"{"reference":"https://hospital.example/fhir/Patient/taro"}"#),
        ("urn", r#"{"reference":"urn:uuid:t"}"#),
        ("conditional", r#"{"reference":"Patient?identifier=urn:mrn|0042"}"#),
        ("number", r#"{"type":"Patient","identifier":{"system":"urn:mrn","value":"0042"}}"#),
    ];
    // The patient comes last: a reference may point ahead.
    let mut entries: Vec<String> = observations
        .iter()
        .map(|(id, subject)| entry("urn:uuid:x", &observation(id, subject)))
        .collect();
    entries.push(entry("urn:uuid:t", TARO));
    let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
    let mut sink = MemorySink::default();
    let report = import_bytes(bundle("transaction", &entries).as_bytes(), &mut sink);
    assert_eq!(report.counts.taken, 7);
    for (id, _) in observations {
        assert_eq!(subject_of(&sink, "Observation", id), patient("taro"), "{id}");
    }
}

#[test]
fn a_patient_who_cannot_be_found_holds_back_one_resource_until_they_are_known() {
    let file = bundle(
        "batch",
        &[
            &entry(
                "urn:uuid:1",
                &observation("1", r#"{"reference":"Patient?identifier=urn:mrn|0042"}"#),
            ),
            &entry("urn:uuid:2", &observation("2", r#"{"reference":"urn:uuid:nobody"}"#)),
            &entry("urn:uuid:3", &observation("3", r#"{"reference":"Patient/hanako"}"#)),
            &entry("urn:uuid:4", &observation("4", r#"{"reference":"urn:uuid:device"}"#)),
            &entry("urn:uuid:device", r#"{"resourceType":"Device","id":"d"}"#),
        ],
    );
    let mut sink = Listening::default();
    let report = import_bytes(file.as_bytes(), &mut sink);
    assert_eq!(report.outcome, Outcome::PartlyQuarantined);
    assert_eq!(codes(&report), ["patient-unknown", "patient-unknown"]);
    assert_eq!(report.quarantined[0].entry, Some(1));
    assert_eq!(subject_of(&sink.held, "Observation", "3"), patient("hanako"));
    assert_eq!(subject_of(&sink.held, "Observation", "4"), Some(Subject::Directory));

    import_bytes(TARO.as_bytes(), &mut sink);
    sink.given.clear();
    let report = import_bytes(file.as_bytes(), &mut sink);
    assert_eq!(codes(&report), ["patient-unknown"], "only the other one is still unknown");
    assert_eq!((report.counts.taken, report.counts.unchanged), (1, 3));
    assert_eq!(sink.given.len(), 1, "what is held is not given again");
    assert_eq!(subject_of(&sink.held, "Observation", "1"), patient("taro"));
}

/// Misfiling a result is worse than holding it back.
#[test]
fn a_name_that_two_patients_share_stands_for_neither() {
    let jiro = TARO.replace("taro", "jiro");
    let by_url = observation("1", r#"{"reference":"urn:uuid:t"}"#);
    let by_number = observation("2", r#"{"reference":"Patient?identifier=urn:mrn|0042"}"#);
    let file = bundle(
        "collection",
        &[
            &entry("urn:uuid:t", TARO),
            &entry("urn:uuid:t", &jiro),
            &entry("urn:uuid:1", &by_url),
            &entry("urn:uuid:2", &by_number),
        ],
    );
    let mut sink = MemorySink::default();
    let report = import_bytes(file.as_bytes(), &mut sink);
    assert_eq!(codes(&report), ["patient-unknown", "patient-unknown"]);
    assert_eq!(report.counts.taken, 2);
}

#[test]
fn a_resource_without_a_patient_of_its_own_follows_what_it_is_about() {
    let file = bundle(
        "collection",
        &[
            &entry(
                "urn:uuid:p",
                r#"{"resourceType":"Provenance","id":"p","target":[{"reference":"urn:uuid:o"}]}"#,
            ),
            &entry(
                "urn:uuid:b",
                r#"{"resourceType":"Binary","id":"b","contentType":"text/plain"}"#,
            ),
            &entry("urn:uuid:o", &observation("o", r#"{"reference":"urn:uuid:t"}"#)),
            &entry(
                "urn:uuid:d",
                r#"{"resourceType":"DocumentReference","id":"d","subject":{"reference":"Patient/taro"},"content":[{"attachment":{"url":"Binary/b"}}]}"#,
            ),
            &entry("urn:uuid:t", TARO),
            r#"{"resource":{"resourceType":"Group","id":"g","member":[{"entity":{"reference":"Patient/taro"}},{"entity":{"reference":"Patient/jiro"}}]}}"#,
            r#"{"resource":{"resourceType":"Organization","id":"h"}}"#,
        ],
    );
    let mut sink = MemorySink::default();
    import_bytes(file.as_bytes(), &mut sink);
    for (kind, id) in
        [("Provenance", "p"), ("Binary", "b"), ("Observation", "o"), ("DocumentReference", "d")]
    {
        assert_eq!(subject_of(&sink, kind, id), patient("taro"), "{kind}");
    }
    assert_eq!(subject_of(&sink, "Group", "g"), Some(Subject::Directory), "nobody's chart");
    assert!(!describes_facility("Group") && describes_facility("Organization"));
}

#[test]
fn a_document_is_one_record_and_belongs_to_the_subject_of_its_composition() {
    let document = |text: &str| {
        bundle("document", &[
            &entry("urn:uuid:c", &format!(
                r#"{{"resourceType":"Composition","id":"1","date":"2024-05-06","title":"{text}","subject":{{"reference":"urn:uuid:t"}}}}"#
            )),
            &entry("urn:uuid:t", TARO),
        ])
        .replacen("\"type\"", "\"identifier\":{\"value\":\"letter-7\"},\"type\"", 1)
    };
    let mut sink = MemorySink::default();
    import_bytes(document("紹介状").as_bytes(), &mut sink);
    let report = import_bytes(document("紹介状（訂正）").as_bytes(), &mut sink);
    assert_eq!(report.form, "Bundle/document");
    assert_eq!(report.counts.new_versions, 1);
    let versions = sink.versions("Bundle", "letter-7");
    assert_eq!(versions.len(), 2);
    assert_eq!(versions[0].raw, document("紹介状").into_bytes());
    assert_eq!((versions[0].year, versions[0].care_date), (2024, Some(20240506)));
    assert_eq!(versions[0].subject, Subject::Patient("taro".to_owned()));
    assert_eq!(sink.len(), 1, "its entries are not stored loose");
}

#[test]
fn content_that_comes_back_is_a_version_and_said_to_be_an_older_one() {
    let file = |value: &str| {
        format!(r#"{{"resourceType":"Observation","id":"1","valueQuantity":{{"value":{value}}}}}"#)
    };
    let mut sink = MemorySink::default();
    let mut counts = |text: &str| import_bytes(text.as_bytes(), &mut sink).counts;
    assert_eq!(counts(&file("1.5")).taken, 1);
    assert_eq!(counts(&file("1.50")).new_versions, 1, "another precision is other content");
    let spelt =
        "{ \"valueQuantity\":{\"value\":1.50},\"id\":\"1\",\"resourceType\":\"Observation\"}\n";
    assert_eq!(counts(spelt).unchanged, 1, "another spelling is the same content");
    let reverted = counts(&format!("{} ", file("1.5")));
    assert_eq!((reverted.new_versions, reverted.older_again), (1, 1));
    assert_eq!(counts(&file("1.5")).unchanged, 1, "the very first file again");
}

#[test]
fn a_history_is_taken_from_its_oldest_version_on() {
    let version = |text: &str| {
        entry(
            "http://h/Patient/1",
            &format!(r#"{{"resourceType":"Patient","id":"1","language":"{text}"}}"#),
        )
    };
    let file = bundle(
        "history",
        &[&version("new"), &version("old"), r#"{"request":{"method":"DELETE","url":"Patient/2"}}"#],
    );
    let mut sink = MemorySink::default();
    let report = import_bytes(file.as_bytes(), &mut sink);
    assert_eq!(codes(&report), ["deletion"]);
    let raw: Vec<_> =
        sink.versions("Patient", "1").iter().map(|version| version.raw.as_slice()).collect();
    assert!(raw[0].ends_with(b"\"old\"}") && raw[1].ends_with(b"\"new\"}"));
}

#[test]
fn requests_without_a_resource_are_skipped_and_deletions_are_named() {
    let file = bundle(
        "batch",
        &[
            r#"{"request":{"method":"GET","url":"Patient/1"}}"#,
            r#"{"response":{"status":"404"}}"#,
            r#"{"request":{"method":"DELETE","url":"Patient/1"}}"#,
            r#"{"resource":{"resourceType":"Binary","data":"W10="},"request":{"method":"PATCH","url":"Patient/1"}}"#,
        ],
    );
    let report = import_bytes(file.as_bytes(), &mut MemorySink::default());
    assert_eq!(codes(&report), ["deletion", "patch"]);
    assert_eq!(report.skipped[&Skipped::Request], 1);
    assert_eq!(report.skipped[&Skipped::Response], 1);
    assert_eq!(report.counts.skipped, 2);
}

/// A copy over a line that was cut must not leave the first half of a chart behind.
#[test]
fn a_file_that_stops_anywhere_leaves_nothing_behind() {
    let whole = bundle(
        "transaction",
        &[
            &entry("urn:uuid:t", TARO),
            &entry("urn:uuid:o", &observation("日", r#"{"reference":"Patient/taro"}"#)),
        ],
    );
    for end in 1..whole.len() {
        let mut sink = Listening::default();
        let report = import_bytes(&whole.as_bytes()[..end], &mut sink);
        assert_eq!(report.outcome, Outcome::Quarantined, "cut behind {end} bytes");
        assert!(sink.given.is_empty());
        assert!(matches!(codes(&report)[0], "truncated" | "not-json"), "{:?}", codes(&report));
    }
}

/// A sink whose disk is full after a number of batches.
struct Filling<'s>(&'s mut Listening, usize);

impl Sink for Filling<'_> {
    fn mark(&mut self, file: &[u8; 32]) -> Result<Option<Mark>, SinkError> {
        self.0.mark(file)
    }

    fn take(
        &mut self,
        file: &[u8; 32],
        mark: &Mark,
        batch: Vec<RecordInput>,
    ) -> Result<BatchOutcome, SinkError> {
        self.1 =
            self.1.checked_sub(1).ok_or_else(|| SinkError { reason: "disk full".to_owned() })?;
        self.0.take(file, mark, batch)
    }

    fn finished(&mut self, _: &[u8; 32], _: &Mark, _: &FileReport) -> Result<(), SinkError> {
        Err(SinkError { reason: "disk full".to_owned() })
    }

    fn patient_by_identifier(&self, system: &str, value: &str) -> Option<String> {
        self.0.patient_by_identifier(system, value)
    }
}

/// The process dies in the middle of a file that has two versions of one record in it. Reading it again from the start
/// would take the first version for a change of the second.
#[test]
fn an_interrupted_file_goes_on_where_it_was_and_doubles_nothing() {
    let version = |number: usize| {
        entry(
            "urn:uuid:x",
            &format!(
                r#"{{"resourceType":"Observation","id":"{}","note":[{{"text":"{number}"}}]}}"#,
                number % 700
            ),
        )
    };
    let entries: Vec<String> = (0..3_500).map(version).collect();
    let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
    let file = bundle("collection", &entries);
    for batches in 0..5 {
        let mut sink = Listening::default();
        let full = import_source(
            Cursor::new(file.as_bytes()),
            Path::new("f"),
            &mut Filling(&mut sink, batches),
            &mut |_| (),
        );
        assert!(full.is_err(), "the disk is full");
        let report = import_bytes(file.as_bytes(), &mut sink);
        assert_eq!(report.counts.records(), 3_500);
        assert_eq!(sink.given.len(), 3_500, "each was given once, after {batches} batches");
        assert_eq!(sink.held.versions("Observation", "0").len(), 5);
    }
}

/// Somebody writes the file anew between the first and the second reading.
struct Rewritten<'b> {
    readings: usize,
    now: Cursor<&'b [u8]>,
    later: &'b [u8],
}

impl Read for Rewritten<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        self.now.read(out)
    }
}

impl Seek for Rewritten<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.readings = self.readings.saturating_sub(1);
        if self.readings == 0 {
            self.now = Cursor::new(self.later);
        }
        self.now.seek(to)
    }
}

#[test]
fn a_file_that_changes_between_two_readings_is_not_taken() {
    let file = bundle("batch", &[&entry("urn:uuid:t", TARO)]);
    let other = file.replace("taro", "jiro");
    for readings in 2..4 {
        let mut sink = Listening::default();
        let rewritten =
            Rewritten { readings, now: Cursor::new(file.as_bytes()), later: other.as_bytes() };
        let report =
            import_source(rewritten, Path::new("f"), &mut sink, &mut |_| ()).expect("memory");
        assert_eq!(codes(&report), ["changed"], "before reading {readings}");
        assert!(sink.given.is_empty());
    }
}

#[test]
fn what_cannot_be_a_record_has_a_cause_and_the_rest_is_taken() {
    let long = "x".repeat(600);
    let cases = [
        (r#"{"id":"1"}"#.to_owned(), "no-resource-type"),
        (r#"{"resourceType":7}"#.to_owned(), "no-resource-type"),
        (r#"{"resourceType":"patient"}"#.to_owned(), "bad-resource-type"),
        (r#"{"resourceType":"Patient","id":7}"#.to_owned(), "id-not-text"),
        (r#"{"resourceType":"Patient","id":""}"#.to_owned(), "bad-id"),
        (r#"{"resourceType":"Patient","id":"a\u001b[2J"}"#.to_owned(), "bad-id"),
        (format!(r#"{{"resourceType":"Patient","id":"{long}"}}"#), "bad-id"),
        (r#"{"resourceType":"Patient","id":"1","id":"2"}"#.to_owned(), "repeated-key"),
        (
            r#"{"resourceType":"Patient","name":[{"text":"a","text":"b"}]}"#.to_owned(),
            "repeated-key",
        ),
        ("7".to_owned(), "bad-entry"),
    ];
    for (resource, code) in cases {
        let file = bundle(
            "batch",
            &[&format!(r#"{{"resource":{resource}}}"#), &entry("urn:uuid:t", TARO)],
        );
        let report = import_bytes(file.as_bytes(), &mut MemorySink::default());
        assert_eq!(codes(&report), [code], "{resource}");
        assert_eq!(report.counts.taken, 1);
    }
    let whole = [
        (r#"{"resourceType":"Bundle","entry":[]}"#, "bad-bundle-type"),
        (r#"{"resourceType":"Bundle","type":"batch","type":"document"}"#, "repeated-key"),
        ("", "empty"),
        ("\u{feff}\n", "empty"),
        ("{\"resourceType\":\"Patient\"} {}", "not-json"),
        ("<Patient/>", "xml"),
    ];
    for (file, code) in whole {
        let mut sink = Listening::default();
        assert_eq!(codes(&import_bytes(file.as_bytes(), &mut sink)), [code], "{file}");
        assert!(sink.given.is_empty());
    }
    let shift_jis = b"{\"resourceType\":\"Patient\",\n\"name\":[{\"text\":\"\x8e\x52\x93\x63\"}]}";
    let report = import_bytes(shift_jis, &mut MemorySink::default());
    assert_eq!(codes(&report), ["not-utf-8"]);
    assert_eq!(report.quarantined[0].place, Some(Place { line: 2, column: 18 }));
}

#[test]
fn an_entry_that_is_too_large_is_left_out_and_named() {
    let large =
        format!(r#"{{"resource":{{"resourceType":"Binary","data":"{}"}}}}"#, "A".repeat(9 << 20));
    let file = bundle("batch", &[&large, &entry("urn:uuid:t", TARO)]);
    let report = import_bytes(file.as_bytes(), &mut MemorySink::default());
    assert_eq!(codes(&report), ["too-large"]);
    assert_eq!(report.counts.taken, 1);
}

/// The causes go to logs, mails and screens of people who may not read the record.
#[test]
fn a_report_never_repeats_what_a_file_says() {
    let secret = "山田花子";
    let inside = [
        format!(r#"{{"resource":{{"resourceType":"{secret}"}}}}"#),
        format!(
            r#"{{"resource":{{"resourceType":"Observation","id":"1","subject":{{"reference":"urn:{secret}"}}}}}}"#
        ),
        format!(r#"{{"resource":{{"resourceType":"Patient","id":["{secret}"]}}}}"#),
        format!(r#"{{"fullUrl":["{secret}"],"resource":{{"resourceType":"Patient"}}}}"#),
    ];
    let inside: Vec<&str> = inside.iter().map(String::as_str).collect();
    let files = [
        bundle("batch", &inside),
        bundle(secret, &[]),
        format!("{{\"{secret}\":{secret}}}"),
        format!("{{\"resourceType\":\"{secret}"),
        secret.to_owned(),
    ];
    for file in files {
        let report = import_bytes(file.as_bytes(), &mut MemorySink::default());
        let json = serde_json::to_string(&report).expect("a report is JSON");
        for text in [
            json,
            report.text(Language::Japanese),
            report.text(Language::English),
            format!("{report:?}"),
        ] {
            assert!(!text.contains(secret) && text.len() > 10, "{text}");
        }
    }
}

#[test]
fn a_list_has_entries_too_and_lines_may_hold_bundles() {
    let list = r#"{"resourceType":"List","id":"l","entry":[{"item":{"reference":"Observation/o"}}],"subject":{"reference":"Patient/taro"}}"#;
    let lines = [
        list,
        TARO,
        &bundle("collection", &[r#"{"resource":{"resourceType":"Organization","id":"h"}}"#]),
    ]
    .join("\r\n");
    let mut sink = MemorySink::default();
    let report = import_bytes(format!("\u{feff}{lines}\n\n").as_bytes(), &mut sink);
    assert_eq!((report.form.as_str(), report.counts.taken), ("ndjson", 3));
    assert_eq!(sink.versions("List", "l")[0].raw, list.as_bytes());
    assert_eq!(subject_of(&sink, "List", "l"), patient("taro"));
}

#[test]
fn a_patient_inside_a_resource_is_a_person_known_by_nothing_else() {
    let claim = |inner: &str| {
        format!(
            r##"{{"resourceType":"Claim","id":"1","contained":[{{"resourceType":"Patient","id":"p"{inner}}}],"patient":{{"reference":"#p"}}}}"##
        )
    };
    let mut sink = MemorySink::default();
    import_bytes(claim("").as_bytes(), &mut sink);
    let Some(Subject::Patient(id)) = subject_of(&sink, "Claim", "1") else { panic!("a patient's") };
    assert!(id.starts_with("sha-"));
    import_bytes(TARO.as_bytes(), &mut sink);
    import_bytes(
        claim(r#","identifier":[{"system":"urn:mrn","value":"0042"}]"#).as_bytes(),
        &mut sink,
    );
    assert_eq!(subject_of(&sink, "Claim", "1"), patient("taro"));
}
