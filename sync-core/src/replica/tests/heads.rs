//! What a publisher says of how much there is: as little as the relay needs, and nothing that a reader cannot check.

use super::*;
use crate::replica::PublisherRow;
use crate::storage::table;
use crate::wire::Wire;

/// A hospital whose patients two clinics may see, all of them connected.
pub(super) fn disclosed() -> Region {
    let members = [
        ("hospital", FacilityKind::Hospital),
        ("clinic", FacilityKind::Clinic),
        ("other", FacilityKind::Clinic),
    ];
    let mut region = Region::new(41, &members);
    members.iter().for_each(|(name, _)| region.connect(name));
    for (patient, reader) in [("p1", "clinic"), ("p2", "other")] {
        region.command("hospital", import(vec![record(patient, "o1", "{}")])).expect("an import");
        let facilities = vec![region.facility(reader)];
        let (patient, by) = (local(patient), staff("s1"));
        let give = Command::GiveConsent { patient, facilities, until: None, by };
        region.command("hospital", give).expect("a consent");
    }
    region.run();
    region
}

/// The rolls that the hospital says while `act` happens: whether whole, and how many shares each has.
fn said(region: &mut Region, act: impl FnOnce(&mut Region)) -> Vec<(bool, usize)> {
    region.rolls_said.clear();
    act(region);
    region.run();
    let hospital = region.nodes["hospital"].identity.device_id();
    let rolls = region.rolls_said.iter().filter(|(publisher, ..)| *publisher == hospital);
    rolls.map(|(_, whole, shares)| (*whole, *shares)).collect()
}

#[test]
fn only_what_the_relay_does_not_know_is_said() {
    let mut region = disclosed();
    let import_one = |region: &mut Region| {
        region.command("hospital", import(vec![record("p1", "o2", "{}")])).expect("an import");
    };
    assert_eq!(said(&mut region, import_one), [(false, 1)]);
    let reconnect = |region: &mut Region| {
        region.cut("hospital");
        region.connect("hospital");
    };
    assert_eq!(said(&mut region, reconnect), [], "the relay has it all, and the time has not come");
    let restart = |region: &mut Region| {
        region.cut("hospital");
        region.node("hospital").restart();
        region.connect("hospital");
    };
    assert_eq!(said(&mut region, restart), [(false, 0)], "a new time under a root that is known");
    let forget = |region: &mut Region| {
        region.cut("hospital");
        region.rolls.clear();
        region.connect("hospital");
    };
    assert_eq!(said(&mut region, forget), [(true, 2)]);
}

/// The reader's disk kept nothing of a publisher whom the relay believes it to know.
#[test]
fn a_word_that_builds_on_what_is_not_held_is_asked_about() {
    let mut region = disclosed();
    let hospital = region.nodes["hospital"].identity.device_id();
    let word = region.word(&hospital, "clinic").expect("it was told");
    let bare = HeadWord { share: None, ..word.clone() };
    let hear = |region: &mut Region, word: HeadWord| {
        let now = region.now;
        let node = region.node("clinic");
        node.sent.clear();
        node.handle(now, Input::Received(Message::Heads(vec![word])));
        node.sent.iter().filter(|it| matches!(it, Message::WantHead { .. })).count()
    };
    assert_eq!(hear(&mut region, bare.clone()), 0, "its share is held");
    region.node("clinic").replica.state.freshness.publishers.clear();
    assert_eq!(hear(&mut region, bare), 1);
    // A share that is not part of the roll says nothing.
    let other = region.word(&hospital, "other").expect("it was told");
    let mixed = HeadWord { share: other.share.clone(), ..word.clone() };
    let mut raised = word.clone();
    raised.share.as_mut().expect("a share").0.tally.count += 1;
    for wrong in [mixed, raised, other] {
        assert_eq!(hear(&mut region, wrong), 0);
        assert!(region.nodes["clinic"].replica.state.freshness.publishers.is_empty());
    }
    assert_eq!(hear(&mut region, word), 0);
    assert_eq!(region.nodes["clinic"].replica.state.freshness.publishers.len(), 1);
}

/// Words come more often than anything else: a disk that has nothing else to write is written once per interval.
#[test]
fn words_are_written_with_what_else_is_written_or_once_per_interval() {
    let mut region = disclosed();
    let hospital = region.nodes["hospital"].identity.device_id();
    let word = |region: &mut Region, later: u64| {
        let at = region.now.plus_ms(later);
        let node = region.node("hospital");
        let update = node.replica.state.roll(at, true, None);
        let share = HeadTree::of(update.shares).share(&region.facility("clinic"));
        Input::Received(Message::Heads(vec![HeadWord { roll: update.roll, share }]))
    };
    let stated = |region: &Region| {
        let on_disk = region.nodes["clinic"].disk.get(table::HEAD, hospital.as_bytes());
        let row = on_disk.expect("memory").expect("a word of the hospital");
        PublisherRow::from_bytes(&row).expect("a row").statement.at()
    };
    region.pass("clinic", 60_000);
    let before = stated(&region);
    let (now, heads) = (region.now, word(&mut region, 1));
    region.node("clinic").handle(now, heads);
    assert_eq!(stated(&region), before, "nothing else is written");
    assert!(region.nodes["clinic"].status().publishers[0].stated > Some(before), "but shown");
    region.pass("clinic", 60_000);
    let written = stated(&region);
    assert!(written > before);
    let (now, heads) = (region.now, word(&mut region, 1));
    region.node("clinic").handle(now, heads);
    region.command("hospital", import(vec![record("p1", "o3", "{}")])).expect("an import");
    region.run();
    assert!(stated(&region) > written, "with the record");
}
