//! The data directory: which file lies where, and the settings that are no secret.
//!
//! ```text
//! lock            held by the process that uses the directory
//! secrets         store key and this device's keys, 0600
//! node.json       settings: network, relay, facility, addresses
//! accounts        a sealed copy of the staff accounts
//! store.redb      everything else, sealed under the store key
//! blobs.redb      attachments, sealed under the store key
//! inbox/          files to import; moved to done/ or, with their causes, to quarantined/
//! control.sock    the running daemon listens here
//! ```

mod accounts;
mod secrets;

pub use accounts::{AccountsCopy, AccountsError};
pub use secrets::{Passphrase, Secrets, SecretsError};

use azalea_core::id::NetworkId;
pub(crate) use azalea_store::disk::sync_parent;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Settings longer than this are not ours.
const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// A node's directory.
#[derive(Debug, Clone)]
pub struct DataDir(PathBuf);

impl DataDir {
    /// The directory at `path`, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Keys; readable by the owner only.
    pub fn secrets(&self) -> PathBuf {
        self.0.join("secrets")
    }

    /// Settings.
    pub fn config(&self) -> PathBuf {
        self.0.join("node.json")
    }

    /// The encrypted store.
    pub fn store(&self) -> PathBuf {
        self.0.join("store.redb")
    }

    /// Attachments, sealed by the core and once more by their store.
    pub fn blobs(&self) -> PathBuf {
        self.0.join("blobs.redb")
    }

    /// The copy of the staff accounts.
    pub fn accounts(&self) -> PathBuf {
        self.0.join("accounts")
    }

    /// Where files to be imported are put.
    pub fn inbox(&self) -> PathBuf {
        self.0.join("inbox")
    }
}

/// Settings of a node, as `node.json` holds them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// The network joined, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// The relay, once joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay: Option<RelayConfig>,
    /// The facility's own name for itself, as the network's certificate has it.
    #[serde(default)]
    pub facility_name: String,
    /// The certificates that enrolment gave, base64: a store that is lost starts from them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub certificates: String,
    /// Whether a store was ever begun with them.
    #[serde(default)]
    pub begun: bool,
    /// Where the screens listen, unless `run --web` says otherwise.
    #[serde(default = "default_web")]
    pub web: String,
    /// The format in which this node writes, where others of the network do not read the newest yet (docs/OPERATIONS.md).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_format: Option<u8>,
    /// Attachments of up to so many bytes are fetched before anybody asks for them, unless this says otherwise (docs/OPERATIONS.md).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unasked_attachment_bytes: Option<u64>,
    /// What a newer version wrote and this one does not know; kept.
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

/// Where the relay is and which key it must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayConfig {
    /// `HOST:PORT` from the join code.
    pub address: String,
    /// `HOST:PORT` over TCP, where it is not port 443 of the same host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<String>,
    /// The relay's Ed25519 key in hex.
    pub key: String,
}

fn default_web() -> String {
    "127.0.0.1:8420".to_owned()
}

impl Default for Config {
    fn default() -> Self {
        Self {
            network: None,
            relay: None,
            facility_name: String::new(),
            certificates: String::new(),
            begun: false,
            web: default_web(),
            write_format: None,
            unasked_attachment_bytes: None,
            other: serde_json::Map::new(),
        }
    }
}

/// Why settings cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no node here. Usual cause: the wrong directory.
    #[error("{} holds no node: run `azalea init` or `azalea join CODE` first, or give another --dir", .dir.display())]
    NoNode {
        /// The directory.
        dir: PathBuf,
    },
    /// The file is not what it should be. Usual cause: an edit by hand.
    #[error("{}: {reason}", .file.display())]
    Form {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The disk's fault.
    #[error("{}: {source}", .file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Config {
    /// Reads the settings of `dir`.
    pub fn load(dir: &DataDir) -> Result<Self, ConfigError> {
        let file = dir.config();
        let bytes = match read_limited(&file, CONFIG_BYTES_MAX) {
            Err(source) if source.kind() == io::ErrorKind::NotFound => {
                return Err(ConfigError::NoNode { dir: dir.path().to_owned() });
            }
            read => read.map_err(|source| ConfigError::Io { file: file.clone(), source })?,
        };
        let config: Self = serde_json::from_slice(&bytes)
            .map_err(|error| ConfigError::Form { file: file.clone(), reason: error.to_string() })?;
        config.network_id().map_err(|reason| ConfigError::Form { file, reason })?;
        Ok(config)
    }

    /// Replaces the settings of `dir`, whole or not at all.
    pub fn save(&self, dir: &DataDir) -> Result<(), ConfigError> {
        let file = dir.config();
        let io = |source| ConfigError::Io { file: file.clone(), source };
        let mut bytes = serde_json::to_vec_pretty(self).map_err(|error| io(error.into()))?;
        bytes.push(b'\n');
        write_whole(&file, &bytes).map_err(io)
    }

    /// The network as an id; `None` before the node has joined one.
    pub fn network_id(&self) -> Result<Option<NetworkId>, String> {
        self.network
            .as_deref()
            .map(|id| id.parse().map_err(|error| format!("network: {error}")))
            .transpose()
    }
}

impl RelayConfig {
    /// The key as bytes.
    pub fn key_bytes(&self) -> Result<[u8; 32], String> {
        let bytes = data_encoding::HEXLOWER_PERMISSIVE
            .decode(self.key.as_bytes())
            .map_err(|error| format!("relay.key: {error}"))?;
        bytes.try_into().map_err(|_| "relay.key: not 32 bytes".to_owned())
    }
}

/// Reads a file of at most `max` bytes.
fn read_limited(file: &Path, max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {max} bytes")));
    }
    Ok(bytes)
}

/// Writes a file beside the old one and then puts it in its place, so that a power cut leaves one or the other.
fn write_whole(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = file.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    let mut new = azalea_transport::lock::owner_only(&mut options).open(&beside)?;
    new.write_all(bytes)?;
    new.sync_all()?;
    fs::rename(&beside, file)?;
    sync_parent(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_and_keep_what_a_newer_version_wrote() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let dir = DataDir::new(home.path());
        assert!(matches!(Config::load(&dir), Err(ConfigError::NoNode { .. })));
        let text = r#"{"web":"127.0.0.1:1","relay":{"address":"h:1","key":"00"},"later":[1]}"#;
        fs::write(dir.config(), text).expect("room");
        let config = Config::load(&dir).expect("well formed");
        assert!(config.relay.as_ref().expect("given").key_bytes().is_err());
        config.save(&dir).expect("room");
        assert_eq!(Config::load(&dir).expect("well formed"), config);
        assert!(fs::read_to_string(dir.config()).expect("there").contains("later"));
        fs::write(dir.config(), r#"{"network":"12"}"#).expect("room");
        assert!(matches!(Config::load(&dir), Err(ConfigError::Form { .. })));
    }
}
