//! How fast files are read, and in how much memory: nothing is kept of what is taken.
//!
//! ```text
//! cargo run --release -p azalea-node --example import_speed -- PATH…       files or folders
//! cargo run --release -p azalea-node --example import_speed -- --make MB   one Bundle of that size, in one line
//! ```

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use azalea_node::import::{
    BatchOutcome, FileReport, Mark, RecordInput, Sink, SinkError, import_path,
};

/// Takes everything and keeps nothing.
struct Nothing;

impl Sink for Nothing {
    fn mark(&mut self, _: &[u8; 32]) -> Result<Option<Mark>, SinkError> {
        Ok(None)
    }

    fn take(
        &mut self,
        _: &[u8; 32],
        _: &Mark,
        batch: Vec<RecordInput>,
    ) -> Result<BatchOutcome, SinkError> {
        Ok(BatchOutcome { taken: batch.len() as u64, ..BatchOutcome::default() })
    }

    fn finished(&mut self, _: &[u8; 32], _: &Mark, _: &FileReport) -> Result<(), SinkError> {
        Ok(())
    }

    fn patient_by_identifier(&self, _: &str, _: &str) -> Option<String> {
        None
    }
}

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let made = tempfile::tempdir()?;
    let paths: Vec<PathBuf> = match arguments.as_slice() {
        [flag, megabytes] if flag == "--make" => {
            let path = made.path().join("bundle.json");
            make(&path, megabytes.parse().unwrap_or(1_000) << 20)?;
            vec![path]
        }
        paths => paths.iter().map(PathBuf::from).collect(),
    };
    for path in paths {
        let start = Instant::now();
        let report = import_path(&path, &mut Nothing, &mut |_| ());
        let seconds = start.elapsed().as_secs_f64();
        let bytes: u64 = report.files.iter().map(|file| file.bytes).sum();
        println!(
            "{} records, {:.1} MB in {seconds:.2} s: {:.0} records/s, {:.0} MB/s, peak memory {}",
            report.counts.taken,
            bytes as f64 / 1e6,
            report.counts.taken as f64 / seconds,
            bytes as f64 / 1e6 / seconds,
            peak_memory().unwrap_or_else(|| "unknown".to_owned()),
        );
    }
    Ok(())
}

/// Writes a transaction Bundle of about `bytes` in one line: patients with 200 results each, named by `urn:uuid`.
fn make(path: &Path, bytes: u64) -> std::io::Result<()> {
    let mut file = BufWriter::new(std::fs::File::create(path)?);
    let mut written = 0;
    let mut number = 0_u64;
    write!(file, "{{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[")?;
    while written < bytes {
        let patient = number / 200;
        let resource = match number % 200 {
            0 => format!(
                "{{\"resourceType\":\"Patient\",\"id\":\"p{patient}\",\"identifier\":[{{\"system\":\"urn:mrn\",\"value\":\"{patient:08}\"}}],\"name\":[{{\"text\":\"試験 {patient}\"}}],\"birthDate\":\"1950-01-02\"}}"
            ),
            _ => format!(
                "{{\"resourceType\":\"Observation\",\"id\":\"o{number}\",\"status\":\"final\",\"category\":[{{\"coding\":[{{\"system\":\"http://terminology.hl7.org/CodeSystem/observation-category\",\"code\":\"laboratory\",\"display\":\"検体検査\"}}]}}],\"code\":{{\"coding\":[{{\"system\":\"urn:oid:1.2.392.200119.4.504\",\"code\":\"3F035000002327101\",\"display\":\"総ビリルビン\"}}],\"text\":\"T-Bil\"}},\"subject\":{{\"reference\":\"urn:uuid:{patient:032x}\"}},\"effectiveDateTime\":\"2024-05-06T08:30:00+09:00\",\"issued\":\"2024-05-06T09:30:00.000+09:00\",\"valueQuantity\":{{\"value\":0.{:02},\"unit\":\"mg/dL\",\"system\":\"http://unitsofmeasure.org\",\"code\":\"mg/dL\"}},\"referenceRange\":[{{\"low\":{{\"value\":0.40,\"unit\":\"mg/dL\"}},\"high\":{{\"value\":1.50,\"unit\":\"mg/dL\"}},\"text\":\"0.40～1.50\"}}]}}",
                number % 100
            ),
        };
        let url = if number.is_multiple_of(200) { patient } else { (1 << 60) + number };
        let comma = if number > 0 { "," } else { "" };
        let entry = format!(
            "{comma}{{\"fullUrl\":\"urn:uuid:{url:032x}\",\"resource\":{resource},\"request\":{{\"method\":\"POST\",\"url\":\"X\"}}}}"
        );
        file.write_all(entry.as_bytes())?;
        written += entry.len() as u64;
        number += 1;
    }
    write!(file, "]}}")?;
    file.flush()
}

/// The most memory that this process has had, as Linux tells it.
fn peak_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.trim_start_matches("VmHWM:").trim().to_owned())
}
