//! Whoever was put out of a chart holds no key of what its hospital wrote there afterwards, whether or not a relay
//! would hand it over: confidentiality rests on keys alone.

use std::collections::{BTreeMap, BTreeSet};

use azalea_core::access::{ScopeKind, Statement};
use azalea_core::envelope::{Body, SignedEnvelope};
use azalea_core::id::{FacilityId, ScopeId};
use azalea_core::storage::{Order, Range, Read, table};
use azalea_core::wire::{Reader, Wire};

use super::Words;
use crate::world::{Facility, World};

pub(super) fn check(world: &World) -> Words {
    let keys: Vec<BTreeSet<(ScopeId, u32)>> = world.facilities.iter().map(keys).collect();
    let mut words = Vec::new();
    for hospital in world.facilities.iter().take(world.options.hospitals) {
        let scopes = hospital.scopes();
        for (scope, chain) in chains(hospital) {
            let entry = scopes.get(&scope).and_then(|it| it.access.as_ref());
            let Some(access) = entry.filter(|access| access.kind() == ScopeKind::Chart) else {
                continue;
            };
            let members: BTreeSet<FacilityId> = access.granted_from(world.now).collect();
            for (reader, sealed) in after_revocation(&chain) {
                if members.contains(&reader) {
                    continue;
                }
                let theirs = world.facilities.iter().filter(|each| each.id() == reader);
                for place in theirs.map(Facility::place) {
                    if sealed.iter().any(|epoch| keys[place].contains(&(scope, *epoch))) {
                        let from = hospital.place();
                        words.push(format!(
                            "device {place} has a key of what device {from} wrote after it was put out"
                        ));
                    }
                }
            }
        }
    }
    words
}

/// The keys that a device holds.
fn keys(facility: &Facility) -> BTreeSet<(ScopeId, u32)> {
    let scopes: BTreeMap<u32, ScopeId> =
        facility.scopes().values().map(|scope| (scope.number, scope.id)).collect();
    let mut held = BTreeSet::new();
    let rows = &facility.disk.rows;
    rows.scan(table::KEY, &Range::all(), Order::Ascending, &mut |key, _| {
        let mut key = Reader::new(key);
        if let (Ok(number), Ok(epoch)) = (key.u32("scope number"), key.u32("epoch"))
            && let Some(scope) = scopes.get(&number)
        {
            held.insert((*scope, epoch));
        }
        true
    })
    .expect("memory");
    held
}

/// What a device wrote itself, in the order in which it did: statements, and the epochs of what is sealed.
fn chains(facility: &Facility) -> BTreeMap<ScopeId, BTreeMap<u64, Result<Statement, u32>>> {
    let mut chains: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    let (me, rows) = (facility.device(), &facility.disk.rows);
    rows.scan(table::LOG, &Range::all(), Order::Ascending, &mut |_, value| {
        let Ok(envelope) = SignedEnvelope::from_bytes(value) else { return true };
        let header = envelope.claimed_header();
        if header.author == me {
            let said = match Body::from_bytes(&value[SignedEnvelope::OVERHEAD..]) {
                Ok(Body::Statement(statement)) if header.is_clear() => Ok(statement),
                _ => Err(header.epoch),
            };
            chains.entry(header.scope).or_default().insert(header.seq, said);
        }
        true
    })
    .expect("memory");
    chains
}

/// Who was put out and not let in again, with the epochs under which was written since.
fn after_revocation(
    chain: &BTreeMap<u64, Result<Statement, u32>>,
) -> BTreeMap<FacilityId, BTreeSet<u32>> {
    let mut out: BTreeMap<FacilityId, BTreeSet<u32>> = BTreeMap::new();
    for said in chain.values() {
        match said {
            Ok(Statement::Revoke { facility, .. }) => {
                out.insert(*facility, BTreeSet::new());
            }
            Ok(Statement::Grant { facility, .. }) => {
                out.remove(facility);
            }
            Ok(_) => {}
            Err(epoch) => out.values_mut().for_each(|since| {
                since.insert(*epoch);
            }),
        }
    }
    out
}
