//! The work of a region by its patients and by time, as the field counts it, instead of by counts of each thing.

use serde::{Deserialize, Serialize};

use crate::population::Dice;

/// How many patients there are, and what is done for them in a year. As it stands here, the region of the Kurume area.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Region {
    /// Patients of all disclosing hospitals together.
    pub patients: u64,
    /// Messages of the hospitals' systems for each patient and year; over patients they follow a power law.
    pub messages: u64,
    /// How often hospitals' systems hand over the messages that they have, in seconds.
    pub handover: u64,
    /// Records in these messages, for each patient and year.
    pub resources: u64,
    /// Pages that readers open of each patient in a year: the fewest and the most, in between a power law.
    pub openings: [u64; 2],
    /// Care notes for each hundred patients and year.
    pub notes: u64,
    /// Edits of such notes, for each hundred patients and year.
    pub edits: u64,
    /// Notes that two people edit while both are offline, for each thousand patients and year.
    pub clashes: u64,
    /// Referrals to somebody who did not see the patient before, for each hundred patients and year.
    pub referrals: u64,
    /// Patients who narrow, withdraw or give again their consent, for each hundred patients and year.
    pub changes: u64,
    /// Patients who consent only in the course of a year, of a hundred.
    pub newcomers: u64,
    /// Staff who leave and staff who come, of a hundred in a year.
    pub turnover: u64,
    /// Records of a chart at the beginning: about so many, for some twice as many.
    pub chart: u64,
    /// How many times as fast as in the field all of this happens, for small regions that have minutes.
    pub pace: u64,
}

impl Default for Region {
    fn default() -> Self {
        Self {
            patients: 14_400,
            messages: 60,
            handover: 300,
            resources: 230,
            openings: [1, 9],
            notes: 400,
            edits: 100,
            clashes: 20,
            referrals: 50,
            changes: 12,
            newcomers: 10,
            turnover: 20,
            chart: 4,
            pace: 1,
        }
    }
}

impl Region {
    /// A month of few patients, for whom more is done than in the field, in the seconds that a small region has.
    pub(super) fn draw(dice: &mut Dice, seconds: u64) -> Self {
        Self {
            patients: 3 + dice.below(10),
            openings: [12, 60],
            notes: 2_000,
            edits: 1_500,
            clashes: 4_000,
            referrals: 400,
            changes: dice.below(1_000),
            newcomers: 200,
            turnover: 200,
            pace: MONTH_S / seconds.max(1),
            ..Self::default()
        }
    }

    /// What happens `per` so many patients and year at a rate, for all of them in so many seconds.
    pub fn in_all(&self, rate: u64, per: u64, seconds: u64) -> u64 {
        let done = u128::from(self.patients * rate) * u128::from(seconds * self.pace);
        (done / u128::from(per * YEAR_S)) as u64
    }
}

const MONTH_S: u64 = 30 * 86_400;
/// A year, in seconds.
pub(crate) const YEAR_S: u64 = 365 * 86_400;
