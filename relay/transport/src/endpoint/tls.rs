//! What the handshakes of QUIC and of TLS on TCP have in common: the protocol's name, who shows which key, who checks it.

use std::sync::Arc;

use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::server::AlwaysResolvesServerRawPublicKeys;
use rustls::{ClientConfig, ServerConfig};

use super::identity::{Presented, key_of};
use super::tickets::{TICKETS_EACH, Tickets};
use super::verify::{AnyClient, Expected, ExpectedServer};
use super::{ALPN, EndpointError, setup};

/// QUIC has a limit of its own, and takes no other number for "as much as that".
const EARLY_BYTES_QUIC: u32 = u32::MAX;

/// The settings of a server on TCP that shows the key grown from `seed`; whoever comes again makes a whole handshake.
pub(crate) fn server_of(seed: &[u8; 32]) -> Result<ServerConfig, EndpointError> {
    server(&Presented::from_seed(seed)?, None)
}

/// The settings of a client that shows the key grown from `seed`, to any server whose key fits.
#[cfg(test)]
pub(crate) fn client_of(
    seed: &[u8; 32],
    fits: fn(&[u8; 32]) -> bool,
) -> Result<ClientConfig, EndpointError> {
    client(&Presented::from_seed(seed)?, Expected::Fitting(Box::new(fits)), false)
}

pub(super) fn server(
    presented: &Presented,
    tickets: Option<Arc<Tickets>>,
) -> Result<ServerConfig, EndpointError> {
    let provider = provider();
    let mut tls = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(setup)?
        .with_client_cert_verifier(Arc::new(AnyClient::new(&provider)))
        .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(
            presented.certified.clone(),
        )));
    tls.alpn_protocols = vec![ALPN.to_vec()];
    match tickets {
        Some(tickets) => {
            tls.session_storage = tickets;
            tls.send_tls13_tickets = TICKETS_EACH;
            tls.max_early_data_size = EARLY_BYTES_QUIC;
        }
        None => tls.send_tls13_tickets = 0,
    }
    Ok(tls)
}

/// With `is_early`, who comes again to the server that gave it a ticket may speak before it is answered.
pub(super) fn client(
    presented: &Presented,
    expected: Expected,
    is_early: bool,
) -> Result<ClientConfig, EndpointError> {
    let provider = provider();
    let mut tls = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(setup)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(ExpectedServer::new(&provider, expected)))
        .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(
            presented.certified.clone(),
        )));
    tls.alpn_protocols = vec![ALPN.to_vec()];
    // One server per configuration, so one name: a ticket can only return to the key that issued it.
    tls.resumption = Resumption::in_memory_sessions(1);
    tls.enable_early_data = is_early;
    Ok(tls)
}

/// The key that the other end has proven to hold; QUIC refuses by itself who speaks another protocol, TLS on TCP does not.
pub(crate) fn proven(session: &rustls::CommonState) -> Result<[u8; 32], EndpointError> {
    if session.alpn_protocol() != Some(ALPN) {
        return Err(EndpointError::Protocol);
    }
    only_key(session.peer_certificates().unwrap_or_default())
}

/// The key in what the other end showed.
pub(crate) fn only_key(shown: &[CertificateDer<'_>]) -> Result<[u8; 32], EndpointError> {
    shown.first().and_then(|spki| key_of(spki)).ok_or(EndpointError::NoKey)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
