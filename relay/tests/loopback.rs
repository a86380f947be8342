//! A relay as it runs, on loopback: store on disk, QUIC, control socket, metrics.

#[path = "loopback/blobs.rs"]
mod blobs;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use azalea_core::id::Timestamp;
use azalea_core::identity::{
    AgreementKeypair, Certificate, Device, Identity, PublicKey, Roster, Signed, SigningKeypair,
    Validity,
};
use azalea_core::keys;
use azalea_core::sync::message::{Bytes, Enrol, Goodbye, Hello, Message, NotAdmitted, VERSION};
use azalea_core::wire::Wire;
use azalea_relay::clock;
use azalea_relay::commands::{Command, InviteArgs, Invited, Kind, RevokeArgs, StatusView};
use azalea_relay::daemon::{self, Options, Ready};
use azalea_relay::home::{Home, Settings};
use azalea_transport::code::Code;
use azalea_transport::control;
use azalea_transport::endpoint::Endpoint;
use azalea_transport::frames::{read_frame, write_frame};
use azalea_transport::peer::{Peer, Receiver, Sender};
use azalea_transport::tcp::Way;
use tokio::io::AsyncWriteExt;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

/// A running relay.
struct Relay {
    ready: Ready,
    stop: Arc<Notify>,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Relay {
    async fn start(home: &Home) -> Self {
        let loopback: SocketAddr = ([127, 0, 0, 1], 0).into();
        let options = Options {
            listen: loopback,
            listen_tcp: Some(loopback),
            public: None,
            metrics: Some(loopback),
        };
        let stop = Arc::new(Notify::new());
        let (tell, told) = oneshot::channel();
        let (home, stopped) = (home.clone(), stop.clone());
        let task = tokio::spawn(async move {
            let on_ready = |ready: &Ready| drop(tell.send(ready.clone()));
            daemon::run(&home, options, on_ready, stopped.notified()).await
        });
        match told.await {
            Ok(ready) => Self { ready, stop, task },
            Err(_) => panic!("no relay: {:?}", task.await),
        }
    }

    async fn stop(self) {
        self.stop.notify_one();
        self.task.await.unwrap().unwrap();
    }
}

/// A device with its facility's key, as `azalea join` has them.
struct Joiner {
    facility: SigningKeypair,
    device: SigningKeypair,
    agreement: AgreementKeypair,
    endpoint: Endpoint,
    /// Where the relay is over TCP, where UDP does not pass.
    tcp: Option<SocketAddr>,
}

/// One session's stream.
struct Line {
    peer: Peer,
    send: Sender,
    receive: Receiver,
}

impl Joiner {
    fn new() -> Self {
        let mut rng = rand::rng();
        let device = SigningKeypair::generate(&mut rng);
        Self {
            facility: SigningKeypair::generate(&mut rng),
            agreement: AgreementKeypair::generate(&mut rng),
            endpoint: Endpoint::client(&device.seed()).unwrap(),
            device,
            tcp: None,
        }
    }

    fn certificate(&self) -> Certificate {
        let identity = Identity {
            network: azalea_core::id::NetworkId::ZERO,
            facility: self.facility.public().facility_id(),
            facility_key: None,
            device: self.device.clone(),
            agreement: self.agreement.clone(),
        };
        let device = Device {
            facility: identity.facility,
            key: self.device.public(),
            agreement: self.agreement.public().clone(),
            possession: identity.possession(),
            label: "受付".into(),
            validity: Validity::lasting(clock::now(), 1_000_000_000),
        };
        Certificate::Device(Signed::sign(device, &self.facility).unwrap())
    }

    async fn dial(&self, code: &Code) -> Line {
        let addr: SocketAddr = format!("{}:{}", code.host, code.port).parse().unwrap();
        let relay = code.relay;
        let fits = move |key: &[u8; 32]| PublicKey::from_bytes(*key).device_id() == relay;
        let peer = match self.tcp {
            Some(tcp) => {
                let way = Way { address: tcp.to_string(), proxy: None };
                self.endpoint.connect_tcp(&way, fits).await.unwrap()
            }
            None => self.endpoint.connect_fitting(addr, fits).await.unwrap(),
        };
        let (send, receive) = peer.open().await.unwrap();
        Line { peer, send, receive }
    }

    /// Joins; stops after the challenge where the line is cut.
    async fn join(&self, code: &Code, cut: bool) -> Result<Vec<Certificate>, Goodbye> {
        let mut line = self.dial(code).await;
        let facility = self.facility.public();
        let device = self.certificate();
        line.say(&Message::Enrol(Enrol { secret: code.secret.0, facility, device })).await;
        loop {
            match line.hear().await {
                Message::Challenge { enc, sealed } => {
                    let device = self.device.public();
                    let nonce = keys::answer(&device, &self.agreement, &enc, &sealed).unwrap();
                    line.say(&Message::Prove { nonce }).await;
                    if cut {
                        line.peer.close();
                        return Ok(Vec::new());
                    }
                }
                Message::Enrolled { certificates } => return Ok(certificates),
                Message::Goodbye(goodbye) => return Err(goodbye),
                other => panic!("{other:?}"),
            }
        }
    }

    async fn hello(&self, code: &Code, network: azalea_core::id::NetworkId) -> (Line, Message) {
        let mut line = self.dial(code).await;
        let device = self.device.public().device_id();
        let at = clock::now();
        let hello = Hello { network, device, cursor: None, want_own: false, at };
        line.say(&Message::Hello(hello)).await;
        let answer = line.hear().await;
        (line, answer)
    }
}

impl Line {
    async fn say(&mut self, message: &Message) {
        write_frame(&mut self.send, &message.to_bytes()).await.unwrap();
    }

    async fn hear(&mut self) -> Message {
        let frame = read_frame(&mut self.receive).await.unwrap().expect("a message");
        Message::from_bytes(&frame).unwrap()
    }
}

fn home(dir: &Path) -> Home {
    let home = Home::new(dir.join("relay"));
    let settings = Settings {
        listen: ([127, 0, 0, 1], 0).into(),
        listen_tcp: None,
        public: None,
        metrics: None,
    };
    home.init(Timestamp(clock::now().0), "久留米協議会", &settings, &dir.join("root.key")).unwrap();
    home
}

async fn invite(home: &Home) -> Code {
    let args = InviteArgs {
        name: "聖マリア病院".into(),
        kana: "セイマリアビョウイン".into(),
        english: "St. Mary".into(),
        code: "4010001".into(),
        kind: Kind::Hospital,
        disclose: true,
        view: true,
        registrar: None,
        valid_days: 365,
        expires_hours: 1,
    };
    let invited: Invited = control::call(home.dir(), &Command::Invite(args), |_| {}).await.unwrap();
    invited.code.parse().unwrap()
}

async fn status(home: &Home) -> StatusView {
    control::call(home.dir(), &Command::Status, |_| {}).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_facility_joins_by_code_also_when_its_line_is_cut_and_the_relay_restarts_in_between() {
    let dir = tempfile::tempdir().unwrap();
    let home = home(dir.path());
    let relay = Relay::start(&home).await;
    let mut code = invite(&home).await;
    let (hospital, thief) = (Joiner::new(), Joiner::new());
    hospital.join(&code, true).await.unwrap();
    relay.stop().await;

    let relay = Relay::start(&home).await;
    code.port = relay.ready.listen.port();
    let certificates = hospital.join(&code, false).await.unwrap();
    let Certificate::Root(root) = &certificates[0] else { panic!("the root comes first") };
    let network = root.claims().key.network_id();
    let mut roster = Roster::new(network);
    for certificate in certificates {
        roster.admit(certificate).unwrap();
    }
    let device = hospital.device.public().device_id();
    assert!(roster.standing(&device, clock::now()).is_ok());
    assert_eq!(thief.join(&code, false).await, Err(Goodbye::Code));

    // It is a member now: its feed begins, from the beginning.
    let (mut line, answer) = hospital.hello(&code, network).await;
    assert!(matches!(answer, Message::Welcome(welcome) if welcome.position == 0));
    assert!(matches!(line.hear().await, Message::Feed { .. }));
    let seen = status(&home).await;
    assert_eq!(seen.facilities.len(), 1);
    assert!(seen.facilities[0].devices[0].connected);
    assert_eq!(seen.invites[0].state, "used");

    // Revoked: told, closed, and shut out.
    let args = RevokeArgs {
        facility: Some(seen.facilities[0].id[..8].to_owned()),
        device: None,
        reason: "試験".into(),
        registrar: None,
    };
    let _: serde_json::Value =
        control::call(home.dir(), &Command::Revoke(args), |_| {}).await.unwrap();
    loop {
        match line.hear().await {
            Message::Goodbye(goodbye) => {
                break assert_eq!(goodbye, Goodbye::NotAdmitted(NotAdmitted::Revoked));
            }
            Message::Feed { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    let (_, answer) = hospital.hello(&code, network).await;
    assert_eq!(answer, Message::Goodbye(Goodbye::NotAdmitted(NotAdmitted::Revoked)));
    assert_eq!(status(&home).await.facilities[0].standing, "revoked");
    relay.stop().await;
}

/// Where a firewall drops UDP, everything is the same over TCP: joining, the feed, being shut out, and the relay's parting word.
#[tokio::test(flavor = "multi_thread")]
async fn a_facility_joins_and_has_its_session_over_tcp() {
    let dir = tempfile::tempdir().unwrap();
    let home = home(dir.path());
    let relay = Relay::start(&home).await;
    let code = invite(&home).await;
    let hospital = Joiner { tcp: relay.ready.listen_tcp, ..Joiner::new() };
    let certificates = hospital.join(&code, false).await.unwrap();
    let Certificate::Root(root) = &certificates[0] else { panic!("the root comes first") };
    let (mut line, answer) = hospital.hello(&code, root.claims().key.network_id()).await;
    assert!(matches!(answer, Message::Welcome(_)));
    assert!(matches!(line.hear().await, Message::Feed { .. }));
    let seen = status(&home).await;
    assert_eq!(seen.connections_tcp, 1);
    assert_eq!(seen.listen_tcp, relay.ready.listen_tcp.map(|addr| addr.to_string()));
    let device = &seen.facilities[0].devices[0];
    assert!(device.connected && device.over_tcp);

    // A frame that is no message is answered as over UDP.
    write_frame(&mut line.send, &[VERSION, 0xff]).await.unwrap();
    loop {
        match line.hear().await {
            Message::Goodbye(goodbye) => break assert_eq!(goodbye, Goodbye::Protocol),
            Message::Feed { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    drop(line);
    let thief = Joiner { tcp: relay.ready.listen_tcp, ..Joiner::new() };
    assert_eq!(thief.join(&code, false).await, Err(Goodbye::Code));

    // The relay's last word arrives although it is stopping.
    let (mut line, _) = hospital.hello(&code, root.claims().key.network_id()).await;
    relay.stop().await;
    loop {
        match line.hear().await {
            Message::Goodbye(goodbye) => break assert_eq!(goodbye, Goodbye::Closing),
            Message::Feed { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tcp_port_that_is_not_to_be_had_is_said_and_not_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let home = home(dir.path());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let loopback: SocketAddr = ([127, 0, 0, 1], 0).into();
    let options = Options {
        listen: loopback,
        listen_tcp: Some(taken.local_addr().unwrap()),
        public: None,
        metrics: None,
    };
    let ended = daemon::run(&home, options, |_| {}, std::future::pending()).await;
    let error = format!("{:#}", ended.unwrap_err());
    assert!(error.contains("--listen-tcp"), "{error}");
    assert!(error.contains(&taken.local_addr().unwrap().to_string()), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn noise_and_other_versions_are_answered_with_a_goodbye() {
    let dir = tempfile::tempdir().unwrap();
    let home = home(dir.path());
    let relay = Relay::start(&home).await;
    let code = invite(&home).await;
    let somebody = Joiner::new();
    for (frame, expected) in [
        (&[VERSION, 0xff][..], Goodbye::Protocol),
        (b"", Goodbye::Protocol),
        (b"\x09", Goodbye::Version { ours: VERSION }),
        (b"\x02\x05", Goodbye::Version { ours: VERSION }),
        (&Message::Seen { position: 1 }.to_bytes(), Goodbye::Protocol),
    ] {
        let mut line = somebody.dial(&code).await;
        write_frame(&mut line.send, frame).await.unwrap();
        assert_eq!(line.hear().await, Message::Goodbye(expected));
    }
    relay.stop().await;
}

/// Thousands may call at once, of whom nothing is known: none of them may have us keep more than it takes to say who one is.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_frame_is_taken_from_members_only() {
    let dir = tempfile::tempdir().unwrap();
    let home = home(dir.path());
    let relay = Relay::start(&home).await;
    let code = invite(&home).await;
    let mut line = Joiner::new().dial(&code).await;
    // Its length is enough: were the rest waited for, the relay would say goodbye to a caller that says nothing.
    line.send.write_all(&(100_000_u32).to_be_bytes()).await.unwrap();
    assert!(!matches!(read_frame(&mut line.receive).await, Ok(Some(_))));

    let hospital = Joiner::new();
    let certificates = hospital.join(&code, false).await.unwrap();
    let Certificate::Root(root) = &certificates[0] else { panic!("the root comes first") };
    let (mut line, answer) = hospital.hello(&code, root.claims().key.network_id()).await;
    assert!(matches!(answer, Message::Welcome(_)));
    line.say(&Message::Push(vec![Bytes(vec![7; 200_000])])).await;
    loop {
        match line.hear().await {
            Message::Taken { refused, .. } => break assert_eq!(refused.len(), 1),
            Message::Feed { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_have_a_port_of_their_own_and_name_nobody() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let dir = tempfile::tempdir().unwrap();
    let home = home(dir.path());
    let relay = Relay::start(&home).await;
    let code = invite(&home).await;
    Joiner::new().join(&code, false).await.unwrap();
    let mut stream = tokio::net::TcpStream::connect(relay.ready.metrics.unwrap()).await.unwrap();
    let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    for expected in [
        "azalea_relay_enrolments_total 1",
        "azalea_relay_facilities 1",
        "azalea_relay_envelopes_refused_total{cause=\"fork\"} 0",
        "azalea_relay_feed_backlog{",
    ] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    assert!(!text.contains("聖マリア") && !text.contains("4010001"));
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_has_one_daemon_and_commands_work_without_one() {
    let dir = tempfile::tempdir().unwrap();
    let home = home(dir.path());
    let public = Some("relay.example.jp:4433".to_owned());
    let status = daemon::alone(&home, public, Command::Status).await.unwrap();
    assert_eq!(status["council"], "久留米協議会");
    let relay = Relay::start(&home).await;
    let second = daemon::alone(&home, None, Command::Status).await.unwrap_err();
    assert!(second.to_string().contains("in use"), "{second}");
    relay.stop().await;
    let former = status["epoch"].clone();
    let epoch = home.restored().unwrap();
    let status = daemon::alone(&home, None, Command::Status).await.unwrap();
    assert_eq!(status["epoch"], epoch.to_string());
    assert_ne!(status["epoch"], former);
}
