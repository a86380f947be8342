//! What a run cost, told apart by side.

use anyhow::{Context, Result};
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::line::Passed;

/// One run's figures.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measured {
    /// From the start of connecting until everything is there; of single changes, the median.
    pub seconds: f64,
    /// The server, hub or relay.
    pub server: Cost,
    /// The client or reader.
    pub client: Cost,
    /// Bytes from the client.
    pub up_bytes: u64,
    /// Bytes to the client.
    pub down_bytes: u64,
    /// Bytes of what had to be carried, as it was written, before any compression.
    pub payload_bytes: u64,
    /// Until something could be read, where that can be told.
    pub first_seconds: Option<f64>,
    /// Of single changes, the time of the slowest hundredth.
    pub p99_seconds: Option<f64>,
    /// Seconds during which the line was cut.
    pub cut_seconds: f64,
}

impl Measured {
    /// Bytes both ways.
    pub fn bytes(&self) -> u64 {
        self.up_bytes + self.down_bytes
    }
}

/// What a process used.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Cost {
    /// Processor time.
    pub cpu_seconds: f64,
    /// The most memory that it had.
    pub peak_bytes: u64,
}

/// Watches a process from a moment on.
#[derive(Debug)]
pub struct Meter {
    pid: u32,
    cpu_before: f64,
}

impl Meter {
    /// Starts to watch: what it used before does not count, its memory does as far as it still has it.
    pub fn start(pid: u32) -> Result<Self> {
        // Five: forget the peak. Where that is not allowed, the peak is that of its whole life.
        let _ = std::fs::write(format!("/proc/{pid}/clear_refs"), "5");
        Ok(Self { pid, cpu_before: cpu_seconds(pid)? })
    }

    /// What it used since.
    pub fn read(&self) -> Result<Cost> {
        let cpu_seconds = cpu_seconds(self.pid)? - self.cpu_before;
        Ok(Cost { cpu_seconds, peak_bytes: peak_bytes(self.pid)? })
    }
}

/// Watches both sides and the line between them.
pub struct Watch {
    server: Meter,
    client: Meter,
    before: Passed,
}

impl Watch {
    /// Starts to watch.
    pub fn start(server: u32, client: u32, passed: Passed) -> Result<Self> {
        Ok(Self { server: Meter::start(server)?, client: Meter::start(client)?, before: passed })
    }

    /// What it came to.
    pub fn end(&self, seconds: f64, payload_bytes: u64, passed: Passed) -> Result<Measured> {
        Ok(Measured {
            seconds,
            server: self.server.read()?,
            client: self.client.read()?,
            up_bytes: passed.up - self.before.up,
            down_bytes: passed.down - self.before.down,
            payload_bytes,
            first_seconds: None,
            p99_seconds: None,
            cut_seconds: 0.0,
        })
    }
}

/// All processor time of a process so far, of all its threads.
fn cpu_seconds(pid: u32) -> Result<f64> {
    let clock = clock_getcpuclockid(Pid::from_raw(i32::try_from(pid)?))?;
    let spent = clock.now()?;
    Ok(spent.tv_sec() as f64 + spent.tv_nsec() as f64 / 1e9)
}

/// The most memory that a process has had since its peak was forgotten.
fn peak_bytes(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.context("Linux says VmHWM")?.trim().trim_end_matches(" kB");
    Ok(kilobytes.trim().parse::<u64>()? << 10)
}
