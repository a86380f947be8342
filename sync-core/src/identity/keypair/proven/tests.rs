//! Many signatures at once, some of them wrong: the answers are those that each gets by itself.

use proptest::prelude::*;

use super::super::super::testing::keypair;
use super::super::{Signatures, SigningKeypair};
use super::*;

/// Somebody's word about a message, true or not.
#[derive(Debug, Clone)]
struct Said {
    key: PublicKey,
    message: Vec<u8>,
    signature: Signature,
}

/// What is wrong with one.
#[derive(Debug, Clone, Copy)]
enum Wrong {
    Nothing,
    Bit(usize),
    Message,
    OtherKey,
    Purpose,
    NeutralKey,
    NeutralCommitment,
    NoKey,
}

fn said(seed: u8, number: u16, wrong: Wrong) -> Said {
    let key = keypair(seed);
    let message = number.to_be_bytes().to_vec();
    let mut said =
        Said { key: key.public(), signature: key.sign(Domain::Envelope, &message), message };
    let (mut neutral, mut off_curve) = ([0; 32], [0; 32]);
    (neutral[0], off_curve[0]) = (1, 2);
    match wrong {
        Wrong::Nothing => {}
        Wrong::Bit(at) => said.signature.0[at / 8] ^= 1 << (at % 8),
        Wrong::Message => said.message.push(0),
        Wrong::OtherKey => said.key = keypair(seed + 100).public(),
        Wrong::Purpose => said.signature = key.sign(Domain::Ledger, &said.message),
        Wrong::NeutralKey => said.key = PublicKey(neutral),
        Wrong::NeutralCommitment => said.signature.0[..32].copy_from_slice(&neutral),
        Wrong::NoKey => said.key = PublicKey(off_curve),
    }
    said
}

fn among(all: &[Said]) -> Proven {
    Proven::among(Domain::Envelope, all.iter().map(|it| (it.key, &*it.message, it.signature)))
}

fn is_proven(proven: &Proven, it: &Said) -> bool {
    proven.has(&it.key, Domain::Envelope, &it.message, &it.signature)
}

fn honest(seed: u8, count: u16) -> Vec<Said> {
    (0..count).map(|number| said(seed, number, Wrong::Nothing)).collect()
}

/// Mostly nothing: else nothing would ever be proven.
fn wrong() -> impl Strategy<Value = Wrong> {
    prop_oneof![
        60 => Just(Wrong::Nothing),
        1 => (0..Signature::LEN * 8).prop_map(Wrong::Bit),
        1 => proptest::sample::select(vec![
            Wrong::Message,
            Wrong::OtherKey,
            Wrong::Purpose,
            Wrong::NeutralKey,
            Wrong::NeutralCommitment,
            Wrong::NoKey,
        ]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_verdicts_are_those_of_one_by_one(
        all in proptest::collection::vec((1_u8..5, wrong()), 0..150),
    ) {
        let all: Vec<_> =
            (0..).zip(all).map(|(number, (seed, wrong))| said(seed, number, wrong)).collect();
        let proven = among(&all);
        for it in &all {
            let alone = it.key.verify(Domain::Envelope, &it.message, &it.signature);
            let beside = proven.verify(&it.key, Domain::Envelope, &it.message, &it.signature);
            prop_assert_eq!(alone, beside);
            prop_assert!(alone.is_ok() || !is_proven(&proven, it));
        }
    }
}

#[test]
fn what_holds_is_proven_together() {
    let all: Vec<_> = (1..4).flat_map(|seed| honest(seed, 50)).collect();
    let proven = among(&all);
    assert!(all.iter().all(|it| is_proven(&proven, it)));
}

#[test]
fn a_wrong_one_spoils_no_more_than_its_neighbours() {
    let mut all = honest(1, 130);
    all[70] = said(1, 70, Wrong::Bit(300));
    let proven = among(&all);
    let places: Vec<_> = (0..all.len()).filter(|at| is_proven(&proven, &all[*at])).collect();
    assert_eq!(places, (0..64).chain(128..130).collect::<Vec<_>>());
}

/// What another key signed stands elsewhere in the order.
#[test]
fn who_signs_wrongly_spoils_its_own() {
    let (good, mut bad) = (honest(1, 64), honest(2, 64));
    bad.iter_mut().for_each(|it| it.message.push(0));
    let mixed: Vec<_> = good.iter().zip(&bad).flat_map(|(a, b)| [a.clone(), b.clone()]).collect();
    let proven = among(&mixed);
    assert!(good.iter().all(|it| is_proven(&proven, it)));
    assert!(!bad.iter().any(|it| is_proven(&proven, it)));
}

#[test]
fn what_is_proven_lends_nothing_to_its_like() {
    let all = honest(1, 8);
    let proven = among(&all);
    let (Said { key, message, signature }, other) = (&all[3], keypair(2).public());
    let verify = |key: &PublicKey, domain, message: &[u8], signature: &Signature| {
        proven.verify(key, domain, message, signature)
    };
    let mismatch = Err(SignatureError::Mismatch);
    assert_eq!(verify(key, Domain::Envelope, message, signature), Ok(()));
    assert_eq!(verify(key, Domain::Ledger, message, signature), mismatch);
    assert_eq!(verify(&other, Domain::Envelope, message, signature), mismatch);
    assert_eq!(verify(key, Domain::Envelope, b"other", signature), mismatch);
    for at in 0..Signature::LEN * 8 {
        let mut wrong = *signature;
        wrong.0[at / 8] ^= 1 << (at % 8);
        assert_eq!(verify(key, Domain::Envelope, message, &wrong), mismatch);
    }
}

#[test]
fn one_alone_waits_until_it_is_asked_for() {
    assert!(among(&honest(1, 1)).0.is_empty());
    assert!(among(&[]).0.is_empty());
}

/// Replicas that share what they verified share this too, and verify nothing that another of them did.
#[test]
fn what_was_verified_together_is_kept_for_those_who_share() {
    let sealed = std::thread::spawn(|| honest(1, 3)).join().expect("it signs");
    Signatures::keep(64).use_here();
    let known = |it: &Said| {
        let labelled = Domain::Envelope.labelled(&it.message);
        verified::is_known(&verified::digest(&it.key.0, &labelled, &it.signature.0))
    };
    assert!(!sealed.iter().any(known));
    among(&sealed);
    assert!(sealed.iter().all(known));
    let (before, wrong) = (sealed[0].clone(), said(1, 9, Wrong::Message));
    let proven = among(&[before.clone(), wrong.clone()]);
    assert!(is_proven(&proven, &before) && !is_proven(&proven, &wrong));
    assert!(!known(&wrong));
    Signatures::use_none_here();
}

#[test]
fn a_key_signs_for_both_libraries_alike() {
    let pair = SigningKeypair::from_seed([9; 32]);
    let other = ed25519_zebra::SigningKey::from([9; 32]);
    let labelled = Domain::Envelope.labelled(b"header");
    assert_eq!(other.sign(&labelled).to_bytes(), pair.sign(Domain::Envelope, b"header").0);
}
