//! Signatures that were found to hold together, for whoever is about to ask for each of them.
//!
//! To verify many together costs a fraction of verifying each. It is a shortcut and decides nothing: what holds together
//! is remembered until it is asked for, and whatever is not remembered is verified by itself. A wrong one among many
//! therefore costs its neighbours the shortcut and changes no answer.

use std::collections::BTreeSet;

use super::rule::{self, Claim};
use super::{Domain, PublicKey, Signature, SignatureError, verified};

/// How many are verified together at most. More save little, and a wrong one spoils as many.
const TOGETHER: usize = 64;

/// What is known to hold, by digests over key, labelled message and signature.
#[derive(Default)]
pub struct Proven(BTreeSet<[u8; 32]>);

impl Proven {
    /// Finds those that hold among messages that were signed for one purpose, or so it is said.
    ///
    /// In the order of their keys: what one key signed is cheapest together, and whoever sends wrong signatures under
    /// its own name spoils its own.
    pub fn among<'a>(
        domain: Domain,
        signed: impl IntoIterator<Item = (PublicKey, &'a [u8], Signature)>,
    ) -> Self {
        let signed: Vec<_> = signed.into_iter().collect();
        let mut proven = Self::default();
        // One alone is verified when it is asked for.
        if signed.len() < 2 {
            return proven;
        }
        let mut claims = Vec::new();
        for (key, message, signature) in signed {
            let labelled = domain.labelled(message);
            let digest = verified::digest(&key.0, &labelled, &signature.0);
            if verified::is_known(&digest) {
                proven.0.insert(digest);
            } else if let Ok(claim) = Claim::new(&key.0, &labelled, &signature.0) {
                claims.push((key, digest, claim));
            }
        }
        claims.sort_by_key(|(key, ..)| *key);
        for some in claims.chunks(TOGETHER).filter(|some| some.len() > 1) {
            let mut all = blake3::Hasher::new();
            for (_, digest, _) in some {
                all.update(digest);
            }
            if rule::all_hold(some.iter().map(|(.., claim)| claim), &all) {
                for (_, digest, _) in some {
                    verified::known(*digest);
                    proven.0.insert(*digest);
                }
            }
        }
        proven
    }

    /// Checks that the holder of `key` signed `message` for this purpose: the same answer as [`PublicKey::verify`] gives.
    pub fn verify(
        &self,
        key: &PublicKey,
        domain: Domain,
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), SignatureError> {
        if self.has(key, domain, message, signature) {
            return Ok(());
        }
        key.verify(domain, message, signature)
    }

    fn has(&self, key: &PublicKey, domain: Domain, message: &[u8], signature: &Signature) -> bool {
        let digest = || verified::digest(&key.0, &domain.labelled(message), &signature.0);
        !self.0.is_empty() && self.0.contains(&digest())
    }
}

#[cfg(test)]
mod tests;
