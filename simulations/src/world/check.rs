//! What must be true: one checker per property, each held against what the omniscient world knows.
//!
//! Some properties must hold at every moment and are looked at on the way: what screens claim, and who holds what.
//! The others are judged once the region was healed and has come to rest.

mod authorship;
mod bounds;
mod bytes;
mod confidentiality;
mod convergence;
mod disagreement;
mod durability;
mod honest_care;
mod honesty;
mod keyed;
mod late;
mod ledger;
pub(super) mod liveness;
mod reached;
mod rotation;
mod too_new;
mod unsent;
mod withheld;
mod written;

pub(super) use disagreement::shown;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

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
    say(world, &ON_THE_WAY);
}

pub(super) fn at_the_end(world: &mut World) {
    // What was read on the way was kept true by what changed; the judgement takes nobody's word for it.
    world.facilities.iter_mut().for_each(|facility| {
        facility.look_anew();
        if let Err(error) = facility.disk.examine() {
            facility.disk.broken = Some(error.to_string());
        }
    });
    world.have_read();
    say(world, &AT_THE_END);
    let words = bounds::check(world);
    add(world, Checker::Bounds, words);
    let words = bytes::check(world);
    add(world, Checker::Bounds, words);
}

type Check = fn(&World) -> Words;

/// What is held against a region all the time, whatever befalls it.
const ON_THE_WAY: [(Checker, Check); 7] = [
    (Checker::Honesty, honesty::check),
    (Checker::Honesty, honest_care::check),
    (Checker::Honesty, unsent::check),
    (Checker::Honesty, too_new::check),
    (Checker::Honesty, withheld::check),
    (Checker::Confidentiality, confidentiality::check),
    (Checker::Confidentiality, keyed::check),
];

/// What judges a region at rest, and only looks; the order is that of the findings.
const AT_THE_END: [(Checker, Check); 19] = [
    (Checker::Liveness, liveness::check),
    (Checker::Durability, too_new::read_again),
    (Checker::Honesty, honesty::check),
    (Checker::Honesty, honest_care::check),
    (Checker::Honesty, unsent::check),
    (Checker::Honesty, too_new::check),
    (Checker::Honesty, withheld::check),
    (Checker::Confidentiality, confidentiality::check),
    (Checker::Confidentiality, keyed::check),
    (Checker::Durability, durability::check),
    (Checker::Convergence, convergence::check),
    (Checker::Late, late::check),
    (Checker::Disagreement, disagreement::check),
    (Checker::Ledger, ledger::check),
    (Checker::Authorship, authorship::check),
    (Checker::Authorship, authorship::relay),
    (Checker::Confidentiality, confidentiality::relay),
    (Checker::Confidentiality, rotation::check),
    (Checker::Confidentiality, reached::by_revocations),
];

/// Has the checks look, and keeps what they find.
fn say(world: &mut World, checks: &[(Checker, Check)]) {
    let judgements = judge(world, checks);
    for ((checker, _), words) in checks.iter().zip(judgements) {
        add(world, *checker, words);
    }
}

/// What each check says. They only look, so that what they say does not hang on who looks first.
fn judge(world: &World, checks: &[(Checker, Check)]) -> Vec<Words> {
    let said: Vec<OnceLock<Words>> = checks.iter().map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    side_by_side(world, &|| {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let (Some((_, check)), Some(place)) = (checks.get(at), said.get(at)) else { return };
            place.set(check(world)).expect("each place is taken once");
        }
    });
    said.into_iter().map(|words| words.into_inner().expect("each check has spoken")).collect()
}

/// Does some work on as many threads as the world may use.
fn side_by_side(world: &World, work: &(dyn Fn() + Sync)) {
    std::thread::scope(|scope| {
        for _ in 1..world.threads {
            scope.spawn(|| {
                world.signatures.use_here();
                work();
            });
        }
        work();
    });
}

/// A checker that has found something is believed after a few words.
const FINDINGS_MAX: usize = 8;

pub(super) fn add(world: &mut World, checker: Checker, words: Words) {
    let at = world.now.since_ms(Timestamp(START_MS)) / 1_000;
    for words in words {
        let known = world.findings.iter().filter(|it| it.checker == checker);
        if known.clone().count() < FINDINGS_MAX && !known.clone().any(|it| it.words == words) {
            world.findings.push(Finding { checker, at, words });
        }
    }
}
