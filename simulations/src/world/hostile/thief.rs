//! Whoever has a device that was stolen: with its own key and the keys of what it reads, it goes on with the device's true
//! chains by hand.

use azalea_core::envelope::{Draft, Formats, seal};
use azalea_core::id::{EnvelopeId, ScopeId, Timestamp};
use azalea_core::identity::Identity;
use azalea_core::keys::ScopeKey;
use rand::rngs::StdRng;

use super::member::note;

/// What a stolen device has of one patient's care.
pub(in crate::world) struct Loot {
    pub(in crate::world) scope: ScopeId,
    /// The newest key that it holds, and of which epoch that is.
    pub(in crate::world) key: (u32, ScopeKey),
    /// The end of its chain there.
    pub(in crate::world) end: (u64, EnvelopeId),
    /// The envelope before that one.
    pub(in crate::world) before: EnvelopeId,
}

/// Another envelope under the last number that the device used, where it used one.
pub(in crate::world) fn twin(
    identity: &Identity,
    loot: &Loot,
    rng: &mut StdRng,
    at: Timestamp,
) -> Option<Vec<u8>> {
    (loot.end.0 > 0).then(|| write(identity, loot, rng, (loot.end.0, loot.before), at))
}

/// Two envelopes with one number, the next one of the device's chain, dated as it likes.
pub(in crate::world) fn next(
    identity: &Identity,
    loot: &Loot,
    rng: &mut StdRng,
    at: Timestamp,
) -> [Vec<u8>; 2] {
    [(); 2].map(|()| write(identity, loot, rng, (loot.end.0 + 1, loot.end.1), at))
}

fn write(
    identity: &Identity,
    loot: &Loot,
    rng: &mut StdRng,
    (seq, previous): (u64, EnvelopeId),
    at: Timestamp,
) -> Vec<u8> {
    let (scope, (epoch, key)) = (loot.scope, &loot.key);
    let (network, epoch, formats) = (identity.network, *epoch, Formats::default());
    let draft = Draft { network, scope, seq, previous, epoch, at, formats };
    let sealed = seal(draft, &note(identity, rng, at), Some(key), &identity.device);
    sealed.expect("a small note").as_bytes().to_vec()
}
