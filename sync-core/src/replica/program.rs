//! What follows when the program that works on a store is another one than before: an update, or an update taken back.
//!
//! After an update, what was kept as newer than the program is read again. After a step back, what the newer program
//! merged is looked over: what this one does not read is set apart as newer, and nothing is claimed to be complete until that
//! is known. The rows of the store itself have one format for both; where they have not, the older program refuses the store.

use crate::id::Timestamp;
use crate::storage::table;
use crate::wire::{Limit, Reader, Wire, WireError, Writer};

use super::Tx;
use super::hold::Cause;
use super::rejudge::Doubt;
use super::state::{OpenError, State, meta};

/// The format of the core's own rows. Raised when a row gets a form that the program before does not read; a new table, or
/// a new name in `meta`, does not raise it.
const STORE_FORMAT: u32 = 1;
/// A program's version in the store.
const VERSION: Limit = Limit { name: "program version", max: 64 };

/// A program, as far as a store has to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    /// The newest format of bodies that it reads.
    reads: u8,
    version: String,
}

impl Program {
    /// The one that wrote a store which does not name it: one of the first.
    pub(super) fn unnamed() -> Self {
        Self { reads: 1, version: String::new() }
    }

    fn this(reads: u8) -> Self {
        Self { reads, version: env!("CARGO_PKG_VERSION").to_owned() }
    }
}

impl Wire for Program {
    fn write(&self, writer: &mut Writer) {
        writer.u8(self.reads);
        writer.bytes(self.version.as_bytes());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self { reads: reader.u8("formats read")?, version: reader.text(VERSION)?.to_owned() })
    }
}

/// Refuses the rows of a store that a newer program has written in another form.
pub(super) fn check_format(rows: &[(Vec<u8>, Vec<u8>)]) -> Result<(), OpenError> {
    let row = rows.iter().find(|(name, _)| name == meta::FORMAT);
    let Some((_, value)) = row else { return Ok(()) };
    let read = |cause| OpenError::Row { table: table::META.name(), cause };
    let mut reader = Reader::new(value);
    match reader.u32("store format").map_err(read)? {
        0 => Err(read(WireError::Invalid { field: "store format" })),
        found if found > STORE_FORMAT => Err(OpenError::Newer { found, known: STORE_FORMAT }),
        _ => reader.finish().map_err(read),
    }
}

impl State {
    /// Names this program in a store that begins.
    pub(super) fn name_program(&mut self, tx: &mut Tx<'_>) {
        let program = Program::this(self.formats.reads());
        tx.batch.put(table::META, meta::FORMAT, STORE_FORMAT.to_be_bytes());
        tx.batch.put(table::META, meta::PROGRAM, program.to_bytes());
        self.program = Some(program);
    }

    /// Whether another program worked on this store before.
    pub(super) fn has_other_program(&self) -> bool {
        self.program.as_ref().is_some_and(|before| *before != Program::this(self.formats.reads()))
    }

    fn is_stepped_back(&self) -> bool {
        self.program.as_ref().is_some_and(|before| before.reads > self.formats.reads())
    }

    /// What a newer program found complete is not so here until it is known what of it this one reads.
    pub(super) fn notice_program(&mut self) {
        if self.is_stepped_back() {
            for publisher in self.freshness.publishers.values_mut() {
                publisher.complete = None::<Timestamp>;
            }
        }
    }

    /// Has everything judged again that this program may read otherwise than the one before.
    pub(super) fn follow_program(&mut self, tx: &mut Tx<'_>) {
        let doubted: Vec<_> = if self.is_stepped_back() {
            for (publisher, row) in &self.freshness.publishers {
                tx.batch.put(table::HEAD, publisher.as_bytes(), row.to_bytes());
            }
            let of_scope = |scope: &super::state::Scope| {
                let number = scope.number;
                scope.vectors.keys().map(move |author| (number, *author)).collect::<Vec<_>>()
            };
            self.scopes.values().flat_map(of_scope).collect()
        } else {
            let unread = |cause| matches!(cause, Cause::Newer | Cause::Body);
            let apart = self.quarantined.values().filter(|apart| unread(apart.cause));
            apart.map(|apart| (apart.scope, apart.author)).collect()
        };
        for (number, author) in doubted {
            self.doubt(tx, number, author, Doubt { reads: true, ..Doubt::default() });
        }
        self.name_program(tx);
    }
}
