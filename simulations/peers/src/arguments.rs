//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::systems::System;
use crate::work::Work;

/// Does the same work with Azalea and with its peers, in turns, and says what each needed.
///
/// Every party is a process of its own on the loopback, with a line between that counts. Run k of every system comes before run
/// k+1 of any. A system that fails or needs too long is named and does not stop the others.
#[derive(Debug, Parser)]
#[command(name = "azalea-peers", bin_name = "cargo bench-peers", subcommand_negates_reqs = true)]
pub struct Arguments {
    /// What to measure.
    #[command(flatten)]
    pub choice: Choice,
    /// Parts of this program that it starts by itself.
    #[command(subcommand)]
    pub part: Option<Part>,
}

/// What to measure.
#[derive(Debug, Args)]
pub struct Choice {
    /// The works; all but w6, which is a part of w2, where none is named.
    #[arg(long, value_enum)]
    pub work: Vec<Work>,
    /// The systems; all where none is named.
    #[arg(long, value_enum)]
    pub system: Vec<System>,
    /// The sizes instead of each work's own: charts, entries, documents, changes, or the line's bytes a second.
    #[arg(long)]
    pub size: Vec<usize>,
    /// How often each is run, nine at most.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=9))]
    pub runs: u32,
    /// Small sizes, to see that everything works; the figures mean nothing.
    #[arg(long)]
    pub quick: bool,
    /// How many seconds one run may take, instead of each work's own limit.
    #[arg(long, value_name = "SECONDS")]
    pub limit: Option<u64>,
    /// Where results.ndjson, peers.md and catch-up.svg are written.
    #[arg(long, value_name = "FOLDER", default_value = "target/bench-peers")]
    pub out: PathBuf,
    /// Prints every run's figures as a line of JSON, too.
    #[arg(long)]
    pub json: bool,
    /// Measures nothing, and writes the page from these files of results; of a work, size and system the last file counts.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub from: Vec<PathBuf>,
    /// Also puts the tables into docs/BENCHMARKS.md and the plot into docs/pictures.
    #[arg(long)]
    pub publish: bool,
    /// Where the stores of all parties lie meanwhile; it decides which disk is measured.
    #[arg(long, value_name = "FOLDER")]
    pub scratch: Option<PathBuf>,
}

/// What this program starts of itself.
#[derive(Debug, Subcommand)]
pub enum Part {
    /// One system at one work.
    #[command(hide = true)]
    Trial {
        /// The work.
        work: Work,
        /// The system.
        system: System,
        /// The size.
        size: usize,
        /// How often it will be run.
        runs: u32,
        /// Where its stores lie.
        dir: PathBuf,
    },
    /// One side of a system.
    #[command(hide = true)]
    Party {
        /// The system.
        system: System,
        /// Where its store lies.
        dir: PathBuf,
        /// How it is started, as JSON.
        options: String,
    },
}
