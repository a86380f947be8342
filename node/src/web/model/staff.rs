//! Staff accounts of this facility, and the access log (操作ログ).

use azalea_core::id::Timestamp;
use azalea_core::ledger::{Entry, StaffId};

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

/// One line of the access log, as a page shows it.
#[derive(Clone)]
pub struct AccessLine {
    /// What it says.
    pub entry: Entry,
    /// The patient's name as this device knows it now.
    pub patient_name: Option<String>,
}

/// A page of the access log, the newest first.
#[derive(Clone)]
pub struct AccessPage {
    /// The lines.
    pub lines: Vec<AccessLine>,
    /// How many there are in all.
    pub total: u64,
    /// Whether the chain of the log is whole, as far as it was checked.
    pub chain_whole: bool,
}
