//! What a relay has sent, over more than one life of its process: its counters begin at zero with each.

use crate::Relay;

/// What a relay has sent so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Envelopes sent to readers, each as often as it was sent.
    pub envelopes: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Sessions begun.
    pub sessions: u64,
}

/// Counts from the moment at which it began.
#[derive(Debug)]
pub struct Tally {
    /// What the present process had sent when the counting began; nothing for one that was started since.
    before: Sent,
    /// What former processes have sent since.
    lives: Sent,
}

impl Tally {
    /// Begins to count.
    pub fn begin(relay: &Relay) -> Self {
        Self { before: of(relay), lives: Sent::default() }
    }

    /// What was sent since.
    pub fn so_far(&self, relay: &Relay) -> Sent {
        let (now, Self { before, lives }) = (of(relay), self);
        Sent {
            envelopes: lives.envelopes + now.envelopes - before.envelopes,
            bytes: lives.bytes + now.bytes - before.bytes,
            sessions: lives.sessions + now.sessions - before.sessions,
        }
    }

    /// Ends the relay as a power cut does; its counters are read just before.
    pub fn kill(&mut self, relay: &mut Relay) {
        self.lives = self.so_far(relay);
        self.before = Sent::default();
        relay.kill();
    }
}

fn of(relay: &Relay) -> Sent {
    let metric = |name| relay.metric(name) as u64;
    Sent {
        envelopes: metric("envelopes_forwarded"),
        bytes: metric("sent_bytes"),
        sessions: metric("sessions_total"),
    }
}
