//! What the scanner hands out.

use std::io;

use crate::import::json::FaultKind;
use crate::import::place::Place;

/// A piece of a file.
pub(crate) enum Step<'s> {
    /// An element of the array `entry` at the top of the current value.
    Entry {
        /// The number of the value within the file, from 1.
        value: u64,
        /// Its own number within the value, from 1.
        number: u64,
        /// Where it starts.
        place: Place,
        /// Its bytes, unless it is larger than the limit.
        piece: Option<Piece<'s>>,
    },
    /// A value at the top of the file has ended.
    Value {
        /// Its number within the file, from 1.
        number: u64,
        /// Where it starts.
        place: Place,
        /// The value without the elements of `entry`, unless that is larger than the limit.
        head: Option<Piece<'s>>,
        /// The value, unless it is larger than the limit.
        whole: Option<Piece<'s>>,
    },
}

/// Bytes and where they stand in the file.
#[derive(Clone, Copy)]
pub(crate) struct Piece<'s> {
    pub(crate) bytes: &'s [u8],
    pub(super) start: Place,
    /// Where a part is missing from the bytes, and the place of what follows.
    pub(super) cut: Option<(usize, Place)>,
}

impl<'s> Piece<'s> {
    /// The place of the byte at `offset`.
    pub(crate) fn locate(&self, offset: usize) -> Place {
        let offset = offset.min(self.bytes.len());
        match self.cut {
            Some((cut, place)) if offset >= cut => place.behind(&self.bytes[cut..offset]),
            _ => self.start.behind(&self.bytes[..offset]),
        }
    }

    /// The piece as text, or the place where it is not UTF-8.
    pub(crate) fn text(&self) -> Result<&'s str, ScanError> {
        std::str::from_utf8(self.bytes)
            .map_err(|fault| ScanError::NotUtf8(self.locate(fault.valid_up_to())))
    }
}

/// Why a stream cannot be cut any further.
#[derive(Debug)]
pub(crate) enum ScanError {
    /// The file could not be read.
    Read(io::Error),
    /// Not JSON at this place.
    NotJson(Place, FaultKind),
    /// Bytes that are no text.
    NotUtf8(Place),
    /// The file starts with something else than an object.
    Foreign,
    /// More Bundles than can be kept in mind.
    TooManyBundles,
}

impl From<io::Error> for ScanError {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}
