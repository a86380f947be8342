//! A store that came from a backup: what its members bring back.

use azalea_core::identity::{Revocation, Subject};
use azalea_core::sync::message::ChainEnd;

use super::*;

fn lacking(world: &mut World, member: &Member, say: Message) -> (Vec<ChainEnd>, Vec<[u8; 32]>) {
    world.sent.clear();
    world.say(member, say);
    let sent = world.sent.remove(&member.session).unwrap_or_default();
    let mut answers = sent.into_iter().filter_map(|message| match message {
        Message::Lacking { chains, certificates, .. } => Some((chains, certificates)),
        _ => None,
    });
    answers.next().expect("an answer")
}

#[test]
fn an_author_is_told_what_of_its_chains_is_gone() {
    let (mut world, mut hospital, _, chart) = hospital_and_clinic();
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
    let held = ChainEnd { scope: chart, author: hospital.id(), seq: tip.seq, id: tip.id };
    let unknown = ChainEnd { scope: ScopeId([1; 16]), ..held };
    let same = ChainEnd { seq: tip.seq - 2, ..held };
    let say = Message::Holding { chains: vec![held, unknown, same], certificates: Vec::new() };
    let (chains, _) = lacking(&mut world, &hospital, say.clone());
    assert_eq!(chains.len(), 2);
    assert_eq!((chains[0].scope, chains[0].seq), (chart, tip.seq - 2));
    assert_eq!((chains[1].seq, chains[1].id), (0, EnvelopeId::ZERO));
    // Whoever may not read there is told nothing of it by saying to have it.
    let mut pharmacy = world.member(FacilityKind::Pharmacy);
    world.connect(&mut pharmacy, None).unwrap();
    let (chains, _) = lacking(&mut world, &pharmacy, say);
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
    for _ in 0..256 {
        assert!(!world.closed.contains_key(&clinic.session));
        let say = Message::Holding { chains: Vec::new(), certificates: vec![[1; 32]; 4] };
        world.say(&clinic, say);
    }
    assert_eq!(world.closed.get(&clinic.session), Some(&Goodbye::Protocol));
}

/// Readers hold what a restored relay lost of an author who may never come back; one of them is asked at a time.
#[test]
fn a_reader_brings_back_what_another_wrote() {
    let (mut world, mut hospital, mut clinic, chart) = hospital_and_clinic();
    let mut pharmacy = world.member(FacilityKind::Pharmacy);
    let grant = hospital.grant(&world, chart, &pharmacy, Access::READ, 2);
    world.push_all(&hospital, &[grant]);
    let backup = world.store.clone();
    let lost: Vec<_> = (0..2).map(|n| hospital.write(&world, chart, &[n])).collect();
    world.push_all(&hospital, &lost);
    world.input(Input::Closed { session: hospital.session });
    world.store = backup;
    world.restart();
    world.connect(&mut clinic, None).unwrap();
    world.connect(&mut pharmacy, None).unwrap();
    world.fed(&pharmacy);
    let tip = hospital.chains[&chart].tip().unwrap();
    let held = ChainEnd { scope: chart, author: hospital.id(), seq: tip.seq, id: tip.id };
    let say = Message::Holding { chains: vec![held], certificates: Vec::new() };

    let (chains, _) = lacking(&mut world, &clinic, say.clone());
    assert_eq!((chains.len(), chains[0].seq), (1, tip.seq - 2));
    let others = |world: &mut World, member: &Member| {
        world.sent.clear();
        world.say(member, say.clone());
        let sent = world.sent.remove(&member.session).unwrap_or_default();
        sent.into_iter().find_map(|message| match message {
            Message::Lacking { chains, others, .. } => Some((chains.len(), others)),
            _ => None,
        })
    };
    assert_eq!(others(&mut world, &pharmacy), Some((0, true)), "the clinic was asked");
    assert_eq!(others(&mut world, &clinic), Some((1, false)), "it may say so again");
    // It goes away without having brought it.
    world.input(Input::Closed { session: clinic.session });
    assert_eq!(others(&mut world, &pharmacy), Some((1, false)));
    world.connect(&mut clinic, None).unwrap();
    assert_eq!(others(&mut world, &clinic), Some((0, true)));
    // It stays and does not bring it.
    world.wait(60_000);
    assert_eq!(others(&mut world, &clinic), Some((1, false)));
    world.fed(&pharmacy);
    world.push_all(&clinic, &lost);
    assert_eq!(world.fed_ids(&pharmacy), ids(&lost));
    assert_eq!(others(&mut world, &clinic), Some((0, false)));
    assert_eq!(others(&mut world, &pharmacy), Some((0, false)));
}

/// The relay lost a consent and its withdrawal; both came back at once, and nobody told the clinic that it was out.
#[test]
fn a_reader_is_told_that_it_is_out_also_while_its_feed_lacks_what_came_before() {
    let mut world = World::new();
    let mut hospital = world.member(FacilityKind::Hospital);
    let mut clinic = world.member(FacilityKind::Clinic);
    world.connect(&mut hospital, None).unwrap();
    let (chart, created) = hospital.create(&world, ScopeKind::Chart, 1);
    world.push_all(&hospital, &[created]);
    let backup = world.store.clone();
    let grant = hospital.grant(&world, chart, &clinic, Access::READ, 1);
    let revoke = hospital.revoke(&world, chart, &clinic, Vec::new(), 2);
    world.push_all(&hospital, &[grant.clone(), revoke.clone()]);
    world.store = backup;
    world.restart();
    world.connect(&mut clinic, None).unwrap();
    world.connect(&mut hospital, None).unwrap();
    world.fed(&clinic);
    world.push_all(&hospital, &[grant, revoke.clone()]);
    assert_eq!(world.fed_ids(&clinic), [revoke.claimed_id()]);
}
