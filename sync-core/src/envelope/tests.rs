//! An envelope's whole way: sealed, altered, verified, admitted, opened.

use proptest::prelude::*;

use super::*;
use crate::access::{Access, Denial, ScopeAccess, ScopeKind, Statement, created_scope};
use crate::document::{Content, DocumentId, RecordHeader, RecordKey, RecordVersion};
use crate::id::{
    DeviceId, DocumentTag, EnvelopeId, GrantId, NetworkId, NoteId, ScopeId, Timestamp,
};
use crate::identity::{
    AgreementKeypair, Certificate, Device, Facility, FacilityKind, Possession, Rights, Root,
    Roster, Signed, SigningKeypair, Validity,
};
use crate::keys::ScopeKey;
use crate::wire::{Wire, WireError};

/// A network with a hospital, a clinic, and a care scope that the hospital made.
struct World {
    network: NetworkId,
    roster: Roster,
    hospital: SigningKeypair,
    clinic: SigningKeypair,
    scope: ScopeId,
    access: Option<ScopeAccess>,
    key: ScopeKey,
}

const NOW: Timestamp = Timestamp(1_795_000_000_000);

fn world() -> World {
    let root = SigningKeypair::from_seed([1; 32]);
    let network = root.public().network_id();
    let mut roster = Roster::new(network);
    let mut admit = |certificate| {
        roster.admit(certificate).expect("a certificate in good order");
    };
    let claims = Root { key: root.public(), name: "協議会".into(), created: NOW };
    admit(Certificate::Root(Signed::sign(claims, &root).expect("within limits")));
    let mut join = |seed: u8, kind| {
        let facility = SigningKeypair::from_seed([seed; 32]);
        let device = SigningKeypair::from_seed([seed + 1; 32]);
        let agreement = AgreementKeypair::from_seed([seed + 2; 32]);
        let validity = Validity::lasting(NOW, 1_000_000);
        let claims = Facility {
            network,
            key: facility.public(),
            code: seed.to_string(),
            name: "施設".into(),
            kana: "シセツ".into(),
            english: "facility".into(),
            kind,
            rights: Rights { disclose: true, view: true },
            validity,
            registrar: root.public(),
        };
        let id = claims.id();
        admit(Certificate::Facility(Signed::sign(claims, &root).expect("within limits")));
        let claims = Device {
            facility: id,
            key: device.public(),
            agreement: agreement.public().clone(),
            possession: Possession::prove(&device, &id, agreement.public()),
            label: "node".into(),
            validity,
        };
        admit(Certificate::Device(Signed::sign(claims, &facility).expect("within limits")));
        (id, device)
    };
    let (owner, hospital) = join(10, FacilityKind::Hospital);
    let (_, clinic) = join(20, FacilityKind::Clinic);
    let nonce = [7; 16];
    let scope = created_scope(ScopeKind::Care, &owner, &nonce);
    let create = Statement::Create { kind: ScopeKind::Care, owner, nonce };
    let author = hospital.public().device_id();
    let access = ScopeAccess::begin(&network, scope, author, owner, &create).ok();
    assert!(access.is_some());
    World { network, roster, hospital, clinic, scope, access, key: ScopeKey::from([9; 32]) }
}

impl World {
    fn draft(&self) -> Draft {
        let (seq, previous) = Chain::new().next();
        Draft {
            network: self.network,
            scope: self.scope,
            seq,
            previous,
            epoch: 1,
            at: NOW,
            formats: Formats::default(),
        }
    }

    fn seal(&self, body: &Body) -> SignedEnvelope {
        seal(self.draft(), body, Some(&self.key), &self.hospital).expect("a small body")
    }

    fn verify(&self, envelope: SignedEnvelope) -> Result<VerifiedEnvelope, VerifyError> {
        envelope.verify(&self.roster, &self.network)
    }

    fn admitted(&self, body: &Body) -> AdmittedEnvelope {
        let verified = self.verify(self.seal(body)).expect("just sealed");
        verified.admit(&self.roster, self.access.as_ref()).expect("the owner may write")
    }
}

fn note(changes: &[u8]) -> Body {
    Body::Note { note: NoteId([5; 16]), changes: changes.to_vec() }
}

fn records(raw: &[u8]) -> Body {
    let version = RecordVersion {
        key: RecordKey { kind: "Observation".into(), id: "o1".into() },
        parents: Vec::new(),
        content: [3; 32],
        header: RecordHeader {
            care_date: Some(20261122),
            source: "fhir".into(),
            full_url: None,
            received: NOW,
            by: "s1".into(),
        },
        body: Content::Raw(raw.to_vec()),
    };
    Body::Records { document: DocumentId::Volume { year: 2026 }, versions: vec![version] }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_sealed_body_goes_the_whole_way_and_comes_back_as_it_was() {
    let world = world();
    let body = records(b"{ \"value\": 6.30 }\r\n");
    let envelope = world.admitted(&body);
    let opened = envelope.open(&world.key, Formats::default()).expect("sealed with this key");
    assert_eq!(*opened, body);
    assert_eq!(format!("{opened:?}"), format!("Plaintext(Records, {} bytes)", opened.len()));
    let restored = AdmittedEnvelope::restore(envelope.as_bytes()).expect("our own bytes");
    assert_eq!(restored, envelope);
}

#[test]
fn a_sealed_envelope_has_these_bytes() {
    let world = world();
    let envelope = world.seal(&note(b"0123456789"));
    let expected = include_str!("tests/sealed.hex").split_whitespace().collect::<String>();
    assert_eq!(hex(envelope.as_bytes()), expected);
}

/// What was sealed before there were dictionaries lies in stores and at relays, and is read for ever.
#[test]
fn an_envelope_without_a_dictionary_opens() {
    let world = world();
    let sealed =
        include_str!("tests/sealed-dictionary-0.hex").split_whitespace().collect::<String>();
    let byte = |at| u8::from_str_radix(&sealed[at..at + 2], 16).expect("hex");
    let bytes: Vec<u8> = (0..sealed.len()).step_by(2).map(byte).collect();
    let envelope = SignedEnvelope::from_bytes(bytes).expect("whole");
    let verified = world.verify(envelope).expect("signed");
    let admitted =
        verified.admit(&world.roster, world.access.as_ref()).expect("the owner may write");
    assert_eq!(
        *admitted.open(&world.key, Formats::default()).expect("sealed with this key"),
        note(b"0123456789")
    );
}

#[test]
fn a_clear_statement_has_these_bytes_and_is_readable_without_a_key() {
    let world = world();
    let body = Body::Statement(Statement::Rotate { epoch: 2 });
    let envelope = seal(Draft { epoch: 0, ..world.draft() }, &body, None, &world.hospital)
        .expect("a statement");
    let expected = include_str!("tests/clear.hex").split_whitespace().collect::<String>();
    assert_eq!(hex(envelope.as_bytes()), expected);
    assert_eq!(envelope.claimed_header().tag, DocumentTag::ZERO);

    let verified = world.verify(envelope).expect("just sealed");
    assert_eq!(verified.statement(), Ok(Some(Statement::Rotate { epoch: 2 })));
    let admitted = verified.admit(&world.roster, world.access.as_ref()).expect("the owner governs");
    assert_eq!(admitted.open(&world.key, Formats::default()), Err(OpenError::Clear));
    assert_eq!(world.admitted(&note(b"x")).statement(), Ok(None));
}

#[test]
fn any_flipped_bit_is_refused() {
    let world = world();
    let whole = world.seal(&note(b"some changes")).into_bytes();
    for at in 0..whole.len() * 8 {
        let mut altered = whole.clone();
        altered[at / 8] ^= 1 << (at % 8);
        let verified = SignedEnvelope::from_bytes(altered).map(|envelope| world.verify(envelope));
        assert!(!matches!(verified, Ok(Ok(_))), "bit {at} went unnoticed");
    }
}

#[test]
fn a_truncated_or_lengthened_envelope_is_refused() {
    let world = world();
    let whole = world.seal(&note(b"some changes")).into_bytes();
    for len in 0..whole.len() {
        assert!(SignedEnvelope::from_bytes(&whole[..len]).is_err(), "{len} bytes passed");
    }
    let longer = [whole.as_slice(), &[0]].concat();
    assert_eq!(SignedEnvelope::from_bytes(longer), Err(WireError::LeftOver { count: 1 }));
}

#[test]
fn strangers_other_networks_and_other_bodies_are_told_apart() {
    let world = world();
    let stranger = SigningKeypair::from_seed([99; 32]);
    let forged = seal(world.draft(), &note(b"x"), Some(&world.key), &stranger).expect("small");
    let id = stranger.public().device_id();
    assert_eq!(world.verify(forged), Err(VerifyError::UnknownAuthor(id)));

    let elsewhere = Draft { network: NetworkId([4; 32]), ..world.draft() };
    let foreign = seal(elsewhere, &note(b"x"), Some(&world.key), &world.hospital).expect("small");
    assert_eq!(world.verify(foreign), Err(VerifyError::OtherNetwork));

    let mut swapped = world.seal(&note(b"x")).into_bytes();
    *swapped.last_mut().expect("not empty") ^= 1;
    let swapped = SignedEnvelope::from_bytes(swapped).expect("the shape is kept");
    assert_eq!(world.verify(swapped), Err(VerifyError::BodyDiffers));

    let registry = crate::access::registry_scope(&world.network);
    let draft = Draft { scope: registry, ..world.draft() };
    let sealed = seal(draft, &note(b"x"), Some(&world.key), &world.hospital).expect("small");
    assert_eq!(world.verify(sealed), Err(VerifyError::SealedRegistry));
}

/// One wrong envelope among many: its neighbours are what they are without it, and so is it.
#[test]
fn envelopes_whose_signatures_were_verified_together_are_told_apart_as_ever() {
    let world = world();
    let stranger = SigningKeypair::from_seed([99; 32]);
    let sealed = |draft: Draft, by: &SigningKeypair, text: &str| {
        let sealed = seal(draft, &note(text.as_bytes()), Some(&world.key), by).expect("small");
        sealed.into_bytes()
    };
    let elsewhere = Draft { network: NetworkId([4; 32]), ..world.draft() };
    let mut all = vec![
        sealed(world.draft(), &stranger, "x"),
        sealed(elsewhere, &world.hospital, "x"),
        sealed(world.draft(), &world.clinic, "x"),
    ];
    all.extend((0..70).map(|it| sealed(world.draft(), &world.hospital, &it.to_string())));
    let flip = |at: fn(usize) -> usize| {
        let mut altered = sealed(world.draft(), &world.hospital, "5");
        let at = at(altered.len());
        altered[at] ^= 1;
        altered
    };
    // The author's time, both halves of the signature, the body, beside the envelope as it was.
    let altered = [flip(|_| 130), flip(|_| 190), flip(|_| 230), flip(|len| len - 1)];
    for count in 0..=altered.len() {
        let mut all = all.clone();
        all.extend_from_slice(&altered[..count]);
        let proven = prove(all.iter().map(Vec::as_slice), &world.roster, &world.network);
        for bytes in all {
            let signed = SignedEnvelope::from_bytes(bytes).expect("the shape is kept");
            let among = signed.clone().verify_among(&proven, &world.roster, &world.network);
            assert_eq!(among, world.verify(signed));
        }
    }
}

#[test]
fn a_clinic_without_a_grant_is_not_admitted_and_with_one_it_is() {
    let world = world();
    let envelope =
        seal(world.draft(), &note(b"x"), Some(&world.key), &world.clinic).expect("small");
    let verified = world.verify(envelope).expect("the clinic's device is known");
    let refused = verified.admit(&world.roster, world.access.as_ref());
    assert_eq!(refused, Err(Denial::NotMember));

    let facility_of = |device: DeviceId| world.roster.device(&device).map(|device| device.facility);
    let hospital = world.hospital.public().device_id();
    let clinic = facility_of(world.clinic.public().device_id()).expect("it joined");
    let grant = Statement::Grant {
        grant: GrantId([1; 16]),
        facility: clinic,
        access: Access::WRITE,
        from: NOW,
        until: None,
        consent: None,
        tick: 1,
    };
    let mut access = world.access.clone().expect("created");
    access.apply(hospital, facility_of(hospital).expect("it joined"), &grant).expect("the owner");
    assert!(verified.admit(&world.roster, Some(&access)).is_ok());
}

#[test]
fn another_key_opens_nothing() {
    let world = world();
    let envelope = world.admitted(&note(b"x"));
    assert_eq!(envelope.open(&ScopeKey::from([8; 32]), Formats::default()), Err(OpenError::Key));
}

#[test]
fn content_under_another_documents_tag_is_refused() {
    let world = world();
    let document = DocumentId::Volume { year: 1999 };
    let mut header = world.seal(&note(b"x")).claimed_header().clone();
    header.tag = document.tag(&world.key);
    let frame = cipher::pack(&note(b"x").to_bytes(), Formats::NEWEST);
    let body = cipher::encrypt(&mut header, frame, &world.key);
    let signature = world.hospital.sign(crate::identity::Domain::Envelope, &header.to_bytes());
    let bytes = [header.to_bytes(), signature.as_bytes().to_vec(), body].concat();
    let envelope = AdmittedEnvelope::restore(bytes).expect("well formed");
    assert_eq!(envelope.open(&world.key, Formats::default()), Err(OpenError::Misplaced));
}

#[test]
fn a_statement_is_never_sealed_and_nothing_else_is_ever_clear() {
    let world = world();
    let statement = Body::Statement(Statement::Rotate { epoch: 2 });
    let clear = Draft { epoch: 0, ..world.draft() };
    for (draft, body, key) in [
        (world.draft(), &statement, Some(&world.key)),
        (clear, &statement, Some(&world.key)),
        (world.draft(), &statement, None),
        (clear, &note(b"x"), None),
        (clear, &note(b"x"), Some(&world.key)),
        (world.draft(), &note(b"x"), None),
    ] {
        assert_eq!(seal(draft, body, key, &world.hospital), Err(SealError::Misplaced));
    }
}

#[test]
fn a_body_that_is_too_large_is_refused_before_it_is_signed() {
    let world = world();
    let mut noise = blake3::Hasher::new().finalize_xof();
    let mut raw = vec![0; crate::wire::limits::BODY.max + 1];
    noise.fill(&mut raw);
    let refused = seal(world.draft(), &records(&raw), Some(&world.key), &world.hospital);
    assert!(matches!(refused, Err(SealError::TooLarge { limit: "body_bytes_max", .. })));
}

/// A node is restored from an old backup and writes other content under a number that it had used: the
/// keystream must not repeat, or the relay could subtract the two.
#[test]
fn after_a_restore_the_same_number_gives_another_key() {
    let world = world();
    let first = world.seal(&note(b"fever since Monday"));
    let second = world.seal(&note(b"fever since Sunday"));
    let (first_header, second_header) = (first.claimed_header(), second.claimed_header());
    assert_eq!(first_header.seq, second_header.seq);
    assert_ne!(first_header.salt, second_header.salt);
    let later = Draft { at: NOW.plus_ms(1), ..world.draft() };
    let later = seal(later, &note(b"fever since Monday"), Some(&world.key), &world.hospital);
    assert_ne!(later.expect("small").claimed_header().salt, first_header.salt);
    assert_eq!(world.seal(&note(b"fever since Monday")), first, "the same again is the same");
}

#[test]
fn a_chain_follows_what_was_sealed_and_sees_a_fork() {
    let world = world();
    let mut chain = Chain::new();
    let write = |chain: &Chain, text: &[u8]| {
        let (seq, previous) = chain.next();
        let draft = Draft { seq, previous, ..world.draft() };
        seal(draft, &note(text), Some(&world.key), &world.hospital).expect("small")
    };
    let first = write(&chain, b"one");
    assert_eq!(chain.follow(first.claimed_header()), Link::Next);
    let second = write(&chain, b"two");
    let rival = write(&chain, b"zwei");
    assert_eq!(chain.follow(second.claimed_header()), Link::Next);
    assert_eq!(chain.follow(second.claimed_header()), Link::Known);
    assert_eq!(chain.follow(rival.claimed_header()), Link::Fork);
    let third = Header { seq: 4, ..second.claimed_header().clone() };
    assert_eq!(chain.follow(&third), Link::Gap { expected: 3 });
    assert_eq!(chain.tip().map(|tip| tip.id), Some(second.claimed_id()));
    assert_ne!(chain.tip().map(|tip| tip.id), Some(EnvelopeId::ZERO));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_is_sealed_opens_to_the_same(
        raw in prop::collection::vec(any::<u8>(), 0..4_096),
        repeat in 1..16usize,
        epoch in 1..u32::MAX,
        seq in 2..u64::MAX,
        seed in any::<[u8; 32]>(),
    ) {
        let world = world();
        let key = ScopeKey::from(seed);
        let body = records(&raw.repeat(repeat));
        let draft = Draft { epoch, seq, previous: EnvelopeId([1; 32]), ..world.draft() };
        let envelope = seal(draft, &body, Some(&key), &world.hospital).expect("small");
        let again = SignedEnvelope::from_bytes(envelope.as_bytes()).expect("the same bytes");
        prop_assert_eq!(&again, &envelope);
        let verified = world.verify(again).expect("untouched");
        let admitted = verified.admit(&world.roster, world.access.as_ref()).expect("the owner");
        prop_assert_eq!(&*admitted.open(&key, Formats::default()).expect("this key"), &body);
    }
}
