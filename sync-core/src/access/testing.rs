//! Statements in short form, for tests.

use super::*;
use crate::id::{ConsentId, DeviceId, FacilityId, GrantId, NetworkId, ScopeId, Timestamp};
use crate::identity::Cutoff;

pub(super) const NONCE: [u8; 16] = [5; 16];

pub(super) fn create(kind: ScopeKind, owner: FacilityId) -> (ScopeId, Statement) {
    (created_scope(kind, &owner, &NONCE), Statement::Create { kind, owner, nonce: NONCE })
}

pub(super) fn begin(kind: ScopeKind, owner: FacilityId, author: DeviceId) -> ScopeAccess {
    let (scope, first) = create(kind, owner);
    ScopeAccess::begin(&NetworkId::ZERO, scope, author, owner, &first).expect("its own scope")
}

/// A grant from 0 without an end or a consent; tests change what they are about.
pub(super) fn grant(facility: FacilityId, access: Access, tick: u64) -> Statement {
    grant_during(facility, access, (0, None), None, tick)
}

pub(super) fn grant_during(
    facility: FacilityId,
    access: Access,
    (from, until): (u64, Option<u64>),
    consent: Option<u8>,
    tick: u64,
) -> Statement {
    Statement::Grant {
        grant: GrantId([3; 16]),
        facility,
        access,
        from: Timestamp(from),
        until: until.map(Timestamp),
        consent: consent.map(|byte| ConsentId([byte; 16])),
        tick,
    }
}

pub(super) fn revoke(
    facility: FacilityId,
    accepted: &[(ScopeId, DeviceId, u64)],
    tick: u64,
) -> Statement {
    let cutoff = |&(scope, author, seq)| Cutoff { scope, author, seq };
    let accepted = Cutoff::in_order(accepted.iter().map(cutoff));
    // A later tick at a later time, as clocks go.
    Statement::Revoke {
        facility,
        consent: None,
        at: Timestamp(tick.saturating_mul(100)),
        accepted,
        tick,
    }
}
