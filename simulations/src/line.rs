//! A line between a facility and the relay that can be cut: a small forwarder of UDP datagrams.
//!
//! The node speaks to the line's address as if it were the relay. A cut line takes datagrams and drops
//! them, as a dead router does: nobody is told, so both ends find out by their own timers. The line can
//! also be slow, narrow, uneven and lossy, and it can give the facility another address, as a router does that was
//! restarted or a tablet that goes from one network to another. It reads nothing of what passes.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::task::JoinSet;

use crate::population::Dice;

/// How good a line is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quality {
    /// How long each datagram travels at least, one way.
    pub delay: Duration,
    /// How much longer it travels at most; datagrams may overtake each other.
    pub jitter: Duration,
    /// The share of datagrams that are lost, between 0 and 1.
    pub loss: f64,
    /// What it carries, each way; 0 for as much as comes. What comes faster waits, for a second at most.
    pub bytes_per_second: u64,
}

/// What went over a line so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes from the facility to the relay.
    pub up_bytes: u64,
    /// Bytes from the relay to the facility.
    pub down_bytes: u64,
    /// Datagrams that were not passed on, either way.
    pub dropped: u64,
    /// Addresses at which the relay has seen the facility.
    pub addresses: u64,
}

/// A line that is open until it is dropped.
#[derive(Debug)]
pub struct Line {
    address: SocketAddr,
    state: Arc<State>,
    _forwarder: JoinSet<()>,
}

#[derive(Debug)]
struct State {
    relay: SocketAddr,
    cut: AtomicBool,
    carrier: Mutex<Carrier>,
    /// Counted up with each new address of the facility's.
    addresses: AtomicU64,
    up_bytes: AtomicU64,
    down_bytes: AtomicU64,
    dropped: AtomicU64,
    /// Addresses at which the relay has seen the facility.
    seen: AtomicU64,
    /// What somebody beside the line writes down of what goes up.
    recorded: Mutex<Option<Vec<Vec<u8>>>>,
}

/// What decides on each datagram.
#[derive(Debug)]
struct Carrier {
    quality: Quality,
    dice: Dice,
    /// When the line has carried what waits, up and down.
    free_at: [Option<Instant>; 2],
}

/// Which way a datagram goes.
#[derive(Clone, Copy, Debug)]
enum Way {
    Up,
    Down,
}

impl Line {
    /// Opens a line to `relay` on a free port of the loopback. `seed` decides what a lossy line loses.
    pub async fn open(relay: SocketAddr, quality: Quality, seed: u64) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = socket.local_addr()?;
        let state = Arc::new(State {
            relay,
            cut: AtomicBool::new(false),
            carrier: Mutex::new(Carrier { quality, dice: Dice::new(seed), free_at: [None; 2] }),
            addresses: AtomicU64::new(0),
            up_bytes: AtomicU64::new(0),
            down_bytes: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            seen: AtomicU64::new(0),
            recorded: Mutex::new(None),
        });
        let mut forwarder = JoinSet::new();
        forwarder.spawn(forward(Arc::new(socket), state.clone()));
        Ok(Self { address, state, _forwarder: forwarder })
    }

    /// Where the facility finds the relay over this line.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts the line: datagrams vanish until it is restored, those on the way as well.
    pub fn cut(&self) {
        self.state.cut.store(true, Ordering::Release);
    }

    /// Restores the line.
    pub fn restore(&self) {
        self.state.cut.store(false, Ordering::Release);
    }

    /// Whether the line is cut.
    pub fn is_cut(&self) -> bool {
        self.state.cut.load(Ordering::Acquire)
    }

    /// Makes the line better or worse from now on.
    pub fn set_quality(&self, quality: Quality) {
        self.state.carrier.lock().unwrap_or_else(PoisonError::into_inner).quality = quality;
    }

    /// From now on the relay sees the facility at another address, and what it sends to the former one is lost.
    pub fn change_address(&self) {
        self.state.addresses.fetch_add(1, Ordering::AcqRel);
    }

    /// From now on somebody beside the line writes down what the facility sends, also where it is cut.
    pub fn record(&self) {
        *self.state.recorded.lock().unwrap_or_else(PoisonError::into_inner) = Some(Vec::new());
    }

    /// The datagrams that were written down.
    pub fn recorded(&self) -> Vec<Vec<u8>> {
        let recorded = self.state.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        recorded.clone().unwrap_or_default()
    }

    /// What went over the line so far.
    pub fn traffic(&self) -> Traffic {
        Traffic {
            up_bytes: self.state.up_bytes.load(Ordering::Relaxed),
            down_bytes: self.state.down_bytes.load(Ordering::Relaxed),
            dropped: self.state.dropped.load(Ordering::Relaxed),
            addresses: self.state.seen.load(Ordering::Relaxed),
        }
    }
}

impl State {
    /// How long the next datagram travels; `None` if it is lost.
    fn fate(&self, way: Way, bytes: usize) -> Option<Duration> {
        if self.cut.load(Ordering::Acquire) {
            return None;
        }
        let mut carrier = self.carrier.lock().unwrap_or_else(PoisonError::into_inner);
        let Carrier { quality, dice, free_at } = &mut *carrier;
        if quality.loss > 0.0 && dice.chance(quality.loss) {
            return None;
        }
        let mut waits = Duration::ZERO;
        if quality.bytes_per_second > 0 {
            let now = Instant::now();
            let free = free_at[way as usize].filter(|at| *at > now).unwrap_or(now);
            if free - now > QUEUE_MAX {
                return None;
            }
            let takes = Duration::from_secs_f64(bytes as f64 / quality.bytes_per_second as f64);
            free_at[way as usize] = Some(free + takes);
            waits = free + takes - now;
        }
        Some(waits + quality.delay + quality.jitter.mul_f64(dice.fraction()))
    }

    fn write_down(&self, datagram: &[u8]) {
        let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(recorded) = recorded.as_mut().filter(|them| them.len() < RECORDED_MAX) {
            recorded.push(datagram.to_vec());
        }
    }

    fn drop_one(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// Takes what facilities send; each sender gets a socket of its own towards the relay, so that the relay's
/// answers find their way back.
async fn forward(socket: Arc<UdpSocket>, state: Arc<State>) {
    let mut senders: BTreeMap<SocketAddr, (u64, Arc<UdpSocket>, JoinSet<()>)> = BTreeMap::new();
    let (mut turn, mut addresses) = (0, 0);
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        // An error here is an echo of an earlier datagram that found nobody; the next one may.
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else { continue };
        turn += 1;
        state.write_down(&buffer[..length]);
        let changed = state.addresses.load(Ordering::Acquire);
        if std::mem::replace(&mut addresses, changed) != changed {
            senders.clear();
        }
        if !senders.contains_key(&from) {
            if senders.len() == SENDERS_MAX {
                let oldest = senders.iter().min_by_key(|(_, (used, ..))| *used);
                if let Some(oldest) = oldest.map(|(address, _)| *address) {
                    senders.remove(&oldest);
                }
            }
            let Ok(upstream) = upstream(state.relay).await else {
                state.drop_one();
                continue;
            };
            state.seen.fetch_add(1, Ordering::Relaxed);
            let upstream = Arc::new(upstream);
            let mut answers = JoinSet::new();
            answers.spawn(answer(upstream.clone(), socket.clone(), from, state.clone()));
            senders.insert(from, (turn, upstream, answers));
        }
        let Some((used, upstream, _)) = senders.get_mut(&from) else { continue };
        *used = turn;
        let (upstream, counted) = (upstream.clone(), state.clone());
        pass(&state, Way::Up, buffer[..length].to_vec(), move |datagram| async move {
            counted.up_bytes.fetch_add(datagram.len() as u64, Ordering::Relaxed);
            upstream.send(&datagram).await.map(|_| ())
        })
        .await;
    }
}

async fn answer(
    upstream: Arc<UdpSocket>,
    socket: Arc<UdpSocket>,
    to: SocketAddr,
    state: Arc<State>,
) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        let Ok(length) = upstream.recv(&mut buffer).await else {
            // The relay is not there (yet): its port answers with an error, at once and every time.
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        let (socket, counted) = (socket.clone(), state.clone());
        pass(&state, Way::Down, buffer[..length].to_vec(), move |datagram| async move {
            counted.down_bytes.fetch_add(datagram.len() as u64, Ordering::Relaxed);
            socket.send_to(&datagram, to).await.map(|_| ())
        })
        .await;
    }
}

/// Sends a datagram at once, later, or never.
async fn pass<F, Sent>(state: &Arc<State>, way: Way, datagram: Vec<u8>, send: F)
where
    F: FnOnce(Vec<u8>) -> Sent + Send + 'static,
    Sent: Future<Output = io::Result<()>> + Send,
{
    match state.fate(way, datagram.len()) {
        None => state.drop_one(),
        Some(Duration::ZERO) => {
            if send(datagram).await.is_err() {
                state.drop_one();
            }
        }
        Some(delay) => {
            let state = state.clone();
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                let lost = state.cut.load(Ordering::Acquire) || send(datagram).await.is_err();
                if lost {
                    state.drop_one();
                }
            });
        }
    }
}

async fn upstream(relay: SocketAddr) -> io::Result<UdpSocket> {
    let local = if relay.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
    let socket = UdpSocket::bind(local).await?;
    socket.connect(relay).await?;
    Ok(socket)
}

/// How long a datagram waits at most for a narrow line; what would wait longer is lost.
const QUEUE_MAX: Duration = Duration::from_secs(1);

/// The largest datagram that UDP can carry.
const DATAGRAM_BYTES_MAX: usize = 65_536;

/// Senders remembered at a time; a node has one, or two while it changes its address.
const SENDERS_MAX: usize = 32;

/// Datagrams that are written down: more than a first flight has.
const RECORDED_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    struct Ends {
        line: Line,
        facility: UdpSocket,
        relay: UdpSocket,
    }

    async fn ends(quality: Quality) -> Ends {
        let relay = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let line = Line::open(relay.local_addr().unwrap(), quality, 1).await.unwrap();
        let facility = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        facility.connect(line.address()).await.unwrap();
        Ends { line, facility, relay }
    }

    #[tokio::test]
    async fn datagrams_pass_both_ways() {
        let ends = ends(Quality::default()).await;
        ends.facility.send(b"hello").await.unwrap();
        let mut buffer = [0; 16];
        let (length, from) = ends.relay.recv_from(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..length], b"hello");
        ends.relay.send_to(b"good day", from).await.unwrap();
        let length = ends.facility.recv(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..length], b"good day");
        assert_eq!(
            ends.line.traffic(),
            Traffic { up_bytes: 5, down_bytes: 8, dropped: 0, addresses: 1 }
        );
    }

    #[tokio::test]
    async fn a_cut_line_swallows_and_a_restored_one_passes_again() {
        let ends = ends(Quality::default()).await;
        ends.line.cut();
        ends.facility.send(b"lost").await.unwrap();
        while ends.line.traffic().dropped == 0 {
            tokio::task::yield_now().await;
        }
        ends.line.restore();
        ends.facility.send(b"found").await.unwrap();
        let mut buffer = [0; 16];
        let (length, _) = ends.relay.recv_from(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..length], b"found");
    }

    #[tokio::test]
    async fn the_relay_sees_another_address_and_answers_to_the_former_one_are_lost() {
        let ends = ends(Quality::default()).await;
        let mut buffer = [0; 16];
        ends.facility.send(b"here").await.unwrap();
        let (_, former) = ends.relay.recv_from(&mut buffer).await.unwrap();
        ends.line.change_address();
        ends.facility.send(b"there").await.unwrap();
        let (_, now) = ends.relay.recv_from(&mut buffer).await.unwrap();
        assert_ne!(former, now);
        ends.relay.send_to(b"lost", former).await.unwrap();
        ends.relay.send_to(b"found", now).await.unwrap();
        let length = ends.facility.recv(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..length], b"found");
    }

    #[tokio::test]
    async fn a_narrow_line_lets_what_comes_faster_wait_and_loses_the_rest() {
        let ends = ends(Quality { bytes_per_second: 1_000, ..Quality::default() }).await;
        for number in 0..60u8 {
            ends.facility.send(&[number; 100]).await.unwrap();
        }
        while ends.line.traffic().dropped + ends.line.traffic().up_bytes / 100 < 60 {
            tokio::task::yield_now().await;
        }
        let traffic = ends.line.traffic();
        assert!(traffic.up_bytes >= 1_000, "a second's worth waits: {traffic:?}");
        assert!(traffic.dropped > 0, "{traffic:?}");
    }

    #[tokio::test]
    async fn a_bad_line_loses_its_share_and_passes_the_rest() {
        let quality = Quality { loss: 0.5, jitter: Duration::from_millis(1), ..Quality::default() };
        let ends = ends(quality).await;
        for number in 0..100u8 {
            ends.facility.send(&[number]).await.unwrap();
            while ends.line.traffic().dropped + ends.line.traffic().up_bytes <= u64::from(number) {
                tokio::task::yield_now().await;
            }
        }
        let lost = ends.line.traffic().dropped;
        assert!((30..70).contains(&lost), "{lost}");
    }
}
