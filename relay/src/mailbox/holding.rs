//! What a node holds and this store lacks, after it has gone back in time: told to the node, and taken from it.

use azalea_core::id::{EnvelopeId, Timestamp};
use azalea_core::identity::{Certificate, SigningKeypair};
use azalea_core::sync::message::{ChainEnd, Goodbye, Message};
use azalea_core::wire::Wire;

use super::group::Draft;
use super::queued::Queued;
use super::{Mailbox, SessionId};

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
        let device = member.device;
        let held = |end: &ChainEnd| {
            let scope = self.state.scopes.get(&end.scope);
            let tip = scope.and_then(|scope| scope.chains.get(&device)).and_then(|it| it.tip());
            tip.map_or((0, EnvelopeId::ZERO), |tip| (tip.seq, tip.id))
        };
        let behind = |end: &ChainEnd| {
            let (seq, id) = held(end);
            (seq < end.seq).then_some(ChainEnd { scope: end.scope, seq, id })
        };
        let chains: Vec<ChainEnd> = chains.iter().filter_map(behind).collect();
        let known = &self.state.certificates;
        let lacking: Vec<[u8; 32]> =
            certificates.into_iter().filter(|digest| !known.contains(digest)).collect();
        let wanted = lacking.iter().copied();
        if let Some(member) = self.sessions.get_mut(&session).and_then(|it| it.subscribed_mut()) {
            member.wanted.extend(wanted);
        }
        self.send(session, Message::Lacking { chains, certificates: lacking });
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
