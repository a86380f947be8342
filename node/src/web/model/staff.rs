//! Staff accounts of this facility, and the access log (操作ログ).

use azalea_core::id::{PatientId, Timestamp, VersionId};

/// A member of staff: stable, never reused; random letters, not a name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StaffId(pub String);

/// What someone does at the facility; shown beside the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// 医師
    Doctor,
    /// 看護師
    Nurse,
    /// 薬剤師
    Pharmacist,
    /// 事務
    Clerk,
}

impl Role {
    /// All of them, in the order of the form.
    pub const ALL: [Self; 4] = [Self::Doctor, Self::Nurse, Self::Pharmacist, Self::Clerk];

    /// A short stable name for forms and rows.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Doctor => "doctor",
            Self::Nurse => "nurse",
            Self::Pharmacist => "pharmacist",
            Self::Clerk => "clerk",
        }
    }

    /// The role of a short name.
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.slug() == slug)
    }
}

/// A staff account.
#[derive(Clone)]
pub struct StaffAccount {
    /// Who.
    pub id: StaffId,
    /// What they type to sign in.
    pub login: String,
    /// Their name.
    pub name: String,
    /// What they do.
    pub role: Role,
    /// Whether they may add and stop accounts.
    pub admin: bool,
    /// The stored form of a [`Verifier`](crate::web::password::Verifier).
    pub verifier: String,
    /// Whether the account is stopped.
    pub stopped: bool,
    /// When it was made.
    pub added: Timestamp,
}

/// An account to add.
#[derive(Clone)]
pub struct NewStaff {
    /// What they type to sign in.
    pub login: String,
    /// Their name.
    pub name: String,
    /// What they do.
    pub role: Role,
    /// Whether they may add and stop accounts.
    pub admin: bool,
    /// The stored form of a [`Verifier`](crate::web::password::Verifier).
    pub verifier: String,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessKind {
    /// Signed in.
    SignedIn,
    /// A password was refused.
    SignInRefused,
    /// Signed out, or the session ran out.
    SignedOut,
    /// Searched the patient list.
    Searched,
    /// Opened a patient.
    OpenedPatient,
    /// Opened a record.
    OpenedRecord,
    /// Wrote, edited, cancelled or resolved a note.
    WroteNote,
    /// Recorded a consent.
    GaveConsent,
    /// Recorded a withdrawal.
    WithdrewConsent,
    /// Proposed, confirmed or rejected a link.
    Linked,
    /// Added, stopped or restored an account, or changed a password.
    ChangedStaff,
    /// Read the access log.
    ReadLog,
    /// Had a quarantined file read again.
    RetriedImport,
    /// Took a quarantined file off the list.
    DiscardedImport,
}

/// One line of the access log.
#[derive(Clone)]
pub struct AccessEntry {
    /// When.
    pub at: Timestamp,
    /// Who; `None` where a sign-in was refused.
    pub staff: Option<StaffId>,
    /// Their name when it was written.
    pub staff_name: String,
    /// What.
    pub kind: AccessKind,
    /// About whom.
    pub patient: Option<PatientId>,
    /// The patient's name as this device knows it; filled in when the log is read.
    pub patient_name: Option<String>,
    /// Which record.
    pub record: Option<VersionId>,
    /// Whether the relay was connected; filled in by the log, unknown in lines of older programs.
    pub online: Option<bool>,
    /// Why it was done, where a person had to say so.
    pub reason: String,
}

/// A page of the access log, the newest first.
#[derive(Clone)]
pub struct AccessPage {
    /// The lines.
    pub entries: Vec<AccessEntry>,
    /// How many there are in all.
    pub total: u64,
    /// Whether the chain of the log is whole, as far as it was checked.
    pub chain_whole: bool,
}
