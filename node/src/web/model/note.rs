//! Care notes: written together, offline or not; disagreement is shown.

use azalea_core::id::{NoteId, PatientId, Timestamp};

use super::status::FacilityRef;

/// What a note is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteKind {
    /// 記録
    Record,
    /// バイタル
    Vitals,
    /// 看護記録
    Nursing,
    /// 申し送り
    Handover,
}

impl NoteKind {
    /// All of them, in the order of the form.
    pub const ALL: [Self; 4] = [Self::Record, Self::Vitals, Self::Nursing, Self::Handover];

    /// A short stable name for forms.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Vitals => "vitals",
            Self::Nursing => "nursing",
            Self::Handover => "handover",
        }
    }

    /// The kind of a short name.
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.slug() == slug)
    }
}

/// Measurements, each as the person typed it (a number with at most one decimal point).
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Vitals {
    /// 体温 °C
    pub temperature: String,
    /// 血圧 (上) mmHg
    pub systolic: String,
    /// 血圧 (下) mmHg
    pub diastolic: String,
    /// 脈拍 /分
    pub pulse: String,
    /// SpO₂ %
    pub spo2: String,
    /// 呼吸数 /分
    pub respiration: String,
}

impl Vitals {
    /// Whether nothing was measured.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a person wrote, checked for length and form.
#[derive(Clone, PartialEq, Eq)]
pub struct NoteDraft {
    /// What it is for.
    pub kind: NoteKind,
    /// Its title.
    pub title: String,
    /// Its text.
    pub text: String,
    /// Measurements.
    pub vitals: Vitals,
    /// For an edit: [`NoteView::base`] of what the person had in front of them; empty for a new note. What others
    /// wrote since then is merged, not overwritten.
    pub base: String,
}

/// How far a change has come, as far as this device can know: nobody tells it which facilities hold what it wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// On this device's disk; the relay has not acknowledged it: 保存済(未送信).
    Saved,
    /// On the relay's disk, for whoever may read it: 中継サーバに保存.
    Stored,
    /// The relay does not take some of it; that is in 取込保留 and reaches nobody.
    Refused,
    /// Written after this facility's right to write had ended: in 取込保留 everywhere, part of no record.
    Late,
    /// It came from another facility.
    Received,
}

/// Whether a note still counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteState {
    /// As first written, or as edited soon after.
    Valid,
    /// 訂正: a correction was made.
    Corrected,
    /// 取消: cancelled; still readable.
    Cancelled,
}

/// A field of a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteField {
    /// The kind.
    Kind,
    /// The title.
    Title,
    /// The text.
    Text,
    /// 体温
    Temperature,
    /// 血圧 (上)
    Systolic,
    /// 血圧 (下)
    Diastolic,
    /// 脈拍
    Pulse,
    /// SpO₂
    Spo2,
    /// 呼吸数
    Respiration,
    /// 取消 or not.
    State,
}

impl NoteField {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Kind,
        Self::Title,
        Self::Text,
        Self::Temperature,
        Self::Systolic,
        Self::Diastolic,
        Self::Pulse,
        Self::Spo2,
        Self::Respiration,
        Self::State,
    ];

    /// A short stable name for forms.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Title => "title",
            Self::Text => "text",
            Self::Temperature => "temperature",
            Self::Systolic => "systolic",
            Self::Diastolic => "diastolic",
            Self::Pulse => "pulse",
            Self::Spo2 => "spo2",
            Self::Respiration => "respiration",
            Self::State => "state",
        }
    }

    /// The field of a short name.
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.slug() == slug)
    }
}

/// One of the values that a field has at once.
#[derive(Clone, PartialEq, Eq)]
pub struct NoteConflictValue {
    /// Stands for this value in the form; opaque, made by the store.
    pub choice: String,
    /// The value.
    pub value: String,
    /// Who wrote it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// A field that two people set at once.
#[derive(Clone, PartialEq, Eq)]
pub struct NoteConflict {
    /// The field.
    pub field: NoteField,
    /// Its values, two or more.
    pub values: Vec<NoteConflictValue>,
}

/// One entry of a note's history.
#[derive(Clone, PartialEq, Eq)]
pub struct NoteVersionCard {
    /// When.
    pub at: Timestamp,
    /// Who, with the facility.
    pub by: String,
    /// What was done, as the store says.
    pub state: NoteState,
}

/// A care note as it stands.
#[derive(Clone, PartialEq, Eq)]
pub struct NoteView {
    /// Which.
    pub id: NoteId,
    /// Whom it is about.
    pub patient: PatientId,
    /// What it is for.
    pub kind: NoteKind,
    /// Its title.
    pub title: String,
    /// Its text.
    pub text: String,
    /// Measurements.
    pub vitals: Vitals,
    /// Who wrote it first.
    pub author: String,
    /// Where.
    pub facility: FacilityRef,
    /// When it was first written.
    pub created: Timestamp,
    /// When it was last changed.
    pub changed: Timestamp,
    /// Whether it counts.
    pub state: NoteState,
    /// How far the last change has come.
    pub delivery: Delivery,
    /// 要確認
    pub conflicts: Vec<NoteConflict>,
    /// 履歴, newest first.
    pub history: Vec<NoteVersionCard>,
    /// Stands for this state in an edit form; opaque, made by the store.
    pub base: String,
}
