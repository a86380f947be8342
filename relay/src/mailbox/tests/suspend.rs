//! A device that says two things under one number, and stores that go back in time.

use super::*;

/// A hospital that has contradicted itself in its chart, and the envelope that it could send next.
fn contradicted() -> (World, Member, Member, ScopeId, SignedEnvelope) {
    let (mut world, mut hospital, clinic, chart) = hospital_and_clinic();
    let chains = hospital.chains.clone();
    let second = hospital.write(&world, chart, b"another");
    hospital.chains = chains;
    let first = hospital.write(&world, chart, b"one");
    world.push_all(&hospital, &[first]);
    let (_, refused) = world.push(&hospital, &[second.as_bytes()]);
    assert_eq!(refused[0].cause, RefusalCause::Fork);
    world.fed(&clinic);
    (world, hospital, clinic, chart, second)
}

fn suspended(world: &World, member: &Member) -> Option<Contradiction> {
    let report = world.mailbox.report(world.now);
    let mut devices = report.facilities.iter().flat_map(|facility| &facility.devices);
    devices.find(|device| device.id == member.id()).unwrap().suspended
}

/// The relay once kept the evidence and went on taking what the same device said next, although it might come from whoever stole
/// the device's key.
#[test]
fn nothing_more_is_taken_of_a_device_that_contradicted_itself_until_the_operator_decides() {
    let (mut world, mut hospital, clinic, chart, second) = contradicted();
    let next = hospital.write(&world, chart, b"next");
    let refusal = [Refusal { id: next.claimed_id(), cause: RefusalCause::Suspended }];
    assert_eq!(world.push(&hospital, &[next.as_bytes()]), (vec![], refusal.to_vec()));
    let against = suspended(&world, &hospital).unwrap();
    assert_eq!((against.scope, against.evidence), (chart, 1));
    assert_eq!(suspended(&world, &clinic), None);
    // A restart forgets nothing, and neither does somebody else who brings the envelope.
    world.restart();
    world.connect(&mut hospital, None).unwrap();
    let mut clinic = clinic;
    world.connect(&mut clinic, None).unwrap();
    assert_eq!(world.push(&clinic, &[next.as_bytes()]).1, refusal);
    assert_eq!(suspended(&world, &hospital), Some(against));
    assert_eq!(world.refused("suspended"), 1);
    world.fed(&clinic);

    let trust = |world: &mut World, whom: &Member| world.request(Request::Trust(whom.id()));
    assert_eq!(trust(&mut world, &clinic), Err(PublishError::NotSuspended));
    assert_eq!(trust(&mut world, &hospital), Ok(()));
    assert_eq!(suspended(&world, &hospital), None);
    assert_eq!(world.mailbox.report(world.now).forks, 1, "the evidence stays");
    world.push_all(&hospital, std::slice::from_ref(&next));
    assert_eq!(world.fed_ids(&clinic), [next.claimed_id()]);
    // What was decided stays decided.
    assert_eq!(world.push(&hospital, &[second.as_bytes()]).1[0].cause, RefusalCause::Fork);
    world.restart();
    assert_eq!(suspended(&world, &hospital), None);
}

#[test]
fn certificates_of_a_suspended_device_pass() {
    let (mut world, mut hospital, mut clinic, _, _) = contradicted();
    assert!(suspended(&world, &hospital).is_some());
    let registry = azalea_core::access::registry_scope(&world.network());
    let certificate = hospital.certificate(&world);
    let said = hospital.say(&world, registry, Statement::Certificate(certificate));
    world.push_all(&hospital, &[said]);
    // And the operator can still put it out, or anybody else.
    for (subject, member) in [
        (Subject::Device(hospital.id()), &mut hospital),
        (Subject::Facility(clinic.facility_id()), &mut clinic),
    ] {
        let by = world.registrar.public();
        world.request(Request::Revoke { subject, reason: "紛失".into(), by }).unwrap();
        assert_eq!(world.connect(member, None), None);
    }
}

#[test]
fn a_device_that_contradicts_itself_without_end_fills_no_disk() {
    let (mut world, mut hospital, _, _, _) = contradicted();
    let registry = azalea_core::access::registry_scope(&world.network());
    let certificate = hospital.certificate(&world);
    let chains = hospital.chains.clone();
    for _ in 0..40 {
        world.now = world.now.plus_ms(1);
        hospital.chains = chains.clone();
        let said = hospital.say(&world, registry, Statement::Certificate(certificate.clone()));
        world.push(&hospital, &[said.as_bytes()]);
    }
    assert_eq!(world.mailbox.report(world.now).forks, 16);
}

/// A store that went back in time is told apart: the reader's by a cursor behind what it has confirmed, the relay's by one ahead of
/// what there is.
#[test]
fn a_store_from_a_backup_is_noticed_on_either_side() {
    let (mut world, mut hospital, mut clinic, chart) = hospital_and_clinic();
    let backup = world.store.clone();
    let written: Vec<_> = (0..3).map(|n| hospital.write(&world, chart, &[n])).collect();
    world.push_all(&hospital, &written);
    let position = world.fed(&clinic).last().unwrap().0;
    let epoch = RelayEpoch([9; 16]);
    let at = |position| Some(Cursor { epoch, position });
    let came = |world: &mut World, clinic: &mut Member, position| {
        world.notices.clear();
        world.connect(clinic, at(position)).unwrap();
        std::mem::take(&mut world.notices)
    };
    let device = clinic.id();
    assert_eq!(came(&mut world, &mut clinic, position), []);
    let rolled_back = Notice::RolledBack { device };
    assert_eq!(came(&mut world, &mut clinic, position - 2), [rolled_back]);
    world.fed(&clinic);
    assert!(!world.mailbox.report(world.now).is_behind);
    // Another life of the store is no older one.
    world.notices.clear();
    let other = Cursor { epoch: RelayEpoch([8; 16]), position: 1 };
    world.connect(&mut clinic, Some(other)).unwrap();
    assert_eq!(world.notices, []);

    world.store = backup;
    world.restart();
    assert_eq!(came(&mut world, &mut clinic, position), [Notice::Behind { device }]);
    assert!(world.mailbox.report(world.now).is_behind);
}
