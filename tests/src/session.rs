//! A member's session with the relay, without a node: its real keys and the real protocol, in the hands of a story.

use azalea_core::id::Timestamp;
use azalea_core::identity::{Identity, SigningKeypair};
use azalea_core::sync::message::{Bytes, Goodbye, Hello, Message, Refusal, Welcome};
use azalea_core::wire::Wire;
use azalea_node::config::{DataDir, Secrets};
use azalea_node::serve::read_identity;
use azalea_transport::endpoint::{Caller, Endpoint, EndpointError, Met};
use azalea_transport::frames::{read_frame, write_frame};
use azalea_transport::peer::{Peer, Receiver, Sender};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::timeout;

use crate::{Node, Relay};

/// The time.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    Timestamp(u64::try_from(since.as_millis()).expect("a moment"))
}

/// The keys of a facility that has joined.
pub fn identity(node: &Node) -> Identity {
    let dir = DataDir::new(node.dir());
    let secrets = Secrets::load(&dir.secrets(), None).expect("keys without a passphrase");
    read_identity(&secrets).expect("keys")
}

/// The relay's own key, for whoever has taken it over.
pub fn relay_seed(relay: &Relay) -> [u8; 32] {
    let digits = std::fs::read_to_string(relay.dir().join("keys/device.key")).expect("a key");
    let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(digits.trim().as_bytes()).expect("hex");
    bytes.try_into().expect("32 bytes")
}

/// A member that comes back again and again, and to whom the relay has given what it takes to speak early.
pub struct Returning {
    endpoint: Endpoint,
    caller: Caller,
}

impl Returning {
    /// It has not been there yet.
    pub fn new(who: &Identity, relay: &[u8; 32]) -> Self {
        let endpoint = Endpoint::client(&who.device.seed()).expect("an endpoint");
        let relay = Endpoint::client(relay).expect("an endpoint").key();
        let caller = endpoint.caller(move |key| *key == relay).expect("a caller");
        Self { endpoint, caller }
    }

    /// Connects and says something once the handshake is complete.
    pub async fn call(&self, address: SocketAddr, first: &Message) -> Session {
        let peer = self.caller.call(address).await.expect("a connection");
        self.say(peer, first).await
    }

    /// Connects and says something before the handshake is complete, and again where it was not heard; whether it was.
    pub async fn call_early(&self, address: SocketAddr, first: &Message) -> (Session, bool) {
        let met = self.caller.call_early(address).await.expect("a way");
        let Met::Early(peer, unproven) = met else { panic!("no ticket") };
        let session = self.say(peer.clone(), first).await;
        match unproven.proven().await.expect("a connection") {
            true => (session, true),
            false => (self.say(peer, first).await, false),
        }
    }

    async fn say(&self, peer: Peer, first: &Message) -> Session {
        let (send, receive) = peer.open().await.expect("a stream");
        let mut session = Session { send, receive, peer, _endpoint: self.endpoint.clone() };
        session.say(first).await;
        session
    }
}

/// One session in a member's name.
pub struct Session {
    send: Sender,
    receive: Receiver,
    peer: Peer,
    _endpoint: Endpoint,
}

impl Session {
    /// Connects.
    pub async fn open(who: &Identity, address: SocketAddr, relay: &[u8; 32]) -> Self {
        Self::try_open_as(&who.device, address, relay).await.expect("a connection")
    }

    /// Connects as whoever holds a key, a member or not, where that may fail.
    pub async fn try_open_as(
        key: &SigningKeypair,
        address: SocketAddr,
        relay: &[u8; 32],
    ) -> Result<Self, EndpointError> {
        let endpoint = Endpoint::client(&key.seed())?;
        let key = Endpoint::client(relay)?.key();
        let peer = endpoint.connect(address, &key).await?;
        let (send, receive) = peer.open().await.expect("a stream");
        Ok(Self { send, receive, peer, _endpoint: endpoint })
    }

    /// Whether the connection stands.
    pub async fn is_open(&self) -> bool {
        timeout(Duration::ZERO, self.peer.closed()).await.is_err()
    }

    /// Ends the connection.
    pub fn close(&self) {
        self.peer.close();
    }

    /// Says something.
    pub async fn say(&mut self, message: &Message) {
        write_frame(&mut self.send, &message.to_bytes()).await.expect("the relay listens");
    }

    /// What the relay says next.
    pub async fn hear(&mut self) -> Message {
        let frame = read_frame(&mut self.receive).await.expect("a line").expect("a message");
        Message::from_bytes(&frame).expect("a message")
    }

    /// Begins, and takes the whole feed.
    pub async fn whole_feed(&mut self, who: &Identity) -> (Welcome, Vec<Vec<u8>>) {
        let device = who.device_id();
        let hello = Hello { network: who.network, device, cursor: None, want_own: true, at: now() };
        self.say(&Message::Hello(hello)).await;
        let Message::Welcome(welcome) = self.hear().await else { panic!("no welcome") };
        let mut envelopes = Vec::new();
        let mut position = welcome.position;
        while position < welcome.end {
            if let Message::Feed { items, .. } = self.hear().await {
                position = items.last().map_or(position, |item| item.position);
                envelopes.extend(items.into_iter().map(|item| item.envelope.0));
                // Unconfirmed, no more would come than a slow line's worth.
                self.say(&Message::Seen { position }).await;
            }
        }
        (welcome, envelopes)
    }

    /// Pushes one envelope; what the relay says to it.
    pub async fn push(&mut self, envelope: Vec<u8>) -> Result<(), Option<Refusal>> {
        self.say(&Message::Push(vec![Bytes(envelope)])).await;
        loop {
            match self.hear().await {
                Message::Taken { stored, refused } if !stored.is_empty() => {
                    assert!(refused.is_empty());
                    return Ok(());
                }
                Message::Taken { mut refused, .. } => return Err(refused.pop()),
                Message::Goodbye(Goodbye::Protocol) => return Err(None),
                Message::Goodbye(other) => panic!("{other:?}"),
                _ => {}
            }
        }
    }
}
