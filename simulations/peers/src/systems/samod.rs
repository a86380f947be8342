//! samod: Automerge documents in a repository, over TCP frames, kept in files.
//!
//! A document is one Automerge document, a record one string in its root map, a change one commit: the cheapest way to keep
//! records in it. Neither signed nor encrypted, and its files are written without fsync. It cannot list what the other side
//! has, so the client is told every document's id.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, Automerge, ReadDoc, ScalarValue};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use samod::storage::TokioFilesystemStorage;
use samod::{
    BackoffConfig, ConnectionId, DialError, Dialer, DocHandle, DocumentId, PeerId, Repo,
    ShareConfig, Transport, Url,
};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use crate::data::{Change, Content, Dataset};
use crate::party::{Held, Party, Ticket, Took, Wanted};

/// Documents that are asked for at the same time.
const AT_ONCE: usize = 256;
/// How the hub is called.
const HUB: &str = "hub";

/// One repository.
pub struct Samod {
    dir: PathBuf,
    repo: Repo,
    /// What is open: samod drops what nobody holds.
    open: BTreeMap<String, DocHandle>,
    live: Option<DocHandle>,
}

impl Party for Samod {
    async fn open(dir: &Path, options: Value) -> Result<Self> {
        let name = options["name"].as_str().unwrap_or(HUB).to_owned();
        // A server that announced every document to everybody would be asked for none.
        let share = ShareConfig::read_write().with_announce(name != HUB);
        let storage = TokioFilesystemStorage::new(dir.join("store"));
        let built = Repo::build_tokio().with_storage(storage).with_share_policy(share);
        let repo = built.with_peer_id(PeerId::from(name.as_str())).load().await;
        Ok(Self { dir: dir.to_owned(), repo, open: BTreeMap::new(), live: None })
    }

    async fn fill(&mut self, data: Dataset) -> Result<()> {
        let mut documents = Vec::new();
        data.each(|document| documents.push(document));
        let mut ids = BTreeMap::new();
        for document in documents {
            let mut made = Automerge::new().with_actor(ActorId::from(document.name.as_bytes()));
            document.changes.iter().for_each(|change| write(&mut made, change));
            let handle = self.repo.create(made).await?;
            ids.insert(document.name.clone(), handle.document_id().to_string());
        }
        std::fs::write(self.dir.join("ids.json"), serde_json::to_vec(&ids)?)?;
        Ok(())
    }

    async fn change(&mut self, data: Dataset, round: u32) -> Result<()> {
        let ids = self.ids()?;
        for number in data.changed(round) {
            let name = data.name(number);
            let handle = self.repo.find(ids[&name].clone()).await?.context("its own document")?;
            let change = vec![data.later(number, round)];
            handle.with_document(|document| write(document, &change));
            self.open.insert(name, handle);
        }
        Ok(())
    }

    async fn serve(&mut self) -> Result<Ticket> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let acceptor = self.repo.make_acceptor(format!("tcp://{address}").parse()?)?;
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let _ = socket.set_nodelay(true);
                if acceptor.accept_tokio_io(socket).is_err() {
                    return;
                }
            }
        });
        let live = match &self.live {
            Some(live) => live.clone(),
            None => self.repo.create(Automerge::new()).await?,
        };
        self.live = Some(live.clone());
        // What lies in the files of the ids is read on the client's side: all of it would be a long line.
        let (ids, live) = (self.dir.join("ids.json"), live.document_id().to_string());
        Ok(Ticket { address, more: json!({ "ids": ids, "live": live }) })
    }

    async fn fetch(&mut self, from: &Ticket, wanted: Wanted) -> Result<Took> {
        let told = from.more["ids"].as_str().context("the ids")?;
        std::fs::copy(told, self.dir.join("ids.json"))?;
        let ids = self.ids()?;
        let before = Instant::now();
        let connection = self.dial(from).await?;
        let repo = &self.repo;
        let found: BTreeMap<String, DocHandle> = stream::iter(ids)
            .map(|(name, id)| async move {
                let handle = repo.find(id).await?.context("the hub does not have it")?;
                handle.we_have_their_changes(connection).await;
                anyhow::Ok((name, handle))
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        let took = before.elapsed();
        self.open = found;
        if let Wanted::Round(data, round) | Wanted::Strangers(data, round) = wanted {
            for number in data.changed(round) {
                let record = data.later(number, round);
                let handle = &self.open[&data.name(number)];
                let held = handle.with_document(|it| has(it, &record.id))?;
                ensure!(held, "{} did not come", record.id);
            }
        }
        Ok(Took::seconds(took.as_secs_f64()))
    }

    async fn follow(&mut self, from: &Ticket) -> Result<()> {
        self.dial(from).await?;
        let id: DocumentId = from.more["live"].as_str().context("a document")?.parse()?;
        self.live = Some(self.repo.find(id).await?.context("the hub does not have it")?);
        Ok(())
    }

    async fn write(&mut self, number: u32) -> Result<()> {
        let change = vec![Dataset::Small(1).later(0, number)];
        let live = self.live.as_ref().context("connected")?;
        live.with_document(|document| write(document, &change));
        Ok(())
    }

    async fn seen(&mut self, number: u32) -> Result<()> {
        let id = Dataset::Small(1).later(0, number).id;
        let live = self.live.clone().context("connected")?;
        let mut changes = live.changes();
        loop {
            if live.with_document(|it| has(it, &id))? {
                return Ok(());
            }
            changes.next().await.context("samod stopped")?;
        }
    }

    async fn count(&mut self, _: Dataset) -> Result<Held> {
        let of = |handle: &DocHandle| handle.with_document(|it| it.get_changes(&[]).len());
        Ok(Held { documents: self.open.len(), parts: self.open.values().map(of).sum() })
    }

    async fn close(self) -> Result<()> {
        self.repo.stop().await;
        Ok(())
    }
}

impl Samod {
    fn ids(&self) -> Result<BTreeMap<String, DocumentId>> {
        let text = std::fs::read(self.dir.join("ids.json"))?;
        let ids: BTreeMap<String, String> = serde_json::from_slice(&text)?;
        ids.into_iter().map(|(name, id)| Ok((name, id.parse()?))).collect()
    }

    async fn dial(&self, to: &Ticket) -> Result<ConnectionId> {
        let dialer = self.repo.dial(BackoffConfig::default(), Arc::new(Prompt(to.address)))?;
        dialer.established().await.map_err(|error| anyhow::anyhow!("{error:?}"))?;
        dialer.connection_id().context("a connection stands")
    }
}

/// Connects as samod's own dialer does, but sends at once: otherwise each single change would wait for TCP's delay.
struct Prompt(SocketAddr);

impl Dialer for Prompt {
    type Error = Infallible;

    fn url(&self) -> Url {
        format!("tcp://{}", self.0).parse().expect("an address makes a URL")
    }

    fn connect(&self) -> BoxFuture<'static, Result<Transport, DialError<Infallible>>> {
        let to = self.0;
        async move {
            let socket = TcpStream::connect(to).await.map_err(DialError::transient)?;
            socket.set_nodelay(true).map_err(DialError::transient)?;
            Ok(Transport::from_tokio_io(socket))
        }
        .boxed()
    }
}

/// Whether a record is there.
fn has(document: &Automerge, id: &str) -> Result<bool> {
    Ok(document.get(automerge::ROOT, id)?.is_some())
}

/// Writes a change: its records by their ids.
fn write(document: &mut Automerge, change: &Change) {
    let mut transaction = document.transaction();
    for record in change {
        let value = match &record.content {
            Content::Json(text) => ScalarValue::Str(text.as_str().into()),
            Content::Raw(bytes) => ScalarValue::Bytes(bytes.clone()),
        };
        let put = transaction.put(automerge::ROOT, record.id.as_str(), value);
        put.expect("a map takes any key");
    }
    transaction.commit_with(CommitOptions::default().with_time(1_793_491_200));
}
