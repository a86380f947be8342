//! Ranges of scopes as they travel: each begins where the one before ends, the first at the smallest id.

use crate::id::ScopeId;
use crate::wire::{Limit, Reader, Wire, WireError, Writer};

use super::Print;

/// Ranges in one message.
pub const RANGES: Limit = Limit { name: "ranges_max", max: 65_536 };
/// Items in one list of a range.
pub const LISTED: Limit = Limit { name: "listed_max", max: 64 };

/// A run of scopes, and what the sender says of its items there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// The first scope beyond.
    pub upto: Bound,
    /// What is there.
    pub content: Content,
}

/// What the sender says of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Nothing is left to be found here.
    Settled,
    /// One print over all items.
    Print(Print),
    /// The items' prints.
    List(Vec<Print>),
}

/// An end of a range: a scope id of which only the front is written, the rest being zero, or the end of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Before this scope.
    Scope {
        /// The front, then zeros.
        id: ScopeId,
        /// How many bytes are written; the last of them is not zero.
        written: u8,
    },
    /// Behind all scopes.
    End,
}

impl Bound {
    /// The shortest bound that parts two neighbours.
    pub fn between(before: &ScopeId, after: &ScopeId) -> Self {
        let same = before.0.iter().zip(&after.0).take_while(|(one, other)| one == other).count();
        let mut id = ScopeId::ZERO;
        let written = (same + 1).min(ScopeId::LEN);
        id.0[..written].copy_from_slice(&after.0[..written]);
        Self::Scope { id, written: u8::try_from(written).expect("at most sixteen") }
    }

    /// The scope before which the range ends; `None` where it ends behind all.
    pub fn scope(&self) -> Option<ScopeId> {
        match self {
            Self::Scope { id, .. } => Some(*id),
            Self::End => None,
        }
    }

    /// Whether this bound lies behind another.
    fn is_behind(&self, other: &Self) -> bool {
        match (self.scope(), other.scope()) {
            (Some(one), Some(other)) => one > other,
            (None, Some(_)) => true,
            (_, None) => false,
        }
    }
}

/// One byte says both what a range holds and how much of its bound is written.
const KIND_SHIFT: u8 = 5;

impl Wire for Range {
    fn write(&self, writer: &mut Writer) {
        let (front, written) = match &self.upto {
            Bound::End => (&[][..], 0),
            Bound::Scope { id, written } => (&id.0[..usize::from(*written)], *written),
        };
        let kind: u8 = match &self.content {
            Content::Settled => 0,
            Content::Print(_) => 1,
            Content::List(_) => 2,
        };
        writer.u8(kind << KIND_SHIFT | written);
        writer.raw(front);
        match &self.content {
            Content::Settled => {}
            Content::Print(print) => print.write(writer),
            Content::List(prints) => {
                let count = u8::try_from(prints.len()).expect("lists are cut to their limit");
                writer.u8(count);
                prints.iter().for_each(|print| print.write(writer));
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let head = reader.u8("range")?;
        let upto = read_bound(reader, head & ((1 << KIND_SHIFT) - 1))?;
        let content = match head >> KIND_SHIFT {
            0 => Content::Settled,
            1 => Content::Print(Print::read(reader)?),
            2 => {
                let claimed = usize::from(reader.u8(LISTED.name)?);
                if claimed > LISTED.max {
                    let (limit, max) = (LISTED.name, LISTED.max);
                    return Err(WireError::TooLong { limit, max, claimed });
                }
                let prints = (0..claimed).map(|_| Print::read(reader));
                Content::List(prints.collect::<Result<_, _>>()?)
            }
            _ => return Err(WireError::Invalid { field: "range" }),
        };
        Ok(Self { upto, content })
    }
}

fn read_bound(reader: &mut Reader<'_>, written: u8) -> Result<Bound, WireError> {
    let field = "bound";
    if written == 0 {
        return Ok(Bound::End);
    }
    if usize::from(written) > ScopeId::LEN {
        return Err(WireError::Invalid { field });
    }
    let front = reader.raw(usize::from(written), field)?;
    if front.last() == Some(&0) {
        return Err(WireError::Invalid { field });
    }
    let mut id = ScopeId::ZERO;
    id.0[..front.len()].copy_from_slice(front);
    Ok(Bound::Scope { id, written })
}

/// Reads ranges whose bounds ascend.
pub(crate) fn read_ranges(reader: &mut Reader<'_>) -> Result<Vec<Range>, WireError> {
    let ranges: Vec<Range> = reader.list(RANGES)?;
    match ranges.windows(2).all(|two| two[1].upto.is_behind(&two[0].upto)) {
        true => Ok(ranges),
        false => Err(WireError::Invalid { field: "ranges" }),
    }
}
