//! Any bytes at all: no panic, and the same records however the bytes arrive.

use std::io::{Read, Seek, SeekFrom};

use super::*;

/// Hands out a few bytes at a time.
struct Slow<'b> {
    bytes: Cursor<&'b [u8]>,
    step: usize,
}

impl Read for Slow<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let step = self.step.min(out.len());
        self.bytes.read(&mut out[..step])
    }
}

impl Seek for Slow<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.bytes.seek(to)
    }
}

fn check(bytes: &[u8]) {
    let mut whole = Listening::default();
    let report = import_bytes(bytes, &mut whole);
    let mut slow = Listening::default();
    let file = Slow { bytes: Cursor::new(bytes), step: 1 };
    let other = import_source(file, Path::new("file"), &mut slow, &mut |_| ()).expect("memory");
    assert!(whole.given == slow.given, "the same records in the same order");
    let json = |report: &FileReport| serde_json::to_string(report).expect("a report is JSON");
    assert_eq!(json(&report), json(&other), "the same report");
    if report.outcome == Outcome::Quarantined {
        assert!(whole.given.is_empty(), "nothing is half imported");
    }
    assert_eq!(whole.given.len() as u64, report.counts.records());
    for record in &whole.given {
        assert!(bytes.windows(record.raw.len()).any(|window| window == record.raw), "verbatim");
    }
    let again = import_bytes(bytes, &mut whole);
    assert_eq!(
        (again.counts.taken, again.counts.new_versions),
        (0, 0),
        "a second import changes nothing"
    );
}

#[test]
fn any_bytes_are_taken_or_refused_the_same_in_any_chunks() {
    bolero::check!(name = "import").with_iterations(1_500).with_max_len(512).for_each(
        |bytes: &[u8]| {
            check(bytes);
            check(fhir_like(bytes).as_bytes());
        },
    );
}

/// Random bytes are never FHIR; pieces of FHIR in random order sometimes are.
fn fhir_like(bytes: &[u8]) -> String {
    let bundle = bytes.first().is_some_and(|byte| byte % 4 != 0);
    let pieces: String =
        bytes.iter().map(|byte| PIECES[usize::from(*byte) % PIECES.len()]).collect();
    if !bundle {
        return pieces;
    }
    let kind = ["batch", "history", "document", "collection"][usize::from(bytes[0] / 4) % 4];
    let entries = pieces.trim_end_matches(',');
    format!("{{\"resourceType\":\"Bundle\",\"type\":\"{kind}\",\"entry\":[{entries}]}}")
}

const PIECES: [&str; 16] = [
    "{\"resource\":{\"resourceType\":\"Patient\",\"id\":\"1\"}},",
    "{\"resource\":{\"resourceType\":\"Patient\",\"id\":\"2\"},\"fullUrl\":\"urn:uuid:p\"},",
    "{\"fullUrl\":\"urn:uuid:o\",\"resource\":{\"resourceType\":\"Observation\",\"id\":\"1\",\"subject\":{\"reference\":\"urn:uuid:p\"}}},",
    "{\"resource\":{\"resourceType\":\"Observation\",\"id\":\"1\",\"valueQuantity\":{\"value\":1.50},\"subject\":{\"reference\":\"Patient/1\"}}},",
    "{\"resource\":{\"resourceType\":\"Provenance\",\"target\":[{\"reference\":\"urn:uuid:o\"}]}},",
    "{\"resource\":{\"resourceType\":\"Composition\",\"subject\":{\"reference\":\"urn:uuid:p\"},\"date\":\"2020-02\"}},",
    "{\"request\":{\"method\":\"DELETE\"}},",
    "{\"request\":{\"method\":\"GET\"}},",
    "{\"resource\":{\"id\":\"1\",\"id\":\"2\",\"resourceType\":\"Patient\"}},",
    "{\"resource\":{\"resourceType\":\"Binary\",\"id\":\"b\"}},",
    "{\"resource\":{\"resourceType\":\"DocumentReference\",\"subject\":{\"reference\":\"Patient/1\"},\"content\":[{\"attachment\":{\"url\":\"Binary/b\"}}]}},",
    "{\"resourceType\":\"Patient\",\"id\":\"x\"}\n",
    "7,",
    "\n",
    "}",
    "{\"entry\":[",
];
