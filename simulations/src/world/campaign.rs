//! Many seeds, one after the other; what becomes of one, and the command that runs it again.

mod shrink;

use std::panic::{UnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};

use super::check::{Checker, Finding};
use super::{Datagrams, Mutation, Options, World};
pub use shrink::shrink;

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

    /// What was found, if the program came to its end.
    fn of(findings: Vec<Finding>) -> Self {
        let late_only = findings.iter().all(|it| it.checker == Checker::Liveness);
        match (findings.is_empty(), late_only) {
            (true, _) => Self::Clean,
            (_, true) => Self::Liveness(findings),
            _ => Self::Safety(findings),
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

/// The exit code of many runs, the most serious of theirs: a crash, then safety, then liveness.
pub fn most_serious(codes: &[u8]) -> u8 {
    [5, 3, 4].into_iter().find(|code| codes.contains(code)).unwrap_or(0)
}

/// The one command that runs it again. An apostrophe in a story's name would end the shell's quotes: JSON has another way
/// to write it.
pub fn replay(options: &Options) -> String {
    format!("cargo simulate --options '{}'", options.line().replace('\'', "\\u0027"))
}

/// Runs one world to its end.
pub fn run(options: &Options, mutation: Option<Mutation>) -> (Verdict, Option<World>) {
    run_as(options, mutation, |_| ())
}

/// Runs one world to its end, made ready first: on more threads, aloud.
pub fn run_as(
    options: &Options,
    mutation: Option<Mutation>,
    ready: impl FnOnce(&mut World) + UnwindSafe,
) -> (Verdict, Option<World>) {
    let options = options.clone();
    let run = catch_unwind(move || {
        let mut world = World::mutated(options, mutation);
        ready(&mut world);
        let findings = world.run();
        (findings, world)
    });
    match run {
        Ok((findings, world)) => (Verdict::of(findings), Some(world)),
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
    /// The one command that runs it again, where it failed.
    pub replay: Option<String>,
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
            replay: (*verdict != Verdict::Clean).then(|| replay(options)),
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

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn the_most_serious_of_many_runs_is_what_a_campaign_says() {
        assert_eq!(most_serious(&[]), 0);
        assert_eq!(most_serious(&[4, 4]), 4);
        assert_eq!(most_serious(&[4, 3, 4]), 3);
        assert_eq!(most_serious(&[3, 4, 5]), 5);
    }

    #[cfg(unix)]
    #[test]
    fn a_shell_gives_back_the_options_of_a_story_with_an_apostrophe() {
        let story = "The council's \"bad\" week: $HOME \\ `date`".to_owned();
        let options = Options { story, ..Options::default() };
        let words = replay(&options).replace("cargo simulate --options", "printf %s");
        let said = Command::new("sh").args(["-c", &words]).output().expect("a shell").stdout;
        let read: Options = serde_json::from_slice(&said).expect("options");
        assert_eq!(read, options);
    }
}
