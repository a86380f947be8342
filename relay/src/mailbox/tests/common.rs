//! What every feed has is remembered once, and comes as if each feed had rows of its own for it.

use azalea_core::storage::{Order, Range, Read};
use azalea_core::wire::Wire;

use super::super::load::feed_rows;
use super::super::tables::{FeedPlace, FeedRow};
use super::*;

impl World {
    fn feed_table(&self) -> Vec<(Vec<u8>, FeedPlace)> {
        let mut rows = Vec::new();
        let mut visit = |key: &[u8], value: &[u8]| {
            rows.push((key.to_vec(), FeedPlace::from_bytes(value).unwrap()));
            true
        };
        self.store.scan(tables::FEED, &Range::all(), Order::Ascending, &mut visit).unwrap();
        rows
    }

    fn runs(&self) -> usize {
        self.feed_table().iter().filter(|(_, place)| matches!(place, FeedPlace::Run(_))).count()
    }

    /// Everything that a member's feed has.
    fn all_of(&self, member: &Member) -> Vec<(u64, FeedRow)> {
        let state = &self.mailbox.state;
        let number = state.numbers[&member.id()];
        feed_rows(&self.store, number, 0, usize::MAX, &state.tail(number)).unwrap()
    }

    /// As a program of before wrote it: a row for each envelope of the registry in each feed.
    fn as_rows_of_format_1(&mut self, filling: Option<(&Member, u64)>) {
        let mut batch = Batch::new();
        let state = &self.mailbox.state;
        let registry = state.scopes[&state.registry()].number;
        for device in &state.devices {
            let recipient = device.row.number;
            let tail = state.tail(recipient);
            let rows = feed_rows(&self.store, recipient, 0, usize::MAX, &tail).unwrap();
            let filled = filling.filter(|(member, _)| member.id() == device.id).map(|it| it.1);
            for (position, row) in rows {
                let key = tables::feed_key(recipient, position);
                match filled {
                    Some(after) if row.log > after => batch.remove(tables::FEED, key),
                    _ => batch.put(tables::FEED, key, FeedPlace::One(row).to_bytes()),
                }
            }
            let member = filled.map_or(tables::Member::Whole, tables::Member::up_to);
            if device.common.is_some() {
                let key = tables::member_key(registry, recipient);
                batch.put(tables::MEMBER, key, member.to_bytes());
            }
        }
        batch.put(tables::META, tables::FORMAT_KEY, 1_u32.to_be_bytes());
        self.store.commit(&batch).unwrap();
        self.restart();
    }

    fn format(&self) -> Vec<u8> {
        self.store.get(tables::META, tables::FORMAT_KEY).unwrap().unwrap()
    }

    /// The registry's envelopes, in the order of the log.
    fn registry(&self) -> Vec<EnvelopeId> {
        let registry = self.mailbox.state.registry();
        let mut ids = Vec::new();
        let mut visit = |key: &[u8], value: &[u8]| {
            let position = u64::from_be_bytes(key.try_into().unwrap());
            let bytes = tables::parse_log_value(position, value).unwrap();
            let envelope = SignedEnvelope::from_bytes(bytes).unwrap();
            if envelope.claimed_header().scope == registry {
                ids.push(envelope.claimed_id());
            }
            true
        };
        self.store.scan(tables::LOG, &Range::all(), Order::Ascending, &mut visit).unwrap();
        ids
    }
}

fn at(position: u64) -> Option<Cursor> {
    Some(Cursor { epoch: RelayEpoch([9; 16]), position })
}

/// Ten thousand members once cost a hundred million rows.
#[test]
fn a_certificate_costs_no_row_in_any_feed_and_a_run_one_where_something_follows() {
    let mut world = World::new();
    let mut members = vec![world.member(FacilityKind::Hospital)];
    members.extend((1..40).map(|_| world.member(FacilityKind::Clinic)));
    assert_eq!(world.feed_table().len(), 0);
    let registry = world.registry();
    assert_eq!(registry.len(), 5 + 2 * 40);
    for member in &mut members {
        let welcome = world.connect(member, None).unwrap();
        assert_eq!(welcome.end, registry.len() as u64);
        assert_eq!(world.fed_ids(member), registry);
    }
    let (owner, reader) = members.split_at_mut(1);
    let (scope, created) = owner[0].create(&world, ScopeKind::Chart, 1);
    let grant = owner[0].grant(&world, scope, &reader[0], Access::READ, 1);
    world.push_all(&owner[0], &[created.clone(), grant.clone()]);
    assert_eq!(world.fed_ids(&reader[0]), ids(&[created, grant]));
    assert_eq!((world.feed_table().len(), world.runs()), (3, 1));
}

#[test]
fn a_reader_goes_on_in_the_middle_of_a_run_and_behind_all_rows() {
    let (mut world, mut hospital, mut clinic, chart) = hospital_and_clinic();
    let position = world.feed_end(&clinic);
    for _ in 0..3 {
        world.member(FacilityKind::Clinic);
    }
    let written = hospital.write(&world, chart, b"result");
    world.push_all(&hospital, std::slice::from_ref(&written));
    world.member(FacilityKind::Clinic);
    let end = position + 6 + 1 + 2;
    let expected = world.all_of(&clinic);
    world.restart();
    assert_eq!(world.feed_end(&clinic), end);
    assert_eq!(world.all_of(&clinic), expected);
    let registry = world.registry();
    let newest = &registry[registry.len() - 8..];
    for from in position..=end {
        let welcome = world.connect(&mut clinic, at(from)).unwrap();
        assert_eq!((welcome.position, welcome.end), (from, end));
        let fed = world.fed(&clinic);
        let places: Vec<u64> = fed.iter().map(|(place, _)| *place).collect();
        assert_eq!(places, (from + 1..=end).collect::<Vec<_>>());
        let expected = [&newest[..6], &[written.claimed_id()], &newest[6..]].concat();
        let got: Vec<_> = fed.into_iter().map(|(_, id)| id).collect();
        assert_eq!(got, expected[(from - position) as usize..]);
    }
}

/// A disk that refuses has not been told of a run, and what was read before it was is the same afterwards.
#[test]
fn a_run_counts_once_the_disk_has_it() {
    let (mut world, mut hospital, mut clinic, chart) = hospital_and_clinic();
    let position = world.feed_end(&clinic);
    world.member(FacilityKind::Clinic);
    let written = hospital.write(&world, chart, b"result");
    world.failure = Some(StorageError::Full);
    world.push(&hospital, &[written.as_bytes()]);
    assert_eq!(world.feed_end(&clinic), position + 2);
    world.failure = None;
    world.wait(2_000);
    // Asked before the commit, answered after it: the places are the same.
    world.input(Input::Closed { session: clinic.session });
    world.held = Some(Vec::new());
    world.connect(&mut clinic, at(position)).unwrap();
    world.push(&hospital, &[written.as_bytes()]);
    let mut effects = world.held.take().unwrap();
    effects.sort_by_key(|effect| matches!(effect, Effect::Load { .. }));
    effects.into_iter().for_each(|effect| world.disk(effect));
    world.drain();
    assert_eq!(world.taken(&hospital).0, [written.claimed_id()]);
    let places: Vec<u64> = world.fed(&clinic).into_iter().map(|(place, _)| place).collect();
    assert_eq!(places, [position + 1, position + 2, position + 3]);
}

/// An author's own envelopes are in nobody's but others' feeds, and counted there alone.
#[test]
fn a_device_that_certified_another_has_no_place_for_it_in_its_feed() {
    let (mut world, hospital, mut clinic, _) = hospital_and_clinic();
    let (before, others) = (world.feed_end(&clinic), world.feed_end(&hospital));
    let tablet = Member { facility: clinic.facility.clone(), ..world.stranger() };
    let registry = world.mailbox.state.registry();
    let certificate = Statement::Certificate(tablet.certificate(&world));
    let said = clinic.say(&world, registry, certificate);
    world.push_all(&clinic, std::slice::from_ref(&said));
    assert_eq!((world.feed_end(&clinic), world.feed_end(&hospital)), (before, others + 1));
    assert_eq!(world.fed_ids(&hospital), [said.claimed_id()]);
    assert_eq!(world.fed_ids(&clinic), []);
    world.restart();
    assert_eq!((world.feed_end(&clinic), world.feed_end(&hospital)), (before, others + 1));
    world.connect(&mut clinic, at(before)).unwrap();
    assert_eq!(world.fed_ids(&clinic), []);
}

/// A store of before goes on: whoever stood somewhere stands there, and whoever was being given the registry is given all of it.
#[test]
fn a_store_with_rows_for_everything_is_read_and_goes_on_with_runs() {
    let (mut world, mut hospital, mut clinic, chart) = hospital_and_clinic();
    let mut late = world.member(FacilityKind::Clinic);
    let (ends, all) = (world.feed_end(&clinic), world.all_of(&clinic));
    let half = world.all_of(&late)[4].1.log;
    world.as_rows_of_format_1(Some((&late, half)));
    assert_eq!(world.format(), 1_u32.to_be_bytes());
    assert_eq!((world.feed_end(&clinic), world.all_of(&clinic)), (ends, all));

    // The first commit says from now on how far each feed has the registry; a process that begins then knows it.
    world.member(FacilityKind::Clinic);
    assert_eq!(world.format(), 2_u32.to_be_bytes());
    world.restart();
    world.connect(&mut hospital, None).unwrap();
    let written = hospital.write(&world, chart, b"result");
    world.push_all(&hospital, std::slice::from_ref(&written));
    world.restart();
    let registry = world.registry();
    let newest = &registry[registry.len() - 2..];
    world.connect(&mut clinic, at(ends)).unwrap();
    assert_eq!(world.fed_ids(&clinic), [newest, &[written.claimed_id()]].concat());
    world.connect(&mut late, at(5)).unwrap();
    assert_eq!(world.fed_ids(&late), registry, "some of it a second time");
}

#[test]
fn an_envelope_of_the_registry_that_rotted_and_is_here_again_stays_where_feeds_have_counted_it() {
    let (mut world, hospital, mut clinic, _) = hospital_and_clinic();
    let mut tablet = Member { facility: clinic.facility.clone(), ..world.stranger() };
    let registry = world.mailbox.state.registry();
    let certificate = Statement::Certificate(tablet.certificate(&world));
    let said = clinic.say(&world, registry, certificate);
    world.push_all(&clinic, std::slice::from_ref(&said));
    world.fed(&hospital);
    world.member(FacilityKind::Clinic);
    let order = world.registry();
    world.rot(&said);
    // The tablet misses it, its author brings it back.
    world.connect(&mut tablet, None).unwrap();
    assert!(!world.fed_ids(&tablet).contains(&said.claimed_id()));
    let end = world.feed_end(&clinic);
    world.connect(&mut clinic, at(end)).unwrap();
    world.push(&clinic, &[said.as_bytes()]);
    assert_eq!(world.fed_ids(&tablet), [said.claimed_id()]);
    let ends = [&hospital, &clinic, &tablet].map(|member| world.feed_end(member));
    let mut late = world.member(FacilityKind::Clinic);
    let ends = ends.map(|end| end + 2);
    world.restart();
    assert_eq!([&hospital, &clinic, &tablet].map(|member| world.feed_end(member)), ends);
    world.connect(&mut late, None).unwrap();
    let fed = world.fed_ids(&late);
    assert_eq!(fed[..order.len()], order, "each once, in its place");
    assert_eq!(fed.len(), order.len() + 2);
}
