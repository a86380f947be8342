//! Nobody holds a key of what nobody ever let it see, nor shows a note of it: to have been put out is not the only way to be a
//! stranger.

use std::collections::BTreeMap;

use azalea_core::access::ScopeKind;
use azalea_core::id::{FacilityId, PatientId};
use azalea_core::view::ScopeEntry;

use super::Words;
use crate::world::{Facility, World};

pub(super) fn check(world: &World) -> Words {
    let mut words = Vec::new();
    for facility in world.probed() {
        let (place, scopes, keyed) = (facility.place(), facility.scopes(), facility.keyed());
        let strange = scopes.values().filter(|scope| keyed.contains(&scope.number));
        for scope in strange.filter(|scope| !may_hold(world, facility, scope)) {
            let kind = scope.descriptor.as_ref().map(|it| it.kind);
            words.push(format!(
                "device {place} has a key of {kind:?} scope, which nobody let it see"
            ));
        }
        // Notes about one patient, however many, are judged once.
        let mut known: BTreeMap<PatientId, bool> = BTreeMap::new();
        let notes = facility.notes();
        for patient in notes.values().filter_map(|note| note.patient) {
            let may =
                known.entry(patient).or_insert_with(|| cares(world, &patient, &facility.id()));
            if !*may {
                words.push(format!(
                    "device {place} shows a note of a patient whom nobody let it see"
                ));
            }
        }
    }
    words
}

/// Whether a device may ever have been given the keys of a scope.
fn may_hold(world: &World, facility: &Facility, scope: &ScopeEntry) -> bool {
    let me = facility.id();
    if let Some((from, to)) = scope.access.as_ref().and_then(|access| access.parties()) {
        return [from, to].contains(&facility.device());
    }
    let Some(about) = &scope.descriptor else { return false };
    if about.owner == me {
        return true;
    }
    let Some(owner) = world.place_of(&about.owner) else { return false };
    match about.kind {
        ScopeKind::Chart => {
            about.local.as_ref().is_some_and(|it| world.truth.was_ever_asked(owner, it, &me))
        }
        ScopeKind::Care => about.patient.is_some_and(|patient| cares(world, &patient, &me)),
        // Whoever may see a chart may see who works there.
        ScopeKind::Directory => {
            let mut charts = world.truth.charts_named(owner, me);
            charts.any(|(_, local)| world.truth.was_ever_asked(owner, local, &me))
        }
        ScopeKind::Registry | ScopeKind::Pair | ScopeKind::Office | ScopeKind::Letter => false,
    }
}

/// Whether a facility was ever let into a patient's care: by a consent, or as a hospital whose patient it is. Of a number that
/// no hospital was told yet, since its first answer was lost, nobody knows.
pub(super) fn cares(world: &World, patient: &PatientId, facility: &FacilityId) -> bool {
    let mut charts = world.truth.charts_of(patient).peekable();
    charts.peek().is_none()
        || charts.any(|(owner, local)| {
            world.facilities[*owner].id() == *facility
                || world.truth.was_ever_asked(*owner, local, facility)
        })
}
