//! What is to be done: the works W1 to W6, their sizes, and how long each may take.

use std::time::Duration;

use azalea_simulations::line::Quality;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::data::Dataset;
use crate::systems::System;

/// A work.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize, Deserialize,
)]
pub enum Work {
    /// First sync of charts, hub to a new client; the size is the number of charts.
    #[value(name = "w1")]
    FirstSync,
    /// First sync of entries of 1 KiB that does not shrink; the size is their number.
    #[value(name = "w2")]
    Entries,
    /// Catch-up where ten documents changed; the size is the number of documents.
    #[value(name = "w3")]
    CatchUp,
    /// The same between two that share no cursor.
    #[value(name = "w3b")]
    Strangers,
    /// Single changes, publisher to reader; the size is how many.
    #[value(name = "w4")]
    Change,
    /// First sync of 5,000 records over a bad line; the size is the line's bytes a second, 0 for a perfect line.
    #[value(name = "w5")]
    BadLine,
    /// W2, ours and PouchDB's only.
    #[value(name = "w6")]
    CouchEntries,
}

impl Work {
    /// All that are run where nothing else is said: W6 is a part of W2.
    pub const DEFAULT: [Self; 6] = [
        Self::CatchUp,
        Self::Strangers,
        Self::FirstSync,
        Self::Entries,
        Self::Change,
        Self::BadLine,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::FirstSync => "w1",
            Self::Entries => "w2",
            Self::CatchUp => "w3",
            Self::Strangers => "w3b",
            Self::Change => "w4",
            Self::BadLine => "w5",
            Self::CouchEntries => "w6",
        }
    }

    /// What it is, for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::FirstSync => {
                "W1: first sync of charts with 200 records in 40 changes, hub to a new client"
            }
            Self::Entries => "W2: first sync of 1 KiB entries that do not shrink",
            Self::CatchUp => "W3: catch-up where 10 documents changed",
            Self::Strangers => "W3b: the same between two that share no cursor",
            Self::Change => "W4: one change, publisher to reader through the hub",
            Self::BadLine => {
                "W5: first sync of 5,000 records, 600 ms, 5 % loss, cut for 3 s every 20 s"
            }
            Self::CouchEntries => "W6: W2 over CouchDB's protocol",
        }
    }

    /// What a size counts.
    pub fn unit(self) -> &'static str {
        match self {
            Self::FirstSync => "charts",
            Self::Entries | Self::CouchEntries => "entries",
            Self::CatchUp | Self::Strangers => "documents",
            Self::Change => "changes",
            Self::BadLine => "bytes/s",
        }
    }

    /// Its sizes, ascending in what they ask for.
    pub fn sizes(self, quick: bool) -> Vec<usize> {
        match (self, quick) {
            (Self::FirstSync, false) => vec![500, 2_000, 4_000],
            (Self::FirstSync, true) => vec![20, 50],
            (Self::Entries | Self::CouchEntries, false) => vec![14_400],
            (Self::Entries | Self::CouchEntries, true) => vec![500],
            (Self::CatchUp, false) => vec![1_000, 2_000, 4_000, 14_400, 144_000],
            (Self::CatchUp, true) => vec![100, 300],
            (Self::Strangers, false) => vec![14_400, 144_000],
            (Self::Strangers, true) => vec![100, 300],
            (Self::Change, false) => vec![300],
            (Self::Change, true) => vec![20],
            (Self::BadLine, false) => vec![0, 30_000, 3_750],
            (Self::BadLine, true) => vec![0, 200_000],
        }
    }

    /// The documents.
    pub fn data(self, size: usize) -> Dataset {
        match self {
            Self::FirstSync => Dataset::Charts(size),
            Self::Entries | Self::CouchEntries => Dataset::Entries(size),
            Self::CatchUp | Self::Strangers => Dataset::Small(size),
            Self::Change => Dataset::Small(1),
            Self::BadLine => Dataset::Charts(BAD_LINE_CHARTS),
        }
    }

    /// The line between the parties.
    pub fn quality(self, size: usize) -> Quality {
        match self {
            Self::BadLine if size > 0 => Quality {
                delay: Duration::from_millis(300),
                loss: 0.05,
                bytes_per_second: size as u64,
                ..Quality::default()
            },
            _ => Quality::default(),
        }
    }

    /// How long one run may take before it is stopped.
    pub fn limit(self) -> Duration {
        Duration::from_secs(match self {
            Self::CatchUp | Self::Strangers => 120,
            Self::FirstSync | Self::Entries | Self::CouchEntries => 180,
            Self::Change => 120,
            Self::BadLine => 600,
        })
    }

    /// How long the preparation may take: it is not measured, but has to end.
    pub fn limit_of_preparation(self) -> Duration {
        Duration::from_secs(1_200)
    }

    /// Who takes part.
    pub fn systems(self) -> Vec<System> {
        let takes_part = |system: &System| match self {
            Self::CouchEntries => matches!(system, System::Azalea | System::Pouch),
            _ => system.does(self),
        };
        System::ALL.into_iter().filter(takes_part).collect()
    }
}

/// Charts that make 5,000 records.
const BAD_LINE_CHARTS: usize = 25;
