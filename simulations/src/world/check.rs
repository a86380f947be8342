//! What must be true: one checker per property, each held against what the omniscient world knows.
//!
//! Some properties must hold at every moment and are looked at on the way: what screens claim, and who holds what.
//! The others are judged once the region was healed and has come to rest.

mod authorship;
mod bounds;
mod confidentiality;
mod convergence;
mod disagreement;
mod durability;
mod honesty;
mod late;
mod ledger;
pub(super) mod liveness;
mod rotation;
mod too_new;
mod unsent;

pub(super) use disagreement::shown;

use super::{START_MS, World};
use azalea_core::id::Timestamp;
use serde::{Deserialize, Serialize};

/// A property, and whoever guards it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Checker {
    /// Whoever may see the same sees the same.
    Convergence,
    /// Nothing that was acknowledged is lost, and nothing is doubled.
    Durability,
    /// Nobody holds what nobody let them see.
    Confidentiality,
    /// Everything that is shown was written by whom it names.
    Authorship,
    /// No screen claims more than is true.
    Honesty,
    /// Once healed, everything arrives in time.
    Liveness,
    /// Late writes are kept for a person: not lost, not merged.
    Late,
    /// Where people disagreed, every value that stands is shown.
    Disagreement,
    /// Every page that was shown is in the ledger, whose chain is unbroken.
    Ledger,
    /// Memory and bytes stay within bounds.
    Bounds,
}

impl Checker {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Convergence,
        Self::Durability,
        Self::Confidentiality,
        Self::Authorship,
        Self::Honesty,
        Self::Liveness,
        Self::Late,
        Self::Disagreement,
        Self::Ledger,
        Self::Bounds,
    ];

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Convergence => "convergence",
            Self::Durability => "durability",
            Self::Confidentiality => "confidentiality",
            Self::Authorship => "authorship",
            Self::Honesty => "honesty",
            Self::Liveness => "liveness",
            Self::Late => "late writes",
            Self::Disagreement => "disagreement",
            Self::Ledger => "ledger",
            Self::Bounds => "bounds",
        }
    }
}

/// Something that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whose property.
    pub checker: Checker,
    /// Seconds since the beginning.
    pub at: u64,
    /// What.
    pub words: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {} s: {}", self.checker.name(), self.at, self.words)
    }
}

/// What a checker has to say.
type Words = Vec<String>;

pub(super) fn on_the_way(world: &mut World) {
    take(world, Checker::Honesty, honesty::check);
    take(world, Checker::Honesty, unsent::check);
    take(world, Checker::Honesty, too_new::check);
    take(world, Checker::Confidentiality, confidentiality::check);
}

pub(super) fn at_the_end(world: &mut World) {
    take(world, Checker::Liveness, liveness::check);
    take(world, Checker::Durability, too_new::read_again);
    on_the_way(world);
    take(world, Checker::Durability, durability::check);
    take(world, Checker::Convergence, convergence::check);
    take(world, Checker::Late, late::check);
    take(world, Checker::Disagreement, disagreement::check);
    take(world, Checker::Ledger, ledger::check);
    take(world, Checker::Authorship, authorship::check);
    take(world, Checker::Authorship, authorship::relay);
    take(world, Checker::Confidentiality, confidentiality::relay);
    take(world, Checker::Confidentiality, rotation::check);
    let words = bounds::check(world);
    add(world, Checker::Bounds, words);
}

fn take(world: &mut World, checker: Checker, check: fn(&World) -> Words) {
    let words = check(world);
    add(world, checker, words);
}

/// A checker that has found something is believed after a few words.
const FINDINGS_MAX: usize = 8;

fn add(world: &mut World, checker: Checker, words: Words) {
    let at = world.now.since_ms(Timestamp(START_MS)) / 1_000;
    for words in words {
        let known = world.findings.iter().filter(|it| it.checker == checker);
        if known.clone().count() < FINDINGS_MAX && !known.clone().any(|it| it.words == words) {
            world.findings.push(Finding { checker, at, words });
        }
    }
}
