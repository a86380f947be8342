//! What a replica keeps in memory beside the state that its rows give: all of it is for a while only, and bounded.

use super::Replica;

/// How much of each there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Burden {
    /// Works that have not begun: messages, commands, what follows from them.
    pub queued: usize,
    /// Effects that nobody has carried out yet.
    pub effects: usize,
    /// Reads of envelopes that are to be pushed.
    pub reads: usize,
    /// Envelopes pushed and not acknowledged.
    pub in_flight: usize,
    /// Envelopes at hand until they are pushed.
    pub fresh: usize,
}

impl Replica {
    /// What it keeps in memory for a while.
    pub fn burden(&self) -> Burden {
        let (in_flight, fresh) = self.session.burden();
        Burden {
            queued: self.queue.len(),
            effects: self.effects.len(),
            reads: self.push_loads.len(),
            in_flight,
            fresh,
        }
    }
}
