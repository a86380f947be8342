//! What a replica wants done. Effects are carried out in their order; `Load` and `Store` are answered by inputs.

use crate::access::ScopeKind;
use crate::document::{DocumentId, RecordKey, RecordVersion};
use crate::id::{FacilityId, PatientId, ScopeId, VersionId};
use crate::storage::row::{LocalRow, RecordRow, ScopeNumber};
use crate::storage::{Batch, Order, Range, Table};
use crate::sync::message::{Goodbye, Message};

use super::command::{CommandError, Outcome};
use super::input::CommandId;

/// Names a `Load` or `Store` until its answer; counted up inside the replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EffectId(pub u64);

/// One thing to do.
#[derive(Debug)]
pub enum Effect {
    /// Read; answer with `Input::Loaded`. Sees every `Store` emitted before it.
    Load {
        /// Names the answer.
        id: EffectId,
        /// What to read, each answered in its place.
        queries: Vec<Query>,
    },
    /// Make the batch durable, with rows derived from `applied` in the same commit; answer with `Input::Stored`.
    Store {
        /// Names the answer.
        id: EffectId,
        /// The core's rows.
        batch: Batch,
        /// What became visible by this batch, for the indexes that pages read.
        applied: Vec<Applied>,
    },
    /// Send a message to the relay.
    Send(Message),
    /// End the connection to the relay; it may be opened anew after a pause.
    Hangup,
    /// A command is finished; where it succeeded, its effect is durable.
    Done {
        /// Which.
        command: CommandId,
        /// What came of it.
        result: Result<Outcome, CommandError>,
    },
    /// Something that people or metrics may want to know.
    Notify(Notice),
}

/// One read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// The value at a key.
    Get {
        /// The table.
        table: Table,
        /// The key.
        key: Vec<u8>,
    },
    /// Up to `limit` rows of a range.
    Scan {
        /// The table.
        table: Table,
        /// The keys.
        range: Range,
        /// The direction.
        order: Order,
        /// Rows at most.
        limit: usize,
    },
}

/// Something that became visible.
#[expect(
    clippy::large_enum_variant,
    reason = "moved once, from the queue to whoever carries it out"
)]
#[derive(Debug)]
pub enum Applied {
    /// A version of a record.
    Record {
        /// The scope's number in this store.
        scope: ScopeNumber,
        /// The version's id.
        id: VersionId,
        /// The version.
        version: RecordVersion,
        /// Its row.
        row: RecordRow,
    },
    /// A version of a record is taken back: its author's right had ended before it.
    Removed {
        /// The scope's number in this store.
        scope: ScopeNumber,
        /// The record.
        record: RecordKey,
        /// The version's id.
        id: VersionId,
    },
    /// New changes of a document that people write together, or fewer.
    Document {
        /// The scope's number in this store.
        scope: ScopeNumber,
        /// Which document.
        document: DocumentId,
    },
    /// A scope became known or readable, or its patient or members changed.
    Scope(ScopeView),
    /// A local patient id has new links.
    Local {
        /// The facility's own patient id.
        id: String,
        /// Its links.
        row: LocalRow,
    },
}

/// What is known of a scope, for pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeView {
    /// Its id.
    pub id: ScopeId,
    /// Its number in this store.
    pub number: ScopeNumber,
    /// Its kind.
    pub kind: ScopeKind,
    /// The facility that owns it.
    pub owner: FacilityId,
    /// The patient, where the scope belongs to one and we have been told.
    pub patient: Option<PatientId>,
}

/// Something worth knowing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The session with the relay stands and everything it had for us is held.
    CaughtUp,
    /// Envelopes of ours that the relay has now stored.
    Delivered {
        /// How many.
        count: usize,
    },
    /// An envelope or statement was refused here.
    Refused {
        /// Why, without content.
        cause: &'static str,
    },
    /// The relay ended the session.
    Goodbye(Goodbye),
    /// Freshness, counts or access changed: pages that show the status should look again.
    StatusChanged,
    /// The store failed; the old state stands and writing is tried again later.
    StoreFailed(crate::storage::StorageError),
}
