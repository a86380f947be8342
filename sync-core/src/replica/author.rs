//! Writing: sealing an envelope at the end of our own chain in a scope, and creating scopes.

use crate::access::{ScopeKind, Statement, created_scope};
use crate::envelope::{Body, Draft, SealError, SignedEnvelope, seal};
use crate::id::PatientId;
use crate::keys::{Descriptor, ScopeKey};
use crate::storage::row::{ChainRow, ScopeNumber, VectorRow, chain_key, key};
use crate::storage::table;
use crate::sync::peer;
use crate::wire::Wire;

use super::Tx;
use super::outbox::OutboxRow;
use super::state::{State, meta};

impl State {
    /// Seals `body` as our next envelope in a scope and gives its position in the log.
    ///
    /// Sealed under the newest key that we have; a statement goes in the clear. The envelope is in the outbox
    /// in the same batch, so nothing that is saved can miss being sent.
    pub(super) fn author(&mut self, tx: &mut Tx<'_>, number: ScopeNumber, body: &Body) -> u64 {
        let envelope = self.seal_next(tx, number, body);
        let envelope = envelope.expect("bodies are cut to the limits before they come here");
        let urgent = matches!(body, Body::Statement(Statement::Revoke { .. }));
        self.keep_own(tx, number, &envelope, urgent)
    }

    /// Seals `body` as our next envelope in a scope, which is not kept yet.
    pub(super) fn seal_next(
        &self,
        tx: &Tx<'_>,
        number: ScopeNumber,
        body: &Body,
    ) -> Result<SignedEnvelope, SealError> {
        let scope = self.scope(number);
        let (seq, previous) = self.vector(number, &self.me);
        let key = body
            .document()
            .map(|_| scope.newest_key().expect("whoever writes content has checked for a key"));
        let draft = Draft {
            network: self.identity.network,
            scope: scope.id,
            seq: seq + 1,
            previous,
            epoch: key.map_or(0, |(epoch, _)| epoch),
            at: tx.now,
            formats: self.formats,
        };
        seal(draft, body, key.map(|(_, key)| key), &self.identity.device)
    }

    /// Keeps what [`State::seal_next`] has sealed, and gives its position in the log.
    pub(super) fn keep_own(
        &mut self,
        tx: &mut Tx<'_>,
        number: ScopeNumber,
        envelope: &SignedEnvelope,
        urgent: bool,
    ) -> u64 {
        let (seq, id) = (envelope.claimed_header().seq, envelope.claimed_id());
        let position = self.place(tx, number, self.me, seq, id, envelope.as_bytes());
        let vector = VectorRow { seq, id, ahead: Vec::new() };
        self.set_vector(tx, number, self.me, vector);
        self.queue(tx, position, OutboxRow { scope: number, urgent });
        tx.sealed.push((position, envelope.as_bytes().to_vec()));
        self.look_at_chart(number);
        position
    }

    /// Lets an envelope of ours wait to be sent.
    pub(super) fn queue(&mut self, tx: &mut Tx<'_>, position: u64, row: OutboxRow) {
        tx.batch.put(table::OUTBOX, position.to_be_bytes(), row.to_bytes());
        self.outbox.insert(position, row);
    }

    /// Seals a statement, which has been applied to the scope's access before.
    pub(super) fn state_it(&mut self, tx: &mut Tx<'_>, number: ScopeNumber, statement: Statement) {
        self.author(tx, number, &Body::Statement(statement));
    }

    /// Applies a statement of ours to a scope's access and seals it.
    pub(super) fn govern(&mut self, tx: &mut Tx<'_>, number: ScopeNumber, statement: Statement) {
        self.apply_own(tx, number, &statement);
        self.state_it(tx, number, statement);
    }

    /// Applies a statement of ours to a scope's access; sealing follows.
    pub(super) fn apply_own(
        &mut self,
        tx: &mut Tx<'_>,
        number: ScopeNumber,
        statement: &Statement,
    ) {
        self.rule(tx, number, self.me, self.home, statement)
            .expect("our own statements are made to fit the scope");
        tx.touched.insert(number);
        tx.unshared.insert(number);
    }

    /// Creates a scope of ours with its first key.
    pub(super) fn create_scope(
        &mut self,
        tx: &mut Tx<'_>,
        kind: ScopeKind,
        patient: Option<PatientId>,
        local: Option<String>,
    ) -> ScopeNumber {
        let mut nonce = [0; 16];
        tx.rng.fill_bytes(&mut nonce);
        let number = self.number(created_scope(kind, &self.home, &nonce));
        self.govern(tx, number, Statement::Create { kind, owner: self.home, nonce });
        let (owner, class) = (self.home, String::new());
        let descriptor = Descriptor { kind, owner, patient, local, class };
        self.scope_mut(number).descriptor = Some(descriptor);
        self.index_patient(number, None);
        let key = ScopeKey::random(tx.rng);
        self.keep_key(tx, number, 1, key);
        number
    }

    /// Starts a new epoch of a scope of ours, so that whoever lost access cannot open what comes.
    pub(super) fn rotate(&mut self, tx: &mut Tx<'_>, number: ScopeNumber) {
        let epoch = self.scope(number).newest_key().map_or(0, |(epoch, _)| epoch) + 1;
        self.govern(tx, number, Statement::Rotate { epoch });
        let key = ScopeKey::random(tx.rng);
        self.keep_key(tx, number, epoch, key);
    }

    /// Puts a key into memory and its row.
    pub(super) fn keep_key(
        &mut self,
        tx: &mut Tx<'_>,
        number: ScopeNumber,
        epoch: u32,
        scope_key: ScopeKey,
    ) {
        let row = key(&[&number.to_be_bytes(), &epoch.to_be_bytes()]);
        tx.batch.put(table::KEY, row, scope_key.expose().to_vec());
        self.scope_mut(number).keys.insert(epoch, scope_key);
        tx.touched.insert(number);
        tx.arrived.insert(number);
    }

    /// Appends an envelope to the log and its author's chain; gives its position.
    pub(super) fn place(
        &mut self,
        tx: &mut Tx<'_>,
        number: ScopeNumber,
        author: crate::id::DeviceId,
        seq: u64,
        id: crate::id::EnvelopeId,
        envelope: &[u8],
    ) -> u64 {
        let position = self.next_position;
        self.next_position += 1;
        tx.batch.put(table::LOG, position.to_be_bytes(), envelope);
        let row = ChainRow { position, id };
        tx.batch.put(table::CHAIN, chain_key(number, &author, seq), row.to_bytes());
        tx.batch.put(table::META, meta::POSITION, self.next_position.to_be_bytes());
        position
    }

    /// Sets how far a chain is held, in memory and its row.
    pub(super) fn set_vector(
        &mut self,
        tx: &mut Tx<'_>,
        number: ScopeNumber,
        author: crate::id::DeviceId,
        vector: VectorRow,
    ) {
        let row = key(&[&number.to_be_bytes(), author.as_bytes()]);
        tx.batch.put(table::VECTOR, row, vector.to_bytes());
        let scope = self.scope_mut(number);
        scope.vectors.insert(author, vector);
        scope.digest = peer::digest(&scope.vectors);
        tx.touched.insert(number);
        if author != self.me {
            tx.grown.insert(author);
        }
    }
}
