//! What a node holds and this store lacks, after it has gone back in time: told to the node, and taken from it.

use std::collections::BTreeMap;

use azalea_core::id::{DeviceId, EnvelopeId, Timestamp};
use azalea_core::identity::{Certificate, SigningKeypair};
use azalea_core::sync::message::{ChainEnd, Goodbye, Message};
use azalea_core::wire::Wire;

use super::group::Draft;
use super::queued::Queued;
use super::session::Session;
use super::time::SetBack;
use super::{Mailbox, SessionId};

/// How long a member has for bringing back what it was asked for before another one is asked too.
pub(crate) const ASKED_MS: u64 = 60_000;
/// Chains that are asked for at once.
pub(crate) const ASKED_MAX: usize = 262_144;

/// Who was asked for a chain, and when.
pub(crate) struct Asked {
    session: SessionId,
    at: Timestamp,
}

impl Asked {
    /// Whether it may still be brought.
    fn is_open(&self, now: Timestamp, sessions: &BTreeMap<SessionId, Session>) -> bool {
        now.since_ms(self.at) < ASKED_MS && sessions.contains_key(&self.session)
    }

    pub(crate) fn clock_set_back(&mut self, back: SetBack) {
        self.at = back.of(self.at);
    }
}

impl Mailbox {
    /// Answers a node that says what it holds.
    pub(crate) fn holding(
        &mut self,
        now: Timestamp,
        session: SessionId,
        chains: &[ChainEnd],
        certificates: Vec<[u8; 32]>,
    ) {
        let member = self.sessions.get_mut(&session).and_then(|it| it.subscribed_mut());
        let Some(member) = member else { return };
        let Some(left) = member.holdings_left.checked_sub(1) else {
            return self.close(now, session, Goodbye::Protocol);
        };
        member.holdings_left = left;
        let device = member.id;
        let (mut lacking_chains, mut others) = (Vec::new(), false);
        for end in chains {
            self.note_held(session, end);
            let Some(held) = self.lacks(now, &device, end) else { continue };
            // Of somebody who is suspended nothing is taken until the operator decides.
            let is_open = || !self.state.forks.is_open(&end.author);
            if end.author == device || is_open() && self.ask(now, session, end) {
                lacking_chains.push(held);
            } else {
                others = true;
            }
        }
        let known = &self.state.certificates;
        let (known, lacking): (Vec<_>, Vec<_>) =
            certificates.into_iter().partition(|digest| known.contains(digest));
        self.note_certificates(session, known);
        let wanted = lacking.iter().copied();
        if let Some(member) = self.sessions.get_mut(&session).and_then(|it| it.subscribed_mut()) {
            member.wanted.extend(wanted);
        }
        let (chains, certificates) = (lacking_chains, lacking);
        self.send(session, Message::Lacking { chains, certificates, others });
    }

    /// Where a chain ends here, if it ends before what a member says to hold of it, and more of it would be taken.
    fn lacks(&self, now: Timestamp, member: &DeviceId, end: &ChainEnd) -> Option<ChainEnd> {
        let ChainEnd { scope, author, .. } = *end;
        let known = self.state.scopes.get(&scope);
        let number = self.state.numbers.get(&author);
        let chain = known.zip(number).and_then(|(known, number)| known.chains.get(number));
        let gone = known.zip(number);
        let gone = gone.and_then(|(known, number)| self.state.rotten.first(known.number, *number));
        // After a backup the registry goes on as another one; its certificates count, and what has rotted of its log.
        if scope == self.state.registry() && gone.is_none() {
            return None;
        }
        let tip = chain.and_then(|chain| chain.tip());
        let (seq, id) = match gone {
            Some(gone) => (gone.seq - 1, gone.before),
            None => tip.map_or((0, EnvelopeId::ZERO), |tip| (tip.seq, tip.id)),
        };
        let cutoff = || self.state.roster.cutoff(&author, &scope);
        let is_shut = || gone.is_none() && cutoff().is_some_and(|last| last <= seq);
        // Whoever may not read there learns nothing of how far it goes.
        let may_know =
            || author == *member || known.is_none() || self.may_read(now, member, &scope);
        (seq < end.seq && may_know() && !is_shut()).then_some(ChainEnd { scope, author, seq, id })
    }

    /// Whether this session is to be asked for another's chain: one is at a time, and the next where it does not bring it.
    fn ask(&mut self, now: Timestamp, session: SessionId, end: &ChainEnd) -> bool {
        let chain = (end.scope, end.author);
        if let Some(asked) = self.asked.get(&chain)
            && asked.session != session
            && asked.is_open(now, &self.sessions)
        {
            return false;
        }
        if self.asked.len() >= ASKED_MAX {
            self.forget_asked(now);
            if self.asked.len() >= ASKED_MAX {
                return false;
            }
        }
        self.asked.insert(chain, Asked { session, at: now });
        true
    }

    /// Forgets whom nobody waits for any more.
    pub(crate) fn forget_asked(&mut self, now: Timestamp) {
        let sessions = &self.sessions;
        self.asked.retain(|_, asked| asked.is_open(now, sessions));
    }

    /// Queues certificates that this session was asked for, as far as its facility's share goes; with any other it could have us
    /// sign without end.
    pub(crate) fn take_certificates(
        &mut self,
        now: Timestamp,
        session: SessionId,
        certificates: Vec<Certificate>,
    ) {
        for certificate in certificates {
            let member = self.sessions.get_mut(&session).and_then(|it| it.subscribed_mut());
            let Some(member) = member else { return };
            let digest = certificate.digest();
            if !member.wanted.remove(&digest) || self.state.certificates.contains(&digest) {
                continue;
            }
            let facility = member.facility;
            let size = certificate.to_bytes().len();
            if self.has_room(now, &facility, size) {
                self.queue.push(facility, size, Queued::Certificate(Box::new(certificate)));
            }
        }
    }
}

impl Draft<'_> {
    /// Writes a certificate into the registry that a member has brought back, if it proves itself.
    pub(crate) fn bring_back(&mut self, certificate: Certificate, own: &SigningKeypair) {
        // Several members bring the same ones; one that proves nothing leaves no trace.
        if !self.is_certified(&certificate.digest()) {
            let _ = self.publish(own, certificate);
        }
    }
}
