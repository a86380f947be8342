//! The same seed gives the same trace, byte for byte, on every machine and in every build: the digests are in a file.
//!
//! What is changed on purpose is written anew with `AZALEA_GOLDEN=write cargo test -p azalea-simulations --test golden`;
//! a change that nobody meant to make shows here.

use std::path::Path;

use azalea_simulations::world::{Faults, Options, Quality, Trick, World};

/// A quiet region, one on bad lines whose disks are the node's own and rot, and one with a hostile relay.
fn runs() -> [(&'static str, Options); 3] {
    let short = || Options { seconds: 300, ..Options::default() };
    let bad = Faults {
        cuts: 4,
        half_cuts: 2,
        kills: 2,
        crashes: 4,
        relay_crashes: 1,
        full_disks: 1,
        clock_jumps: 1,
        moves: 6,
        rot: 2,
        lasting: 60,
        ..Faults::default()
    };
    let lines = vec![Quality::Mobile, Quality::Copper];
    let (skew_ms, drift_ppm) = (20_000, 100);
    let bad = Options { seed: 3, faults: bad, stores: 2, lines, skew_ms, drift_ppm, ..short() };
    let tricks = vec![Trick::Withhold, Trick::Tamper, Trick::StaleHeads];
    let hostile = Options { seed: 4, tricks, hostile_member: true, ..short() };
    [("quiet", short()), ("bad", bad), ("hostile", hostile)]
}

#[test]
fn traces_are_those_of_the_golden_file() {
    let now: String = runs()
        .into_iter()
        .map(|(name, options)| {
            let mut world = World::new(options);
            let findings = world.run();
            assert_eq!(findings, [], "{name}");
            format!("{name} = {} {}\n", world.trace(), world.events())
        })
        .collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/traces.txt");
    if std::env::var_os("AZALEA_GOLDEN").is_some_and(|value| value == "write") {
        std::fs::write(&path, &now).expect("the golden file can be written");
    }
    let golden = std::fs::read_to_string(&path).expect("the golden file is there");
    assert_eq!(golden, now, "written anew with AZALEA_GOLDEN=write where that is meant");
}
