//! What the mailbox asks of the disk, and how any store answers: pure reading, so that it can run beside the
//! mailbox, on a snapshot.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

use azalea_core::envelope::Header;
use azalea_core::id::EnvelopeId;
use azalea_core::storage::{Order, Range, Read, StorageError};
use azalea_core::wire::{Reader, Wire};

use super::covered::Covered;
use super::refill::{End, Held};
use super::tables::{self, ChainRow, DeviceNumber, FeedRow, Lost, RottenRow, ScopeNumber};

/// One question to the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// The next items of a recipient's feed, until there are enough bytes.
    Feed {
        /// The recipient's number.
        recipient: u32,
        /// The position after which to begin.
        after: u64,
        /// Bytes that are enough; one item is always given, if any is.
        bytes_max: usize,
        /// What the recipient holds, and is not given again.
        held: Option<Arc<Held>>,
        /// Set: what a snapshot stands for is passed over, but of these authors.
        covered_but: Option<Arc<BTreeSet<DeviceNumber>>>,
    },
    /// The ids that the log holds at places of chains.
    Chains {
        /// (scope, author, sequence).
        places: Vec<(u32, u32, u64)>,
    },
    /// The log positions of scopes' envelopes, in log order.
    Scopes {
        /// (scope, the log position after which to begin).
        scopes: Vec<(u32, u64)>,
        /// Rows of one scope that are enough.
        rows_max: usize,
    },
}

/// The answer to a [`Query`], in its order.
#[derive(Debug)]
pub enum Answer {
    /// To [`Query::Feed`].
    Feed(FeedAnswer),
    /// To [`Query::Chains`].
    Chains(Vec<Option<EnvelopeId>>),
    /// To [`Query::Scopes`].
    Scopes(Vec<ScopeAnswer>),
}

/// The next items of a feed.
#[derive(Debug)]
pub struct FeedAnswer {
    pub(crate) items: Vec<Item>,
    /// The last position that was looked at, whether the recipient holds what is there or not.
    pub(crate) through: Option<u64>,
    /// How many were passed over since a snapshot stands for them.
    pub(crate) covered: u64,
}

/// An item of a feed.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) position: u64,
    pub(crate) row: FeedRow,
    pub(crate) found: Found,
}

/// What the log has at a place.
#[derive(Debug)]
pub(crate) enum Found {
    /// The envelope that was written there.
    Whole(Vec<u8>),
    /// Nothing that could be given out.
    Rotten {
        /// The log position.
        log: u64,
        /// Whose envelope it was; `None` where that cannot be told either.
        lost: Option<Lost>,
    },
}

impl Found {
    /// The number in its author's chain, where that can be told.
    fn seq(&self) -> Option<u64> {
        match self {
            Self::Whole(envelope) => {
                Header::read(&mut Reader::new(envelope)).ok().map(|header| header.seq)
            }
            Self::Rotten { lost, .. } => lost.as_ref().map(|lost| lost.seq),
        }
    }
}

/// Envelopes of one scope, in log order.
#[derive(Debug)]
pub struct ScopeAnswer {
    /// (log position, author).
    pub(crate) rows: Vec<(u64, DeviceNumber)>,
    /// Whether there are no more.
    pub(crate) is_end: bool,
}

/// Answers a question from a consistent state.
pub fn run(store: &dyn Read, query: &Query) -> Result<Answer, StorageError> {
    match query {
        Query::Feed { recipient, after, bytes_max, held, covered_but } => {
            let (held, covered_but) = (held.as_deref(), covered_but.as_deref());
            feed(store, *recipient, *after, *bytes_max, held, covered_but)
        }
        Query::Chains { places } => {
            let place =
                |(scope, author, seq): &(u32, u32, u64)| chain_id(store, (*scope, *author), *seq);
            places.iter().map(place).collect::<Result<_, _>>().map(Answer::Chains)
        }
        Query::Scopes { scopes, rows_max } => {
            let scope = |(scope, after): &(u32, u64)| scope_rows(store, *scope, *after, *rows_max);
            scopes.iter().map(scope).collect::<Result<_, _>>().map(Answer::Scopes)
        }
    }
}

/// Rows of a feed that are looked at for one answer.
const FEED_ROWS_MAX: usize = 1_024;

fn feed(
    store: &dyn Read,
    recipient: DeviceNumber,
    after: u64,
    bytes_max: usize,
    held: Option<&Held>,
    covered_but: Option<&BTreeSet<DeviceNumber>>,
) -> Result<Answer, StorageError> {
    let to = Range::prefix(&recipient.to_be_bytes()).to;
    let range = Range { from: tables::feed_key(recipient, after.saturating_add(1)), to };
    let mut rows = Vec::new();
    let mut broken = false;
    store.scan(tables::FEED, &range, Order::Ascending, &mut |key, value| {
        match (tables::feed_position(key), FeedRow::from_bytes(value)) {
            (Some(position), Ok(row)) => rows.push((position, row)),
            _ => broken = true,
        }
        rows.len() < FEED_ROWS_MAX && !broken
    })?;
    if broken {
        return Err(damaged("feed"));
    }
    let (mut bytes, mut through) = (0, None);
    let (mut items, mut same) = (Vec::new(), BTreeMap::new());
    let mut covered = covered_but.map(|but| (Covered::new(store, but), 0));
    for (position, row) in rows {
        if bytes >= bytes_max {
            break;
        }
        through = Some(position);
        // What the recipient wrote itself it wants as it wrote it.
        if row.author != recipient
            && let Some((covered, count)) = &mut covered
            && covered.contains(&row)?
        {
            *count += 1;
            continue;
        }
        let end = held.and_then(|held| held.end(&row));
        if end.is_some_and(|end| end.is_before(row.log)) {
            continue;
        }
        let found = found(store, &row)?;
        if let (Some(held), Some(end)) = (held, end) {
            let chain = (row.scope, row.author);
            let is_same = |seq, id| match same.entry(chain) {
                Entry::Occupied(known) => Ok(*known.get()),
                Entry::Vacant(unknown) => {
                    Ok(*unknown.insert(chain_id(store, chain, seq)? == Some(id)))
                }
            };
            if is_held(held, end, &found, is_same)? {
                continue;
            }
        }
        if let Found::Whole(envelope) = &found {
            bytes += envelope.len();
        }
        items.push(Item { position, row, found });
    }
    let covered = covered.map_or(0, |(_, count)| count);
    Ok(Answer::Feed(FeedAnswer { items, through, covered }))
}

/// Whether its reader holds an item, or all that it could be to it, where its chain ends so there; `is_same` says whether the
/// chain has this envelope at that number here.
fn is_held(
    held: &Held,
    end: End,
    found: &Found,
    is_same: impl FnOnce(u64, EnvelopeId) -> Result<bool, StorageError>,
) -> Result<bool, StorageError> {
    let is_within = |seq| found.seq().is_some_and(|found| found <= seq);
    let is_certificate =
        || matches!(found, Found::Whole(envelope) if held.has_certificate(envelope));
    match end {
        End::Log(_) => Ok(false),
        End::At { seq, id } if is_same(seq, id)? => Ok(is_within(seq)),
        End::At { .. } => Ok(is_certificate()),
        End::Further { seq, .. } => Ok(is_within(seq) && is_certificate()),
    }
}

/// The envelope of a place in a feed. One that has rotted may be here again, further on in the log.
fn found(store: &dyn Read, row: &FeedRow) -> Result<Found, StorageError> {
    let mut log = row.log;
    loop {
        if let Some(envelope) = entry(store, log)? {
            return Ok(Found::Whole(envelope));
        }
        let known = sound(store.get(tables::ROTTEN, &log.to_be_bytes()))?;
        let known = known.and_then(|value| RottenRow::from_bytes(&value).ok());
        match known {
            // Positions ascend, so this ends.
            Some(RottenRow { again: Some(again), .. }) if again > log => log = again,
            Some(known) => return Ok(Found::Rotten { log, lost: Some(known.lost) }),
            None => return Ok(Found::Rotten { log, lost: place(store, row, log)? }),
        }
    }
}

/// The envelope at a log position, if it is there and what was written.
fn entry(store: &dyn Read, log: u64) -> Result<Option<Vec<u8>>, StorageError> {
    let value = sound(store.get(tables::LOG, &log.to_be_bytes()))?;
    let envelope = value.as_deref().and_then(|value| tables::parse_log_value(log, value));
    Ok(envelope.map(<[u8]>::to_vec))
}

/// A page that cannot be read has lost what stood on it, like one whose bytes have changed; every other failure may pass.
pub(super) fn sound<T: Default>(read: Result<T, StorageError>) -> Result<T, StorageError> {
    match read {
        Err(StorageError::Damaged { .. }) => Ok(T::default()),
        read => read,
    }
}

/// Where the envelope of a log position stands, by its author's chain; what the log itself says of it cannot be relied on.
fn place(store: &dyn Read, row: &FeedRow, log: u64) -> Result<Option<Lost>, StorageError> {
    let FeedRow { scope, author, .. } = *row;
    let range = Range::prefix(&tables::author_prefix(scope, author));
    let (mut before, mut lost) = ((0, EnvelopeId::ZERO), None);
    sound(store.scan(tables::CHAIN, &range, Order::Ascending, &mut |key, value| {
        let (Some((_, _, seq)), Ok(row)) = (tables::parse_chain_key(key), chain_row(value)) else {
            return false;
        };
        if row.position == log && seq == before.0 + 1 {
            lost = Some(Lost { scope, author, seq, id: row.id, before: before.1 });
        }
        before = (seq, row.id);
        row.position != log
    }))?;
    Ok(lost)
}

/// The chain table lies in the order of authors; the smallest log positions are picked out of the scope's rows.
fn scope_rows(
    store: &dyn Read,
    scope: ScopeNumber,
    after: u64,
    rows_max: usize,
) -> Result<ScopeAnswer, StorageError> {
    let mut smallest: BinaryHeap<(u64, DeviceNumber)> = BinaryHeap::new();
    let mut is_end = true;
    let mut broken = false;
    let range = Range::prefix(&tables::chain_prefix(scope));
    store.scan(tables::CHAIN, &range, Order::Ascending, &mut |key, value| {
        let (Some((_, author, _)), Ok(row)) = (tables::parse_chain_key(key), chain_row(value))
        else {
            broken = true;
            return false;
        };
        if row.position > after {
            smallest.push((row.position, author));
            if smallest.len() > rows_max {
                smallest.pop();
                is_end = false;
            }
        }
        true
    })?;
    if broken {
        return Err(damaged("chain"));
    }
    Ok(ScopeAnswer { rows: smallest.into_sorted_vec(), is_end })
}

/// The envelope that a chain has at a number.
fn chain_id(
    store: &dyn Read,
    (scope, author): (ScopeNumber, DeviceNumber),
    seq: u64,
) -> Result<Option<EnvelopeId>, StorageError> {
    let value = store.get(tables::CHAIN, &tables::chain_key(scope, author, seq))?;
    value.map(|value| chain_row(&value).map(|row| row.id)).transpose()
}

pub(super) fn chain_row(value: &[u8]) -> Result<ChainRow, StorageError> {
    ChainRow::from_bytes(value).map_err(|_| damaged("chain"))
}

fn damaged(table: &str) -> StorageError {
    StorageError::Damaged { place: format!("table {table:?}") }
}
