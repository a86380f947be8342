//! Signatures of many envelopes at once, before each is taken by itself.

use super::Header;
use crate::id::NetworkId;
use crate::identity::{Domain, Proven, Roster, Signature};
use crate::wire::{Reader, Wire};

/// Finds those whose author is known by now and signed them. Of all others nothing is said: they are verified one by one.
pub fn prove<'a>(
    envelopes: impl IntoIterator<Item = &'a [u8]>,
    roster: &Roster,
    network: &NetworkId,
) -> Proven {
    let signed = envelopes.into_iter().filter_map(|bytes| {
        let header = Header::read(&mut Reader::new(bytes)).ok()?;
        let author = roster.device(&header.author).filter(|_| header.network == *network)?;
        let (signed, rest) = bytes.split_at_checked(Header::LEN)?;
        Some((author.key, signed, Signature::from_bytes(*rest.first_chunk()?)))
    });
    Proven::among(Domain::Envelope, signed)
}
