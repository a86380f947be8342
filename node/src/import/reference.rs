//! How a FHIR element refers to another resource.

use std::borrow::Cow;

use super::json::Node;

/// What a `Reference` says, taken apart.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Reference<'n> {
    /// `Type/id`, and the full address where one is given.
    Resource { kind: &'n str, id: &'n str, url: Option<&'n str> },
    /// The `fullUrl` of an entry: `urn:uuid:…`, `urn:oid:…` or any other name.
    Named(&'n str),
    /// A resource inside this one.
    Contained(&'n str),
    /// A search that is to find exactly one resource, by an identifier; `None` where it asks for anything else.
    Conditional { kind: &'n str, identifier: Option<(Cow<'n, str>, Cow<'n, str>)> },
    /// Only an identifier, and the type where it is given.
    Identifier { kind: Option<&'n str>, system: &'n str, value: &'n str },
}

impl<'n> Reference<'n> {
    /// Reads a `Reference` element; `None` where it refers to nothing, as with a mere `display`.
    pub(crate) fn of(node: &'n Node<'_>) -> Option<Self> {
        let kind = node.text_at("type");
        match node.text_at("reference") {
            Some("") | None => {
                let identifier = node.get("identifier")?;
                let value = identifier.text_at("value").filter(|value| !value.is_empty())?;
                Some(Self::Identifier {
                    kind,
                    system: identifier.text_at("system").unwrap_or_default(),
                    value,
                })
            }
            Some("#") => None,
            Some(text) => Some(Self::parse(text)),
        }
    }

    /// Reads the text of a reference.
    pub(crate) fn parse(text: &'n str) -> Self {
        if let Some(id) = text.strip_prefix('#') {
            return Self::Contained(id);
        }
        if text.starts_with("urn:") {
            return Self::Named(text);
        }
        if let Some((before, query)) = text.split_once('?') {
            let kind = before.rsplit('/').next().unwrap_or_default();
            if is_type(kind) {
                return Self::Conditional { kind, identifier: identifier_of(query) };
            }
            return Self::Named(text);
        }
        let plain = text.split_once('#').map_or(text, |(plain, _)| plain);
        let plain = plain.split_once("/_history/").map_or(plain, |(plain, _)| plain);
        let url = plain.contains("://").then_some(plain);
        let mut segments = plain.rsplit('/');
        match (segments.next(), segments.next(), segments.next(), url) {
            (Some(id), Some(kind), None, None) | (Some(id), Some(kind), Some(_), Some(_))
                if is_type(kind) && is_id(id) =>
            {
                Self::Resource { kind, id, url }
            }
            _ => Self::Named(plain),
        }
    }
}

/// True for a name of the shape that all FHIR types have.
pub(crate) fn is_type(text: &str) -> bool {
    let shape = text.len() >= 2 && text.len() <= TYPE_BYTES_MAX;
    shape
        && text.as_bytes()[0].is_ascii_uppercase()
        && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

fn identifier_of(query: &str) -> Option<(Cow<'_, str>, Cow<'_, str>)> {
    let token = query.strip_prefix("identifier=").filter(|token| !token.contains('&'))?;
    let (system, value) = match token.split_once('|') {
        Some((system, value)) => (decoded(system)?, decoded(value)?),
        None => {
            let token = decoded(token)?;
            let (system, value) = token.split_once('|')?;
            (Cow::Owned(system.to_owned()), Cow::Owned(value.to_owned()))
        }
    };
    (!value.is_empty()).then_some((system, value))
}

fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let [high, low, tail @ ..] = rest else { return None };
        let code = char::from(*high).to_digit(16)? << 4 | char::from(*low).to_digit(16)?;
        bytes.push(u8::try_from(code).ok()?);
        rest = tail;
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

/// The longest type of R4 has 33 letters.
const TYPE_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Reference<'_>) {
        assert!(Reference::parse(text) == expected, "{text}");
    }

    #[test]
    fn each_way_to_refer_is_told_apart() {
        check("Patient/1", Reference::Resource { kind: "Patient", id: "1", url: None });
        check("Patient/1/_history/2", Reference::Resource { kind: "Patient", id: "1", url: None });
        let url = "https://example.org/fhir/Patient/a.b";
        check(url, Reference::Resource { kind: "Patient", id: "a.b", url: Some(url) });
        check("urn:uuid:1", Reference::Named("urn:uuid:1"));
        check("resource:0", Reference::Named("resource:0"));
        check("http://example.org/x", Reference::Named("http://example.org/x"));
        check("#p", Reference::Contained("p"));
        let named = |system, value| Some((Cow::Borrowed(system), Cow::Borrowed(value)));
        check(
            "Patient?identifier=urn:s|7",
            Reference::Conditional { kind: "Patient", identifier: named("urn:s", "7") },
        );
        check(
            "Patient?identifier=urn%3As%7C%E6%97%A5",
            Reference::Conditional { kind: "Patient", identifier: named("urn:s", "日") },
        );
        check("Patient?name=x", Reference::Conditional { kind: "Patient", identifier: None });
        check(
            "Patient?identifier=a|b&name=x",
            Reference::Conditional { kind: "Patient", identifier: None },
        );
    }
}
