//! What commands ask of a node, answered by one function, whether the daemon runs or the command opens the store itself.

mod attachment;
mod carry;
mod consent;
mod device;
mod export;
mod facility;
mod import;
mod note;
mod patient;
mod quarantine;
pub(crate) mod staff;
mod status;
mod sync;
pub mod verify;

#[cfg(test)]
mod tests;

use azalea_core::storage::StorageError;
use azalea_core::view::ViewError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::blobs::HoldError;
use crate::carry::CarryFileError;
use crate::driver::DriveError;
use crate::net::nearby::NearbyError;
use crate::net::peer::ExchangeError;
use crate::node::{BY_COMMAND, Node, NodeError, QuarantineError};
use crate::typed::TooLong;
use crate::web::model::{AccessKind, Entry};
use crate::web::{Clinic, ClinicError};

/// The longest that a command waits for something that does not come nearer.
const PATIENCE_S_MAX: u64 = 24 * 60 * 60;

/// Something to do or to tell.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
pub enum Request {
    /// Take files.
    Import {
        /// Absolute paths of files or folders.
        paths: Vec<PathBuf>,
        /// Who imports, by login or id; the command itself where absent.
        staff: Option<String>,
        /// The report's language, `ja` or `en`.
        lang: String,
    },
    /// List patients.
    PatientList {
        /// Name, kana, number or date of birth; all where empty.
        query: String,
        /// Skip so many.
        offset: usize,
        /// At most so many.
        limit: usize,
    },
    /// Show what is held of a patient.
    PatientShow {
        /// The network's id or this facility's own.
        id: String,
    },
    /// One step of linking.
    Link {
        /// `propose`, `confirm` or `remove`.
        step: Step,
        /// The network's patient.
        patient: String,
        /// This facility's own id.
        local: String,
        /// Who.
        staff: String,
    },
    /// What is proposed and linked.
    LinkList,
    /// Record a consent.
    ConsentGive {
        /// The patient.
        id: String,
        /// Facilities by id, code or name.
        to: Vec<String>,
        /// The last day, `yyyy-mm-dd`.
        until: Option<String>,
        /// Who gave it for the patient, if not the patient.
        proxy: Option<String>,
        /// Who recorded it.
        staff: String,
    },
    /// Record a withdrawal.
    ConsentWithdraw {
        /// The patient.
        id: String,
        /// Facilities; all where empty.
        to: Vec<String>,
        /// Who recorded it.
        staff: String,
    },
    /// Show the consents of a patient.
    ConsentShow {
        /// The patient.
        id: String,
    },
    /// List the attachments of a patient's records.
    AttachmentList {
        /// The patient.
        id: String,
    },
    /// Hand an attachment out.
    AttachmentGet {
        /// The patient.
        id: String,
        /// The attachment's id, or its first digits.
        attachment: String,
        /// How long it is waited for without its coming nearer.
        patience_s: u64,
    },
    /// Write records out.
    Export(Export),
    /// How things stand.
    Status,
    /// Sync with other nodes directly.
    Sync {
        /// Where it listens, `HOST:PORT`; all that are found nearby where absent.
        #[serde(default)]
        with: Option<String>,
    },
    /// Write what a facility may have into a file.
    CarryOut {
        /// An absolute path where nothing lies.
        file: PathBuf,
        /// The facility, by id, code or name.
        to: String,
        /// A carry file from there.
        #[serde(default)]
        answer: Option<PathBuf>,
        /// Only what the relay does not have from here.
        #[serde(default)]
        unsent: bool,
    },
    /// Take in what such a file holds.
    CarryIn {
        /// An absolute path.
        file: PathBuf,
    },
    /// Check everything.
    Verify,
    /// Write a note.
    NoteWrite {
        /// The patient.
        id: String,
        /// `record`, `vitals`, `nursing` or `handover`.
        kind: String,
        /// The title.
        title: String,
        /// The text.
        text: String,
        /// Vital signs by name, as written down.
        vitals: std::collections::BTreeMap<String, String>,
        /// Who writes.
        staff: String,
    },
    /// List the notes about a patient.
    NoteList {
        /// The patient.
        id: String,
    },
    /// What is set apart.
    QuarantineList,
    /// Try quarantined files again.
    QuarantineRetry {
        /// Which, by the key in the list; all where absent.
        #[serde(default)]
        key: Option<String>,
    },
    /// Take a quarantined file off the list.
    QuarantineDiscard {
        /// Which, by the key in the list.
        key: String,
        /// Why; kept in the access log.
        reason: String,
        /// Who.
        staff: String,
    },
    /// Add a staff account.
    StaffAdd {
        /// What the person types to sign in.
        login: String,
        /// The name.
        name: String,
        /// `doctor`, `nurse`, `pharmacist` or `clerk`.
        role: String,
        /// Whether the person may add and stop accounts.
        admin: bool,
        /// The stored form of the password.
        verifier: String,
    },
    /// List staff accounts.
    StaffList,
    /// List the network's facilities.
    FacilityList,
    /// Trust a device again that contradicted itself.
    DeviceTrust {
        /// The device's id, or its first digits.
        device: String,
        /// Who decided: an administrator.
        staff: String,
    },
}

/// A step of linking.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// The first person.
    Propose,
    /// The second.
    Confirm,
    /// Anyone: takes it back.
    Remove,
}

/// What to write out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Export {
    /// Whose records.
    pub what: What,
    /// Superseded versions too.
    pub versions: bool,
    /// One resource a line instead of one Bundle.
    pub ndjson: bool,
}

/// Whose records to write out.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// One patient's.
    Patient(String),
    /// Those that belong to no patient.
    Directory,
    /// All.
    All,
}

/// What came of a request: for programs and for people.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answer {
    /// Printed with `--json`.
    pub json: Value,
    /// Printed without.
    pub text: String,
    /// Whether the command succeeded: an import that quarantined something has an answer and still fails.
    pub success: bool,
}

/// What is told on the way, as the control socket carries it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// For the person who waits.
    Progress(String),
    /// A piece of the result itself.
    Data(String),
    /// A piece of a result that is no text, base64.
    Bytes(String),
}

/// Where a request tells what it does on the way.
pub trait Output {
    /// How far it is, for the person who waits.
    fn progress(&mut self, text: &str);
    /// A piece of a long result; an error where nobody reads any more.
    fn data(&mut self, text: &str) -> io::Result<()>;
    /// As [`Output::data`], for a result that is no text.
    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// Why a request was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OpError {
    /// No such patient; which one was asked for stays out of whatever keeps this text.
    #[error("that patient is not held here: see `azalea patient list`")]
    Patient,
    /// No such account.
    #[error("no staff account {0:?}: see `azalea staff list`")]
    Staff(String),
    /// No such facility.
    #[error("no facility {0:?}: see `azalea facility list`")]
    Facility(String),
    /// More than one facility has that name.
    #[error("more than one facility is called {0:?}: give its id, see `azalea facility list`")]
    Ambiguous(String),
    /// A value that cannot be.
    #[error("{0}")]
    Value(String),
    /// Something typed is longer than it may be.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// The replica or its driver refused.
    #[error(transparent)]
    Drive(#[from] DriveError),
    /// The store could not be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The store's contents could not be read.
    #[error("{0}; run `azalea verify`")]
    View(#[from] ViewError),
    /// The node refused.
    #[error("{0}")]
    Clinic(#[from] ClinicError),
    /// The node refused, with the replica's words.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// Nothing was done about a quarantined file.
    #[error(transparent)]
    Quarantine(#[from] QuarantineError),
    /// A carry file could not be written or read.
    #[error(transparent)]
    Carry(#[from] CarryFileError),
    /// The local network cannot be looked at.
    #[error(transparent)]
    Nearby(#[from] NearbyError),
    /// There was no session with another node, or it did not finish.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// The attachments' store could not be used.
    #[error(transparent)]
    Hold(#[from] HoldError),
    /// Nobody reads the output any more, or it cannot be written.
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
}

impl Answer {
    fn new(json: Value, text: String) -> Self {
        Self { json, text, success: true }
    }
}

/// Does what is asked; for threads that may block. What shows a patient is in the access log first.
pub fn execute(node: &Node, request: Request, output: &mut dyn Output) -> Result<Answer, OpError> {
    log_access(node, &request)?;
    match request {
        Request::Import { paths, staff, lang } => import::take(node, &paths, staff, &lang, output),
        Request::PatientList { query, offset, limit } => patient::list(node, &query, offset, limit),
        Request::PatientShow { id } => patient::show(node, &id),
        Request::Link { step, patient, local, staff } => {
            patient::link(node, step, &patient, &local, &staff)
        }
        Request::LinkList => patient::links(node),
        Request::ConsentGive { id, to, until, proxy, staff } => {
            consent::give(node, &id, &to, until.as_deref(), proxy, &staff)
        }
        Request::ConsentWithdraw { id, to, staff } => consent::withdraw(node, &id, &to, &staff),
        Request::ConsentShow { id } => consent::show(node, &id),
        Request::Export(export) => export::write(node, &export, output),
        Request::AttachmentList { id } => attachment::list(node, &id),
        Request::AttachmentGet { id, attachment, patience_s } => {
            let patience = Duration::from_secs(patience_s.min(PATIENCE_S_MAX));
            attachment::get(node, &id, &attachment, patience, output)
        }
        Request::Status => status::show(node),
        Request::Sync { with: Some(with) } => sync::with(node, &with, output),
        Request::Sync { with: None } => sync::nearby(node, output),
        Request::CarryOut { file, to, answer, unsent } => {
            let what = carry::Out { to: &to, answer: answer.as_deref(), unsent };
            carry::out(node, &file, &what, output)
        }
        Request::CarryIn { file } => carry::take(node, &file, output),
        Request::Verify => verify::check(node, output),
        Request::NoteWrite { id, kind, title, text, vitals, staff } => {
            note::write(node, &id, note::Draft { kind, title, text, vitals }, &staff)
        }
        Request::NoteList { id } => note::list(node, &id),
        Request::QuarantineList => quarantine::list(node),
        Request::QuarantineRetry { key } => quarantine::retry(node, key.as_deref(), output),
        Request::QuarantineDiscard { key, reason, staff } => {
            quarantine::discard(node, &key, &reason, &staff)
        }
        Request::StaffAdd { login, name, role, admin, verifier } => {
            staff::add(node, login, name, &role, admin, verifier)
        }
        Request::StaffList => staff::list(node),
        Request::FacilityList => facility::list(node),
        Request::DeviceTrust { device, staff } => device::trust(node, &device, &staff),
    }
}

/// Writes down whose data a command is about to show. The command line knows no person, only this machine's owner.
fn log_access(node: &Node, request: &Request) -> Result<(), OpError> {
    let (kind, patient) = match request {
        Request::PatientShow { id }
        | Request::NoteList { id }
        | Request::ConsentShow { id }
        | Request::AttachmentList { id }
        | Request::AttachmentGet { id, .. }
        | Request::Export(Export { what: What::Patient(id), .. }) => {
            (AccessKind::OpenedPatient, Some(patient_of(node, id)?))
        }
        Request::PatientList { .. }
        | Request::LinkList
        | Request::Export(Export { what: What::All, .. }) => (AccessKind::Searched, None),
        _ => return Ok(()),
    };
    let entry = Entry {
        at: node.handle().clock().now(),
        staff: None,
        staff_name: BY_COMMAND.to_owned(),
        kind,
        patient,
        record: None,
        online: None,
        reason: String::new(),
    };
    Ok(node.log(entry)?)
}

/// The patient whom a command names.
fn patient_of(node: &Node, id: &str) -> Result<azalea_core::id::PatientId, OpError> {
    node.find_patient(id).ok_or(OpError::Patient)
}

/// The account that a command names.
fn staff_of(node: &Node, name: &str) -> Result<crate::web::model::StaffAccount, OpError> {
    node.staff(name)?.ok_or_else(|| OpError::Staff(name.to_owned()))
}

/// A moment as programs read it.
fn moment(at: azalea_core::id::Timestamp) -> String {
    let ms = i64::try_from(at.0).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| String::new(), |at| at.to_string())
}

/// A moment as people read it, where this machine stands.
fn moment_text(at: azalea_core::id::Timestamp) -> String {
    let ms = i64::try_from(at.0).unwrap_or(i64::MAX);
    let Ok(at) = jiff::Timestamp::from_millisecond(ms) else { return String::new() };
    at.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn day_text(day: crate::index::Day) -> String {
    match (day.month(), day.day()) {
        (Some(month), Some(date)) => format!("{:04}-{month:02}-{date:02}", day.year()),
        (Some(month), None) => format!("{:04}-{month:02}", day.year()),
        _ => format!("{:04}", day.year()),
    }
}
