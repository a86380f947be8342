//! Keeps one session with the relay: connects, hands messages over both ways, notices silence, tries again.
//!
//! ```text
//! Offline ──► Connecting ──► Connected ──► Offline …    a pause between tries, longer each time, never equal twice
//! ```
//!
//! Incoming messages wait while the driver is busy, so a slow disk slows the relay and fills no memory.

use super::{NetError, Stream, read_message, resolve, write_message};
use crate::clock::Clock;
use azalea_core::id::{DeviceId, Timestamp};
use azalea_core::identity::PublicKey;
use azalea_core::sync::message::Message;
use azalea_transport::endpoint::{Endpoint, Peer};
use rand::RngExt;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

/// A handshake takes a round trip or two; a line that needs longer than this is down.
const CONNECT_SECONDS: u64 = 8;
/// The transport shows signs of life every 10 s, so silence for longer than this is no silence but a dead line.
const STALL_SECONDS: u64 = 16;
const CHECK_SECONDS: u64 = 2;
const PAUSE_MS: u64 = 300;
/// A line that is back is noticed within this time.
const PAUSE_MS_MAX: u64 = 15_000;

/// What the link tells the driver, in the order in which it happened.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one lives at a time, on its way through a short queue"
)]
pub enum LinkEvent {
    /// A session stands; its messages go into this sender.
    Connected(mpsc::UnboundedSender<Outgoing>),
    /// The relay said something.
    Received(Message),
    /// The session is over.
    Disconnected,
}

/// What the driver wants done with the session.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all of them are messages")]
pub enum Outgoing {
    /// Say this.
    Message(Message),
    /// End it.
    Hangup,
}

/// How the line is, for the screens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkState {
    /// No relay is configured, or the last try failed.
    Offline {
        /// Since when; `None` where no session has stood since the start.
        since: Option<Timestamp>,
        /// Why, for the operator; no patient data.
        cause: String,
    },
    /// On the way.
    Connecting,
    /// A session stands.
    Connected {
        /// Since when.
        since: Timestamp,
    },
}

/// Where the relay is and how it proves that it is the one.
#[derive(Debug, Clone)]
pub struct RelayTarget {
    /// `HOST:PORT`.
    pub address: String,
    /// The fingerprint of its key.
    pub relay: DeviceId,
}

/// Keeps the session until the driver is gone.
pub async fn keep(
    endpoint: Endpoint,
    target: RelayTarget,
    driver: mpsc::Sender<LinkEvent>,
    state: watch::Sender<LinkState>,
    clock: Clock,
) {
    let mut failures = 0;
    let mut last_stood = None;
    while !driver.is_closed() {
        state.send_replace(LinkState::Connecting);
        let mut stood = Duration::ZERO;
        let ended = match timeout(Duration::from_secs(CONNECT_SECONDS), connect(&endpoint, &target))
            .await
        {
            Err(_) => Err(NetError::Stalled { seconds: CONNECT_SECONDS }),
            Ok(Err(error)) => Err(error),
            Ok(Ok((peer, stream))) => {
                state.send_replace(LinkState::Connected { since: clock.now() });
                tracing::info!("connected to the relay");
                let since = Instant::now();
                let ended = session(&peer, stream, &driver).await;
                stood = since.elapsed();
                last_stood = Some(clock.now());
                peer.connection.close(0_u32.into(), b"");
                if driver.send(LinkEvent::Disconnected).await.is_err() {
                    return;
                }
                ended
            }
        };
        let cause = match ended {
            Ok(()) => "the session was ended".to_owned(),
            Err(error) => error.to_string(),
        };
        tracing::info!(cause, "no connection to the relay");
        state.send_replace(LinkState::Offline { since: last_stood, cause });
        // A session that ends as soon as it stands is one that the relay does not want.
        failures = if stood >= Duration::from_secs(STALL_SECONDS) { 0 } else { failures + 1 };
        tokio::select! {
            () = sleep(pause(failures)) => {}
            () = driver.closed() => return,
        }
    }
}

async fn connect(endpoint: &Endpoint, target: &RelayTarget) -> Result<(Peer, Stream), NetError> {
    let mut last = None;
    for address in resolve(&target.address).await? {
        match connect_to(endpoint, address, target.relay).await {
            Ok(connected) => return Ok(connected),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or(NetError::Stalled { seconds: 0 }))
}

pub(super) async fn connect_to(
    endpoint: &Endpoint,
    address: std::net::SocketAddr,
    relay: DeviceId,
) -> Result<(Peer, Stream), NetError> {
    let fits = move |key: &[u8; 32]| PublicKey::from_bytes(*key).device_id() == relay;
    let peer = endpoint.connect_fitting(address, fits).await?;
    let stream = Stream::open(&peer).await?;
    Ok((peer, stream))
}

async fn session(
    peer: &Peer,
    stream: Stream,
    driver: &mpsc::Sender<LinkEvent>,
) -> Result<(), NetError> {
    let (outgoing, queue) = mpsc::unbounded_channel();
    if driver.send(LinkEvent::Connected(outgoing)).await.is_err() {
        return Ok(());
    }
    let Stream { send, receive } = stream;
    tokio::select! {
        ended = speak(send, queue) => ended,
        ended = listen(receive, driver) => ended,
        ended = watch_for_silence(peer) => ended,
    }
}

async fn speak(
    mut send: quinn::SendStream,
    mut queue: mpsc::UnboundedReceiver<Outgoing>,
) -> Result<(), NetError> {
    while let Some(next) = queue.recv().await {
        match next {
            Outgoing::Message(message) => write_message(&mut send, &message).await?,
            Outgoing::Hangup => break,
        }
    }
    Ok(())
}

async fn listen(
    mut receive: quinn::RecvStream,
    driver: &mpsc::Sender<LinkEvent>,
) -> Result<(), NetError> {
    while let Some(message) = read_message(&mut receive).await? {
        if driver.send(LinkEvent::Received(message)).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Ends when nothing at all has arrived for a while: the transport's own timeout is longer than a person's patience.
async fn watch_for_silence(peer: &Peer) -> Result<(), NetError> {
    let mut checks = interval(Duration::from_secs(CHECK_SECONDS));
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = (0, Instant::now());
    loop {
        let now = checks.tick().await;
        let datagrams = peer.connection.stats().udp_rx.datagrams;
        if datagrams != heard.0 {
            heard = (datagrams, now);
        } else if now.duration_since(heard.1) >= Duration::from_secs(STALL_SECONDS) {
            return Err(NetError::Stalled { seconds: STALL_SECONDS });
        }
    }
}

/// Longer after each failure, and spread out, so that a region whose power returns does not knock all at once.
fn pause(failures: u32) -> Duration {
    let full = PAUSE_MS.saturating_mul(1 << failures.min(10)).min(PAUSE_MS_MAX);
    Duration::from_millis(rand::rng().random_range(full / 2..=full))
}
