//! What a snapshot stands for is passed over where a feed is read from the disk, and nowhere else.

use azalea_core::access::{Ranges, Snapshot};
use azalea_core::sync::message::ChainEnd;

use super::*;

/// A chart with four results, a snapshot of the first three, and what the hospital says of it.
struct Covered {
    world: World,
    hospital: Member,
    clinic: Member,
    chart: ScopeId,
    written: Vec<SignedEnvelope>,
    snapshot: SignedEnvelope,
    statement: SignedEnvelope,
}

impl Member {
    pub(super) fn state(
        &mut self,
        world: &World,
        chart: ScopeId,
        covered: &[&SignedEnvelope],
    ) -> SignedEnvelope {
        let numbers = covered.iter().map(|it| it.claimed_header().seq);
        let covered = Ranges::of(numbers.map(|seq| (seq, seq))).unwrap();
        let snapshot = Snapshot { covered, epoch: 1, digest: [7; 32] };
        self.say(world, chart, Statement::Snapshot(snapshot))
    }
}

/// Nothing of it is at the relay yet.
fn covered() -> Covered {
    let (world, mut hospital, clinic, chart) = hospital_and_clinic();
    let written: Vec<_> = (0..4).map(|n| hospital.write(&world, chart, &[n])).collect();
    let snapshot = hospital.write(&world, chart, b"all of them");
    let statement = hospital.state(&world, chart, &[&written[0], &written[1], &written[2]]);
    Covered { world, hospital, clinic, chart, written, snapshot, statement }
}

impl Covered {
    /// The relay takes all of it while the clinic is away.
    fn taken() -> Self {
        let mut it = covered();
        it.world.input(Input::Closed { session: it.clinic.session });
        it.world.push_all(&it.hospital, &it.written);
        it.world.push_all(&it.hospital, &[it.snapshot.clone(), it.statement.clone()]);
        it
    }

    fn passed_over(&self) -> u64 {
        self.world.mailbox.counters.passed_over
    }

    /// The chart's results, snapshot and statement among what was fed: 0 to 3, 4, 5.
    fn of(&self, fed: &[EnvelopeId]) -> Vec<usize> {
        let all: Vec<EnvelopeId> = ids(&self.written)
            .into_iter()
            .chain([self.snapshot.claimed_id(), self.statement.claimed_id()])
            .collect();
        fed.iter().filter_map(|id| all.iter().position(|it| it == id)).collect()
    }

    fn read_anew(&mut self) -> Vec<usize> {
        self.world.connect(&mut self.clinic, None).unwrap();
        let fed = self.world.fed_ids(&self.clinic);
        self.of(&fed)
    }
}

#[test]
fn a_first_sync_passes_over_what_a_snapshot_stands_for() {
    let mut it = Covered::taken();
    assert_eq!(it.read_anew(), [3, 4, 5]);
    assert_eq!(it.passed_over(), 3);
    // It is known by the store.
    it.world.restart();
    assert_eq!(it.read_anew(), [3, 4, 5]);
}

#[test]
fn a_reader_that_is_here_has_the_originals_and_is_told_so() {
    let mut it = covered();
    it.world.push_all(&it.hospital, &it.written);
    let fed = it.world.fed_ids(&it.clinic);
    assert_eq!(it.of(&fed), [0, 1, 2, 3]);
    it.world.push_all(&it.hospital, &[it.snapshot.clone(), it.statement.clone()]);
    let fed = it.world.fed(&it.clinic);
    assert_eq!(fed, [(it.world.feed_end(&it.clinic), it.statement.claimed_id())]);
    assert_eq!(it.passed_over(), 1);
    // What follows comes as it is written, and the next session goes on behind it.
    let next = it.hospital.write(&it.world, it.chart, b"next");
    it.world.push_all(&it.hospital, std::slice::from_ref(&next));
    assert_eq!(it.world.fed_ids(&it.clinic), [next.claimed_id()]);
    let cursor = Cursor { epoch: RelayEpoch([9; 16]), position: it.world.feed_end(&it.clinic) };
    it.world.connect(&mut it.clinic, Some(cursor)).unwrap();
    assert_eq!(it.world.fed_ids(&it.clinic), []);
}

#[test]
fn a_snapshot_of_which_nothing_is_said_yet_stands_for_nothing() {
    let mut it = covered();
    it.world.push_all(&it.hospital, &it.written);
    it.world.push_all(&it.hospital, std::slice::from_ref(&it.snapshot));
    let fed = it.world.fed_ids(&it.clinic);
    assert_eq!(it.of(&fed), [0, 1, 2, 3, 4], "like any other");
    assert_eq!(it.read_anew(), [0, 1, 2, 3, 4]);
    it.world.push_all(&it.hospital, std::slice::from_ref(&it.statement));
    assert_eq!(it.read_anew(), [3, 4, 5]);
}

/// Cut after some of what the snapshot stands for: the rest is passed over, and the snapshot comes.
#[test]
fn a_reader_that_has_some_of_it_is_given_the_snapshot_and_not_the_rest() {
    let mut it = covered();
    it.world.push_all(&it.hospital, &it.written[..2]);
    let fed = it.world.fed_ids(&it.clinic);
    assert_eq!(it.of(&fed), [0, 1]);
    let cursor = Cursor { epoch: RelayEpoch([9; 16]), position: it.world.feed_end(&it.clinic) };
    it.world.input(Input::Closed { session: it.clinic.session });
    it.world.push_all(&it.hospital, &it.written[2..]);
    it.world.push_all(&it.hospital, &[it.snapshot.clone(), it.statement.clone()]);
    it.world.connect(&mut it.clinic, Some(cursor)).unwrap();
    let fed = it.world.fed_ids(&it.clinic);
    assert_eq!(it.of(&fed), [3, 4, 5]);
}

#[test]
fn a_later_snapshot_stands_for_the_one_before_it_and_its_statement() {
    let mut it = Covered::taken();
    let snapshot = it.hospital.write(&it.world, it.chart, b"everything");
    let mut covered: Vec<&SignedEnvelope> = it.written.iter().collect();
    covered.extend([&it.snapshot, &it.statement]);
    let statement = it.hospital.state(&it.world, it.chart, &covered);
    it.world.push_all(&it.hospital, &[snapshot.clone(), statement.clone()]);
    it.world.connect(&mut it.clinic, None).unwrap();
    let fed = it.world.fed_ids(&it.clinic);
    assert_eq!(it.of(&fed), [] as [usize; 0]);
    assert!(fed.ends_with(&[snapshot.claimed_id(), statement.claimed_id()]));
}

/// That is how a reader gets what a broken snapshot kept from it.
#[test]
fn a_feed_that_is_given_once_more_brings_the_originals() {
    let mut it = Covered::taken();
    assert_eq!(it.read_anew(), [3, 4, 5]);
    let first = &it.written[0];
    let before = ChainEnd {
        scope: it.chart,
        author: it.hospital.id(),
        seq: first.claimed_header().seq - 1,
        id: first.claimed_header().previous,
    };
    it.world.sent.clear();
    it.world.say(&it.clinic, Message::Holding { chains: vec![before], certificates: Vec::new() });
    it.world.say(&it.clinic, Message::Refill);
    let fed = it.world.fed_ids(&it.clinic);
    assert_eq!(it.of(&fed), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn an_author_that_lost_its_store_gets_what_it_wrote_as_it_wrote_it() {
    let mut it = Covered::taken();
    it.world.connect_wanting(&mut it.hospital, None, true);
    let fed = it.world.fed_ids(&it.hospital);
    assert_eq!(it.of(&fed), [0, 1, 2, 3, 4, 5]);
}

/// A snapshot of theirs may lie beyond what is accepted of them.
#[test]
fn what_a_revoked_author_wrote_is_sent_as_it_wrote_it() {
    for restarted in [false, true] {
        let mut it = Covered::taken();
        let subject = Subject::Device(it.hospital.id());
        let (reason, by) = ("盗難".to_owned(), it.world.registrar.public());
        it.world.request(Request::Revoke { subject, reason, by }).unwrap();
        if restarted {
            it.world.restart();
        }
        assert_eq!(it.read_anew(), [0, 1, 2, 3, 4, 5]);
        assert_eq!(it.passed_over(), 0);
    }
}

/// A place in the log says nothing of a number once something of the chain stands at another one.
#[test]
fn of_a_chain_in_which_something_had_rotted_nothing_is_passed_over() {
    for at in 0..4 {
        let mut it = Covered::taken();
        let lost = it.written[at].clone();
        let rotten = it.world.rot(&lost);
        let mut pharmacy = it.world.member(FacilityKind::Pharmacy);
        let grant = it.hospital.grant(&it.world, it.chart, &pharmacy, Access::READ, 2);
        it.world.push_all(&it.hospital, std::slice::from_ref(&grant));
        // Only a feed that brings it meets it: the hospital's own.
        it.world.connect_wanting(&mut it.hospital, None, true);
        it.world.fed(&it.hospital);
        assert!(it.world.mailbox.state.rotten.len() == 1, "{rotten}");
        let fed = it.read_anew();
        assert!(
            [0, 1, 2, 3, 4, 5].iter().all(|place| *place == at || fed.contains(place)),
            "{fed:?}"
        );
        it.world.connect(&mut it.hospital, None);
        // Here again, it stands behind everything, and nobody takes its new place for one that is covered.
        it.world.push(&it.hospital, &[lost.as_bytes()]);
        assert_eq!(it.world.mailbox.state.rotten.len(), 0);
        it.world.connect(&mut pharmacy, None).unwrap();
        let fed = it.world.fed_ids(&pharmacy);
        assert_eq!(it.of(&fed).into_iter().collect::<BTreeSet<_>>().len(), 6, "{at}");
    }
}

#[test]
fn a_statement_that_cannot_be_is_refused() {
    let check = |make: &dyn Fn(&mut Covered) -> SignedEnvelope, cause| {
        let mut it = covered();
        it.world.push_all(&it.hospital, &it.written);
        let statement = make(&mut it);
        let (stored, refused) = it.world.push(&it.hospital, &[statement.as_bytes()]);
        assert_eq!(
            (stored, refused.iter().map(|it| it.cause).collect::<Vec<_>>()),
            (vec![], vec![cause])
        );
    };
    // It names itself, or the envelope before it.
    check(
        &|it| {
            it.hospital.chains.insert(it.chart, chain_after(&it.written[3]));
            let last = it.written[3].clone();
            it.hospital.state(&it.world, it.chart, &[&last])
        },
        RefusalCause::Invalid,
    );
    // In a scope in which others write too.
    let mut world = World::new();
    let mut hospital = world.member(FacilityKind::Hospital);
    world.connect(&mut hospital, None).unwrap();
    let (care, created) = hospital.create(&world, ScopeKind::Care, 1);
    let written: Vec<_> = (0..3).map(|n| hospital.write(&world, care, &[n])).collect();
    world.push_all(&hospital, &[created]);
    world.push_all(&hospital, &written);
    let statement = hospital.state(&world, care, &[&written[0]]);
    let (stored, refused) = world.push(&hospital, &[statement.as_bytes()]);
    assert_eq!((stored.len(), refused[0].cause), (0, RefusalCause::Right));
}

fn chain_after(envelope: &SignedEnvelope) -> Chain {
    Chain::at(envelope.claimed_header().seq, envelope.claimed_id())
}

#[test]
fn a_commit_that_fails_leaves_out_nothing() {
    let mut it = covered();
    it.world.push_all(&it.hospital, &it.written);
    it.world.fed(&it.clinic);
    it.world.failure = Some(StorageError::Full);
    let both = [it.snapshot.as_bytes(), it.statement.as_bytes()];
    it.world.push(&it.hospital, &both);
    it.world.failure = None;
    assert_eq!(it.read_anew(), [0, 1, 2, 3]);
    it.world.wait(5_000);
    it.world.push_all(&it.hospital, &[it.snapshot.clone(), it.statement.clone()]);
    let fed = it.world.fed_ids(&it.clinic);
    assert_eq!(it.of(&fed), [5]);
}
