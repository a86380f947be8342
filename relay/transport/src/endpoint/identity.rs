//! An Ed25519 key in the two DER forms that TLS wants; both are a fixed prefix before 32 bytes (RFC 8410).

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

use super::EndpointError;

/// `SubjectPublicKeyInfo` of an Ed25519 key, up to the key's bytes.
const SPKI_PREFIX: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// `PrivateKeyInfo` (PKCS #8, version 0) of an Ed25519 key, up to the seed's bytes.
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// What this end shows in a handshake.
pub(super) struct Presented {
    pub(super) public: [u8; 32],
    pub(super) certified: Arc<CertifiedKey>,
}

impl Presented {
    pub(super) fn from_seed(seed: &[u8; 32]) -> Result<Self, EndpointError> {
        let pkcs8 = [&PKCS8_PREFIX[..], seed].concat();
        let signer = rustls::crypto::ring::default_provider()
            .key_provider
            .load_private_key(PrivateKeyDer::from(PrivatePkcs8KeyDer::from(pkcs8)))
            .map_err(super::setup)?;
        let spki = signer.public_key().ok_or(EndpointError::NoKey)?;
        let public = key_of(&spki).ok_or(EndpointError::NoKey)?;
        let shown = CertificateDer::from(spki.to_vec());
        Ok(Self { public, certified: Arc::new(CertifiedKey::new(vec![shown], signer)) })
    }
}

/// The Ed25519 key in a `SubjectPublicKeyInfo`; `None` for any other algorithm or form.
pub(super) fn key_of(spki: &[u8]) -> Option<[u8; 32]> {
    spki.strip_prefix(&SPKI_PREFIX[..])?.try_into().ok()
}
