//! What the visitor asked for on the command line.

use std::path::PathBuf;

use clap::Parser;

/// Starts a relay, two hospitals, a clinic and a pharmacy on this machine, with invented patients, and a page
/// on which their lines can be cut. Ctrl-C ends it and removes what it made.
#[derive(Clone, Debug, Parser)]
#[command(name = "azalea-demo", bin_name = "cargo demo --", version)]
pub struct Arguments {
    /// FHIR files (a file or a folder) to import at the first hospital instead of invented patients.
    #[arg(long, value_name = "PATH")]
    pub data: Option<PathBuf>,
    /// How many invented patients.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u64).range(1..=5000))]
    pub patients: u64,
    /// Years of their charts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=20))]
    pub years: u16,
    /// The seed of the invented patients.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Port of the control page; by itself a free one.
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Do not open the control page in a browser.
    #[arg(long)]
    pub no_open: bool,
}
