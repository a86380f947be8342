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
const CONNECT_SECONDS: u64 = 6;
/// The transport shows signs of life every 10 s, so silence for longer than this is no silence but a dead line.
const STALL_SECONDS: u64 = 16;
/// Something that was sent is answered within a few round trips, also over a satellite.
const UNANSWERED_SECONDS: u64 = 4;
const SETTLE_SECONDS: u64 = 2;
const CHECK_SECONDS: u64 = 1;
const PAUSE_MS: u64 = 300;
/// A line that is back is noticed within this time.
const PAUSE_MS_MAX: u64 = 8_000;

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

/// Ends when the line is dead: nothing has come back for what was sent, or nothing has come at all for longer still.
/// The transport's own timeout is longer than a person's patience.
pub(super) async fn watch_for_silence(peer: &Peer) -> Result<(), NetError> {
    let mut checks = interval(Duration::from_secs(CHECK_SECONDS));
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut silence = Silence::new(Instant::now());
    loop {
        let now = checks.tick().await;
        let stats = peer.connection.stats();
        if let Some(seconds) = silence.look(now, stats.udp_tx.datagrams, stats.udp_rx.datagrams) {
            return Err(NetError::Stalled { seconds });
        }
    }
}

/// What is known of a silent line.
struct Silence {
    heard: Instant,
    received: u64,
    sent: u64,
    /// Since when something is under way that the other end would have acknowledged.
    unanswered: Option<Instant>,
}

impl Silence {
    fn new(now: Instant) -> Self {
        Self { heard: now, received: 0, sent: 0, unanswered: None }
    }

    /// Takes in the counts of datagrams; says for how long the line has been dead, once it counts as that.
    fn look(&mut self, now: Instant, sent: u64, received: u64) -> Option<u64> {
        let sent_more = std::mem::replace(&mut self.sent, sent) != sent;
        if std::mem::replace(&mut self.received, received) != received {
            (self.heard, self.unanswered) = (now, None);
            return None;
        }
        let silent = now.duration_since(self.heard);
        // Right after something was received, what we send may be a bare acknowledgement, which nobody answers.
        if sent_more && silent >= Duration::from_secs(SETTLE_SECONDS) {
            self.unanswered.get_or_insert(now);
        }
        let unanswered = self.unanswered.map_or(Duration::ZERO, |since| now.duration_since(since));
        let dead = silent >= Duration::from_secs(STALL_SECONDS)
            || unanswered >= Duration::from_secs(UNANSWERED_SECONDS);
        dead.then_some(silent.as_secs())
    }
}

/// Longer after each failure, and spread out, so that a region whose power returns does not knock all at once.
fn pause(failures: u32) -> Duration {
    let full = PAUSE_MS.saturating_mul(1 << failures.min(10)).min(PAUSE_MS_MAX);
    Duration::from_millis(rand::rng().random_range(full / 2..=full))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line looked at once a second: what was sent and received by then, and when it counts as dead.
    fn check(counts: &[(u64, u64)], dead_at: Option<usize>) {
        let start = Instant::now();
        let mut silence = Silence::new(start);
        let found = counts.iter().enumerate().position(|(second, (sent, received))| {
            silence.look(start + Duration::from_secs(second as u64), *sent, *received).is_some()
        });
        assert_eq!(found, dead_at);
    }

    #[test]
    fn a_quiet_line_is_alive_and_an_unanswered_one_is_not() {
        // Nothing to say for ten seconds, then a sign of life that is answered.
        let mut quiet = vec![(5, 5); 10];
        quiet.extend([(6, 5), (6, 6), (6, 6)]);
        check(&quiet, None);
        // Received, acknowledged, and then nothing: no reason to hang up.
        check(&[(5, 5), (5, 6), (6, 6), (6, 6), (6, 6), (6, 6), (6, 6), (6, 6), (6, 6)], None);
        // Sent again and again without an answer.
        check(&[(5, 5), (5, 5), (6, 5), (7, 5), (7, 5), (8, 5), (8, 5), (8, 5)], Some(6));
        // Not even our own signs of life go out.
        check(&[(5, 5); 20], Some(16));
    }

    #[test]
    fn pauses_grow_to_a_limit_and_differ() {
        let pauses: Vec<u64> = (0..20).map(|it| pause(it).as_millis() as u64).collect();
        assert!(pauses[0] <= PAUSE_MS && pauses.iter().all(|ms| *ms <= PAUSE_MS_MAX));
        assert!(pauses[19] >= PAUSE_MS_MAX / 2);
    }
}
