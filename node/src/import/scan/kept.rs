//! What the scanner keeps of the current value, never more than a limit.

use std::ops::Range;

use super::Piece;
use crate::import::json::Parser;
use crate::import::place::Place;

/// Where bytes belong.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// The head, and with it the whole.
    Head,
    /// An element of `entry`, and with it the whole.
    Item,
    /// What stands between elements.
    Whole,
    /// What stands between values.
    Nothing,
}

/// The parts of the current value.
pub(super) struct Kept {
    pub(super) head: Store,
    /// Differs from the head once elements were cut out of it.
    pub(super) whole: Option<Store>,
    pub(super) item: Store,
}

impl Kept {
    pub(super) fn new(limit: usize) -> Self {
        Self { head: Store::new(limit), whole: None, item: Store::new(limit) }
    }

    pub(super) fn clear(&mut self) {
        self.head.clear();
        self.whole = None;
        self.item.clear();
    }

    /// From here on the head is less than the whole.
    pub(super) fn split(&mut self) {
        self.whole.get_or_insert_with(|| self.head.clone());
    }

    pub(super) fn keep(&mut self, target: Target, bytes: &[u8]) {
        match target {
            Target::Head => self.head.keep(bytes),
            Target::Item => self.item.keep(bytes),
            Target::Whole => {}
            Target::Nothing => return,
        }
        if let Some(whole) = &mut self.whole {
            whole.keep(bytes);
        }
    }
}

/// Bytes up to a limit; beyond it, only the knowledge that there were more.
#[derive(Clone)]
pub(super) struct Store {
    bytes: Vec<u8>,
    limit: usize,
    over: bool,
}

impl Store {
    fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit, over: false }
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.over = false;
    }

    pub(super) fn length(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn piece(&self, start: Place, cut: Option<(usize, Place)>) -> Option<Piece<'_>> {
        (!self.over).then_some(Piece { bytes: &self.bytes, start, cut })
    }

    /// True where this span is the string `"entry"`, however it is spelt.
    pub(super) fn is_entry(&self, span: Range<usize>) -> bool {
        let Some(Ok(key)) = self.bytes.get(span).map(std::str::from_utf8) else { return false };
        Parser::new(key).text().is_ok_and(|key| key == "entry")
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.over {
            return;
        }
        if bytes.len() > self.limit - self.bytes.len() {
            self.over = true;
            self.bytes = Vec::new();
            return;
        }
        self.bytes.extend_from_slice(bytes);
    }
}
