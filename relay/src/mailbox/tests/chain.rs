//! What is taken and what is refused.

use azalea_core::identity::Domain;
use azalea_core::wire::Wire;

use super::*;
use crate::quota::Rate;

#[test]
fn an_envelope_is_acknowledged_and_forwarded_after_the_disk_has_it() {
    let (mut world, mut hospital, clinic, chart) = hospital_and_clinic();
    let written = hospital.write(&world, chart, b"result");
    world.held = Some(Vec::new());
    assert_eq!(world.push(&hospital, &[written.as_bytes()]), (vec![], vec![]));
    assert_eq!(world.fed_ids(&clinic), []);
    world.release();
    assert_eq!(world.taken(&hospital), (vec![written.claimed_id()], vec![]));
    assert_eq!(world.fed_ids(&clinic), [written.claimed_id()]);
    assert_eq!(world.fed_ids(&hospital), [], "an author does not get its own back");
}

#[test]
fn pushes_that_arrive_while_the_disk_works_share_one_commit() {
    let (mut world, mut hospital, _, chart) = hospital_and_clinic();
    world.held = Some(Vec::new());
    for n in 0..20 {
        let written = hospital.write(&world, chart, &[n]);
        world.push(&hospital, &[written.as_bytes()]);
    }
    let commits = world.mailbox.counters.commits;
    world.release();
    assert_eq!(world.taken(&hospital).0.len(), 20);
    assert_eq!(world.mailbox.counters.commits, commits + 2);
}

#[test]
fn what_is_known_is_acknowledged_again_and_stored_once() {
    let (mut world, mut hospital, clinic, chart) = hospital_and_clinic();
    let written: Vec<_> = (0..3).map(|n| hospital.write(&world, chart, &[n])).collect();
    world.push_all(&hospital, &written);
    let log = world.mailbox.state.next_log;
    world.push_all(&hospital, &written);
    world.push_all(&hospital, &written[..1]);
    assert_eq!(world.mailbox.state.next_log, log);
    assert_eq!(world.fed_ids(&clinic), ids(&written));
}

#[test]
fn a_gap_is_refused_with_the_number_that_is_wanted() {
    let (mut world, mut hospital, _, chart) = hospital_and_clinic();
    let written: Vec<_> = (0..3).map(|n| hospital.write(&world, chart, &[n])).collect();
    let (stored, refused) = world.push(&hospital, &[written[1].as_bytes(), written[2].as_bytes()]);
    assert_eq!(stored, []);
    let wanted = RefusalCause::Gap { expected: 3 };
    assert!(refused.iter().all(|refusal| refusal.cause == wanted) && refused.len() == 2);
    world.push_all(&hospital, &written);
}

#[test]
fn two_envelopes_for_one_place_are_both_kept_and_the_second_is_refused() {
    let (mut world, mut hospital, clinic, chart) = hospital_and_clinic();
    let chains = hospital.chains.clone();
    let first = hospital.write(&world, chart, b"one");
    let more = hospital.write(&world, chart, b"more");
    hospital.chains = chains;
    let second = hospital.write(&world, chart, b"another");
    world.push_all(&hospital, &[first.clone(), more.clone()]);
    let (_, refused) = world.push(&hospital, &[second.as_bytes()]);
    let fork = Refusal { id: second.claimed_id(), cause: RefusalCause::Fork };
    assert_eq!(refused, [fork]);
    assert_eq!(world.fed_ids(&clinic), ids(&[first, more]));
    assert_eq!(world.mailbox.report(world.now).forks, 1);
    assert!(world.notices.contains(&Notice::Fork { author: hospital.id() }));
    world.restart();
    assert_eq!(world.mailbox.report(world.now).forks, 1);
}

#[test]
fn forged_tampered_and_cut_envelopes_are_refused_and_counted() {
    let (mut world, mut hospital, mut clinic, chart) = hospital_and_clinic();
    let good = hospital.write(&world, chart, b"result");
    let bytes = good.as_bytes().to_vec();
    let mut cases: Vec<Vec<u8>> = Vec::new();
    cases.push(bytes[..bytes.len() - 1].to_vec());
    cases.push(bytes[..40].to_vec());
    cases.push(Vec::new());
    // Each part of it altered: the author's time, the signature, the body.
    for at in [130, 190, bytes.len() - 1] {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        cases.push(altered);
    }
    // Signed by somebody else who is a member.
    let mut forger = std::mem::replace(&mut clinic.chains, hospital.chains.clone());
    let forged = clinic.write(&world, chart, b"forged").as_bytes().to_vec();
    let mut header = bytes[..185].to_vec();
    header[133..].copy_from_slice(&forged[133..185]);
    cases.push([&header[..], &forged[185..]].concat());
    std::mem::swap(&mut forger, &mut clinic.chains);
    for case in &cases {
        let (stored, refused) = world.push(&hospital, &[case]);
        assert_eq!(stored, []);
        assert!(matches!(refused[0].cause, RefusalCause::Invalid), "{refused:?}");
    }
    assert_eq!(world.refused("invalid"), cases.len() as u64);
    assert_eq!(world.fed_ids(&clinic), []);
    world.push_all(&hospital, &[good]);
}

/// Signatures of one group are verified together; what that finds wrong is one envelope's and not its neighbours'.
#[test]
fn a_forged_envelope_among_many_is_refused_and_its_neighbours_are_taken() {
    let (mut world, mut hospital, clinic, chart) = hospital_and_clinic();
    let written: Vec<_> = (0..100).map(|n| hospital.write(&world, chart, &[n])).collect();
    let mut forged = written[50].as_bytes().to_vec();
    forged[190] ^= 1;
    let mut pushed: Vec<_> = written.iter().map(SignedEnvelope::as_bytes).collect();
    pushed.insert(50, &forged);
    let (stored, refused) = world.push(&hospital, &pushed);
    assert_eq!(stored, ids(&written));
    let invalid = Refusal { id: written[50].claimed_id(), cause: RefusalCause::Invalid };
    assert_eq!(refused, [invalid]);
    assert_eq!(world.refused("invalid"), 1);
    assert_eq!(world.fed_ids(&clinic), ids(&written));
}

/// The id covers the header only, so a copy with another body or another signature bears the id of what is stored. It was once
/// answered *stored*, uncounted, and an author with a damaged disk would have believed that its damaged copy is in safety.
#[test]
fn an_altered_copy_of_what_is_stored_is_refused_and_counted() {
    let (mut world, mut hospital, clinic, chart) = hospital_and_clinic();
    let written: Vec<_> = (0..3).map(|n| hospital.write(&world, chart, &[n])).collect();
    world.push_all(&hospital, &written);
    let mut altered = Vec::new();
    // The newest of the chain and an older one; the signature and the body.
    for envelope in [&written[2], &written[0]] {
        for at in [190, envelope.as_bytes().len() - 1] {
            let mut copy = envelope.as_bytes().to_vec();
            copy[at] ^= 1;
            assert_eq!(
                SignedEnvelope::from_bytes(copy.clone()).unwrap().claimed_id(),
                envelope.claimed_id()
            );
            altered.push(copy);
        }
    }
    for copy in &altered {
        let (stored, refused) = world.push(&hospital, &[copy]);
        assert_eq!(stored, []);
        assert_eq!(refused[0].cause, RefusalCause::Invalid);
    }
    assert_eq!(world.refused("invalid"), altered.len() as u64);
    // Beside what is new, in the very group that stores it.
    let next = hospital.write(&world, chart, b"next");
    let mut copy = next.as_bytes().to_vec();
    copy[190] ^= 1;
    let (stored, refused) = world.push(&hospital, &[next.as_bytes(), &copy]);
    assert_eq!((stored.len(), refused.len()), (1, 1));
    // Whole copies are harmless, in any order.
    for envelope in written.iter().rev().chain([&next]) {
        assert_eq!(
            world.push(&clinic, &[envelope.as_bytes()]),
            (vec![envelope.claimed_id()], vec![])
        );
    }
    assert_eq!(world.mailbox.report(world.now).forks, 0);
}

#[test]
fn an_author_that_nobody_vouched_for_is_refused() {
    let (mut world, hospital, clinic, chart) = hospital_and_clinic();
    let mut stranger = world.stranger();
    let written = stranger.write(&world, chart, b"hello");
    let (_, refused) = world.push(&hospital, &[written.as_bytes()]);
    assert_eq!(refused[0].cause, RefusalCause::Author);
    assert_eq!(world.fed_ids(&clinic), []);
    assert_eq!(world.connect(&mut stranger, None), None);
    assert_eq!(world.closed[&stranger.session], Goodbye::NotAdmitted(NotAdmitted::Unknown));
}

#[test]
fn more_than_the_quota_is_put_off_before_anything_is_verified() {
    let (mut world, mut hospital, _, chart) = hospital_and_clinic();
    let rate = Rate { per_second: 1, burst: 2 };
    world.mailbox.pushed = Quota::new(rate);
    let written: Vec<_> = (0..3).map(|n| hospital.write(&world, chart, &[n])).collect();
    let bytes: Vec<&[u8]> = written.iter().map(SignedEnvelope::as_bytes).collect();
    let (stored, refused) = world.push(&hospital, &bytes);
    assert_eq!(stored.len(), 2);
    assert_eq!(refused[0].cause, RefusalCause::Busy);
    world.wait(1_000);
    world.push_all(&hospital, &written[2..]);
}

#[test]
fn the_same_inputs_give_the_same_trace() {
    let trace = || {
        let (mut world, mut hospital, clinic, chart) = hospital_and_clinic();
        let written: Vec<_> = (0..5).map(|n| hospital.write(&world, chart, &[n])).collect();
        world.push_all(&hospital, &written);
        world.fed(&clinic);
        format!("{:?} {:?}", world.sent, world.mailbox.report(world.now))
    };
    assert_eq!(trace(), trace());
}

/// An update of the relay comes after that of a hospital: what the relay does not read yet, its author keeps.
#[test]
fn a_statement_of_a_newer_version_is_refused_as_newer_and_taken_once_it_reads() {
    let (mut world, mut hospital, _, chart) = hospital_and_clinic();
    let (chains, log) = (hospital.chains.clone(), world.mailbox.state.next_log);
    let sealed = hospital.say(&world, chart, Statement::Rotate { epoch: 2 });
    hospital.chains = chains;
    let newer = signed_anew(&hospital, &sealed, |body| body[2] = 2);
    let (stored, refused) = world.push(&hospital, &[&newer]);
    assert_eq!((stored, refused.len()), (vec![], 1));
    assert_eq!(refused[0].cause, RefusalCause::Newer);
    let broken = signed_anew(&hospital, &sealed, |body| body[2] = 0);
    let (_, refused) = world.push(&hospital, &[&broken]);
    assert_eq!(refused[0].cause, RefusalCause::Invalid);
    let mut header = sealed.as_bytes().to_vec();
    header[0] = 2;
    let (_, refused) = world.push(&hospital, &[&header]);
    assert_eq!(refused[0].cause, RefusalCause::Newer);
    assert_eq!((world.mailbox.state.next_log, world.refused("newer")), (log, 2));
    world.push_all(&hospital, &[sealed]);
}

/// The envelope with another body, as its author would have signed it.
fn signed_anew(author: &Member, envelope: &SignedEnvelope, change: fn(&mut [u8])) -> Vec<u8> {
    let mut body = envelope.as_bytes()[SignedEnvelope::OVERHEAD..].to_vec();
    change(&mut body);
    let mut header = envelope.claimed_header().clone();
    header.body_hash = *blake3::hash(&body).as_bytes();
    let signature = author.device.sign(Domain::Envelope, &header.to_bytes());
    [&header.to_bytes()[..], &signature.as_bytes()[..], &body].concat()
}
