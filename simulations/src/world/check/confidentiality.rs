//! No replica without a grant ever holds plaintext, the relay never does, and nothing written after a withdrawal
//! can be read by whoever was put out.

use std::collections::HashSet;

use azalea_core::envelope::SignedEnvelope;
use azalea_core::id::FacilityId;
use azalea_core::storage::{Order, Range, Read, table};
use azalea_core::wire::Writer;
use azalea_relay::mailbox::tables;

use super::Words;
use crate::world::World;
use crate::world::people::{content, key, local_of};
use crate::world::truth::Import;

/// What counts for all records of a chart.
struct Chart<'a> {
    owner: &'a FacilityId,
    local: &'a str,
    was_asked: bool,
    /// What was written after the reader was put out, by its key.
    since: Vec<(String, &'a Import)>,
}

/// Who holds what, at any moment.
pub(super) fn check(world: &World) -> Words {
    let mut words = Vec::new();
    for facility in world.probed() {
        let (place, me, held) = (facility.place(), facility.id(), facility.held());
        // Records of a chart stand one after the other.
        let mut chart: Option<Chart> = None;
        for ((owner, record), contents) in held.iter().filter(|((owner, _), _)| *owner != me) {
            let local = local_of(record);
            if chart.as_ref().is_none_or(|chart| (chart.owner, chart.local) != (owner, local)) {
                let of = (world.place_of(owner).unwrap_or(usize::MAX), local.to_owned());
                let was_asked = world.truth.was_ever_asked(of.0, local, &me);
                let out = world.truth.is_out(of.0, local, &me);
                let since = out.map(|out| {
                    let imports = world.truth.imports_of(&of, usize::MAX);
                    let later = imports.filter(|import| import.asked > out);
                    later.map(|import| (key(&import.local, import.number), import)).collect()
                });
                chart = Some(Chart { owner, local, was_asked, since: since.unwrap_or_default() });
            }
            let Some(Chart { was_asked, since, .. }) = &chart else { continue };
            if !was_asked {
                words.push(format!("device {place} can read {record}, which nobody let it"));
            }
            for (_, import) in since.iter().filter(|(key, _)| key == record) {
                if contents.has(&content(&import.local, import.number, import.version)) {
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

/// What stands on the relay's disk, in whichever table: no text that people wrote, no patient, no key, and nothing that is
/// packed and not sealed.
pub(super) fn relay(world: &World) -> Words {
    let mut keys = Beginnings::default();
    for facility in world.facilities.iter() {
        let rows = &facility.disk.rows;
        rows.scan(table::KEY, &Range::all(), Order::Ascending, &mut |_, key| {
            key.first_chunk().into_iter().for_each(|key| keys.insert(*key));
            true
        })
        .expect("memory");
    }
    let mut patients = Beginnings::default();
    for patient in world.truth.patients() {
        patient.as_bytes().first_chunk().into_iter().for_each(|id| patients.insert(*id));
    }
    for (_, local) in world.truth.charts.keys() {
        // As it is written wherever it is, its length first; a chart's number by itself is too short to be told from chance.
        let mut writer = Writer::new();
        writer.text(local);
        writer.into_bytes().first_chunk().into_iter().for_each(|text| patients.insert(*text));
    }
    let texts: [&[u8]; 4] = [b"resourceType", b"Observation", "記録".as_bytes(), "改題".as_bytes()];
    let mut words = Vec::new();
    for (table, key, value) in world.relay.disk.rows.rows() {
        let mut holds =
            |what| words.push(format!("the relay's table {} holds {what}", table.name()));
        for part in [key, value] {
            if texts.iter().any(|text| has(part, text)) {
                holds("text");
            }
            if keys.any_in(part) {
                holds("a key");
            }
            if patients.any_in(part) {
                holds("a patient's number");
            }
        }
        if table == tables::LOG && is_unsealed(key, value) {
            holds("what is not sealed");
        }
    }
    words
}

/// Whether an envelope's body can be unpacked by anybody: a frame has the number of a dictionary, a length, and begins to be
/// compressed. Text does not show in there.
fn is_unsealed(key: &[u8], value: &[u8]) -> bool {
    let position = key.try_into().map(u64::from_be_bytes).expect("positions are keys");
    let envelope = tables::parse_log_value(position, value);
    let body = envelope.and_then(|envelope| envelope.get(SignedEnvelope::OVERHEAD..));
    body.and_then(|body| body.get(FRAME_AT..)).is_some_and(|frame| frame.starts_with(&ZSTD))
}

/// Where in a frame that is packed its compressed part begins, and how.
const FRAME_AT: usize = 5;
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

fn has(value: &[u8], text: &[u8]) -> bool {
    let starts = value.iter().enumerate().filter(|(_, byte)| **byte == text[0]);
    starts.map(|(at, _)| &value[at..]).any(|rest| rest.starts_with(text))
}

/// The first bytes of many keys. Of what the relay has every byte may be where one begins: nearly all of them are
/// told apart by three bytes, without a look at the keys.
#[derive(Default)]
struct Beginnings {
    all: HashSet<[u8; 8]>,
    likely: Vec<u64>,
}

impl Beginnings {
    fn insert(&mut self, key: [u8; 8]) {
        self.likely.resize(1 << 18, 0);
        let (word, bit) = place(&key);
        self.likely[word] |= bit;
        self.all.insert(key);
    }

    fn any_in(&self, value: &[u8]) -> bool {
        let is_likely = |part: &&[u8]| {
            let (word, bit) = place(part);
            self.likely.get(word).is_some_and(|bits| bits & bit != 0)
        };
        value.windows(8).filter(is_likely).any(|part| self.all.contains(part))
    }
}

/// The word and the bit of it for the first three bytes.
fn place(part: &[u8]) -> (usize, u64) {
    let first = u32::from_be_bytes([0, part[0], part[1], part[2]]);
    ((first >> 6) as usize, 1 << (first & 63))
}
