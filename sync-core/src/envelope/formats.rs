//! The formats of sealed bodies: a program reads all up to its newest, and writes one of them.
//!
//! A network is upgraded facility by facility, and sometimes back again. Whoever reads a body in a format that is newer than
//! its program keeps it and says so; whoever writes may go on in an older format until all others read the newer one.
//!
//! | format | what came with it |
//! |---|---|
//! | 0 | plain zstd |
//! | 1 | the first dictionary |
//! | 2 | snapshots of volumes: the statement of what one covers |
//!
//! Whatever this program learns to read next (a dictionary, a kind of body, a version of a record) is the next format.

/// What a program reads and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Formats {
    reads: u8,
    writes: u8,
}

impl Formats {
    /// The format with which snapshots came.
    pub const SNAPSHOTS: u8 = 2;
    /// The newest format that this program knows.
    pub const NEWEST: u8 = Self::SNAPSHOTS;

    /// Reads and writes all up to `number`, as a program did to which nothing newer was known. `None` where this
    /// program does not know `number` itself.
    pub fn up_to(number: u8) -> Option<Self> {
        (number <= Self::NEWEST).then_some(Self { reads: number, writes: number })
    }

    /// Reads what it did, and writes `number`: for a network in which others do not read the newest yet. `None`
    /// where it could not read that itself.
    pub fn writing(self, number: u8) -> Option<Self> {
        (number <= self.reads).then_some(Self { writes: number, ..self })
    }

    /// The newest that is read.
    pub fn reads(self) -> u8 {
        self.reads
    }

    /// The one that is written.
    pub fn writes(self) -> u8 {
        self.writes
    }
}

/// All that this program knows.
impl Default for Formats {
    fn default() -> Self {
        Self { reads: Self::NEWEST, writes: Self::NEWEST }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_writes_what_it_does_not_read() {
        let old = Formats::up_to(0).expect("the first format");
        assert_eq!((old.reads(), old.writes()), (0, 0));
        assert_eq!(old.writing(1), None);
        assert_eq!(Formats::up_to(Formats::NEWEST + 1), None);
        let held_back = Formats::default().writing(0).expect("older than the newest");
        assert_eq!((held_back.reads(), held_back.writes()), (Formats::NEWEST, 0));
    }
}
