//! A relay that has gone back in time.

use super::stories::disclosed;
use super::*;
use crate::sync::message::{Refusal, RefusalCause};

/// How many envelopes a node pushes until all is at rest.
fn pushed(region: &mut Region, name: &'static str) -> usize {
    region.node(name).trace.clear();
    region.connect(name);
    region.run();
    let pushes = region.nodes[name].trace.iter().filter(|effect| effect.starts_with("Send(Push("));
    pushes.map(|effect| effect.matches("Bytes(").count()).sum()
}

/// The disk of the relay was set back to last night's, and nobody said so: authors believed that it had what it had
/// acknowledged, so nothing of that day reached anybody who came later.
#[test]
fn what_a_rolled_back_relay_has_lost_is_offered_again_and_nothing_else() {
    let mut region = disclosed(71);
    let night = region.post.clone();
    let day: Vec<_> = (3..9).map(|at| record("p1", &format!("o{at}"), "{}")).collect();
    for record in day {
        region.command("hospital", import(vec![record])).expect("an import");
    }
    region.run();
    let lost = region.post.len() - night.len();
    assert_eq!(lost, 6);
    region.cut("hospital");
    region.cut("clinic");
    region.post = night;

    assert_eq!(pushed(&mut region, "hospital"), lost, "in the same epoch, so by the count alone");
    region.cut("hospital");
    assert_eq!(pushed(&mut region, "hospital"), 0, "it has all of it again");

    region.cut("hospital");
    region.post.truncate(region.post.len() - 2);
    region.epoch = RelayEpoch([2; 16]);
    assert_eq!(pushed(&mut region, "hospital"), 2, "with another epoch");
    assert_eq!(region.nodes["hospital"].status().unsent, 0);
}

/// A relay that never had something of ours is not asked each time we come.
#[test]
fn what_waits_in_the_outbox_or_was_refused_is_not_taken_for_lost() {
    let mut region = disclosed(72);
    region.cut("hospital");
    region.command("hospital", import(vec![record("p1", "o3", "{}")])).expect("an import");
    region.node("hospital").trace.clear();
    region.connect("hospital");
    region.run();
    let asked = region.nodes["hospital"].trace.iter().any(|it| it.starts_with("Send(Holding"));
    assert!(!asked);
    assert_eq!(region.nodes["hospital"].status().unsent, 0);
}

/// Whatever the welcome says: of a store that is not the one we knew, nothing is known to be held, until it has given us what it
/// has and we have not.
#[test]
fn a_place_in_the_feed_of_another_store_counts_once_that_has_given_us_all() {
    let mut region = disclosed(73);
    region.cut("clinic");
    let now = region.now;
    let node = region.node("clinic");
    let end = node.replica.state.cursor.expect("a feed").position;
    let epoch = RelayEpoch([2; 16]);
    node.handle(now, Input::Connected);
    let welcome = Welcome { epoch, position: end, end, at: now, yours: 1_000, roll: [0; 32] };
    node.handle(now, Input::Received(Message::Welcome(welcome)));
    let kinds = |node: &Node| -> Vec<String> {
        let said = node.trace.iter().filter_map(|it| it.strip_prefix("Send("));
        said.map(|it| it.split([' ', '(', ')']).next().unwrap_or(it).to_owned()).collect()
    };
    let said = kinds(node);
    let is_asked = said.windows(2).any(|two| two == ["Holding", "Refill"]);
    assert!(is_asked, "after what is held: {said:?}");
    let before = node.replica.state.cursor;
    let again = region.post[0].1.clone();
    let node = region.node("clinic");
    let items = vec![FeedItem { position: 1, envelope: again }];
    node.handle(now, Input::Received(Message::Feed { items, end }));
    assert_eq!(node.replica.state.cursor, before, "cut here, it would be asked for anew");
    node.handle(now, Input::Received(Message::Refilled { position: end }));
    let cursor = Some(Cursor { epoch, position: end });
    assert_eq!(node.replica.state.cursor, cursor);
    node.restart();
    assert_eq!(node.replica.state.cursor, cursor, "durable");
}

/// The line was cut after the welcome of a relay that was set up from a backup: what its registry lacks shows nowhere
/// else, so it is asked about until it lacks nothing.
#[test]
fn an_offer_that_was_cut_short_is_made_again() {
    let mut region = disclosed(74);
    region.cut("clinic");
    let now = region.now;
    let epoch = RelayEpoch([2; 16]);
    let offers = |node: &mut Node, lacking: Option<Vec<[u8; 32]>>| {
        node.trace.clear();
        node.handle(now, Input::Connected);
        let welcome = Welcome { epoch, position: 0, end: 0, at: now, yours: 1_000, roll: [0; 32] };
        node.handle(now, Input::Received(Message::Welcome(welcome)));
        let holding = node.trace.iter().filter(|it| it.starts_with("Send(Holding")).count();
        if let Some(certificates) = lacking {
            for _ in 0..holding {
                let certificates = certificates.clone();
                let (chains, others) = (Vec::new(), false);
                let lacking = Message::Lacking { chains, certificates, others };
                node.handle(now, Input::Received(lacking));
            }
            if node.replica.session.is_refilling {
                node.handle(now, Input::Received(Message::Refilled { position: 0 }));
            }
        }
        node.handle(now, Input::Disconnected);
        holding > 0
    };
    let node = region.node("clinic");
    assert!(offers(node, None), "another epoch");
    node.restart();
    assert!(offers(node, None), "nobody answered");
    let first = node.replica.state.roster.certificates().next().expect("a root").digest();
    assert!(offers(node, Some(vec![first])), "nobody answered");
    assert!(offers(node, Some(Vec::new())), "the last time it lacked something");
    assert!(!offers(node, Some(Vec::new())), "it lacks nothing");
    node.restart();
    assert!(!offers(node, None), "durable");
}

/// The hospital burnt down with the relay; the clinic holds what both have lost.
#[test]
fn what_an_author_wrote_who_never_comes_back_is_brought_back_by_a_reader() {
    let mut region = disclosed(75);
    let night = region.post.clone();
    for at in 3..9 {
        let day = record("p1", &format!("o{at}"), "{}");
        region.command("hospital", import(vec![day])).expect("an import");
    }
    region.run();
    let whole = region.post.clone();
    region.cut("hospital");
    region.cut("clinic");
    region.post = night;
    region.epoch = RelayEpoch([2; 16]);

    assert_eq!(pushed(&mut region, "clinic"), 6);
    assert_eq!(region.post, whole);
    assert!(
        region.nodes["clinic"].replica.state.offering,
        "until the relay has said that it lacks nothing"
    );
    // It asks again, and once it hears that nothing is lacking, no more.
    region.pass("clinic", 30_000);
    assert!(!region.nodes["clinic"].replica.state.offering);
    assert_eq!(region.nodes["clinic"].status().unsent, 0, "none of it is its own");
    region.cut("clinic");
    assert_eq!(pushed(&mut region, "clinic"), 0);
}

/// What each answer of the relay to something that is brought back leads to.
#[test]
fn what_the_relay_never_takes_is_not_offered_for_ever_and_what_it_cannot_take_now_is() {
    let causes = [
        (RefusalCause::Late, false),
        (RefusalCause::Fork, false),
        (RefusalCause::Invalid, false),
        (RefusalCause::Right, true),
        (RefusalCause::Gap { expected: 1 }, true),
        (RefusalCause::Suspended, true),
    ];
    for (seed, (cause, again)) in (76..).zip(causes) {
        let mut region = disclosed(seed);
        region.cut("clinic");
        let mut now = region.now;
        let hospital = region.nodes["hospital"].identity.device_id();
        let epoch = RelayEpoch([2; 16]);
        let node = region.node("clinic");
        node.handle(now, Input::Connected);
        let welcome = Welcome { epoch, position: 0, end: 0, at: now, yours: 1_000, roll: [0; 32] };
        node.handle(now, Input::Received(Message::Welcome(welcome)));
        let held = |node: &mut Node| -> Vec<Vec<ChainEnd>> {
            let sent = std::mem::take(&mut node.sent);
            let holding = sent.into_iter().filter_map(|message| match message {
                Message::Holding { chains, .. } => Some(chains),
                _ => None,
            });
            holding.collect()
        };
        let said = held(node);
        let theirs: Vec<ChainEnd> =
            said.iter().flatten().filter(|end| end.author == hospital).copied().collect();
        for (at, _) in said.iter().enumerate() {
            let chains = if at == 0 { theirs.clone() } else { Vec::new() };
            let chains = chains.into_iter().map(|end| ChainEnd { seq: 0, ..end }).collect();
            let lacking = Message::Lacking { chains, certificates: Vec::new(), others: false };
            node.handle(now, Input::Received(lacking));
        }
        let pushed: Vec<EnvelopeId> = std::mem::take(&mut node.sent)
            .into_iter()
            .filter_map(|message| match message {
                Message::Push(envelopes) => Some(envelopes),
                _ => None,
            })
            .flatten()
            .map(|Bytes(bytes)| SignedEnvelope::from_bytes(bytes).expect("ours").claimed_id())
            .collect();
        assert!(!pushed.is_empty());
        let refused = pushed.into_iter().map(|id| Refusal { id, cause }).collect();
        node.handle(now, Input::Received(Message::Taken { stored: Vec::new(), refused }));
        assert_eq!(node.status().quarantined, 0, "nothing of ours was refused");
        now = node.replica.wake_at().expect("to ask again").max(now);
        while held(node).is_empty() {
            node.handle(now, Input::Tick);
            let said = held(node);
            if said.is_empty() {
                now = node.replica.wake_at().expect("to ask again");
                continue;
            }
            let names = said.iter().flatten().any(|end| end.author == hospital);
            assert_eq!(names, again, "{cause:?}");
            break;
        }
    }
}
