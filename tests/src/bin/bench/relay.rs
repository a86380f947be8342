//! What a relay takes in and hands on: one hospital pushes, five facilities read, over QUIC on the loopback. The relay is a process of
//! its own; those who push and read have no store, so that it is the relay that is measured.

use std::time::{Duration, Instant};

use azalea_core::access::{Access, ScopeKind, Statement, created_scope};
use azalea_core::document::DocumentId;
use azalea_core::envelope::{Body, Chain, Draft, Formats, Header, seal};
use azalea_core::id::{EnvelopeId, GrantId, ScopeId};
use azalea_core::identity::Identity;
use azalea_core::keys::ScopeKey;
use azalea_core::sync::message::{Bytes, Message};
use azalea_core::wire::{Reader, Wire};
use azalea_tests::session::{Session, identity, now, relay_seed};
use azalea_tests::{CLINIC, HOSPITAL, Part, Region};
use rand::Rng;
use tokio::task::JoinSet;

use super::{peak_memory, row, size, time};

/// Who reads.
const READERS: [Part; 5] = [
    Part { slug: "reader-1", ..CLINIC },
    Part { slug: "reader-2", ..CLINIC },
    Part { slug: "reader-3", ..CLINIC },
    Part { slug: "reader-4", ..CLINIC },
    Part { slug: "reader-5", ..CLINIC },
];
/// Bytes of content in an envelope: about one laboratory result. Random, so it does not shrink.
const CONTENT_BYTES: usize = 1_024;
/// Envelopes of one push.
const PUSH: usize = 64;
/// Envelopes that are pushed and not acknowledged.
const UNDER_WAY: usize = 1_024;

/// Pushes so many envelopes and waits until all five readers have all of them.
pub(super) fn run(envelopes: usize) {
    let mut region = Region::start();
    let hospital = identity(&region.joined(&HOSPITAL));
    let readers = READERS.map(|part| identity(&region.joined(&part)));
    let (address, seed) = (region.relay.address(), relay_seed(&region.relay));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let (taken, delivered, bytes) = runtime.expect("a runtime").block_on(async {
        let mut writer = Session::open(&hospital, address, &seed).await;
        writer.whole_feed(&hospital).await;
        let (scope, opening, content) = chart(&hospital, &readers, envelopes);
        push(&mut writer, opening).await;
        let mut reading = JoinSet::new();
        for reader in readers {
            let mut session = Session::open(&reader, address, &seed).await;
            session.whole_feed(&reader).await;
            reading.spawn(async move { read(session, scope, envelopes).await });
        }
        let bytes: usize = content.iter().map(Vec::len).sum();
        let before = Instant::now();
        push(&mut writer, content).await;
        let taken = before.elapsed();
        let last = reading.join_all().await.into_iter().max().expect("five readers");
        (taken, last.duration_since(before), bytes)
    });
    let rate = |took: Duration| envelopes as f64 / took.as_secs_f64();
    row(
        "relay: verified, durable, acknowledged",
        &format!(
            "{envelopes} envelopes, {}, {}, {:.0} envelopes/s",
            size(bytes as u64),
            time(taken),
            rate(taken)
        ),
    );
    row(
        "relay: at all of five readers",
        &format!(
            "{}, {:.0} envelopes/s in, {:.0} out",
            time(delivered),
            rate(delivered),
            rate(delivered) * READERS.len() as f64
        ),
    );
    row("relay: peak memory", &size(peak_memory(region.relay.daemon().pid())));
}

/// A chart that the readers may read: its id, what opens it, and what is written in it.
pub(super) fn chart(
    hospital: &Identity,
    readers: &[Identity],
    envelopes: usize,
) -> (ScopeId, Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let mut rng = rand::rng();
    let mut nonce = [0; 16];
    rng.fill_bytes(&mut nonce);
    let (kind, owner) = (ScopeKind::Chart, hospital.facility);
    let scope = created_scope(kind, &owner, &nonce);
    let key = ScopeKey::random(&mut rng);
    let mut chain = Chain::new();
    let mut next = |body: &Body, key: Option<&ScopeKey>| {
        let (seq, previous) = chain.next();
        let (network, epoch, at) = (hospital.network, u32::from(key.is_some()), now());
        let draft = Draft { network, scope, seq, previous, epoch, at, formats: Formats::default() };
        let sealed = seal(draft, body, key, &hospital.device).expect("a small body");
        chain.follow(sealed.claimed_header());
        sealed.into_bytes()
    };
    let mut opening = vec![next(&Body::Statement(Statement::Create { kind, owner, nonce }), None)];
    for (tick, reader) in (1..).zip(readers) {
        let mut grant = [0; 16];
        rng.fill_bytes(&mut grant);
        let statement = Statement::Grant {
            grant: GrantId(grant),
            facility: reader.facility,
            access: Access::READ,
            from: now(),
            until: None,
            consent: None,
            tick,
        };
        opening.push(next(&Body::Statement(statement), None));
    }
    let content = (0..envelopes).map(|_| {
        let mut changes = vec![0; CONTENT_BYTES];
        rng.fill_bytes(&mut changes);
        next(&Body::Document { document: DocumentId::Profile, changes }, Some(&key))
    });
    (scope, opening, content.collect())
}

/// Pushes everything and waits until all of it is acknowledged.
pub(super) async fn push(session: &mut Session, envelopes: Vec<Vec<u8>>) {
    let mut under_way = 0;
    let mut envelopes = envelopes.into_iter().peekable();
    while under_way > 0 || envelopes.peek().is_some() {
        if under_way < UNDER_WAY && envelopes.peek().is_some() {
            let part: Vec<Bytes> = envelopes.by_ref().take(PUSH).map(Bytes).collect();
            under_way += part.len();
            session.say(&Message::Push(part)).await;
        } else if let Message::Taken { stored, refused } = session.hear().await {
            assert!(refused.is_empty(), "the relay refused: {:?}", refused[0].cause);
            under_way -= stored.iter().filter(|id| **id != EnvelopeId::ZERO).count();
        }
    }
}

/// Reads a feed until so many sealed envelopes of the scope have come; gives the moment.
async fn read(mut session: Session, scope: ScopeId, envelopes: usize) -> Instant {
    let mut left = envelopes;
    while left > 0 {
        let Message::Feed { items, .. } = session.hear().await else { continue };
        let Some(position) = items.last().map(|item| item.position) else { continue };
        let headers = items.iter().map(|item| Header::read(&mut Reader::new(&item.envelope.0)));
        let ours = |header: &Header| header.scope == scope && !header.is_clear();
        left -= headers.filter(|header| header.as_ref().is_ok_and(ours)).count();
        session.say(&Message::Seen { position }).await;
    }
    Instant::now()
}
