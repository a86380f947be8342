//! What comes ahead of its place in the feed, and what a node says it wants first.

use super::heads::disclosed;
use super::*;
use crate::sync::message::Lane;

/// Records that the hospital writes meanwhile.
const WRITTEN: usize = 6;

/// A clinic that was cut off while the hospital wrote, and is welcomed again: what the feed has for it, not sent yet.
fn welcomed() -> (Region, Vec<FeedItem>) {
    let mut region = disclosed();
    region.cut("clinic");
    for number in 0..WRITTEN {
        let id = format!("later-{number}");
        region.command("hospital", import(vec![record("p1", &id, "{}")])).expect("an import");
    }
    region.run();
    let cursor = region.nodes["clinic"].replica.state.cursor.expect("a feed");
    let (epoch, end) = (region.epoch, region.post.len() as u64);
    let now = region.now;
    let me = region.nodes["clinic"].identity.device_id();
    let yours = region.post.iter().filter(|(author, _)| *author == me).count() as u64;
    let roll = HeadTree::default().root();
    let clinic = region.node("clinic");
    clinic.handle(now, Input::Connected);
    let welcome = Welcome { epoch, position: cursor.position, end, at: now, yours, roll };
    clinic.handle(now, Input::Received(Message::Welcome(welcome)));
    let items = (1..).zip(&region.post).skip(cursor.position as usize);
    let items = items.filter(|(_, (author, _))| *author != me);
    let items =
        items.map(|(position, (_, envelope))| FeedItem { position, envelope: envelope.clone() });
    let items = items.collect();
    (region, items)
}

/// What the clinic is told, and what it says to that.
fn tell(region: &mut Region, message: Message) -> Vec<Message> {
    let now = region.now;
    let clinic = region.node("clinic");
    clinic.sent.clear();
    clinic.handle(now, Input::Received(message));
    std::mem::take(&mut clinic.sent)
}

fn kept(said: &[Message]) -> Option<(Vec<u64>, Vec<u64>)> {
    said.iter().find_map(|message| match message {
        Message::Kept { held, left } => Some((held.clone(), left.clone())),
        _ => None,
    })
}

fn position(region: &Region) -> u64 {
    region.nodes["clinic"].replica.state.cursor.expect("a feed").position
}

#[test]
fn what_comes_ahead_is_durable_when_it_is_confirmed_and_the_cursor_stays() {
    let (mut region, items) = welcomed();
    let (records, cursor) = (region.nodes["clinic"].records(), position(&region));
    let last = items.last().cloned().expect("there is something");
    let place = last.position;
    let said = tell(&mut region, Message::Ahead { lane: Lane::Urgent, items: vec![last] });
    assert_eq!(kept(&said), Some((vec![place], Vec::new())));
    assert!(!said.iter().any(|message| matches!(message, Message::Seen { .. })));
    assert_eq!(position(&region), cursor);
    region.node("clinic").restart();
    assert_eq!(position(&region), cursor);
    assert_eq!(region.nodes["clinic"].records(), records + 1, "it is held");
    // Its place comes once more with another session, and it is known.
    let (clinic, hospital) = ("clinic", "hospital");
    region.connect(clinic);
    region.run();
    assert_eq!(region.nodes[clinic].records(), records + WRITTEN);
    assert_eq!(region.nodes[hospital].status().quarantined, 0);
    assert_eq!(region.nodes[clinic].status().quarantined, 0);
}

#[test]
fn a_disk_that_is_full_confirms_nothing() {
    let (mut region, items) = welcomed();
    let last = items.last().cloned().expect("there is something");
    region.node("clinic").full = true;
    let said = tell(&mut region, Message::Ahead { lane: Lane::Urgent, items: vec![last] });
    assert_eq!(kept(&said), None);
}

#[test]
fn what_came_ahead_may_be_left_out_of_the_feed_and_in_any_order() {
    let (mut region, items) = welcomed();
    let waiting = region.nodes["clinic"].status().waiting;
    let ahead: Vec<FeedItem> = items.iter().rev().step_by(2).cloned().collect();
    let feed: Vec<FeedItem> = items.iter().filter(|item| !ahead.contains(item)).cloned().collect();
    let (lane, end) = (Lane::Wanted, feed.last().expect("something is left").position);
    let half = feed.len() / 2;
    tell(&mut region, Message::Feed { items: feed[..half].to_vec(), end });
    tell(&mut region, Message::Ahead { lane, items: ahead });
    tell(&mut region, Message::Feed { items: feed[half..].to_vec(), end });
    assert_eq!(position(&region), end);
    let clinic = &region.nodes["clinic"];
    assert_eq!(clinic.records(), 1 + WRITTEN);
    assert_eq!(clinic.status().relay, crate::replica::RelayStatus::CaughtUp);
    assert_eq!(clinic.status().waiting, waiting, "what is for others");
}

#[test]
fn what_can_not_be_taken_is_left_for_its_place() {
    let (mut region, mut items) = welcomed();
    let mut broken = items.pop().expect("there is something");
    let place = broken.position;
    *broken.envelope.0.last_mut().expect("it has bytes") ^= 1;
    let said = tell(&mut region, Message::Ahead { lane: Lane::Urgent, items: vec![broken] });
    assert_eq!(kept(&said), Some((Vec::new(), vec![place])));
}

fn firsts(said: &[Message]) -> Vec<Vec<ScopeId>> {
    let firsts = said.iter().filter_map(|message| match message {
        Message::First { scopes } => Some(scopes.clone()),
        _ => None,
    });
    firsts.collect()
}

#[test]
fn a_node_says_once_that_it_wants_nothing_first_and_then_whom_somebody_looks_at() {
    let (mut region, items) = welcomed();
    let now = region.now;
    let patient = region.nodes["clinic"].patients()[0];
    let clinic = region.node("clinic");
    assert_eq!(firsts(&std::mem::take(&mut clinic.sent)), [Vec::<ScopeId>::new()]);
    clinic.handle(now, Input::First(patient));
    clinic.handle(now, Input::First(patient));
    let said = firsts(&std::mem::take(&mut clinic.sent));
    assert_eq!(said.len(), 1);
    let numbers = &clinic.replica.state.patients[&patient];
    let mut known: Vec<_> =
        numbers.iter().map(|number| clinic.replica.state.numbers[number]).collect();
    let mut wanted = said[0].clone();
    known.sort();
    wanted.sort();
    assert_eq!(wanted, known);
    assert!(known.len() >= 2, "its chart and its care");
    // Once all is here nothing is wanted any more, and somebody else's page later says nothing of it.
    let end = items.last().expect("there is something").position;
    let said = tell(&mut region, Message::Feed { items, end });
    assert_eq!(firsts(&said), [Vec::<ScopeId>::new()]);
}
