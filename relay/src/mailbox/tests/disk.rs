//! The disk is full, is damaged, comes back.

use azalea_core::wire::Wire;

use super::*;

#[test]
fn a_full_disk_refuses_and_takes_the_same_envelopes_once_it_has_room() {
    let (mut world, mut hospital, clinic, chart) = hospital_and_clinic();
    world.failure = Some(StorageError::Full);
    let written: Vec<_> = (0..3).map(|n| hospital.write(&world, chart, &[n])).collect();
    let bytes: Vec<&[u8]> = written.iter().map(SignedEnvelope::as_bytes).collect();
    let (stored, refused) = world.push(&hospital, &bytes);
    assert_eq!(stored, []);
    assert!(refused.iter().all(|refusal| refusal.cause == RefusalCause::Busy));
    assert_eq!(refused.len(), 3);
    assert!(world.mailbox.report(world.now).is_failing);
    assert!(world.notices.contains(&Notice::StoreFailed(StorageError::Full)));
    assert_eq!(world.fed_ids(&clinic), []);

    world.failure = None;
    world.wait(2_000);
    world.push_all(&hospital, &written);
    assert_eq!(world.fed_ids(&clinic), ids(&written));
    assert!(!world.mailbox.report(world.now).is_failing);
    assert!(world.notices.contains(&Notice::StoreRecovered));
}

#[test]
fn a_fill_that_the_disk_interrupts_is_finished_later() {
    let (mut world, mut hospital, clinic, _) = hospital_and_clinic();
    let (chart, created) = hospital.create(&world, ScopeKind::Chart, 2);
    let written = hospital.write(&world, chart, b"result");
    world.push_all(&hospital, &[created.clone(), written.clone()]);
    let grant = hospital.grant(&world, chart, &clinic, Access::READ, 1);
    world.held = Some(Vec::new());
    world.push(&hospital, &[grant.as_bytes()]);
    // The grant is stored; the fill that follows is not.
    let commit = world.held.as_mut().unwrap().remove(0);
    world.disk(commit);
    world.failure = Some(StorageError::Full);
    world.release();
    assert_eq!(world.fed_ids(&clinic), []);
    world.failure = None;
    world.wait(2_000);
    assert_eq!(world.fed_ids(&clinic), ids(&[created, grant, written]));
}

#[test]
fn a_fill_goes_on_after_a_restart() {
    let (mut world, mut hospital, mut clinic, _) = hospital_and_clinic();
    let (chart, created) = hospital.create(&world, ScopeKind::Chart, 2);
    world.push_all(&hospital, std::slice::from_ref(&created));
    let grant = hospital.grant(&world, chart, &clinic, Access::READ, 1);
    world.held = Some(Vec::new());
    world.push(&hospital, &[grant.as_bytes()]);
    let commit = world.held.as_mut().unwrap().remove(0);
    world.disk(commit);
    world.held = None;
    world.restart();
    world.wait(10_000);
    world.connect(&mut clinic, None).unwrap();
    let fed = world.fed_ids(&clinic);
    assert!(fed.ends_with(&ids(&[created, grant])));
}

#[test]
fn a_request_on_a_full_disk_has_no_effect() {
    let mut world = World::new();
    world.failure = Some(StorageError::Full);
    let subject = azalea_core::identity::Subject::Facility(FacilityId([1; 16]));
    let (reason, by) = (String::new(), world.registrar.public());
    let refused = world.request(Request::Revoke { subject, reason, by });
    assert_eq!(refused, Err(PublishError::Unknown));
    let stranger = world.stranger();
    let facility = Facility {
        network: world.network(),
        key: stranger.facility.public(),
        code: String::new(),
        name: "施設".into(),
        kana: String::new(),
        english: String::new(),
        kind: FacilityKind::Clinic,
        rights: Rights::default(),
        validity: Validity::lasting(world.now, YEAR_MS),
        registrar: world.registrar.public(),
    };
    let certificate = Certificate::Facility(Signed::sign(facility, &world.registrar).unwrap());
    let refused = world.request(Request::Publish(vec![certificate.clone()]));
    assert_eq!(refused, Err(PublishError::Store(StorageError::Full)));
    assert_eq!(world.mailbox.report(world.now).facilities.len(), 0);
    world.failure = None;
    world.request(Request::Publish(vec![certificate])).unwrap();
    assert_eq!(world.mailbox.report(world.now).facilities.len(), 1);
}

#[test]
fn a_damaged_envelope_is_named_and_not_served_and_the_rest_is() {
    let (mut world, mut hospital, mut clinic, chart) = hospital_and_clinic();
    world.input(Input::Closed { session: clinic.session });
    let written: Vec<_> = (0..3).map(|n| hospital.write(&world, chart, &[n])).collect();
    world.push_all(&hospital, &written);
    let position = world.mailbox.state.next_log - 2;
    let mut value = tables::log_value(position, written[1].as_bytes());
    let last = value.len() - 1;
    value[last] ^= 4;
    let mut batch = Batch::new();
    batch.put(tables::LOG, position.to_be_bytes(), value);
    world.store.commit(&batch).unwrap();
    world.connect(&mut clinic, None).unwrap();
    let fed = world.fed_ids(&clinic);
    assert!(fed.contains(&written[0].claimed_id()) && fed.contains(&written[2].claimed_id()));
    assert!(!fed.contains(&written[1].claimed_id()));
    let author = Some(hospital.id());
    assert!(world.notices.contains(&Notice::Damaged { log: position, author }));
    assert_eq!(world.mailbox.counters.damaged, 1);
}

#[test]
fn what_devices_hold_and_when_they_were_here_survives_a_restart() {
    let (mut world, _, clinic, _) = hospital_and_clinic();
    let here = world.now;
    world.input(Input::Closed { session: clinic.session });
    world.now = world.now.plus_ms(3_600_000);
    world.restart();
    let report = world.mailbox.report(world.now);
    let devices = report.facilities.iter().flat_map(|facility| &facility.devices);
    let clinic = devices.into_iter().find(|device| device.id == clinic.id()).unwrap();
    assert_eq!((clinic.last_seen, clinic.backlog, clinic.is_connected), (Some(here), 0, false));
}

#[test]
fn a_store_that_is_none_or_newer_is_not_opened() {
    let world = World::new();
    let limits = Limits::default;
    let open = |store: &Memory| {
        Mailbox::open(store, world.now, world.relay.clone(), [], limits()).err().unwrap()
    };
    assert!(matches!(open(&Memory::new()), OpenError::Empty));
    let mut newer = world.store.clone();
    let mut batch = Batch::new();
    batch.put(tables::META, *b"format", 3_u32.to_be_bytes());
    newer.commit(&batch).unwrap();
    assert!(matches!(open(&newer), OpenError::Format { found: 3 }));
    let mut damaged = world.store.clone();
    let mut batch = Batch::new();
    batch.put(tables::SCOPE, world.mailbox.state.registry().0, *b"?");
    damaged.commit(&batch).unwrap();
    assert!(matches!(open(&damaged), OpenError::Row { table: "scope", .. }));
}

/// Certificates lie on the disk in the order of their digests. A relay of more than 4,096 devices once did not start again, where their
/// facility's came behind them: so many may not wait for their issuer.
#[test]
fn a_relay_of_many_devices_starts_whatever_the_order_of_their_certificates() {
    const DEVICES: usize = 4_300;
    let mut world = World::new();
    let mut member = world.member(FacilityKind::Clinic);
    while member.facility_certificate(&world, FacilityKind::Clinic).digest()[0] < 0xfc {
        member.facility = SigningKeypair::generate(&mut world.rng);
    }
    let mut batch = Batch::new();
    let mut put = |certificate: Certificate| {
        batch.put(tables::CERTIFICATE, certificate.digest(), certificate.to_bytes());
    };
    put(member.facility_certificate(&world, FacilityKind::Clinic));
    for _ in 0..DEVICES {
        member.device = SigningKeypair::generate(&mut world.rng);
        put(member.certificate(&world));
    }
    world.store.take(batch);
    world.restart();
    assert_eq!(world.mailbox.state.roster.devices_of(&member.facility_id()).count(), DEVICES);
}
