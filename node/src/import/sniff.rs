//! What a file is, by its first bytes; its name says nothing.

use super::cause::Foreign;

/// How many bytes [`foreign`] likes to see.
pub(crate) const SNIFF_BYTES: u64 = 256;

/// The kind of a file that is not FHIR JSON; `None` where it may be.
pub(crate) fn foreign(start: &[u8]) -> Option<Foreign> {
    if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
        return Some(Foreign::Utf16);
    }
    if start.get(128..132) == Some(b"DICM") {
        return Some(Foreign::Dicom);
    }
    let text = start.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(start).trim_ascii_start();
    let kind = match text {
        [] | [b'{', ..] => return None,
        [b'<', ..] => Foreign::Xml,
        [b'[', ..] => Foreign::JsonArray,
        [b'e', b'y', b'J', ..] => Foreign::Token,
        [b'M', b'S', b'H', ..] => Foreign::Hl7,
        [b'%', b'P', b'D', b'F', ..] => Foreign::Pdf,
        [b'P', b'K', 3, 4, ..] | [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            Foreign::Archive
        }
        _ => Foreign::Other,
    };
    Some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_content() {
        let check = |start: &[u8], expected| assert_eq!(foreign(start), expected);
        check(b"\xef\xbb\xbf \n{", None);
        check(b"", None);
        check(b"<?xml", Some(Foreign::Xml));
        check(b"eyJhbGciOi", Some(Foreign::Token));
        check(b"MSH|^~\\&", Some(Foreign::Hl7));
        check(b"[1]", Some(Foreign::JsonArray));
        check(b"// comment", Some(Foreign::Other));
        check(&[&[0; 128], &b"DICM"[..]].concat(), Some(Foreign::Dicom));
    }
}
