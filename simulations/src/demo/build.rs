//! The programs that the demo runs: built from this checkout if Cargo started us, found beside us otherwise.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Where the two programs are.
#[derive(Clone, Debug)]
pub struct Programs {
    /// The facility's node.
    pub node: PathBuf,
    /// The relay.
    pub relay: PathBuf,
}

/// Builds the programs if need be and says where they are.
pub fn programs() -> Result<Programs> {
    let own = env::current_exe().context("cannot tell where this program is")?;
    let folder = own.parent().context("this program is in no folder")?;
    if let Some(cargo) = env::var_os("CARGO") {
        println!("{}", super::words::BUILDING);
        let mut command = Command::new(cargo);
        command.args(["build", "--package", "azalea-node", "--package", "azalea-relay"]);
        if let Some(profile) = profile(folder) {
            command.args(["--profile", profile]);
        }
        if let Some(root) = workspace() {
            command.current_dir(root);
        }
        let status = command.status().context("cannot start cargo")?;
        if !status.success() {
            bail!("the programs could not be built; see above");
        }
    }
    let programs =
        Programs { node: program(folder, "azalea"), relay: program(folder, "azalea-relay") };
    for path in [&programs.node, &programs.relay] {
        if !path.is_file() {
            bail!("{} is not there; start the demo with `cargo demo`", path.display());
        }
    }
    Ok(programs)
}

fn program(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}{}", env::consts::EXE_SUFFIX))
}

/// The profile whose folder we were built into.
fn profile(folder: &Path) -> Option<&str> {
    match folder.file_name()?.to_str()? {
        "debug" => None,
        other => Some(other),
    }
}

/// The checkout, as Cargo knew it when it started us.
fn workspace() -> Option<PathBuf> {
    let manifest = env::var_os("CARGO_MANIFEST_DIR")?;
    Path::new(&manifest).parent().map(Path::to_path_buf)
}
