//! Connections whose two ends are named by their Ed25519 device keys (RFC 7250 raw public keys, TLS 1.3 only): QUIC, and where UDP
//! does not pass, TLS on TCP ([`crate::tcp`]).
//!
//! There are no names and no certificates in the handshake: whoever finishes it holds the key it showed. Whether
//! that key may do anything is for the roster to say, after the handshake. Keys cross this border as 32 plain
//! bytes (`SigningKeypair::seed`, `PublicKey::as_bytes`), so that the transport needs nothing else from the core.

mod crowding;
mod early;
mod identity;
mod reset;
pub(crate) mod roam;
mod tickets;
pub(crate) mod tls;
mod verify;

pub use early::{Caller, Met, Unproven};

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{IdleTimeout, TransportConfig, VarInt};
use socket2::SockRef;
use tokio::task::JoinSet;

use crate::peer::Peer;
use crate::tcp::{ProxyError, Way};
use crowding::CrowdingConfig;
use identity::Presented;
use roam::Roam;
use tickets::Tickets;
use verify::Expected;

/// The protocol that both ends must speak; a later one gets another name and may be offered beside it.
pub const ALPN: &[u8] = b"azalea/1";
/// A connection on which nothing arrives for this long is gone.
pub const IDLE_MS_MAX: u32 = 30_000;
/// How often an end that has nothing to say shows that it is there.
pub const KEEP_ALIVE_MS: u64 = 10_000;

/// Bytes of one stream that the other end may send before we have read them.
const STREAM_BYTES_MAX: u32 = 2 << 20;
/// Bytes of one connection that the other end may send before we have read them.
pub(crate) const CONNECTION_BYTES_MAX: u32 = 4 << 20;
/// As many of a caller about whom nothing is known yet but its key: thousands may call at once.
const STRANGER_BYTES_MAX: u32 = 128 << 10;
/// Bytes that we keep for sending again until they are acknowledged.
const SEND_BYTES_MAX: u64 = 4 << 20;
/// What may lie in a server's socket before it is read; the system may allow less. When thousands call at once, what finds no room is
/// sent again seconds later, and some callers give up first.
const SOCKET_BYTES: usize = 8 << 20;
/// Streams that the other end may have open at once.
const STREAMS_MAX: u32 = 16;
/// Handshakes that wait to be accepted.
const INCOMING_MAX: usize = 1_024;
/// Servers whose configuration (and session tickets) a client keeps.
const SERVERS_MAX: usize = 64;
/// What the handshake calls every server; the key is the identity, so the name says nothing.
pub(crate) const SERVER_NAME: &str = "azalea";

/// Why an endpoint could not be made or a connection did not come about.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The address could not be bound. Usual cause: another process has the port.
    #[error("cannot listen on {addr}: {source}")]
    Bind {
        /// The address that was asked for.
        addr: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The key or the TLS settings were not accepted. A fault of this program.
    #[error("TLS cannot be set up: {0}")]
    Setup(String),
    /// The address cannot be connected to. Usual cause: port 0 or an address family that the endpoint lacks.
    #[error("cannot connect: {0}")]
    Connect(#[from] quinn::ConnectError),
    /// The handshake failed. Usual causes: no line, a closed port, or a server with another key than expected.
    #[error("connection failed: {0}")]
    Connection(#[from] quinn::ConnectionError),
    /// No TCP connection. Usual causes: no line, nobody who listens there, a firewall.
    #[error("no TCP connection to {address}: {source}")]
    Tcp {
        /// `HOST:PORT` of the server, or of the proxy before it.
        address: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The proxy did not let us through.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The TLS handshake on TCP failed. Usual causes: something else listens there, a server with another key than expected, or a
    /// firewall that opens TLS to read it.
    #[error("TLS failed: {0}")]
    Tls(std::io::Error),
    /// The peer finished the handshake without agreeing on our protocol. Usual cause: something else listens there.
    #[error("the other end does not speak {}", String::from_utf8_lossy(ALPN))]
    Protocol,
    /// The peer finished the handshake without an Ed25519 key. Cannot happen with the verifiers used here.
    #[error("the peer showed no Ed25519 key")]
    NoKey,
}

/// One UDP socket with this device's key; connects to others (also over TCP), and accepts connections when made by [`Endpoint::server`].
#[derive(Clone)]
pub struct Endpoint {
    quic: quinn::Endpoint,
    presented: Arc<Presented>,
    /// One configuration per server key: a session ticket of one server is never shown to another.
    servers: Arc<Mutex<BTreeMap<[u8; 32], quinn::ClientConfig>>>,
    tickets: Arc<Tickets>,
    roam: Arc<Roam>,
    /// Ends with the last copy.
    _following: Arc<JoinSet<()>>,
}

/// Somebody who wants to connect; nothing has been checked yet.
pub struct Incoming(quinn::Incoming);

impl Endpoint {
    /// An endpoint that accepts and makes connections, with the device key grown from `seed`.
    ///
    /// Started anew at the same address after its process was killed, it resets the connections that it had.
    pub fn server(addr: SocketAddr, seed: &[u8; 32]) -> Result<Self, EndpointError> {
        let presented = Arc::new(Presented::from_seed(seed)?);
        let tickets = Arc::<Tickets>::default();
        let config = server_config(&presented, tickets.clone())?;
        let failed = |source| EndpointError::Bind { addr, source };
        let socket = std::net::UdpSocket::bind(addr).map_err(failed)?;
        let room = SockRef::from(&socket);
        room.set_recv_buffer_size(SOCKET_BYTES).map_err(failed)?;
        room.set_send_buffer_size(SOCKET_BYTES).map_err(failed)?;
        let runtime = Arc::new(quinn::TokioRuntime);
        let quic = quinn::Endpoint::new(reset::config(seed), Some(config), socket, runtime)
            .map_err(failed)?;
        Ok(Self {
            quic,
            presented,
            servers: Arc::default(),
            tickets,
            roam: Arc::default(),
            _following: Arc::default(),
        })
    }

    /// An endpoint that only makes connections, on a port that the system picks: another one after a restart, so that nobody
    /// would ask it about the connections it had before. Its connections go on where this machine gets another address.
    pub fn client(seed: &[u8; 32]) -> Result<Self, EndpointError> {
        let presented = Arc::new(Presented::from_seed(seed)?);
        let addr = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let failed = |source| EndpointError::Bind { addr, source };
        let socket = roam::socket().map_err(failed)?;
        let runtime = Arc::new(quinn::TokioRuntime);
        let config = quinn::EndpointConfig::default();
        let quic = quinn::Endpoint::new(config, None, socket, runtime).map_err(failed)?;
        let roam = Arc::new(Roam::default());
        let mut following = JoinSet::new();
        following.spawn(roam::follow(quic.clone(), roam.clone(), roam::source));
        Ok(Self {
            quic,
            presented,
            servers: Arc::default(),
            tickets: Arc::default(),
            roam,
            _following: Arc::new(following),
        })
    }

    /// This end's public key.
    pub fn key(&self) -> [u8; 32] {
        self.presented.public
    }

    /// Where the endpoint listens; useful after binding port 0.
    pub fn local_addr(&self) -> Result<SocketAddr, EndpointError> {
        self.quic
            .local_addr()
            .map_err(|source| EndpointError::Bind { addr: ([0, 0, 0, 0], 0).into(), source })
    }

    /// Connects to the server at `addr`, which must prove to hold `expected`.
    pub async fn connect(
        &self,
        addr: SocketAddr,
        expected: &[u8; 32],
    ) -> Result<Peer, EndpointError> {
        let peer = self.call(self.client_config(expected)?, addr).await?;
        // The verifier has checked this; said once more because everything after relies on it.
        if peer.key != *expected {
            return Err(EndpointError::NoKey);
        }
        Ok(peer)
    }

    /// Connects to a server that is known by a fingerprint only, as an invitation gives it; `fits` decides on its key.
    pub async fn connect_fitting(
        &self,
        addr: SocketAddr,
        fits: impl Fn(&[u8; 32]) -> bool + Send + Sync + 'static,
    ) -> Result<Peer, EndpointError> {
        let config = client_config(&self.presented, Expected::Fitting(Box::new(fits)), false)?;
        self.call(config, addr).await
    }

    /// For calling one server again and again, the one whose key `fits`: when it comes to know this end, the next call may speak early.
    pub fn caller(
        &self,
        fits: impl Fn(&[u8; 32]) -> bool + Send + Sync + 'static,
    ) -> Result<Caller, EndpointError> {
        let config = client_config(&self.presented, Expected::Fitting(Box::new(fits)), true)?;
        Ok(Caller::new(self.clone(), config))
    }

    async fn call(
        &self,
        config: quinn::ClientConfig,
        addr: SocketAddr,
    ) -> Result<Peer, EndpointError> {
        let calling = self.quic.connect_with(config, addr, SERVER_NAME)?;
        self.roam.call(addr);
        Peer::over_quic(calling.await?, self.roam.clone())
    }

    /// As [`Endpoint::connect_fitting`], but over TCP; names are looked up by the system, or by the proxy where there is one.
    pub async fn connect_tcp(
        &self,
        way: &Way,
        fits: impl Fn(&[u8; 32]) -> bool + Send + Sync + 'static,
    ) -> Result<Peer, EndpointError> {
        let config = tls::client(&self.presented, Expected::Fitting(Box::new(fits)), false)?;
        way.connect(config).await
    }

    /// The next caller; `None` after [`Endpoint::close`].
    pub async fn accept(&self) -> Option<Incoming> {
        self.quic.accept().await.map(Incoming)
    }

    /// Ends every connection with `reason` and accepts no more.
    pub fn close(&self, reason: &str) {
        self.quic.close(VarInt::from_u32(0), reason.as_bytes());
    }

    /// Waits until the peers have been told about the end; at most a few round trips.
    pub async fn wait_idle(&self) {
        self.quic.wait_idle().await;
    }

    /// Connections that are open or opening.
    pub fn open_connections(&self) -> usize {
        self.quic.open_connections()
    }

    /// How many tickets were shown that are not good, or no longer.
    pub fn tickets_spent(&self) -> u64 {
        self.tickets.spent()
    }

    fn client_config(&self, expected: &[u8; 32]) -> Result<quinn::ClientConfig, EndpointError> {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = servers.get(expected) {
            return Ok(config.clone());
        }
        if servers.len() >= SERVERS_MAX {
            servers.pop_first();
        }
        let config = client_config(&self.presented, Expected::Key(*expected), false)?;
        servers.insert(*expected, config.clone());
        Ok(config)
    }
}

impl Incoming {
    /// Where the caller says that it is.
    pub fn remote_address(&self) -> SocketAddr {
        self.0.remote_address()
    }

    /// Whether the caller has shown that it receives at its address.
    pub fn is_validated(&self) -> bool {
        self.0.remote_address_validated()
    }

    /// Asks the caller to show that it receives at its address before any work is done for it.
    pub fn retry(self) {
        if let Err(error) = self.0.retry() {
            error.into_incoming().refuse();
        }
    }

    /// Sends the caller away.
    pub fn refuse(self) {
        self.0.refuse();
    }

    /// Finishes the handshake; afterwards the caller's key is known.
    pub async fn establish(self) -> Result<Peer, EndpointError> {
        Peer::over_quic(self.0.await?, Arc::default())
    }

    /// Begins the handshake; a caller who comes again is known, though not proven, before its end.
    pub async fn meet(self) -> Result<Met, EndpointError> {
        early::meet(self.0).await
    }
}

fn setup(error: impl std::fmt::Display) -> EndpointError {
    EndpointError::Setup(error.to_string())
}

fn server_config(
    presented: &Presented,
    tickets: Arc<Tickets>,
) -> Result<quinn::ServerConfig, EndpointError> {
    let tls = tls::server(presented, Some(tickets))?;
    let crypto = QuicServerConfig::try_from(tls).map_err(setup)?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    config.transport_config(transport(STRANGER_BYTES_MAX)).max_incoming(INCOMING_MAX);
    Ok(config)
}

fn client_config(
    presented: &Presented,
    expected: Expected,
    is_early: bool,
) -> Result<quinn::ClientConfig, EndpointError> {
    let tls = tls::client(presented, expected, is_early)?;
    let crypto = QuicClientConfig::try_from(tls).map_err(setup)?;
    let mut config = quinn::ClientConfig::new(Arc::new(crypto));
    config.transport_config(transport(CONNECTION_BYTES_MAX));
    Ok(config)
}

fn transport(receive_bytes: u32) -> Arc<TransportConfig> {
    let mut config = TransportConfig::default();
    config
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(IDLE_MS_MAX))))
        .keep_alive_interval(Some(Duration::from_millis(KEEP_ALIVE_MS)))
        .max_concurrent_bidi_streams(VarInt::from_u32(STREAMS_MAX))
        .max_concurrent_uni_streams(VarInt::from_u32(STREAMS_MAX))
        .stream_receive_window(VarInt::from_u32(STREAM_BYTES_MAX))
        .receive_window(VarInt::from_u32(receive_bytes))
        .send_window(SEND_BYTES_MAX)
        .congestion_controller_factory(Arc::new(CrowdingConfig::default()))
        // A search for larger datagrams sends five that are nothing else, 7 KB each way with every connection: more than
        // a whole catch-up, and two seconds of a line of 30 kbit/s. 1,200 bytes pass everywhere.
        .mtu_discovery_config(None)
        .datagram_receive_buffer_size(None);
    Arc::new(config)
}

#[cfg(test)]
mod tests;
