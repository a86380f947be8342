//! Fetching: run by run, each proven before it is kept.

use azalea_core::blob::message::{Message, Refusal};
use azalea_core::blob::shelf::ShelfError;
use azalea_core::blob::{Fetch, Placed, Run, Stride};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::time::Instant;

use super::{RoundError, on_disk, refused};
use crate::blobs::{HoldError, Way};
use crate::net::beside::{Beside, BlobStream};
use crate::node::Node;

/// How the fetch of one blob ended.
enum Outcome {
    /// All of it is here.
    Whole,
    /// The relay does not give it, or gave something else.
    Refused(Refusal),
    /// Somebody waits for another one.
    Yields,
}

/// Fetches whatever there is to fetch.
pub(super) async fn round(node: &Arc<Node>, beside: &Beside) -> Result<(), RoundError> {
    let mut stream = None;
    loop {
        let looking = node.clone();
        let list = on_disk(move || looking.errands()).await??.to_fetch;
        let mut list: VecDeque<Placed> =
            list.into_iter().filter(|of| !node.transfers.is_paused(Way::Here, of)).collect();
        if list.is_empty() && node.transfers.next_wanted().is_none() {
            return Ok(());
        }
        while let Some(of) = node.transfers.next_wanted().or_else(|| list.pop_front()) {
            let stream = match &mut stream {
                Some(stream) => stream,
                none => none.insert(beside.open().await?),
            };
            let in_hand = node.transfers.take_up(Way::Here, of);
            let fetched = fetch(node, stream, of).await;
            drop(in_hand);
            match fetched? {
                Outcome::Whole => node.transfers.done(Way::Here, &of),
                Outcome::Refused(why) => node.transfers.pause(Way::Here, of, Some(why)),
                Outcome::Yields => {}
            }
        }
    }
}

async fn fetch(
    node: &Arc<Node>,
    stream: &mut BlobStream,
    of: Placed,
) -> Result<Outcome, RoundError> {
    let shelf = node.shelf.clone();
    let Some(mut fetch) = on_disk(move || shelf.begin(&of)).await?? else {
        return Ok(Outcome::Whole);
    };
    let mut stride = Stride::default();
    while let Some(run) = fetch.ask(stride.chunks()) {
        let asked = Instant::now();
        stream.say(&Message::Ask { of, run }).await?;
        let slice = match stream.hear().await? {
            Message::Slice { run: came, slice } if came == run => slice,
            message => return refused(&message).map(Outcome::Refused).ok_or(RoundError::OutOfTurn),
        };
        let (kept, back) = keep(node, of, fetch, run, slice).await?;
        fetch = back;
        match kept {
            Kept::Yes => {}
            Kept::WholeAlready => return Ok(Outcome::Whole),
            Kept::Unproven => return Ok(Outcome::Refused(Refusal::Unproven)),
        }
        stride.took(u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX));
        if node.transfers.is_another_wanted(&of) {
            return Ok(Outcome::Yields);
        }
    }
    let (shelf, relay) = (node.shelf.clone(), node.transfers.relay());
    let finished = on_disk(move || {
        shelf.finish(&of)?;
        // What came from there need not be offered there.
        relay.map_or(Ok(()), |relay| shelf.brought(&of, relay))
    });
    match finished.await? {
        Ok(()) => Ok(Outcome::Whole),
        // Its chunks have rotted meanwhile, or they proved themselves under a length that is not the blob's: not at once again.
        Err(HoldError::Shelf(error @ (ShelfError::Other | ShelfError::NotHere))) => {
            tracing::warn!(blob = %of.blob.id(), %error, "an attachment that came is put away");
            Ok(Outcome::Refused(Refusal::Unproven))
        }
        Err(error) => Err(error.into()),
    }
}

enum Kept {
    Yes,
    WholeAlready,
    Unproven,
}

/// Proves a slice and makes it durable.
async fn keep(
    node: &Arc<Node>,
    of: Placed,
    mut fetch: Fetch,
    run: Run,
    slice: Vec<u8>,
) -> Result<(Kept, Fetch), RoundError> {
    let node = node.clone();
    let kept = on_disk(move || {
        let bytes = match fetch.arrived(run, &slice) {
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::warn!(blob = %of.blob.id(), %error, "what came of an attachment is not it");
                return Ok((Kept::Unproven, fetch));
            }
        };
        let kept = match node.shelf.keep(&of, &mut fetch, run, &bytes)? {
            true => Kept::Yes,
            false => Kept::WholeAlready,
        };
        node.transfers.moved(Way::Here, bytes.len() as u64);
        Ok((kept, fetch))
    });
    kept.await?
}
