//! Signatures that this thread has verified or made, for whoever runs many replicas on one thread and asks to keep them.
//!
//! Whether a signature holds hangs on the key, the labelled message and the signature alone: the same three give the
//! same answer for ever. What is kept is therefore the same answer, only sooner. Kept is a digest over all three, and
//! only of what holds; a byte more or less in any of them is another digest and is verified as if nothing were kept.
//!
//! Off unless a thread asks for it. A node and a relay never do: each sees most signatures once.

use std::cell::RefCell;
use std::collections::HashSet;

use super::SignatureError;

thread_local! {
    static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) };
}

/// Keeps, on this thread and from now on, which signatures were verified or made: at least the last `capacity` of them and at
/// most twice as many, 32 bytes and a little each. 0 forgets them all and keeps no more.
pub fn keep_verified(capacity: usize) {
    let kept = Kept { capacity, young: HashSet::new(), old: HashSet::new() };
    KEPT.set((capacity > 0).then_some(kept));
}

/// Verifies, unless the very same was verified before.
pub(super) fn once(
    key: &[u8; 32],
    labelled: &[u8],
    signature: &[u8; 64],
    verify: impl FnOnce() -> Result<(), SignatureError>,
) -> Result<(), SignatureError> {
    if !is_on() {
        return verify();
    }
    let digest = digest(key, labelled, signature);
    if KEPT.with_borrow(|kept| kept.as_ref().is_some_and(|kept| kept.has(&digest))) {
        return Ok(());
    }
    verify()?;
    keep(digest);
    Ok(())
}

/// Takes note of a signature that was made here, by the key that goes with `key`: it holds.
pub(super) fn made(key: &[u8; 32], labelled: &[u8], signature: &[u8; 64]) {
    if is_on() {
        keep(digest(key, labelled, signature));
    }
}

fn is_on() -> bool {
    KEPT.with_borrow(Option::is_some)
}

fn digest(key: &[u8; 32], labelled: &[u8], signature: &[u8; 64]) -> [u8; 32] {
    // Key and signature have fixed lengths, so no two triples run together into the same bytes.
    let mut hasher = blake3::Hasher::new();
    hasher.update(key).update(signature).update(labelled);
    *hasher.finalize().as_bytes()
}

fn keep(digest: [u8; 32]) {
    KEPT.with_borrow_mut(|kept| {
        if let Some(kept) = kept {
            kept.keep(digest);
        }
    });
}

/// Two generations: when the young one is full it becomes the old one, and what was the old one is forgotten.
struct Kept {
    capacity: usize,
    young: HashSet<[u8; 32]>,
    old: HashSet<[u8; 32]>,
}

impl Kept {
    fn has(&self, digest: &[u8; 32]) -> bool {
        self.young.contains(digest) || self.old.contains(digest)
    }

    fn keep(&mut self, digest: [u8; 32]) {
        if self.young.len() == self.capacity {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(digest);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::keypair;
    use super::super::{Domain, Signature};
    use super::*;

    fn kept() -> usize {
        KEPT.with_borrow(|kept| kept.as_ref().map_or(0, |kept| kept.young.len() + kept.old.len()))
    }

    #[test]
    fn nothing_is_kept_unless_a_thread_asks() {
        let key = keypair(1);
        let signature = key.sign(Domain::Envelope, b"header");
        assert_eq!(key.public().verify(Domain::Envelope, b"header", &signature), Ok(()));
        assert_eq!(kept(), 0);
    }

    #[test]
    fn what_differs_in_one_byte_is_refused_beside_what_was_verified() {
        let (key, other) = (keypair(1), keypair(2));
        let signature = key.sign(Domain::Envelope, b"header");
        keep_verified(8);
        let verify = || key.public().verify(Domain::Envelope, b"header", &signature);
        assert_eq!(verify(), Ok(()));
        assert_eq!(verify(), Ok(()));
        assert_eq!(kept(), 1, "once is enough");

        let mismatch = Err(SignatureError::Mismatch);
        let refused = |message: &[u8]| key.public().verify(Domain::Envelope, message, &signature);
        for message in [&b"Header"[..], b"headers", b"heade", b""] {
            assert_eq!(refused(message), mismatch);
        }
        assert_eq!(key.public().verify(Domain::Ledger, b"header", &signature), mismatch);
        assert_eq!(other.public().verify(Domain::Envelope, b"header", &signature), mismatch);
        for at in 0..Signature::LEN {
            let mut wrong = *signature.as_bytes();
            wrong[at] ^= 1;
            let wrong = Signature::from_bytes(wrong);
            assert_eq!(key.public().verify(Domain::Envelope, b"header", &wrong), mismatch);
            // What was refused once is refused again.
            assert_eq!(key.public().verify(Domain::Envelope, b"header", &wrong), mismatch);
        }
        assert_eq!(kept(), 1, "only what holds is kept");
        assert_eq!(verify(), Ok(()));
        keep_verified(0);
        assert_eq!((kept(), verify()), (0, Ok(())));
    }

    #[test]
    fn what_was_made_here_holds_and_lends_nothing_to_its_like() {
        let (key, other) = (keypair(1), keypair(2));
        keep_verified(8);
        let signature = key.sign(Domain::Envelope, b"header");
        assert_eq!(kept(), 1);
        assert_eq!(key.public().verify(Domain::Envelope, b"header", &signature), Ok(()));
        let mismatch = Err(SignatureError::Mismatch);
        assert_eq!(key.public().verify(Domain::Envelope, b"headed", &signature), mismatch);
        assert_eq!(key.public().verify(Domain::Ledger, b"header", &signature), mismatch);
        assert_eq!(other.public().verify(Domain::Envelope, b"header", &signature), mismatch);
        // What the key itself says, asked of Ed25519.
        keep_verified(0);
        assert_eq!(key.public().verify(Domain::Envelope, b"header", &signature), Ok(()));
    }

    #[test]
    fn what_is_kept_has_a_bound() {
        keep_verified(4);
        let key = keypair(1);
        for number in 0..100_u8 {
            let signature = key.sign(Domain::Envelope, &[number]);
            assert_eq!(key.public().verify(Domain::Envelope, &[number], &signature), Ok(()));
            assert!(kept() <= 8);
        }
        keep_verified(0);
    }
}
