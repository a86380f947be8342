//! Devices that contradicted themselves: until the operator decides, nothing more of theirs is taken.
//!
//! Two envelopes under one number mean that the device was restored from a backup, has a twin, or that its key was stolen. The
//! relay cannot tell which; it keeps both, stops at the second, and says so. Certificates pass all the same: each
//! is its own proof, and a revocation must never wait (`docs/decisions/0015-forks-suspend.md`).

use std::collections::{BTreeMap, BTreeSet};

use azalea_core::envelope::VerifiedEnvelope;
use azalea_core::id::{DeviceId, ScopeId};
use azalea_core::identity::FacilityKind;
use azalea_core::storage::{Order, Range, Read};
use azalea_core::sync::message::{Refusal, RefusalCause};
use azalea_core::wire::{Wire, WireError};

use super::accept::Accepted;
use super::group::Draft;
use super::state::OpenError;
use super::{PublishError, RequestResult, tables};

/// Contradictions of one device that are kept while it is suspended; one would do, and a device could sign without end.
const EVIDENCE_MAX: usize = 16;

/// What stands against whom, and what has been decided.
#[derive(Clone, Default)]
pub(crate) struct Forks {
    /// Keys of contradictions that nobody has decided on, by author.
    open: BTreeMap<DeviceId, BTreeSet<Vec<u8>>>,
    judged: BTreeSet<Vec<u8>>,
}

/// A contradiction that an operator is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contradiction {
    /// Where.
    pub scope: ScopeId,
    /// The number that was given twice.
    pub seq: u64,
    /// How many envelopes are kept.
    pub evidence: usize,
}

impl Forks {
    /// Whether something stands against a device on which nobody has decided.
    pub(crate) fn is_open(&self, author: &DeviceId) -> bool {
        self.open.contains_key(author)
    }

    pub(crate) fn load(store: &dyn Read) -> Result<Self, OpenError> {
        let mut forks = Self::default();
        store.scan(tables::JUDGED, &Range::all(), Order::Ascending, &mut |key, _| {
            forks.judged.insert(key.to_vec());
            true
        })?;
        let mut broken = false;
        store.scan(tables::FORK, &Range::all(), Order::Ascending, &mut |key, _| {
            match tables::parse_fork_key(key) {
                Some((author, ..)) if !forks.judged.contains(key) => {
                    forks.open.entry(author).or_default().insert(key.to_vec());
                }
                Some(_) => {}
                None => broken = true,
            }
            !broken
        })?;
        match broken {
            true => Err(OpenError::Row {
                table: tables::FORK.name(),
                source: WireError::Invalid { field: "fork key" },
            }),
            false => Ok(forks),
        }
    }

    /// All contradictions that are kept, decided on or not.
    pub(crate) fn count(&self) -> u64 {
        (self.judged.len() + self.open.values().map(BTreeSet::len).sum::<usize>()) as u64
    }

    /// What stands against a device.
    pub(crate) fn against(&self, author: &DeviceId) -> Option<Contradiction> {
        let open = self.open.get(author)?;
        let (_, scope, seq) = tables::parse_fork_key(open.first()?)?;
        Some(Contradiction { scope, seq, evidence: open.len() })
    }

    fn is_kept(&self, author: &DeviceId, key: &[u8]) -> bool {
        let open = self.open.get(author);
        self.judged.contains(key)
            || open.is_some_and(|open| open.contains(key) || open.len() >= EVIDENCE_MAX)
    }
}

impl Draft<'_> {
    fn forks(&self) -> &Forks {
        self.group.forks.as_ref().unwrap_or(&self.state.forks)
    }

    fn forks_mut(&mut self) -> &mut Forks {
        let state = self.state;
        self.group.forks.get_or_insert_with(|| state.forks.clone())
    }

    /// Whether nothing of this author is taken in this scope until the operator decides.
    pub(crate) fn is_suspended(&self, author: &DeviceId, scope: &ScopeId) -> bool {
        *scope != self.state.registry() && self.forks().is_open(author)
    }

    /// Keeps an envelope that contradicts one in the log: evidence for people to look at.
    pub(crate) fn fork(&mut self, verified: &VerifiedEnvelope) -> Accepted {
        let id = verified.id();
        let header = verified.header();
        let author = header.author;
        // After a backup our own registry goes on as another one, and members who bring back what rotted of it may hold the one before.
        if header.scope == self.state.registry() && self.is_relay(&author) {
            return Accepted::Refused(Refusal { id, cause: RefusalCause::Fork });
        }
        let key = tables::fork_key(&author, &header.scope, header.seq, &id);
        if !self.forks().is_kept(&author, &key) {
            let value = tables::log_value(0, verified.as_bytes());
            self.group.batch.put(tables::FORK, key.clone(), value);
            self.forks_mut().open.entry(author).or_default().insert(key);
            self.group.forked.push(author);
        }
        Accepted::Refused(Refusal { id, cause: RefusalCause::Fork })
    }

    fn is_relay(&self, device: &DeviceId) -> bool {
        let facility = self.roster().device(device).map(|device| device.facility);
        let facility = facility.and_then(|facility| self.roster().facility(&facility));
        facility.is_some_and(|facility| facility.kind == FacilityKind::Relay)
    }

    /// The operator trusts a device again.
    pub(crate) fn trust(&mut self, device: &DeviceId) -> RequestResult {
        let open = self.forks_mut().open.remove(device).ok_or(PublishError::NotSuspended)?;
        let now = self.now.to_bytes();
        for key in open {
            self.group.batch.put(tables::JUDGED, key.clone(), now.clone());
            self.forks_mut().judged.insert(key);
        }
        Ok(())
    }
}
