//! Secrets that people hand over in files, and passwords that are made for them.

use anyhow::{Context as _, bail};
use std::io::Read;
use std::path::Path;
use zeroize::Zeroizing;

use crate::web::password::Verifier;

/// A password or passphrase file longer than this is another file.
const FILE_BYTES_MAX: u64 = 4_096;
const NOTE_BYTES_MAX: u64 = 1 << 20;
/// Bytes of a made password: 100 bits, read out without mistakes in base32.
const MADE_BYTES: usize = 13;

/// The text of a file without the line break at its end.
pub(super) fn read_file(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    let file = std::fs::File::open(path).with_context(|| format!("{}", path.display()))?;
    file.take(FILE_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .with_context(|| format!("{}", path.display()))?;
    if text.len() as u64 > FILE_BYTES_MAX {
        bail!("{} is too long for a password", path.display());
    }
    let end = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(end);
    Ok(text)
}

/// A password from a file, or a new one that is to be shown once.
pub(super) fn read_or_make(
    file: Option<&Path>,
) -> anyhow::Result<(Zeroizing<String>, Option<Zeroizing<String>>)> {
    if let Some(file) = file {
        return Ok((read_file(file)?, None));
    }
    let mut bytes = Zeroizing::new([0; MADE_BYTES]);
    rand::Rng::fill_bytes(&mut crate::entropy::rng()?, bytes.as_mut());
    let made = data_encoding::BASE32_NOPAD.encode(bytes.as_ref()).to_lowercase();
    Ok((Zeroizing::new(made.clone()), Some(Zeroizing::new(made))))
}

/// The stored form of a password.
pub(super) fn verifier(password: &str) -> anyhow::Result<String> {
    let mut salt = [0; 16];
    rand::Rng::fill_bytes(&mut crate::entropy::rng()?, &mut salt);
    Ok(Verifier::create(password, salt)?.to_text())
}

/// A text as given, or all of standard input.
pub(super) fn text_or_stdin(text: Option<String>) -> anyhow::Result<String> {
    if let Some(text) = text {
        return Ok(text);
    }
    let mut read = String::new();
    std::io::stdin().take(NOTE_BYTES_MAX).read_to_string(&mut read)?;
    Ok(read.trim_end().to_owned())
}
