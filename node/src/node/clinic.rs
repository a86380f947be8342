//! The node as the screens see it: each question is answered by the room that knows.

use azalea_core::document::NoteEdit;
use azalea_core::id::{ConsentId, NoteId, PatientId, VersionId};

use super::links::{LinkStep, parse_key};
use super::notes::{edit_of, settling};
use super::{Node, QuarantineError};
use crate::web::model::{
    AccessPage, AttachmentContent, Chart, ConsentForm, ConsentPage, Entry, FacilityCard, LinkPage,
    NewStaff, NoteDraft, NoteField, NoteView, PatientList, QuarantineItem, RecordPage, RetriedFile,
    StaffAccount, StaffId, SyncState, SyncStatus,
};
use crate::web::{Clinic, ClinicError};

impl Clinic for Node {
    fn facility(&self) -> FacilityCard {
        let shown = self.handle.shown();
        let device = self.identity.device_id();
        let label = shown.roster.device(&device).map(|device| device.label.clone());
        let home = shown.roster.facility(&self.home());
        FacilityCard {
            facility: shown.facility(&self.home()),
            device,
            device_label: label.unwrap_or_default(),
            network: shown.roster.root().map(|root| root.name.clone()).unwrap_or_default(),
            discloses: home.is_some_and(|home| home.rights.disclose),
        }
    }

    fn sync_state(&self) -> SyncState {
        self.read_sync_state()
    }

    fn sync_status(&self) -> Result<SyncStatus, ClinicError> {
        self.read_sync_status()
    }

    fn quarantine(&self) -> Result<Vec<QuarantineItem>, ClinicError> {
        self.read_quarantine()
    }

    fn retry_held(&self, staff: &StaffId, key: &str) -> Result<RetriedFile, ClinicError> {
        match Node::retry_held(self, Some(&self.acting_administrator(staff)?), key) {
            Ok(true) => Ok(RetriedFile::Taken),
            Ok(false) => Ok(RetriedFile::StillHeld),
            Err(QuarantineError::Gone) => Ok(RetriedFile::Gone),
            Err(error) => Err(error.into()),
        }
    }

    fn discard_held(&self, staff: &StaffId, key: &str, reason: &str) -> Result<(), ClinicError> {
        Ok(Node::discard_held(self, &self.acting_administrator(staff)?, key, reason)?)
    }

    fn search(&self, query: &str, offset: usize, limit: usize) -> Result<PatientList, ClinicError> {
        self.search_patients(query, offset, limit)
    }

    fn chart(&self, patient: PatientId) -> Result<Chart, ClinicError> {
        self.read_chart(patient)
    }

    fn record(&self, patient: PatientId, version: VersionId) -> Result<RecordPage, ClinicError> {
        self.read_record(patient, version)
    }

    fn attachment(
        &self,
        patient: PatientId,
        version: VersionId,
        place: u16,
    ) -> Result<AttachmentContent, ClinicError> {
        self.read_attachment(&self.attachment_at(patient, version, place)?)
    }

    fn want_attachment(
        &self,
        patient: PatientId,
        version: VersionId,
        place: u16,
    ) -> Result<(), ClinicError> {
        self.transfers.want(self.attachment_at(patient, version, place)?.placed());
        Ok(())
    }

    fn note(&self, patient: PatientId, note: NoteId) -> Result<NoteView, ClinicError> {
        self.read_note(patient, note)
    }

    fn write_note(
        &self,
        staff: &StaffId,
        patient: PatientId,
        draft: &NoteDraft,
    ) -> Result<NoteId, ClinicError> {
        Ok(self.save_note(staff, patient, None, edit_of(draft)?)?)
    }

    fn edit_note(
        &self,
        staff: &StaffId,
        patient: PatientId,
        note: NoteId,
        draft: &NoteDraft,
    ) -> Result<(), ClinicError> {
        self.save_note(staff, patient, Some(note), edit_of(draft)?).map(|_| ()).map_err(Into::into)
    }

    fn cancel_note(
        &self,
        staff: &StaffId,
        patient: PatientId,
        note: NoteId,
    ) -> Result<(), ClinicError> {
        let edit = NoteEdit { cancelled: Some(true), ..NoteEdit::default() };
        self.save_note(staff, patient, Some(note), edit).map(|_| ()).map_err(Into::into)
    }

    fn resolve_note(
        &self,
        staff: &StaffId,
        patient: PatientId,
        note: NoteId,
        field: NoteField,
        choice: &str,
    ) -> Result<(), ClinicError> {
        self.save_note(staff, patient, Some(note), settling(field, choice)?)
            .map(|_| ())
            .map_err(Into::into)
    }

    fn consents(&self, patient: PatientId) -> Result<ConsentPage, ClinicError> {
        self.read_consents(patient)
    }

    fn give_consent(
        &self,
        staff: &StaffId,
        patient: PatientId,
        form: &ConsentForm,
    ) -> Result<ConsentId, ClinicError> {
        Ok(self.record_consent(staff, patient, form)?)
    }

    fn withdraw_consent(
        &self,
        staff: &StaffId,
        patient: PatientId,
        consent: ConsentId,
    ) -> Result<(), ClinicError> {
        self.end_consent(staff, patient, consent)
    }

    fn links(&self) -> Result<LinkPage, ClinicError> {
        self.read_links()
    }

    fn propose_link(
        &self,
        staff: &StaffId,
        patient: PatientId,
        local_id: &str,
    ) -> Result<(), ClinicError> {
        self.link(staff, patient, local_id, LinkStep::Propose)
    }

    fn confirm_link(&self, staff: &StaffId, key: &str) -> Result<(), ClinicError> {
        let (patient, local) = parse_key(key)?;
        self.link(staff, patient, local, LinkStep::Confirm)
    }

    fn reject_link(&self, staff: &StaffId, key: &str) -> Result<(), ClinicError> {
        let (patient, local) = parse_key(key)?;
        self.link(staff, patient, local, LinkStep::Remove)
    }

    fn account(&self, login: &str) -> Result<Option<StaffAccount>, ClinicError> {
        self.account_row(login)
    }

    fn accounts(&self) -> Result<Vec<StaffAccount>, ClinicError> {
        self.account_rows()
    }

    fn add_account(&self, _: &StaffId, new: &NewStaff) -> Result<StaffId, ClinicError> {
        self.add_account_row(new)
    }

    fn set_verifier(
        &self,
        _: &StaffId,
        staff: &StaffId,
        verifier: &str,
    ) -> Result<(), ClinicError> {
        self.change_account(staff, |account, _| {
            account.verifier = verifier.to_owned();
            Ok(())
        })
    }

    fn set_stopped(&self, _: &StaffId, staff: &StaffId, stopped: bool) -> Result<(), ClinicError> {
        self.change_account(staff, |account, all| {
            let others = |it: &&StaffAccount| it.admin && !it.stopped && it.id != *staff;
            if stopped && account.admin && !all.iter().any(|it| others(&it)) {
                return Err(ClinicError::NotAllowed);
            }
            account.stopped = stopped;
            Ok(())
        })
    }

    fn log(&self, entry: Entry) -> Result<(), ClinicError> {
        self.append_access(entry)
    }

    fn access_log(
        &self,
        patient: Option<PatientId>,
        offset: usize,
        limit: usize,
    ) -> Result<AccessPage, ClinicError> {
        self.access_lines(patient, offset, limit)
    }
}
