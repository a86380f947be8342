//! Ours: a facility's node as it runs in `azalea`, in this process, on its real store and with its real session.
//!
//! It is the node's own library and not its command, so that the moment when something can be read is known at once and not
//! when the next command has asked. The relay between is the program itself. Everything is signed, sealed, verified and durable
//! on all three disks. A document is a patient's chart, which the patient consents to be read; a change is one envelope.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use azalea_core::access::ScopeKind;
use azalea_core::document::{RecordHeader, RecordKey, content_digest};
use azalea_core::id::{FacilityId, ScopeId, Timestamp};
use azalea_core::replica::RelayStatus;
use azalea_core::replica::command::{Command, ImportRecord, Staff, Subject, Who};
use azalea_core::view::View;
use azalea_node::clock::Clock;
use azalea_node::config::DataDir;
use azalea_node::driver::Handle;
use azalea_node::net::peer;
use azalea_node::node::Node;
use azalea_node::serve::{self, Opened, Ready, RunOptions};
use azalea_tests::STAFF;
use azalea_transport::endpoint::Endpoint;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::data::{Dataset, Document, Record};
use crate::party::{Held, Party, Ticket, Took, Wanted};

/// Documents whose changes are imported together, so that a command is as large as an importer's.
const BLOCK: usize = 100;
/// Commands that are handed over before the first is done.
const UNDER_WAY: usize = 64;
/// The pause between two looks where nothing is announced.
const LOOK: Duration = Duration::from_millis(1);
/// The day on which all care happened: a change is one envelope only where it falls into one year.
const CARE_DATE: u32 = 20_261_101;

/// How a node is started, and for whom it writes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Setting {
    /// Where the relay is.
    pub relay: String,
    /// The facilities that patients consent to.
    pub readers: Vec<String>,
    /// Whether other nodes may call.
    pub called: bool,
}

/// What was changed last, so that the reader can look for it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Changed {
    records: Vec<(String, String)>,
}

/// A node.
pub struct Azalea {
    setting: Setting,
    opened: Option<Opened>,
    node: Arc<Node>,
    running: Option<Running>,
    changed: Changed,
    live: Option<ScopeId>,
    dir: DataDir,
}

struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), serve::ServeError>>,
    listens: Option<String>,
}

impl Party for Azalea {
    async fn open(dir: &Path, options: Value) -> Result<Self> {
        let setting = serde_json::from_value(options)?;
        let dir = DataDir::new(dir);
        let opened = serve::open(&dir, None, Clock::default()).await?;
        let node = opened.node.clone();
        let opened = Some(opened);
        let changed = Changed::default();
        Ok(Self { setting, opened, node, running: None, changed, live: None, dir })
    }

    async fn fill(&mut self, data: Dataset) -> Result<()> {
        let readers = self.setting.readers.iter().map(|id| id.parse::<FacilityId>());
        let readers: Vec<FacilityId> = readers.collect::<Result<_, _>>()?;
        self.begin(self.setting.relay.clone()).await?;
        // A consent can only name whom the registry has, which comes from the relay.
        while !readers.iter().all(|id| self.handle().shown().roster.facility(id).is_some()) {
            tokio::time::sleep(LOOK).await;
        }
        let handle = self.handle().clone();
        tokio::task::spawn_blocking(move || fill(&handle, data, &readers)).await??;
        self.delivered().await;
        Ok(())
    }

    async fn change(&mut self, data: Dataset, round: u32) -> Result<()> {
        let mut records = Vec::new();
        self.changed.records.clear();
        for number in data.changed(round) {
            let name = data.name(number);
            let record = data.later(number, round);
            let chart = self.chart(&name)?;
            self.changed.records.push((chart.to_string(), record.id.clone()));
            records.push(import(&name, record));
        }
        self.handle().command(Command::Import { records }).await?;
        // A relay that has gone away takes nothing, which is what strangers are about.
        if self.running.is_some() && !self.setting.called {
            self.delivered().await;
        }
        Ok(())
    }

    async fn serve(&mut self) -> Result<Ticket> {
        if self.running.is_none() {
            self.begin(self.setting.relay.clone()).await?;
        }
        let listens = self.running.as_ref().and_then(|running| running.listens.clone());
        let address = listens.unwrap_or_else(|| self.setting.relay.clone()).parse()?;
        let live = self.chart(&Dataset::Small(1).name(0)).ok().map(|chart| chart.to_string());
        let more = serde_json::json!({ "changed": self.changed, "live": live });
        Ok(Ticket { address, more })
    }

    async fn fetch(&mut self, from: &Ticket, wanted: Wanted) -> Result<Took> {
        match wanted {
            Wanted::All(data) => self.first_sync(from, data).await,
            Wanted::Round(..) => {
                let wanted = changed(from)?;
                let before = Instant::now();
                self.begin(from.address.to_string()).await?;
                self.until(|node| {
                    let caught_up = node.handle().shown().status.relay == RelayStatus::CaughtUp;
                    caught_up && holds(node, &wanted)
                })
                .await;
                Ok(Took::seconds(before.elapsed().as_secs_f64()))
            }
            Wanted::Strangers(..) => {
                let wanted = changed(from)?;
                let secrets = azalea_node::config::Secrets::load(&self.dir.secrets(), None)?;
                let identity = serve::read_identity(&secrets)?;
                let (handle, clock) = (self.handle().clone(), self.handle().clock());
                let local = peer::Local { handle, network: identity.network, clock };
                let before = Instant::now();
                let endpoint = Endpoint::client(&identity.device.seed())?;
                let address = from.address.to_string();
                let exchanged = peer::call(&local, &endpoint, &address, |_| ()).await?;
                let took = before.elapsed();
                ensure!(exchanged.stored >= wanted.len() as u64, "{exchanged:?}");
                ensure!(holds(&self.node, &wanted), "what came cannot be read");
                Ok(Took::seconds(took.as_secs_f64()))
            }
        }
    }

    async fn follow(&mut self, from: &Ticket) -> Result<()> {
        self.begin(from.address.to_string()).await?;
        let live = from.more["live"].as_str().map(str::parse).transpose()?;
        self.until(|node| {
            let caught_up = node.handle().shown().status.relay == RelayStatus::CaughtUp;
            let known = |id: &ScopeId| node.handle().directory().scope_of(id).is_some();
            caught_up && live.as_ref().is_none_or(known)
        })
        .await;
        self.live = live;
        Ok(())
    }

    async fn write(&mut self, number: u32) -> Result<()> {
        let data = Dataset::Small(1);
        let records = vec![import(&data.name(0), data.later(0, number))];
        self.handle().command(Command::Import { records }).await?;
        Ok(())
    }

    async fn seen(&mut self, number: u32) -> Result<()> {
        let live = self.live.context("connected")?;
        let wanted = vec![(live, Dataset::Small(1).later(0, number).id)];
        self.until(|node| holds(node, &wanted)).await;
        Ok(())
    }

    async fn count(&mut self, _: Dataset) -> Result<Held> {
        let snapshot = self.handle().snapshot()?;
        let view = View::new(&snapshot);
        let mut held = Held { documents: 0, parts: 0 };
        let charts: Vec<u32> = {
            let directory = self.handle().directory();
            let charts = directory.scopes().filter(|scope| scope.kind == ScopeKind::Chart);
            charts.map(|scope| scope.number).collect()
        };
        for chart in charts {
            let records = view.records(chart)?;
            held.documents += usize::from(!records.is_empty());
            held.parts += records.len();
        }
        Ok(held)
    }

    async fn close(mut self) -> Result<()> {
        if let Some(running) = self.running.take() {
            let _ = running.stop.send(true);
            running.task.await??;
        } else if let Some(opened) = self.opened.take() {
            opened.close().await;
        }
        Ok(())
    }
}

impl Azalea {
    fn handle(&self) -> &Handle {
        self.node.handle()
    }

    /// Starts the daemon's work: the session with the relay, the screens, and the door for other nodes.
    async fn begin(&mut self, relay: String) -> Result<()> {
        let opened = self.opened.take().context("it runs already")?;
        let listen = self.setting.called.then(|| ([127, 0, 0, 1], 0).into());
        let options = RunOptions {
            web: Some("127.0.0.1:0".into()),
            relay: Some(relay),
            relay_tcp: None,
            proxy: None,
            hosts: Vec::new(),
            tls: false,
            metrics: None,
            listen,
            announce: false,
        };
        let (stop, stopped) = watch::channel(false);
        let (sender, ready) = oneshot::channel();
        let task = tokio::spawn(opened.run(
            options,
            move |ready: &Ready| {
                // Nobody waits any more only where it has failed.
                let _ = sender.send(ready.clone());
            },
            stopped,
        ));
        let Ok(ready) = ready.await else {
            task.await??;
            bail!("the node ended at once");
        };
        self.running = Some(Running { stop, task, listens: ready.listen });
        Ok(())
    }

    /// Waits for the first sync's end: in step with the relay, nothing waiting for its key, every patient there.
    async fn first_sync(&mut self, from: &Ticket, data: Dataset) -> Result<Took> {
        let mut first = None;
        let before = Instant::now();
        self.begin(from.address.to_string()).await?;
        self.until(|node| {
            if first.is_none() && reads_anything(node) {
                first = Some(before.elapsed().as_secs_f64());
            }
            let shown = node.handle().shown();
            let status = &shown.status;
            status.relay == RelayStatus::CaughtUp
                && status.waiting == 0
                && node.handle().directory().patient_count() == data.documents()
        })
        .await;
        Ok(Took { first, ..Took::seconds(before.elapsed().as_secs_f64()) })
    }

    /// Waits until all that was written here is durable at the relay.
    async fn delivered(&self) {
        self.until(|node| {
            let shown = node.handle().shown();
            let status = &shown.status;
            status.relay == RelayStatus::CaughtUp && status.unsent == 0
        })
        .await;
    }

    /// Looks whenever something happens.
    async fn until(&self, mut seen: impl FnMut(&Node) -> bool) {
        let mut notices = self.handle().notices();
        while !seen(&self.node) {
            tokio::select! {
                _ = notices.recv() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// The chart of a document.
    fn chart(&self, name: &str) -> Result<ScopeId> {
        let directory = self.handle().directory();
        directory.local(name).and_then(|row| row.chart).context("a chart of this document")
    }
}

fn fill(handle: &Handle, data: Dataset, readers: &[FacilityId]) -> Result<()> {
    let mut under_way = std::collections::VecDeque::new();
    let mut give = |command| -> Result<()> {
        under_way.push_back(handle.begin_blocking(command)?);
        while under_way.len() >= UNDER_WAY {
            under_way.pop_front().expect("not empty").blocking_recv()??;
        }
        Ok(())
    };
    let mut block: Vec<Document> = Vec::new();
    let mut failed = None;
    let mut put = |block: &mut Vec<Document>| -> Result<()> {
        let changes = block.iter().map(|document| document.changes.len()).max().unwrap_or(0);
        for at in 0..changes {
            let of = block.iter().filter_map(|document| {
                let change = document.changes.get(at)?;
                Some(change.iter().map(|record| import(&document.name, record.clone())))
            });
            give(Command::Import { records: of.flatten().collect() })?;
        }
        for document in block.drain(..) {
            give(Command::GiveConsent {
                patient: Who::Local(document.name),
                facilities: readers.to_vec(),
                until: None,
                by: Staff(STAFF.into()),
            })?;
        }
        Ok(())
    };
    data.each(|document| {
        block.push(document);
        if block.len() == BLOCK && failed.is_none() {
            failed = put(&mut block).err();
        }
    });
    failed.map_or(Ok(()), Err)?;
    put(&mut block)?;
    for waiting in under_way {
        waiting.blocking_recv()??;
    }
    Ok(())
}

fn import(local: &str, record: Record) -> ImportRecord {
    let raw = record.json().into_bytes();
    ImportRecord {
        subject: Subject::Patient(local.to_owned()),
        key: RecordKey { kind: record.kind.into(), id: record.id },
        header: RecordHeader {
            care_date: Some(CARE_DATE),
            source: "fhir".into(),
            full_url: None,
            received: Timestamp(1),
            by: STAFF.into(),
        },
        content: content_digest(&raw),
        raw,
    }
}

fn changed(from: &Ticket) -> Result<Vec<(ScopeId, String)>> {
    let changed: Changed = serde_json::from_value(from.more["changed"].clone())?;
    ensure!(!changed.records.is_empty(), "nothing was changed");
    changed.records.into_iter().map(|(chart, id)| Ok((chart.parse()?, id))).collect()
}

/// Whether all of these records can be read.
fn holds(node: &Node, wanted: &[(ScopeId, String)]) -> bool {
    let Ok(snapshot) = node.handle().snapshot() else { return false };
    let view = View::new(&snapshot);
    wanted.iter().all(|(chart, id)| {
        let scope = node.handle().directory().scope_of(chart).map(|scope| scope.number);
        let key = RecordKey { kind: "Observation".into(), id: id.clone() };
        let held = scope.and_then(|scope| view.versions(scope, &key).ok());
        held.is_some_and(|versions| !versions.is_empty())
    })
}

/// Whether anything of anybody can be read.
fn reads_anything(node: &Node) -> bool {
    let chart = {
        let directory = node.handle().directory();
        let mut charts = directory.scopes().filter(|it| it.kind == ScopeKind::Chart);
        charts.find(|it| it.patient.is_some()).map(|it| it.number)
    };
    let Some(chart) = chart else { return false };
    let Ok(snapshot) = node.handle().snapshot() else { return false };
    View::new(&snapshot).records(chart).is_ok_and(|records| !records.is_empty())
}
