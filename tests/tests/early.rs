//! What is said before a handshake is complete may be somebody's copy. Somebody beside the line writes down how a device comes back, and
//! says it too: again, or in its place. The device's session stands, and nothing is done.

use azalea_core::id::RelayEpoch;
use azalea_core::identity::Identity;
use azalea_core::sync::message::{Cursor, Hello, Message};
use azalea_simulations::line::{Line, Quality};
use azalea_tests::session::{Returning, Session, identity, now, relay_seed};
use azalea_tests::{CLINIC, HOSPITAL, Region, Relay, until};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::time::timeout;

/// A member, its relay, and somebody beside the line between them.
struct Story {
    region: Region,
    runtime: Runtime,
    who: Identity,
    returning: Returning,
    line: Line,
    cursor: Cursor,
}

impl Story {
    /// The member has been there, and left with tickets.
    fn begin() -> Self {
        let region = Region::start();
        let who = identity(&region.joined(&HOSPITAL));
        let runtime = Runtime::new().expect("a runtime");
        let returning =
            runtime.block_on(async { Returning::new(&who, &relay_seed(&region.relay)) });
        let address = region.relay.address();
        let line = runtime.block_on(Line::open(address, Quality::default(), 1)).expect("a line");
        let cursor = Cursor { epoch: RelayEpoch([0; 16]), position: 0 };
        let mut story = Self { region, runtime, who, returning, line, cursor };
        let mut session = story.call(address);
        story.cursor = story.runtime.block_on(async {
            let Message::Welcome(welcome) = session.hear().await else { panic!("no welcome") };
            Cursor { epoch: welcome.epoch, position: welcome.end }
        });
        story.answers(&mut session);
        session.close();
        story
    }

    fn hello(&self) -> Message {
        let (network, device, at) = (self.who.network, self.who.device_id(), now());
        Message::Hello(Hello { network, device, cursor: Some(self.cursor), want_own: false, at })
    }

    fn relay(&self) -> &Relay {
        &self.region.relay
    }

    fn call(&self, address: SocketAddr) -> Session {
        self.runtime.block_on(self.returning.call(address, &self.hello()))
    }

    /// A session that stands, welcomed.
    fn standing(&self) -> Session {
        let mut session = self.call(self.relay().address());
        self.welcomed(&mut session);
        session
    }

    fn welcomed(&self, session: &mut Session) {
        let heard = self.runtime.block_on(session.hear());
        assert!(matches!(heard, Message::Welcome(it) if it.position == self.cursor.position));
    }

    /// The relay answers in this session, by the order of its feed.
    fn answers(&self, session: &mut Session) {
        self.runtime.block_on(async {
            session.say(&Message::Refill).await;
            while !matches!(session.hear().await, Message::Refilled { .. }) {}
        });
    }

    /// How often the relay began a session, and how often it answered before a handshake was complete.
    fn counts(&self) -> (f64, f64) {
        (self.relay().metric("sessions_total"), self.relay().metric("sessions_early"))
    }
}

/// Somebody at an address of its own.
struct Other(UdpSocket);

impl Other {
    fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.set_nonblocking(true).expect("a socket");
        Self(socket)
    }

    fn send(&self, datagrams: &[Vec<u8>], to: SocketAddr) {
        for datagram in datagrams {
            self.0.send_to(datagram, to).expect("a way");
        }
    }

    fn received(&self) -> usize {
        let mut buffer = [0; 2_048];
        std::iter::from_fn(|| self.0.recv(&mut buffer).ok()).sum()
    }
}

#[test]
fn a_first_flight_that_is_sent_again_from_elsewhere_does_nothing_and_is_counted() {
    let story = Story::begin();
    let relay = story.relay().address();
    let before = story.counts();
    story.line.record();
    let (mut session, is_heard) =
        story.runtime.block_on(story.returning.call_early(story.line.address(), &story.hello()));
    assert!(is_heard);
    story.welcomed(&mut session);
    story.answers(&mut session);
    assert_eq!(story.counts(), (before.0 + 1.0, before.1 + 1.0));
    assert_eq!(story.relay().metric("tickets_spent"), 0.0);
    let recorded = story.line.recorded();

    // While that session stands: its connection knows the copies for what they are.
    let other = Other::new();
    other.send(&recorded, relay);
    story.answers(&mut session);
    session.close();
    drop(session);

    // When it is over, they are somebody who comes again, with a ticket that is spent.
    let mut session = story.standing();
    let before = story.counts();
    until("the relay has met the copy", || {
        other.send(&recorded, relay);
        (story.relay().metric("tickets_spent") > 0.0).then_some(())
    });
    story.answers(&mut session);
    assert_eq!(story.counts(), before, "nobody was displaced, and nobody was answered early");
}

#[test]
fn a_first_flight_that_another_sends_in_the_devices_place_is_answered_and_displaces_nobody() {
    let story = Story::begin();
    let relay = story.relay().address();
    let mut session = story.standing();
    let before = story.counts();
    // The device's own datagrams never come.
    story.line.cut();
    story.line.record();
    let flight = story.runtime.block_on(async {
        let hello = story.hello();
        let calling = story.returning.call_early(story.line.address(), &hello);
        let mut calling = std::pin::pin!(calling);
        // The Hello is behind the handshake's first packet: a datagram of its own.
        loop {
            let called = timeout(Duration::from_millis(20), calling.as_mut()).await;
            assert!(called.is_err(), "the line is cut");
            let recorded = story.line.recorded();
            if recorded.len() > 1 {
                return recorded;
            }
        }
    });
    let other = Other::new();
    let sent: usize = flight.iter().map(Vec::len).sum();
    other.send(&flight, relay);
    until("the relay has answered", || (story.counts().1 > before.1).then_some(()));
    until("the relay waits for the proof no longer", || {
        (story.relay().metric("handshakes_unproven") > 0.0).then_some(())
    });
    // How much comes to an address that nobody has shown is said, not judged: once it was more than three times what was sent.
    println!("{sent} B were sent from there, {} B came", other.received());
    story.answers(&mut session);
    assert_eq!(story.counts(), (before.0, before.1 + 1.0));
}

/// A relay that was started again knows no ticket of before. The member's words are said once more by themselves.
#[test]
fn words_that_a_relay_did_not_hear_early_are_said_again() {
    let mut story = Story::begin();
    story.region.relay.kill();
    story.region.relay.start();
    let hello = story.hello();
    let (mut session, is_heard) =
        story.runtime.block_on(story.returning.call_early(story.relay().address(), &hello));
    assert!(!is_heard);
    story.welcomed(&mut session);
    assert_eq!(story.counts(), (1.0, 0.0));
    session.close();
    let (mut session, is_heard) =
        story.runtime.block_on(story.returning.call_early(story.relay().address(), &hello));
    assert!(is_heard);
    story.welcomed(&mut session);
    story.answers(&mut session);
    assert_eq!(story.counts(), (2.0, 1.0));
}

/// A node whose line was cut comes back with what the relay gave it.
#[test]
fn a_node_whose_line_was_cut_is_welcomed_in_its_first_flight() {
    let region = Region::start();
    let clinic = region.join(&CLINIC);
    clinic.in_step();
    assert_eq!(region.relay.metric("sessions_early"), 0.0, "it has not been there before");
    clinic.line.cut();
    until("the clinic notices", || (clinic.status()["link"] != "connected").then_some(()));
    clinic.line.restore();
    until("the relay has welcomed it early", || {
        (region.relay.metric("sessions_early") > 0.0).then_some(())
    });
    clinic.in_step();
    assert_eq!(region.relay.metric("sessions_not_admitted"), 0.0);
}
