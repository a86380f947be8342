//! Writes an invented population to a folder, for demos, tests and measurements.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use azalea_simulations::population::{Options, Population};
use clap::{Parser, ValueEnum};

/// Makes invented patients of a Japanese region with their charts as FHIR R4.
#[derive(Debug, Parser)]
#[command(name = "azalea-population", version)]
struct Arguments {
    /// The same seed and options give the same bytes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many people.
    #[arg(long, default_value_t = 100)]
    patients: u64,
    /// How many years of their charts.
    #[arg(long, default_value_t = 3)]
    years: u16,
    /// How many hospitals.
    #[arg(long, default_value_t = 2)]
    hospitals: usize,
    /// Resources that a heavily ill person gathers in a year.
    #[arg(long, default_value_t = 230)]
    per_year: u32,
    /// Everybody is heavily ill, so that all charts are about alike.
    #[arg(long)]
    even: bool,
    /// The day before which everything happened.
    #[arg(long, default_value = "2026-11-01")]
    until: jiff::civil::Date,
    /// The folder to write to; it is made if it is not there.
    #[arg(long)]
    out: PathBuf,
    /// One transaction Bundle per patient, or one NDJSON file per hospital.
    #[arg(long, value_enum, default_value_t = Format::Bundle)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Bundle,
    Ndjson,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse_from(azalea_simulations::arguments());
    let population = Population::new(Options {
        seed: arguments.seed,
        patients: arguments.patients,
        years: arguments.years,
        hospitals: arguments.hospitals,
        per_year: arguments.per_year,
        even: arguments.even,
        until: arguments.until,
    });
    let written = match arguments.format {
        Format::Bundle => write_bundles(&population, &arguments.out)?,
        Format::Ndjson => write_lines(&population, &arguments.out)?,
    };
    println!(
        "{} hospitals, {} people, {} charts, {} resources, {} bytes",
        population.hospitals().len(),
        arguments.patients,
        written.charts,
        written.resources,
        written.bytes
    );
    Ok(())
}

#[derive(Default)]
struct Written {
    charts: u64,
    resources: u64,
    bytes: u64,
}

fn write_bundles(population: &Population, out: &Path) -> Result<Written> {
    let mut written = Written::default();
    let folders: Vec<PathBuf> =
        population.hospitals().iter().map(|hospital| out.join(&hospital.code)).collect();
    for (index, folder) in folders.iter().enumerate() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let text = population.directory_bundle(index);
        put(&folder.join("directory.json"), &text)?;
        written.resources += population.directory(index).len() as u64;
        written.bytes += text.len() as u64;
    }
    for chart in population.charts() {
        let text = chart.bundle();
        put(&folders[chart.hospital].join(format!("{}.json", chart.local_id)), &text)?;
        written.charts += 1;
        written.resources += chart.resources.len() as u64;
        written.bytes += text.len() as u64;
    }
    Ok(written)
}

fn write_lines(population: &Population, out: &Path) -> Result<Written> {
    let mut written = Written::default();
    fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let mut files = Vec::new();
    for (index, hospital) in population.hospitals().iter().enumerate() {
        let path = out.join(format!("{}.ndjson", hospital.code));
        let file =
            File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        let mut file = BufWriter::new(file);
        let text = population.directory_ndjson(index);
        file.write_all(text.as_bytes())?;
        written.resources += population.directory(index).len() as u64;
        written.bytes += text.len() as u64;
        files.push(file);
    }
    for chart in population.charts() {
        let text = chart.ndjson();
        files[chart.hospital].write_all(text.as_bytes())?;
        written.charts += 1;
        written.resources += chart.resources.len() as u64;
        written.bytes += text.len() as u64;
    }
    for mut file in files {
        file.flush().context("cannot finish a file")?;
    }
    Ok(written)
}

fn put(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
