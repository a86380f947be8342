//! Choosing by size: facilities of which few are large, and patients for whom much is done.

use crate::population::Dice;
use crate::world::atlas::Place;

/// Facilities by their sizes.
pub(super) struct Choice {
    pub(super) of: Vec<usize>,
    sizes: Sums,
}

impl Choice {
    /// The nth largest is a share of one nth, counted from `flat` on; which one that is, is drawn.
    pub(super) fn draw(dice: &mut Dice, mut of: Vec<usize>, flat: u64) -> Self {
        for at in (1..of.len()).rev() {
            of.swap(at, dice.below(at as u64 + 1) as usize);
        }
        let mut sizes = Sums::default();
        (0..of.len() as u64).for_each(|rank| sizes.add(SHARE / (rank + flat)));
        Self { of, sizes }
    }

    pub(super) fn one(&self, dice: &mut Dice) -> Option<usize> {
        (!self.of.is_empty()).then(|| self.of[self.sizes.one(dice)])
    }

    /// One that is not this one.
    pub(super) fn other(&self, dice: &mut Dice, than: usize) -> Option<usize> {
        let others = (self.of.len() > 1).then(|| self.one(dice))?;
        others.map(|one| {
            let at = self.of.iter().position(|it| *it == one).expect("one of them");
            if one == than { self.of[(at + 1) % self.of.len()] } else { one }
        })
    }
}

/// Facilities by district, and by their sizes there.
pub(super) struct Nearby {
    districts: Vec<Choice>,
    anywhere: Choice,
}

impl Nearby {
    pub(super) fn draw(dice: &mut Dice, of: Vec<usize>, places: &[Place]) -> Self {
        let districts = places.iter().map(|it| it.district + 1).max().unwrap_or(0);
        let mut there = |district| {
            let here = of.iter().copied().filter(|it| places[*it].district == district);
            Choice::draw(dice, here.collect(), 4)
        };
        let districts = (0..districts).map(&mut there).collect();
        Self { districts, anywhere: Choice::draw(dice, of, 4) }
    }

    pub(super) fn one(&self, dice: &mut Dice, district: usize) -> Option<usize> {
        self.districts[district].one(dice).or_else(|| self.anywhere.one(dice))
    }
}

/// Running sums of weights, to draw by them.
#[derive(Default)]
pub(super) struct Sums(pub(super) Vec<u64>);

impl Sums {
    pub(super) fn add(&mut self, weight: u64) {
        self.0.push(self.all() + weight);
    }

    pub(super) fn all(&self) -> u64 {
        self.0.last().copied().unwrap_or(0)
    }

    pub(super) fn one(&self, dice: &mut Dice) -> usize {
        let drawn = dice.below(self.all());
        self.0.partition_point(|sum| *sum <= drawn)
    }
}

/// The work that a patient causes, in thousandths of the mean: a power law (Lomax, exponent 2) whose upper tenth is half of all.
/// Only a square root is taken, which is the same on every machine.
pub(super) fn heavy_tail(dice: &mut Dice) -> u64 {
    let rest = 1.0 - dice.fraction();
    (((1.0 / rest.sqrt()) - 1.0) * 1_000.0).min(HEAVIEST) as u64 + 1
}

/// Openings of a patient in a year: n of them with a share of one n²th.
pub(super) fn rate(dice: &mut Dice, [fewest, most]: [u64; 2]) -> u64 {
    let fewest = fewest.max(1);
    let shares = (fewest..=most.max(fewest)).map(|n| (SHARE / (n * n)) as u32);
    fewest + dice.weighted(shares) as u64
}

const SHARE: u64 = 1 << 20;
/// Nobody causes more than forty times the mean.
const HEAVIEST: f64 = 40_000.0;
