//! From UDP to the engine: accepts connections, turns frames into messages and back. What a message means is
//! the mailbox's business.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use azalea_core::identity::PublicKey;
use azalea_core::sync::message::{Goodbye, Message, VERSION};
use azalea_core::wire::{Wire, WireError};
use azalea_transport::endpoint::{Endpoint, Incoming, Peer};
use azalea_transport::frames::{read_frame, write_frame};
use quinn::{RecvStream, SendStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use crate::engine::{Engine, Outgoing};
use crate::mailbox::SessionId;

/// Connections at once.
const CONNECTIONS_MAX: usize = 4_096;
/// From this many on, a caller must show that it receives at its address before anything else.
const TRUSTING_MAX: usize = 256;
/// A handshake that takes longer is given up.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// A frame that takes longer to go out is given up: 4 MiB at a quarter of a megabit a second.
const WRITE: Duration = Duration::from_secs(150);
/// How long a goodbye may take to arrive.
const GOODBYE: Duration = Duration::from_secs(2);

/// Accepts connections until the endpoint is closed.
pub async fn listen(endpoint: Endpoint, engine: Engine) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let sessions = AtomicU64::new(0);
    while let Some(incoming) = endpoint.accept().await {
        if !incoming.is_validated() && places.available_permits() + TRUSTING_MAX < CONNECTIONS_MAX {
            incoming.retry();
            continue;
        }
        let Ok(place) = places.clone().try_acquire_owned() else {
            incoming.refuse();
            continue;
        };
        let session = SessionId(sessions.fetch_add(1, Ordering::Relaxed));
        let engine = engine.clone();
        tokio::spawn(async move {
            serve(incoming, session, &engine).await;
            drop(place);
        });
    }
}

async fn serve(incoming: Incoming, session: SessionId, engine: &Engine) {
    let peer = match timeout(HANDSHAKE, incoming.establish()).await {
        Ok(Ok(peer)) => peer,
        Ok(Err(error)) => return tracing::debug!(%error, "a handshake failed"),
        Err(_) => return tracing::debug!("a handshake took too long"),
    };
    let key = PublicKey::from_bytes(peer.key);
    let device = key.device_id();
    tracing::debug!(session = session.0, %device, "connected");
    let Ok(outgoing) = engine.opened(session, key).await else { return };
    converse(&peer, session, engine, outgoing).await;
    let _ = engine.closed(session).await;
    peer.connection.close(0_u32.into(), b"");
    tracing::debug!(session = session.0, %device, "disconnected");
}

/// One stream carries the session; whichever direction ends first ends it.
async fn converse(
    peer: &Peer,
    session: SessionId,
    engine: &Engine,
    mut outgoing: mpsc::UnboundedReceiver<Outgoing>,
) {
    let streams = tokio::select! {
        streams = peer.connection.accept_bi() => streams,
        // The mailbox says goodbye to those who say nothing.
        _ = outgoing.recv() => return,
    };
    let Ok((mut send, mut receive)) = streams else { return };
    let ended = tokio::select! {
        goodbye = hear(&mut receive, session, engine) => goodbye,
        goodbye = speak(&mut send, &mut outgoing) => goodbye,
    };
    if let Some(goodbye) = ended {
        let said = async {
            let bytes = Message::Goodbye(goodbye).to_bytes();
            if write_frame(&mut send, &bytes).await.is_ok() && send.finish().is_ok() {
                let _ = send.stopped().await;
            }
        };
        let _ = timeout(GOODBYE, said).await;
    }
}

/// Hands messages to the engine. Returns the goodbye that the other end's last message deserves.
async fn hear(receive: &mut RecvStream, session: SessionId, engine: &Engine) -> Option<Goodbye> {
    loop {
        let frame = match read_frame(receive).await {
            Ok(Some(frame)) => frame,
            Ok(None) => return None,
            Err(error) => {
                tracing::debug!(session = session.0, %error, "a session's stream ended");
                return None;
            }
        };
        match Message::from_bytes(&frame) {
            Ok(message) => engine.received(session, message).await.ok()?,
            Err(WireError::Version { .. }) => return Some(Goodbye::Version { ours: VERSION }),
            Err(error) => {
                tracing::warn!(session = session.0, %error, "a frame that is no message");
                return Some(Goodbye::Protocol);
            }
        }
    }
}

async fn speak(
    send: &mut SendStream,
    outgoing: &mut mpsc::UnboundedReceiver<Outgoing>,
) -> Option<Goodbye> {
    loop {
        match outgoing.recv().await? {
            Outgoing::Goodbye(goodbye) => return Some(goodbye),
            Outgoing::Message(message) => {
                let written = timeout(WRITE, write_frame(send, &message.to_bytes())).await;
                written.ok()?.ok()?;
            }
        }
    }
}
