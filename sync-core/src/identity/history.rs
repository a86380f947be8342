//! All certificates of one subject, so that a renewal does not undo what was written before it.

use super::certificate::{Facility, Policy, Registrar, Root, Validity};
use super::device::Device;
use super::signed::{Certified, Signed};
use crate::id::Timestamp;

/// A certificate that has a beginning; of two, the one that begins later replaces the other from then on.
pub(super) trait Renewable: Certified {
    /// When it begins and ends.
    fn validity(&self) -> Validity;
}

/// The certificates of one subject in the order in which they begin: one as a rule, so a list and no map.
#[derive(Clone)]
pub(super) struct History<T> {
    by_start: Vec<Signed<T>>,
}

/// Beginning, end, digest: total, so that the result does not hang on the order of arrival.
type Order<'a> = (Timestamp, Timestamp, &'a [u8; 32]);

impl<T: Renewable> History<T> {
    /// Starts with one certificate.
    pub(super) fn new(first: Signed<T>) -> Self {
        Self { by_start: vec![first] }
    }

    /// Whether this very certificate is held.
    pub(super) fn contains(&self, signed: &Signed<T>) -> bool {
        self.place(signed).is_ok()
    }

    /// Adds a certificate. Of too many, the newest stay, whichever came first.
    pub(super) fn insert(&mut self, signed: Signed<T>) {
        if let Err(place) = self.place(&signed) {
            self.by_start.insert(place, signed);
        }
        if self.by_start.len() > RENEWALS_MAX {
            self.by_start.remove(0);
        }
    }

    /// Where this very certificate is, or where it belongs.
    fn place(&self, signed: &Signed<T>) -> Result<usize, usize> {
        self.by_start.binary_search_by(|held| order(held).cmp(&order(signed)))
    }

    /// The newest certificate.
    pub(super) fn newest(&self) -> &Signed<T> {
        self.by_start.last().expect("a history starts with one certificate")
    }

    /// The certificate that governs `at`: the newest that had begun, else the oldest, which had not.
    pub(super) fn at(&self, at: Timestamp) -> &T {
        let begun = self.by_start.iter().rev().map(Signed::claims);
        let mut begun = begun.skip_while(|claims| claims.validity().not_before > at);
        let oldest = || self.by_start.first().map(Signed::claims);
        begun.next().or_else(oldest).expect("a history starts with one certificate")
    }

    /// The first moment after `at` at which another certificate may govern, or this one may begin or end.
    pub(super) fn same_until(&self, at: Timestamp) -> Timestamp {
        let validity = self.at(at).validity();
        let begins = self.by_start.iter().map(|held| held.claims().validity().not_before);
        let ends = [validity.not_after.plus_ms(1)];
        begins.chain(ends).filter(|moment| *moment > at).min().unwrap_or(Timestamp(u64::MAX))
    }

    /// All, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Signed<T>> {
        self.by_start.iter()
    }
}

fn order<T: Renewable>(signed: &Signed<T>) -> Order<'_> {
    let validity = signed.claims().validity();
    (validity.not_before, validity.not_after, signed.digest())
}

/// A validity without an end.
fn from(not_before: Timestamp) -> Validity {
    Validity { not_before, not_after: Timestamp(u64::MAX) }
}

impl Renewable for Root {
    fn validity(&self) -> Validity {
        from(self.created)
    }
}

impl Renewable for Registrar {
    fn validity(&self) -> Validity {
        self.validity
    }
}

impl Renewable for Facility {
    fn validity(&self) -> Validity {
        self.validity
    }
}

impl Renewable for Device {
    fn validity(&self) -> Validity {
        self.validity
    }
}

impl Renewable for Policy {
    fn validity(&self) -> Validity {
        from(self.issued)
    }
}

/// How many certificates of one subject are kept: a yearly renewal for as long as a chart must be kept, and some.
const RENEWALS_MAX: usize = 32;
