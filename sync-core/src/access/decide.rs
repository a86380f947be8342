//! The one decision about access: a pure function of certificates, statements and a question.
//!
//! ```text
//!              reads                              writes                   governs
//! registry     any device in good order           any device               -
//! pair         the two devices                    the sending device       the sending device
//! chart        members; right to view/disclose    owner; right to disclose owner, members who admit
//! directory    members; right to view/disclose    owner; right to disclose owner, members who admit
//! care         members; right to view/disclose    members who write        owner, members who admit
//! letter       members                            members who write        owner, members who admit
//! office       owner                              owner                    owner
//! ```
//!
//! Writing and governing are judged by the author's time and, once the author has been put out, by the last
//! envelope that was accepted of it: a revoked author's clock is nobody's evidence. Any member may govern as far
//! as to put itself out; which statement it makes is judged by [`ScopeAccess`].

use super::grant::{Grant, ScopeAccess, WriteGrant};
use super::scope::{ScopeKind, pair_scope};
use super::statement::Access;
use crate::id::{DeviceId, ScopeId, Timestamp};
use crate::identity::{Facility, Roster, Standing, StandingError};

/// May this device do this, at this time?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// Who asks, or who wrote.
    pub device: DeviceId,
    /// What for.
    pub action: Action,
    /// The reader's time, or the time that the author put on its envelope.
    pub at: Timestamp,
}

/// What somebody wants to do in a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Receive what is in it, and its keys.
    Read,
    /// Add content.
    Write {
        /// The envelope's sequence number.
        seq: u64,
    },
    /// Make a statement: create, grant, revoke, rotate, offer.
    Govern {
        /// The envelope's sequence number.
        seq: u64,
    },
}

/// Decides. `access` is what is held of the scope's statements, `None` before its first.
pub fn decide(
    roster: &Roster,
    scope: &ScopeId,
    access: Option<&ScopeAccess>,
    question: &Question,
) -> Result<(), Denial> {
    let device = &question.device;
    let standing = match question.action {
        // Asked of now, always: who has been put out reads nothing, whatever hour that names.
        Action::Read => roster.in_order(device, question.at)?,
        Action::Write { seq } | Action::Govern { seq } => {
            let standing = roster.chain(device, question.at)?;
            match roster.cutoff(device, scope) {
                Some(accepted) if seq > accepted => return Err(Denial::LateWrite { accepted }),
                _ => standing,
            }
        }
    };
    if *scope == roster.registry() {
        return Ok(());
    }
    let Some(access) = access else {
        return decide_unseen(roster, scope, question);
    };
    match access.kind() {
        ScopeKind::Registry => Ok(()),
        ScopeKind::Pair => decide_pair(access, question),
        kind => match question.action {
            Action::Read => decide_read(kind, access, standing.facility, question.at),
            Action::Write { seq } => decide_write(kind, access, standing, seq, question.at),
            Action::Govern { seq } => {
                // Whether it may govern others or only itself shows in the statement.
                granted(access, standing, seq, question.at).map(|_| ())
            }
        },
    }
}

/// Why a device may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// The device was not in good order at that time.
    #[error("the device is not in good order")]
    Standing(#[from] StandingError),
    /// Beyond the last envelope accepted of an author who was put out. To be kept aside for a person to review.
    #[error("written after the last envelope accepted of a revoked author, number {accepted}")]
    LateWrite {
        /// The last that is accepted; 0 for none.
        accepted: u64,
    },
    /// The scope's first statement is not known; usual cause: envelopes out of order. Ask again after it.
    #[error("the scope's first statement is not known yet")]
    NotCreated,
    /// The facility has no grant at that time, or it was revoked.
    #[error("the facility is not a member of this scope")]
    NotMember,
    /// The grant's end had come.
    #[error("the facility's grant has ended")]
    GrantEnded {
        /// When.
        at: Timestamp,
    },
    /// A member, but without this access.
    #[error("the facility's grant does not cover this")]
    NotGranted,
    /// Only the owner writes in a scope of this kind.
    #[error("only the owner writes in a scope of this kind")]
    NotOwner,
    /// Not one of the pair's two devices, or the one that only reads.
    #[error("the device is not a party of this pair")]
    NotParty,
    /// The council has not given the facility this right.
    #[error("the facility's certificate lacks the right to {0}")]
    NoRight(Right),
}

/// A right in a facility's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// 開示.
    Disclose,
    /// 閲覧.
    View,
}

impl std::fmt::Display for Right {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Disclose => "disclose",
            Self::View => "view",
        })
    }
}

/// Before the first statement only that statement can be made; pairs are recognised by their derived id.
fn decide_unseen(roster: &Roster, scope: &ScopeId, question: &Question) -> Result<(), Denial> {
    let network = roster.network();
    let own = &question.device;
    let sends = || roster.devices().any(|to| pair_scope(&network, own, &to.id()) == *scope);
    let receives = || roster.devices().any(|from| pair_scope(&network, &from.id(), own) == *scope);
    match question.action {
        Action::Govern { .. } => Ok(()),
        Action::Write { .. } if sends() => Ok(()),
        Action::Read if sends() || receives() => Ok(()),
        Action::Write { .. } | Action::Read => Err(Denial::NotCreated),
    }
}

fn decide_pair(access: &ScopeAccess, question: &Question) -> Result<(), Denial> {
    let is_party = access.parties().is_some_and(|(from, to)| {
        question.device == from || question.device == to && question.action == Action::Read
    });
    if is_party { Ok(()) } else { Err(Denial::NotParty) }
}

fn decide_read(
    kind: ScopeKind,
    access: &ScopeAccess,
    facility: &Facility,
    at: Timestamp,
) -> Result<(), Denial> {
    let id = facility.id();
    if kind == ScopeKind::Office && id != access.owner() {
        return Err(Denial::NotMember);
    }
    let allowed = if id == access.owner() {
        Access::ALL
    } else {
        in_force(access.last_begun(&id, at).ok_or(Denial::NotMember)?, at)?
    };
    if !allowed.read {
        return Err(Denial::NotGranted);
    }
    let needs_right = matches!(kind, ScopeKind::Chart | ScopeKind::Care | ScopeKind::Directory);
    if needs_right && !facility.rights.view && !facility.rights.disclose {
        return Err(Denial::NoRight(Right::View));
    }
    Ok(())
}

fn decide_write(
    kind: ScopeKind,
    access: &ScopeAccess,
    author: Standing<'_>,
    seq: u64,
    at: Timestamp,
) -> Result<(), Denial> {
    match kind {
        ScopeKind::Care | ScopeKind::Letter => {
            if granted(access, author, seq, at)?.write {
                Ok(())
            } else {
                Err(Denial::NotGranted)
            }
        }
        _ if author.facility.id() != access.owner() => Err(Denial::NotOwner),
        ScopeKind::Chart | ScopeKind::Directory if !author.facility.rights.disclose => {
            Err(Denial::NoRight(Right::Disclose))
        }
        _ => Ok(()),
    }
}

/// What an author was allowed when it wrote.
fn granted(
    access: &ScopeAccess,
    author: Standing<'_>,
    seq: u64,
    at: Timestamp,
) -> Result<Access, Denial> {
    let facility = author.facility.id();
    if facility == access.owner() {
        return Ok(Access::ALL);
    }
    match access.grant_for_write(&author.device.id(), &facility, seq, at) {
        WriteGrant::None => Err(Denial::NotMember),
        WriteGrant::Late { accepted } => Err(Denial::LateWrite { accepted }),
        WriteGrant::Under(grant) => in_force(grant, at),
    }
}

fn in_force(grant: &Grant, at: Timestamp) -> Result<Access, Denial> {
    match grant.until {
        Some(until) if until <= at => Err(Denial::GrantEnded { at: until }),
        _ => Ok(grant.access),
    }
}

#[cfg(test)]
mod tests;
