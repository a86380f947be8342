//! What a batch of Automerge changes from outside may hold, checked before Automerge sees it.
//!
//! Automerge trusts well-formed changes: a run length makes it iterate for ever, an index or a reference
//! to something that does not exist makes it panic. So this room reads the change format itself, counts and
//! bounds everything, and refuses what no edit of ours can contain. `shape` then checks that every
//! reference of an operation points to something that its author had.

pub(super) mod columns;
mod leb128;

use automerge::{Change, ExpandedChange};

use self::leb128::Cursor;
use super::Author;
use crate::id::DeviceId;
use crate::wire::{Limit, limits};

/// A change that is well formed, bounded and decoded.
#[derive(Clone)]
pub(super) struct Candidate {
    pub(super) change: Change,
    pub(super) expanded: ExpandedChange,
}

/// Reads a batch: changes one after the other, nothing between or behind them.
pub(super) fn read(batch: &[u8]) -> Result<Vec<Candidate>, ChangeError> {
    let Limit { name: limit, max } = limits::CHANGES;
    if batch.len() > max {
        return Err(ChangeError::TooMuch { limit, max });
    }
    let mut rest = Cursor::new(batch);
    let mut candidates = Vec::new();
    while !rest.is_empty() {
        candidates.push(read_one(&mut rest)?);
    }
    Ok(candidates)
}

/// Reads a batch that must be the author's own: every actor is its device's id and a suffix.
pub(super) fn read_of(author: &Author, batch: &[u8]) -> Result<Vec<Candidate>, ChangeError> {
    let candidates = read(batch)?;
    let is_own = |candidate: &Candidate| {
        let actor = candidate.expanded.actor_id.to_bytes();
        actor.len() == ACTOR_LEN && actor.starts_with(author.device.as_bytes())
    };
    if candidates.iter().all(is_own) { Ok(candidates) } else { Err(ChangeError::Author) }
}

fn read_one(rest: &mut Cursor<'_>) -> Result<Candidate, ChangeError> {
    let whole = rest.rest();
    rest.expect(&MAGIC, "magic")?;
    rest.take(CHECKSUM, "checksum")?;
    match rest.take(1, "chunk type")? {
        [CHANGE_CHUNK] => {}
        // A compressed chunk could unfold without bound; the envelope compresses anyway.
        [_] => return Err(ChangeError::Foreign { field: "chunk type" }),
        _ => return Err(ChangeError::Malformed { field: "chunk type" }),
    }
    let len = rest.length("chunk length")?;
    let data = rest.take(len, "chunk")?;
    columns::check(data)?;
    let chunk = &whole[..whole.len() - rest.rest().len()];
    let change = Change::try_from(chunk).map_err(|_| ChangeError::Malformed { field: "change" })?;
    // The parser reads the checksum and leaves it; a change's id is the digest that it begins.
    if chunk.get(MAGIC.len()..MAGIC.len() + CHECKSUM) != change.hash().0.get(..CHECKSUM) {
        return Err(ChangeError::Malformed { field: "checksum" });
    }
    let expanded = change.decode();
    Ok(Candidate { change, expanded })
}

/// Bytes of an actor: the device's id and the beginning of a digest of the change.
pub(super) const ACTOR_LEN: usize = DeviceId::LEN + 8;
const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const CHECKSUM: usize = 4;
const CHANGE_CHUNK: u8 = 1;

/// Why a batch of changes is refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// Not in the change format. Usual cause: a broken or hostile author, since the envelope was whole.
    #[error("the change is malformed at {field}")]
    Malformed {
        /// Where.
        field: &'static str,
    },
    /// In the change format, but something that this program never writes. Usual cause: a newer program.
    #[error("the change uses {field} in a way that is not known here: update this program")]
    Foreign {
        /// What.
        field: &'static str,
    },
    /// Above a limit.
    #[error("the change is above {limit}, which is {max}")]
    TooMuch {
        /// The limit's name.
        limit: &'static str,
        /// Its value.
        max: usize,
    },
    /// It refers to something that its author cannot have seen, or not in this way.
    #[error("the change refers to {field} that is not there")]
    Dangling {
        /// What it refers to.
        field: &'static str,
    },
    /// It names another device as its author than the one whose envelope it came in.
    #[error("the change names another author than its envelope")]
    Author,
    /// This author used the same actor for another change. Usual cause: a hostile author.
    #[error("the change repeats an actor that another change has")]
    Repeated,
    /// Automerge failed on it although it passed every check here: a bug worth reporting.
    #[error("the change could not be merged")]
    Merge,
}
