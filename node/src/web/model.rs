//! What the pages show: plain data, made by whoever implements [`Clinic`](super::Clinic).
//!
//! These types hold patient data in the clear and live only while a page is made. None of them prints itself.

pub mod attachment;
pub mod chart;
pub mod consent;
pub mod note;
pub mod staff;
pub mod status;

pub use attachment::{AttachmentCard, AttachmentContent, AttachmentState};
pub use azalea_core::ledger::{AccessKind, Entry, StaffId};
pub use chart::{
    Chart, ChartEntry, LocalId, PatientHead, PatientHit, PatientList, Provenance, Publisher,
    RecordPage, RecordVersionCard,
};
pub use consent::{
    ConsentCard, ConsentForm, ConsentKind, ConsentPage, ConsentState, FacilityChoice, LinkPage,
    LinkProposal, LinkWaiting, Linked, LocalPatient,
};
pub use note::{
    Delivery, NoteConflict, NoteConflictValue, NoteDraft, NoteField, NoteKind, NoteState,
    NoteVersionCard, NoteView, Vitals,
};
pub use staff::{AccessLine, AccessPage, NewStaff, Role, StaffAccount};
pub use status::{
    FacilityCard, FacilityKind, FacilityRef, Freshness, Link, OutgoingItem, PublisherStatus,
    QuarantineItem, QuarantineKind, Refusal, RetriedFile, SyncState, SyncStatus, Trouble,
};
