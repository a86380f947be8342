//! What the mailbox keeps in memory beside the state that its rows give: all of it is for a while only, and bounded.

use super::Mailbox;
use super::ahead::ITEMS_MAX;
use super::holding::ASKED_MAX;
use super::lanes::{AHEAD_MAX, LANE_BYTES_MAX};
use super::session::Stage;
use super::subscribe::WINDOW_BYTES_MAX;

/// How much of each there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Burden {
    /// Connections, members or not.
    pub connections: usize,
    /// Effects that nobody has carried out yet.
    pub effects: usize,
    /// Things that wait for their facility's turn.
    pub queued: usize,
    /// Bytes of them.
    pub queued_bytes: usize,
    /// What operators and newcomers asked for and is not in a commit yet.
    pub requests: usize,
    /// Envelopes of the commit that is under way.
    pub storing: usize,
    /// Reads that the disk has not answered.
    pub loads: usize,
    /// Feeds that are to be filled.
    pub fills: usize,
    /// Feed items that were sent and not confirmed, in all sessions.
    pub under_way: usize,
    /// Bytes of them in the session that has most.
    pub under_way_bytes: usize,
    /// Places of the feed that are remembered as gone ahead, of the session with most.
    pub ahead: usize,
    /// Bytes of one lane that went ahead and were not answered, of the session with most.
    pub ahead_bytes: usize,
    /// Certificates that members were asked for.
    pub wanted: usize,
    /// Chains that members were asked for.
    pub asked: usize,
    /// Chains that are remembered of the member of whom most are, of what it said it holds.
    pub held: usize,
    /// Envelopes in the log; no fewer than there are chains.
    pub log: usize,
    /// Publishers whose last roll the disk does not have.
    pub unsaved: usize,
    /// Devices of which the disk does not have how far they hold their feeds.
    pub noted: usize,
}

impl Burden {
    /// Bytes that one session may have under way, but for the last envelope, which is never cut.
    pub const SESSION_BYTES_MAX: usize = WINDOW_BYTES_MAX;

    /// What it may come to without anything being wrong, for so many devices and open connections: `None` if it is within that.
    pub fn excess(&self, devices: usize, connections: usize) -> Option<&'static str> {
        let envelope = azalea_core::wire::limits::ENVELOPE.max;
        // A session asks for one at a time of its feed and of each lane, and one that has ended may have left its own behind.
        let loads = 2 * LOADS_PER_SESSION * (devices + connections) + LOADS_BESIDE;
        [
            (self.connections > connections, "keeps connections that have ended"),
            (self.under_way_bytes > WINDOW_BYTES_MAX + envelope, "has more under way to a reader"),
            // Of each lane one answer more may have been on its way from the disk.
            (self.ahead > AHEAD_MAX + LANES * ITEMS_MAX, "remembers more that went ahead"),
            (self.ahead_bytes > LANE_BYTES_MAX + envelope, "has more under way on a lane"),
            (self.loads > loads, "asks its disk for more"),
            (self.asked > ASKED_MAX, "remembers more chains that it asked for"),
            (self.held > self.log, "remembers chains that it does not have"),
            (self.unsaved > devices, "keeps more rolls than there are publishers"),
            (self.noted > devices, "notes more devices than there are"),
        ]
        .into_iter()
        .find_map(|(is_so, words)| is_so.then_some(words))
    }
}

/// What goes ahead has so many lanes.
const LANES: usize = azalea_core::sync::message::Lane::ALL.len();
/// Its feed and the lanes.
const LOADS_PER_SESSION: usize = 1 + LANES;
/// Reads that no session asks for: of fills, and of places in chains, one for each commit that meets repeats.
const LOADS_BESIDE: usize = 64;

impl Mailbox {
    /// What it keeps in memory for a while.
    pub fn burden(&self) -> Burden {
        let mut burden = Burden {
            connections: self.sessions.len(),
            effects: self.effects.len(),
            queued: self.queue.len(),
            queued_bytes: self.queue.bytes(),
            requests: self.requests.len() + self.admits.len() + self.met.len(),
            storing: self.in_flight.as_ref().map_or(0, |(_, group)| group.items.len()),
            loads: self.loads.len(),
            fills: self.fills.len() + self.filled.len(),
            asked: self.asked.len(),
            log: usize::try_from(self.state.next_log - 1).unwrap_or(usize::MAX),
            unsaved: self.state.heads.unsaved(),
            noted: self.noted.len(),
            ..Burden::default()
        };
        for session in self.sessions.values() {
            let (Stage::Subscribed(member) | Stage::Rebuilding(member)) = &session.stage else {
                continue;
            };
            burden.under_way += member.under_way.len();
            burden.under_way_bytes = burden.under_way_bytes.max(member.bytes_under_way);
            let (ahead, ahead_bytes) = member.lanes.burden();
            burden.ahead = burden.ahead.max(ahead);
            burden.ahead_bytes = burden.ahead_bytes.max(ahead_bytes);
            burden.wanted += member.wanted.len();
            burden.held = burden.held.max(member.held.chains());
        }
        burden
    }
}
