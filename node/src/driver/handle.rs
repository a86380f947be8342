//! Everyone's way to the driver: commands go in and are answered, reads go past it to what is committed.

use azalea_core::id::PatientId;
use azalea_core::replica::Replica;
use azalea_core::replica::command::{Command, CommandError, Outcome};
use azalea_core::replica::effect::Notice;
use azalea_core::storage::StorageError;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::{Shown, Troubles};
use crate::clock::Clock;
use crate::net::relay_link::LinkState;
use crate::store::directory::Directory;
use crate::store::{RedbStore, Snapshot};

/// What reaches the driver's thread.
pub(super) enum Ask {
    Command(Box<Command>, oneshot::Sender<Result<Outcome, CommandError>>),
    Look(Box<dyn FnOnce(&Replica) + Send>),
    First(PatientId),
    Stop,
}

/// Everyone's way to the driver; clones share it.
#[derive(Clone)]
pub struct Handle {
    pub(super) shared: Arc<Shared>,
}

/// What handles and the driver share.
pub(super) struct Shared {
    pub(super) asks: mpsc::Sender<Ask>,
    pub(super) store: RedbStore,
    pub(super) directory: RwLock<Directory>,
    pub(super) notices: broadcast::Sender<Notice>,
    pub(super) referred: watch::Sender<()>,
    pub(super) troubles: Troubles,
    pub(super) link: watch::Receiver<LinkState>,
    pub(super) shown: RwLock<Arc<Shown>>,
    pub(super) clock: Clock,
}

/// The driver is gone. Usual cause: the node is stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the node is stopping")]
pub struct Gone;

/// Why a command had no effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DriveError {
    /// The replica refused it.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The driver is gone.
    #[error(transparent)]
    Gone(#[from] Gone),
}

impl Handle {
    /// Has something done; returns once it is on the disk, or refused.
    pub async fn command(&self, command: Command) -> Result<Outcome, DriveError> {
        let (done, result) = oneshot::channel();
        let ask = Ask::Command(Box::new(command), done);
        self.shared.asks.send(ask).await.map_err(|_| Gone)?;
        Ok(result.await.map_err(|_| Gone)??)
    }

    /// As [`Handle::command`], for threads that may block.
    pub fn command_blocking(&self, command: Command) -> Result<Outcome, DriveError> {
        Ok(self.begin_blocking(command)?.blocking_recv().map_err(|_| Gone)??)
    }

    /// Hands a command over and returns before it is done; several in a row share commits.
    pub fn begin_blocking(
        &self,
        command: Command,
    ) -> Result<oneshot::Receiver<Result<Outcome, CommandError>>, Gone> {
        let (done, result) = oneshot::channel();
        let ask = Ask::Command(Box::new(command), done);
        self.shared.asks.blocking_send(ask).map_err(|_| Gone)?;
        Ok(result)
    }

    /// Lets `look` read the replica between two inputs.
    pub async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Replica) -> T + Send + 'static,
    ) -> Result<T, Gone> {
        let (seen, result) = oneshot::channel();
        let ask = Ask::Look(Box::new(move |replica| {
            let _ = seen.send(look(replica));
        }));
        self.shared.asks.send(ask).await.map_err(|_| Gone)?;
        result.await.map_err(|_| Gone)
    }

    /// As [`Handle::look`], for threads that may block.
    pub fn look_blocking<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Replica) -> T + Send + 'static,
    ) -> Result<T, Gone> {
        let (seen, result) = oneshot::channel();
        let ask = Ask::Look(Box::new(move |replica| {
            let _ = seen.send(look(replica));
        }));
        self.shared.asks.blocking_send(ask).map_err(|_| Gone)?;
        result.blocking_recv().map_err(|_| Gone)
    }

    /// Somebody looks at a patient: what is not here of it yet is wanted first. Nobody waits for that.
    pub fn first(&self, patient: PatientId) {
        // Where the driver is busy, it is asked with the next look.
        let _ = self.shared.asks.try_send(Ask::First(patient));
    }

    /// The committed state.
    pub fn snapshot(&self) -> Result<Snapshot, StorageError> {
        self.shared.store.snapshot()
    }

    /// The store, for rows that are the node's own.
    pub fn store(&self) -> &RedbStore {
        &self.shared.store
    }

    /// Scopes, patients and local ids.
    pub fn directory(&self) -> RwLockReadGuard<'_, Directory> {
        self.shared.directory.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happens from now on.
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.shared.notices.subscribe()
    }

    /// Changes whenever versions have come that refer to attachments.
    pub fn referred(&self) -> watch::Receiver<()> {
        self.shared.referred.subscribe()
    }

    /// What went wrong so far.
    pub fn troubles(&self) -> &Troubles {
        &self.shared.troubles
    }

    /// The replica's own account of itself, at most a moment old.
    pub fn shown(&self) -> Arc<Shown> {
        self.shared.shown.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How the line is.
    pub fn link(&self) -> LinkState {
        self.shared.link.borrow().clone()
    }

    /// The node's clock.
    pub fn clock(&self) -> Clock {
        self.shared.clock
    }
}
