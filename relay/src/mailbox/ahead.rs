//! Reading what goes ahead of its place in a feed: what is urgent by a table of its own, what a reader wants first by the rows of
//! its feed, which are short and say whose envelope they mean.

use std::collections::BTreeSet;
use std::sync::Arc;

use azalea_core::storage::{Order, Range, Read, StorageError};
use azalea_core::sync::message::Lane;
use azalea_core::wire::Wire;

use super::common::Tail;
use super::covered::Covered;
use super::load::{FeedAnswer, Found, Item, damaged, feed_rows, found};
use super::tables::{self, FeedPlace, FeedRow};

/// Which items, and how many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AheadQuery {
    /// The recipient's number.
    pub recipient: u32,
    /// The position after which to begin.
    pub after: u64,
    /// The last position to look at.
    pub to: u64,
    /// Bytes that are enough; one item is always given, if any is.
    pub bytes_max: usize,
    /// Which of them.
    pub pick: Pick,
    /// The registry in the feed.
    pub tail: Tail,
}

/// What is picked out of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pick {
    /// What goes ahead by itself, on this lane.
    Lane(Lane),
    /// What lies in these scopes.
    Scopes {
        /// Their numbers.
        wanted: Arc<BTreeSet<u32>>,
        /// Set: what a snapshot stands for is passed over, but of these authors.
        covered_but: Option<Arc<BTreeSet<u32>>>,
    },
}

/// Items of one answer.
pub(crate) const ITEMS_MAX: usize = 256;
/// Rows of a feed that are looked at for one answer.
const ROWS_MAX: usize = 16_384;

pub(crate) fn run(store: &dyn Read, query: &AheadQuery) -> Result<FeedAnswer, StorageError> {
    let ((rows, looked), but) = match &query.pick {
        Pick::Lane(lane) => (urgent(store, query, *lane)?, None),
        Pick::Scopes { wanted, covered_but } => {
            (picked(store, query, wanted)?, covered_but.as_deref())
        }
    };
    let mut covered = Covered::new(store, query.recipient, but);
    let (mut items, mut bytes) = (Vec::new(), 0);
    let mut last = None;
    for (position, row) in rows {
        if bytes >= query.bytes_max {
            return Ok(FeedAnswer { items, through: last, covered: covered.count() });
        }
        if covered.passes_over(&row)? {
            last = Some(position);
            continue;
        }
        let found = found(store, &row)?;
        if let Found::Whole(envelope) = &found {
            bytes += envelope.len();
        }
        items.push(Item { position, row, found });
        last = Some(position);
    }
    Ok(FeedAnswer { items, through: looked, covered: covered.count() })
}

/// Rows to be read, and the last position that was looked at; `None` where there are no more.
type Rows = (Vec<(u64, FeedRow)>, Option<u64>);

fn urgent(store: &dyn Read, query: &AheadQuery, lane: Lane) -> Result<Rows, StorageError> {
    let (mut positions, mut broken) = (Vec::new(), false);
    store.scan(tables::URGENT, &range(query), Order::Ascending, &mut |key, value| {
        match (tables::feed_position(key), Lane::from_bytes(value)) {
            (Some(position), Ok(on)) if on == lane => positions.push(position),
            (Some(_), Ok(_)) => {}
            _ => broken = true,
        }
        positions.len() < ITEMS_MAX && !broken
    })?;
    if broken {
        return Err(damaged("urgent"));
    }
    let mut rows = Vec::new();
    for position in &positions {
        let found = feed_rows(store, query.recipient, position - 1, 1, &query.tail)?;
        rows.extend(found.into_iter().find(|(found, _)| found == position));
    }
    let looked = positions.last().filter(|_| positions.len() == ITEMS_MAX);
    Ok((rows, looked.copied()))
}

fn picked(
    store: &dyn Read,
    query: &AheadQuery,
    scopes: &BTreeSet<u32>,
) -> Result<Rows, StorageError> {
    let (mut rows, mut broken) = (Vec::new(), false);
    let (mut looked, mut count) = (0, 0);
    store.scan(tables::FEED, &range(query), Order::Ascending, &mut |key, value| {
        match (tables::feed_position(key), FeedPlace::from_bytes(value)) {
            (Some(position), Ok(place)) => {
                (looked, count) = (position, count + 1);
                // Nobody is looked at in the registry.
                if let FeedPlace::One(row) = place
                    && scopes.contains(&row.scope)
                {
                    rows.push((position, row));
                }
            }
            _ => broken = true,
        }
        rows.len() < ITEMS_MAX && count < ROWS_MAX && !broken
    })?;
    if broken {
        return Err(damaged("feed"));
    }
    let is_end = rows.len() < ITEMS_MAX && count < ROWS_MAX;
    Ok((rows, (!is_end).then_some(looked)))
}

fn range(query: &AheadQuery) -> Range {
    let from = tables::feed_key(query.recipient, query.after.saturating_add(1));
    let to = match query.to.checked_add(1) {
        Some(end) => Some(tables::feed_key(query.recipient, end)),
        None => Range::prefix(&query.recipient.to_be_bytes()).to,
    };
    Range { from, to }
}
