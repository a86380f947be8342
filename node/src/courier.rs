//! Brings the attachments that were sealed here to the relay, and fetches those that records refer to, beside the session and
//! behind it.
//!
//! ```text
//!            ┌─ fetch ─ what somebody waits for, then what is small or was begun ─► asks run by run, proves, keeps, asks on
//! line ──────┤
//!            └─ bring ─ once text is up to date ─ offers, gives the runs that the relay asks for
//! ```
//!
//! One of each at a time, so that a slow line is not shared out among many. What stops in the middle goes on behind the last chunk
//! that the receiving disk has.

mod bring;
mod errands;
mod fetch;
mod tidy;

pub use errands::{Amount, AttachmentsStatus, Errands};
pub use tidy::tidy;

use azalea_core::blob::message::{Message, Refusal};
use azalea_core::replica::RelayStatus;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::blobs::{HoldError, Way};
use crate::net::NetError;
use crate::net::beside::Beside;
use crate::node::Node;

/// Attachments of up to so many bytes come without anybody asking for them, unless the settings say otherwise.
pub const UNASKED_BYTES_MAX: u64 = 1 << 20;
/// How soon a stream that failed is opened again where the session stands all the same.
const PAUSE: Duration = Duration::from_secs(2);
/// Without any news it is looked this often whether there is something to do.
const IDLE: Duration = Duration::from_secs(60);
/// How often it is looked whether text is up to date.
const LOOK: Duration = Duration::from_millis(250);

/// Why a round with the relay ended early.
#[derive(Debug, thiserror::Error)]
enum RoundError {
    /// The line, or what came over it.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The disk here.
    #[error(transparent)]
    Hold(#[from] HoldError),
    /// Something that does not belong where it was said.
    #[error("the relay said something that does not belong there")]
    OutOfTurn,
    /// Text goes before, and there is much of it.
    #[error("text goes before")]
    Text,
    /// The node is stopping.
    #[error("the node is stopping")]
    Stopping,
}

/// Does both until the link to the relay is given up.
pub async fn run(node: Arc<Node>, line: watch::Receiver<Option<Beside>>) {
    tokio::join!(keep(Way::Here, node.clone(), line.clone()), keep(Way::There, node, line),);
}

/// Goes on with one way for as long as there is a link.
async fn keep(way: Way, node: Arc<Node>, mut line: watch::Receiver<Option<Beside>>) {
    let mut referred = node.handle().referred();
    loop {
        if line.wait_for(Option::is_some).await.is_err() {
            return;
        }
        // Seen from here on: a line that changes during the round is looked at again at once.
        let Some(beside) = line.borrow_and_update().clone() else { continue };
        referred.mark_unchanged();
        let round = match way {
            Way::Here => fetch::round(&node, &beside).await,
            Way::There => bring::round(&node, &beside).await,
        };
        let next = match round {
            Ok(()) => {
                let later = Instant::now() + IDLE;
                node.transfers.next_try(way).map_or(later, |next| next.min(later))
            }
            Err(error) => {
                tracing::debug!(?way, %error, "a round of attachments ended early");
                Instant::now() + PAUSE
            }
        };
        tokio::select! {
            () = sleep_until(next) => {}
            changed = line.changed() => if changed.is_err() { return },
            changed = referred.changed() => if changed.is_err() { return },
            () = node.transfers.wanted(), if way == Way::Here => {}
        }
    }
}

/// Whether the relay has all text of ours, and we all that it has for us.
fn text_is_settled(node: &Node) -> bool {
    let shown = node.handle().shown();
    shown.status.relay == RelayStatus::CaughtUp && shown.status.unsent == 0
}

/// Waits until text is up to date; for so long at most.
async fn text_settles(node: &Node, patience: Duration) -> Result<(), RoundError> {
    let end = Instant::now() + patience;
    while !text_is_settled(node) {
        if Instant::now() >= end {
            return Err(RoundError::Text);
        }
        sleep(LOOK).await;
    }
    Ok(())
}

/// Has the disk do something, off the async threads.
async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, RoundError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| RoundError::Stopping)
}

/// The relay's word that it does not do something now.
fn refused(message: &Message) -> Option<Refusal> {
    match message {
        Message::Refused(why) => Some(*why),
        _ => None,
    }
}
