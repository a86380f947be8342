//! How good lines are.

use serde::{Deserialize, Serialize};

/// How good a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// Fibre, as hospitals and most clinics have it.
    Fibre,
    /// An older line in a valley.
    Copper,
    /// Mobile, now and then a bar of it.
    Mobile,
}

/// What a datagram meets on a line.
#[derive(Clone, Copy)]
pub(super) struct Figures {
    /// Delay one way, and by how much more a datagram may be late, in microseconds.
    pub(super) delay_us: u64,
    pub(super) spread_us: u64,
    /// Datagrams that are lost, and that arrive twice, of 65,536.
    pub(super) lost: u64,
    pub(super) doubled: u64,
    /// What it carries up, and down.
    pub(super) kbit: u64,
}

const FIBRE: Figures =
    Figures { delay_us: 6_000, spread_us: 6_000, lost: 65, doubled: 13, kbit: 40_000 };
const COPPER: Figures =
    Figures { delay_us: 25_000, spread_us: 40_000, lost: 655, doubled: 65, kbit: 2_000 };
const MOBILE: Figures =
    Figures { delay_us: 60_000, spread_us: 200_000, lost: 3_932, doubled: 328, kbit: 600 };

impl Quality {
    /// All of them, the best first.
    pub const ALL: [Self; 3] = [Self::Fibre, Self::Copper, Self::Mobile];

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fibre => "fibre",
            Self::Copper => "copper",
            Self::Mobile => "mobile",
        }
    }

    pub(super) fn figures(self) -> &'static Figures {
        match self {
            Self::Fibre => &FIBRE,
            Self::Copper => &COPPER,
            Self::Mobile => &MOBILE,
        }
    }

    /// How long whatever is said takes at least.
    pub(in crate::world) fn delay_ms(self) -> u64 {
        self.figures().delay_us / 1_000
    }

    /// Bytes that the line can carry in a day, one way.
    pub fn bytes_per_day(self) -> u64 {
        self.figures().kbit * 1_000 / 8 * 86_400
    }
}
