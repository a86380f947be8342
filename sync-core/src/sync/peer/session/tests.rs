//! Two sides with books instead of stores: whatever each holds, both end with all that both may read, and no byte more.

use crate::hash::Context;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::id::EnvelopeId;
use crate::storage::row::{AheadRow, VectorRow};
use crate::sync::peer::digest;
use crate::sync::reconcile::Item;

const NOW: Timestamp = Timestamp(1);
const NETWORK: NetworkId = NetworkId([9; 32]);

/// What one side holds: chains by scope and author, and what it knows of who may read.
#[derive(Clone, Default)]
struct Book {
    chains: BTreeMap<ScopeId, BTreeMap<DeviceId, BTreeSet<u64>>>,
    /// Scopes that the other side may not read, by what is known here.
    hidden: BTreeSet<ScopeId>,
    /// Scopes that the other side was put out of.
    closed: BTreeSet<ScopeId>,
}

/// The place of an envelope, which stands for it.
fn envelope(scope: &ScopeId, author: &DeviceId, seq: u64) -> Vec<u8> {
    [scope.as_bytes(), author.as_bytes(), &seq.to_be_bytes()].concat()
}

fn id(scope: &ScopeId, author: &DeviceId, seq: u64) -> EnvelopeId {
    EnvelopeId::digest(&Context::new("azalea test envelope"), &[&envelope(scope, author, seq)])
}

impl Book {
    fn add(&mut self, scope: ScopeId, author: DeviceId, seqs: impl IntoIterator<Item = u64>) {
        self.chains.entry(scope).or_default().entry(author).or_default().extend(seqs);
    }

    fn rows(&self, scope: &ScopeId) -> BTreeMap<DeviceId, VectorRow> {
        let Some(chains) = self.chains.get(scope) else { return BTreeMap::new() };
        let row = |(author, seqs): (&DeviceId, &BTreeSet<u64>)| {
            let mut row = VectorRow::empty();
            for seq in seqs {
                let id = id(scope, author, *seq);
                match *seq == row.seq + 1 {
                    true => (row.seq, row.id) = (*seq, id),
                    false => {
                        let previous = EnvelopeId::ZERO;
                        row.ahead.push(AheadRow { seq: *seq, id, previous });
                    }
                }
            }
            (*author, row)
        };
        chains.iter().map(row).collect()
    }

    fn place(&self, stretch: &Stretch) -> Vec<Placed> {
        let seqs = &self.chains[&stretch.scope][&stretch.author];
        let scope = stretch.scope;
        let all = self.chains.iter().flat_map(|(scope, chains)| {
            chains
                .iter()
                .flat_map(move |(author, seqs)| seqs.iter().map(move |seq| (scope, author, seq)))
        });
        let all: Vec<_> = all.collect();
        let position = |seq: &u64| {
            let at = all.iter().position(|it| *it == (&scope, &stretch.author, seq));
            at.expect("it is held") as u64
        };
        let range = seqs.range(stretch.from..=stretch.to);
        range.map(|seq| Placed { position: position(seq), scope, parting: false }).collect()
    }

    fn read(&self, position: u64) -> Vec<u8> {
        let mut all = self.chains.iter().flat_map(|(scope, chains)| {
            chains.iter().flat_map(move |(author, seqs)| {
                seqs.iter().map(move |seq| envelope(scope, author, *seq))
            })
        });
        all.nth(position as usize).expect("it is held")
    }

    fn take(&mut self, envelope: &[u8]) {
        let scope = ScopeId::from_bytes(&envelope[..16]).expect("made here");
        let author = DeviceId::from_bytes(&envelope[16..32]).expect("made here");
        let seq = u64::from_be_bytes(envelope[32..].try_into().expect("made here"));
        let new = self.chains.entry(scope).or_default().entry(author).or_default().insert(seq);
        assert!(new || self.hidden.contains(&scope), "nothing comes that is known to be held");
    }
}

impl Holdings for Book {
    fn shared(&self, _: &DeviceId, _: Timestamp) -> Vec<Item> {
        let open = |scope: &&ScopeId| !self.hidden.contains(scope) && !self.closed.contains(scope);
        let scopes = self.chains.keys().filter(open);
        scopes.map(|scope| Item { scope: *scope, digest: digest(&self.rows(scope)) }).collect()
    }

    fn holding(&self, _: &DeviceId, scope: &ScopeId, _: Timestamp) -> Holding {
        let number = 0;
        if self.closed.contains(scope) {
            return Holding::Closed { number };
        }
        if self.hidden.contains(scope) || !self.chains.contains_key(scope) {
            return Holding::Unknown;
        }
        Holding::Shared { number, vector: super::super::vector::vector(&self.rows(scope)) }
    }
}

/// What a session of two came to.
struct Met {
    summaries: [Summary; 2],
    /// Bytes both ways besides the envelopes themselves.
    overhead: usize,
    /// Every message's kind and sender.
    line: Vec<(usize, Message)>,
}

fn meet(books: &mut [Book; 2]) -> Met {
    let devices = [DeviceId([1; 16]), DeviceId([2; 16])];
    let side =
        |at: usize, role| Session::new(role, NETWORK, devices[at], devices[1 - at], [at as u8; 32]);
    let mut sides = [side(0, Role::Caller), side(1, Role::Answerer)];
    let mut inputs = VecDeque::from([(0, Input::Connected), (1, Input::Connected)]);
    let mut met = Met { summaries: [Summary::default(); 2], overhead: 0, line: Vec::new() };
    let mut finished = [false; 2];
    while let Some((at, input)) = inputs.pop_front() {
        sides[at].handle(&books[at], NOW, input);
        while let Some(effect) = sides[at].poll() {
            match effect {
                Effect::Send(message) => {
                    let bytes = message.to_bytes();
                    met.overhead += 4 + bytes.len();
                    if let Message::Envelopes(envelopes) = &message {
                        met.overhead -= envelopes.iter().map(|it| it.0.len()).sum::<usize>();
                    }
                    let sent = Message::from_bytes(&bytes).expect("what is written can be read");
                    met.line.push((at, sent.clone()));
                    inputs.push_back((1 - at, Input::Received(sent)));
                }
                Effect::Find { stretches, partings } => {
                    assert!(partings.iter().all(|(scope, _)| books[at].closed.contains(scope)));
                    let found = stretches.iter().flat_map(|it| books[at].place(it)).collect();
                    inputs.push_back((at, Input::Found(found)));
                }
                Effect::Read { places, .. } => {
                    // Less than was asked for, as where they are large.
                    let taken = places.len().div_ceil(2);
                    let envelopes =
                        places[..taken].iter().map(|it| books[at].read(it.position)).collect();
                    inputs.push_back((at, Input::Read { envelopes, taken }));
                }
                Effect::Take(envelopes) => {
                    // Not in the book at once: positions of the other way would shift under a session's feet.
                    inputs.push_back((at, Input::Taken));
                    met.summaries[at].received += envelopes.len() as u64;
                    TAKEN.with_borrow_mut(|taken| taken[at].extend(envelopes));
                }
                Effect::Finished(summary) => {
                    assert_eq!(summary.received, met.summaries[at].received);
                    met.summaries[at] = summary;
                    finished[at] = true;
                }
                Effect::Failed(failure) => panic!("{failure}"),
            }
        }
    }
    assert_eq!(finished, [true; 2], "both say that they are finished");
    let taken = TAKEN.with_borrow_mut(std::mem::take);
    for (book, envelopes) in books.iter_mut().zip(taken) {
        envelopes.iter().for_each(|envelope| book.take(envelope));
    }
    met
}

thread_local! {
    static TAKEN: std::cell::RefCell<[Vec<Vec<u8>>; 2]> = const { std::cell::RefCell::new([Vec::new(), Vec::new()]) };
}

fn scope(n: u32) -> ScopeId {
    ScopeId::digest(&Context::new("azalea test scope"), &[&n.to_be_bytes()])
}

fn author(n: u8) -> DeviceId {
    DeviceId([0x10 + n; 16])
}

fn a_book() -> impl Strategy<Value = Vec<(u32, u8, BTreeSet<u64>)>> {
    let seqs = proptest::collection::btree_set(1_u64..9, 0..6);
    proptest::collection::vec((0_u32..60, 0_u8..4, seqs), 0..120)
}

fn book(entries: &[(u32, u8, BTreeSet<u64>)]) -> Book {
    let mut book = Book::default();
    for (at, who, seqs) in entries.iter().filter(|entry| !entry.2.is_empty()) {
        book.add(scope(*at), author(*who), seqs.iter().copied());
    }
    book
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn any_two_sides_end_with_all_that_both_may_read(
        left in a_book(),
        right in a_book(),
        hidden in proptest::collection::btree_set(0_u32..60, 0..10),
    ) {
        let mut books = [book(&left), book(&right)];
        // Of some scopes the left side knows nothing by which the right one may read them.
        books[0].hidden = hidden.iter().map(|at| scope(*at)).collect();
        let before = books.clone();
        let met = meet(&mut books);
        for at in (0..60).map(scope) {
            let mut all = before[0].chains.get(&at).cloned().unwrap_or_default();
            for (author, seqs) in before[1].chains.get(&at).cloned().unwrap_or_default() {
                all.entry(author).or_default().extend(seqs);
            }
            let [left, right] = &books;
            let held = |book: &Book| book.chains.get(&at).cloned().unwrap_or_default();
            if books[0].hidden.contains(&at) {
                prop_assert_eq!(held(right), before[1].chains.get(&at).cloned().unwrap_or_default());
            } else {
                prop_assert_eq!(held(right), all.clone());
            }
            prop_assert_eq!(held(left), all);
        }
        // What one side hides is in no message of it, unless the other side named it first.
        for (at, message) in &met.line {
            if let (0, Message::Turn(turn)) = (at, message) {
                let offered = turn.offers.iter().any(|named| books[0].hidden.contains(&named.scope));
                prop_assert!(!offered);
                for answer in &turn.answers {
                    if let Answer::Holds(named) = answer && books[0].hidden.contains(&named.scope) {
                        prop_assert!(named.vector.is_empty());
                    }
                }
            }
        }
        // Once more: nothing is left to send.
        books[0].hidden.clear();
        meet(&mut books);
        let again = meet(&mut books);
        prop_assert_eq!((again.summaries[0].sent, again.summaries[0].received), (0, 0));
    }
}

#[test]
fn ten_changes_among_many_scopes_cost_a_few_kilobytes_and_three_round_trips() {
    let mut books = [Book::default(), Book::default()];
    for at in 0..14_400 {
        books.iter_mut().for_each(|book| book.add(scope(at), author(1), 1..=3));
    }
    for at in 0..5 {
        books[0].add(scope(at), author(1), [4]);
        books[1].add(scope(1_000 + at), author(1), [4, 5]);
    }
    let met = meet(&mut books);
    let [caller, answerer] = met.summaries;
    assert_eq!((caller.sent, caller.received), (5, 10));
    assert_eq!((answerer.sent, answerer.received, answerer.differed), (10, 5, 10));
    assert!(met.overhead <= 6 << 10, "{} bytes besides the envelopes", met.overhead);
    // The caller's third message is its last before what it lacks arrives.
    let envelopes = |it: &(usize, Message)| it.0 == 1 && matches!(it.1, Message::Envelopes(_));
    let first = met.line.iter().position(envelopes).expect("they come");
    assert!(met.line[..first].iter().filter(|(at, _)| *at == 0).count() <= 3, "{:?}", met.line);
}

#[test]
fn of_a_scope_that_the_other_was_put_out_of_nothing_is_sent_or_taken() {
    let mut books = [Book::default(), Book::default()];
    books[0].add(scope(1), author(1), 1..=9);
    books[0].closed.insert(scope(1));
    books[1].add(scope(1), author(1), 1..=5);
    books[1].add(scope(1), author(2), 1..=3);
    let met = meet(&mut books);
    assert_eq!(met.summaries[0].received, 0);
    assert_eq!(met.summaries[1].received, 0);
    let closed = |it: &(usize, Message)| matches!(&it.1, Message::Turn(turn) if turn.answers.contains(&Answer::Closed(scope(1))));
    assert!(met.line.iter().any(closed));
}

#[test]
fn whoever_breaks_the_order_is_told_so() {
    let book = Book::default();
    let check = |messages: Vec<Message>| {
        let (me, with) = (DeviceId([1; 16]), DeviceId([2; 16]));
        let mut session = Session::new(Role::Answerer, NETWORK, me, with, [0; 32]);
        messages.into_iter().for_each(|it| session.handle(&book, NOW, Input::Received(it)));
        let effects: Vec<Effect> = std::iter::from_fn(|| session.poll()).collect();
        match effects.last() {
            Some(Effect::Failed(failure)) => Some(*failure),
            _ => None,
        }
    };
    let hello =
        |network, device| Message::Hello(Hello { network, device, nonce: [3; 32], at: NOW });
    let good = hello(NETWORK, DeviceId([2; 16]));
    assert_eq!(check(vec![good.clone()]), None);
    assert_eq!(
        check(vec![hello(NetworkId([8; 32]), DeviceId([2; 16]))]),
        Some(Failure::OtherNetwork)
    );
    assert_eq!(check(vec![hello(NETWORK, DeviceId([3; 16]))]), Some(Failure::Protocol("device")));
    let early = Message::Turn(Turn::default());
    assert_eq!(check(vec![early]), Some(Failure::Protocol("order of messages")));
    let ask = Turn { asks: vec![Print([1; 8])], ..Turn::default() };
    assert_eq!(check(vec![good.clone(), Message::Turn(ask)]), Some(Failure::Protocol("ask")));
    let answers = vec![Answer::Closed(scope(1))];
    let answer = Turn { answers, ..Turn::default() };
    assert_eq!(check(vec![good.clone(), Message::Turn(answer)]), Some(Failure::Protocol("answer")));
    let end = Message::End { count: 3 };
    assert_eq!(check(vec![good.clone(), end]), Some(Failure::Protocol("end")));
    let bye = Message::Goodbye(Goodbye::Closing);
    assert_eq!(check(vec![good, bye]), Some(Failure::Goodbye(Goodbye::Closing)));
}
