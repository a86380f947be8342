//! Joining by a one-time code.

use azalea_core::keys;
use azalea_core::sync::message::Enrol;
use azalea_transport::code::Secret;

use super::*;

const SECRET: Secret = Secret([0x5a; 16]);
const HOUR_MS: u64 = 3_600_000;

fn invited() -> World {
    let mut world = World::new();
    let invite = Invite {
        name: "訪問看護ステーション".into(),
        kana: "ホウモンカンゴ".into(),
        english: "Visiting nurses".into(),
        code: "4090001".into(),
        kind: FacilityKind::VisitingNurse,
        rights: Rights { disclose: false, view: true },
        registrar: world.registrar.public(),
        valid_ms: YEAR_MS,
        expires: world.now.plus_ms(HOUR_MS),
        used: None,
    };
    world.request(Request::Invite { digest: SECRET.digest(), invite }).unwrap();
    world
}

impl World {
    fn ask(&mut self, member: &mut Member, secret: &Secret) {
        self.open(member);
        let facility = member.facility.public();
        let device = member.certificate(self);
        self.say(member, Message::Enrol(Enrol { secret: secret.0, facility, device }));
    }

    /// Answers the challenge, with `agreement`, if there is one.
    fn answer(&mut self, member: &Member, agreement: &AgreementKeypair) {
        let sent = std::mem::take(self.sent.entry(member.session).or_default());
        for message in sent {
            if let Message::Challenge { enc, sealed } = message {
                let device = member.device.public();
                let nonce = keys::answer(&device, agreement, &enc, &sealed).unwrap_or([0; 32]);
                self.say(member, Message::Prove { nonce });
            }
        }
    }

    fn enrol(&mut self, member: &mut Member) -> Option<Vec<Certificate>> {
        self.ask(member, &SECRET);
        let agreement = member.agreement.clone();
        self.answer(member, &agreement);
        self.sent.get(&member.session)?.iter().find_map(|message| match message {
            Message::Enrolled { certificates } => Some(certificates.clone()),
            _ => None,
        })
    }
}

#[test]
fn a_code_makes_a_member_that_can_go_on_at_once() {
    let mut world = invited();
    let mut nurse = world.stranger();
    let certificates = world.enrol(&mut nurse).unwrap();
    let mut roster = azalea_core::identity::Roster::new(world.network());
    for certificate in certificates {
        roster.admit(certificate).unwrap();
    }
    assert!(roster.standing(&nurse.id(), world.now).is_ok());
    assert_eq!(roster.policy().unwrap().relay, world.relay.public());
    assert_eq!(roster.facility(&nurse.facility_id()).unwrap().name, "訪問看護ステーション");
    assert!(world.connect(&mut nurse, None).is_some());
    assert_eq!(world.fed(&nurse).len(), 7);
}

#[test]
fn a_code_opens_once_but_the_same_device_may_come_again_with_it() {
    let mut world = invited();
    let (mut nurse, mut other) = (world.stranger(), world.stranger());
    world.enrol(&mut nurse).unwrap();
    let log = world.mailbox.state.next_log;
    world.restart();
    // Its line was cut before the answer came.
    assert!(world.enrol(&mut nurse).is_some());
    assert_eq!(world.mailbox.state.next_log, log, "nothing is certified twice");
    assert_eq!(world.enrol(&mut other), None);
    assert_eq!(world.closed[&other.session], Goodbye::Code);
}

#[test]
fn a_wrong_or_expired_code_opens_nothing() {
    let mut world = invited();
    let mut nurse = world.stranger();
    world.ask(&mut nurse, &Secret([1; 16]));
    assert_eq!(world.closed[&nurse.session], Goodbye::Code);
    world.wait(HOUR_MS + 1);
    assert_eq!(world.enrol(&mut nurse), None);
    assert_eq!(world.closed[&nurse.session], Goodbye::Code);
    assert_eq!(world.mailbox.counters.codes_refused, 2);
}

#[test]
fn who_cannot_open_what_is_sealed_to_it_is_not_let_in() {
    let mut world = invited();
    let mut nurse = world.stranger();
    world.ask(&mut nurse, &SECRET);
    let wrong = AgreementKeypair::generate(&mut world.rng);
    world.answer(&nurse, &wrong);
    assert_eq!(world.closed[&nurse.session], Goodbye::Proof);
    assert!(world.enrol(&mut nurse).is_some(), "the code is not used up by it");
}

#[test]
fn the_certificate_must_be_for_the_device_that_is_connected() {
    let mut world = invited();
    let (mut nurse, other) = (world.stranger(), world.stranger());
    world.open(&mut nurse);
    let (facility, device) = (other.facility.public(), other.certificate(&world));
    world.say(&nurse, Message::Enrol(Enrol { secret: SECRET.0, facility, device }));
    assert_eq!(world.closed[&nurse.session], Goodbye::Proof);
}

#[test]
fn guessing_is_slowed_down() {
    let mut world = invited();
    let mut last = None;
    for guess in 0..100_u8 {
        let mut stranger = world.stranger();
        world.ask(&mut stranger, &Secret([guess; 16]));
        last = world.closed.get(&stranger.session).copied();
    }
    assert!(matches!(last, Some(Goodbye::Busy { retry_after_ms: 1.. })));
}

#[test]
fn nothing_has_happened_while_the_disk_is_full() {
    let mut world = invited();
    let mut nurse = world.stranger();
    world.failure = Some(StorageError::Full);
    assert_eq!(world.enrol(&mut nurse), None);
    assert!(matches!(world.closed[&nurse.session], Goodbye::Busy { .. }));
    world.failure = None;
    assert!(world.enrol(&mut nurse).is_some());
}

#[test]
fn an_invitation_that_could_not_be_read_again_is_not_kept() {
    let mut world = invited();
    let invite = world.mailbox.state.invites.values().next().unwrap().clone();
    let invite = Invite { name: "長".repeat(1_000), ..invite };
    let refused = world.request(Request::Invite { digest: [1; 32], invite });
    assert!(matches!(refused, Err(PublishError::Form(_))));
    world.restart();
}

#[test]
fn who_says_nothing_is_let_go() {
    let mut world = invited();
    let mut nurse = world.stranger();
    let session = world.open(&mut nurse);
    world.wait(20_000);
    assert!(world.closed.contains_key(&session));
}
