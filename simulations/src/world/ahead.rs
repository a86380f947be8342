//! The second core: what devices will sign before long is signed on another thread while the world goes on.
//!
//! A device speaks to everybody once per interval, at a moment that is known as soon as it has spoken last. Shortly before
//! that, another thread signs what it will say if nothing changes until then. A signature is the same whenever and wherever
//! it is made, so nothing that happens hangs on whether the other thread was in time: whatever it did not foresee, or has not
//! signed yet, is signed when it is said.

use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use azalea_core::id::{FacilityId, NetworkId, Timestamp};
use azalea_core::identity::{Signatures, SigningKeypair};
use azalea_core::sync::heads::{HeadStatement, Tally};

use super::{Event, World};

/// The thread that signs ahead.
pub(super) struct Ahead {
    foreseen: Option<Sender<Foreseen>>,
    thread: Option<JoinHandle<()>>,
    /// How many statements were foreseen.
    statements: u64,
}

/// What one device will say.
struct Foreseen {
    network: NetworkId,
    signer: SigningKeypair,
    at: Timestamp,
    tallies: Vec<(FacilityId, Tally)>,
}

impl Ahead {
    pub(super) fn begin(signatures: &Signatures) -> Self {
        let (foreseen, next) = channel::<Foreseen>();
        let signatures = signatures.clone();
        let thread = std::thread::spawn(move || {
            signatures.use_here();
            for Foreseen { network, signer, at, tallies } in next {
                for (recipient, tally) in tallies {
                    HeadStatement::sign_ahead(network, recipient, at, tally, &signer);
                }
            }
        });
        Self { foreseen: Some(foreseen), thread: Some(thread), statements: 0 }
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        // Nobody foresees anything any more, so the thread comes to its end.
        self.foreseen = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl World {
    /// A device will wake then, and may have to speak.
    pub(super) fn foresee(&mut self, place: usize, wakes: Timestamp) {
        if self.ahead.is_some() && self.now.plus_ms(AHEAD_MS) < wakes {
            let at = Timestamp(wakes.0 - AHEAD_MS);
            self.at(at, Event::Ahead { place, wakes });
        }
    }

    pub(super) fn sign_ahead(&mut self, place: usize, wakes: Timestamp) {
        let facility = &self.facilities[place];
        let Some((ahead, words)) = self.ahead.as_mut().zip(facility.words_at(wakes)) else {
            return;
        };
        let (at, tallies) = words;
        let (network, signer) = (facility.identity.network, facility.identity.device.clone());
        ahead.statements += tallies.len() as u64;
        // Where that thread is gone, everything is signed when it is said.
        if let Some(thread) = &ahead.foreseen {
            let _ = thread.send(Foreseen { network, signer, at, tallies });
        }
    }

    /// How many statements were foreseen, and how many of their signatures were there when they were said: the second hangs on
    /// how fast the other thread was.
    pub fn foreseen(&self) -> (u64, u64) {
        (self.ahead.as_ref().map_or(0, |ahead| ahead.statements), self.signatures.taken())
    }
}

/// How long before it is said something is signed: little changes until then.
const AHEAD_MS: u64 = 300_000;
