//! The committed corpora hold every sample, so that a fuzzer starts from forms that are whole.
//!
//! `AZALEA_CORPUS=write` adds what is missing; old files stay, so that old forms go on being tried.

use std::path::Path;

use super::sample;

#[test]
fn the_corpora_hold_the_samples() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/content/__fuzz__");
    let write = std::env::var_os("AZALEA_CORPUS").is_some_and(|value| value == "write");
    for (target, samples) in sample::all() {
        let folder = root.join(target).join("corpus");
        if write {
            std::fs::create_dir_all(&folder).expect("the folder can be made");
        }
        for (name, bytes) in samples {
            let file = folder.join(name);
            if write && !file.exists() {
                std::fs::write(&file, &bytes).expect("the file can be written");
            }
            assert!(file.exists(), "{target}/{name} is missing");
        }
    }
}
