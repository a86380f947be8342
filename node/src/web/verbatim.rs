//! A record's own bytes, laid out for reading: every name, text and number stays exactly as it was written.
//!
//! Works on the bytes, not on parsed values, because parsing would lose how a number was written and repeated names.

use maud::{Markup, PreEscaped, html};

/// Longer records are shown up to here; the export has all of it.
const SHOWN_BYTES_MAX: usize = 256 * 1_024;
const DEPTH_MAX: usize = 32;
/// Indentation can be many times the record where it is only brackets.
const LAID_OUT_BYTES_MAX: usize = 2 * 1_024 * 1_024;

/// The bytes with line breaks and indentation, names and values marked for the style.
pub(super) fn verbatim(raw: &[u8]) -> Markup {
    let cut = raw.len() > SHOWN_BYTES_MAX;
    let text = String::from_utf8_lossy(&raw[..raw.len().min(SHOWN_BYTES_MAX)]);
    let mut page = Layout::default();
    page.take(&text);
    html! {
        pre.json tabindex="0" { (PreEscaped(page.out)) @if cut { "\n…" } }
    }
}

#[derive(Default)]
struct Layout {
    out: String,
    depth: usize,
    /// A container was opened and nothing stands in it yet.
    fresh: bool,
}

impl Layout {
    fn take(&mut self, text: &str) {
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let length = match first {
                ' ' | '\t' | '\r' | '\n' => 1,
                '{' | '[' => self.open(first),
                '}' | ']' => self.close(first),
                ',' => self.comma(),
                ':' => {
                    self.out.push_str(": ");
                    1
                }
                '"' => self.string(rest),
                _ => self.bare(rest),
            };
            rest = &rest[length..];
            if self.out.len() > LAID_OUT_BYTES_MAX {
                self.out.push('…');
                return;
            }
        }
    }

    fn open(&mut self, bracket: char) -> usize {
        self.enter();
        self.out.push(bracket);
        self.depth = (self.depth + 1).min(DEPTH_MAX);
        self.fresh = true;
        1
    }

    fn close(&mut self, bracket: char) -> usize {
        self.depth = self.depth.saturating_sub(1);
        if !std::mem::take(&mut self.fresh) {
            self.line();
        }
        self.out.push(bracket);
        1
    }

    fn comma(&mut self) -> usize {
        self.out.push(',');
        self.line();
        1
    }

    fn string(&mut self, rest: &str) -> usize {
        self.enter();
        let length = string_length(rest);
        let is_name = rest[length..].trim_start().starts_with(':');
        self.span(if is_name { "n" } else { "s" }, &rest[..length]);
        length
    }

    fn bare(&mut self, rest: &str) -> usize {
        self.enter();
        let end = rest.find([',', '}', ']', ':', ' ', '\t', '\r', '\n', '{', '[', '"']);
        let length = end.filter(|end| *end > 0).unwrap_or(rest.len());
        self.span("v", &rest[..length]);
        length
    }

    /// The first thing in a container starts a line of its own.
    fn enter(&mut self) {
        if std::mem::take(&mut self.fresh) {
            self.line();
        }
    }

    fn line(&mut self) {
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n("  ", self.depth));
    }

    fn span(&mut self, class: &str, text: &str) {
        self.out.push_str("<span class=\"");
        self.out.push_str(class);
        self.out.push_str("\">");
        escape(&mut self.out, text);
        self.out.push_str("</span>");
    }
}

/// Bytes of the string that `rest` starts with, quotes included.
fn string_length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in rest.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn escape(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(raw: &[u8]) -> String {
        let html = verbatim(raw).into_string();
        let mut text = String::new();
        let mut inside = false;
        for character in html.chars() {
            match character {
                '<' => inside = true,
                '>' => inside = false,
                other if !inside => text.push(other),
                _ => {}
            }
        }
        text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    }

    #[test]
    fn only_space_between_things_changes() {
        let raw = r#"{"a":1.500,"b":[true,null,{}],"a":"x \" {,} <b>&","c":[]}"#;
        let stripped: String = shown(raw.as_bytes()).lines().map(str::trim_start).collect();
        assert_eq!(stripped.replace(": ", ":"), raw);
    }

    #[test]
    fn markup_in_a_record_is_text_and_damage_does_not_matter() {
        assert!(!verbatim(b"{\"x\":\"<script>\"}").into_string().contains("<script>"));
        for raw in [&b"{\"x"[..], b"}}}]", b"\xff\xfe", b"{{{{", b"\"\\", b":,:,"] {
            let _ = verbatim(raw);
        }
        assert!(!verbatim("[".repeat(500_000).as_bytes()).into_string().is_empty());
    }
}
