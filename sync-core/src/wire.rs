//! Bytes from outside become finished types here, or a named refusal; past this room nothing is left to validate.
//!
//! All integers are big-endian. Every variable length is a `u32` that is held against a named limit and
//! against what is left of the input before anything is allocated.

mod reader;
mod writer;

pub mod limits;

pub use limits::Limit;
pub use reader::{Reader, WireError};
pub use writer::Writer;

/// A type with one binary form.
pub trait Wire: Sized {
    /// Appends the binary form.
    fn write(&self, writer: &mut Writer);

    /// Reads one value; leaves the reader after it.
    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError>;

    /// The binary form by itself.
    fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        self.write(&mut writer);
        writer.into_bytes()
    }

    /// Reads a value that must fill `bytes` to the end.
    fn from_bytes(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        let value = Self::read(&mut reader)?;
        reader.finish()?;
        Ok(value)
    }
}
