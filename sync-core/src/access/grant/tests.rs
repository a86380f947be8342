//! What sets of statements amount to, and that only the set matters.

use proptest::prelude::*;

use super::super::testing::*;
use super::super::*;
use crate::id::{ConsentId, DeviceId, FacilityId, NetworkId, ScopeId, Timestamp};
use crate::wire::{Wire, WireError};

const OWNER: FacilityId = FacilityId([1; 16]);
const A: FacilityId = FacilityId([2; 16]);
const B: FacilityId = FacilityId([3; 16]);
const ADMIT: Access = Access::ALL;
const NOW: Timestamp = Timestamp(500);

/// The one device of a facility.
fn device(facility: FacilityId) -> DeviceId {
    DeviceId(facility.0)
}

fn care() -> ScopeAccess {
    begin(ScopeKind::Care, OWNER, device(OWNER))
}

fn with(statements: &[(FacilityId, Statement)]) -> ScopeAccess {
    let mut access = care();
    for (author, statement) in statements {
        access.apply(device(*author), *author, statement).expect("a statement of this scope");
    }
    access
}

/// A name, what was said by whom, and what facility A may then do.
type Case = (&'static str, Vec<(FacilityId, Statement)>, Option<Access>);

#[test]
fn what_a_facility_may_do_follows_from_all_statements() {
    let during = |from, until| grant_during(A, Access::READ, (from, until), None, 1);
    let cases: Vec<Case> = vec![
        ("nothing was said", vec![], None),
        ("granted", vec![(OWNER, grant(A, Access::READ, 1))], Some(Access::READ)),
        ("granted from now", vec![(OWNER, during(500, None))], Some(Access::READ)),
        ("granted from later", vec![(OWNER, during(501, None))], None),
        ("until now", vec![(OWNER, during(0, Some(500)))], None),
        ("until later", vec![(OWNER, during(0, Some(501)))], Some(Access::READ)),
        ("granted nothing", vec![(OWNER, grant(A, Access::default(), 1))], None),
        ("revoked", vec![(OWNER, grant(A, Access::READ, 1)), (OWNER, revoke(A, &[], 2))], None),
        (
            "revoked before it was granted",
            vec![(OWNER, grant(A, Access::READ, 2)), (OWNER, revoke(A, &[], 1))],
            Some(Access::READ),
        ),
        (
            "granted and revoked at one tick",
            vec![(OWNER, revoke(A, &[], 1)), (OWNER, grant(A, Access::READ, 1))],
            None,
        ),
        (
            "the newer grant replaces the older",
            vec![(OWNER, grant(A, Access::WRITE, 1)), (OWNER, grant(A, Access::READ, 2))],
            Some(Access::READ),
        ),
        (
            "a grant to come does not end the one that runs",
            vec![
                (OWNER, grant(A, Access::READ, 1)),
                (OWNER, grant_during(A, Access::WRITE, (900, None), None, 2)),
            ],
            Some(Access::READ),
        ),
        ("by a stranger", vec![(B, grant(A, Access::READ, 1))], None),
        (
            "by a member who may not admit",
            vec![(OWNER, grant(B, Access::WRITE, 1)), (B, grant(A, Access::READ, 2))],
            None,
        ),
        (
            "by a member who may",
            vec![(OWNER, grant(B, ADMIT, 1)), (B, grant(A, Access::READ, 2))],
            Some(Access::READ),
        ),
        (
            "by one who could only later",
            vec![(OWNER, grant(B, ADMIT, 2)), (B, grant(A, Access::READ, 2))],
            None,
        ),
        (
            "by one who no longer could",
            vec![
                (OWNER, grant(B, ADMIT, 1)),
                (OWNER, revoke(B, &[], 2)),
                (B, grant(A, Access::READ, 3)),
            ],
            None,
        ),
        (
            "by one who was put out afterwards",
            vec![
                (OWNER, grant(B, ADMIT, 1)),
                (B, grant(A, Access::READ, 2)),
                (OWNER, revoke(B, &[], 3)),
            ],
            Some(Access::READ),
        ),
        ("put itself out", vec![(OWNER, grant(A, Access::READ, 1)), (A, revoke(A, &[], 2))], None),
        (
            "a member cannot let itself in again",
            vec![(OWNER, grant(A, ADMIT, 1)), (OWNER, revoke(A, &[], 2)), (A, grant(A, ADMIT, 3))],
            None,
        ),
    ];
    for (name, statements, expected) in cases {
        let forward = with(&statements);
        assert_eq!(forward.access_of(&A, NOW), expected, "{name}");
        let backward = with(&statements.into_iter().rev().collect::<Vec<_>>());
        assert_eq!(backward.access_of(&A, NOW), expected, "{name}, backwards");
    }
}

#[test]
fn the_owner_stays_whatever_is_said() {
    let access = with(&[
        (OWNER, grant(A, ADMIT, 1)),
        (A, revoke(OWNER, &[], 2)),
        (OWNER, revoke(OWNER, &[], 3)),
        (OWNER, grant(B, Access::READ, 4)),
    ]);
    let members: Vec<_> = access.members(NOW).collect();
    assert_eq!(members, [(OWNER, Access::ALL), (A, ADMIT), (B, Access::READ)]);
}

#[test]
fn a_scope_begins_with_the_statement_that_its_id_follows_from() {
    let author = device(OWNER);
    let (scope, first) = create(ScopeKind::Care, OWNER);
    let begin = |scope, facility, statement: &Statement| {
        ScopeAccess::begin(&NetworkId::ZERO, scope, author, facility, statement).map(|_| ())
    };
    assert_eq!(begin(scope, OWNER, &first), Ok(()));
    // Not its first statement, another's scope, a stolen nonce, the same id for another kind.
    let early = grant(A, Access::READ, 1);
    assert_eq!(begin(scope, OWNER, &early), Err(AccessError::NotCreated));
    assert_eq!(begin(scope, A, &first), Err(AccessError::NotItsOwner));
    let (_, stolen) = create(ScopeKind::Care, A);
    assert_eq!(begin(scope, A, &stolen), Err(AccessError::NotItsOwner));
    let (_, other_kind) = create(ScopeKind::Chart, OWNER);
    assert_eq!(begin(scope, OWNER, &other_kind), Err(AccessError::NotItsOwner));
    assert_eq!(begin(ScopeId([7; 16]), OWNER, &first), Err(AccessError::NotItsOwner));

    let mut held = None;
    let mut take = |statement: &Statement| {
        ScopeAccess::take(&mut held, &NetworkId::ZERO, scope, author, OWNER, statement)
    };
    assert_eq!(take(&early), Err(AccessError::NotCreated));
    assert_eq!(take(&first), Ok(Change::Created));
    assert_eq!(take(&first), Ok(Change::Known));
    assert_eq!(take(&early), Ok(Change::Applied));
    assert_eq!(take(&early), Ok(Change::Known));
    assert_eq!(take(&other_kind), Err(AccessError::NotItsOwner));
}

#[test]
fn a_pair_begins_with_an_offer_and_takes_nothing_else() {
    let network = NetworkId([4; 32]);
    let (from, to) = (device(OWNER), device(A));
    let offer = |to| Statement::PairOffer { to, enc: vec![0; PAIR_ENC_LEN] };
    let begin = |scope| ScopeAccess::begin(&network, scope, from, OWNER, &offer(to));
    let mut access = begin(pair_scope(&network, &from, &to)).expect("its own pair");
    assert_eq!((access.kind(), access.parties()), (ScopeKind::Pair, Some((from, to))));
    assert_eq!(access.apply(from, OWNER, &offer(to)), Ok(Change::Known));
    assert_eq!(access.apply(to, A, &offer(to)), Err(AccessError::NotItsOwner));
    let out_of_place = Err(AccessError::OutOfPlace);
    assert_eq!(access.apply(from, OWNER, &grant(A, Access::READ, 1)), out_of_place);
    // The other direction is another scope.
    let refused = begin(pair_scope(&network, &to, &from)).map(|_| ());
    assert_eq!(refused, Err(AccessError::NotItsOwner));
    assert_eq!(ScopeAccess::from_bytes(&access.to_bytes()), Ok(access));
}

#[test]
fn an_office_is_shared_with_nobody() {
    let mut office = begin(ScopeKind::Office, OWNER, device(OWNER));
    let refused = office.apply(device(OWNER), OWNER, &grant(A, Access::READ, 1));
    assert_eq!(refused, Err(AccessError::OutOfPlace));
}

#[test]
fn what_does_not_count_is_held_and_said_so() {
    let mut access = care();
    let early = grant(A, Access::READ, 2);
    assert_eq!(access.apply(device(B), B, &early), Ok(Change::Unentitled));
    assert_eq!(access.apply(device(B), B, &early), Ok(Change::Unentitled));
    assert_eq!(access.apply(device(OWNER), OWNER, &grant(B, ADMIT, 1)), Ok(Change::Applied));
    assert_eq!(access.apply(device(B), B, &early), Ok(Change::Known));
    assert_eq!(access.access_of(&A, NOW), Some(Access::READ));
}

#[test]
fn nobody_can_use_up_the_ticks() {
    let access = with(&[(OWNER, grant(A, Access::READ, 7)), (B, grant(B, ADMIT, 1_000))]);
    assert_eq!(access.next_tick(), 8, "a stranger's tick does not count");
    let access = with(&[(OWNER, grant(A, Access::READ, 7)), (A, revoke(A, &[], 8))]);
    assert_eq!(access.next_tick(), 9, "a member that leaves can be let in again");
    let access = with(&[(OWNER, grant(A, Access::READ, 7)), (A, revoke(A, &[], u64::MAX))]);
    assert_eq!(access.next_tick(), 8, "one that leaps to the end only shuts itself out");
    let last = [(OWNER, grant(A, ADMIT, 1)), (A, grant(B, Access::READ, u64::MAX))];
    let tick = with(&last).next_tick();
    let access = with(&[last.as_slice(), &[(OWNER, revoke(B, &[], tick))]].concat());
    assert_eq!(access.access_of(&B, NOW), None, "at the end of all ticks a revocation still wins");
}

#[test]
fn epochs_follow_one_another() {
    let rotate = |epoch| Statement::Rotate { epoch };
    let check = |statements: &[(FacilityId, Statement)], expected| {
        assert_eq!(with(statements).epoch(), expected);
    };
    check(&[], 1);
    check(&[(OWNER, rotate(3)), (OWNER, rotate(2))], 3);
    check(&[(OWNER, rotate(2)), (OWNER, rotate(2))], 2);
    check(&[(OWNER, rotate(2)), (OWNER, rotate(u32::MAX))], 2);
    check(&[(A, rotate(2))], 1);
    check(&[(OWNER, grant(A, ADMIT, 1)), (A, rotate(2))], 2);
    // What was once rotated stays so after its author is gone.
    check(&[(OWNER, grant(A, ADMIT, 1)), (A, rotate(2)), (OWNER, revoke(A, &[], 2))], 2);
}

#[test]
fn a_member_cannot_fill_the_room_of_the_others() {
    let mut access = care();
    let mut say = |author, n| access.apply(device(author), author, &grant(B, Access::READ, n));
    for n in 0..512 {
        assert_eq!(say(A, n), Ok(Change::Unentitled));
    }
    let full = AccessError::Full { limit: "member_statements_max", max: 512 };
    assert_eq!(say(A, 512), Err(full));
    assert_eq!(say(OWNER, 1), Ok(Change::Applied));
}

#[test]
fn a_damaged_row_is_refused_by_name() {
    let good = with(&[(OWNER, grant(A, Access::READ, 1)), (OWNER, revoke(A, &[], 2))]);
    let bytes = good.to_bytes();
    assert_eq!(ScopeAccess::from_bytes(&bytes), Ok(good));
    let check = |change: fn(&mut Vec<u8>), expected| {
        let mut bytes = bytes.clone();
        change(&mut bytes);
        assert_eq!(ScopeAccess::from_bytes(&bytes), Err(expected));
    };
    let newer = WireError::Version { field: "scope access", found: 2, known: 1 };
    check(|bytes| bytes[0] = 2, newer);
    check(|bytes| bytes[17] = 1, WireError::Invalid { field: "scope kind" });
    // One statement twice.
    check(
        |bytes| {
            let (head, statements) = bytes.split_at(54);
            let first = 32 + 2 + 16 + 16 + 1 + 8 + 1 + 1 + 8;
            let twice = [&statements[..first], &statements[..first]].concat();
            *bytes = [head, &twice].concat();
        },
        WireError::Invalid { field: "scope access" },
    );
}

/// Any statement by any of four facilities about any of them.
fn any_statement() -> impl Strategy<Value = (FacilityId, Statement)> {
    let facility = || (1..=4_u8).prop_map(|byte| FacilityId([byte; 16]));
    let access = (any::<bool>(), any::<bool>(), any::<bool>())
        .prop_map(|(read, write, admit)| Access { read, write, admit });
    let times = (0..800_u64, proptest::option::of(0..1_000_u64));
    let consent = || proptest::option::of(1..3_u8);
    let granted = (facility(), access, times, consent(), 0..6_u64).prop_map(
        |(facility, access, times, consent, tick)| {
            grant_during(facility, access, times, consent, tick)
        },
    );
    let scope = create(ScopeKind::Care, OWNER).0;
    let revoked = (facility(), 0..6_u64, 0..9_u64).prop_map(move |(facility, tick, seq)| {
        revoke(facility, &[(scope, device(facility), seq)], tick)
    });
    let rotated = (2..5_u32).prop_map(|epoch| Statement::Rotate { epoch });
    (facility(), prop_oneof![4 => granted, 3 => revoked, 1 => rotated])
}

/// All that can be asked of a scope, as text.
fn answers(access: &ScopeAccess) -> String {
    let times = [0, 400, 800, 1_000].map(Timestamp);
    let members = times.map(|at| access.members(at).collect::<Vec<_>>());
    let grants = times.map(|at| access.grants_from(at).cloned().collect::<Vec<_>>());
    format!("{members:?} {grants:?} {} {}", access.next_tick(), access.epoch())
}

proptest! {
    #[test]
    fn only_the_set_of_statements_matters(
        (statements, order, again) in proptest::collection::vec(any_statement(), 0..14)
            .prop_flat_map(|statements| {
                let order = Just(statements.clone()).prop_shuffle();
                let again = proptest::sample::subsequence(statements.clone(), 0..=statements.len());
                (Just(statements), order, again)
            }),
    ) {
        let expected = with(&statements);
        let shuffled = with(&[order, again].concat());
        prop_assert_eq!(answers(&shuffled), answers(&expected));
        prop_assert_eq!(&shuffled, &expected);
        let restored = ScopeAccess::from_bytes(&shuffled.to_bytes()).expect("our own row");
        prop_assert_eq!(answers(&restored), answers(&expected));
    }
}

#[test]
fn a_consent_has_ended_when_the_last_of_its_facilities_was_put_out() {
    let on = |facility, consent, tick| {
        let from = tick * 10;
        (OWNER, grant_during(facility, Access::READ, (from, None), Some(consent), tick))
    };
    let ended = |statements: &[(FacilityId, Statement)]| {
        let backward: Vec<_> = statements.iter().cloned().rev().collect();
        let ended = with(statements).ended_consents();
        assert_eq!(ended, with(&backward).ended_consents(), "whatever the order");
        ended
    };
    let one = ConsentId([1; 16]);
    assert!(ended(&[on(A, 1, 1), on(B, 1, 2)]).is_empty());
    assert!(ended(&[on(A, 1, 1), on(B, 1, 2), (OWNER, revoke(A, &[], 3))]).is_empty());
    let over = ended(&[
        on(A, 1, 1),
        on(B, 1, 2),
        (OWNER, revoke(A, &[], 3)),
        (B, revoke(B, &[], 4)),
        (OWNER, revoke(B, &[], 5)),
        on(A, 2, 6),
    ]);
    let facilities = [A, B].into();
    let expected = EndedConsent { facilities, from: Timestamp(10), at: Timestamp(400), by: B };
    assert_eq!(over.into_iter().collect::<Vec<_>>(), [(one, expected)]);
    // Let in again on the same consent: it stands.
    assert!(ended(&[on(A, 1, 1), (OWNER, revoke(A, &[], 2)), on(A, 1, 3)]).is_empty());
    // What only ran out was not ended by anybody.
    let short = (OWNER, grant_during(A, Access::READ, (0, Some(5)), Some(1), 1));
    assert!(ended(&[short]).is_empty());
}
