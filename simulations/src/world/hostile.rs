//! A relay that means harm: it has every byte that it stores, and says to each reader what it likes.
//!
//! It sits between the real mailbox and the lines. It cannot sign for anybody, which is all that stops it.

pub(super) mod member;
mod noticed;
mod taken;
pub(super) mod thief;
mod trick;

use std::collections::BTreeSet;

use azalea_core::access::Statement;
use azalea_core::envelope::{Header, SignedEnvelope};
use azalea_core::id::Timestamp;
use azalea_core::sync::heads::HeadWord;
use azalea_core::sync::message::{Bytes, FeedItem, Lane, Message};
use azalea_core::wire::{Reader, Wire};
pub(super) use noticed::Withheld;
use noticed::{Account, Tried};
pub use noticed::{Notice, Noticed};
use taken::Swallowed;
pub use trick::Trick;

use super::NOBODY;
use crate::population::Dice;

/// The hostile relay's mind.
pub(super) struct Hostile {
    tricks: Vec<Trick>,
    /// What it remembers having sent.
    seen: Vec<Message>,
    /// What a hostile member gave it to carry.
    smuggled: Vec<Bytes>,
    /// What it lets fall and says that it has taken, where it does.
    swallowed: Option<Swallowed>,
    /// Chance for what it has learnt since its tricks were first drawn, so that what those draw stays as it was.
    own: Dice,
    /// What it tried, and what came of it.
    pub(super) account: Account,
}

/// What it makes of a message for a reader.
#[derive(Default)]
struct Told {
    /// What the reader hears.
    said: Vec<Message>,
    /// What the reader's answer would have been: its own mailbox is told that, or it would wait for it.
    answer: Option<Message>,
}

impl From<Vec<Message>> for Told {
    fn from(said: Vec<Message>) -> Self {
        Self { said, answer: None }
    }
}

/// A bit turns in one of them.
fn tamper(dice: &mut Dice, items: &mut [FeedItem]) {
    let at = dice.below(items.len() as u64) as usize;
    if let Some(item) = items.get_mut(at) {
        let byte = dice.below(item.envelope.0.len() as u64) as usize;
        item.envelope.0[byte] ^= 1 << dice.below(8);
    }
}

impl Hostile {
    pub(super) fn new(mut tricks: Vec<Trick>, dice: &Dice) -> Self {
        let takes_falsely = tricks.contains(&Trick::FalseTaken);
        tricks.retain(|trick| *trick != Trick::FalseTaken);
        Self {
            tricks,
            seen: Vec::new(),
            smuggled: Vec::new(),
            swallowed: takes_falsely.then(|| Swallowed::new(dice.fork("false taken", 0))),
            own: dice.fork("hostile", 0),
            account: Account::default(),
        }
    }

    /// A hostile member hands it a message, for others.
    pub(super) fn is_handed(&mut self, message: &Message) {
        if let Message::Push(envelopes) = message
            && self.tricks.contains(&Trick::Smuggle)
            && self.smuggled.len() < REMEMBERED
        {
            self.smuggled.extend(envelopes.iter().take(1).cloned());
        }
    }

    /// It is found out and replaced.
    pub(super) fn end(&mut self) {
        self.tricks.clear();
        self.swallowed = None;
    }

    /// Its mailbox goes back to how it was when it was backed up.
    pub(super) fn goes_back(&mut self, now: Timestamp) {
        self.account.tries.push((now, Trick::RollBack, NOBODY));
    }

    pub(super) fn rolls_back(&self) -> bool {
        self.tricks.contains(&Trick::RollBack)
    }

    /// What a reader is told in place of what the mailbox said.
    fn says(&mut self, dice: &mut Dice, place: usize, message: Message) -> (Told, Option<Tried>) {
        let acts = !self.tricks.is_empty() && dice.below(4) == 0;
        if !acts {
            self.remember(dice, &message);
            return (vec![message].into(), None);
        }
        let trick = *dice.pick(&self.tricks);
        let told = self.act(dice, place, trick, message.clone());
        let is_tried = told.said.as_slice() != std::slice::from_ref(&message);
        let tried = is_tried.then(|| Tried::new(trick, &message, &told.said));
        self.remember(dice, &message);
        (told, tried)
    }

    fn act(&mut self, dice: &mut Dice, place: usize, trick: Trick, message: Message) -> Told {
        let seen = &self.seen;
        let old = |dice: &mut Dice| seen.get(dice.below(seen.len() as u64) as usize);
        let said = match (trick, message) {
            (Trick::Withhold, Message::Feed { items, end }) if !items.is_empty() => {
                let last = items.len() - 1;
                let mut is_left = |_: &FeedItem| dice.below(2) == 0;
                let mut kept: Vec<bool> = items.iter().map(&mut is_left).collect();
                // Nothing at all, or not the last, is what a reader has the least to notice it by.
                if self.own.below(2) == 0 {
                    kept[last] = self.own.below(2) == 0;
                } else if !kept.contains(&true) {
                    kept[last] = true;
                }
                return leave_out(items, end, kept);
            }
            (Trick::Withhold, Message::Ahead { lane, items }) => {
                let kept = items.iter().map(|_| self.own.below(3) == 0).collect();
                return leave_out_ahead(lane, items, kept);
            }
            // Readers at even places are not told one half of it, the others not the other half.
            (Trick::Fork, Message::Feed { items, end }) => {
                let kept = items.iter().map(|item| is_for(place, item)).collect();
                return leave_out(items, end, kept);
            }
            (Trick::Fork, Message::Ahead { lane, items }) => {
                let kept = items.iter().map(|item| is_for(place, item)).collect();
                return leave_out_ahead(lane, items, kept);
            }
            (Trick::Replay, message) => {
                let replayed = match old(dice) {
                    Some(Message::Feed { items, .. }) => {
                        let end = items.last().map_or(0, |item| item.position);
                        Some(Message::Feed { items: items.clone(), end })
                    }
                    other => other.cloned(),
                };
                // Said before the true word, so that the reader's place in its feed is moved back by it.
                replayed.into_iter().chain([message]).collect()
            }
            (Trick::Reorder, Message::Feed { mut items, end }) => {
                let positions: Vec<u64> = items.iter().map(|item| item.position).collect();
                items.reverse();
                for (item, position) in items.iter_mut().zip(positions) {
                    item.position = position;
                }
                vec![Message::Feed { items, end }]
            }
            (Trick::Tamper, Message::Feed { mut items, end }) => {
                tamper(dice, &mut items);
                vec![Message::Feed { items, end }]
            }
            (Trick::Tamper, Message::Ahead { lane, mut items }) => {
                tamper(dice, &mut items);
                vec![Message::Ahead { lane, items }]
            }
            (Trick::Flood, Message::Feed { mut items, end }) => {
                let position = items.last().map_or(end, |item| item.position);
                for _ in 0..64 {
                    let junk = (0..dice.below(400)).map(|_| dice.draw() as u8).collect();
                    items.push(FeedItem { position, envelope: Bytes(junk) });
                }
                vec![Message::Feed { items, end }]
            }
            (Trick::Smuggle, Message::Feed { mut items, end }) => {
                let position = items.last().map_or(end, |item| item.position);
                let items_of = self.smuggled.iter().cloned();
                items.extend(items_of.map(|envelope| FeedItem { position, envelope }));
                vec![Message::Feed { items, end }]
            }
            (Trick::WithholdSnapshots, Message::Feed { items, end }) => {
                vec![Message::Feed { items: without_snapshots(items), end }]
            }
            (Trick::StaleHeads, Message::Heads(words)) => self.stale(words),
            (_, message) => vec![message],
        };
        said.into()
    }

    /// Of each publisher an old word, the same with the new one's time, and the new roll with an old share.
    fn stale(&self, words: Vec<HeadWord>) -> Vec<Message> {
        let old = |word: &HeadWord| {
            let before = self.seen.iter().filter_map(|message| match message {
                Message::Heads(before) => Some(before),
                _ => None,
            });
            let publisher = word.roll.publisher;
            before
                .flatten()
                .find(|it| it.roll.publisher == publisher && it.share.is_some())
                .cloned()
        };
        let mut said = Vec::new();
        for word in &words {
            let Some(old) = old(word) else { return vec![Message::Heads(words)] };
            let mut later = old.clone();
            later.roll.at = word.roll.at;
            let mixed = HeadWord { roll: word.roll.clone(), share: old.share.clone() };
            said.extend([old, later, mixed]);
        }
        vec![Message::Heads(said)]
    }

    fn remember(&mut self, dice: &mut Dice, message: &Message) {
        if self.tricks.is_empty() || !matches!(message, Message::Feed { .. } | Message::Heads(_)) {
            return;
        }
        if self.seen.len() < REMEMBERED {
            self.seen.push(message.clone());
        } else {
            let at = dice.below(REMEMBERED as u64) as usize;
            self.seen[at] = message.clone();
        }
    }
}

/// Part of a feed. The reader is told that there is no more than what is left, and the mailbox, where nothing is left, that it
/// has come.
fn leave_out(items: Vec<FeedItem>, end: u64, kept: Vec<bool>) -> Told {
    let last = items.last().map_or(end, |item| item.position);
    let items = those(items, kept);
    match items.last().map(|item| item.position) {
        None => Told { said: Vec::new(), answer: Some(Message::Seen { position: last }) },
        Some(left) => {
            let end = if end == last { left } else { end };
            vec![Message::Feed { items, end }].into()
        }
    }
}

/// Part of what goes ahead. The mailbox is told that the rest has come, so that it does not come at its place either.
fn leave_out_ahead(lane: Lane, items: Vec<FeedItem>, kept: Vec<bool>) -> Told {
    let is_out = items.iter().zip(&kept).filter(|(_, kept)| !**kept);
    let held: Vec<u64> = is_out.map(|(item, _)| item.position).collect();
    let items = those(items, kept);
    let is_empty = items.is_empty();
    let said = if is_empty { Vec::new() } else { vec![Message::Ahead { lane, items }] };
    let answer = (!held.is_empty()).then_some(Message::Kept { held, left: Vec::new() });
    Told { said, answer }
}

fn those(items: Vec<FeedItem>, kept: Vec<bool>) -> Vec<FeedItem> {
    items.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|(item, _)| item).collect()
}

/// Whether a relay that tells its readers different things tells this one of an item.
fn is_for(place: usize, item: &FeedItem) -> bool {
    let half = item.envelope.0.last().is_some_and(|byte| byte % 2 == 0);
    half == place.is_multiple_of(2)
}

/// What is left of a feed's items without snapshots; the words on them stay.
fn without_snapshots(items: Vec<FeedItem>) -> Vec<FeedItem> {
    let header = |item: &FeedItem| Header::read(&mut Reader::new(&item.envelope.0)).ok();
    let snapshot = |item: &FeedItem| {
        let signed = SignedEnvelope::from_bytes(item.envelope.0.clone()).ok()?;
        let header = signed.claimed_header();
        let is_said = matches!(signed.claimed_statement(), Ok(Some(Statement::Snapshot(_))));
        is_said.then(|| (header.scope, header.author, header.seq - 1))
    };
    let snapshots: BTreeSet<_> = items.iter().filter_map(snapshot).collect();
    let is_one = |item: &FeedItem| {
        header(item).is_some_and(|it| snapshots.contains(&(it.scope, it.author, it.seq)))
    };
    items.into_iter().filter(|item| !is_one(item)).collect()
}

/// Messages that it keeps to say again.
const REMEMBERED: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn items(positions: std::ops::Range<u64>) -> Vec<FeedItem> {
        let item = |position| FeedItem { position, envelope: Bytes(vec![position as u8]) };
        positions.map(item).collect()
    }

    #[test]
    fn what_is_left_out_at_the_end_of_a_feed_is_said_not_to_be_there() {
        let told = leave_out(items(1..4), 3, vec![true, true, false]);
        assert_eq!(told.said, [Message::Feed { items: items(1..3), end: 2 }]);
        let told = leave_out(items(1..4), 9, vec![true, true, false]);
        assert_eq!(told.said, [Message::Feed { items: items(1..3), end: 9 }], "more is to come");
        let told = leave_out(items(1..4), 3, vec![false; 3]);
        assert_eq!((told.said, told.answer), (vec![], Some(Message::Seen { position: 3 })));
    }

    #[test]
    fn what_is_left_out_ahead_does_not_come_at_its_place() {
        let told = leave_out_ahead(Lane::Keys, items(1..4), vec![true, false, false]);
        assert_eq!(told.said, [Message::Ahead { lane: Lane::Keys, items: items(1..2) }]);
        assert_eq!(told.answer, Some(Message::Kept { held: vec![2, 3], left: vec![] }));
    }

    #[test]
    fn readers_are_told_different_halves() {
        let told = |place| items(0..8).into_iter().filter(move |item| is_for(place, item));
        assert_eq!(told(2).map(|item| item.position).collect::<Vec<_>>(), [0, 2, 4, 6]);
        assert_eq!(told(3).map(|item| item.position).collect::<Vec<_>>(), [1, 3, 5, 7]);
    }
}
