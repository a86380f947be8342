//! Memberships end, and nobody could let them go on.

use super::*;

fn renew(world: &mut World, member: &Member) -> RequestResult {
    let facility = member.facility_id();
    world.request(Request::Renew { facility, valid_ms: 5 * YEAR_MS, by: None })
}

fn until(world: &World, member: &Member) -> (Timestamp, bool) {
    let report = world.mailbox.report(world.now);
    let facility = report.facilities.iter().find(|it| it.id == member.facility_id()).unwrap();
    (facility.until, facility.is_ending(world.now))
}

#[test]
fn a_membership_goes_on_when_its_registrar_renews_it_also_after_its_end() {
    let (mut world, mut hospital, mut clinic, chart) = hospital_and_clinic();
    let (begun, ends) = (world.now, world.now.plus_ms(YEAR_MS));
    assert_eq!(until(&world, &hospital), (ends, false));
    world.now = ends.plus_ms(1);
    assert_eq!(until(&world, &hospital), (ends, true));
    assert_eq!(world.connect(&mut hospital, None), None);
    renew(&mut world, &hospital).unwrap();
    renew(&mut world, &clinic).unwrap();
    assert_eq!(until(&world, &hospital), (world.now.plus_ms(5 * YEAR_MS), false));
    // The devices' certificates are the facilities' own business.
    for member in [&mut hospital, &mut clinic] {
        let certificate = member.certificate(&world);
        world.request(Request::Publish(vec![certificate])).unwrap();
        assert!(world.connect(member, None).is_some());
    }
    world.fed(&clinic);
    // What it wrote before, and what it writes now.
    let now = std::mem::replace(&mut world.now, begun);
    let before = hospital.write(&world, chart, b"before");
    world.now = now;
    let after = hospital.write(&world, chart, b"after");
    world.push_all(&hospital, &[before, after]);
    assert_eq!(world.fed(&clinic).len(), 2);
    world.restart();
    assert_eq!(until(&world, &hospital), (now.plus_ms(5 * YEAR_MS), false));
}

#[test]
fn the_revoked_and_the_unknown_are_not_renewed_and_nobody_signs_for_another_registrar() {
    let (mut world, hospital, clinic, _) = hospital_and_clinic();
    let (subject, by) = (Subject::Facility(clinic.facility_id()), world.registrar.public());
    world.request(Request::Revoke { subject, reason: "退会".into(), by }).unwrap();
    world.now = world.now.plus_ms(2 * YEAR_MS);
    assert_eq!(renew(&mut world, &clinic), Err(PublishError::Revoked));
    let stranger = world.stranger();
    assert_eq!(renew(&mut world, &stranger), Err(PublishError::Unknown));
    let (facility, by) = (hospital.facility_id(), Some(stranger.device.public()));
    let request = Request::Renew { facility, valid_ms: YEAR_MS, by };
    assert_eq!(world.request(request), Err(PublishError::NoRegistrar));
}
