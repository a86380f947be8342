//! One system at one work and size: prepared once, then run as often as it is told, in a process that can be stopped.
//!
//! It takes the word `run` and a number as lines on its standard input and answers with one line of JSON each. When the input
//! ends, so does it, and everything that it started with it.

mod azalea;
mod peer;
mod repeat;

use std::io::BufRead;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::json;

use crate::measure::Measured;
use crate::systems::System;
use crate::work::Work;

/// What is tried.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    /// The work.
    pub work: Work,
    /// The system.
    pub system: System,
    /// The size.
    pub size: usize,
    /// How often it will be run.
    pub runs: u32,
}

trait Trial {
    /// One run; the first is number 1.
    fn run(&mut self, number: u32) -> Result<Measured>;
}

/// Prepares, and runs as told.
pub fn serve(subject: Subject, dir: &Path) -> Result<()> {
    let (sender, orders) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
        // Whoever is to hear the result is gone: what is under way ends with this group of processes.
        let _ = nix::sys::signal::killpg(nix::unistd::getpgrp(), nix::sys::signal::Signal::SIGKILL);
    });
    let prepared: Result<Box<dyn Trial>> = match subject.system {
        System::Azalea => {
            azalea::Azalea::prepare(subject, dir).map(|it| Box::new(it) as Box<dyn Trial>)
        }
        _ => peer::Peer::prepare(subject, dir).map(|it| Box::new(it) as Box<dyn Trial>),
    };
    let mut trial = match prepared {
        Ok(trial) => {
            println!("{}", json!({ "ok": "prepared" }));
            trial
        }
        Err(error) => {
            println!("{}", json!({ "error": format!("{error:#}") }));
            return Ok(());
        }
    };
    while let Ok(line) = orders.recv() {
        let number = line.strip_prefix("run ").context("run and a number")?.trim().parse()?;
        match trial.run(number) {
            Ok(measured) => println!("{}", json!({ "ok": measured })),
            Err(error) => println!("{}", json!({ "error": format!("{error:#}") })),
        }
    }
    Ok(())
}
