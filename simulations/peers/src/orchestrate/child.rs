//! A trial's process and all that it starts, as one group that can be ended as one.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;

use crate::measure::Measured;
use crate::seat::last_words;
use crate::trial::Subject;

/// The groups that run.
static GROUPS: Mutex<Vec<i32>> = Mutex::new(Vec::new());

/// How a trial ended early.
#[derive(Debug)]
pub(super) enum Ended {
    /// The run failed; the next may not.
    Failed(String),
    /// The process is gone.
    Gone(String),
    /// It reached its limit and was stopped.
    Late,
}

/// A trial's process.
pub(super) struct Child {
    child: std::process::Child,
    orders: ChildStdin,
    answers: Receiver<String>,
    dir: PathBuf,
}

impl Child {
    /// Starts to prepare a trial.
    pub(super) fn start(subject: &Subject, dir: &Path, programs: &Path) -> Result<Self> {
        // Nothing is begun while everything is being ended.
        let mut groups = groups();
        std::fs::create_dir_all(dir)?;
        let Subject { work, system, size, runs } = subject;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["trial", work.name(), system.name()]);
        command.args([size.to_string(), runs.to_string()]).arg(dir);
        // What the harness of the stories makes lies with the rest, and goes with it.
        command.env("TMPDIR", dir).env("AZALEA_PROGRAMS", programs);
        command.env("RUST_BACKTRACE", "0");
        let errors = OpenOptions::new().create(true).append(true).open(dir.join("trial.log"))?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors).process_group(0);
        let mut child = command.spawn()?;
        groups.push(child.id().cast_signed());
        let out = child.stdout.take().context("piped")?;
        let orders = child.stdin.take().context("piped")?;
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, orders, answers, dir: dir.to_owned() })
    }

    /// One run.
    pub(super) fn run(&mut self, number: u32, limit: Duration) -> Result<Measured, Ended> {
        let told = writeln!(self.orders, "run {number}").and_then(|()| self.orders.flush());
        told.map_err(|error| Ended::Gone(error.to_string()))?;
        let measured = self.answer(limit)?;
        serde_json::from_value(measured).map_err(|error| Ended::Gone(error.to_string()))
    }

    /// What it says next.
    pub(super) fn answer(&mut self, limit: Duration) -> Result<Value, Ended> {
        let end = Instant::now() + limit;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = match self.answers.recv_timeout(left) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => return Err(Ended::Late),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Ended::Gone(last_words(&self.dir.join("trial.log"))));
                }
            };
            let Ok(mut answer @ Value::Object(_)) = serde_json::from_str::<Value>(&line) else {
                continue;
            };
            return match answer["error"].as_str() {
                Some(error) => Err(Ended::Failed(error.to_owned())),
                None => Ok(answer["ok"].take()),
            };
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let group = self.child.id().cast_signed();
        let mut groups = groups();
        // Fails only where all of it has ended.
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        let _ = self.child.wait();
        groups.retain(|it| *it != group);
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Ends every group and takes the stores away when this program is told to end.
pub(super) fn end_with_us(scratch: &Path) -> Result<()> {
    let scratch = scratch.to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (interrupt, terminate) = runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        anyhow::Ok((signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
    })?;
    std::thread::spawn(move || {
        let (mut interrupt, mut terminate) = (interrupt, terminate);
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        // Held until this program has ended, so that nobody puts anything where it is being taken away.
        let groups = groups();
        for group in groups.iter() {
            let _ = killpg(Pid::from_raw(*group), Signal::SIGKILL);
        }
        // Those who were ended may still hold files for a moment.
        for _ in 0..20 {
            if std::fs::remove_dir_all(&scratch).is_ok() || !scratch.exists() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        std::process::exit(130);
    });
    Ok(())
}

fn groups() -> std::sync::MutexGuard<'static, Vec<i32>> {
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}
