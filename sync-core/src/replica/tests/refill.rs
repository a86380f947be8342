//! What the relay has passed over in our feed is missed by number, and asked for.

use super::heads::disclosed;
use super::*;

/// How often a node has asked for its feed once more.
fn asked(region: &Region, name: &'static str) -> usize {
    region.nodes[name].trace.iter().filter(|it| it.starts_with("Send(Refill")).count()
}

fn missing(region: &Region) -> u64 {
    region.nodes["clinic"].status().publishers.iter().map(|it| it.missing).sum()
}

#[test]
fn what_has_been_missing_for_an_interval_is_asked_for_and_comes() {
    let mut region = disclosed();
    region.pass("clinic", 120_000);
    assert_eq!((missing(&region), asked(&region, "clinic")), (0, 0), "nothing is missing");

    // The relay lets the cursor pass an envelope that it has not given.
    region.cut("clinic");
    let before = region.nodes["clinic"].visible();
    region.command("hospital", import(vec![record("p1", "o2", "{}")])).expect("an import");
    region.run();
    let cursor = region.node("clinic").replica.state.cursor.as_mut().expect("a feed");
    cursor.position += 1;
    let (epoch, passed) = (cursor.epoch, cursor.position);
    region.connect("clinic");
    region.run();
    region.pass("hospital", 60_000);
    assert_eq!((missing(&region), asked(&region, "clinic")), (1, 0));
    region.pass("clinic", 1_000);
    assert_eq!((missing(&region), asked(&region, "clinic")), (1, 0), "it may be under way");
    region.pass("clinic", 60_000);
    assert_eq!((missing(&region), asked(&region, "clinic")), (0, 1));
    let clinic = &region.nodes["clinic"];
    assert_eq!(clinic.visible().len(), before.len() + 1);
    assert_eq!(clinic.status().relay, crate::replica::RelayStatus::CaughtUp);
    let position = region.post.len() as u64;
    assert!(position >= passed);
    assert_eq!(clinic.replica.state.cursor, Some(Cursor { epoch, position }));

    region.pass("clinic", 600_000);
    assert_eq!(asked(&region, "clinic"), 1, "and not again");
}
