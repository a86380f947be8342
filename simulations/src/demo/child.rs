//! Processes that end with us, and what they say on the way.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;
use tokio::fs::File;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

/// A daemon of the demo: killed when dropped.
#[derive(Debug)]
pub struct Daemon {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts a daemon and waits for its first line, which is JSON and says where it listens. What it
    /// says otherwise goes to a file beside its data.
    pub async fn start(mut command: Command, name: &str, logs: &Path) -> Result<(Self, Value)> {
        let log = logs.join(format!("{name}.log"));
        let errors = std::fs::File::create(logs.join(format!("{name}.err.log")))
            .with_context(|| format!("cannot write the log of {name}"))?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let stdout = child.stdout.take().context("a pipe that was just asked for")?;
        let mut out = File::create(&log).await.context("cannot write a log")?;
        let (sender, receiver) = oneshot::channel();
        tokio::spawn(async move {
            let mut lines = BufReader::new(stdout).lines();
            let mut sender = Some(sender);
            while let Ok(Some(line)) = lines.next_line().await {
                if let Ok(value @ Value::Object(_)) = serde_json::from_str::<Value>(&line)
                    && let Some(sender) = sender.take()
                {
                    // Nobody may be waiting any more; the line is in the log all the same.
                    let _ = sender.send(value);
                }
                if out.write_all(format!("{line}\n").as_bytes()).await.is_err() {
                    break;
                }
            }
        });
        let mut daemon = Self { name: name.to_owned(), child, log };
        let told = tokio::time::timeout(START_MAX, receiver).await;
        match told {
            Ok(Ok(value)) => Ok((daemon, value)),
            Ok(Err(_)) => {
                let status = daemon.child.wait().await.context("cannot wait for a child")?;
                Err(anyhow!("{name} ended at once ({status}): {}", daemon.last_words().await))
            }
            Err(_) => bail!("{name} did not start listening: {}", daemon.last_words().await),
        }
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Its name in the logs.
    pub fn name(&self) -> &str {
        &self.name
    }

    async fn last_words(&self) -> String {
        let errors = self.log.with_extension("err.log");
        let mut words = tokio::fs::read_to_string(&errors).await.unwrap_or_default();
        if words.trim().is_empty() {
            words = tokio::fs::read_to_string(&self.log).await.unwrap_or_default();
        }
        let lines: Vec<&str> = words.lines().collect();
        lines[lines.len().saturating_sub(6)..].join("\n")
    }
}

/// Runs a command to its end and returns the JSON that it printed last; an exit code other than 0 is an error.
pub async fn answer(command: Command, what: &str) -> Result<Value> {
    let (told, failure) = finish(command, what).await?;
    match failure {
        None => told,
        Some(words) => bail!("{what}: {words}"),
    }
}

/// The same for commands that also report by JSON when not everything went well.
pub async fn report(command: Command, what: &str) -> Result<Value> {
    let (told, failure) = finish(command, what).await?;
    match (told, failure) {
        (Ok(told), _) => Ok(told),
        (Err(_), Some(words)) => bail!("{what}: {words}"),
        (Err(error), None) => Err(error),
    }
}

/// What a command printed as JSON, and what it said if it failed.
async fn finish(mut command: Command, what: &str) -> Result<(Result<Value>, Option<String>)> {
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(COMMAND_MAX, command.output())
        .await
        .with_context(|| format!("{what}: no answer"))?
        .with_context(|| format!("{what}: cannot be started"))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let told = json_at_the_end(&printed).with_context(|| format!("{what}: no JSON came back"));
    let failure = (!output.status.success()).then(|| {
        let errors = String::from_utf8_lossy(&output.stderr);
        let words = if errors.trim().is_empty() { printed.clone() } else { errors };
        words.trim().to_owned()
    });
    Ok((told, failure))
}

/// Commands may print progress, one JSON value a line, before their last word; or one value over many lines.
fn json_at_the_end(printed: &str) -> Result<Value> {
    if let Ok(whole) = serde_json::from_str(printed.trim()) {
        return Ok(whole);
    }
    let last = printed.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    Ok(serde_json::from_str(last)?)
}

/// A daemon that has not said where it listens after this has failed.
const START_MAX: Duration = Duration::from_secs(60);

/// The longest that one command may take; an import of many files is the longest.
const COMMAND_MAX: Duration = Duration::from_secs(1800);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_json_counts() {
        assert_eq!(json_at_the_end("{\"a\":1}\n{\"b\":2}\n\n").unwrap()["b"], 2);
        assert_eq!(json_at_the_end("{\n \"a\": 1\n}\n").unwrap()["a"], 1);
        assert!(json_at_the_end("").is_err());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_daemon_that_ends_at_once_is_reported_with_its_last_words() {
        let logs = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo no room >&2; exit 3"]);
        let error = Daemon::start(command, "quick", logs.path()).await.unwrap_err();
        assert!(error.to_string().contains("no room"), "{error}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_daemon_says_where_it_listens_and_is_gone_when_dropped() {
        let logs = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo starting; echo '{\"web\":\"x\"}'; exec sleep 600"]);
        let (mut daemon, told) = Daemon::start(command, "slow", logs.path()).await.unwrap();
        assert_eq!(told["web"], "x");
        assert!(daemon.is_running());
        let process = daemon.child.id().unwrap();
        drop(daemon);
        let gone = async {
            while std::path::Path::new(&format!("/proc/{process}/stat")).exists() {
                tokio::task::yield_now().await;
            }
        };
        if cfg!(target_os = "linux") {
            tokio::time::timeout(Duration::from_secs(20), gone).await.unwrap();
        }
    }
}
