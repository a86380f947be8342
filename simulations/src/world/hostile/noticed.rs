//! What a hostile relay tried, and by what each device noticed it first.
//!
//! A device cannot know which trick was played; the world can. So it remembers of each try by what it must show, and takes what
//! replicas say of themselves: what they refuse, what their screens call missing, what they say to the relay.

use std::collections::BTreeMap;

use azalea_core::envelope::{Header, SignedEnvelope};
use azalea_core::id::{DeviceId, EnvelopeId, ScopeId, Timestamp};
use azalea_core::sync::message::{Cursor, FeedItem, Message};
use azalea_relay::mailbox::SessionId;

use super::{Hostile, Trick};
use crate::world::link::Way;
use crate::world::{NOBODY, World};

/// As what a trick was noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Notice {
    /// A publisher counts what is not here, and the screen says so.
    Missing,
    /// Its signature, its form or its author's right is wrong.
    Refused,
    /// It is held already, or not newer, and changes nothing.
    PassedOver,
    /// Its author's numbers put it in order.
    Sorted,
    /// The relay goes on before the place up to which it had given.
    GoneBack,
    /// The relay lacks what it had called taken, and is sent it again.
    SentAgain,
}

/// When a trick was noticed, in seconds since the beginning, and as what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noticed {
    /// When.
    pub at: u64,
    /// As what.
    pub notice: Notice,
}

/// What it tried, and what came of it.
#[derive(Default)]
pub(in crate::world) struct Account {
    /// When, what, and to whom.
    pub(in crate::world) tries: Vec<(Timestamp, Trick, usize)>,
    /// When each device first noticed each trick.
    pub(in crate::world) noticed: BTreeMap<(Trick, usize), (Timestamp, Notice)>,
    /// What tries must show by, in each device's present session.
    signs: BTreeMap<usize, Vec<(Trick, Sign)>>,
    withheld: BTreeMap<usize, Vec<Withheld>>,
    /// Where devices said that their feeds go on.
    cursors: BTreeMap<usize, Cursor>,
}

/// An envelope that a device should have been given.
#[derive(Clone, Copy)]
pub(in crate::world) struct Withheld {
    trick: Trick,
    /// Since when, by the world's time.
    pub(in crate::world) since: Timestamp,
    pub(in crate::world) scope: ScopeId,
    pub(in crate::world) author: DeviceId,
    pub(in crate::world) seq: u64,
}

/// By what a try shows.
enum Sign {
    /// So many refusals for one of these reasons.
    Refused { causes: &'static [&'static str], many: usize },
    /// It arrives, and nothing comes of it.
    Arrived { at: Timestamp, notice: Notice },
    /// The device says what it holds.
    Holding,
    /// The device sends this again.
    Again(EnvelopeId),
}

/// A try, as its messages show it.
pub(super) struct Tried {
    trick: Trick,
    signs: Vec<Sign>,
    /// As what it arrives, where it is harmless.
    arrives: Option<Notice>,
    withheld: Vec<Header>,
}

impl Tried {
    /// What a trick made of a message.
    pub(super) fn new(trick: Trick, meant: &Message, said: &[Message]) -> Self {
        let meant_items = items(meant);
        let said_items: Vec<&FeedItem> = said.iter().flat_map(items).collect();
        let has = |items: &[FeedItem], item: &FeedItem| {
            items.iter().any(|it| it.envelope == item.envelope)
        };
        let is_said = |item: &&FeedItem| said_items.iter().any(|it| it.envelope == item.envelope);
        let signed = |item: &FeedItem| SignedEnvelope::from_bytes(item.envelope.0.clone());
        let left_out = meant_items.iter().filter(|item| !is_said(item));
        let withheld =
            left_out.filter_map(|item| Some(signed(item).ok()?.claimed_header().clone()));
        let arrives = match trick {
            Trick::Replay => Some(Notice::PassedOver),
            Trick::Reorder => Some(Notice::Sorted),
            _ => None,
        };
        let mut signs = Vec::new();
        let new = said_items.iter().filter(|item| arrives.is_none() && !has(meant_items, item));
        for item in new {
            let causes: &[_] = match (trick, signed(item)) {
                // It may come from a newer program, and is kept for that.
                (_, Err(error)) if error.is_newer() => continue,
                (_, Err(_)) => &["not an envelope"],
                (Trick::Smuggle, Ok(_)) => &NO_RIGHT,
                (_, Ok(_)) => &NOT_SIGNED,
            };
            signs.push(Sign::Refused { causes, many: 1 });
        }
        if trick == Trick::StaleHeads {
            signs.push(Sign::Refused { causes: &NOT_SAID, many: said.len() });
        }
        Self { trick, signs, arrives, withheld: withheld.collect() }
    }
}

fn items(message: &Message) -> &[FeedItem] {
    match message {
        Message::Feed { items, .. } | Message::Ahead { items, .. } => items,
        _ => &[],
    }
}

impl Account {
    /// What a device lacks because it was withheld, as far as that is not known to have come.
    pub(in crate::world) fn withheld(&self, place: usize) -> &[Withheld] {
        self.withheld.get(&place).map_or(&[], Vec::as_slice)
    }

    fn tried(&mut self, now: Timestamp, place: usize, tried: Tried, arrives: Option<Timestamp>) {
        let Tried { trick, signs, arrives: notice, withheld } = tried;
        self.tries.push((now, trick, place));
        if place == NOBODY {
            return;
        }
        let arrival = arrives.zip(notice).map(|(at, notice)| Sign::Arrived { at, notice });
        for sign in signs.into_iter().chain(arrival) {
            self.expect(place, trick, sign);
        }
        withheld.iter().for_each(|header| self.withhold(now, place, trick, header));
    }

    fn expect(&mut self, place: usize, trick: Trick, sign: Sign) {
        let signs = self.signs.entry(place).or_default();
        if signs.len() < REMEMBERED {
            signs.push((trick, sign));
        }
    }

    fn withhold(&mut self, since: Timestamp, place: usize, trick: Trick, header: &Header) {
        let withheld = self.withheld.entry(place).or_default();
        let (scope, author, seq) = (header.scope, header.author, header.seq);
        if withheld.len() < REMEMBERED {
            withheld.push(Withheld { trick, since, scope, author, seq });
        }
    }

    fn notices(&mut self, now: Timestamp, place: usize, trick: Trick, notice: Notice) {
        self.noticed.entry((trick, place)).or_insert((now, notice));
    }

    /// A device has refused something: what was said to it first that may be refused so.
    fn refuses(&mut self, now: Timestamp, place: usize, cause: &str) {
        let Some(signs) = self.signs.get_mut(&place) else { return };
        let is_meant =
            |sign: &Sign| matches!(sign, Sign::Refused { causes, .. } if causes.contains(&cause));
        let Some(at) = signs.iter().position(|(_, sign)| is_meant(sign)) else { return };
        let (trick, sign) = &mut signs[at];
        let trick = *trick;
        if let Sign::Refused { many, .. } = sign {
            *many -= 1;
            if *many == 0 {
                signs.remove(at);
            }
        }
        self.notices(now, place, trick, Notice::Refused);
    }

    /// Takes out what has shown.
    fn shows(&mut self, now: Timestamp, place: usize, has_shown: impl Fn(&Sign) -> Option<Notice>) {
        let Some(signs) = self.signs.get_mut(&place) else { return };
        let mut shown = Vec::new();
        signs.retain(|(trick, sign)| {
            let notice = has_shown(sign);
            shown.extend(notice.map(|notice| (*trick, notice)));
            notice.is_none()
        });
        for (trick, notice) in shown {
            self.notices(now, place, trick, notice);
        }
    }
}

impl Hostile {
    /// A device begins a session: what was under way in the one before shows no more.
    pub(in crate::world) fn begin(&mut self, place: usize) {
        self.account.signs.remove(&place);
        if let Some(swallowed) = &mut self.swallowed {
            swallowed.begin(place);
        }
    }

    /// What reaches the mailbox of what a device says.
    pub(in crate::world) fn hears(
        &mut self,
        now: Timestamp,
        place: usize,
        message: Message,
    ) -> Option<Message> {
        if self.tricks.is_empty() && self.swallowed.is_none() {
            return Some(message);
        }
        match &message {
            Message::Hello(hello) => {
                self.account.cursors.remove(&place);
                self.account.cursors.extend(hello.cursor.map(|cursor| (place, cursor)));
            }
            Message::Holding { .. } => self.account.shows(now, place, |sign| {
                matches!(sign, Sign::Holding).then_some(Notice::GoneBack)
            }),
            Message::Push(envelopes) => {
                let signed = envelopes.iter().map(|it| SignedEnvelope::from_bytes(it.0.clone()));
                let ids: Vec<_> = signed.flatten().map(|signed| signed.claimed_id()).collect();
                self.account.shows(now, place, |sign| match sign {
                    Sign::Again(id) => ids.contains(id).then_some(Notice::SentAgain),
                    _ => None,
                });
            }
            _ => {}
        }
        match (&mut self.swallowed, message) {
            (Some(swallowed), Message::Push(envelopes)) => {
                let left = swallowed.hears(place, envelopes);
                (!left.is_empty()).then_some(Message::Push(left))
            }
            (_, message) => Some(message),
        }
    }

    /// Whether the mailbox welcomes a device as one that it had given less.
    fn welcomes(&mut self, place: usize, message: &Message) {
        if let Message::Welcome(welcome) = message
            && let Some(cursor) = self.account.cursors.get(&place)
            && (cursor.epoch == welcome.epoch && welcome.position < cursor.position)
        {
            self.account.expect(place, Trick::RollBack, Sign::Holding);
        }
    }
}

impl World {
    /// The relay, or what it has become, says something to a device.
    pub(in crate::world) fn relay_says(
        &mut self,
        place: usize,
        session: SessionId,
        message: Message,
    ) {
        let now = self.now;
        self.hostile.welcomes(place, &message);
        let swallowed = self.hostile.swallowed.as_mut();
        let fallen = swallowed.map(|it| it.says(place, &message)).unwrap_or_default();
        let (told, tried) = self.hostile.says(&mut self.dice, place, message);
        for message in told.said {
            self.carry(place, session, message, Way::Down);
        }
        if let Some(tried) = tried {
            let arrives = self.links.get(place).and_then(|link| link.arrives(Way::Down));
            self.hostile.account.tried(now, place, tried, arrives);
        }
        if let Some(answer) = told.answer {
            self.relay.received(now, session, answer);
        }
        if !fallen.is_empty() {
            let stored = fallen.iter().map(|it| it.id).collect();
            self.carry(place, session, Message::Taken { stored, refused: Vec::new() }, Way::Down);
            let account = &mut self.hostile.account;
            account.tries.push((now, Trick::FalseTaken, place));
            for it in fallen {
                account.expect(place, Trick::FalseTaken, Sign::Again(it.id));
                let readers = (0..self.facilities.len()).filter(|reader| *reader != place);
                readers.for_each(|to| account.withhold(now, to, Trick::FalseTaken, &it.header));
            }
        }
    }

    /// What a device has just come to know of the relay's tricks.
    pub(in crate::world) fn notice(&mut self, place: usize) {
        let refused = self.facilities[place].take_refused();
        let now = self.now;
        for cause in refused {
            self.hostile.account.refuses(now, place, cause);
        }
        self.hostile.account.shows(now, place, |sign| match sign {
            Sign::Arrived { at, notice } => (*at <= now).then_some(*notice),
            _ => None,
        });
        self.notice_missing(place);
    }

    /// What was withheld has come, or the screen says that it is missing: a word counts it, and names more than is here.
    fn notice_missing(&mut self, place: usize) {
        let (facility, account) = (&self.facilities[place], &mut self.hostile.account);
        let Some(withheld) = account.withheld.get_mut(&place).filter(|all| !all.is_empty()) else {
            return;
        };
        let Some(status) = facility.status() else { return };
        let mut noticed = Vec::new();
        withheld.retain(|it| {
            let publisher = status.publishers.iter().find(|one| one.device == Some(it.author));
            let word = publisher.and_then(|one| one.stated);
            let stated = word.and_then(|word| self.truth.stated.get(&(it.author, word)));
            if stated.is_none_or(|stated| stated.at <= it.since) {
                return true;
            }
            if facility.holds(&it.scope, &it.author, it.seq) {
                return false;
            }
            if publisher.is_some_and(|one| one.missing > 0) && facility.is_counted(&it.scope) {
                noticed.push(it.trick);
            }
            true
        });
        for trick in noticed {
            account.notices(self.now, place, trick, Notice::Missing);
        }
    }
}

/// Why replicas refuse what no key signed.
const NOT_SIGNED: [&str; 1] = ["envelope's signature, network or body hash"];
/// Why they refuse what a member wrote who may not.
const NO_RIGHT: [&str; 4] = [
    "its author may not write there",
    "a statement that its author may not make",
    "keys from somebody who does not own the scope",
    NOT_SIGNED[0],
];
/// Why they refuse a publisher's word.
const NOT_SAID: [&str; 3] =
    ["statement's signature", "statement's author", "statement for another recipient"];
/// Of one device it is remembered what so many tries must show by.
const REMEMBERED: usize = 512;
