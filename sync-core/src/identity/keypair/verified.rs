//! Signatures that were verified or made here, for whoever runs many replicas in one process and asks to keep them.
//!
//! Whether a signature holds hangs on the key, the labelled message and the signature alone: the same three give the
//! same answer for ever. What is kept is therefore the same answer, only sooner. Kept is a digest over all three, and
//! only of what holds; a byte more or less in any of them is another digest and is verified as if nothing were kept.
//!
//! Off unless a thread asks for it. A node and a relay never do: each sees most signatures once.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::SignatureError;

thread_local! {
    static KEPT: RefCell<Option<Signatures>> = const { RefCell::new(None) };
}

/// What is kept of signatures, for every thread that uses it.
#[derive(Clone)]
pub struct Signatures(Arc<Mutex<Kept>>);

impl Signatures {
    /// Keeps of those that hold at least the last `capacity` and at most twice as many, 32 bytes and a little each.
    pub fn keep(capacity: usize) -> Self {
        let (young, old) = (HashSet::new(), HashSet::new());
        Self(Arc::new(Mutex::new(Kept { capacity, young, old })))
    }

    /// From now on this thread uses them.
    pub fn use_here(&self) {
        KEPT.set(Some(self.clone()));
    }

    /// From now on this thread uses none.
    pub fn use_none_here() {
        KEPT.set(None);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Verifies, unless the very same was verified before.
pub(super) fn once(
    key: &[u8; 32],
    labelled: &[u8],
    signature: &[u8; 64],
    verify: impl FnOnce() -> Result<(), SignatureError>,
) -> Result<(), SignatureError> {
    let Some(kept) = here() else { return verify() };
    let digest = digest(key, labelled, signature);
    if kept.lock().has(&digest) {
        return Ok(());
    }
    verify()?;
    kept.lock().keep(digest);
    Ok(())
}

/// Takes note of a signature that was just made by the key that goes with `key`: it holds.
pub(super) fn made(key: &[u8; 32], labelled: &[u8], signature: &[u8; 64]) {
    if let Some(kept) = here() {
        kept.lock().keep(digest(key, labelled, signature));
    }
}

/// Whether a signature with this digest was verified or made before.
pub(super) fn is_known(digest: &[u8; 32]) -> bool {
    here().is_some_and(|kept| kept.lock().has(digest))
}

/// Takes note of a signature that was verified together with others.
pub(super) fn known(digest: [u8; 32]) {
    if let Some(kept) = here() {
        kept.lock().keep(digest);
    }
}

fn here() -> Option<Signatures> {
    KEPT.with_borrow(Option::clone)
}

/// What a signature is kept under.
pub(super) fn digest(key: &[u8; 32], labelled: &[u8], signature: &[u8; 64]) -> [u8; 32] {
    // Key and signature have fixed lengths, so no two triples run together into the same bytes.
    let mut hasher = blake3::Hasher::new();
    hasher.update(key).update(signature).update(labelled);
    *hasher.finalize().as_bytes()
}

/// Two generations of what holds: when the young one is full it becomes the old one, and what was the old one is forgotten.
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
        let Some(here) = here() else { return 0 };
        let kept = here.lock();
        kept.young.len() + kept.old.len()
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
        Signatures::keep(8).use_here();
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
        Signatures::use_none_here();
        assert_eq!((kept(), verify()), (0, Ok(())));
    }

    #[test]
    fn what_was_made_here_holds_and_lends_nothing_to_its_like() {
        let (key, other) = (keypair(1), keypair(2));
        Signatures::keep(8).use_here();
        let signature = key.sign(Domain::Envelope, b"header");
        assert_eq!(kept(), 1);
        assert_eq!(key.public().verify(Domain::Envelope, b"header", &signature), Ok(()));
        let mismatch = Err(SignatureError::Mismatch);
        assert_eq!(key.public().verify(Domain::Envelope, b"headed", &signature), mismatch);
        assert_eq!(key.public().verify(Domain::Ledger, b"header", &signature), mismatch);
        assert_eq!(other.public().verify(Domain::Envelope, b"header", &signature), mismatch);
        // What the key itself says, asked of Ed25519.
        Signatures::use_none_here();
        assert_eq!(key.public().verify(Domain::Envelope, b"header", &signature), Ok(()));
    }

    #[test]
    fn what_is_kept_has_a_bound() {
        Signatures::keep(4).use_here();
        let key = keypair(1);
        for number in 0..100_u8 {
            let signature = key.sign(Domain::Envelope, &[number]);
            assert_eq!(key.public().verify(Domain::Envelope, &[number], &signature), Ok(()));
            assert!(kept() <= 8);
        }
        Signatures::use_none_here();
    }

    #[test]
    fn threads_that_use_the_same_share_what_they_know() {
        let key = keypair(1);
        let signatures = Signatures::keep(4);
        let elsewhere = signatures.clone();
        let signature = std::thread::spawn(move || {
            elsewhere.use_here();
            keypair(1).sign(Domain::HeadRoll, b"words")
        });
        let signature = signature.join().expect("it signs");
        signatures.use_here();
        assert_eq!(kept(), 1);
        assert_eq!(key.public().verify(Domain::HeadRoll, b"words", &signature), Ok(()));
        Signatures::use_none_here();
    }
}
