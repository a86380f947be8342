//! Keeps one session with the relay: connects, hands messages over both ways, notices silence, tries again.
//!
//! ```text
//! Offline ──► Connecting ──► Connected ──► Offline …    a pause between tries, longer each time, never equal twice
//! ```
//!
//! Incoming messages wait while the driver is busy, so a slow disk slows the relay and fills no memory.

use super::beside::Beside;
use super::opening::Opening;
use super::ways::{Standing, Ways};
use super::{NetError, Stream, read_message, write_message};
use crate::clock::Clock;
use azalea_core::id::Timestamp;
use azalea_core::sync::message::Message;
use azalea_transport::peer::{Peer, Receiver, Sender, Via};
use rand::RngExt;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// A session that stood for so long is one that the relay wanted.
const WANTED: Duration = Duration::from_secs(16);
const PAUSE_MS: u64 = 300;
/// A line that is back is noticed within this time.
const PAUSE_MS_MAX: u64 = 8_000;

/// What the link tells the driver, in the order in which it happened.
#[derive(Debug)]
pub enum LinkEvent {
    /// A session stands or is about to; its messages go into this sender.
    Connected(mpsc::UnboundedSender<Outgoing>),
    /// The relay said something.
    Received(Message),
    /// The session is over.
    Disconnected,
}

/// What the driver wants done with the session.
#[derive(Debug)]
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
        /// What it goes over.
        via: Via,
    },
}

/// Keeps the session until the driver is gone; `line` shows the connection that it has, for what goes beside it.
pub async fn keep(
    mut ways: Ways,
    driver: mpsc::Sender<LinkEvent>,
    state: watch::Sender<LinkState>,
    line: watch::Sender<Option<Beside>>,
    clock: Clock,
) {
    let mut failures = 0;
    let mut last_stood = None;
    let mut better = None;
    while !driver.is_closed() {
        let mut opening = Opening::new(&driver);
        let connected = match better.take() {
            Some(peer) => Ok(Standing::new(peer)),
            None => {
                state.send_replace(LinkState::Connecting);
                ways.connect_saying(&mut opening).await
            }
        };
        let mut stood = Duration::ZERO;
        let ended = match connected {
            Err(error) => {
                if opening.was_asked() && driver.send(LinkEvent::Disconnected).await.is_err() {
                    return;
                }
                Err(error)
            }
            Ok(Standing { peer, stream }) => {
                let via = peer.via();
                state.send_replace(LinkState::Connected { since: clock.now(), via });
                line.send_replace(Some(ways.beside(&peer)));
                tracing::info!(via = via.word(), "connected to the relay");
                let since = Instant::now();
                let ended = tokio::select! {
                    ended = session(&peer, stream, opening, &driver) => ended,
                    found = ways.better(via) => {
                        better = Some(found);
                        Ok(())
                    }
                };
                stood = since.elapsed();
                last_stood = Some(clock.now());
                line.send_replace(None);
                ways.ended(via, stood, &ended);
                peer.close();
                if driver.send(LinkEvent::Disconnected).await.is_err() {
                    return;
                }
                ended
            }
        };
        // The session moves: what was under way on the old one is said again on the new one.
        if better.is_some() {
            tracing::info!("UDP passes again");
            continue;
        }
        let cause = match ended {
            Ok(()) => "the session was ended".to_owned(),
            Err(error) => error.to_string(),
        };
        tracing::info!(cause, "no connection to the relay");
        state.send_replace(LinkState::Offline { since: last_stood, cause });
        // A session that ends as soon as it stands is one that the relay does not want.
        failures = if stood >= WANTED { 0 } else { failures + 1 };
        tokio::select! {
            () = sleep(pause(failures)) => {}
            () = driver.closed() => return,
        }
    }
}

async fn session(
    peer: &Peer,
    stream: Option<Stream>,
    mut opening: Opening<'_>,
    driver: &mpsc::Sender<LinkEvent>,
) -> Result<(), NetError> {
    let stream = match (stream, opening.words().await) {
        (_, None) => return Ok(()),
        (Some(stream), Some(_)) => stream,
        (None, Some(first)) => Stream::begin(peer, first).await?,
    };
    let Stream { send, receive } = stream;
    let Some(queue) = opening.into_rest() else { return Ok(()) };
    tokio::select! {
        ended = speak(send, queue) => ended,
        ended = listen(receive, driver) => ended,
        ended = listen_ahead(peer, driver) => ended,
        seconds = peer.silent() => Err(NetError::Stalled { seconds }),
    }
}

async fn speak(
    mut send: Sender,
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

async fn listen(mut receive: Receiver, driver: &mpsc::Sender<LinkEvent>) -> Result<(), NetError> {
    while let Some(message) = read_message(&mut receive).await? {
        if driver.send(LinkEvent::Received(message)).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Listens to the streams on which comes what does not wait for its place. Of the connection's end the session's own stream tells,
/// after all that was said on it; this ends only with what is no message.
async fn listen_ahead(peer: &Peer, driver: &mpsc::Sender<LinkEvent>) -> Result<(), NetError> {
    let mut streams = JoinSet::new();
    loop {
        tokio::select! {
            Ok(receive) = peer.accept_ahead() => {
                let driver = driver.clone();
                streams.spawn(async move { listen(receive, &driver).await });
            }
            Some(Ok(Err(error @ NetError::Message(_)))) = streams.join_next() => return Err(error),
            else => std::future::pending().await,
        }
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

    #[test]
    fn pauses_grow_to_a_limit_and_differ() {
        let pauses: Vec<u64> = (0..20).map(|it| pause(it).as_millis() as u64).collect();
        assert!(pauses[0] <= PAUSE_MS && pauses.iter().all(|ms| *ms <= PAUSE_MS_MAX));
        assert!(pauses[19] >= PAUSE_MS_MAX / 2);
    }
}
