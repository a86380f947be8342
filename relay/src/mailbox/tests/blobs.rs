//! Who may fetch and bring attachments.

use azalea_core::blob::message::Refusal;
use azalea_core::identity::Subject;

use super::*;

fn wish(world: &mut World, who: &Member, scope: ScopeId, wish: BlobWish) -> Result<(), Refusal> {
    world.mailbox.blob_wish(world.now, &who.id(), &scope, wish)
}

const FETCH: BlobWish = BlobWish::Fetch;
const BRING: BlobWish = BlobWish::Bring { bytes: 1_000 };

#[test]
fn members_of_the_scope_fetch_its_owner_brings_and_nobody_else_does_either() {
    let (mut world, hospital, clinic, chart) = hospital_and_clinic();
    let stranger = world.stranger();
    let pharmacy = world.member(FacilityKind::Pharmacy);
    let no = Err(Refusal::NotAllowed);
    for (who, fetch, bring) in [
        (&hospital, Ok(()), Ok(())),
        (&clinic, Ok(()), no),
        (&pharmacy, no, no),
        (&stranger, no, no),
    ] {
        assert_eq!(wish(&mut world, who, chart, FETCH), fetch);
        assert_eq!(wish(&mut world, who, chart, BRING), bring);
    }
    let unknown = ScopeId([0xee; 16]);
    assert_eq!(wish(&mut world, &hospital, unknown, BRING), no, "a scope that nobody has opened");
}

#[test]
fn who_is_put_out_or_revoked_fetches_and_brings_nothing_from_then_on() {
    let (mut world, mut hospital, clinic, chart) = hospital_and_clinic();
    let revoke = hospital.revoke(&world, chart, &clinic, Vec::new(), 2);
    world.push_all(&hospital, &[revoke]);
    assert_eq!(wish(&mut world, &clinic, chart, FETCH), Err(Refusal::NotAllowed));
    assert_eq!(wish(&mut world, &hospital, chart, BRING), Ok(()));
    let by = world.registrar.public();
    let subject = Subject::Device(hospital.id());
    world.request(Request::Revoke { subject, reason: "lost".into(), by }).unwrap();
    assert_eq!(wish(&mut world, &hospital, chart, FETCH), Err(Refusal::NotAllowed));
    assert_eq!(wish(&mut world, &hospital, chart, BRING), Err(Refusal::NotAllowed));
}

#[test]
fn a_facility_brings_so_much_and_no_more_and_its_text_waits_for_none_of_it() {
    let (mut world, mut hospital, _, chart) = hospital_and_clinic();
    let all = BlobWish::Bring { bytes: Limits::default().blob_bytes.burst };
    assert_eq!(wish(&mut world, &hospital, chart, all), Ok(()));
    assert_eq!(wish(&mut world, &hospital, chart, BRING), Err(Refusal::Busy));
    let written = hospital.write(&world, chart, b"result");
    world.push_all(&hospital, &[written]);
    assert_eq!(wish(&mut world, &hospital, chart, FETCH), Ok(()));
}
