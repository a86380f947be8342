//! What people and importers can have done, and what comes of it.

use crate::document::{NoteEdit, RecordHeader, RecordKey};
use crate::id::{ConsentId, DeviceId, FacilityId, NoteId, PatientId, Timestamp};
use crate::identity::Certificate;
use crate::storage::{Batch, StorageError};

/// Something to do; finished by `Effect::Done`.
#[derive(Debug)]
pub enum Command {
    /// Begins a store with the certificates that enrolment gave: root, registrars, policy, our own.
    Begin {
        /// The certificates; those of others follow with the feed.
        certificates: Vec<Certificate>,
        /// Whether this device had a store before, which is lost: then it first learns from the relay what it
        /// wrote, so that it never gives one number to two envelopes.
        rebuild: bool,
    },
    /// Take records from files or a hospital's system.
    Import {
        /// In the order of the source; a later content of one key replaces an earlier one.
        records: Vec<ImportRecord>,
    },
    /// Make the scopes that records of these subjects go to: what is sealed for a record before it is taken needs the scope's key.
    OpenScopes {
        /// Those that have one keep it.
        subjects: Vec<Subject>,
    },
    /// A patient consents that facilities read our chart and write in the care scope with us.
    GiveConsent {
        /// Whose.
        patient: Who,
        /// The facilities that the consent names.
        facilities: Vec<FacilityId>,
        /// When it ends, if it does.
        until: Option<Timestamp>,
        /// Who recorded it.
        by: Staff,
    },
    /// A patient withdraws the consent for some facilities, or for all.
    WithdrawConsent {
        /// Whose.
        patient: Who,
        /// The facilities; empty for all.
        facilities: Vec<FacilityId>,
        /// Who recorded it.
        by: Staff,
    },
    /// One person says that a local patient id and a network patient are one person.
    ProposeLink {
        /// Our own patient id.
        local: String,
        /// The network's patient.
        patient: PatientId,
        /// Who says so.
        by: Staff,
    },
    /// Another person confirms it; only then it counts.
    ConfirmLink {
        /// Our own patient id.
        local: String,
        /// The network's patient.
        patient: PatientId,
        /// Who confirms.
        by: Staff,
    },
    /// Takes a link or its proposal back.
    RemoveLink {
        /// Our own patient id.
        local: String,
        /// The network's patient.
        patient: PatientId,
        /// Who.
        by: Staff,
    },
    /// Begins a care note or edits one.
    EditNote {
        /// About whom.
        patient: Who,
        /// Which; `None` begins a new one.
        note: Option<NoteId>,
        /// What to write.
        edit: NoteEdit,
        /// Who writes.
        by: Staff,
    },
    /// A command with rows of the caller's own tables, which become durable in one step with what the command
    /// does, or not at all: an importer's bookmark is never ahead of its records nor behind them.
    Beside {
        /// The caller's rows.
        rows: Batch,
        /// The command.
        command: Box<Command>,
    },
    /// Takes envelopes in that came from another replica or in a file, as those of the relay's feed are taken in.
    Receive {
        /// Whole envelopes, not verified.
        envelopes: Vec<Vec<u8>>,
    },
    /// Trusts a device again that contradicted itself: what was set aside of it is merged.
    Trust {
        /// Which.
        device: DeviceId,
        /// Who decided.
        by: Staff,
    },
}

/// A record as an importer hands it over.
#[derive(Debug)]
pub struct ImportRecord {
    /// Whom it is about.
    pub subject: Subject,
    /// Its key.
    pub key: RecordKey,
    /// What is said about it.
    pub header: RecordHeader,
    /// The canonical digest of the content: equal digests mean that nothing changed.
    pub content: [u8; 32],
    /// The verbatim bytes.
    pub raw: Vec<u8>,
}

/// Whom a record is about. Debug shows no id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A patient, by the facility's own patient id.
    Patient(String),
    /// No patient: the facility's directory.
    Directory,
    /// No single patient, and nothing that other facilities are meant to see: stays with the facility's own devices.
    Office,
}

/// Names a patient in a command. Debug shows no local id.
#[derive(Clone, PartialEq, Eq)]
pub enum Who {
    /// By our own patient id.
    Local(String),
    /// By the network's id.
    Network(PatientId),
}

/// A person at this facility. Debug shows nothing of them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Staff(pub String);

macro_rules! quiet {
    ($name:ident) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    };
}
quiet!(Subject);
quiet!(Who);
quiet!(Staff);

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Of `Begin`.
    Begun,
    /// Of `Import`, in the order of its records.
    Imported(Vec<Taken>),
    /// Of `OpenScopes`.
    Opened,
    /// Of `GiveConsent`.
    Given {
        /// The network's patient.
        patient: PatientId,
        /// The consent that the grants rest on.
        consent: ConsentId,
    },
    /// Of `WithdrawConsent`.
    Withdrawn {
        /// The facilities that lost access.
        facilities: Vec<FacilityId>,
    },
    /// Of `ProposeLink`.
    Proposed,
    /// Of `ConfirmLink`.
    Linked,
    /// Of `RemoveLink`.
    Unlinked,
    /// Of `EditNote`.
    Saved {
        /// The note.
        note: NoteId,
    },
    /// Of `Receive`; what was held already counts nowhere.
    Received {
        /// Envelopes that are in the log now.
        stored: u64,
        /// Envelopes that wait for a statement that may still come.
        waiting: u64,
    },
    /// Of `Trust`.
    Trusted {
        /// Envelopes that were set aside.
        envelopes: usize,
    },
}

/// What became of one imported record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// A record that was not held.
    New,
    /// The content of the current version: no change.
    Unchanged,
    /// Other content: a new version.
    Version,
    /// The content of an older version again: a new version too, since a revert is real.
    Revert,
}

/// Why a command was not carried out. Nothing of it was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// No such patient is held here. Usual cause: a mistyped id, or the consent has not arrived yet.
    #[error("no such patient is held here")]
    UnknownPatient,
    /// A facility that the registry does not have. Usual cause: it has not joined yet.
    #[error("facility {0} is not in the network's registry")]
    UnknownFacility(FacilityId),
    /// We hold no chart of this patient that could be disclosed.
    #[error("this facility holds no chart of the patient: nothing to disclose")]
    NoChart,
    /// Our certificate does not give the right.
    #[error("this facility's certificate does not give the right to {0}")]
    NoRight(&'static str),
    /// No care scope: nobody recorded a consent that includes us.
    #[error("no consent of this patient includes this facility yet: a note would reach nobody")]
    NoCareScope,
    /// The same person proposed and confirms.
    #[error("a link is confirmed by another person than the one who proposed it")]
    SamePerson,
    /// Nobody proposed this link.
    #[error("nobody has proposed this link")]
    NotProposed,
    /// The note is not held here.
    #[error("no such note is held here")]
    UnknownNote,
    /// Nothing stands against the device. Usual cause: a mistyped id, or somebody has decided already.
    #[error("device {0} has not contradicted itself: there is nothing to decide")]
    NotSuspended(DeviceId),
    /// A record or text above its limit.
    #[error("{what} is above its limit of {max} bytes")]
    TooLarge {
        /// What.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// The store starts anew and first learns from the relay what this device wrote before.
    #[error("the store is being rebuilt from the relay: connect it, then try again")]
    Rebuilding,
    /// The store did not take it; nothing changed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A document in the store cannot be read.
    #[error("a stored document cannot be read: {0}")]
    Document(String),
}
