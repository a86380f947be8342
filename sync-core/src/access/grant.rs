//! What all the statements of one scope amount to, in whatever order they came.
//!
//! The statements form a set; everything is computed from the set. They are counted in the order of their
//! ticks, at one tick grants before revocations, so that a revocation wins. A statement counts if its author is
//! the owner, a member whom statements of lower ticks let admit others, or a facility that puts itself out.
//!
//! Of one facility's rulings a revocation ends all that stand before it; of the grants after the last
//! revocation, the last one that has begun governs.

mod count;
mod ended;
mod row;

use std::collections::BTreeSet;

use count::{Counted, Entry, Place, Ruling, count, place};
use litemap::LiteMap;

pub use ended::EndedConsent;

use super::scope::{ScopeKind, created_scope, pair_scope};
use super::statement::{Access, Statement};
use crate::id::{ConsentId, DeviceId, FacilityId, GrantId, NetworkId, ScopeId, Timestamp};
use crate::identity::accepted;
use crate::wire::Limit;

/// Who may do what in one scope.
#[derive(Clone)]
pub struct ScopeAccess {
    scope: ScopeId,
    beginning: Beginning,
    /// A relay holds tens of thousands of scopes, most with a statement or two.
    statements: LiteMap<Place, Entry>,
    counted: Counted,
}

impl ScopeAccess {
    /// Begins a scope with its first statement, `Create` or `PairOffer`; any other is refused as `NotCreated`.
    pub fn begin(
        network: &NetworkId,
        scope: ScopeId,
        author: DeviceId,
        author_facility: FacilityId,
        first: &Statement,
    ) -> Result<Self, AccessError> {
        let (beginning, expected) = match *first {
            Statement::Create { kind, owner, nonce } => {
                (Beginning::Created { kind, owner, nonce }, created_scope(kind, &owner, &nonce))
            }
            Statement::PairOffer { to, .. } => {
                let owner = author_facility;
                let from = author;
                (Beginning::Pair { owner, from, to }, pair_scope(network, &from, &to))
            }
            _ => return Err(AccessError::NotCreated),
        };
        if beginning.owner() != author_facility || expected != scope {
            return Err(AccessError::NotItsOwner);
        }
        let statements = LiteMap::new();
        Ok(Self { scope, beginning, statements, counted: Counted::default() })
    }

    /// Takes a statement into what is held of its scope, which may be nothing yet.
    pub fn take(
        held: &mut Option<Self>,
        network: &NetworkId,
        scope: ScopeId,
        author: DeviceId,
        author_facility: FacilityId,
        statement: &Statement,
    ) -> Result<Change, AccessError> {
        match held {
            Some(access) => access.apply(author, author_facility, statement),
            None => {
                *held = Some(Self::begin(network, scope, author, author_facility, statement)?);
                Ok(Change::Created)
            }
        }
    }

    /// Takes one more statement. Its author's signature and place in its chain have been checked before.
    pub fn apply(
        &mut self,
        author: DeviceId,
        author_facility: FacilityId,
        statement: &Statement,
    ) -> Result<Change, AccessError> {
        match (statement, self.beginning) {
            (Statement::Create { kind, owner, nonce }, beginning) => {
                let again = Beginning::Created { kind: *kind, owner: *owner, nonce: *nonce };
                return known_if(again == beginning);
            }
            (Statement::PairOffer { to, .. }, beginning) => {
                let again = Beginning::Pair { owner: beginning.owner(), from: author, to: *to };
                return known_if(again == beginning);
            }
            // A snapshot rules on nobody.
            (Statement::Certificate(_) | Statement::Snapshot(_), _)
            | (_, Beginning::Pair { .. }) => {
                return Err(AccessError::OutOfPlace);
            }
            (Statement::Grant { .. }, Beginning::Created { kind: ScopeKind::Office, .. }) => {
                return Err(AccessError::OutOfPlace);
            }
            (Statement::Grant { .. } | Statement::Revoke { .. } | Statement::Rotate { .. }, _) => {}
        }
        let place = place(author, statement);
        if !self.statements.contains_key(&place) {
            self.check_room(&author_facility)?;
            let entry = Entry { author_facility, statement: statement.clone() };
            self.statements.insert(place, entry);
            self.counted = count(self.beginning.owner(), &self.statements);
            return Ok(self.effect(&place, Change::Applied));
        }
        Ok(self.effect(&place, Change::Known))
    }

    /// The scope.
    pub fn scope(&self) -> ScopeId {
        self.scope
    }

    /// What the scope is for.
    pub fn kind(&self) -> ScopeKind {
        match self.beginning {
            Beginning::Created { kind, .. } => kind,
            Beginning::Pair { .. } => ScopeKind::Pair,
        }
    }

    /// The facility that created the scope. It may do everything in it, always.
    pub fn owner(&self) -> FacilityId {
        self.beginning.owner()
    }

    /// Whether a facility may say here that a snapshot of its own stands for other envelopes of its own: only in a chart, where
    /// nobody but its owner writes.
    pub fn may_snapshot(&self, facility: &FacilityId) -> bool {
        self.kind() == ScopeKind::Chart && self.owner() == *facility
    }

    /// Of a pair scope: the device that writes and the one that reads.
    pub fn parties(&self) -> Option<(DeviceId, DeviceId)> {
        match self.beginning {
            Beginning::Pair { from, to, .. } => Some((from, to)),
            Beginning::Created { .. } => None,
        }
    }

    /// What a facility may do at `at`, if anything.
    pub fn access_of(&self, facility: &FacilityId, at: Timestamp) -> Option<Access> {
        if *facility == self.owner() {
            return Some(Access::ALL);
        }
        let grant = self.grant_of(facility, at)?;
        (grant.access != Access::default()).then_some(grant.access)
    }

    /// All who may do anything at `at`, the owner among them, in the order of their ids.
    pub fn members(&self, at: Timestamp) -> impl Iterator<Item = (FacilityId, Access)> {
        let facilities: BTreeSet<FacilityId> =
            self.counted.rulings.keys().copied().chain([self.owner()]).collect();
        let access = move |facility| Some((facility, self.access_of(&facility, at)?));
        facilities.into_iter().filter_map(access)
    }

    /// The grant that governs a facility's access at `at`, unless it has ended or been revoked.
    pub fn grant_of(&self, facility: &FacilityId, at: Timestamp) -> Option<&Grant> {
        self.last_begun(facility, at).filter(|grant| !grant.has_ended(at))
    }

    /// The grants that govern at `at`, in the order of the facilities' ids.
    pub fn grants(&self, at: Timestamp) -> impl Iterator<Item = &Grant> {
        self.counted.rulings.keys().filter_map(move |facility| self.grant_of(facility, at))
    }

    /// Like `grants`, with those that have yet to begin.
    pub fn grants_from(&self, at: Timestamp) -> impl Iterator<Item = &Grant> {
        let to_come = move |facility| {
            self.current(facility).filter(move |grant| grant.from > at && !grant.has_ended(at))
        };
        self.grants(at).chain(self.counted.rulings.keys().flat_map(to_come))
    }

    /// All who are granted something now or from a time to come, in the order of their ids; the owner not among
    /// them. Whoever puts members out by a clock that runs late must find those whom a clock that runs early let in.
    pub fn granted_from(&self, at: Timestamp) -> impl Iterator<Item = FacilityId> {
        let facilities: BTreeSet<FacilityId> =
            self.grants_from(at).map(|grant| grant.facility).collect();
        facilities.into_iter()
    }

    /// When a grant next begins or ends after `at`, so that what it means changes with nothing said.
    pub fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        let current = self.counted.rulings.keys().flat_map(|facility| self.current(facility));
        let ends = current.flat_map(|grant| [Some(grant.from), grant.until]);
        ends.flatten().filter(|change| *change > at).min()
    }

    /// Whether a grant ends after `from`, and not after `to`.
    pub fn ends_between(&self, from: Timestamp, to: Timestamp) -> bool {
        let mut current = self.counted.rulings.keys().flat_map(|facility| self.current(facility));
        current.any(|grant| grant.until.is_some_and(|until| until > from && until <= to))
    }

    /// Whether a facility was ever granted access on a consent, whatever became of it.
    pub fn was_granted_on(&self, facility: &FacilityId, consent: &ConsentId) -> bool {
        self.rulings(facility).iter().any(|ruling| match ruling {
            Ruling::Grant(grant) => grant.consent.as_ref() == Some(consent),
            Ruling::Revoke { .. } => false,
        })
    }

    /// Whether a facility was ever granted something here or put out, whatever became of it.
    pub fn has_ruled_on(&self, facility: &FacilityId) -> bool {
        !self.rulings(facility).is_empty()
    }

    /// The tick for the next statement. At the end of all ticks a revocation still wins over any grant.
    pub fn next_tick(&self) -> u64 {
        self.counted.highest_tick.saturating_add(1)
    }

    /// The epoch under whose key content is sealed now; 1 until the first rotation.
    pub fn epoch(&self) -> u32 {
        self.counted.epoch
    }

    /// How far the owner accepted the chains of authors whom it put out and who were not let in again by `at`.
    pub(crate) fn accepted_of_put_out(
        &self,
        at: Timestamp,
    ) -> impl Iterator<Item = (DeviceId, u64)> {
        let out = self.counted.rulings.iter().filter_map(move |(facility, rulings)| {
            let owners = |ruling: &&Ruling| {
                matches!(ruling, Ruling::Revoke { by, .. } if *by == self.owner())
            };
            let last = rulings.iter().rfind(owners)?;
            self.access_of(facility, at).is_none().then_some(last)
        });
        out.flat_map(|ruling| match ruling {
            Ruling::Revoke { accepted, .. } => accepted.as_slice(),
            Ruling::Grant(_) => &[],
        })
        .filter(|cutoff| cutoff.scope == self.scope)
        .map(|cutoff| (cutoff.author, cutoff.seq))
    }

    /// What one facility's rulings say about an envelope that it wrote as number `seq` at `at`.
    pub(super) fn grant_for_write(
        &self,
        author: &DeviceId,
        facility: &FacilityId,
        seq: u64,
        at: Timestamp,
    ) -> WriteGrant<'_> {
        let Some((grant, _)) = self.begun(facility, at) else {
            return WriteGrant::None;
        };
        match self.ends(author, facility, at).map(|(accepted, _)| accepted).min() {
            Some(accepted) if seq > accepted => WriteGrant::Late { accepted },
            _ => WriteGrant::Under(grant),
        }
    }

    /// Whether the owner itself had put out the author of a statement, number `seq`, written at `at`: its word stands
    /// whatever members say of each other.
    pub(crate) fn is_put_out_by_owner(
        &self,
        author: &DeviceId,
        facility: &FacilityId,
        seq: u64,
        at: Timestamp,
    ) -> bool {
        let owner = self.owner();
        self.ends(author, facility, at).any(|(accepted, by)| by == owner && seq > accepted)
    }

    /// The grant that governed by `at` whatever ended it since, and the facility's rulings after it.
    fn begun(&self, facility: &FacilityId, at: Timestamp) -> Option<(&Grant, &[Ruling])> {
        let rulings = self.rulings(facility);
        rulings.iter().enumerate().rev().find_map(|(position, ruling)| match ruling {
            Ruling::Grant(grant) if grant.from <= at => Some((grant, &rulings[position + 1..])),
            _ => None,
        })
    }

    /// What each revocation since the grant that governed by `at` accepts of an author, and who said so.
    fn ends(
        &self,
        author: &DeviceId,
        facility: &FacilityId,
        at: Timestamp,
    ) -> impl Iterator<Item = (u64, FacilityId)> {
        let since = self.begun(facility, at).map_or(&[][..], |(_, since)| since);
        since.iter().filter_map(|ruling| match ruling {
            Ruling::Revoke { accepted: cutoffs, by, .. } => {
                Some((accepted(cutoffs, author, &self.scope), *by))
            }
            Ruling::Grant(_) => None,
        })
    }

    /// The facilities of which the statements say something else than they did.
    pub fn ruled_otherwise(&self, before: &Self) -> BTreeSet<FacilityId> {
        let (now, then) = (&self.counted.rulings, &before.counted.rulings);
        now.keys().chain(then.keys()).filter(|it| now.get(it) != then.get(it)).copied().collect()
    }

    /// Takes a statement out again whose author had been put out before it. Says whether it was held.
    pub fn take_back(&mut self, author: DeviceId, statement: &Statement) -> bool {
        let held = self.statements.remove(&place(author, statement)).is_some();
        if held {
            self.counted = count(self.beginning.owner(), &self.statements);
        }
        held
    }

    /// Of the grants after the last revocation the last that had begun by `at`, even if it has ended.
    pub(super) fn last_begun(&self, facility: &FacilityId, at: Timestamp) -> Option<&Grant> {
        self.current(facility).rfind(|grant| grant.from <= at)
    }

    /// The grants after the last revocation.
    fn current(&self, facility: &FacilityId) -> impl DoubleEndedIterator<Item = &Grant> {
        let rulings = self.rulings(facility);
        let revoked = rulings.iter().rposition(|ruling| matches!(ruling, Ruling::Revoke { .. }));
        rulings[revoked.map_or(0, |position| position + 1)..].iter().filter_map(|ruling| {
            match ruling {
                Ruling::Grant(grant) => Some(grant),
                Ruling::Revoke { .. } => None,
            }
        })
    }

    fn rulings(&self, facility: &FacilityId) -> &[Ruling] {
        self.counted.rulings.get(facility).map_or(&[], Vec::as_slice)
    }

    fn effect(&self, place: &Place, counted: Change) -> Change {
        if self.counted.ignored.contains(place) { Change::Unentitled } else { counted }
    }

    /// Each facility has its own room, so that no member can use up the owner's.
    fn check_room(&self, author_facility: &FacilityId) -> Result<(), AccessError> {
        let full = |limit: Limit| AccessError::Full { limit: limit.name, max: limit.max };
        if self.statements.len() >= ALL_STATEMENTS.max {
            return Err(full(ALL_STATEMENTS));
        }
        let limit =
            if *author_facility == self.owner() { OWN_STATEMENTS } else { MEMBER_STATEMENTS };
        let by_it = |entry: &&Entry| entry.author_facility == *author_facility;
        if self.statements.values().filter(by_it).count() >= limit.max {
            return Err(full(limit));
        }
        Ok(())
    }
}

impl PartialEq for ScopeAccess {
    fn eq(&self, other: &Self) -> bool {
        // What is counted follows from the rest.
        self.scope == other.scope
            && self.beginning == other.beginning
            && self.statements == other.statements
    }
}

impl Eq for ScopeAccess {}

impl std::fmt::Debug for ScopeAccess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScopeAccess")
            .field("scope", &self.scope)
            .field("kind", &self.kind())
            .field("owner", &self.owner())
            .field("statements", &self.statements.len())
            .field("epoch", &self.epoch())
            .finish()
    }
}

/// What became of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It began the scope.
    Created,
    /// It is new and counts.
    Applied,
    /// It was held already.
    Known,
    /// It is held, but its author was not entitled by what is known now. A relay refuses its envelope; a replica
    /// keeps it, since the grant to its author may still be on its way.
    Unentitled,
}

/// Why a statement has no place in a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// The scope's first statement has not been seen; usual cause: envelopes out of order. Try again after it.
    #[error("the scope's first statement is not known yet")]
    NotCreated,
    /// Its id does not follow from the author, kind and nonce: somebody claims a scope that is not theirs.
    #[error("the scope does not belong to the author of its first statement")]
    NotItsOwner,
    /// A statement that does not belong in a scope of this kind, such as a certificate in a chart.
    #[error("this statement has no place in a scope of this kind")]
    OutOfPlace,
    /// One facility made more statements in one scope than are kept.
    #[error("{limit} is {max}: too many statements of one facility in one scope")]
    Full {
        /// The limit's name.
        limit: &'static str,
        /// The limit's value.
        max: usize,
    },
}

/// A grant as it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The grant's id.
    pub id: GrantId,
    /// Who is let in.
    pub facility: FacilityId,
    /// What it may do.
    pub access: Access,
    /// From when.
    pub from: Timestamp,
    /// Until when, excluded.
    pub until: Option<Timestamp>,
    /// The consent it rests on.
    pub consent: Option<ConsentId>,
    /// The device that granted it.
    pub by: DeviceId,
}

impl Grant {
    /// Whether its end has come by `at`.
    pub fn has_ended(&self, at: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= at)
    }
}

/// What a facility's rulings say about one of its envelopes.
pub(super) enum WriteGrant<'a> {
    /// It had no grant by then.
    None,
    /// It was put out, and this envelope is beyond the last that is accepted.
    Late { accepted: u64 },
    /// This grant governed.
    Under(&'a Grant),
}

/// How a scope began.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beginning {
    Created { kind: ScopeKind, owner: FacilityId, nonce: [u8; 16] },
    Pair { owner: FacilityId, from: DeviceId, to: DeviceId },
}

impl Beginning {
    fn owner(&self) -> FacilityId {
        match self {
            Self::Created { owner, .. } | Self::Pair { owner, .. } => *owner,
        }
    }
}

fn known_if(same: bool) -> Result<Change, AccessError> {
    if same { Ok(Change::Known) } else { Err(AccessError::NotItsOwner) }
}

/// Statements of an owner in one of its scopes: a few hundred members, changed monthly for years.
const OWN_STATEMENTS: Limit = Limit { name: "own_statements_max", max: 16_384 };
/// Statements of any other facility in one scope.
const MEMBER_STATEMENTS: Limit = Limit { name: "member_statements_max", max: 512 };
/// Statements in one scope, which is one row.
const ALL_STATEMENTS: Limit = Limit { name: "statements_max", max: 262_144 };
#[cfg(test)]
mod tests;
