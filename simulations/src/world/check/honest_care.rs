//! *Complete as of T* holds for notes as for charts, whoever wrote them: what somebody had written about a patient by then, for
//! a reader of whom it knew, is shown.
//!
//! A hospital knows whom it lets in; what others had heard by their word, the order of their logs says, unless they lost them.

use std::collections::BTreeMap;

use azalea_core::access::{ScopeKind, Statement};
use azalea_core::envelope::{Body, SignedEnvelope};
use azalea_core::id::{DeviceId, Timestamp};
use azalea_core::replica::QuarantineRow;
use azalea_core::storage::{Order, Range, Read, table};
use azalea_core::view::ScopeEntry;
use azalea_core::wire::Wire;

use super::Words;
use super::written::Mark;
use crate::world::facility::Scopes;
use crate::world::truth::{Stated, Written};
use crate::world::{Facility, World};

pub(super) fn check(world: &World) -> Words {
    let mut words = Vec::new();
    for reader in world.probed() {
        let Some(status) = reader.status() else { continue };
        let complete: BTreeMap<DeviceId, Timestamp> =
            status.publishers.iter().filter_map(|it| Some((it.device?, it.complete?))).collect();
        let (place, apart) = (reader.place(), reader.quarantined());
        for patient in reader.patients() {
            for written in world.truth.written_of(&patient) {
                let mark = Mark::of(&world.truth, *written);
                let author = mark.author(world);
                let word = complete
                    .get(&author.device())
                    .and_then(|at| Some((*at, world.truth.stated.get(&(author.device(), *at))?)));
                let was_there = |stated: &Stated| match written {
                    Written::Note(at) => *at < stated.notes,
                    Written::Edit(at) => *at < stated.edits,
                };
                let Some(word) = word.filter(|(_, stated)| was_there(stated)) else { continue };
                if !is_there(reader, author, &mark, word.1, &apart)
                    && is_owed(world, reader, &mark, word)
                {
                    let (what, number, from) = (mark.what, mark.number, mark.place);
                    words.push(format!(
                        "device {place} claims to be complete from device {from} without {what} {number}"
                    ));
                }
            }
        }
    }
    words
}

/// Whether a reader holds all that the author had written in this care by its word, and shows it if it is a note. What was set
/// apart for a person is held. An edit shows only with what it was made on, and what waits for a key with that: of those others
/// speak, whoever wrote the one and the hospital that makes the keys.
fn is_there(
    reader: &Facility,
    author: &Facility,
    mark: &Mark,
    stated: &Stated,
    apart: &[QuarantineRow],
) -> bool {
    if mark.is_shown(reader) || apart.iter().any(|row| row.author == author.device()) {
        return true;
    }
    let scopes = author.scopes();
    let mut written = of_patient(&scopes, mark).flat_map(|scope| {
        let own = author.own(scope, 0).into_iter().filter(|it| it.position <= stated.position);
        own.map(|it| (scope.id, it))
    });
    let mut can_open = true;
    let is_held = written.all(|(scope, it)| {
        can_open &= reader.has_key(&scope, it.epoch);
        reader.kept(&scope, &author.device(), it.number).is_some()
    });
    is_held && (mark.what == "edit" || !can_open)
}

/// The care scopes of the patient of whom something was written.
fn of_patient<'a>(scopes: &'a Scopes, mark: &Mark) -> impl Iterator<Item = &'a ScopeEntry> {
    let patient = mark.patient;
    scopes.values().filter(move |scope| {
        let about = scope.descriptor.as_ref();
        about.is_some_and(|it| it.kind == ScopeKind::Care && it.patient == Some(patient))
    })
}

/// Whether the author counted what it wrote for this reader, when it said its word.
fn is_owed(
    world: &World,
    reader: &Facility,
    mark: &Mark,
    (complete, stated): (Timestamp, &Stated),
) -> bool {
    // Where two hospitals have the patient, whose consent counts follows from their links.
    let mut charts = world.truth.charts_of(&mark.patient);
    let (Some((owner, local)), None) = (charts.next(), charts.next()) else { return false };
    let (author, hospital) = (mark.author(world), &world.facilities[*owner]);
    let stands = |it: &Facility, since: Timestamp| {
        let consent = || world.stands(*owner, local, it);
        it.id() == hospital.id()
            || consent().is_some_and(|it| it.since <= since && it.begins <= complete)
    };
    stands(reader, stated.at)
        && stands(author, mark.asked)
        && (author.id() == hospital.id() || has_heard(world, author, reader, mark, stated))
}

/// Whether the author had the last word on this reader before it said its own. Whoever is the hospital is a reader from the
/// beginning.
fn has_heard(
    world: &World,
    author: &Facility,
    reader: &Facility,
    mark: &Mark,
    stated: &Stated,
) -> bool {
    if world.truth.lost.contains_key(&author.place()) {
        return false;
    }
    let (scopes, mut last) = (author.scopes(), None);
    for scope in of_patient(&scopes, mark) {
        if scope.access.as_ref().is_some_and(|access| access.owner() == reader.id()) {
            return true;
        }
        let prefix = Range::prefix(&scope.number.to_be_bytes());
        let each = &mut |_: &[u8], row: &[u8]| {
            let Some((kept, bytes)) = author.at(row).filter(|(kept, _)| kept.epoch == 0) else {
                return true;
            };
            let said = Body::from_bytes(&bytes[SignedEnvelope::OVERHEAD..]);
            let (facility, is_in) = match said {
                Ok(Body::Statement(Statement::Grant { facility, .. })) => (facility, true),
                Ok(Body::Statement(Statement::Revoke { facility, .. })) => (facility, false),
                _ => return true,
            };
            if facility == reader.id() {
                last = last.max(Some((kept.position, is_in)));
            }
            true
        };
        author.disk.rows.scan(table::CHAIN, &prefix, Order::Ascending, each).expect("memory");
    }
    last.is_some_and(|(at, is_in)| is_in && at <= stated.position)
}
