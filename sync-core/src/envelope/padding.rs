//! Padmé: lengths are rounded up so that they say little, at a cost of at most 12 %.
//!
//! From "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs" (Nikitin et al., 2019):
//! a length of `L` bytes keeps only as many significant bits as the length of its exponent has.

/// The length to which `len` is padded: at least `len`, and the same for all of a range of lengths.
pub fn padded(len: usize) -> usize {
    if len < 2 {
        return len;
    }
    let exponent = len.ilog2();
    let kept = exponent.ilog2() + 1;
    let mask = (1 << exponent.saturating_sub(kept)) - 1;
    (len + mask) & !mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_of_the_paper() {
        for (len, expected) in [
            (0, 0),
            (1, 1),
            (2, 2),
            (8, 8),
            (9, 10),
            (100, 104),
            (1_000, 1_024),
            (1_025, 1_088),
            (1_000_000, 1_015_808),
        ] {
            assert_eq!(padded(len), expected, "{len}");
        }
    }

    #[test]
    fn padding_is_stable_never_shortens_and_costs_little() {
        for len in 0..100_000 {
            let padded_len = padded(len);
            assert!(padded_len >= len);
            assert_eq!(padded(padded_len), padded_len);
            assert!(padded_len <= len + len * 12 / 100 + 1, "{len} became {padded_len}");
        }
    }
}
