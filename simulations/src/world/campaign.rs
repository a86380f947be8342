//! Many seeds, one after the other; what becomes of one, and how a failing one is made small.

use serde::{Deserialize, Serialize};

use super::check::{Checker, Finding};
use super::{Datagrams, Mutation, Options, World};

/// What became of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All is well.
    Clean,
    /// Something was found that must not be.
    Safety(Vec<Finding>),
    /// Only that not everything arrived in time.
    Liveness(Vec<Finding>),
    /// The program stopped.
    Crash(String),
}

impl Verdict {
    /// The process's exit code: 0 clean, 3 safety, 4 liveness, 5 crash.
    pub fn code(&self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Safety(_) => 3,
            Self::Liveness(_) => 4,
            Self::Crash(_) => 5,
        }
    }

    /// The checkers that found something.
    pub fn checkers(&self) -> Vec<Checker> {
        let (Self::Safety(findings) | Self::Liveness(findings)) = self else { return Vec::new() };
        let mut checkers: Vec<Checker> = findings.iter().map(|it| it.checker).collect();
        checkers.sort();
        checkers.dedup();
        checkers
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Clean => write!(f, "clean"),
            Self::Crash(words) => write!(f, "crash: {words}"),
            Self::Safety(findings) | Self::Liveness(findings) => {
                for finding in findings {
                    writeln!(f, "{finding}")?;
                }
                Ok(())
            }
        }
    }
}

/// Runs one world to its end.
pub fn run(options: &Options, mutation: Option<Mutation>) -> (Verdict, Option<World>) {
    run_on(options, mutation, 1)
}

/// Runs one world to its end, on so many threads; what becomes of it is the same on any number.
pub fn run_on(
    options: &Options,
    mutation: Option<Mutation>,
    threads: usize,
) -> (Verdict, Option<World>) {
    let options = options.clone();
    let run = std::panic::catch_unwind(move || {
        let mut world = World::mutated(options, mutation);
        world.use_threads(threads);
        let findings = world.run();
        (findings, world)
    });
    match run {
        Ok((findings, world)) => {
            let late_only = findings.iter().all(|it| it.checker == Checker::Liveness);
            let verdict = match (findings.is_empty(), late_only) {
                (true, _) => Verdict::Clean,
                (_, true) => Verdict::Liveness(findings),
                _ => Verdict::Safety(findings),
            };
            (verdict, Some(world))
        }
        Err(panic) => {
            let words = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|words| (*words).to_owned()));
            (Verdict::Crash(words.unwrap_or_else(|| "without words".to_owned())), None)
        }
    }
}

/// One run of a campaign in one line of JSON, for programs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ran {
    /// The seed.
    pub seed: u64,
    /// The exit code that the run alone would have had.
    pub code: u8,
    /// The checkers that found something.
    pub checkers: Vec<Checker>,
    /// What the program said when it stopped, if it did.
    pub crash: Option<String>,
    /// Events.
    pub events: u64,
    /// What people were told is saved.
    pub saved: usize,
    /// How long the healed region took to come to rest, in virtual seconds.
    pub rested_seconds: u64,
    /// Stores that were repaired because they had rotted.
    pub repairs: u64,
    /// Envelopes that had rotted in the relay's log and that it fetched again.
    pub mended: u64,
    /// Envelopes that had not been sent and were lost with them, each named by its repair.
    pub lost_unsent: u64,
    /// What the lines did to datagrams.
    pub datagrams: Datagrams,
    /// How long it took, in real seconds.
    pub seconds: f64,
}

impl Ran {
    /// What a run came to.
    pub fn new(options: &Options, verdict: &Verdict, world: Option<&World>, seconds: f64) -> Self {
        Self {
            seed: options.seed,
            code: verdict.code(),
            checkers: verdict.checkers(),
            crash: match verdict {
                Verdict::Crash(words) => Some(words.clone()),
                _ => None,
            },
            events: world.map_or(0, World::events),
            saved: world.map_or(0, World::saved),
            rested_seconds: world.map_or(0, |world| world.watch().rested_ms / 1_000),
            repairs: world.map_or(0, |world| world.watch().repairs),
            mended: world.map_or(0, World::mended),
            lost_unsent: world.map_or(0, |world| world.watch().lost_unsent),
            datagrams: world.map_or_else(Datagrams::default, World::datagrams),
            seconds,
        }
    }
}

/// The runs of a file of kept ones: options, one to a line, between lines that begin with `#`.
pub fn kept_runs(text: &str) -> Result<Vec<Options>, serde_json::Error> {
    let lines = text.lines().map(str::trim);
    let runs = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    runs.map(serde_json::from_str).collect()
}

/// Makes a failing run smaller as long as it fails alike: fewer people, fewer facilities, fewer misfortunes.
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
        let smaller = smaller(&best).into_iter().find(|it| *it != best && fails_alike(it));
        match smaller {
            Some(smaller) => best = smaller,
            None => return best,
        }
    }
}

/// One step down in each direction.
fn smaller(options: &Options) -> Vec<Options> {
    let mut all = Vec::new();
    let mut with = |change: &dyn Fn(&mut Options)| {
        let mut smaller = options.clone();
        change(&mut smaller);
        all.push(smaller);
    };
    with(&|it| it.tricks.clear());
    with(&|it| it.hostile_member = false);
    with(&|it| {
        it.tricks.pop();
    });
    for count in FAULTS {
        with(&|it| *count(it) = 0);
        with(&|it| *count(it) /= 2);
    }
    with(&|it| (it.skew_ms, it.drift_ppm) = (0, 0));
    for count in KINDS {
        with(&|it| *count(it) = count(it).saturating_sub(1));
    }
    with(&|it| {
        if let Some(region) = &mut it.region {
            region.patients = (region.patients / 2).max(1);
        }
    });
    with(&|it| it.hospitals = it.hospitals.saturating_sub(1).max(1));
    with(&|it| it.withdrawals = 0);
    with(&|it| it.notes /= 2);
    with(&|it| it.edits /= 2);
    with(&|it| it.patients = (it.patients / 2).max(1));
    with(&|it| it.records = (it.records / 2).max(1));
    with(&|it| it.lines.clear());
    with(&|it| it.associations = 0);
    all.retain(|it| it.readers_of_all_kinds() > 0);
    all
}

/// A count in the options.
type Count = fn(&mut Options) -> &mut usize;

/// Facilities that read; a region has one of them at the least.
const KINDS: [Count; 4] = [
    |it| &mut it.clinics,
    |it| &mut it.pharmacies,
    |it| &mut it.visiting_nurses,
    |it| &mut it.reading_hospitals,
];

const FAULTS: [Count; 25] = [
    |it| &mut it.faults.cuts,
    |it| &mut it.faults.half_cuts,
    |it| &mut it.faults.kills,
    |it| &mut it.faults.crashes,
    |it| &mut it.faults.relay_kills,
    |it| &mut it.faults.relay_crashes,
    |it| &mut it.faults.relay_restores,
    |it| &mut it.faults.rebuilds,
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
    |it| &mut it.stores,
    |it| &mut it.faults.upgrades,
    |it| &mut it.tablets,
    |it| &mut it.joining,
    |it| &mut it.links,
    |it| &mut it.revocations,
    |it| &mut it.left_out,
];
