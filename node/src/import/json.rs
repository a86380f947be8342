//! JSON as it stands in the file: number lexemes, the span of every value, and the place of every fault.
//!
//! serde_json is not used on patient files: with `arbitrary_precision` it takes an object of the right shape for
//! a number, its messages may quote the file, and a borrowed tree is several times quicker to build. What it
//! accepts, this parser accepts; a fuzz test holds the two together.

mod canonical;
mod escape;
mod fault;
mod node;

pub(crate) use canonical::write_canonical;
pub(crate) use fault::{Expected, Fault, FaultKind, NESTING_MAX};
pub(crate) use node::Node;

use std::borrow::Cow;

use escape::{hex, unescape};

/// Reads one JSON text from its start to its end, at the caller's pace.
pub(crate) struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    duplicate: Option<usize>,
}

impl<'a> Parser<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0, duplicate: None }
    }

    /// Where the first object with a repeated key starts, among the values read as a [`Node`].
    pub(crate) fn duplicate(&self) -> Option<usize> {
        self.duplicate
    }

    /// Checks that nothing but white space is left.
    pub(crate) fn finish(mut self) -> Result<(), Fault> {
        self.blank();
        if self.at == self.text.len() { Ok(()) } else { Err(self.expected(Expected::Nothing)) }
    }

    /// Reads an object; `each` gets every key and has to read or skip its value.
    pub(crate) fn members(
        &mut self,
        mut each: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if self.peek()? != b'{' {
            return Err(self.expected(Expected::Object));
        }
        self.enter()?;
        if self.peek()? == b'}' {
            self.leave();
            return Ok(());
        }
        loop {
            if self.peek()? != b'"' {
                return Err(self.expected(Expected::Key));
            }
            let key = self.text()?;
            if self.peek()? != b':' {
                return Err(self.expected(Expected::Colon));
            }
            self.at += 1;
            each(self, key)?;
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.leave();
                    return Ok(());
                }
                _ => return Err(self.expected(Expected::CommaOrBrace)),
            }
        }
    }

    /// Reads an array; `each` has to read or skip every element.
    pub(crate) fn elements(
        &mut self,
        mut each: impl FnMut(&mut Self) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        debug_assert_eq!(self.peek(), Ok(b'['), "callers look before they call");
        self.enter()?;
        if self.peek()? == b']' {
            self.leave();
            return Ok(());
        }
        loop {
            each(self)?;
            match self.peek()? {
                b',' => self.at += 1,
                b']' => {
                    self.leave();
                    return Ok(());
                }
                _ => return Err(self.expected(Expected::CommaOrBracket)),
            }
        }
    }

    /// Reads a string.
    pub(crate) fn text(&mut self) -> Result<Cow<'a, str>, Fault> {
        if self.peek()? != b'"' {
            return Err(self.expected(Expected::Text));
        }
        let (start, end, escaped) = self.string()?;
        let inner = &self.text[start..end];
        Ok(if escaped { Cow::Owned(unescape(inner)) } else { Cow::Borrowed(inner) })
    }

    /// Reads a string and returns it, or skips any other value.
    pub(crate) fn text_if_any(&mut self) -> Result<Option<Cow<'a, str>>, Fault> {
        if self.peek()? == b'"' { self.text().map(Some) } else { self.skip().map(|_| None) }
    }

    /// Reads a value as `read` does; returns where it starts and its span as well.
    pub(crate) fn spanned<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<(usize, &'a str, T), Fault> {
        self.peek()?;
        let start = self.at;
        let value = read(self)?;
        Ok((start, &self.text[start..self.at], value))
    }

    /// The first byte of the value that comes next.
    pub(crate) fn ahead(&mut self) -> Result<u8, Fault> {
        self.peek()
    }

    /// Checks any value.
    pub(crate) fn skip(&mut self) -> Result<(), Fault> {
        match self.peek()? {
            b'{' => self.members_skipped(),
            b'[' => self.elements(Self::skip),
            b'"' => self.string().map(drop),
            _ => self.scalar().map(drop),
        }
    }

    /// Reads any value into a tree that borrows from the text.
    pub(crate) fn value(&mut self) -> Result<Node<'a>, Fault> {
        match self.peek()? {
            b'{' => {
                let start = self.at;
                let mut members = Vec::new();
                self.members(|parser, key| {
                    members.push((key, parser.value()?));
                    Ok(())
                })?;
                members.sort_by(|(a, _), (b, _)| a.cmp(b));
                if self.duplicate.is_none() && members.windows(2).any(|pair| pair[0].0 == pair[1].0)
                {
                    self.duplicate = Some(start);
                }
                Ok(Node::Object(members))
            }
            b'[' => {
                let mut items = Vec::new();
                self.elements(|parser| {
                    items.push(parser.value()?);
                    Ok(())
                })?;
                Ok(Node::List(items))
            }
            b'"' => self.text().map(Node::Text),
            _ => self.scalar(),
        }
    }

    /// Like [`members`](Self::members), but the keys are checked only.
    fn members_skipped(&mut self) -> Result<(), Fault> {
        self.enter()?;
        if self.peek()? == b'}' {
            self.leave();
            return Ok(());
        }
        loop {
            if self.peek()? != b'"' {
                return Err(self.expected(Expected::Key));
            }
            self.string()?;
            if self.peek()? != b':' {
                return Err(self.expected(Expected::Colon));
            }
            self.at += 1;
            self.skip()?;
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.leave();
                    return Ok(());
                }
                _ => return Err(self.expected(Expected::CommaOrBrace)),
            }
        }
    }

    fn scalar(&mut self) -> Result<Node<'a>, Fault> {
        for (word, node) in
            [("true", Node::Bool(true)), ("false", Node::Bool(false)), ("null", Node::Null)]
        {
            if self.text.as_bytes()[self.at] == word.as_bytes()[0] {
                return self.word(word).map(|()| node);
            }
        }
        let start = self.at;
        self.number()?;
        Ok(Node::Number(&self.text[start..self.at]))
    }

    fn word(&mut self, word: &str) -> Result<(), Fault> {
        let rest = &self.text.as_bytes()[self.at..];
        if rest.starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(());
        }
        if word.as_bytes().starts_with(rest) {
            self.at = self.text.len();
            return Err(self.end());
        }
        Err(self.expected(Expected::Value))
    }

    fn number(&mut self) -> Result<(), Fault> {
        if self.byte() == Some(b'-') {
            self.at += 1;
        } else if !self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.expected(Expected::Value));
        }
        if self.byte() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.byte(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let digits =
            self.text.as_bytes()[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += digits;
        match (digits, self.byte()) {
            (0, None) => Err(self.end()),
            (0, Some(_)) => Err(self.expected(Expected::Digit)),
            _ => Ok(()),
        }
    }

    /// Checks a string; returns the span between the quotes and whether there are escapes in it.
    fn string(&mut self) -> Result<(usize, usize, bool), Fault> {
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        let mut escaped = false;
        self.at = start;
        loop {
            match bytes.get(self.at) {
                None => return Err(self.end()),
                Some(b'"') => {
                    self.at += 1;
                    return Ok((start, self.at - 1, escaped));
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(0..0x20) => return Err(Fault { offset: self.at, kind: FaultKind::Control }),
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<(), Fault> {
        let fault = Fault { offset: self.at, kind: FaultKind::Escape };
        match self.text.as_bytes().get(self.at + 1) {
            None => {
                self.at = self.text.len();
                return Err(self.end());
            }
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let unit = self.code_unit(fault)?;
                if (0xdc00..0xe000).contains(&unit) {
                    return Err(fault);
                }
                if (0xd800..0xdc00).contains(&unit) {
                    let low =
                        self.text.as_bytes().get(self.at..self.at + 2).map(|pair| pair == b"\\u");
                    if low != Some(true) || !(0xdc00..0xe000).contains(&self.code_unit(fault)?) {
                        return Err(fault);
                    }
                }
            }
            Some(_) => return Err(fault),
        }
        Ok(())
    }

    /// Reads `\uXXXX` at the current place.
    fn code_unit(&mut self, fault: Fault) -> Result<u32, Fault> {
        let unit = hex(self.text.as_bytes(), self.at + 2).ok_or(fault)?;
        self.at += 6;
        Ok(unit)
    }

    fn enter(&mut self) -> Result<(), Fault> {
        if self.depth == NESTING_MAX {
            return Err(Fault { offset: self.at, kind: FaultKind::Nesting });
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    fn leave(&mut self) {
        self.depth -= 1;
        self.at += 1;
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blank(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Result<u8, Fault> {
        self.blank();
        self.byte().ok_or(self.end())
    }

    fn end(&self) -> Fault {
        Fault { offset: self.text.len(), kind: FaultKind::End }
    }

    fn expected(&self, expected: Expected) -> Fault {
        Fault { offset: self.at, kind: FaultKind::Expected(expected) }
    }
}

#[cfg(test)]
mod tests;
