//! Changes on their way into a document: sorted into known, refused, waiting and sound.

use std::collections::BTreeMap;

use automerge::Change;

use super::{Applied, Claim};
use crate::document::Author;
use crate::document::changes::{self, Candidate, ChangeError};
use crate::document::shape::Shape;

/// Changes on their way in; the document takes them over once Automerge has.
pub(super) struct Staged {
    pub(super) claims: BTreeMap<Vec<u8>, Claim>,
    pub(super) waiting: Vec<Candidate>,
    pub(super) shape: Shape,
    pub(super) applied: Applied,
}

impl Staged {
    pub(super) fn add(&mut self, author: &Author, batch: &[u8]) -> Result<(), ChangeError> {
        for candidate in changes::read_of(author, batch)? {
            let actor = candidate.expanded.actor_id.to_bytes().to_vec();
            let claim = Claim { facility: author.facility, change: candidate.change.hash() };
            match self.claims.get(&actor) {
                Some(held) if held.change == claim.change => self.applied.known += 1,
                Some(_) => self.applied.refused.push(ChangeError::Repeated),
                None => {
                    self.claims.insert(actor, claim);
                    self.waiting.push(candidate);
                }
            }
        }
        Ok(())
    }

    /// Takes out of the waiting changes those whose past is there, past first, and drops the unsound.
    pub(super) fn settle(&mut self) -> Vec<Change> {
        let mut sound = Vec::new();
        let mut progress = true;
        while progress {
            progress = false;
            for candidate in std::mem::take(&mut self.waiting) {
                if !self.shape.is_ready(&candidate) {
                    self.waiting.push(candidate);
                    continue;
                }
                progress = true;
                match self.shape.take(&candidate) {
                    Ok(()) => sound.push(candidate.change),
                    Err(error) => self.applied.refused.push(error),
                }
            }
        }
        self.applied.merged = sound.len();
        self.applied.waiting = self.waiting.len();
        sound
    }
}
