//! Whoever was put out of a chart or of a patient's care holds no key that its hospital made or used there afterwards,
//! whether or not a relay would hand it over: confidentiality rests on keys alone.

use std::collections::{BTreeMap, BTreeSet};

use azalea_core::access::{ScopeKind, Statement};
use azalea_core::envelope::{Body, SignedEnvelope};
use azalea_core::id::{FacilityId, ScopeId};
use azalea_core::storage::{Order, Range, Read, table};
use azalea_core::wire::Wire;

use super::Words;
use super::reached::{self, Out};
use crate::world::{Facility, World};

pub(super) fn check(world: &World) -> Words {
    let (mut words, mut out) = (Vec::new(), Vec::new());
    for hospital in world.facilities.iter().take(world.options.hospitals) {
        let (scopes, from) = (hospital.scopes(), hospital.place());
        for (scope, chain) in chains(hospital) {
            let entry = scopes.get(&scope).and_then(|it| it.access.as_ref());
            let is_shared = |kind| matches!(kind, ScopeKind::Chart | ScopeKind::Care);
            let Some(access) = entry.filter(|access| is_shared(access.kind())) else { continue };
            if access.owner() != hospital.id() {
                continue;
            }
            let members: BTreeSet<FacilityId> = access.granted_from(world.now).collect();
            for (reader, put_out) in after_revocation(&chain) {
                if members.contains(&reader) {
                    continue;
                }
                for device in world.facilities.iter().filter(|each| each.id() == reader) {
                    let place = device.place();
                    if put_out.epochs.iter().any(|epoch| device.has_key(&scope, *epoch)) {
                        words.push(format!(
                            "device {place} has a key of what device {from} wrote after it was put out"
                        ));
                    }
                    let word = (scope, hospital.device(), put_out.word);
                    out.push(Out { place, scope, word });
                }
            }
        }
    }
    words.extend(reached::by_withdrawals(world, &out));
    words
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

/// Since somebody was put out.
#[derive(Default)]
struct PutOut {
    /// The number of the word that says so.
    word: u64,
    /// The epochs that began since, and those under which was written.
    epochs: BTreeSet<u32>,
}

/// Who was put out and not let in again.
fn after_revocation(chain: &BTreeMap<u64, Result<Statement, u32>>) -> BTreeMap<FacilityId, PutOut> {
    let mut out: BTreeMap<FacilityId, PutOut> = BTreeMap::new();
    for (word, said) in chain {
        match said {
            Ok(Statement::Revoke { facility, .. }) => {
                out.insert(*facility, PutOut { word: *word, ..PutOut::default() });
            }
            Ok(Statement::Grant { facility, .. }) => {
                out.remove(facility);
            }
            Ok(Statement::Rotate { epoch }) | Err(epoch) => out.values_mut().for_each(|it| {
                it.epochs.insert(*epoch);
            }),
            Ok(_) => {}
        }
    }
    out
}
