//! Two endpoints on loopback.

use super::*;
use crate::peer::Ended;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn loopback() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

async fn meet(server: &Endpoint, client: &Endpoint) -> (Peer, Peer) {
    let addr = server.local_addr().unwrap();
    let expected = server.key();
    let accepted = async { server.accept().await.unwrap().establish().await.unwrap() };
    let (there, here) = tokio::join!(client.connect(addr, &expected), accepted);
    (there.unwrap(), here)
}

#[tokio::test]
async fn both_ends_learn_the_other_ends_device_key_also_when_a_session_resumes() {
    let server = Endpoint::server(loopback(), &[1; 32]).unwrap();
    let client = Endpoint::client(&[2; 32]).unwrap();
    for _ in 0..3 {
        let (there, here) = meet(&server, &client).await;
        assert_eq!(there.key, server.key());
        assert_eq!(here.key, client.key());
        // A round trip, so that the session ticket has arrived before the line goes away.
        let (mut send, mut receive) = there.open().await.unwrap();
        send.write_all(b"?").await.unwrap();
        let (mut answer, mut asked) = here.accept().await.unwrap();
        let mut byte = [0];
        asked.read_exact(&mut byte).await.unwrap();
        answer.write_all(b"!").await.unwrap();
        receive.read_exact(&mut byte).await.unwrap();
        assert_eq!(byte, *b"!");
        there.close();
    }
}

/// A server in a process of its own, as far as the other end can tell: ended without a word by dropping the second value.
fn killable(
    addr: SocketAddr,
    seed: [u8; 32],
) -> (SocketAddr, tokio::sync::oneshot::Sender<()>, std::thread::JoinHandle<()>) {
    let (say, said) = std::sync::mpsc::channel();
    let (life, ended) = tokio::sync::oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let server = runtime.block_on(async { Endpoint::server(addr, &seed).unwrap() });
        say.send(server.local_addr().unwrap()).unwrap();
        let mut ended = std::pin::pin!(ended);
        let mut peers = Vec::new();
        runtime.block_on(async {
            loop {
                tokio::select! {
                    incoming = server.accept() => peers.push(incoming.unwrap().establish().await.unwrap()),
                    _ = &mut ended => break,
                }
            }
        });
        // First whatever could still send something, then the connections.
        drop(runtime);
        drop(peers);
    });
    (said.recv().unwrap(), life, thread)
}

/// A relay whose process was killed comes back at its address. Its nodes once noticed only by their timers, since the new process
/// had another key for resets and did not know the old connection ids as its own.
#[tokio::test]
async fn a_server_that_was_killed_and_is_back_resets_the_connections_it_had() {
    let (addr, life, thread) = killable(loopback(), [1; 32]);
    let client = Endpoint::client(&[2; 32]).unwrap();
    let expected = Presented::from_seed(&[1; 32]).unwrap().public;
    let peer = client.connect(addr, &expected).await.unwrap();
    drop(life);
    thread.join().unwrap();
    let goodbye = tokio::time::timeout(Duration::ZERO, peer.closed()).await;
    assert!(goodbye.is_err(), "it was killed, it did not say goodbye");

    let (_, _life, _thread) = killable(addr, [1; 32]);
    let (mut send, _) = peer.open().await.unwrap();
    send.write_all(&[0; 200]).await.unwrap();
    assert!(matches!(peer.closed().await, Ended::Quic(quinn::ConnectionError::Reset)));
    client.connect(addr, &expected).await.unwrap();
}

/// A tablet that goes from one network to another keeps its connection.
#[tokio::test]
async fn a_connection_goes_on_from_another_address() {
    let server = Endpoint::server(loopback(), &[1; 32]).unwrap();
    let client = Endpoint::client(&[2; 32]).unwrap();
    let (there, here) = meet(&server, &client).await;
    let (mut send, mut receive) = there.open().await.unwrap();
    send.write_all(b"here").await.unwrap();
    let (mut answer, mut asked) = here.accept().await.unwrap();
    let mut word = [0; 5];
    asked.read_exact(&mut word[..4]).await.unwrap();
    let port = || client.local_addr().unwrap().port();
    let seen = || here.remote_address().unwrap().port();
    let former = port();
    assert_eq!(seen(), former);

    client.quic.rebind(roam::socket().unwrap()).unwrap();
    assert_ne!(port(), former);
    send.write_all(b"there").await.unwrap();
    asked.read_exact(&mut word).await.unwrap();
    assert_eq!((&word, seen()), (b"there", port()));
    answer.write_all(b"so be").await.unwrap();
    receive.read_exact(&mut word).await.unwrap();
    assert_eq!(&word, b"so be");
    assert_eq!(server.open_connections(), 1);
}

#[tokio::test]
async fn a_server_with_another_key_than_expected_is_refused() {
    let server = Endpoint::server(loopback(), &[1; 32]).unwrap();
    let client = Endpoint::client(&[2; 32]).unwrap();
    let addr = server.local_addr().unwrap();
    let accepted = async { server.accept().await.unwrap().establish().await };
    let (there, here) = tokio::join!(client.connect(addr, &[9; 32]), accepted);
    assert!(matches!(there, Err(EndpointError::Connection(_))));
    assert!(here.is_err());
}

#[tokio::test]
async fn a_server_known_by_its_fingerprint_only_must_fit_it() {
    let server = Endpoint::server(loopback(), &[1; 32]).unwrap();
    let client = Endpoint::client(&[2; 32]).unwrap();
    let (addr, right) = (server.local_addr().unwrap(), server.key());
    for fits in [true, false] {
        let accepted = async { server.accept().await.unwrap().establish().await };
        let connected = client.connect_fitting(addr, move |key| (*key == right) == fits);
        let (there, _here) = tokio::join!(connected, accepted);
        assert_eq!(there.is_ok(), fits);
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let server = Endpoint::server(loopback(), &[1; 32]).unwrap();
    let addr = server.local_addr().unwrap();
    let second = Endpoint::server(addr, &[1; 32]).err().unwrap();
    assert!(second.to_string().contains(&addr.to_string()), "{second}");
}

#[test]
fn only_a_plain_ed25519_key_is_a_key() {
    let presented = Presented::from_seed(&[7; 32]).unwrap();
    let spki = presented.certified.cert[0].to_vec();
    assert_eq!(identity::key_of(&spki), Some(presented.public));
    assert_eq!(identity::key_of(&spki[1..]), None);
    assert_eq!(identity::key_of(&[&spki[..], &[0]].concat()), None);
}

/// The length of the id under which the sender of a packet with a long header wants to be answered (RFC 8999, 5.1).
fn source_id_len(packet: &[u8]) -> u8 {
    assert!(packet[0] & 0x80 != 0, "a long header");
    let destination = usize::from(packet[5]);
    packet[6 + destination]
}

/// QUIC's usual ids have 24 random bits. Of ten thousand callers who were made to show their address, one in a few hundred was answered
/// under an id that another one had, and was never heard.
#[tokio::test]
async fn ids_of_connections_are_long_enough_for_ten_thousand_of_them() {
    let server = Endpoint::server(loopback(), &[1; 32]).unwrap();
    let client = Endpoint::client(&[2; 32]).unwrap();
    let between = tokio::net::UdpSocket::bind(loopback()).await.unwrap();
    let (addr, expected) = (between.local_addr().unwrap(), server.key());
    let calling = tokio::spawn(async move { client.connect(addr, &expected).await.map(drop) });
    let mut packet = vec![0; 2_048];
    let (len, _) = between.recv_from(&mut packet).await.unwrap();
    between.send_to(&packet[..len], server.local_addr().unwrap()).await.unwrap();
    server.accept().await.unwrap().retry();
    let (len, _) = between.recv_from(&mut packet).await.unwrap();
    assert_eq!(packet[0] & 0x30, 0x30, "a retry");
    assert_eq!(source_id_len(&packet[..len]), 12);
    calling.abort();
}

fn fits(key: [u8; 32]) -> impl Fn(&[u8; 32]) -> bool + Send + Sync + 'static {
    move |shown| *shown == key
}

/// Answers each caller's five bytes with five, as early as it can; then says whether the caller had spoken early, and waits for its proof.
async fn answer(server: &Endpoint) -> bool {
    let met = server.accept().await.unwrap().meet().await.unwrap();
    let (peer, unproven) = match met {
        Met::Whole(peer) => (peer, None),
        Met::Early(peer, unproven) => (peer, Some(unproven)),
    };
    let (mut send, mut receive) = peer.accept().await.unwrap();
    let mut word = [0; 5];
    receive.read_exact(&mut word).await.unwrap();
    send.write_all(&word).await.unwrap();
    let is_early = unproven.is_some();
    if let Some(unproven) = unproven {
        unproven.proven().await.unwrap();
    }
    receive.read_to_end(&mut Vec::new()).await.unwrap();
    send.finish().await;
    is_early
}

/// Says five bytes as early as it may, and again where they were not heard; whether they were heard early, if they were said so.
async fn say(caller: &Caller, addr: SocketAddr) -> Option<bool> {
    let met = caller.call_early(addr).await.unwrap();
    let (peer, unproven) = match met {
        Met::Whole(peer) => (peer, None),
        Met::Early(peer, unproven) => (peer, Some(unproven)),
    };
    let (mut send, mut receive) = peer.open().await.unwrap();
    send.write_all(b"hello").await.unwrap();
    let mut is_heard = None;
    if let Some(unproven) = unproven {
        assert!(receive.is_early());
        let heard = unproven.proven().await.unwrap();
        if !heard {
            (send, receive) = peer.open().await.unwrap();
            assert!(!receive.is_early());
            send.write_all(b"hello").await.unwrap();
        }
        is_heard = Some(heard);
    }
    let mut word = [0; 5];
    receive.read_exact(&mut word).await.unwrap();
    assert_eq!(&word, b"hello");
    // The other end has what proves this one before the line goes away.
    send.shutdown().await.unwrap();
    receive.read_to_end(&mut Vec::new()).await.unwrap();
    peer.close();
    is_heard
}

#[tokio::test]
async fn who_comes_again_speaks_in_its_first_flight() {
    let server = Endpoint::server(loopback(), &[1; 32]).unwrap();
    let client = Endpoint::client(&[2; 32]).unwrap();
    let caller = client.caller(fits(server.key())).unwrap();
    let addr = server.local_addr().unwrap();
    for before in [None, Some(true), Some(true)] {
        let (is_early, is_heard) = tokio::join!(answer(&server), say(&caller, addr));
        assert_eq!((is_early, is_heard), (before.is_some(), before));
    }
    assert_eq!(server.tickets_spent(), 0);
    // Others who call the same server do not speak early, nor does this one to another.
    let met = tokio::join!(meet(&server, &client), async {}).0;
    assert_eq!(met.1.key, client.key());
}

/// As after a restart: a ticket of the process before says nothing to this one, and a client's words are not lost by that.
#[tokio::test]
async fn a_server_that_does_not_know_the_ticket_hears_the_words_when_they_are_said_again() {
    let client = Endpoint::client(&[2; 32]).unwrap();
    let first = Endpoint::server(loopback(), &[1; 32]).unwrap();
    let caller = client.caller(fits(first.key())).unwrap();
    let addr = first.local_addr().unwrap();
    tokio::join!(answer(&first), say(&caller, addr));
    let second = Endpoint::server(loopback(), &[1; 32]).unwrap();
    let addr = second.local_addr().unwrap();
    let (is_early, is_heard) = tokio::join!(answer(&second), say(&caller, addr));
    assert_eq!((is_early, is_heard, second.tickets_spent()), (false, Some(false), 1));
    // It has given tickets of its own since.
    let (is_early, is_heard) = tokio::join!(answer(&second), say(&caller, addr));
    assert_eq!((is_early, is_heard), (true, Some(true)));
}

/// A caller keeps the tickets of one server: those of two would be mixed up.
#[tokio::test]
async fn a_caller_calls_one_server() {
    let client = Endpoint::client(&[2; 32]).unwrap();
    let caller = client.caller(|_| true).unwrap();
    let servers = [[1; 32], [3; 32]].map(|seed| Endpoint::server(loopback(), &seed).unwrap());
    let mut stand = Vec::new();
    for server in &servers {
        let accepted = async { server.accept().await.unwrap().establish().await };
        let (there, _here) = tokio::join!(caller.call(server.local_addr().unwrap()), accepted);
        stand.push(there.is_ok());
    }
    assert_eq!(stand, [true, false]);
}
