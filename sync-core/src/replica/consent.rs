//! Consent: whom a patient lets read and write, and what its withdrawal ends.
//!
//! The facilities that a patient's care scope admits are the consent. Charts follow it: each hospital lets
//! the same facilities read its own chart, and puts them out when the consent is withdrawn, wherever that
//! was recorded.

use std::collections::BTreeSet;

use crate::access::{Access, ConsentDuties, ScopeKind, Statement, consent_duties};
use crate::id::{ConsentId, FacilityId, GrantId, PatientId, Timestamp};
use crate::identity::Cutoff;
use crate::storage::row::ScopeNumber;

use super::Tx;
use super::command::{CommandError, Outcome, Who};
use super::state::State;

impl State {
    /// The network's patient whom a command names.
    pub(super) fn resolve(&self, who: &Who) -> Result<PatientId, CommandError> {
        match who {
            Who::Local(id) => {
                let row = self.locals.get(id).ok_or(CommandError::UnknownPatient)?;
                row.patients.first().copied().ok_or(CommandError::UnknownPatient)
            }
            Who::Network(id) if self.patients.contains_key(id) => Ok(*id),
            Who::Network(_) => Err(CommandError::UnknownPatient),
        }
    }

    /// Lets facilities read our chart and directory, and write in the care scope with us.
    pub(super) fn give_consent(
        &mut self,
        tx: &mut Tx<'_>,
        who: &Who,
        facilities: &[FacilityId],
        until: Option<Timestamp>,
    ) -> Result<Outcome, CommandError> {
        let patient = self.resolve(who)?;
        for facility in facilities {
            if self.roster.facility_in_order(facility, tx.now).is_err() {
                return Err(CommandError::UnknownFacility(*facility));
            }
        }
        let charts = self.own_charts(&patient);
        let care = self.governed_care(&patient, tx.now);
        if charts.is_empty() && care.is_none() {
            return Err(CommandError::NoChart);
        }
        let care =
            care.unwrap_or_else(|| self.create_scope(tx, ScopeKind::Care, Some(patient), None));
        let consent = ConsentId::random(tx.rng);
        let mut statements = Vec::new();
        let home = self.home;
        for facility in facilities.iter().filter(|facility| **facility != home) {
            let admits = self.roster.facility(facility).is_some_and(|it| it.rights.disclose);
            let access = Access { read: true, write: true, admit: admits };
            statements.push(self.grant(tx, care, *facility, access, until, Some(consent)));
            for chart in &charts {
                let grant = self.grant(tx, *chart, *facility, Access::READ, until, Some(consent));
                statements.push(grant);
            }
            statements.extend(self.grant_directory(tx, *facility));
        }
        self.share_then_state(tx, statements);
        Ok(Outcome::Given { patient, consent })
    }

    /// Puts facilities out of the care scope and our chart; all others but us where none is named.
    pub(super) fn withdraw_consent(
        &mut self,
        tx: &mut Tx<'_>,
        who: &Who,
        facilities: &[FacilityId],
    ) -> Result<Outcome, CommandError> {
        let patient = self.resolve(who)?;
        let mut scopes = self.own_charts(&patient);
        scopes.extend(self.governed_care(&patient, tx.now));
        let only_self = facilities.iter().all(|it| *it == self.home) && !facilities.is_empty();
        if only_self {
            scopes = self.scopes_of(&patient, ScopeKind::Care).map(|scope| scope.number).collect();
        }
        if scopes.is_empty() {
            return Err(CommandError::NoRight("withdraw another facility's access"));
        }
        let mut ended = BTreeSet::new();
        for number in scopes {
            let access = self.scope(number).access.as_ref().expect("chosen by its kind");
            let owner = access.owner();
            let members: Vec<FacilityId> = access
                .granted_from(tx.now)
                .filter(|it| *it != owner && (facilities.is_empty() || facilities.contains(it)))
                .filter(|it| only_self || *it != self.home)
                .collect();
            for facility in &members {
                self.revoke(tx, number, *facility, None);
                ended.insert(*facility);
            }
            if !members.is_empty() && owner == self.home {
                self.rotate(tx, number);
            }
        }
        Ok(Outcome::Withdrawn { facilities: ended.into_iter().collect() })
    }

    /// Our charts follow the care scopes of their patients, after statements of others changed those.
    pub(super) fn follow_consent(&mut self, tx: &mut Tx<'_>, care: ScopeNumber) {
        let Some(patient) = self.scope(care).patient() else { return };
        if self.scope(care).kind() != Some(ScopeKind::Care) {
            return;
        }
        for chart in self.own_charts(&patient) {
            let duties = self.duties(care, chart, tx.now);
            for duty in &duties.revoke {
                self.revoke(tx, chart, duty.facility, Some(duty.consent));
            }
            if !duties.revoke.is_empty() {
                self.rotate(tx, chart);
            }
            let mut statements = Vec::new();
            for duty in &duties.grant {
                let (facility, until, consent) = (duty.facility, duty.until, Some(duty.consent));
                statements.push(self.grant(tx, chart, facility, Access::READ, until, consent));
                statements.extend(self.grant_directory(tx, facility));
            }
            self.share_then_state(tx, statements);
        }
    }

    fn duties(&self, care: ScopeNumber, chart: ScopeNumber, now: Timestamp) -> ConsentDuties {
        match (&self.scope(care).access, &self.scope(chart).access) {
            (Some(care), Some(chart)) => consent_duties(care, chart, now),
            _ => ConsentDuties::default(),
        }
    }

    /// Ends what rests on consents that others recorded, now that our chart is no longer linked to their patient. Of
    /// a care scope that we were put out of nothing may be left here: what is not ours is theirs.
    pub(super) fn unfollow_consent(&mut self, tx: &mut Tx<'_>, chart: ScopeNumber) {
        let Some(access) = &self.scope(chart).access else { return };
        let ours = |facility: &FacilityId, consent: &ConsentId| {
            let mut accesses = self.scopes.values().filter_map(|scope| scope.access.as_ref());
            accesses.any(|care| {
                care.kind() == ScopeKind::Care
                    && care.owner() == self.home
                    && care.was_granted_on(facility, consent)
            })
        };
        let ended: BTreeSet<FacilityId> = access
            .grants_from(tx.now)
            .filter(|grant| grant.consent.is_some_and(|consent| !ours(&grant.facility, &consent)))
            .map(|grant| grant.facility)
            .collect();
        for facility in &ended {
            self.revoke(tx, chart, *facility, None);
        }
        if !ended.is_empty() {
            self.rotate(tx, chart);
        }
    }

    /// Our charts of a patient.
    pub(super) fn own_charts(&self, patient: &PatientId) -> Vec<ScopeNumber> {
        self.scopes_of(patient, ScopeKind::Chart)
            .filter(|scope| scope.access.as_ref().is_some_and(|it| it.owner() == self.home))
            .map(|scope| scope.number)
            .collect()
    }

    /// The patient's care scope in which we may admit others.
    fn governed_care(&self, patient: &PatientId, now: Timestamp) -> Option<ScopeNumber> {
        self.scopes_of(patient, ScopeKind::Care)
            .find(|scope| {
                let access = scope.access.as_ref();
                access.and_then(|it| it.access_of(&self.home, now)).is_some_and(|it| it.admit)
            })
            .map(|scope| scope.number)
    }

    /// Applies a grant; the statement is sealed after the keys, so that they arrive before what they open.
    fn grant(
        &mut self,
        tx: &mut Tx<'_>,
        number: ScopeNumber,
        facility: FacilityId,
        access: Access,
        until: Option<Timestamp>,
        consent: Option<ConsentId>,
    ) -> (ScopeNumber, Statement) {
        let tick = self.scope(number).access.as_ref().map_or(1, |access| access.next_tick());
        let grant = GrantId::random(tx.rng);
        let from = tx.now;
        let statement = Statement::Grant { grant, facility, access, from, until, consent, tick };
        self.apply_own(tx, number, &statement);
        (number, statement)
    }

    /// Our directory, for a facility that does not read it yet.
    fn grant_directory(
        &mut self,
        tx: &mut Tx<'_>,
        facility: FacilityId,
    ) -> Option<(ScopeNumber, Statement)> {
        let number = self.own_scope(ScopeKind::Directory)?;
        if self.scope(number).is_reader(&facility, tx.now) {
            return None;
        }
        Some(self.grant(tx, number, facility, Access::READ, None, None))
    }

    fn share_then_state(&mut self, tx: &mut Tx<'_>, statements: Vec<(ScopeNumber, Statement)>) {
        let unshared = std::mem::take(&mut tx.unshared);
        self.share(tx, unshared);
        for (number, statement) in statements {
            self.state_it(tx, number, statement);
        }
    }

    /// Ends a facility's access to a scope: what it wrote and we hold is accepted, nothing beyond.
    pub(super) fn revoke(
        &mut self,
        tx: &mut Tx<'_>,
        number: ScopeNumber,
        facility: FacilityId,
        consent: Option<ConsentId>,
    ) {
        let scope = self.scope(number);
        let id = scope.id;
        let next_own = self.vector(number, &self.me).0 + 1;
        let accepted = Cutoff::in_order(self.roster.devices_of(&facility).filter_map(|device| {
            let author = device.id();
            // Taking ourselves out, this very statement is the last that counts.
            let held = scope.vectors.get(&author).map_or(0, |vector| vector.seq);
            let seq = if author == self.me { next_own } else { held };
            (seq > 0).then_some(Cutoff { scope: id, author, seq })
        }));
        let tick = scope.access.as_ref().map_or(1, |access| access.next_tick());
        let statement = Statement::Revoke { facility, consent, at: tx.now, accepted, tick };
        self.govern(tx, number, statement);
    }
}
