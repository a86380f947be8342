//! A relay that says *taken* and lets fall what it was given.

use std::collections::{BTreeMap, VecDeque};

use azalea_core::envelope::{Header, SignedEnvelope};
use azalea_core::id::EnvelopeId;
use azalea_core::sync::message::{Bytes, Message};

use crate::population::Dice;

/// What it lets fall.
pub(super) struct Swallowed {
    dice: Dice,
    sessions: BTreeMap<usize, Session>,
}

/// One device's session.
#[derive(Default)]
struct Session {
    /// Envelopes that reached the mailbox, and those that it has answered.
    passed: u64,
    answered: u64,
    /// What is still to be called taken, and after so many answers: authors match answers to what they pushed by their order.
    owed: VecDeque<(u64, Fallen)>,
}

/// An envelope that fell.
pub(super) struct Fallen {
    pub(super) id: EnvelopeId,
    pub(super) header: Header,
}

impl Swallowed {
    pub(super) fn new(dice: Dice) -> Self {
        Self { dice, sessions: BTreeMap::new() }
    }

    /// A session begins: what was not called taken in the one before will be sent again.
    pub(super) fn begin(&mut self, place: usize) {
        self.sessions.remove(&place);
    }

    /// What reaches the mailbox of a push: all, or what stands before some envelope.
    pub(super) fn hears(&mut self, place: usize, mut envelopes: Vec<Bytes>) -> Vec<Bytes> {
        let session = self.sessions.entry(place).or_default();
        if self.dice.below(ONE_IN) == 0 {
            let from = self.dice.below(envelopes.len() as u64) as usize;
            let after = session.passed + from as u64;
            let fallen = envelopes.split_off(from).into_iter().filter_map(|bytes| {
                let signed = SignedEnvelope::from_bytes(bytes.0).ok()?;
                let (id, header) = (signed.claimed_id(), signed.claimed_header().clone());
                Some((after, Fallen { id, header }))
            });
            session.owed.extend(fallen);
        }
        session.passed += envelopes.len() as u64;
        envelopes
    }

    /// What is called taken after the mailbox's next message to a device.
    pub(super) fn says(&mut self, place: usize, message: &Message) -> Vec<Fallen> {
        let Some(session) = self.sessions.get_mut(&place) else { return Vec::new() };
        if let Message::Taken { stored, refused } = message {
            session.answered += (stored.len() + refused.len()) as u64;
        }
        let mut said = Vec::new();
        while session.owed.front().is_some_and(|(after, _)| *after <= session.answered) {
            said.extend(session.owed.pop_front().map(|(_, fallen)| fallen));
        }
        said
    }
}

/// Of so many pushes it lets part of one fall.
const ONE_IN: u64 = 12;
