//! From UDP and TCP to the engine: accepts connections, turns frames into messages and back. What a message means is
//! the mailbox's business.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use azalea_core::blob::message::MARK;
use azalea_core::id::DeviceId;
use azalea_core::identity::PublicKey;
use azalea_core::sync::message::{Goodbye, Message, VERSION, Welcome};
use azalea_core::wire::{Wire, WireError, limits};
use azalea_transport::endpoint::{Endpoint, EndpointError, Incoming, Met, Unproven};
use azalea_transport::frames::{read_frame_within, write_frame};
use azalea_transport::peer::{Peer, Receiver, Sender, Via};
use azalea_transport::tcp::{TcpIncoming, TcpServer};
use tokio::io::{copy, sink};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::blobs::Blobs;
use crate::doors::Doors;
use crate::engine::{Engine, Outgoing};
use crate::mailbox::SessionId;
use crate::speak::{Greeting, speak};

/// Connections at once, over UDP and TCP together.
const CONNECTIONS_MAX: usize = 12_288;
/// A frame of a caller who has not been welcomed: what says who one is, or asks to join.
const STRANGER_FRAME_MAX: usize = 64 << 10;
/// From this many on, a caller must show that it receives at its address before anything else.
const TRUSTING_MAX: usize = 256;
/// Handshakes over TCP at once. Whoever makes one has shown its address and costs a socket; a flood of them keeps out others over
/// TCP, nobody over UDP.
const TCP_HANDSHAKES_MAX: usize = 256;
/// Where no connection can be accepted (no more files), the next try is made so much later.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);
/// A handshake that takes longer is given up.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a goodbye may take to arrive.
const GOODBYE: Duration = Duration::from_secs(2);

/// What both doors share.
#[derive(Clone)]
struct Hall {
    engine: Engine,
    blobs: Blobs,
    doors: Doors,
    places: Arc<Semaphore>,
    sessions: Arc<AtomicU64>,
}

/// Accepts connections until the endpoint is closed.
pub async fn listen(
    endpoint: Endpoint,
    tcp: Option<TcpServer>,
    engine: Engine,
    blobs: Blobs,
    doors: Doors,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let hall = Hall { engine, blobs, doors, places, sessions: Arc::default() };
    tokio::select! {
        () = listen_udp(endpoint, &hall) => {}
        () = listen_tcp(tcp, &hall) => {}
    }
}

async fn listen_udp(endpoint: Endpoint, hall: &Hall) {
    while let Some(incoming) = endpoint.accept().await {
        let free = hall.places.available_permits();
        if !incoming.is_validated() && free + TRUSTING_MAX < CONNECTIONS_MAX {
            incoming.retry();
            continue;
        }
        let Ok(place) = hall.places.clone().try_acquire_owned() else {
            incoming.refuse();
            continue;
        };
        let hall = hall.clone();
        tokio::spawn(async move { hall.serve(Incoming::meet(incoming), place, None).await });
    }
}

/// Never ends; a relay without a TCP door waits.
async fn listen_tcp(tcp: Option<TcpServer>, hall: &Hall) {
    let Some(tcp) = tcp else { return std::future::pending().await };
    let handshakes = Arc::new(Semaphore::new(TCP_HANDSHAKES_MAX));
    loop {
        let incoming = match tcp.accept().await {
            Ok(incoming) => incoming,
            Err(error) => {
                tracing::warn!(%error, "a TCP connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let handshake = handshakes.clone().try_acquire_owned();
        // Whoever finds no room is hung up on, and tries again by itself.
        let (Ok(handshake), Ok(place)) = (handshake, hall.places.clone().try_acquire_owned())
        else {
            tracing::debug!("no room for a TCP connection");
            continue;
        };
        let hall = hall.clone();
        let met = async { TcpIncoming::establish(incoming).await.map(Met::Whole) };
        tokio::spawn(async move { hall.serve(met, place, Some(handshake)).await });
    }
}

impl Hall {
    /// One connection, from its handshake to its end.
    async fn serve(
        &self,
        met: impl Future<Output = Result<Met, EndpointError>>,
        place: OwnedSemaphorePermit,
        handshake: Option<OwnedSemaphorePermit>,
    ) {
        let met = timeout(HANDSHAKE, met).await;
        drop(handshake);
        match met {
            Ok(Ok(Met::Whole(peer))) => serve(peer, None, self).await,
            Ok(Ok(Met::Early(peer, unproven))) => {
                if let Some(begun) = begin_early(&peer, unproven, self).await {
                    serve(peer, Some(begun), self).await;
                }
            }
            Ok(Err(error)) => tracing::debug!(%error, "a handshake failed"),
            Err(_) => tracing::debug!("a handshake took too long"),
        }
        drop(place);
    }
}

/// A session whose first words came early, and how they were answered.
struct Begun {
    opened: Opened,
    welcome: Option<Welcome>,
}

/// Hears the first words of a caller who comes again and, where they are a member's `Hello`, answers them, which changes nothing.
/// Only with its proof the caller is there.
async fn begin_early(peer: &Peer, unproven: Unproven, hall: &Hall) -> Option<Begun> {
    let is_proven = AtomicBool::new(false);
    let proof = async {
        let proven = timeout(HANDSHAKE, unproven.proven()).await;
        is_proven.store(true, Ordering::Relaxed);
        matches!(proven, Ok(Ok(_)))
    };
    let heard = async {
        let mut opened = timeout(HANDSHAKE, first_words(peer)).await.ok()??;
        let welcome = match is_proven.load(Ordering::Relaxed) {
            true => None,
            false => greet(peer, &mut opened, hall).await,
        };
        Some(Begun { opened, welcome })
    };
    match tokio::join!(proof, heard) {
        (true, begun) => begun,
        (false, _) => {
            hall.doors.note_unproven();
            tracing::debug!("a handshake that began with a ticket was not completed");
            peer.close();
            None
        }
    }
}

async fn greet(peer: &Peer, opened: &mut Opened, hall: &Hall) -> Option<Welcome> {
    let Ok(Message::Hello(hello)) = Message::from_bytes(&opened.first) else { return None };
    let welcome = hall.engine.greet(PublicKey::from_bytes(peer.key), hello).await.ok()??;
    let bytes = Message::Welcome(welcome.clone()).to_bytes();
    write_frame(&mut opened.send, &bytes).await.ok()?;
    hall.doors.note_welcomed();
    Some(welcome)
}

/// The first stream, with its first frame.
async fn first_words(peer: &Peer) -> Option<Opened> {
    let (send, mut receive) = peer.accept().await.ok()?;
    let first = read_frame_within(&mut receive, || STRANGER_FRAME_MAX).await.ok()??;
    Some(Opened { send, receive, first })
}

async fn serve(peer: Peer, begun: Option<Begun>, hall: &Hall) {
    let session = SessionId(hall.sessions.fetch_add(1, Ordering::Relaxed));
    let engine = &hall.engine;
    let key = PublicKey::from_bytes(peer.key);
    let device = key.device_id();
    tracing::debug!(session = session.0, %device, via = peer.via().word(), "connected");
    let inside = (peer.via() != Via::Quic).then(|| hall.doors.enter(session, device));
    let Ok(outgoing) = engine.opened(session, key).await else { return };
    let blobs = converse(&peer, session, hall, device, begun, outgoing).await;
    let _ = engine.closed(session).await;
    if let Some(Opened { send, receive, first }) = blobs {
        tokio::select! {
            () = hall.blobs.serve(device, send, receive, first) => {}
            () = engine.stopped() => {}
        }
    }
    peer.close();
    drop(inside);
    tracing::debug!(session = session.0, %device, "disconnected");
}

/// A stream, with the frame that tells what it is for.
struct Opened {
    send: Sender,
    receive: Receiver,
    first: Vec<u8>,
}

/// The first stream carries the session; whichever direction ends first ends it. Beside it, over QUIC, streams of attachments. A
/// connection that is for attachments alone, as over TCP, has no session: its stream is given back.
async fn converse(
    peer: &Peer,
    session: SessionId,
    hall: &Hall,
    device: DeviceId,
    begun: Option<Begun>,
    mut outgoing: mpsc::UnboundedReceiver<Outgoing>,
) -> Option<Opened> {
    let engine = &hall.engine;
    let (opened, welcomed) = match begun {
        Some(Begun { opened, welcome }) => (opened, welcome),
        None => tokio::select! {
            first = first_words(peer) => (first?, None),
            // The mailbox says goodbye to those who say nothing.
            _ = outgoing.recv() => return None,
        },
    };
    let Opened { mut send, mut receive, first } = opened;
    if first.first() == Some(&MARK) {
        return Some(Opened { send, receive, first });
    }
    // A member's messages may be long; whoever is not welcomed yet has nothing to say that is.
    let frame_max = AtomicUsize::new(STRANGER_FRAME_MAX);
    let welcome = || {
        peer.trust();
        frame_max.store(limits::FRAME.max, Ordering::Relaxed);
    };
    let ended = tokio::select! {
        goodbye = hear(&mut receive, first, session, engine, &frame_max) => goodbye,
        goodbye = speak(peer, &mut send, outgoing, Greeting { welcomed, welcome }) => goodbye,
        () = attachments(peer, hall, device) => None,
    };
    if let Some(goodbye) = ended {
        let said = async {
            let bytes = Message::Goodbye(goodbye).to_bytes();
            if write_frame(&mut send, &bytes).await.is_ok() {
                send.finish().await;
            }
        };
        // What still comes is of no use, but over TCP it stands before the other end's hanging up.
        let drained = async {
            let _ = copy(&mut receive, &mut sink()).await;
            std::future::pending::<()>().await;
        };
        let said = async {
            tokio::select! { () = said => {}, () = drained => {} }
        };
        let _ = timeout(GOODBYE, said).await;
    }
    None
}

/// Serves the streams that a session opens beside its own; never ends before the session does.
async fn attachments(peer: &Peer, hall: &Hall, device: DeviceId) {
    let mut streams = JoinSet::new();
    while let Ok((send, mut receive)) = peer.accept().await {
        while streams.try_join_next().is_some() {}
        let blobs = hall.blobs.clone();
        streams.spawn(async move {
            let first = read_frame_within(&mut receive, || STRANGER_FRAME_MAX).await;
            if let Ok(Some(first)) = first {
                send.retire();
                blobs.serve(device, send, receive, first).await;
            }
        });
    }
    // Over TCP there is one stream only; over QUIC the session hears of the end by itself.
    std::future::pending().await
}

/// Hands messages to the engine. Returns the goodbye that the other end's last message deserves.
async fn hear(
    receive: &mut Receiver,
    first: Vec<u8>,
    session: SessionId,
    engine: &Engine,
    frame_max: &AtomicUsize,
) -> Option<Goodbye> {
    let mut frame = first;
    loop {
        match Message::from_bytes(&frame) {
            Ok(message) => engine.received(session, message).await.ok()?,
            Err(WireError::Version { .. }) => return Some(Goodbye::Version { ours: VERSION }),
            Err(error) => {
                tracing::warn!(session = session.0, %error, "a frame that is no message");
                return Some(Goodbye::Protocol);
            }
        }
        let read = read_frame_within(receive, || frame_max.load(Ordering::Relaxed));
        frame = match read.await {
            Ok(Some(frame)) => frame,
            Ok(None) => return None,
            Err(error) => {
                tracing::debug!(session = session.0, %error, "a session's stream ended");
                return None;
            }
        };
    }
}
