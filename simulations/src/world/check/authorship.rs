//! Every visible value has a valid author and a grant: what is kept is what was signed, and what is shown under a
//! hospital's name was handed to that hospital.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use azalea_core::access::ScopeKind;
use azalea_core::document::Author;
use azalea_core::envelope::{Header, SignedEnvelope};
use azalea_core::id::EnvelopeId;
use azalea_core::identity::{Certificate, Domain, FacilityKind, PublicKey, Signature};
use azalea_core::replica::Cause;
use azalea_core::storage::{Order, Range, Read, table};

use super::{Words, keyed};
use crate::world::hostile::member::MARK;
use crate::world::people::{content, local_of};
use crate::world::{Facility, World};

pub(super) fn check(world: &World) -> Words {
    let mut words = Vec::new();
    let options = &world.options;
    let honest = options.tricks.is_empty() && !options.hostile_member && !options.thief;
    let forks = world.relay.report(world.now).map_or(0, |report| report.forks);
    if honest && forks > 0 {
        words.push(format!("the relay was handed {forks} envelopes under numbers that were taken"));
    }
    let mut signed = HashSet::new();
    for facility in world.facilities.iter() {
        let place = facility.place();
        // Records of a chart stand one after the other.
        let (held, mut chart, mut handed) = (facility.held(), None, &[][..]);
        for ((owner, record), contents) in held.iter() {
            let local = local_of(record);
            if chart != Some((owner, local)) {
                let from = world.place_of(owner).map(|from| (from, local.to_owned()));
                handed = from.map_or(&[][..], |from| world.truth.handed(&from));
                chart = Some((owner, local));
            }
            let number = record.rsplit('-').next().and_then(|number| number.parse::<u64>().ok());
            let known = number.and_then(|number| Some((number, handed.get(number as usize)?)));
            let is_known = |bytes: &Arc<[u8]>| {
                known.is_some_and(|(number, versions)| {
                    versions.each().any(|version| **bytes == *content(local, number, version))
                })
            };
            if !contents.all.iter().all(is_known) {
                words.push(format!("device {place} shows {record} as nobody wrote it"));
            }
        }
        let forged = facility.notes().values().any(|note| note.text.contains(MARK));
        if forged {
            words.push(format!("device {place} shows a note of somebody who may not write"));
        }
        words.extend(written(world, facility));
        words.extend(kept(world, facility, &mut signed));
        words.extend(papers(world, facility));
        let quarantined = facility.quarantined();
        let is_thiefs = |id: &EnvelopeId| world.truth.forged.contains(id);
        let forks = quarantined.iter().filter(|row| row.cause == Cause::Fork);
        for row in forks.filter(|row| !is_thiefs(&row.id)) {
            // The relay's own entries of the registry prove themselves, whatever their number.
            let author = world.facilities.iter().find(|each| each.device() == row.author);
            if let Some(author) = author {
                let author = author.place();
                words.push(format!(
                    "device {author} used one number twice, as device {place} sees it"
                ));
            }
        }
    }
    words
}

/// What stands in a note was written at a device that the council admitted, of a facility that somebody let into the patient's
/// care.
fn written(world: &World, facility: &Facility) -> Words {
    let mut words = Vec::new();
    let place = facility.place();
    for scope in facility.scopes().values() {
        let about = scope.descriptor.as_ref().filter(|it| it.kind == ScopeKind::Care);
        let Some(patient) = about.and_then(|it| it.patient) else { continue };
        let mut known = BTreeMap::new();
        let notes = facility.view().notes(scope.number).expect("a sound store");
        for Author { device, facility: home } in
            notes.values().flatten().map(|(_, contribution)| contribution.author)
        {
            let is_known = known.entry((device, home)).or_insert_with(|| {
                let mut members = world.members.iter().map(|member| &member.identity);
                members.any(|it| it.device_id() == device && it.facility == home)
                    && keyed::cares(world, &patient, &home)
            });
            if !*is_known {
                words
                    .push(format!("device {place} shows a note of somebody whom nobody let write"));
            }
        }
    }
    words
}

/// The relay keeps nothing of a member that wrote where it may not: it wrote nowhere else. Nor what was written with stolen keys.
pub(super) fn relay(world: &World) -> Words {
    let mut words = Vec::new();
    let hostile = world.hostile_member.identity.device_id();
    world.relay.each_kept(&mut |envelope| {
        let is_forged = world.truth.forged.contains(&envelope.claimed_id());
        if envelope.claimed_header().author == hostile || is_forged {
            words.push("the relay keeps what its author had no right to write".to_owned());
        }
    });
    words
}

/// What is kept was signed by its author, and nothing sealed is by a member that may write nowhere. Checked here
/// by hand: the engine's own check may be the one that fails.
fn kept(world: &World, facility: &Facility, signed: &mut HashSet<[u8; 32]>) -> Words {
    let hostile = &world.hostile_member.identity;
    let Some(replica) = facility.replica() else { return Vec::new() };
    let mut words = Vec::new();
    let rows = &facility.disk.rows;
    rows.scan(table::LOG, &Range::all(), Order::Ascending, &mut |_, value| {
        let is_signed = SignedEnvelope::from_bytes(value).is_ok_and(|envelope| {
            let header = envelope.claimed_header();
            // One that came before word of the theft stays where it is, and is set apart since.
            let id = envelope.claimed_id();
            let is_apart = || facility.quarantined().iter().any(|row| row.id == id);
            if world.truth.forged.contains(&id) && !is_apart() {
                let place = facility.place();
                words.push(format!("device {place} keeps what was written with stolen keys"));
            }
            // A statement may come before the word that the scope begins with, and is judged when that has come.
            if header.author == hostile.device_id() && !header.is_clear() {
                let place = facility.place();
                words.push(format!("device {place} keeps what its author may not write"));
            }
            let digest = *blake3::hash(value).as_bytes();
            let author = replica.roster().device(&header.author);
            let is_signed = author
                .is_some_and(|author| signed.contains(&digest) || signed_by(&author.key, value));
            signed.extend(is_signed.then_some(digest));
            is_signed
        });
        if !is_signed {
            words.push(format!("device {} keeps what nobody signed", facility.place()));
        }
        true
    })
    .expect("memory");
    words
}

fn signed_by(key: &PublicKey, envelope: &[u8]) -> bool {
    let (signed, rest) = envelope.split_at(Header::LEN);
    let Some((signature, body)) = rest.split_first_chunk::<{ Signature::LEN }>() else {
        return false;
    };
    let says = SignedEnvelope::from_bytes(envelope).map(|it| it.claimed_header().body_hash);
    key.verify(Domain::Envelope, signed, &Signature::from_bytes(*signature)).is_ok()
        && says == Ok(*blake3::hash(body).as_bytes())
}

/// A device knows no other facilities, and these with no other rights, than the council admitted.
fn papers(world: &World, facility: &Facility) -> Words {
    let Some(replica) = facility.replica() else { return Vec::new() };
    let members = world.members.iter().chain([&world.hostile_member]);
    let issued: Vec<&Certificate> = members.flat_map(|member| &member.certificates).collect();
    let held = replica.roster().certificates();
    let forged = held.filter(|certificate| match certificate {
        Certificate::Facility(signed) => {
            signed.claims().kind != FacilityKind::Relay && !issued.contains(&certificate)
        }
        _ => false,
    });
    let place = facility.place();
    forged
        .map(|_| format!("device {place} believes papers that the council did not make"))
        .collect()
}
