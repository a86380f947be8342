//! What a relay lacks that has gone back in time: set up from a backup, or rolled back without a word.
//!
//! It shows in the welcome: another epoch, or fewer envelopes of ours than the relay has acknowledged. Then we say how far
//! our chains go and which certificates we hold, the relay answers with what it lacks of that, and only this goes out
//! again. Certificates prove themselves, so any member can bring back a revocation, or a facility that was admitted after
//! the backup, whoever had signed it.

use crate::identity::Certificate;
use crate::storage::row::{ScopeNumber, chain_key, key};
use crate::storage::{Order, Range, table};
use crate::sync::message::{ChainEnd, Cursor, Message, Welcome, message_limits};
use crate::wire::Wire;

use super::Tx;
use super::effect::Query;
use super::hold::Cause;
use super::state::{State, meta};

/// Bytes of certificates in one message, about.
const CERTIFICATES_BYTES: usize = 1 << 20;

impl State {
    /// Whether the relay has to be asked what it lacks.
    pub(super) fn is_relay_behind(&self, welcome: &Welcome) -> bool {
        let other = self.cursor.is_some_and(|cursor| cursor.epoch != welcome.epoch);
        self.offering || other || welcome.yours < self.acknowledged()
    }

    /// Envelopes of ours that the relay has acknowledged.
    fn acknowledged(&self) -> u64 {
        let written: u64 = self
            .scopes
            .values()
            .filter_map(|scope| scope.vectors.get(&self.me))
            .map(|vector| vector.seq)
            .sum();
        let apart = self.quarantined.values().filter(|apart| {
            apart.author == self.me && matches!(apart.cause, Cause::Refused | Cause::Contradicted)
        });
        let owed = self.outbox.len() + apart.count();
        written.saturating_sub(owed as u64)
    }

    /// How far our chains go and which certificates are held here.
    pub(super) fn held_for_relay(&self) -> Vec<Message> {
        let ends = self.scopes.values().filter_map(|scope| {
            let vector = scope.vectors.get(&self.me).filter(|vector| vector.seq > 0)?;
            Some(ChainEnd { scope: scope.id, seq: vector.seq, id: vector.id })
        });
        let ends: Vec<ChainEnd> = ends.collect();
        let digests: Vec<[u8; 32]> = self.roster.certificates().map(|it| it.digest()).collect();
        let certificates = digests
            .chunks(message_limits::CERTIFICATES.max)
            .map(|part| Message::Holding { chains: Vec::new(), certificates: part.to_vec() });
        let chains = ends
            .chunks(message_limits::CHAINS.max)
            .map(|part| Message::Holding { chains: part.to_vec(), certificates: Vec::new() });
        certificates.chain(chains).collect()
    }

    /// The certificates that the relay lacks, issuers before those whom they vouch for.
    pub(super) fn certificates_for_relay(&self, lacking: &[[u8; 32]]) -> Vec<Message> {
        let mut messages = Vec::new();
        let mut part: Vec<Certificate> = Vec::new();
        let mut bytes = 0;
        for certificate in self.roster.certificates() {
            if !lacking.contains(&certificate.digest()) {
                continue;
            }
            let size = certificate.to_bytes().len();
            if bytes + size > CERTIFICATES_BYTES && !part.is_empty() {
                messages.push(Message::Certificates(std::mem::take(&mut part)));
                bytes = 0;
            }
            bytes += size;
            part.push(certificate);
        }
        if !part.is_empty() {
            messages.push(Message::Certificates(part));
        }
        messages
    }

    /// Of our own chains the parts behind the ends that the relay names.
    pub(super) fn offer_queries(&self, lacking: &[ChainEnd]) -> Vec<Query> {
        let parts = lacking.iter().filter_map(|end| {
            let scope = self.scopes.get(&end.scope)?;
            let held = scope.vectors.get(&self.me)?.seq;
            (end.seq < held).then(|| self.chain_after(scope.number, end.seq))
        });
        parts.collect()
    }

    fn chain_after(&self, number: ScopeNumber, seq: u64) -> Query {
        let chain = Range::prefix(&key(&[&number.to_be_bytes(), self.me.as_bytes()]));
        let from = chain_key(number, &self.me, seq + 1);
        let (order, limit) = (Order::Ascending, usize::MAX);
        Query::Scan { table: table::CHAIN, range: Range { from, ..chain }, order, limit }
    }

    /// Notes that the relay has gone back, and begins the feed of a store that is not the one we knew. A line that is cut
    /// before the relay has what it lacks must not end the offer: nothing else would show it the next time.
    pub(super) fn is_behind(&mut self, tx: &mut Tx<'_>, cursor: Option<Cursor>) {
        self.offering = true;
        tx.batch.put(table::META, meta::OFFERING, [1]);
        if let Some(cursor) = cursor {
            self.cursor = Some(cursor);
            tx.batch.put(table::META, meta::CURSOR, cursor.to_bytes());
        }
    }

    /// The relay has said that it lacks nothing.
    pub(super) fn offered(&mut self, tx: &mut Tx<'_>) {
        self.offering = false;
        tx.batch.remove(table::META, meta::OFFERING);
    }
}
