//! What a clear control envelope says.

use super::scope::ScopeKind;
use super::snapshot::Snapshot;
use crate::envelope::Formats;
use crate::id::{ConsentId, DeviceId, FacilityId, GrantId, Timestamp};
use crate::identity::{Certificate, Cutoff, read_cutoffs};
use crate::wire::{Reader, Wire, WireError, Writer};

/// The signed body of a clear envelope. Readable by the relay, so it names facilities and devices, never patients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// A certificate, in the registry scope. It proves itself; who posts it does not matter.
    Certificate(Certificate),
    /// The first statement of a pair scope: opens the key channel from its author to another device.
    PairOffer {
        /// The recipient.
        to: DeviceId,
        /// The key that HPKE encapsulated for the recipient, `PAIR_ENC_LEN` bytes.
        enc: Vec<u8>,
    },
    /// The first statement of any other scope.
    Create {
        /// What the scope is for.
        kind: ScopeKind,
        /// The author's facility, which owns the scope from now on.
        owner: FacilityId,
        /// What the scope's id is derived from, see `created_scope`.
        nonce: [u8; 16],
    },
    /// Lets a facility in, or changes what it may do.
    Grant {
        /// The grant's own id.
        grant: GrantId,
        /// Who is let in.
        facility: FacilityId,
        /// What it may do.
        access: Access,
        /// From when.
        from: Timestamp,
        /// Until when, excluded; without an end if `None`.
        until: Option<Timestamp>,
        /// The consent it rests on.
        consent: Option<ConsentId>,
        /// Its place in the order of this scope's statements, from `ScopeAccess::next_tick`.
        tick: u64,
    },
    /// Ends a facility's access. Binds from the moment it is known.
    Revoke {
        /// Who is put out.
        facility: FacilityId,
        /// The consent whose withdrawal is the reason.
        consent: Option<ConsentId>,
        /// When it was decided.
        at: Timestamp,
        /// The last envelope accepted of each of its authors, as `Cutoff::in_order` puts them; none where nothing is listed.
        /// A device that takes its own facility out lists this very envelope too.
        accepted: Vec<Cutoff>,
        /// Its place in the order of this scope's statements.
        tick: u64,
    },
    /// From now on content is sealed under the key of this epoch; each is one above the last, the first is 1.
    Rotate {
        /// The new epoch, from 2.
        epoch: u32,
    },
    /// The author's envelope before this one is a snapshot of a volume. Rules on nobody.
    Snapshot(Snapshot),
}

impl Statement {
    /// The format that a program must read to understand it.
    pub fn format(&self) -> u8 {
        match self {
            Self::Snapshot(_) => Formats::SNAPSHOTS,
            _ => 0,
        }
    }
}

impl Wire for Statement {
    fn write(&self, writer: &mut Writer) {
        writer.u8(VERSION);
        match self {
            Self::Certificate(certificate) => {
                writer.u8(1);
                certificate.write(writer);
            }
            Self::PairOffer { to, enc } => {
                writer.u8(2);
                to.write(writer);
                writer.raw(enc);
            }
            Self::Create { kind, owner, nonce } => {
                writer.u8(3);
                kind.write(writer);
                owner.write(writer);
                writer.raw(nonce);
            }
            Self::Grant { grant, facility, access, from, until, consent, tick } => {
                writer.u8(4);
                grant.write(writer);
                facility.write(writer);
                access.write(writer);
                from.write(writer);
                writer.option(until);
                writer.option(consent);
                writer.u64(*tick);
            }
            Self::Revoke { facility, consent, at, accepted, tick } => {
                writer.u8(5);
                facility.write(writer);
                writer.option(consent);
                at.write(writer);
                writer.list(accepted);
                writer.u64(*tick);
            }
            Self::Rotate { epoch } => {
                writer.u8(6);
                writer.u32(*epoch);
            }
            Self::Snapshot(snapshot) => {
                writer.u8(7);
                snapshot.write(writer);
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.u8("statement version")? {
            VERSION => {}
            found => return Err(WireError::Version { field: "statement", found, known: VERSION }),
        }
        Ok(match reader.u8("statement kind")? {
            1 => Self::Certificate(Certificate::read(reader)?),
            2 => Self::PairOffer {
                to: DeviceId::read(reader)?,
                enc: reader.raw(PAIR_ENC_LEN, "pair offer")?.to_vec(),
            },
            3 => Self::Create {
                kind: read_created(reader)?,
                owner: FacilityId::read(reader)?,
                nonce: reader.array("scope nonce")?,
            },
            4 => Self::Grant {
                grant: GrantId::read(reader)?,
                facility: FacilityId::read(reader)?,
                access: Access::read(reader)?,
                from: Timestamp::read(reader)?,
                until: reader.option("until")?,
                consent: reader.option("consent")?,
                tick: reader.u64("tick")?,
            },
            5 => Self::Revoke {
                facility: FacilityId::read(reader)?,
                consent: reader.option("consent")?,
                at: Timestamp::read(reader)?,
                accepted: read_cutoffs(reader)?,
                tick: reader.u64("tick")?,
            },
            6 => match reader.u32("epoch")? {
                0 | 1 => return Err(WireError::Invalid { field: "epoch" }),
                epoch => Self::Rotate { epoch },
            },
            7 => Self::Snapshot(Snapshot::read(reader)?),
            0 => return Err(WireError::Invalid { field: "statement kind" }),
            found => {
                let field = "statement kind";
                return Err(WireError::Version { field, found, known: 7 });
            }
        })
    }
}

fn read_created(reader: &mut Reader<'_>) -> Result<ScopeKind, WireError> {
    let kind = ScopeKind::read(reader)?;
    if kind.is_created() { Ok(kind) } else { Err(WireError::Invalid { field: "scope kind" }) }
}

/// What a member of a scope may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Access {
    /// Receive and open what is in it.
    pub read: bool,
    /// Add to it, where its kind lets members write.
    pub write: bool,
    /// Grant and revoke the access of others.
    pub admit: bool,
}

impl Access {
    /// Everything; what an owner has.
    pub const ALL: Self = Self { read: true, write: true, admit: true };
    /// Reading only.
    pub const READ: Self = Self { read: true, write: false, admit: false };
    /// Reading and writing.
    pub const WRITE: Self = Self { read: true, write: true, admit: false };
}

impl Wire for Access {
    fn write(&self, writer: &mut Writer) {
        writer.u8(u8::from(self.read) | u8::from(self.write) << 1 | u8::from(self.admit) << 2);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.u8("access")? {
            bits @ 0..=7 => {
                Ok(Self { read: bits & 1 != 0, write: bits & 2 != 0, admit: bits & 4 != 0 })
            }
            _ => Err(WireError::Invalid { field: "access" }),
        }
    }
}

/// Length of the key that X-Wing encapsulates, in bytes: 1088 of ML-KEM-768, then 32 of X25519.
pub const PAIR_ENC_LEN: usize = 1_120;

const VERSION: u8 = 1;
