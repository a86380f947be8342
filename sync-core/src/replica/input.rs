//! What a replica is told: results of the IO that it asked for, messages, a person's commands, time.

use crate::id::PatientId;
use crate::storage::StorageError;
use crate::sync::message::Message;

use super::command::Command;
use super::effect::EffectId;

/// One thing that happened.
#[derive(Debug)]
pub enum Input {
    /// The answers to a `Load`, one for each query.
    Loaded {
        /// Which load.
        id: EffectId,
        /// The answers, or why there are none.
        result: Result<Vec<Answer>, StorageError>,
    },
    /// What became of a `Store`.
    Stored {
        /// Which store.
        id: EffectId,
        /// `Ok` once the batch is durable.
        result: Result<(), StorageError>,
    },
    /// An authenticated connection to the relay stands.
    Connected,
    /// The connection to the relay is gone.
    Disconnected,
    /// A message of the relay, whole.
    Received(Message),
    /// Somebody looks at a patient: while not all is here, what there is of this patient is wanted first.
    First(PatientId),
    /// Somebody wants something done.
    Command {
        /// Named again in the `Done` effect.
        id: CommandId,
        /// What.
        command: Command,
    },
    /// Time has passed; sent at `wake_at`.
    Tick,
}

/// Names a command from its input to its `Done`; chosen by the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub u64);

/// The answer to one query.
#[derive(Clone, PartialEq, Eq)]
pub enum Answer {
    /// To `Query::Get`.
    Value(Option<Vec<u8>>),
    /// To `Query::Scan`: keys and values in the order asked for.
    Rows(Vec<(Vec<u8>, Vec<u8>)>),
}

impl std::fmt::Debug for Answer {
    /// Rows may hold what a patient's record says: only sizes are shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Value(value) => write!(f, "Value({:?})", value.as_ref().map(Vec::len)),
            Self::Rows(rows) => write!(f, "Rows({})", rows.len()),
        }
    }
}
