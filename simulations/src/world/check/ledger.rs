//! Every page that was shown is in the ledger of its device, in its order, by whom it was, and the chain is unbroken.

use azalea_core::ledger;

use super::Words;
use crate::world::World;
use crate::world::opening::Opening;

pub(super) fn check(world: &World) -> Words {
    let mut words = Vec::new();
    for facility in world.facilities.iter() {
        let (place, mut logged) = (facility.place(), Vec::new());
        let each = &mut |entry: ledger::Entry| {
            let (patient, online) = (entry.patient, entry.online);
            // Who stands there as a number, or by a role alone.
            let staff = entry.staff.and_then(|staff| staff.0.strip_prefix('s')?.parse().ok());
            logged.extend(patient.zip(online).map(|(patient, online)| Opening {
                patient,
                at: entry.at,
                online,
                staff,
            }));
        };
        let found = ledger::check(&facility.disk.rows, &facility.key(), each).expect("memory");
        let torn = world.truth.torn_ledgers.contains(&place);
        if let Some(line) = found.broken_at.filter(|_| !torn) {
            words.push(format!("the ledger of device {place} is broken at line {line}"));
        }
        let shown = world.truth.openings.get(&place).map_or(&[][..], Vec::as_slice);
        // Lines that a repair has named as lost may lack; those that are there stand in their order.
        if torn {
            let mut shown = shown.iter();
            if !logged.iter().all(|line| shown.any(|it| it == line)) {
                words
                    .push(format!("the ledger of device {place} has a line that nobody was shown"));
            }
        } else if logged != shown {
            let at = logged.iter().zip(shown).take_while(|(line, shown)| line == shown).count();
            let (lines, shown) = (logged.len(), shown.len());
            words.push(format!(
                "device {place} showed {shown} pages, its ledger has {lines}; they differ from number {at} on"
            ));
        }
    }
    words
}
