//! A process that runs until it is stopped or killed, and in any case ends with the test.

use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::command::signal;

/// How long a daemon may take until it listens.
const START_MAX: Duration = Duration::from_secs(60);
/// How long it may take to end after it was asked to.
const STOP_MAX: Duration = Duration::from_secs(30);

/// A running process; killed when dropped.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts it and waits for the line of JSON that says where it listens. Everything it says goes to the end of `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<(Self, Value), String> {
        let append = || OpenOptions::new().create(true).append(true).open(log);
        let mut out = append().map_err(|error| error.to_string())?;
        let err: File = append().map_err(|error| error.to_string())?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(err);
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let stdout = child.stdout.take().ok_or("no standard output")?;
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = writeln!(out, "{line}");
                if let Ok(value @ Value::Object(_)) = serde_json::from_str(&line) {
                    // Only the first line is waited for.
                    let _ = sender.send(value);
                }
            }
        });
        let mut daemon = Self { child, log: log.to_owned() };
        match receiver.recv_timeout(START_MAX) {
            Ok(ready) => Ok((daemon, ready)),
            Err(_) => {
                let ended = daemon.child.try_wait().ok().flatten();
                Err(format!("did not start listening ({ended:?}): {}", daemon.last_words()))
            }
        }
    }

    /// Starts it and ends it as a power cut does, so long after, wherever it is by then.
    pub(crate) fn flicker(command: &mut Command, log: &Path, after: Duration) {
        let err = OpenOptions::new().create(true).append(true).open(log).expect("a log");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(err).spawn();
        let child = child.expect("a program starts");
        std::thread::sleep(after);
        Self { child, log: log.to_owned() }.kill();
    }

    /// The id of the process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a power cut does.
    pub fn kill(mut self) {
        self.end();
    }

    /// Asks it to end and waits until it has; panics where it does not end or ends badly.
    pub fn stop(mut self) {
        signal(self.child.id(), "TERM");
        let end = Instant::now() + STOP_MAX;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => {
                    assert!(status.success(), "ended with {status}: {}", self.last_words());
                    return;
                }
                Ok(None) => {}
                Err(error) => panic!("cannot wait for a child: {error}"),
            }
            assert!(Instant::now() < end, "did not stop: {}", self.last_words());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The end of what it said.
    pub fn last_words(&self) -> String {
        let said = std::fs::read(&self.log).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let lines: Vec<&str> = said.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }

    fn end(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.end();
    }
}
