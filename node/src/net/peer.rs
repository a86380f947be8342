//! A session with another node, with no relay between: who is there, and the core's session on one QUIC stream.
//!
//! Whoever finishes the handshake holds the key that it showed; the registry as held here says whose it is and whether that
//! device is in good order. What is exchanged is the core's business. The session asks the replica between two of its
//! inputs, and what it sends is read from what is committed: nothing leaves that the disk does not have.

mod listen;

pub use listen::listen;

use super::{NetError, Stream, resolve};
use crate::clock::Clock;
use crate::driver::{DriveError, Gone, Handle};
use azalea_core::id::{DeviceId, NetworkId};
use azalea_core::identity::PublicKey;
use azalea_core::replica::PeerError;
use azalea_core::replica::command::{Command, Outcome};
use azalea_core::storage::StorageError;
use azalea_core::sync::message::{Goodbye, NotAdmitted};
use azalea_core::sync::peer::{self, Effect, Failure, Input, Message, Role, Session, Summary};
use azalea_core::wire::{Wire, WireError};
use azalea_transport::endpoint::{Endpoint, EndpointError};
use azalea_transport::frames::{read_frame, write_frame};
use azalea_transport::peer::{Peer, Receiver};
use rand::RngExt;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// A handshake on a local network takes milliseconds; a device that needs longer than this is not there.
const CONNECT: Duration = Duration::from_secs(6);
/// The other side may have a large step to store before it says something.
const ANSWER: Duration = Duration::from_secs(120);
/// How long the end of a session may take to arrive.
const PARTING: Duration = Duration::from_secs(5);

/// Why there was no session, or why it did not finish.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// Nobody answered there.
    #[error(
        "no node answers at {address}: {cause}; check the address, that the node there runs with --listen, and that UDP to its port is let through"
    )]
    Unreachable {
        /// `HOST:PORT`.
        address: String,
        /// What went wrong.
        cause: NetError,
    },
    /// It is not a device with which anything is exchanged.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// It does not have a session with us, and says why.
    #[error("{}", refusal(.0))]
    Refused(NotAdmitted),
    /// It has too many sessions.
    #[error("the node there is busy with others: try again in a minute")]
    Busy,
    /// The line broke off.
    #[error(
        "the line broke off before everything was exchanged: {0}; run the same command again, it goes on from there"
    )]
    Cut(NetError),
    /// The other side went against the protocol, or says that we did.
    #[error(transparent)]
    Session(Failure),
    /// Our store did not take what came.
    #[error(transparent)]
    Drive(#[from] DriveError),
    /// Our store cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// This end could not be made.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
}

impl From<Gone> for ExchangeError {
    fn from(gone: Gone) -> Self {
        Self::Drive(gone.into())
    }
}

impl From<Failure> for ExchangeError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Goodbye(Goodbye::NotAdmitted(why)) => Self::Refused(why),
            Failure::Goodbye(Goodbye::Busy { .. }) => Self::Busy,
            failure => Self::Session(failure),
        }
    }
}

/// The other side's words about us.
fn refusal(why: &NotAdmitted) -> &'static str {
    match why {
        NotAdmitted::Revoked => {
            "the node there says that this device or its facility has been revoked: ask the relay's operator"
        }
        NotAdmitted::Expired => {
            "the node there says that the certificate of this device or its facility has expired: ask the relay's operator"
        }
        NotAdmitted::NotYetValid => {
            "the node there says that this device's certificate is not valid yet: compare the clocks of both"
        }
        NotAdmitted::OtherNetwork => "the node there belongs to another network",
        NotAdmitted::Unknown | NotAdmitted::Registrar => {
            "the node there does not know this device: it has had no line to the relay since this device joined, or is being rebuilt"
        }
    }
}

/// What came of a session.
#[derive(Debug, Clone, Copy)]
pub struct Exchanged {
    /// With whom.
    pub with: DeviceId,
    /// What the session counted.
    pub summary: Summary,
    /// Envelopes that are in our log now and were not.
    pub stored: u64,
    /// Envelopes that wait for a statement that may still come.
    pub waiting: u64,
}

/// What a session needs of its node.
#[derive(Clone)]
pub struct Local {
    /// The replica.
    pub handle: Handle,
    /// The network.
    pub network: NetworkId,
    /// The node's clock.
    pub clock: Clock,
}

/// Has a session with the node at `address`; `told` hears how far it is.
pub async fn call(
    local: &Local,
    endpoint: &Endpoint,
    address: &str,
    told: impl FnMut(&Summary),
) -> Result<Exchanged, ExchangeError> {
    let unreachable = |cause| ExchangeError::Unreachable { address: address.to_owned(), cause };
    let connected = timeout(CONNECT, connect(endpoint, address)).await;
    let stalled = NetError::Stalled { seconds: CONNECT.as_secs() };
    let peer = connected.unwrap_or(Err(stalled)).map_err(unreachable)?;
    let with = PublicKey::from_bytes(peer.key).device_id();
    let session = begin(local, with, Role::Caller).await?;
    let exchanged = async {
        let stream = Stream::open(&peer).await.map_err(ExchangeError::Cut)?;
        Exchange::new(local, with, session).run(stream, told).await
    };
    let ended = tokio::select! {
        ended = exchanged => ended,
        seconds = peer.silent() => Err(ExchangeError::Cut(NetError::Stalled { seconds })),
    };
    peer.close();
    ended
}

async fn connect(endpoint: &Endpoint, address: &str) -> Result<Peer, NetError> {
    let mut last = NetError::Stalled { seconds: 0 };
    for address in resolve(address).await? {
        // Any key will do here: who it is and whether it is in good order says the registry, in words of its own.
        match endpoint.connect_fitting(address, |_| true).await {
            Ok(peer) => return Ok(peer),
            Err(error) => last = error.into(),
        }
    }
    Err(last)
}

/// A session with a device that has shown its key.
async fn begin(local: &Local, with: DeviceId, role: Role) -> Result<Session, ExchangeError> {
    let nonce = rand::rng().random();
    let now = local.clock.now();
    Ok(local.handle.look(move |replica| replica.meet(&with, role, nonce, now)).await??)
}

/// A session under way.
struct Exchange<'a> {
    local: &'a Local,
    with: DeviceId,
    session: Option<Session>,
    stored: u64,
    waiting: u64,
}

impl<'a> Exchange<'a> {
    fn new(local: &'a Local, with: DeviceId, session: Session) -> Self {
        Self { local, with, session: Some(session), stored: 0, waiting: 0 }
    }

    /// Runs the session to its end on a stream.
    async fn run(
        mut self,
        stream: Stream,
        mut told: impl FnMut(&Summary),
    ) -> Result<Exchanged, ExchangeError> {
        let Stream { mut send, mut receive } = stream;
        // Written beside the reading: two sides that both send would otherwise wait for each other. The session's own
        // window bounds what waits here.
        let (outgoing, mut queue) = mpsc::unbounded_channel::<Message>();
        let writing = async {
            while let Some(message) = queue.recv().await {
                write_frame(&mut send, &message.to_bytes()).await?;
            }
            // The other side has it all, or is gone.
            let _ = timeout(PARTING, send.finish()).await;
            Ok::<(), NetError>(())
        };
        let talking = async {
            let ended = self.talk(&mut receive, &outgoing, &mut told).await;
            drop(outgoing);
            // Read to the end, so that the other side's last word is not cut off.
            while let Ok(Ok(Some(_))) = timeout(PARTING, read_frame(&mut receive)).await {}
            ended
        };
        let (talked, written) = tokio::join!(talking, writing);
        match (talked, written) {
            (Ok(summary), _) => {
                let Self { with, stored, waiting, .. } = self;
                Ok(Exchanged { with, summary, stored, waiting })
            }
            (Err(ExchangeError::Cut(_)), Err(error)) => Err(ExchangeError::Cut(error)),
            (Err(error), _) => Err(error),
        }
    }

    async fn talk(
        &mut self,
        receive: &mut Receiver,
        outgoing: &mpsc::UnboundedSender<Message>,
        told: &mut impl FnMut(&Summary),
    ) -> Result<Summary, ExchangeError> {
        let mut inputs = VecDeque::from([Input::Connected]);
        loop {
            while let Some(input) = inputs.pop_front() {
                for effect in self.handle(input, told).await? {
                    match effect {
                        Effect::Finished(summary) => return Ok(summary),
                        Effect::Failed(failure) => return Err(failure.into()),
                        // The line may be gone, which reading finds out.
                        Effect::Send(message) => drop(outgoing.send(message)),
                        effect => inputs.push_back(self.carry_out(effect).await?),
                    }
                }
            }
            inputs.push_back(Input::Received(hear(receive, outgoing).await?));
        }
    }

    /// Gives the session an input, between two inputs of the replica.
    async fn handle(
        &mut self,
        input: Input,
        told: &mut impl FnMut(&Summary),
    ) -> Result<Vec<Effect>, ExchangeError> {
        let mut session = self.session.take().expect("put back below, before any next input");
        let now = self.local.clock.now();
        let work = move |replica: &azalea_core::replica::Replica| {
            session.handle(replica, now, input);
            let effects: Vec<Effect> = std::iter::from_fn(|| session.poll()).collect();
            (session, effects)
        };
        let (session, effects) = self.local.handle.look(work).await?;
        told(&session.summary());
        self.session = Some(session);
        Ok(effects)
    }

    /// Carries out what is answered.
    async fn carry_out(&mut self, effect: Effect) -> Result<Input, ExchangeError> {
        let Local { handle, network, .. } = self.local.clone();
        let (with, reading) = (self.with, handle.clone());
        Ok(match effect {
            Effect::Take(envelopes) => {
                let outcome = handle.command(Command::Receive { envelopes }).await?;
                if let Outcome::Received { stored, waiting } = outcome {
                    self.stored += stored;
                    self.waiting += waiting;
                }
                Input::Taken
            }
            Effect::Find { stretches, partings } => {
                let facility = handle.shown().roster.device(&with).map(|device| device.facility);
                let found = move || -> Result<_, StorageError> {
                    let snapshot = reading.snapshot()?;
                    let mut places = peer::placed(&snapshot, &network, &stretches)?;
                    for (scope, number) in partings {
                        if let Some(facility) = &facility {
                            places.extend(peer::partings(&snapshot, scope, number, facility)?);
                        }
                    }
                    Ok(places)
                };
                Input::Found(blocking(found).await?)
            }
            Effect::Read { places, bytes_max } => {
                let read = move || {
                    let snapshot = reading.snapshot()?;
                    peer::envelopes(&snapshot, &places, bytes_max)
                };
                let (envelopes, taken) = blocking(read).await?;
                Input::Read { envelopes, taken }
            }
            Effect::Send(_) | Effect::Finished(_) | Effect::Failed(_) => {
                unreachable!("seen to by the caller")
            }
        })
    }
}

/// Reads from the store beside the runtime.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, ExchangeError> {
    let done = tokio::task::spawn_blocking(work).await;
    let failed = |error: tokio::task::JoinError| StorageError::Failed { cause: error.to_string() };
    Ok(done.map_err(failed)??)
}

/// The other side's next message.
async fn hear(
    receive: &mut Receiver,
    outgoing: &mpsc::UnboundedSender<Message>,
) -> Result<Message, ExchangeError> {
    let silent = NetError::Stalled { seconds: ANSWER.as_secs() };
    let frame = timeout(ANSWER, read_frame(receive)).await;
    let frame = frame.map_err(|_| ExchangeError::Cut(silent))?;
    let frame = frame.map_err(|error| ExchangeError::Cut(error.into()))?;
    let ended = NetError::Frame(azalea_transport::frames::FrameError::Cut);
    let frame = frame.ok_or(ExchangeError::Cut(ended))?;
    Message::from_bytes(&frame).map_err(|error| {
        let goodbye = match error {
            WireError::Version { known, .. } => Goodbye::Version { ours: known },
            _ => Goodbye::Protocol,
        };
        drop(outgoing.send(Message::Goodbye(goodbye)));
        ExchangeError::Cut(NetError::Message(error))
    })
}
