//! What waits for its facility's turn, and how each kind is taken into a group.

use std::sync::Arc;

use azalea_core::envelope::{SignedEnvelope, VerifiedEnvelope, prove};
use azalea_core::id::{EnvelopeId, FacilityId, Timestamp};
use azalea_core::identity::{Certificate, SigningKeypair};
use azalea_core::sync::message::{Bytes, Message, Refusal, RefusalCause};

use super::accept::{Accepted, Repeat};
use super::group::Draft;
use super::{Mailbox, SessionId};

/// Bytes of one device that wait for their turn; a node has far less under way.
const WAITING_BYTES_MAX: usize = 64 << 20;

/// Something that waits for its facility's turn.
#[derive(Debug)]
pub(crate) enum Queued {
    Envelope {
        session: SessionId,
        bytes: Vec<u8>,
    },
    Fork {
        session: SessionId,
        verified: Box<VerifiedEnvelope>,
    },
    /// Brought back by a member, after this store had gone back in time.
    Certificate(Box<Certificate>),
}

/// An envelope whose place is taken, and who sent it.
pub(crate) struct Repeated {
    pub(crate) session: SessionId,
    pub(crate) repeat: Repeat,
}

impl Mailbox {
    /// Queues pushed envelopes, as far as the facility's share goes.
    pub(crate) fn pushed(&mut self, now: Timestamp, session: SessionId, envelopes: Vec<Bytes>) {
        let Some(facility) = self.facility_of(session) else { return };
        let mut refused = Vec::new();
        for Bytes(bytes) in envelopes {
            let size = bytes.len();
            self.counters.bytes_in += size as u64;
            if self.has_room(now, &facility, size) {
                self.queue.push(facility, size, Queued::Envelope { session, bytes });
            } else {
                let id = claimed_id(&bytes);
                refused.push(Refusal { id, cause: RefusalCause::Busy });
            }
        }
        if !refused.is_empty() {
            refused.iter().for_each(|refusal| self.counters.refused(refusal.cause));
            self.send(session, Message::Taken { stored: Vec::new(), refused });
        }
    }

    /// Whether one thing more of this size is within a facility's share, which is then used.
    pub(crate) fn has_room(&mut self, now: Timestamp, facility: &FacilityId, size: usize) -> bool {
        self.queue.bytes_of(facility) + size <= WAITING_BYTES_MAX
            && self.pushed.take(now, facility, 1).is_ok()
            && self.pushed_bytes.take(now, facility, size as u64).is_ok()
    }

    pub(crate) fn repeats_loaded(&mut self, repeats: Vec<Repeated>, held: Vec<Option<EnvelopeId>>) {
        for (repeated, held) in repeats.into_iter().zip(held) {
            let Repeated { session, repeat: Repeat { verified, .. } } = repeated;
            let id = verified.id();
            match held {
                Some(held) if held == id => {
                    self.counters.repeated += 1;
                    if self.sessions.contains_key(&session) {
                        let stored = vec![id];
                        self.send(session, Message::Taken { stored, refused: Vec::new() });
                    }
                }
                Some(_) => {
                    if let Some(facility) = self.facility_of(session) {
                        let size = verified.as_bytes().len();
                        let verified = Box::new(verified);
                        self.queue.push(facility, size, Queued::Fork { session, verified });
                    }
                }
                None => self.repeat_failed(session, id),
            }
        }
    }

    pub(crate) fn repeats_failed(&mut self, repeats: Vec<Repeated>) {
        for repeated in repeats {
            self.repeat_failed(repeated.session, repeated.repeat.verified.id());
        }
    }

    fn repeat_failed(&mut self, session: SessionId, id: EnvelopeId) {
        let refused = vec![Refusal { id, cause: RefusalCause::Busy }];
        self.counters.refused(RefusalCause::Busy);
        if self.sessions.contains_key(&session) {
            self.send(session, Message::Taken { stored: Vec::new(), refused });
        }
    }
}

impl Draft<'_> {
    /// Verifies the signatures of pushed envelopes together, before each is judged.
    pub(crate) fn prove(&mut self, queued: &[Queued]) {
        let envelopes = queued.iter().filter_map(|queued| match queued {
            Queued::Envelope { bytes, .. } => Some(bytes.as_slice()),
            Queued::Fork { .. } | Queued::Certificate(_) => None,
        });
        self.proven = prove(envelopes, self.roster(), &self.state.network);
    }

    pub(crate) fn take_queued(
        &mut self,
        queued: Queued,
        own: &SigningKeypair,
        repeats: &mut Vec<Repeated>,
    ) {
        match queued {
            Queued::Certificate(certificate) => self.bring_back(*certificate, own),
            Queued::Envelope { session, bytes } => match self.accept(Arc::from(bytes.as_slice())) {
                Accepted::Repeat(repeat) => repeats.push(Repeated { session, repeat }),
                accepted => self.answer(session, accepted),
            },
            Queued::Fork { session, verified } => {
                let accepted = self.fork(&verified);
                self.answer(session, accepted);
            }
        }
    }

    fn answer(&mut self, session: SessionId, accepted: Accepted) {
        let reply = self.reply(session);
        match accepted {
            Accepted::Stored(id) => reply.stored.push(id),
            Accepted::Refused(refusal) => reply.refused.push(refusal),
            Accepted::Repeat(_) => {}
        }
    }
}

fn claimed_id(bytes: &[u8]) -> EnvelopeId {
    SignedEnvelope::from_bytes(bytes).map_or(EnvelopeId::ZERO, |signed| signed.claimed_id())
}
