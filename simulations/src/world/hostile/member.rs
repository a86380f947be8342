//! A member with good papers that does what it may not: it speaks to the relay with its own key, and writes
//! envelopes by hand.

use azalea_core::access::{Access, ScopeKind, Statement, registry_scope};
use azalea_core::document::{
    Author, CareNote, Content, DocumentId, Editor, NoteEdit, RecordHeader, RecordKey,
    RecordVersion, content_digest,
};
use azalea_core::envelope::{Body, Draft, Formats, seal};
use azalea_core::id::{DeviceId, EnvelopeId, FacilityId, GrantId, NoteId, ScopeId, Timestamp};
use azalea_core::identity::{Certificate, Identity, Rights, Signed};
use azalea_core::keys::ScopeKey;
use azalea_core::sync::message::{Bytes, Hello, Message};
use azalea_core::wire::limits;
use rand::rngs::StdRng;

use crate::world::council::Member;

/// The word that stands in everything it writes, so that a checker finds it wherever it is shown.
pub(in crate::world) const MARK: &str = "forged-by-a-member";

/// What it knows of the others: the world tells it, as a relay that helps it would.
pub(in crate::world) struct Target {
    pub(in crate::world) scope: ScopeId,
    pub(in crate::world) kind: ScopeKind,
    pub(in crate::world) victim: DeviceId,
    /// The end of the victim's chain.
    pub(in crate::world) end: (u64, EnvelopeId),
}

/// How it begins a session.
pub(in crate::world) fn hello(identity: &Identity, now: Timestamp) -> Message {
    Message::Hello(Hello {
        network: identity.network,
        device: identity.device_id(),
        cursor: None,
        want_own: false,
        at: now,
    })
}

/// Everything that it pushes at one scope.
pub(in crate::world) fn attack(
    member: &Member,
    rng: &mut StdRng,
    target: &Target,
    now: Timestamp,
) -> Vec<Message> {
    let identity = &member.identity;
    let key = ScopeKey::random(rng);
    let versions = vec![record(now)];
    let records = Body::Records { document: DocumentId::Volume { year: 2026 }, versions };
    let note = note(identity, rng, now);
    let (facility, tick) = (identity.facility, u64::MAX);
    let (nobody, nonce) = (FacilityId([9; 16]), [1; 16]);
    let grant = Statement::Grant {
        grant: GrantId::random(rng),
        facility,
        access: Access::ALL,
        from: Timestamp(1),
        until: None,
        consent: None,
        tick,
    };
    let put_out =
        Statement::Revoke { facility: nobody, consent: None, at: now, accepted: vec![], tick };
    let create = Statement::Create { kind: target.kind, owner: facility, nonce };
    let forge_in = |scope, (seq, previous): (u64, EnvelopeId), at: Timestamp, body: &Body| {
        let network = identity.network;
        let epoch = u32::from(body.document().is_some());
        let draft = Draft { network, scope, seq, previous, epoch, at, formats: Formats::default() };
        let sealed = seal(draft, body, (epoch > 0).then_some(&key), &identity.device);
        sealed.expect("small bodies").as_bytes().to_vec()
    };
    let forge = |place, at, body: &Body| forge_in(target.scope, place, at, body);
    let (first, second) = ((1, EnvelopeId::ZERO), (2, EnvelopeId::ZERO));
    let past = Timestamp(now.0.saturating_sub(86_400_000 / 4));
    // In the victim's name, at the next place of its chain: the header says so, the signature cannot.
    let mut stolen = forge((target.end.0 + 1, target.end.1), now, &records);
    let author = identity.device_id();
    if let Some(at) = stolen.windows(16).position(|part| part == author.as_bytes()) {
        stolen[at..at + 16].copy_from_slice(target.victim.as_bytes());
    }
    let batch = [
        // In its own name, where it has no right: content, a grant to itself, the scope made its own.
        forge(first, now, &records),
        forge(first, now, &note),
        forge(first, now, &Body::Statement(grant)),
        forge(first, now, &Body::Statement(put_out)),
        forge(first, now, &Body::Statement(create)),
        // Dated back, to before anybody could have put it out.
        forge(first, past, &records),
        // Two envelopes with one number.
        forge(second, now, &records),
        forge(second, now, &note),
        stolen,
        // Papers with more rights than the council gave, signed by itself.
        forge_in(registry_scope(&identity.network), first, now, &papers(member)),
        vec![0xff; 200],
        Vec::new(),
    ];
    let mut messages: Vec<Message> =
        batch.into_iter().map(|bytes| Message::Push(vec![Bytes(bytes)])).collect();
    messages.push(Message::Push(vec![Bytes(vec![7; 5]); 64]));
    // Longer than an envelope may be, though it begins as one; and more of them than a message may hold.
    let mut long = forge(first, now, &records);
    long.resize(limits::ENVELOPE.max + 1, 0);
    messages.push(Message::Push(vec![Bytes(long)]));
    messages.push(Message::Push(vec![Bytes(Vec::new()); limits::ENVELOPES.max + 1]));
    messages.push(Message::Seen { position: u64::MAX });
    messages
}

fn papers(member: &Member) -> Body {
    let issued = member.certificates.iter().find_map(|certificate| match certificate {
        Certificate::Facility(signed) => Some(signed.claims().clone()),
        _ => None,
    });
    let mut claims = issued.expect("every member has papers");
    claims.rights = Rights { disclose: true, view: true };
    let forged = Signed::sign(claims, &member.identity.device).expect("a small certificate");
    Body::Statement(Statement::Certificate(Certificate::Facility(forged)))
}

fn record(now: Timestamp) -> RecordVersion {
    let raw = format!(r#"{{"resourceType":"Observation","note":"{MARK}"}}"#).into_bytes();
    RecordVersion {
        key: RecordKey { kind: "Observation".to_owned(), id: "forged".to_owned() },
        parents: Vec::new(),
        content: content_digest(&raw),
        header: RecordHeader {
            care_date: Some(20_260_101),
            source: "fhir".to_owned(),
            full_url: None,
            received: now,
            by: "system".to_owned(),
        },
        body: Content::Raw(raw),
    }
}

pub(super) fn note(identity: &Identity, rng: &mut StdRng, now: Timestamp) -> Body {
    let edit = NoteEdit { text: Some(MARK.to_owned()), ..NoteEdit::default() };
    let author = Author { device: identity.device_id(), facility: identity.facility };
    let editor = Editor { author, staff: "nobody".to_owned() };
    let (_, changes) = CareNote::create(&edit, &editor, now).expect("a small note");
    Body::Note { note: NoteId::random(rng), changes }
}
