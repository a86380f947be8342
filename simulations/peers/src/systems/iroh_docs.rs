//! iroh-docs: signed entries in one replica, reconciled by ranges over QUIC, their values fetched as blobs.
//!
//! An entry is one change, or one document where documents have a single change. Entries are signed and the line is encrypted;
//! values are not encrypted at rest, and its stores do not fsync each of them. What is missing is found anew at each sync:
//! it keeps no cursor.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use futures::{Stream, StreamExt};
use iroh::endpoint::presets;
use iroh::protocol::Router;
use iroh::{Endpoint, EndpointAddr, EndpointId, SecretKey, TransportAddr};
use iroh_blobs::Hash;
use iroh_blobs::store::fs::FsStore;
use iroh_docs::api::Doc;
use iroh_docs::api::protocol::{AddrInfoOptions, ShareMode};
use iroh_docs::engine::LiveEvent;
use iroh_docs::protocol::Docs;
use iroh_docs::store::Query;
use iroh_docs::{AuthorId, ContentStatus, DocTicket};
use iroh_gossip::net::Gossip;
use serde_json::{Value, json};

use crate::data::{Change, Dataset};
use crate::party::{Held, Party, Ticket, Took, Wanted};

/// A sync of which nothing more is heard for so long does not come to an end.
const SILENCE: Duration = Duration::from_secs(30);

type Events = Pin<Box<dyn Stream<Item = Result<LiveEvent>> + Send>>;

/// One node.
pub struct IrohDocs {
    dir: PathBuf,
    docs: Docs,
    blobs: FsStore,
    router: Router,
    author: AuthorId,
    doc: Option<Doc>,
    events: Option<Events>,
    arrived: Arrived,
}

/// What has come; a sync that broke off and is begun again does not tell it a second time.
#[derive(Default)]
struct Arrived {
    inserted: HashSet<Hash>,
    ready: HashSet<Hash>,
    /// Values that are still to come.
    open: HashSet<Hash>,
}

impl Party for IrohDocs {
    async fn open(dir: &Path, options: Value) -> Result<Self> {
        let secret = kept_secret(dir)?;
        // It looks for paths of its own and would soon go past the line. So the client has no IPv6 and the server nothing else: only
        // the line leads from one to the other.
        let is_client = options["name"].as_str().is_some_and(|name| name.starts_with("client"));
        let local = if is_client { "127.0.0.1:0" } else { "[::1]:0" };
        let endpoint = Endpoint::builder(presets::Minimal)
            .secret_key(secret)
            .clear_ip_transports()
            .bind_addr(local)?
            .bind()
            .await?;
        let blobs = FsStore::load(dir.join("blobs")).await?;
        let gossip = Gossip::builder().spawn(endpoint.clone());
        std::fs::create_dir_all(dir.join("docs"))?;
        let docs = Docs::persistent(dir.join("docs"));
        let docs = docs.spawn(endpoint.clone(), (*blobs).clone(), gossip.clone()).await?;
        let router = Router::builder(endpoint)
            .accept(iroh_blobs::ALPN, iroh_blobs::BlobsProtocol::new(&blobs, None))
            .accept(iroh_gossip::ALPN, gossip)
            .accept(iroh_docs::ALPN, docs.clone())
            .spawn();
        let author = docs.author_default().await?;
        let kept = std::fs::read_to_string(dir.join("namespace")).ok();
        let doc = match kept {
            Some(id) => docs.open(id.parse()?).await?,
            None => None,
        };
        let dir = dir.to_owned();
        Ok(Self {
            dir,
            docs,
            blobs,
            router,
            author,
            doc,
            events: None,
            arrived: Arrived::default(),
        })
    }

    async fn fill(&mut self, data: Dataset) -> Result<()> {
        let mut documents = Vec::new();
        data.each(|document| documents.push(document));
        let doc = self.docs.create().await?;
        self.keep(&doc)?;
        for document in documents {
            for (number, change) in document.changes.iter().enumerate() {
                let key = key(data, &document.name, number);
                doc.set_bytes(self.author, key, bytes(change)).await?;
            }
        }
        self.doc = Some(doc);
        Ok(())
    }

    async fn change(&mut self, data: Dataset, round: u32) -> Result<()> {
        let doc = self.doc.as_ref().context("filled")?;
        for number in data.changed(round) {
            let value = bytes(&vec![data.later(number, round)]);
            doc.set_bytes(self.author, key(data, &data.name(number), 0), value).await?;
        }
        Ok(())
    }

    async fn serve(&mut self) -> Result<Ticket> {
        let doc = match &self.doc {
            Some(doc) => doc.clone(),
            None => self.docs.create().await?,
        };
        self.keep(&doc)?;
        doc.start_sync(Vec::new()).await?;
        let ticket = doc.share(ShareMode::Write, AddrInfoOptions::Id).await?;
        self.doc = Some(doc);
        let endpoint = self.router.endpoint();
        let address = *endpoint.bound_sockets().first().context("it is bound")?;
        let more = json!({ "ticket": ticket.to_string(), "id": endpoint.id().to_string() });
        Ok(Ticket { address, more })
    }

    async fn fetch(&mut self, from: &Ticket, wanted: Wanted) -> Result<Took> {
        let expected = match wanted {
            Wanted::All(data) => data.changes(),
            Wanted::Round(data, round) | Wanted::Strangers(data, round) => {
                data.changed(round).len()
            }
        };
        let before = Instant::now();
        let mut events = self.join(from).await?;
        let Arrived { inserted, ready, open } = &mut self.arrived;
        while inserted.len() < expected || !open.is_empty() {
            let Ok(event) = tokio::time::timeout(SILENCE, events.next()).await else {
                bail!(
                    "{} of {expected} entries came, {} values did not, and nothing more is heard",
                    inserted.len(),
                    open.len()
                );
            };
            match event.context("iroh-docs stopped")?? {
                LiveEvent::InsertRemote { entry, content_status, .. } => {
                    let hash = entry.content_hash();
                    inserted.insert(hash);
                    if content_status != ContentStatus::Complete && !ready.contains(&hash) {
                        open.insert(hash);
                    }
                }
                LiveEvent::ContentReady { hash } => {
                    ready.insert(hash);
                    open.remove(&hash);
                }
                _ => {}
            }
        }
        let took = before.elapsed();
        for hash in inserted.iter() {
            ensure!(self.blobs.has(*hash).await?, "a value is not there");
        }
        self.events = Some(events);
        Ok(Took::seconds(took.as_secs_f64()))
    }

    async fn follow(&mut self, from: &Ticket) -> Result<()> {
        let mut events = self.join(from).await?;
        // Single changes travel by gossip, which needs its neighbour first.
        while !matches!(
            events.next().await.context("iroh-docs stopped")??,
            LiveEvent::NeighborUp(_)
        ) {}
        self.events = Some(events);
        Ok(())
    }

    async fn write(&mut self, number: u32) -> Result<()> {
        let doc = self.doc.as_ref().context("connected")?;
        let record = Dataset::Small(1).later(0, number);
        let key = record.id.clone().into_bytes();
        doc.set_bytes(self.author, key, bytes(&vec![record])).await?;
        Ok(())
    }

    async fn seen(&mut self, number: u32) -> Result<()> {
        let record = Dataset::Small(1).later(0, number);
        let hash = Hash::new(bytes(&vec![record]));
        let events = self.events.as_mut().context("connected")?;
        loop {
            match events.next().await.context("iroh-docs stopped")?? {
                LiveEvent::ContentReady { hash: ready } if ready == hash => return Ok(()),
                LiveEvent::InsertRemote { entry, content_status, .. }
                    if entry.content_hash() == hash
                        && content_status == ContentStatus::Complete =>
                {
                    return Ok(());
                }
                _ => {}
            }
        }
    }

    async fn count(&mut self, data: Dataset) -> Result<Held> {
        let doc = self.doc.as_ref().context("a replica")?;
        let mut entries = Box::pin(doc.get_many(Query::single_latest_per_key()).await?);
        let (mut documents, mut parts) = (BTreeSet::new(), 0);
        while let Some(entry) = entries.next().await {
            let key = String::from_utf8_lossy(entry?.key()).into_owned();
            documents.insert(key.split('/').next().unwrap_or_default().to_owned());
            parts += 1;
        }
        debug_assert!(documents.len() <= data.documents());
        Ok(Held { documents: documents.len(), parts })
    }

    async fn close(self) -> Result<()> {
        // Its protocols end with it, and with them their stores.
        self.router.shutdown().await?;
        Ok(())
    }
}

impl IrohDocs {
    fn keep(&self, doc: &Doc) -> Result<()> {
        Ok(std::fs::write(self.dir.join("namespace"), doc.id().to_string())?)
    }

    /// Opens the replica of a ticket, or takes the one that is here, and starts to sync with whoever stands at its address.
    async fn join(&mut self, from: &Ticket) -> Result<Events> {
        let ticket: DocTicket = from.more["ticket"].as_str().context("a ticket")?.parse()?;
        let id: EndpointId = from.more["id"].as_str().context("an id")?.parse()?;
        let doc = match &self.doc {
            Some(doc) => doc.clone(),
            None => self.docs.import_namespace(ticket.capability).await?,
        };
        self.keep(&doc)?;
        let events: Events = Box::pin(doc.subscribe().await?);
        let there = EndpointAddr::from_parts(id, [TransportAddr::Ip(from.address)]);
        doc.start_sync(vec![there]).await?;
        self.doc = Some(doc);
        Ok(events)
    }
}

fn key(data: Dataset, name: &str, number: usize) -> Vec<u8> {
    match data {
        Dataset::Small(_) => name.as_bytes().to_vec(),
        Dataset::Charts(_) | Dataset::Entries(_) => format!("{name}/{number:04}").into_bytes(),
    }
}

fn bytes(change: &Change) -> Vec<u8> {
    change.iter().map(|record| record.bytes()).collect::<Vec<_>>().join(&b'\n')
}

/// The node's key, the same after a restart.
fn kept_secret(dir: &Path) -> Result<SecretKey> {
    let path = dir.join("secret");
    if let Ok(kept) = std::fs::read(&path) {
        let kept = <[u8; 32]>::try_from(kept).ok().context("a key of 32 bytes")?;
        return Ok(SecretKey::from_bytes(&kept));
    }
    let secret = SecretKey::generate();
    std::fs::write(path, secret.to_bytes())?;
    Ok(secret)
}
