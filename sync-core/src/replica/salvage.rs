//! Envelopes of ours that a lost store held and the relay never got: they take their places in our chains once
//! the relay has told what it holds of them, before anything new is written.

use crate::access::{ScopeKind, Statement};
use crate::document::DocumentId;
use crate::envelope::SignedEnvelope;
use crate::storage::row::{ChainRow, VectorRow};
use crate::storage::{Order, Range, table};
use crate::wire::{Reader, Wire};

use super::Tx;
use super::effect::Query;
use super::hold::{Cause, QuarantineRow};
use super::input::Answer;
use super::outbox::OutboxRow;
use super::receive::Places;
use super::state::{State, meta};
use super::step::After;

/// Envelopes that are put back in one step.
const PER_STEP: usize = 512;

impl State {
    /// What is read once the relay has sent everything: what was salvaged, our links, our chains.
    pub(super) fn rebuilt_queries(&self) -> Vec<Query> {
        let (order, limit) = (Order::Ascending, PER_STEP);
        let salvaged = Query::Scan { table: table::SALVAGED, range: Range::all(), order, limit };
        let links = Self::document_queries(self.own_scope(ScopeKind::Office), &DocumentId::Links);
        [salvaged].into_iter().chain(links).chain(self.own_chain_queries()).collect()
    }

    /// Puts salvaged envelopes back, some of them; with none left the store is rebuilt.
    pub(super) fn rebuilt(&mut self, tx: &mut Tx<'_>, answers: Vec<Answer>) -> Vec<After> {
        let mut answers = answers.into_iter();
        let salvaged = match answers.next() {
            Some(Answer::Rows(rows)) => rows,
            _ => Vec::new(),
        };
        let has_links = self.own_scope(ScopeKind::Office).is_some();
        let links: Vec<Answer> = answers.by_ref().take(usize::from(has_links)).collect();
        // What this device wrote with a newer program says what its scopes and numbers are: a store that does not
        // know it would begin charts anew that are there.
        if salvaged.is_empty() && self.newer.keys().any(|(_, author)| *author == self.me) {
            return Vec::new();
        }
        // A relay that lacks something within a chain of ours asks others for it. To go on before it has come is to give
        // its number to something else.
        let has_gap = |vector: &VectorRow| !vector.ahead.is_empty();
        if self.scopes.values().filter_map(|scope| scope.vectors.get(&self.me)).any(has_gap) {
            return Vec::new();
        }
        if salvaged.is_empty() {
            self.rebuilding = false;
            self.relink(tx, links);
            self.catch_up_with_consequences(tx);
            self.look_at_charts();
            tx.batch.remove(table::META, meta::REBUILDING);
            return Vec::new();
        }
        let places = self.own_places(answers);
        for (key, envelope) in salvaged {
            tx.batch.remove(table::SALVAGED, key);
            self.put_back(tx, envelope, &places);
        }
        vec![After::Rebuild]
    }

    /// Only what continues our chain goes back into it. What the relay holds already is dropped; what it has another
    /// envelope for, or what follows on something that could not be read, is set apart: it can never be sent.
    fn put_back(&mut self, tx: &mut Tx<'_>, envelope: Vec<u8>, places: &Places) {
        let Ok(signed) = SignedEnvelope::from_bytes(&*envelope) else {
            tx.refuse("a salvaged row that is no envelope");
            return;
        };
        let header = signed.claimed_header().clone();
        let (id, scope) = (signed.claimed_id(), self.number(header.scope));
        let place = (header.scope, header.author, header.seq);
        if header.author != self.me || places.get(&place) == Some(&id) {
            return;
        }
        if self.vector(scope, &self.me) != (header.seq - 1, header.previous) {
            let (cause, author, seq, at) = (Cause::Refused, self.me, header.seq, tx.now);
            self.quarantine(tx, &QuarantineRow { cause, scope, author, seq, id, at, envelope });
            return;
        }
        let urgent = signed
            .verify(&self.roster, &self.identity.network)
            .is_ok_and(|it| matches!(it.statement(), Ok(Some(Statement::Revoke { .. }))));
        let position = self.next_position;
        self.receive(tx, envelope, places);
        if self.next_position > position {
            self.queue(tx, position, OutboxRow { scope, urgent });
        }
    }

    /// What the relay sent of our own chains, by the answers to `own_chain_queries`.
    fn own_places(&self, answers: impl Iterator<Item = Answer>) -> Places {
        let mut places = Places::new();
        for answer in answers {
            let Answer::Rows(rows) = answer else { continue };
            for (key, value) in rows {
                let number = Reader::new(&key).u32("scope number").ok();
                let scope = number.and_then(|number| self.numbers.get(&number));
                let seq = key.last_chunk::<8>().copied().map(u64::from_be_bytes);
                if let (Some(scope), Some(seq), Ok(row)) =
                    (scope, seq, ChainRow::from_bytes(&value))
                {
                    places.insert((*scope, self.me, seq), row.id);
                }
            }
        }
        places
    }
}
