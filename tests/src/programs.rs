//! Where the two programs are: beside the test that runs, built by Cargo if they are not there yet.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The paths of the programs.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The facility's node.
    pub node: PathBuf,
    /// The relay.
    pub relay: PathBuf,
}

impl Programs {
    fn within(folder: &Path) -> Self {
        let program = |name: &str| {
            let path = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
            assert!(path.is_file(), "{} is not there", path.display());
            path
        };
        Self { node: program("azalea"), relay: program("azalea-relay") }
    }
}

/// The programs, from the folder `AZALEA_PROGRAMS` if that is set; built at most once in a process.
pub fn programs() -> &'static Programs {
    static FOUND: OnceLock<Programs> = OnceLock::new();
    FOUND.get_or_init(find)
}

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository")
}

fn find() -> Programs {
    let own = std::env::current_exe().expect("a running program has a path");
    if let Some(given) = std::env::var_os("AZALEA_PROGRAMS") {
        return Programs::within(Path::new(&given));
    }
    // target/PROFILE/deps/STORY-HASH, or target/PROFILE/PROGRAM.
    let folder = own.parent().expect("a program lies in a folder");
    let folder = match folder.ends_with("deps") {
        true => folder.parent().expect("deps lies in the folder of a profile"),
        false => folder,
    };
    // `cargo test` builds programs only for the tests of their own package. Where they are current, this takes no time.
    build(folder);
    Programs::within(folder)
}

fn build(folder: &Path) {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--package", "azalea-node", "--package", "azalea-relay", "--bins"]);
    match folder.file_name().and_then(|name| name.to_str()) {
        None | Some("debug") => {}
        Some(profile) => {
            command.args(["--profile", profile]);
        }
    }
    let status = command.current_dir(root()).status().expect("cargo starts");
    assert!(status.success(), "the programs could not be built");
}
