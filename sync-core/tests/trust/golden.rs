//! The binary forms do not change by accident: other facilities run older programs, and old signatures stay.
//!
//! A deliberate new form gets a new version byte and new lines; `AZALEA_GOLDEN=write` adds what is missing.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use azalea_core::access::{ScopeKind, Statement, created_scope, pair_scope, registry_scope};
use azalea_core::id::{DeviceId, FacilityId, NetworkId};
use azalea_core::identity::{Certificate, Identity};
use azalea_core::wire::Wire;

use super::sample;

#[test]
fn the_binary_forms_are_those_of_the_first_day() {
    let mut now: Vec<(String, Vec<u8>)> = Vec::new();
    for (name, certificate) in sample::certificates() {
        now.push((format!("certificate {name}"), certificate.to_bytes()));
    }
    for (name, statement) in sample::statements() {
        now.push((format!("statement {name}"), statement.to_bytes()));
    }
    now.push(("scope access".to_owned(), sample::access().to_bytes()));
    now.push(("identity".to_owned(), sample::identity().to_secret_bytes().to_vec()));
    let (network, facility) = (NetworkId([1; 32]), FacilityId([2; 16]));
    let (from, to) = (DeviceId([3; 16]), DeviceId([4; 16]));
    let ids = [
        ("scope id registry", registry_scope(&network)),
        ("scope id pair", pair_scope(&network, &from, &to)),
        ("scope id created", created_scope(ScopeKind::Chart, &facility, &[5; 16])),
    ];
    now.extend(ids.map(|(name, id)| (name.to_owned(), id.to_bytes())));

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/trust.txt");
    let mut golden = read(&path);
    if std::env::var_os("AZALEA_GOLDEN").is_some_and(|value| value == "write") {
        for (name, bytes) in &now {
            golden.entry(name.clone()).or_insert_with(|| hex(bytes));
        }
        let lines: String = golden.iter().map(|(name, hex)| format!("{name} = {hex}\n")).collect();
        std::fs::write(&path, lines).expect("the golden file can be written");
    }
    for (name, bytes) in &now {
        assert_eq!(golden.get(name), Some(&hex(bytes)), "{name}");
    }
    assert_eq!(golden.len(), now.len(), "a form in the file is no longer written");
}

#[test]
fn what_is_written_is_read_back() {
    for (name, certificate) in sample::certificates() {
        assert_eq!(Certificate::from_bytes(&certificate.to_bytes()), Ok(certificate), "{name}");
    }
    for (name, statement) in sample::statements() {
        assert_eq!(Statement::from_bytes(&statement.to_bytes()), Ok(statement), "{name}");
    }
    let secret = sample::identity().to_secret_bytes();
    let identity = Identity::from_secret_bytes(&secret).expect("just written");
    assert_eq!(identity.to_secret_bytes(), secret);
}

fn read(path: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let line = |line: &str| {
        let (name, hex) = line.split_once(" = ").expect("every line is name = hex");
        (name.to_owned(), hex.to_owned())
    };
    text.lines().map(line).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}
