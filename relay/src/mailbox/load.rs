//! What the mailbox asks of the disk, and how any store answers: pure reading, so that it can run beside the
//! mailbox, on a snapshot.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

use azalea_core::envelope::Header;
use azalea_core::id::EnvelopeId;
use azalea_core::identity::Certificate;
use azalea_core::storage::{Order, Range, Read, StorageError};
use azalea_core::wire::{Reader, Wire};

use super::ahead::{self, AheadQuery};
use super::common::Tail;
use super::covered::Covered;
use super::refill::{End, Held};
use super::tables::{
    self, ChainRow, DeviceNumber, FeedPlace, FeedRow, Lost, RottenRow, ScopeNumber,
};
use super::unsaid;

/// One question to the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// The next items of a recipient's feed, until there are enough bytes.
    Feed(FeedQuery),
    /// Items of a recipient's feed that go ahead of their places.
    Ahead(AheadQuery),
    /// The certificates that nothing in the registry says any more.
    Unsaid {
        /// The registry's number.
        registry: u32,
    },
    /// The ids that the log holds at places of chains.
    Chains {
        /// (scope, author, sequence).
        places: Vec<(u32, u32, u64)>,
    },
    /// The log positions of scopes' envelopes: statements first where it begins, then in log order.
    Scopes {
        /// What of each is lacking.
        scopes: Vec<Part>,
        /// Rows of one scope that are enough.
        rows_max: usize,
    },
}

/// Where in a feed to read on, and what of it to leave out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedQuery {
    /// The recipient's number.
    pub recipient: u32,
    /// The position after which to begin.
    pub after: u64,
    /// Bytes that are enough; one item is always given, if any is.
    pub bytes_max: usize,
    /// What the recipient holds, and is not given again.
    pub held: Option<Arc<Held>>,
    /// The registry in its feed.
    pub tail: Tail,
    /// Set: what a snapshot stands for is passed over, but of these authors.
    pub covered_but: Option<Arc<BTreeSet<u32>>>,
}

/// What a feed lacks of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The scope's number.
    pub scope: u32,
    /// The log position after which to begin.
    pub after: u64,
    /// The log position up to which the feed has the scope's statements; 0 for none.
    pub stated: u64,
    /// The scope's last log position.
    pub through: u64,
    /// The feed has nothing of it: its statements go first.
    pub begins: bool,
}

/// The answer to a [`Query`], in its order.
#[derive(Debug)]
pub enum Answer {
    /// To [`Query::Feed`] and [`Query::Ahead`].
    Feed(FeedAnswer),
    /// To [`Query::Unsaid`].
    Unsaid(Vec<Certificate>),
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

/// Envelopes of one scope.
#[derive(Debug)]
pub struct ScopeAnswer {
    /// (log position, author) of statements that go before the rest.
    pub(crate) statements: Vec<(u64, DeviceNumber)>,
    /// The log position up to which the feed has all statements, with these.
    pub(crate) stated: u64,
    /// The others, in log order.
    pub(crate) rows: Vec<(u64, DeviceNumber)>,
    /// Whether there are no more.
    pub(crate) is_end: bool,
}

/// Answers a question from a consistent state.
pub fn run(store: &dyn Read, query: &Query) -> Result<Answer, StorageError> {
    match query {
        Query::Feed(query) => feed(store, query).map(Answer::Feed),
        Query::Ahead(query) => ahead::run(store, query).map(Answer::Feed),
        Query::Unsaid { registry } => unsaid::run(store, *registry).map(Answer::Unsaid),
        Query::Chains { places } => {
            let place =
                |(scope, author, seq): &(u32, u32, u64)| chain_id(store, (*scope, *author), *seq);
            places.iter().map(place).collect::<Result<_, _>>().map(Answer::Chains)
        }
        Query::Scopes { scopes, rows_max } => {
            let scope = |part: &Part| scope_rows(store, part, *rows_max);
            scopes.iter().map(scope).collect::<Result<_, _>>().map(Answer::Scopes)
        }
    }
}

/// Rows of a feed that are looked at for one answer.
const FEED_ROWS_MAX: usize = 1_024;

/// The next places of a feed, at least so many where there are as many.
pub(super) fn feed_rows(
    store: &dyn Read,
    recipient: DeviceNumber,
    after: u64,
    rows_max: usize,
    tail: &Tail,
) -> Result<Vec<(u64, FeedRow)>, StorageError> {
    let to = Range::prefix(&recipient.to_be_bytes()).to;
    let range = Range { from: tables::feed_key(recipient, after.saturating_add(1)), to };
    let (mut rows, mut last_row) = (Vec::new(), 0);
    let mut read = Ok(());
    store.scan(tables::FEED, &range, Order::Ascending, &mut |key, value| {
        match (tables::feed_position(key), FeedPlace::from_bytes(value)) {
            (Some(position), Ok(FeedPlace::One(row))) => {
                last_row = position;
                rows.push((position, row));
            }
            // It may have begun before what is asked for.
            (Some(end), Ok(FeedPlace::Run(run))) => {
                last_row = end;
                let items = tail.of_run(recipient, end, &run);
                read = items.map(|items| {
                    rows.extend(items.into_iter().filter(|(position, _)| *position > after));
                });
            }
            _ => read = Err(damaged("feed")),
        }
        rows.len() < rows_max && read.is_ok()
    })?;
    read?;
    if rows.len() < rows_max {
        let items = tail.items_at_end(recipient, last_row);
        let room = rows_max - rows.len();
        rows.extend(items.filter(|(position, _)| *position > after).take(room));
    }
    Ok(rows)
}

fn feed(store: &dyn Read, query: &FeedQuery) -> Result<FeedAnswer, StorageError> {
    let FeedQuery { recipient, after, bytes_max, held, tail, covered_but } = query;
    let held = held.as_deref();
    let (mut bytes, mut through) = (0, None);
    let (mut items, mut same) = (Vec::new(), BTreeMap::new());
    let mut covered = Covered::new(store, *recipient, covered_but.as_deref());
    for (position, row) in feed_rows(store, *recipient, *after, FEED_ROWS_MAX, tail)? {
        if bytes >= *bytes_max {
            break;
        }
        through = Some(position);
        if covered.passes_over(&row)? {
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
    Ok(FeedAnswer { items, through, covered: covered.count() })
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
pub(crate) fn found(store: &dyn Read, row: &FeedRow) -> Result<Found, StorageError> {
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
pub(super) fn entry(store: &dyn Read, log: u64) -> Result<Option<Vec<u8>>, StorageError> {
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
fn scope_rows(store: &dyn Read, part: &Part, rows_max: usize) -> Result<ScopeAnswer, StorageError> {
    let Part { scope, after, .. } = *part;
    let (statements, stated) = match part.begins {
        true => statements(store, scope, part.through)?,
        false => (statements(store, scope, part.stated)?.0, part.stated),
    };
    let is_stated =
        |log| statements.binary_search_by_key(&log, |(statement, _)| *statement).is_ok();
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
        if row.position > after && !is_stated(row.position) {
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
    let statements = if part.begins { statements } else { Vec::new() };
    Ok(ScopeAnswer { statements, stated, rows: smallest.into_sorted_vec(), is_end })
}

/// Statements of a scope that go before the rest; what comes behind so many keeps its place in the log. Each is held beyond a gap in
/// its author's chain, of which a reader takes only so many.
const STATEMENTS_MAX: usize = 1_024;

/// A scope's statements up to a log position, in log order, and the log position up to which these are all.
fn statements(
    store: &dyn Read,
    scope: ScopeNumber,
    through: u64,
) -> Result<(Vec<(u64, DeviceNumber)>, u64), StorageError> {
    let to = Some(tables::statement_key(scope, through.saturating_add(1)));
    let range = Range { from: tables::statement_key(scope, 0), to };
    let (mut found, mut broken) = (Vec::new(), false);
    store.scan(tables::STATEMENT, &range, Order::Ascending, &mut |key, value| {
        match tables::parse_statement(key, value) {
            Some(row) => found.push(row),
            None => broken = true,
        }
        found.len() < STATEMENTS_MAX && !broken
    })?;
    if broken {
        return Err(damaged("statement"));
    }
    let all = found.len() < STATEMENTS_MAX;
    let last = found.last().map_or(through, |(log, _)| *log);
    Ok((found, if all { through } else { last }))
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

pub(crate) fn damaged(table: &str) -> StorageError {
    StorageError::Damaged { place: format!("table {table:?}") }
}
