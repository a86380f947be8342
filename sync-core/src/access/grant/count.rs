//! Counting a set of statements in the order of their ticks.

use std::collections::BTreeSet;

use litemap::LiteMap;

use super::Grant;
use crate::access::Statement;
use crate::id::{DeviceId, FacilityId, Timestamp};
use crate::identity::Cutoff;
use crate::wire::Wire;

/// A statement's place in the order of counting: tick, revocation after grant, author, digest.
pub(super) type Place = (u64, bool, DeviceId, [u8; 32]);

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) author_facility: FacilityId,
    pub(super) statement: Statement,
}

/// What the set of statements amounts to.
#[derive(Clone)]
pub(super) struct Counted {
    /// Each facility's grants and revocations in order.
    pub(super) rulings: LiteMap<FacilityId, Vec<Ruling>>,
    pub(super) ignored: BTreeSet<Place>,
    pub(super) highest_tick: u64,
    pub(super) epoch: u32,
}

impl Default for Counted {
    fn default() -> Self {
        Self { rulings: LiteMap::new(), ignored: BTreeSet::new(), highest_tick: 0, epoch: 1 }
    }
}

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Ruling {
    Grant(Grant),
    Revoke {
        accepted: Vec<Cutoff>,
        at: Timestamp,
        /// Whose device said so.
        by: FacilityId,
    },
}

pub(super) fn count(owner: FacilityId, statements: &LiteMap<Place, Entry>) -> Counted {
    let mut counted = Counted::default();
    // Who may admit by the statements of lower ticks, and what this tick will change about it.
    let mut admitting = BTreeSet::from([owner]);
    let mut ever_admitting = admitting.clone();
    let mut changes: Vec<(FacilityId, bool)> = Vec::new();
    let mut current_tick = 0;
    let mut leaving_tick = 0;
    for (place @ (tick, _, author, _), entry) in statements {
        if *tick > current_tick {
            current_tick = *tick;
            for (facility, admits) in changes.drain(..) {
                set(&mut admitting, facility, admits || facility == owner);
            }
        }
        let Some((facility, admits, ruling)) = ruling(*author, entry) else {
            continue;
        };
        let governs = admitting.contains(&entry.author_facility);
        let leaves = facility == entry.author_facility && matches!(ruling, Ruling::Revoke { .. });
        if governs {
            counted.highest_tick = *tick;
        } else if leaves {
            leaving_tick = *tick;
        } else {
            counted.ignored.insert(*place);
            continue;
        }
        if admits {
            ever_admitting.insert(facility);
        }
        changes.push((facility, admits));
        counted.rulings.entry(facility).or_default().push(ruling);
    }
    // Who only leaves must not use up the ticks of those who stay.
    if leaving_tick.saturating_sub(counted.highest_tick) <= LEAVING_LEAP_MAX {
        counted.highest_tick = counted.highest_tick.max(leaving_tick);
    }
    count_rotations(&mut counted, &ever_admitting, statements);
    counted.rulings.iter_mut().for_each(|(_, rulings)| rulings.shrink_to_fit());
    counted
}

/// The end of the unbroken run of epochs: a leap far ahead has no effect, so nobody can use up the numbers.
fn count_rotations(
    counted: &mut Counted,
    entitled: &BTreeSet<FacilityId>,
    statements: &LiteMap<Place, Entry>,
) {
    let mut epochs = BTreeSet::new();
    for (place, entry) in statements {
        if let Statement::Rotate { epoch } = entry.statement {
            if entitled.contains(&entry.author_facility) {
                epochs.insert(epoch);
            } else {
                counted.ignored.insert(*place);
            }
        }
    }
    for epoch in epochs {
        if epoch == counted.epoch.saturating_add(1) {
            counted.epoch = epoch;
        }
    }
}

/// Whom a grant or revocation is about, whether it lets them admit others, and what is counted of it.
fn ruling(by: DeviceId, entry: &Entry) -> Option<(FacilityId, bool, Ruling)> {
    match entry.statement {
        Statement::Grant { grant, facility, access, from, until, consent, tick: _ } => {
            let grant = Grant { id: grant, facility, access, from, until, consent, by };
            Some((facility, access.admit, Ruling::Grant(grant)))
        }
        Statement::Revoke { facility, ref accepted, at, .. } => {
            let (accepted, by) = (accepted.clone(), entry.author_facility);
            Some((facility, false, Ruling::Revoke { accepted, at, by }))
        }
        _ => None,
    }
}

pub(super) fn place(author: DeviceId, statement: &Statement) -> Place {
    let (tick, revokes) = match statement {
        Statement::Grant { tick, .. } => (*tick, false),
        Statement::Revoke { tick, .. } => (*tick, true),
        _ => (0, false),
    };
    (tick, revokes, author, *blake3::hash(&statement.to_bytes()).as_bytes())
}

fn set(members: &mut BTreeSet<FacilityId>, facility: FacilityId, is_member: bool) {
    if is_member {
        members.insert(facility);
    } else {
        members.remove(&facility);
    }
}

impl Statement {
    /// Whether it is one of those that `ScopeAccess` collects.
    pub(super) fn is_ruling(&self) -> bool {
        matches!(self, Self::Grant { .. } | Self::Revoke { .. } | Self::Rotate { .. })
    }
}

/// How far above all others' ticks a facility's own leaving may lie and still be followed by the next.
const LEAVING_LEAP_MAX: u64 = 1_024;
