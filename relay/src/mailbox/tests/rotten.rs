//! Envelopes that rot in the log: named, asked for again, and given to whoever had to do without.

use azalea_core::storage::{Order, Range, Read, Table};
use azalea_core::sync::message::ChainEnd;

use super::*;

/// A disk of which some pages of the log cannot be read.
pub(super) struct Pages<'a> {
    pub(super) rows: &'a Memory,
    pub(super) unreadable: &'a BTreeSet<u64>,
}

impl Read for Pages<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        let position = key.try_into().map(u64::from_be_bytes);
        if table == tables::LOG && position.is_ok_and(|it| self.unreadable.contains(&it)) {
            return Err(StorageError::Damaged { place: "a page".into() });
        }
        self.rows.get(table, key)
    }

    fn scan(
        &self,
        table: Table,
        range: &Range,
        order: Order,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StorageError> {
        self.rows.scan(table, range, order, visit)
    }
}

impl World {
    /// The log position of an envelope.
    fn position(&self, envelope: &SignedEnvelope) -> u64 {
        let mut found = None;
        let mut visit = |key: &[u8], value: &[u8]| {
            let position = u64::from_be_bytes(key.try_into().unwrap());
            if tables::parse_log_value(position, value) == Some(envelope.as_bytes()) {
                found = Some(position);
            }
            true
        };
        self.store.scan(tables::LOG, &Range::all(), Order::Ascending, &mut visit).unwrap();
        found.expect("in the log, whole")
    }

    /// A bit of it turns.
    pub(super) fn rot(&mut self, envelope: &SignedEnvelope) -> u64 {
        let position = self.position(envelope);
        let mut value = tables::log_value(position, envelope.as_bytes());
        let last = value.len() - 1;
        value[last] ^= 4;
        let mut batch = Batch::new();
        batch.put(tables::LOG, position.to_be_bytes(), value);
        self.store.commit(&batch).unwrap();
        position
    }

    /// What an envelope of the log says.
    fn said(&self, id: &EnvelopeId) -> Option<Statement> {
        let mut said = None;
        let mut visit = |key: &[u8], value: &[u8]| {
            let position = u64::from_be_bytes(key.try_into().unwrap());
            let envelope = tables::parse_log_value(position, value);
            let envelope = envelope.map(|it| SignedEnvelope::from_bytes(it).unwrap());
            let it = envelope.filter(|it| it.claimed_id() == *id);
            said = said.take().or(it.and_then(|it| it.claimed_statement().unwrap()));
            true
        };
        self.store.scan(tables::LOG, &Range::all(), Order::Ascending, &mut visit).unwrap();
        said
    }

    fn lacking(&self) -> u64 {
        self.mailbox.report(self.now).lacking
    }

    /// What a member is told that says to hold a chain up to its end.
    fn asked_of(&mut self, member: &Member, chain: (ScopeId, DeviceId, Chain)) -> Vec<ChainEnd> {
        let (scope, author, chain) = chain;
        let tip = chain.tip().unwrap();
        let end = ChainEnd { scope, author, seq: tip.seq, id: tip.id };
        self.say(member, Message::Holding { chains: vec![end], certificates: Vec::new() });
        let sent = self.sent.get(&member.session).unwrap();
        let answer = sent.iter().rev().find_map(|message| match message {
            Message::Lacking { chains, .. } => Some(chains.clone()),
            _ => None,
        });
        answer.expect("an answer")
    }

    fn meets_rot(&mut self, reader: &mut Member) -> Vec<EnvelopeId> {
        self.connect(reader, None).unwrap();
        self.fed_ids(reader)
    }
}

/// A clinic that was away while a hospital wrote three envelopes, of which the second has rotted.
fn rotten() -> (World, Member, Member, ScopeId, Vec<SignedEnvelope>, u64) {
    let (mut world, mut hospital, clinic, chart) = hospital_and_clinic();
    world.input(Input::Closed { session: clinic.session });
    let written: Vec<_> = (0..3).map(|n| hospital.write(&world, chart, &[n])).collect();
    world.push_all(&hospital, &written);
    let position = world.rot(&written[1]);
    (world, hospital, clinic, chart, written, position)
}

/// The relay once served the rotten envelope to nobody and left it at that: the reader lacked it until somebody set the relay
/// up from a backup.
#[test]
fn a_rotten_envelope_is_fetched_from_its_author_and_reaches_the_reader_that_missed_it() {
    let (mut world, mut hospital, mut clinic, chart, written, position) = rotten();
    let before =
        world.mailbox.state.devices[world.mailbox.state.numbers[&hospital.id()] as usize].written;
    let fed = world.meets_rot(&mut clinic);
    assert!(fed.contains(&written[0].claimed_id()) && fed.contains(&written[2].claimed_id()));
    assert!(!fed.contains(&written[1].claimed_id()));
    let notice = Notice::Damaged { log: position, author: Some(hospital.id()) };
    assert_eq!(world.notices.iter().filter(|it| **it == notice).count(), 1);
    assert_eq!((world.lacking(), world.mailbox.lost_of(&hospital.id())), (1, 1));
    assert_eq!(world.closed.get(&hospital.session), Some(&Goodbye::Closing), "it comes anew");

    // What was found out is not forgotten with the process.
    world.restart();
    let cursor = Cursor { epoch: RelayEpoch([9; 16]), position: world.feed_end(&clinic) };
    world.connect(&mut clinic, Some(cursor));
    let welcome = world.connect(&mut hospital, None).unwrap();
    assert_eq!(welcome.yours, 0, "so it says what it holds");
    let chain = (chart, hospital.id(), hospital.chains[&chart]);
    let asked = world.asked_of(&hospital, chain);
    let (_, id) = (written[0].claimed_header().seq, written[0].claimed_id());
    assert_eq!((asked.len(), asked[0].seq, asked[0].id), (1, written[0].claimed_header().seq, id));
    world.sent.clear();
    world.push_all(&hospital, &written[1..]);
    assert_eq!(world.fed_ids(&clinic).last(), Some(&written[1].claimed_id()));
    assert!(world.notices.contains(&Notice::Mended { log: position }));
    assert_eq!(world.lacking(), 0);
    assert_eq!(world.connect(&mut hospital, None).unwrap().yours, before);
    // Who comes later finds it in its place, and a restart changes nothing.
    world.restart();
    assert_eq!(world.lacking(), 0);
    let all = world.meets_rot(&mut clinic);
    let place = |envelope: &SignedEnvelope| all.iter().position(|id| *id == envelope.claimed_id());
    assert!(place(&written[0]) < place(&written[1]) && place(&written[1]) < place(&written[2]));
}

#[test]
fn an_envelope_on_a_page_that_cannot_be_read_or_is_gone_is_fetched_too() {
    for gone in [false, true] {
        let (mut world, mut hospital, mut clinic, chart) = hospital_and_clinic();
        world.input(Input::Closed { session: clinic.session });
        let written: Vec<_> = (0..3).map(|n| hospital.write(&world, chart, &[n])).collect();
        world.push_all(&hospital, &written);
        let position = world.position(&written[2]);
        if gone {
            let mut batch = Batch::new();
            batch.remove(tables::LOG, position.to_be_bytes());
            world.store.commit(&batch).unwrap();
        } else {
            world.unreadable.insert(position);
        }
        let fed = world.meets_rot(&mut clinic);
        assert!(fed.contains(&written[1].claimed_id()) && !fed.contains(&written[2].claimed_id()));
        world.connect(&mut hospital, None).unwrap();
        world.push_all(&hospital, &written[2..]);
        assert_eq!(world.fed_ids(&clinic), [written[2].claimed_id()]);
    }
}

/// The last that a clinic gets of a chart is the word that puts it out.
#[test]
fn the_word_that_puts_a_reader_out_reaches_it_after_it_has_rotted() {
    let (mut world, mut hospital, mut clinic, chart) = hospital_and_clinic();
    world.input(Input::Closed { session: clinic.session });
    let revoke = hospital.revoke(&world, chart, &clinic, Vec::new(), 2);
    let after = hospital.write(&world, chart, b"not for it");
    world.push_all(&hospital, &[revoke.clone(), after]);
    world.rot(&revoke);
    let fed = world.meets_rot(&mut clinic);
    assert!(!fed.contains(&revoke.claimed_id()));
    world.connect(&mut hospital, None).unwrap();
    world.push_all(&hospital, std::slice::from_ref(&revoke));
    assert_eq!(world.fed_ids(&clinic), [revoke.claimed_id()]);
}

/// Its author may be a tablet that was lost.
#[test]
fn a_reader_that_holds_it_is_asked_where_the_author_is_gone() {
    let (mut world, mut hospital, mut clinic, chart) = hospital_and_clinic();
    let written = hospital.write(&world, chart, b"result");
    world.push_all(&hospital, std::slice::from_ref(&written));
    assert_eq!(world.fed_ids(&clinic), [written.claimed_id()]);
    let mut pharmacy = world.member(FacilityKind::Pharmacy);
    let grant = hospital.grant(&world, chart, &pharmacy, Access::READ, 2);
    world.push_all(&hospital, &[grant]);
    // A clinic that has written nothing could not be told that something of its own is gone.
    let (_, own) = clinic.create(&world, ScopeKind::Office, 9);
    world.push_all(&clinic, &[own]);
    world.input(Input::Closed { session: hospital.session });
    world.fed(&clinic);
    world.rot(&written);
    assert!(!world.meets_rot(&mut pharmacy).contains(&written.claimed_id()));
    assert_eq!(world.closed.get(&clinic.session), Some(&Goodbye::Closing));
    assert_eq!(world.connect(&mut clinic, None).unwrap().yours, 0, "so it says what it holds");
    let chain = (chart, hospital.id(), hospital.chains[&chart]);
    let asked = world.asked_of(&clinic, chain);
    assert_eq!(asked[0].seq, written.claimed_header().seq - 1);
    // Neither another one under its id nor what the pharmacy makes up is taken for it.
    let mut forged = written.as_bytes().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let (stored, refused) = world.push(&clinic, &[&forged]);
    assert_eq!((stored, refused[0].cause), (vec![], RefusalCause::Invalid));
    assert_eq!(world.lacking(), 1);
    world.push_all(&clinic, std::slice::from_ref(&written));
    assert_eq!(world.fed_ids(&pharmacy), [written.claimed_id()]);
    assert_eq!(world.lacking(), 0);
    // The next time nobody is asked for anything.
    assert_eq!(world.connect(&mut clinic, None).unwrap().yours, 1);
}

/// One who does not bring it does not keep the others from being asked, and nobody is asked without end.
#[test]
fn readers_are_asked_one_after_the_other_and_each_once() {
    let (mut world, mut hospital, clinic, chart) = hospital_and_clinic();
    let mut pharmacy = world.member(FacilityKind::Pharmacy);
    let mut nurse = world.member(FacilityKind::VisitingNurse);
    world.connect(&mut pharmacy, None).unwrap();
    let written = hospital.write(&world, chart, b"result");
    let grant = hospital.grant(&world, chart, &pharmacy, Access::READ, 2);
    world.push_all(&hospital, &[written.clone(), grant]);
    world.fed(&pharmacy);
    let grant = hospital.grant(&world, chart, &nurse, Access::READ, 3);
    world.push_all(&hospital, &[grant]);
    world.fed(&clinic);
    world.fed(&pharmacy);
    world.input(Input::Closed { session: hospital.session });
    world.rot(&written);
    world.meets_rot(&mut nurse);
    let mut asked = Vec::new();
    for _ in 0..5 {
        let all = [&clinic, &pharmacy, &nurse].map(|it| world.closed.contains_key(&it.session));
        asked.push(all);
        world.wait(60_000);
    }
    assert_eq!(asked[0], [true, false, false], "at once");
    assert_eq!(asked[1], [true, true, false], "a minute later");
    assert_eq!(asked[4], [true, true, false], "the nurse lacks it itself");
    assert_eq!(world.lacking(), 1);
    let welcome = world.connect(&mut hospital, None).unwrap();
    assert_eq!(welcome.yours, 0, "whenever its author comes it is asked");
    // It said nothing; after a while it is asked again.
    world.fed(&hospital);
    world.closed.clear();
    (0..4).for_each(|_| world.wait(60_000));
    assert_eq!(world.closed, BTreeMap::new());
    (0..3).for_each(|_| world.wait(60_000));
    assert_eq!(world.closed.get(&hospital.session), Some(&Goodbye::Closing));
}

/// A reader's cursor must not move past what nobody remembers that it lacks.
#[test]
fn a_reader_waits_where_it_cannot_be_written_down_what_it_misses() {
    let (mut world, hospital, mut clinic, _, written, _) = rotten();
    world.failure = Some(StorageError::Full);
    let fed = world.meets_rot(&mut clinic);
    assert!(fed.contains(&written[0].claimed_id()) && !fed.contains(&written[2].claimed_id()));
    assert_eq!((world.lacking(), world.closed.get(&hospital.session)), (0, None));
    world.failure = None;
    world.wait(2_000);
    assert_eq!(world.fed_ids(&clinic), [written[2].claimed_id()]);
    assert_eq!(world.lacking(), 1);
}

/// The registry is the relay's own chain, of which it keeps no copy but its log; its members do.
#[test]
fn what_rots_of_the_registry_is_fetched_from_a_member() {
    let mut world = World::new();
    let mut hospital = world.member(FacilityKind::Hospital);
    let mut clinic = world.member(FacilityKind::Clinic);
    world.connect(&mut hospital, None).unwrap();
    let (_, own) = hospital.create(&world, ScopeKind::Office, 9);
    world.push_all(&hospital, &[own]);
    let position = world.mailbox.state.next_log - 2;
    let value = world.store.get(tables::LOG, &position.to_be_bytes()).unwrap().unwrap();
    let envelope = tables::parse_log_value(position, &value).unwrap().to_vec();
    let envelope = SignedEnvelope::from_bytes(envelope).unwrap();
    assert_eq!(envelope.claimed_header().scope, world.mailbox.state.registry());
    assert!(world.fed_ids(&hospital).contains(&envelope.claimed_id()));
    world.rot(&envelope);
    assert!(!world.meets_rot(&mut clinic).contains(&envelope.claimed_id()));
    assert_eq!(world.closed.get(&hospital.session), Some(&Goodbye::Closing));
    assert_eq!(world.connect(&mut hospital, None).unwrap().yours, 0);
    let header = envelope.claimed_header();
    let chain = (header.scope, header.author, Chain::at(header.seq + 9, EnvelopeId([1; 32])));
    let asked = world.asked_of(&hospital, chain);
    assert_eq!((asked.len(), asked[0].seq), (1, header.seq - 1));
    world.push_all(&hospital, std::slice::from_ref(&envelope));
    assert_eq!(world.fed_ids(&clinic), [envelope.claimed_id()]);
    let asked = world.asked_of(&hospital, chain);
    assert_eq!(asked, [], "of the registry only what has rotted is asked for");
}

/// A certificate that rotted before anybody had read it stood in the relay's memory and reached nobody: the device that it was about
/// was given no keys.
#[test]
fn what_the_relay_said_and_nobody_holds_is_said_again() {
    let mut world = World::new();
    let mut hospital = world.member(FacilityKind::Hospital);
    let clinic = world.member(FacilityKind::Clinic);
    let certificate = clinic.certificate(&world);
    let says = |world: &World, id: &EnvelopeId| {
        let said = world.said(id);
        said.is_some_and(|said| said == Statement::Certificate(certificate.clone()))
    };
    let position = world.mailbox.state.next_log - 1;
    let value = world.store.get(tables::LOG, &position.to_be_bytes()).unwrap().unwrap();
    let envelope = tables::parse_log_value(position, &value).unwrap().to_vec();
    let envelope = SignedEnvelope::from_bytes(envelope).unwrap();
    assert!(says(&world, &envelope.claimed_id()));
    world.rot(&envelope);
    world.connect(&mut hospital, None).unwrap();
    let fed = world.fed_ids(&hospital);
    assert!(!fed.contains(&envelope.claimed_id()));
    let again: Vec<_> = fed.iter().filter(|id| says(&world, id)).collect();
    assert_eq!(again.len(), 1, "said once more");
    // Nothing is left to be said.
    let written = world.mailbox.state.next_log;
    (0..4).for_each(|_| world.wait(60_000));
    world.restart();
    (0..4).for_each(|_| world.wait(60_000));
    assert_eq!(world.mailbox.state.next_log, written);
}
