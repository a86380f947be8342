//! Ending connections that this process never had: those of the same device's process before it, which was killed.
//!
//! A stateless reset (RFC 9000, 10.3) proves by a token that it comes from whoever the connection was made with. Its key is drawn at
//! random for each process unless told otherwise; here it follows from the device's secret, so that the next process at the same
//! address can speak for the one before.

use std::sync::Arc;

use quinn::EndpointConfig;
use quinn::crypto::{CryptoError, HmacKey};
use quinn_proto::RandomConnectionIdGenerator;

/// What the key of the tokens is derived with.
const TOKEN_CONTEXT: &str = "azalea 2026 quic stateless reset token";
/// Bytes of a connection id. A caller who is made to show its address is answered under an id that is not looked up among those in
/// use: QUIC's usual one has 24 random bits, and at ten thousand connections one caller in a few hundred got another's id and was
/// never heard.
const CONNECTION_ID_BYTES: usize = 12;

/// The settings of an endpoint of the device whose key grows from `seed`.
pub(super) fn config(seed: &[u8; 32]) -> EndpointConfig {
    let key = ResetKey(blake3::derive_key(TOKEN_CONTEXT, seed));
    let mut config = EndpointConfig::new(Arc::new(key));
    config.cid_generator(|| Box::new(RandomConnectionIdGenerator::new(CONNECTION_ID_BYTES)));
    config
}

/// A key that signs connection ids.
#[derive(zeroize::ZeroizeOnDrop)]
struct ResetKey([u8; 32]);

impl HmacKey for ResetKey {
    fn sign(&self, data: &[u8], signature: &mut [u8]) {
        signature.copy_from_slice(blake3::keyed_hash(&self.0, data).as_bytes());
    }

    fn signature_len(&self) -> usize {
        blake3::OUT_LEN
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        // Compared in constant time, as `Hash` does.
        match <[u8; blake3::OUT_LEN]>::try_from(signature) {
            Ok(signature) if blake3::keyed_hash(&self.0, data) == signature => Ok(()),
            _ => Err(CryptoError),
        }
    }
}
