//! A relay that means harm: it has every byte that it stores, and says to each reader what it likes.
//!
//! It sits between the real mailbox and the lines. It cannot sign for anybody, which is all that stops it.

pub(super) mod member;
pub(super) mod thief;

use std::collections::BTreeSet;

use azalea_core::access::Statement;
use azalea_core::envelope::{Header, SignedEnvelope};
use azalea_core::id::Timestamp;
use azalea_core::sync::heads::HeadWord;
use azalea_core::sync::message::{Bytes, FeedItem, Message};
use azalea_core::wire::{Reader, Wire};
use serde::{Deserialize, Serialize};

use crate::population::Dice;

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
}

impl Trick {
    /// All of them.
    pub const ALL: [Self; 10] = [
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
    ];

    /// Those that any relay can play by itself; what it smuggles it must be given, and snapshots must be made: these are drawn apart.
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
        }
    }
}

/// The hostile relay's mind.
pub(super) struct Hostile {
    tricks: Vec<Trick>,
    /// What it remembers having sent.
    seen: Vec<Message>,
    /// What a hostile member gave it to carry.
    smuggled: Vec<Bytes>,
    /// What it tried, to whom, when.
    pub(super) tries: Vec<(Timestamp, Trick, usize)>,
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
    pub(super) fn new(tricks: Vec<Trick>) -> Self {
        Self { tricks, seen: Vec::new(), smuggled: Vec::new(), tries: Vec::new() }
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
    }

    pub(super) fn rolls_back(&self) -> bool {
        self.tricks.contains(&Trick::RollBack)
    }

    /// What a reader is told in place of what the mailbox said.
    pub(super) fn says(
        &mut self,
        dice: &mut Dice,
        now: Timestamp,
        place: usize,
        message: Message,
    ) -> Vec<Message> {
        let acts = !self.tricks.is_empty() && dice.below(4) == 0;
        if !acts {
            self.remember(dice, &message);
            return vec![message];
        }
        let trick = *dice.pick(&self.tricks);
        let said = self.act(dice, place, trick, message.clone());
        if said.as_slice() != std::slice::from_ref(&message) {
            self.tries.push((now, trick, place));
        }
        self.remember(dice, &message);
        said
    }

    fn act(&self, dice: &mut Dice, place: usize, trick: Trick, message: Message) -> Vec<Message> {
        let old = |dice: &mut Dice| self.seen.get(dice.below(self.seen.len() as u64) as usize);
        match (trick, message) {
            (Trick::Withhold, Message::Feed { mut items, end }) => {
                let last = items.last().cloned();
                items.retain(|_| dice.below(2) == 0);
                if items.is_empty() {
                    items.extend(last);
                }
                vec![Message::Feed { items, end }]
            }
            (Trick::Fork, Message::Feed { mut items, end }) if place.is_multiple_of(2) => {
                if items.len() > 1 {
                    items.remove(0);
                }
                vec![Message::Feed { items, end }]
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
        }
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
