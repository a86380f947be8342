//! The patient list, a patient's chart, and one record with its versions and its proof.

use azalea_core::id::{DeviceId, EnvelopeId, FacilityId, PatientId, Timestamp, VersionId};

use super::attachment::AttachmentCard;
use super::status::{FacilityRef, Freshness};
use crate::index::{CareTime, Day, Gender, TimelineRow};

/// A facility's own number for a patient.
#[derive(Clone, PartialEq, Eq)]
pub struct LocalId {
    /// The facility.
    pub facility: FacilityRef,
    /// The number, as the facility writes it.
    pub value: String,
}

/// One line of the patient list.
#[derive(Clone)]
pub struct PatientHit {
    /// Who.
    pub id: PatientId,
    /// 氏名
    pub name: String,
    /// フリガナ
    pub kana: Option<String>,
    /// 生年月日
    pub birth: Option<Day>,
    /// 性別
    pub gender: Gender,
    /// 患者ID, this facility's first.
    pub local_ids: Vec<LocalId>,
    /// Each publisher with its freshness; the page shows the worst and how many there are.
    pub publishers: Vec<(FacilityRef, Freshness)>,
    /// Conflicts that wait for a person.
    pub needs_review: u32,
    /// Known in the network, not yet linked to one of this facility's own patients, of whom it has some.
    pub link_waiting: bool,
    /// 最終診療日
    pub last_care: Option<CareTime>,
}

/// A page of the patient list.
#[derive(Clone)]
pub struct PatientList {
    /// The lines of this page.
    pub hits: Vec<PatientHit>,
    /// How many patients match.
    pub total: u64,
    /// How many patients this device holds.
    pub held: u64,
}

/// Who a chart is about.
#[derive(Clone)]
pub struct PatientHead {
    /// Who.
    pub id: PatientId,
    /// 氏名
    pub name: String,
    /// フリガナ
    pub kana: Option<String>,
    /// Other names that a facility has for the patient: a maiden name, another spelling.
    pub other_names: Vec<String>,
    /// 生年月日
    pub birth: Option<Day>,
    /// 性別
    pub gender: Gender,
    /// Whether a facility states that the patient has died.
    pub deceased: bool,
    /// 患者ID, this facility's first.
    pub local_ids: Vec<LocalId>,
    /// Telephone, where a facility states one.
    pub phone: Option<String>,
    /// Address, where a facility states one.
    pub address: Option<String>,
}

/// A facility that publishes a part of the chart.
#[derive(Clone)]
pub struct Publisher {
    /// Who.
    pub facility: FacilityRef,
    /// How fresh its part is.
    pub freshness: Freshness,
    /// Envelopes whose key has not arrived.
    pub waiting_for_key: u64,
    /// Envelopes that a newer program wrote than this one.
    pub newer: u64,
}

/// One row of the chart with the record that it stands for.
#[derive(Clone)]
pub struct ChartEntry {
    /// The current version of the record.
    pub record: VersionId,
    /// Who published it.
    pub facility: FacilityId,
    /// How many versions there are.
    pub versions: u32,
    /// More than one current version: 要確認.
    pub conflict: bool,
    /// When it arrived here.
    pub received: Timestamp,
    /// What it says.
    pub row: TimelineRow,
}

/// A patient's chart: everything that this device may show, in any order.
#[derive(Clone)]
pub struct Chart {
    /// Who.
    pub patient: PatientHead,
    /// Each publisher with its freshness.
    pub publishers: Vec<Publisher>,
    /// The relay has more for this device than has arrived; some of it may be of this patient.
    pub is_coming: bool,
    /// Current rows; superseded versions are reached from the record.
    pub entries: Vec<ChartEntry>,
    /// Care notes, newest first.
    pub notes: Vec<super::NoteView>,
}

/// Who vouches for a record, from the device up.
#[derive(Clone)]
pub struct Provenance {
    /// The device that signed.
    pub device: DeviceId,
    /// What its facility calls the device.
    pub device_label: String,
    /// The facility that vouches for the device.
    pub facility: FacilityRef,
    /// Who admitted the facility: an association or the council.
    pub registrar: String,
    /// The envelope that carried the record.
    pub envelope: EnvelopeId,
    /// Its number in its author's chain.
    pub seq: u64,
    /// When the author says that it was signed.
    pub signed_at: Timestamp,
    /// When it arrived here.
    pub received_at: Timestamp,
    /// Since when the device or facility is revoked, if it is.
    pub revoked: Option<Timestamp>,
}

/// One version in a record's history.
#[derive(Clone)]
pub struct RecordVersionCard {
    /// The version.
    pub id: VersionId,
    /// When it arrived here.
    pub received: Timestamp,
    /// Who wrote or imported it.
    pub by: String,
    /// Whether it is current: no other version replaces it.
    pub current: bool,
    /// Whether it says that the record was removed.
    pub removed: bool,
}

/// One version of a record.
#[derive(Clone)]
pub struct RecordPage {
    /// Who it is about.
    pub patient: PatientHead,
    /// The version shown.
    pub version: VersionId,
    /// The FHIR type.
    pub kind: String,
    /// Where it was imported from.
    pub source: String,
    /// The bytes as they came, but for attachments, which are only named; `None` where this version removes the record.
    pub raw: Option<Vec<u8>>,
    /// Its attachments, in its order.
    pub attachments: Vec<AttachmentCard>,
    /// All versions, newest first.
    pub versions: Vec<RecordVersionCard>,
    /// Who vouches for it.
    pub provenance: Provenance,
}
