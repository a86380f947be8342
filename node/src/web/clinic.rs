//! What the screens need of the node: one trait, so that pages and store can be built and tested apart.
//!
//! Methods are plain and may block on the disk; the screens call them outside the async threads. Reading and
//! writing never wait for the network. A method that writes returns once the write is on the disk.

use azalea_core::id::{ConsentId, NoteId, PatientId, VersionId};

use super::model::{
    AccessPage, AttachmentContent, Chart, ConsentForm, ConsentPage, Entry, FacilityCard, LinkPage,
    NewStaff, NoteDraft, NoteField, NoteView, PatientList, QuarantineItem, RecordPage, RetriedFile,
    StaffAccount, StaffId, SyncState, SyncStatus,
};

/// Why the node did not do what a page asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClinicError {
    /// No such thing here, or not for this facility's eyes.
    #[error("not found")]
    NotFound,
    /// The rules do not allow it. Usual cause: no consent, or the facility lacks the right.
    #[error("not allowed")]
    NotAllowed,
    /// Two people are needed, and this is the same one.
    #[error("a second person is needed")]
    SamePerson,
    /// It changed under the person's hands. Usual cause: a colleague was quicker.
    #[error("it has changed in the meantime")]
    Changed,
    /// A value that cannot be; the form should have caught it.
    #[error("invalid input")]
    Invalid,
    /// The disk did not take the write: full or faulty. Nothing was saved.
    #[error("the disk did not take the write")]
    Disk,
    /// A newer program than this one wrote it. Usual cause: this device has not been updated yet, or was put back.
    #[error("a newer program wrote it")]
    Newer,
    /// The node is stopping or its driver is gone.
    #[error("the node is not available")]
    Unavailable,
}

/// The node, as the screens see it.
pub trait Clinic: Send + Sync + 'static {
    /// The facility and device behind these pages. Cheap.
    fn facility(&self) -> FacilityCard;

    /// The state of sync for the bar of every page. Cheap: asked for every few seconds.
    fn sync_state(&self) -> SyncState;

    /// The sync page.
    fn sync_status(&self) -> Result<SyncStatus, ClinicError>;

    /// What is in 取込保留, the newest first.
    fn quarantine(&self) -> Result<Vec<QuarantineItem>, ClinicError>;

    /// Has a held file read again.
    fn retry_held(&self, staff: &StaffId, key: &str) -> Result<RetriedFile, ClinicError>;

    /// Takes a held file off the list; who, when and why is in the access log. A file that is held no more is
    /// [`ClinicError::Changed`].
    fn discard_held(&self, staff: &StaffId, key: &str, reason: &str) -> Result<(), ClinicError>;

    /// Patients that match, `limit` of them from `offset` on. An empty query lists all, the most recent care first.
    fn search(&self, query: &str, offset: usize, limit: usize) -> Result<PatientList, ClinicError>;

    /// Everything that this device may show of a patient.
    fn chart(&self, patient: PatientId) -> Result<Chart, ClinicError>;

    /// One version of a record of this patient.
    fn record(&self, patient: PatientId, version: VersionId) -> Result<RecordPage, ClinicError>;

    /// An attachment of one version of a record, as far as all of it is here.
    fn attachment(
        &self,
        patient: PatientId,
        version: VersionId,
        place: u16,
    ) -> Result<AttachmentContent, ClinicError>;

    /// Has an attachment fetched before those that nobody waits for; it comes when there is a line.
    fn want_attachment(
        &self,
        patient: PatientId,
        version: VersionId,
        place: u16,
    ) -> Result<(), ClinicError>;

    /// One care note of this patient.
    fn note(&self, patient: PatientId, note: NoteId) -> Result<NoteView, ClinicError>;

    /// Saves a new care note.
    fn write_note(
        &self,
        staff: &StaffId,
        patient: PatientId,
        draft: &NoteDraft,
    ) -> Result<NoteId, ClinicError>;

    /// Saves a correction of a note; what others wrote since `draft.base` is merged.
    fn edit_note(
        &self,
        staff: &StaffId,
        patient: PatientId,
        note: NoteId,
        draft: &NoteDraft,
    ) -> Result<(), ClinicError>;

    /// Marks a note as cancelled; it stays readable.
    fn cancel_note(
        &self,
        staff: &StaffId,
        patient: PatientId,
        note: NoteId,
    ) -> Result<(), ClinicError>;

    /// Settles a field that two people set at once; `choice` is one of the values' own.
    fn resolve_note(
        &self,
        staff: &StaffId,
        patient: PatientId,
        note: NoteId,
        field: NoteField,
        choice: &str,
    ) -> Result<(), ClinicError>;

    /// The consents of a patient and the facilities that one can name.
    fn consents(&self, patient: PatientId) -> Result<ConsentPage, ClinicError>;

    /// Records a consent; the grants that rest on it are made with it.
    fn give_consent(
        &self,
        staff: &StaffId,
        patient: PatientId,
        form: &ConsentForm,
    ) -> Result<ConsentId, ClinicError>;

    /// Records a withdrawal; the grants that rest on the consent are revoked with it.
    fn withdraw_consent(
        &self,
        staff: &StaffId,
        patient: PatientId,
        consent: ConsentId,
    ) -> Result<(), ClinicError>;

    /// Patients to link, proposals to confirm, and what is linked.
    fn links(&self) -> Result<LinkPage, ClinicError>;

    /// Proposes that a network patient is this facility's patient `local_id`.
    fn propose_link(
        &self,
        staff: &StaffId,
        patient: PatientId,
        local_id: &str,
    ) -> Result<(), ClinicError>;

    /// Confirms a proposal; refuses the proposer with [`ClinicError::SamePerson`].
    fn confirm_link(&self, staff: &StaffId, key: &str) -> Result<(), ClinicError>;

    /// Turns a proposal down; anyone may, the proposer too.
    fn reject_link(&self, staff: &StaffId, key: &str) -> Result<(), ClinicError>;

    /// The account that signs in as `login`.
    fn account(&self, login: &str) -> Result<Option<StaffAccount>, ClinicError>;

    /// All accounts of this facility.
    fn accounts(&self) -> Result<Vec<StaffAccount>, ClinicError>;

    /// Adds an account; a login that exists is [`ClinicError::Changed`].
    fn add_account(&self, by: &StaffId, new: &NewStaff) -> Result<StaffId, ClinicError>;

    /// Stores another password for an account.
    fn set_verifier(
        &self,
        by: &StaffId,
        staff: &StaffId,
        verifier: &str,
    ) -> Result<(), ClinicError>;

    /// Stops an account or lets it sign in again; refuses to stop the last administrator.
    fn set_stopped(&self, by: &StaffId, staff: &StaffId, stopped: bool) -> Result<(), ClinicError>;

    /// Appends to the access log. A page is shown only after this has returned.
    fn log(&self, entry: Entry) -> Result<(), ClinicError>;

    /// The access log, of one patient or of all, `limit` lines from `offset` on.
    fn access_log(
        &self,
        patient: Option<PatientId>,
        offset: usize,
        limit: usize,
    ) -> Result<AccessPage, ClinicError>;
}
