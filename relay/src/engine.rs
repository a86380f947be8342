//! The only caller of the mailbox: one thread that hands it what happens and carries out what it wants.
//!
//! ```text
//! sessions ─► inputs (bounded) ─► mailbox ─► writer thread ─► disk ─► answers ─► mailbox
//!                                         ─► reader threads ─► disk ─► answers ─►
//!                                         ─► each session's outbox
//! ```

mod disk;

use std::collections::BTreeMap;
use std::thread::JoinHandle;
use std::time::Duration;

use azalea_core::blob::message::Refusal;
use azalea_core::id::DeviceId;
use azalea_core::identity::PublicKey;
use azalea_core::storage::Store;
use azalea_core::sync::message::{Goodbye, Hello, Message, Welcome};
use tokio::sync::{mpsc, oneshot};

use crate::clock;
use crate::home::Keys;
use crate::mailbox::{
    BlobWish, Effect, Input, Limits, Mailbox, Notice, OpenError, PublishError, Report, Request,
    RequestId, RequestResult, SessionId, derive,
};
use crate::store::RedbStore;
use disk::{Disk, thread_error};

/// Messages that wait for the mailbox; beyond it the sessions' reading waits, and by it the senders.
const INPUTS_MAX: usize = 32;
/// How long an orderly stop waits for the disk.
const STOP_MS_MAX: u64 = 10_000;

/// What a session is to send.
#[derive(Debug)]
pub enum Outgoing {
    /// A message.
    Message(Message),
    /// The last message; the connection ends with it.
    Goodbye(Goodbye),
}

enum Event {
    Opened { session: SessionId, key: PublicKey, outbox: mpsc::UnboundedSender<Outgoing> },
    Greet { key: PublicKey, hello: Hello, answer: oneshot::Sender<Option<Welcome>> },
    Received { session: SessionId, message: Message },
    Closed { session: SessionId },
    Request { request: Request, answer: oneshot::Sender<RequestResult> },
    Report { answer: oneshot::Sender<Report> },
    Blob { device: DeviceId, wish: BlobWish, answer: oneshot::Sender<Result<(), Refusal>> },
    Stop,
}

/// A handle on the running mailbox.
#[derive(Clone)]
pub struct Engine {
    events: mpsc::Sender<Event>,
    store: RedbStore,
}

/// The threads behind an [`Engine`].
pub struct Running {
    engine: Engine,
    thread: JoinHandle<()>,
}

/// The mailbox has ended. Usual cause: the relay is shutting down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the relay is shutting down")]
pub struct Stopped;

impl Engine {
    /// Opens the mailbox over `store` and starts its threads.
    pub fn start(store: RedbStore, keys: Keys, limits: Limits) -> Result<Running, OpenError> {
        derive_statements(&store);
        let snapshot = store.snapshot()?;
        let mailbox = Mailbox::open(&snapshot, clock::now(), keys.device, keys.registrars, limits)?;
        drop(snapshot);
        let (events, inbox) = mpsc::channel(INPUTS_MAX);
        let (answers, answered) = mpsc::unbounded_channel();
        let disk = Disk::start(&store, &answers)?;
        let worker = Worker {
            mailbox,
            disk,
            outboxes: BTreeMap::new(),
            waiting: BTreeMap::new(),
            next_request: 0,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(thread_error)?;
        let thread = std::thread::Builder::new()
            .name("mailbox".into())
            .spawn(move || runtime.block_on(worker.run(inbox, answered)))
            .map_err(thread_error)?;
        Ok(Running { engine: Self { events, store }, thread })
    }

    /// Tells of a connection; what is to be sent on it comes out of the receiver.
    pub async fn opened(
        &self,
        session: SessionId,
        key: PublicKey,
    ) -> Result<mpsc::UnboundedReceiver<Outgoing>, Stopped> {
        // Not bounded here: the mailbox has a window for each reader and answers each push once.
        let (outbox, outgoing) = mpsc::unbounded_channel();
        self.send(Event::Opened { session, key, outbox }).await?;
        Ok(outgoing)
    }

    /// How a member's `Hello` is answered that has not proven who it is; nothing is done for it.
    pub async fn greet(&self, key: PublicKey, hello: Hello) -> Result<Option<Welcome>, Stopped> {
        let (answer, answered) = oneshot::channel();
        self.send(Event::Greet { key, hello, answer }).await?;
        answered.await.map_err(|_| Stopped)
    }

    /// Hands over a message; waits while the mailbox is behind.
    pub async fn received(&self, session: SessionId, message: Message) -> Result<(), Stopped> {
        self.send(Event::Received { session, message }).await
    }

    /// Tells of a connection's end.
    pub async fn closed(&self, session: SessionId) -> Result<(), Stopped> {
        self.send(Event::Closed { session }).await
    }

    /// Does what an operator asks; durable when it returns.
    pub async fn request(&self, request: Request) -> Result<(), RequestError> {
        let (answer, answered) = oneshot::channel();
        self.send(Event::Request { request, answer }).await?;
        Ok(answered.await.map_err(|_| Stopped)??)
    }

    /// Looks at everything.
    pub async fn report(&self) -> Result<Report, Stopped> {
        let (answer, answered) = oneshot::channel();
        self.send(Event::Report { answer }).await?;
        answered.await.map_err(|_| Stopped)
    }

    /// Whether a device may fetch or bring an attachment of a scope now.
    pub async fn blob_wish(
        &self,
        device: DeviceId,
        wish: BlobWish,
    ) -> Result<Result<(), Refusal>, Stopped> {
        let (answer, answered) = oneshot::channel();
        self.send(Event::Blob { device, wish, answer }).await?;
        answered.await.map_err(|_| Stopped)
    }

    /// Ends when the mailbox has.
    pub async fn stopped(&self) {
        self.events.closed().await;
    }

    /// The store's size in bytes.
    pub fn store_bytes(&self) -> u64 {
        self.store.bytes_on_disk()
    }

    async fn send(&self, event: Event) -> Result<(), Stopped> {
        self.events.send(event).await.map_err(|_| Stopped)
    }
}

/// Why an operator's request had no effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The relay is shutting down.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// It was refused.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

impl Running {
    /// A handle.
    pub fn engine(&self) -> Engine {
        self.engine.clone()
    }

    /// Says goodbye to everybody, writes down what is left to write, and ends the threads.
    pub async fn stop(self) {
        let _ = self.engine.send(Event::Stop).await;
        let thread = self.thread;
        if tokio::task::spawn_blocking(move || thread.join()).await.is_err() {
            tracing::error!("the mailbox thread could not be joined");
        }
        self.engine.store.close();
    }
}

struct Worker {
    mailbox: Mailbox,
    disk: Disk,
    outboxes: BTreeMap<SessionId, mpsc::UnboundedSender<Outgoing>>,
    waiting: BTreeMap<RequestId, oneshot::Sender<RequestResult>>,
    next_request: u64,
}

impl Worker {
    async fn run(
        mut self,
        mut inbox: mpsc::Receiver<Event>,
        mut answered: mpsc::UnboundedReceiver<Input>,
    ) {
        loop {
            let pause = Duration::from_millis(self.mailbox.wake_at().since_ms(clock::now()));
            tokio::select! {
                biased;
                Some(answer) = answered.recv() => self.handle(answer),
                event = inbox.recv() => match event {
                    None | Some(Event::Stop) => break,
                    Some(event) => self.event(event),
                },
                () = tokio::time::sleep(pause) => self.handle(Input::Tick),
            }
        }
        for session in self.outboxes.keys().copied().collect::<Vec<_>>() {
            if let Some(outbox) = self.outboxes.remove(&session) {
                let _ = outbox.send(Outgoing::Goodbye(Goodbye::Closing));
            }
            self.handle(Input::Closed { session });
        }
        let until = clock::now().plus_ms(STOP_MS_MAX);
        while self.mailbox.is_storing() && clock::now() < until {
            let pause = Duration::from_millis(until.since_ms(clock::now()));
            match tokio::time::timeout(pause, answered.recv()).await {
                Ok(Some(answer)) => self.handle(answer),
                _ => break,
            }
        }
        self.disk.stop();
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Opened { session, key, outbox } => {
                self.outboxes.insert(session, outbox);
                self.handle(Input::Opened { session, key });
            }
            Event::Greet { key, hello, answer } => {
                let _ = answer.send(self.mailbox.greet(clock::now(), &key, &hello));
            }
            Event::Received { session, message } => {
                self.handle(Input::Received { session, message });
            }
            Event::Closed { session } => {
                self.outboxes.remove(&session);
                self.handle(Input::Closed { session });
            }
            Event::Request { request, answer } => {
                self.next_request += 1;
                let id = RequestId(self.next_request);
                self.waiting.insert(id, answer);
                self.handle(Input::Request { id, request });
            }
            Event::Report { answer } => {
                let _ = answer.send(self.mailbox.report(clock::now()));
            }
            Event::Blob { device, wish, answer } => {
                let _ = answer.send(self.mailbox.blob_wish(clock::now(), &device, wish));
            }
            Event::Stop => {}
        }
    }

    fn handle(&mut self, input: Input) {
        self.mailbox.handle(clock::now(), &mut rand::rng(), input);
        while let Some(effect) = self.mailbox.poll() {
            self.carry_out(effect);
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Send { session, message } => {
                if let Some(outbox) = self.outboxes.get(&session) {
                    // A session that is gone tells so by itself.
                    let _ = outbox.send(Outgoing::Message(message));
                }
            }
            Effect::Close { session, goodbye } => {
                if let Some(outbox) = self.outboxes.remove(&session) {
                    let _ = outbox.send(Outgoing::Goodbye(goodbye));
                }
            }
            Effect::Store { id, batch } => self.disk.write(id, batch),
            Effect::Load { id, query } => self.disk.read(id, query),
            Effect::Done { id, result } => {
                if let Some(answer) = self.waiting.remove(&id) {
                    let _ = answer.send(result);
                }
            }
            Effect::Notice(notice) => log(&notice),
        }
    }
}

/// Makes the table of statements where an older program has left the store without one. Where that fails it is tried again with the
/// next start; the relay works without.
fn derive_statements(store: &RedbStore) {
    let derived = store.snapshot().and_then(|snapshot| derive::statements(&snapshot));
    let kept = derived.and_then(|batch| batch.map_or(Ok(()), |batch| store.clone().commit(&batch)));
    if let Err(error) = kept {
        tracing::warn!(%error, "new readers get an older log's statements in its order");
    }
}

/// Ids and counts only; names stay out of the log.
fn log(notice: &Notice) {
    match notice {
        Notice::StoreFailed(error) => {
            tracing::error!(%error, "the store failed; nothing that was acknowledged is lost");
        }
        Notice::StoreRecovered => tracing::info!("the store takes writes again"),
        Notice::Damaged { log, author: Some(author) } => tracing::error!(
            position = log,
            %author,
            "an envelope in the log is damaged; it is not served, and asked for again"
        ),
        Notice::Damaged { log, author: None } => tracing::error!(
            position = log,
            "an envelope in the log is damaged; it is not served, and nobody can be asked for it: set the relay up from a backup"
        ),
        Notice::Mended { log } => {
            tracing::info!(position = log, "an envelope that was damaged is here again");
        }
        Notice::Fork { author } => tracing::warn!(
            %author,
            "a device contradicted itself; nothing more of it is taken until `azalea-relay trust` or `revoke`"
        ),
        Notice::RolledBack { device } => tracing::warn!(
            %device,
            "a device's store came from a backup, or it runs twice: `azalea repair` must be run there"
        ),
        Notice::Behind { device } => tracing::error!(
            %device,
            "this relay's store is older than what a device holds of it: it came from a backup; stop the relay, run `azalea-relay restored`, start it"
        ),
        Notice::Enrolled { facility } => tracing::info!(%facility, "a facility has joined"),
        Notice::CodeRefused => tracing::warn!("somebody tried a code that is not good"),
        Notice::Clock { device, off_ms } => {
            tracing::warn!(%device, off_ms, "a device's clock differs from ours");
        }
    }
}
