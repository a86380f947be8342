//! A clinic of made-up patients in memory: for looking at the screens and for their tests, never in the product.

use azalea_transport::peer::Via;
use std::collections::BTreeMap;
use std::sync::Mutex;

use azalea_core::id::{
    BlobId, ConsentId, DeviceId, EnvelopeId, FacilityId, NoteId, PatientId, Timestamp, VersionId,
};
use azalea_node::index::PatientSearch;
use azalea_node::web::model::*;
use azalea_node::web::password::Verifier;
use azalea_node::web::{Clinic, ClinicError};

// Named in full, because the tests of the screens include this file from elsewhere.
#[path = "sample/facilities.rs"]
mod facilities;
#[path = "sample/people.rs"]
mod people;
#[path = "sample/resources.rs"]
mod resources;

pub(crate) use facilities::{CLINIC, facilities, facility};
use people::{Person, people};

/// Tuesday 24 November 2026, 10:05 in Japan.
pub(crate) const NOW: Timestamp = Timestamp(1_795_482_300_000);
/// The password of every sample account.
pub(crate) const PASSWORD: &str = "azalea-preview";

/// What the sample shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// A good day.
    Connected,
    /// The line has been cut for two hours.
    Offline,
}

/// The clinic.
pub(crate) struct SampleClinic {
    mood: Mood,
    people: BTreeMap<PatientId, Person>,
    search: PatientSearch,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    notes: Vec<NoteView>,
    consents: Vec<(PatientId, ConsentCard)>,
    proposals: Vec<LinkProposal>,
    linked: Vec<Linked>,
    accounts: Vec<StaffAccount>,
    log: Vec<Entry>,
    held: Vec<QuarantineItem>,
    /// Somebody has asked for the attachment.
    fetched: bool,
}

impl SampleClinic {
    /// A clinic in a mood.
    pub(crate) fn new(mood: Mood) -> Self {
        let people: BTreeMap<PatientId, Person> =
            people().into_iter().map(|person| (person.head.id, person)).collect();
        let mut search = PatientSearch::new();
        people.values().for_each(|person| search.insert(person.head.id, [&person.row]));
        let state = State {
            notes: people::notes(),
            held: facilities::quarantine(),
            consents: people::consents(),
            accounts: accounts(),
            linked: people::linked(),
            proposals: people::proposals(&people),
            ..State::default()
        };
        Self { mood, people, search, state: Mutex::new(state) }
    }

    /// Every record has one, named after the patient, which comes as soon as it is asked for.
    fn attachment_card(
        &self,
        person: &Person,
        record: &people::Record,
        version: VersionId,
    ) -> AttachmentCard {
        AttachmentCard {
            version,
            current: true,
            place: 0,
            kind: record.kind(),
            blob: BlobId([0x5a; 32]),
            title: Some(person.head.name.clone()),
            media_type: Some("application/pdf".to_owned()),
            bytes: 2_345_678,
            state: match self.with(|state| state.fetched) {
                true => AttachmentState::Held,
                false => AttachmentState::NotHere(0),
            },
        }
    }

    /// A clinic whose every word of a patient is hostile markup.
    pub(crate) fn hostile(text: &str) -> Self {
        let mut clinic = Self::new(Mood::Offline);
        for person in clinic.people.values_mut() {
            person.make_hostile(text);
        }
        let state = clinic.state.get_mut().expect("nobody else has it yet");
        for note in &mut state.notes {
            (note.title, note.text, note.author) =
                (text.to_owned(), text.to_owned(), text.to_owned());
            note.vitals.temperature = text.to_owned();
            for value in note.conflicts.iter_mut().flat_map(|conflict| &mut conflict.values) {
                (value.value, value.by, value.choice) =
                    (text.to_owned(), text.to_owned(), text.to_owned());
            }
        }
        for proposal in &mut state.proposals {
            (proposal.local.name, proposal.by, proposal.key) =
                (text.to_owned(), text.to_owned(), text.to_owned());
        }
        state.linked.iter_mut().for_each(|link| link.name = text.to_owned());
        state.consents.iter_mut().for_each(|(_, card)| card.proxy = Some(text.to_owned()));
        state.accounts.iter_mut().for_each(|account| account.name = text.to_owned());
        clinic
    }

    /// The patient with the fullest chart.
    pub(crate) fn main_patient() -> PatientId {
        people::id(1)
    }

    fn person(&self, patient: PatientId) -> Result<&Person, ClinicError> {
        self.people.get(&patient).ok_or(ClinicError::NotFound)
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().expect("no test panics while it holds the state"))
    }

    fn note_mut(
        &self,
        note: NoteId,
        change: impl FnOnce(&mut NoteView) -> Result<(), ClinicError>,
    ) -> Result<(), ClinicError> {
        self.with(|state| {
            let found = state.notes.iter_mut().find(|one| one.id == note);
            let found = found.ok_or(ClinicError::NotFound)?;
            change(found)?;
            found.changed = NOW;
            found.delivery = Delivery::Saved;
            Ok(())
        })
    }

    fn staff_name(&self, staff: &StaffId) -> String {
        let named = |state: &mut State| {
            let account = state.accounts.iter().find(|account| account.id == *staff);
            account.map(|account| account.name.clone()).unwrap_or_default()
        };
        self.with(named)
    }

    fn hit(&self, person: &Person) -> PatientHit {
        PatientHit {
            id: person.head.id,
            name: person.head.name.clone(),
            kana: person.head.kana.clone(),
            birth: person.head.birth,
            gender: person.head.gender,
            local_ids: person.head.local_ids.clone(),
            publishers: person
                .publishers
                .iter()
                .map(|publisher| (publisher.facility.clone(), publisher.freshness))
                .collect(),
            needs_review: person.needs_review,
            link_waiting: person.link_waiting,
            last_care: person.last_care,
        }
    }
}

fn accounts() -> Vec<StaffAccount> {
    let verifier = Verifier::create(PASSWORD, [7; 16]).expect("long enough").to_text();
    let account = |id: &str, login: &str, name: &str, role, admin, stopped| StaffAccount {
        id: StaffId(id.to_owned()),
        login: login.to_owned(),
        name: name.to_owned(),
        role,
        admin,
        verifier: verifier.clone(),
        stopped,
        added: Timestamp(NOW.0 - 200 * 86_400_000),
    };
    vec![
        account("s1", "kodama", "児玉 さつき", Role::Doctor, true, false),
        account("s2", "mori", "森 あかね", Role::Nurse, false, false),
        account("s3", "hara", "原 健", Role::Clerk, false, false),
        account("s4", "ueno", "上野 徹", Role::Nurse, false, true),
    ]
}

impl Clinic for SampleClinic {
    fn facility(&self) -> FacilityCard {
        FacilityCard {
            facility: facility(CLINIC),
            device: DeviceId([0xa2; 16]),
            device_label: "診察室1".to_owned(),
            network: "筑後つつじ医療ネットワーク".to_owned(),
            discloses: false,
        }
    }

    fn sync_state(&self) -> SyncState {
        let ago = |minutes: u64| Timestamp(NOW.0 - minutes * 60_000);
        let unsent = self.with(|state| {
            state.notes.iter().filter(|note| note.delivery == Delivery::Saved).count() as u64
        });
        let (link, last_sync) = match self.mood {
            Mood::Connected => (Link::Connected { since: ago(182), via: Via::Quic }, ago(0)),
            Mood::Offline => (Link::Offline { since: Some(ago(128)) }, ago(128)),
        };
        SyncState {
            link,
            unsent,
            last_sync: Some(last_sync),
            needs_review: self.with(|state| {
                state.notes.iter().filter(|note| !note.conflicts.is_empty()).count() as u64
            }),
            quarantined: self.with(|state| state.held.len() as u64),
            trouble: None,
        }
    }

    fn sync_status(&self) -> Result<SyncStatus, ClinicError> {
        let outgoing = self.with(|state| {
            let own = state.notes.iter().filter(|note| note.delivery == Delivery::Saved);
            own.map(|note| OutgoingItem {
                saved: note.changed,
                patient: Some(note.patient),
                what: "ケア記録".to_owned(),
            })
            .collect()
        });
        Ok(SyncStatus {
            state: self.sync_state(),
            relay: "relay.tsutsuji.example:8443".to_owned(),
            relay_heard: Some(Timestamp(NOW.0 - 20_000)),
            publishers: facilities::statuses(),
            outgoing,
            refusals: facilities::refusals(),
        })
    }

    fn quarantine(&self) -> Result<Vec<QuarantineItem>, ClinicError> {
        self.with(|state| Ok(state.held.clone()))
    }

    fn retry_held(&self, _: &StaffId, key: &str) -> Result<RetriedFile, ClinicError> {
        self.with(|state| match state.held.iter().any(|item| item.key.as_deref() == Some(key)) {
            true => Ok(RetriedFile::StillHeld),
            false => Err(ClinicError::Changed),
        })
    }

    fn discard_held(&self, staff: &StaffId, key: &str, reason: &str) -> Result<(), ClinicError> {
        self.with(|state| {
            let before = state.held.len();
            state.held.retain(|item| item.key.as_deref() != Some(key));
            if state.held.len() == before {
                return Err(ClinicError::Changed);
            }
            let by = state.accounts.iter().find(|account| account.id == *staff);
            let line = Entry {
                at: NOW,
                staff: Some(staff.clone()),
                staff_name: by.map(|account| account.name.clone()).unwrap_or_default(),
                kind: AccessKind::DiscardedImport,
                patient: None,
                record: None,
                online: Some(true),
                reason: reason.to_owned(),
            };
            state.log.insert(0, line);
            Ok(())
        })
    }

    fn search(&self, query: &str, offset: usize, limit: usize) -> Result<PatientList, ClinicError> {
        let mut found: Vec<&Person> = match query {
            "" => self.people.values().collect(),
            query => self.search.search(query).iter().map(|hit| &self.people[&hit.id]).collect(),
        };
        if query.is_empty() {
            found.sort_by_key(|person| std::cmp::Reverse(person.last_care));
        }
        let hits = found.iter().skip(offset).take(limit).map(|person| self.hit(person)).collect();
        Ok(PatientList { hits, total: found.len() as u64, held: self.people.len() as u64 })
    }

    fn chart(&self, patient: PatientId) -> Result<Chart, ClinicError> {
        let person = self.person(patient)?;
        let notes = self.with(|state| {
            state.notes.iter().filter(|note| note.patient == patient).cloned().collect()
        });
        Ok(Chart {
            is_coming: false,
            patient: person.head.clone(),
            publishers: person.publishers.clone(),
            entries: person.entries(),
            notes,
        })
    }

    fn record(&self, patient: PatientId, version: VersionId) -> Result<RecordPage, ClinicError> {
        let person = self.person(patient)?;
        let record = person.records.iter().find(|record| record.version == version);
        let record = record.ok_or(ClinicError::NotFound)?;
        let card = |id, hours: u64, current| RecordVersionCard {
            id,
            received: Timestamp(NOW.0 - hours * 3_600_000),
            by: "取込(電子カルテ連携)".to_owned(),
            current,
            removed: false,
        };
        let mut versions = vec![card(version, 20, true)];
        versions.extend((1..record.versions).map(|at| card(VersionId([at as u8; 16]), 100, false)));
        Ok(RecordPage {
            patient: person.head.clone(),
            version,
            kind: record.kind(),
            source: "FHIR".to_owned(),
            raw: Some(record.raw.clone().into_bytes()),
            attachments: vec![self.attachment_card(person, record, version)],
            versions,
            provenance: Provenance {
                device: DeviceId([0x3c; 16]),
                device_label: "連携サーバ1".to_owned(),
                facility: facility(record.facility),
                registrar: "つつじ医師会".to_owned(),
                envelope: EnvelopeId([0x7d; 32]),
                seq: 18_204,
                signed_at: Timestamp(NOW.0 - 20 * 3_600_000 - 4_000),
                received_at: Timestamp(NOW.0 - 20 * 3_600_000),
                revoked: None,
            },
        })
    }

    fn attachment(
        &self,
        _: PatientId,
        _: VersionId,
        place: u16,
    ) -> Result<AttachmentContent, ClinicError> {
        if place != 0 || self.with(|state| !state.fetched) {
            return Err(ClinicError::NotFound);
        }
        let (blob, bytes) = (BlobId([0x5a; 32]), b"%PDF-1.7 sample".to_vec());
        let media_type = Some("application/pdf".to_owned());
        Ok(AttachmentContent { blob, media_type, bytes })
    }

    fn want_attachment(&self, _: PatientId, _: VersionId, _: u16) -> Result<(), ClinicError> {
        self.with(|state| state.fetched = true);
        Ok(())
    }

    fn note(&self, patient: PatientId, note: NoteId) -> Result<NoteView, ClinicError> {
        self.with(|state| {
            let found = state.notes.iter().find(|one| one.id == note && one.patient == patient);
            found.cloned().ok_or(ClinicError::NotFound)
        })
    }

    fn write_note(
        &self,
        staff: &StaffId,
        patient: PatientId,
        draft: &NoteDraft,
    ) -> Result<NoteId, ClinicError> {
        let author = self.staff_name(staff);
        self.with(|state| {
            let id = NoteId([100 + state.notes.len() as u8; 16]);
            let note = people::note(id, patient, draft, &author, NOW);
            state.notes.insert(0, note);
            Ok(id)
        })
    }

    fn edit_note(
        &self,
        _staff: &StaffId,
        _patient: PatientId,
        note: NoteId,
        draft: &NoteDraft,
    ) -> Result<(), ClinicError> {
        self.note_mut(note, |note| {
            (note.kind, note.title, note.text) =
                (draft.kind, draft.title.clone(), draft.text.clone());
            note.vitals = draft.vitals.clone();
            note.state = NoteState::Corrected;
            Ok(())
        })
    }

    fn cancel_note(&self, _: &StaffId, _: PatientId, note: NoteId) -> Result<(), ClinicError> {
        self.note_mut(note, |note| {
            note.state = NoteState::Cancelled;
            Ok(())
        })
    }

    fn resolve_note(
        &self,
        _: &StaffId,
        _: PatientId,
        note: NoteId,
        field: NoteField,
        choice: &str,
    ) -> Result<(), ClinicError> {
        self.note_mut(note, |note| {
            let at = note.conflicts.iter().position(|conflict| conflict.field == field);
            let conflict = note.conflicts.remove(at.ok_or(ClinicError::Changed)?);
            let chosen = conflict.values.iter().find(|value| value.choice == choice);
            note.vitals.systolic = chosen.ok_or(ClinicError::Changed)?.value.clone();
            Ok(())
        })
    }

    fn consents(&self, patient: PatientId) -> Result<ConsentPage, ClinicError> {
        let person = self.person(patient)?;
        let consents = self.with(|state| {
            let own = state.consents.iter().filter(|(of, _)| *of == patient);
            own.map(|(_, card)| card.clone()).collect()
        });
        Ok(ConsentPage {
            patient: person.head.clone(),
            consents,
            facilities: facilities::choices(),
            linked: person.head.local_ids.clone(),
        })
    }

    fn give_consent(
        &self,
        staff: &StaffId,
        patient: PatientId,
        form: &ConsentForm,
    ) -> Result<ConsentId, ClinicError> {
        let by = self.staff_name(staff);
        self.with(|state| {
            let id = ConsentId([50 + state.consents.len() as u8; 16]);
            let named = |id: &FacilityId| facilities().into_iter().find(|one| one.id == *id);
            let card = ConsentCard {
                id,
                kind: form.kind,
                facilities: form.facilities.iter().filter_map(named).collect(),
                given: NOW,
                until: form.until,
                by,
                proxy: form.proxy.clone(),
                state: ConsentState::Active,
            };
            state.consents.insert(0, (patient, card));
            Ok(id)
        })
    }

    fn withdraw_consent(
        &self,
        staff: &StaffId,
        _: PatientId,
        consent: ConsentId,
    ) -> Result<(), ClinicError> {
        let by = self.staff_name(staff);
        self.with(|state| {
            let found = state.consents.iter_mut().find(|(_, card)| card.id == consent);
            let (_, card) = found.ok_or(ClinicError::NotFound)?;
            card.state = ConsentState::Withdrawn { at: NOW, by };
            Ok(())
        })
    }

    fn links(&self) -> Result<LinkPage, ClinicError> {
        let waiting = self.people.values().filter(|person| person.link_waiting).map(|person| {
            LinkWaiting { patient: person.head.clone(), candidates: person.candidates() }
        });
        let waiting = waiting.collect();
        Ok(self.with(|state| LinkPage {
            waiting,
            proposals: state.proposals.clone(),
            linked: state.linked.clone(),
        }))
    }

    fn propose_link(
        &self,
        staff: &StaffId,
        patient: PatientId,
        local_id: &str,
    ) -> Result<(), ClinicError> {
        let person = self.person(patient)?;
        let local = person.candidates().into_iter().find(|local| local.local_id == local_id);
        let by = self.staff_name(staff);
        let proposal = LinkProposal {
            key: format!("{patient}-{local_id}"),
            patient: person.head.clone(),
            local: local.ok_or(ClinicError::Invalid)?,
            by,
            by_id: staff.clone(),
            at: NOW,
        };
        self.with(|state| state.proposals.push(proposal));
        Ok(())
    }

    fn confirm_link(&self, staff: &StaffId, key: &str) -> Result<(), ClinicError> {
        let confirmed_by = self.staff_name(staff);
        self.with(|state| {
            let at = state.proposals.iter().position(|one| one.key == key);
            let at = at.ok_or(ClinicError::Changed)?;
            if state.proposals[at].by_id == *staff {
                return Err(ClinicError::SamePerson);
            }
            let proposal = state.proposals.remove(at);
            state.linked.insert(
                0,
                Linked {
                    patient: proposal.patient.id,
                    name: proposal.patient.name,
                    local_id: proposal.local.local_id,
                    proposed_by: proposal.by,
                    confirmed_by,
                    at: NOW,
                },
            );
            Ok(())
        })
    }

    fn reject_link(&self, _: &StaffId, key: &str) -> Result<(), ClinicError> {
        self.with(|state| state.proposals.retain(|one| one.key != key));
        Ok(())
    }

    fn account(&self, login: &str) -> Result<Option<StaffAccount>, ClinicError> {
        Ok(self.with(|state| state.accounts.iter().find(|one| one.login == login).cloned()))
    }

    fn accounts(&self) -> Result<Vec<StaffAccount>, ClinicError> {
        Ok(self.with(|state| state.accounts.clone()))
    }

    fn add_account(&self, _: &StaffId, new: &NewStaff) -> Result<StaffId, ClinicError> {
        self.with(|state| {
            if state.accounts.iter().any(|account| account.login == new.login) {
                return Err(ClinicError::Changed);
            }
            let id = StaffId(format!("s{}", state.accounts.len() + 1));
            state.accounts.push(StaffAccount {
                id: id.clone(),
                login: new.login.clone(),
                name: new.name.clone(),
                role: new.role,
                admin: new.admin,
                verifier: new.verifier.clone(),
                stopped: false,
                added: NOW,
            });
            Ok(id)
        })
    }

    fn set_verifier(
        &self,
        _: &StaffId,
        staff: &StaffId,
        verifier: &str,
    ) -> Result<(), ClinicError> {
        self.with(|state| {
            let account = state.accounts.iter_mut().find(|account| account.id == *staff);
            account.ok_or(ClinicError::NotFound)?.verifier = verifier.to_owned();
            Ok(())
        })
    }

    fn set_stopped(&self, _: &StaffId, staff: &StaffId, stopped: bool) -> Result<(), ClinicError> {
        self.with(|state| {
            let others = state.accounts.iter().any(|it| it.admin && !it.stopped && it.id != *staff);
            let account = state.accounts.iter_mut().find(|account| account.id == *staff);
            let account = account.ok_or(ClinicError::NotFound)?;
            if stopped && account.admin && !others {
                return Err(ClinicError::NotAllowed);
            }
            account.stopped = stopped;
            Ok(())
        })
    }

    fn log(&self, entry: Entry) -> Result<(), ClinicError> {
        self.with(|state| state.log.insert(0, entry));
        Ok(())
    }

    fn access_log(
        &self,
        patient: Option<PatientId>,
        offset: usize,
        limit: usize,
    ) -> Result<AccessPage, ClinicError> {
        self.with(|state| {
            let wanted = |entry: &&Entry| patient.is_none() || entry.patient == patient;
            let all: Vec<&Entry> = state.log.iter().filter(wanted).collect();
            let name = |patient| self.people.get(&patient).map(|it: &Person| it.head.name.clone());
            let shown = all.iter().skip(offset).take(limit).map(|entry| AccessLine {
                patient_name: entry.patient.and_then(name),
                entry: (*entry).clone(),
            });
            let (lines, total) = (shown.collect(), all.len() as u64);
            Ok(AccessPage { lines, total, chain_whole: true })
        })
    }
}
