//! The same sessions over TLS on TCP, for where UDP does not pass: the server's door and the client's way to it.
//!
//! The handshake, the keys and the frames are QUIC's. What TCP lacks is made up for in `tunnel`: an end that has nothing to say
//! shows that it is there, since a cut TCP line says nothing.

mod proxy;
mod tunnel;

pub use proxy::{Proxy, ProxyError};
pub use tunnel::{Inward, Outward, Tunnel};

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use crate::endpoint::{EndpointError, SERVER_NAME, tls};
use crate::peer::{Peer, Via};

/// Accepts connections on a TCP port, with a device's key.
pub struct TcpServer {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

/// Somebody who has connected over TCP; nothing has been checked yet. Dropped, it is sent away.
pub struct TcpIncoming {
    stream: TcpStream,
    acceptor: TlsAcceptor,
}

/// How a server is reached over TCP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// `HOST:PORT` of the server.
    pub address: String,
    /// The proxy before it, which looks the host up.
    pub proxy: Option<Proxy>,
}

impl TcpServer {
    /// Listens at `addr` with the device key grown from `seed`.
    pub async fn bind(addr: SocketAddr, seed: &[u8; 32]) -> Result<Self, EndpointError> {
        let acceptor = TlsAcceptor::from(Arc::new(tls::server_of(seed)?));
        let failed = |source| EndpointError::Bind { addr, source };
        let listener = TcpListener::bind(addr).await.map_err(failed)?;
        Ok(Self { listener, acceptor })
    }

    /// Where it listens; useful after binding port 0.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The next caller. Usual cause of an error: the process has as many files open as it may.
    pub async fn accept(&self) -> io::Result<TcpIncoming> {
        let (stream, _) = self.listener.accept().await?;
        Ok(TcpIncoming { stream, acceptor: self.acceptor.clone() })
    }
}

impl TcpIncoming {
    /// Finishes the handshake; afterwards the caller's key is known.
    pub async fn establish(self) -> Result<Peer, EndpointError> {
        at_once(&self.stream);
        let stream = self.acceptor.accept(self.stream).await.map_err(EndpointError::Tls)?;
        let key = tls::proven(stream.get_ref().1)?;
        Ok(Peer::over_tcp(key, Tunnel::over(TlsStream::Server(stream), Via::Tcp)))
    }
}

impl Way {
    /// What a connection made this way goes over.
    pub fn via(&self) -> Via {
        if self.proxy.is_some() { Via::Proxy } else { Via::Tcp }
    }

    pub(crate) async fn connect(
        &self,
        config: rustls::ClientConfig,
    ) -> Result<Peer, EndpointError> {
        let stream = match &self.proxy {
            Some(proxy) => proxy.connect(&self.address).await?,
            None => dial(&self.address).await?,
        };
        let name = ServerName::try_from(SERVER_NAME).expect("the name is a DNS label");
        let connector = TlsConnector::from(Arc::new(config));
        let stream = connector.connect(name, stream).await.map_err(EndpointError::Tls)?;
        let key = tls::proven(stream.get_ref().1)?;
        Ok(Peer::over_tcp(key, Tunnel::over(TlsStream::Client(stream), self.via())))
    }
}

/// A plain connection to `HOST:PORT`, at the first of its addresses that answers.
async fn dial(address: &str) -> Result<TcpStream, EndpointError> {
    let failed = |source| EndpointError::Tcp { address: address.to_owned(), source };
    let stream = TcpStream::connect(address).await.map_err(failed)?;
    at_once(&stream);
    Ok(stream)
}

/// Small messages are not held back for larger ones; where the system refuses that, they are late and no worse.
fn at_once(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
}

#[cfg(test)]
mod tests;
