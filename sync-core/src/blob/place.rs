//! A blob in its scope: what a shelf keeps, a transfer names, and a relay decides on.

use super::chunk::Sealed;
use crate::id::ScopeId;
use crate::wire::{Reader, Wire, WireError, Writer};

/// A blob in its scope. The scope is part of the name: whoever knows an id only, and puts the blob down in a scope of its own, must
/// not be given the bytes that lie in another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Placed {
    /// The scope that it was sealed in.
    pub scope: ScopeId,
    /// The blob.
    pub blob: Sealed,
}

impl Placed {
    /// The front of all its rows' keys: its form on the wire. The length is part of it: first chunks prove themselves also under a
    /// length that is not the blob's, and who claims one is to be in nobody's way.
    pub fn key(&self) -> Vec<u8> {
        self.to_bytes()
    }

    pub(super) fn chunk_key(&self, chunk: u32) -> Vec<u8> {
        [&self.key()[..], &chunk.to_be_bytes()].concat()
    }
}

impl Wire for Placed {
    fn write(&self, writer: &mut Writer) {
        self.scope.write(writer);
        self.blob.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self { scope: ScopeId::read(reader)?, blob: Sealed::read(reader)? })
    }
}
