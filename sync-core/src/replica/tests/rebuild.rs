//! A lost store is rebuilt from the relay: what followed from what it held is not drawn a second time on the way.

use super::*;

pub(super) const MEMBERS: [(&str, FacilityKind); 3] = [
    ("hospital", FacilityKind::Hospital),
    ("second", FacilityKind::Hospital),
    ("clinic", FacilityKind::Clinic),
];

fn rebuild(region: &mut Region, name: &'static str) {
    let certificates: Vec<_> = region.nodes[name].replica.roster().certificates().collect();
    region.cut(name);
    let node = region.node(name);
    node.disk = Memory::new();
    node.restart();
    let begin = Command::Begin { certificates, rebuild: true };
    region.command(name, begin).expect("an empty store begins");
    region.connect(name);
    region.run();
    assert!(!region.nodes[name].status().rebuilding);
}

/// The second hospital's patient q1 was linked to the first's p1 by mistake, who consented to the clinic and to it.
pub(super) fn linked(seed: u64) -> (Region, PatientId) {
    let (mut region, patient) = unlinked(seed);
    link(&mut region, patient);
    assert_eq!(region.nodes["clinic"].records(), 2, "both hospitals' charts");
    (region, patient)
}

/// Before that.
pub(super) fn unlinked(seed: u64) -> (Region, PatientId) {
    let mut region = Region::new(seed, &MEMBERS);
    // Entry by entry, so that a store is seen at every point of its way.
    region.feed_max = 1;
    for (name, _) in MEMBERS {
        region.connect(name);
    }
    region.command("second", import(vec![record("q1", "o2", "{}")])).expect("an import");
    let patient = consented(&mut region);
    (region, patient)
}

/// The hospital's patient p1, who consented to the two others.
fn consented(region: &mut Region) -> PatientId {
    region.command("hospital", import(vec![record("p1", "o1", "{}")])).expect("an import");
    let facilities = vec![region.facility("second"), region.facility("clinic")];
    let give =
        Command::GiveConsent { patient: local("p1"), facilities, until: None, by: staff("s1") };
    let Ok(Outcome::Given { patient, .. }) = region.command("hospital", give) else {
        panic!("a consent")
    };
    region.run();
    patient
}

pub(super) fn link(region: &mut Region, patient: PatientId) {
    let (one, other) = (staff("s1"), staff("s2"));
    let propose = Command::ProposeLink { local: "q1".into(), patient, by: one };
    region.command("second", propose).expect("a proposal");
    let confirm = Command::ConfirmLink { local: "q1".into(), patient, by: other };
    region.command("second", confirm).expect("a link");
    region.run();
}

/// A person is known at the desk, and linked, before the first result of theirs is taken in.
#[test]
fn a_chart_that_is_begun_after_the_link_follows_the_consent() {
    let mut region = Region::new(64, &MEMBERS);
    for (name, _) in MEMBERS {
        region.connect(name);
    }
    let patient = consented(&mut region);
    link(&mut region, patient);
    region.command("second", import(vec![record("q1", "o2", "{}")])).expect("an import");
    region.run();
    assert_eq!(region.nodes["clinic"].records(), 2, "both hospitals' charts");
    part(&mut region, patient);
    stays_apart(&mut region, "o3");
}

pub(super) fn part(region: &mut Region, patient: PatientId) {
    let remove = Command::RemoveLink { local: "q1".into(), patient, by: staff("s1") };
    region.command("second", remove).expect("an end");
}

/// What the second hospital takes in for q1 now, the clinic cannot read.
pub(super) fn stays_apart(region: &mut Region, id: &str) {
    let before = region.nodes["clinic"].records();
    region.command("second", import(vec![record("q1", id, "later")])).expect("an import");
    region.run();
    assert_eq!(region.nodes["clinic"].status().quarantined, 0, "no number was taken twice");
    assert_eq!(region.nodes["clinic"].records(), before, "what follows is another person's");
}

#[test]
fn a_rebuilt_store_does_not_follow_a_link_that_was_taken_back() {
    let (mut region, patient) = linked(61);
    part(&mut region, patient);
    region.run();
    rebuild(&mut region, "second");
    stays_apart(&mut region, "o3");
}

#[test]
fn a_link_is_taken_back_after_a_rebuild_as_before_it() {
    let (mut region, patient) = linked(62);
    rebuild(&mut region, "second");
    part(&mut region, patient);
    stays_apart(&mut region, "o3");
    rebuild(&mut region, "second");
    stays_apart(&mut region, "o4");
}

/// A consequence drawn on the way would take a number that the relay has under another envelope.
#[test]
fn a_rebuilding_store_takes_no_number_twice() {
    let (mut region, patient) = linked(63);
    part(&mut region, patient);
    region.run();
    for name in ["second", "hospital", "second"] {
        rebuild(&mut region, name);
    }
    let mut places = std::collections::BTreeSet::new();
    for (_, envelope) in &region.post {
        let envelope = crate::envelope::SignedEnvelope::from_bytes(envelope.0.clone());
        let header = envelope.expect("nodes push envelopes").claimed_header().clone();
        assert!(places.insert((header.author, header.scope, header.seq)), "{header:?}");
    }
}

/// The relay's log had rotted within the chain of a device that had lost its store too. It once went on with the number of what
/// was missing, and contradicted itself.
#[test]
fn a_store_with_a_gap_in_its_own_chain_is_not_rebuilt_before_that_has_come() {
    let (mut region, _) = linked(64);
    let me = region.nodes["second"].identity.device_id();
    let header = |envelope: &Bytes| {
        let signed = crate::envelope::SignedEnvelope::from_bytes(envelope.0.clone());
        signed.expect("nodes push envelopes").claimed_header().clone()
    };
    let own = |(author, envelope): &(DeviceId, Bytes)| *author == me && header(envelope).seq == 2;
    let rotten = region.post.iter().position(own).expect("a chain of two and more");
    let (scope, is_last) =
        (header(&region.post[rotten].1).scope, |it: &crate::envelope::Header| {
            it.author == me && it.seq == 3
        });
    assert!(region.post.iter().any(|(_, it)| header(it).scope == scope && is_last(&header(it))));
    let lost = region.post.remove(rotten);
    let certificates: Vec<_> = region.nodes["second"].replica.roster().certificates().collect();
    region.cut("second");
    let node = region.node("second");
    node.disk = Memory::new();
    node.restart();
    let begin = Command::Begin { certificates, rebuild: true };
    region.command("second", begin).expect("an empty store begins");
    region.connect("second");
    region.run();
    assert!(region.nodes["second"].status().rebuilding);
    region.post.push(lost);
    region.run();
    assert!(!region.nodes["second"].status().rebuilding);
}
