//! The line between two parties: it counts what passes, and can be as bad as it has to be.
//!
//! Datagrams go over the line that Azalea's own tests use. Its twin for TCP is here: a forwarder of byte streams. Neither counts
//! the headers of IP, UDP and TCP. What cannot be done to a stream from outside is losing a part of it: a lost segment is
//! therefore sent again one round trip later, holds up what comes behind it and counts twice. TCP's own reaction to loss,
//! sending less, is left out, in favour of whoever uses TCP.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::Result;
use azalea_simulations::line::{Line as UdpLine, Quality};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

/// What a system's parties speak over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// QUIC.
    Udp,
    /// WebSocket, HTTP or plain frames.
    Tcp,
}

/// A line that stands until it is dropped.
pub enum Line {
    /// Datagrams.
    Udp(UdpLine),
    /// Streams.
    Tcp(TcpLine),
}

/// Bytes that passed, from the client and to it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Passed {
    /// From the client.
    pub up: u64,
    /// To the client.
    pub down: u64,
}

impl Line {
    /// Opens a line to `to` on the loopback.
    pub fn open(transport: Transport, to: SocketAddr, quality: Quality) -> Result<Self> {
        Ok(match transport {
            Transport::Udp => Self::Udp(runtime().block_on(UdpLine::open(to, quality, 1))?),
            Transport::Tcp => Self::Tcp(runtime().block_on(TcpLine::open(to, quality))?),
        })
    }

    /// Where the client finds the server over this line.
    pub fn address(&self) -> SocketAddr {
        match self {
            Self::Udp(line) => line.address(),
            Self::Tcp(line) => line.address,
        }
    }

    /// What has passed so far.
    pub fn passed(&self) -> Passed {
        match self {
            Self::Udp(line) => of_udp(line),
            Self::Tcp(line) => Passed {
                up: line.state.bytes[0].load(Ordering::Relaxed),
                down: line.state.bytes[1].load(Ordering::Relaxed),
            },
        }
    }

    /// Cuts the line or restores it; a stream that is cut stands still.
    pub fn set_cut(&self, cut: bool) {
        match self {
            Self::Udp(line) if cut => line.cut(),
            Self::Udp(line) => line.restore(),
            Self::Tcp(line) => line.state.cut.store(cut, Ordering::Release),
        }
    }
}

/// What has passed over a line of the stories' harness.
pub fn of_udp(line: &UdpLine) -> Passed {
    let traffic = line.traffic();
    Passed { up: traffic.up_bytes, down: traffic.down_bytes }
}

/// A forwarder of TCP connections.
pub struct TcpLine {
    address: SocketAddr,
    state: Arc<State>,
    _forwarder: JoinSet<()>,
}

struct State {
    to: SocketAddr,
    quality: Quality,
    cut: AtomicBool,
    bytes: [AtomicU64; 2],
    /// When the line has carried what was given to it, up and down: connections share it.
    free_at: [Mutex<Option<Instant>>; 2],
    /// Decides what is lost.
    segments: AtomicU64,
}

impl TcpLine {
    async fn open(to: SocketAddr, quality: Quality) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            to,
            quality,
            cut: AtomicBool::new(false),
            bytes: Default::default(),
            free_at: Default::default(),
            segments: AtomicU64::new(0),
        });
        let mut forwarder = JoinSet::new();
        forwarder.spawn(accept(listener, state.clone()));
        Ok(Self { address, state, _forwarder: forwarder })
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        let state = state.clone();
        connections.spawn(async move {
            let Ok(far) = TcpStream::connect(state.to).await else { return };
            let _ = (near.set_nodelay(true), far.set_nodelay(true));
            let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
            tokio::join!(
                forward(near_in, far_out, 0, state.clone()),
                forward(far_in, near_out, 1, state.clone()),
            );
        });
    }
}

/// One direction, until either side closes it.
async fn forward(mut from: OwnedReadHalf, to: OwnedWriteHalf, way: usize, state: Arc<State>) {
    let is_perfect = state.quality == Quality::default();
    let (sender, queue) = mpsc::channel(QUEUE_SEGMENTS);
    let mut tasks = JoinSet::new();
    tasks.spawn(deliver(queue, to, state.clone()));
    let mut buffer = vec![0; if is_perfect { BUFFER_BYTES } else { SEGMENT_BYTES }];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let at = if is_perfect { None } else { Some(state.arrival(way, length).await) };
        state.bytes[way].fetch_add(length as u64, Ordering::Relaxed);
        if sender.send((at, buffer[..length].to_vec())).await.is_err() {
            break;
        }
    }
    drop(sender);
    tasks.join_all().await;
}

async fn deliver(
    mut queue: mpsc::Receiver<(Option<Instant>, Vec<u8>)>,
    mut to: OwnedWriteHalf,
    state: Arc<State>,
) {
    while let Some((at, bytes)) = queue.recv().await {
        if let Some(at) = at {
            sleep_until(at).await;
        }
        while state.cut.load(Ordering::Acquire) {
            sleep(LOOK).await;
        }
        if to.write_all(&bytes).await.is_err() {
            return;
        }
    }
    // The other side has gone already, or learns now that nothing more comes.
    let _ = to.shutdown().await;
}

impl State {
    /// When a segment arrives. A narrow line takes no more than a second's worth in advance.
    async fn arrival(&self, way: usize, bytes: usize) -> Instant {
        let Quality { delay, loss, bytes_per_second, .. } = self.quality;
        let seconds = bytes as f64 / bytes_per_second.max(1) as f64;
        let mut takes =
            if bytes_per_second == 0 { Duration::ZERO } else { Duration::from_secs_f64(seconds) };
        let number = self.segments.fetch_add(1, Ordering::Relaxed);
        if is_lost(number, loss) {
            self.bytes[way].fetch_add(bytes as u64, Ordering::Relaxed);
            takes += takes + delay * 2;
        }
        let free = {
            let mut free_at = self.free_at[way].lock().unwrap_or_else(PoisonError::into_inner);
            let free = free_at.unwrap_or_else(Instant::now).max(Instant::now()) + takes;
            *free_at = Some(free);
            free
        };
        sleep_until(free - QUEUE_MAX.min(free - Instant::now())).await;
        free + delay
    }
}

/// The same segments are lost in every run.
fn is_lost(number: u64, loss: f64) -> bool {
    let drawn = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x94d0_49bb_1331_11eb;
    let mixed = (drawn ^ (drawn >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed >> 11) as f64 / (1_u64 << 53) as f64 >= 1.0 - loss
}

/// Lines forward beside whatever measures.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(1).enable_all().build().expect("a runtime")
    })
}

const BUFFER_BYTES: usize = 64 << 10;
const SEGMENT_BYTES: usize = 1_460;
const QUEUE_SEGMENTS: usize = 1_024;
/// How much of a line's time may be given to it in advance.
const QUEUE_MAX: Duration = Duration::from_secs(1);
/// The pause between two looks at a line that is cut.
const LOOK: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    fn echo() -> SocketAddr {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let mut back = socket.try_clone().unwrap();
                let mut socket = socket;
                std::thread::spawn(move || std::io::copy(&mut socket, &mut back));
            }
        });
        address
    }

    fn check(quality: Quality) -> Passed {
        let line = Line::open(Transport::Tcp, echo(), quality).unwrap();
        let mut socket = std::net::TcpStream::connect(line.address()).unwrap();
        let said: Vec<u8> = (0..40_000_u32).map(|it| it as u8).collect();
        socket.write_all(&said).unwrap();
        let mut heard = vec![0; said.len()];
        socket.read_exact(&mut heard).unwrap();
        assert_eq!(said, heard);
        line.passed()
    }

    #[test]
    fn a_stream_passes_whole_and_is_counted() {
        let passed = check(Quality::default());
        assert_eq!((passed.up, passed.down), (40_000, 40_000));
    }

    #[test]
    fn a_bad_line_passes_it_whole_too_and_counts_what_it_sent_twice() {
        let delay = Duration::from_millis(1);
        let quality = Quality { delay, loss: 0.2, bytes_per_second: 1 << 20, ..Quality::default() };
        let passed = check(quality);
        assert!(passed.up > 40_000 && passed.down > 40_000, "{passed:?}");
    }
}
