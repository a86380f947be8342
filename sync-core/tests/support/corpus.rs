//! The committed corpora hold every sample, so that a fuzzer starts from forms that are whole.
//!
//! `AZALEA_CORPUS=write` adds what is missing; old files stay, so that old forms go on being tried.

use std::path::Path;

/// Holds the corpus of a fuzz target, whose file lies in `folder` of this crate, against its samples.
pub(crate) fn hold<'a>(
    folder: &str,
    target: &str,
    samples: impl IntoIterator<Item = (&'a str, Vec<u8>)>,
) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(folder)
        .join("__fuzz__")
        .join(target)
        .join("corpus");
    let write = std::env::var_os("AZALEA_CORPUS").is_some_and(|value| value == "write");
    if write {
        std::fs::create_dir_all(&corpus).expect("the folder can be made");
    }
    for (name, bytes) in samples {
        let file = corpus.join(name);
        if write && !file.exists() {
            std::fs::write(&file, &bytes).expect("the file can be written");
        }
        assert!(file.exists(), "{target}/{name} is missing: run with AZALEA_CORPUS=write");
    }
}
