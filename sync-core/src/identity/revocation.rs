//! The end of a registrar, a facility or a device, and what of its work still counts.

use std::collections::BTreeMap;

use super::keypair::PublicKey;
use super::signed::Certified;
use crate::id::{DeviceId, FacilityId, NetworkId, ScopeId, Timestamp};
use crate::wire::{Reader, Wire, WireError, Writer, limits};

/// A signed word that somebody is no longer trusted.
///
/// It binds from the moment it is known, whatever `at` says: a thief can set a clock back. What the subject
/// wrote up to the accepted ends stays good; anything beyond is for a person to review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// The network it is for.
    pub network: NetworkId,
    /// Who is no longer trusted.
    pub subject: Subject,
    /// Since when; may lie before the day of signing, never after.
    pub at: Timestamp,
    /// Why, for people: 紛失届, end of membership.
    pub reason: String,
    /// The last envelope that is accepted of each author in each scope; none where nothing is listed. Ordered as
    /// `Cutoff::in_order` does.
    pub accepted: Vec<Cutoff>,
    /// Who signed: the root's key, a registrar's, or for a device its facility's.
    pub by: PublicKey,
}

impl Revocation {
    /// The last envelope accepted of `author` in `scope`; 0 for none.
    pub fn accepted(&self, author: &DeviceId, scope: &ScopeId) -> u64 {
        accepted(&self.accepted, author, scope)
    }
}

impl Certified for Revocation {
    const KIND: u8 = 5;
}

impl Wire for Revocation {
    fn write(&self, writer: &mut Writer) {
        self.network.write(writer);
        self.subject.write(writer);
        self.at.write(writer);
        writer.text(&self.reason);
        writer.list(&self.accepted);
        self.by.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            network: NetworkId::read(reader)?,
            subject: Subject::read(reader)?,
            at: Timestamp::read(reader)?,
            reason: reader.text(limits::TEXT)?.to_owned(),
            accepted: read_cutoffs(reader)?,
            by: PublicKey::read(reader)?,
        })
    }
}

/// Who is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A registrar, by its key.
    Registrar(PublicKey),
    /// A facility with all its devices.
    Facility(FacilityId),
    /// One device.
    Device(DeviceId),
}

impl Wire for Subject {
    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Registrar(key) => {
                writer.u8(1);
                key.write(writer);
            }
            Self::Facility(id) => {
                writer.u8(2);
                id.write(writer);
            }
            Self::Device(id) => {
                writer.u8(3);
                id.write(writer);
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.u8("revocation subject")? {
            1 => PublicKey::read(reader).map(Self::Registrar),
            2 => FacilityId::read(reader).map(Self::Facility),
            3 => DeviceId::read(reader).map(Self::Device),
            _ => Err(WireError::Invalid { field: "revocation subject" }),
        }
    }
}

/// The last envelope of one author in one scope that is still accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cutoff {
    /// The scope.
    pub scope: ScopeId,
    /// The author.
    pub author: DeviceId,
    /// The sequence number, from 1.
    pub seq: u64,
}

impl Cutoff {
    /// Puts cutoffs in the order in which they are signed; of several for one author and scope the highest stays.
    pub fn in_order(cutoffs: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut highest = BTreeMap::new();
        for cutoff in cutoffs {
            let seq = highest.entry(key(&cutoff)).or_insert(cutoff.seq);
            *seq = cutoff.seq.max(*seq);
        }
        let cutoff = |((scope, author), seq)| Self { scope, author, seq };
        highest.into_iter().map(cutoff).collect()
    }
}

impl Wire for Cutoff {
    fn write(&self, writer: &mut Writer) {
        self.scope.write(writer);
        self.author.write(writer);
        writer.u64(self.seq);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            scope: ScopeId::read(reader)?,
            author: DeviceId::read(reader)?,
            seq: reader.u64("cutoff seq")?,
        })
    }
}

/// Reads cutoffs that stand in order, each (scope, author) once: a set has one binary form and is searched fast.
pub(crate) fn read_cutoffs(reader: &mut Reader<'_>) -> Result<Vec<Cutoff>, WireError> {
    let cutoffs: Vec<Cutoff> = reader.list(limits::CUTOFFS)?;
    let ascending = |pair: &[Cutoff]| key(&pair[0]) < key(&pair[1]);
    if !cutoffs.windows(2).all(ascending) {
        return Err(WireError::Invalid { field: limits::CUTOFFS.name });
    }
    Ok(cutoffs)
}

/// The end accepted of `author` in `scope` by ordered `cutoffs`; 0 for none.
pub(crate) fn accepted(cutoffs: &[Cutoff], author: &DeviceId, scope: &ScopeId) -> u64 {
    cutoffs.binary_search_by_key(&(*scope, *author), key).map_or(0, |found| cutoffs[found].seq)
}

fn key(cutoff: &Cutoff) -> (ScopeId, DeviceId) {
    (cutoff.scope, cutoff.author)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{keypair, network};
    use super::*;

    fn cutoff(scope: u8, author: u8, seq: u64) -> Cutoff {
        Cutoff { scope: ScopeId([scope; 16]), author: DeviceId([author; 16]), seq }
    }

    #[test]
    fn cutoffs_have_one_order_and_answer_for_every_author() {
        let ordered = Cutoff::in_order([cutoff(2, 1, 5), cutoff(1, 9, 3), cutoff(2, 1, 7)]);
        assert_eq!(ordered, [cutoff(1, 9, 3), cutoff(2, 1, 7)]);
        let of = |scope, author| accepted(&ordered, &DeviceId([author; 16]), &ScopeId([scope; 16]));
        assert_eq!([of(2, 1), of(1, 9), of(1, 1), of(3, 1)], [7, 3, 0, 0]);
    }

    #[test]
    fn a_revocation_whose_cutoffs_are_out_of_order_is_refused() {
        for accepted in
            [vec![cutoff(2, 1, 5), cutoff(1, 1, 5)], vec![cutoff(1, 1, 4), cutoff(1, 1, 5)]]
        {
            let revocation = Revocation {
                network: network(),
                subject: Subject::Device(DeviceId([1; 16])),
                at: Timestamp(1),
                reason: String::new(),
                accepted,
                by: keypair(1).public(),
            };
            let refused = WireError::Invalid { field: "cutoffs_max" };
            assert_eq!(Revocation::from_bytes(&revocation.to_bytes()), Err(refused));
        }
    }
}
