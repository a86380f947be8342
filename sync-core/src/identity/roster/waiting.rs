//! What waits for its issuer.

use std::collections::BTreeMap;

use super::RosterError;
use crate::id::FacilityId;
use crate::identity::{Certificate, PublicKey};
use crate::wire::Limit;

/// Whom a certificate can wait for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Issuer {
    Root,
    /// Somebody known by key: a registrar, or a facility that revokes.
    Key(PublicKey),
    Facility(FacilityId),
}

/// Certificates that cannot be verified yet. Bounded, because nobody has vouched for them.
#[derive(Clone, Default)]
pub(super) struct Waiting {
    by_issuer: BTreeMap<Issuer, Vec<Certificate>>,
    pub(super) count: usize,
    bytes: usize,
}

impl Waiting {
    /// Keeps a certificate, once.
    pub(super) fn push(
        &mut self,
        issuer: Issuer,
        certificate: Certificate,
    ) -> Result<(), RosterError> {
        let full = |limit: Limit| RosterError::PendingFull { limit: limit.name, max: limit.max };
        let bytes = size(&certificate);
        if self.count >= PENDING.max {
            return Err(full(PENDING));
        }
        if self.bytes + bytes > PENDING_BYTES.max {
            return Err(full(PENDING_BYTES));
        }
        let waiting = self.by_issuer.entry(issuer).or_default();
        if !waiting.contains(&certificate) {
            waiting.push(certificate);
            self.count += 1;
            self.bytes += bytes;
        }
        Ok(())
    }

    /// All that waited for one issuer.
    pub(super) fn take(&mut self, issuer: &Issuer) -> Vec<Certificate> {
        let taken = self.by_issuer.remove(issuer).unwrap_or_default();
        self.count -= taken.len();
        self.bytes -= taken.iter().map(size).sum::<usize>();
        taken
    }
}

fn size(certificate: &Certificate) -> usize {
    match certificate {
        Certificate::Root(signed) => signed.size(),
        Certificate::Registrar(signed) => signed.size(),
        Certificate::Facility(signed) => signed.size(),
        Certificate::Device(signed) => signed.size(),
        Certificate::Revocation(signed) => signed.size(),
        Certificate::Policy(signed) => signed.size(),
    }
}

/// Certificates that wait for their issuer.
pub(super) const PENDING: Limit = Limit { name: "pending_certificates_max", max: 4_096 };
/// Bytes of certificates that wait for their issuer.
const PENDING_BYTES: Limit = Limit { name: "pending_certificate_bytes_max", max: 16 << 20 };
