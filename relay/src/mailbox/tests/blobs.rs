//! Who may fetch and bring attachments.

use azalea_core::blob::message::Refusal;
use azalea_core::identity::Subject;

use super::*;

fn wish(world: &mut World, who: &Member, wish: BlobWish) -> Result<(), Refusal> {
    world.mailbox.blob_wish(world.now, &who.id(), wish)
}

fn bring(scope: ScopeId) -> BlobWish {
    BlobWish::Bring { scope, bytes: 1_000 }
}

#[test]
fn members_of_the_scope_fetch_its_owner_brings_and_nobody_else_does_either() {
    let (mut world, hospital, clinic, chart) = hospital_and_clinic();
    let stranger = world.stranger();
    let pharmacy = world.member(FacilityKind::Pharmacy);
    let no = Err(Refusal::NotAllowed);
    for (who, begins, fetches, brings) in [
        (&hospital, Ok(()), Ok(()), Ok(())),
        (&clinic, Ok(()), Ok(()), no),
        (&pharmacy, Ok(()), no, no),
        (&stranger, no, no, no),
    ] {
        assert_eq!(wish(&mut world, who, BlobWish::Begin), begins);
        assert_eq!(wish(&mut world, who, BlobWish::Fetch(chart)), fetches);
        assert_eq!(wish(&mut world, who, bring(chart)), brings);
    }
    let unknown = bring(ScopeId([0xee; 16]));
    assert_eq!(wish(&mut world, &hospital, unknown), no, "a scope that nobody has opened");
}

#[test]
fn who_is_put_out_or_revoked_fetches_and_brings_nothing_from_then_on() {
    let (mut world, mut hospital, clinic, chart) = hospital_and_clinic();
    let revoke = hospital.revoke(&world, chart, &clinic, Vec::new(), 2);
    world.push_all(&hospital, &[revoke]);
    let fetch = BlobWish::Fetch(chart);
    assert_eq!(wish(&mut world, &clinic, fetch), Err(Refusal::NotAllowed));
    assert_eq!(wish(&mut world, &hospital, bring(chart)), Ok(()));
    let by = world.registrar.public();
    let subject = Subject::Device(hospital.id());
    world.request(Request::Revoke { subject, reason: "lost".into(), by }).unwrap();
    for revoked in [BlobWish::Begin, fetch, bring(chart)] {
        assert_eq!(wish(&mut world, &hospital, revoked), Err(Refusal::NotAllowed));
    }
}

#[test]
fn a_facility_brings_so_much_and_no_more_and_its_text_waits_for_none_of_it() {
    let (mut world, mut hospital, _, chart) = hospital_and_clinic();
    let all = BlobWish::Bring { scope: chart, bytes: Limits::default().blob_bytes.burst };
    assert_eq!(wish(&mut world, &hospital, all), Ok(()));
    assert_eq!(wish(&mut world, &hospital, bring(chart)), Err(Refusal::Busy));
    let written = hospital.write(&world, chart, b"result");
    world.push_all(&hospital, &[written]);
    assert_eq!(wish(&mut world, &hospital, BlobWish::Fetch(chart)), Ok(()));
}
