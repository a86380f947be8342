//! One step of work: the rows that it changes, what becomes visible, and what is to be said once it is durable.

use std::collections::BTreeSet;

use rand_core::CryptoRng;

use crate::id::{DeviceId, Timestamp};
use crate::identity::Proven;
use crate::storage::Batch;
use crate::storage::row::ScopeNumber;

use super::effect::{Applied, Notice};
use super::step::Work;

/// What a step has gathered so far.
pub(super) struct Tx<'a> {
    pub(super) now: Timestamp,
    pub(super) rng: &'a mut dyn CryptoRng,
    pub(super) batch: Batch,
    /// Signatures of what this step takes in, as far as they were verified together.
    pub(super) proven: Proven,
    pub(super) applied: Vec<Applied>,
    pub(super) notices: Vec<Notice>,
    /// Scopes whose row is to be written.
    pub(super) touched: BTreeSet<ScopeNumber>,
    /// Scopes whose key is to be given to whoever may read and has not got it.
    pub(super) unshared: BTreeSet<ScopeNumber>,
    /// Scopes for which something that was waited for has come.
    pub(super) arrived: BTreeSet<ScopeNumber>,
    /// Scopes of other facilities whose members changed: our charts of that patient may have to follow.
    pub(super) governed: BTreeSet<ScopeNumber>,
    /// Publishers whose chains grew here.
    pub(super) grown: BTreeSet<DeviceId>,
    /// Held envelopes of these scopes, behind these rows, have not been tried yet.
    pub(super) untried: Vec<(ScopeNumber, Vec<u8>)>,
    /// What is held of these authors in these scopes is to be judged again.
    pub(super) doubted: BTreeSet<(ScopeNumber, DeviceId)>,
    /// Snapshots that are to be held against their statements, by the statements' numbers.
    pub(super) unread: BTreeSet<(ScopeNumber, DeviceId, u64)>,
    /// Chains that are held less far than their vectors say.
    pub(super) set_back: BTreeSet<(ScopeNumber, DeviceId)>,
    /// Work that goes on where this step stopped.
    pub(super) further: Vec<Work>,
    /// Whether the registry changed.
    pub(super) registry: bool,
    /// Envelopes that we sealed, for sending once they are durable.
    pub(super) sealed: Vec<(u64, Vec<u8>)>,
}

impl<'a> Tx<'a> {
    pub(super) fn new(now: Timestamp, rng: &'a mut dyn CryptoRng) -> Self {
        Self {
            now,
            rng,
            batch: Batch::new(),
            proven: Proven::default(),
            applied: Vec::new(),
            notices: Vec::new(),
            touched: BTreeSet::new(),
            unshared: BTreeSet::new(),
            arrived: BTreeSet::new(),
            governed: BTreeSet::new(),
            grown: BTreeSet::new(),
            untried: Vec::new(),
            doubted: BTreeSet::new(),
            unread: BTreeSet::new(),
            set_back: BTreeSet::new(),
            further: Vec::new(),
            registry: false,
            sealed: Vec::new(),
        }
    }

    /// Notes that something was refused.
    pub(super) fn refuse(&mut self, cause: &'static str) {
        self.notices.push(Notice::Refused { cause });
    }
}
