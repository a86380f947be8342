//! Whatever a hospital sends gives rows that read back as they were written, or none; never a panic.
//!
//! Noise is hardly ever JSON, so most inputs are resources of the corpus with parts replaced by what does not belong there.

use std::path::Path;

use azalea_core::wire::Wire;
use serde_json::{Value as Json, json};

use super::document::document_view;
use super::search::parse_birth;
use super::*;
use crate::store::tables::{CareRow, EntryRow, PersonRow, ScopeRow};
use crate::web::password::Verifier;

/// Which resource; which of its parts is replaced by which other value; which part stands how many times in a list.
type Damage = (u8, Vec<(u16, u8)>, Option<(u16, u8)>);

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/index/__fuzz__");
    let files = std::fs::read_dir(folder.join(target).join("corpus")).expect("the corpus");
    let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).expect("a file")).collect()
}

fn read_again<T: Wire>(row: &T) {
    let bytes = row.to_bytes();
    let again = T::from_bytes(&bytes).expect("what we write we can read");
    assert!(again.to_bytes() == bytes, "read and written again, the row differs");
}

/// Everything that the index makes of a record.
fn index(raw: &[u8]) {
    if let Ok(row) = patient_row(raw) {
        read_again(&row);
    }
    for row in timeline_rows(raw).unwrap_or_default() {
        let _ = row.series_key();
        read_again(&row);
    }
    let _ = document_view(raw);
}

fn parts(value: &Json) -> usize {
    1 + match value {
        Json::Array(items) => items.iter().map(parts).sum(),
        Json::Object(fields) => fields.values().map(parts).sum(),
        _ => 0,
    }
}

/// The part with this number, counted from the root in order.
fn part<'a>(value: &'a mut Json, at: &mut usize) -> Option<&'a mut Json> {
    if *at == 0 {
        return Some(value);
    }
    *at -= 1;
    match value {
        Json::Array(items) => items.iter_mut().find_map(|item| part(item, at)),
        Json::Object(fields) => fields.values_mut().find_map(|field| part(field, at)),
        _ => None,
    }
}

/// What does not belong where it is put.
fn strangers() -> Vec<Json> {
    vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(1.50),
        json!(""),
        json!("字".repeat(30_000)),
        json!("2026-13-45T25:61:61+99:99"),
        json!("0000"),
        json!("<div><script>".repeat(40)),
        json!([]),
        json!({}),
        json!([[[["a"]]]]),
        json!({ "coding": [{ "code": "3F050000002327101" }], "text": "血糖" }),
        json!([{ "family": "山", "given": ["田"], "use": "official" }]),
    ]
}

fn damaged(resources: &[Json], (which, edits, many): &Damage) -> Vec<u8> {
    let strangers = strangers();
    let mut resource = resources[usize::from(*which) % resources.len()].clone();
    let mut replace = |at: u16, new: &mut dyn FnMut(&Json) -> Json| {
        let mut at = usize::from(at) % parts(&resource);
        if let Some(part) = part(&mut resource, &mut at) {
            *part = new(part);
        }
    };
    for (at, with) in edits.iter().take(4) {
        replace(*at, &mut |_| strangers[usize::from(*with) % strangers.len()].clone());
    }
    if let Some((at, times)) = many {
        replace(*at, &mut |part| Json::Array(vec![part.clone(); usize::from(*times)]));
    }
    resource.to_string().into_bytes()
}

#[test]
fn fuzz_index() {
    let corpus = corpus("index");
    assert!(corpus.len() >= 8, "resources of many types");
    corpus.iter().for_each(|raw| assert!(timeline_rows(raw).is_ok(), "a resource gives rows"));
    let resources: Vec<Json> =
        corpus.iter().map(|raw| serde_json::from_slice(raw).expect("JSON")).collect();
    bolero::check!(name = "index").with_iterations(1_000).for_each(index);
    bolero::check!(name = "index_damaged")
        .with_iterations(800)
        .with_type::<Damage>()
        .for_each(|damage| index(&damaged(&resources, damage)));
}

#[test]
fn fuzz_index_row() {
    fn check<T: Wire>(bytes: &[u8]) {
        if let Ok(row) = T::from_bytes(bytes) {
            assert!(row.to_bytes() == bytes, "read and written again, the row differs");
        }
    }
    fn any(bytes: &[u8]) {
        check::<TimelineRow>(bytes);
        check::<PatientRow>(bytes);
        check::<EntryRow>(bytes);
        check::<PersonRow>(bytes);
        check::<ScopeRow>(bytes);
        check::<CareRow>(bytes);
        let _ = EntryRow::patch(bytes, 2, true);
    }
    let mut samples = Vec::new();
    for raw in corpus("index") {
        samples.extend(patient_row(&raw).ok().map(|row| row.to_bytes()));
        let rows = timeline_rows(&raw).expect("a resource gives rows");
        samples.extend(rows.iter().map(Wire::to_bytes));
    }
    bolero::check!(name = "index_row").with_iterations(2_000).for_each(any);
    bolero::check!(name = "index_row_damaged")
        .with_iterations(4_000)
        .with_type::<(u8, Vec<(u16, u8)>, Option<u16>)>()
        .for_each(|(which, edits, cut)| {
            let mut bytes = samples[usize::from(*which) % samples.len()].clone();
            for (at, byte) in edits {
                let at = usize::from(*at) % bytes.len();
                bytes[at] = *byte;
            }
            bytes.truncate(cut.map_or(bytes.len(), usize::from));
            any(&bytes);
        });
}

#[test]
fn fuzz_text() {
    bolero::check!(name = "text").with_iterations(4_000).for_each(|bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        let _ = parse_birth(&text);
        if let Ok(verifier) = Verifier::from_text(&text) {
            assert_eq!(verifier.to_text(), text, "one verifier, one form");
        }
    });
}
