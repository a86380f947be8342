//! Consent (同意) and the linking of local patients (紐付け).

use azalea_core::id::{ConsentId, FacilityId, PatientId, Timestamp};

use super::chart::{LocalId, PatientHead};
use super::status::FacilityRef;
use crate::index::{Day, Gender};

/// Whom a consent names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsentKind {
    /// 一括同意: every facility that takes part now.
    Blanket,
    /// 個別同意: the facilities listed.
    Specific,
}

/// Where a consent stands.
#[derive(Clone, PartialEq, Eq)]
pub enum ConsentState {
    /// It holds.
    Active,
    /// Its last day is over.
    Expired,
    /// 同意撤回
    Withdrawn {
        /// When, as the signed revocation states it.
        at: Timestamp,
        /// By which member of staff the wish was recorded; the facility, where that was elsewhere.
        by: String,
    },
    /// Recorded here, and the grants that rest on it are not held: nothing is claimed about it.
    Unknown,
}

/// A consent that was given.
#[derive(Clone, PartialEq, Eq)]
pub struct ConsentCard {
    /// Which.
    pub id: ConsentId,
    /// Whom it names.
    pub kind: ConsentKind,
    /// The facilities.
    pub facilities: Vec<FacilityRef>,
    /// When it was recorded.
    pub given: Timestamp,
    /// Its last day, if it has one.
    pub until: Option<Day>,
    /// Who recorded it, with the facility.
    pub by: String,
    /// The proxy (代理人) who gave it, if not the patient.
    pub proxy: Option<String>,
    /// Where it stands.
    pub state: ConsentState,
}

/// A facility that a consent can name.
#[derive(Clone, PartialEq, Eq)]
pub struct FacilityChoice {
    /// Who.
    pub facility: FacilityRef,
    /// 開示施設: discloses charts.
    pub discloses: bool,
    /// 閲覧施設: views charts.
    pub views: bool,
}

/// The consent page of a patient.
#[derive(Clone)]
pub struct ConsentPage {
    /// Who.
    pub patient: PatientHead,
    /// All consents, newest first.
    pub consents: Vec<ConsentCard>,
    /// The facilities of the network.
    pub facilities: Vec<FacilityChoice>,
    /// Facilities at which the patient is linked to a local ID.
    pub linked: Vec<LocalId>,
}

/// A consent as a member of staff records it.
#[derive(Clone, PartialEq, Eq)]
pub struct ConsentForm {
    /// Whom it names.
    pub kind: ConsentKind,
    /// The facilities; for a blanket consent, those that take part now.
    pub facilities: Vec<FacilityId>,
    /// Its last day, if it has one.
    pub until: Option<Day>,
    /// The proxy who gave it, if not the patient.
    pub proxy: Option<String>,
}

/// One of this facility's own patients, as a candidate for a link.
#[derive(Clone, PartialEq, Eq)]
pub struct LocalPatient {
    /// This facility's number for the patient.
    pub local_id: String,
    /// 氏名
    pub name: String,
    /// フリガナ
    pub kana: Option<String>,
    /// 生年月日
    pub birth: Option<Day>,
    /// 性別
    pub gender: Gender,
}

/// A network patient with a consent that names this facility, and no link here.
#[derive(Clone)]
pub struct LinkWaiting {
    /// Who, as the facility that took the consent knows them.
    pub patient: PatientHead,
    /// Own patients who could be the same person, the likeliest first.
    pub candidates: Vec<LocalPatient>,
}

/// A link that one member of staff proposed and another has to confirm.
#[derive(Clone)]
pub struct LinkProposal {
    /// Stands for the proposal in forms; opaque, made by the store.
    pub key: String,
    /// The network patient.
    pub patient: PatientHead,
    /// The local patient.
    pub local: LocalPatient,
    /// Who proposed it.
    pub by: String,
    /// The proposer's staff id: the same person cannot confirm.
    pub by_id: super::StaffId,
    /// When.
    pub at: Timestamp,
}

/// A confirmed link.
#[derive(Clone)]
pub struct Linked {
    /// The network patient.
    pub patient: PatientId,
    /// The name.
    pub name: String,
    /// This facility's number.
    pub local_id: String,
    /// Who proposed it.
    pub proposed_by: String,
    /// Who confirmed it.
    pub confirmed_by: String,
    /// When.
    pub at: Timestamp,
}

/// The linking page of this facility.
#[derive(Clone)]
pub struct LinkPage {
    /// Waiting for a proposal.
    pub waiting: Vec<LinkWaiting>,
    /// Waiting for the second person.
    pub proposals: Vec<LinkProposal>,
    /// Confirmed, the newest first, at most a page of them.
    pub linked: Vec<Linked>,
}
