//! A relay that has gone back in time.

use super::stories::disclosed;
use super::*;

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

/// Whatever the welcome says: of a store that is not the one we knew, nothing is known to be held.
#[test]
fn the_feed_of_another_store_begins_at_the_beginning() {
    let mut region = disclosed(73);
    region.cut("clinic");
    let now = region.now;
    let node = region.node("clinic");
    let end = node.replica.state.cursor.expect("a feed").position;
    let epoch = RelayEpoch([2; 16]);
    node.handle(now, Input::Connected);
    let welcome = Welcome { epoch, position: end, end, at: now, yours: 1_000 };
    node.handle(now, Input::Received(Message::Welcome(welcome)));
    let cursor = Some(Cursor { epoch, position: 0 });
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
        let welcome = Welcome { epoch, position: 0, end: 0, at: now, yours: 1_000 };
        node.handle(now, Input::Received(Message::Welcome(welcome)));
        let holding = node.trace.iter().filter(|it| it.starts_with("Send(Holding")).count();
        if let Some(certificates) = lacking {
            for _ in 0..holding {
                let certificates = certificates.clone();
                let lacking = Message::Lacking { chains: Vec::new(), certificates };
                node.handle(now, Input::Received(lacking));
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
