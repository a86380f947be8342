//! What a relay lacks that has gone back in time: set up from a backup, or rolled back without a word.
//!
//! It shows in the welcome: another epoch, fewer envelopes of ours than the relay has acknowledged, or a feed that ends before
//! the place up to which we hold it. Then we say how far the chains go that we hold and which certificates, the relay answers
//! with what it lacks of that, and only this goes out again. Envelopes and certificates prove themselves, so any member can
//! bring back what another wrote: a note of a device that is lost, a revocation, a facility that was admitted after the backup.

use crate::id::DeviceId;
use crate::identity::Certificate;
use crate::storage::row::{ChainRow, ScopeNumber, chain_key};
use crate::storage::{Order, Range, table};
use crate::sync::message::{ChainEnd, Cursor, Message, Welcome, message_limits};
use crate::wire::Wire;

use super::Tx;
use super::bring_back::BringBack;
use super::effect::Query;
use super::hold::Cause;
use super::input::Answer;
use super::state::{State, meta};

/// Bytes of certificates in one message, about.
const CERTIFICATES_BYTES: usize = 1 << 20;

impl State {
    /// Whether the relay has to be asked what it lacks.
    pub(super) fn is_relay_behind(&self, welcome: &Welcome) -> bool {
        let is_other =
            |cursor: Cursor| cursor.epoch != welcome.epoch || cursor.position > welcome.end;
        self.offering || self.cursor.is_some_and(is_other) || welcome.yours < self.acknowledged()
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

    /// How far chains go that are held here, and which certificates are. Of the registry the certificates count, after a
    /// backup; what has rotted of it a relay takes as it was.
    pub(super) fn held_for_relay(&self, bring_back: &BringBack) -> Vec<Message> {
        let ends = self.scopes.values().flat_map(|scope| {
            let chains = scope.vectors.iter().filter(|(_, vector)| vector.seq > 0);
            let wanted = chains.filter(|(author, _)| bring_back.is_wanted(&scope.id, author));
            wanted.map(|(author, vector)| ChainEnd {
                scope: scope.id,
                author: *author,
                seq: vector.seq,
                id: vector.id,
            })
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

    /// Of the chains that the relay names, the parts behind its ends.
    pub(super) fn offer_queries(&self, lacking: &[ChainEnd]) -> Vec<Query> {
        let parts = lacking.iter().filter_map(|end| {
            let scope = self.scopes.get(&end.scope)?;
            let held = scope.vectors.get(&end.author)?.seq;
            (end.seq < held).then(|| chain_between(scope.number, &end.author, end.seq, held))
        });
        parts.collect()
    }

    /// Notes that the relay has gone back. A line that is cut before the relay has what it lacks must not end the offer: nothing
    /// else would show it the next time.
    pub(super) fn is_behind(&mut self, tx: &mut Tx<'_>) {
        self.offering = true;
        tx.batch.put(table::META, meta::OFFERING, [1]);
    }

    /// The relay has said that it lacks nothing.
    pub(super) fn offered(&mut self, tx: &mut Tx<'_>) {
        self.offering = false;
        tx.batch.remove(table::META, meta::OFFERING);
    }
}

/// The part of a chain after `seq` that has no gap.
fn chain_between(number: ScopeNumber, author: &DeviceId, seq: u64, held: u64) -> Query {
    let from = chain_key(number, author, seq + 1);
    let range = Range { from, to: Some(chain_key(number, author, held + 1)) };
    Query::Scan { table: table::CHAIN, range, order: Order::Ascending, limit: usize::MAX }
}

/// Where the envelopes of such parts stand in our log.
pub(super) fn positions(answers: Vec<Answer>) -> Vec<u64> {
    let rows = answers.into_iter().flat_map(|answer| match answer {
        Answer::Rows(rows) => rows,
        _ => Vec::new(),
    });
    rows.filter_map(|(_, row)| Some(ChainRow::from_bytes(&row).ok()?.position)).collect()
}
