//! A hostile member and a hostile relay, who hold real keys and speak the real protocol: what they change, repeat, hold back, cut short
//! or forge is refused and counted, and nobody's view changes by it.

use azalea_core::access::Statement;
use azalea_core::envelope::{Body, Draft, Formats, SignedEnvelope, seal};
use azalea_core::id::EnvelopeId;
use azalea_core::identity::SigningKeypair;
use azalea_core::sync::heads::HeadWord;
use azalea_core::sync::message::{Bytes, FeedItem, Message, RefusalCause, Welcome};
use azalea_core::wire::Wire;
use azalea_tests::fhir::{bundle, observation, patient};
use azalea_tests::session::{Session, identity, now, relay_seed};
use azalea_tests::{CLINIC, HOSPITAL, Node, Region, until};
use azalea_transport::endpoint::Endpoint;
use azalea_transport::frames::{read_frame, write_frame};
use std::net::SocketAddr;
use tokio::runtime::Runtime;

const LOCAL: &str = "0004711";

fn chart() -> Vec<String> {
    let mut chart = vec![
        observation("lab-1", LOCAL, "2026-10-01", "クレアチニン", "1.50"),
        observation("lab-2", LOCAL, "2026-10-08", "カリウム", "4.10"),
        patient(LOCAL, "佐竹", "みつ", "サタケ ミツ", "1948-03-03"),
    ];
    chart.sort();
    chart
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts
}

fn parsed(envelope: &[u8]) -> SignedEnvelope {
    SignedEnvelope::from_bytes(envelope.to_vec()).expect("an envelope")
}

/// One bit of the last byte of the body is another.
fn tampered(envelope: &[u8]) -> Vec<u8> {
    let mut bytes = envelope.to_vec();
    *bytes.last_mut().expect("a body") ^= 1;
    bytes
}

/// One bit of the signature is another.
fn unsigned(envelope: &[u8]) -> Vec<u8> {
    let mut bytes = envelope.to_vec();
    let body = parsed(envelope).claimed_header().body_len as usize;
    let signature = bytes.len() - body - 1;
    bytes[signature] ^= 1;
    bytes
}

/// A statement at some place in a chain, signed by `signer`.
fn statement(
    like: &SignedEnvelope,
    seq: u64,
    previous: EnvelopeId,
    signer: &SigningKeypair,
) -> Vec<u8> {
    let header = like.claimed_header();
    let draft = Draft {
        network: header.network,
        scope: header.scope,
        seq,
        previous,
        epoch: 0,
        at: now(),
        formats: Formats::default(),
    };
    let body = Body::Statement(Statement::Rotate { epoch: 99 });
    seal(draft, &body, None, signer).expect("a small statement").into_bytes()
}

/// A hospital whose patient has consented for a clinic, which has joined and not been started yet.
fn disclosed() -> (Region, Node, Node, String) {
    let region = Region::start();
    let hospital = region.join(&HOSPITAL);
    let clinic = region.joined(&CLINIC);
    hospital.import(&region.write("chart.json", &bundle(&chart())));
    let who = hospital.consent(LOCAL, &[&CLINIC]);
    hospital.in_step();
    (region, hospital, clinic, who)
}

#[test]
fn a_hostile_member_changes_nothing_at_the_relay_and_is_counted() {
    let (region, mut hospital, mut clinic, who) = disclosed();
    hospital.stop();
    let (victim, rogue) = (identity(&hospital), identity(&clinic));
    let seed = relay_seed(&region.relay);
    let address = region.relay.address();
    let before = region.relay.status();
    let runtime = Runtime::new().expect("a runtime");
    let refused = runtime.block_on(async {
        let mut session = Session::open(&victim, address, &seed).await;
        let (_, feed) = session.whole_feed(&victim).await;
        let own: Vec<SignedEnvelope> = feed
            .iter()
            .map(|envelope| parsed(envelope))
            .filter(|it| it.claimed_header().author == victim.device_id())
            .collect();
        // The end of the chart's chain; the chart is the longest one with content.
        let content = own.iter().filter(|it| !it.claimed_header().is_clear());
        let longest = content.max_by_key(|it| it.claimed_header().seq).expect("a chart");
        let chart = longest.claimed_header().scope;
        let in_chart = own.iter().filter(|it| it.claimed_header().scope == chart);
        let last = in_chart.max_by_key(|it| it.claimed_header().seq).expect("a chart");
        let header = last.claimed_header();
        let (next, id) = (header.seq + 1, last.claimed_id());

        assert_eq!(session.push(last.as_bytes().to_vec()).await, Ok(()), "known already");
        let mut causes = Vec::new();
        let fork = statement(last, header.seq, header.previous, &victim.device);
        let gap = statement(last, next + 1, id, &victim.device);
        // What would be next, had it not been touched on its way; and copies of what is stored, touched.
        let fresh = statement(last, next, id, &victim.device);
        let stored = last.as_bytes();
        for envelope in [
            tampered(&fresh),
            unsigned(&fresh),
            tampered(stored),
            unsigned(stored),
            gap,
            fork,
            fresh,
        ] {
            let refusal = session.push(envelope).await.expect_err("refused");
            causes.push(refusal.expect("a refusal, not a goodbye").cause);
        }
        assert_eq!(causes[..4], [RefusalCause::Invalid; 4], "tampered, unsigned");
        assert_eq!(causes[4], RefusalCause::Gap { expected: next }, "held back");
        assert_eq!(causes[5], RefusalCause::Fork);
        assert_eq!(causes[6], RefusalCause::Suspended, "nothing more until somebody decides");

        // A member without the right, and somebody who is no member, in the member's session.
        let mut session = Session::open(&rogue, address, &seed).await;
        session.whole_feed(&rogue).await;
        let stranger = SigningKeypair::generate(&mut rand::rng());
        for (signer, cause) in
            [(&rogue.device, RefusalCause::Right), (&stranger, RefusalCause::Author)]
        {
            let forged = statement(last, 1, EnvelopeId::ZERO, signer);
            let refusal = session.push(forged).await.expect_err("refused");
            assert_eq!(refusal.map(|it| it.cause), Some(cause));
            causes.push(cause);
        }
        // Cut short, it is not even an envelope: refused, or the end of the session.
        let bytes = last.as_bytes();
        let cut = session.push(bytes[..bytes.len() - 1].to_vec()).await;
        let cut = cut.expect_err("refused");
        causes.extend(cut.map(|refusal| refusal.cause));
        causes.len()
    });
    let after = region.relay.status();
    assert_eq!(after["envelopes"], before["envelopes"], "none of it was kept");
    assert_eq!(after["forks"], 1, "the contradiction is kept as evidence");
    let counted: u64 =
        after["refused"].as_object().expect("counts").values().filter_map(|it| it.as_u64()).sum();
    assert_eq!(counted, refused as u64, "{after}");
    assert_eq!(region.relay.metric("envelopes_refused"), refused as f64);

    // What the victim writes from now on is kept there until the operator has decided, and everybody is told.
    hospital.start();
    clinic.start();
    until("the chart arrives", || (sorted(clinic.export(&[&who])) == chart()).then_some(()));
    let later = observation("lab-3", LOCAL, "2026-11-01", "ナトリウム", "141");
    hospital.import(&region.write("later.json", &bundle(std::slice::from_ref(&later))));
    until("the hospital knows", || (hospital.status()["suspended_by_relay"] == true).then_some(()));
    let status = hospital.status();
    assert_eq!(status["trouble"], "suspended-by-relay");
    assert!(status["unsent"].as_u64().expect("a count") > 0);
    assert!(!clinic.export(&[&who]).contains(&later));
    assert_eq!(region.relay.metric("devices_suspended"), 1.0);
    let device = victim.device_id().to_string();
    region.relay.ask(&["trust", &device]).expect("azalea-relay trust");
    assert_eq!(region.relay.metric("devices_suspended"), 0.0);
    // It asks again by itself within a minute; a new session asks at once.
    hospital.stop();
    hospital.start();
    until("what comes later arrives", || clinic.export(&[&who]).contains(&later).then_some(()));
    hospital.verify();
    clinic.verify();
}

/// A relay that holds the true one's key and gives whoever calls `envelopes` as their feed, then publishers' words. Where it is called.
fn false_relay(
    runtime: &Runtime,
    seed: &[u8; 32],
    welcome: Welcome,
    envelopes: Vec<Vec<u8>>,
    words: Vec<HeadWord>,
) -> SocketAddr {
    let _inside = runtime.enter();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let endpoint = Endpoint::server(any, seed).expect("an endpoint");
    let address = endpoint.local_addr().expect("an address");
    runtime.spawn(play_relay(endpoint, welcome, envelopes, words));
    address
}

/// Plays the relay to one node after the other: gives the feed and the words, and then only listens.
async fn play_relay(
    endpoint: Endpoint,
    welcome: Welcome,
    envelopes: Vec<Vec<u8>>,
    words: Vec<HeadWord>,
) {
    while let Some(incoming) = endpoint.accept().await {
        let Ok(peer) = incoming.establish().await else { continue };
        let Ok((mut send, mut receive)) = peer.accept().await else { continue };
        let Ok(Some(_hello)) = read_frame(&mut receive).await else { continue };
        let end = envelopes.len() as u64;
        let welcome = Welcome { position: 0, end, at: now(), ..welcome.clone() };
        let _ = write_frame(&mut send, &Message::Welcome(welcome).to_bytes()).await;
        for (position, envelope) in (1..).zip(&envelopes) {
            let items = vec![FeedItem { position, envelope: Bytes(envelope.clone()) }];
            let _ = write_frame(&mut send, &Message::Feed { items, end }.to_bytes()).await;
        }
        let _ = write_frame(&mut send, &Message::Heads(words.clone()).to_bytes()).await;
        while let Ok(Some(_)) = read_frame(&mut receive).await {}
    }
}

#[test]
fn a_hostile_relay_changes_nothing_at_a_node_and_is_counted() {
    let (region, hospital, mut clinic, who) = disclosed();
    let seed = relay_seed(&region.relay);
    let reader = identity(&clinic);
    let runtime = Runtime::new().expect("a runtime");
    let (welcome, feed) = runtime.block_on(async {
        let mut session = Session::open(&reader, region.relay.address(), &seed).await;
        session.whole_feed(&reader).await
    });
    let content: Vec<&Vec<u8>> =
        feed.iter().filter(|it| !parsed(it).claimed_header().is_clear()).collect();
    assert!(!content.is_empty());

    // The members first, then what is changed, cut short and forged, then what is true, backwards and twice.
    let stranger = SigningKeypair::generate(&mut rand::rng());
    let clear = feed.iter().filter(|it| parsed(it).claimed_header().is_clear());
    let mut served: Vec<Vec<u8>> = clear.cloned().collect();
    let good = served.len();
    served.extend(content.iter().map(|envelope| tampered(envelope)));
    served.extend(content.iter().map(|envelope| unsigned(envelope)));
    served.extend(content.iter().map(|envelope| envelope[..envelope.len() - 1].to_vec()));
    let like = parsed(content[0]);
    let bad = (served.len() - good) as u64;
    // Whoever signed this may be a member whose certificate is still to come: it waits and is never used.
    served.push(statement(&like, 1, EnvelopeId::ZERO, &stranger));
    served.extend(feed.iter().rev().cloned());
    served.extend(feed.iter().cloned());

    clinic.start_at(false_relay(&runtime, &seed, welcome, served, Vec::new()));
    until("the true part arrives", || (sorted(clinic.export(&[&who])) == chart()).then_some(()));
    let refused = until("the rest is counted", || {
        let status = clinic.status();
        let counts = status["refused"].as_object()?;
        let count: u64 = counts.values().filter_map(|it| it.as_u64()).sum();
        println!("{count} of {bad}: {counts:?}");
        (count >= bad).then(|| status["refused"].clone())
    });
    println!("refused: {refused}");
    assert_eq!(sorted(clinic.export(&[&who, "--versions"])), chart(), "once each");
    clinic.verify();

    // The true relay again: nothing is missing and nothing is in the way.
    clinic.stop();
    clinic.start();
    let later = observation("lab-3", LOCAL, "2026-11-01", "ナトリウム", "141");
    hospital.import(&region.write("later.json", &bundle(std::slice::from_ref(&later))));
    until("what comes later arrives", || clinic.export(&[&who]).contains(&later).then_some(()));
    clinic.verify();
}

/// Everything arrives and is what it should be, but for one envelope that the relay keeps to itself. The hospital's signed word says how
/// many there are.
#[test]
fn what_a_relay_holds_back_is_missed_by_number_and_comes_from_whoever_has_it() {
    let (region, mut hospital, mut clinic, who) = disclosed();
    let seed = relay_seed(&region.relay);
    let (reader, publisher) = (identity(&clinic), identity(&hospital).device_id());
    let runtime = Runtime::new().expect("a runtime");
    let (welcome, mut feed, words) = runtime.block_on(async {
        let mut session = Session::open(&reader, region.relay.address(), &seed).await;
        let (welcome, mut feed) = session.whole_feed(&reader).await;
        let words = loop {
            match session.hear().await {
                Message::Feed { items, .. } => {
                    feed.extend(items.into_iter().map(|item| item.envelope.0));
                }
                Message::Heads(words) if words.iter().any(|it| it.roll.publisher == publisher) => {
                    break words;
                }
                _ => {}
            }
        };
        (welcome, feed, words)
    });
    let held_back = feed.iter().rposition(|it| !parsed(it).claimed_header().is_clear());
    let held_back = parsed(&feed.remove(held_back.expect("a chart"))).claimed_header().clone();
    // What follows it in its author's chain has no place without it.
    let follows = feed.iter().filter(|it| {
        let header = parsed(it).claimed_header().clone();
        (header.scope, header.author) == (held_back.scope, held_back.author)
            && header.seq > held_back.seq
    });
    let missing = 1 + follows.count();

    clinic.start_at(false_relay(&runtime, &seed, welcome, feed, words));
    until("the clinic misses it", || {
        let said = clinic.publisher(&HOSPITAL);
        (said["freshness"] == "missing" && said["missing"] == missing).then_some(())
    });
    let shown = clinic.export(&[&who]);
    assert!(shown.len() < chart().len() && shown.iter().all(|it| chart().contains(it)));

    // Whoever has it gives it, without that relay.
    hospital.stop();
    hospital.start_called();
    clinic.ask(&["sync", "--with", hospital.listens()]).expect("azalea sync");
    assert_eq!(sorted(clinic.export(&[&who])), chart());
    clinic.completes(&HOSPITAL);
    clinic.verify();
}
