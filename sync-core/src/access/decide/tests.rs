//! The table of cases.

use super::super::testing::*;
use super::super::*;
use crate::id::{DeviceId, NetworkId, ScopeId, Timestamp};
use crate::identity::testing::{self, Member, VALID, member, valid};
use crate::identity::{Rights, Roster, StandingError, Subject};

const BOTH: Rights = Rights { disclose: true, view: true };
const VIEW: Rights = Rights { disclose: false, view: true };
const NONE: Rights = Rights { disclose: false, view: false };

/// A hospital that owns, a clinic that is let in, a pharmacy without rights, a station, and a stranger.
struct Cast {
    hospital: Member,
    clinic: Member,
    pharmacy: Member,
    station: Member,
    stranger: Member,
    roster: Roster,
}

fn cast() -> Cast {
    let [hospital, clinic, pharmacy, station, stranger] = [10, 20, 30, 40, 50].map(member);
    let roster =
        testing::roster(&[(&hospital, BOTH), (&clinic, VIEW), (&pharmacy, NONE), (&station, VIEW)]);
    Cast { hospital, clinic, pharmacy, station, stranger, roster }
}

impl Cast {
    /// A scope of the hospital's, with statements by the hospital.
    fn scope(&self, kind: ScopeKind, statements: Vec<Statement>) -> Option<ScopeAccess> {
        let (owner, author) = (self.hospital.facility(), self.hospital.id());
        let mut access = begin(kind, owner, author);
        for statement in statements {
            assert_eq!(access.apply(author, owner, &statement), Ok(Change::Applied));
        }
        Some(access)
    }

    fn pair(&self, from: &Member, to: &Member) -> Option<ScopeAccess> {
        let network = self.roster.network();
        let offer = Statement::PairOffer { to: to.id(), enc: vec![0; PAIR_ENC_LEN] };
        let scope = pair_scope(&network, &from.id(), &to.id());
        let begun = ScopeAccess::begin(&network, scope, from.id(), from.facility(), &offer);
        Some(begun.expect("its own pair"))
    }
}

struct Case {
    name: &'static str,
    access: Option<ScopeAccess>,
    device: DeviceId,
    action: Action,
    at: u64,
    expected: Result<(), Denial>,
}

fn case(
    name: &'static str,
    access: &Option<ScopeAccess>,
    device: DeviceId,
    action: Action,
    at: u64,
    expected: Result<(), Denial>,
) -> Case {
    Case { name, access: access.clone(), device, action, at, expected }
}

fn run(roster: &Roster, cases: Vec<Case>) {
    for Case { name, access, device, action, at, expected } in cases {
        let scope = access.as_ref().expect("these cases have a scope").scope();
        let question = Question { device, action, at: Timestamp(at) };
        let decision = decide(roster, &scope, access.as_ref(), &question);
        assert_eq!(decision, expected, "{name}");
    }
}

const READ: Action = Action::Read;
const WRITE: Action = Action::Write { seq: 3 };
const GOVERN: Action = Action::Govern { seq: 3 };

#[test]
fn who_reads_writes_and_governs_which_kind_of_scope() {
    let it = cast();
    let [hospital, clinic, pharmacy, station] =
        [&it.hospital, &it.clinic, &it.pharmacy, &it.station].map(Member::id);
    let stranger = it.stranger.id();
    let let_in = || {
        vec![
            grant(it.clinic.facility(), Access::WRITE, 1),
            grant(it.pharmacy.facility(), Access::READ, 2),
        ]
    };
    let chart = it.scope(ScopeKind::Chart, let_in());
    let care = it.scope(ScopeKind::Care, let_in());
    let directory = it.scope(ScopeKind::Directory, let_in());
    let letter = it.scope(ScopeKind::Letter, let_in());
    let office = it.scope(ScopeKind::Office, vec![]);
    let pair = it.pair(&it.hospital, &it.clinic);
    let unknown = Err(Denial::Standing(StandingError::Unknown));
    let no_view = Err(Denial::NoRight(Right::View));

    run(
        &it.roster,
        vec![
            case("chart: owner reads", &chart, hospital, READ, 500, Ok(())),
            case("chart: owner writes", &chart, hospital, WRITE, 500, Ok(())),
            case("chart: owner governs", &chart, hospital, GOVERN, 500, Ok(())),
            case("chart: member reads", &chart, clinic, READ, 500, Ok(())),
            case("chart: member writes", &chart, clinic, WRITE, 500, Err(Denial::NotOwner)),
            case("chart: member without the right reads", &chart, pharmacy, READ, 500, no_view),
            case("chart: outsider reads", &chart, station, READ, 500, Err(Denial::NotMember)),
            case("chart: outsider writes", &chart, station, WRITE, 500, Err(Denial::NotOwner)),
            case("chart: outsider governs", &chart, station, GOVERN, 500, Err(Denial::NotMember)),
            case("chart: unknown device reads", &chart, stranger, READ, 500, unknown),
            case("care: member reads", &care, clinic, READ, 500, Ok(())),
            case("care: member writes", &care, clinic, WRITE, 500, Ok(())),
            case("care: reader writes", &care, pharmacy, WRITE, 500, Err(Denial::NotGranted)),
            case("care: member without the right reads", &care, pharmacy, READ, 500, no_view),
            case("care: outsider writes", &care, station, WRITE, 500, Err(Denial::NotMember)),
            case("care: member puts itself out", &care, clinic, GOVERN, 500, Ok(())),
            case("directory: member reads", &directory, clinic, READ, 500, Ok(())),
            case("directory: member writes", &directory, clinic, WRITE, 500, Err(Denial::NotOwner)),
            case("directory: without the right", &directory, pharmacy, READ, 500, no_view),
            case("letter: needs no right to read", &letter, pharmacy, READ, 500, Ok(())),
            case("letter: member writes", &letter, clinic, WRITE, 500, Ok(())),
            case("letter: outsider reads", &letter, station, READ, 500, Err(Denial::NotMember)),
            case("office: owner reads", &office, hospital, READ, 500, Ok(())),
            case("office: owner writes", &office, hospital, WRITE, 500, Ok(())),
            case("office: outsider reads", &office, clinic, READ, 500, Err(Denial::NotMember)),
            case("office: outsider writes", &office, clinic, WRITE, 500, Err(Denial::NotOwner)),
            case("pair: sender writes", &pair, hospital, WRITE, 500, Ok(())),
            case("pair: sender reads", &pair, hospital, READ, 500, Ok(())),
            case("pair: recipient reads", &pair, clinic, READ, 500, Ok(())),
            case("pair: recipient writes", &pair, clinic, WRITE, 500, Err(Denial::NotParty)),
            case("pair: recipient governs", &pair, clinic, GOVERN, 500, Err(Denial::NotParty)),
            case("pair: third device reads", &pair, station, READ, 500, Err(Denial::NotParty)),
        ],
    );
}

#[test]
fn disclosing_needs_the_right_at_the_time_of_writing() {
    let hospital = member(10);
    let mut roster = testing::roster(&[(&hospital, VIEW)]);
    let both = hospital.facility_claims(BOTH);
    let promoted = crate::identity::Facility { validity: valid(500, 900), ..both };
    roster.admit(testing::sign_facility(promoted, &testing::registrar_key())).expect("renewed");
    let (owner, author) = (hospital.facility(), hospital.id());
    let refused = Err(Denial::NoRight(Right::Disclose));
    let cases = |kind, before| {
        let access = Some(begin(kind, owner, author));
        vec![
            case("before the right was given", &access, author, WRITE, 499, before),
            case("after", &access, author, WRITE, 500, Ok(())),
            case("reading one's own needs either right", &access, author, READ, 499, Ok(())),
        ]
    };
    run(&roster, cases(ScopeKind::Chart, refused));
    run(&roster, cases(ScopeKind::Directory, refused));
    run(&roster, cases(ScopeKind::Care, Ok(())));
}

#[test]
fn a_grant_holds_in_its_time() {
    let it = cast();
    let clinic = it.clinic.id();
    let during = |from, until| {
        vec![grant_during(it.clinic.facility(), Access::WRITE, (from, until), None, 1)]
    };
    let care = it.scope(ScopeKind::Care, during(300, Some(600)));
    let ended = Err(Denial::GrantEnded { at: Timestamp(600) });
    let cases = |action| {
        vec![
            case("before", &care, clinic, action, 299, Err(Denial::NotMember)),
            case("from its beginning", &care, clinic, action, 300, Ok(())),
            case("to its end", &care, clinic, action, 599, Ok(())),
            case("at its end", &care, clinic, action, 600, ended),
        ]
    };
    run(&it.roster, cases(READ));
    run(&it.roster, cases(WRITE));
    run(&it.roster, cases(GOVERN));
}

#[test]
fn a_certificate_holds_in_its_time() {
    let it = cast();
    let hospital = it.hospital.id();
    let chart = it.scope(ScopeKind::Chart, vec![]);
    let early = Err(Denial::Standing(StandingError::NotYetValid));
    let expired = Err(Denial::Standing(StandingError::Expired));
    for action in [READ, WRITE, GOVERN] {
        run(
            &it.roster,
            vec![
                case("before", &chart, hospital, action, 99, early),
                case("during", &chart, hospital, action, 900, Ok(())),
                case("after", &chart, hospital, action, 901, expired),
            ],
        );
    }
}

/// The clinic's tablet was stolen; its facility lists three envelopes of it as good.
#[test]
fn of_a_revoked_device_only_what_was_accepted_counts_whatever_its_clock_says() {
    let mut it = cast();
    let clinic = it.clinic.id();
    let care = it.scope(ScopeKind::Care, vec![grant(it.clinic.facility(), Access::WRITE, 1)]);
    let scope = care.as_ref().expect("just made").scope();
    let lost = Subject::Device(clinic);
    let accepted = [(scope, clinic, 3)];
    it.roster.admit(testing::revocation(lost, 500, &accepted, &it.clinic.key)).expect("its own");
    let late = Err(Denial::LateWrite { accepted: 3 });
    let revoked = Err(Denial::Standing(StandingError::Revoked { at: Timestamp(500) }));
    let fourth = Action::Write { seq: 4 };
    run(
        &it.roster,
        vec![
            case("the last accepted", &care, clinic, WRITE, 400, Ok(())),
            case("accepted, though dated after", &care, clinic, WRITE, 700, Ok(())),
            case("the next", &care, clinic, fourth, 700, late),
            case("the next, dated back", &care, clinic, fourth, 400, late),
            case("a statement", &care, clinic, Action::Govern { seq: 4 }, 400, late),
            case("reading after", &care, clinic, READ, 500, revoked),
            case("reading by a clock that runs late", &care, clinic, READ, 499, revoked),
        ],
    );
}

#[test]
fn what_an_owner_stated_outlives_the_device_that_stated_it() {
    let mut it = cast();
    let hospital = it.hospital.id();
    let chart = it.scope(ScopeKind::Chart, vec![]);
    let scope = chart.as_ref().expect("just made").scope();
    let replaced = Subject::Device(hospital);
    let accepted = [(scope, hospital, 3)];
    it.roster.admit(testing::revocation(replaced, 500, &accepted, &it.hospital.key)).expect("own");
    run(&it.roster, vec![case("governed before", &chart, hospital, GOVERN, 200, Ok(()))]);
}

/// A member leaves the care team while its line is down, and writes on.
#[test]
fn of_a_removed_member_only_what_was_accepted_counts() {
    let it = cast();
    let (clinic, facility) = (it.clinic.id(), it.clinic.facility());
    let scope = create(ScopeKind::Care, it.hospital.facility()).0;
    let history = |more: Vec<Statement>| {
        let mut statements = vec![
            grant_during(facility, Access::WRITE, (200, None), None, 1),
            revoke(facility, &[(scope, clinic, 3)], 2),
        ];
        statements.extend(more);
        it.scope(ScopeKind::Care, statements)
    };
    let out = history(vec![]);
    let back = history(vec![grant_during(facility, Access::WRITE, (600, None), None, 3)]);
    let late = Err(Denial::LateWrite { accepted: 3 });
    let fourth = Action::Write { seq: 4 };
    run(
        &it.roster,
        vec![
            case("the last accepted", &out, clinic, WRITE, 300, Ok(())),
            case("the next", &out, clinic, fourth, 300, late),
            case("the next statement", &out, clinic, Action::Govern { seq: 4 }, 300, late),
            case("before it was let in", &out, clinic, WRITE, 150, Err(Denial::NotMember)),
            case("reading", &out, clinic, READ, 300, Err(Denial::NotMember)),
            case("let in again: old and accepted", &back, clinic, WRITE, 300, Ok(())),
            case("let in again: old and late", &back, clinic, fourth, 300, late),
            case("let in again: new", &back, clinic, fourth, 600, Ok(())),
            case("let in again: reading", &back, clinic, READ, 600, Ok(())),
        ],
    );
}

#[test]
fn before_the_first_statement_nothing_but_that_can_be_said() {
    let it = cast();
    let check = |scope: ScopeId, member: &Member, action, expected| {
        let question = Question { device: member.id(), action, at: Timestamp(500) };
        assert_eq!(decide(&it.roster, &scope, None, &question), expected);
    };
    let unseen = ScopeId([6; 16]);
    check(unseen, &it.hospital, GOVERN, Ok(()));
    check(unseen, &it.hospital, WRITE, Err(Denial::NotCreated));
    check(unseen, &it.hospital, READ, Err(Denial::NotCreated));

    let registry = registry_scope(&it.roster.network());
    for action in [READ, WRITE, GOVERN] {
        check(registry, &it.pharmacy, action, Ok(()));
        let unknown = Err(Denial::Standing(StandingError::Unknown));
        check(registry, &it.stranger, action, unknown);
    }
    let other = registry_scope(&NetworkId([8; 32]));
    check(other, &it.pharmacy, WRITE, Err(Denial::NotCreated));

    // A pair is known by its id alone.
    let pair = pair_scope(&it.roster.network(), &it.hospital.id(), &it.clinic.id());
    check(pair, &it.hospital, WRITE, Ok(()));
    check(pair, &it.hospital, READ, Ok(()));
    check(pair, &it.clinic, READ, Ok(()));
    check(pair, &it.clinic, WRITE, Err(Denial::NotCreated));
    check(pair, &it.station, READ, Err(Denial::NotCreated));
}

#[test]
fn a_renewal_does_not_shut_out_what_was_written_before_it() {
    let mut it = cast();
    let hospital = it.hospital.id();
    it.roster.admit(it.hospital.device_certificate(valid(800, 2_000))).expect("renewed");
    let chart = it.scope(ScopeKind::Chart, vec![]);
    let before = VALID.not_before.0;
    run(&it.roster, vec![case("written early", &chart, hospital, WRITE, before, Ok(()))]);
}
