//! The power is back: every node of a region calls one relay again within a minute, from connections of its own. Those who call have no
//! store, so that it is the relay that is measured; they share a process, and the two cores with the relay.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use azalea_core::access::{Statement, registry_scope};
use azalea_core::envelope::{Body, Chain, Draft, Formats, Header, SignedEnvelope, seal};
use azalea_core::identity::{
    AgreementKeypair, Certificate, Device, Identity, Signed, SigningKeypair, Validity,
};
use azalea_core::sync::message::{Cursor, Hello, Message};
use azalea_core::wire::{Reader, Wire};
use azalea_tests::session::{Session, identity, now, relay_seed};
use azalea_tests::{CLINIC, HOSPITAL, Region};
use rand::Rng;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::relay::{chart, push};
use super::{peak_memory, processor, resident, row, size, time};

/// What each of them missed: so many envelopes of about a laboratory result.
const MISSED: usize = 10;
/// Who is let in while the region is made ready: others wait for their turn.
const AT_ONCE: usize = 64;
/// So long all of them are connected and say nothing.
const HELD: Duration = Duration::from_secs(60);
/// A certificate of the bench's devices holds for a day.
const CERTIFIED_MS: u64 = 24 * 60 * 60 * 1_000;

/// What one node met.
struct Met {
    /// From its first datagram until the first of what it missed came.
    first: Duration,
    /// And until it had all of it.
    whole: Duration,
}

/// Lets so many nodes call again within `within`, and then more members come until so many are connected at once.
pub(super) fn run(nodes: usize, within: Duration, idle: usize) {
    let mut region = Region::start();
    let hospital = identity(&region.joined(&HOSPITAL));
    let clinic = identity(&region.joined(&CLINIC));
    let seed = relay_seed(&region.relay);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");

    let address = region.relay.address();
    let (devices, cursors) = runtime.block_on(async {
        let began = Instant::now();
        let devices = enrol(&clinic, nodes.max(idle), address, &seed).await;
        let stored = region.relay.metric("store_bytes") as u64;
        let members =
            format!("{} in {}, store {}", devices.len(), time(began.elapsed()), size(stored));
        row("members admitted", &members);
        let mut writer = Session::open(&hospital, address, &seed).await;
        writer.whole_feed(&hospital).await;
        let (_, opening, content) = chart(&hospital, std::slice::from_ref(&clinic), MISSED);
        push(&mut writer, opening).await;
        let cursors = loop {
            // All have the same before them, once the relay has put it there.
            let cursors = ends(&devices, address, &seed).await;
            if cursors.windows(2).all(|pair| pair[0] == pair[1]) {
                break cursors;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        };
        push(&mut writer, content).await;
        (devices, cursors)
    });
    row("nodes", &format!("{nodes}, each has missed {MISSED} envelopes of 1.4 KB"));

    // A relay that comes back has nothing in memory but what it read when it began.
    region.relay.kill();
    region.relay.start();
    let address = region.relay.address();
    let pid = region.relay.daemon().pid();
    row("relay: memory before", &size(resident(pid)));
    let before = processor(pid);
    let (met, mut sessions) =
        runtime.block_on(storm(&devices, &cursors, (nodes, within), address, &seed));
    let spent = processor(pid) - before;
    assert_eq!(met.len(), nodes, "every node has what it missed");
    row("all within", &time(within));
    spread("first byte of what was missed", met.iter().map(|met| met.first).collect());
    spread("all of what was missed", met.iter().map(|met| met.whole).collect());
    row("relay: processor time", &time(spent));
    row("relay: peak memory", &size(peak_memory(pid)));
    row("relay: memory with all of them connected and silent", &size(resident(pid)));

    if idle > nodes {
        let before = resident(pid);
        let began = Instant::now();
        let others = runtime.block_on(others(&devices, &cursors, nodes, address, &seed));
        let more = resident(pid).saturating_sub(before);
        row("the others have come within", &time(began.elapsed()));
        row(
            "relay: memory for each more member",
            &format!("{} B", more / others.len().max(1) as u64),
        );
        sessions.extend(others);
    }
    let mut most = resident(pid);
    let began = Instant::now();
    while began.elapsed() < HELD {
        std::thread::sleep(Duration::from_secs(1));
        most = most.max(resident(pid));
    }
    let open = runtime.block_on(still_open(sessions.iter()));
    let by_relay = region.relay.metric("connections") as u64;
    row(
        &format!("members connected and silent for {}", time(HELD)),
        &format!("{open} by their side, {by_relay} by the relay's"),
    );
    row("relay: memory with all of them", &format!("{} at most meanwhile", size(most)));
    row("relay: peak memory of all", &size(peak_memory(pid)));
    drop(sessions);
}

/// Devices of a clinic, certified by it and told to everybody by its first one.
async fn enrol(
    clinic: &Identity,
    nodes: usize,
    address: SocketAddr,
    relay: &[u8; 32],
) -> Arc<Vec<Identity>> {
    let mut session = Session::open(clinic, address, relay).await;
    let (_, feed) = session.whole_feed(clinic).await;
    let registry = registry_scope(&clinic.network);
    let mut chain = Chain::new();
    for envelope in feed {
        let header = Header::read(&mut Reader::new(&envelope)).expect("a header");
        if header.scope == registry && header.author == clinic.device_id() {
            let envelope = SignedEnvelope::from_bytes(envelope).expect("an envelope");
            chain.follow(envelope.claimed_header());
        }
    }
    let signer = clinic.facility_key.as_ref().expect("a facility's first device has its key");
    let mut devices = Vec::with_capacity(nodes);
    let mut certificates = Vec::with_capacity(nodes);
    for number in 0..nodes {
        let mut rng = rand::rng();
        let device = Identity {
            network: clinic.network,
            facility: clinic.facility,
            facility_key: None,
            device: SigningKeypair::generate(&mut rng),
            agreement: AgreementKeypair::generate(&mut rng),
        };
        let certificate = Device {
            facility: device.facility,
            key: device.device.public(),
            agreement: device.agreement.public().clone(),
            possession: device.possession(),
            label: format!("{number}"),
            validity: Validity::lasting(now(), CERTIFIED_MS),
        };
        let certificate = Certificate::Device(Signed::sign(certificate, signer).expect("short"));
        let (seq, previous) = chain.next();
        let (network, epoch, at, formats) = (clinic.network, 0, now(), Formats::default());
        let draft = Draft { network, scope: registry, seq, previous, epoch, at, formats };
        let body = Body::Statement(Statement::Certificate(certificate));
        let sealed = seal(draft, &body, None, &clinic.device).expect("a small body");
        chain.follow(sealed.claimed_header());
        certificates.push(sealed.into_bytes());
        devices.push(device);
    }
    push(&mut session, certificates).await;
    Arc::new(devices)
}

/// Where each one's feed ends, once the relay has filled it: that far they had come before the power went.
async fn ends(
    devices: &Arc<Vec<Identity>>,
    address: SocketAddr,
    relay: &[u8; 32],
) -> Arc<Vec<Cursor>> {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut asked = JoinSet::new();
    for at in 0..devices.len() {
        let (devices, places, relay) = (Arc::clone(devices), Arc::clone(&places), *relay);
        asked.spawn(async move {
            let _place = places.acquire().await.expect("nobody closes it");
            let mut session = Session::open(&devices[at], address, &relay).await;
            session.say(&Message::Hello(hello(&devices[at], None))).await;
            let Message::Welcome(welcome) = session.hear().await else { panic!("no welcome") };
            (at, Cursor { epoch: welcome.epoch, position: welcome.end })
        });
    }
    let mut ends = asked.join_all().await;
    ends.sort_by_key(|(at, _)| *at);
    Arc::new(ends.into_iter().map(|(_, end)| end).collect())
}

fn hello(device: &Identity, cursor: Option<Cursor>) -> Hello {
    let (network, id) = (device.network, device.device_id());
    Hello { network, device: id, cursor, want_own: false, at: now() }
}

/// Everybody calls at a moment of its own, and stays.
async fn storm(
    devices: &Arc<Vec<Identity>>,
    cursors: &Arc<Vec<Cursor>>,
    (nodes, within): (usize, Duration),
    address: SocketAddr,
    relay: &[u8; 32],
) -> (Vec<Met>, Vec<Session>) {
    let mut calling = JoinSet::new();
    for at in 0..nodes {
        let (devices, cursors, relay) = (Arc::clone(devices), Arc::clone(cursors), *relay);
        let after = within.mul_f64(f64::from(rand::rng().next_u32()) / f64::from(u32::MAX));
        calling.spawn(async move {
            tokio::time::sleep(after).await;
            call(&devices[at], cursors[at], address, &relay).await
        });
    }
    calling.join_all().await.into_iter().unzip()
}

async fn call(
    device: &Identity,
    cursor: Cursor,
    address: SocketAddr,
    relay: &[u8; 32],
) -> (Met, Session) {
    let began = Instant::now();
    let mut session = Session::open(device, address, relay).await;
    session.say(&Message::Hello(hello(device, Some(cursor)))).await;
    let Message::Welcome(welcome) = session.hear().await else { panic!("no welcome") };
    assert_eq!(welcome.position, cursor.position, "nothing is sent twice");
    let (mut first, mut position) = (None, welcome.position);
    while position < welcome.end {
        if let Message::Feed { items, .. } = session.hear().await {
            first.get_or_insert_with(|| began.elapsed());
            position = items.last().map_or(position, |item| item.position);
            session.say(&Message::Seen { position }).await;
        }
    }
    let whole = began.elapsed();
    (Met { first: first.expect("something was missed"), whole }, session)
}

/// The members behind the first so many come too, a few at a time, take what they missed, and stay.
async fn others(
    devices: &Arc<Vec<Identity>>,
    cursors: &Arc<Vec<Cursor>>,
    first: usize,
    address: SocketAddr,
    relay: &[u8; 32],
) -> Vec<Session> {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut coming = JoinSet::new();
    for at in first..devices.len() {
        let (devices, cursors, relay) = (Arc::clone(devices), Arc::clone(cursors), *relay);
        let places = Arc::clone(&places);
        coming.spawn(async move {
            let _place = places.acquire().await.expect("nobody closes it");
            call(&devices[at], cursors[at], address, &relay).await.1
        });
    }
    coming.join_all().await
}

/// Those that the relay has not ended by now.
async fn still_open(sessions: impl Iterator<Item = &Session>) -> usize {
    let mut open = 0;
    for session in sessions {
        open += usize::from(session.is_open().await);
    }
    open
}

fn spread(what: &str, mut took: Vec<Duration>) {
    took.sort();
    let at = |part: f64| time(took[((took.len() - 1) as f64 * part) as usize]);
    let spread = [0.5, 0.95, 0.99, 1.0].map(at);
    let [median, p95, p99, slowest] = spread;
    row(what, &format!("p50 {median}, p95 {p95}, p99 {p99}, slowest {slowest}"));
}
