//! Our own programs, built in release as anybody would.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Builds `azalea` and `azalea-relay` beside this program, where much of what they need is built already; where they are. `AZALEA_PROGRAMS` names a folder that has them already.
pub(super) fn built() -> Result<PathBuf> {
    if let Some(given) = std::env::var_os("AZALEA_PROGRAMS") {
        return Ok(given.into());
    }
    let own = std::env::current_exe()?;
    let target =
        own.parent().and_then(Path::parent).context("a program lies in a profile's folder")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--locked", "--message-format", "json-render-diagnostics"]);
    command.args(["--package", "azalea-node", "--package", "azalea-relay", "--bins"]);
    command.arg("--target-dir").arg(target);
    command.current_dir(azalea_tests::programs::root()).stderr(Stdio::inherit());
    let told = command.output().context("cargo starts")?;
    ensure!(told.status.success(), "Azalea could not be built");
    let messages = String::from_utf8_lossy(&told.stdout).into_owned();
    let program = messages.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let is_relay = message["target"]["name"] == "azalea-relay";
        message["executable"].as_str().filter(|_| is_relay).map(PathBuf::from)
    });
    let program = program.context("cargo says where the program is")?;
    Ok(program.parent().context("a program lies in a folder")?.to_owned())
}
