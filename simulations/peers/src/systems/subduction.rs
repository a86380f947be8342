//! Subduction: signed commits in a sedimentree for each document, over WebSocket, kept in redb.
//!
//! A change is one commit, whose blob is its records. Commits are signed and durable (redb with fsync); what they hold is not
//! encrypted. It cannot list what the other side has, so the client is told the documents' ids, which follow from their
//! names here.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use futures::{StreamExt, stream};
use sedimentree_core::blob::Blob;
use sedimentree_core::depth::CountLeadingZeroBytes;
use sedimentree_core::id::SedimentreeId;
use sedimentree_core::loose_commit::id::CommitId;
use serde_json::{Value, json};
use subduction_core::nonce_cache::NonceCache;
use subduction_core::peer::id::PeerId;
use subduction_core::policy::open::OpenPolicy;
use subduction_core::timeout::call::CallTimeout;
use subduction_crypto::signer::memory::MemorySigner;
use subduction_redb_storage::RedbStorage;
use subduction_websocket::DEFAULT_MAX_MESSAGE_SIZE;
use subduction_websocket::tokio::TimeoutTokio;
use subduction_websocket::tokio::server::TokioWebSocketServer;

use crate::data::{Change, Dataset};
use crate::party::{Held, Party, Ticket, Took, Wanted};

type Server = TokioWebSocketServer<
    RedbStorage,
    OpenPolicy,
    MemorySigner,
    CountLeadingZeroBytes,
    TimeoutTokio,
>;

/// Commits that are written at the same time while the documents are made, so that they share fsyncs.
const FILLING_AT_ONCE: usize = 64;
/// Documents that are asked for at the same time on a first sync; a later one asks as the library does.
const AT_ONCE: usize = 512;
/// Nothing is cut short here; the benchmark has a limit of its own.
const PATIENCE: CallTimeout = CallTimeout::Uncapped;
/// How far two clocks may differ.
const DRIFT: Duration = Duration::from_secs(60);
/// The document of single changes.
const LIVE: &str = "live";

/// One node.
pub struct Subduction {
    server: Server,
    last: Option<CommitId>,
}

impl Party for Subduction {
    async fn open(dir: &Path, options: Value) -> Result<Self> {
        let name = options["name"].as_str().unwrap_or("hub");
        let signer = MemorySigner::from_bytes(blake3::hash(name.as_bytes()).as_bytes());
        let server = TokioWebSocketServer::setup(
            "127.0.0.1:0".parse()?,
            TimeoutTokio,
            DRIFT,
            DEFAULT_MAX_MESSAGE_SIZE,
            signer,
            None,
            RedbStorage::new(dir.join("store"))?,
            OpenPolicy,
            NonceCache::default(),
            CountLeadingZeroBytes,
        );
        Ok(Self { server: server.await?, last: None })
    }

    async fn fill(&mut self, data: Dataset) -> Result<()> {
        let mut documents = Vec::new();
        data.each(|document| documents.push(document));
        let subduction = self.server.subduction().clone();
        let mut stored = stream::iter(documents)
            .map(|document| {
                let subduction = subduction.clone();
                tokio::spawn(async move {
                    let mut parents = BTreeSet::new();
                    let commits = document.changes.iter().map(|change| {
                        let (id, blob) = commit(&document.name, change);
                        (id, std::mem::replace(&mut parents, BTreeSet::from([id])), blob)
                    });
                    let commits = commits.collect();
                    subduction.store_commits_batch(tree(&document.name), commits).await
                })
            })
            .buffer_unordered(FILLING_AT_ONCE);
        while let Some(stored) = stored.next().await {
            stored?.map_err(|error| anyhow!("{error}"))?;
        }
        Ok(())
    }

    async fn change(&mut self, data: Dataset, round: u32) -> Result<()> {
        for number in data.changed(round) {
            let name = data.name(number);
            let heads = self.server.subduction().get_heads(tree(&name)).await?.unwrap_or_default();
            let (id, blob) = commit(&name, &vec![data.later(number, round)]);
            let parents = heads.into_iter().collect();
            let stored = self.server.subduction().store_commit(tree(&name), id, parents, blob);
            stored.await.map_err(|error| anyhow!("{error}"))?;
        }
        Ok(())
    }

    async fn serve(&mut self) -> Result<Ticket> {
        if self.server.subduction().get_heads(tree(LIVE)).await?.is_none() {
            // Nobody can ask for news of a document that is not there.
            let (id, blob) = commit(LIVE, &Vec::new());
            let stored =
                self.server.subduction().store_commit(tree(LIVE), id, BTreeSet::new(), blob);
            stored.await.map_err(|error| anyhow!("{error}"))?;
        }
        let id = data_encoding::HEXLOWER.encode(self.server.peer_id().as_bytes());
        Ok(Ticket { address: self.server.address(), more: json!(id) })
    }

    async fn fetch(&mut self, from: &Ticket, wanted: Wanted) -> Result<Took> {
        let before = Instant::now();
        let peer = self.dial(from).await?;
        let subduction = self.server.subduction();
        match wanted {
            Wanted::All(data) => {
                let names = (0..data.documents()).map(|number| data.name(number));
                let mut synced = stream::iter(names)
                    .map(|name| {
                        let subduction = subduction.clone();
                        tokio::spawn(async move {
                            subduction.sync_with_peer(&peer, tree(&name), false, PATIENCE).await
                        })
                    })
                    .buffer_unordered(AT_ONCE);
                while let Some(synced) = synced.next().await {
                    let (succeeded, _, failed) = synced?.map_err(|error| anyhow!("{error}"))?;
                    ensure!(
                        succeeded && failed.is_empty(),
                        "a document did not sync: {} calls failed",
                        failed.len()
                    );
                }
                Ok(Took::seconds(before.elapsed().as_secs_f64()))
            }
            Wanted::Round(data, round) | Wanted::Strangers(data, round) => {
                let (succeeded, stats, failed, broken) =
                    subduction.full_sync_with_peer(&peer, false, PATIENCE).await;
                let took = before.elapsed();
                ensure!(succeeded, "nothing synced");
                ensure!(failed.is_empty(), "{} calls failed", failed.len());
                ensure!(broken.is_empty(), "{} documents failed: {}", broken.len(), broken[0].1);
                let changed = data.changed(round).len();
                ensure!(stats.commits_received == changed, "{stats:?} instead of {changed}");
                Ok(Took::seconds(took.as_secs_f64()))
            }
        }
    }

    async fn follow(&mut self, from: &Ticket) -> Result<()> {
        let peer = self.dial(from).await?;
        let synced = self.server.subduction().sync_with_peer(&peer, tree(LIVE), true, PATIENCE);
        synced.await.map_err(|error| anyhow!("{error}"))?;
        Ok(())
    }

    async fn write(&mut self, number: u32) -> Result<()> {
        let (id, blob) = commit(LIVE, &vec![Dataset::Small(1).later(0, number)]);
        let parents = self.last.replace(id).into_iter().collect();
        let added = self.server.subduction().add_commit(tree(LIVE), id, parents, blob).await;
        added.map_err(|error| anyhow!("{error}"))?;
        Ok(())
    }

    async fn seen(&mut self, number: u32) -> Result<()> {
        let (id, _) = commit(LIVE, &vec![Dataset::Small(1).later(0, number)]);
        loop {
            let heads = self.server.subduction().get_heads(tree(LIVE)).await?;
            if heads.is_some_and(|heads| heads.contains(&id)) {
                return Ok(());
            }
            // It has nothing that could be waited for; a look costs a hundredth of what is measured.
            tokio::time::sleep(Duration::from_micros(100)).await;
        }
    }

    async fn count(&mut self, data: Dataset) -> Result<Held> {
        let mut held = Held { documents: 0, parts: 0 };
        for number in 0..data.documents() {
            let commits = self.server.subduction().get_commits(tree(&data.name(number))).await;
            if let Some(commits) = commits.filter(|commits| !commits.is_empty()) {
                held.documents += 1;
                held.parts += commits.len();
            }
        }
        Ok(held)
    }

    async fn close(mut self) -> Result<()> {
        self.server.stop_and_drain().await;
        Ok(())
    }
}

impl Subduction {
    async fn dial(&self, to: &Ticket) -> Result<PeerId> {
        let id = data_encoding::HEXLOWER.decode(to.more.as_str().context("an id")?.as_bytes())?;
        let id = <[u8; 32]>::try_from(id).map_err(|_| anyhow!("an id of 32 bytes"))?;
        let url = format!("ws://{}", to.address).parse()?;
        Ok(self.server.try_connect(url, PeerId::new(id)).await?)
    }
}

fn tree(name: &str) -> SedimentreeId {
    SedimentreeId::new(*blake3::hash(name.as_bytes()).as_bytes())
}

/// A commit's id, which is the hash of what it holds, and what it holds.
fn commit(document: &str, change: &Change) -> (CommitId, Blob) {
    let mut bytes = Vec::new();
    for record in change {
        bytes.extend_from_slice(record.bytes());
        bytes.push(b'\n');
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(document.as_bytes()).update(&bytes);
    (CommitId::new(*hasher.finalize().as_bytes()), Blob::new(bytes))
}
