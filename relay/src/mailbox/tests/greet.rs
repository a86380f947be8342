//! What is said before a handshake is complete may be somebody's copy: it is answered, and nothing is done.

use super::*;

fn hello(world: &World, member: &Member, cursor: Option<Cursor>) -> Hello {
    let (network, device, at) = (world.network(), member.id(), world.now);
    Hello { network, device, cursor, want_own: false, at }
}

fn at(world: &World, position: u64) -> Option<Cursor> {
    Some(Cursor { epoch: world.mailbox.state.epoch, position })
}

#[test]
fn a_member_is_greeted_as_it_will_be_welcomed_and_until_then_its_former_session_stands() {
    let (mut world, mut hospital, mut clinic, chart) = hospital_and_clinic();
    let position = world.feed_end(&clinic);
    let written = hospital.write(&world, chart, b"result");
    world.push_all(&hospital, std::slice::from_ref(&written));
    let (former, sessions) = (clinic.session, world.mailbox.counters.sessions);
    let key = clinic.device.public();
    let hello = hello(&world, &clinic, at(&world, position));
    let greeted = world.mailbox.greet(world.now, &key, &hello).unwrap();
    assert_eq!((greeted.position, greeted.end), (position, position + 1));

    assert_eq!(world.closed.get(&former), None);
    assert_eq!(world.mailbox.counters.sessions, sessions);
    assert_eq!(world.fed_ids(&clinic), [written.claimed_id()], "the former session is fed");
    let hello = at(&world, position);
    assert_eq!(world.connect(&mut clinic, hello), Some(greeted));
    assert_eq!(world.closed.get(&former), Some(&Goodbye::Closing));
    assert_eq!(world.fed_ids(&clinic), [written.claimed_id()], "from where it was greeted");
}

#[test]
fn nobody_is_greeted_who_does_not_simply_go_on() {
    let (mut world, hospital, clinic, _) = hospital_and_clinic();
    world.wait(60_000);
    let end = world.feed_end(&clinic);
    let check = |world: &World, key: &Member, hello: &Hello, expected: bool| {
        let greeted = world.mailbox.greet(world.now, &key.device.public(), hello);
        assert_eq!(greeted.is_some(), expected, "{hello:?}");
    };
    let good = hello(&world, &clinic, at(&world, end));
    check(&world, &clinic, &good, true);
    // Another's word, a stranger, another network.
    check(&world, &hospital, &good, false);
    let stranger = world.stranger();
    check(&world, &stranger, &hello(&world, &stranger, at(&world, 0)), false);
    let network = azalea_core::id::NetworkId::ZERO;
    check(&world, &clinic, &Hello { network, ..good.clone() }, false);
    // A store that begins anew or is rebuilt, one that went back, and a relay that did.
    check(&world, &clinic, &hello(&world, &clinic, None), false);
    check(&world, &clinic, &Hello { want_own: true, ..good.clone() }, false);
    check(&world, &clinic, &hello(&world, &clinic, at(&world, end - 1)), false);
    check(&world, &clinic, &hello(&world, &clinic, at(&world, end + 1)), false);
    let elsewhere = Some(Cursor { epoch: RelayEpoch([1; 16]), position: end });
    check(&world, &clinic, &hello(&world, &clinic, elsewhere), false);
    // Who has been put out of the network.
    let subject = Subject::Device(clinic.id());
    world
        .request(Request::Revoke { subject, reason: "紛失".into(), by: world.registrar.public() })
        .unwrap();
    check(&world, &clinic, &good, false);
}
