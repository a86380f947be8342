//! Clocks that differ, and words that count from a time on.

use super::rebuild::{MEMBERS, link, linked, part, stays_apart, unlinked};
use super::*;
use crate::access::{Statement, registry_scope};
use crate::envelope::{Body, Draft, Formats, seal};
use crate::id::EnvelopeId;
use crate::identity::{Revocation, Subject as Whom};

/// How far the hospital's clock is ahead.
const AHEAD_MS: u64 = 60_000;

/// The hospital's clock is a minute ahead, so that its consent begins, by the clinic's clock, in a minute.
fn consented_ahead() -> Region {
    let mut region =
        Region::new(31, &[("hospital", FacilityKind::Hospital), ("clinic", FacilityKind::Clinic)]);
    region.connect("hospital");
    region.connect("clinic");
    region.command("hospital", import(vec![record("p1", "o1", "{}")])).expect("an import");
    let facilities = vec![region.facility("clinic")];
    let give =
        Command::GiveConsent { patient: local("p1"), facilities, until: None, by: staff("s1") };
    let ahead = region.now.plus_ms(AHEAD_MS);
    region.node("hospital").command(ahead, give).expect("a consent");
    region.run();
    region
}

fn is_complete(region: &Region) -> bool {
    let publishers = region.nodes["clinic"].status().publishers;
    publishers.iter().any(|it| it.complete.is_some() && it.complete == it.stated)
}

/// Once the grant has begun, nothing arrives that would make anybody count again; time itself has to.
#[test]
fn a_grant_that_begins_by_itself_is_counted_when_it_begins() {
    let mut region = consented_ahead();
    assert!(!is_complete(&region), "by the clinic's clock it may not read yet");
    region.pass("clinic", AHEAD_MS);
    assert!(is_complete(&region), "{:?}", region.nodes["clinic"].status().publishers);
}

/// A clerk's clock is set back after the consent; whom it let in must be found all the same.
#[test]
fn a_withdrawal_finds_those_whom_a_clock_that_was_ahead_let_in() {
    let mut region = consented_ahead();
    let withdraw =
        Command::WithdrawConsent { patient: local("p1"), facilities: vec![], by: staff("s1") };
    let outcome = region.command("hospital", withdraw).expect("a withdrawal");
    assert_eq!(outcome, Outcome::Withdrawn { facilities: vec![region.facility("clinic")] });
    region.command("hospital", import(vec![record("p1", "o2", "later")])).expect("an import");
    region.run();
    region.now = region.now.plus_ms(2 * AHEAD_MS);
    let now = region.now;
    region.node("clinic").handle(now, Input::Tick);
    region.run();
    assert!(region.nodes["clinic"].records() < 2, "what follows a withdrawal cannot be read");
}

/// The clinic's clock is set back behind a consent whose key it still lacks: what waits for that key waits all the same.
#[test]
fn a_clock_that_is_set_back_makes_nothing_complete() {
    let mut region =
        Region::new(33, &[("hospital", FacilityKind::Hospital), ("clinic", FacilityKind::Clinic)]);
    region.connect("hospital");
    region.command("hospital", import(vec![record("p1", "o1", "{}")])).expect("an import");
    let facilities = vec![region.facility("clinic")];
    let give =
        Command::GiveConsent { patient: local("p1"), facilities, until: None, by: staff("s1") };
    region.command("hospital", give).expect("a consent");
    region.run();
    let (from, to) =
        (region.nodes["hospital"].replica.state.me, region.nodes["clinic"].replica.state.me);
    let network = region.nodes["clinic"].replica.state.identity.network;
    let pair = crate::access::pair_scope(&network, &from, &to);
    region.post.retain(|(_, bytes)| {
        let signed = crate::envelope::SignedEnvelope::from_bytes(bytes.0.clone());
        signed.expect("nodes push envelopes").claimed_header().scope != pair
    });
    region.connect("clinic");
    region.run();
    assert!(!region.nodes["clinic"].status().waiting_for_key.is_empty());
    let (earlier, later) = (Timestamp(region.now.0 - AHEAD_MS), region.now.plus_ms(AHEAD_MS));
    let clinic = region.facility("clinic");
    let update = region.node("hospital").replica.state.roll(later, true, None);
    let share = HeadTree::of(update.shares).share(&clinic).expect("it is owed some");
    let word = HeadWord { roll: update.roll, share: Some(share) };
    region.node("clinic").handle(earlier, Input::Received(Message::Heads(vec![word])));
    assert!(!is_complete(&region), "{:?}", region.nodes["clinic"].status().publishers);
}

/// A chart was linked to another facility's patient by mistake: whoever read it on that patient's consent is out.
#[test]
fn taking_a_link_back_ends_what_rested_on_it() {
    let (mut region, patient) = linked(32);
    part(&mut region, patient);
    stays_apart(&mut region, "o3");
    assert_eq!(region.nodes["second"].records(), 3);
}

/// A hospital's machine is off while a consent of its patient's begins, recorded elsewhere by a clock that ran ahead. No word
/// arrives at that moment, and none afterwards: the process that starts next has to find it.
#[test]
fn a_chart_follows_a_consent_that_began_while_no_process_was_there() {
    let mut region = Region::new(34, &MEMBERS);
    for (name, _) in MEMBERS {
        region.connect(name);
    }
    region.command("second", import(vec![record("q1", "o2", "{}")])).expect("an import");
    region.command("hospital", import(vec![record("p1", "o1", "{}")])).expect("an import");
    let give = |region: &Region, name| Command::GiveConsent {
        patient: local("p1"),
        facilities: vec![region.facility(name)],
        until: None,
        by: staff("s1"),
    };
    let to_second = give(&region, "second");
    let given = region.command("hospital", to_second);
    let Ok(Outcome::Given { patient, .. }) = given else { panic!("{given:?}") };
    region.run();
    link(&mut region, patient);
    let begins = region.now.plus_ms(AHEAD_MS);
    let to_clinic = give(&region, "clinic");
    region.node("hospital").command(begins, to_clinic).expect("a consent");
    region.run();
    assert_eq!(
        region.nodes["clinic"].records(),
        1,
        "by the second hospital's clock it has yet to begin"
    );

    region.cut("second");
    region.now = begins.plus_ms(AHEAD_MS);
    let now = region.now;
    region.node("second").restart_at(now);
    let due = region.nodes["second"].replica.wake_at();
    assert!(due.is_some_and(|due| due <= now), "nobody may come by for long: {due:?}");
    region.connect("second");
    region.run();
    assert_eq!(region.nodes["clinic"].records(), 2, "both hospitals' charts");

    let said = region.post.len();
    region.node("second").restart_at(now);
    region.connect("second");
    region.run();
    assert_eq!(region.post.len(), said, "what is done already is not said twice");
}

/// A hospital has counted a consent as begun, its clock is set back behind that, and its chart is linked to the patient then. By
/// its clock the consent begins once more, and no word arrives when it does.
#[test]
fn a_chart_follows_a_consent_that_begins_again_by_a_clock_that_was_set_back() {
    let (mut region, patient) = unlinked(35);
    region.now = Timestamp(region.now.0 - AHEAD_MS);
    link(&mut region, patient);
    assert_eq!(region.nodes["clinic"].records(), 1, "by the hospital's clock it has yet to begin");
    region.pass("second", 2 * AHEAD_MS);
    region.run();
    assert_eq!(region.nodes["clinic"].records(), 2, "both hospitals' charts");
}

/// A hospital's clock was ahead of a consent's end for a moment. It is set right, and counts again what there is for that reader.
#[test]
fn a_consent_that_ended_by_a_clock_that_was_ahead_counts_again_when_it_is_set_right() {
    let mut region =
        Region::new(36, &[("hospital", FacilityKind::Hospital), ("clinic", FacilityKind::Clinic)]);
    region.connect("hospital");
    region.connect("clinic");
    region.command("hospital", import(vec![record("p1", "o1", "{}")])).expect("an import");
    let (facilities, until) = (vec![region.facility("clinic")], region.now.plus_ms(AHEAD_MS));
    let (patient, until, by) = (local("p1"), Some(until), staff("s1"));
    let give = Command::GiveConsent { patient, facilities, until, by };
    region.command("hospital", give).expect("a consent");
    region.run();
    region.cut("hospital");
    let (ahead, now) = (region.now.plus_ms(2 * AHEAD_MS), region.now);
    region.node("hospital").handle(ahead, Input::Tick);
    region.node("hospital").handle(now, Input::Tick);
    region.connect("hospital");
    region.command("hospital", import(vec![record("p1", "o2", "{}")])).expect("an import");
    region.run();
    assert_eq!(region.nodes["clinic"].records(), 2);
    assert!(is_complete(&region), "{:?}", region.nodes["clinic"].status().publishers);
}

/// What waits for some seconds does not wait for days because a clock that was ahead is set right.
#[test]
fn a_pause_is_as_long_as_it_was_when_the_clock_is_set_back() {
    let mut region = Region::new(37, &[("hospital", FacilityKind::Hospital)]);
    let ahead = region.now.plus_ms(1_000 * AHEAD_MS);
    region.node("hospital").full = true;
    let import = || import(vec![record("p1", "o1", "{}")]);
    region.node("hospital").command(ahead, import()).expect_err("the disk is full");
    region.node("hospital").full = false;
    let now = region.now;
    region.node("hospital").handle(now, Input::Tick);
    region.now = now.plus_ms(AHEAD_MS);
    region.command("hospital", import()).expect("there is room again");
}

/// A clinic's device was reported lost, by a clock that is ahead of its hospital's. No word arrives when that has come so far.
#[test]
fn who_is_revoked_by_a_clock_that_is_ahead_is_given_no_key_any_more() {
    let mut region = Region::new(
        38,
        &[
            ("hospital", FacilityKind::Hospital),
            ("clinic", FacilityKind::Clinic),
            ("second", FacilityKind::Clinic),
        ],
    );
    ["hospital", "clinic"].into_iter().for_each(|name| region.connect(name));
    region.command("hospital", import(vec![record("p1", "o1", "{}")])).expect("an import");
    let (facilities, by) = (vec![region.facility("clinic")], staff("s1"));
    let give = Command::GiveConsent { patient: local("p1"), facilities, until: None, by };
    region.command("hospital", give).expect("a consent");
    region.run();
    assert_eq!(region.nodes["clinic"].records(), 1);
    let clinic = &region.nodes["clinic"].identity;
    let key = clinic.facility_key.clone().expect("of its facility");
    let revocation = Revocation {
        network: clinic.network,
        subject: Whom::Device(clinic.device_id()),
        at: region.now.plus_ms(AHEAD_MS),
        reason: "盗難".into(),
        accepted: Vec::new(),
        by: key.public(),
    };
    let word = Certificate::Revocation(Signed::sign(revocation, &key).expect("a small one"));
    let author = &region.nodes["second"].identity;
    let draft = Draft {
        network: author.network,
        scope: registry_scope(&author.network),
        seq: 1,
        previous: EnvelopeId::ZERO,
        epoch: 0,
        at: region.now,
        formats: Formats::default(),
    };
    let body = Body::Statement(Statement::Certificate(word));
    let sealed = seal(draft, &body, None, &author.device).expect("a small statement");
    region.post.push((author.device_id(), Bytes(sealed.into_bytes())));
    region.run();
    region.pass("hospital", 2 * AHEAD_MS);
    region.command("hospital", import(vec![record("p1", "o2", "{}")])).expect("an import");
    region.run();
    assert_eq!(region.nodes["clinic"].records(), 1, "whatever is handed to it");
}
