//! Opening a node and running it: the order in which things come up, and go down again.
//!
//! ```text
//! lock ─► secrets ─► settings ─► store, shelf ─► driver ─► (run only) control socket ─► screens ─► inbox ─► relay ─► other nodes
//! ```

pub(crate) mod inbox;

use azalea_core::envelope::Formats;
use azalea_core::id::DeviceId;
use azalea_core::identity::{Certificate, Identity, PublicKey};
use azalea_core::replica::command::Command;
use azalea_core::wire::{Limit, Reader, WireError, Writer};
use azalea_transport::control::{Control, ControlError, Progress};
use azalea_transport::endpoint::{Endpoint, EndpointError};
use azalea_transport::lock::{DataLock, LockError};
use azalea_transport::tcp::Proxy;
use serde::Serialize;
use serde_json::Value;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::blobs::{self, Shelf};
use crate::clock::Clock;
use crate::config::{Config, ConfigError, DataDir, Passphrase, RelayConfig, Secrets, SecretsError};
use crate::courier;
use crate::driver::{self, DriveError, Running, StartError};
use crate::entropy::{self, EntropyError};
use crate::metrics;
use crate::net::nearby::Announcement;
use crate::net::peer;
use crate::net::relay_link;
use crate::net::ways::{RelayTarget, Ways};
use crate::node::Node;
use crate::ops::{self, Output, Request};
use crate::store::{OpenError, RedbStore, StoreOpenError};
use crate::web::{self, Clinic};

/// Certificates that a settings file may hold.
const CERTIFICATES: Limit = Limit { name: "certificates_max", max: 4_096 };

/// Why a node cannot be opened or run. Each says what to do about it.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant is the error of the room that it names")]
pub enum ServeError {
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    #[error(transparent)]
    Store(#[from] StoreOpenError),
    #[error(transparent)]
    NewStore(#[from] OpenError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Begin(#[from] DriveError),
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The settings or keys are not what this program wrote.
    #[error("{what} cannot be read: {cause}")]
    Form { what: &'static str, cause: WireError },
    /// The settings ask for a format that this program does not know.
    #[error(
        "write_format in node.json is {wanted}, and this program writes up to {known}: correct it, or update this program"
    )]
    WriteFormat { wanted: u8, known: u8 },
    /// The device has keys but no network.
    #[error(
        "this node has not joined a network yet: ask the network's office for a code and run `azalea join CODE`"
    )]
    NotJoined,
    /// The screens' address is taken or not ours.
    #[error("the screens cannot listen on {address}: {source}; choose another with --web")]
    Web { address: String, source: io::Error },
    /// The metrics' address is taken or not ours.
    #[error("the metrics cannot listen on {address}: {source}; choose another with --metrics")]
    Metrics { address: SocketAddr, source: io::Error },
    /// The driver's thread ended by itself.
    #[error("the driver has stopped; the log says why; start the node again")]
    DriverGone,
}

/// A node whose store is open; nothing of the network runs yet.
pub struct Opened {
    /// The node.
    pub node: Arc<Node>,
    /// Its settings.
    pub config: Config,
    clock: Clock,
    running: Running,
    _lock: DataLock,
}

/// How to run.
pub struct RunOptions {
    /// Where the screens listen; the settings' address where absent.
    pub web: Option<String>,
    /// Where the relay is, if not where the code said.
    pub relay: Option<String>,
    /// Where it is over TCP, if not where the settings or its host say.
    pub relay_tcp: Option<String>,
    /// The proxy through which TCP goes out.
    pub proxy: Option<Proxy>,
    /// Names under which the screens may be asked for, besides `localhost` and addresses.
    pub hosts: Vec<String>,
    /// Whether a TLS proxy stands before the screens.
    pub tls: bool,
    /// Where the metrics listen; nowhere where absent.
    pub metrics: Option<SocketAddr>,
    /// Where other nodes may call; nowhere where absent.
    pub listen: Option<SocketAddr>,
    /// Whether the local network is told that they may.
    pub announce: bool,
}

/// What `run` says once everything is up.
#[derive(Debug, Clone, Serialize)]
pub struct Ready {
    /// Always true.
    pub ready: bool,
    /// Where the screens are.
    pub web: String,
    /// Where the metrics are, if they were asked for.
    pub metrics: Option<String>,
    /// Where other nodes may call, if that was asked for.
    pub listen: Option<String>,
    /// The facility's name.
    pub facility: String,
    /// The facility's id.
    pub facility_id: String,
    /// This device's id.
    pub device_id: String,
}

/// Opens the node in `dir` for this process.
pub async fn open(
    dir: &DataDir,
    passphrase: Option<&Passphrase>,
    clock: Clock,
) -> Result<Opened, ServeError> {
    let config = Config::load(dir)?;
    let lock = DataLock::acquire(dir.path())?;
    let secrets = Secrets::load(&dir.secrets(), passphrase)?;
    let identity = read_identity(&secrets)?;
    if config.network.is_none() {
        return Err(ServeError::NotJoined);
    }
    if !config.begun && !dir.store().exists() {
        RedbStore::create(&dir.store(), &secrets.store_key)?;
    }
    let store = RedbStore::open(&dir.store(), &secrets.store_key)?;
    if !dir.blobs().exists() {
        RedbStore::create(&dir.blobs(), &secrets.store_key)?;
    }
    let blobs =
        RedbStore::open_caching(&dir.blobs(), &secrets.store_key, blobs::SHELF_CACHE_BYTES)?;
    let formats = formats(config.write_format)?;
    let running = driver::start(identity.clone(), formats, store, clock, entropy::rng()?)?;
    let mut opened = Opened {
        node: Arc::new(Node::new(
            running.handle.clone(),
            identity,
            dir.clone(),
            Shelf::new(blobs, clock),
            config.unasked_attachment_bytes.unwrap_or(courier::UNASKED_BYTES_MAX),
            config.relay.as_ref().map(|relay| relay.address.clone()).unwrap_or_default(),
        )),
        config,
        clock,
        running,
        _lock: lock,
    };
    opened.begin().await?;
    let node = opened.node.clone();
    // A failing disk is shown by the node itself; it runs all the same, for reading.
    if let Ok(Err(error)) = tokio::task::spawn_blocking(move || node.settle_accounts()).await {
        tracing::warn!(%error, "the staff accounts could not be compared with their copy");
    }
    Ok(opened)
}

/// What this program reads, and writes by the settings.
fn formats(write: Option<u8>) -> Result<Formats, ServeError> {
    let all = Formats::default();
    let Some(wanted) = write else { return Ok(all) };
    all.writing(wanted).ok_or(ServeError::WriteFormat { wanted, known: Formats::NEWEST })
}

/// The keys in a secrets file.
pub fn read_identity(secrets: &Secrets) -> Result<Identity, ServeError> {
    Identity::from_secret_bytes(&secrets.identity)
        .map_err(|cause| ServeError::Form { what: "the keys in the secrets file", cause })
}

/// Certificates as the settings keep them.
pub fn certificates_text(certificates: &[Certificate]) -> String {
    let mut writer = Writer::new();
    writer.list(certificates);
    data_encoding::BASE64.encode(&writer.into_bytes())
}

fn read_certificates(text: &str) -> Result<Vec<Certificate>, ServeError> {
    let failed = |cause| ServeError::Form { what: "the certificates in node.json", cause };
    let bytes = data_encoding::BASE64
        .decode(text.as_bytes())
        .map_err(|_| failed(WireError::Invalid { field: "base64" }))?;
    let mut reader = Reader::new(&bytes);
    let certificates = reader.list(CERTIFICATES).map_err(failed)?;
    reader.finish().map_err(failed)?;
    Ok(certificates)
}

impl Opened {
    /// Gives a new store the certificates of the enrolment; does nothing where it has them.
    async fn begin(&mut self) -> Result<(), ServeError> {
        if self.running.handle.shown().roster.root().is_none() {
            let certificates = read_certificates(&self.config.certificates)?;
            // A node that began before and has an empty store now has lost it.
            let rebuild = self.config.begun;
            self.running.handle.command(Command::Begin { certificates, rebuild }).await?;
        }
        if !self.config.begun {
            self.config.begun = true;
            self.config.save(&self.node.dir)?;
        }
        Ok(())
    }

    /// Finishes what was begun and closes the store.
    pub async fn close(self) {
        self.running.stop().await;
    }

    /// Runs until `stop` is set; `ready` is told once everything is up.
    pub async fn run(
        self,
        options: RunOptions,
        ready: impl FnOnce(&Ready),
        stop: watch::Receiver<bool>,
    ) -> Result<(), ServeError> {
        let control = Control::bind(self.node.dir.path())?;
        let address = options.web.unwrap_or_else(|| self.config.web.clone());
        let web_error = |source| ServeError::Web { address: address.clone(), source };
        let listener = TcpListener::bind(&address).await.map_err(web_error)?;
        let bound: SocketAddr = listener.local_addr().map_err(web_error)?;
        let (quit, quitting) = watch::channel(false);
        let mut metered = None;
        if let Some(address) = options.metrics {
            let metrics_error = |source| ServeError::Metrics { address, source };
            let listener = TcpListener::bind(address).await.map_err(metrics_error)?;
            let bound = listener.local_addr().map_err(metrics_error)?;
            if !bound.ip().is_loopback() {
                tracing::warn!(%bound, "the metrics can be read from other machines");
            }
            let stop = ended(quitting.clone());
            let task = tokio::spawn(metrics::serve(listener, self.node.clone(), stop));
            metered = Some((bound, task));
        }

        let clock = self.clock;
        let web_options = web::WebOptions {
            clock: Arc::new(move || clock.now()),
            hosts: options.hosts,
            tls: options.tls,
        };
        let clinic: Arc<dyn Clinic> = self.node.clone();
        let router = web::router(clinic, web_options);
        let screens = tokio::spawn(web::serve(listener, router, ended(quitting.clone())));
        let node = self.node.clone();
        let controlled = tokio::spawn(async move {
            control.serve(move |request, progress| answer(node.clone(), request, progress)).await;
        });
        let watched = tokio::spawn(inbox::watch(self.node.clone(), clock, quitting));
        let tidied = tokio::spawn(courier::tidy(self.node.clone()));
        let mut link = None;
        if let Some(relay) = &self.config.relay {
            let endpoint = Endpoint::client(&self.node.identity.device.seed())?;
            let address = options.relay.unwrap_or_else(|| relay.address.clone());
            let tcp = options.relay_tcp.or_else(|| relay.tcp.clone());
            let device = relay_device(relay, &self.node.dir)?;
            let target = RelayTarget::new(address, tcp, options.proxy, device);
            let ways = Ways::new(endpoint.clone(), target)?;
            let (events, state) =
                (self.running.link_events.clone(), self.running.link_state.clone());
            let (line, lines) = watch::channel(None);
            let kept = tokio::spawn(relay_link::keep(ways, events, state, line, clock));
            let carried = tokio::spawn(courier::run(self.node.clone(), lines));
            link = Some((endpoint, kept, carried));
        }
        let mut called = None;
        if let Some(address) = options.listen {
            let endpoint = Endpoint::server(address, &self.node.identity.device.seed())?;
            let bound = endpoint.local_addr()?;
            let answered = peer::listen(endpoint.clone(), self.node.local());
            let announced = options.announce.then(|| announce(&self.node, bound)).flatten();
            called = Some((bound, endpoint, tokio::spawn(answered), announced));
        }
        let card = self.node.facility();
        ready(&Ready {
            ready: true,
            web: bound.to_string(),
            metrics: metered.as_ref().map(|(bound, _)| bound.to_string()),
            listen: called.as_ref().map(|(bound, ..)| bound.to_string()),
            facility: card.facility.name.clone(),
            facility_id: card.facility.id.to_string(),
            device_id: card.device.to_string(),
        });

        let outcome = self.wait(stop).await;
        let _ = quit.send(true);
        tidied.abort();
        let _ = tidied.await;
        if let Some((endpoint, kept, carried)) = link {
            carried.abort();
            kept.abort();
            endpoint.close("the node is stopping");
            let _ = timeout(STOP, endpoint.wait_idle()).await;
            let _ = carried.await;
        }
        if let Some((_, endpoint, answered, announced)) = called {
            // Its last word goes out while the rest is stopped.
            let withdrawn = tokio::task::spawn_blocking(move || drop(announced));
            let _ = timeout(STOP, withdrawn).await;
            endpoint.close("the node is stopping");
            let _ = timeout(STOP, answered).await;
            let _ = timeout(STOP, endpoint.wait_idle()).await;
        }
        let _ = timeout(STOP, screens).await;
        let _ = timeout(STOP, watched).await;
        if let Some((_, task)) = metered {
            let _ = timeout(STOP, task).await;
        }
        controlled.abort();
        let _ = controlled.await;
        self.close().await;
        outcome
    }

    /// Ends when it is told to, or when the driver has died.
    async fn wait(&self, mut stop: watch::Receiver<bool>) -> Result<(), ServeError> {
        let mut pulse = tokio::time::interval(PULSE);
        loop {
            tokio::select! {
                () = ended(stop.clone()) => return Ok(()),
                // The caller is gone without a word: the same as being told.
                changed = stop.changed() => if changed.is_err() { return Ok(()) },
                _ = pulse.tick() => if self.running.is_finished() {
                    return Err(ServeError::DriverGone);
                },
            }
        }
    }
}

/// Tells the local network that other nodes may call; a machine without one runs all the same.
fn announce(node: &Node, bound: SocketAddr) -> Option<Announcement> {
    let announced = Announcement::begin(&node.identity.network, bound);
    announced.inspect_err(|error| tracing::warn!(%error, "this node is not announced")).ok()
}

/// How long each part may take to end.
const STOP: Duration = Duration::from_secs(3);
/// How often the driver's pulse is felt.
const PULSE: Duration = Duration::from_secs(1);

async fn ended(mut stop: watch::Receiver<bool>) {
    // An error means that whoever could set it is gone: that ends things too.
    let _ = stop.wait_for(|stop| *stop).await;
}

fn relay_device(relay: &RelayConfig, dir: &DataDir) -> Result<DeviceId, ServeError> {
    let key = relay.key_bytes();
    let key = key.map_err(|reason| ConfigError::Form { file: dir.config(), reason })?;
    Ok(PublicKey::from_bytes(key).device_id())
}

/// A request of the control socket.
async fn answer(node: Arc<Node>, request: Value, progress: Progress) -> Result<Value, String> {
    let request: Request = serde_json::from_value(request).map_err(|error| {
        format!(
            "the running node does not understand this: {error}; it is another version, restart it"
        )
    })?;
    let work = move || {
        let mut output = Told(progress);
        ops::execute(&node, request, &mut output)
    };
    let answer = tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())?;
    let answer = answer.map_err(|error| error.to_string())?;
    serde_json::to_value(answer).map_err(|error| error.to_string())
}

/// Sends what a request tells on its way over the control socket.
struct Told(Progress);

impl Told {
    fn tell(&self, told: ops::Told) -> io::Result<()> {
        self.0.send_blocking(told);
        match self.0.is_closed() {
            true => Err(io::ErrorKind::BrokenPipe.into()),
            false => Ok(()),
        }
    }
}

impl Output for Told {
    fn progress(&mut self, text: &str) {
        self.0.send_blocking(ops::Told::Progress(text.to_owned()));
    }

    fn data(&mut self, text: &str) -> io::Result<()> {
        self.tell(ops::Told::Data(text.to_owned()))
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.tell(ops::Told::Bytes(data_encoding::BASE64.encode(bytes)))
    }
}
