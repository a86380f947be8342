//! Published data that other programs have counted and digested; used where `AZALEA_DATA` says where it is.

use serde_json::value::RawValue;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::programs::root;

/// The folder of the data; says so and is `None` where it is not given, except in CI, where it has to be.
pub fn folder() -> Option<PathBuf> {
    let Some(given) = std::env::var_os("AZALEA_DATA").filter(|given| !given.is_empty()) else {
        let in_ci = std::env::var("CI").as_deref() == Ok("true");
        assert!(!in_ci, "AZALEA_DATA has to be set in CI");
        println!("skipped: AZALEA_DATA is not set");
        return None;
    };
    // Relative to the repository, wherever the test runs.
    let folder = root().join(given);
    assert!(folder.is_dir(), "AZALEA_DATA is {}, where no folder is", folder.display());
    Some(folder)
}

/// One resource of a data set, as the one who counted saw it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// The file below the set's folder.
    pub file: String,
    /// Its place in the file, from 0.
    pub entry: u64,
    /// The resource's type.
    pub kind: String,
    /// Its id, or nothing.
    pub id: String,
    /// Its digest, see [`digest`].
    pub digest: String,
}

/// What is expected of a data set.
pub fn expected(data: &Path, set: &str) -> Value {
    let text = std::fs::read(data.join(format!("{set}.expected.json"))).expect("the counts");
    serde_json::from_slice(&text).expect("the counts are JSON")
}

/// Every resource of a data set.
pub fn rows(data: &Path, set: &str) -> Vec<Row> {
    let file = std::fs::File::open(data.join(format!("{set}.resources.tsv.gz"))).expect("rows");
    let mut tsv = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut tsv).expect("rows in UTF-8");
    let row = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let [file, entry, kind, id, _, digest] = <[&str; 6]>::try_from(fields).expect("six fields");
        let entry = entry.parse().expect("a number");
        Row { file: file.into(), entry, kind: kind.into(), id: id.into(), digest: digest.into() }
    };
    tsv.lines().skip(1).map(row).collect()
}

/// The digest of a resource's content: SHA-256 of its JSON with sorted keys and no space, in which each number is `{"$n": "…"}` as
/// it was written. Made here from nothing of the product's, so that it can judge it.
pub fn digest(resource: &str) -> String {
    let mut text = String::with_capacity(resource.len());
    canonical(serde_json::from_str(resource).expect("a resource is JSON"), &mut text);
    data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes()))
}

/// Writes a value; each level is read from its bytes, since a number read as a number forgets how it was written.
fn canonical(value: &RawValue, out: &mut String) {
    let text = value.get();
    match text.as_bytes().first() {
        Some(b'{') => {
            // Keys are sorted by their UTF-8 bytes, which is the order of their code points; the last of a name counts.
            let fields: BTreeMap<String, &RawValue> = read(text);
            let mut before = '{';
            for (key, value) in fields {
                out.push(before);
                out.push_str(&json!(key).to_string());
                out.push(':');
                canonical(value, out);
                before = ',';
            }
            out.push_str(if before == '{' { "{}" } else { "}" });
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = read(text);
            let mut before = '[';
            for item in items {
                out.push(before);
                canonical(item, out);
                before = ',';
            }
            out.push_str(if before == '[' { "[]" } else { "]" });
        }
        Some(b'"') => out.push_str(&json!(read::<String>(text)).to_string()),
        Some(b'-' | b'0'..=b'9') => out.push_str(&json!({ "$n": text }).to_string()),
        _ => out.push_str(text),
    }
}

fn read<'a, T: serde::Deserialize<'a>>(text: &'a str) -> T {
    serde_json::from_str(text).expect("a part of JSON is JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_what_was_written() {
        let of = |text: &str| {
            let mut out = String::new();
            canonical(serde_json::from_str(text).unwrap(), &mut out);
            out
        };
        assert_eq!(of("[1.50E+3, -0.0,{}]"), r#"[{"$n":"1.50E+3"},{"$n":"-0.0"},{}]"#);
        assert_eq!(of(" { \"b\" : [ ],\"a\":null}"), r#"{"a":null,"b":[]}"#);
        assert_ne!(digest("1.5"), digest("1.50"));
        assert_eq!(digest(r#"{"b":"é"}"#), digest("{\"b\" : \"\\u00e9\"}"));
    }
}
