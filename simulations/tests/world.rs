//! Seeds of bad luck: a region is disturbed, healed, and then has to be right.

use azalea_simulations::world::campaign::{Verdict, kept_runs, run};
use azalea_simulations::world::{Faults, Notice, Options, Region, Trick, Work, World};

#[test]
fn a_quiet_region_comes_to_one_view() {
    let mut world = World::new(Options { seconds: 200, ..Options::default() });
    let findings = world.run();
    assert_eq!(findings, []);
    assert!(world.saved() > 60, "{} things were saved", world.saved());
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let trace = |seed| {
        let mut world = World::new(Options::draw(seed));
        world.run();
        (world.trace(), world.events())
    };
    assert_eq!(trace(5), trace(5));
    assert_ne!(trace(5), trace(6));
}

#[test]
fn the_trace_is_the_same_on_one_thread_and_on_two() {
    let options = Options {
        clinics: 6,
        seconds: 14_400,
        rest_seconds: 7_200,
        statement_seconds: 900,
        probe_seconds: 900,
        skew_ms: 2_000,
        drift_ppm: 20,
        faults: Faults {
            cuts: 4,
            kills: 2,
            crashes: 2,
            full_disks: 1,
            clock_jumps: 1,
            rebuilds: 2,
            lasting: 20,
            ..Faults::default()
        },
        ..Options::default()
    };
    let run = |threads| {
        let mut world = World::new(options.clone());
        world.use_threads(threads);
        let findings = world.run();
        (world.trace(), world.events(), findings)
    };
    let (one, two) = (run(1), run(2));
    assert_eq!(one, two);
    assert_eq!(one.2, []);
}

/// A month of forty patients and all kinds of facilities in two hours of virtual time.
#[test]
fn a_region_by_the_fields_figures_comes_to_rest_with_all_of_its_work_done() {
    let options = Options {
        hospitals: 2,
        clinics: 3,
        pharmacies: 2,
        visiting_nurses: 1,
        reading_hospitals: 1,
        associations: 4,
        tablets: 2,
        joining: 1,
        late: 1,
        links: 2,
        seconds: 7_200,
        rest_seconds: 1_800,
        statement_seconds: 300,
        probe_seconds: 600,
        region: Some(Region {
            patients: 40,
            pace: 360,
            openings: [12, 60],
            notes: 600,
            edits: 400,
            clashes: 2_000,
            referrals: 600,
            changes: 300,
            turnover: 200,
            ..Region::default()
        }),
        faults: Faults { cuts: 4, kills: 2, crashes: 2, lasting: 20, ..Faults::default() },
        ..Options::default()
    };
    let run = || {
        let mut world = World::new(options.clone());
        let findings = world.run();
        (world, findings)
    };
    let (world, findings) = run();
    assert_eq!(findings, []);
    let days = world.watch().days.clone();
    let done = |work| days.get(&work).copied().unwrap_or(0);
    assert_eq!(done(Work::Chart), 40);
    assert_eq!(done(Work::Consent) + done(Work::Newcomer), 40);
    assert_eq!(done(Work::Message), 40 * 60 * 30 / 365);
    assert!(done(Work::Opening) > 40 && done(Work::Note) > 10 && done(Work::Edit) > 5);
    assert!(done(Work::Clash) > 0, "two people met in one note, both offline");
    assert!(done(Work::Referral) > 0 && done(Work::Change) > 0 && done(Work::Turnover) > 0);
    let messages = done(Work::Message);
    let records = world.saved() as u64;
    assert!(records > 3 * messages, "{records} things saved by {messages} messages");
    assert_eq!(run().0.trace(), world.trace());
}

/// The report's first plot: a copy that is here is read on while no line is, and a hospital without power takes its links with it.
#[test]
fn a_storm_takes_the_links_and_leaves_the_charts() {
    let faults = Faults { typhoons: 1, ..Faults::default() };
    let (seconds, probe_seconds) = (1_800, 30);
    let mut world = World::new(Options { seconds, probe_seconds, faults, ..Options::default() });
    assert_eq!(world.run(), []);
    let charts = world.watch().samples.iter().filter_map(|it| it.charts);
    let late: Vec<_> = charts.filter(|it| it.may > 0 && it.here > 0).collect();
    assert!(late.iter().any(|it| it.here == it.may && it.linked == 0), "through the storm");
    assert!(late.iter().any(|it| it.linked == it.may), "before and after it");
}

/// The relay that does everything it can, and a member whose forgeries it carries.
#[test]
fn every_trick_of_a_hostile_relay_is_tried_and_noticed_as_what_it_is() {
    let options = Options {
        clinics: 4,
        patients: 6,
        records: 40,
        edits: 20,
        snapshot_after: 2,
        seconds: 7_200,
        statement_seconds: 120,
        tricks: Trick::ALL.to_vec(),
        hostile_member: true,
        ..Options::default()
    };
    let mut world = World::new(options);
    assert_eq!(world.run(), []);
    let watch = world.watch();
    for trick in Trick::ALL {
        let first = watch.tries.iter().find(|(_, tried, _)| *tried == trick);
        let (at, ..) = first.unwrap_or_else(|| panic!("{} was never tried", trick.name()));
        let of_trick = watch.noticed.iter().filter(|((noticed, _), _)| *noticed == trick);
        let noticed: Vec<_> = of_trick.map(|(_, noticed)| *noticed).collect();
        assert!(!noticed.is_empty(), "{} was not noticed", trick.name());
        assert!(noticed.iter().all(|it| it.at >= *at), "{}: {noticed:?}", trick.name());
        let meant: &[Notice] = match trick {
            Trick::Withhold | Trick::Fork | Trick::WithholdSnapshots => &[Notice::Missing],
            Trick::Replay => &[Notice::PassedOver],
            Trick::Reorder => &[Notice::Sorted],
            Trick::RollBack => &[Notice::GoneBack],
            Trick::Tamper => &[Notice::Refused, Notice::Missing],
            Trick::Flood | Trick::StaleHeads | Trick::Smuggle => &[Notice::Refused],
            Trick::FalseTaken => &[Notice::SentAgain, Notice::Missing],
        };
        assert!(
            noticed.iter().all(|it| meant.contains(&it.notice)),
            "{}: {noticed:?}",
            trick.name()
        );
    }
}

#[test]
fn a_disturbed_region_loses_nothing_and_comes_to_one_view() {
    for seed in seeds() {
        let options = Options::draw(seed);
        let (verdict, _) = run(&options, None);
        assert_eq!(verdict, Verdict::Clean, "cargo simulate --options '{}'", options.line());
    }
}

#[test]
fn what_failed_once_does_not_fail_again() {
    let kept = kept_runs(include_str!("../seeds.txt")).expect("options, one to a line");
    assert!(kept.len() > 4);
    for options in kept {
        let (verdict, _) = run(&options, None);
        assert_eq!(verdict, Verdict::Clean, "cargo simulate --options '{}'", options.line());
    }
}

/// A few by themselves; `AZALEA_WORLD_SEEDS=FIRST..LAST` for a night of them.
fn seeds() -> std::ops::Range<u64> {
    let asked = std::env::var("AZALEA_WORLD_SEEDS").unwrap_or_default();
    let range = asked
        .split_once("..")
        .and_then(|(first, last)| Some(first.parse().ok()?..last.parse().ok()?));
    range.unwrap_or(1..7)
}
