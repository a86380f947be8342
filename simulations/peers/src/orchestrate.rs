//! Who is run when: run k of every system before run k+1 of any, each in a process that is stopped at its limit.

mod child;
mod programs;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::arguments::Choice;
use crate::machine::{self, Machine};
use crate::measure::Measured;
use crate::report;
use crate::systems::{System, pouch};
use crate::trial::Subject;
use crate::work::Work;
use child::{Child, Ended};

/// What is written for each run, one line each.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// The work.
    pub work: Work,
    /// Its size.
    pub size: usize,
    /// The system.
    pub system: System,
    /// The run, from 1; 0 for the preparation.
    pub run: u32,
    /// The figures, or why there are none.
    pub outcome: Outcome,
    /// How busy the machine was before.
    pub load: f64,
    /// Seconds that preparing took, which are not part of the figures.
    pub prepared_seconds: f64,
}

/// How a run ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was measured.
    Measured(Measured),
    /// It failed, in its own words.
    Failed(String),
    /// It was stopped after so many seconds.
    Stopped(u64),
    /// A smaller size was stopped already.
    Left,
}

/// Measures what was chosen, or reads what was measured, and writes the page.
pub fn run(choice: &Choice) -> Result<()> {
    std::fs::create_dir_all(&choice.out)?;
    let results = if choice.from.is_empty() {
        let path = choice.out.join("results.ndjson");
        let mut session = Session::begin(choice, &path)?;
        session.everything()?;
        read(&[path])?
    } else {
        read(&choice.from)?
    };
    report::write(&results, &choice.out, choice.publish)
}

/// The results of several files: of a work, size and system those of the last file that has any.
fn read(paths: &[std::path::PathBuf]) -> Result<report::Results> {
    let mut newest: BTreeMap<(Work, usize, System), Vec<Entry>> = BTreeMap::new();
    let mut machine = None;
    for path in paths {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let mut of_file: BTreeMap<(Work, usize, System), Vec<Entry>> = BTreeMap::new();
        for line in text.lines() {
            match serde_json::from_str(line)? {
                Line::Machine(read) => machine = Some(read),
                Line::Result(result) => {
                    let key = (result.work, result.size, result.system);
                    of_file.entry(key).or_default().push(result);
                }
            }
        }
        newest.extend(of_file);
    }
    let machine = machine.context("a file of results names its machine")?;
    Ok(report::Results { machine, of: newest })
}

/// A line of the file of results.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Machine(Machine),
    Result(Entry),
}

struct Session<'c> {
    choice: &'c Choice,
    scratch: TempDir,
    programs: std::path::PathBuf,
    results: std::fs::File,
    /// Systems that were stopped at a size of the work under way.
    stopped: Vec<System>,
}

impl<'c> Session<'c> {
    fn begin(choice: &'c Choice, path: &Path) -> Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("azalea-peers-");
        let scratch = match &choice.scratch {
            Some(folder) => builder.tempdir_in(folder)?,
            None => builder.tempdir()?,
        };
        child::end_with_us(scratch.path())?;
        let takes_part =
            |system: System| choice.system.is_empty() || choice.system.contains(&system);
        let programs = match takes_part(System::Azalea) {
            true => programs::built()?,
            false => scratch.path().to_owned(),
        };
        if takes_part(System::Pouch) {
            pouch::installed()?;
        }
        let mut results = OpenOptions::new().create(true).write(true).truncate(true).open(path)?;
        let machine = Line::Machine(Machine::now());
        writeln!(results, "{}", serde_json::to_string(&machine)?)?;
        Ok(Self { choice, scratch, programs, results, stopped: Vec::new() })
    }

    fn everything(&mut self) -> Result<()> {
        let began = Instant::now();
        let works = if self.choice.work.is_empty() {
            Work::DEFAULT.to_vec()
        } else {
            self.choice.work.clone()
        };
        for work in works {
            println!("\n{}", work.title());
            self.stopped.clear();
            let sizes = match self.choice.size.is_empty() {
                true => work.sizes(self.choice.quick),
                false => self.choice.size.clone(),
            };
            for size in sizes {
                self.size(work, size)?;
            }
        }
        println!("\n{:.0} s in all", began.elapsed().as_secs_f64());
        Ok(())
    }

    fn size(&mut self, work: Work, size: usize) -> Result<()> {
        let runs = self.choice.runs;
        let mut trials = Vec::new();
        for system in work.systems() {
            if !(self.choice.system.is_empty() || self.choice.system.contains(&system)) {
                continue;
            }
            let subject = Subject { work, system, size, runs };
            if self.stopped.contains(&system) {
                self.put(&subject, 0, Outcome::Left, 0.0)?;
                continue;
            }
            let before = Instant::now();
            say(&subject, "preparing");
            let dir = self.scratch.path().join(format!("{}-{size}-{}", work.name(), system.name()));
            let mut child = Child::start(&subject, &dir, &self.programs)?;
            let limit = work.limit_of_preparation();
            match child.answer(limit) {
                Ok(_) => trials.push((subject, child, before.elapsed().as_secs_f64())),
                Err(ended) => self.ended(&subject, 0, ended, limit, 0.0)?,
            }
        }
        let limit = self.choice.limit.map_or(work.limit(), Duration::from_secs);
        for run in 1..=runs {
            let mut standing = Vec::new();
            for (subject, mut child, prepared) in trials {
                let measured = child.run(run, limit);
                match measured {
                    Ok(measured) => {
                        say(&subject, &format!("run {run}: {}", report::figures(&measured)));
                        self.put(&subject, run, Outcome::Measured(measured), prepared)?;
                        standing.push((subject, child, prepared));
                    }
                    Err(ended) => {
                        let goes_on = matches!(ended, Ended::Failed(_));
                        self.ended(&subject, run, ended, limit, prepared)?;
                        if goes_on {
                            standing.push((subject, child, prepared));
                        }
                    }
                }
            }
            trials = standing;
        }
        Ok(())
    }

    fn ended(
        &mut self,
        subject: &Subject,
        run: u32,
        ended: Ended,
        limit: Duration,
        prepared: f64,
    ) -> Result<()> {
        let outcome = match ended {
            Ended::Failed(why) | Ended::Gone(why) => Outcome::Failed(why),
            Ended::Late => {
                self.stopped.push(subject.system);
                Outcome::Stopped(limit.as_secs())
            }
        };
        say(subject, &format!("run {run}: {outcome:?}"));
        self.put(subject, run, outcome, prepared)
    }

    fn put(&mut self, subject: &Subject, run: u32, outcome: Outcome, prepared: f64) -> Result<()> {
        let Subject { work, system, size, .. } = *subject;
        let load = machine::load();
        let result = Entry { work, size, system, run, outcome, load, prepared_seconds: prepared };
        let line = serde_json::to_string(&Line::Result(result))?;
        if self.choice.json {
            println!("{line}");
        }
        Ok(writeln!(self.results, "{line}")?)
    }
}

fn say(subject: &Subject, what: &str) {
    let Subject { work, system, size, .. } = subject;
    println!("  {} {size} {}: {what}", work.name(), system.name());
}
