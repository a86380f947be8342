//! A server and its callers on loopback.

use super::*;
use crate::endpoint::Endpoint;
use crate::frames::{read_frame, write_frame};
use azalea_core::wire::limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn server() -> (TcpServer, Way) {
    let server = TcpServer::bind(([127, 0, 0, 1], 0).into(), &[1; 32]).await.unwrap();
    let address = server.local_addr().unwrap().to_string();
    (server, Way { address, proxy: None })
}

fn key_of(seed: u8) -> [u8; 32] {
    Endpoint::client(&[seed; 32]).unwrap().key()
}

async fn meet(server: &TcpServer, way: &Way) -> (Peer, Peer) {
    let client = Endpoint::client(&[2; 32]).unwrap();
    let right = key_of(1);
    let accepted = async { server.accept().await.unwrap().establish().await };
    let connected = client.connect_tcp(way, move |key| *key == right);
    let (there, here) = tokio::join!(connected, accepted);
    (there.unwrap(), here.unwrap())
}

#[tokio::test]
async fn both_ends_learn_the_other_ends_device_key_and_frames_pass_as_over_quic() {
    let (server, way) = server().await;
    let (there, here) = meet(&server, &way).await;
    assert_eq!((there.key, here.key), (key_of(1), key_of(2)));
    assert_eq!((there.via(), here.via()), (Via::Tcp, Via::Tcp));
    let (mut send, mut receive) = there.open().await.unwrap();
    assert!(matches!(there.open().await, Err(crate::peer::Ended::Taken)));
    let (mut answer, mut asked) = here.accept().await.unwrap();
    let large = vec![7; 3 << 20];
    let talk = async {
        write_frame(&mut send, b"?").await.unwrap();
        write_frame(&mut send, &large).await.unwrap();
        assert_eq!(read_frame(&mut receive).await.unwrap().unwrap(), b"!");
        // The other end's last word has been heard, and it has nothing more to say.
        assert_eq!(read_frame(&mut receive).await.unwrap(), None);
        there.close();
    };
    let listen = async {
        assert_eq!(read_frame(&mut asked).await.unwrap().unwrap(), b"?");
        assert_eq!(read_frame(&mut asked).await.unwrap().unwrap(), large);
        write_frame(&mut answer, b"!").await.unwrap();
        answer.finish().await;
    };
    tokio::join!(talk, listen);
}

#[tokio::test]
async fn a_frame_above_the_limit_is_refused_before_it_is_read() {
    let (server, way) = server().await;
    let (there, here) = meet(&server, &way).await;
    let (mut send, _receive) = there.open().await.unwrap();
    let (_answer, mut asked) = here.accept().await.unwrap();
    send.write_all(&(limits::FRAME.max as u32 + 1).to_be_bytes()).await.unwrap();
    let error = read_frame(&mut asked).await.unwrap_err();
    assert!(matches!(error, crate::frames::FrameError::TooLong { .. }), "{error}");
}

#[tokio::test]
async fn a_line_that_is_torn_off_is_no_orderly_end() {
    let (server, way) = server().await;
    let (there, here) = meet(&server, &way).await;
    let (mut send, _receive) = there.open().await.unwrap();
    let (_answer, mut asked) = here.accept().await.unwrap();
    write_frame(&mut send, b"one").await.unwrap();
    assert_eq!(read_frame(&mut asked).await.unwrap().unwrap(), b"one");
    there.close();
    let error = read_frame(&mut asked).await.unwrap_err();
    assert!(matches!(error, crate::frames::FrameError::Io(_)), "{error}");
    assert!(matches!(here.closed().await, crate::peer::Ended::Tcp(_)));
}

#[tokio::test]
async fn a_server_with_another_key_than_expected_is_refused() {
    let (server, way) = server().await;
    let client = Endpoint::client(&[2; 32]).unwrap();
    let accepted = async { server.accept().await.unwrap().establish().await };
    let (there, here) = tokio::join!(client.connect_tcp(&way, |_| false), accepted);
    assert!(matches!(there, Err(EndpointError::Tls(_))));
    assert!(here.is_err());
}

/// QUIC insists on a common protocol by itself; TLS lets those through who name none.
#[tokio::test]
async fn who_names_no_protocol_or_shows_no_key_gets_no_session() {
    let (server, way) = server().await;
    let seed = [2; 32];
    for names_protocol in [false, true] {
        let mut config = tls::client_of(&seed, |_| true).unwrap();
        if names_protocol {
            config.client_auth_cert_resolver = Arc::new(Keyless);
        } else {
            config.alpn_protocols.clear();
        }
        let stream = dial(&way.address).await.unwrap();
        let name = ServerName::try_from(SERVER_NAME).unwrap();
        let accepted = async { server.accept().await.unwrap().establish().await };
        let connector = TlsConnector::from(Arc::new(config));
        let (_there, here) = tokio::join!(connector.connect(name, stream), accepted);
        match (names_protocol, here.err().unwrap()) {
            (false, EndpointError::Protocol) | (true, EndpointError::Tls(_)) => {}
            (_, other) => panic!("{other}"),
        }
    }
}

/// Shows nothing.
#[derive(Debug)]
struct Keyless;

impl rustls::client::ResolvesClientCert for Keyless {
    fn resolve(
        &self,
        _: &[&[u8]],
        _: &[rustls::SignatureScheme],
    ) -> Option<Arc<rustls::sign::CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let (server, _) = server().await;
    let addr = server.local_addr().unwrap();
    let second = TcpServer::bind(addr, &[1; 32]).await.err().unwrap();
    assert!(second.to_string().contains(&addr.to_string()), "{second}");
}

/// The proxy hears the server's name as it was typed, and what passes through it is the session.
#[tokio::test]
async fn a_session_passes_through_a_proxy_that_looks_the_name_up() {
    let (server, way) = server().await;
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = proxy.local_addr().unwrap();
    let passing = tokio::spawn(async move {
        let (mut near, _) = proxy.accept().await.unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            asked.push(near.read_u8().await.unwrap());
        }
        // In two pieces, as a busy proxy's answer may come.
        near.write_all(b"HTTP/1.1 200 Conn").await.unwrap();
        near.flush().await.unwrap();
        near.write_all(b"ected\r\nVia: gate\r\n\r\n").await.unwrap();
        let mut far = TcpStream::connect(&way.address).await.unwrap();
        let passed = tokio::spawn(async move {
            let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
        });
        (String::from_utf8(asked).unwrap(), passed)
    });
    let proxy = format!("http://u:p@{address}").parse().unwrap();
    let way = Way { address: "relay.invalid:443".into(), proxy: Some(proxy) };
    let (there, here) = meet(&server, &way).await;
    let (asked, _passed) = passing.await.unwrap();
    assert!(asked.starts_with("CONNECT relay.invalid:443 HTTP/1.1\r\n"), "{asked}");
    assert_eq!(there.via(), Via::Proxy);
    assert_eq!(there.key, key_of(1));
    let (mut send, _receive) = there.open().await.unwrap();
    let (_answer, mut asked) = here.accept().await.unwrap();
    write_frame(&mut send, b"?").await.unwrap();
    assert_eq!(read_frame(&mut asked).await.unwrap().unwrap(), b"?");
}
