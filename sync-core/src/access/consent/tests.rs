//! What a chart's owner does when a consent is given, changed or withdrawn.

use super::super::testing::*;
use super::super::*;
use crate::id::{ConsentId, DeviceId, FacilityId, Timestamp};

const COUNCIL: FacilityId = FacilityId([1; 16]);
const HOSPITAL: FacilityId = FacilityId([2; 16]);
const CLINIC: FacilityId = FacilityId([3; 16]);
const NOW: Timestamp = Timestamp(500);

fn scope(kind: ScopeKind, owner: FacilityId, statements: &[Statement]) -> ScopeAccess {
    let author = DeviceId(owner.0);
    let mut access = begin(kind, owner, author);
    for statement in statements {
        access.apply(author, owner, statement).expect("the owner's statement");
    }
    access
}

/// The hospital is of the team, and so hears of what becomes of its consents.
fn team() -> Statement {
    grant_during(HOSPITAL, Access::READ, (0, None), Some(9), 1)
}

fn on(consent: u8, until: Option<u64>, tick: u64) -> Statement {
    grant_during(CLINIC, Access::READ, (0, until), Some(consent), tick)
}

fn granted(consent: u8, until: Option<u64>) -> ConsentDuties {
    let (consent, until) = (ConsentId([consent; 16]), until.map(Timestamp));
    ConsentDuties { revoke: vec![], grant: vec![ConsentGrant { facility: CLINIC, consent, until }] }
}

fn revoked(consent: u8) -> ConsentDuties {
    let consent = ConsentId([consent; 16]);
    ConsentDuties { revoke: vec![ConsentRevoke { facility: CLINIC, consent }], grant: vec![] }
}

#[test]
fn a_chart_follows_the_consent() {
    let gone = || revoke(CLINIC, &[], 9);
    let to_come = || grant_during(CLINIC, Access::READ, (900, None), Some(1), 1);
    let without_consent = || grant(CLINIC, Access::READ, 1);
    let cases: Vec<(&str, Vec<Statement>, Vec<Statement>, ConsentDuties)> = vec![
        ("nobody was named", vec![], vec![], ConsentDuties::default()),
        ("named", vec![on(1, None, 1)], vec![], granted(1, None)),
        ("named until a day", vec![on(1, Some(800), 1)], vec![], granted(1, Some(800))),
        ("named, but it has run out", vec![on(1, Some(400), 1)], vec![], ConsentDuties::default()),
        (
            "a team member without a consent",
            vec![without_consent()],
            vec![],
            ConsentDuties::default(),
        ),
        ("done", vec![on(1, None, 1)], vec![on(1, None, 1)], ConsentDuties::default()),
        ("withdrawn", vec![on(1, None, 1), gone()], vec![on(1, None, 1)], revoked(1)),
        (
            "withdrawn before the chart began",
            vec![on(1, None, 1), gone()],
            vec![to_come()],
            revoked(1),
        ),
        ("to begin", vec![to_come()], vec![], ConsentDuties::default()),
        (
            "to begin, by a clock that was set back since the chart followed",
            vec![to_come()],
            vec![to_come()],
            ConsentDuties::default(),
        ),
        (
            "withdrawn, by a clock that was set back since the chart followed",
            vec![to_come(), gone()],
            vec![to_come()],
            revoked(1),
        ),
        ("run out", vec![on(1, Some(400), 1)], vec![on(1, None, 1)], revoked(1)),
        (
            "withdrawn and done",
            vec![on(1, None, 1), gone()],
            vec![on(1, None, 1), gone()],
            ConsentDuties::default(),
        ),
        (
            "given again after a withdrawal",
            vec![on(1, None, 1), revoke(CLINIC, &[], 2), on(2, None, 3)],
            vec![on(1, None, 1), revoke(CLINIC, &[], 2)],
            granted(2, None),
        ),
        (
            "a newer consent replaces the older without a gap",
            vec![on(1, None, 1), on(2, None, 2)],
            vec![on(1, None, 1)],
            granted(2, None),
        ),
        (
            "prolonged",
            vec![on(1, Some(600), 1), on(1, None, 2)],
            vec![on(1, Some(600), 1)],
            granted(1, None),
        ),
        (
            "a chart grant that rests on another consent is left alone",
            vec![gone()],
            vec![on(7, None, 1)],
            ConsentDuties::default(),
        ),
        (
            "a chart grant that rests on no consent is left alone",
            vec![on(1, None, 1), gone()],
            vec![without_consent()],
            ConsentDuties::default(),
        ),
    ];
    for (name, care, chart, expected) in cases {
        let care: Vec<_> = [team()].into_iter().chain(care).collect();
        let care = scope(ScopeKind::Care, COUNCIL, &care);
        let chart = scope(ScopeKind::Chart, HOSPITAL, &chart);
        assert_eq!(consent_duties(&care, &chart, NOW), expected, "{name}");
    }
}

/// A whole team was put out, this hospital first: the relay does not tell it of the others any more.
#[test]
fn a_hospital_that_was_put_out_of_the_team_lets_nobody_in_on_what_it_heard_before() {
    let put_out =
        scope(ScopeKind::Care, COUNCIL, &[team(), on(1, None, 1), revoke(HOSPITAL, &[], 2)]);
    let fresh = scope(ScopeKind::Chart, HOSPITAL, &[]);
    assert_eq!(consent_duties(&put_out, &fresh, NOW), ConsentDuties::default());
    let open = scope(ScopeKind::Chart, HOSPITAL, &[on(1, None, 1)]);
    assert_eq!(consent_duties(&put_out, &open, NOW), revoked(1));
    let own = scope(ScopeKind::Care, HOSPITAL, &[on(1, None, 1)]);
    assert_eq!(consent_duties(&own, &fresh, NOW), granted(1, None), "its own patient");
}

/// A hospital's clock is set back behind the moment since which it is of the team: what it has granted rests on that all the same.
#[test]
fn a_clock_that_is_set_back_puts_nobody_out() {
    let team = grant_during(HOSPITAL, Access::READ, (800, None), Some(9), 1);
    let named = grant_during(CLINIC, Access::READ, (900, None), Some(1), 1);
    let care = scope(ScopeKind::Care, COUNCIL, &[team, named.clone()]);
    let open = scope(ScopeKind::Chart, HOSPITAL, &[named]);
    assert!(consent_duties(&care, &open, NOW).is_empty());
    let fresh = scope(ScopeKind::Chart, HOSPITAL, &[]);
    assert!(consent_duties(&care, &fresh, NOW).is_empty(), "nobody is let in before it begins");
}

#[test]
fn a_hospital_grants_nothing_to_itself() {
    let named = grant_during(HOSPITAL, Access::READ, (0, None), Some(1), 1);
    let care = scope(ScopeKind::Care, COUNCIL, &[named]);
    let chart = scope(ScopeKind::Chart, HOSPITAL, &[]);
    assert!(consent_duties(&care, &chart, NOW).is_empty());
}

#[test]
fn once_the_duties_are_done_there_are_none_left() {
    let withdrawn = [team(), on(1, None, 1), revoke(CLINIC, &[], 2), on(2, Some(700), 3)];
    let care = scope(ScopeKind::Care, COUNCIL, &withdrawn);
    let mut chart = scope(ScopeKind::Chart, HOSPITAL, &[on(1, None, 1)]);
    let author = DeviceId(HOSPITAL.0);
    let duties = consent_duties(&care, &chart, NOW);
    for duty in &duties.revoke {
        let statement = revoke(duty.facility, &[], chart.next_tick());
        chart.apply(author, HOSPITAL, &statement).expect("the owner's statement");
    }
    for duty in &duties.grant {
        let times = (NOW.0, duty.until.map(|until| until.0));
        let consent = Some(duty.consent.0[0]);
        let tick = chart.next_tick();
        let statement = grant_during(duty.facility, Access::READ, times, consent, tick);
        chart.apply(author, HOSPITAL, &statement).expect("the owner's statement");
    }
    assert!(consent_duties(&care, &chart, NOW).is_empty());
    let held = chart.grant_of(&CLINIC, NOW).expect("granted");
    assert_eq!(held.consent, Some(ConsentId([2; 16])));
}
