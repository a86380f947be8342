//! What a hostile relay can do.

use serde::{Deserialize, Serialize};

/// What it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trick {
    /// Leaves envelopes out and says that there are none.
    Withhold,
    /// Sends again what it sent before.
    Replay,
    /// Sends in another order.
    Reorder,
    /// Serves its state of earlier as if it were today's.
    RollBack,
    /// Tells one reader what it does not tell the others.
    Fork,
    /// Changes bytes.
    Tamper,
    /// Sends what nobody asked for, a great deal of it.
    Flood,
    /// Sends old head statements as new.
    StaleHeads,
    /// Carries what a hostile member wrote where it may not, as if it had been taken.
    Smuggle,
    /// Gives the word on what a snapshot stands for, and neither the snapshot nor that.
    WithholdSnapshots,
    /// Says that it has taken what it lets fall.
    FalseTaken,
}

impl Trick {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Withhold,
        Self::Replay,
        Self::Reorder,
        Self::RollBack,
        Self::Fork,
        Self::Tamper,
        Self::Flood,
        Self::StaleHeads,
        Self::Smuggle,
        Self::WithholdSnapshots,
        Self::FalseTaken,
    ];

    /// Those that any relay can play by itself to its readers; what it smuggles it must be given, snapshots must be made, and what it takes falsely its authors must
    /// send: these are drawn apart.
    pub const DRAWN: [Self; 8] = {
        let [withhold, replay, reorder, roll_back, fork, tamper, flood, stale_heads, ..] =
            Self::ALL;
        [withhold, replay, reorder, roll_back, fork, tamper, flood, stale_heads]
    };

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Withhold => "withhold",
            Self::Replay => "replay",
            Self::Reorder => "reorder",
            Self::RollBack => "roll back",
            Self::Fork => "fork between readers",
            Self::Tamper => "tamper",
            Self::Flood => "flood",
            Self::StaleHeads => "stale statements",
            Self::Smuggle => "smuggle",
            Self::WithholdSnapshots => "withhold snapshots",
            Self::FalseTaken => "take falsely",
        }
    }
}
