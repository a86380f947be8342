//! A device's certificate ends, and no command renewed it.

use super::*;
use crate::access::Statement;
use crate::envelope::SignedEnvelope;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
const ENDS: Timestamp = Timestamp(300 * DAY_MS);

fn clinic(change: impl Fn(&mut Identity)) -> Node {
    let mut rng = StdRng::seed_from_u64(31);
    let mut council = Council::new(&mut rng);
    let mut identity = council.enrol_until(&mut rng, "clinic", FacilityKind::Clinic, ENDS);
    change(&mut identity);
    let mut node = Node::new(identity, 32);
    let certificates = council.certificates;
    let begin = Command::Begin { certificates, rebuild: false };
    node.command(Timestamp(DAY_MS), begin).expect("an empty store begins");
    node
}

fn until(node: &Node) -> Timestamp {
    let device = node.replica.roster().device(&node.identity.device_id());
    device.expect("its own certificate").validity.not_after
}

#[test]
fn a_device_renews_its_certificate_once_a_third_of_it_is_left() {
    let mut node = clinic(|_| {});
    node.handle(Timestamp(199 * DAY_MS), Input::Tick);
    assert_eq!((until(&node), node.status().unsent), (ENDS, 0));
    let now = Timestamp(201 * DAY_MS);
    // A full disk puts it off.
    node.full = true;
    node.handle(now, Input::Tick);
    assert_eq!(until(&node), ENDS);
    node.full = false;
    let now = now.plus_ms(DAY_MS);
    node.handle(now, Input::Tick);
    assert_eq!(until(&node), now.plus_ms(299 * DAY_MS), "for as long as before");
    // Once, and it is said to everybody.
    node.handle(now.plus_ms(1), Input::Tick);
    node.restart();
    node.handle(now.plus_ms(2), Input::Connected);
    assert_eq!((until(&node), node.status().unsent), (now.plus_ms(299 * DAY_MS), 1));
    let (epoch, position, end) = (RelayEpoch([1; 16]), 0, 0);
    let welcome =
        Message::Welcome(Welcome { epoch, position, end, at: now, yours: 0, roll: [0; 32] });
    node.handle(now.plus_ms(3), Input::Received(welcome));
    let pushed = node.sent.iter().find_map(|message| match message {
        Message::Push(envelopes) => Some(envelopes[0].0.clone()),
        _ => None,
    });
    let signed = SignedEnvelope::from_bytes(pushed.expect("a push")).expect("an envelope");
    let network = node.identity.network;
    let verified = signed.verify(node.replica.roster(), &network).expect("its own signature");
    let statement = verified.statement().expect("a statement");
    assert!(matches!(statement, Some(Statement::Certificate(Certificate::Device(_)))));
}

#[test]
fn what_cannot_or_must_not_be_renewed_is_left_alone() {
    // A tablet does not hold its facility's key.
    let mut tablet = clinic(|identity| identity.facility_key = None);
    tablet.handle(Timestamp(250 * DAY_MS), Input::Tick);
    assert_eq!((until(&tablet), tablet.status().unsent), (ENDS, 0));
    // Whoever has let it end is no member any more.
    let mut late = clinic(|_| {});
    late.handle(ENDS.plus_ms(1), Input::Tick);
    assert_eq!((until(&late), late.status().unsent), (ENDS, 0));
}
