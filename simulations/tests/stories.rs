//! The stories are told to their end, and what their titles say happens.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use azalea_simulations::world::campaign::{Verdict, replay, run};
use azalea_simulations::world::{Options, Sample, World};

/// What a debug build has no time for, beside the typhoon. The month of the whole region takes minutes and gigabytes: it is only read here.
const LONG: [&str; 4] = ["bad-upgrade", "ordinary-month", "sixty-clinics", "whole-region"];

fn story(name: &str) -> Options {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("stories");
    let text = fs::read_to_string(folder.join(name).with_extension("json")).expect(name);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// All of them, by their names.
fn stories() -> Vec<(String, Options)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("stories");
    let files = fs::read_dir(folder).expect("the stories").map(|it| it.expect("a file").path());
    let names = files.map(|it| it.file_stem().expect("a name").to_string_lossy().into_owned());
    let names: BTreeSet<String> = names.collect();
    names.into_iter().map(|name| (name.clone(), story(&name))).collect()
}

/// Tells a story to its end.
fn tell(options: &Options) -> World {
    let (verdict, world) = run(options, None);
    assert_eq!(verdict, Verdict::Clean, "{}", replay(options));
    world.expect("it came to its end")
}

#[test]
fn every_story_is_read_and_has_a_title() {
    let stories = stories();
    assert!(stories.len() >= 9);
    assert!(LONG.iter().all(|long| stories.iter().any(|(name, _)| name == long)));
    assert!(stories.iter().all(|(_, options)| !options.story.is_empty()));
}

#[test]
fn short_stories_end_well() {
    // Those that have a test of their own are told there.
    let told = ["typhoon", "ransomware", "relay-rebuilt"];
    let stories = stories().into_iter();
    let short = stories.filter(|(name, _)| !LONG.contains(&&**name) && !told.contains(&&**name));
    short.for_each(|(_, options)| drop(tell(&options)));
}

#[test]
#[cfg_attr(debug_assertions, ignore = "half a minute where nothing is optimised")]
fn long_stories_end_well() {
    let stories = stories().into_iter().filter(|(name, _)| LONG.contains(&&**name));
    stories
        .filter(|(name, _)| name != "whole-region")
        .for_each(|(_, options)| drop(tell(&options)));
}

#[test]
#[cfg_attr(
    debug_assertions,
    ignore = "eight seconds where nothing is optimised; its rule is tested in a small region"
)]
fn the_typhoon_leaves_one_valley_without_power_for_three_days() {
    let world = tell(&story("typhoon"));
    let (days, atlas) = (3, world.atlas());
    let valleys: BTreeSet<usize> = atlas.iter().map(|it| it.district).collect();
    assert!(valleys.len() > 2, "{valleys:?}");
    let dark = places(&world, days, |it| !it.is_online);
    let valley = atlas[*dark.first().expect("somebody is cut off")].district;
    let there = |place: &usize| atlas[*place].district == valley;
    assert_eq!(
        dark,
        (0..atlas.len()).filter(there).collect(),
        "all of the valley, and nobody else"
    );
    let down = places(&world, days, |it| !it.is_up);
    let is_tablet = |place: &usize| atlas[*place].tablet_of.is_some();
    assert_eq!(down, dark.iter().copied().filter(|place| !is_tablet(place)).collect());
    assert!(down.len() > 1 && dark.len() > down.len(), "tablets run on: {down:?} of {dark:?}");
}

#[test]
fn ransomware_takes_a_hospital_for_a_day() {
    let world = tell(&story("ransomware"));
    let down = places(&world, 1, |it| !it.is_up);
    let hospital = world.facilities()[*down.first().expect("somebody is down")].id();
    let its = |place: &usize| world.facilities()[*place].id() == hospital;
    assert!(world.atlas()[*down.first().expect("as above")].discloses);
    assert_eq!(down, (0..world.atlas().len()).filter(its).collect());
    assert_eq!(world.watch().ransomed, down.len() as u64);
    assert!(world.watch().lost_unsent > 0, "something was written and not sent before");
}

#[test]
fn the_relay_is_rebuilt_from_last_weeks_backup() {
    let world = tell(&story("relay-rebuilt"));
    assert_eq!(world.watch().backup_ages, [7 * 86_400]);
}

/// The devices of which something was so at each look for so many days on end.
fn places(world: &World, days: u64, is_so: fn(&Sample) -> bool) -> BTreeSet<usize> {
    let looks = days * 86_400 / world.options().probe_seconds;
    let is_long = |place: &usize| {
        let own = world.watch().samples.iter().filter(|it| it.place == *place);
        let mut row = 0;
        own.map(|it| {
            row = if is_so(it) { row + 1 } else { 0 };
            row
        })
        .any(|row| row >= looks)
    };
    (0..world.atlas().len()).filter(is_long).collect()
}
