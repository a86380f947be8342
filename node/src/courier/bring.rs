//! Bringing: offers what the relay may lack, and gives it the runs that it asks for.

use azalea_core::blob::message::{Message, Refusal, ShelfId};
use azalea_core::blob::{Outboard, Placed, Run};
use std::sync::Arc;
use std::time::Duration;

use super::{RoundError, on_disk, refused, text_settles};
use crate::blobs::Way;
use crate::net::beside::{Beside, BlobStream};
use crate::node::Node;

/// A stream is kept waiting for text no longer than this: the relay ends one that says nothing for 90 s.
const TEXT_MAX: Duration = Duration::from_secs(60);
/// Nothing is under way: text may take as long as it takes.
const TEXT_ALL: Duration = Duration::from_secs(24 * 60 * 60);

/// Brings whatever there is to bring.
pub(super) async fn round(node: &Arc<Node>, beside: &Beside) -> Result<(), RoundError> {
    // A facility that has none of its own has nothing to ask the relay either.
    if !holds_own(node).await? {
        return Ok(());
    }
    text_settles(node, TEXT_ALL).await?;
    let mut stream = beside.open().await?;
    let relay = begin(&mut stream).await?;
    node.transfers.relay_has(relay);
    loop {
        let looking = node.clone();
        let mut list = on_disk(move || looking.errands()).await??.to_bring;
        list.retain(|of| !node.transfers.is_paused(Way::There, of));
        if list.is_empty() {
            return Ok(());
        }
        for of in list {
            text_settles(node, TEXT_MAX).await?;
            let in_hand = node.transfers.take_up(Way::There, of);
            let brought = bring(node, &mut stream, of).await;
            drop(in_hand);
            match brought? {
                Ok(()) => {
                    let shelf = node.shelf.clone();
                    on_disk(move || shelf.brought(&of, relay)).await??;
                    node.transfers.done(Way::There, &of);
                }
                Err(why) => node.transfers.pause(Way::There, of, Some(why)),
            }
        }
    }
}

/// Whether any attachment here belongs to a chart of ours.
async fn holds_own(node: &Arc<Node>) -> Result<bool, RoundError> {
    let looking = node.clone();
    Ok(on_disk(move || looking.has_own_attachments()).await??)
}

/// Learns which shelf the relay has.
async fn begin(stream: &mut BlobStream) -> Result<ShelfId, RoundError> {
    stream.say(&Message::Open).await?;
    match stream.hear().await? {
        Message::Shelf(shelf) => Ok(shelf),
        _ => Err(RoundError::OutOfTurn),
    }
}

async fn bring(
    node: &Arc<Node>,
    stream: &mut BlobStream,
    of: Placed,
) -> Result<Result<(), Refusal>, RoundError> {
    let shelf = node.shelf.clone();
    let outboard = Arc::new(on_disk(move || shelf.outboard(&of)).await??);
    stream.say(&Message::Offer(of)).await?;
    loop {
        let message = stream.hear().await?;
        match message {
            Message::Whole => return Ok(Ok(())),
            Message::Ask { of: asked, run } if asked == of => {
                text_settles(node, TEXT_MAX).await?;
                let answer = slice(node, of, outboard.clone(), run).await?;
                let bytes = match &answer {
                    Message::Slice { slice, .. } => slice.len() as u64,
                    _ => 0,
                };
                stream.say(&answer).await?;
                node.transfers.moved(Way::There, bytes);
            }
            message => return refused(&message).map(Err).ok_or(RoundError::OutOfTurn),
        }
    }
}

/// A run with its proof; no longer here where its chunks have rotted.
async fn slice(
    node: &Arc<Node>,
    of: Placed,
    outboard: Arc<Outboard>,
    run: Run,
) -> Result<Message, RoundError> {
    let shelf = node.shelf.clone();
    match on_disk(move || shelf.slice(&of, &outboard, run)).await? {
        Ok(slice) => Ok(Message::Slice { run, slice }),
        Err(error) => {
            tracing::error!(blob = %of.blob.id(), %error, "an attachment cannot be brought");
            Ok(Message::Refused(Refusal::NotHere))
        }
    }
}
