//! Deliberate faults, to see that the checkers bite.
//!
//! The shipped engine holds no hook for them: each one stands between an engine and its disk, its line, its people
//! or its screens, where it does what a wrong engine would do there. A batch that lost a row on its way is to every
//! observer the same as an engine that did not write it.

use azalea_core::replica::{Cause, QuarantineRow};
use azalea_core::storage::{Batch, Memory, Order, Range, Read, table};
use azalea_core::wire::Wire;

use super::check::Checker;

/// What is made wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// A node says that a write is saved before its disk has it.
    AcknowledgeBeforeStoring,
    /// The relay takes an envelope before its disk has it.
    RelayTakesBeforeStoring,
    /// What waits for its key or its grant is forgotten once the cursor has moved past it.
    ForgetWhatWaits,
    /// A write after its author's right ended is dropped.
    DropLateWrites,
    /// The second of two people's edits is dropped, and nobody is shown that they disagreed.
    FirstWriterWins,
    /// Freshness is claimed from the connection, not from the publisher's word.
    FreshFromConnection,
    /// A store that was lost begins again at number one, with the numbers and nonces that it used before.
    ReuseNumbers,
    /// A withdrawal is answered and not carried out.
    IgnoreWithdrawals,
    /// A consent for one facility lets everybody in.
    ShareWithEverybody,
    /// What waits to be sent is not written down.
    ForgetOutbox,
    /// An envelope is kept that is not the one whose signature was checked.
    KeepUnsigned,
    /// Every eighth record is in the log and not among the records.
    DropRecords,
    /// What the relay has is never taken out of the outbox.
    SendForever,
    /// Timers never fire.
    NeverWake,
    /// A dead connection is not noticed.
    NeverNotice,
    /// Every fourth page is shown without a line in the ledger.
    ShowUnlogged,
    /// What a newer program wrote is dropped, but for its place in the log.
    DropNewer,
}

impl Mutation {
    /// All of them, each with the checker that should catch it.
    pub const ALL: [(Self, Checker); 17] = [
        (Self::AcknowledgeBeforeStoring, Checker::Durability),
        (Self::RelayTakesBeforeStoring, Checker::Convergence),
        (Self::ForgetWhatWaits, Checker::Convergence),
        (Self::DropLateWrites, Checker::Late),
        (Self::FirstWriterWins, Checker::Convergence),
        (Self::FreshFromConnection, Checker::Honesty),
        (Self::ReuseNumbers, Checker::Authorship),
        (Self::IgnoreWithdrawals, Checker::Confidentiality),
        (Self::ShareWithEverybody, Checker::Confidentiality),
        (Self::ForgetOutbox, Checker::Honesty),
        (Self::KeepUnsigned, Checker::Authorship),
        (Self::DropRecords, Checker::Durability),
        (Self::SendForever, Checker::Liveness),
        (Self::NeverWake, Checker::Liveness),
        (Self::NeverNotice, Checker::Liveness),
        (Self::ShowUnlogged, Checker::Ledger),
        (Self::DropNewer, Checker::Convergence),
    ];

    /// What of a node's batch reaches its disk, which holds `rows`.
    pub(super) fn stored(self, batch: &Batch, rows: &Memory) -> Batch {
        let mut left = Batch::new();
        for change in batch.changes() {
            let (at, is_put) = (change.table, change.value.is_some());
            let dropped = match self {
                Self::ForgetWhatWaits => at == table::WAITING && is_put,
                Self::DropLateWrites => at == table::QUARANTINE && is_put,
                Self::FirstWriterWins => at == table::DOCUMENT && is_begun(rows, &change.key),
                Self::DropNewer => at == table::QUARANTINE && is_newer(change.value.as_deref()),
                Self::ForgetOutbox => at == table::OUTBOX && is_put,
                Self::SendForever => at == table::OUTBOX && !is_put,
                Self::DropRecords => {
                    at == table::RECORD && change.key.last().is_some_and(|last| last % 8 == 0)
                }
                _ => false,
            };
            if dropped {
                continue;
            }
            let key = change.key.clone();
            match change.value.clone() {
                None => left.remove(at, key),
                Some(mut value) => {
                    if self == Self::KeepUnsigned && at == table::LOG {
                        value[SIGNATURE_AT] ^= 1;
                    }
                    left.put(at, key, value);
                }
            }
        }
        left
    }
}

/// Whether a row of the quarantine table is there for being newer.
fn is_newer(row: Option<&[u8]>) -> bool {
    row.and_then(|row| QuarantineRow::from_bytes(row).ok())
        .is_some_and(|row| row.cause == Cause::Newer)
}

/// Whether a document has changes already; its key ends with the position of these.
fn is_begun(rows: &Memory, key: &[u8]) -> bool {
    let mut begun = false;
    let range = Range::prefix(&key[..key.len() - 8]);
    rows.scan(table::DOCUMENT, &range, Order::Ascending, &mut |_, _| {
        begun = true;
        false
    })
    .expect("memory");
    begun
}

/// A byte of an envelope that is part of its signature.
const SIGNATURE_AT: usize = azalea_core::envelope::SignedEnvelope::OVERHEAD - 1;
