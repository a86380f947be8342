//! A device that says two things under one number.

use super::stories::disclosed;
use super::*;
use crate::access::{Statement, registry_scope};
use crate::envelope::{Body, Draft, Formats, SignedEnvelope, seal};
use crate::id::{EnvelopeId, ScopeId};
use crate::sync::message::{Refusal, RefusalCause};

/// A statement under `seq` in `scope`, signed by `author`.
fn statement(
    region: &Region,
    author: &'static str,
    scope: ScopeId,
    seq: u64,
    previous: EnvelopeId,
    statement: Statement,
) -> (DeviceId, Bytes) {
    let identity = &region.nodes[author].identity;
    let draft = Draft {
        network: identity.network,
        scope,
        seq,
        previous,
        epoch: 0,
        at: region.now,
        formats: Formats::default(),
    };
    let sealed = seal(draft, &Body::Statement(statement), None, &identity.device);
    (identity.device_id(), Bytes(sealed.expect("a small statement").into_bytes()))
}

/// Another envelope in the place of one that the hospital wrote in its chart.
pub(super) fn fork(region: &Region) -> (DeviceId, Bytes) {
    let hospital = region.nodes["hospital"].identity.device_id();
    let chart = region
        .post
        .iter()
        .filter(|(author, _)| *author == hospital)
        .map(|(_, envelope)| SignedEnvelope::from_bytes(envelope.0.clone()).expect("an envelope"))
        .map(|envelope| envelope.claimed_header().clone())
        .filter(|header| !header.is_clear())
        .max_by_key(|header| header.seq)
        .expect("a chart");
    let (scope, seq, previous) = (chart.scope, chart.seq, chart.previous);
    statement(region, "hospital", scope, seq, previous, Statement::Rotate { epoch: 99 })
}

fn trust(region: &mut Region, whom: &'static str) -> Result<Outcome, CommandError> {
    let device = region.nodes[whom].identity.device_id();
    region.command("clinic", Command::Trust { device, by: staff("s2") })
}

/// A clinic once kept the evidence of a contradiction and went on merging what the same device said next, although it
/// might come from whoever stole the device's key.
#[test]
fn what_a_device_says_after_it_contradicted_itself_waits_for_a_person() {
    let mut region = disclosed(21);
    let before = region.nodes["clinic"].visible();
    let contradiction = fork(&region);
    region.post.push(contradiction.clone());
    region.run();
    let later = vec![record("p1", "o3", "{\"value\": 7}"), record("p1", "o1", "{\"value\": 1}")];
    region.command("hospital", import(later)).expect("an import");
    region.run();

    let status = region.nodes["clinic"].status();
    let [suspended] = &status.suspended[..] else { panic!("{:?}", status.suspended) };
    assert_eq!(suspended.device, region.nodes["hospital"].identity.device_id());
    assert_eq!(suspended.facility, Some(region.facility("hospital")));
    assert!(!suspended.is_relay);
    assert_eq!((suspended.evidence, status.quarantined), (1, 1), "both are kept");
    assert!(suspended.set_aside > 0);
    assert_eq!(region.nodes["clinic"].visible(), before, "nothing of it is merged");
    let told = status.publishers.iter().find(|it| it.facility == region.facility("hospital"));
    let complete_before = told.and_then(|it| it.complete);

    // The same evidence again adds nothing, and a restart forgets nothing.
    region.post.push(contradiction.clone());
    region.run();
    region.node("clinic").restart();
    assert_eq!(region.nodes["clinic"].status().suspended, status.suspended);
    region.connect("clinic");
    region.run();
    assert_eq!(region.nodes["clinic"].visible(), before);

    assert_eq!(trust(&mut region, "pharmacy"), {
        let device = region.nodes["pharmacy"].identity.device_id();
        Err(CommandError::NotSuspended(device))
    });
    let envelopes = suspended.set_aside;
    assert_eq!(trust(&mut region, "hospital"), Ok(Outcome::Trusted { envelopes }));
    region.run();
    assert_eq!(region.nodes["clinic"].visible(), region.nodes["hospital"].visible());
    assert_eq!(region.nodes["clinic"].records(), 3);
    let status = region.nodes["clinic"].status();
    assert_eq!((status.suspended.len(), status.waiting, status.quarantined), (0, 0, 1));
    let told = status.publishers.iter().find(|it| it.facility == region.facility("hospital"));
    assert!(told.and_then(|it| it.complete) >= complete_before);

    // What was decided stays decided; a new contradiction is a new one.
    region.post.push(contradiction);
    region.run();
    region.node("clinic").restart();
    assert_eq!(region.nodes["clinic"].status().suspended, []);
    region.connect("clinic");
    region.run();
    let another = fork(&region);
    region.post.push(another);
    region.run();
    assert_eq!(region.nodes["clinic"].status().suspended.len(), 1);
}

/// The relay's device carries everybody's certificates. Restored from a backup it gives a number a second time, and whoever
/// joined after that was once unknown for good to those who had heard the first.
#[test]
fn a_certificate_counts_although_whoever_carries_it_contradicted_itself() {
    let members = [("clinic", FacilityKind::Clinic), ("relay", FacilityKind::Relay)];
    let mut region = Region::new(22, &members);
    members.iter().for_each(|(name, _)| region.connect(name));
    region.run();
    let mut council = Council::new(&mut StdRng::seed_from_u64(22));
    let mut rng = StdRng::seed_from_u64(7);
    let before = council.certificates.len();
    let joined: Vec<FacilityId> = ["one", "two", "three"]
        .map(|name| council.enrol(&mut rng, name, FacilityKind::Clinic).facility)
        .to_vec();
    let certificates = council.certificates.split_off(before);
    let registry = registry_scope(&region.nodes["clinic"].identity.network);
    let mut carried = certificates.chunks(2).map(|both| Statement::Certificate(both[0].clone()));
    let mut say = |region: &mut Region, seq, previous| {
        let said = carried.next().expect("three facilities");
        let (author, envelope) = statement(region, "relay", registry, seq, previous, said);
        let signed = SignedEnvelope::from_bytes(envelope.0.clone()).expect("an envelope");
        region.post.push((author, envelope));
        region.run();
        signed.claimed_id()
    };
    say(&mut region, 1, EnvelopeId::ZERO);
    let other = say(&mut region, 1, EnvelopeId::ZERO);
    // In the chain that the clinic does not hold.
    say(&mut region, 2, other);
    let clinic = &region.nodes["clinic"];
    for facility in &joined {
        assert!(clinic.replica.roster().facility(facility).is_some());
    }
    let suspended = clinic.status().suspended;
    assert_eq!(suspended.len(), 1, "it is evidence all the same");
    assert_eq!(suspended[0].device, region.nodes["relay"].identity.device_id());
    assert_eq!((suspended[0].is_relay, suspended[0].set_aside), (true, 0));
}

/// What a relay answers to the next push.
fn answer_push(region: &mut Region, cause: RefusalCause) -> usize {
    let now = region.now;
    let hospital = region.node("hospital");
    let pushed = hospital.sent.drain(..).find_map(|message| match message {
        Message::Push(envelopes) => Some(envelopes),
        _ => None,
    });
    let pushed = pushed.expect("a push");
    let ids = pushed.iter().map(|envelope| {
        SignedEnvelope::from_bytes(envelope.0.clone()).expect("an envelope").claimed_id()
    });
    let refused: Vec<_> = ids.map(|id| Refusal { id, cause }).collect();
    let count = refused.len();
    let taken = Message::Taken { stored: Vec::new(), refused };
    hospital.handle(now, Input::Received(taken));
    count
}

#[test]
fn a_suspended_device_keeps_what_it_writes_and_asks_again() {
    let mut region = disclosed(23);
    let records = || import(vec![record("p1", "o9", "{\"value\": 9}")]);
    region.command("hospital", records()).expect("an import");
    let count = answer_push(&mut region, RefusalCause::Suspended);
    let status = region.nodes["hospital"].status();
    assert!(status.suspended_by_relay && !status.contradicted);
    assert_eq!((status.unsent, status.quarantined), (count, 0), "nothing is given up");
    // The operator has decided.
    let due = region.nodes["hospital"].replica.wake_at().expect("it asks again");
    region.now = Timestamp(region.now.0.max(due.0)).plus_ms(60_000);
    let now = region.now;
    region.node("hospital").handle(now, Input::Tick);
    region.run();
    let status = region.nodes["hospital"].status();
    assert_eq!((status.unsent, status.suspended_by_relay), (0, false));
    assert_eq!(region.nodes["clinic"].records(), 3);
}

#[test]
fn a_store_from_a_backup_is_told_apart_from_other_refusals() {
    for (cause, contradicted) in [(RefusalCause::Fork, true), (RefusalCause::Right, false)] {
        let mut region = disclosed(24);
        let records = import(vec![record("p1", "o9", "{\"value\": 9}")]);
        region.command("hospital", records).expect("an import");
        answer_push(&mut region, cause);
        assert_eq!(region.nodes["hospital"].status().contradicted, contradicted);
        region.node("hospital").restart();
        assert_eq!(region.nodes["hospital"].status().contradicted, contradicted);
    }
}

/// A relay that came back from a backup lacks the word on which a right rests until its author offers it again.
/// What it refuses meanwhile is not given up.
#[test]
fn what_a_relay_refuses_though_we_may_write_it_is_offered_again() {
    let mut region = disclosed(25);
    let records = import(vec![record("p1", "o9", "{\"value\": 9}")]);
    region.command("hospital", records).expect("an import");
    let count = answer_push(&mut region, RefusalCause::Right);
    let status = region.nodes["hospital"].status();
    assert_eq!((status.unsent, status.quarantined), (count, 0), "nothing is given up");
    region.now = region.now.plus_ms(60_000);
    let now = region.now;
    region.node("hospital").handle(now, Input::Tick);
    region.run();
    assert_eq!(region.nodes["hospital"].status().unsent, 0);
    assert_eq!(region.nodes["clinic"].records(), 3);
}
