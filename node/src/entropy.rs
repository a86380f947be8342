//! Randomness: the one place where the node asks the system for it.

use rand::SeedableRng;
use rand::rngs::{StdRng, SysRng};

/// Why there is no randomness. Usual cause: a container without the system's random device.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no randomness: {0}")]
pub struct EntropyError(String);

/// A cryptographic generator seeded by the system; failing here beats keys that somebody can guess.
pub fn rng() -> Result<StdRng, EntropyError> {
    StdRng::try_from_rng(&mut SysRng).map_err(|error| EntropyError(error.to_string()))
}
