//! One of each form, the same in every run.

use azalea_core::access::{ScopeKind, Statement};
use azalea_core::document::{
    Author, CareNote, Contribution, DocumentId, Editor, NoteEdit, RecordHeader, RecordKey,
    RecordVersion, Vital,
};
use azalea_core::document::{Content, content_digest};
use azalea_core::envelope::{Body, Chain, Draft, Formats, Header, SignedEnvelope, seal};
use azalea_core::id::{
    DeviceId, EnvelopeId, FacilityId, NetworkId, NoteId, PatientId, ScopeId, Timestamp, VersionId,
};
use azalea_core::identity::SigningKeypair;
use azalea_core::keys::{Descriptor, KeyGrant, ScopeKey};
use azalea_core::wire::Wire;

pub(crate) type Samples = Vec<(&'static str, Vec<u8>)>;

pub(crate) fn key() -> ScopeKey {
    ScopeKey::from([9; 32])
}

pub(crate) fn version() -> RecordVersion {
    let raw = r#"{"resourceType":"Observation","id":"o1","valueQuantity":{"value":6.30}}"#;
    RecordVersion {
        key: RecordKey { kind: "Observation".into(), id: "o1".into() },
        parents: vec![VersionId([1; 16]), VersionId([2; 16])],
        content: content_digest(raw.as_bytes()),
        header: RecordHeader {
            care_date: Some(20261122),
            source: "fhir".into(),
            full_url: Some("urn:uuid:0b5e".into()),
            received: Timestamp(1_795_000_000_000),
            by: "import".into(),
        },
        body: Content::Raw(raw.into()),
    }
}

fn author() -> Author {
    Author { device: DeviceId([3; 16]), facility: FacilityId([4; 16]) }
}

fn changes() -> Vec<u8> {
    let editor = Editor { author: author(), staff: "nurse".into() };
    let edit = NoteEdit {
        text: Some("夜間に発熱あり。".into()),
        vitals: [(Vital::Temperature, "38.0".into())].into(),
        ..NoteEdit::default()
    };
    CareNote::create(&edit, &editor, Timestamp(1_795_000_000_000)).expect("a small note").1
}

pub(crate) fn grants() -> Samples {
    let grant = |patient, class: &str| KeyGrant {
        scope: ScopeId([5; 16]),
        epoch: 2,
        key: key(),
        descriptor: Descriptor {
            kind: ScopeKind::Chart,
            owner: FacilityId([6; 16]),
            patient,
            local: patient.map(|_| "0001234".into()),
            class: class.into(),
        },
    };
    vec![
        ("patient", grant(Some(PatientId([7; 16])), "精神").to_bytes()),
        ("directory", grant(None, "").to_bytes()),
    ]
}

pub(crate) fn bodies() -> Vec<(&'static str, Body)> {
    let removed = RecordVersion { body: Content::Removed, ..version() };
    let grants =
        grants().iter().filter_map(|(_, bytes)| KeyGrant::from_bytes(bytes).ok()).collect();
    vec![
        ("statement", Body::Statement(Statement::Rotate { epoch: 2 })),
        (
            "records",
            Body::Records {
                document: DocumentId::Volume { year: 2026 },
                versions: vec![version(), removed],
            },
        ),
        ("note", Body::Note { note: NoteId([8; 16]), changes: changes() }),
        ("document", Body::Document { document: DocumentId::Links, changes: vec![1, 2, 3] }),
        ("keys", Body::Keys(grants)),
    ]
}

pub(crate) fn versions() -> Samples {
    let removed = RecordVersion { body: Content::Removed, parents: Vec::new(), ..version() };
    vec![("raw", version().to_bytes()), ("removed", removed.to_bytes())]
}

pub(crate) fn envelopes() -> Vec<(&'static str, SignedEnvelope)> {
    let signer = SigningKeypair::from_seed([3; 32]);
    let (seq, previous) = Chain::at(1, EnvelopeId([2; 32])).next();
    bodies()
        .into_iter()
        .map(|(name, body)| {
            let sealed = body.document().map(|_| key());
            let draft = Draft {
                network: NetworkId([1; 32]),
                scope: ScopeId([5; 16]),
                seq,
                previous,
                epoch: u32::from(sealed.is_some()),
                at: Timestamp(1_795_000_000_000),
                formats: Formats::default(),
            };
            (name, seal(draft, &body, sealed.as_ref(), &signer).expect("a small body"))
        })
        .collect()
}

pub(crate) fn headers() -> Samples {
    let header = |envelope: &SignedEnvelope| Header::to_bytes(envelope.claimed_header());
    envelopes().iter().map(|(name, envelope)| (*name, header(envelope))).collect()
}

pub(crate) fn rows() -> Samples {
    vec![
        ("contribution", Contribution { author: author(), changes: changes() }.to_bytes()),
        ("chain", Chain::at(7, EnvelopeId([7; 32])).to_bytes()),
    ]
}

pub(crate) fn stored_note() -> Vec<u8> {
    let contribution = Contribution { author: author(), changes: changes() };
    CareNote::replay(&[contribution]).0.save()
}

/// Every sample by the fuzz target that starts from it.
pub(crate) fn all() -> Vec<(&'static str, Samples)> {
    let bytes = |body: &Body| body.to_bytes();
    vec![
        ("header", headers()),
        (
            "signed_envelope",
            envelopes().into_iter().map(|(name, it)| (name, it.into_bytes())).collect(),
        ),
        ("body", bodies().iter().map(|(name, body)| (*name, bytes(body))).collect()),
        ("record_version", versions()),
        ("key_grant", grants()),
        ("row", rows()),
        ("stored_note", vec![("note", stored_note())]),
    ]
}
