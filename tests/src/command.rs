//! One command from its start to its end, with a limit to how long it may take.

use serde_json::Value;
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Longer than any command of a story takes on a busy machine.
const COMMAND_MAX: Duration = Duration::from_secs(300);

/// What a command said.
#[derive(Debug)]
pub struct Told {
    /// Whether its exit code was 0.
    pub ok: bool,
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Told {
    /// What it printed, as JSON; null where it printed none.
    pub fn json(&self) -> Value {
        serde_json::from_str(self.out.trim()).unwrap_or(Value::Null)
    }

    /// The JSON of a command that succeeded; panics with what it said otherwise.
    #[track_caller]
    pub fn expect(self, what: &str) -> Value {
        assert!(self.ok, "{what} failed ({}): {}{}", self.status, self.err, self.out);
        self.json()
    }
}

/// Runs a command to its end.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> Told {
    let name = format!("{command:?}");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
    let pid = child.id();
    let (sender, receiver) = mpsc::channel::<std::io::Result<Output>>();
    std::thread::spawn(move || {
        // The receiver is gone only where it has given up.
        let _ = sender.send(child.wait_with_output());
    });
    let output = match receiver.recv_timeout(COMMAND_MAX) {
        Ok(output) => output.unwrap_or_else(|error| panic!("{name}: {error}")),
        Err(_) => {
            signal(pid, "KILL");
            panic!("{name} did not end within {} s", COMMAND_MAX.as_secs());
        }
    };
    Told {
        ok: output.status.success(),
        status: output.status,
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Sends a signal to a process that this harness started.
pub(crate) fn signal(pid: u32, name: &str) {
    let _ = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status();
}
