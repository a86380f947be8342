//! One stream of blobs, from its first frame to its end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use azalea_core::blob::message::{Message, Refusal};
use azalea_core::blob::shelf::{self, ShelfError};
use azalea_core::blob::{Outboard, Placed, Run};
use azalea_core::id::DeviceId;
use azalea_core::wire::Wire;
use azalea_transport::frames::{read_frame_within, write_frame};
use azalea_transport::peer::{Receiver, Sender};
use tokio::time::timeout;

use super::Blobs;
use crate::mailbox::BlobWish;

/// A stream on which nothing is asked for so long is ended; its place is somebody else's. A slice on its way may take so long too:
/// the largest at a tenth of a megabit a second.
const IDLE: Duration = Duration::from_secs(90);

/// What asks or offers is short; only a slice that was asked for is not.
const WISH_MAX: usize = 4 << 10;

/// A stream, and what is known of its other end.
pub(super) struct Stream<'a> {
    pub(super) blobs: &'a Blobs,
    pub(super) device: DeviceId,
    pub(super) send: Sender,
    pub(super) receive: Receiver,
    /// The tree of the blob that is being fetched.
    serving: Option<(Placed, Arc<Outboard>)>,
}

/// The stream has ended, or is to end. The cause is for the log of whoever looks closely.
pub(super) struct Ended(pub(super) String);

impl<E: std::error::Error> From<E> for Ended {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

impl Blobs {
    /// Serves a stream whose first frame is `first`.
    pub async fn serve(&self, device: DeviceId, send: Sender, receive: Receiver, first: Vec<u8>) {
        let mut stream = Stream { blobs: self, device, send, receive, serving: None };
        // Places are for members: anybody can make a key and call.
        let Ok(begins) = self.engine.blob_wish(device, BlobWish::Begin).await else { return };
        let place = begins.and_then(|()| self.places.take(device).ok_or(Refusal::Busy));
        let _place = match place {
            Ok(place) => place,
            Err(why) => {
                let _ = stream.say(&stream.refusal(why)).await;
                return stream.send.finish().await;
            }
        };
        if let Err(Ended(cause)) = stream.run(first).await {
            tracing::debug!(%device, cause, "a stream of attachments ended");
        }
    }
}

impl Stream<'_> {
    async fn run(&mut self, first: Vec<u8>) -> Result<(), Ended> {
        let mut next = Some(Message::from_bytes(&first)?);
        while let Some(message) = next {
            match message {
                Message::Open => self.say(&Message::Shelf(self.blobs.id)).await?,
                Message::Ask { of, run } => {
                    let answer = match self.slice(of, run).await? {
                        Ok(slice) => Message::Slice { run, slice },
                        Err(why) => self.refusal(why),
                    };
                    self.say(&answer).await?;
                }
                Message::Offer(of) => {
                    let answer = match self.take(of).await? {
                        Ok(()) => Message::Whole,
                        Err(why) => self.refusal(why),
                    };
                    self.say(&answer).await?;
                }
                Message::Shelf(_)
                | Message::Slice { .. }
                | Message::Whole
                | Message::Refused(_) => {
                    return Err(Ended("a message that does not belong here".into()));
                }
            }
            next = self.hear(WISH_MAX).await?;
        }
        Ok(())
    }

    pub(super) async fn say(&mut self, message: &Message) -> Result<(), Ended> {
        timeout(IDLE, write_frame(&mut self.send, &message.to_bytes())).await??;
        Ok(())
    }

    /// The next message, which has no reason to be longer than `max` bytes.
    pub(super) async fn hear(&mut self, max: usize) -> Result<Option<Message>, Ended> {
        let read = read_frame_within(&mut self.receive, || max);
        let Some(frame) = timeout(IDLE, read).await?? else { return Ok(None) };
        Ok(Some(Message::from_bytes(&frame)?))
    }

    fn refusal(&self, why: Refusal) -> Message {
        self.blobs.counters.refused.fetch_add(1, Ordering::Relaxed);
        Message::Refused(why)
    }

    /// A run that may be fetched, with its proof.
    async fn slice(&mut self, of: Placed, run: Run) -> Result<Result<Vec<u8>, Refusal>, Ended> {
        // Asked again for each run: whoever is put out in the middle gets nothing more.
        let allowed = self.blobs.engine.blob_wish(self.device, BlobWish::Fetch(of.scope)).await?;
        if let Err(why) = allowed {
            return Ok(Err(why));
        }
        let tree = self.serving.take().filter(|(serving, _)| *serving == of).map(|(_, tree)| tree);
        let store = self.blobs.store.clone();
        let read = move || -> Result<_, ShelfError> {
            let snapshot = store.snapshot()?;
            let tree = match tree {
                Some(tree) => tree,
                None => Arc::new(shelf::outboard(&snapshot, &of)?),
            };
            let slice = shelf::slice(&snapshot, &of, &tree, run)?;
            Ok((tree, slice))
        };
        Ok(match tokio::task::spawn_blocking(read).await? {
            Ok((tree, slice)) => {
                self.serving = Some((of, tree));
                let bytes = slice.len() as u64;
                self.blobs.counters.bytes_out.fetch_add(bytes, Ordering::Relaxed);
                Ok(slice)
            }
            Err(ShelfError::NotHere) => Err(Refusal::NotHere),
            Err(error) => {
                tracing::error!(blob = %of.blob.id(), %error, "an attachment cannot be served");
                Err(Refusal::Busy)
            }
        })
    }
}
