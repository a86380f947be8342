//! Makes the engine wrong, one place at a time, and says which checker noticed and how soon.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use azalea_simulations::mutants::{self, Caught, Mutant, Workshop};
use clap::Parser;
use serde_json::json;

/// Builds each wrong engine of `simulations/mutations.json` in a copy under `target/mutants` and runs it until the
/// checker that should notice does.
///
/// Exit codes: 0 all were noticed, 2 wrong usage, 3 one was not.
#[derive(Debug, Parser)]
#[command(name = "azalea-mutants", version)]
struct Arguments {
    /// Only those whose name holds this text.
    #[arg(long, default_value = "")]
    only: String,
    /// At most so many seeds for each, in place of the number in the list.
    #[arg(long)]
    seeds: Option<u64>,
    /// Runs that go on side by side.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// One JSON object to a line in place of the table.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse_from(azalea_simulations::arguments());
    match act(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(3),
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(2)
        }
    }
}

fn act(arguments: &Arguments) -> Result<bool> {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
        .context("the sources are not known; start this with `cargo mutants-azalea`")?;
    let root = PathBuf::from(manifest).join("..").canonicalize().context("the workspace")?;
    let cargo = std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
    let mut chosen = mutants::list(&root)?;
    chosen.retain(|mutant| mutant.name.contains(&arguments.only));
    if chosen.is_empty() {
        bail!("no mutation has `{}` in its name", arguments.only);
    }
    let workshop = Workshop::new(&root, cargo, arguments.threads);
    let seeds = |mutant: &Mutant| arguments.seeds.unwrap_or(mutant.seeds);
    let mut results = Vec::new();
    for mutant in &chosen {
        let built = workshop.build(Some(mutant)).with_context(|| mutant.name.clone())?;
        let caught = workshop.run(mutant, 1, seeds(mutant));
        let caught = Caught { built, ..caught.with_context(|| mutant.name.clone())? };
        eprintln!("{}", words(mutant, &caught));
        results.push(caught);
    }
    // A checker that also bites the right engine at that seed has noticed nothing.
    workshop.build(None)?;
    for (mutant, caught) in chosen.iter().zip(&mut results) {
        if let Some(seed) = caught.seed
            && workshop.run(mutant, seed, 1)?.seed.is_some()
        {
            eprintln!("{}: seed {seed} is not clean without it either", mutant.name);
            caught.seed = None;
        }
    }
    if !arguments.json {
        println!("| mutation | must be caught by | caught by | at seed | build s | runs s |");
        println!("|---|---|---|---|---|---|");
    }
    for (mutant, caught) in chosen.iter().zip(&results) {
        if arguments.json {
            println!("{}", object(mutant, caught));
        } else {
            println!("{}", words(mutant, caught));
        }
    }
    Ok(results.iter().all(|caught| caught.seed.is_some()))
}

fn words(mutant: &Mutant, caught: &Caught) -> String {
    let mut bit: Vec<&str> = caught.checkers.iter().map(|checker| checker.name()).collect();
    if caught.crashes > 0 {
        bit.push("the program stopped");
    }
    format!(
        "| {} | {} | {} | {} | {} | {} |",
        mutant.name,
        mutant.checker.name(),
        if bit.is_empty() { "nobody".to_owned() } else { bit.join(", ") },
        caught.seed.map_or_else(|| format!("none of {}", mutant.seeds), |seed| seed.to_string()),
        caught.built.as_secs(),
        caught.ran.as_secs(),
    )
}

fn object(mutant: &Mutant, caught: &Caught) -> serde_json::Value {
    json!({
        "mutation": mutant.name,
        "file": mutant.file,
        "expected": mutant.checker,
        "caught_by": caught.checkers,
        "crashes": caught.crashes,
        "seed": caught.seed,
        "build_seconds": caught.built.as_secs_f64(),
        "run_seconds": caught.ran.as_secs_f64(),
    })
}
