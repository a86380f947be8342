//! What somebody wrote who did not know yet that its right had ended: kept for a person, not lost, not merged.

use std::collections::BTreeMap;

use azalea_core::id::{NoteId, PatientId};
use azalea_core::replica::Cause;

use super::Words;
use super::convergence::readers;
use super::written::Mark;
use crate::world::{Facility, World};

pub(super) fn check(world: &World) -> Words {
    let mut words = Vec::new();
    let mut charts: BTreeMap<PatientId, Vec<_>> = BTreeMap::new();
    for (local, chart) in world.truth.charts.iter().filter(|(_, chart)| chart.linked.is_none()) {
        if let Some(patient) = chart.patient {
            charts.entry(patient).or_default().push((local, chart));
        }
    }
    let begun: BTreeMap<NoteId, usize> =
        world.truth.notes.iter().map(|note| (note.id, note.place)).collect();
    for note in Mark::all(&world.truth) {
        let author = note.author(world);
        if is_refused(world, author) {
            continue;
        }
        // What never left its author's device is its author's alone.
        let sent = world.core().any(|it| it.place() == note.place);
        let charts = charts.get(&note.patient).map_or(&[][..], Vec::as_slice);
        let [((owner, local), chart)] = charts else { continue };
        let team =
            readers(world, *owner, local).chain(world.core().filter(|it| it.place() == *owner));
        for member in team.filter(|member| sent && member.place() != note.place) {
            // An edit of a note that is set apart waits with it.
            let is_apart = || {
                let first = begun.get(&note.id).map(|place| &world.facilities[*place]);
                keeps_apart(member, author) || first.is_some_and(|it| keeps_apart(member, it))
            };
            if !note.is_shown(member) && !is_apart() {
                let (place, what, number) = (member.place(), note.what, note.number);
                words.push(format!("device {place} neither shows {what} {number} nor keeps it"));
            }
        }
        let reader = chart.readers.get(&author.id()).copied().unwrap_or_default();
        let out = reader.withdrawn.filter(|_| reader.stands.is_none());
        let again = reader.asked > reader.withdrawn;
        let hospital = &world.facilities[*owner];
        if out.is_some_and(|out| note.asked > out) && !again && note.is_shown(hospital) {
            let (what, number) = (note.what, note.number);
            words.push(format!("device {owner} merged {what} {number}, written too late"));
        }
    }
    words
}

/// Whether a hostile relay has refused what this device wrote. Its author sees that; nobody else can.
pub(super) fn is_refused(world: &World, author: &Facility) -> bool {
    !world.options.tricks.is_empty()
        && author.quarantined().iter().any(|row| row.cause == Cause::Refused)
}

/// Whether something of an author is set apart here as late.
fn keeps_apart(member: &Facility, author: &Facility) -> bool {
    let rows = member.quarantined();
    rows.iter().any(|row| row.author == author.device() && row.cause == Cause::Late)
}
