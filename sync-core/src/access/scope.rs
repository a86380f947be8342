//! The kinds of scope and the ids that are derived rather than drawn.

use crate::hash::Context;
use crate::id::{DeviceId, FacilityId, NetworkId, ScopeId};
use crate::wire::{Reader, Wire, WireError, Writer};

/// What a scope is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScopeKind {
    /// The network's certificates and policies: signed, not encrypted.
    Registry,
    /// Keys from one device to another.
    Pair,
    /// One patient's chart at one disclosing facility, in one disclosure class.
    Chart,
    /// A patient's care, written by the whole team.
    Care,
    /// A facility's doctors, wards and places.
    Directory,
    /// A facility's own devices: staff, visit lists, access log.
    Office,
    /// A referral between two facilities.
    Letter,
}

impl ScopeKind {
    /// Whether scopes of this kind begin with a `Create` statement; the others have derived ids and fixed rules.
    pub fn is_created(self) -> bool {
        !matches!(self, Self::Registry | Self::Pair)
    }

    fn byte(self) -> u8 {
        match self {
            Self::Registry => 1,
            Self::Pair => 2,
            Self::Chart => 3,
            Self::Care => 4,
            Self::Directory => 5,
            Self::Office => 6,
            Self::Letter => 7,
        }
    }
}

impl Wire for ScopeKind {
    fn write(&self, writer: &mut Writer) {
        writer.u8(self.byte());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(match reader.u8("scope kind")? {
            1 => Self::Registry,
            2 => Self::Pair,
            3 => Self::Chart,
            4 => Self::Care,
            5 => Self::Directory,
            6 => Self::Office,
            7 => Self::Letter,
            0 => return Err(WireError::Invalid { field: "scope kind" }),
            found => return Err(WireError::Version { field: "scope kind", found, known: 7 }),
        })
    }
}

/// The scope of a network's certificates.
pub fn registry_scope(network: &NetworkId) -> ScopeId {
    ScopeId::digest(&REGISTRY, &[network.as_bytes()])
}

/// The scope in which one device hands keys to another. Each direction has its own.
pub fn pair_scope(network: &NetworkId, from: &DeviceId, to: &DeviceId) -> ScopeId {
    let parts = [network.as_bytes(), from.as_bytes(), to.as_bytes()];
    ScopeId::digest(&PAIR, &parts)
}

/// The scope that an owner creates with a random nonce.
///
/// Owner and kind are part of the id, so that nobody else can create the same scope and the owner cannot create
/// it twice as different things.
pub fn created_scope(kind: ScopeKind, owner: &FacilityId, nonce: &[u8; 16]) -> ScopeId {
    ScopeId::digest(&SCOPE, &[owner.as_bytes(), nonce, &[kind.byte()]])
}

static REGISTRY: Context = Context::new("azalea registry scope v1");
static PAIR: Context = Context::new("azalea pair scope v1");
static SCOPE: Context = Context::new("azalea scope v1");
