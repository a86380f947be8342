//! A patient's consent, as charts must follow it.
//!
//! The care scope is the consent: the facilities granted on it, each on a consent, are those whom the patient
//! named. A hospital that disclosed its chart grants it to them and takes it back when the consent is
//! withdrawn. The rule looks only at what is held now, so it can be asked again at any time, after a crash or
//! after a sync, and asks for nothing more once its duties are done.

use std::collections::BTreeSet;

use super::grant::ScopeAccess;
use crate::id::{ConsentId, FacilityId, Timestamp};

/// What a chart's owner has to do so that its chart follows the consent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConsentDuties {
    /// To be done first, with a new epoch: these no longer have the patient's consent.
    pub revoke: Vec<ConsentRevoke>,
    /// These have it and do not have the chart on it.
    pub grant: Vec<ConsentGrant>,
}

impl ConsentDuties {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.revoke.is_empty() && self.grant.is_empty()
    }
}

/// A chart grant that rests on a withdrawn consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsentRevoke {
    /// Whose.
    pub facility: FacilityId,
    /// On which consent.
    pub consent: ConsentId,
}

/// A facility that the consent names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsentGrant {
    /// Who.
    pub facility: FacilityId,
    /// On which consent.
    pub consent: ConsentId,
    /// Until when the consent holds.
    pub until: Option<Timestamp>,
}

/// Compares a patient's care scope with one of the reader's own chart scopes of that patient.
///
/// A chart grant on no consent, or on one that this care scope never had, rests on something else and is left
/// alone. A grant on a newer consent replaces the one on the older, so such a facility is not put out in between.
///
/// Whoever was put out of the care scope itself does not hear of later withdrawals there: nothing rests on it any more.
///
/// A consent that has yet to begin lets nobody in, and puts nobody out: whoever has the chart on it was let in before `at`'s
/// clock was set back.
pub fn consent_duties(care: &ScopeAccess, chart: &ScopeAccess, at: Timestamp) -> ConsentDuties {
    let mut duties = ConsentDuties::default();
    let hears = care.access_of(&chart.owner(), at).is_some_and(|access| access.read);
    let read_from_now = || care.grants_from(at).filter(|grant| grant.access.read);
    let will_hear = hears || read_from_now().any(|grant| grant.facility == chart.owner());
    let consented = read_from_now().filter(|grant| will_hear && grant.consent.is_some());
    let consented: BTreeSet<FacilityId> = consented.map(|grant| grant.facility).collect();
    for held in chart.grants_from(at) {
        let Some(consent) = held.consent else { continue };
        let is_consented = consented.contains(&held.facility);
        if !is_consented && care.was_granted_on(&held.facility, &consent) {
            let duty = ConsentRevoke { facility: held.facility, consent };
            // One revocation ends all of a facility's grants.
            if !duties.revoke.iter().any(|known| known.facility == duty.facility) {
                duties.revoke.push(duty);
            }
        }
    }
    for named in care.grants(at).filter(|named| hears && named.access.read) {
        let Some(consent) = named.consent else { continue };
        if named.facility == chart.owner() {
            continue;
        }
        let is_done = chart.grant_of(&named.facility, at).is_some_and(|held| {
            held.access.read
                && held.consent.is_none_or(|held_on| {
                    (held_on, held.until) == (consent, named.until)
                        || !care.was_granted_on(&named.facility, &held_on)
                })
        });
        if !is_done {
            let (facility, until) = (named.facility, named.until);
            duties.grant.push(ConsentGrant { facility, consent, until });
        }
    }
    duties
}

#[cfg(test)]
mod tests;
