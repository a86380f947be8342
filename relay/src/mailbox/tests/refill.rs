//! A feed that is given once more: what its reader holds is left out, and nothing else.

use azalea_core::sync::message::ChainEnd;

use super::*;

/// A clinic that was given six results of two charts, and has gone.
struct Read {
    world: World,
    hospital: Member,
    clinic: Member,
    charts: [ScopeId; 2],
    /// Those of the first chart, then those of the second.
    written: [Vec<SignedEnvelope>; 2],
}

fn read() -> Read {
    let (mut world, mut hospital, clinic, chart) = hospital_and_clinic();
    let (other, created) = hospital.create(&world, ScopeKind::Chart, 9);
    let grant = hospital.grant(&world, other, &clinic, Access::READ, 1);
    world.push_all(&hospital, &[created, grant]);
    let charts = [chart, other];
    let written =
        charts.map(|chart| (0..3).map(|n| hospital.write(&world, chart, &[n])).collect::<Vec<_>>());
    written.iter().for_each(|written| world.push_all(&hospital, written));
    world.fed(&clinic);
    world.input(Input::Closed { session: clinic.session });
    Read { world, hospital, clinic, charts, written }
}

impl Read {
    /// Where a chart's chain ends, as far as so many envelopes back.
    fn end(&self, chart: usize, back: usize) -> ChainEnd {
        let last = &self.written[chart][2 - back];
        let (scope, author) = (self.charts[chart], self.hospital.id());
        ChainEnd { scope, author, seq: last.claimed_header().seq, id: last.claimed_id() }
    }

    fn registry_end(&self) -> ChainEnd {
        let state = &self.world.mailbox.state;
        let (scope, author) = (state.registry(), self.world.relay.public().device_id());
        let tip = state.scopes[&scope].chains[&state.numbers[&author]].tip().unwrap();
        ChainEnd { scope, author, seq: tip.seq, id: tip.id }
    }

    /// The clinic comes with a cursor of another life, says what it holds, and asks. Gives what it is fed, and the place at which
    /// its feed goes on.
    fn refill(&mut self, chains: Vec<ChainEnd>) -> (Vec<EnvelopeId>, Option<u64>) {
        let cursor = Cursor { epoch: RelayEpoch([8; 16]), position: 3 };
        self.world.connect(&mut self.clinic, Some(cursor)).unwrap();
        self.ask(chains)
    }

    fn ask(&mut self, chains: Vec<ChainEnd>) -> (Vec<EnvelopeId>, Option<u64>) {
        self.ask_with(chains, Vec::new())
    }

    fn ask_with(
        &mut self,
        chains: Vec<ChainEnd>,
        certificates: Vec<[u8; 32]>,
    ) -> (Vec<EnvelopeId>, Option<u64>) {
        self.world.sent.clear();
        self.world.say(&self.clinic, Message::Holding { chains: Vec::new(), certificates });
        self.world.say(&self.clinic, Message::Holding { chains, certificates: Vec::new() });
        self.world.say(&self.clinic, Message::Refill);
        let sent = self.world.sent.get(&self.clinic.session).cloned().unwrap_or_default();
        let position = sent.iter().find_map(|message| match message {
            Message::Refilled { position } => Some(*position),
            _ => None,
        });
        (self.world.fed_ids(&self.clinic), position)
    }

    /// Of what was fed, what of a chart was.
    fn of(&self, chart: usize, fed: &[EnvelopeId]) -> Vec<usize> {
        let place =
            |id: &EnvelopeId| self.written[chart].iter().position(|it| it.claimed_id() == *id);
        fed.iter().filter_map(place).collect()
    }
}

#[test]
fn whoever_holds_all_is_given_nothing_and_goes_on_at_the_end() {
    let mut read = read();
    let end = read.world.feed_end(&read.clinic);
    let ends = vec![read.end(0, 0), read.end(1, 0), read.registry_end()];
    assert_eq!(read.refill(ends), (vec![], Some(end)));
    // What is written from now on comes as it is written, and a cursor at that place is good.
    let next = read.hospital.write(&read.world, read.charts[0], b"next");
    read.world.push_all(&read.hospital, std::slice::from_ref(&next));
    assert_eq!(read.world.fed(&read.clinic), [(end + 1, next.claimed_id())]);
    let cursor = Cursor { epoch: RelayEpoch([9; 16]), position: end };
    let welcome = read.world.connect(&mut read.clinic, Some(cursor)).unwrap();
    assert_eq!(welcome.position, end);
    assert_eq!(read.world.fed_ids(&read.clinic), [next.claimed_id()]);
}

#[test]
fn what_is_missing_comes_and_the_rest_does_not() {
    let mut read = read();
    let ends = vec![read.end(0, 0), read.end(1, 2), read.registry_end()];
    let (fed, position) = read.refill(ends);
    assert_eq!((read.of(0, &fed), read.of(1, &fed), fed.len()), (vec![], vec![1, 2], 2));
    assert_eq!(position, Some(read.world.feed_end(&read.clinic)));
    // Of a chart of which it says nothing, all comes: its beginning and the grant too.
    let ends = vec![read.end(0, 0), read.registry_end()];
    let (fed, _) = read.refill(ends);
    assert_eq!((read.of(0, &fed), read.of(1, &fed), fed.len()), (vec![], vec![0, 1, 2], 5));
}

/// A reader whose chain contradicts ours has to see that.
#[test]
fn nothing_is_left_out_of_a_chain_whose_end_is_another_one_here() {
    let mut read = read();
    let other = |end: ChainEnd| ChainEnd { id: EnvelopeId([7; 32]), ..end };
    for back in [0, 1] {
        let ends = vec![other(read.end(0, back)), read.end(1, 0), read.registry_end()];
        let (fed, _) = read.refill(ends);
        assert_eq!((read.of(0, &fed), read.of(1, &fed)), (vec![0, 1, 2], vec![]), "{back} back");
    }
}

/// After a backup a reader's chain may go further than ours, and ours may go on as another one: the registry's does.
#[test]
fn of_a_chain_that_goes_further_there_what_the_backup_had_is_left_out() {
    let mut read = read();
    let further = |end: ChainEnd| ChainEnd { seq: end.seq + 9, id: EnvelopeId([7; 32]), ..end };
    let ends = |read: &Read| vec![further(read.end(0, 0)), read.end(1, 0), read.registry_end()];
    let (fed, _) = read.refill(ends(&read));
    assert_eq!(read.of(0, &fed), [0, 1, 2], "in its first life this store was no other one's");

    let begins = tables::begin_epoch(&read.world.store, RelayEpoch([10; 16])).unwrap();
    read.world.store.commit(&begins).unwrap();
    read.world.restart();
    read.world.connect(&mut read.hospital, None).unwrap();
    let since = read.hospital.write(&read.world, read.charts[0], b"since");
    read.world.push_all(&read.hospital, std::slice::from_ref(&since));
    let (fed, _) = read.refill(ends(&read));
    assert_eq!(fed, [since.claimed_id()]);
}

/// The registry of a relay that came back from a backup goes on as another chain than the one that its readers have: they take
/// certificates from it, and are given those that they lack.
#[test]
fn of_a_registry_that_is_another_one_only_certificates_that_a_reader_lacks_come() {
    let mut read = read();
    let begins = tables::begin_epoch(&read.world.store, RelayEpoch([10; 16])).unwrap();
    read.world.store.commit(&begins).unwrap();
    read.world.restart();
    let before = read.registry_end();
    let known = read.world.mailbox.state.certificates.clone();
    read.world.member(FacilityKind::Clinic);
    let new: Vec<[u8; 32]> =
        read.world.mailbox.state.certificates.difference(&known).copied().collect();
    let ours = read.registry_end();
    let charts = [read.end(0, 0), read.end(1, 0)];
    let mut given = |end: ChainEnd, certificates: &[[u8; 32]]| {
        let cursor = Cursor { epoch: RelayEpoch([9; 16]), position: 3 };
        read.world.connect(&mut read.clinic, Some(cursor)).unwrap();
        read.ask_with([&charts[..], &[end]].concat(), certificates.to_vec()).0.len()
    };
    let id = EnvelopeId([7; 32]);
    let further = ChainEnd { seq: ours.seq + 1, id, ..ours };
    assert_eq!(given(further, &[]), 2);
    assert_eq!(given(further, &new[..1]), 1);
    assert_eq!(given(further, &new), 0);
    for another in [ChainEnd { id, ..ours }, ChainEnd { id, ..before }] {
        let all = given(another, &[]);
        assert_eq!(given(another, &new), all - 2);
    }
    // Where the chain is the same, what follows in it comes: what is written after that follows on it.
    assert_eq!(given(before, &new), 2);
}

/// A relay that held something back and let the cursor pass it was never asked for it again.
#[test]
fn what_a_cursor_has_passed_comes_when_it_is_asked_for() {
    let mut read = read();
    let end = read.world.feed_end(&read.clinic);
    let cursor = Cursor { epoch: RelayEpoch([9; 16]), position: end };
    read.world.connect(&mut read.clinic, Some(cursor)).unwrap();
    assert_eq!(read.world.fed_ids(&read.clinic), []);
    let ends = vec![read.end(0, 1), read.end(1, 0), read.registry_end()];
    let (fed, position) = read.ask(ends);
    assert_eq!((read.of(0, &fed), fed.len(), position), (vec![2], 1, Some(end)));
    assert!(!read.world.notices.iter().any(|it| matches!(it, Notice::RolledBack { .. })));
    read.world.say(&read.clinic, Message::Seen { position: end });
    let cursor = Cursor { epoch: RelayEpoch([9; 16]), position: end };
    read.world.connect(&mut read.clinic, Some(cursor)).unwrap();
    assert_eq!(read.world.mailbox.counters.refills, 1);
    assert!(!read.world.notices.iter().any(|it| matches!(it, Notice::RolledBack { .. })));
}

/// Names of scopes cannot be guessed: what somebody makes up takes no memory here.
#[test]
fn only_chains_that_are_here_are_remembered() {
    let mut read = read();
    read.world.connect(&mut read.clinic, None).unwrap();
    let unknown = ChainEnd { scope: ScopeId([1; 16]), ..read.end(0, 0) };
    let nobody = ChainEnd { author: DeviceId([1; 16]), ..read.end(0, 0) };
    let chains = vec![read.end(0, 0), read.end(1, 0), unknown, nobody];
    read.world.say(&read.clinic, Message::Holding { chains, certificates: Vec::new() });
    let member = read.world.mailbox.sessions[&read.clinic.session].subscribed().unwrap();
    assert_eq!(member.held.chains(), 2);
}

/// The word that put a reader out is the last that it is given, and it need not be given twice.
#[test]
fn what_a_former_reader_holds_is_left_out_too() {
    let mut read = read();
    let revoked = read.hospital.revoke(&read.world, read.charts[0], &read.clinic, vec![], 2);
    read.world.push_all(&read.hospital, std::slice::from_ref(&revoked));
    let further = read.hospital.write(&read.world, read.charts[0], b"not for the clinic");
    read.world.push_all(&read.hospital, &[further]);
    let (scope, author) = (read.charts[0], read.hospital.id());
    let (seq, id) = (revoked.claimed_header().seq, revoked.claimed_id());
    let ends = vec![ChainEnd { scope, author, seq, id }, read.end(1, 0), read.registry_end()];
    assert_eq!(read.refill(ends).0, []);
    let ends = vec![read.end(0, 0), read.end(1, 0), read.registry_end()];
    assert_eq!(read.refill(ends).0, [id], "it holds what came before");
}
