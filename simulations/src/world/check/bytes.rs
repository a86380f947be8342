//! What was said in the whole run is what there was to say, and what was said in vain: a sync that repeats itself during
//! disturbances shows here, however quiet the region is afterwards.
//!
//! ```text
//! envelopes pushed  what the device wrote ─┬─ again for each life of the relay's store, or its own
//! envelopes fed     its feed              ─┤
//!                                          └─ and what was under way when a session ended, or was refused, or lay beyond a gap
//! bytes on the line these, and for each a share, a word, a confirmation; so much for each session, for each interval;
//!                   all of it twice, since lines lose
//! ```
//!
//! Of an honest relay: one that lies has things said again as it likes.

use azalea_core::id::{DeviceId, Timestamp};
use azalea_core::storage::{Order, Range, Read, table};
use azalea_relay::mailbox::{feeds, tables};

use super::Words;
use crate::world::{Facility, START_MS, World};

/// What a line carries for a byte that is said, at the most, over a whole run: what was lost on it, or taken for lost too soon, is
/// sent again.
const SENT_AGAIN: u64 = 2;
/// Of each session one small envelope may be said again without being accounted for: answers are matched to what was pushed by their
/// order, and a repeat is answered after what came behind it.
const SESSION_ENVELOPE_BYTES: u64 = 1_024;
/// The frame and the fixed fields of a message.
const MESSAGE_BYTES: u64 = 128;
/// A roll, and a recipient's share of it.
const ROLL_BYTES: u64 = 192;
const SHARE_BYTES: u64 = 72;
/// A word with its share and path.
const WORD_BYTES: u64 = 512;
/// A chain's end or a certificate's digest in what is held.
const HELD_BYTES: u64 = 72;
/// A certificate, generously: a device's agreement key alone has 1,216 bytes.
const CERTIFICATE_BYTES: u64 = 2_048;
/// Words on what is held in one session: the first, and six times again.
const HOLDINGS: u64 = 7;

/// Envelopes and their bytes.
#[derive(Clone, Copy, Default)]
struct Amount {
    many: u64,
    bytes: u64,
}

impl Amount {
    fn add(&mut self, bytes: usize) {
        self.many += 1;
        self.bytes += bytes as u64;
    }
}

pub(super) fn check(world: &World) -> Words {
    if !world.options.tricks.is_empty() {
        return Vec::new();
    }
    let feeds = Feeds::of(world);
    let mut words = Vec::new();
    for facility in world.facilities.iter() {
        let Bounds { envelopes, line } = bounds(world, facility, &feeds);
        let place = facility.place();
        for (at, way) in ["up", "down"].into_iter().enumerate() {
            let said = [facility.load.said, world.fed[place].said][at];
            let carried = world.links[place].bytes[at];
            if said > envelopes[at] {
                let bound = envelopes[at];
                words.push(format!(
                    "{said} bytes of envelopes went {way} for device {place}, above {bound}"
                ));
            }
            if carried > line[at] {
                let bound = line[at];
                words.push(format!(
                    "the line of device {place} carried {carried} bytes {way}, above {bound}"
                ));
            }
        }
    }
    words
}

/// How many bytes may have gone each way, up and down: of envelopes, and of everything.
struct Bounds {
    envelopes: [u64; 2],
    line: [u64; 2],
}

fn bounds(world: &World, facility: &Facility, feeds: &Feeds) -> Bounds {
    let devices = world.facilities.len() as u64 + 2;
    let ran_ms = world.now.since_ms(Timestamp(START_MS));
    let intervals = ran_ms / (world.options.statement_seconds * 1_000) + 2;
    let (load, down_of) = (&facility.load, &world.fed[facility.place()]);
    let (own, all, chains) = kept(facility);
    let feed = feeds.of_device(&facility.device());
    // A relay that has gone back is offered what it lost by all who hold it; of a chain that rots, what follows is named again.
    let lives = world.relay.lives_anew;
    let asked = lives + world.relay.damaged;
    let faults = &world.options.faults;
    let stores = match world.truth.lost.contains_key(&facility.place()) {
        true => (faults.rebuilds + faults.rot + faults.ransomware) as u64,
        false => 0,
    };
    let roll = ROLL_BYTES + devices * SHARE_BYTES;
    let holding = (chains + 4 * devices) * HELD_BYTES + 4 * devices * CERTIFICATE_BYTES;
    let holding = if asked > 0 { HOLDINGS * holding } else { 0 };
    let session = MESSAGE_BYTES * 4 + devices * WORD_BYTES + holding;
    let each_session = load.sessions * (session + roll);
    let each_interval = intervals * (MESSAGE_BYTES + devices * WORD_BYTES + roll);
    let again = lives + stores;
    let unaccounted = load.sessions * SESSION_ENVELOPE_BYTES;
    let pushed = own.bytes + all.bytes * asked + load.cut_off + load.refused + load.under_way();
    // The feed of an earlier life held what the device has now, and what it was not to keep.
    let fed = feed.bytes
        + (feed.bytes + all.bytes) * again
        + down_of.cut_off
        + down_of.under_way()
        + load.beyond_gaps;
    let up = own.many * (2 * MESSAGE_BYTES + roll)
        + feed.many * MESSAGE_BYTES * (1 + again)
        + all.many * MESSAGE_BYTES * asked;
    let down = feed.many * (MESSAGE_BYTES + WORD_BYTES) * (1 + again)
        + own.many * MESSAGE_BYTES
        + all.many * MESSAGE_BYTES * asked;
    let envelopes = [pushed, fed].map(|bytes| bytes + unaccounted);
    // What goes ahead is a message of its own, and so is the answer.
    let ahead = down_of.went_ahead * MESSAGE_BYTES;
    let beside = [up, down].map(|bytes| bytes + ahead + each_session + each_interval);
    let line = [0, 1].map(|way| SENT_AGAIN * (envelopes[way] + beside[way]));
    Bounds { envelopes, line }
}

/// What a device wrote, what it keeps, and in how many chains that lies.
fn kept(facility: &Facility) -> (Amount, Amount, u64) {
    let (mut own, mut all, mut chains) = (Amount::default(), Amount::default(), 0);
    let me = facility.device();
    let rows = &facility.disk.rows;
    rows.scan(table::LOG, &Range::all(), Order::Ascending, &mut |_, envelope| {
        all.add(envelope.len());
        if envelope.get(AUTHOR..AUTHOR + DeviceId::LEN) == Some(me.as_bytes()) {
            own.add(envelope.len());
        }
        true
    })
    .expect("memory");
    rows.scan(table::VECTOR, &Range::all(), Order::Ascending, &mut |_, _| {
        chains += 1;
        true
    })
    .expect("memory");
    (own, all, chains)
}

/// Where an envelope's header names its author.
const AUTHOR: usize = 65;

/// What the relay's feeds hold, read as `docs/STORAGE.md` has it.
struct Feeds {
    by_number: Vec<Amount>,
    numbers: Vec<(DeviceId, u32)>,
}

impl Feeds {
    fn of(world: &World) -> Self {
        let rows = world.relay.rows_as_written();
        let mut sizes: Vec<usize> = Vec::new();
        rows.scan(tables::LOG, &Range::all(), Order::Ascending, &mut |key, value| {
            let position = u64::from_be_bytes(key.try_into().expect("a position")) as usize;
            sizes.resize(position + 1, 0);
            sizes[position] = value.len();
            true
        })
        .expect("memory");
        let mut numbers = Vec::new();
        rows.scan(tables::DEVICE, &Range::all(), Order::Ascending, &mut |key, value| {
            let id = key.try_into().map(DeviceId);
            if let (Ok(id), Some(number)) = (id, value.first_chunk()) {
                numbers.push((id, u32::from_be_bytes(*number)));
            }
            true
        })
        .expect("memory");
        let mut by_number = vec![Amount::default(); numbers.len()];
        for (recipient, log) in feeds(&*rows, world.now).expect("a store that was written") {
            let size = usize::try_from(log).ok().and_then(|log| sizes.get(log));
            if let Some(feed) = by_number.get_mut(recipient as usize) {
                feed.add(size.copied().unwrap_or(0));
            }
        }
        Self { by_number, numbers }
    }

    fn of_device(&self, device: &DeviceId) -> Amount {
        let number = self.numbers.iter().find(|(id, _)| id == device);
        let number = number.map(|(_, number)| *number as usize);
        number.and_then(|number| self.by_number.get(number)).copied().unwrap_or_default()
    }
}
