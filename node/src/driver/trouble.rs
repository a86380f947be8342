//! What went wrong since the start, counted for the status page and metrics.

use azalea_core::id::Timestamp;
use azalea_core::replica::effect::Notice;
use azalea_core::storage::StorageError;
use azalea_core::sync::message::Goodbye;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Refusals of one cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusalCount {
    /// How many.
    pub count: u64,
    /// When the last one came.
    pub last: Timestamp,
}

/// Counts, shared by the driver and those who show them.
#[derive(Default)]
pub struct Troubles(Mutex<State>);

#[derive(Default)]
struct State {
    refused: BTreeMap<&'static str, RefusalCount>,
    disk: Option<StorageError>,
    goodbye: Option<Goodbye>,
}

impl Troubles {
    /// What was refused, by cause.
    pub fn refused(&self) -> BTreeMap<&'static str, RefusalCount> {
        self.state().refused.clone()
    }

    /// The disk's last failure, until a write succeeds again.
    pub fn disk(&self) -> Option<StorageError> {
        self.state().disk.clone()
    }

    /// Why the relay ended the last session, until one stands again.
    pub fn goodbye(&self) -> Option<Goodbye> {
        self.state().goodbye
    }

    pub(super) fn note(&self, notice: &Notice, now: Timestamp) {
        let mut state = self.state();
        match notice {
            Notice::Refused { cause } => {
                let count =
                    state.refused.entry(cause).or_insert(RefusalCount { count: 0, last: now });
                count.count += 1;
                count.last = now;
            }
            Notice::CaughtUp => state.goodbye = None,
            Notice::Goodbye(goodbye) => state.goodbye = Some(*goodbye),
            Notice::StoreFailed(error) => state.disk = Some(error.clone()),
            Notice::Delivered { .. } | Notice::StatusChanged => {}
        }
    }

    pub(super) fn disk_failed(&self, error: &StorageError) {
        self.state().disk = Some(error.clone());
    }

    pub(super) fn disk_is_well(&self) {
        self.state().disk = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
