//! The relay's data directory: settings, keys, store.
//!
//! ```text
//! relay.json               where to listen, under which address to be found
//! relay.redb               the store
//! blobs.redb               attachments, sealed
//! keys/device.key          shown in TLS, signs registry entries
//! keys/facility.key        certifies the device
//! keys/agreement.key       certified with the device, used by nobody
//! keys/registrar-*.key     in whose name facilities are admitted
//! root.key                 the council's: to be taken offline after `init`
//! ```

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use azalea_core::id::{RelayEpoch, Timestamp};
use azalea_core::identity::{AgreementKeypair, PublicKey, SigningKeypair};
use azalea_core::storage::Store;
use azalea_transport::lock::{DataLock, LockError};
use serde::{Deserialize, Serialize};

use crate::keyfile::{self, KeyFileError};
use crate::mailbox::{Genesis, GenesisError, tables};
use crate::store::RedbStore;

/// Certificates that the relay gives itself hold this long: ten years.
const OWN_VALID_MS: u64 = 3_652 * 24 * 60 * 60 * 1_000;
/// How often publishers say how much there is.
const STATEMENT_INTERVAL_MS: u64 = 60_000;

/// Why a data directory could not be set up or read.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// Another process uses it, or it cannot be made.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// It holds a relay already.
    #[error("{} already holds a relay", dir.display())]
    Exists {
        /// The directory.
        dir: PathBuf,
    },
    /// It holds no relay.
    #[error("{} holds no relay: run `azalea-relay init --dir {}` first", dir.display(), dir.display())]
    Missing {
        /// The directory.
        dir: PathBuf,
    },
    /// The settings cannot be read or written.
    #[error("{}: {cause}", path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// A key file.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The network could not be begun.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// The store.
    #[error(transparent)]
    Store(#[from] azalea_core::storage::StorageError),
}

/// What an operator sets.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The UDP address to listen on.
    pub listen: SocketAddr,
    /// The TCP address to listen on for facilities where UDP does not pass; none if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen_tcp: Option<SocketAddr>,
    /// The address under which facilities find the relay, as HOST:PORT; the one listened on if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public: Option<String>,
    /// The TCP address of the metrics; none if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<SocketAddr>,
}

/// The paths of a data directory.
#[derive(Debug, Clone)]
pub struct Home {
    dir: PathBuf,
}

/// The relay's own keys.
pub struct Keys {
    /// Its device key.
    pub device: SigningKeypair,
    /// The registrars in whose name it admits.
    pub registrars: Vec<SigningKeypair>,
}

impl Home {
    /// Names a directory; nothing is touched.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The store's file.
    pub fn store_path(&self) -> PathBuf {
        self.dir.join("relay.redb")
    }

    fn settings_path(&self) -> PathBuf {
        self.dir.join("relay.json")
    }

    fn keys_dir(&self) -> PathBuf {
        self.dir.join("keys")
    }

    /// Where a registrar's key lies.
    pub fn registrar_path(&self, key: &PublicKey) -> PathBuf {
        let id = key.to_string();
        self.keys_dir().join(format!("registrar-{}.key", &id[..16]))
    }

    /// The attachments' file.
    pub fn blobs_path(&self) -> PathBuf {
        self.dir.join("blobs.redb")
    }

    /// Begins a network: keys, store, settings. The root key goes to `root_key`. Returns the network's id.
    pub fn init(
        &self,
        now: Timestamp,
        name: &str,
        settings: &Settings,
        root_key: &Path,
    ) -> Result<azalea_core::id::NetworkId, HomeError> {
        let _lock = DataLock::acquire(&self.dir)?;
        if self.settings_path().exists() || self.store_path().exists() {
            return Err(HomeError::Exists { dir: self.dir.clone() });
        }
        let mut rng = rand::rng();
        let root = SigningKeypair::generate(&mut rng);
        let facility = SigningKeypair::generate(&mut rng);
        let device = SigningKeypair::generate(&mut rng);
        let registrar = SigningKeypair::generate(&mut rng);
        let agreement = AgreementKeypair::generate(&mut rng);
        let genesis = Genesis {
            root: &root,
            name,
            facility: &facility,
            device: &device,
            agreement: &agreement,
            registrar: &registrar,
            epoch: RelayEpoch::random(&mut rng),
            valid_ms: OWN_VALID_MS,
            statement_interval_ms: STATEMENT_INTERVAL_MS,
        };
        let rows = genesis.rows(now)?;
        azalea_transport::lock::private_dir(&self.keys_dir())?;
        keyfile::write_new(root_key, &root.seed())?;
        keyfile::write_new(&self.keys_dir().join("facility.key"), &facility.seed())?;
        keyfile::write_new(&self.keys_dir().join("device.key"), &device.seed())?;
        keyfile::write_new(&self.keys_dir().join("agreement.key"), &agreement.seed())?;
        keyfile::write_new(&self.registrar_path(&registrar.public()), &registrar.seed())?;
        RedbStore::open(&self.store_path())?.commit(&rows)?;
        // The settings come last: their file says that all the rest is there.
        self.write_settings(settings)?;
        Ok(genesis.network())
    }

    /// Draws a new epoch for a store that came from a backup: where readers stand in its feeds is not to be relied on.
    pub fn restored(&self) -> Result<RelayEpoch, HomeError> {
        let _lock = DataLock::acquire(&self.dir)?;
        self.settings()?;
        let epoch = RelayEpoch::random(&mut rand::rng());
        let mut store = RedbStore::open(&self.store_path())?;
        let begins = tables::begin_epoch(&store.snapshot()?, epoch)?;
        store.commit(&begins)?;
        crate::blobs::renew(&self.blobs_path())?;
        Ok(epoch)
    }

    /// Reads the settings.
    pub fn settings(&self) -> Result<Settings, HomeError> {
        let path = self.settings_path();
        let bytes = std::fs::read(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => HomeError::Missing { dir: self.dir.clone() },
            _ => HomeError::Settings { path: path.clone(), cause: error.to_string() },
        })?;
        serde_json::from_slice(&bytes)
            .map_err(|error| HomeError::Settings { path, cause: error.to_string() })
    }

    fn write_settings(&self, settings: &Settings) -> Result<(), HomeError> {
        let path = self.settings_path();
        let failed = |cause: String| HomeError::Settings { path: path.clone(), cause };
        let mut text = serde_json::to_string_pretty(settings).map_err(|e| failed(e.to_string()))?;
        text.push('\n');
        std::fs::write(&path, text).map_err(|error| failed(error.to_string()))
    }

    /// Reads the keys.
    pub fn keys(&self) -> Result<Keys, HomeError> {
        let device = keyfile::read(&self.keys_dir().join("device.key"))?;
        let dir = self.keys_dir();
        let failed = |source| KeyFileError::Io { path: dir.clone(), source };
        let mut registrars = Vec::new();
        for entry in std::fs::read_dir(&dir).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.starts_with("registrar-") && name.ends_with(".key") {
                registrars.push(SigningKeypair::from_seed(*keyfile::read(&path)?));
            }
        }
        Ok(Keys { device: SigningKeypair::from_seed(*device), registrars })
    }
}
