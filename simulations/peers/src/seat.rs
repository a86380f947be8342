//! A party as whoever measures sees it: a process that takes orders, and ends with us.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use anyhow::{Context, Result, anyhow, bail};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::party::{At, Held, Order, Ticket, Took};
use crate::systems::{System, pouch};

/// A party's process; killed when dropped.
pub struct Seat {
    system: System,
    dir: PathBuf,
    child: Child,
    orders: Option<ChildStdin>,
    answers: Receiver<String>,
}

impl Seat {
    /// Starts a party in `dir` and waits until it is there.
    pub fn start(system: System, dir: &Path, options: &Value) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let log = dir.with_extension("log");
        let mut command = match system {
            System::Pouch => pouch::command(dir, options)?,
            _ => {
                let mut command = Command::new(std::env::current_exe()?);
                command.args(["party", system.name()]).arg(dir).arg(options.to_string());
                command
            }
        };
        // What it says last shall be the reason and not the way to it.
        command.env("RUST_BACKTRACE", "0");
        let errors = OpenOptions::new().create(true).append(true).open(&log)?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors);
        let mut child = command.spawn().with_context(|| format!("{command:?}"))?;
        let out = child.stdout.take().context("piped")?;
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let orders = child.stdin.take();
        let seat = Self { system, dir: dir.to_owned(), child, orders, answers };
        seat.answer::<Value>()?;
        Ok(seat)
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Has something done.
    pub fn ask<T: DeserializeOwned>(&mut self, order: &Order) -> Result<T> {
        self.begin(order)?;
        self.answer()
    }

    /// Hands an order over; its answer is taken by [`Seat::answer`].
    pub fn begin(&mut self, order: &Order) -> Result<()> {
        let line = match self.system {
            System::Pouch => pouch::line(&self.dir, order)?,
            _ => serde_json::to_value(order)?,
        };
        let orders = self.orders.as_mut().context("it was told to close")?;
        writeln!(orders, "{line}")?;
        Ok(orders.flush()?)
    }

    /// The next answer. There is no limit here: whoever started this process has one.
    pub fn answer<T: DeserializeOwned>(&self) -> Result<T> {
        loop {
            let Ok(line) = self.answers.recv() else {
                bail!(
                    "{} ended: {}",
                    self.system.name(),
                    last_words(&self.dir.with_extension("log"))
                );
            };
            // Libraries print too.
            let Ok(mut answer @ Value::Object(_)) = serde_json::from_str::<Value>(&line) else {
                continue;
            };
            if let Some(error) = answer["error"].as_str() {
                return Err(anyhow!("{}: {error}", self.system.name()));
            }
            return Ok(serde_json::from_value(answer["ok"].take())?);
        }
    }

    /// Where it can be reached.
    pub fn serve(&mut self) -> Result<Ticket> {
        self.ask(&Order::Serve)
    }

    /// Gets it into step.
    pub fn fetch(&mut self, from: Ticket, wanted: crate::party::Wanted) -> Result<Took> {
        self.ask(&Order::Fetch(from, wanted))
    }

    /// Checks that it has everything, after the clock has stopped.
    pub fn check(&mut self, data: crate::data::Dataset) -> Result<()> {
        let held: Held = self.ask(&Order::Count(data))?;
        let parts = if self.system == System::Azalea { data.records() } else { data.changes() };
        let documents =
            if self.system == System::Pouch { data.changes() } else { data.documents() };
        if held.documents != documents || held.parts < parts {
            bail!("{} holds {held:?} of {documents} and {parts}", self.system.name());
        }
        Ok(())
    }

    /// Waits for a single change that was begun to be read or written.
    pub fn at(&self) -> Result<At> {
        self.answer()
    }

    /// Lets it finish and end.
    pub fn close(mut self) -> Result<()> {
        self.ask::<Value>(&Order::Close)?;
        self.orders = None;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The end of what a process said to nobody.
pub fn last_words(log: &Path) -> String {
    let said = std::fs::read(log).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<&str> = said.lines().collect();
    lines[lines.len().saturating_sub(4)..].join(" / ")
}

/// No options.
pub fn named(name: &str) -> Value {
    json!({ "name": name })
}
