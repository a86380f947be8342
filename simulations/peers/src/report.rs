//! The page: a table for each work, and the plot.

mod plot;
mod spread;
mod table;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};

use crate::machine::Machine;
use crate::measure::Measured;
use crate::orchestrate::Entry;
use crate::systems::System;
use crate::work::Work;

/// All results, by what was done.
pub struct Results {
    /// Where they were measured.
    pub machine: Machine,
    /// The runs of each work, size and system.
    pub of: BTreeMap<(Work, usize, System), Vec<Entry>>,
}

/// Writes `peers.md` and `catch-up.svg`, and puts both among the documents where they are to be published.
pub fn write(results: &Results, out: &Path, publish: bool) -> Result<()> {
    let page = table::page(results);
    let picture = plot::catch_up(results);
    std::fs::write(out.join("peers.md"), &page)?;
    std::fs::write(out.join("catch-up.svg"), &picture)?;
    println!("{page}");
    if publish {
        let docs = azalea_tests::programs::root().join("docs");
        std::fs::write(docs.join("pictures/catch-up.svg"), &picture)?;
        let path = docs.join("BENCHMARKS.md");
        let text = std::fs::read_to_string(&path)?;
        let (before, rest) =
            text.split_once(BEGIN).context("the page has a place for the tables")?;
        let (_, after) = rest.split_once(END).context("the place for the tables ends")?;
        std::fs::write(&path, format!("{before}{BEGIN}\n\n{page}\n{END}{after}"))?;
    }
    println!("written to {}", out.display());
    Ok(())
}

/// One run in a few words.
pub fn figures(measured: &Measured) -> String {
    let more = measured.p99_seconds.map(|p99| format!(", p99 {}", spread::time(p99)));
    format!(
        "{}{}, {} up, {} down, CPU {} and {}, {} and {} at most",
        spread::time(measured.seconds),
        more.unwrap_or_default(),
        spread::bytes(measured.up_bytes as f64),
        spread::bytes(measured.down_bytes as f64),
        spread::time(measured.server.cpu_seconds),
        spread::time(measured.client.cpu_seconds),
        spread::bytes(measured.server.peak_bytes as f64),
        spread::bytes(measured.client.peak_bytes as f64),
    )
}

/// Where the tables stand in the page.
const BEGIN: &str = "<!-- cargo bench-peers --publish writes from here -->";
const END: &str = "<!-- to here -->";
