//! Finding what differs between two sets without listing them: range-based set reconciliation.
//!
//! The items are (scope, digest of its vector), ordered by scope. One side sends the prints of a few ranges that cover
//! everything; the other answers ranges that differ with finer ones, and small ranges with the prints of their items. What
//! one side has and the other has not is then known on both. The cost follows the difference.
//!
//! Prints are eight bytes of a hash under a key that both sides' randomness made for this session alone: nobody who writes
//! items can know it, so nobody can craft two sets that look alike. Nothing is added or XORed, which could be solved for.
//! An accident (2⁻⁶⁴ per range) hides a difference from one session, not from the next.

mod range;

use crate::hash::Context;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) use range::read_ranges;
pub use range::{Bound, Content, LISTED, RANGES, Range};

use crate::id::{DeviceId, NetworkId, ScopeId};
use crate::wire::{Reader, Wire, WireError, Writer};

/// What stands for a range or an item in one session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Print(pub [u8; 8]);

/// A scope and the digest of what is held of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// The scope.
    pub scope: ScopeId,
    /// The digest of its vector.
    pub digest: [u8; 32],
}

/// The key of one session's prints.
#[derive(Clone)]
pub struct PrintKey {
    items: [u8; 32],
    ranges: [u8; 32],
}

/// One side's items under a session's key.
pub struct ItemSet {
    key: PrintKey,
    items: Vec<(ScopeId, Print)>,
    by_print: BTreeMap<Print, ScopeId>,
}

/// What follows from the other side's ranges.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Finer ranges for the other side; what lies outside of them is settled.
    pub ranges: Vec<Range>,
    /// Scopes whose item the other side does not have.
    pub only_ours: BTreeSet<ScopeId>,
    /// Items that we do not have.
    pub only_theirs: BTreeSet<Print>,
}

/// Items that are rather listed than described by prints of ranges.
pub const LIST_MAX: usize = 24;
/// Items that a part of a range should have, so that it can be listed next.
const PART_ITEMS: usize = 16;
/// Ranges that a first look at everything is cut into: enough that few of them differ, few enough to be cheap when nothing does.
const FIRST_MIN: usize = 16;
const FIRST_MAX: usize = 512;
/// Ranges that one range is cut into.
const PARTS_MAX: usize = 64;

impl PrintKey {
    /// The key that two sides' nonces make; the same on both.
    pub fn agree(
        network: &NetworkId,
        caller: (&DeviceId, &[u8; 32]),
        answerer: (&DeviceId, &[u8; 32]),
    ) -> Self {
        let derive = |context: &Context| {
            let mut hasher = context.hasher();
            hasher.update(network.as_bytes());
            for (device, nonce) in [caller, answerer] {
                hasher.update(device.as_bytes()).update(nonce);
            }
            *hasher.finalize().as_bytes()
        };
        Self { items: derive(&ITEM_KEY), ranges: derive(&RANGE_KEY) }
    }

    fn item(&self, item: &Item) -> Print {
        let mut hasher = blake3::Hasher::new_keyed(&self.items);
        hasher.update(item.scope.as_bytes()).update(&item.digest);
        front(&hasher.finalize())
    }
}

impl ItemSet {
    /// Puts items under a key.
    pub fn new(key: PrintKey, items: impl IntoIterator<Item = Item>) -> Self {
        let items: BTreeMap<ScopeId, Print> =
            items.into_iter().map(|item| (item.scope, key.item(&item))).collect();
        let by_print = items.iter().map(|(scope, print)| (*print, *scope)).collect();
        Self { key, items: items.into_iter().collect(), by_print }
    }

    /// How many items there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The scope of an item of ours.
    pub fn scope(&self, print: &Print) -> Option<ScopeId> {
        self.by_print.get(print).copied()
    }

    /// The first ranges, which cover everything.
    pub fn open(&self) -> Vec<Range> {
        let all = &self.items[..];
        if all.len() <= LIST_MAX {
            return vec![Range { upto: Bound::End, content: Self::list(all) }];
        }
        let parts = (all.len() / 2).isqrt().clamp(FIRST_MIN, FIRST_MAX);
        let mut ranges = Vec::new();
        self.cut(all, &Bound::End, parts, &mut ranges);
        ranges
    }

    /// Holds the other side's ranges against our items.
    pub fn compare(&self, theirs: &[Range]) -> Comparison {
        let mut found = Comparison::default();
        let mut from = 0;
        for range in theirs {
            let to = self.end_of(&range.upto);
            // Bounds ascend, which their reading has checked.
            let ours = &self.items[from..to];
            match &range.content {
                Content::Settled => settle(&mut found.ranges, &range.upto),
                Content::Print(print) if *print == self.print(ours) => {
                    settle(&mut found.ranges, &range.upto);
                }
                Content::Print(_) if ours.len() <= LIST_MAX => {
                    found.ranges.push(Range { upto: range.upto, content: Self::list(ours) });
                }
                Content::Print(_) => {
                    let parts = ours.len().div_ceil(PART_ITEMS).min(PARTS_MAX);
                    self.cut(ours, &range.upto, parts, &mut found.ranges);
                }
                Content::List(prints) => {
                    let theirs: BTreeSet<Print> = prints.iter().copied().collect();
                    let only_ours = ours.iter().filter(|(_, print)| !theirs.contains(print));
                    found.only_ours.extend(only_ours.map(|(scope, _)| *scope));
                    let ours: BTreeSet<Print> = ours.iter().map(|(_, print)| *print).collect();
                    found.only_theirs.extend(theirs.difference(&ours));
                    settle(&mut found.ranges, &range.upto);
                }
            }
            from = to;
        }
        while found.ranges.last().is_some_and(|last| last.content == Content::Settled) {
            found.ranges.pop();
        }
        found
    }

    /// Cuts a run of items, which ends at `upto`, into ranges with about as many items each.
    fn cut(&self, run: &[(ScopeId, Print)], upto: &Bound, parts: usize, ranges: &mut Vec<Range>) {
        for part in 0..parts {
            let (from, to) = (run.len() * part / parts, run.len() * (part + 1) / parts);
            if from == to {
                continue;
            }
            let upto = match run.get(to) {
                Some((next, _)) => Bound::between(&run[to - 1].0, next),
                None => *upto,
            };
            ranges.push(Range { upto, content: Content::Print(self.print(&run[from..to])) });
        }
    }

    fn list(run: &[(ScopeId, Print)]) -> Content {
        Content::List(run.iter().map(|(_, print)| *print).collect())
    }

    fn print(&self, run: &[(ScopeId, Print)]) -> Print {
        let mut hasher = blake3::Hasher::new_keyed(&self.key.ranges);
        for (_, print) in run {
            hasher.update(&print.0);
        }
        front(&hasher.finalize())
    }

    fn end_of(&self, bound: &Bound) -> usize {
        match bound.scope() {
            Some(end) => self.items.partition_point(|(scope, _)| *scope < end),
            None => self.items.len(),
        }
    }
}

/// Says that everything up to a bound is settled; neighbours that are settled become one.
fn settle(ranges: &mut Vec<Range>, upto: &Bound) {
    match ranges.last_mut() {
        Some(last) if last.content == Content::Settled => last.upto = *upto,
        _ => ranges.push(Range { upto: *upto, content: Content::Settled }),
    }
}

fn front(hash: &blake3::Hash) -> Print {
    let mut print = [0; 8];
    print.copy_from_slice(&hash.as_bytes()[..8]);
    Print(print)
}

impl Wire for Print {
    fn write(&self, writer: &mut Writer) {
        writer.raw(&self.0);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        reader.array("print").map(Self)
    }
}

impl std::fmt::Debug for Print {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Print:{:02x}{:02x}{:02x}{:02x}", self.0[0], self.0[1], self.0[2], self.0[3])
    }
}

static ITEM_KEY: Context = Context::new("azalea reconciliation item key v1");
static RANGE_KEY: Context = Context::new("azalea reconciliation range key v1");

#[cfg(test)]
mod tests;
