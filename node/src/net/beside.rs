//! What goes beside the session with the relay: streams for attachments, which text does not wait for.
//!
//! ```text
//! session over QUIC    a stream of the same connection, behind everything else on it
//! session over TCP     a connection of its own, since there each has one stream
//! ```

use super::NetError;
use super::ways::{RelayTarget, fits};
use azalea_core::blob::message::Message;
use azalea_core::wire::{Wire, limits};
use azalea_transport::endpoint::Endpoint;
use azalea_transport::frames::{read_frame_within, write_frame};
use azalea_transport::peer::{Peer, Receiver, Sender, Via};
use std::time::Duration;
use tokio::time::timeout;

/// A relay that says nothing for so long has forgotten us: the largest slice takes as long at a tenth of a megabit a second.
const IDLE: Duration = Duration::from_secs(90);

/// The connection of a session that stands, and how to make another one.
#[derive(Clone)]
pub struct Beside {
    peer: Peer,
    endpoint: Endpoint,
    target: RelayTarget,
}

/// One stream of attachments.
pub struct BlobStream {
    send: Sender,
    receive: Receiver,
    /// The stream's own connection, over TCP; it ends with the stream.
    own: Option<Peer>,
}

impl Beside {
    pub(super) fn new(peer: Peer, endpoint: Endpoint, target: RelayTarget) -> Self {
        Self { peer, endpoint, target }
    }

    /// What the session goes over.
    pub fn via(&self) -> Via {
        self.peer.via()
    }

    /// Opens a stream.
    pub async fn open(&self) -> Result<BlobStream, NetError> {
        let opened = async {
            let own = match self.peer.via() {
                Via::Quic => None,
                Via::Tcp | Via::Proxy => {
                    let fits = fits(self.target.relay);
                    Some(self.endpoint.connect_tcp(&self.target.tcp, fits).await?)
                }
            };
            let (send, receive) = own.as_ref().unwrap_or(&self.peer).open().await?;
            send.retire();
            Ok(BlobStream { send, receive, own })
        };
        within(opened).await
    }
}

impl BlobStream {
    /// Says something.
    pub async fn say(&mut self, message: &Message) -> Result<(), NetError> {
        let written = async { Ok(write_frame(&mut self.send, &message.to_bytes()).await?) };
        within(written).await
    }

    /// What the relay says next; an end of the stream is a line that was cut.
    pub async fn hear(&mut self) -> Result<Message, NetError> {
        let read = async { Ok(read_frame_within(&mut self.receive, || FRAME_MAX).await?) };
        let frame = within(read).await?.ok_or(NetError::Cut)?;
        Ok(Message::from_bytes(&frame)?)
    }
}

impl Drop for BlobStream {
    fn drop(&mut self) {
        if let Some(own) = &self.own {
            own.close();
        }
    }
}

/// The longest message: a slice and what stands before it.
const FRAME_MAX: usize = limits::BLOB_SLICE.max + 64;

async fn within<T>(work: impl Future<Output = Result<T, NetError>>) -> Result<T, NetError> {
    let stalled = NetError::Stalled { seconds: IDLE.as_secs() };
    timeout(IDLE, work).await.unwrap_or(Err(stalled))
}
