//! Where a wrong engine is built: a copy of the workspace with a target folder of its own, which is kept, so that
//! from one mutation to the next only what the changed text concerns is built anew.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::Mutant;
use crate::world::Options;
use crate::world::campaign::Ran;
use crate::world::check::Checker;

/// A campaign on a wrong engine that takes longer than this has found that the engine hangs.
const PATIENCE: Duration = Duration::from_secs(1_800);

/// The copy.
pub struct Workshop {
    root: PathBuf,
    sources: PathBuf,
    target: PathBuf,
    cargo: PathBuf,
    threads: usize,
}

/// What became of a wrong engine.
#[derive(Clone, Debug)]
pub struct Caught {
    /// The first seed at which the checker that should bite did.
    pub seed: Option<u64>,
    /// All checkers that bit until then.
    pub checkers: BTreeSet<Checker>,
    /// Runs in which the wrong engine stopped the program.
    pub crashes: usize,
    /// How long building took.
    pub built: Duration,
    /// How long the runs took.
    pub ran: Duration,
}

impl Workshop {
    /// A workshop for the workspace at `root`, under its target folder.
    pub fn new(root: &Path, cargo: PathBuf, threads: usize) -> Self {
        let place = root.join("target").join("mutants");
        Self {
            root: root.to_path_buf(),
            sources: place.join("sources"),
            target: place.join("target"),
            cargo,
            threads,
        }
    }

    /// Builds a wrong engine, or the right one, and says how long that took.
    pub fn build(&self, mutant: Option<&Mutant>) -> Result<Duration> {
        let began = Instant::now();
        self.copy(mutant)?;
        let mut command = Command::new(&self.cargo);
        command
            .current_dir(&self.sources)
            .args(["build", "--release", "--locked", "--quiet"])
            .args(["--package", "azalea-simulations", "--bin", "azalea-world"])
            .arg("--target-dir")
            .arg(&self.target)
            // A wrong engine is built once and run for a minute: what is not rebuilt counts for more than its speed.
            .env("CARGO_INCREMENTAL", "1")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
            .env("RUSTFLAGS", "--cap-lints allow");
        let done = command.output().context("cargo cannot be started")?;
        if !done.status.success() {
            bail!("the wrong engine does not build:\n{}", String::from_utf8_lossy(&done.stderr));
        }
        Ok(began.elapsed())
    }

    /// Runs seeds on what was built last, from `first`, `seeds` of them at most, until the mutation's checker has found
    /// something.
    pub fn run(&self, mutant: &Mutant, first: u64, seeds: u64) -> Result<Caught> {
        let checker = mutant.checker;
        let began = Instant::now();
        let program = self.target.join("release").join("azalea-world");
        let options = mutant.options.as_ref().map(Options::line);
        let mut child = Command::new(program.with_extension(std::env::consts::EXE_EXTENSION))
            .arg("--seeds")
            .arg(format!("{first}..{}", first + seeds))
            .args(["--json", "--until", checker.name(), "--threads"])
            .arg(self.threads.to_string())
            .args(options.iter().flat_map(|options| ["--options", options.as_str()]))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("the wrong engine cannot be started")?;
        let mut said = child.stdout.take().expect("asked for just above");
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            said.read_to_string(&mut text).map(|_| text)
        });
        while !reader.is_finished() && began.elapsed() < PATIENCE {
            std::thread::park_timeout(Duration::from_millis(50));
        }
        let hangs = !reader.is_finished();
        child.kill().context("the wrong engine cannot be ended")?;
        child.wait().context("the wrong engine cannot be waited for")?;
        if hangs {
            bail!("the wrong engine was still running after {} s", PATIENCE.as_secs());
        }
        let text = reader.join().expect("reading does not panic").context("what it said")?;
        let mut caught = Caught {
            seed: None,
            checkers: BTreeSet::new(),
            crashes: 0,
            built: Duration::ZERO,
            ran: began.elapsed(),
        };
        let mut runs = Vec::new();
        for line in text.lines() {
            runs.push(serde_json::from_str::<Ran>(line).context("a line of its report")?);
        }
        runs.sort_by_key(|ran| ran.seed);
        for ran in runs {
            caught.crashes += usize::from(ran.crash.is_some());
            caught.checkers.extend(&ran.checkers);
            if ran.checkers.contains(&checker) {
                caught.seed = Some(ran.seed);
                break;
            }
        }
        Ok(caught)
    }

    /// Brings the copy up to date, with the mutation in it. A file that stays as it is keeps its time, by which cargo
    /// sees what is to be built.
    fn copy(&self, mutant: Option<&Mutant>) -> Result<()> {
        let mut kept = BTreeSet::new();
        self.copy_folder(Path::new(""), mutant, &mut kept)?;
        remove_others(&self.sources, &self.sources, &kept)
    }

    fn copy_folder(
        &self,
        folder: &Path,
        mutant: Option<&Mutant>,
        kept: &mut BTreeSet<PathBuf>,
    ) -> Result<()> {
        let from = self.root.join(folder);
        let entries =
            fs::read_dir(&from).with_context(|| format!("{} cannot be read", from.display()))?;
        fs::create_dir_all(self.sources.join(folder)).context("no room for the copy")?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let hidden = name.to_string_lossy().starts_with('.');
            let at = folder.join(&name);
            if hidden || at == Path::new("target") {
                continue;
            }
            if entry.file_type()?.is_dir() {
                self.copy_folder(&at, mutant, kept)?;
                continue;
            }
            let mut bytes = fs::read(entry.path())
                .with_context(|| format!("{} cannot be read", entry.path().display()))?;
            if let Some(mutant) = mutant.filter(|mutant| Path::new(&mutant.file) == at) {
                let source = String::from_utf8(bytes).context("a source that is no text")?;
                bytes = mutant.apply(&source)?.into_bytes();
            }
            let to = self.sources.join(&at);
            if fs::read(&to).ok().as_deref() != Some(&bytes) {
                fs::write(&to, bytes)
                    .with_context(|| format!("{} cannot be written", to.display()))?;
            }
            kept.insert(at);
        }
        Ok(())
    }
}

/// Removes what the workspace no longer has.
fn remove_others(copy: &Path, folder: &Path, kept: &BTreeSet<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            remove_others(copy, &path, kept)?;
        } else if !path.strip_prefix(copy).is_ok_and(|at| kept.contains(at)) {
            fs::remove_file(&path)
                .with_context(|| format!("{} cannot be removed", path.display()))?;
        }
    }
    Ok(())
}
