//! Grants, withdrawals and revocations, as the relay applies them to what it forwards.

use azalea_core::identity::Subject;

use super::*;

#[test]
fn without_a_grant_nothing_comes_and_nothing_is_taken() {
    let (mut world, mut hospital, _, chart) = hospital_and_clinic();
    let mut pharmacy = world.member(FacilityKind::Pharmacy);
    world.connect(&mut pharmacy, None).unwrap();
    world.fed(&pharmacy);
    let written = hospital.write(&world, chart, b"result");
    world.push_all(&hospital, &[written]);
    assert_eq!(world.fed_ids(&pharmacy), []);
    let own = pharmacy.write(&world, chart, b"mine");
    let (_, refused) = world.push(&pharmacy, &[own.as_bytes()]);
    assert_eq!(refused[0].cause, RefusalCause::Right);
    pharmacy.chains.clear();
    let grant = pharmacy.grant(&world, chart, &hospital, Access::ALL, 2);
    let (_, refused) = world.push(&pharmacy, &[grant.as_bytes()]);
    assert_eq!(refused[0].cause, RefusalCause::Right, "nobody lets itself in");
    assert_eq!(world.refused("right"), 2);
}

#[test]
fn a_reader_does_not_write_in_a_chart() {
    let (mut world, _, mut clinic, chart) = hospital_and_clinic();
    let own = clinic.write(&world, chart, b"mine");
    let (_, refused) = world.push(&clinic, &[own.as_bytes()]);
    assert_eq!(refused[0].cause, RefusalCause::Right);
}

#[test]
fn a_withdrawn_reader_learns_of_it_and_gets_nothing_more_not_even_what_was_queued() {
    let (mut world, mut hospital, mut clinic, chart) = hospital_and_clinic();
    let epoch = RelayEpoch([9; 16]);
    let clinic_number = world.mailbox.state.numbers[&clinic.id()];
    let position = world.mailbox.state.feed_end(clinic_number);
    world.input(Input::Closed { session: clinic.session });
    let queued = hospital.write(&world, chart, b"queued");
    let revoke = hospital.revoke(&world, chart, &clinic, Vec::new(), 2);
    let after = hospital.write(&world, chart, b"after");
    world.push_all(&hospital, &[queued, revoke.clone(), after]);
    world.connect(&mut clinic, Some(Cursor { epoch, position })).unwrap();
    assert_eq!(world.fed_ids(&clinic), [revoke.claimed_id()]);
    // Live too.
    let live = hospital.write(&world, chart, b"live");
    world.push_all(&hospital, &[live]);
    assert_eq!(world.fed_ids(&clinic), []);
    // Let in again, it gets all of it, from the beginning.
    let grant = hospital.grant(&world, chart, &clinic, Access::READ, 3);
    world.push_all(&hospital, std::slice::from_ref(&grant));
    let fed = world.fed_ids(&clinic);
    assert_eq!((fed.len(), fed[3]), (7, grant.claimed_id()), "statements first");
}

#[test]
fn a_reader_whose_feed_ends_with_what_it_may_not_see_has_caught_up_all_the_same() {
    let (mut world, mut hospital, mut clinic, chart) = hospital_and_clinic();
    world.input(Input::Closed { session: clinic.session });
    let queued = hospital.write(&world, chart, b"queued");
    world.push_all(&hospital, &[queued]);
    let revoke = hospital.revoke(&world, chart, &clinic, Vec::new(), 2);
    world.push_all(&hospital, &[revoke]);
    let number = world.mailbox.state.numbers[&clinic.id()];
    let end = world.mailbox.state.feed_end(number);
    // The word that put it out was the last it may have; it holds that and is told so.
    let cursor = Cursor { epoch: RelayEpoch([9; 16]), position: end - 2 };
    let welcome = world.connect(&mut clinic, Some(cursor)).unwrap();
    assert_eq!(welcome.end, end);
    assert!(world.sent[&clinic.session].iter().any(|message| {
        matches!(message, Message::Feed { items, end: told } if items.len() == 1 && *told == end)
    }));
}

#[test]
fn what_a_member_wrote_after_it_was_put_out_is_carried_for_review() {
    let mut world = World::new();
    let mut clinic = world.member(FacilityKind::Clinic);
    let mut nurse = world.member(FacilityKind::VisitingNurse);
    world.connect(&mut clinic, None).unwrap();
    world.connect(&mut nurse, None).unwrap();
    let (care, created) = clinic.create(&world, ScopeKind::Care, 1);
    let grant = clinic.grant(&world, care, &nurse, Access::WRITE, 1);
    world.push_all(&clinic, &[created, grant]);
    let known = nurse.write(&world, care, b"vitals");
    world.push_all(&nurse, &[known]);
    let cutoff = Cutoff { scope: care, author: nurse.id(), seq: 1 };
    let revoke = clinic.revoke(&world, care, &nurse, vec![cutoff], 2);
    world.push_all(&clinic, &[revoke]);
    world.fed(&clinic);
    let late = nurse.write(&world, care, b"written with the line cut");
    world.push_all(&nurse, std::slice::from_ref(&late));
    assert_eq!(world.fed_ids(&clinic), [late.claimed_id()]);
}

const REVOKED: Goodbye = Goodbye::NotAdmitted(NotAdmitted::Revoked);

/// Whoever was turned away once heard only that it was not admitted, and its facility could not know what to do.
#[test]
fn whoever_is_not_admitted_is_told_why() {
    let (mut world, mut hospital, mut clinic, _) = hospital_and_clinic();
    let check = |world: &mut World, member: &mut Member, why| {
        assert_eq!(world.connect(member, None), None);
        assert_eq!(world.closed[&member.session], Goodbye::NotAdmitted(why));
    };
    let mut stranger = world.stranger();
    check(&mut world, &mut stranger, NotAdmitted::Unknown);
    // In another's name, whose standing it does not learn.
    let session = world.open(&mut stranger);
    let (network, device, at) = (world.network(), hospital.id(), world.now);
    let hello = Hello { network, device, cursor: None, want_own: false, at };
    world.say(&stranger, Message::Hello(hello.clone()));
    assert_eq!(world.closed[&session], Goodbye::NotAdmitted(NotAdmitted::Unknown));
    let session = world.open(&mut hospital);
    let other = azalea_core::id::NetworkId([7; 32]);
    world.say(&hospital, Message::Hello(Hello { network: other, ..hello }));
    assert_eq!(world.closed[&session], Goodbye::NotAdmitted(NotAdmitted::OtherNetwork));

    let now = world.now;
    world.now = Timestamp(now.0 - 2 * 24 * 60 * 60 * 1_000);
    check(&mut world, &mut hospital, NotAdmitted::NotYetValid);
    world.now = now.plus_ms(YEAR_MS + 1);
    check(&mut world, &mut hospital, NotAdmitted::Expired);
    world.now = now;
    let subject = Subject::Device(clinic.id());
    let (reason, by) = ("紛失".to_owned(), world.registrar.public());
    world.request(Request::Revoke { subject, reason, by }).unwrap();
    check(&mut world, &mut clinic, NotAdmitted::Revoked);
    world.now = now.plus_ms(YEAR_MS + 1);
    check(&mut world, &mut clinic, NotAdmitted::Revoked);
}

/// Also whoever is connected when its certificate ends, and was found in good order just before.
#[test]
fn a_session_ends_with_the_certificate_and_says_so() {
    let (mut world, hospital, _, _) = hospital_and_clinic();
    world.wait(10_000);
    assert_eq!(world.closed.get(&hospital.session), None);
    world.wait(YEAR_MS + 1);
    assert_eq!(world.closed[&hospital.session], Goodbye::NotAdmitted(NotAdmitted::Expired));
}

#[test]
fn a_revoked_device_is_told_closed_and_shut_out_and_its_late_writes_are_refused() {
    let (mut world, mut hospital, mut clinic, chart) = hospital_and_clinic();
    let taken = hospital.write(&world, chart, b"taken");
    let late = hospital.write(&world, chart, b"late");
    world.push_all(&hospital, std::slice::from_ref(&taken));
    world.fed(&clinic);
    world.sent.clear();
    let subject = Subject::Facility(hospital.facility_id());
    let (reason, by) = ("紛失".to_owned(), world.registrar.public());
    world.request(Request::Revoke { subject, reason, by }).unwrap();
    let told = &world.sent[&hospital.session];
    assert!(matches!(told.last(), Some(Message::Feed { items, .. }) if items.len() == 1));
    assert_eq!(world.closed.get(&hospital.session), Some(&REVOKED));
    assert_eq!(world.fed_ids(&clinic).len(), 1, "everybody learns of it");
    assert_eq!(world.connect(&mut hospital, None), None);
    // Carried by somebody else, its late write is refused, and what was taken stays good.
    let (_, refused) = world.push(&clinic, &[late.as_bytes()]);
    assert_eq!(refused[0].cause, RefusalCause::Late);
    world.push_all(&clinic, &[taken]);
    world.restart();
    assert_eq!(world.connect(&mut hospital, None), None);
    assert!(world.connect(&mut clinic, None).is_some());
}

#[test]
fn the_relay_does_not_revoke_itself_or_somebody_unknown() {
    let mut world = World::new();
    let by = world.registrar.public();
    let revoke =
        |device| Request::Revoke { subject: Subject::Device(device), reason: "試験".into(), by };
    let itself = revoke(world.relay.public().device_id());
    assert_eq!(world.request(itself), Err(PublishError::Itself));
    assert_eq!(world.request(revoke(DeviceId([5; 16]))), Err(PublishError::Unknown));
}

#[test]
fn a_certificate_whose_issuer_is_not_known_leaves_no_trace() {
    let (mut world, hospital, mut clinic, _) = hospital_and_clinic();
    let stranger = world.stranger();
    let registry = world.mailbox.state.registry();
    let said = clinic.say(&world, registry, Statement::Certificate(stranger.certificate(&world)));
    let (_, refused) = world.push(&clinic, &[said.as_bytes()]);
    assert_eq!(refused[0].cause, RefusalCause::Right);
    assert_eq!(world.mailbox.state.roster.pending(), 0);
    assert_eq!(world.fed_ids(&hospital), []);
}
