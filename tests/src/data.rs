//! Published data that other programs have counted and digested; used where `AZALEA_DATA` says where it is.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
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
        let [file, _, kind, id, _, digest] = <[&str; 6]>::try_from(fields).expect("six fields");
        Row { file: file.into(), kind: kind.into(), id: id.into(), digest: digest.into() }
    };
    tsv.lines().skip(1).map(row).collect()
}

/// The digest of a resource's content: SHA-256 of its JSON with sorted keys and no space, in which each number is `{"$n": "…"}` as
/// it was written. Made here from nothing of the product's, so that it can judge it.
pub fn digest(resource: &str) -> String {
    digest_of(serde_json::from_str(resource).expect("a resource is JSON"))
}

/// As [`digest`], of JSON that was read already.
pub fn digest_of(value: Value) -> String {
    let text = serde_json::to_string(&canonical(value)).expect("JSON prints");
    data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes()))
}

fn canonical(value: Value) -> Value {
    match value {
        Value::Number(number) => json!({ "$n": number.to_string() }),
        Value::Array(items) => items.into_iter().map(canonical).collect(),
        Value::Object(fields) => {
            // Keys of this map are sorted by their UTF-8 bytes, which is the order of their code points.
            let fields = fields.into_iter().map(|(key, value)| (key, canonical(value)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_what_was_written() {
        assert_ne!(digest("1.5"), digest("1.50"));
        assert_eq!(canonical(serde_json::from_str("1.50e+3").unwrap()), json!({"$n": "1.50e+3"}));
        assert_eq!(
            digest(r#"{"b":[1,"é"],"a":null}"#),
            digest("{ \"a\":null,\"b\" : [1, \"\\u00e9\"] }")
        );
    }
}
