//! One facility's node, put together: what commands, screens and importers ask, answered from the store and the driver.

mod access_log;
mod attachments;
mod clinic;
mod consents;
mod imports;
pub(crate) mod links;
pub(crate) mod notes;
mod patients;
mod quarantine;
mod records;
mod staff;
mod status;

pub use attachments::Found;
pub use imports::NodeSink;
pub use quarantine::QuarantineError;
pub(crate) use staff::account_batch;
pub use staff::staff_text;

use azalea_core::id::{FacilityId, PatientId};
use azalea_core::identity::Identity;
use azalea_core::ledger::Ledger;
use azalea_core::replica::command::{Command, CommandError, Outcome, Who};
use azalea_core::storage::StorageError;
use azalea_core::view::ViewError;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::blobs::{Shelf, Transfers};
use crate::config::DataDir;
use crate::driver::{DriveError, Handle};
use crate::net::peer::Local;
use crate::web::ClinicError;

/// How the access log and records name whoever uses the command line.
pub(crate) const BY_COMMAND: &str = "command line";

/// A node whose store is open and whose driver runs.
pub struct Node {
    pub(crate) handle: Handle,
    pub(crate) identity: Identity,
    pub(crate) dir: DataDir,
    /// Where attachments lie.
    pub(crate) shelf: Shelf,
    /// What of them is under way with the relay.
    pub(crate) transfers: Transfers,
    /// Up to so many sealed bytes an attachment is fetched without anybody asking.
    pub(crate) unasked_bytes_max: u64,
    /// Where the relay is, for the status page.
    pub(crate) relay: String,
    accounts: Mutex<()>,
    access: Mutex<Option<Ledger>>,
}

impl Node {
    /// Puts a node together.
    pub fn new(
        handle: Handle,
        identity: Identity,
        dir: DataDir,
        shelf: Shelf,
        unasked_bytes_max: u64,
        relay: String,
    ) -> Self {
        let access = Mutex::new(None);
        let transfers = Transfers::default();
        Self {
            handle,
            identity,
            dir,
            shelf,
            transfers,
            unasked_bytes_max,
            relay,
            accounts: Mutex::new(()),
            access,
        }
    }

    /// The way to the driver.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// This facility.
    pub fn home(&self) -> FacilityId {
        self.identity.facility
    }

    /// What sessions with other nodes need.
    pub(crate) fn local(&self) -> Local {
        let (handle, clock) = (self.handle.clone(), self.handle.clock());
        Local { handle, network: self.identity.network, clock }
    }

    /// Has a command done; for threads that may block.
    pub fn command(&self, command: Command) -> Result<Outcome, DriveError> {
        self.handle.command_blocking(command)
    }

    /// A patient by the network's id or by this facility's own.
    pub fn find_patient(&self, name: &str) -> Option<PatientId> {
        let directory = self.handle.directory();
        let network = name.parse().ok().filter(|id| directory.scopes_of(id).next().is_some());
        network.or_else(|| directory.patient_of_local(name))
    }

    fn who(patient: PatientId) -> Who {
        Who::Network(patient)
    }

    fn accounts(&self) -> MutexGuard<'_, ()> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why the node did not do something, with the replica's own words for commands.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// A reason that pages know.
    #[error(transparent)]
    Clinic(#[from] ClinicError),
    /// The replica or its driver refused.
    #[error(transparent)]
    Drive(#[from] DriveError),
}

impl From<NodeError> for ClinicError {
    fn from(error: NodeError) -> Self {
        match error {
            NodeError::Clinic(error) => error,
            NodeError::Drive(error) => refused(error),
        }
    }
}

/// A store's failure, as pages put it; the cause goes to the log.
fn disk(error: StorageError) -> ClinicError {
    tracing::warn!(%error, "the store could not be used");
    ClinicError::Disk
}

fn view_error(error: ViewError) -> ClinicError {
    match error {
        ViewError::Storage(error) => disk(error),
        error if error.is_newer() => ClinicError::Newer,
        error => {
            tracing::error!(%error, "the store's contents cannot be read");
            ClinicError::Disk
        }
    }
}

/// A command's failure, as pages put it.
fn refused(error: DriveError) -> ClinicError {
    match error {
        DriveError::Gone(_) => ClinicError::Unavailable,
        DriveError::Command(error) => match error {
            CommandError::Storage(error) => disk(error),
            CommandError::UnknownPatient
            | CommandError::UnknownNote
            | CommandError::UnknownFacility(_)
            | CommandError::NotProposed => ClinicError::NotFound,
            CommandError::NoChart | CommandError::NoRight(_) | CommandError::NoCareScope => {
                ClinicError::NotAllowed
            }
            CommandError::SamePerson => ClinicError::SamePerson,
            CommandError::TooLarge { .. } => ClinicError::Invalid,
            CommandError::Rebuilding => ClinicError::Unavailable,
            error => {
                tracing::error!(%error, "a command failed");
                ClinicError::Disk
            }
        },
    }
}
