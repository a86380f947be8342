//! A store that came from a backup: what its members bring back.

use azalea_core::identity::{Revocation, Subject};
use azalea_core::sync::message::ChainEnd;

use super::*;

fn lacking(world: &mut World, member: &Member, say: Message) -> (Vec<ChainEnd>, Vec<[u8; 32]>) {
    world.sent.clear();
    world.say(member, say);
    let sent = world.sent.remove(&member.session).unwrap_or_default();
    let mut answers = sent.into_iter().filter_map(|message| match message {
        Message::Lacking { chains, certificates } => Some((chains, certificates)),
        _ => None,
    });
    answers.next().expect("an answer")
}

#[test]
fn an_author_is_told_what_of_its_chains_is_gone() {
    let (mut world, mut hospital, mut clinic, chart) = hospital_and_clinic();
    let backup = world.store.clone();
    let written = world.connect(&mut hospital, None).unwrap().yours;
    let lost: Vec<_> = (0..2).map(|n| hospital.write(&world, chart, &[n])).collect();
    world.push_all(&hospital, &lost);
    assert_eq!(world.connect(&mut hospital, None).unwrap().yours, written + 2);
    world.restart();
    assert_eq!(world.connect(&mut hospital, None).unwrap().yours, written + 2, "from the disk");

    world.store = backup;
    world.restart();
    assert_eq!(world.connect(&mut hospital, None).unwrap().yours, written);
    let tip = hospital.chains[&chart].tip().unwrap();
    let held = ChainEnd { scope: chart, seq: tip.seq, id: tip.id };
    let unknown = ChainEnd { scope: ScopeId([1; 16]), ..held };
    let same = ChainEnd { seq: tip.seq - 2, ..held };
    let say = Message::Holding { chains: vec![held, unknown, same], certificates: Vec::new() };
    let (chains, _) = lacking(&mut world, &hospital, say.clone());
    assert_eq!(chains.len(), 2);
    assert_eq!((chains[0].scope, chains[0].seq), (chart, tip.seq - 2));
    assert_eq!((chains[1].seq, chains[1].id), (0, EnvelopeId::ZERO));
    // Another member's chain is not asked about by saying to have it.
    world.connect(&mut clinic, None).unwrap();
    let (chains, _) = lacking(&mut world, &clinic, say);
    assert!(chains.iter().all(|end| end.seq == 0), "how far the hospital's goes is not said");
}

/// A relay from an old backup once took a stolen tablet for a member again, although every other member knew better.
#[test]
fn members_bring_back_certificates_and_revocations_that_prove_themselves() {
    let mut world = World::new();
    let mut clinic = world.member(FacilityKind::Clinic);
    let mut tablet = world.member(FacilityKind::Clinic);
    let backup = world.store.clone();
    let mut late = world.member(FacilityKind::Pharmacy);
    let by = world.registrar.public();
    let subject = Subject::Device(tablet.id());
    world.request(Request::Revoke { subject, reason: "盗難".into(), by }).unwrap();
    let held: Vec<Certificate> = world.mailbox.state.roster.certificates().collect();

    world.store = backup;
    world.restart();
    assert!(world.connect(&mut tablet, None).is_some(), "the backup knows nothing of it");
    assert!(world.connect(&mut late, None).is_none(), "nor of who came after");
    world.connect(&mut clinic, None).unwrap();
    let digests = held.iter().map(Certificate::digest).collect();
    let say = Message::Holding { chains: Vec::new(), certificates: digests };
    let (_, wanted) = lacking(&mut world, &clinic, say);
    assert_eq!(wanted.len(), 3, "a facility, a device, a revocation");

    // What was not asked for is not signed, however true it is; nor is what nobody entitled has signed.
    let stranger = world.stranger();
    let claims = Revocation {
        network: world.network(),
        subject: Subject::Device(clinic.id()),
        at: world.now,
        reason: String::new(),
        accepted: Vec::new(),
        by: stranger.facility.public(),
    };
    let forged = Certificate::Revocation(Signed::sign(claims, &stranger.facility).unwrap());
    let digest = forged.digest();
    world.say(&clinic, Message::Certificates(vec![forged.clone()]));
    let say = Message::Holding { chains: Vec::new(), certificates: vec![digest] };
    lacking(&mut world, &clinic, say);
    world.say(&clinic, Message::Certificates(vec![forged]));
    assert_eq!(world.mailbox.state.roster.certificates().count(), held.len() - 3);

    let log = world.mailbox.state.next_log;
    world.say(&clinic, Message::Certificates(held.clone()));
    assert_eq!(world.mailbox.state.roster.certificates().count(), held.len());
    assert_eq!(world.mailbox.state.next_log, log + 3, "each once, and only those");
    assert!(matches!(world.closed.get(&tablet.session), Some(Goodbye::NotAdmitted(_))));
    assert!(world.connect(&mut late, None).is_some());
    // Again, by somebody who was asked at the same time, it changes nothing.
    let log = world.mailbox.state.next_log;
    world.say(&clinic, Message::Certificates(held));
    assert_eq!(world.mailbox.state.next_log, log);
}

#[test]
fn who_goes_on_saying_what_it_holds_is_shown_out() {
    let (mut world, _, clinic, _) = hospital_and_clinic();
    for _ in 0..65 {
        assert!(!world.closed.contains_key(&clinic.session));
        let say = Message::Holding { chains: Vec::new(), certificates: vec![[1; 32]; 4] };
        world.say(&clinic, say);
    }
    assert_eq!(world.closed.get(&clinic.session), Some(&Goodbye::Protocol));
}
