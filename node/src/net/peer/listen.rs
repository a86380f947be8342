//! Being called by other nodes.

use super::{Exchange, ExchangeError, Local, PARTING, begin};
use crate::net::{NetError, Stream};
use azalea_core::identity::PublicKey;
use azalea_core::sync::message::Goodbye;
use azalea_core::sync::peer::{Message, Role};
use azalea_core::wire::Wire;
use azalea_transport::endpoint::{Endpoint, Incoming};
use azalea_transport::frames::write_frame;
use azalea_transport::peer::Peer;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Sessions at once; each may hold a set of prints over all scopes that two facilities share.
const SESSIONS_MAX: usize = 4;
/// Callers whose handshake is under way or who are being sent away.
const CALLERS_MAX: usize = 32;
/// From this many on, a caller must show that it receives at its address before anything else.
const TRUSTING_MAX: usize = 8;
/// A handshake that takes longer is given up, and so is a caller who says nothing after it.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// When a caller who found us busy should try again.
const BUSY_MS: u32 = 30_000;

/// Answers callers until the endpoint is closed.
pub async fn listen(endpoint: Endpoint, local: Local) {
    let callers = Arc::new(Semaphore::new(CALLERS_MAX));
    let sessions = Arc::new(Semaphore::new(SESSIONS_MAX));
    while let Some(incoming) = endpoint.accept().await {
        if !incoming.is_validated() && callers.available_permits() + TRUSTING_MAX < CALLERS_MAX {
            incoming.retry();
            continue;
        }
        let Ok(place) = callers.clone().try_acquire_owned() else {
            incoming.refuse();
            continue;
        };
        let (local, sessions) = (local.clone(), sessions.clone());
        tokio::spawn(async move {
            answer(incoming, &local, &sessions).await;
            drop(place);
        });
    }
}

async fn answer(incoming: Incoming, local: &Local, sessions: &Semaphore) {
    let peer = match timeout(HANDSHAKE, incoming.establish()).await {
        Ok(Ok(peer)) => peer,
        Ok(Err(error)) => return tracing::debug!(%error, "a handshake failed"),
        Err(_) => return tracing::debug!("a handshake took too long"),
    };
    let with = PublicKey::from_bytes(peer.key).device_id();
    match converse(&peer, local, sessions).await {
        Ok(()) => {}
        Err(error) => {
            tracing::info!(device = %with, %error, "a session with another node did not finish")
        }
    }
    // The caller closes; where it does not, we do.
    let _ = timeout(PARTING, peer.closed()).await;
    peer.close();
}

async fn converse(peer: &Peer, local: &Local, sessions: &Semaphore) -> Result<(), ExchangeError> {
    let with = PublicKey::from_bytes(peer.key).device_id();
    let opened = timeout(HANDSHAKE, peer.accept()).await;
    let silent = NetError::Stalled { seconds: HANDSHAKE.as_secs() };
    let (send, receive) = opened
        .map_err(|_| ExchangeError::Cut(silent))?
        .map_err(|error| ExchangeError::Cut(error.into()))?;
    let stream = Stream { send, receive };
    let Ok(_place) = sessions.try_acquire() else {
        return part(stream, Goodbye::Busy { retry_after_ms: BUSY_MS }, ExchangeError::Busy).await;
    };
    let session = match begin(local, with, Role::Answerer).await {
        Ok(session) => session,
        Err(ExchangeError::Peer(error)) => {
            let goodbye = Goodbye::NotAdmitted(error.not_admitted());
            return part(stream, goodbye, error.into()).await;
        }
        Err(error) => return Err(error),
    };
    peer.trust();
    let exchanged = tokio::select! {
        exchanged = Exchange::new(local, with, session).run(stream, |_| {}) => exchanged?,
        seconds = peer.silent() => {
            return Err(ExchangeError::Cut(NetError::Stalled { seconds }));
        }
    };
    let summary = exchanged.summary;
    tracing::info!(
        device = %with, sent = summary.sent, received = summary.received, "in step with another node"
    );
    Ok(())
}

/// Says why there is no session, and ends with that.
async fn part(
    mut stream: Stream,
    goodbye: Goodbye,
    why: ExchangeError,
) -> Result<(), ExchangeError> {
    let said = async {
        let bytes = Message::Goodbye(goodbye).to_bytes();
        if write_frame(&mut stream.send, &bytes).await.is_ok() {
            stream.send.finish().await;
        }
    };
    let _ = timeout(PARTING, said).await;
    Err(why)
}
