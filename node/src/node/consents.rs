//! Consents: the grants in a patient's care scope, with what was written down when one was recorded here.

use azalea_core::access::{EndedConsent, ScopeAccess, ScopeKind};
use azalea_core::id::{ConsentId, FacilityId, PatientId, Timestamp};
use azalea_core::replica::command::{Command, Outcome};
use azalea_core::storage::{Batch, Read};
use azalea_core::view::View;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

use super::{Node, NodeError, disk, refused, view_error};
use crate::driver::Shown;
use crate::index::Day;
use crate::index::date::JAPAN_OFFSET_MS;
use crate::store::Snapshot;
use crate::store::tables::CONSENT;
use crate::web::ClinicError;
use crate::web::model::{
    ConsentCard, ConsentForm, ConsentKind, ConsentPage, ConsentState, FacilityChoice, StaffId,
};

const DAY_MS: i64 = 86_400_000;

/// How a consent was recorded at this node.
#[derive(Serialize, Deserialize)]
struct Recorded {
    blanket: bool,
    facilities: Vec<String>,
    given_ms: u64,
    until: Option<u32>,
    by: String,
    proxy: Option<String>,
    withdrawn: Option<Withdrawn>,
}

#[derive(Serialize, Deserialize)]
struct Withdrawn {
    at_ms: u64,
    by: String,
}

/// What the grants of one consent say.
struct Granted {
    facilities: BTreeSet<FacilityId>,
    given: Timestamp,
    until: Option<Timestamp>,
    owner: FacilityId,
}

/// All that is known of one consent.
struct Stated<'a> {
    granted: Option<&'a Granted>,
    ended: Option<&'a EndedConsent>,
    recorded: Option<&'a Recorded>,
}

impl Node {
    pub(super) fn read_consents(&self, patient: PatientId) -> Result<ConsentPage, ClinicError> {
        let snapshot = self.handle.snapshot().map_err(disk)?;
        let shown = self.handle.shown();
        let head = self.head(&snapshot, &shown, patient)?;
        let granted = self.granted(&snapshot, patient)?;
        let ended = self.ended(&snapshot, patient)?;
        let recorded = self.recorded(&snapshot, patient)?;
        let ids: BTreeSet<ConsentId> =
            granted.keys().chain(ended.keys()).chain(recorded.keys()).copied().collect();
        let mut consents: Vec<ConsentCard> = ids
            .into_iter()
            .map(|id| {
                let (granted, ended) = (granted.get(&id), ended.get(&id));
                self.card(&shown, id, Stated { granted, ended, recorded: recorded.get(&id) })
            })
            .collect();
        consents.sort_by_key(|card| std::cmp::Reverse(card.given));
        let relay = azalea_core::identity::FacilityKind::Relay;
        let facilities = shown
            .roster
            .facilities()
            .filter(|it| it.kind != relay && it.id() != self.home())
            .map(|it| FacilityChoice {
                facility: shown.facility(&it.id()),
                discloses: it.rights.disclose,
                views: it.rights.view,
            })
            .collect();
        Ok(ConsentPage { linked: head.local_ids.clone(), patient: head, consents, facilities })
    }

    pub(crate) fn record_consent(
        &self,
        staff: &StaffId,
        patient: PatientId,
        form: &ConsentForm,
    ) -> Result<ConsentId, NodeError> {
        let by = self.staff_word(staff)?;
        let until = form.until.map(|day| end_of(day).ok_or(ClinicError::Invalid)).transpose()?;
        let name = by.0.split_once(' ').map_or_else(|| by.0.clone(), |(_, name)| name.to_owned());
        let command = Command::GiveConsent {
            patient: Self::who(patient),
            facilities: form.facilities.clone(),
            until,
            by,
        };
        let Outcome::Given { patient, consent } = self.command(command)? else {
            return Err(ClinicError::Unavailable.into());
        };
        let recorded = Recorded {
            blanket: form.kind == ConsentKind::Blanket,
            facilities: form.facilities.iter().map(ToString::to_string).collect(),
            given_ms: self.handle.clock().now().0,
            until: form.until.map(Day::number),
            by: name,
            proxy: form.proxy.clone(),
            withdrawn: None,
        };
        self.put_recorded(patient, consent, &recorded)?;
        Ok(consent)
    }

    pub(super) fn end_consent(
        &self,
        staff: &StaffId,
        patient: PatientId,
        consent: ConsentId,
    ) -> Result<(), ClinicError> {
        let by = self.staff_word(staff)?;
        let name = by.0.split_once(' ').map_or_else(|| by.0.clone(), |(_, name)| name.to_owned());
        let snapshot = self.handle.snapshot().map_err(disk)?;
        // A facility that another consent covers by now keeps its access.
        let granted = self.granted(&snapshot, patient)?.remove(&consent);
        drop(snapshot);
        let facilities: Vec<FacilityId> =
            granted.map(|granted| granted.facilities.into_iter().collect()).unwrap_or_default();
        if facilities.is_empty() {
            return Err(ClinicError::Changed);
        }
        let command = Command::WithdrawConsent { patient: Self::who(patient), facilities, by };
        self.command(command).map_err(refused)?;
        self.note_withdrawal(patient, &name)
    }

    /// Writes beside the consents recorded here that have just ended who recorded the withdrawal.
    pub(crate) fn note_withdrawal(&self, patient: PatientId, by: &str) -> Result<(), ClinicError> {
        let snapshot = self.handle.snapshot().map_err(disk)?;
        let ended = self.ended(&snapshot, patient)?;
        for (consent, mut recorded) in self.recorded(&snapshot, patient)? {
            let here = ended.get(&consent).filter(|end| end.by == self.home());
            if let (None, Some(end)) = (&recorded.withdrawn, here) {
                recorded.withdrawn = Some(Withdrawn { at_ms: end.at.0, by: by.to_owned() });
                self.put_recorded(patient, consent, &recorded)?;
            }
        }
        Ok(())
    }

    /// The consents that revocations in the patient's care scopes have ended.
    fn ended(
        &self,
        snapshot: &Snapshot,
        patient: PatientId,
    ) -> Result<BTreeMap<ConsentId, EndedConsent>, ClinicError> {
        let view = View::new(snapshot);
        let mut ended = BTreeMap::new();
        for scope in self.scopes_of(&patient) {
            if scope.kind == ScopeKind::Care {
                let entry = view.scope(&scope.id).map_err(view_error)?;
                let access = entry.and_then(|entry| entry.access);
                ended.extend(access.iter().flat_map(ScopeAccess::ended_consents));
            }
        }
        Ok(ended)
    }

    /// The consents that grants in the patient's care scopes rest on now.
    fn granted(
        &self,
        snapshot: &Snapshot,
        patient: PatientId,
    ) -> Result<BTreeMap<ConsentId, Granted>, ClinicError> {
        let view = View::new(snapshot);
        let now = self.handle.clock().now();
        let mut consents: BTreeMap<ConsentId, Granted> = BTreeMap::new();
        for scope in self.scopes_of(&patient) {
            if scope.kind != ScopeKind::Care {
                continue;
            }
            let entry = view.scope(&scope.id).map_err(view_error)?;
            let Some(access) = entry.and_then(|entry| entry.access) else { continue };
            for grant in access.grants(now) {
                let Some(consent) = grant.consent else { continue };
                let granted = consents.entry(consent).or_insert_with(|| Granted {
                    facilities: BTreeSet::new(),
                    given: grant.from,
                    until: grant.until,
                    owner: scope.owner,
                });
                granted.facilities.insert(grant.facility);
                granted.given = granted.given.min(grant.from);
            }
        }
        Ok(consents)
    }

    fn card(
        &self,
        shown: &Shown,
        id: ConsentId,
        Stated { granted, ended, recorded }: Stated<'_>,
    ) -> ConsentCard {
        let named: Vec<FacilityId> = match (recorded, granted, ended) {
            (Some(recorded), ..) => {
                recorded.facilities.iter().filter_map(|id| id.parse().ok()).collect()
            }
            (None, Some(granted), _) => granted.facilities.iter().copied().collect(),
            (None, None, Some(ended)) => ended.facilities.iter().copied().collect(),
            (None, None, None) => Vec::new(),
        };
        let until = recorded
            .and_then(|recorded| Day::from_number(recorded.until?))
            .or_else(|| granted.and_then(|granted| granted.until).map(Day::at));
        let over = until.and_then(end_of).is_some_and(|end| end < self.handle.clock().now());
        let withdrawn = recorded.and_then(|recorded| recorded.withdrawn.as_ref());
        let elsewhere = || granted.map_or(String::new(), |it| shown.facility(&it.owner).name);
        ConsentCard {
            id,
            kind: match recorded {
                Some(recorded) if recorded.blanket => ConsentKind::Blanket,
                _ => ConsentKind::Specific,
            },
            facilities: named.iter().map(|id| shown.facility(id)).collect(),
            given: recorded
                .map(|recorded| Timestamp(recorded.given_ms))
                .or(granted.map(|granted| granted.given).or(ended.map(|ended| ended.from)))
                .unwrap_or_default(),
            until,
            by: recorded.map_or_else(elsewhere, |recorded| recorded.by.clone()),
            proxy: recorded.and_then(|recorded| recorded.proxy.clone()),
            state: match (ended, granted) {
                // The time is the signed one; who recorded it is known where that was here.
                (Some(end), _) => ConsentState::Withdrawn {
                    at: end.at,
                    by: match withdrawn {
                        Some(withdrawn) => withdrawn.by.clone(),
                        None => shown.facility(&end.by).name,
                    },
                },
                _ if over => ConsentState::Expired,
                (None, Some(_)) => ConsentState::Active,
                // Recorded here; what became of it is not held, as while a store is being rebuilt.
                (None, None) => ConsentState::Unknown,
            },
        }
    }

    fn recorded(
        &self,
        snapshot: &Snapshot,
        patient: PatientId,
    ) -> Result<BTreeMap<ConsentId, Recorded>, ClinicError> {
        use azalea_core::storage::{Order, Range};
        let mut found = BTreeMap::new();
        let range = Range::prefix(patient.as_bytes());
        let scanned = snapshot.scan(CONSENT, &range, Order::Ascending, &mut |key, value| {
            let id = key.get(PatientId::LEN..).and_then(|id| id.try_into().ok());
            if let (Some(id), Ok(recorded)) = (id, serde_json::from_slice(value)) {
                found.insert(ConsentId(id), recorded);
            }
            true
        });
        scanned.map_err(disk)?;
        Ok(found)
    }

    fn put_recorded(
        &self,
        patient: PatientId,
        consent: ConsentId,
        recorded: &Recorded,
    ) -> Result<(), ClinicError> {
        let mut batch = Batch::new();
        let key = [patient.as_bytes(), consent.as_bytes()].concat();
        let value = serde_json::to_vec(recorded).map_err(|_| ClinicError::Invalid)?;
        batch.put(CONSENT, key, value);
        self.handle.store().commit_all([&batch]).map_err(disk)
    }
}

/// The last moment of a day in Japan.
pub(crate) fn end_of(day: Day) -> Option<Timestamp> {
    let days = jiff::civil::date(1970, 1, 1).until(day.civil()?).ok()?.get_days();
    let end = (i64::from(days) + 1) * DAY_MS - JAPAN_OFFSET_MS - 1;
    u64::try_from(end).ok().map(Timestamp)
}
