//! A connection whose other end has proven its key, over whatever it goes: what a session needs of it and no more.
//!
//! QUIC and TLS on TCP carry the same frames. A session opens or accepts one stream, says when it has nothing more to say, and closes.
//! What may not wait goes on streams of its own over QUIC, and between two messages over TCP. What may wait goes on a stream beside it over QUIC, and on a connection beside it over TCP.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use quinn::VarInt;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

use crate::endpoint::roam::Roam;
use crate::endpoint::{CONNECTION_BYTES_MAX, EndpointError, tls};
use crate::silence;
use crate::tcp::{Inward, Outward, Tunnel};

/// The priority of what may wait for everything else; a session has 0, and what goes ahead of it more.
const LAST: i32 = -1;

/// What a connection goes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// QUIC, on UDP.
    Quic,
    /// TLS on TCP.
    Tcp,
    /// TLS on TCP, through an HTTP proxy.
    Proxy,
}

impl Via {
    /// As programs are told.
    pub fn word(self) -> &'static str {
        match self {
            Self::Quic => "quic",
            Self::Tcp => "tcp",
            Self::Proxy => "proxy",
        }
    }
}

/// Why a connection is no more.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Ended {
    /// QUIC's reason.
    #[error(transparent)]
    Quic(#[from] quinn::ConnectionError),
    /// Nothing came over TCP for too long. Usual cause: the line was cut.
    #[error("nothing has come for {seconds} s")]
    Silent {
        /// How long.
        seconds: u64,
    },
    /// The TCP connection failed. Usual cause: the other end's process ended.
    #[error("TCP failed: {0}")]
    Tcp(String),
    /// Both ends have finished, or this one has closed.
    #[error("closed")]
    Closed,
    /// A connection over TCP has one stream only. A fault of this program.
    #[error("this connection's stream is in use")]
    Taken,
}

impl Ended {
    /// Whether the line fell silent, rather than that somebody ended the connection.
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::Quic(quinn::ConnectionError::TimedOut) | Self::Silent { .. })
    }
}

/// A connection whose other end has proven to hold the key `key`; closed when the last copy and its stream's ends are dropped.
#[derive(Clone)]
pub struct Peer {
    /// The other end's Ed25519 public key.
    pub key: [u8; 32],
    connection: Connection,
}

#[derive(Clone)]
enum Connection {
    Quic(quinn::Connection, Arc<Roam>),
    Tcp(Tunnel),
}

/// The way out of a stream.
pub enum Sender {
    /// On QUIC.
    Quic(quinn::SendStream),
    /// On TCP.
    Tcp(Outward),
}

/// The way in of a stream.
pub enum Receiver {
    /// On QUIC.
    Quic(quinn::RecvStream),
    /// On TCP.
    Tcp(Inward),
}

impl Peer {
    pub(crate) fn over_quic(
        connection: quinn::Connection,
        roam: Arc<Roam>,
    ) -> Result<Self, EndpointError> {
        Ok(Self::known(Self::key_over_quic(&connection)?, connection, roam))
    }

    /// The other end of a connection whose handshake is under way, known by what it was given before.
    pub(crate) fn known(key: [u8; 32], connection: quinn::Connection, roam: Arc<Roam>) -> Self {
        Self { key, connection: Connection::Quic(connection, roam) }
    }

    /// The key by which the other end is known.
    pub(crate) fn key_over_quic(connection: &quinn::Connection) -> Result<[u8; 32], EndpointError> {
        let shown = connection.peer_identity().ok_or(EndpointError::NoKey)?;
        let shown =
            shown.downcast::<Vec<CertificateDer<'static>>>().map_err(|_| EndpointError::NoKey)?;
        tls::only_key(&shown)
    }

    pub(crate) fn over_tcp(key: [u8; 32], tunnel: Tunnel) -> Self {
        Self { key, connection: Connection::Tcp(tunnel) }
    }

    /// What it goes over.
    pub fn via(&self) -> Via {
        match &self.connection {
            Connection::Quic(..) => Via::Quic,
            Connection::Tcp(tunnel) => tunnel.via(),
        }
    }

    /// Where the other end of a connection over QUIC is now.
    #[cfg(test)]
    pub(crate) fn remote_address(&self) -> Option<std::net::SocketAddr> {
        match &self.connection {
            Connection::Quic(connection, _) => Some(connection.remote_address()),
            Connection::Tcp(_) => None,
        }
    }

    /// The other end is one of ours, and may send more before it is read than whoever calls.
    pub fn trust(&self) {
        if let Connection::Quic(connection, _) = &self.connection {
            connection.set_receive_window(VarInt::from_u32(CONNECTION_BYTES_MAX));
        }
    }

    /// Begins the session's stream.
    pub async fn open(&self) -> Result<(Sender, Receiver), Ended> {
        match &self.connection {
            Connection::Quic(connection, _) => {
                let (send, receive) = connection.open_bi().await?;
                Ok((Sender::Quic(send), Receiver::Quic(receive)))
            }
            Connection::Tcp(tunnel) => tunnel.stream(),
        }
    }

    /// The stream that the other end begins; over QUIC only once something has come on it.
    pub async fn accept(&self) -> Result<(Sender, Receiver), Ended> {
        match &self.connection {
            Connection::Quic(connection, _) => {
                let (send, receive) = connection.accept_bi().await?;
                Ok((Sender::Quic(send), Receiver::Quic(receive)))
            }
            Connection::Tcp(tunnel) => tunnel.stream(),
        }
    }

    /// Begins a stream of one direction beside the session's, whose words go before those of streams with a lower `rank`; the
    /// session has 0, and streams of one rank take turns. Nothing over TCP, which has one stream only.
    pub async fn open_ahead(&self, rank: u8) -> Result<Option<Sender>, Ended> {
        match &self.connection {
            Connection::Quic(connection, _) => {
                let send = connection.open_uni().await?;
                // An error says that the stream is over.
                let _ = send.set_priority(i32::from(rank));
                Ok(Some(Sender::Quic(send)))
            }
            Connection::Tcp(_) => Ok(None),
        }
    }

    /// The next stream that the other end begins beside the session's; never over TCP.
    pub async fn accept_ahead(&self) -> Result<Receiver, Ended> {
        match &self.connection {
            Connection::Quic(connection, _) => Ok(Receiver::Quic(connection.accept_uni().await?)),
            Connection::Tcp(_) => std::future::pending().await,
        }
    }

    /// Ends the connection at once; what was not sent yet is dropped.
    pub fn close(&self) {
        match &self.connection {
            Connection::Quic(connection, _) => connection.close(VarInt::from_u32(0), b""),
            Connection::Tcp(tunnel) => tunnel.close(),
        }
    }

    /// Waits for its end.
    pub async fn closed(&self) -> Ended {
        match &self.connection {
            Connection::Quic(connection, _) => connection.closed().await.into(),
            Connection::Tcp(tunnel) => tunnel.closed().await,
        }
    }

    /// Ends when the line is dead, and says for how many seconds it has been; to be watched beside the stream. Before that, a client
    /// whose words are not answered speaks from another port. A stream on TCP notices by itself and fails with the cause.
    pub async fn silent(&self) -> u64 {
        match &self.connection {
            Connection::Quic(connection, roam) => {
                silence::watch(connection, || roam.unanswered()).await
            }
            Connection::Tcp(_) => std::future::pending().await,
        }
    }
}

impl Sender {
    /// Everything else on the same connection goes before what is sent here, as soon as there is something else.
    pub fn retire(&self) {
        if let Self::Quic(send) = self {
            // An error says that the stream is over.
            let _ = send.set_priority(LAST);
        }
    }

    /// Says that nothing more comes, and waits until the other end has all of it or is gone.
    pub async fn finish(&mut self) {
        match self {
            Self::Quic(send) => {
                if send.finish().is_ok() {
                    // An error says that the other end is gone.
                    let _ = send.stopped().await;
                }
            }
            Self::Tcp(send) => {
                if send.shutdown().await.is_ok() {
                    send.closed().await;
                }
            }
        }
    }
}

impl AsyncWrite for Sender {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Quic(send) => AsyncWrite::poll_write(Pin::new(send), context, bytes),
            Self::Tcp(send) => Pin::new(send).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Quic(send) => Pin::new(send).poll_flush(context),
            Self::Tcp(send) => Pin::new(send).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Quic(send) => Pin::new(send).poll_shutdown(context),
            Self::Tcp(send) => Pin::new(send).poll_shutdown(context),
        }
    }
}

impl Receiver {
    /// Whether the stream was begun before the handshake was complete.
    pub fn is_early(&self) -> bool {
        matches!(self, Self::Quic(receive) if receive.is_0rtt())
    }
}

impl AsyncRead for Receiver {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Quic(receive) => AsyncRead::poll_read(Pin::new(receive), context, buffer),
            Self::Tcp(receive) => Pin::new(receive).poll_read(context, buffer),
        }
    }
}
