//! The node's way to the relay and to other nodes: sessions over QUIC or TCP, kept up and given up; what is said on them is the core's
//! business.

pub mod beside;
pub mod enrol;
pub mod nearby;
mod opening;
pub mod peer;
pub mod relay_link;
pub mod ways;

use azalea_core::sync::message::Message;
use azalea_core::wire::{Wire, WireError};
use azalea_transport::endpoint::EndpointError;
use azalea_transport::frames::{self, FrameError};
use azalea_transport::peer::{Ended, Peer, Receiver, Sender};
use std::io;
use std::net::SocketAddr;

/// Why there is no session, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The name has no address. Usual cause: no line, so no name service either.
    #[error("no address for {address}: {source}")]
    Resolve {
        /// `HOST:PORT`.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// No connection. Usual causes: no line, nobody who listens there, a firewall that drops UDP.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Neither way to the relay is open.
    #[error("over UDP: {udp}; over TCP: {tcp}")]
    NoWay {
        /// Why QUIC does not stand.
        udp: Box<NetError>,
        /// Why TLS on TCP does not.
        tcp: Box<NetError>,
    },
    /// The connection ended.
    #[error("the connection ended: {0}")]
    Connection(#[from] Ended),
    /// A frame was cut or too long.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A frame that is no message. Usual cause: another version at the other end.
    #[error("what came is no message: {0}")]
    Message(#[from] WireError),
    /// The other end has ended a stream in the middle. Usual cause: the line was cut.
    #[error("the stream was ended in the middle")]
    Cut,
    /// Nothing came for too long.
    #[error("nothing has come for {seconds} s")]
    Stalled {
        /// How long.
        seconds: u64,
    },
}

/// The addresses of `HOST:PORT`, as the system's resolver has them now.
async fn resolve(address: &str) -> Result<Vec<SocketAddr>, NetError> {
    let failed = |source| NetError::Resolve { address: address.to_owned(), source };
    let found: Vec<_> = tokio::net::lookup_host(address).await.map_err(failed)?.collect();
    match found.is_empty() {
        true => Err(failed(io::ErrorKind::NotFound.into())),
        false => Ok(found),
    }
}

/// One session's stream: whole messages each way.
struct Stream {
    send: Sender,
    receive: Receiver,
}

impl Stream {
    /// The node opens the session's one stream; the relay answers on it.
    async fn open(peer: &Peer) -> Result<Self, NetError> {
        let (send, receive) = peer.open().await?;
        Ok(Self { send, receive })
    }

    /// As [`Stream::open`], saying the first message.
    async fn begin(peer: &Peer, first: &Message) -> Result<Self, NetError> {
        let mut stream = Self::open(peer).await?;
        write_message(&mut stream.send, first).await?;
        Ok(stream)
    }
}

async fn write_message(send: &mut Sender, message: &Message) -> Result<(), NetError> {
    Ok(frames::write_frame(send, &message.to_bytes()).await?)
}

/// The next message; `None` where the other end finished.
async fn read_message(receive: &mut Receiver) -> Result<Option<Message>, NetError> {
    match frames::read_frame(receive).await? {
        Some(frame) => Ok(Some(Message::from_bytes(&frame)?)),
        None => Ok(None),
    }
}
