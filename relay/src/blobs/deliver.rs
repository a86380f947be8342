//! Taking a blob that somebody offers: asks for what is missing, run by run, and keeps what proves itself.

use std::sync::atomic::Ordering;
use std::time::Instant;

use azalea_core::blob::message::{Message, Refusal};
use azalea_core::blob::shelf::{self, ShelfError};
use azalea_core::blob::{Fetch, Placed, Run, Stride};
use azalea_core::storage::{Batch, Store};
use azalea_core::wire::limits;
use tokio::task::spawn_blocking;

use super::serve::{Ended, Stream};
use crate::clock;
use crate::mailbox::BlobWish;

impl Stream<'_> {
    /// Takes all of a blob; `Ok` once all of it is on the disk.
    pub(super) async fn take(&mut self, of: Placed) -> Result<Result<(), Refusal>, Ended> {
        if let Err(why) = self.may_bring(of, 0).await? {
            return Ok(Err(why));
        }
        let Some(_taking) = self.blobs.take_up(of) else { return Ok(Err(Refusal::Busy)) };
        let mut fetch = match self.begin(of).await? {
            Ok(Some(fetch)) => fetch,
            Ok(None) => return Ok(Ok(())),
            Err(error) => return Ok(Err(refusal(&of, &error))),
        };
        let mut stride = Stride::default();
        while let Some(run) = fetch.ask(stride.chunks()) {
            let asked = Instant::now();
            self.say(&Message::Ask { of, run }).await?;
            match self.hear(limits::FRAME.max).await? {
                Some(Message::Slice { run: came, slice }) if came == run => {
                    if let Err(why) = self.keep(of, &mut fetch, run, &slice).await? {
                        return Ok(Err(why));
                    }
                }
                // It has nothing more of it; what came stays for the next time.
                Some(Message::Refused(why)) => return Ok(Err(why)),
                None => return Err(Ended("cut in a delivery".into())),
                Some(_) => return Ok(Err(Refusal::Unproven)),
            }
            stride.took(u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX));
        }
        self.finish(of).await
    }

    async fn may_bring(&self, of: Placed, bytes: u64) -> Result<Result<(), Refusal>, Ended> {
        let wish = BlobWish::Bring { scope: of.scope, bytes };
        Ok(self.blobs.engine.blob_wish(self.device, wish).await?)
    }

    /// What is missing; nothing where all of it is here.
    async fn begin(&self, of: Placed) -> Result<Result<Option<Fetch>, ShelfError>, Ended> {
        let store = self.blobs.store.clone();
        let begin = move || {
            let snapshot = store.snapshot()?;
            match shelf::is_whole(&snapshot, &of)? {
                true => Ok(None),
                false => shelf::fetch(&snapshot, &of).map(Some),
            }
        };
        Ok(spawn_blocking(begin).await?)
    }

    /// Proves a slice and makes it durable.
    async fn keep(
        &self,
        of: Placed,
        fetch: &mut Fetch,
        run: Run,
        slice: &[u8],
    ) -> Result<Result<(), Refusal>, Ended> {
        if let Err(why) = self.may_bring(of, slice.len() as u64).await? {
            return Ok(Err(why));
        }
        let bytes = match fetch.arrived(run, slice) {
            Ok(bytes) => bytes,
            Err(error) => {
                let device = self.device;
                tracing::warn!(%device, %error, "what was brought of an attachment is not it");
                return Ok(Err(Refusal::Unproven));
            }
        };
        let batch = shelf::stored(&of, fetch, run, &bytes, clock::now());
        if let Err(error) = self.commit(batch).await? {
            return Ok(Err(refusal(&of, &error)));
        }
        fetch.stored(run);
        self.blobs.counters.bytes_in.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(Ok(()))
    }

    async fn finish(&self, of: Placed) -> Result<Result<(), Refusal>, Ended> {
        let store = self.blobs.store.clone();
        let tree = move || shelf::finished(&store.snapshot()?, &of, clock::now());
        let finished = match spawn_blocking(tree).await? {
            Ok(batch) => self.commit(batch).await?,
            // Its rows have rotted on the way: it is begun anew the next time it is offered.
            Err(error @ (ShelfError::Other | ShelfError::NotHere)) => {
                tracing::error!(blob = %of.blob.id(), %error, "an attachment is put away");
                let _ = self.commit(shelf::dropped(&of)).await?;
                Err(error)
            }
            Err(error) => Err(error),
        };
        if let Err(error) = finished {
            return Ok(Err(refusal(&of, &error)));
        }
        self.blobs.counters.taken.fetch_add(1, Ordering::Relaxed);
        Ok(Ok(()))
    }

    async fn commit(&self, batch: Batch) -> Result<Result<(), ShelfError>, Ended> {
        let mut store = self.blobs.store.clone();
        Ok(spawn_blocking(move || store.commit(&batch)).await?.map_err(ShelfError::from))
    }
}

fn refusal(of: &Placed, error: &ShelfError) -> Refusal {
    match error {
        // The chunks were proven one by one: the length is not the blob's.
        ShelfError::Other => Refusal::Unproven,
        error => {
            tracing::error!(blob = %of.blob.id(), %error, "an attachment cannot be taken");
            Refusal::Busy
        }
    }
}
