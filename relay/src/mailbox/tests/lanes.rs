//! What goes ahead of its place in a feed, and what becomes of the place.

use azalea_core::access::pair_scope;
use azalea_core::identity::Subject;
use azalea_core::sync::message::Lane;

use super::*;

/// A clinic that has not confirmed anything of a long feed; what is urgent lies behind that.
struct Behind {
    world: World,
    hospital: Member,
    clinic: Member,
    pharmacy: Member,
    chart: ScopeId,
    written: Vec<SignedEnvelope>,
}

fn behind() -> Behind {
    let (mut world, mut hospital, clinic, chart) = hospital_and_clinic();
    let pharmacy = world.member(FacilityKind::Pharmacy);
    let grant = hospital.grant(&world, chart, &pharmacy, Access::READ, 2);
    world.push_all(&hospital, &[grant]);
    world.fed(&clinic);
    // A new session knows nothing of the line yet, and has little under way.
    let (mut clinic, epoch) = (clinic, RelayEpoch([9; 16]));
    let position = world.feed_end(&clinic);
    world.connect(&mut clinic, Some(Cursor { epoch, position })).unwrap();
    let mut behind = Behind { world, hospital, clinic, pharmacy, chart, written: Vec::new() };
    behind.first(&[]);
    behind.fill_the_line();
    behind
}

impl Behind {
    /// More than may be under way, none of it confirmed.
    fn fill_the_line(&mut self) {
        let mut state = 1_u32;
        let mut noise = || -> Vec<u8> {
            let mut draw = |_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            };
            (0..4_096).map(&mut draw).collect()
        };
        for _ in 0..24 {
            let written = self.hospital.write(&self.world, self.chart, &noise());
            self.world.push_all(&self.hospital, std::slice::from_ref(&written));
            self.written.push(written);
        }
    }

    fn first(&mut self, scopes: &[ScopeId]) {
        self.world.say(&self.clinic, Message::First { scopes: scopes.to_vec() });
    }

    /// The pharmacy is put out.
    fn withdraw(&mut self) -> SignedEnvelope {
        let revoked = self.hospital.revoke(&self.world, self.chart, &self.pharmacy, Vec::new(), 3);
        self.world.push_all(&self.hospital, std::slice::from_ref(&revoked));
        revoked
    }

    /// What has come ahead, not answered yet.
    fn came_ahead(&mut self) -> Vec<(Lane, u64, EnvelopeId)> {
        let mut came = Vec::new();
        self.world.sent.entry(self.clinic.session).or_default().retain(|message| {
            let Message::Ahead { lane, items } = message else { return true };
            came.extend(items.iter().map(|item| {
                let envelope = SignedEnvelope::from_bytes(item.envelope.0.as_slice()).unwrap();
                (*lane, item.position, envelope.claimed_id())
            }));
            false
        });
        came
    }

    fn keep(&mut self, held: &[u64], left: &[u64]) {
        let kept = Message::Kept { held: held.to_vec(), left: left.to_vec() };
        self.world.say(&self.clinic, kept);
    }

    fn come_back(&mut self, position: u64) {
        let cursor = Cursor { epoch: RelayEpoch([9; 16]), position };
        self.world.connect(&mut self.clinic, Some(cursor)).unwrap();
        self.first(&[]);
    }
}

#[test]
fn a_withdrawal_goes_ahead_and_the_feed_passes_over_what_was_confirmed() {
    let mut behind = behind();
    assert_eq!(behind.came_ahead(), [], "records wait for their places");
    let revoked = behind.withdraw();
    let came = behind.came_ahead();
    assert_eq!(came.len(), 1);
    let (lane, place, id) = came[0];
    assert_eq!((lane, id), (Lane::Urgent, revoked.claimed_id()));
    behind.keep(&[place], &[]);
    let after = behind.hospital.write(&behind.world, behind.chart, b"after");
    behind.world.push_all(&behind.hospital, std::slice::from_ref(&after));
    behind.written.push(after);
    assert_eq!(behind.world.fed_ids(&behind.clinic), ids(&behind.written));
    behind.world.fed(&behind.hospital);
    assert_eq!(
        behind.world.mailbox.burden(),
        Burden {
            connections: 2,
            log: behind.world.mailbox.burden().log,
            noted: behind.world.mailbox.burden().noted,
            ..Burden::default()
        }
    );
}

/// What the registry says has no row of its own in a feed: neither while it stands at the end nor when a run has been made of it.
#[test]
fn a_revoked_certificate_goes_ahead_and_other_certificates_do_not() {
    let mut behind = behind();
    let before = behind.world.feed_end(&behind.clinic) - behind.written.len() as u64;
    behind.world.member(FacilityKind::Clinic);
    let (subject, reason) = (Subject::Device(behind.pharmacy.id()), "lost".to_owned());
    let by = behind.world.registrar.public();
    behind.world.request(Request::Revoke { subject, reason, by }).unwrap();
    let place = behind.world.feed_end(&behind.clinic);
    let at_the_end = behind.came_ahead();
    behind.fill_the_line();
    behind.world.restart();
    behind.world.connect(&mut behind.hospital, None).unwrap();
    behind.come_back(before);
    let in_a_run = behind.came_ahead();
    assert_eq!(at_the_end.len(), 1);
    assert_eq!((at_the_end[0].0, at_the_end[0].1), (Lane::Urgent, place));
    assert_eq!(in_a_run, at_the_end);
    behind.keep(&[place], &[]);
    let fed = behind.world.fed(&behind.clinic);
    assert!(fed.len() > behind.written.len() && fed.iter().all(|(fed, _)| *fed != place));
}

#[test]
fn the_feed_waits_at_the_place_of_what_is_not_answered_and_gives_what_was_left() {
    let mut behind = behind();
    let revoked = behind.withdraw();
    let place = behind.came_ahead()[0].1;
    let fed = behind.world.fed(&behind.clinic);
    assert_eq!(fed.last().unwrap().0, place - 1);
    assert_eq!(fed.len(), behind.written.len());
    behind.keep(&[], &[place]);
    assert_eq!(behind.world.fed(&behind.clinic), [(place, revoked.claimed_id())]);
}

#[test]
fn what_was_not_answered_when_the_line_was_cut_comes_again_and_so_does_what_was() {
    let mut behind = behind();
    let revoked = behind.withdraw();
    for answer in [false, true] {
        let came = behind.came_ahead();
        assert_eq!(came.len(), 1);
        assert_eq!(came[0].2, revoked.claimed_id());
        if answer {
            behind.keep(&[came[0].1], &[]);
        }
        behind.world.input(Input::Closed { session: behind.clinic.session });
        behind.world.restart();
        let before = behind.world.feed_end(&behind.clinic) - 25;
        behind.come_back(before);
    }
    let place = behind.came_ahead()[0].1;
    behind.keep(&[place], &[]);
    // The last place is given all the same, so that the cursor comes to the end.
    behind.written.push(revoked);
    assert_eq!(behind.world.fed_ids(&behind.clinic), ids(&behind.written));
}

#[test]
fn nothing_goes_ahead_to_who_has_not_said_that_it_was_welcomed_or_is_not_far_behind() {
    let mut behind = behind();
    behind.world.connect(&mut behind.clinic, None).unwrap();
    behind.withdraw();
    assert_eq!(behind.came_ahead(), []);
    behind.first(&[]);
    assert_eq!(behind.came_ahead().len(), 1);

    let mut near = super::lanes::behind();
    near.world.fed(&near.clinic);
    let revoked = near.withdraw();
    assert_eq!(near.came_ahead(), []);
    assert_eq!(near.world.fed_ids(&near.clinic), [revoked.claimed_id()]);
}

#[test]
fn keys_go_ahead_a_message_at_a_time() {
    let mut behind = behind();
    let (from, to) = (behind.hospital.id(), behind.clinic.id());
    let pair = pair_scope(&behind.world.network(), &from, &to);
    let enc = vec![0; azalea_core::access::PAIR_ENC_LEN];
    let offer = behind.hospital.say(&behind.world, pair, Statement::PairOffer { to, enc });
    let keys = behind.hospital.seal(&behind.world, pair, &Body::Keys(Vec::new()));
    behind.world.push_all(&behind.hospital, &[offer.clone(), keys.clone()]);
    let came = behind.came_ahead();
    let places: Vec<u64> = came.iter().map(|it| it.1).collect();
    let came: Vec<_> = came.into_iter().map(|(lane, _, id)| (lane, id)).collect();
    let expected = ids(&[offer, keys]);
    assert_eq!(came, expected.into_iter().map(|id| (Lane::Keys, id)).collect::<Vec<_>>());
    // What is written next waits until these are answered.
    let more = behind.hospital.seal(&behind.world, pair, &Body::Keys(Vec::new()));
    behind.world.push_all(&behind.hospital, std::slice::from_ref(&more));
    assert_eq!(behind.came_ahead(), []);
    behind.keep(&places, &[]);
    assert_eq!(behind.came_ahead().first().map(|it| it.2), Some(more.claimed_id()));
}

#[test]
fn what_is_wanted_first_goes_ahead_as_far_as_it_may_be_read() {
    let mut behind = behind();
    let mut charts = Vec::new();
    for (nonce, is_open) in [(7, true), (8, false)] {
        let (chart, created) = behind.hospital.create(&behind.world, ScopeKind::Chart, nonce);
        let reader = if is_open { &behind.clinic } else { &behind.pharmacy };
        let grant = behind.hospital.grant(&behind.world, chart, reader, Access::READ, 1);
        let written = behind.hospital.write(&behind.world, chart, b"wanted");
        let all = [created, grant, written];
        behind.world.push_all(&behind.hospital, &all);
        charts.push((chart, ids(&all)));
    }
    assert_eq!(behind.came_ahead(), []);
    let unknown = ScopeId([0x99; 16]);
    behind.first(&[charts[0].0, charts[1].0, unknown]);
    let came = behind.came_ahead();
    let expected = charts[0].1.iter().map(|id| (Lane::Wanted, *id));
    let got = came.iter().map(|(lane, _, id)| (*lane, *id));
    assert_eq!(got.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    let places: Vec<u64> = came.iter().map(|(_, place, _)| *place).collect();
    behind.keep(&places, &[]);
    // What comes of it while the feed is still behind goes ahead as well, and nothing twice.
    let more = behind.hospital.write(&behind.world, charts[0].0, b"more");
    behind.world.push_all(&behind.hospital, std::slice::from_ref(&more));
    let came: Vec<_> = behind.came_ahead();
    assert_eq!(came.iter().map(|it| it.2).collect::<Vec<_>>(), [more.claimed_id()]);
    behind.keep(&[came[0].1], &[]);
    behind.first(&[]);
    behind.written.push(more);
    assert_eq!(behind.world.fed_ids(&behind.clinic), ids(&behind.written));
}

#[test]
fn of_what_is_wanted_first_a_snapshot_goes_ahead_and_not_what_it_stands_for() {
    let mut behind = behind();
    let (chart, created) = behind.hospital.create(&behind.world, ScopeKind::Chart, 7);
    let grant = behind.hospital.grant(&behind.world, chart, &behind.clinic, Access::READ, 1);
    let results: Vec<_> =
        (0..3).map(|n| behind.hospital.write(&behind.world, chart, &[n])).collect();
    let snapshot = behind.hospital.write(&behind.world, chart, b"all of them");
    let covered: Vec<_> = results.iter().collect();
    let statement = behind.hospital.state(&behind.world, chart, &covered);
    let spared = ids(&results);
    let all: Vec<_> =
        [created, grant].into_iter().chain(results).chain([snapshot, statement]).collect();
    behind.world.push_all(&behind.hospital, &all);
    behind.first(&[chart]);
    let came: Vec<_> = behind.came_ahead().iter().map(|(_, _, id)| *id).collect();
    let wanted: Vec<_> = ids(&all).into_iter().filter(|id| !spared.contains(id)).collect();
    assert_eq!(came, wanted);
}

#[test]
fn no_more_goes_ahead_than_is_remembered() {
    let mut behind = behind();
    let (chart, created) = behind.hospital.create(&behind.world, ScopeKind::Chart, 7);
    let grant = behind.hospital.grant(&behind.world, chart, &behind.clinic, Access::READ, 1);
    let mut all = vec![created, grant];
    let many = crate::mailbox::lanes::PATIENT_MAX + 300;
    all.extend(
        (0..many as u16).map(|n| behind.hospital.write(&behind.world, chart, &n.to_be_bytes())),
    );
    all.chunks(500).for_each(|some| behind.world.push_all(&behind.hospital, some));
    behind.first(&[chart]);
    let mut came = Vec::new();
    loop {
        let some = behind.came_ahead();
        if some.is_empty() {
            break;
        }
        let places: Vec<u64> = some.iter().map(|it| it.1).collect();
        behind.keep(&places, &[]);
        came.extend(some.into_iter().map(|it| it.2));
    }
    let max = crate::mailbox::lanes::PATIENT_MAX;
    assert!((max..max + 256).contains(&came.len()), "{}", came.len());
    assert_eq!(came, ids(&all[..came.len()]));
    // What is urgent does not wait for them.
    let revoked = behind.withdraw();
    let urgent = behind.came_ahead();
    assert_eq!(urgent.iter().map(|it| it.2).collect::<Vec<_>>(), [revoked.claimed_id()]);
    behind.keep(&[urgent[0].1], &[]);
    // The feed passes over them, and what is behind them goes on.
    let fed = behind.world.fed_ids(&behind.clinic);
    let later: BTreeSet<_> =
        fed.iter().copied().filter(|id| !ids(&behind.written).contains(id)).collect();
    let ahead = behind.came_ahead();
    let mut rest: BTreeSet<_> = ids(&all[came.len()..]).into_iter().collect();
    // The feed's last place is given in any case.
    rest.insert(revoked.claimed_id());
    let ahead: BTreeSet<_> = ahead.into_iter().map(|it| it.2).collect();
    assert!(later.is_subset(&rest) && ahead.is_subset(&rest));
}
