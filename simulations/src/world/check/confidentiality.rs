//! No replica without a grant ever holds plaintext, the relay never does, and nothing written after a withdrawal
//! can be read by whoever was put out.

use std::collections::HashSet;

use azalea_core::storage::{Order, Range, Read, table};
use azalea_relay::mailbox::tables;

use super::Words;
use crate::world::World;
use crate::world::people::{content, key, local_of};

/// Who holds what, at any moment.
pub(super) fn check(world: &World) -> Words {
    let mut words = Vec::new();
    for facility in world.probed() {
        let (place, me, held) = (facility.place(), facility.id(), facility.held());
        for ((owner, record), contents) in held.iter().filter(|((owner, _), _)| *owner != me) {
            let from = world.place_of(owner).unwrap_or(usize::MAX);
            let chart = (from, local_of(record).to_owned());
            if !world.truth.was_ever_asked(from, &chart.1, &me) {
                words.push(format!("device {place} can read {record}, which nobody let it"));
            }
            let Some(out) = world.truth.is_out(from, &chart.1, &me) else { continue };
            for import in world.truth.imports_of(&chart, usize::MAX) {
                let bytes = content(&import.local, import.number, import.version);
                let is_this = *record == key(&import.local, import.number);
                if is_this && import.asked > out && contents.has(&bytes) {
                    words.push(format!(
                        "device {place} can read {}-{}, written after it was put out",
                        import.local, import.number
                    ));
                }
            }
        }
    }
    words
}

/// What stands on the relay's disk: no text that people wrote, and no key.
pub(super) fn relay(world: &World) -> Words {
    let mut keys: HashSet<[u8; 8]> = HashSet::new();
    for facility in world.facilities.iter() {
        let rows = &facility.disk.rows;
        rows.scan(table::KEY, &Range::all(), Order::Ascending, &mut |_, key| {
            keys.extend(key.first_chunk::<8>());
            true
        })
        .expect("memory");
    }
    let texts: [&[u8]; 3] = [b"resourceType", "記録".as_bytes(), "改題".as_bytes()];
    let mut words = Vec::new();
    let rows = &world.relay.disk.rows;
    for table in [tables::LOG, tables::FORK, tables::SCOPE, tables::HEAD_SHARE, tables::CHAIN] {
        rows.scan(table, &Range::all(), Order::Ascending, &mut |_, value| {
            if texts.iter().any(|text| value.windows(text.len()).any(|part| part == *text)) {
                words.push(format!("the relay's table {} holds text", table.name()));
            }
            if value.windows(8).any(|part| keys.contains(part)) {
                words.push(format!("the relay's table {} holds a key", table.name()));
            }
            true
        })
        .expect("memory");
    }
    words
}
