//! Who wrote something that people write together, and the state that they saw when they did.

use automerge::ChangeHash;

use super::changes::{self, ChangeError};
use crate::id::{DeviceId, FacilityId};
use crate::wire::{Reader, Wire, WireError, Writer, limits};

/// The device whose envelope brought changes, and the facility that vouches for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Author {
    /// The device that signed.
    pub device: DeviceId,
    /// Its facility.
    pub facility: FacilityId,
}

impl Wire for Author {
    fn write(&self, writer: &mut Writer) {
        self.device.write(writer);
        self.facility.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self { device: DeviceId::read(reader)?, facility: FacilityId::read(reader)? })
    }
}

/// One author's batch of changes, as a replica keeps it until the document is wanted.
#[derive(Clone, PartialEq, Eq)]
pub struct Contribution {
    /// Whose envelope brought it.
    pub author: Author,
    /// The changes as they were in the body.
    pub changes: Vec<u8>,
}

impl Wire for Contribution {
    fn write(&self, writer: &mut Writer) {
        self.author.write(writer);
        writer.bytes(&self.changes);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let author = Author::read(reader)?;
        Ok(Self { author, changes: reader.bytes(limits::CHANGES)?.to_vec() })
    }
}

impl Contribution {
    /// Whether the changes are in the format and under their author's name; what they refer to shows on replay.
    pub fn check(&self) -> Result<(), ChangeError> {
        changes::read_of(&self.author, &self.changes).map(|_| ())
    }
}

/// Prints who wrote how much.
impl std::fmt::Debug for Contribution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Contribution({:?}, {} bytes)", self.author.device, self.changes.len())
    }
}

/// A person who edits, at the device in front of them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Editor {
    /// The device and its facility; proven by the envelope.
    pub author: Author,
    /// The person, as the facility names them; the facility's word.
    pub staff: String,
}

/// Prints no person.
impl std::fmt::Debug for Editor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Editor({:?})", self.author.device)
    }
}

/// One state of a document: the changes that nothing follows in it. Its text form is for forms and links.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Heads(pub(super) Vec<ChangeHash>);

impl std::fmt::Display for Heads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, head) in self.0.iter().enumerate() {
            let dot = if at == 0 { "" } else { "." };
            write!(f, "{dot}{head}")?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Heads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Heads({})", self.0.len())
    }
}

impl std::str::FromStr for Heads {
    type Err = HeadsError;

    fn from_str(text: &str) -> Result<Self, HeadsError> {
        let mut heads = Vec::new();
        for part in text.split('.').filter(|part| !part.is_empty()) {
            if heads.len() == HEADS_MAX {
                return Err(HeadsError);
            }
            let hash: crate::id::EnvelopeId = part.parse().map_err(|_| HeadsError)?;
            heads.push(ChangeHash(hash.0));
        }
        Ok(Self(heads))
    }
}

/// A text that is not the text form of [`Heads`]. Usual cause: a form that was altered by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a state of a document")]
pub struct HeadsError;

const HEADS_MAX: usize = 1_024;
