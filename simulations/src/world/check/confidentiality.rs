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
    for facility in &world.facilities {
        let (place, me, held) = (facility.place(), facility.id(), facility.held());
        for (owner, record) in held.keys().filter(|(owner, _)| *owner != me) {
            let from = world.facilities.iter().position(|each| each.id() == *owner);
            let from = from.unwrap_or(usize::MAX);
            if !world.truth.was_ever_asked(from, local_of(record), &me) {
                words.push(format!("device {place} can read {record}, which nobody let it"));
            }
        }
        for import in &world.truth.imports {
            let Some(out) = world.truth.is_out(import.place, &import.local, &me) else { continue };
            let owner = world.facilities[import.place].id();
            if import.asked <= out || owner == me {
                continue;
            }
            let contents = held.get(&(owner, key(&import.local, import.number)));
            let bytes = content(&import.local, import.number, import.version);
            if contents.is_some_and(|it| it.all.contains(&bytes)) {
                words.push(format!(
                    "device {place} can read {}-{}, written after it was put out",
                    import.local, import.number
                ));
            }
        }
    }
    words
}

/// What stands on the relay's disk: no text that people wrote, and no key.
pub(super) fn relay(world: &World) -> Words {
    let mut keys: HashSet<[u8; 8]> = HashSet::new();
    for facility in &world.facilities {
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
    for table in [tables::LOG, tables::FORK, tables::SCOPE, tables::HEAD, tables::CHAIN] {
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
