//! What is said on a blob's own stream: one question, one answer, each in a frame.
//!
//! ```text
//! node                    relay
//! Open ─────────────────►                      the stream carries blobs
//!      ◄───────────── Shelf                    which shelf this is
//! Ask ──────────────────►                      a fetch: run by run, as Fetch says
//!      ◄───────────── Slice, Refused
//! Offer ────────────────►                      a delivery: now the relay asks for what it lacks
//!      ◄─────────────── Ask
//! Slice ────────────────►   …
//!      ◄───────────── Whole, Refused           Whole: all of it is on the relay's disk
//! ```
//!
//! Beside the session, never in it: text has its own stream, or its own connection, and waits for none of this.

use super::chunk::Run;
use super::place::Placed;
use crate::wire::{Reader, Wire, WireError, Writer, limits};

/// The first byte of each frame; no message of a session begins so.
pub const MARK: u8 = 0xb1;
/// The format that this program speaks.
pub const VERSION: u8 = 1;

/// Names a shelf in one life of its store. A relay that came from a backup has another one, and is offered everything again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShelfId(pub [u8; 16]);

/// One frame.
#[derive(Clone, PartialEq, Eq)]
pub enum Message {
    /// Node → relay, first.
    Open,
    /// Relay → node, the answer to `Open`.
    Shelf(ShelfId),
    /// Node → relay: all of this is here.
    Offer(Placed),
    /// What is wanted next; answered by `Slice` or `Refused`.
    Ask {
        /// Of which blob.
        of: Placed,
        /// Which chunks.
        run: Run,
    },
    /// The chunks that were asked for, with the hashes that prove them.
    Slice {
        /// Which chunks.
        run: Run,
        /// As `Outboard::slice` gives it.
        slice: Vec<u8>,
    },
    /// Relay → node: all of what was offered is on its disk.
    Whole,
    /// No.
    Refused(Refusal),
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is not held here, or not all of it.
    #[error("the other side does not hold all of this attachment yet")]
    NotHere = 0,
    /// Whoever asks is no member of the scope, or may not write there.
    #[error("this facility has no access to the attachment's scope, as far as the relay knows")]
    NotAllowed = 1,
    /// The disk is full or fails, or somebody else is bringing the same one: later.
    #[error("the other side cannot do this now")]
    Busy = 2,
    /// What came is not what was asked for, or does not prove itself.
    #[error("the other side found that the attachment does not prove itself")]
    Unproven = 3,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Open => f.write_str("Open"),
            Self::Shelf(id) => write!(f, "{id:?}"),
            Self::Offer(of) => write!(f, "Offer({of:?})"),
            Self::Ask { of, run } => write!(f, "Ask({of:?}, {run:?})"),
            Self::Slice { run, slice } => write!(f, "Slice({run:?}, {} bytes)", slice.len()),
            Self::Whole => f.write_str("Whole"),
            Self::Refused(why) => write!(f, "Refused({why:?})"),
        }
    }
}

impl Wire for Message {
    fn write(&self, writer: &mut Writer) {
        writer.u8(MARK);
        writer.u8(VERSION);
        match self {
            Self::Open => writer.u8(0),
            Self::Shelf(id) => {
                writer.u8(1);
                writer.raw(&id.0);
            }
            Self::Offer(of) => {
                writer.u8(2);
                of.write(writer);
            }
            Self::Ask { of, run } => {
                writer.u8(3);
                of.write(writer);
                run.write(writer);
            }
            Self::Slice { run, slice } => {
                writer.u8(4);
                run.write(writer);
                writer.bytes(slice);
            }
            Self::Whole => writer.u8(5),
            Self::Refused(why) => {
                writer.u8(6);
                writer.u8(*why as u8);
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        if reader.u8("blob message")? != MARK {
            return Err(WireError::Invalid { field: "blob message" });
        }
        let found = reader.u8("blob message version")?;
        if found != VERSION {
            return Err(WireError::Version { field: "blob message", found, known: VERSION });
        }
        Ok(match reader.u8("blob message kind")? {
            0 => Self::Open,
            1 => Self::Shelf(ShelfId(reader.array("shelf")?)),
            2 => Self::Offer(Placed::read(reader)?),
            3 => Self::Ask { of: Placed::read(reader)?, run: Run::read(reader)? },
            4 => Self::Slice {
                run: Run::read(reader)?,
                slice: reader.bytes(limits::BLOB_SLICE)?.to_vec(),
            },
            5 => Self::Whole,
            6 => Self::Refused(match reader.u8("refusal")? {
                0 => Refusal::NotHere,
                1 => Refusal::NotAllowed,
                2 => Refusal::Busy,
                3 => Refusal::Unproven,
                _ => return Err(WireError::Invalid { field: "refusal" }),
            }),
            _ => return Err(WireError::Invalid { field: "blob message kind" }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::Sealed;
    use crate::id::{BlobId, ScopeId};
    use crate::sync;

    fn examples() -> [(&'static str, Message); 8] {
        let blob = Sealed::of_content(BlobId([0x22; 32]), 45_000);
        let of = Placed { scope: ScopeId([0x11; 16]), blob };
        let run = Run::new(1, 2).expect("a small run");
        [
            ("open", Message::Open),
            ("shelf", Message::Shelf(ShelfId([0x33; 16]))),
            ("offer", Message::Offer(of)),
            ("ask", Message::Ask { of, run }),
            ("slice", Message::Slice { run, slice: vec![0x44; 100] }),
            ("whole", Message::Whole),
            ("not_allowed", Message::Refused(Refusal::NotAllowed)),
            ("unproven", Message::Refused(Refusal::Unproven)),
        ]
    }

    #[test]
    fn every_message_comes_out_as_it_went_in_and_is_none_of_a_session() {
        for (name, message) in examples() {
            let bytes = message.to_bytes();
            assert_eq!(Message::from_bytes(&bytes), Ok(message), "{name}");
            let other = sync::message::Message::from_bytes(&bytes);
            assert!(other.is_err_and(|error| error.is_newer()), "{name}");
        }
    }

    #[test]
    fn what_is_newer_or_too_long_is_refused_by_name() {
        assert!(Message::from_bytes(&[MARK, 2, 0]).expect_err("newer").is_newer());
        let slice = [&[MARK, VERSION, 4][..], &[0, 0, 0, 0, 0, 0, 0, 1], &[0xff; 4]].concat();
        let error = Message::from_bytes(&slice).expect_err("too long");
        assert!(matches!(error, WireError::TooLong { limit: "blob_slice_bytes_max", .. }));
    }

    #[test]
    fn fuzz_blob_message() {
        let examples = examples().map(|(name, message)| (name, message.to_bytes()));
        crate::corpus::hold("src/blob", "blob_message", examples);
        bolero::check!(name = "blob_message").with_iterations(5_000).for_each(|bytes: &[u8]| {
            if let Ok(value) = Message::from_bytes(bytes) {
                assert!(value.to_bytes() == bytes, "read and written again, the bytes differ");
            }
        });
    }
}
