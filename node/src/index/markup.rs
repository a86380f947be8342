//! XHTML narratives as plain text: what a screen shows is text that it escapes itself, never foreign markup.

/// The most bytes of one narrative that are shown.
const TEXT_BYTES_MAX: usize = 64 * 1_024;

/// The text of a narrative; blocks and breaks become lines.
pub(super) fn plain(markup: &str) -> String {
    let mut text = String::new();
    let mut rest = markup;
    while let Some(at) = rest.find('<') {
        push_text(&mut text, &rest[..at]);
        rest = &rest[at..];
        let Some(end) = rest.find('>') else { break };
        rest = tag(&mut text, rest, end);
        if text.len() > TEXT_BYTES_MAX {
            break;
        }
    }
    if !rest.starts_with('<') {
        push_text(&mut text, rest);
    }
    text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
    text.trim().to_owned()
}

/// Takes one tag off the front; what comes after it, or after the whole element where its text is not for reading.
fn tag<'a>(text: &mut String, rest: &'a str, end: usize) -> &'a str {
    let after = &rest[end + 1..];
    let inner = rest[1..end].trim_start_matches('/');
    let name_end = inner.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(inner.len());
    let name = inner[..name_end].to_ascii_lowercase();
    match name.as_str() {
        "br" | "p" | "div" | "li" | "tr" | "ul" | "ol" | "table" | "h1" | "h2" | "h3" | "h4"
        | "h5" => {
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
            after
        }
        "td" | "th" => {
            if !text.is_empty() && !text.ends_with(['\n', '\u{3000}']) {
                text.push('\u{3000}');
            }
            after
        }
        "script" | "style" if !rest.starts_with("</") => {
            let closing = format!("</{name}");
            after.find(closing.as_str()).map_or("", |at| &after[at..])
        }
        _ => after,
    }
}

fn push_text(text: &mut String, raw: &str) {
    let mut rest = raw;
    while let Some(at) = rest.find('&') {
        push_words(text, &rest[..at]);
        rest = &rest[at..];
        match rest
            .find(';')
            .filter(|end| *end <= 10)
            .and_then(|end| Some((entity(&rest[1..end])?, end)))
        {
            Some((character, end)) => {
                text.push(character);
                rest = &rest[end + 1..];
            }
            None => {
                text.push('&');
                rest = &rest[1..];
            }
        }
    }
    push_words(text, rest);
}

/// Adds words with single spaces between them, as a browser would.
fn push_words(text: &mut String, words: &str) {
    for character in words.chars() {
        match character {
            ' ' | '\t' | '\r' | '\n' => {
                if !text.is_empty() && !text.ends_with([' ', '\n', '\u{3000}']) {
                    text.push(' ');
                }
            }
            other => text.push(other),
        }
    }
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code).filter(|c| !c.is_control() || *c == '\n')
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(markup: &str, expected: &str) {
        assert_eq!(plain(markup), expected);
    }

    #[test]
    fn markup_becomes_lines_of_text() {
        check("<div xmlns=\"x\">港診療所<br/>眼科</div>", "港診療所\n眼科");
        check("<ul><li>身長 162.3 cm</li>\n  <li>体重</li></ul>", "身長 162.3 cm\n体重");
        check("<table><tr><td>Na</td><td>140</td></tr></table>", "Na\u{3000}140");
        check("a &lt;b&gt; &amp; &#x5c71; &bogus; &", "a <b> & 山 &bogus; &");
        check("電話:03-9876-5432><br/>港", "電話:03-9876-5432>\n港");
    }

    #[test]
    fn scripts_and_broken_markup_leave_nothing_behind() {
        check("<p>a</p><script>alert(1)</script><style>p{}</style>b", "a\nb");
        check("<p>a</p><script>alert(1)", "a");
        check("a<img src=x onerror=alert(1)", "a");
        check("&lt;script&gt;", "<script>");
    }
}
