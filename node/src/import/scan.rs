//! Cuts a stream of JSON into pieces that fit in memory: the entries of a Bundle of any size, or whole resources.
//!
//! A file of 1 GB may be one line, and its `resourceType` may be its last member. So an array named `entry` at
//! the top of an object is handed out element by element whatever the object turns out to be, while the object
//! without those elements (its *head*) and, as long as it is small, with them (the *whole*) are kept until its end.
//!
//! The scanner only counts brackets and quotes. Whether a piece is JSON is for [`json`](super::json) to say; every
//! byte of a file ends up in some piece or is checked here.

mod cursor;
mod kept;
mod piece;

pub(crate) use piece::{Piece, ScanError, Step};

use std::io::BufRead;

use super::json::{Expected, FaultKind, Parser};
use super::place::Place;
use cursor::Cursor;
use kept::{Kept, Target};

/// Cuts one stream.
pub(crate) struct Scanner<R> {
    source: R,
    place: Place,
    state: State,
    kept: Kept,
    /// Values begun so far, and elements of `entry` in the current one.
    values: u64,
    entries: u64,
    /// Where the current value starts, where its current element, and where its head goes on behind `entry`.
    value_start: Place,
    item_start: Place,
    cut: Option<(usize, Place)>,
}

/// Where the scanner stands.
#[derive(Clone, Copy)]
enum State {
    /// At the start of the file, where a byte-order mark may come.
    Start,
    /// Between the values of the file.
    Between,
    /// Inside the object at the top.
    Members,
    /// Inside its array `entry`, behind this.
    Entries(After),
}

/// What came last in an array.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    Bracket,
    Element,
    Comma,
}

impl<R: BufRead> Scanner<R> {
    /// Starts at the beginning of a stream; no piece will be larger than `limit`.
    pub(crate) fn new(source: R, limit: usize) -> Self {
        Self {
            source,
            place: Place::START,
            state: State::Start,
            kept: Kept::new(limit),
            values: 0,
            entries: 0,
            value_start: Place::START,
            item_start: Place::START,
            cut: None,
        }
    }

    /// The next piece; `None` at the end of the stream.
    pub(crate) fn next(&mut self) -> Result<Option<Step<'_>>, ScanError> {
        loop {
            match self.state {
                State::Start => self.skip_mark()?,
                State::Between => {
                    if !self.open()? {
                        return Ok(None);
                    }
                }
                State::Members => {
                    if self.members()? {
                        return Ok(Some(self.value()));
                    }
                }
                State::Entries(after) => {
                    if self.entry(after)? {
                        return Ok(Some(self.element()));
                    }
                }
            }
        }
    }

    /// The stream.
    pub(crate) fn source(&self) -> &R {
        &self.source
    }

    fn value(&self) -> Step<'_> {
        let head = self.head();
        let whole = match &self.kept.whole {
            Some(whole) => whole.piece(self.value_start, None),
            None => head,
        };
        Step::Value { number: self.values, place: self.value_start, head, whole }
    }

    fn element(&self) -> Step<'_> {
        Step::Entry {
            value: self.values,
            number: self.entries,
            place: self.item_start,
            piece: self.item(),
        }
    }

    fn head(&self) -> Option<Piece<'_>> {
        self.kept.head.piece(self.value_start, self.cut)
    }

    fn item(&self) -> Option<Piece<'_>> {
        self.kept.item.piece(self.item_start, None)
    }

    fn skip_mark(&mut self) -> Result<(), ScanError> {
        self.state = State::Between;
        for (place, mark) in [0xef, 0xbb, 0xbf].into_iter().enumerate() {
            if self.peek()? == Some(mark) {
                self.source.consume(1);
            } else if place == 0 {
                return Ok(());
            } else {
                return Err(ScanError::Foreign);
            }
        }
        Ok(())
    }

    /// Opens the next object of the file; false at the end.
    fn open(&mut self) -> Result<bool, ScanError> {
        let line = self.place.line;
        self.blank(Target::Nothing)?;
        match self.peek()? {
            None => return Ok(false),
            Some(b'{') if self.values == 0 || self.place.line > line => {}
            Some(b'{') => return Err(self.fault(FaultKind::Expected(Expected::Nothing))),
            Some(_) if self.values == 0 => return Err(ScanError::Foreign),
            Some(_) => return Err(self.fault(FaultKind::Expected(Expected::Object))),
        }
        self.values += 1;
        self.entries = 0;
        self.value_start = self.place;
        self.cut = None;
        self.kept.clear();
        self.one(Target::Head)?;
        self.state = State::Members;
        Ok(true)
    }

    /// Reads members into the head; true at the end of the object, false at the start of its `entry`.
    fn members(&mut self) -> Result<bool, ScanError> {
        let mut key = 0..0;
        let mut colon = false;
        loop {
            match self.peek()? {
                None => return Err(self.ended(self.head())),
                Some(b'}') => {
                    self.one(Target::Head)?;
                    self.state = State::Between;
                    return Ok(true);
                }
                Some(b'[') if colon && self.kept.head.is_entry(key.clone()) => {
                    self.one(Target::Head)?;
                    self.kept.split();
                    self.state = State::Entries(After::Bracket);
                    return Ok(false);
                }
                Some(b'"' | b'{' | b'[') => {
                    let start = self.kept.head.length();
                    let mut cursor = Cursor::default();
                    if !self.eat(Target::Head, |chunk| cursor.run(chunk))? {
                        return Err(self.ended(self.head()));
                    }
                    if !colon {
                        key = start..self.kept.head.length();
                    }
                    colon = false;
                }
                Some(_) => {
                    self.eat(Target::Head, |chunk| {
                        let next =
                            chunk.iter().position(|byte| matches!(byte, b'"' | b'{' | b'[' | b'}'));
                        let length = next.unwrap_or(chunk.len());
                        let mark = chunk[..length].iter().rfind(|byte| matches!(byte, b':' | b','));
                        colon = mark.map_or(colon, |byte| *byte == b':');
                        (length, length < chunk.len())
                    })?;
                }
            }
        }
    }

    /// Reads on in `entry`; true where an element has ended.
    fn entry(&mut self, after: After) -> Result<bool, ScanError> {
        self.blank(Target::Whole)?;
        let after = match (self.peek()?, after) {
            (None, _) => return Err(self.fault(FaultKind::End)),
            (Some(b']'), After::Bracket | After::Element) => {
                self.one(Target::Head)?;
                self.cut = Some((self.kept.head.length(), self.place));
                self.state = State::Members;
                return Ok(false);
            }
            (Some(b','), After::Element) => {
                self.one(Target::Whole)?;
                After::Comma
            }
            (Some(_), After::Element) => {
                return Err(self.fault(FaultKind::Expected(Expected::CommaOrBracket)));
            }
            (Some(b']' | b'}' | b',' | b':'), _) => {
                return Err(self.fault(FaultKind::Expected(Expected::Value)));
            }
            (Some(_), After::Bracket | After::Comma) => {
                self.item_start = self.place;
                self.kept.item.clear();
                let mut cursor = Cursor::default();
                if !self.eat(Target::Item, |chunk| cursor.run(chunk))? {
                    return Err(self.ended(self.item()));
                }
                self.entries += 1;
                After::Element
            }
        };
        self.state = State::Entries(after);
        Ok(after == After::Element)
    }

    fn one(&mut self, target: Target) -> Result<(), ScanError> {
        self.eat(target, |_| (1, true)).map(drop)
    }

    fn blank(&mut self, target: Target) -> Result<(), ScanError> {
        let blank = |byte: &&u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
        self.eat(target, |chunk| {
            let length = chunk.iter().take_while(blank).count();
            (length, length < chunk.len())
        })
        .map(drop)
    }

    /// Keeps as many bytes of each chunk as `run` says, until it says that it is done; false where the stream ends first.
    fn eat(
        &mut self,
        target: Target,
        mut run: impl FnMut(&[u8]) -> (usize, bool),
    ) -> Result<bool, ScanError> {
        loop {
            let chunk = self.source.fill_buf()?;
            if chunk.is_empty() {
                return Ok(false);
            }
            let (length, done) = run(chunk);
            self.kept.keep(target, &chunk[..length]);
            self.place = self.place.behind(&chunk[..length]);
            self.source.consume(length);
            if done {
                return Ok(true);
            }
        }
    }

    fn peek(&mut self) -> Result<Option<u8>, ScanError> {
        Ok(self.source.fill_buf()?.first().copied())
    }

    fn fault(&self, kind: FaultKind) -> ScanError {
        ScanError::NotJson(self.place, kind)
    }

    /// The stream ended inside a piece. A quote that is missing earlier looks the same, so what there is of the piece
    /// is read for a better reason.
    fn ended(&self, piece: Option<Piece<'_>>) -> ScanError {
        let reason = piece.and_then(|piece| {
            let text = match std::str::from_utf8(piece.bytes) {
                Ok(text) => text,
                Err(fault) if fault.error_len().is_some() => return piece.text().err(),
                Err(fault) => std::str::from_utf8(&piece.bytes[..fault.valid_up_to()]).ok()?,
            };
            let fault = Parser::new(text).skip().err()?;
            let place = piece.locate(fault.offset);
            (fault.kind != FaultKind::End).then_some(ScanError::NotJson(place, fault.kind))
        });
        reason.unwrap_or(self.fault(FaultKind::End))
    }
}

#[cfg(test)]
mod tests;
