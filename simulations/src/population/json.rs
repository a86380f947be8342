//! JSON written straight into one string, in the order in which it is told.
//!
//! Key order and number lexemes are part of what an importer must keep, so the generator decides them
//! instead of a map type.

/// One object that is being written.
pub(crate) struct Object<'a> {
    out: &'a mut String,
    empty: bool,
}

/// One array that is being written.
pub(crate) struct List<'a> {
    out: &'a mut String,
    empty: bool,
}

/// Writes one object and returns its text.
pub(crate) fn object(fill: impl FnOnce(&mut Object<'_>)) -> String {
    let mut out = String::with_capacity(1024);
    write_object(&mut out, fill);
    out
}

impl Object<'_> {
    pub(crate) fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        write_text(self.out, value);
    }

    /// A value given as its lexeme: a number with its zeros, or JSON made before.
    pub(crate) fn raw(&mut self, key: &str, lexeme: &str) {
        self.key(key);
        self.out.push_str(lexeme);
    }

    pub(crate) fn object(&mut self, key: &str, fill: impl FnOnce(&mut Object<'_>)) {
        self.key(key);
        write_object(self.out, fill);
    }

    pub(crate) fn list(&mut self, key: &str, fill: impl FnOnce(&mut List<'_>)) {
        self.key(key);
        self.out.push('[');
        fill(&mut List { out: self.out, empty: true });
        self.out.push(']');
    }

    fn key(&mut self, key: &str) {
        if !self.empty {
            self.out.push(',');
        }
        self.empty = false;
        write_text(self.out, key);
        self.out.push(':');
    }
}

impl List<'_> {
    pub(crate) fn text(&mut self, value: &str) {
        self.next();
        write_text(self.out, value);
    }

    pub(crate) fn object(&mut self, fill: impl FnOnce(&mut Object<'_>)) {
        self.next();
        write_object(self.out, fill);
    }

    fn next(&mut self) {
        if !self.empty {
            self.out.push(',');
        }
        self.empty = false;
    }
}

fn write_object(out: &mut String, fill: impl FnOnce(&mut Object<'_>)) {
    out.push('{');
    fill(&mut Object { out, empty: true });
    out.push('}');
}

fn write_text(out: &mut String, value: &str) {
    out.push('"');
    for character in value.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => {
                out.push_str(&format!("\\u{:04x}", u32::from(control)));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_parses_and_keeps_its_order() {
        let text = object(|o| {
            o.text("z", "a\"b\\c\nd\u{1}");
            o.raw("n", "6.80");
            o.list("l", |l| {
                l.text("x");
                l.object(|o| o.raw("t", "true"));
            });
        });
        assert_eq!(
            text,
            "{\"z\":\"a\\\"b\\\\c\\nd\\u0001\",\"n\":6.80,\"l\":[\"x\",{\"t\":true}]}"
        );
        let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(parsed["z"], "a\"b\\c\nd\u{1}");
    }
}
