//! What somebody wrote who did not know yet that its right had ended: kept for a person, not lost, not merged.

use std::collections::BTreeMap;

use azalea_core::id::PatientId;
use azalea_core::replica::Cause;

use super::Words;
use super::convergence::readers;
use crate::world::{Facility, World};

pub(super) fn check(world: &World) -> Words {
    let mut words = Vec::new();
    let mut charts: BTreeMap<PatientId, Vec<_>> = BTreeMap::new();
    for (local, chart) in world.truth.charts.iter().filter(|(_, chart)| chart.linked.is_none()) {
        if let Some(patient) = chart.patient {
            charts.entry(patient).or_default().push((local, chart));
        }
    }
    for note in &world.truth.notes {
        let author = &world.facilities[note.place];
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
            let shown = member.notes().contains_key(&note.id);
            if !shown && !keeps_apart(member, author) {
                let place = member.place();
                words.push(format!(
                    "device {place} neither shows note {} nor keeps it",
                    note.number
                ));
            }
        }
        let reader = chart.readers.get(&author.id()).copied().unwrap_or_default();
        let out = reader.withdrawn.filter(|_| reader.stands.is_none());
        let again = reader.asked > reader.withdrawn;
        let hospital = &world.facilities[*owner];
        if out.is_some_and(|out| note.asked > out)
            && !again
            && hospital.notes().contains_key(&note.id)
        {
            words.push(format!("device {owner} merged note {}, written too late", note.number));
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
