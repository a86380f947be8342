//! Answering a member's `Hello` before it has proven who it is.
//!
//! What comes so early may be a copy of what the member once said. So this looks and changes nothing, which its signature shows; the
//! session begins when the same `Hello` is received once more, after the proof. The answer can be read only by whoever holds
//! the secret of the member's ticket.

use azalea_core::id::Timestamp;
use azalea_core::identity::PublicKey;
use azalea_core::sync::message::{Hello, Welcome};

use super::Mailbox;

impl Mailbox {
    /// How a member's `Hello` would be answered now; `None` where it says anything but that it goes on where it was.
    pub fn greet(&self, now: Timestamp, key: &PublicKey, hello: &Hello) -> Option<Welcome> {
        let (device, _) = self.member(now, key, hello).ok()?;
        let cursor = hello.cursor.filter(|cursor| cursor.epoch == self.state.epoch)?;
        let end = self.state.feed_end(device);
        let goes_on = (self.confirmed_by(device)..=end).contains(&cursor.position);
        // Whose feed is given anew, or who may be asked for what has rotted, is answered once it is known who it is.
        if !goes_on || hello.want_own || self.state.rotten.len() > 0 {
            return None;
        }
        let yours = self.state.devices[device as usize].written;
        Some(self.welcome_at(now, &hello.device, (cursor.position, end), yours))
    }
}
