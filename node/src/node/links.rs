//! Linking this facility's own patients to patients of the network (名寄せ): two people, two steps.

use azalea_core::access::ScopeKind;
use azalea_core::document::{DocumentId, LinkView, Links};
use azalea_core::id::PatientId;
use azalea_core::replica::command::Command;
use azalea_core::view::View;

use super::{Node, disk, refused, view_error};
use crate::driver::Shown;
use crate::store::Snapshot;
use crate::web::ClinicError;
use crate::web::model::{
    LinkPage, LinkProposal, LinkWaiting, Linked, LocalPatient, PatientHead, StaffId,
};

/// Patients listed as waiting for a link; the rest follow once these are linked.
const WAITING_MAX: usize = 100;
const CANDIDATES_MAX: usize = 5;
const LINKED_MAX: usize = 200;

/// One step.
#[derive(Clone, Copy)]
pub(crate) enum LinkStep {
    Propose,
    Confirm,
    Remove,
}

impl Node {
    pub(crate) fn link(
        &self,
        staff: &StaffId,
        patient: PatientId,
        local: &str,
        step: LinkStep,
    ) -> Result<(), ClinicError> {
        self.link_as(self.staff_word(staff)?, patient, local, step).map_err(refused)
    }

    pub(crate) fn link_as(
        &self,
        by: azalea_core::replica::command::Staff,
        patient: PatientId,
        local: &str,
        step: LinkStep,
    ) -> Result<(), crate::driver::DriveError> {
        let local = local.to_owned();
        self.command(match step {
            LinkStep::Propose => Command::ProposeLink { local, patient, by },
            LinkStep::Confirm => Command::ConfirmLink { local, patient, by },
            LinkStep::Remove => Command::RemoveLink { local, patient, by },
        })?;
        Ok(())
    }

    pub(super) fn read_links(&self) -> Result<LinkPage, ClinicError> {
        let snapshot = self.handle.snapshot().map_err(disk)?;
        let shown = self.handle.shown();
        let mut page = LinkPage { waiting: Vec::new(), proposals: Vec::new(), linked: Vec::new() };
        for view in self.link_views(&snapshot)? {
            self.sort_in(&snapshot, &shown, &mut page, view)?;
        }
        page.linked.sort_by_key(|linked| std::cmp::Reverse(linked.at));
        page.linked.truncate(LINKED_MAX);
        let waiting: Vec<PatientId> = {
            let directory = self.handle.directory();
            let proposed = |id: &PatientId| page.proposals.iter().any(|it| it.patient.id == *id);
            directory.patients().filter(|id| !proposed(id)).collect()
        };
        for patient in waiting.into_iter().filter(|id| self.is_unlinked(id)).take(WAITING_MAX) {
            let patient = self.head(&snapshot, &shown, patient)?;
            let candidates = self.candidates(&snapshot, &shown, &patient)?;
            page.waiting.push(LinkWaiting { patient, candidates });
        }
        Ok(page)
    }

    /// What stands about the links of this facility, which its office scope holds.
    pub(crate) fn link_views(&self, snapshot: &Snapshot) -> Result<Vec<LinkView>, ClinicError> {
        let view = View::new(snapshot);
        let offices: Vec<_> = self
            .handle
            .directory()
            .scopes()
            .filter(|scope| scope.kind == ScopeKind::Office && scope.owner == self.home())
            .cloned()
            .collect();
        let mut made = Vec::new();
        for office in offices {
            let entries = view.changes(office.number, &DocumentId::Links).map_err(view_error)?;
            made.extend(entries.into_iter().map(|(_, contribution)| contribution));
        }
        let (links, _) = Links::replay(&made);
        Ok(links.view())
    }

    fn sort_in(
        &self,
        snapshot: &Snapshot,
        shown: &Shown,
        page: &mut LinkPage,
        view: LinkView,
    ) -> Result<(), ClinicError> {
        let patient = view.link.patient;
        match view.confirmed {
            Some(confirmed) => page.linked.push(Linked {
                patient,
                name: self.head(snapshot, shown, patient)?.name,
                local_id: view.link.local,
                proposed_by: self.editor_name(shown, &view.proposed.editor),
                confirmed_by: self.editor_name(shown, &confirmed.editor),
                at: confirmed.at,
            }),
            None => {
                let staff = &view.proposed.editor.staff;
                page.proposals.push(LinkProposal {
                    key: format!("{patient}.{}", view.link.local),
                    patient: self.head(snapshot, shown, patient)?,
                    local: self.local_patient(snapshot, shown, &view.link.local)?,
                    by: self.editor_name(shown, &view.proposed.editor),
                    by_id: StaffId(staff.split(' ').next().unwrap_or_default().to_owned()),
                    at: view.proposed.at,
                });
            }
        }
        Ok(())
    }

    /// Own patients who could be the same person: found by birth date and name.
    fn candidates(
        &self,
        snapshot: &Snapshot,
        shown: &Shown,
        patient: &PatientHead,
    ) -> Result<Vec<LocalPatient>, ClinicError> {
        let mut locals: Vec<String> = Vec::new();
        {
            let directory = self.handle.directory();
            let kana = patient.kana.clone().unwrap_or_default();
            for query in [patient.name.as_str(), kana.as_str()] {
                for hit in directory.search().search(query) {
                    for local in directory.local_ids(&hit.id) {
                        if hit.id != patient.id && !locals.iter().any(|known| known == local) {
                            locals.push(local.to_owned());
                        }
                    }
                    if locals.len() >= CANDIDATES_MAX * 4 {
                        break;
                    }
                }
            }
        }
        let mut found = locals
            .iter()
            .map(|local| self.local_patient(snapshot, shown, local))
            .collect::<Result<Vec<_>, _>>()?;
        found.sort_by_key(|local| (local.birth != patient.birth, local.name != patient.name));
        found.truncate(CANDIDATES_MAX);
        Ok(found)
    }

    fn local_patient(
        &self,
        snapshot: &Snapshot,
        shown: &Shown,
        local: &str,
    ) -> Result<LocalPatient, ClinicError> {
        let patient = self.handle.directory().patient_of_local(local);
        let head = patient.map(|patient| self.head(snapshot, shown, patient)).transpose()?;
        let unknown = crate::index::Gender::Unknown;
        Ok(LocalPatient {
            local_id: local.to_owned(),
            name: head.as_ref().map(|head| head.name.clone()).unwrap_or_default(),
            kana: head.as_ref().and_then(|head| head.kana.clone()),
            birth: head.as_ref().and_then(|head| head.birth),
            gender: head.map_or(unknown, |head| head.gender),
        })
    }
}

/// The patient and the local id that a proposal's key in a form stands for.
pub(super) fn parse_key(key: &str) -> Result<(PatientId, &str), ClinicError> {
    let (patient, local) = key.split_once('.').ok_or(ClinicError::Invalid)?;
    Ok((patient.parse().map_err(|_| ClinicError::Invalid)?, local))
}
