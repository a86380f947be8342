//! The machine, as far as the figures depend on it.

use std::process::Command;

use serde::{Deserialize, Serialize};

/// A machine at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor.
    pub processor: String,
    /// How many of it.
    pub cores: usize,
    /// Gibibytes of memory.
    pub memory_gib: u64,
    /// The kernel.
    pub kernel: String,
    /// What Node.js says of itself.
    pub node: String,
    /// How many processes wanted to run, over the last minute.
    pub load: f64,
}

impl Machine {
    /// This one, now.
    pub fn now() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.split_once(':'));
            line.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let memory = field(&read("/proc/meminfo"), "MemTotal");
        let kilobytes: u64 = memory.trim_end_matches(" kB").parse().unwrap_or(0);
        let node = Command::new("node").arg("--version").output();
        let node = node.map(|told| String::from_utf8_lossy(&told.stdout).trim().to_owned());
        Self {
            processor: field(&read("/proc/cpuinfo"), "model name"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: kilobytes >> 20,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            node: node.unwrap_or_default(),
            load: load(),
        }
    }
}

/// How many processes wanted to run, over the last minute.
pub fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0.0)
}
