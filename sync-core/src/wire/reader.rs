//! Takes fields off a slice, each with its limit checked before anything is allocated.

use super::{Limit, Wire};

/// A slice from outside and how far it has been read.
pub struct Reader<'a> {
    rest: &'a [u8],
}

/// Why bytes are not what they should be. Usual causes: a truncated transfer, damage, or a hostile peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The input ended inside a field.
    #[error("the input ends inside {field}")]
    Short {
        /// The field that was being read.
        field: &'static str,
    },
    /// A length above its limit.
    #[error("{limit} is {max}, but the input claims {claimed}")]
    TooLong {
        /// The limit's name.
        limit: &'static str,
        /// The limit's value.
        max: usize,
        /// What the input claims.
        claimed: usize,
    },
    /// A value that no valid input has.
    #[error("{field} has no valid value")]
    Invalid {
        /// The field.
        field: &'static str,
    },
    /// A format version that this program does not know; a newer peer wrote it.
    #[error(
        "{field} version {found} is not known here (this program reads up to {known}): update this program"
    )]
    Version {
        /// What is versioned.
        field: &'static str,
        /// The version found.
        found: u8,
        /// The newest version known here.
        known: u8,
    },
    /// Bytes after the end.
    #[error("{count} bytes are left over after the end")]
    LeftOver {
        /// How many.
        count: usize,
    },
}

impl WireError {
    /// Whether a program that is newer than this one may read the input.
    pub fn is_newer(&self) -> bool {
        matches!(self, Self::Version { found, known, .. } if found > known)
    }
}

impl<'a> Reader<'a> {
    /// Starts at the front of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// The next `count` bytes, borrowed.
    pub fn raw(&mut self, count: usize, field: &'static str) -> Result<&'a [u8], WireError> {
        let (head, rest) = self.rest.split_at_checked(count).ok_or(WireError::Short { field })?;
        self.rest = rest;
        Ok(head)
    }

    /// The next bytes as a fixed array.
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], WireError> {
        let mut array = [0; N];
        array.copy_from_slice(self.raw(N, field)?);
        Ok(array)
    }

    /// One byte.
    pub fn u8(&mut self, field: &'static str) -> Result<u8, WireError> {
        self.array(field).map(u8::from_be_bytes)
    }

    /// Two bytes, big-endian.
    pub fn u16(&mut self, field: &'static str) -> Result<u16, WireError> {
        self.array(field).map(u16::from_be_bytes)
    }

    /// Four bytes, big-endian.
    pub fn u32(&mut self, field: &'static str) -> Result<u32, WireError> {
        self.array(field).map(u32::from_be_bytes)
    }

    /// Eight bytes, big-endian.
    pub fn u64(&mut self, field: &'static str) -> Result<u64, WireError> {
        self.array(field).map(u64::from_be_bytes)
    }

    /// A byte that is 0 or 1, nothing else: one value has one form.
    pub fn bool(&mut self, field: &'static str) -> Result<bool, WireError> {
        match self.u8(field)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(WireError::Invalid { field }),
        }
    }

    /// A number of items within `limit`.
    pub fn count(&mut self, limit: Limit) -> Result<usize, WireError> {
        let claimed = self.u32(limit.name)? as usize;
        if claimed > limit.max {
            return Err(WireError::TooLong { limit: limit.name, max: limit.max, claimed });
        }
        Ok(claimed)
    }

    /// A length within `limit`, then that many bytes, borrowed.
    pub fn bytes(&mut self, limit: Limit) -> Result<&'a [u8], WireError> {
        let count = self.count(limit)?;
        self.raw(count, limit.name)
    }

    /// A length within `limit`, then UTF-8.
    pub fn text(&mut self, limit: Limit) -> Result<&'a str, WireError> {
        let bytes = self.bytes(limit)?;
        std::str::from_utf8(bytes).map_err(|_| WireError::Invalid { field: limit.name })
    }

    /// A count within `limit`, then the items. An item takes at least one byte, so what is left bounds the allocation.
    pub fn list<T: Wire>(&mut self, limit: Limit) -> Result<Vec<T>, WireError> {
        let count = self.count(limit)?;
        if count > self.left() {
            return Err(WireError::Short { field: limit.name });
        }
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(T::read(self)?);
        }
        Ok(items)
    }

    /// Nothing, or one value.
    pub fn option<T: Wire>(&mut self, field: &'static str) -> Result<Option<T>, WireError> {
        self.bool(field)?.then(|| T::read(self)).transpose()
    }

    /// Checks that nothing is left over.
    pub fn finish(self) -> Result<(), WireError> {
        match self.rest.len() {
            0 => Ok(()),
            count => Err(WireError::LeftOver { count }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Writer, limits};
    use super::*;

    fn check<T: PartialEq + std::fmt::Debug>(
        bytes: &[u8],
        read: impl FnOnce(&mut Reader<'_>) -> Result<T, WireError>,
        expected: Result<T, WireError>,
    ) {
        let mut reader = Reader::new(bytes);
        let result = read(&mut reader).and_then(|value| reader.finish().map(|()| value));
        assert_eq!(result, expected);
    }

    #[test]
    fn a_length_is_held_against_its_limit_before_anything_else() {
        let mut writer = Writer::new();
        writer.u32(u32::MAX);
        check(
            &writer.into_bytes(),
            |reader| reader.bytes(limits::TEXT).map(<[u8]>::to_vec),
            Err(WireError::TooLong {
                limit: "text_bytes_max",
                max: 1_024,
                claimed: u32::MAX as usize,
            }),
        );
    }

    #[test]
    fn what_is_short_invalid_or_left_over_is_refused_by_name() {
        check(&[0, 0], |r| r.u32("count"), Err(WireError::Short { field: "count" }));
        check(&[2], |r| r.bool("flag"), Err(WireError::Invalid { field: "flag" }));
        check(&[1, 9], |r| r.bool("flag"), Err(WireError::LeftOver { count: 1 }));
        check(
            &[0, 0, 0, 1, 0xff],
            |r| r.text(limits::TEXT).map(str::to_owned),
            Err(WireError::Invalid { field: "text_bytes_max" }),
        );
        check(
            &[0, 0, 16, 0],
            |r| r.list::<crate::id::Timestamp>(limits::ENVELOPES),
            Err(WireError::Short { field: "envelopes_max" }),
        );
    }
}
