//! Envelopes in a file, for where no line goes: what a session between two replicas would send, written down.
//!
//! ```text
//! "azalea carry" │ version 1 │ frames: u32 length │ part
//! parts          label, then any number of vectors, then any number of envelopes, then the end
//! ```
//!
//! Envelopes prove themselves by their authors' signatures, so the file needs none of its own. The digest at its end tells a file
//! that is whole from one that was pulled out too early.

use crate::id::{DeviceId, FacilityId, NetworkId, Timestamp};
use crate::sync::message::Bytes;
use crate::sync::peer::{NAMED, Named};
use crate::wire::{Reader, Wire, WireError, Writer, limits};

/// What every such file begins with, before its version.
const MAGIC: [u8; 12] = *b"azalea carry";
/// The version that this program writes and reads.
const VERSION: u8 = 1;

/// Whose file it is and whom it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The network.
    pub network: NetworkId,
    /// The device that wrote it.
    pub from: DeviceId,
    /// The facility that it was written for: it holds only what that facility may read.
    pub to: FacilityId,
    /// When, by the writer's clock.
    pub at: Timestamp,
}

/// One frame of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// First.
    Label(Label),
    /// What the writer holds, so that an answer can be as small as what it lacks.
    Holds(Vec<Named>),
    /// Envelopes, in an order in which they can be taken in.
    Envelopes(Vec<Bytes>),
    /// Last.
    End {
        /// How many envelopes there were.
        envelopes: u64,
        /// BLAKE3 of every byte before this frame.
        digest: [u8; 32],
    },
}

/// Why a file is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CarryError {
    /// Something else.
    #[error("this is no file that `azalea carry out` wrote")]
    Foreign,
    /// It stops before its end.
    #[error(
        "the file is not whole: it was cut off, or pulled out before it was written to the end; write it again"
    )]
    Torn,
    /// It is not what was written.
    #[error("the file is damaged ({0}): write it again")]
    Damaged(&'static str),
    /// A part that does not read.
    #[error("the file is damaged, or of another version: {0}")]
    Form(#[from] WireError),
}

/// Puts a file together, piece by piece.
pub struct Composer {
    hasher: blake3::Hasher,
    envelopes: u64,
}

/// Takes a file apart, piece by piece, and knows whether it was whole.
pub struct Checker {
    hasher: blake3::Hasher,
    stage: Stage,
    envelopes: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Label,
    Holds,
    Envelopes,
    Over,
}

impl Composer {
    /// Begins a file; gives its first bytes.
    pub fn begin(label: Label) -> (Self, Vec<u8>) {
        let mut composer = Self { hasher: blake3::Hasher::new(), envelopes: 0 };
        let mut bytes = MAGIC.to_vec();
        bytes.push(VERSION);
        composer.hasher.update(&bytes);
        bytes.extend(composer.frame(&Part::Label(label)));
        (composer, bytes)
    }

    /// The bytes of the next part.
    pub fn frame(&mut self, part: &Part) -> Vec<u8> {
        if let Part::Envelopes(envelopes) = part {
            self.envelopes += envelopes.len() as u64;
        }
        let mut writer = Writer::new();
        writer.bytes(&part.to_bytes());
        let bytes = writer.into_bytes();
        self.hasher.update(&bytes);
        bytes
    }

    /// The last bytes.
    pub fn end(mut self) -> Vec<u8> {
        let digest = *self.hasher.finalize().as_bytes();
        let envelopes = self.envelopes;
        self.frame(&Part::End { envelopes, digest })
    }
}

impl Checker {
    /// Bytes that stand before the first frame.
    pub const FRONT: usize = MAGIC.len() + 1;

    /// Begins with a file's first bytes, of which there may be too few.
    pub fn begin(front: &[u8]) -> Result<Self, CarryError> {
        let (magic, version) = front.split_at(front.len().min(MAGIC.len()));
        if !MAGIC.starts_with(magic) || magic.is_empty() {
            return Err(CarryError::Foreign);
        }
        match version {
            [] => return Err(CarryError::Torn),
            [VERSION] => {}
            [found, ..] => {
                let (field, found, known) = ("carry file", *found, VERSION);
                return Err(WireError::Version { field, found, known }.into());
            }
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(front);
        Ok(Self { hasher, stage: Stage::Label, envelopes: 0 })
    }

    /// Takes the next frame, without its length.
    pub fn take(&mut self, frame: &[u8]) -> Result<Part, CarryError> {
        let part = Part::from_bytes(frame)?;
        let (from, to) = match &part {
            Part::Label(_) => (Stage::Label, Stage::Holds),
            Part::Holds(_) => (Stage::Holds, Stage::Holds),
            Part::Envelopes(_) => (Stage::Envelopes, Stage::Envelopes),
            Part::End { .. } => (Stage::Envelopes, Stage::Over),
        };
        // Envelopes end the vectors, and there may be none of either.
        let fits = self.stage == from || self.stage == Stage::Holds && from == Stage::Envelopes;
        if !fits {
            return Err(CarryError::Damaged("order of its parts"));
        }
        self.stage = to;
        match &part {
            Part::End { envelopes, digest } => {
                if *envelopes != self.envelopes || self.hasher.finalize() != *digest {
                    return Err(CarryError::Damaged("digest"));
                }
            }
            Part::Envelopes(envelopes) => self.envelopes += envelopes.len() as u64,
            Part::Label(_) | Part::Holds(_) => {}
        }
        let length = u32::try_from(frame.len()).expect("frames are within their limit");
        self.hasher.update(&length.to_be_bytes());
        self.hasher.update(frame);
        Ok(part)
    }

    /// Says whether the file ended where it should, where nothing more comes.
    pub fn finish(self) -> Result<(), CarryError> {
        match self.stage {
            Stage::Over => Ok(()),
            _ => Err(CarryError::Torn),
        }
    }
}

impl Wire for Part {
    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Label(label) => {
                writer.u8(0);
                label.network.write(writer);
                label.from.write(writer);
                label.to.write(writer);
                label.at.write(writer);
            }
            Self::Holds(holds) => {
                writer.u8(1);
                writer.list(holds);
            }
            Self::Envelopes(envelopes) => {
                writer.u8(2);
                writer.list(envelopes);
            }
            Self::End { envelopes, digest } => {
                writer.u8(3);
                writer.u64(*envelopes);
                writer.raw(digest);
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(match reader.u8("carry part")? {
            0 => Self::Label(Label {
                network: NetworkId::read(reader)?,
                from: DeviceId::read(reader)?,
                to: FacilityId::read(reader)?,
                at: Timestamp::read(reader)?,
            }),
            1 => Self::Holds(reader.list(NAMED)?),
            2 => Self::Envelopes(reader.list(limits::ENVELOPES)?),
            3 => Self::End { envelopes: reader.u64("envelopes")?, digest: reader.array("digest")? },
            _ => return Err(WireError::Invalid { field: "carry part" }),
        })
    }
}

#[cfg(test)]
mod tests;
