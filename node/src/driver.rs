//! The only caller of the replica: feeds it inputs, carries out its effects, in one thread of its own.
//!
//! ```text
//! wait ─► handle inputs ─► poll: Load answered through what is pending, Store added to the group ─► … nothing left
//!   ▲                                                                                                    │
//!   └── directory brought up to date ◄── Stored{…} ◄── one commit for the whole group (writer) ◄─────────┘
//! ```
//!
//! While a group is committed, the next one is prepared; so the busier the node, the more one sync carries. Rows that pages read
//! are derived here and go into the same commit as the records that they describe.

use crate::clock::Clock;
use crate::net::relay_link::{LinkEvent, LinkState, Outgoing};
use crate::store::derive::{Derived, derive};
use crate::store::directory::Directory;
use crate::store::overlay::{Overlay, Pending};
use crate::store::{RedbStore, Snapshot};
use azalea_core::envelope::Formats;
use azalea_core::identity::Identity;
use azalea_core::replica::command::{CommandError, Outcome};
use azalea_core::replica::effect::{Applied, Effect, EffectId, Query};
use azalea_core::replica::input::{Answer, CommandId, Input};
use azalea_core::replica::{OpenError, Replica};
use azalea_core::storage::{Batch, Read, StorageError};
use rand::rngs::StdRng;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

mod handle;
mod shown;
#[cfg(test)]
mod tests;
mod trouble;
mod writer;

pub use handle::{DriveError, Gone, Handle};
pub use shown::Shown;
pub use trouble::{RefusalCount, Troubles};

use handle::{Ask, Shared};
use writer::{Committed, Writer};

/// Commands and questions that wait for the driver; callers beyond that wait themselves.
const ASKS_MAX: usize = 64;
/// Messages of the relay that wait for the driver; the relay waits beyond that.
const LINK_EVENTS_MAX: usize = 4;
/// Inputs handled before what they ask for is carried out.
const INPUTS_MAX: usize = 32;
/// Bytes of one commit; more waits for the next, so that one sync never takes long. Two groups are in memory at once.
const GROUP_BYTES_MAX: usize = 16 << 20;
/// Notices kept for a slow listener.
const NOTICES_MAX: usize = 256;
/// What pages show of the replica is at most this old.
const SHOWN_MS_MAX: u64 = 250;
/// Even without anything to do the replica is asked this often.
const IDLE_MS_MAX: u64 = 60_000;

/// The driver's thread, and the ends that the link to the relay needs.
pub struct Running {
    /// For everyone who asks.
    pub handle: Handle,
    /// What the link tells the driver.
    pub link_events: mpsc::Sender<LinkEvent>,
    /// What the link shows of itself.
    pub link_state: watch::Sender<LinkState>,
    thread: std::thread::JoinHandle<()>,
}

/// Why the driver does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A newer program has written it in a form of its own.
    #[error(
        "this program is older than the store: {0}. Nothing was changed: start the newer program again. If there is no way back \
         to it, `azalea repair` keeps this store aside, starts a new one and fetches again what the relay has"
    )]
    Newer(OpenError),
    /// Its rows are no replica.
    #[error(
        "the store's contents cannot be used: {0}; `azalea repair` starts a new store and fetches again what the relay has"
    )]
    Open(OpenError),
}

impl From<OpenError> for StartError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Newer { .. } => Self::Newer(error),
            error => Self::Open(error),
        }
    }
}

/// Starts the driver of the replica that `store` holds.
pub fn start(
    identity: Identity,
    formats: Formats,
    store: RedbStore,
    clock: Clock,
    rng: StdRng,
) -> Result<Running, StartError> {
    let snapshot = store.snapshot()?;
    let directory = RwLock::new(Directory::load(&snapshot)?);
    let queries = Replica::queries();
    let answers = queries.iter().map(|query| answer(&snapshot, query)).collect::<Result<_, _>>()?;
    let replica = Replica::open(identity, formats, answers, clock.now())?;
    drop(snapshot);
    let (asks, asked) = mpsc::channel(ASKS_MAX);
    let (link_events, events) = mpsc::channel(LINK_EVENTS_MAX);
    let offline =
        LinkState::Offline { since: None, cause: "no connection was tried yet".to_owned() };
    let (link_state, link) = watch::channel(offline);
    let (notices, _) = broadcast::channel(NOTICES_MAX);
    let (referred, _) = watch::channel(());
    let troubles = Troubles::default();
    let failed = |error: std::io::Error| StorageError::Failed { cause: error.to_string() };
    let writer = Writer::start(store.clone()).map_err(failed)?;
    let shown = RwLock::new(Arc::new(Shown::of(&replica, clock.now())));
    let shared = Arc::new(Shared {
        asks,
        store,
        directory,
        notices,
        referred,
        troubles,
        link,
        shown,
        clock,
    });
    let driver = Driver {
        replica,
        rng,
        shared: shared.clone(),
        outgoing: None,
        commands: BTreeMap::new(),
        next_command: 0,
        group: Group::default(),
        writer,
        snapshot: None,
        failing: None,
        stale: false,
    };
    let thread = std::thread::Builder::new()
        .name("driver".to_owned())
        .spawn(move || driver.run(asked, events))
        .map_err(failed)?;
    Ok(Running { handle: Handle { shared }, link_events, link_state, thread })
}

impl Running {
    /// Finishes what was begun and closes the store.
    pub async fn stop(self) {
        let _ = self.handle.shared.asks.send(Ask::Stop).await;
        let thread = self.thread;
        let _ = tokio::task::spawn_blocking(move || thread.join()).await;
    }

    /// Whether the driver's thread has ended, which it does only when told to, or by a bug.
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }
}

struct Driver {
    replica: Replica,
    rng: StdRng,
    shared: Arc<Shared>,
    outgoing: Option<mpsc::UnboundedSender<Outgoing>>,
    commands: BTreeMap<CommandId, oneshot::Sender<Result<Outcome, CommandError>>>,
    next_command: u64,
    group: Group,
    writer: Writer,
    /// A committed state that the groups lie over, with the one under way in it or without; dropped with each commit.
    snapshot: Option<Snapshot>,
    /// A store failed and the replica has not been told yet: what it emitted in the meantime may rest on that store.
    failing: Option<StorageError>,
    /// Something happened that pages do not show yet.
    stale: bool,
}

/// What the next commit will hold.
#[derive(Default)]
struct Group {
    stores: Vec<EffectId>,
    /// The core's rows and those derived from them.
    rows: Pending,
    /// What else the derived rows mean, one after the other; their rows are in `rows`.
    derived: Vec<Derived>,
    bytes: usize,
}

enum Event {
    Ask(Ask),
    Link(LinkEvent),
    Committed(Committed),
    Tick,
    Stop,
}

impl Driver {
    fn run(mut self, mut asks: mpsc::Receiver<Ask>, mut link: mpsc::Receiver<LinkEvent>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let Ok(runtime) = runtime else {
            tracing::error!("the driver cannot be started");
            return;
        };
        self.settle(Input::Tick);
        self.show(true);
        loop {
            let pause = self.pause();
            let event = runtime.block_on(async {
                tokio::select! {
                    biased;
                    committed = self.writer.committed() => Event::Committed(committed),
                    ask = asks.recv() => ask.map_or(Event::Stop, Event::Ask),
                    Some(event) = link.recv() => Event::Link(event),
                    () = tokio::time::sleep(pause) => Event::Tick,
                }
            });
            let mut next = Some(event);
            let mut handled = 0;
            while let Some(event) = next.take() {
                match event {
                    Event::Stop | Event::Ask(Ask::Stop) => return self.finish(),
                    event => self.take(event),
                }
                handled += 1;
                if handled < INPUTS_MAX {
                    next = asks.try_recv().map(Event::Ask).ok();
                    next = next.or_else(|| link.try_recv().map(Event::Link).ok());
                }
            }
            self.carry_out();
            self.show(handled < INPUTS_MAX);
        }
    }

    fn pause(&self) -> Duration {
        let now = self.shared.clock.now();
        let until = self.replica.wake_at().map_or(IDLE_MS_MAX, |wake| wake.since_ms(now));
        let longest = if self.stale { SHOWN_MS_MAX } else { IDLE_MS_MAX };
        Duration::from_millis(until.min(longest))
    }

    /// Publishes what pages show; under load not after every input, since it walks through all scopes.
    fn show(&mut self, idle: bool) {
        let now = self.shared.clock.now();
        let mut shown = self.shared.shown.write().unwrap_or_else(PoisonError::into_inner);
        if self.stale && (idle || now.since_ms(shown.at) >= SHOWN_MS_MAX) {
            *shown = Arc::new(Shown::of(&self.replica, now));
            self.stale = false;
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Ask(Ask::Command(command, done)) => {
                let id = CommandId(self.next_command);
                self.next_command += 1;
                self.commands.insert(id, done);
                self.handle(Input::Command { id, command: *command });
            }
            Event::Ask(Ask::Look(look)) => look(&self.replica),
            Event::Ask(Ask::First(patient)) => self.handle(Input::First(patient)),
            Event::Link(LinkEvent::Connected(outgoing)) => {
                self.outgoing = Some(outgoing);
                self.handle(Input::Connected);
            }
            Event::Link(LinkEvent::Received(message)) => self.handle(Input::Received(message)),
            Event::Link(LinkEvent::Disconnected) => {
                self.outgoing = None;
                self.handle(Input::Disconnected);
            }
            Event::Committed(committed) => self.committed(committed),
            Event::Tick => self.handle(Input::Tick),
            Event::Stop | Event::Ask(Ask::Stop) => {}
        }
    }

    fn handle(&mut self, input: Input) {
        self.replica.handle(self.shared.clock.now(), &mut self.rng, input);
    }

    fn settle(&mut self, input: Input) {
        self.handle(input);
        self.carry_out();
    }

    /// Carries out effects, and what their answers lead to, until nothing is left to do but to wait for the disk.
    fn carry_out(&mut self) {
        loop {
            let mut answers = VecDeque::new();
            while let Some(effect) = self.replica.poll() {
                self.effect(effect, &mut answers);
                if self.group.bytes >= GROUP_BYTES_MAX {
                    self.commit_now(&mut answers);
                }
            }
            if answers.is_empty() {
                return self.commit();
            }
            self.answer(answers);
        }
    }

    /// Tells the replica what its effects came to. From here on nothing that it emits rests on a store that failed.
    fn answer(&mut self, answers: VecDeque<Input>) {
        self.failing = None;
        for answer in answers {
            self.handle(answer);
        }
    }

    /// Carries out everything, to the end of the last commit.
    fn finish(&mut self) {
        self.carry_out();
        while let Some(committed) = self.writer.wait() {
            self.committed(committed);
            self.carry_out();
        }
    }

    fn effect(&mut self, effect: Effect, answers: &mut VecDeque<Input>) {
        match effect {
            Effect::Load { id, queries } => {
                let result = self.failing.clone().map_or_else(|| self.load(&queries), Err);
                answers.push_back(Input::Loaded { id, result });
            }
            Effect::Store { id, batch, applied } => {
                let added = match self.failing.clone() {
                    Some(error) => Err(error),
                    None => self.add(batch, &applied),
                };
                self.group.stores.push(id);
                if let Err(error) = added {
                    // What came before has its answer first.
                    if let Some(committed) = self.writer.wait() {
                        self.done(committed, answers);
                    }
                    let group = std::mem::take(&mut self.group);
                    self.fail(error, group.stores, answers);
                }
            }
            Effect::Send(message) => self.send(Outgoing::Message(message)),
            Effect::Hangup => self.send(Outgoing::Hangup),
            Effect::Done { command, result } => {
                if let Some(done) = self.commands.remove(&command) {
                    // Whoever asked may have gone; what was asked is done all the same.
                    let _ = done.send(result);
                }
            }
            Effect::Notify(notice) => {
                self.stale = true;
                self.shared.troubles.note(&notice, self.shared.clock.now());
                tracing::debug!(?notice);
                // Nobody may be listening.
                let _ = self.shared.notices.send(notice);
            }
        }
    }

    /// Adds a store's rows, and those derived from it, to the group.
    fn add(&mut self, batch: Batch, applied: &[Applied]) -> Result<(), StorageError> {
        self.group.bytes += size(&batch);
        self.group.rows.add(batch);
        self.below()?;
        let below = self.snapshot.as_ref().ok_or_else(no_snapshot)?;
        let below = &Overlay { below, pending: self.writer.pending() };
        let mut derived = derive(&Overlay { below, pending: &self.group.rows }, applied)?;
        let rows = std::mem::take(&mut derived.rows);
        self.group.bytes += rows.bytes();
        self.group.rows.extend(rows);
        self.group.derived.push(derived);
        Ok(())
    }

    fn send(&self, outgoing: Outgoing) {
        if let Some(line) = &self.outgoing {
            // The session may have ended; its `Disconnected` is on the way to us.
            let _ = line.send(outgoing);
        }
    }

    /// Makes sure that there is a snapshot to lay the group over.
    fn below(&mut self) -> Result<(), StorageError> {
        if self.snapshot.is_none() {
            self.snapshot = Some(self.shared.store.snapshot()?);
        }
        Ok(())
    }

    fn load(&mut self, queries: &[Query]) -> Result<Vec<Answer>, StorageError> {
        self.below()?;
        let below = self.snapshot.as_ref().ok_or_else(no_snapshot)?;
        let below = &Overlay { below, pending: self.writer.pending() };
        let read = Overlay { below, pending: &self.group.rows };
        queries.iter().map(|query| answer(&read, query)).collect()
    }

    /// Begins to commit the group, unless one is under way: then it waits, and grows.
    fn commit(&mut self) {
        if !self.group.stores.is_empty() && !self.writer.is_busy() {
            self.writer.begin(std::mem::take(&mut self.group));
        }
    }

    /// Begins to commit the group, however long the one under way takes.
    fn commit_now(&mut self, answers: &mut VecDeque<Input>) {
        if let Some(committed) = self.writer.wait() {
            self.done(committed, answers);
        }
        self.commit();
    }

    /// What was under way has ended.
    fn committed(&mut self, committed: Committed) {
        let mut answers = VecDeque::new();
        self.done(committed, &mut answers);
        self.answer(answers);
    }

    fn done(&mut self, (group, result): Committed, answers: &mut VecDeque<Input>) {
        self.snapshot = None;
        if let Err(error) = result {
            // What was prepared meanwhile rests on it.
            let later = std::mem::take(&mut self.group);
            return self.fail(error, group.stores.into_iter().chain(later.stores), answers);
        }
        self.shared.troubles.disk_is_well();
        if group.derived.iter().any(|derived| derived.refers) {
            self.shared.referred.send_replace(());
        }
        if let Err(error) = self.update_directory(group.derived) {
            tracing::error!(%error, "the lists in memory are behind the store");
        }
        answers.extend(group.stores.into_iter().map(|id| Input::Stored { id, result: Ok(()) }));
    }

    fn fail(
        &mut self,
        error: StorageError,
        stores: impl IntoIterator<Item = EffectId>,
        answers: &mut VecDeque<Input>,
    ) {
        tracing::warn!(%error, "the store did not take a write");
        self.shared.troubles.disk_failed(&error);
        self.snapshot = None;
        self.failing = Some(error.clone());
        let failed = |id| Input::Stored { id, result: Err(error.clone()) };
        answers.extend(stores.into_iter().map(failed));
    }

    fn update_directory(&mut self, derived: Vec<Derived>) -> Result<(), StorageError> {
        self.below()?;
        let read = self.snapshot.as_ref().ok_or_else(no_snapshot)?;
        let mut directory = self.shared.directory.write().unwrap_or_else(PoisonError::into_inner);
        derived.into_iter().try_for_each(|derived| directory.apply(read, derived))
    }
}

fn answer(read: &impl Read, query: &Query) -> Result<Answer, StorageError> {
    match query {
        Query::Get { table, key } => Ok(Answer::Value(read.get(*table, key)?)),
        Query::Scan { table, range, order, limit } => {
            let mut rows = Vec::new();
            if *limit > 0 {
                read.scan(*table, range, *order, &mut |key, value| {
                    rows.push((key.to_vec(), value.to_vec()));
                    rows.len() < *limit
                })?;
            }
            Ok(Answer::Rows(rows))
        }
    }
}

fn size(batch: &Batch) -> usize {
    let row = |value: Option<&Vec<u8>>, key: &Vec<u8>| key.len() + value.map_or(0, Vec::len);
    batch.changes().iter().map(|change| row(change.value.as_ref(), &change.key)).sum()
}

fn no_snapshot() -> StorageError {
    StorageError::Failed { cause: "the store gave nothing to read".to_owned() }
}
