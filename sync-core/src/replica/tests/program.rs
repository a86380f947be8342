//! A network is upgraded facility by facility, and some go back: what a program cannot read it keeps, names and reads later.

use super::rebuild::{link, unlinked};
use super::stories::disclosed;
use super::*;
use crate::access::ScopeKind;
use crate::envelope::Header;
use crate::identity::Domain;
use crate::replica::state::OpenError;
use crate::replica::{Cause, Wait};
use crate::storage::{Batch, table};
use crate::sync::message::{Refusal, RefusalCause};
use crate::wire::Wire;

fn old() -> Formats {
    Formats::up_to(0).expect("the first format")
}

fn new() -> Formats {
    Formats::default()
}

fn replace(region: &mut Region, name: &'static str, formats: Formats) {
    region.cut(name);
    region.node(name).replace_program(formats);
    // Whatever follows from that is begun by the first thing that happens.
    let now = region.now;
    region.node(name).handle(now, Input::Tick);
    region.connect(name);
    region.run();
}

/// The hospital's word on how much there is, once more.
fn state_again(region: &mut Region) {
    region.now = region.now.plus_ms(120_000);
    let now = region.now;
    region.node("hospital").handle(now, Input::Tick);
    region.run();
}

/// Everybody has the old program, then the hospital is updated and writes on.
fn hospital_updated(seed: u64) -> Region {
    let mut region = disclosed(seed);
    for name in ["clinic", "pharmacy"] {
        replace(&mut region, name, old());
    }
    region.command("hospital", import(vec![record("p1", "o3", "later")])).expect("an import");
    region.run();
    region
}

fn newer(region: &Region, name: &str) -> usize {
    region.nodes[name].status().newer.values().sum()
}

fn complete(region: &Region) -> Option<Timestamp> {
    region.nodes["clinic"].status().publishers[0].complete
}

fn causes(region: &Region, name: &str) -> Vec<Cause> {
    let rows = View::new(&region.nodes[name].disk).quarantined().expect("a sound store");
    rows.into_iter().map(|row| row.cause).collect()
}

#[test]
fn what_a_newer_program_wrote_is_kept_named_and_read_by_itself_after_the_update() {
    let mut region = hospital_updated(1);
    // What it had read with the newer program before it was put back is set apart as well.
    let before = newer(&region, "clinic");
    assert!(before > 0, "{:?}", region.nodes["clinic"].status());
    assert!(causes(&region, "clinic").iter().all(|cause| *cause == Cause::Newer));
    assert_eq!(region.nodes["clinic"].records(), 0, "nothing is shown that does not open");
    state_again(&mut region);
    assert_eq!(complete(&region), None, "what is not opened is not complete");
    region.node("clinic").restart();
    assert_eq!(newer(&region, "clinic"), before, "also after a restart");

    replace(&mut region, "clinic", new());
    assert_eq!(region.nodes["clinic"].visible(), region.nodes["hospital"].visible());
    assert_eq!((newer(&region, "clinic"), causes(&region, "clinic")), (0, Vec::new()));
    state_again(&mut region);
    assert!(complete(&region).is_some(), "{:?}", region.nodes["clinic"].status());
}

#[test]
fn whoever_never_had_the_newer_program_keeps_what_it_wrote_beside_what_it_reads() {
    let mut region =
        Region::new(2, &[("hospital", FacilityKind::Hospital), ("clinic", FacilityKind::Clinic)]);
    for name in ["hospital", "clinic"] {
        replace(&mut region, name, old());
    }
    region.command("hospital", import(vec![record("p1", "o1", "old")])).expect("an import");
    let facilities = vec![region.facility("clinic")];
    let give =
        Command::GiveConsent { patient: local("p1"), facilities, until: None, by: staff("s1") };
    region.command("hospital", give).expect("a consent");
    region.run();
    replace(&mut region, "hospital", new());
    state_again(&mut region);
    let read = complete(&region);
    assert!(read.is_some());

    region
        .command("hospital", import(vec![record("p1", "o1", "new"), record("p1", "o2", "new")]))
        .expect("an import");
    region.run();
    state_again(&mut region);
    assert_eq!((region.nodes["clinic"].records(), newer(&region, "clinic")), (1, 1));
    assert_eq!(complete(&region), read, "as of a time before the newer one, and no later");
    // What the clinic writes the hospital reads, and what the hospital holds back for others everybody does.
    replace(&mut region, "hospital", new().writing(0).expect("an older one"));
    region.command("hospital", import(vec![record("p1", "o3", "held back")])).expect("an import");
    region.run();
    assert_eq!((region.nodes["clinic"].records(), newer(&region, "clinic")), (2, 1));

    replace(&mut region, "clinic", new());
    assert_eq!(region.nodes["clinic"].visible(), region.nodes["hospital"].visible());
    assert_eq!(newer(&region, "clinic"), 0);
}

#[test]
fn an_author_that_goes_back_loses_nothing_and_begins_nothing_anew() {
    let mut region = hospital_updated(3);
    replace(&mut region, "hospital", old());
    assert!(newer(&region, "hospital") > 0);
    assert_eq!(region.nodes["hospital"].records(), 0);
    let again = import(vec![record("p1", "o3", "later"), record("p1", "o1", "corrected")]);
    let outcome = region.command("hospital", again).expect("an import");
    assert_eq!(outcome, Outcome::Imported(vec![Taken::Unchanged, Taken::Version]));
    region.run();
    assert_eq!(region.nodes["hospital"].status().unsent, 0, "nothing of it counts as refused");
    assert_eq!(
        region.nodes["clinic"].records(),
        1,
        "what the old program writes the old ones read"
    );

    for name in ["hospital", "clinic"] {
        replace(&mut region, name, new());
    }
    let visible = region.nodes["hospital"].visible();
    assert_eq!(visible.len(), 3);
    assert!(visible.values().all(|versions| versions.len() == 1), "one current version of each");
    assert_eq!(region.nodes["clinic"].visible(), visible);
}

#[test]
fn power_cuts_on_the_way_back_and_forth_leave_nothing_unread() {
    for commits in 0..12 {
        let mut region = disclosed(4);
        let expected = region.nodes["hospital"].visible();
        for formats in [old(), new()] {
            region.cut("clinic");
            let now = region.now;
            let node = region.node("clinic");
            node.replace_program(formats);
            node.commits_left = Some(commits);
            node.handle(now, Input::Tick);
            node.restart();
            node.handle(now, Input::Tick);
            let claims = node.status().publishers.iter().any(|it| it.complete.is_some());
            assert!(formats == new() || !claims, "{commits} commits: claims what it does not read");
            assert_eq!(newer(&region, "clinic") == 0, formats == new(), "{commits} commits");
        }
        assert_eq!(region.nodes["clinic"].visible(), expected, "{commits} commits");
    }
}

#[test]
fn a_store_of_a_newer_format_is_refused_by_name() {
    let mut region = disclosed(5);
    let node = region.node("clinic");
    let mut batch = Batch::new();
    batch.put(table::META, b"format", 2u32.to_be_bytes());
    // Rows that this program would not read come after it is known that it need not.
    batch.put(table::META, b"cursor", [9]);
    node.disk.commit(&batch).expect("memory");
    let answers = answer(&node.disk, &Replica::queries());
    let opened = Replica::open(node.identity.clone(), new(), answers, Timestamp(0));
    assert!(matches!(opened.err(), Some(OpenError::Newer { found: 2, known: 1 })));
}

/// The old program would not find the charts that the newer one began, and would begin them anew.
#[test]
fn a_store_is_not_rebuilt_by_a_program_that_does_not_read_what_its_device_wrote() {
    let mut region = hospital_updated(6);
    let expected = region.nodes["hospital"].visible();
    let certificates: Vec<_> = region.nodes["hospital"].replica.roster().certificates().collect();
    region.cut("hospital");
    let node = region.node("hospital");
    node.disk = Memory::new();
    node.replace_program(old());
    region.command("hospital", Command::Begin { certificates, rebuild: true }).expect("begins");
    region.connect("hospital");
    region.run();
    assert!(region.nodes["hospital"].status().rebuilding && newer(&region, "hospital") > 0);
    let import = import(vec![record("p1", "o3", "later")]);
    assert_eq!(region.command("hospital", import), Err(CommandError::Rebuilding));

    replace(&mut region, "hospital", new());
    assert!(!region.nodes["hospital"].status().rebuilding);
    assert_eq!(region.nodes["hospital"].visible(), expected);
}

#[test]
fn an_envelope_whose_very_header_is_newer_waits_for_a_program_that_reads_it() {
    let mut region = disclosed(7);
    region.cut("clinic");
    region.command("hospital", import(vec![record("p1", "o3", "later")])).expect("an import");
    region.run();
    let (_, mut envelope) = region.post.pop().expect("the import");
    envelope.0[0] = 2;
    region.connect("clinic");
    region.run();
    let item = FeedItem { position: 99, envelope: envelope.clone() };
    let feed = Message::Feed { items: vec![item], end: 99 };
    let now = region.now;
    region.node("clinic").handle(now, Input::Received(feed));
    for _ in 0..2 {
        let status = region.nodes["clinic"].status();
        assert_eq!((status.newer_unplaced, region.nodes["clinic"].records()), (1, 2));
        region.node("clinic").restart();
    }
    // The program that reads it starts: here it is the row that changes.
    let node = region.node("clinic");
    let mut rows = Vec::new();
    let all = crate::storage::Range::all();
    let each = &mut |key: &[u8], value: &[u8]| {
        rows.push((key.to_vec(), value.to_vec()));
        true
    };
    node.disk.scan(table::WAITING, &all, crate::storage::Order::Ascending, each).expect("memory");
    let [(key, value)] = <[_; 1]>::try_from(rows).expect("one row");
    assert_eq!(Wait::from_bytes(&value[..1]), Ok(Wait::Program));
    let mut value = value;
    let at = value.len() - envelope.0.len();
    value[at] = 1;
    let mut batch = Batch::new();
    batch.put(table::WAITING, key, value);
    node.disk.commit(&batch).expect("memory");
    node.restart();
    node.handle(now, Input::Tick);
    let status = region.nodes["clinic"].status();
    assert_eq!(
        (status.newer_unplaced, status.waiting, region.nodes["clinic"].records()),
        (0, 0, 3)
    );
}

/// A statement of a newer version, as a newer program of `name` would sign it.
fn newer_statement(region: &Region, name: &'static str) -> Vec<u8> {
    let node = &region.nodes[name];
    let body = [2, 1, 9, 9];
    let header = Header {
        network: node.identity.network,
        scope: View::new(&node.disk)
            .scopes()
            .expect("sound")
            .into_iter()
            .find(is_chart)
            .expect("a chart")
            .id,
        tag: crate::id::DocumentTag::ZERO,
        author: node.identity.device_id(),
        seq: 1,
        previous: EnvelopeId::ZERO,
        epoch: 0,
        at: region.now,
        salt: [0; 16],
        body_len: body.len() as u32,
        body_hash: *blake3::hash(&body).as_bytes(),
    };
    let (tip, previous) =
        node.replica.state.vector(node.replica.state.scopes[&header.scope].number, &header.author);
    let header = Header { seq: tip + 1, previous, ..header };
    let signature = node.identity.device.sign(Domain::Envelope, &header.to_bytes());
    [&header.to_bytes()[..], &signature.as_bytes()[..], &body].concat()
}

fn is_chart(scope: &crate::view::ScopeEntry) -> bool {
    scope.access.as_ref().is_some_and(|access| access.kind() == ScopeKind::Chart)
}

#[test]
fn a_newer_statement_is_newer_and_a_broken_one_is_broken() {
    let mut region = disclosed(8);
    let envelope = Bytes(newer_statement(&region, "hospital"));
    let items = vec![FeedItem { position: 99, envelope }];
    let now = region.now;
    region.node("clinic").handle(now, Input::Received(Message::Feed { items, end: 99 }));
    assert_eq!(causes(&region, "clinic"), [Cause::Newer]);
    assert_eq!(newer(&region, "clinic"), 1);
}

#[test]
fn what_the_relay_is_too_old_for_stays_to_be_sent() {
    let mut region = disclosed(9);
    region.cut("hospital");
    region.command("hospital", import(vec![record("p1", "o3", "later")])).expect("an import");
    let now = region.now;
    region.node("hospital").handle(now, Input::Connected);
    let welcome =
        Welcome { epoch: region.epoch, position: 0, end: 0, at: now, yours: 99, roll: [0; 32] };
    let node = region.node("hospital");
    node.sent.clear();
    node.handle(now, Input::Received(Message::Welcome(welcome)));
    let pushed = node.sent.drain(..).find_map(|message| match message {
        Message::Push(envelopes) => Some(envelopes),
        _ => None,
    });
    let refuse = |envelope: &Bytes| {
        let signed = SignedEnvelope::from_bytes(envelope.0.clone()).expect("ours");
        Refusal { id: signed.claimed_id(), cause: RefusalCause::Newer }
    };
    let refused: Vec<Refusal> = pushed.expect("a push").iter().map(refuse).collect();
    assert!(!refused.is_empty());
    let taken = Message::Taken { stored: Vec::new(), refused };
    node.handle(now, Input::Received(taken));
    assert_eq!((node.status().unsent, node.status().quarantined), (1, 0));
    assert!(node.sent.is_empty(), "not at once again");
    node.handle(now.plus_ms(60_000), Input::Tick);
    assert!(node.sent.iter().any(|message| matches!(message, Message::Push(_))));
}

/// The second hospital was updated, put back, and linked its patient meanwhile. Updated again it reads what it had told itself of its
/// chart before the link: that is older than what it knows, and the chart stays the linked patient's.
#[test]
fn an_older_word_that_is_read_later_does_not_take_a_link_back() {
    let (mut region, patient) = unlinked(91);
    replace(&mut region, "second", old());
    link(&mut region, patient);
    replace(&mut region, "second", new());
    let before = region.nodes["clinic"].records();
    region.command("second", import(vec![record("q1", "o3", "later")])).expect("an import");
    region.run();
    assert_eq!(
        region.nodes["clinic"].records(),
        before + 1,
        "the chart follows the patient's consent"
    );
    let charts = region.nodes["second"].replica.state.scopes_of(&patient, ScopeKind::Chart);
    assert_eq!(charts.count(), 2, "both hospitals' are the linked patient's");
}
