//! The tree over what a publisher owes: a leaf for each recipient, a root that one signature covers.

use crate::hash::Context;
use std::collections::BTreeMap;

use crate::id::FacilityId;
use crate::wire::{Reader, Wire, WireError, Writer};

use super::Tally;

/// What a publisher owes one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadShare {
    /// Hides the leaf, and its place in the tree, from other recipients: they see hashes beside their own path, and would
    /// otherwise know their neighbours and try tallies. The publisher derives it from its key and the recipient.
    pub salt: [u8; 16],
    /// Who is told.
    pub recipient: FacilityId,
    /// What the publisher wrote that the recipient may read.
    pub tally: Tally,
}

impl HeadShare {
    fn leaf(&self) -> Digest {
        let mut writer = Writer::new();
        self.write(&mut writer);
        SHARE.hash(&writer.into_bytes())
    }

    fn place(&self) -> ([u8; 16], FacilityId) {
        (self.salt, self.recipient)
    }
}

impl Wire for HeadShare {
    fn write(&self, writer: &mut Writer) {
        writer.raw(&self.salt);
        self.recipient.write(writer);
        self.tally.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            salt: reader.array("salt")?,
            recipient: FacilityId::read(reader)?,
            tally: Tally::read(reader)?,
        })
    }
}

type Digest = [u8; 32];

/// Everything that one publisher owes, by recipient, with the hashes over it.
///
/// Leaves are in the order of their salts. A level pairs the hashes of the one below; a last one without a partner goes up
/// as it is. A share that changes costs a hash for each level; a recipient that is new costs the tree.
#[derive(Debug, Clone, Default)]
pub struct HeadTree {
    shares: Vec<HeadShare>,
    places: BTreeMap<FacilityId, usize>,
    /// From the leaves to the root.
    levels: Vec<Vec<Digest>>,
}

impl HeadTree {
    /// The tree over these shares, one for each recipient: of two the later counts.
    pub fn of(shares: impl IntoIterator<Item = HeadShare>) -> Self {
        let mut tree = Self::default();
        tree.set(shares);
        tree
    }

    /// Puts shares in the place of the ones that their recipients had.
    pub fn set(&mut self, shares: impl IntoIterator<Item = HeadShare>) {
        let mut new = BTreeMap::new();
        for share in shares {
            match self.places.get(&share.recipient).copied() {
                Some(at) if self.shares[at].salt == share.salt => self.replace(at, share),
                _ => {
                    new.insert(share.recipient, share);
                }
            }
        }
        if !new.is_empty() {
            self.shares.retain(|share| !new.contains_key(&share.recipient));
            self.shares.extend(new.into_values());
            self.build();
        }
    }

    /// The hash over everything.
    pub fn root(&self) -> [u8; 32] {
        self.levels.last().map_or_else(|| NONE.hash(&[]), |top| top[0])
    }

    /// What a recipient is owed.
    pub fn get(&self, recipient: &FacilityId) -> Option<&HeadShare> {
        self.places.get(recipient).map(|at| &self.shares[*at])
    }

    /// All shares.
    pub fn shares(&self) -> &[HeadShare] {
        &self.shares
    }

    /// What a recipient is owed, and how that follows from the root.
    pub fn share(&self, recipient: &FacilityId) -> Option<(HeadShare, SharePath)> {
        let place = *self.places.get(recipient)?;
        let mut siblings = Vec::new();
        let mut at = place;
        for level in &self.levels {
            if level.len() > 1 {
                siblings.extend(level.get(at ^ 1));
                at /= 2;
            }
        }
        let count = u32::try_from(self.shares.len()).expect("held to its limit");
        let place = u32::try_from(place).expect("below the count");
        Some((self.shares[place as usize].clone(), SharePath { place, count, siblings }))
    }

    fn replace(&mut self, at: usize, share: HeadShare) {
        let mut at = at;
        self.levels[0][at] = share.leaf();
        self.shares[at] = share;
        for below in 0..self.levels.len() - 1 {
            at /= 2;
            self.levels[below + 1][at] = pair(&self.levels[below], at);
        }
    }

    fn build(&mut self) {
        self.shares.sort_unstable_by_key(HeadShare::place);
        let places = self.shares.iter().enumerate();
        self.places = places.map(|(at, share)| (share.recipient, at)).collect();
        self.levels = vec![self.shares.iter().map(HeadShare::leaf).collect()];
        while let Some(below) = self.levels.last().filter(|level| level.len() > 1) {
            let level = (0..below.len().div_ceil(2)).map(|at| pair(below, at)).collect();
            self.levels.push(level);
        }
    }
}

/// The hash over a pair of a level; a last one without a partner goes up as it is.
fn pair(below: &[Digest], at: usize) -> Digest {
    match below.get(2 * at + 1) {
        Some(right) => node(&below[2 * at], right),
        None => below[2 * at],
    }
}

fn node(left: &Digest, right: &Digest) -> Digest {
    let mut hasher = PAIR.hasher();
    hasher.update(left);
    hasher.update(right);
    *hasher.finalize().as_bytes()
}

/// How a share follows from the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharePath {
    /// Which leaf it is, from 0.
    place: u32,
    /// Of how many.
    count: u32,
    /// The hashes beside its way up, from below.
    siblings: Vec<Digest>,
}

impl SharePath {
    /// The root to which a share leads; `None` where the path does not fit its own place.
    pub fn root(&self, share: &HeadShare) -> Option<[u8; 32]> {
        let (mut at, mut count) = (self.place, self.count);
        if at >= count {
            return None;
        }
        let mut siblings = self.siblings.iter();
        let mut hash = share.leaf();
        while count > 1 {
            if at % 2 == 1 {
                hash = node(siblings.next()?, &hash);
            } else if at + 1 < count {
                hash = node(&hash, siblings.next()?);
            }
            at /= 2;
            count = count.div_ceil(2);
        }
        siblings.next().is_none().then_some(hash)
    }
}

impl Wire for SharePath {
    fn write(&self, writer: &mut Writer) {
        writer.u32(self.place);
        writer.u32(self.count);
        writer.count(self.siblings.len());
        self.siblings.iter().for_each(|sibling| writer.raw(sibling));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let (place, count) = (reader.u32("place")?, reader.u32("share count")?);
        let siblings = reader.count(share_limits::SIBLINGS)?;
        let siblings = (0..siblings).map(|_| reader.array("sibling")).collect::<Result<_, _>>()?;
        Ok(Self { place, count, siblings })
    }
}

/// How much of it is taken from the wire.
pub mod share_limits {
    use crate::wire::Limit;

    /// Recipients of one publisher.
    pub const SHARES: Limit = Limit { name: "head_shares_max", max: 65_536 };
    /// Hashes of one path: more than the levels over any count.
    pub const SIBLINGS: Limit = Limit { name: "head_siblings_max", max: 32 };
}

static SHARE: Context = Context::new("azalea head share v1");
static PAIR: Context = Context::new("azalea head pair v1");
static NONE: Context = Context::new("azalea head none v1");

#[cfg(test)]
mod tests {
    use super::*;

    fn share(n: u8, count: u64) -> HeadShare {
        let tally = Tally { count, sum: [count; 4] };
        // Salts in another order than recipients.
        HeadShare { salt: [n.wrapping_mul(151); 16], recipient: FacilityId([n; 16]), tally }
    }

    #[test]
    fn every_share_leads_to_the_root_and_no_other_does() {
        for many in 1..40 {
            let tree = HeadTree::of((1..=many).map(|n| share(n, 7)));
            for n in 1..=many {
                let (held, path) = tree.share(&FacilityId([n; 16])).expect("it has a share");
                assert_eq!(path.root(&held), Some(tree.root()), "{n} of {many}");
                let more = HeadShare { tally: Tally { count: 8, ..held.tally }, ..held.clone() };
                assert_ne!(path.root(&more), Some(tree.root()));
                let other = HeadShare { recipient: FacilityId([99; 16]), ..held };
                assert_ne!(path.root(&other), Some(tree.root()));
            }
        }
        assert!(HeadTree::default().share(&FacilityId([1; 16])).is_none());
    }

    #[test]
    fn a_tree_that_changed_is_the_tree_over_what_it_holds() {
        let mut tree = HeadTree::of((1..20).map(|n| share(n, 1)));
        tree.set([share(4, 2), share(19, 3)]);
        tree.set([share(30, 1), share(4, 5)]);
        let salted = HeadShare { salt: [9; 16], ..share(7, 1) };
        tree.set([salted.clone()]);
        let held = (1..20).filter(|n| ![4, 7, 19].contains(n)).map(|n| share(n, 1));
        let anew = HeadTree::of(held.chain([share(4, 5), salted, share(19, 3), share(30, 1)]));
        assert_eq!((tree.root(), tree.shares()), (anew.root(), anew.shares()));
        assert_ne!(tree.root(), HeadTree::default().root());
    }

    #[test]
    fn a_path_that_does_not_fit_its_place_leads_nowhere() {
        let tree = HeadTree::of((1..=5).map(|n| share(n, 1)));
        let (held, path) = tree.share(&FacilityId([2; 16])).expect("it has a share");
        let check = |change: fn(&mut SharePath)| {
            let mut path = path.clone();
            change(&mut path);
            assert_ne!(path.root(&held), Some(tree.root()), "{path:?}");
        };
        check(|path| path.place = 5);
        check(|path| path.place ^= 1);
        check(|path| path.count = 0);
        check(|path| path.count = u32::MAX);
        check(|path| path.siblings.push([0; 32]));
        check(|path| {
            path.siblings.pop();
        });
    }
}
