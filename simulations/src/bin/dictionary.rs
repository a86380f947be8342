//! Trains a compression dictionary from the invented population, and says what it gains on people it has not seen.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use azalea_core::document::{
    Content, DocumentId, RecordHeader, RecordKey, RecordVersion, content_digest,
};
use azalea_core::envelope::Body;
use azalea_core::id::Timestamp;
use azalea_core::wire::Wire;
use azalea_simulations::population::{Options, Population, Resource};
use clap::Parser;

/// Trains a dictionary for the bodies of envelopes. Its number is part of the format: never train an old one anew.
#[derive(Debug, Parser)]
#[command(name = "azalea-dictionary", version)]
struct Arguments {
    /// The file to write.
    #[arg(long)]
    out: PathBuf,
    /// Its length at most, in bytes.
    #[arg(long, default_value_t = 64 * 1024)]
    bytes: usize,
    /// The seed of the people whose charts are learnt.
    #[arg(long, default_value_t = 1_000)]
    seed: u64,
    /// How many people.
    #[arg(long, default_value_t = 120)]
    patients: u64,
    /// How many records at most.
    #[arg(long, default_value_t = 8_000)]
    records: usize,
}

const LEVEL: i32 = 3;

fn main() -> Result<()> {
    let arguments = Arguments::parse_from(azalea_simulations::arguments());
    let samples = samples(arguments.seed, arguments.patients, arguments.records);
    let dictionary = zstd::dict::from_samples(&samples, arguments.bytes)
        .context("too few records for a dictionary of that length")?;
    std::fs::write(&arguments.out, &dictionary)
        .with_context(|| format!("{}", arguments.out.display()))?;
    println!("{} records, a dictionary of {} bytes", samples.len(), dictionary.len());

    let strangers = self::samples(arguments.seed + 1, arguments.patients, arguments.records);
    let mut plain = zstd::bulk::Compressor::new(LEVEL)?;
    let mut learnt = zstd::bulk::Compressor::with_dictionary(LEVEL, &dictionary)?;
    let (mut before, mut without, mut with) = (0, 0, 0);
    for sample in &strangers {
        before += sample.len();
        without += plain.compress(sample)?.len();
        with += learnt.compress(sample)?.len();
    }
    let each = |bytes: usize| bytes / strangers.len().max(1);
    println!(
        "records of other people, one by one: {} bytes each, {} with zstd, {} with the dictionary",
        each(before),
        each(without),
        each(with)
    );
    Ok(())
}

/// Bodies of one record each: as many of every resource type as there are, up to an equal share.
fn samples(seed: u64, patients: u64, records: usize) -> Vec<Vec<u8>> {
    let population =
        Population::new(Options { seed, patients, hospitals: 7, ..Options::default() });
    let mut kinds: BTreeMap<&'static str, Vec<Vec<u8>>> = BTreeMap::new();
    for chart in population.charts() {
        for resource in &chart.resources {
            kinds.entry(resource.kind).or_default().push(body(resource));
        }
    }
    for hospital in 0..population.hospitals().len() {
        for resource in population.directory(hospital) {
            kinds.entry(resource.kind).or_default().push(body(resource));
        }
    }
    let share = records / kinds.len().max(1);
    let spread = |bodies: Vec<Vec<u8>>| {
        let step = bodies.len().div_ceil(share.max(1)).max(1);
        bodies.into_iter().step_by(step)
    };
    kinds.into_values().flat_map(spread).collect()
}

/// The resource as an importer would seal it alone.
fn body(resource: &Resource) -> Vec<u8> {
    let raw = resource.json.as_bytes();
    let version = RecordVersion {
        key: RecordKey { kind: resource.kind.to_owned(), id: resource.id.clone() },
        parents: Vec::new(),
        content: content_digest(raw),
        header: RecordHeader {
            care_date: Some(20_260_401),
            source: "fhir".to_owned(),
            full_url: None,
            received: Timestamp(1_775_000_000_000),
            by: "import".to_owned(),
        },
        body: Content::Raw(raw.to_vec()),
    };
    let document = DocumentId::Volume { year: 2026 };
    Body::Records { document, versions: vec![version] }.to_bytes()
}
