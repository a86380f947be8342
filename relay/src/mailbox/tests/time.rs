//! The relay's clock is set back: what it waits for comes when it would have come, and nobody misses what was passed over.

use azalea_core::sync::heads::{HeadRoll, HeadShare, HeadTree, HeadUpdate, Tally};

use super::*;

/// How far it is set back, and was ahead.
const BACK_MS: u64 = 600_000;

impl World {
    fn set_back(&mut self) {
        self.now = Timestamp(self.now.0 - BACK_MS);
        self.input(Input::Tick);
    }
}

/// A consent of so long that a clock which is ahead is behind its end.
fn consent(
    world: &World,
    hospital: &mut Member,
    chart: ScopeId,
    to: &Member,
    hours: (Timestamp, Option<Timestamp>),
) -> SignedEnvelope {
    let statement = Statement::Grant {
        grant: GrantId([2; 16]),
        facility: to.facility_id(),
        access: Access::READ,
        from: hours.0,
        until: hours.1,
        consent: None,
        tick: 2,
    };
    hospital.say(world, chart, statement)
}

/// By the relay's clock the consent begins once more: what came in between is not the reader's to see, and was passed over.
#[test]
fn a_reader_whose_consent_begins_again_misses_nothing() {
    let (mut world, mut hospital, mut clinic, chart) = hospital_and_clinic();
    let first = hospital.write(&world, chart, b"first");
    world.push_all(&hospital, std::slice::from_ref(&first));
    assert_eq!(world.fed_ids(&clinic), [first.claimed_id()]);
    let begins = world.now;
    world.set_back();
    let second = hospital.write(&world, chart, b"second");
    world.push_all(&hospital, std::slice::from_ref(&second));
    assert_eq!(world.fed_ids(&clinic), [], "by this clock nobody has let it in yet");
    assert!(world.mailbox.wake_at() <= begins);
    world.wait(BACK_MS);
    assert!(world.fed_ids(&clinic).contains(&second.claimed_id()));
    // Nor does it where a process was killed in between, and another began with a clock set back.
    let third = hospital.write(&world, chart, b"third");
    world.now = Timestamp(world.now.0 - BACK_MS);
    world.restart();
    world.connect(&mut hospital, None).unwrap();
    world.connect(&mut clinic, None).unwrap();
    world.fed(&clinic);
    world.push_all(&hospital, std::slice::from_ref(&third));
    assert_eq!(world.fed_ids(&clinic), []);
    world.wait(BACK_MS);
    assert!(world.fed_ids(&clinic).contains(&third.claimed_id()));
}

/// The same where the process is killed meanwhile, and the next one begins by a clock that is ahead once more.
#[test]
fn what_a_reader_was_passed_over_for_is_on_disk() {
    let (mut world, mut hospital, mut clinic, chart) = hospital_and_clinic();
    let begins = world.now;
    world.set_back();
    let written = hospital.write(&world, chart, b"result");
    world.push_all(&hospital, std::slice::from_ref(&written));
    assert_eq!(world.fed_ids(&clinic), []);
    let number = world.mailbox.state.numbers[&clinic.id()];
    let position = world.mailbox.state.feed_end(number);
    world.now = begins;
    world.restart();
    let epoch = RelayEpoch([9; 16]);
    world.connect(&mut clinic, Some(Cursor { epoch, position })).unwrap();
    let fed = world.fed(&clinic);
    assert!(fed.iter().any(|(_, id)| *id == written.claimed_id()));
    let position = fed.last().expect("all of it").0;
    world.restart();
    world.connect(&mut clinic, Some(Cursor { epoch, position })).unwrap();
    let again = hospital.write(&world, chart, b"result");
    world.connect(&mut hospital, None).unwrap();
    world.push_all(&hospital, std::slice::from_ref(&again));
    assert_eq!(world.fed_ids(&clinic), [again.claimed_id()], "and nothing twice");
}

/// The disk works on a consent while the clock is set back: whom that lets in was asked by the former hour.
#[test]
fn a_consent_that_the_disk_was_writing_begins_again_too() {
    let (mut world, mut hospital, clinic, chart) = hospital_and_clinic();
    let mut pharmacy = world.member(FacilityKind::Pharmacy);
    world.connect(&mut pharmacy, None).unwrap();
    // Whoever confirms nothing is not spoken to for long.
    for member in [&hospital, &clinic, &pharmacy] {
        world.fed(member);
    }
    let given = consent(&world, &mut hospital, chart, &pharmacy, (world.now, None));
    world.held = Some(Vec::new());
    world.push(&hospital, &[given.as_bytes()]);
    world.set_back();
    world.release();
    world.taken(&hospital);
    let written = hospital.write(&world, chart, b"result");
    world.push_all(&hospital, std::slice::from_ref(&written));
    assert_eq!(world.fed_ids(&pharmacy), []);
    world.wait(BACK_MS);
    for reader in [&pharmacy, &clinic] {
        assert!(world.fed_ids(reader).contains(&written.claimed_id()));
    }
}

/// The consent that has yet to begin again is withdrawn, after another word about the chart: its reader is told.
#[test]
fn a_reader_that_is_put_out_before_its_consent_begins_again_is_told() {
    let (mut world, mut hospital, clinic, chart) = hospital_and_clinic();
    let pharmacy = world.member(FacilityKind::Pharmacy);
    world.fed(&clinic);
    world.set_back();
    let given = consent(&world, &mut hospital, chart, &pharmacy, (world.now, None));
    let revoke = hospital.revoke(&world, chart, &clinic, Vec::new(), 3);
    world.push_all(&hospital, &[given, revoke.clone()]);
    assert_eq!(world.fed_ids(&clinic), [revoke.claimed_id()]);
    let after = hospital.write(&world, chart, b"after");
    world.push_all(&hospital, &[after]);
    world.wait(BACK_MS);
    assert_eq!(world.fed_ids(&clinic), []);
}

/// A clock that was ahead of a consent's end passed over what its reader may read after all.
#[test]
fn a_reader_whose_consent_had_ended_by_a_clock_that_was_ahead_misses_nothing() {
    let (mut world, mut hospital, _, chart) = hospital_and_clinic();
    let mut pharmacy = world.member(FacilityKind::Pharmacy);
    world.connect(&mut pharmacy, None).unwrap();
    let until = Some(world.now.plus_ms(BACK_MS / 2));
    let given = consent(&world, &mut hospital, chart, &pharmacy, (world.now, until));
    world.push_all(&hospital, &[given]);
    for member in [&hospital, &pharmacy] {
        world.fed(member);
    }
    world.wait(BACK_MS);
    let written = hospital.write(&world, chart, b"result");
    world.push_all(&hospital, std::slice::from_ref(&written));
    assert_eq!(world.fed_ids(&pharmacy), []);
    world.set_back();
    assert!(world.fed_ids(&pharmacy).contains(&written.claimed_id()));
}

/// That all is as it was is told once per interval by the clock as it is, not once it shows again what it showed.
#[test]
fn what_publishers_say_is_passed_on_within_an_interval() {
    let (mut world, hospital, clinic, _) = hospital_and_clinic();
    let interval = world.mailbox.state.roster.statement_interval_ms();
    let recipient = clinic.facility_id();
    let salt = hospital.device.head_salt(&recipient);
    let tree = HeadTree::of([HeadShare { salt, recipient, tally: Tally::default() }]);
    let said_at = world.now;
    let say = |world: &mut World, ms, shares: Vec<HeadShare>| {
        let network = world.network();
        let roll = HeadRoll::sign(&network, said_at.plus_ms(ms), tree.root(), &hospital.device);
        let whole = !shares.is_empty();
        world.say(&hospital, Message::Roll(HeadUpdate { roll, whole, shares }));
    };
    say(&mut world, 0, tree.shares().to_vec());
    world.set_back();
    // The publisher's clock is right, and its next word newer.
    say(&mut world, 1, Vec::new());
    world.sent.clear();
    assert!(world.mailbox.wake_at().since_ms(world.now) <= interval);
    world.wait(interval + 1);
    let is_heads = |message: &Message| matches!(message, Message::Heads(_));
    assert!(world.sent[&clinic.session].iter().any(is_heads));
}

/// A commit that the disk refused, and a connection that says nothing, wait for as long as they would have.
#[test]
fn what_waits_for_seconds_does_not_wait_for_as_long_as_the_clock_was_ahead() {
    let (mut world, mut hospital, _, _) = hospital_and_clinic();
    let mut silent = world.member(FacilityKind::Clinic);
    let session = world.open(&mut silent);
    world.failure = Some(StorageError::Full);
    let (_, created) = hospital.create(&world, ScopeKind::Chart, 7);
    world.push(&hospital, &[created.as_bytes()]);
    world.failure = None;
    world.set_back();
    assert!(world.mailbox.wake_at().since_ms(world.now) <= RETRY_MS);
    world.wait(HOUSEKEEPING_MS);
    world.wait(HOUSEKEEPING_MS);
    assert!(world.closed.contains_key(&session));
}

/// Whoever had used up a share gets it back with time, whatever the clock had shown.
#[test]
fn a_share_that_is_used_up_comes_back_when_it_would_have() {
    let (mut world, hospital, _, _) = hospital_and_clinic();
    let facility = hospital.facility_id();
    world.mailbox.pushed.charge(world.now, &facility, u64::MAX);
    world.set_back();
    world.wait(1_000);
    assert_eq!(world.mailbox.pushed.take(world.now, &facility, 1), Ok(()));
}

/// A device was reported lost while the relay's clock was ahead. It is out at once, also once the clock is set right.
#[test]
fn a_device_that_was_revoked_by_a_clock_that_was_ahead_stays_out() {
    let (mut world, mut hospital, mut clinic, chart) = hospital_and_clinic();
    world.wait(BACK_MS);
    let by = world.registrar.public();
    let (subject, reason) = (Subject::Device(clinic.id()), "lost".to_owned());
    world.request(Request::Revoke { subject, reason, by }).unwrap();
    world.set_back();
    assert_eq!(world.connect(&mut clinic, None), None);
    assert_eq!(world.closed[&clinic.session], Goodbye::NotAdmitted(NotAdmitted::Revoked));
    world.connect(&mut hospital, None).unwrap();
    let written = hospital.write(&world, chart, b"result");
    world.push_all(&hospital, &[written]);
    assert_eq!(world.fed_ids(&clinic), []);
}

/// A consent is withdrawn before it begins by the relay's clock. By another relay's, which this one was set up after, it had begun.
#[test]
fn whose_consent_is_withdrawn_before_it_begins_is_told() {
    let (mut world, mut hospital, _, chart) = hospital_and_clinic();
    let mut pharmacy = world.member(FacilityKind::Pharmacy);
    world.connect(&mut pharmacy, None).unwrap();
    world.fed(&pharmacy);
    let begins = world.now.plus_ms(BACK_MS);
    let given = consent(&world, &mut hospital, chart, &pharmacy, (begins, None));
    let revoke = hospital.revoke(&world, chart, &pharmacy, Vec::new(), 3);
    world.push_all(&hospital, &[given, revoke.clone()]);
    assert_eq!(world.fed_ids(&pharmacy), [revoke.claimed_id()]);
}
