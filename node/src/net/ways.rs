//! Finding a way to the relay: QUIC first, and where UDP does not pass, TLS on TCP.
//!
//! ```text
//! UDP passes, or nothing is known    QUIC ──lead──► TCP as well        the first that stands is taken
//! UDP was blocked                    QUIC ─► TCP a moment later
//! UDP died under a session           TCP ──lead──► QUIC as well        some firewalls let a handshake through and no more
//! ```
//!
//! A session over TCP is a detour: QUIC is tried again beside it, less and less often, and the session moves when that stands.

use super::beside::Beside;
use super::opening::Opening;
use super::{NetError, Stream, resolve};
use azalea_core::id::DeviceId;
use azalea_core::identity::PublicKey;
use azalea_transport::endpoint::{Caller, Endpoint, EndpointError, Met};
use azalea_transport::peer::{Peer, Via};
use azalea_transport::tcp::{Proxy, Way};
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// A handshake takes a round trip or two, through a proxy a few more; a way that needs longer than this is none.
const CONNECT: Duration = Duration::from_secs(6);
/// So much earlier than the other the better way begins: more than its handshake takes on any usual line.
const LEAD: Duration = Duration::from_millis(1_500);
/// As [`LEAD`], where UDP did not pass the last time: enough for QUIC where it passes again on a short line.
const LEAD_BLOCKED: Duration = Duration::from_millis(200);
/// How soon QUIC is tried again beside a session over TCP; each time twice as long.
const PROBE: Duration = Duration::from_secs(5);
/// The longest pause between two such tries.
const PROBE_MAX: Duration = Duration::from_secs(600);
/// A session over QUIC that stood for so long says that UDP passes reliably.
const STEADY: Duration = Duration::from_secs(300);
/// Where relays listen on TCP unless told otherwise: what firewalls let through for the web.
const TCP_PORT: u16 = 443;

/// Where the relay is and how it proves that it is the one.
#[derive(Debug, Clone)]
pub struct RelayTarget {
    /// `HOST:PORT` of QUIC.
    pub address: String,
    /// The way over TCP.
    pub tcp: Way,
    /// The fingerprint of its key.
    pub relay: DeviceId,
}

/// What is thought of UDP between here and the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Udp {
    /// It passes, or nothing is known.
    Passes,
    /// TCP stood where QUIC did not.
    Blocked,
    /// It let a session begin and then fell silent.
    Stalls,
}

/// A connection with the relay.
pub(super) struct Standing {
    pub(super) peer: Peer,
    /// The session's stream, where its first words have been said on it and are heard.
    pub(super) stream: Option<Stream>,
}

/// The ways to a relay and what has been learnt of them.
pub struct Ways {
    endpoint: Endpoint,
    /// Keeps what the relay has given for coming back.
    caller: Caller,
    target: RelayTarget,
    udp: Udp,
    probe: Duration,
}

impl RelayTarget {
    /// The relay at `address`; over TCP on the same host unless `tcp` says otherwise.
    pub fn new(
        address: String,
        tcp: Option<String>,
        proxy: Option<Proxy>,
        relay: DeviceId,
    ) -> Self {
        let host = address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host);
        let tcp = tcp.unwrap_or_else(|| format!("{host}:{TCP_PORT}"));
        Self { tcp: Way { address: tcp, proxy }, address, relay }
    }
}

impl Standing {
    /// One on which nothing has been said.
    pub(super) fn new(peer: Peer) -> Self {
        Self { peer, stream: None }
    }
}

impl Ways {
    /// Nothing is known yet.
    pub fn new(endpoint: Endpoint, target: RelayTarget) -> Result<Self, EndpointError> {
        let caller = endpoint.caller(fits(target.relay))?;
        Ok(Self { endpoint, caller, target, udp: Udp::Passes, probe: PROBE })
    }

    /// A connection with the relay, the best way that there is now.
    pub async fn connect(&mut self) -> Result<Peer, NetError> {
        Ok(self.connect_on(None).await?.peer)
    }

    /// As [`Ways::connect`]; where the relay knows this device, the first words of a session go with the first flight.
    pub(super) async fn connect_saying(
        &mut self,
        opening: &mut Opening<'_>,
    ) -> Result<Standing, NetError> {
        self.connect_on(Some(opening)).await
    }

    async fn connect_on(
        &mut self,
        opening: Option<&mut Opening<'_>>,
    ) -> Result<Standing, NetError> {
        let quic = self.quic(opening);
        let tcp = async { self.tcp().await.map(Standing::new) };
        let connected = match self.udp {
            Udp::Passes => race(quic, LEAD, tcp).await,
            Udp::Blocked => race(quic, LEAD_BLOCKED, tcp).await,
            Udp::Stalls => race(tcp, LEAD, quic).await.map_err(|(tcp, quic)| (quic, tcp)),
        };
        let via = connected.as_ref().ok().map(|standing| standing.peer.via());
        self.udp = self.udp.after(via);
        connected.map_err(|(udp, tcp)| NetError::NoWay { udp: udp.into(), tcp: tcp.into() })
    }

    /// A connection that is better than one over `via`, once there is one.
    pub async fn better(&mut self, via: Via) -> Peer {
        if via == Via::Quic {
            return std::future::pending().await;
        }
        loop {
            sleep(self.probe).await;
            self.probe = (self.probe * 2).min(PROBE_MAX);
            match self.quic(None).await {
                Ok(standing) => {
                    self.udp = Udp::Passes;
                    return standing.peer;
                }
                Err(cause) => tracing::debug!(%cause, "UDP does not pass yet"),
            }
        }
    }

    /// Learns from a session that has ended after so long.
    pub fn ended(&mut self, via: Via, stood: Duration, ended: &Result<(), NetError>) {
        if via != Via::Quic {
            return;
        }
        if stood >= STEADY {
            self.probe = PROBE;
        }
        if ended.as_ref().is_err_and(is_silence) {
            self.udp = Udp::Stalls;
        }
    }

    /// What lets others open streams beside a session over `peer`.
    pub fn beside(&self, peer: &Peer) -> Beside {
        Beside::new(peer.clone(), self.endpoint.clone(), self.target.clone())
    }

    async fn quic(&self, mut opening: Option<&mut Opening<'_>>) -> Result<Standing, NetError> {
        within(async {
            let mut last = NetError::Stalled { seconds: 0 };
            for address in resolve(&self.target.address).await? {
                let standing = match opening.as_deref_mut() {
                    Some(opening) => self.quic_saying(address, opening).await,
                    None => self.caller.call(address).await.map(Standing::new).map_err(Into::into),
                };
                match standing {
                    Ok(standing) => return Ok(standing),
                    Err(error) => last = error,
                }
            }
            Err(last)
        })
        .await
    }

    async fn quic_saying(
        &self,
        address: SocketAddr,
        opening: &mut Opening<'_>,
    ) -> Result<Standing, NetError> {
        let (peer, unproven) = match self.caller.call_early(address).await? {
            Met::Whole(peer) => return Ok(Standing::new(peer)),
            Met::Early(peer, unproven) => (peer, unproven),
        };
        let first = opening.words().await.ok_or(NetError::Cut)?;
        let said = Stream::begin(&peer, first).await;
        // Only now it is sure who is there, and whether it has heard what was said before.
        let is_heard = unproven.proven().await?;
        let stream = match said {
            Ok(stream) => (is_heard || !stream.receive.is_early()).then_some(stream),
            Err(_) if !is_heard => None,
            Err(error) => return Err(error),
        };
        Ok(Standing { peer, stream })
    }

    async fn tcp(&self) -> Result<Peer, NetError> {
        let Self { endpoint, target, .. } = self;
        within(async { Ok(endpoint.connect_tcp(&target.tcp, fits(target.relay)).await?) }).await
    }
}

impl Udp {
    /// What is thought after a try that ended with a connection over `via`, or with none.
    fn after(self, via: Option<Via>) -> Self {
        match (via, self) {
            // Where nothing passes, nothing is said about UDP.
            (Some(Via::Quic) | None, _) => Self::Passes,
            (Some(Via::Tcp | Via::Proxy), Self::Stalls) => Self::Stalls,
            (Some(Via::Tcp | Via::Proxy), _) => Self::Blocked,
        }
    }
}

pub(super) fn fits(relay: DeviceId) -> impl Fn(&[u8; 32]) -> bool + Send + Sync + 'static {
    move |key| PublicKey::from_bytes(*key).device_id() == relay
}

fn is_silence(error: &NetError) -> bool {
    match error {
        NetError::Stalled { .. } => true,
        NetError::Connection(ended) => ended.is_silence(),
        _ => false,
    }
}

async fn within<T>(work: impl Future<Output = Result<T, NetError>>) -> Result<T, NetError> {
    let stalled = NetError::Stalled { seconds: CONNECT.as_secs() };
    timeout(CONNECT, work).await.unwrap_or(Err(stalled))
}

/// The first of two ways that stands; the second begins when the first has failed or has had its lead. Where neither stands, both
/// causes.
async fn race<T, E>(
    first: impl Future<Output = Result<T, E>>,
    lead: Duration,
    second: impl Future<Output = Result<T, E>>,
) -> Result<T, (E, E)> {
    let (mut first, mut second) = (pin!(first), pin!(second));
    tokio::select! {
        biased;
        ended = &mut first => return match ended {
            Ok(found) => Ok(found),
            Err(one) => second.await.map_err(|other| (one, other)),
        },
        () = sleep(lead) => {}
    }
    tokio::select! {
        ended = &mut first => match ended {
            Ok(found) => Ok(found),
            Err(one) => second.await.map_err(|other| (one, other)),
        },
        ended = &mut second => match ended {
            Ok(found) => Ok(found),
            Err(other) => first.await.map_err(|one| (one, other)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use azalea_transport::peer::Ended;

    /// A way that stands or fails after so many milliseconds.
    async fn way(
        name: &'static str,
        after: u64,
        stands: bool,
    ) -> Result<&'static str, &'static str> {
        sleep(Duration::from_millis(after)).await;
        if stands { Ok(name) } else { Err(name) }
    }

    async fn check(
        first: (u64, bool),
        second: (u64, bool),
        expected: Result<&'static str, (&'static str, &'static str)>,
        after_ms: u64,
    ) {
        let begun = tokio::time::Instant::now();
        let first = way("first", first.0, first.1);
        let found =
            race(first, Duration::from_millis(1_000), way("second", second.0, second.1)).await;
        assert_eq!(found, expected);
        // The clock is a virtual one.
        assert_eq!(begun.elapsed().as_millis() as u64, after_ms);
    }

    #[tokio::test(start_paused = true)]
    async fn the_better_way_has_a_lead_and_no_more() {
        let both = Err(("first", "second"));
        check((900, true), (0, true), Ok("first"), 900).await;
        check((5_000, true), (100, true), Ok("second"), 1_100).await;
        check((1_500, true), (900, true), Ok("first"), 1_500).await;
        // One that fails at once costs no lead.
        check((10, false), (20, true), Ok("second"), 30).await;
        check((5_000, true), (10, false), Ok("first"), 5_000).await;
        check((5_000, false), (10, true), Ok("second"), 1_010).await;
        check((10, false), (20, false), both, 30).await;
        check((5_000, false), (10, false), both, 5_000).await;
    }

    #[test]
    fn what_a_try_ended_with_decides_what_comes_first_the_next_time() {
        for via in [Via::Tcp, Via::Proxy] {
            assert_eq!(Udp::Passes.after(Some(via)), Udp::Blocked);
            assert_eq!(Udp::Stalls.after(Some(via)), Udp::Stalls);
        }
        for udp in [Udp::Passes, Udp::Blocked, Udp::Stalls] {
            assert_eq!(udp.after(Some(Via::Quic)), Udp::Passes);
            assert_eq!(udp.after(None), Udp::Passes);
        }
    }

    fn ways() -> Ways {
        let endpoint = Endpoint::client(&[1; 32]).unwrap();
        let target = RelayTarget::new("h:1".into(), None, None, DeviceId([0; 16]));
        Ways::new(endpoint, target).unwrap()
    }

    #[tokio::test]
    async fn only_a_session_that_died_of_silence_speaks_against_udp() {
        let mut ways = ways();
        let silent = || Err(NetError::Stalled { seconds: 16 });
        ways.ended(Via::Tcp, STEADY, &silent());
        ways.ended(Via::Quic, STEADY, &Ok(()));
        ways.ended(Via::Quic, STEADY, &Err(NetError::Connection(Ended::Closed)));
        assert_eq!(ways.udp, Udp::Passes);
        ways.probe = PROBE_MAX;
        ways.ended(Via::Quic, Duration::ZERO, &silent());
        // It stood for a moment only: QUIC is not tried more often for that.
        assert_eq!((ways.udp, ways.probe), (Udp::Stalls, PROBE_MAX));
        ways.ended(Via::Quic, STEADY, &silent());
        assert_eq!(ways.probe, PROBE);
    }

    #[test]
    fn tcp_is_on_the_relays_host_unless_told_otherwise() {
        let check = |address: &str, tcp: Option<&str>, expected: &str| {
            let tcp = tcp.map(str::to_owned);
            let target = RelayTarget::new(address.into(), tcp, None, DeviceId([0; 16]));
            assert_eq!(target.tcp.address, expected);
        };
        check("relay.example.jp:4433", None, "relay.example.jp:443");
        check("[2001:db8::7]:4433", None, "[2001:db8::7]:443");
        check("192.0.2.7:4433", Some("tcp.example.jp:8443"), "tcp.example.jp:8443");
    }
}
