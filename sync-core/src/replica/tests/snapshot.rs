//! A snapshot stands for what it covers, and only for as long as it is that.

use super::peer::meet;
use super::*;
use crate::access::{Ranges, Snapshot, Statement, registry_scope};
use crate::document::{DocumentId, RecordVersion};
use crate::envelope::{AdmittedEnvelope, Body, Draft, Header, seal};
use crate::identity::Cutoff;
use crate::keys::ScopeKey;
use crate::replica::Tx;
use crate::replica::state::State;
use crate::storage::row::{ScopeNumber, Standing};
use crate::storage::{Order, Range, table};

const MEMBERS: [(&str, FacilityKind); 4] = [
    ("hospital", FacilityKind::Hospital),
    ("clinic", FacilityKind::Clinic),
    ("pharmacy", FacilityKind::Pharmacy),
    ("nurse", FacilityKind::VisitingNurse),
];
const READERS: [&str; 3] = ["clinic", "pharmacy", "nurse"];
/// Imports after which a snapshot is made.
const AFTER: u64 = 3;

/// A hospital whose patient consented to three readers, of whom only the clinic is there.
fn disclosed(seed: u64) -> Region {
    let mut region = Region::new(seed, &MEMBERS);
    region.node("hospital").replica.make_snapshots_after(Some(AFTER));
    for name in ["hospital", "clinic"] {
        region.connect(name);
    }
    import_one(&mut region, 1);
    let facilities = READERS.iter().map(|name| region.facility(name)).collect();
    let give =
        Command::GiveConsent { patient: local("p1"), facilities, until: None, by: staff("s1") };
    region.command("hospital", give).expect("a consent");
    region.run();
    region
}

fn import_one(region: &mut Region, number: u32) {
    let text = format!("{{\"value\": {number}.50}}");
    let records = vec![record("p1", &format!("o{number}"), &text)];
    region.command("hospital", import(records)).expect("an import");
    region.run();
}

/// The same after so many imports.
fn imported(seed: u64, count: u32) -> Region {
    let mut region = disclosed(seed);
    (2..=count).for_each(|number| import_one(&mut region, number));
    region
}

fn chart(region: &Region, name: &str) -> ScopeNumber {
    let scopes = region.nodes[name].replica.state.scopes.values();
    let mut charts = scopes.filter(|scope| scope.kind() == Some(ScopeKind::Chart));
    charts.next().expect("a chart").number
}

fn header(envelope: &Bytes) -> Header {
    let signed = SignedEnvelope::from_bytes(envelope.0.clone());
    signed.expect("nodes push envelopes").claimed_header().clone()
}

/// What the hospital said of its snapshots, by the numbers of the statements.
fn said(region: &Region) -> BTreeMap<u64, Snapshot> {
    let statement = |(_, envelope): &(DeviceId, Bytes)| {
        let signed = SignedEnvelope::from_bytes(envelope.0.clone()).expect("an envelope");
        match signed.claimed_statement() {
            Ok(Some(Statement::Snapshot(claim))) => Some((signed.claimed_header().seq, claim)),
            _ => None,
        }
    };
    region.post.iter().filter_map(statement).collect()
}

/// The ids in the post of these numbers of the hospital's chain in its chart.
fn ids(region: &Region, is_meant: impl Fn(u64) -> bool) -> BTreeSet<EnvelopeId> {
    let (hospital, number) =
        (region.nodes["hospital"].identity.device_id(), chart(region, "hospital"));
    let scope = region.nodes["hospital"].replica.state.scope(number).id;
    let of_chain = |header: &Header| header.author == hospital && header.scope == scope;
    let headers = region.post.iter().map(|(_, envelope)| header(envelope)).filter(of_chain);
    headers.filter(|header| is_meant(header.seq)).map(|header| header.id()).collect()
}

/// Has the relay pass over what snapshots stand for.
fn pass_over_covered(region: &mut Region, name: &'static str) {
    let said = said(region);
    let is_covered = |seq| said.values().any(|claim| claim.covered.end_of(seq).is_some());
    let covered = ids(region, is_covered);
    region.passed_over.insert(name, covered);
}

/// A reader comes that has been told nothing yet.
fn come(region: &mut Region, name: &'static str) {
    region.connect(name);
    region.run();
    state_again(region);
}

/// The hospital's word on how much there is, once more.
fn state_again(region: &mut Region) {
    region.now = region.now.plus_ms(120_000);
    let now = region.now;
    region.node("hospital").handle(now, Input::Tick);
    region.run();
}

/// Missing, set apart, snapshots that are held, whether all is complete as of the newest word.
fn standing(region: &Region, name: &str) -> (u64, usize, usize, bool) {
    let status = region.nodes[name].status();
    let [publisher] = status.publishers.as_slice() else { panic!("{:?}", status.publishers) };
    let complete = publisher.complete.is_some() && publisher.complete == publisher.stated;
    (publisher.missing, status.quarantined, status.snapshots_held, complete)
}

const COMPLETE: bool = true;

fn vector(region: &Region, name: &str) -> (u64, EnvelopeId) {
    let hospital = region.nodes["hospital"].identity.device_id();
    region.nodes[name].replica.state.vector(chart(region, name), &hospital)
}

/// How many of the hospital's envelopes in the chart are here.
fn held(region: &Region, name: &str) -> usize {
    let hospital = region.nodes["hospital"].identity.device_id();
    let prefix = [&chart(region, name).to_be_bytes()[..], hospital.as_bytes()].concat();
    let mut count = 0;
    let each = &mut |_: &[u8], _: &[u8]| {
        count += 1;
        true
    };
    let disk = &region.nodes[name].disk;
    disk.scan(table::CHAIN, &Range::prefix(&prefix), Order::Ascending, each).expect("memory");
    count
}

fn visible(region: &Region, name: &str) -> usize {
    assert_eq!(region.nodes[name].visible(), region.nodes["hospital"].visible(), "{name}");
    region.nodes[name].records()
}

/// Lets the reader ask for what is missing.
fn ask(region: &mut Region, name: &'static str) {
    for _ in 0..3 {
        state_again(region);
        region.pass(name, 61_000);
    }
}

#[test]
fn enough_envelopes_of_a_volume_become_one_that_holds_what_they_hold() {
    let mut region = imported(1, 2);
    assert!(said(&region).is_empty(), "two are not enough");
    import_one(&mut region, 3);
    let first = said(&region);
    let (at, claim) = first.first_key_value().expect("one");
    assert_eq!((first.len(), claim.covered.count()), (1, 3));
    assert!(claim.fits(*at));
    let (number, made) =
        (chart(&region, "hospital"), region.nodes["hospital"].status().snapshots_made);
    let state = &region.nodes["hospital"].replica.state;
    assert_eq!((made, state.outbox.len()), (1, 0));
    // It opens to what went in, and its digest is over that.
    let snapshot = ids(&region, |seq| seq + 1 == *at);
    let is_it = |(_, envelope): &&(DeviceId, Bytes)| snapshot.contains(&header(envelope).id());
    let (_, envelope) = region.post.iter().find(is_it).expect("it was sent");
    let admitted = AdmittedEnvelope::restore(&*envelope.0).expect("an envelope");
    let key = &state.scope(number).keys[&claim.epoch];
    let opened = admitted.open(key, Formats::default()).expect("our key").into_inner();
    let Body::Records { document, versions } = opened else { panic!("{opened:?}") };
    let digest =
        Snapshot::digest_of(key, &document, versions.iter().map(RecordVersion::version_id));
    assert_eq!((versions.len(), digest), (3, claim.digest));

    // As many again as it covers, and it is covered by the next, with what was said of it.
    (4..=5).for_each(|number| import_one(&mut region, number));
    assert_eq!(said(&region).len(), 1);
    import_one(&mut region, 6);
    let second = said(&region);
    let (again, claim) = second.last_key_value().expect("another");
    assert_eq!((second.len(), claim.covered.count()), (2, 6 + 2));
    assert!([at - 1, *at].iter().all(|seq| claim.covered.end_of(*seq).is_some()));
    assert!(claim.covered.end_of(*again).is_none());
    (7..=11).for_each(|number| import_one(&mut region, number));
    assert_eq!(said(&region).len(), 2, "work doubles");
    assert_eq!(visible(&region, "clinic"), 11);
}

#[test]
fn none_is_made_in_an_older_format_nor_where_none_is_wanted() {
    let held_back = Formats::default().writing(1).expect("an older one");
    for (formats, after) in [(held_back, Some(AFTER)), (Formats::default(), None)] {
        let mut region = disclosed(2);
        region.cut("hospital");
        region.node("hospital").replace_program(formats);
        region.node("hospital").replica.make_snapshots_after(after);
        region.connect("hospital");
        (2..9).for_each(|number| import_one(&mut region, number));
        assert!(said(&region).is_empty());
        assert_eq!(visible(&region, "clinic"), 8);
    }
}

#[test]
fn a_reader_with_the_snapshot_is_complete_and_so_is_one_with_the_originals() {
    let mut region = imported(3, 3);
    // The clinic was there: it is told what the snapshot stands for, and not sent it.
    region = {
        let mut region_without = disclosed(3);
        region_without.cut("clinic");
        (2..=3).for_each(|number| import_one(&mut region_without, number));
        let at = *said(&region_without).first_key_value().expect("one").0;
        let snapshot = ids(&region_without, |seq| seq + 1 == at);
        region_without.passed_over.insert("clinic", snapshot);
        assert_eq!(said(&region_without), said(&region));
        region_without
    };
    come(&mut region, "clinic");
    pass_over_covered(&mut region, "pharmacy");
    come(&mut region, "pharmacy");
    for restarts in 0..2 {
        assert_eq!(standing(&region, "clinic"), (0, 0, 0, COMPLETE), "{restarts}");
        assert_eq!(standing(&region, "pharmacy"), (0, 0, 1, COMPLETE), "{restarts}");
        assert_eq!((visible(&region, "clinic"), visible(&region, "pharmacy")), (3, 3));
        assert_eq!(vector(&region, "clinic"), vector(&region, "hospital"));
        assert_eq!(vector(&region, "pharmacy"), vector(&region, "hospital"));
        for name in ["clinic", "pharmacy"] {
            region.cut(name);
            region.node(name).restart();
            region.connect(name);
        }
        region.run();
        state_again(&mut region);
    }
    assert_eq!(held(&region, "clinic"), held(&region, "hospital") - 1);
    assert_eq!(held(&region, "pharmacy"), held(&region, "hospital") - 3);
    // What comes after follows on both.
    import_one(&mut region, 4);
    state_again(&mut region);
    for name in ["clinic", "pharmacy"] {
        assert_eq!((standing(&region, name).0, visible(&region, name)), (0, 4), "{name}");
    }
}

#[test]
fn replicas_with_either_side_have_nothing_to_exchange_and_bring_a_third_up_to_date() {
    let mut region = imported(4, 3);
    pass_over_covered(&mut region, "pharmacy");
    come(&mut region, "pharmacy");
    for name in ["hospital", "clinic", "pharmacy"] {
        region.cut(name);
    }
    let met = meet(&mut region, "clinic", "pharmacy").summary();
    assert_eq!((met.sent, met.received, met.differed), (0, 0, 0));
    // The nurse's station has its keys, and nothing of the chart.
    let everything = ids(&region, |_| true);
    region.passed_over.insert("nurse", everything);
    region.connect("nurse");
    region.connect("hospital");
    region.run();
    region.cut("nurse");
    let met = meet(&mut region, "nurse", "pharmacy").summary();
    assert!(met.received > 0, "{met:?}");
    assert_eq!(vector(&region, "nurse"), vector(&region, "hospital"));
    assert_eq!((held(&region, "nurse"), visible(&region, "nurse")), (held(&region, "pharmacy"), 3));
    let again = meet(&mut region, "pharmacy", "nurse").summary();
    assert_eq!((again.sent, again.received, again.differed), (0, 0, 0));
}

/// In whatever order and from whatever part on it comes.
#[test]
fn the_order_in_which_a_snapshot_and_its_statement_come_makes_no_difference() {
    for feed_max in [1, 2, 3, usize::MAX] {
        for reversed in [false, true] {
            let mut region = imported(5, 6);
            pass_over_covered(&mut region, "pharmacy");
            region.feed_max = feed_max;
            if reversed {
                region.post.reverse();
            }
            come(&mut region, "pharmacy");
            assert_eq!(standing(&region, "pharmacy"), (0, 0, 1, COMPLETE), "{feed_max} {reversed}");
            assert_eq!(vector(&region, "pharmacy"), vector(&region, "hospital"));
            assert_eq!(visible(&region, "pharmacy"), 6);
        }
    }
}

#[test]
fn whoever_is_given_the_word_and_not_the_snapshot_says_what_is_missing_and_gets_the_originals() {
    let mut region = imported(6, 3);
    pass_over_covered(&mut region, "pharmacy");
    let at = *said(&region).first_key_value().expect("one").0;
    let snapshot = ids(&region, |seq| seq + 1 == at);
    region.passed_over.get_mut("pharmacy").expect("covered").extend(snapshot);
    come(&mut region, "pharmacy");
    let (missing, _, held, complete) = standing(&region, "pharmacy");
    assert!(missing >= 4 && held == 0 && !complete);
    assert_eq!(region.nodes["pharmacy"].records(), 0);
    ask(&mut region, "pharmacy");
    assert_eq!((standing(&region, "pharmacy").0, visible(&region, "pharmacy")), (0, 3));
}

/// One wrong byte anywhere on the way: the signature does not hold, and the originals come in the end.
#[test]
fn a_snapshot_with_one_wrong_byte_is_refused_and_the_originals_come() {
    let region = imported(7, 3);
    let at = *said(&region).first_key_value().expect("one").0;
    let snapshot = ids(&region, |seq| seq + 1 == at);
    let place = region.post.iter().position(|(_, it)| snapshot.contains(&header(it).id()));
    let place = place.expect("it was sent");
    let whole = region.post[place].clone();
    for byte in [20, 140, 200, 300, whole.1.0.len() - 1] {
        let mut region = imported(7, 3);
        assert_eq!(region.post[place], whole);
        pass_over_covered(&mut region, "pharmacy");
        region.post[place].1.0[byte] ^= 1;
        come(&mut region, "pharmacy");
        let (missing, apart, held, complete) = standing(&region, "pharmacy");
        assert!(missing > 0 && !complete, "byte {byte}");
        assert_eq!((apart, held, region.nodes["pharmacy"].records()), (0, 0, 0), "byte {byte}");
        ask(&mut region, "pharmacy");
        assert_eq!(visible(&region, "pharmacy"), 3, "byte {byte}");
        assert_eq!(standing(&region, "pharmacy").0, 0, "byte {byte}");
    }
}

/// Has the hospital write what it never would by itself.
fn author(region: &mut Region, bodies: impl FnOnce(&State, ScopeNumber) -> Vec<Body>) {
    let (number, now) = (chart(region, "hospital"), region.now);
    let node = region.node("hospital");
    let bodies = bodies(&node.replica.state, number);
    let mut tx = Tx::new(now, &mut node.rng);
    for body in &bodies {
        node.replica.state.author(&mut tx, number, body);
    }
    node.replica.state.settle(&mut tx);
    node.disk.commit(&tx.batch).expect("memory");
    region.cut("hospital");
    region.node("hospital").restart();
    region.node("hospital").replica.make_snapshots_after(None);
    region.connect("hospital");
    region.run();
}

/// A snapshot of the three imports, whose records `change` may alter, and what is said of it.
fn lie(region: &mut Region, change: impl Fn(&mut Vec<RecordVersion>)) {
    let node = &region.nodes["hospital"];
    let mut view = View::new(&node.disk);
    let number = chart(region, "hospital");
    let entries: Vec<_> = view.records(number).expect("sound").into_iter().flatten().collect();
    let versions: Vec<RecordVersion> =
        entries.iter().map(|entry| view.open(entry).expect("sound")).collect();
    let positions: BTreeSet<u64> = entries.iter().map(|entry| entry.row.position).collect();
    let numbers = ids(region, |_| true);
    let seqs = region.post.iter().map(|(_, it)| header(it)).filter(|it| numbers.contains(&it.id()));
    let records = seqs.filter(|header| !header.is_clear()).map(|header| (header.seq, header.seq));
    let covered = Ranges::of(records).expect("three imports");
    assert_eq!((covered.count(), positions.len()), (3, 3));
    author(region, |state, number| {
        let (epoch, key): (u32, &ScopeKey) = state.scope(number).newest_key().expect("ours");
        let document = DocumentId::Volume { year: 2024 };
        let ids = versions.iter().map(RecordVersion::version_id);
        let digest = Snapshot::digest_of(key, &document, ids);
        let mut versions = versions.clone();
        change(&mut versions);
        let claim = Snapshot { covered, epoch, digest };
        vec![Body::Records { document, versions }, Body::Statement(Statement::Snapshot(claim))]
    });
}

fn imported_without(seed: u64) -> Region {
    let mut region = disclosed(seed);
    region.node("hospital").replica.make_snapshots_after(None);
    (2..=3).for_each(|number| import_one(&mut region, number));
    region
}

/// The wrong byte is the author's own, well signed: another snapshot than the one of which it gives the digest.
#[test]
fn a_snapshot_that_is_not_what_its_author_says_is_set_apart_and_covers_nothing() {
    let wrong_byte = |versions: &mut Vec<RecordVersion>| {
        let crate::document::Content::Raw(raw) = &mut versions[1].body else { panic!("removed") };
        *raw.last_mut().expect("not empty") ^= 1;
    };
    for feed_max in [1, usize::MAX] {
        for late_statement in [false, true] {
            let mut region = imported_without(8);
            let expected = region.nodes["hospital"].visible();
            lie(&mut region, wrong_byte);
            pass_over_covered(&mut region, "pharmacy");
            region.feed_max = feed_max;
            if late_statement {
                region.post.reverse();
            }
            come(&mut region, "pharmacy");
            let (missing, apart, held, complete) = standing(&region, "pharmacy");
            let case = format!("{feed_max} {late_statement}");
            assert_eq!((apart, held, complete), (1, 0, false), "{case}");
            assert!(missing >= 3, "{case}");
            assert_eq!(region.nodes["pharmacy"].records(), 0, "nothing of it is shown: {case}");
            ask(&mut region, "pharmacy");
            assert_eq!(region.nodes["pharmacy"].visible(), expected, "{case}");
            let (missing, apart, held, complete) = standing(&region, "pharmacy");
            assert_eq!((missing, apart, held, complete), (0, 1, 0, COMPLETE), "{case}");
            // The clinic had the originals, and was given the snapshot as well: it shows what it showed.
            assert_eq!(region.nodes["clinic"].visible(), expected, "{case}");
            region.node("pharmacy").restart();
            assert_eq!(region.nodes["pharmacy"].visible(), expected, "{case}");
        }
    }
}

#[test]
fn what_a_snapshot_leaves_out_or_adds_shows_too() {
    let changes: [fn(&mut Vec<RecordVersion>); 2] = [
        |versions| drop(versions.pop()),
        |versions| {
            let mut more = versions[0].clone();
            more.key.id = "o99".into();
            versions.push(more);
        },
    ];
    for change in changes {
        let mut region = imported_without(9);
        lie(&mut region, change);
        pass_over_covered(&mut region, "pharmacy");
        come(&mut region, "pharmacy");
        assert_eq!(standing(&region, "pharmacy").1, 1);
        ask(&mut region, "pharmacy");
        assert_eq!(region.nodes["pharmacy"].records(), 3);
    }
    let mut region = imported_without(9);
    lie(&mut region, |_| {});
    pass_over_covered(&mut region, "pharmacy");
    come(&mut region, "pharmacy");
    assert_eq!(standing(&region, "pharmacy"), (0, 0, 1, COMPLETE), "an honest one stands");
}

/// What a statement covers lies before its snapshot, in a chart of its author's own; anything else is no statement.
#[test]
fn a_statement_that_cannot_be_is_set_apart() {
    let mut region = imported_without(10);
    author(&mut region, |_, _| {
        let covered = Ranges::of([(1, 900)]).expect("some");
        vec![Body::Statement(Statement::Snapshot(Snapshot { covered, epoch: 1, digest: [0; 32] }))]
    });
    assert_eq!(standing(&region, "clinic").1, 1);
    assert_eq!(standing(&region, "clinic").0, 0, "it has its place in the chain");
    assert!(
        region.nodes["clinic"].replica.state.scope(chart(&region, "clinic")).snapshots.is_empty()
    );
}

/// The hospital's device is revoked, and what is accepted of it ends before its snapshot: it covers nothing, whether the word
/// came before it or after.
#[test]
fn a_snapshot_beyond_what_is_accepted_of_its_author_covers_nothing() {
    let region = imported(11, 3);
    let hospital = region.nodes["hospital"].identity.clone();
    let scope = region.nodes["hospital"].replica.state.scope(chart(&region, "hospital")).id;
    let at = *said(&region).first_key_value().expect("one").0;
    let headers = region.post.iter().filter(|(author, _)| *author == hospital.device_id());
    let cutoffs = headers.map(|(_, envelope)| header(envelope)).map(|header| {
        let accepted = if header.scope == scope { header.seq.min(at - 2) } else { header.seq };
        Cutoff { scope: header.scope, author: header.author, seq: accepted }
    });
    let word = region.hospital_stolen(cutoffs);
    let author = region.nodes["nurse"].identity.clone();
    let (network, previous, formats) = (author.network, EnvelopeId::ZERO, Formats::default());
    let (scope, at) = (registry_scope(&network), region.now);
    let draft = Draft { network, scope, seq: 1, previous, epoch: 0, at, formats };
    let body = Body::Statement(Statement::Certificate(word));
    let sealed = seal(draft, &body, None, &author.device).expect("a small statement");
    let word = (author.device_id(), Bytes(sealed.into_bytes()));
    for first in [true, false] {
        let mut region = imported(11, 3);
        let expected = region.nodes["hospital"].visible();
        state_again(&mut region);
        // Of whom it knows to be revoked, a relay passes over nothing.
        if first {
            region.post.insert(0, word.clone());
        } else {
            pass_over_covered(&mut region, "pharmacy");
        }
        region.connect("pharmacy");
        region.run();
        assert_eq!(region.nodes["pharmacy"].records(), 3);
        if !first {
            state_again(&mut region);
            assert_eq!(standing(&region, "pharmacy"), (0, 0, 1, COMPLETE));
            region.post.push(word.clone());
            region.run();
            assert_eq!(region.nodes["pharmacy"].records(), 0);
            let (seq, _) = vector(&region, "pharmacy");
            assert!(seq < 6, "before the first import that is not here, {seq}");
        }
        let status = region.nodes["pharmacy"].status();
        assert_eq!(status.snapshots_held, 0);
        assert!(status.publishers.iter().all(|it| it.complete.is_none()), "{status:?}");
        // Its last word stands, and by it something is missing.
        region.cut("hospital");
        for _ in 0..3 {
            region.pass("pharmacy", 61_000);
        }
        assert_eq!(region.nodes["pharmacy"].visible(), expected, "{first}");
    }
}

#[test]
fn a_crash_at_any_point_of_taking_a_snapshot_in_forgets_nothing() {
    for broken in [false, true] {
        for commits in 0..8 {
            let mut region = imported_without(12);
            lie(&mut region, |versions| {
                if broken {
                    versions.pop();
                }
            });
            pass_over_covered(&mut region, "pharmacy");
            region.feed_max = 2;
            region.node("pharmacy").commits_left = Some(commits);
            region.connect("pharmacy");
            region.run();
            region.cut("pharmacy");
            region.node("pharmacy").restart();
            let now = region.now;
            region.node("pharmacy").handle(now, Input::Tick);
            come(&mut region, "pharmacy");
            let (missing, apart, held, complete) = standing(&region, "pharmacy");
            let found = (missing > 0, apart, held, complete);
            let expected = if broken { (true, 1, 0, false) } else { (false, 0, 1, true) };
            assert_eq!(found, expected, "{commits} commits, broken {broken}");
        }
    }
}

#[test]
fn an_author_that_lost_its_store_has_its_originals_again_and_covers_nothing_twice() {
    let mut region = imported(13, 4);
    let before = said(&region);
    let certificates: Vec<_> = region.nodes["hospital"].replica.roster().certificates().collect();
    region.cut("hospital");
    let node = region.node("hospital");
    node.disk = Memory::new();
    node.restart();
    node.replica.make_snapshots_after(Some(AFTER));
    let begin = Command::Begin { certificates, rebuild: true };
    region.command("hospital", begin).expect("an empty store begins");
    region.connect("hospital");
    region.run();
    assert_eq!((said(&region), region.nodes["hospital"].status().snapshots_made), (before, 1));
    assert_eq!(region.nodes["hospital"].records(), 4);
    // It goes on where it was.
    (5..=6).for_each(|number| import_one(&mut region, number));
    assert_eq!(said(&region).len(), 2);
    assert_eq!(visible(&region, "clinic"), 6);
    assert_eq!(standing(&region, "clinic").1, 0, "no number was given twice");
}

#[test]
fn a_full_disk_puts_a_snapshot_off_and_loses_nothing() {
    let mut region = imported(14, 2);
    region.cut("hospital");
    let now = region.now;
    let node = region.node("hospital");
    // The import itself is stored, and then there is no room.
    let records = vec![record("p1", "o3", "{}")];
    let id = CommandId(900);
    node.replica.handle(now, &mut node.rng, Input::Command { id, command: import(records) });
    let mut stored = 0;
    let mut inputs = std::collections::VecDeque::new();
    loop {
        while let Some(effect) = node.replica.poll() {
            match effect {
                Effect::Load { id, queries } => {
                    let result = Ok(answer(&node.disk, &queries));
                    inputs.push_back(Input::Loaded { id, result });
                }
                Effect::Store { id, batch, .. } if stored == 0 => {
                    stored += 1;
                    let result = node.disk.commit(&batch);
                    inputs.push_back(Input::Stored { id, result });
                }
                Effect::Store { id, .. } => {
                    let result = Err(StorageError::Full);
                    inputs.push_back(Input::Stored { id, result });
                    stored += 1;
                }
                _ => {}
            }
        }
        let Some(input) = inputs.pop_front() else { break };
        node.replica.handle(now, &mut node.rng, input);
    }
    assert!(stored >= 2, "a snapshot was tried");
    assert_eq!(node.status().snapshots_made, 0);
    region.pass("hospital", 60_000);
    region.command("hospital", import(vec![record("p1", "o4", "{}")])).expect("room again");
    region.connect("hospital");
    region.run();
    assert_eq!((region.nodes["hospital"].status().snapshots_made, said(&region).len()), (1, 1));
    assert_eq!(visible(&region, "clinic"), 4);
}

#[test]
fn an_older_program_keeps_the_word_for_a_newer_one() {
    let older = Formats::up_to(1).expect("the one before");
    let mut region = disclosed(15);
    region.cut("clinic");
    region.node("clinic").replace_program(older);
    let now = region.now;
    region.node("clinic").handle(now, Input::Tick);
    region.connect("clinic");
    (2..=3).for_each(|number| import_one(&mut region, number));
    assert_eq!(said(&region).len(), 1);
    let status = region.nodes["clinic"].status();
    assert_eq!((status.newer.values().sum::<usize>(), status.snapshots_held), (1, 0));
    assert_eq!(visible(&region, "clinic"), 3);
    region.cut("clinic");
    region.node("clinic").replace_program(Formats::default());
    region.node("clinic").handle(now, Input::Tick);
    come(&mut region, "clinic");
    assert_eq!(standing(&region, "clinic"), (0, 0, 1, COMPLETE));
    // And goes back, with what it holds by the snapshot.
    pass_over_covered(&mut region, "pharmacy");
    come(&mut region, "pharmacy");
    region.cut("pharmacy");
    for formats in [older, Formats::default()] {
        region.node("pharmacy").replace_program(formats);
        let now = region.now;
        region.node("pharmacy").handle(now, Input::Tick);
    }
    come(&mut region, "pharmacy");
    assert_eq!(standing(&region, "pharmacy"), (0, 0, 1, COMPLETE));
}

/// The key comes after everything else: until then the snapshot waits, with all that it stands for, and nothing is complete.
#[test]
fn a_snapshot_that_waits_for_its_key_covers_and_claims_nothing() {
    let mut region = imported(16, 3);
    pass_over_covered(&mut region, "pharmacy");
    let state = &region.nodes["hospital"].replica.state;
    let pairs: BTreeSet<ScopeId> = state
        .scopes
        .values()
        .filter(|scope| scope.kind() == Some(ScopeKind::Pair))
        .map(|scope| scope.id)
        .collect();
    let keys = region.post.iter().map(|(_, it)| header(it)).filter(|it| pairs.contains(&it.scope));
    let keys: BTreeSet<EnvelopeId> = keys.map(|header| header.id()).collect();
    let covered = region.passed_over["pharmacy"].clone();
    region.passed_over.get_mut("pharmacy").expect("covered").extend(keys);
    come(&mut region, "pharmacy");
    let (missing, _, held, complete) = standing(&region, "pharmacy");
    assert_eq!((missing, held, complete), (0, 0, false));
    let status = region.nodes["pharmacy"].status();
    assert_eq!((status.waiting_for_key.values().sum::<usize>(), status.patients), (1, 0));
    let hospital = region.nodes["hospital"].identity.device_id();
    let rows = &region.nodes["pharmacy"].replica.state.scope(chart(&region, "pharmacy")).snapshots;
    assert!(rows[&hospital].values().all(|row| row.standing == Standing::Sealed));
    region.passed_over.insert("pharmacy", covered);
    region.cut("pharmacy");
    region.epoch = RelayEpoch([2; 16]);
    come(&mut region, "pharmacy");
    assert_eq!(standing(&region, "pharmacy"), (0, 0, 1, COMPLETE));
    assert_eq!(visible(&region, "pharmacy"), 3);
}

#[test]
fn a_volume_that_is_too_large_for_one_has_several() {
    let mut region = disclosed(17);
    // Of a megabyte each: five fit.
    for number in 2..=14 {
        let text = format!("{number}{}", "0".repeat(1 << 20));
        let records = vec![record("p1", &format!("o{number}"), &text)];
        region.command("hospital", import(records)).expect("an import");
        region.run();
    }
    let said = said(&region);
    let [first, second, third] = <[_; 3]>::try_from(said.into_iter().collect::<Vec<_>>())
        .unwrap_or_else(|said| panic!("{said:?}"));
    let covers =
        |(_, by): &(u64, Snapshot), (seq, _): &(u64, Snapshot)| by.covered.end_of(*seq).is_some();
    assert!(covers(&second, &first), "the two fit into one");
    assert!(!covers(&third, &second), "a part of its own");
    assert!(third.1.covered.count() < 8 && third.1.covered.iter().all(|(from, _)| from > second.0));
    pass_over_covered(&mut region, "pharmacy");
    come(&mut region, "pharmacy");
    assert_eq!(standing(&region, "pharmacy"), (0, 0, 2, COMPLETE));
    assert_eq!(visible(&region, "pharmacy"), 14);
}
