//! Every visible value has a valid author and a grant: what is kept is what was signed, and what is shown under a
//! hospital's name was handed to that hospital.

use azalea_core::envelope::SignedEnvelope;
use azalea_core::replica::Cause;
use azalea_core::storage::{Order, Range, Read, table};

use super::Words;
use crate::world::hostile::member::MARK;
use crate::world::people::{content, local_of};
use crate::world::{Facility, World};

pub(super) fn check(world: &World) -> Words {
    let mut words = Vec::new();
    let honest = world.options.tricks.is_empty() && !world.options.hostile_member;
    let forks = world.relay.report(world.now).map_or(0, |report| report.forks);
    if honest && forks > 0 {
        words.push(format!("the relay was handed {forks} envelopes under numbers that were taken"));
    }
    for facility in &world.facilities {
        let place = facility.place();
        for ((owner, record), contents) in facility.held() {
            let from = world.facilities.iter().position(|each| each.id() == owner);
            let number = record.rsplit('-').next().and_then(|number| number.parse::<u64>().ok());
            let known = from.zip(number).and_then(|(from, number)| {
                let local = local_of(&record).to_owned();
                Some((world.truth.handed.get(&(from, local.clone(), number))?, local, number))
            });
            let is_known = |bytes: &Vec<u8>| {
                known.as_ref().is_some_and(|(versions, local, number)| {
                    versions.iter().any(|version| *bytes == content(local, *number, *version))
                })
            };
            if !contents.all.iter().all(is_known) {
                words.push(format!("device {place} shows {record} as nobody wrote it"));
            }
        }
        let forged = facility.notes().into_values().any(|note| note.text.contains(MARK));
        if forged {
            words.push(format!("device {place} shows a note of somebody who may not write"));
        }
        words.extend(signatures(world, facility));
        for row in facility.quarantined().iter().filter(|row| row.cause == Cause::Fork) {
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

fn signatures(world: &World, facility: &Facility) -> Words {
    let Some(replica) = facility.replica() else { return Vec::new() };
    let network = world.members[0].identity.network;
    let mut words = Vec::new();
    let rows = &facility.disk.rows;
    rows.scan(table::LOG, &Range::all(), Order::Ascending, &mut |_, value| {
        let signed = SignedEnvelope::from_bytes(value.to_vec());
        if !signed.is_ok_and(|it| it.verify(replica.roster(), &network).is_ok()) {
            words.push(format!("device {} keeps what nobody signed", facility.place()));
        }
        true
    })
    .expect("memory");
    words
}
