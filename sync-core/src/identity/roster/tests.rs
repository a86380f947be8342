//! Whom the roster trusts, when, and that the order of arrival does not matter.

use proptest::prelude::*;

use super::super::testing::*;
use super::super::*;
use super::RosterError;
use super::waiting::PENDING;
use crate::id::{DeviceId, FacilityId, NetworkId, ScopeId, Timestamp};
use crate::wire::Wire;

const VIEW: Rights = Rights { disclose: false, view: true };
const SCOPE: ScopeId = ScopeId([9; 16]);

fn admit_all(certificates: impl IntoIterator<Item = Certificate>) -> Roster {
    let mut roster = Roster::new(network());
    for certificate in certificates {
        roster.admit(certificate).expect("a good certificate");
    }
    roster
}

/// Root, registrar and one clinic with a device, then what a case adds.
fn clinic_with(more: Vec<Certificate>) -> Roster {
    let clinic = member(10);
    let base = [
        root(),
        registrar(&registrar_key(), valid(0, 1_000)),
        clinic.facility_certificate(VIEW),
        clinic.device_certificate(VALID),
    ];
    admit_all(base.into_iter().chain(more))
}

/// A name, what is known besides the clinic, the time asked about, and whether its device then stands.
type Case = (&'static str, Vec<Certificate>, u64, Result<(), StandingError>);

#[test]
fn a_device_stands_only_while_every_link_above_it_holds() {
    let (clinic, other) = (member(10), member(20));
    let device = Subject::Device(clinic.id());
    let facility = Subject::Facility(clinic.facility());
    let second = keypair(3);
    let by_registrar = || registrar_key();
    let revoked = |at| Err(StandingError::Revoked { at: Timestamp(at) });
    let late_registrar = registrar(&registrar_key(), valid(300, 1_000));
    let renewed_by = |key: &SigningKeypair, from| {
        let claims = clinic.facility_claims(VIEW);
        let validity = valid(from, 2_000);
        sign_facility(Facility { registrar: key.public(), validity, ..claims }, key)
    };
    let registrar_gone =
        || revocation(Subject::Registrar(registrar_key().public()), 400, &[], &root_key());

    let cases: Vec<Case> = vec![
        ("within its validity", vec![], 500, Ok(())),
        ("at its first moment", vec![], 100, Ok(())),
        ("at its last moment", vec![], 900, Ok(())),
        ("before it", vec![], 99, Err(StandingError::NotYetValid)),
        ("after it", vec![], 901, Err(StandingError::Expired)),
        ("device revoked", vec![revocation(device, 500, &[], &by_registrar())], 500, revoked(500)),
        ("before that", vec![revocation(device, 500, &[], &by_registrar())], 499, Ok(())),
        ("by its own facility", vec![revocation(device, 500, &[], &clinic.key)], 600, revoked(500)),
        (
            "by a facility that is not its own",
            vec![other.facility_certificate(VIEW), revocation(device, 500, &[], &other.key)],
            600,
            Ok(()),
        ),
        ("facility revoked", vec![revocation(facility, 500, &[], &root_key())], 600, revoked(500)),
        (
            "revoked twice: the earliest counts",
            vec![
                revocation(device, 600, &[], &clinic.key),
                revocation(device, 400, &[], &by_registrar()),
                revocation(device, 500, &[], &by_registrar()),
            ],
            600,
            revoked(400),
        ),
        ("registrar revoked", vec![registrar_gone()], 500, revoked(400)),
        (
            "registrar that gives up by itself",
            {
                let own = Subject::Registrar(registrar_key().public());
                vec![revocation(own, 300, &[], &registrar_key())]
            },
            500,
            revoked(300),
        ),
        (
            "registrar revoked, facility taken over by another",
            vec![registrar_gone(), registrar(&second, VALID), renewed_by(&second, 450)],
            500,
            Ok(()),
        ),
        (
            "registrar revoked, facility taken over by the root",
            vec![registrar_gone(), renewed_by(&root_key(), 450)],
            500,
            Ok(()),
        ),
        (
            "what a registrar revoked after its own end",
            vec![
                registrar_gone(),
                renewed_by(&root_key(), 420),
                revocation(device, 450, &[], &registrar_key()),
            ],
            500,
            Ok(()),
        ),
        ("a registrar renewed to begin later", vec![late_registrar.clone()], 200, Ok(())),
        (
            "a device renewed: the time before",
            vec![clinic.device_certificate(valid(800, 2_000))],
            500,
            Ok(()),
        ),
        (
            "a device renewed to end earlier",
            vec![clinic.device_certificate(valid(200, 400))],
            500,
            Err(StandingError::Expired),
        ),
    ];
    for (name, more, at, expected) in cases {
        let roster = clinic_with(more);
        let standing = roster.standing(&clinic.id(), Timestamp(at)).map(|_| ());
        assert_eq!(standing, expected, "{name}");
    }
    let unknown = clinic_with(vec![]).standing(&other.id(), Timestamp(500)).map(|_| ());
    assert_eq!(unknown, Err(StandingError::Unknown));
}

#[test]
fn rights_are_those_of_the_time_that_is_asked_about() {
    let clinic = member(10);
    let both = Rights { disclose: true, view: true };
    let claims = Facility { validity: valid(500, 900), ..clinic.facility_claims(both) };
    let roster = clinic_with(vec![sign_facility(claims, &registrar_key())]);
    let rights = |at| roster.standing(&clinic.id(), Timestamp(at)).map(|it| it.facility.rights);
    assert_eq!((rights(499), rights(500)), (Ok(VIEW), Ok(both)));
}

#[test]
fn after_a_revocation_its_cutoffs_say_what_is_accepted() {
    let (clinic, scope) = (member(10), SCOPE);
    let (id, device, facility) =
        (clinic.id(), Subject::Device(clinic.id()), Subject::Facility(clinic.facility()));
    let check = |more, expected| {
        assert_eq!(clinic_with(more).cutoff(&id, &scope), expected);
    };
    check(vec![], None);
    check(vec![revocation(device, 500, &[(scope, id, 7)], &clinic.key)], Some(7));
    check(vec![revocation(device, 500, &[(ScopeId([8; 16]), id, 7)], &clinic.key)], Some(0));
    // Both the device and its facility are out: only what both accept.
    check(
        vec![
            revocation(device, 500, &[(scope, id, 7)], &clinic.key),
            revocation(facility, 600, &[(scope, id, 5)], &registrar_key()),
        ],
        Some(5),
    );
    let registrar = Subject::Registrar(registrar_key().public());
    check(vec![revocation(registrar, 500, &[(scope, id, 3)], &root_key())], Some(3));
}

#[test]
fn a_certificate_by_the_wrong_signer_is_refused() {
    let (clinic, other) = (member(10), member(20));
    let forged = RosterError::Signature(SignatureError::Mismatch);
    let check = |certificate, expected| {
        let mut roster = clinic_with(vec![other.facility_certificate(VIEW)]);
        assert_eq!(roster.admit(certificate), Err(expected));
    };
    // A facility that names a registrar which did not sign it.
    check(sign_facility(other.facility_claims(Rights::default()), &other.key), forged.clone());
    // A registrar that the root did not sign.
    let claims = Registrar {
        network: network(),
        key: other.key.public(),
        name: "偽".to_owned(),
        validity: VALID,
    };
    let self_made = Signed::sign(claims, &other.key).expect("a short name");
    check(Certificate::Registrar(self_made), forged.clone());
    // One registrar against another.
    let subject = Subject::Registrar(registrar_key().public());
    check(revocation(subject, 500, &[], &other.key), RosterError::NotEntitled);
    // Another facility's device under a new roof, with the proof it gave to its own facility.
    let stolen =
        Device { facility: other.facility(), ..clinic.device_claims(clinic.facility(), VALID) };
    check(Certificate::Device(Signed::sign(stolen, &other.key).expect("a short label")), forged);
    // Another council's facility.
    let abroad = Facility { network: NetworkId([7; 32]), ..clinic.facility_claims(VIEW) };
    check(sign_facility(abroad, &registrar_key()), RosterError::OtherNetwork);
    // Another council's root.
    let claims = Root { key: keypair(9).public(), name: String::new(), created: Timestamp(0) };
    let root = Signed::sign(claims, &keypair(9)).expect("a short name");
    check(Certificate::Root(root), RosterError::OtherNetwork);
}

#[test]
fn a_certificate_waits_for_its_issuer_and_is_verified_when_it_comes() {
    let clinic = member(10);
    let mut roster = Roster::new(network());
    let mut check = |certificate, expected, pending| {
        assert_eq!(roster.admit(certificate), Ok(expected));
        assert_eq!(roster.pending(), pending);
    };
    check(clinic.device_certificate(VALID), Admission::Pending, 1);
    check(clinic.device_certificate(VALID), Admission::Pending, 1);
    // This one turns out to be forged when its facility comes.
    let forged = clinic.device_claims(clinic.facility(), valid(100, 5_000));
    let forged = Signed::sign(forged, &keypair(77)).expect("a short label");
    check(Certificate::Device(forged), Admission::Pending, 2);
    check(clinic.facility_certificate(VIEW), Admission::Pending, 3);
    check(registrar(&registrar_key(), valid(0, 1_000)), Admission::Pending, 4);
    check(root(), Admission::New, 0);
    check(root(), Admission::Known, 0);
    check(clinic.device_certificate(VALID), Admission::Known, 0);
    let standing = |at| roster.standing(&clinic.id(), Timestamp(at)).map(|_| ());
    assert_eq!(standing(500), Ok(()));
    assert_eq!(standing(4_000), Err(StandingError::Expired));
}

#[test]
fn what_waits_is_bounded() {
    let mut roster = Roster::new(network());
    let claims = member(10).facility_claims(VIEW);
    let junk = |n: usize| {
        let code = n.to_string();
        sign_facility(Facility { code, ..claims.clone() }, &registrar_key())
    };
    for n in 0..PENDING.max {
        assert_eq!(roster.admit(junk(n)), Ok(Admission::Pending));
    }
    let full = RosterError::PendingFull { limit: PENDING.name, max: PENDING.max };
    assert_eq!(roster.admit(junk(PENDING.max)), Err(full));
    assert_eq!(roster.admit(root()), Ok(Admission::New), "who needs nobody is still taken");
}

/// A bit of everything: renewals, revocations by everybody, a registrar's end, a device that moved house.
fn soup() -> Vec<Certificate> {
    let (a, b, second) = (member(10), member(20), keypair(3));
    let taken_over = Facility {
        registrar: second.public(),
        validity: valid(450, 2_000),
        ..b.facility_claims(VIEW)
    };
    let moved = a.device_claims(b.facility(), valid(600, 1_500));
    let policy = |issued, by: &SigningKeypair| {
        let policy = Policy {
            network: network(),
            relay: keypair(4).public(),
            statement_interval_ms: 60_000,
            issued: Timestamp(issued),
            by: by.public(),
        };
        Certificate::Policy(Signed::sign(policy, by).expect("no text in it"))
    };
    let seen = [(SCOPE, a.id(), 4), (SCOPE, b.id(), 6)];
    vec![
        root(),
        registrar(&registrar_key(), valid(0, 1_000)),
        registrar(&registrar_key(), valid(200, 3_000)),
        registrar(&second, VALID),
        a.facility_certificate(VIEW),
        b.facility_certificate(VIEW),
        sign_facility(taken_over, &second),
        a.device_certificate(VALID),
        a.device_certificate(valid(500, 2_000)),
        b.device_certificate(VALID),
        Certificate::Device(Signed::sign(moved, &b.key).expect("a short label")),
        policy(300, &root_key()),
        policy(400, &registrar_key()),
        revocation(Subject::Registrar(registrar_key().public()), 700, &seen, &root_key()),
        revocation(Subject::Facility(b.facility()), 650, &seen, &registrar_key()),
        revocation(Subject::Facility(b.facility()), 800, &[], &registrar_key()),
        revocation(Subject::Facility(b.facility()), 720, &[], &second),
        revocation(Subject::Device(a.id()), 750, &seen, &a.key),
        revocation(Subject::Device(a.id()), 740, &[], &b.key),
        revocation(Subject::Device(b.id()), 300, &[], &a.key),
    ]
}

/// All that can be asked of a roster, as bytes and text.
fn answers(roster: &Roster) -> (Vec<Vec<u8>>, Vec<String>) {
    let held = roster.certificates().map(|certificate| certificate.to_bytes()).collect();
    let mut said = vec![format!("{:?} {:?}", roster.policy(), roster.pending())];
    for (device, facility) in [10, 20].map(|seed| (member(seed).id(), member(seed).facility())) {
        for at in [50, 150, 320, 470, 550, 610, 660, 730, 760, 950, 1_700] {
            let standing = roster.standing(&device, Timestamp(at));
            let facility = roster.facility_standing(&facility, Timestamp(at));
            said.push(format!("{standing:?} {facility:?}"));
        }
        said.push(format!("{:?}", roster.cutoff(&device, &SCOPE)));
    }
    (held, said)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn answers_do_not_hang_on_the_order_of_arrival(
        order in Just(soup()).prop_shuffle(),
        again in proptest::sample::subsequence(soup(), 0..5),
    ) {
        let expected = answers(&admit_all(soup()));
        let roster = admit_all(order.into_iter().chain(again));
        prop_assert_eq!(roster.pending(), 0);
        prop_assert_eq!(answers(&roster), expected);
    }

    /// Who holds on to an answer until then misses no end and no renewal; a revocation counts as soon as it is known.
    #[test]
    fn nothing_changes_before_the_moment_that_is_named(
        some in proptest::sample::subsequence(soup(), 0..soup().len()),
        from in 0_u64..1_000,
    ) {
        let roster = admit_all(some);
        for device in [10, 20].map(|seed| member(seed).id()) {
            let held = roster.in_order(&device, Timestamp(from));
            let until = roster.stands_until(&device, Timestamp(from)).0;
            prop_assert_eq!(held.is_ok(), until > from);
            for at in from..until.min(2_500) {
                prop_assert_eq!(roster.in_order(&device, Timestamp(at)), held, "from {} at {}", from, at);
                prop_assert_eq!(roster.standing(&device, Timestamp(at)), held, "from {} at {}", from, at);
            }
        }
    }
}

#[test]
fn a_newcomer_can_admit_what_is_handed_on_without_waiting() {
    let old = admit_all(soup());
    let mut roster = Roster::new(network());
    for certificate in old.certificates() {
        assert_eq!(roster.admit(certificate), Ok(Admission::New));
    }
    assert_eq!(answers(&roster), answers(&old));
}

#[test]
fn lists_follow_the_newest_certificates() {
    let (a, b) = (member(10), member(20));
    let roster = admit_all(soup());
    let facilities: Vec<FacilityId> = roster.facilities().map(Facility::id).collect();
    let mut expected = [a.facility(), b.facility()];
    expected.sort();
    assert_eq!(facilities, expected);
    // The first device moved to the second facility.
    let devices = |of: &Member| roster.devices_of(&of.facility()).map(Device::id).collect();
    let mut both = vec![a.id(), b.id()];
    both.sort();
    assert_eq!((devices(&a), devices(&b)), (Vec::<DeviceId>::new(), both));
    assert_eq!(roster.policy().map(|policy| policy.issued), Some(Timestamp(300)));
}
