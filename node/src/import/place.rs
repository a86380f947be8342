//! A place in a text file, as an editor shows it.

use serde::Serialize;

/// A line and a column, both from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The character within the line.
    pub column: u64,
}

impl Place {
    /// Where a file starts.
    pub(crate) const START: Self = Self { line: 1, column: 1 };

    /// The place behind these bytes.
    pub(crate) fn behind(self, bytes: &[u8]) -> Self {
        let newlines = bytes.iter().filter(|byte| **byte == b'\n').count();
        let (column, tail) = match newlines {
            0 => (self.column, bytes),
            _ => (1, bytes.rsplit(|byte| *byte == b'\n').next().unwrap_or_default()),
        };
        let characters = tail.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
        Self { line: self.line + newlines as u64, column: column + characters as u64 }
    }
}
