//! Searching bytes for texts in the forms in which a careless program leaves them.

use data_encoding::BASE64_NOPAD;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// A text that was found, and how.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// The text.
    pub text: String,
    /// `UTF-8`, `UTF-16LE`, `UTF-16BE` or `base64`.
    pub form: &'static str,
    /// Where.
    pub place: String,
}

/// Texts to look for.
#[derive(Debug)]
pub struct Needles {
    forms: Vec<(String, &'static str, Vec<u8>)>,
    /// Forms by their first two bytes, so that a place with none of these is passed at once.
    starts: Vec<Vec<u16>>,
    longest: usize,
}

impl Needles {
    /// Looks for each text in every form.
    pub fn new<Text: AsRef<str>>(texts: &[Text]) -> Self {
        let mut forms = Vec::new();
        for text in texts.iter().map(AsRef::as_ref) {
            assert!(text.len() >= 8, "{text:?} could be there by chance");
            let (little, big): (Vec<_>, Vec<_>) =
                text.encode_utf16().map(|unit| (unit.to_le_bytes(), unit.to_be_bytes())).unzip();
            forms.push((text.to_owned(), "UTF-8", text.as_bytes().to_vec()));
            forms.push((text.to_owned(), "UTF-16LE", little.concat()));
            forms.push((text.to_owned(), "UTF-16BE", big.concat()));
            for before in 0..3 {
                forms.push((text.to_owned(), "base64", base64_inside(text.as_bytes(), before)));
            }
        }
        let mut starts = vec![Vec::new(); 1 << 16];
        for (number, (_, _, bytes)) in forms.iter().enumerate() {
            let start = u16::from_le_bytes([bytes[0], bytes[1]]);
            starts[usize::from(start)].push(u16::try_from(number).expect("few needles"));
        }
        let longest = forms.iter().map(|(_, _, bytes)| bytes.len()).max().unwrap_or(0);
        Self { forms, starts, longest }
    }

    /// Everything that stands in `bytes`.
    pub fn in_bytes(&self, bytes: &[u8], place: &str) -> Vec<Found> {
        let mut found = Vec::new();
        for (at, pair) in bytes.windows(2).enumerate() {
            for number in &self.starts[usize::from(u16::from_le_bytes([pair[0], pair[1]]))] {
                let (text, form, needle) = &self.forms[usize::from(*number)];
                if bytes[at..].starts_with(needle) {
                    let place = format!("{place} at {at:#x}");
                    found.push(Found { text: text.clone(), form, place });
                }
            }
        }
        found
    }

    /// Everything that stands in the files below a folder, or in a file, and in their names.
    pub fn in_files(&self, path: &Path) -> Vec<Found> {
        let mut found = self.in_bytes(path.to_string_lossy().as_bytes(), "a path");
        if path.is_dir() {
            let entries = std::fs::read_dir(path).expect("a folder that can be read");
            for entry in entries {
                found.extend(self.in_files(&entry.expect("an entry").path()));
            }
        } else if path.is_file() {
            let bytes = std::fs::read(path).expect("a file that can be read");
            found.extend(self.in_bytes(&bytes, &path.display().to_string()));
        }
        found
    }

    /// Everything that stands in the memory of a process. Where the system does not let us look, an error says so.
    pub fn in_memory(&self, pid: u32) -> std::io::Result<Vec<Found>> {
        let maps = std::fs::read_to_string(format!("/proc/{pid}/maps"))?;
        let mut memory = File::open(format!("/proc/{pid}/mem"))?;
        let mut found = Vec::new();
        let mut piece = vec![0; PIECE_BYTES];
        for map in maps.lines().filter_map(Map::read) {
            let mut at = map.start;
            while at < map.end {
                let length = (map.end - at).min(PIECE_BYTES as u64) as usize;
                memory.seek(SeekFrom::Start(at))?;
                // A map may have gone since it was listed, and some cannot be read at all, such as those of devices.
                let Ok(length) = memory.read(&mut piece[..length]) else { break };
                if length == 0 {
                    break;
                }
                found.extend(self.in_bytes(&piece[..length], &format!("{} {at:#x}", map.name)));
                let overlap = if at + (length as u64) < map.end { self.longest } else { 0 };
                at += (length.saturating_sub(overlap)).max(1) as u64;
            }
        }
        Ok(found)
    }
}

/// What base64 makes of `text` where so many bytes (modulo 3) come before it: the letters that depend on nothing else.
fn base64_inside(text: &[u8], before: usize) -> Vec<u8> {
    let shifted = [&[0; 2][..before], text].concat();
    let letters = BASE64_NOPAD.encode(&shifted).into_bytes();
    // The first letters hold bits of what comes before, the last those of what comes after.
    let skip = [0, 2, 3][before];
    let end = shifted.len() * 8 / 6;
    letters[skip..end].to_vec()
}

/// A piece of memory, as the system lists it.
struct Map {
    start: u64,
    end: u64,
    name: String,
}

impl Map {
    fn read(line: &str) -> Option<Self> {
        let mut fields = line.split_whitespace();
        let (start, end) = fields.next()?.split_once('-')?;
        let readable = fields.next()?.starts_with('r');
        let name = fields.nth(3).unwrap_or("memory").to_owned();
        let number = |text| u64::from_str_radix(text, 16).ok();
        let map = Self { start: number(start)?, end: number(end)?, name };
        // These belong to the kernel and cannot be read through the file.
        (readable && !map.name.starts_with("[v")).then_some(map)
    }
}

const PIECE_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::BASE64;

    #[test]
    fn a_text_is_found_in_every_form() {
        let needles = Needles::new(&["鷲津まどか"]);
        let forms = |bytes: &[u8]| {
            let found = needles.in_bytes(bytes, "");
            found.iter().map(|found| found.form).collect::<Vec<_>>()
        };
        assert_eq!(forms("xx鷲津まどかyy".as_bytes()), ["UTF-8"]);
        let units = || "a鷲津まどか".encode_utf16();
        assert_eq!(forms(&units().flat_map(u16::to_le_bytes).collect::<Vec<_>>()), ["UTF-16LE"]);
        assert_eq!(forms(&units().flat_map(u16::to_be_bytes).collect::<Vec<_>>()), ["UTF-16BE"]);
        for before in ["", "a", "ab", "abc", "abcd"] {
            let encoded = BASE64.encode(format!("{before}鷲津まどか。").as_bytes());
            assert_eq!(forms(encoded.as_bytes()), ["base64"], "{before:?}");
        }
        assert_eq!(forms("鷲津まど".as_bytes()), [""; 0]);
    }
}
