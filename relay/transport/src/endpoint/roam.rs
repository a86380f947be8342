//! A client's own address changes under it: a tablet goes from one network to another, a cable is moved, a lease ends.
//!
//! A connection is known by its ids and not by its addresses, so it can go on from the new one. But the other end has to hear from
//! there first, and who only receives says nothing before its next sign of life, up to ten seconds later; until then all that is sent
//! to it is lost. So we look from which address the system would send now, and where that is another one, every connection gets
//! a new socket and speaks at once.
//!
//! The same helps where a line has fallen silent. It may be a router that has forgotten us, or a cut that is over: then both ends
//! would try again after longer and longer pauses, while whoever is heard from another port is sent to at once.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};

/// The pause between two looks; nothing is sent for one.
const LOOK: Duration = Duration::from_secs(1);

/// What an endpoint's connections tell of their way.
#[derive(Debug, Default)]
pub(crate) struct Roam {
    /// The server that was called last: the way there is the one that is looked at.
    towards: Mutex<Option<SocketAddr>>,
    silent: Notify,
}

impl Roam {
    /// A server is called.
    pub(super) fn call(&self, server: SocketAddr) {
        *self.towards.lock().unwrap_or_else(PoisonError::into_inner) = Some(server);
    }

    /// A connection is not answered. Only a client does something about it.
    pub(crate) fn unanswered(&self) {
        self.silent.notify_one();
    }

    fn towards(&self) -> Option<SocketAddr> {
        *self.towards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client's socket, on a port that the system picks: for both families where the system has both.
pub(super) fn socket() -> io::Result<UdpSocket> {
    both_families().or_else(|_| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)))
}

fn both_families() -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_only_v6(false)?;
    socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)).into())?;
    Ok(socket.into())
}

/// Keeps an endpoint's connections on their way; `look` says from where the system would send to a server.
pub(super) async fn follow(
    quic: quinn::Endpoint,
    roam: Arc<Roam>,
    mut look: impl FnMut(SocketAddr) -> Option<IpAddr>,
) {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut way = WayOut::default();
    loop {
        let why = tokio::select! {
            () = roam.silent.notified() => "nothing is answered",
            _ = looks.tick() => {
                let Some(server) = roam.towards() else { continue };
                if !way.has_moved(server, look(server)) {
                    continue;
                }
                "this end has another address"
            }
        };
        // The former socket stays where no other one can be had.
        match socket().and_then(|socket| quic.rebind(socket)) {
            Ok(()) => tracing::debug!(why, "connections go on from another port"),
            Err(error) => tracing::warn!(%error, why, "connections cannot go on from another port"),
        }
    }
}

/// From where the system would send to a server now; `None` while it knows no way.
pub(super) fn source(server: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = match server.is_ipv4() {
        true => Ipv4Addr::UNSPECIFIED.into(),
        false => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    // Over UDP this asks for a route and sends nothing.
    socket.connect(server).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// The way to a server as it was at the last look.
#[derive(Debug, Default)]
struct WayOut {
    last: Option<(SocketAddr, Option<IpAddr>)>,
}

impl WayOut {
    /// Takes in a look: whether what goes to the same server begins elsewhere than before, or again.
    fn has_moved(&mut self, server: SocketAddr, source: Option<IpAddr>) -> bool {
        let before = self.last.replace((server, source));
        let is_same_server = before.is_some_and(|(former, _)| former == server);
        is_same_server && source.is_some() && before != self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 4433);
    const WIFI: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));
    const MOBILE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

    #[test]
    fn a_way_has_moved_where_it_begins_elsewhere_or_is_there_again() {
        let mut way = WayOut::default();
        let mut check = |source, expected| assert_eq!(way.has_moved(SERVER, source), expected);
        check(None, false);
        check(Some(WIFI), true);
        check(Some(WIFI), false);
        check(Some(MOBILE), true);
        check(None, false);
        check(None, false);
        check(Some(MOBILE), true);
        // Another server may be reached from elsewhere: that says nothing.
        assert!(!way.has_moved(([192, 0, 2, 2], 4433).into(), Some(WIFI)));
    }

    #[test]
    fn the_system_says_from_where_it_would_send() {
        let server = SocketAddr::from(([127, 0, 0, 1], 9));
        assert_eq!(source(server), Some(server.ip()));
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_gets_a_new_socket_with_each_new_address_and_at_no_other_time() {
        let runtime = Arc::new(quinn::TokioRuntime);
        let config = quinn::EndpointConfig::default();
        let quic = quinn::Endpoint::new(config, None, socket().unwrap(), runtime).unwrap();
        let looks = [Some(WIFI), Some(WIFI), Some(MOBILE), None, None, Some(WIFI), Some(WIFI)];
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let seen = quic.clone();
        let mut looks = looks.into_iter();
        let look = move |_| {
            tell.send(seen.local_addr().unwrap().port()).unwrap();
            looks.next().flatten()
        };
        let roam = Arc::new(Roam::default());
        roam.call(SERVER);
        let following = tokio::spawn(follow(quic, roam, look));
        let mut ports = Vec::new();
        while ports.len() < 8 {
            ports.push(told.recv().await.unwrap());
        }
        following.abort();
        let moved: Vec<_> = ports.windows(2).map(|pair| pair[0] != pair[1]).collect();
        assert_eq!(moved, [false, false, true, false, false, true, false]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_whose_connection_is_not_answered_gets_a_new_socket() {
        let runtime = Arc::new(quinn::TokioRuntime);
        let config = quinn::EndpointConfig::default();
        let quic = quinn::Endpoint::new(config, None, socket().unwrap(), runtime).unwrap();
        let former = quic.local_addr().unwrap();
        let roam = Arc::new(Roam::default());
        let following = tokio::spawn(follow(quic.clone(), roam.clone(), |_| Some(WIFI)));
        tokio::time::sleep(LOOK * 3).await;
        assert_eq!(quic.local_addr().unwrap(), former);
        roam.unanswered();
        tokio::time::sleep(LOOK).await;
        assert_ne!(quic.local_addr().unwrap(), former);
        following.abort();
    }
}
