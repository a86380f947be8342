//! negentropy: which of two sides lacks what, by ranges; nothing else.
//!
//! An item is the hash of a document's newest state. It keeps nothing on a disk, signs nothing and carries no content, so it is
//! here for the reconciliation alone: both sides hold their sorted items in memory before the clock starts.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use negentropy::{Id, Negentropy as Protocol, NegentropyStorageVector};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::data::{Dataset, Record};
use crate::party::{Held, Party, Ticket, Took, Wanted};

/// The largest answer, in bytes: as good as none.
const UNLIMITED: u64 = 0;

/// One set.
pub struct Negentropy {
    items: Vec<Id>,
}

impl Party for Negentropy {
    async fn open(_: &Path, _: Value) -> Result<Self> {
        Ok(Self { items: Vec::new() })
    }

    async fn fill(&mut self, data: Dataset) -> Result<()> {
        let mut items = Vec::new();
        data.each(|document| {
            items.extend(document.changes.iter().flatten().map(item));
        });
        self.items = items;
        Ok(())
    }

    async fn change(&mut self, data: Dataset, round: u32) -> Result<()> {
        for number in data.changed(round) {
            self.items[number] = item(&data.later(number, round));
        }
        Ok(())
    }

    async fn serve(&mut self) -> Result<Ticket> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let sealed = sealed(&self.items)?;
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let _ = socket.set_nodelay(true);
                let Ok(mut protocol) = Protocol::borrowed(&sealed, UNLIMITED) else { return };
                while let Ok(query) = read(&mut socket).await {
                    let Ok(answer) = protocol.reconcile(&query) else { break };
                    if write(&mut socket, &answer).await.is_err() {
                        break;
                    }
                }
            }
        });
        Ok(Ticket { address, more: Value::Null })
    }

    async fn fetch(&mut self, from: &Ticket, wanted: Wanted) -> Result<Took> {
        let sealed = sealed(&self.items)?;
        let before = Instant::now();
        let mut socket = TcpStream::connect(from.address).await?;
        socket.set_nodelay(true)?;
        let mut protocol = Protocol::borrowed(&sealed, UNLIMITED)?;
        let (mut have, mut need) = (Vec::new(), Vec::new());
        let mut next = Some(protocol.initiate()?);
        while let Some(query) = next {
            write(&mut socket, &query).await?;
            let answer = read(&mut socket).await?;
            next = protocol.reconcile_with_ids(&answer, &mut have, &mut need)?;
        }
        let took = before.elapsed();
        if let Wanted::Round(data, round) | Wanted::Strangers(data, round) = wanted {
            let later = |number| item(&data.later(number, round));
            let all = data.changed(round).into_iter().map(later).all(|it| need.contains(&it));
            ensure!(all, "found {} of what differs", need.len());
        }
        Ok(Took::seconds(took.as_secs_f64()))
    }

    async fn follow(&mut self, _: &Ticket) -> Result<()> {
        anyhow::bail!("it carries no changes")
    }

    async fn write(&mut self, _: u32) -> Result<()> {
        anyhow::bail!("it carries no changes")
    }

    async fn seen(&mut self, _: u32) -> Result<()> {
        anyhow::bail!("it carries no changes")
    }

    async fn count(&mut self, _: Dataset) -> Result<Held> {
        Ok(Held { documents: self.items.len(), parts: self.items.len() })
    }

    async fn close(self) -> Result<()> {
        Ok(())
    }
}

fn item(record: &Record) -> Id {
    Id::from_byte_array(*blake3::hash(record.bytes()).as_bytes())
}

fn sealed(items: &[Id]) -> Result<NegentropyStorageVector> {
    let mut storage = NegentropyStorageVector::with_capacity(items.len());
    items.iter().try_for_each(|id| storage.insert(0, *id))?;
    storage.seal()?;
    Ok(storage)
}

async fn write(socket: &mut TcpStream, message: &[u8]) -> Result<()> {
    let mut frame = u32::try_from(message.len()).context("a short message")?.to_be_bytes().to_vec();
    frame.extend_from_slice(message);
    Ok(socket.write_all(&frame).await?)
}

async fn read(socket: &mut TcpStream) -> Result<Vec<u8>> {
    let mut message = vec![0; socket.read_u32().await? as usize];
    socket.read_exact(&mut message).await?;
    Ok(message)
}
