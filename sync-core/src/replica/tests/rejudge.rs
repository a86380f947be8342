//! What was merged before the word came that its author had been put out.

use std::collections::BTreeSet;

use rand::seq::SliceRandom;

use super::*;
use crate::access::{Access, Statement, registry_scope};
use crate::envelope::{Body, Draft, Formats, SignedEnvelope, seal};
use crate::id::{EnvelopeId, ScopeId};
use crate::identity::{Cutoff, Revocation, Subject as Whom};
use crate::sync::message::{Refusal, RefusalCause};

impl Region {
    /// The hospital puts its own device out, and says what of it is accepted.
    pub(super) fn hospital_stolen(&self, accepted: impl Iterator<Item = Cutoff>) -> Certificate {
        let hospital = &self.nodes["hospital"].identity;
        let key = hospital.facility_key.clone().expect("of its facility");
        let revocation = Revocation {
            network: hospital.network,
            subject: Whom::Device(hospital.device_id()),
            at: self.now,
            reason: "盗難".into(),
            accepted: Cutoff::in_order(accepted),
            by: key.public(),
        };
        Certificate::Revocation(Signed::sign(revocation, &key).expect("a small one"))
    }
}

const MEMBERS: [(&str, FacilityKind); 4] = [
    ("hospital", FacilityKind::Hospital),
    ("second", FacilityKind::Hospital),
    ("clinic", FacilityKind::Clinic),
    ("pharmacy", FacilityKind::Pharmacy),
];

/// All that may not depend on the order of arrival.
#[derive(Debug, PartialEq)]
struct Judged {
    visible: BTreeMap<(FacilityId, String, String), Vec<Vec<u8>>>,
    notes: BTreeSet<String>,
    apart: BTreeSet<EnvelopeId>,
    members: BTreeMap<ScopeId, Vec<(FacilityId, Access)>>,
}

fn judged(node: &Node) -> Judged {
    let view = View::new(&node.disk);
    let apart = view.quarantined().expect("a sound store");
    let scopes = view.scopes().expect("a sound store");
    let members = scopes.iter().filter_map(|scope| {
        let access = scope.access.as_ref()?;
        Some((scope.id, access.members(Timestamp(u64::MAX)).collect()))
    });
    Judged {
        visible: node.visible(),
        notes: node.notes().into_iter().collect(),
        apart: apart.into_iter().map(|row| row.id).collect(),
        members: members.collect(),
    }
}

/// The hospital discloses to all; then its line is cut.
fn team(seed: u64) -> Region {
    let mut region = Region::new(seed, &MEMBERS);
    for (name, _) in MEMBERS {
        region.connect(name);
    }
    let records = vec![record("p1", "o1", "{\"value\": 1}"), record("p1", "o2", "{}")];
    region.command("hospital", import(records)).expect("an import");
    let facilities = ["second", "clinic", "pharmacy"].map(|name| region.facility(name)).to_vec();
    let (patient, by) = (local("p1"), staff("s1"));
    let give = Command::GiveConsent { patient, facilities, until: None, by };
    region.command("hospital", give).expect("a consent");
    region.run();
    region.cut("hospital");
    region
}

fn withdraw(region: &mut Region, from: &'static str) {
    let facilities = vec![region.facility(from)];
    let (patient, by) = (local("p1"), staff("s1"));
    let withdraw = Command::WithdrawConsent { patient, facilities, by };
    region.command("hospital", withdraw).expect("a withdrawal");
}

fn write(region: &mut Region, who: &'static str, text: &str) {
    let patient = Who::Network(region.nodes[who].patients()[0]);
    let edit = NoteEdit { text: Some(text.into()), ..NoteEdit::default() };
    let command = Command::EditNote { patient, note: None, edit, by: staff("d1") };
    region.command(who, command).expect("a note");
}

/// A new device of `name` that is handed `post` in this order, at once or one by one.
fn in_order(seed: u64, name: &'static str, post: Vec<(DeviceId, Bytes)>, at_once: bool) -> Region {
    let mut region = Region::new(seed, &MEMBERS);
    region.now = Timestamp(50_000_000);
    region.feed_max = if at_once { usize::MAX } else { 1 };
    region.connect(name);
    region.post = post;
    region.run();
    region
}

/// Two pharmacies once showed different notes for good: one had merged the note before it heard of the withdrawal.
#[test]
fn a_note_that_came_before_the_word_that_put_its_author_out_is_set_apart_all_the_same() {
    let mut region = team(61);
    write(&mut region, "clinic", "退出後の記録");
    region.run();
    assert_eq!(region.nodes["pharmacy"].notes(), ["退出後の記録"]);
    withdraw(&mut region, "clinic");
    region.connect("hospital");
    region.run();
    for name in ["hospital", "second", "pharmacy"] {
        let node = &region.nodes[name];
        assert_eq!(node.notes(), Vec::<String>::new(), "{name} shows it");
        assert_eq!(node.status().quarantined, 1, "{name} keeps it");
        let unmerged = View::new(&node.disk).unmerged().expect("a sound store");
        assert_eq!(unmerged.len(), 1, "{name}");
    }
    region.node("pharmacy").restart();
    assert_eq!(region.nodes["pharmacy"].status().quarantined, 1, "also after a restart");

    // Admitted again, what it writes from then on is merged; what it wrote in between stays apart, with itself too.
    let (patient, by) = (local("p1"), staff("s1"));
    let facilities = vec![region.facility("clinic")];
    let give = Command::GiveConsent { patient, facilities, until: None, by };
    region.command("hospital", give).expect("a consent");
    region.connect("pharmacy");
    region.run();
    write(&mut region, "clinic", "再同意後の記録");
    region.run();
    for (name, _) in MEMBERS {
        assert_eq!(region.nodes[name].notes(), ["再同意後の記録"], "{name}");
    }
}

#[test]
fn the_order_of_notes_grants_and_withdrawals_makes_no_difference() {
    let mut region = team(62);
    for round in 0..3 {
        write(&mut region, "clinic", &format!("診療所 {round}"));
        if round < 2 {
            write(&mut region, "second", &format!("第二病院 {round}"));
        }
        if round == 1 {
            // What the second hospital rules here comes after its own end, of which it has not heard.
            let patient = Who::Network(region.nodes["second"].patients()[0]);
            let facilities = vec![region.facility("clinic")];
            let withdraw = Command::WithdrawConsent { patient, facilities, by: staff("s2") };
            region.command("second", withdraw).expect("a withdrawal");
        }
        region.run();
        let whom = if round == 1 { "second" } else { "clinic" };
        withdraw(&mut region, whom);
        if round == 0 {
            // Admitted again.
            let (patient, by) = (local("p1"), staff("s1"));
            let facilities = vec![region.facility(whom)];
            let give = Command::GiveConsent { patient, facilities, until: None, by };
            region.command("hospital", give).expect("a consent");
        }
        region.connect("hospital");
        region.run();
        region.cut("hospital");
    }
    region.run();
    let post = region.post;
    let reference = judged(&in_order(62, "pharmacy", post.clone(), true).nodes["pharmacy"]);
    assert!(!reference.apart.is_empty() && !reference.notes.is_empty());
    for seed in 0..20 {
        let mut shuffled = post.clone();
        shuffled.shuffle(&mut StdRng::seed_from_u64(seed));
        let region = in_order(62, "pharmacy", shuffled, seed % 2 == 0);
        assert_eq!(judged(&region.nodes["pharmacy"]), reference, "order {seed}");
    }
}

/// The power is cut between the withdrawal's commit and the one that takes the note out.
#[test]
fn a_crash_between_the_word_and_its_consequence_forgets_nothing() {
    let mut region = team(63);
    write(&mut region, "clinic", "退出後の記録");
    region.run();
    region.cut("pharmacy");
    withdraw(&mut region, "clinic");
    region.connect("hospital");
    region.run();
    let before = region.nodes["pharmacy"].disk.clone();
    let clinic = region.facility("clinic");
    let mut cut_short = 0;
    for commits in 0..20 {
        region.node("pharmacy").disk = before.clone();
        region.node("pharmacy").restart();
        region.node("pharmacy").commits_left = Some(commits);
        region.connect("pharmacy");
        region.run();
        region.cut("pharmacy");
        let members = judged(&region.nodes["pharmacy"]).members;
        let mut all = members.values().flatten();
        let heard = !all.any(|(member, access)| *member == clinic && access.write);
        let shown = region.nodes["pharmacy"].notes().len();
        cut_short += usize::from(heard && shown == 1);

        // Nothing more arrives: the device alone has to finish what it began.
        region.node("pharmacy").restart();
        let now = region.now;
        region.node("pharmacy").handle(now, Input::Tick);
        let left = region.nodes["pharmacy"].notes().len();
        assert_eq!(left, usize::from(!heard), "after {commits} commits");
    }
    assert!(cut_short > 0, "the power was cut in between");
}

/// The clinic's certificate of the hospital's device is revoked; what the thief wrote beyond the accepted end is taken
/// back, and the version that it had replaced counts again.
#[test]
fn records_of_a_revoked_device_are_taken_back() {
    let mut region = team(64);
    region.connect("hospital");
    region.run();
    let before = judged(&region.nodes["clinic"]);
    let hospital = &region.nodes["hospital"].identity;
    let chart = |(author, bytes): &(DeviceId, Bytes)| {
        let header =
            SignedEnvelope::from_bytes(bytes.0.clone()).expect("shape").claimed_header().clone();
        (*author == hospital.device_id()).then_some(header)
    };
    let headers: Vec<_> = region.post.iter().filter_map(chart).collect();
    let word = region.hospital_stolen(headers.into_iter().map(|header| Cutoff {
        scope: header.scope,
        author: header.author,
        seq: header.seq,
    }));
    let changed = vec![record("p1", "o1", "{\"value\": 666}"), record("p1", "o9", "{}")];
    region.command("hospital", import(changed)).expect("an import");
    region.run();
    assert_ne!(region.nodes["clinic"].visible(), before.visible);

    let author = &region.nodes["second"].identity;
    let scope = registry_scope(&author.network);
    let (network, at) = (author.network, region.now);
    let draft = Draft {
        network,
        scope,
        seq: 1,
        previous: EnvelopeId::ZERO,
        epoch: 0,
        at,
        formats: Formats::default(),
    };
    let body = Body::Statement(Statement::Certificate(word));
    let sealed = seal(draft, &body, None, &author.device).expect("a small statement");
    let word = (author.device_id(), Bytes(sealed.into_bytes()));
    let (mut first, mut last) = (region.post.clone(), region.post.clone());
    first.insert(0, word.clone());
    last.push(word);
    let last = in_order(64, "clinic", last, false);
    assert_eq!(last.nodes["clinic"].visible(), before.visible);
    assert!(last.nodes["clinic"].status().quarantined > 0);
    let first = in_order(64, "clinic", first, false);
    assert_eq!(first.nodes["clinic"].visible(), before.visible);
}

/// A hospital was put out of a team, and then a clinic: the hospital was not told of the clinic, counted it in for ever,
/// and nobody became complete from that hospital again.
#[test]
fn whoever_was_put_out_counts_nothing_there_and_nobody_counts_it() {
    let mut region = team(63);
    region.connect("hospital");
    // A patient of the second hospital's own, so that its word concerns the clinic at all.
    region.command("second", import(vec![record("q1", "o9", "{}")])).expect("an import");
    let facilities = vec![region.facility("clinic")];
    let give =
        Command::GiveConsent { patient: local("q1"), facilities, until: None, by: staff("s2") };
    region.command("second", give).expect("a consent");
    write(&mut region, "second", "転院前の記録");
    region.run();
    let complete = |region: &Region, name: &str| {
        let second = region.nodes["second"].identity.device_id();
        let status = region.nodes[name].status();
        let row = status.publishers.into_iter().find(|it| it.device == Some(second));
        row.is_some_and(|row| {
            row.complete.is_some() && row.complete == row.stated && row.missing == 0
        })
    };
    assert!(complete(&region, "clinic"));
    withdraw(&mut region, "second");
    region.run();
    region.command("second", import(vec![record("q1", "o10", "{}")])).expect("an import");
    region.run();
    assert!(complete(&region, "clinic"), "which reads the note still");
    region.cut("second");
    withdraw(&mut region, "clinic");
    region.run();
    region.connect("second");
    region.command("second", import(vec![record("q1", "o11", "{}")])).expect("an import");
    region.run();
    assert!(complete(&region, "clinic"));
}

/// Nobody but the owner vouches for what a member wrote whom it put out: what it accepted and is not here is missing.
#[test]
fn what_the_owner_accepted_of_whom_it_put_out_is_missed() {
    let mut region = team(64);
    region.cut("pharmacy");
    write(&mut region, "clinic", "退出前の記録");
    region.connect("hospital");
    region.run();
    let clinic = region.nodes["clinic"].identity.device_id();
    withdraw(&mut region, "clinic");
    region.run();
    region.cut("clinic");
    let note = region.post.iter().rposition(|(author, _)| *author == clinic).expect("a note");
    let lost = region.post.remove(note);
    region.connect("pharmacy");
    region.command("hospital", import(vec![record("p1", "o3", "{}")])).expect("an import");
    region.run();
    let hospital = region.nodes["hospital"].identity.device_id();
    let row = |region: &Region| {
        let status = region.nodes["pharmacy"].status();
        status.publishers.into_iter().find(|it| it.device == Some(hospital)).expect("its word")
    };
    assert_eq!(row(&region).missing, 1);
    assert_ne!(row(&region).complete, row(&region).stated, "never more than is known");
    region.cut("pharmacy");
    region.post.push(lost);
    region.connect("pharmacy");
    region.run();
    region.command("hospital", import(vec![record("p1", "o4", "{}")])).expect("an import");
    region.run();
    assert_eq!(row(&region).missing, 0);
    assert_eq!(row(&region).complete, row(&region).stated);
}

/// What a clinic wrote while nobody could tell it that it was out is the hospital's to review. The relay could not store the
/// first of it just then; what follows that was given up by the clinic, which had set it apart itself by then.
#[test]
fn what_is_late_is_sent_all_the_same_when_the_relay_could_not_store_the_first_of_it() {
    let mut region = team(66);
    region.cut("clinic");
    (0..3).for_each(|number| write(&mut region, "clinic", &format!("退出後の記録 {number}")));
    withdraw(&mut region, "clinic");
    region.connect("hospital");
    region.run();
    region.connect("clinic");
    region.exchange("clinic");
    let clinic = region.node("clinic");
    assert_eq!(clinic.status().quarantined, 3, "it has heard that it is out");
    let pushed = clinic.sent.drain(..).filter_map(|message| match message {
        Message::Push(envelopes) => Some(envelopes),
        _ => None,
    });
    let header = |Bytes(bytes): Bytes| {
        SignedEnvelope::from_bytes(bytes).expect("an envelope").claimed_header().clone()
    };
    let headers: Vec<_> = pushed.flatten().map(header).collect();
    assert_eq!(headers.len(), 3);
    let expected = headers[0].seq;
    let cause = |seq| match seq == expected {
        true => RefusalCause::Busy,
        false => RefusalCause::Gap { expected },
    };
    let refused = headers.iter().map(|it| Refusal { id: it.id(), cause: cause(it.seq) }).collect();
    let taken = Message::Taken { stored: Vec::new(), refused };
    let now = region.now;
    region.node("clinic").handle(now, Input::Received(taken));
    assert_eq!(region.nodes["clinic"].status().unsent, 3);
    region.pass("clinic", 60_000);
    assert_eq!(region.nodes["clinic"].status().unsent, 0);
    assert_eq!(region.nodes["hospital"].status().quarantined, 3, "for a person to review");
}
