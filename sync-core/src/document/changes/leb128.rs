//! Variable-length integers as the change format writes them.

use super::ChangeError;

/// A slice and how far it has been read.
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn take(
        &mut self,
        count: usize,
        field: &'static str,
    ) -> Result<&'a [u8], ChangeError> {
        let (head, rest) =
            self.rest.split_at_checked(count).ok_or(ChangeError::Malformed { field })?;
        self.rest = rest;
        Ok(head)
    }

    pub(super) fn expect(&mut self, bytes: &[u8], field: &'static str) -> Result<(), ChangeError> {
        if self.take(bytes.len(), field)? == bytes {
            Ok(())
        } else {
            Err(ChangeError::Malformed { field })
        }
    }

    /// An unsigned integer.
    pub(super) fn unsigned(&mut self, field: &'static str) -> Result<u64, ChangeError> {
        let malformed = ChangeError::Malformed { field };
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1, field)?[0];
            let low = u64::from(byte & 0x7f);
            if shift == 63 && low > 1 {
                return Err(malformed);
            }
            value |= low << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(malformed)
    }

    /// A signed integer.
    pub(super) fn signed(&mut self, field: &'static str) -> Result<i64, ChangeError> {
        let malformed = ChangeError::Malformed { field };
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1, field)?[0];
            let low = u64::from(byte & 0x7f);
            if shift == 63 && low != 0 && low != 0x7f {
                return Err(malformed);
            }
            value |= low << shift;
            if byte & 0x80 == 0 {
                let negative = byte & 0x40 != 0 && shift + 7 < 64;
                return Ok(
                    (if negative { value | u64::MAX << (shift + 7) } else { value }).cast_signed()
                );
            }
        }
        Err(malformed)
    }

    /// An unsigned integer that counts bytes or items of what is left.
    pub(super) fn length(&mut self, field: &'static str) -> Result<usize, ChangeError> {
        usize::try_from(self.unsigned(field)?)
            .ok()
            .filter(|length| *length <= self.rest.len())
            .ok_or(ChangeError::Malformed { field })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_over_their_whole_range() {
        for (bytes, expected) in [
            (&[0x00][..], Some(0)),
            (&[0x7f], Some(127)),
            (&[0x80, 0x01], Some(128)),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], Some(u64::MAX)),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], None),
            (&[0x80], None),
            (&[0x80; 11], None),
        ] {
            assert_eq!(Cursor::new(bytes).unsigned("").ok(), expected, "{bytes:x?}");
        }
        for (bytes, expected) in [
            (&[0x7f][..], Some(-1)),
            (&[0x40], Some(-64)),
            (&[0x3f], Some(63)),
            (&[0x80, 0x7f], Some(-128)),
            (&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f], Some(i64::MIN)),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00], Some(i64::MAX)),
            (&[0x80; 11], None),
        ] {
            assert_eq!(Cursor::new(bytes).signed("").ok(), expected, "{bytes:x?}");
        }
    }
}
