//! Attachments on a running relay: brought in parts, kept over its end, given to members only.

use azalea_core::access::{ScopeKind, Statement, created_scope};
use azalea_core::blob::message::{Message as BlobMessage, Refusal};
use azalea_core::blob::{Outboard, Placed, Run, Sealer, verify};
use azalea_core::envelope::{Body, Chain, Draft, Formats, seal};
use azalea_core::id::{NetworkId, ScopeId};
use azalea_core::keys::ScopeKey;
use azalea_core::sync::message::Bytes;

use super::*;

/// A stream for attachments alone; over QUIC beside a session, over TCP on a connection of its own.
struct Stream {
    _session: Option<Line>,
    line: Line,
}

impl Stream {
    async fn open(joiner: &Joiner, code: &Code, network: NetworkId) -> Self {
        match joiner.tcp {
            Some(_) => Self { _session: None, line: joiner.dial(code).await },
            None => {
                let (session, _) = joiner.hello(code, network).await;
                let (send, receive) = session.peer.open().await.unwrap();
                send.retire();
                let line = Line { peer: session.peer.clone(), send, receive };
                Self { _session: Some(session), line }
            }
        }
    }

    async fn say(&mut self, message: &BlobMessage) {
        write_frame(&mut self.line.send, &message.to_bytes()).await.unwrap();
    }

    async fn hear(&mut self) -> BlobMessage {
        let frame = read_frame(&mut self.line.receive).await.unwrap().expect("a message");
        BlobMessage::from_bytes(&frame).unwrap()
    }

    async fn ask(&mut self, message: &BlobMessage) -> BlobMessage {
        self.say(message).await;
        self.hear().await
    }

    /// Brings a blob, at most `chunks` of it; gives how many were asked for and how it ended.
    async fn bring(
        &mut self,
        of: Placed,
        image: &Image,
        chunks: u32,
    ) -> (u32, Option<BlobMessage>) {
        let mut given = 0;
        let mut answer = self.ask(&BlobMessage::Offer(of)).await;
        while let BlobMessage::Ask { of: asked, run } = answer {
            assert_eq!(asked, of);
            if given + run.count() > chunks {
                return (given, None);
            }
            given += run.count();
            answer = self.ask(&BlobMessage::Slice { run, slice: image.slice(run) }).await;
        }
        (given, Some(answer))
    }
}

struct Image {
    sealed: Vec<u8>,
    outboard: Outboard,
}

impl Image {
    fn new(bytes: usize, scope: ScopeId) -> Self {
        let content: Vec<u8> = (0..bytes).map(|at| (at * 31 % 251) as u8).collect();
        let digest = *blake3::hash(&content).as_bytes();
        let key = ScopeKey::from([7; 32]);
        let sealer = Sealer::new(digest, bytes as u64, scope, 1, &key).unwrap();
        let (mut rest, mut sealed) = (content.as_slice(), Vec::new());
        for chunk in 0..sealer.chunks() {
            let (here, after) = rest.split_at(sealer.content_bytes(chunk));
            sealed.extend(sealer.seal(chunk, here));
            rest = after;
        }
        let outboard = Outboard::of(sealed.as_slice(), sealed.len() as u64).unwrap();
        Self { sealed, outboard }
    }

    fn slice(&self, run: Run) -> Vec<u8> {
        let place = self.outboard.blob().place(run).unwrap();
        self.outboard.slice(run, &self.sealed[place.start as usize..place.end as usize]).unwrap()
    }
}

/// Joins and learns the network's id.
async fn join(joiner: &Joiner, home: &Home, port: u16) -> (Code, NetworkId) {
    let mut code = invite(home).await;
    code.port = port;
    let certificates = joiner.join(&code, false).await.unwrap();
    let Certificate::Root(root) = &certificates[0] else { panic!("the root comes first") };
    (code, root.claims().key.network_id())
}

/// Opens a chart of the joiner's facility at the relay.
async fn open_chart(joiner: &Joiner, code: &Code, network: NetworkId) -> ScopeId {
    let (kind, owner, nonce) = (ScopeKind::Chart, joiner.facility.public().facility_id(), [5; 16]);
    let scope = created_scope(kind, &owner, &nonce);
    let (seq, previous) = Chain::default().next();
    let draft = Draft {
        network,
        scope,
        seq,
        previous,
        epoch: 0,
        at: clock::now(),
        formats: Formats::default(),
    };
    let body = Body::Statement(Statement::Create { kind, owner, nonce });
    let created = seal(draft, &body, None, &joiner.device).unwrap();
    let (mut line, _) = joiner.hello(code, network).await;
    line.say(&Message::Push(vec![Bytes(created.as_bytes().to_vec())])).await;
    loop {
        if let Message::Taken { stored, refused } = line.hear().await {
            assert_eq!((stored.len(), refused), (1, vec![]));
            return scope;
        }
    }
}

async fn story(over_tcp: bool) {
    let dir = tempfile::tempdir().unwrap();
    let home = home(dir.path());
    let relay = Relay::start(&home).await;
    let via = |relay: &Relay| if over_tcp { relay.ready.listen_tcp } else { None };
    let mut hospital = Joiner { tcp: via(&relay), ..Joiner::new() };
    let mut stranger = Joiner { tcp: via(&relay), ..Joiner::new() };
    let (mut code, network) = join(&hospital, &home, relay.ready.listen.port()).await;
    join(&stranger, &home, relay.ready.listen.port()).await;
    let chart = open_chart(&hospital, &code, network).await;
    let image = Image::new(1_000_000, chart);
    let of = Placed { scope: chart, blob: image.outboard.blob() };
    let chunks = of.blob.chunks();

    let mut stream = Stream::open(&hospital, &code, network).await;
    let BlobMessage::Shelf(shelf) = stream.ask(&BlobMessage::Open).await else { panic!("a shelf") };
    let (given, ended) = stream.bring(of, &image, 31).await;
    assert_eq!(ended, None, "the line is cut in the middle");
    drop(stream);
    relay.stop().await;

    // Whatever was asked for before is on the relay's disk, and is not asked for again.
    let relay = Relay::start(&home).await;
    code.port = relay.ready.listen.port();
    (hospital.tcp, stranger.tcp) = (via(&relay), via(&relay));
    let mut stream = Stream::open(&hospital, &code, network).await;
    assert_eq!(stream.ask(&BlobMessage::Open).await, BlobMessage::Shelf(shelf));
    let run = Run::new(0, 1).unwrap();
    let ask = BlobMessage::Ask { of, run };
    assert_eq!(
        stream.ask(&ask).await,
        BlobMessage::Refused(Refusal::NotHere),
        "a part is not given"
    );
    let (rest, ended) = stream.bring(of, &image, chunks).await;
    assert_eq!((given + rest, ended), (chunks, Some(BlobMessage::Whole)));
    let (again, ended) = stream.bring(of, &image, chunks).await;
    assert_eq!((again, ended), (0, Some(BlobMessage::Whole)), "one content is brought once");

    let last = Run::new(chunks - 2, 2).unwrap();
    let BlobMessage::Slice { run, slice } = stream.ask(&BlobMessage::Ask { of, run: last }).await
    else {
        panic!("its own facility reads it")
    };
    let place = of.blob.place(run).unwrap();
    assert!(verify(of.blob, run, &slice).unwrap() == image.sealed[place.start as usize..]);

    let mut other = Stream::open(&stranger, &code, network).await;
    assert_eq!(other.ask(&ask).await, BlobMessage::Refused(Refusal::NotAllowed));
    let offered = other.ask(&BlobMessage::Offer(of)).await;
    assert_eq!(offered, BlobMessage::Refused(Refusal::NotAllowed));

    let nobody = Joiner { tcp: via(&relay), ..Joiner::new() };
    let mut other = Stream { _session: None, line: nobody.dial(&code).await };
    let answer = other.ask(&BlobMessage::Open).await;
    assert_eq!(answer, BlobMessage::Refused(Refusal::NotAllowed), "who is no member has no place");

    // What does not prove itself is not kept.
    let damaged = Image::new(300_000, chart);
    let of = Placed { scope: chart, blob: damaged.outboard.blob() };
    let BlobMessage::Ask { run, .. } = stream.ask(&BlobMessage::Offer(of)).await else {
        panic!("the relay wants it")
    };
    let mut slice = damaged.slice(run);
    *slice.last_mut().unwrap() ^= 1;
    let answer = stream.ask(&BlobMessage::Slice { run, slice }).await;
    assert_eq!(answer, BlobMessage::Refused(Refusal::Unproven));
    let (all, ended) = stream.bring(of, &damaged, u32::MAX).await;
    assert_eq!((all, ended), (of.blob.chunks(), Some(BlobMessage::Whole)));

    drop((stream, other));
    relay.stop().await;
    home.restored().unwrap();
    let relay = Relay::start(&home).await;
    code.port = relay.ready.listen.port();
    hospital.tcp = via(&relay);
    let mut stream = Stream::open(&hospital, &code, network).await;
    let BlobMessage::Shelf(renewed) = stream.ask(&BlobMessage::Open).await else {
        panic!("a shelf")
    };
    assert_ne!(renewed, shelf, "a shelf from a backup is offered everything again");
    drop(stream);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attachment_is_brought_over_a_cut_and_a_restart_and_given_to_members_only() {
    story(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attachments_have_a_connection_of_their_own_over_tcp() {
    story(true).await;
}
