//! Speaking before a handshake is complete: who comes again, to a server that has given it a ticket, says its first words in its first flight.
//!
//! What is said so early may be a copy that somebody else sends, until the handshake is complete: only who holds the ticket's
//! secret completes it. And it may not be heard at all, where the server does not know the ticket any more.
//!
//! ```text
//! client ──[ticket, first words]──► server          the words may be a copy: answered, and nothing is done
//!        ◄──[handshake, answer]──                   the client knows the server by the ticket's secret
//!        ──[handshake]──►                           the server knows that the words are the client's
//! ```

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use quinn::ZeroRttAccepted;

use super::{Endpoint, EndpointError, SERVER_NAME};
use crate::peer::Peer;

/// Whoever is at the other end.
pub enum Met {
    /// The handshake is complete.
    Whole(Peer),
    /// It is not: by the ticket this is who it was before.
    Early(Peer, Unproven),
}

/// A handshake that is under way.
pub struct Unproven {
    connection: quinn::Connection,
    ended: ZeroRttAccepted,
    key: [u8; 32],
}

/// One server that is called again and again; what it gave for coming back returns to it alone.
#[derive(Clone)]
pub struct Caller {
    endpoint: Endpoint,
    config: quinn::ClientConfig,
    /// The key that it has proven to hold.
    known: Arc<Mutex<Option<[u8; 32]>>>,
}

impl Unproven {
    /// Waits for the end of the handshake. At a client, whether what was said before it is heard; where it is not, all streams that
    /// were opened are gone.
    pub async fn proven(self) -> Result<bool, EndpointError> {
        let is_heard = self.ended.await;
        if let Some(reason) = self.connection.close_reason() {
            return Err(reason.into());
        }
        // Said once more because everything after relies on it.
        match Peer::key_over_quic(&self.connection)? == self.key {
            true => Ok(is_heard),
            false => Err(EndpointError::NoKey),
        }
    }
}

impl Caller {
    pub(super) fn new(endpoint: Endpoint, config: quinn::ClientConfig) -> Self {
        Self { endpoint, config, known: Arc::default() }
    }

    /// Calls it at `addr`, and waits until the handshake is complete.
    pub async fn call(&self, addr: SocketAddr) -> Result<Peer, EndpointError> {
        let calling = self.endpoint.quic.connect_with(self.config.clone(), addr, SERVER_NAME)?;
        self.finish(calling, addr).await
    }

    /// Calls it at `addr`; where it has given a ticket, does not wait for the handshake.
    pub async fn call_early(&self, addr: SocketAddr) -> Result<Met, EndpointError> {
        let calling = self.endpoint.quic.connect_with(self.config.clone(), addr, SERVER_NAME)?;
        let known = *self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(key) = known else { return self.finish(calling, addr).await.map(Met::Whole) };
        match calling.into_0rtt() {
            Ok((connection, ended)) => {
                self.endpoint.roam.call(addr);
                let peer = Peer::known(key, connection.clone(), self.endpoint.roam.clone());
                Ok(Met::Early(peer, Unproven { connection, ended, key }))
            }
            Err(calling) => self.finish(calling, addr).await.map(Met::Whole),
        }
    }

    async fn finish(
        &self,
        calling: quinn::Connecting,
        addr: SocketAddr,
    ) -> Result<Peer, EndpointError> {
        self.endpoint.roam.call(addr);
        let peer = Peer::over_quic(calling.await?, self.endpoint.roam.clone())?;
        // One server has one key: tickets of two would be mixed up.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match *known.get_or_insert(peer.key) == peer.key {
            true => Ok(peer),
            false => Err(EndpointError::NoKey),
        }
    }
}

/// Meets a caller as early as its key is known.
pub(super) async fn meet(incoming: quinn::Incoming) -> Result<Met, EndpointError> {
    let calling = incoming.accept()?;
    // A server's side always gives the connection.
    let (connection, ended) = match calling.into_0rtt() {
        Ok(early) => early,
        Err(calling) => return Peer::over_quic(calling.await?, Arc::default()).map(Met::Whole),
    };
    match Peer::key_over_quic(&connection) {
        Ok(key) => {
            let peer = Peer::known(key, connection.clone(), Arc::default());
            Ok(Met::Early(peer, Unproven { connection, ended, key }))
        }
        // Nobody is known by a ticket: the key comes with the handshake.
        Err(_) => {
            ended.await;
            match connection.close_reason() {
                None => Peer::over_quic(connection, Arc::default()).map(Met::Whole),
                Some(reason) => Err(reason.into()),
            }
        }
    }
}
