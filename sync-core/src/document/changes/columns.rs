//! Bounds on the columns of a change: rows, indices, counters and the text that runs repeat.

use super::ChangeError;
use super::leb128::Cursor;

/// Checks the data of one change chunk.
///
/// ```text
/// dependencies │ actor │ seq │ first operation │ time │ message │ other actors │ column specs │ columns
/// ```
pub(in crate::document) fn check(data: &[u8]) -> Result<(), ChangeError> {
    let mut cursor = Cursor::new(data);
    let dependencies = bounded(cursor.length("dependencies")?, DEPENDENCIES_MAX)?;
    cursor.take(dependencies * HASH, "dependencies")?;
    bytes(&mut cursor, "actor")?;
    cursor.unsigned("seq")?;
    cursor.unsigned("first operation")?;
    cursor.signed("time")?;
    bytes(&mut cursor, "message")?;
    let others = bounded(cursor.length("other actors")?, ACTORS_MAX)?;
    for _ in 0..others {
        bytes(&mut cursor, "other actor")?;
    }
    let specs = specs(&mut cursor)?;
    let mut columns = Vec::with_capacity(specs.len());
    for (spec, len) in specs {
        columns.push((spec, cursor.take(len, "column")?));
    }
    if !cursor.is_empty() {
        return Err(ChangeError::Foreign { field: "a footer" });
    }
    for (spec, column) in columns {
        check_column(spec, column, others as u64 + 1)?;
    }
    Ok(())
}

fn bytes(cursor: &mut Cursor<'_>, field: &'static str) -> Result<(), ChangeError> {
    let len = cursor.length(field)?;
    cursor.take(len, field).map(|_| ())
}

/// The column specifications with their lengths; each known, none twice, ascending.
fn specs(cursor: &mut Cursor<'_>) -> Result<Vec<(u64, usize)>, ChangeError> {
    let count = bounded(cursor.length("columns")?, COLUMNS.len())?;
    let mut specs: Vec<(u64, usize)> = Vec::with_capacity(count);
    for _ in 0..count {
        let spec = cursor.unsigned("column")?;
        if specs.last().is_some_and(|(before, _)| *before >= spec) {
            return Err(ChangeError::Malformed { field: "column order" });
        }
        if !COLUMNS.contains(&spec) {
            return Err(ChangeError::Foreign { field: "a column" });
        }
        let len = usize::try_from(cursor.unsigned("column length")?)
            .map_err(|_| ChangeError::Malformed { field: "column length" })?;
        specs.push((spec, len));
    }
    Ok(specs)
}

fn check_column(spec: u64, column: &[u8], actors: u64) -> Result<(), ChangeError> {
    match spec & TYPE {
        GROUP => {
            let mut total = 0u64;
            runs(column, |cursor, run| {
                let count = cursor.unsigned("predecessors")?;
                total = total.saturating_add(count.saturating_mul(run));
                at_most(total, ROWS_MAX)
            })
        }
        ACTOR => runs(column, |cursor, _| match cursor.unsigned("actor index")? {
            index if index < actors => Ok(()),
            _ => Err(ChangeError::Malformed { field: "actor index" }),
        }),
        INTEGER => runs(column, |cursor, _| counter(cursor.unsigned("counter")?)),
        DELTA => {
            let mut value = 0i64;
            runs(column, |cursor, run| {
                let malformed = ChangeError::Malformed { field: "counter" };
                let delta = cursor.signed("counter")?;
                let run = i64::try_from(run).map_err(|_| malformed.clone())?;
                // Along a run the value moves one way, so its first and last member bound the rest.
                let first = value.checked_add(delta).ok_or_else(|| malformed.clone())?;
                value = delta
                    .checked_mul(run)
                    .and_then(|step| value.checked_add(step))
                    .ok_or(malformed)?;
                counter(first.cast_unsigned()).and_then(|()| counter(value.cast_unsigned()))
            })
        }
        BOOLEAN => {
            let mut cursor = Cursor::new(column);
            let mut rows = 0u64;
            while !cursor.is_empty() {
                rows = rows.saturating_add(cursor.unsigned("boolean run")?);
                at_most(rows, ROWS_MAX)?;
            }
            Ok(())
        }
        STRING => {
            let mut total = 0u64;
            runs(column, |cursor, run| {
                let len = cursor.length("text")?;
                let text = cursor.take(len, "text")?;
                std::str::from_utf8(text).map_err(|_| ChangeError::Malformed { field: "text" })?;
                total = total.saturating_add((len as u64).saturating_mul(run));
                at_most(total, KEYS_MAX)
            })
        }
        // Low four bits are the value's type, the rest its length in the column of values.
        VALUE_META => runs(column, |cursor, _| {
            let meta = cursor.unsigned("value")?;
            match meta & 0xf {
                NULL..=BYTES | TIMESTAMP => Ok(()),
                _ => Err(ChangeError::Foreign { field: "a value type" }),
            }
        }),
        _ => Ok(()),
    }
}

/// Walks a run-length encoded column: `run > 0` repeats one value, `run < 0` is so many single values, 0 is nulls.
fn runs(
    column: &[u8],
    mut value: impl FnMut(&mut Cursor<'_>, u64) -> Result<(), ChangeError>,
) -> Result<(), ChangeError> {
    let mut cursor = Cursor::new(column);
    let mut rows = 0u64;
    while !cursor.is_empty() {
        let run = cursor.signed("run")?;
        let count = if run == 0 { cursor.unsigned("nulls")? } else { run.unsigned_abs() };
        rows = rows.saturating_add(count);
        at_most(rows, ROWS_MAX)?;
        match run {
            0 => {}
            1.. => value(&mut cursor, count)?,
            _ => (0..count).try_for_each(|_| value(&mut cursor, 1))?,
        }
    }
    Ok(())
}

fn counter(value: u64) -> Result<(), ChangeError> {
    at_most(value, u64::from(u32::MAX))
}

fn at_most(value: u64, max: u64) -> Result<(), ChangeError> {
    if value <= max {
        Ok(())
    } else {
        Err(ChangeError::TooMuch {
            limit: "change_rows_max",
            max: usize::try_from(max).unwrap_or(usize::MAX),
        })
    }
}

fn bounded(count: usize, max: usize) -> Result<usize, ChangeError> {
    at_most(count as u64, max as u64).map(|()| count)
}

const HASH: usize = 32;
/// Rows of one change: a character typed is a row.
pub(super) const ROWS_MAX: u64 = 65_536;
/// Bytes of all keys of one change, each counted as often as it is repeated.
const KEYS_MAX: u64 = 1 << 20;
const DEPENDENCIES_MAX: usize = 1_024;
const ACTORS_MAX: usize = 4_096;

// The low four bits of a column's specification are its type (the fourth says "deflated"), the rest its id.
const TYPE: u64 = 0xf;
const GROUP: u64 = 0;
const ACTOR: u64 = 1;
const INTEGER: u64 = 2;
const DELTA: u64 = 3;
const BOOLEAN: u64 = 4;
const STRING: u64 = 5;
const VALUE_META: u64 = 6;
const VALUE: u64 = 7;

/// Object, key, insert, action, value, predecessors, as Automerge's format numbers them; no marks.
const COLUMNS: [u64; 12] = [
    ACTOR,
    INTEGER,
    1 << 4 | ACTOR,
    1 << 4 | DELTA,
    1 << 4 | STRING,
    3 << 4 | BOOLEAN,
    4 << 4 | INTEGER,
    5 << 4 | VALUE_META,
    5 << 4 | VALUE,
    7 << 4 | GROUP,
    7 << 4 | ACTOR,
    7 << 4 | DELTA,
];

// Value types of the format: null, false, true, unsigned, signed, float, text, bytes, counter, timestamp.
const NULL: u64 = 0;
const BYTES: u64 = 7;
const TIMESTAMP: u64 = 9;
