//! Who gets what, in which order, and from where a reader goes on.

use azalea_core::access::pair_scope;

use super::*;

#[test]
fn a_reader_goes_on_where_it_stopped() {
    let (mut world, mut hospital, mut clinic, chart) = hospital_and_clinic();
    let before: Vec<_> = (0..3).map(|n| hospital.write(&world, chart, &[n])).collect();
    world.push_all(&hospital, &before);
    let position = world.fed(&clinic).last().unwrap().0;
    world.input(Input::Closed { session: clinic.session });
    let after: Vec<_> = (3..6).map(|n| hospital.write(&world, chart, &[n])).collect();
    world.push_all(&hospital, &after);
    world.restart();
    let epoch = RelayEpoch([9; 16]);
    let welcome = world.connect(&mut clinic, Some(Cursor { epoch, position })).unwrap();
    assert_eq!((welcome.position, welcome.end), (position, position + 3));
    assert_eq!(world.fed_ids(&clinic), ids(&after));
}

#[test]
fn a_cursor_of_another_life_or_beyond_the_end_starts_again_from_the_beginning_once_it_is_said_what_is_held()
 {
    let (mut world, mut hospital, mut clinic, chart) = hospital_and_clinic();
    let written = hospital.write(&world, chart, b"result");
    world.push_all(&hospital, std::slice::from_ref(&written));
    for (epoch, position) in [([8; 16], 1), ([9; 16], 1_000)] {
        let cursor = Cursor { epoch: RelayEpoch(epoch), position };
        let welcome = world.connect(&mut clinic, Some(cursor)).unwrap();
        assert_eq!(welcome.position, 0);
        assert_eq!(world.fed_ids(&clinic), [], "it may hold all of it");
        world.say(&clinic, Message::Refill);
        assert_eq!(world.fed_ids(&clinic).last(), Some(&written.claimed_id()));
    }
}

#[test]
fn a_new_reader_gets_statements_then_what_came_before_then_what_follows() {
    let mut world = World::new();
    let mut hospital = world.member(FacilityKind::Hospital);
    let mut clinic = world.member(FacilityKind::Clinic);
    world.connect(&mut hospital, None).unwrap();
    world.connect(&mut clinic, None).unwrap();
    world.fed(&clinic);
    let (chart, created) = hospital.create(&world, ScopeKind::Chart, 1);
    let mut expected = vec![created.clone()];
    world.push_all(&hospital, &[created]);
    for n in 0..2_500_u16 {
        expected.push(hospital.write(&world, chart, &n.to_be_bytes()));
    }
    for some in expected[1..].chunks(500) {
        world.push_all(&hospital, some);
    }
    assert_eq!(world.fed_ids(&clinic), []);
    let grant = hospital.grant(&world, chart, &clinic, Access::READ, 1);
    let after = hospital.write(&world, chart, b"after");
    expected.insert(1, grant.clone());
    expected.push(after.clone());
    world.push_all(&hospital, &[grant, after]);
    assert_eq!(world.fed_ids(&clinic), ids(&expected));
}

#[test]
fn a_grant_that_begins_later_fills_the_feed_when_it_begins() {
    let (mut world, mut hospital, _, chart) = hospital_and_clinic();
    let mut nurse = world.member(FacilityKind::VisitingNurse);
    world.connect(&mut nurse, None).unwrap();
    world.fed(&nurse);
    let begins = world.now.plus_ms(60_000);
    let written = hospital.write(&world, chart, b"result");
    let statement = Statement::Grant {
        grant: GrantId([2; 16]),
        facility: nurse.facility_id(),
        access: Access::READ,
        from: begins,
        until: None,
        consent: None,
        tick: 2,
    };
    let grant = hospital.say(&world, chart, statement);
    world.push_all(&hospital, &[written.clone(), grant.clone()]);
    assert_eq!(world.fed_ids(&nurse), []);
    assert!(world.mailbox.wake_at() <= begins);
    world.wait(60_000);
    assert_eq!(world.fed_ids(&nurse)[2..], ids(&[grant, written]));
}

/// A hospital's clock is a few milliseconds ahead, and its grant begins while the disk works on it.
#[test]
fn a_grant_that_begins_while_the_disk_works_fills_the_feed() {
    let (mut world, mut hospital, _, chart) = hospital_and_clinic();
    let mut nurse = world.member(FacilityKind::VisitingNurse);
    world.connect(&mut nurse, None).unwrap();
    world.fed(&nurse);
    let statement = Statement::Grant {
        grant: GrantId([2; 16]),
        facility: nurse.facility_id(),
        access: Access::READ,
        from: world.now.plus_ms(3),
        until: None,
        consent: None,
        tick: 2,
    };
    let grant = hospital.say(&world, chart, statement);
    world.held = Some(Vec::new());
    let bytes = Bytes(grant.as_bytes().to_vec());
    world.say(&hospital, Message::Push(vec![bytes]));
    world.now = world.now.plus_ms(5);
    world.release();
    world.wait(1_000);
    assert_eq!(world.fed_ids(&nurse).last(), Some(&grant.claimed_id()));
}

/// Another device of a facility, connected; and its certificate as its facility said it.
fn tablet_of(world: &mut World, mut facility: Member) -> (Member, SignedEnvelope) {
    let mut tablet = world.stranger();
    tablet.facility = facility.facility.clone();
    let certificate = tablet.certificate(world);
    let registry = world.mailbox.state.registry();
    let said = facility.say(world, registry, Statement::Certificate(certificate));
    world.push_all(&facility, std::slice::from_ref(&said));
    world.connect(&mut tablet, None).unwrap();
    (tablet, said)
}

#[test]
fn a_new_device_gets_its_facilitys_scopes_and_the_whole_registry() {
    let (mut world, mut hospital, clinic, chart) = hospital_and_clinic();
    let written = hospital.write(&world, chart, b"result");
    world.push_all(&hospital, std::slice::from_ref(&written));
    let (tablet, said) = tablet_of(&mut world, clinic);
    let fed = world.fed_ids(&tablet);
    // Five of the relay's own beginning, two for each facility, the tablet's own.
    for id in [written.claimed_id(), said.claimed_id()] {
        assert_eq!(fed.iter().filter(|fed| **fed == id).count(), 1);
    }
    assert_eq!(fed.len(), 5 + 2 * 2 + 1 + 3);
}

#[test]
fn a_pair_scope_reaches_its_one_reader() {
    let (mut world, mut hospital, clinic, _) = hospital_and_clinic();
    let mut other = world.member(FacilityKind::Pharmacy);
    world.connect(&mut other, None).unwrap();
    world.fed(&other);
    let pair = pair_scope(&world.network(), &hospital.id(), &clinic.id());
    let enc = vec![0; azalea_core::access::PAIR_ENC_LEN];
    let offer = hospital.say(&world, pair, Statement::PairOffer { to: clinic.id(), enc });
    let keys = hospital.seal(&world, pair, &Body::Keys(Vec::new()));
    world.push_all(&hospital, &[offer.clone(), keys.clone()]);
    world.fed_ids(&other);
    assert_eq!(world.fed_ids(&clinic)[2..], ids(&[offer, keys]));
}

#[test]
fn a_rebuilt_store_gets_its_own_envelopes_before_it_is_welcomed() {
    let (mut world, mut hospital, clinic, chart) = hospital_and_clinic();
    let written: Vec<_> = (0..3).map(|n| hospital.write(&world, chart, &[n])).collect();
    world.push_all(&hospital, &written);
    for _ in 0..2 {
        world.held = Some(Vec::new());
        assert_eq!(world.connect_wanting(&mut hospital, None, true).is_some(), {
            // The second time they lie in the feed already.
            world.mailbox.state.devices.iter().any(|device| device.row.own_through > 0)
        });
        world.release();
        let fed: BTreeSet<_> = world.fed_ids(&hospital).into_iter().collect();
        assert!(ids(&written).iter().all(|id| fed.contains(id)));
    }
    world.connect(&mut hospital, None).unwrap();
    let fed = world.fed_ids(&hospital);
    assert!(ids(&written).iter().all(|id| !fed.contains(id)), "not wanted, not sent");
    assert_eq!(world.fed_ids(&clinic), ids(&written));
}

#[test]
fn a_rebuild_that_a_restart_interrupts_is_finished_with_the_next_session() {
    let (mut world, mut hospital, _, chart) = hospital_and_clinic();
    let written: Vec<_> = (0..3).map(|n| hospital.write(&world, chart, &[n])).collect();
    world.push_all(&hospital, &written);
    world.held = Some(Vec::new());
    assert_eq!(world.connect_wanting(&mut hospital, None, true), None);
    world.held = None;
    world.restart();
    // It holds some of its feed by now, and still asks for its own.
    let cursor = Cursor { epoch: RelayEpoch([9; 16]), position: 1 };
    assert!(world.connect_wanting(&mut hospital, Some(cursor), true).is_some());
    let fed = world.fed_ids(&hospital);
    assert!(ids(&written).iter().all(|id| fed.contains(id)));
}

#[test]
fn no_more_is_under_way_than_the_window_and_a_silent_reader_is_let_go() {
    let (mut world, mut hospital, clinic, chart) = hospital_and_clinic();
    let noise = |n: u8| -> Vec<u8> {
        let mut state = u32::from(n) + 1;
        let draw = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..1 << 20).map(draw).collect()
    };
    let mut push = |world: &mut World, more: std::ops::Range<u8>| {
        for n in more {
            let written = hospital.write(world, chart, &noise(n));
            world.push_all(&hospital, &[written]);
        }
    };
    let under_way = |world: &World| -> usize {
        let sent = world.sent.get(&clinic.session).into_iter().flatten();
        sent.map(|message| match message {
            Message::Feed { items, .. } => items.iter().map(|item| item.envelope.0.len()).sum(),
            _ => 0,
        })
        .sum()
    };
    // Until the line has shown what it carries, one at a time; they are larger than the window then.
    push(&mut world, 0..12);
    assert!((1 << 20..2 << 20).contains(&under_way(&world)), "{}", under_way(&world));
    assert_eq!(world.fed(&clinic).len(), 12);
    assert_eq!(under_way(&world), 0);
    push(&mut world, 12..24);
    assert!((4 << 20..7 << 20).contains(&under_way(&world)), "{}", under_way(&world));
    assert_eq!(world.fed(&clinic).len(), 12);
    let written = hospital.write(&world, chart, b"unconfirmed");
    world.push_all(&hospital, &[written]);
    world.wait(200_000);
    assert_eq!(world.closed.get(&clinic.session), Some(&Goodbye::Closing));
    assert_eq!(world.closed.get(&hospital.session), None);
}

#[test]
fn the_newest_connection_of_a_device_is_the_one_that_counts() {
    let (mut world, mut hospital, mut clinic, chart) = hospital_and_clinic();
    let former = clinic.session;
    world.connect(&mut clinic, None).unwrap();
    assert_eq!(world.closed.get(&former), Some(&Goodbye::Closing));
    world.input(Input::Closed { session: former });
    world.fed(&clinic);
    let written = hospital.write(&world, chart, b"result");
    world.push_all(&hospital, std::slice::from_ref(&written));
    assert_eq!(world.fed_ids(&clinic), [written.claimed_id()]);
}

/// Takes what the disk was asked, lets it do that, and holds what follows.
fn step(world: &mut World) {
    let asked = world.held.replace(Vec::new()).unwrap_or_default();
    asked.into_iter().for_each(|effect| world.disk(effect));
    world.drain();
}

#[test]
fn a_new_device_gets_the_registry_then_what_its_facility_works_with_then_charts_the_newest_first() {
    let (mut world, mut hospital, clinic, older) = hospital_and_clinic();
    let scope = |world: &mut World, hospital: &mut Member, kind, nonce| {
        let (scope, created) = hospital.create(world, kind, nonce);
        let written = hospital.write(world, scope, &[nonce]);
        let grant = hospital.grant(world, scope, &clinic, Access::READ, 1);
        let after = hospital.write(world, scope, &[nonce, 1]);
        let all = [created, written, grant, after];
        world.push_all(hospital, &all);
        // Statements first.
        let [created, written, grant, after] = all;
        (scope, ids(&[created, grant, written, after]))
    };
    let (_, newer) = scope(&mut world, &mut hospital, ScopeKind::Chart, 2);
    let (_, care) = scope(&mut world, &mut hospital, ScopeKind::Care, 3);
    let last = hospital.write(&world, older, b"the older chart, written last");
    world.push_all(&hospital, std::slice::from_ref(&last));
    let (tablet, said) = tablet_of(&mut world, clinic);
    let fed = world.fed_ids(&tablet);
    let expected = [care, vec![last.claimed_id()], newer].concat();
    let known: BTreeSet<_> = expected.iter().copied().collect();
    let order: Vec<_> = fed.iter().copied().filter(|id| known.contains(id)).collect();
    assert_eq!(order, expected);
    let registry_end = fed.iter().position(|id| *id == said.claimed_id()).unwrap();
    let first_of_rest = fed.iter().position(|id| known.contains(id)).unwrap();
    assert!(registry_end < first_of_rest);
}

#[test]
fn a_fill_that_a_restart_interrupts_gives_everything_once() {
    let (mut world, mut hospital, clinic, chart) = hospital_and_clinic();
    let mut expected = BTreeSet::new();
    for nonce in 10..74 {
        let (scope, created) = hospital.create(&world, ScopeKind::Chart, nonce);
        let grant = hospital.grant(&world, scope, &clinic, Access::READ, 1);
        expected.extend(ids(&[created.clone(), grant.clone()]));
        world.push_all(&hospital, &[created, grant]);
    }
    // More than one step, with so many scopes at once.
    let mut written: Vec<_> =
        (0..200_u8).map(|number| hospital.write(&world, chart, &[number])).collect();
    let mut pharmacy = world.member(FacilityKind::Pharmacy);
    written.push(hospital.grant(&world, chart, &pharmacy, Access::READ, 2));
    expected.extend(ids(&written));
    world.push_all(&hospital, &written);
    let mut tablet = world.stranger();
    tablet.facility = clinic.facility.clone();
    let certificate = tablet.certificate(&world);
    world.held = Some(Vec::new());
    let publish = Request::Publish(vec![certificate]);
    world.input(Input::Request { id: RequestId(999), request: publish });
    for _ in 0..4 {
        step(&mut world);
    }
    let filling = |world: &World| {
        let scope = &world.mailbox.state.scopes[&chart];
        scope.members.values().any(|member| matches!(member, tables::Member::Filling(_)))
    };
    assert!(filling(&world), "it is in the middle");
    world.held = None;
    world.restart();
    world.input(Input::Tick);
    // What is said while it goes on has its place, too.
    let after = hospital.revoke(&world, chart, &pharmacy, Vec::new(), 3);
    expected.insert(after.claimed_id());
    world.connect(&mut hospital, None).unwrap();
    world.connect(&mut pharmacy, None).unwrap();
    world.push_all(&hospital, &[after]);
    assert!(!filling(&world));
    world.connect(&mut tablet, None).unwrap();
    let fed = world.fed_ids(&tablet);
    for id in expected {
        assert_eq!(fed.iter().filter(|fed| **fed == id).count(), 1);
    }
}

#[test]
fn the_statements_of_an_older_store_are_found_once() {
    let (mut world, mut hospital, _, chart) = hospital_and_clinic();
    let written = hospital.write(&world, chart, b"result");
    world.push_all(&hospital, std::slice::from_ref(&written));
    let rows = |store: &Memory| -> Vec<(Vec<u8>, Vec<u8>)> {
        let rows = store.rows().filter(|(table, ..)| *table == tables::STATEMENT);
        rows.map(|(_, key, value)| (key.to_vec(), value.to_vec())).collect()
    };
    let before = rows(&world.store);
    assert_eq!(before.len(), 2, "created and granted");
    let mut forgets = Batch::new();
    before.iter().for_each(|(key, _)| forgets.remove(tables::STATEMENT, key.clone()));
    world.store.commit(&forgets).unwrap();
    let derived = derive::statements(&world.store).unwrap().unwrap();
    world.store.commit(&derived).unwrap();
    assert_eq!(rows(&world.store), before);
    assert_eq!(derive::statements(&world.store).unwrap().map(|batch| batch.is_empty()), None);
}
