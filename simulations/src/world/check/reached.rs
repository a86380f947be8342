//! What is written after its author has heard that somebody is out is not for them: of a facility that a withdrawal put out of a
//! patient's care, and of a device that was reported lost and revoked, which is out of everything.
//!
//! What an author had heard when it wrote, the order of its own log says. That of a store which was lost and learnt anew says nothing.

use std::collections::BTreeMap;

use azalea_core::access::{ScopeKind, Statement, pair_scope, registry_scope};
use azalea_core::envelope::{Body, SignedEnvelope};
use azalea_core::id::{DeviceId, ScopeId};
use azalea_core::identity::{Certificate, Subject};
use azalea_core::storage::{Order, Range, Read, table};
use azalea_core::view::ScopeEntry;
use azalea_core::wire::Wire;

use super::Words;
use crate::world::facility::Kept;
use crate::world::{Facility, World};

/// A device whose facility was put out of a scope and not let in again.
pub(super) struct Out {
    pub(super) place: usize,
    pub(super) scope: ScopeId,
    /// The word that put it out: where it was said, by which device, under which number.
    pub(super) word: (ScopeId, DeviceId, u64),
}

/// Nobody who was put out can read what was written there by whom the withdrawal had reached.
pub(super) fn by_withdrawals(world: &World, out: &[Out]) -> Words {
    let mut words = Vec::new();
    for author in authors(world) {
        let scopes = author.scopes();
        for Out { place, scope, word } in out {
            let Some(entry) = scopes.get(scope) else { continue };
            let (of, by, number) = word;
            let Some(heard) = author.kept(of, by, *number) else { continue };
            let since = author.own(entry, heard.position);
            if since.iter().any(|it| reads(world, author, *place, entry, it)) {
                let from = author.place();
                words.push(format!(
                    "device {place} can read what device {from} wrote when it knew that it is put out"
                ));
            }
        }
    }
    words
}

/// A device that was revoked is told nothing more by a relay that knows, is given no key and can read nothing of those who do,
/// and has the newest key of nothing.
pub(super) fn by_revocations(world: &World) -> Words {
    let mut words = Vec::new();
    for place in &world.truth.told_when_out {
        words.push(format!("the relay spoke to device {place}, which it knew to be revoked"));
    }
    let revoked = || world.truth.revoked.keys().map(|place| &world.facilities[*place]);
    if revoked().next().is_none() {
        return words;
    }
    for author in authors(world) {
        let (from, me, scopes) = (author.place(), author.device(), author.scopes());
        let heard = heard(author);
        for (stolen, since) in revoked().filter_map(|it| Some((it, heard.get(&it.device())?))) {
            let place = stolen.place();
            let channel = pair_scope(&author.identity.network, &me, &stolen.device());
            for entry in scopes.values().filter(|_| place != from) {
                let written = author.own(entry, *since);
                if entry.id == channel && !written.is_empty() {
                    words.push(format!(
                        "device {from} gave keys to device {place}, which it knew to be revoked"
                    ));
                }
                if written.iter().any(|it| reads(world, author, place, entry, it)) {
                    words.push(format!(
                        "device {place} can read what device {from} wrote when it knew that it is revoked"
                    ));
                }
            }
        }
    }
    for owner in world.core() {
        let own = |entry: &&ScopeEntry| {
            let access = entry.access.as_ref();
            access.is_some_and(|it| it.owner() == owner.id() && it.kind() != ScopeKind::Pair)
        };
        for entry in owner.scopes().values().filter(own) {
            let Some(newest) = owner.newest_key(entry) else { continue };
            for stolen in revoked().filter(|stolen| stolen.has_key(&entry.id, newest)) {
                let (place, from) = (stolen.place(), owner.place());
                words.push(format!(
                    "device {place}, which is revoked, has the key under which device {from} writes"
                ));
            }
        }
    }
    words
}

/// Those whose log stands in the order in which they heard.
fn authors(world: &World) -> impl Iterator<Item = &Facility> {
    world.facilities.iter().filter(|it| !world.truth.lost.contains_key(&it.place()))
}

/// Whether a device can read what was written. Whoever owns a scope makes its keys, and has made a new one by then: to hold that
/// is enough. Others may still lack it; then the relay, which knew before they did, keeps it back, if it is honest and has not
/// gone back to where it did not know.
fn reads(world: &World, author: &Facility, place: usize, scope: &ScopeEntry, it: &Kept) -> bool {
    let reader = &world.facilities[place];
    let owner = scope.access.as_ref().map(|access| access.owner());
    let forgets = world.options.faults.relay_goes_back() || !world.options.tricks.is_empty();
    let is_fed = || !forgets && reader.kept(&scope.id, &author.device(), it.number).is_some();
    reader.has_key(&scope.id, it.epoch) && (owner == Some(author.id()) || is_fed())
}

/// Where in its log a device heard first of each revoked device.
fn heard(facility: &Facility) -> BTreeMap<DeviceId, u64> {
    let mut heard = BTreeMap::new();
    let registry = registry_scope(&facility.identity.network);
    let scopes = facility.scopes();
    let Some(registry) = scopes.get(&registry) else { return heard };
    let rows = &facility.disk.rows;
    let prefix = Range::prefix(&registry.number.to_be_bytes());
    rows.scan(table::CHAIN, &prefix, Order::Ascending, &mut |_, row| {
        let kept = facility.at(row);
        let body = kept.as_ref().map(|(_, bytes)| &bytes[SignedEnvelope::OVERHEAD..]);
        if let (Some((kept, _)), Some(Ok(Body::Statement(Statement::Certificate(paper))))) =
            (&kept, body.map(Body::from_bytes))
            && let Certificate::Revocation(signed) = paper
            && let Subject::Device(device) = signed.claims().subject
        {
            let first: &mut u64 = heard.entry(device).or_insert(kept.position);
            *first = kept.position.min(*first);
        }
        true
    })
    .expect("memory");
    heard
}
