//! How a failing run is made small. Each number of the options has a way down, or a test says why not.

use super::run;
use crate::world::{Mutation, Options, Region};

/// Makes a failing run smaller as long as it fails alike: less time, fewer people, fewer facilities, fewer misfortunes.
pub fn shrink(options: &Options, mutation: Option<Mutation>) -> Options {
    let (verdict, _) = run(options, mutation);
    let fails_alike = |smaller: &Options| {
        let (other, _) = run(smaller, mutation);
        other.code() == verdict.code()
            && (other.checkers().iter().any(|it| verdict.checkers().contains(it))
                || verdict.checkers().is_empty())
    };
    let mut best = options.clone();
    loop {
        let before = best.clone();
        for step in steps() {
            // As far as one step goes before the next: what it made small is not tried again after each of the others.
            while let Some(smaller) = taken(&best, &step).filter(&fails_alike) {
                best = smaller;
            }
        }
        if best == before {
            return best;
        }
    }
}

/// One step down in some direction.
type Step = Box<dyn Fn(&mut Options)>;

/// What a step makes of a run; `None` where that is nothing new, or no region any more.
fn taken(options: &Options, step: &Step) -> Option<Options> {
    let mut smaller = options.clone();
    step(&mut smaller);
    (smaller != *options && smaller.readers_of_all_kinds() > 0).then_some(smaller)
}

/// Those that take most first: what is left runs faster.
fn steps() -> Vec<Step> {
    let mut all: Vec<Step> = vec![
        Box::new(|it| it.tricks.clear()),
        Box::new(|it| it.hostile_member = false),
        Box::new(|it| it.thief = false),
        Box::new(|it| {
            it.tricks.pop();
        }),
    ];
    for count in COUNTS {
        all.push(Box::new(move |it| *count(it) = 0));
        all.push(Box::new(move |it| *count(it) /= 2));
    }
    all.push(Box::new(|it| (it.skew_ms, it.drift_ppm) = (0, 0)));
    all.push(Box::new(|it| (it.relay_skew_ms, it.relay_drift_ppm) = (0, 0)));
    all.push(Box::new(|it| it.region = None));
    for rate in RATES {
        all.push(region(move |it| *rate(it) = 0));
        all.push(region(move |it| *rate(it) /= 2));
    }
    all.push(region(|it| it.openings = it.openings.map(|many| (many / 2).max(1))));
    all.push(region(|it| it.patients = (it.patients / 2).max(1)));
    all.push(region(|it| it.chart = (it.chart / 2).max(1)));
    all.push(region(|it| it.pace = (it.pace / 2).max(1)));
    for count in KINDS {
        all.push(Box::new(move |it| *count(it) /= 2));
        all.push(Box::new(move |it| *count(it) = count(it).saturating_sub(1)));
    }
    all.push(Box::new(|it| it.hospitals = it.hospitals.saturating_sub(1).max(1)));
    for number in NUMBERS {
        all.push(Box::new(move |it| *number(it) = 0));
        all.push(Box::new(move |it| *number(it) /= 2));
    }
    all.push(Box::new(|it| it.patients = (it.patients / 2).max(1)));
    all.push(Box::new(|it| it.records = (it.records / 2).max(1)));
    // None means all of them, which is more.
    all.push(Box::new(|it| it.readers = 1));
    all.push(Box::new(|it| it.readers = it.readers.div_ceil(2)));
    all.push(Box::new(|it| it.lines.clear()));
    // Of less time there is nothing left to break.
    all.push(Box::new(|it| it.seconds = (it.seconds / 2).max(it.seconds.min(SECONDS_MIN))));
    all
}

fn region(change: impl Fn(&mut Region) + 'static) -> Step {
    Box::new(move |it| it.region.iter_mut().for_each(&change))
}

/// A count in the options.
type Count = fn(&mut Options) -> &mut usize;
/// A larger one.
type Number = fn(&mut Options) -> &mut u64;
/// How often something happens in a region.
type Rate = fn(&mut Region) -> &mut u64;

/// Facilities that read; a region has one of them at the least.
const KINDS: [Count; 4] = [
    |it| &mut it.clinics,
    |it| &mut it.pharmacies,
    |it| &mut it.visiting_nurses,
    |it| &mut it.reading_hospitals,
];

/// What a region can do without: misfortunes, devices that join or go, and whatever else is there by the piece.
const COUNTS: [Count; 29] = [
    |it| &mut it.faults.cuts,
    |it| &mut it.faults.half_cuts,
    |it| &mut it.faults.kills,
    |it| &mut it.faults.crashes,
    |it| &mut it.faults.relay_kills,
    |it| &mut it.faults.relay_crashes,
    |it| &mut it.faults.relay_restores,
    |it| &mut it.faults.rebuilds,
    |it| &mut it.faults.ransomware,
    |it| &mut it.faults.full_disks,
    |it| &mut it.faults.slow_disks,
    |it| &mut it.faults.unreadable,
    |it| &mut it.faults.clock_jumps,
    |it| &mut it.faults.relay_jumps,
    |it| &mut it.faults.typhoons,
    |it| &mut it.faults.moves,
    |it| &mut it.faults.rot,
    |it| &mut it.faults.relay_rot,
    |it| &mut it.faults.relay_tables,
    |it| &mut it.faults.upgrades,
    |it| &mut it.stores,
    |it| &mut it.tablets,
    |it| &mut it.joining,
    |it| &mut it.links,
    |it| &mut it.revocations,
    |it| &mut it.left_out,
    |it| &mut it.late,
    |it| &mut it.snapshot_after,
    |it| &mut it.associations,
];

const NUMBERS: [Number; 6] = [
    |it| &mut it.withdrawals,
    |it| &mut it.notes,
    |it| &mut it.edits,
    |it| &mut it.openings,
    |it| &mut it.faults.lasting,
    |it| &mut it.faults.backup_age,
];

const RATES: [Rate; 9] = [
    |it| &mut it.messages,
    |it| &mut it.resources,
    |it| &mut it.notes,
    |it| &mut it.edits,
    |it| &mut it.clashes,
    |it| &mut it.referrals,
    |it| &mut it.changes,
    |it| &mut it.newcomers,
    |it| &mut it.turnover,
];

const SECONDS_MIN: u64 = 60;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::campaign::Verdict;
    use crate::world::{Faults, Trick};

    #[test]
    fn a_wrong_engine_fails_alike_with_fewer_facilities_and_events() {
        let faults = Faults { cuts: 3, kills: 2, lasting: 60, ..Faults::default() };
        let options =
            Options { clinics: 3, tablets: 1, seconds: 200, faults, ..Options::default() };
        let mutation = Some(Mutation::DropRecords);
        let small = shrink(&options, mutation);
        let devices = |it: &Options| it.hospitals + it.readers_of_all_kinds() + it.tablets;
        assert_eq!(devices(&small), 2, "{}", small.line());
        assert_eq!(small.faults, Faults::default());
        assert_eq!((small.seconds, small.patients), (SECONDS_MIN, 1));
        let events = |it: &Options| {
            let (verdict, world) = run(it, mutation);
            assert!(matches!(verdict, Verdict::Safety(_)), "{verdict}");
            world.expect("it came to its end").events()
        };
        assert!(events(&small) * 4 < events(&options), "{}", small.line());
    }

    #[test]
    fn every_number_of_a_drawn_run_has_a_way_down() {
        let mut options = Options {
            hospitals: 3,
            patients: 4,
            readers: 4,
            records: 4,
            skew_ms: 5,
            drift_ppm: 5,
            relay_skew_ms: 5,
            relay_drift_ppm: 5,
            tricks: vec![Trick::Withhold],
            hostile_member: true,
            thief: true,
            region: Some(Region { pace: 8, ..Region::default() }),
            ..Options::default()
        };
        for count in COUNTS.into_iter().chain(KINDS) {
            *count(&mut options) = 5;
        }
        for number in NUMBERS {
            *number(&mut options) = 5;
        }
        let large = serde_json::to_value(&options).expect("plain data");
        let reached = |at: &[&str]| {
            let find =
                |it: &serde_json::Value| at.iter().fold(it.clone(), |it, key| it[*key].clone());
            let smaller = steps().into_iter().filter_map(|step| taken(&options, &step));
            smaller
                .map(|it| serde_json::to_value(it).expect("plain data"))
                .any(|it| find(&it) != find(&large))
        };
        for (key, value) in large.as_object().expect("an object") {
            // What it is called and drawn from, and how long it may take and how often it is looked at.
            let kept = ["story", "seed", "rest_seconds", "statement_seconds", "probe_seconds"];
            assert!(kept.contains(&&**key) || reached(&[key]), "{key}");
            for part in value.as_object().into_iter().flatten().map(|(part, _)| &**part) {
                assert!(["handover"].contains(&part) || reached(&[key, part]), "{key}.{part}");
            }
        }
    }
}
