//! Who works where. Staff are accounts of their facility's own node and no part of what replicas exchange: what travels, and
//! what the ledger keeps, is the name that stands with each entry. So a facility here is a list of names that come and go;
//! whoever has left signs nothing any more.

use azalea_core::identity::FacilityKind;

use super::atlas::Place;
use crate::population::Dice;

/// Everybody's names.
pub(super) struct Staff {
    /// By place; tablets have none of their own.
    rosters: Vec<Roster>,
    dice: Dice,
}

/// The staff of one facility, numbered as they come; those who leave have been there longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Roster {
    first: u32,
    next: u32,
    /// The place whose staff this device's people are.
    of: usize,
}

impl Staff {
    /// Where nobody is told apart, a name is a role.
    pub(super) fn nameless(dice: &Dice) -> Self {
        Self { rosters: Vec::new(), dice: dice.fork("staff", 0) }
    }

    pub(super) fn draw(dice: &Dice, places: &[Place]) -> Self {
        let mut dice = dice.fork("staff", 0);
        let roster = |(of, place): (usize, &Place)| {
            let most = match (place.kind, place.discloses) {
                (FacilityKind::Hospital, true) => 60,
                (FacilityKind::Hospital, false) => 24,
                (FacilityKind::VisitingNurse, _) => 10,
                _ => 6,
            };
            let of = place.tablet_of.unwrap_or(of);
            Roster { first: 0, next: most / 2 + dice.below(u64::from(most / 2) + 1) as u32, of }
        };
        let rosters = places.iter().enumerate().map(roster).collect();
        Self { rosters, dice }
    }

    /// Somebody who works at a place now.
    pub(super) fn name(&mut self, place: usize, role: &str) -> String {
        self.number(place).map_or_else(|| role.to_owned(), |number| format!("s{number}"))
    }

    /// The number of somebody who works at a place now; `None` where nobody is told apart.
    pub(super) fn number(&mut self, place: usize) -> Option<u32> {
        let of = self.rosters.get(place)?.of;
        let Roster { first, next, .. } = self.rosters[of];
        Some(first + self.dice.below(u64::from(next - first)) as u32)
    }

    /// Somebody comes to a facility, or leaves it while others stay. Says whether that is so.
    pub(super) fn changes(&mut self, comes: bool) -> bool {
        let many: u64 = self.owners().map(|at| self.rosters[at].many()).sum();
        if many == 0 {
            return false;
        }
        let mut drawn = self.dice.below(many);
        let of = self.owners().find(|at| {
            let is_here = drawn < self.rosters[*at].many();
            drawn = drawn.saturating_sub(self.rosters[*at].many());
            is_here
        });
        let roster = &mut self.rosters[of.expect("the draw lies below the sum")];
        // Two stay: one who proposes a link, and one who confirms it.
        match comes {
            true => roster.next += 1,
            false if roster.many() > 2 => roster.first += 1,
            false => return false,
        }
        true
    }

    /// How many there are.
    pub(super) fn many(&self) -> u64 {
        self.owners().map(|at| self.rosters[at].many()).sum()
    }

    fn owners(&self) -> impl Iterator<Item = usize> {
        let rosters = self.rosters.iter().enumerate();
        let owners: Vec<usize> =
            rosters.filter(|(at, it)| it.of == *at).map(|(at, _)| at).collect();
        owners.into_iter()
    }
}

impl Roster {
    fn many(&self) -> u64 {
        u64::from(self.next - self.first)
    }
}
