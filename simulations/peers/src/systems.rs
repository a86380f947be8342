//! The systems that are compared, one file each.

pub mod azalea;
pub mod iroh_docs;
pub mod negentropy;
pub mod pouch;
pub mod samod;
pub mod subduction;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::line::Transport;
use crate::work::Work;

/// A system.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum System {
    /// Ours.
    Azalea,
    /// samod.
    Samod,
    /// iroh-docs.
    IrohDocs,
    /// Subduction.
    Subduction,
    /// PouchDB with express-pouchdb.
    Pouch,
    /// negentropy.
    Negentropy,
}

/// How a reader comes to hold what later changes are changes of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seeding {
    /// By a first sync.
    Sync,
    /// By a copy of the other side's store, which holds the same as a first sync would leave, only sooner.
    Copy,
    /// By making it itself, in each run.
    Fill,
}

impl System {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 6] = [
        Self::Azalea,
        Self::Samod,
        Self::IrohDocs,
        Self::Subduction,
        Self::Pouch,
        Self::Negentropy,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Azalea => "azalea",
            Self::Samod => "samod",
            Self::IrohDocs => "iroh-docs",
            Self::Subduction => "subduction",
            Self::Pouch => "pouch",
            Self::Negentropy => "negentropy",
        }
    }

    /// Its name and version for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Azalea => "Azalea",
            Self::Samod => "samod 0.16.0",
            Self::IrohDocs => "iroh-docs 0.101.0",
            Self::Subduction => "Subduction 0.20.0",
            Self::Pouch => "PouchDB 9.0.0",
            Self::Negentropy => "negentropy 0.5.3",
        }
    }

    /// What its parties speak over.
    pub fn transport(self) -> Transport {
        match self {
            Self::Azalea | Self::IrohDocs => Transport::Udp,
            Self::Samod | Self::Subduction | Self::Pouch | Self::Negentropy => Transport::Tcp,
        }
    }

    /// How its readers are prepared.
    pub fn seeding(self) -> Seeding {
        match self {
            Self::Azalea | Self::IrohDocs | Self::Pouch => Seeding::Sync,
            Self::Samod | Self::Subduction => Seeding::Copy,
            Self::Negentropy => Seeding::Fill,
        }
    }

    /// Whether single changes go through a hub.
    pub fn has_hub(self) -> bool {
        self != Self::IrohDocs
    }

    /// Whether it can do a work at all.
    pub fn does(self, work: Work) -> bool {
        match work {
            Work::Strangers => {
                matches!(self, Self::Azalea | Self::IrohDocs | Self::Pouch | Self::Negentropy)
            }
            _ => self != Self::Negentropy,
        }
    }
}
