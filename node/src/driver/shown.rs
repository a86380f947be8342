//! What pages show of the replica: published by the driver, so that no page waits for it.

use azalea_core::id::{FacilityId, Timestamp};
use azalea_core::identity::Roster;
use azalea_core::replica::effect::ScopeView;
use azalea_core::replica::{Replica, Status};

use crate::web::model::{FacilityKind, FacilityRef, Freshness};

/// A publisher that was not heard for longer than this is "not heard since", whatever it said last.
const SILENT_MS: u64 = 24 * 3_600_000;

/// The replica's account of itself at one moment.
pub struct Shown {
    /// When.
    pub at: Timestamp,
    /// How it stands.
    pub status: Status,
    /// Who is who.
    pub roster: Roster,
}

impl Shown {
    pub(super) fn of(replica: &Replica, now: Timestamp) -> Self {
        Self { at: now, status: replica.status(), roster: replica.roster().clone() }
    }

    /// A facility as pages name it; by its id where its certificate has not arrived.
    pub fn facility(&self, id: &FacilityId) -> FacilityRef {
        use azalea_core::identity::FacilityKind as Kind;
        let known = self.roster.facility(id);
        FacilityRef {
            id: *id,
            name: known.map_or_else(|| id.to_string(), |facility| facility.name.clone()),
            kind: match known.map(|facility| facility.kind) {
                Some(Kind::Hospital) => FacilityKind::Hospital,
                Some(Kind::Pharmacy) => FacilityKind::Pharmacy,
                Some(Kind::VisitingNurse) => FacilityKind::VisitingNurse,
                Some(Kind::Clinic | Kind::Relay) | None => FacilityKind::Clinic,
            },
        }
    }

    /// Envelopes in these scopes that only lack their key.
    pub fn waiting_for_key<'a>(&self, scopes: impl Iterator<Item = &'a ScopeView>) -> u64 {
        let waiting = &self.status.waiting_for_key;
        scopes.filter_map(|scope| waiting.get(&scope.number)).map(|count| *count as u64).sum()
    }

    /// Envelopes in these scopes that a newer program wrote than this one.
    pub fn newer<'a>(&self, scopes: impl Iterator<Item = &'a ScopeView>) -> u64 {
        let newer = &self.status.newer;
        scopes.filter_map(|scope| newer.get(&scope.number)).map(|count| *count as u64).sum()
    }

    /// How fresh a facility's part is, over all of its devices: never more than each of them proves.
    pub fn freshness(&self, id: &FacilityId, now: Timestamp) -> Freshness {
        if *id == self.status.facility {
            return Freshness::Own;
        }
        let devices: Vec<_> =
            self.status.publishers.iter().filter(|it| it.facility == *id).collect();
        let heard = devices.iter().filter_map(|it| it.heard).max();
        let missing = devices.iter().map(|it| it.missing).sum();
        let announced = devices.iter().filter(|it| it.missing > 0).filter_map(|it| it.stated).max();
        let complete = devices.iter().map(|it| it.complete).min().flatten();
        match (announced, complete) {
            _ if heard.is_none_or(|heard| now.since_ms(heard) > SILENT_MS) => {
                Freshness::NotHeardSince(heard)
            }
            (Some(announced), _) => Freshness::Missing { count: missing, announced },
            (None, Some(complete)) => Freshness::CompleteAsOf(complete),
            (None, None) => Freshness::NotHeardSince(heard),
        }
    }
}
