//! Runs the simulated region: one seed, a campaign of them, a story, or the mutations that the checkers must catch.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use azalea_simulations::world::campaign::{
    Ran, Verdict, kept_runs, most_serious, replay, run, run_as, shrink,
};
use azalea_simulations::world::check::Checker;
use azalea_simulations::world::{Mutation, Options, World, report};
use clap::Parser;

/// Runs the region on virtual time and says whether what it promises was kept.
///
/// Exit codes: 0 clean, 2 wrong usage, 3 something happened that must not, 4 not everything arrived in time,
/// 5 the program stopped. Of many runs it is the most serious: 5, then 3, then 4.
#[derive(Debug, Parser)]
#[command(name = "azalea-world", version)]
struct Arguments {
    /// The seed from which everything is drawn, 1 where none is given. With a story or options only their seed changes.
    #[arg(long)]
    seed: Option<u64>,
    /// Many seeds, as FIRST..LAST; the last is left out. With a story or options only their seed changes.
    #[arg(long, value_name = "FIRST..LAST", conflicts_with = "seed")]
    seeds: Option<String>,
    /// A file of runs that failed once, their options one to a line as they were printed.
    #[arg(long, value_name = "FILE")]
    kept: Option<PathBuf>,
    /// A story: a JSON file with some of the options, the others as they are by default.
    #[arg(long, value_name = "FILE")]
    story: Option<PathBuf>,
    /// The options themselves, as a failing run printed them.
    #[arg(long, value_name = "JSON")]
    options: Option<String>,
    /// Makes a failing run smaller as long as it fails alike, and prints its options.
    #[arg(long, conflicts_with = "json")]
    shrink: bool,
    /// Runs every mutation of the engine until its checker catches it, over at most so many seeds.
    #[arg(long, value_name = "SEEDS")]
    mutations: Option<u64>,
    /// Writes a page about the run, to be opened in a browser.
    #[arg(long, value_name = "HTML")]
    report: Option<PathBuf>,
    /// Prints one JSON object to a line for each run, with the command that replays it where it failed.
    #[arg(long)]
    json: bool,
    /// Ends a campaign at the first run in which this checker finds something.
    #[arg(long, value_name = "CHECKER", value_parser = checker)]
    until: Option<Checker>,
    /// Says on the error output what each run of a campaign is, before it begins: what a killed or hanging campaign was at.
    #[arg(long)]
    progress: bool,
    /// Prints every event.
    #[arg(long, conflicts_with = "json")]
    trace: bool,
    /// Runs that go on side by side; of a single run, the threads that it uses.
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

/// A month of a region is billions of small pieces of memory, taken and given back: a fifth of its time with the system's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse_from(azalea_simulations::arguments());
    match act(&arguments) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(2)
        }
    }
}

fn act(arguments: &Arguments) -> Result<u8> {
    if let Some(seeds) = arguments.mutations {
        return Ok(mutations(seeds));
    }
    if let Some(kept) = &arguments.kept {
        let text = std::fs::read_to_string(kept)
            .with_context(|| format!("{} cannot be read", kept.display()))?;
        let runs = kept_runs(&text).with_context(|| kept.display().to_string())?;
        return Ok(campaign(&runs, arguments));
    }
    if let Some(range) = &arguments.seeds {
        let (first, last) = range.split_once("..").context("give seeds as FIRST..LAST")?;
        let first: u64 = first.parse().context("the first seed is a number")?;
        let last: u64 = last.parse().context("the last seed is a number")?;
        if first >= last {
            bail!("no seed lies in {range}: the last is left out");
        }
        let runs: Vec<Options> = match given(arguments)? {
            Some(options) => {
                (first..last).map(|seed| Options { seed, ..options.clone() }).collect()
            }
            None => (first..last).map(Options::draw).collect(),
        };
        return Ok(campaign(&runs, arguments));
    }
    one(arguments)
}

/// The options of a story or of the command line; `None` where they are drawn from the seed.
fn given(arguments: &Arguments) -> Result<Option<Options>> {
    Ok(match (&arguments.story, &arguments.options) {
        (Some(story), _) => {
            let text = std::fs::read_to_string(story)
                .with_context(|| format!("{} cannot be read", story.display()))?;
            let story = serde_json::from_str(&text).with_context(|| story.display().to_string())?;
            Some(story)
        }
        (None, Some(text)) => Some(serde_json::from_str(text).context("--options")?),
        (None, None) => None,
    })
}

fn one(arguments: &Arguments) -> Result<u8> {
    let options = match (given(arguments)?, arguments.seed) {
        (Some(given), None) => given,
        (Some(given), Some(seed)) => Options { seed, ..given },
        (None, seed) => Options::draw(seed.unwrap_or(1)),
    };
    if !arguments.json {
        println!("{}", options.line());
    }
    let began = Instant::now();
    let (threads, aloud) = (arguments.threads, arguments.trace);
    let (verdict, world) = run_as(&options, None, move |world| {
        world.use_threads(threads);
        if aloud {
            world.aloud();
        }
    });
    if let (Some(world), Some(path)) = (&world, &arguments.report) {
        std::fs::write(path, report::page(world, &verdict))
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    if arguments.json {
        let ran = Ran::new(&options, &verdict, world.as_ref(), began.elapsed().as_secs_f64());
        println!("{}", serde_json::to_string(&ran).expect("plain data"));
    } else {
        tell(&options, &verdict, world.as_ref(), began);
    }
    // What it takes to give back the memory of a region piece by piece is better left to the end of the process.
    std::mem::forget(world);
    if arguments.shrink && verdict != Verdict::Clean {
        println!("as small as it fails alike:\n  {}", replay(&shrink(&options, None)));
    }
    Ok(verdict.code())
}

/// What a run came to, for people.
fn tell(options: &Options, verdict: &Verdict, world: Option<&World>, began: Instant) {
    if let Some(world) = world {
        println!(
            "{} events, {} things saved, at rest {} s after healing, {:.1} s of real time, trace {}",
            world.events(),
            world.saved(),
            world.watch().rested_ms / 1_000,
            began.elapsed().as_secs_f64(),
            world.trace(),
        );
        let mut kinds = world.kinds().to_vec();
        kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let kinds: Vec<String> = kinds.iter().map(|(kind, n)| format!("{kind} {n}")).collect();
        println!("{}", kinds.join(", "));
        println!("{}", met(world));
    }
    println!("{verdict}");
    if *verdict != Verdict::Clean {
        println!("{}", replay(options));
    }
}

/// What lines and disks did, in words.
fn met(world: &World) -> String {
    let (lines, watch) = (world.datagrams(), world.watch());
    format!(
        "{} datagrams: {} lost, {} doubled, {} before earlier ones; {} moves; {} rotten stores repaired, {} taken by ransomware, {} unsent lost with them",
        lines.sent,
        lines.lost,
        lines.doubled,
        lines.overtook,
        lines.moves,
        watch.repairs,
        watch.ransomed,
        watch.lost_unsent,
    )
}

fn campaign(runs: &[Options], arguments: &Arguments) -> u8 {
    let began = Instant::now();
    let (next, failed) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    // Runs from here on are left out; those before it are finished, so that the outcome does not hang on the threads.
    let end = AtomicU64::new(runs.len() as u64);
    let events = AtomicU64::new(0);
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= end.load(Ordering::Relaxed) {
                return;
            }
            let (options, began) = (&runs[at as usize], Instant::now());
            if arguments.progress {
                eprintln!("{}", replay(options));
            }
            let (verdict, world) = run(options, None);
            events.fetch_add(world.as_ref().map_or(0, World::events), Ordering::Relaxed);
            if arguments.json {
                let seconds = began.elapsed().as_secs_f64();
                let ran = Ran::new(options, &verdict, world.as_ref(), seconds);
                println!("{}", serde_json::to_string(&ran).expect("plain data"));
            } else if verdict != Verdict::Clean {
                println!("{}\n{verdict}", replay(options));
            }
            if verdict != Verdict::Clean {
                failed.lock().expect("nobody stops while holding it").push(verdict.code());
            }
            if arguments.until.is_some_and(|checker| verdict.checkers().contains(&checker)) {
                end.fetch_min(at, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..arguments.threads.max(1) {
            scope.spawn(work);
        }
    });
    let failed = failed.into_inner().expect("nobody stops while holding it");
    if !arguments.json {
        println!(
            "{} seeds, {} failed, {} events, {:.1} s of real time",
            runs.len(),
            failed.len(),
            events.into_inner(),
            began.elapsed().as_secs_f64()
        );
    }
    most_serious(&failed)
}

/// A checker by its name.
fn checker(name: &str) -> Result<Checker, String> {
    Checker::ALL.into_iter().find(|checker| checker.name() == name).ok_or_else(|| {
        let names: Vec<&str> = Checker::ALL.iter().map(|checker| checker.name()).collect();
        format!("no checker is called so; there are {}", names.join(", "))
    })
}

/// Each mutation, until the checker that should catch it does.
fn mutations(seeds: u64) -> u8 {
    let mut missed = 0;
    for (mutation, checker) in Mutation::ALL {
        let caught = (1..=seeds).find(|seed| {
            let (verdict, _) = run(&Options::draw(*seed), Some(mutation));
            verdict.checkers().contains(&checker)
        });
        match caught {
            Some(seed) => println!("{mutation:?}: {} caught it at seed {seed}", checker.name()),
            None => {
                missed += 1;
                println!("{mutation:?}: {} missed it in {seeds} seeds", checker.name());
            }
        }
    }
    if missed == 0 { 0 } else { 3 }
}
