//! When consents ended, by the signed statements that ended them.

use std::collections::{BTreeMap, BTreeSet};

use super::count::Ruling;
use super::{Grant, ScopeAccess};
use crate::id::{ConsentId, FacilityId, Timestamp};

/// A consent whose facilities have all been put out again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedConsent {
    /// The facilities that it had let in.
    pub facilities: BTreeSet<FacilityId>,
    /// When the first of them was let in, by the clock of whoever did it.
    pub from: Timestamp,
    /// When the last of them was put out, as the revocation states it.
    pub at: Timestamp,
    /// Whose device signed that revocation.
    pub by: FacilityId,
}

impl ScopeAccess {
    /// The consents on which grants were made and none counts any more, because of revocations. One that only
    /// ran out is not among them.
    pub fn ended_consents(&self) -> BTreeMap<ConsentId, EndedConsent> {
        let mut ended: BTreeMap<ConsentId, EndedConsent> = BTreeMap::new();
        let mut standing = BTreeSet::new();
        for facility in self.counted.rulings.keys() {
            standing.extend(self.current(facility).filter_map(|grant| grant.consent));
            let mut open: BTreeMap<ConsentId, &Grant> = BTreeMap::new();
            for ruling in self.rulings(facility) {
                match ruling {
                    Ruling::Grant(grant) => {
                        if let Some(consent) = grant.consent {
                            open.entry(consent).or_insert(grant);
                        }
                    }
                    Ruling::Revoke { at, by, .. } => {
                        for (consent, grant) in std::mem::take(&mut open) {
                            end(&mut ended, consent, grant, *at, *by);
                        }
                    }
                }
            }
        }
        ended.retain(|consent, _| !standing.contains(consent));
        ended
    }
}

fn end(
    ended: &mut BTreeMap<ConsentId, EndedConsent>,
    consent: ConsentId,
    grant: &Grant,
    at: Timestamp,
    by: FacilityId,
) {
    let first = EndedConsent { facilities: BTreeSet::new(), from: grant.from, at, by };
    let known = ended.entry(consent).or_insert(first);
    known.facilities.insert(grant.facility);
    known.from = known.from.min(grant.from);
    if known.at < at {
        (known.at, known.by) = (at, by);
    }
}
