//! Attachments inside a FHIR record: base64 that is too long to travel with text is cut out, and a reference put in its place.
//!
//! ```text
//! "data": "JVBERi0x…"                     as the file has it
//! "_data": {"extension":[{"url":"urn:azalea:blob","valueBase64Binary":"…"}]}      as the record keeps it
//! ```
//!
//! What is put there is what FHIR allows where a value is not given, so a reader that knows nothing of it sees an attachment without
//! data. Only base64 that comes out again to the letter is cut; so the record as it was in the file can always be put together again,
//! byte for byte.

use azalea_core::blob::BlobRef;
use azalea_core::wire::{Wire, limits};
use data_encoding::BASE64;

use super::json::{Fault, Node, Parser};
use crate::store::tables::{AttachmentRow, Title};

/// Base64 shorter than this stays where it is: a small preview, a signature, a thumbnail.
pub const CUT_BYTES_MIN: usize = 32 << 10;
/// Attachments that are cut out of one record, or found in one; the rest stays as it is.
const ATTACHMENTS_MAX: usize = 1_000;

const DATA: &str = "\"data\"";
const CUT_DATA: &str = "\"_data\"";
/// In front of a reference. A quotation mark inside a JSON string is escaped, so these bytes stand nowhere but here.
const BEFORE: &str = "{\"extension\":[{\"url\":\"urn:azalea:blob\",\"valueBase64Binary\":\"";
const AFTER: &str = "\"}]}";

/// Cuts attachments out of a record. `seal` makes a content durable and says what refers to it. `None` where there is nothing to cut.
pub fn cut<E>(
    raw: &[u8],
    seal: &mut dyn FnMut(&[u8]) -> Result<BlobRef, E>,
) -> Result<Option<Vec<u8>>, E> {
    let Ok(text) = std::str::from_utf8(raw) else { return Ok(None) };
    if text.len() < CUT_BYTES_MIN {
        return Ok(None);
    }
    let mut found = Vec::new();
    if gather(&mut Parser::new(text), text, &mut found).is_err() {
        return Ok(None);
    }
    let mut out = Vec::new();
    let mut done = 0;
    for Place { key, value, end } in found.into_iter().take(ATTACHMENTS_MAX) {
        // The quotation marks are no part of it.
        let Ok(content) = BASE64.decode(&raw[value + 1..end - 1]) else { continue };
        let blob = BASE64.encode(&seal(&content)?.to_bytes());
        out.extend_from_slice(&raw[done..key]);
        out.extend_from_slice(CUT_DATA.as_bytes());
        out.extend_from_slice(&raw[key + DATA.len()..value]);
        out.extend_from_slice([BEFORE, &blob, AFTER].concat().as_bytes());
        done = end;
    }
    if done == 0 {
        return Ok(None);
    }
    out.extend_from_slice(&raw[done..]);
    Ok(Some(out))
}

/// Gives the content that a reference leads to, where it is here.
type Contents<'a, E> = dyn FnMut(&BlobRef) -> Result<Option<Vec<u8>>, E> + 'a;

/// A record with its attachments in it.
pub struct Restored {
    /// Its bytes.
    pub raw: Vec<u8>,
    /// Attachments of it that are not here; they are named in their places.
    pub missing: u64,
}

/// Puts the attachments of a record back. Where `content` has none, what is left says which blob is missing, and no key. No record was
/// longer than [`limits::RECORD`] before anything was cut out of it: what would make one longer is no attachment of it, however often
/// its author refers to it.
pub fn restore<E>(raw: &[u8], content: &mut Contents<'_, E>) -> Result<Restored, E> {
    let mut out = Vec::with_capacity(raw.len());
    let (mut done, mut left, mut missing) = (0, limits::RECORD.max as u64, 0);
    for Reference { before, at, after, blob } in references(raw) {
        let fits = blob.bytes() <= left;
        match if fits { content(&blob)? } else { None } {
            Some(content) => {
                left -= blob.bytes();
                out.extend_from_slice(&raw[done..before]);
                out.extend_from_slice(DATA.as_bytes());
                out.extend_from_slice(&raw[before + CUT_DATA.len()..at]);
                out.push(b'"');
                out.extend_from_slice(BASE64.encode(&content).as_bytes());
                out.push(b'"');
            }
            None => {
                missing += 1;
                out.extend_from_slice(&raw[done..at]);
                out.extend_from_slice(named(&blob).as_bytes());
            }
        }
        done = after;
    }
    out.extend_from_slice(&raw[done..]);
    Ok(Restored { raw: out, missing })
}

/// A record for the eyes: which blob, and no key.
pub fn without_keys(raw: &[u8]) -> Vec<u8> {
    let none = &mut |_: &BlobRef| Ok::<_, std::convert::Infallible>(None);
    match restore(raw, none) {
        Ok(shown) => shown.raw,
        Err(never) => match never {},
    }
}

/// Whether a record refers to a blob at all.
pub(super) fn refers(raw: &[u8]) -> bool {
    !references(raw).is_empty()
}

/// The attachments that a record refers to, in its order.
pub fn attachments(raw: &[u8]) -> Vec<AttachmentRow> {
    let found = references(raw);
    if found.is_empty() {
        return Vec::new();
    }
    let mut said = Vec::new();
    if let Ok(text) = std::str::from_utf8(raw)
        && let Ok(node) = Parser::new(text).value()
    {
        describe(&node, &mut said);
    }
    let attachment = |Reference { blob, at, .. }: Reference| {
        let value = &raw[at + BEFORE.len()..];
        let named = said.iter().find(|(base64, ..)| value.starts_with(base64.as_bytes()));
        let (media_type, title) =
            named.map_or((None, None), |(_, media, title)| (media.clone(), title.clone()));
        AttachmentRow { blob, media_type, title: title.map(Title) }
    };
    found.into_iter().map(attachment).collect()
}

/// What stands in the place of an attachment that is not here.
fn named(blob: &BlobRef) -> String {
    format!("{{\"extension\":[{{\"url\":\"urn:azalea:blob\",\"valueString\":\"{}\"}}]}}", blob.id)
}

/// Where a `data` stands: its key, its value, the end of that.
struct Place {
    key: usize,
    value: usize,
    end: usize,
}

/// Finds long texts that are called `data`.
fn gather(parser: &mut Parser<'_>, text: &str, found: &mut Vec<Place>) -> Result<(), Fault> {
    match parser.ahead()? {
        b'{' => {
            let first = found.len();
            let mut has_more_to_say = false;
            parser.members(|parser, name| {
                has_more_to_say |= name == "_data";
                if name != "data" || parser.ahead()? != b'"' {
                    return gather(parser, text, found);
                }
                let (value, span, ()) = parser.spanned(|parser| parser.skip())?;
                let before = text[..value].trim_end();
                let before = before.strip_suffix(':').unwrap_or(before).trim_end();
                if span.len() >= CUT_BYTES_MIN && before.ends_with(DATA) {
                    let (key, end) = (before.len() - DATA.len(), value + span.len());
                    found.push(Place { key, value, end });
                }
                Ok(())
            })?;
            // What stands beside the value already has the name that the reference would get.
            if has_more_to_say {
                found.truncate(first);
            }
            Ok(())
        }
        b'[' => parser.elements(|parser| gather(parser, text, found)),
        _ => parser.skip(),
    }
}

/// A reference and where it stands: the key before it, its own span.
struct Reference {
    before: usize,
    at: usize,
    after: usize,
    blob: BlobRef,
}

fn references(raw: &[u8]) -> Vec<Reference> {
    let mut found = Vec::new();
    let Ok(text) = std::str::from_utf8(raw) else { return found };
    for (at, _) in text.match_indices(BEFORE).take(ATTACHMENTS_MAX) {
        let value = at + BEFORE.len();
        let Some(len) = text[value..].find('"') else { break };
        let after = value + len + AFTER.len();
        let front = text[..at].trim_end();
        let front = front.strip_suffix(':').unwrap_or(front).trim_end();
        if !text[value + len..].starts_with(AFTER) || !front.ends_with(CUT_DATA) {
            continue;
        }
        let Ok(bytes) = BASE64.decode(&raw[value..value + len]) else { continue };
        // One that a newer program wrote is shown as what it is: nothing that this one can fetch.
        let Ok(blob) = BlobRef::from_bytes(&bytes) else { continue };
        found.push(Reference { before: front.len() - CUT_DATA.len(), at, after, blob });
    }
    found
}

/// Media types and titles beside references.
fn describe(node: &Node<'_>, said: &mut Vec<(String, Option<String>, Option<String>)>) {
    match node {
        Node::Object(members) => {
            let extension = node.get("_data").and_then(|it| it.get("extension"));
            let first = extension.and_then(|it| it.items().first());
            if let Some(base64) = first.and_then(|it| it.text_at("valueBase64Binary")) {
                let short = |text: &&str| text.len() <= limits::TEXT.max;
                let text = |name| node.text_at(name).filter(short).map(str::to_owned);
                said.push((base64.to_owned(), text("contentType"), text("title")));
            }
            members.iter().for_each(|(_, member)| describe(member, said));
        }
        Node::List(items) => items.iter().for_each(|item| describe(item, said)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use azalea_core::blob::{Outboard, Sealer};
    use azalea_core::id::ScopeId;
    use azalea_core::keys::ScopeKey;
    use std::collections::BTreeMap;
    use std::convert::Infallible;

    /// Seals in memory and remembers.
    #[derive(Default)]
    struct Shelf(BTreeMap<[u8; 32], Vec<u8>>);

    impl Shelf {
        fn seal(&mut self, content: &[u8]) -> Result<BlobRef, Infallible> {
            let digest = *blake3::hash(content).as_bytes();
            let (scope, key) = (ScopeId([1; 16]), ScopeKey::from([2; 32]));
            let sealer = Sealer::new(digest, content.len() as u64, scope, 1, &key).unwrap();
            let (mut rest, mut sealed) = (content, Vec::new());
            for chunk in 0..sealer.chunks() {
                let (here, after) = rest.split_at(sealer.content_bytes(chunk));
                sealed.extend(sealer.seal(chunk, here));
                rest = after;
            }
            let outboard = Outboard::of(sealed.as_slice(), sealed.len() as u64).unwrap();
            self.0.insert(digest, content.to_vec());
            Ok(sealer.reference(outboard.blob().id()))
        }

        fn cut(&mut self, raw: &str) -> Option<String> {
            let cut = cut(raw.as_bytes(), &mut |content| self.seal(content)).unwrap();
            cut.map(|cut| String::from_utf8(cut).unwrap())
        }

        fn restore(&self, raw: &str) -> String {
            String::from_utf8(self.restored(raw).raw).unwrap()
        }

        fn restored(&self, raw: &str) -> Restored {
            let content =
                &mut |blob: &BlobRef| Ok::<_, Infallible>(self.0.get(&blob.digest).cloned());
            restore(raw.as_bytes(), content).unwrap()
        }
    }

    fn base64(bytes: usize) -> String {
        BASE64.encode(&(0..bytes).map(|at| (at * 7 % 251) as u8).collect::<Vec<_>>())
    }

    fn document(data: &str) -> String {
        format!(
            "{{\"resourceType\":\"DocumentReference\",\n \"content\" : [ {{\"attachment\": {{ \"contentType\":\"application/pdf\", \
             \"data\" :  \"{data}\",\"title\":\"退院時サマリー\"}} }},\n {{\"attachment\":{{\"data\":\"AAAA\"}}}}]}}"
        )
    }

    #[test]
    fn a_long_attachment_is_cut_out_and_comes_back_to_the_letter() {
        let mut shelf = Shelf::default();
        let raw = document(&base64(100_001));
        let cut = shelf.cut(&raw).expect("there is one to cut");
        assert!(cut.len() < 1_000, "{}", cut.len());
        assert!(cut.contains("\"data\":\"AAAA\""), "a short one stays");
        let node = Parser::new(&cut).value().expect("still JSON");
        assert!(node.get("content").is_some());
        let [found] = &attachments(cut.as_bytes())[..] else { panic!("one attachment") };
        assert_eq!(found.blob.bytes(), 100_001);
        assert_eq!(found.media_type.as_deref(), Some("application/pdf"));
        assert_eq!(found.title.as_ref().map(|title| title.0.as_str()), Some("退院時サマリー"));
        assert!(shelf.restore(&cut) == raw);
        assert_eq!(shelf.cut(&cut), None, "once is enough");
    }

    #[test]
    fn what_would_not_come_back_to_the_letter_stays_where_it_is() {
        let mut shelf = Shelf::default();
        let long = base64(60_000);
        let broken = format!("{}\\n{}", &long[..40_000], &long[40_000..]);
        for data in [base64(20_000), broken, "1 2 3 ".repeat(10_000), format!("{long}=")] {
            assert_eq!(shelf.cut(&document(&data)), None, "{} bytes", data.len());
        }
        for raw in [
            format!("{{\"data\":\"{long}\",\"_data\":{{\"id\":\"a\"}}}}"),
            format!("{{\"d\\u0061ta\":\"{long}\"}}"),
            format!("{{\"title\":\"{long}\"}}"),
            format!("{{\"data\":\"{long}\""),
        ] {
            assert_eq!(shelf.cut(&raw), None, "{}", &raw[..20]);
        }
        assert!(shelf.0.is_empty(), "and nothing was sealed for it");
    }

    #[test]
    fn a_record_without_its_blob_names_it_and_shows_no_key() {
        let mut shelf = Shelf::default();
        let cut = shelf.cut(&document(&base64(50_000))).unwrap();
        let shown = String::from_utf8(without_keys(cut.as_bytes())).unwrap();
        let [found] = &attachments(cut.as_bytes())[..] else { panic!("one attachment") };
        let key = BASE64.encode(&found.blob.to_bytes());
        assert!(cut.contains(&key) && !shown.contains(&key));
        assert!(shown.contains(&found.blob.id.to_string()));
        assert!(Parser::new(&shown).value().is_ok());
        assert!(attachments(shown.as_bytes()).is_empty());
    }

    /// Whoever refers to one large blob a thousand times would have a reader put all of them into memory.
    #[test]
    fn no_record_gets_longer_than_it_can_have_been() {
        let mut shelf = Shelf::default();
        let cut = shelf.cut(&document(&base64(2_500_000))).unwrap();
        let restored = shelf.restored(&format!("[{cut},{cut},{cut},{cut}]"));
        assert_eq!(restored.missing, 2, "two make 5 MB, and a record has 6 MiB at most");
        assert!(restored.raw.len() < 2 * limits::RECORD.max);
        assert!(Parser::new(std::str::from_utf8(&restored.raw).unwrap()).value().is_ok());
    }
}
