//! Publishers' words: told at once where they are news, once per interval where they are not, never somebody else's.

use azalea_core::sync::heads::{HeadRoll, HeadShare, HeadTree, HeadUpdate, HeadWord, Tally};

use super::*;

/// A share of so many entries.
fn share(publisher: &Member, recipient: FacilityId, count: u64) -> HeadShare {
    let tally = Tally { count, ..Tally::default() };
    HeadShare { salt: publisher.device.head_salt(&recipient), recipient, tally }
}

/// A roll over `tree`, said now, of which `shares` are told.
fn update(
    world: &World,
    publisher: &Member,
    tree: &HeadTree,
    shares: Vec<HeadShare>,
    whole: bool,
) -> Message {
    let roll = HeadRoll::sign(&world.network(), world.now, tree.root(), &publisher.device);
    Message::Roll(HeadUpdate { roll, whole, shares })
}

/// The messages of words that a member was sent since the last look.
fn told(world: &mut World, member: &Member) -> Vec<Vec<HeadWord>> {
    let sent = std::mem::take(world.sent.entry(member.session).or_default());
    let words = |message| if let Message::Heads(words) = message { Some(words) } else { None };
    sent.into_iter().filter_map(words).collect()
}

fn interval(world: &World) -> u64 {
    world.mailbox.state.roster.statement_interval_ms()
}

#[test]
fn a_word_reaches_its_facility_after_what_it_counts_and_only_the_newest_is_kept() {
    let (mut world, mut hospital, mut clinic, chart) = hospital_and_clinic();
    let to = clinic.facility_id();
    let owed = [1, 2, 9, 10].map(|count| share(&hospital, to, count));
    let [one, two, nine, ten] = owed.map(|share| vec![share]);
    let tree = |shares: &[HeadShare]| HeadTree::of(shares.iter().cloned());
    let older = update(&world, &hospital, &tree(&one), one, true);
    world.now = world.now.plus_ms(1_000);
    let newer = update(&world, &hospital, &tree(&two), two.clone(), true);
    let written = hospital.write(&world, chart, b"result");
    world.push_all(&hospital, &[written]);
    for said in [&newer, &older] {
        world.say(&hospital, said.clone());
    }
    assert!(matches!(world.sent[&clinic.session].last(), Some(Message::Heads(_))));
    let words = told(&mut world, &clinic);
    let [word] = words[0].as_slice() else { panic!("one word: {words:?}") };
    let statement = word.clone().complete(None).expect("a first word has its share");
    assert_eq!((statement.tally().count, words.len()), (2, 1));
    assert_eq!(statement.verify(&world.network(), &hospital.device.public()), Ok(()));
    // Nobody else can speak for the hospital, and no share is told that the roll does not cover.
    world.now = world.now.plus_ms(1_000);
    let Message::Roll(mut by_another) = update(&world, &clinic, &tree(&nine), nine.clone(), true)
    else {
        panic!("a roll");
    };
    by_another.roll.publisher = hospital.id();
    world.say(&hospital, Message::Roll(by_another.clone()));
    world.say(&clinic, Message::Roll(by_another));
    let uncovered = update(&world, &hospital, &tree(&nine), ten, true);
    world.say(&hospital, uncovered);
    assert_eq!(told(&mut world, &clinic), Vec::<Vec<HeadWord>>::new());
    // It is written down with whatever comes next, or before long by itself.
    world.wait(60_000);
    world.restart();
    world.connect(&mut clinic, None).unwrap();
    assert_eq!(told(&mut world, &clinic), [vec![word.clone()]]);
    // The hospital finds its roll where it left it.
    let welcome = world.connect(&mut hospital, None).unwrap();
    assert_eq!(welcome.roll, tree(&two).root());
}

/// The relay is killed before it has written a roll down: it does not pretend to hold it.
#[test]
fn what_a_crash_takes_of_a_roll_its_publisher_says_again() {
    let (mut world, mut hospital, clinic, _) = hospital_and_clinic();
    let tree = HeadTree::of([share(&hospital, clinic.facility_id(), 1)]);
    let said = update(&world, &hospital, &tree, tree.shares().to_vec(), true);
    world.say(&hospital, said);
    assert_eq!(told(&mut world, &clinic).len(), 1);
    world.restart();
    let welcome = world.connect(&mut hospital, None).unwrap();
    assert_eq!(welcome.roll, HeadTree::default().root());
}

/// Two hospitals say that nothing has changed: their reader hears of both in one message, and of no share again.
#[test]
fn that_all_is_as_it_was_is_told_once_per_interval_in_one_message() {
    let (mut world, first, clinic, _) = hospital_and_clinic();
    let mut second = world.member(FacilityKind::Hospital);
    world.connect(&mut second, None).unwrap();
    for member in [&first, &second, &clinic] {
        // Whoever confirms nothing is not spoken to for long.
        world.fed(member);
    }
    let (to, other) = (clinic.facility_id(), second.facility_id());
    let mut trees = Vec::new();
    for publisher in [&first, &second] {
        let shares = vec![share(publisher, to, 1), share(publisher, other, 1)];
        let tree = HeadTree::of(shares.clone());
        let said = update(&world, publisher, &tree, shares, true);
        world.say(publisher, said);
        trees.push(tree);
    }
    assert_eq!(told(&mut world, &clinic).len(), 2, "news is told at once");
    for round in 0..3 {
        world.now = world.now.plus_ms(interval(&world) / 2);
        for (publisher, tree) in [&first, &second].into_iter().zip(&trees) {
            let said = update(&world, publisher, tree, Vec::new(), false);
            world.say(publisher, said);
        }
        assert_eq!(told(&mut world, &clinic).len(), 0, "no news waits, round {round}");
        world.wait(interval(&world));
        let words = told(&mut world, &clinic);
        assert_eq!(words.len(), 1, "round {round}");
        assert_eq!(words[0].len(), 2);
        assert!(words[0].iter().all(|word| word.share.is_none()));
        world.wait(interval(&world));
        assert_eq!(told(&mut world, &clinic).len(), 0, "nothing was said since");
    }
    told(&mut world, &second);
    // What changes for another facility changes the root: the clinic needs its path again, but not at once.
    world.now = world.now.plus_ms(1);
    let changed = share(&first, other, 2);
    trees[0].set([changed.clone()]);
    let said = update(&world, &first, &trees[0], vec![changed], false);
    world.say(&first, said);
    assert_eq!(told(&mut world, &clinic).len(), 0);
    assert_eq!(told(&mut world, &second).len(), 1);
    world.wait(interval(&world));
    let words = told(&mut world, &clinic);
    let word = words[0][0].clone();
    let statement = word.complete(None).expect("with its share, since the root is new");
    assert_eq!(statement.verify(&world.network(), &first.device.public()), Ok(()));
}

/// The relay's disk was full when a roll came: the next one builds on what was lost.
#[test]
fn a_roll_that_builds_on_what_is_not_held_is_asked_for_whole() {
    let (mut world, hospital, clinic, _) = hospital_and_clinic();
    let (to, other) = (clinic.facility_id(), FacilityId([9; 16]));
    let tree = HeadTree::of([share(&hospital, to, 1), share(&hospital, other, 4)]);
    let wants = |world: &mut World| {
        let sent = std::mem::take(world.sent.entry(hospital.session).or_default());
        let publisher = hospital.id();
        sent.contains(&Message::WantHead { publisher })
    };
    let said = update(&world, &hospital, &tree, vec![share(&hospital, to, 1)], false);
    world.say(&hospital, said);
    assert!(wants(&mut world));
    assert_eq!(told(&mut world, &clinic).len(), 0);
    let said = update(&world, &hospital, &tree, tree.shares().to_vec(), true);
    world.say(&hospital, said);
    assert!(!wants(&mut world));
    assert_eq!(told(&mut world, &clinic).len(), 1);
    // A whole one that does not hold together is not asked for again: it would not end.
    world.now = world.now.plus_ms(1);
    let said = update(&world, &hospital, &HeadTree::default(), tree.shares().to_vec(), true);
    world.say(&hospital, said);
    assert!(!wants(&mut world));
    assert_eq!(told(&mut world, &clinic).len(), 0);
}

/// A reader did not know the publisher's device yet when the share came, and gets it again when it asks.
#[test]
fn a_reader_that_lacks_what_a_word_builds_on_gets_it() {
    let (mut world, hospital, clinic, _) = hospital_and_clinic();
    let tree = HeadTree::of([share(&hospital, clinic.facility_id(), 1)]);
    let said = update(&world, &hospital, &tree, tree.shares().to_vec(), true);
    world.say(&hospital, said);
    told(&mut world, &clinic);
    for publisher in [hospital.id(), clinic.id()] {
        world.say(&clinic, Message::WantHead { publisher });
    }
    let words = told(&mut world, &clinic);
    assert_eq!((words.len(), words[0].len()), (1, 1));
    assert!(words[0][0].share.is_some());
}
