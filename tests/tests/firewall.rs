//! A clinic behind a firewall that drops UDP: it joins, reads and writes over TCP, directly or through the hospital's proxy, says so,
//! and takes the better way as soon as there is one.

use azalea_tests::fhir::{bundle, observation, patient};
use azalea_tests::proxy::{PROXY_PASSWORD, Proxy, RELAY_NAME};
use azalea_tests::{CLINIC, HOSPITAL, Node, Region, until, until_within};
use std::time::Duration;

const LOCAL: &str = "0004711";
/// QUIC is tried less and less often beside a session over TCP; on a slow machine the next try may be some minutes away.
const PROBING: Duration = Duration::from_secs(600);

/// A region with a hospital whose UDP passes.
fn region() -> (Region, Node) {
    let region = Region::start();
    let hospital = region.join(&HOSPITAL);
    (region, hospital)
}

/// Waits until the session of a node goes over `via`.
fn goes_over(node: &Node, via: &str) {
    until(&format!("the session goes over {via}"), || {
        (node.status()["link_via"].as_str() == Some(via)).then_some(())
    });
}

/// A chart goes to the clinic, and a note of the clinic to the hospital.
fn exchange(region: &Region, hospital: &Node, clinic: &Node) -> String {
    let chart = [
        patient(LOCAL, "佐竹", "みつ", "サタケ ミツ", "1948-03-03"),
        observation("lab-0", LOCAL, "2026-10-01", "クレアチニン", "1.50"),
    ];
    hospital.import(&region.write("chart.json", &bundle(&chart)));
    let who = hospital.consent(LOCAL, &[&CLINIC]);
    until("the chart arrives", || (clinic.export(&[&who]).len() == chart.len()).then_some(()));
    clinic.note(&who, "壁の向こうから");
    until("the note arrives", || {
        hospital.note_texts(&who).contains(&"壁の向こうから".to_owned()).then_some(())
    });
    who
}

#[test]
fn a_clinic_where_udp_is_dropped_joins_and_works_over_tcp_and_moves_to_quic_once_udp_passes() {
    let (mut region, hospital) = region();
    let tcp = region.relay.tcp().to_string();
    let mut clinic = region.joined_without_udp(&CLINIC, &["--relay-tcp", &tcp], &[]);
    // Where TCP is was said when it joined.
    clinic.start();
    goes_over(&clinic, "tcp");
    goes_over(&hospital, "quic");
    let who = exchange(&region, &hospital, &clinic);

    // The operator sees who takes the detour.
    assert_eq!(region.relay.metric("connections_tcp"), 1.0);
    let status = region.relay.status();
    assert_eq!(status["connections_tcp"], 1);
    assert_eq!(status["listen_tcp"], tcp);
    let facilities = status["facilities"].as_array().expect("facilities");
    for facility in facilities {
        let detour = facility["name"] == CLINIC.name;
        assert_eq!(facility["devices"][0]["over_tcp"], detour, "{facility}");
    }

    // The relay's process dies and comes back: so does the session, the same way.
    region.relay.kill();
    until("it is noticed", || (clinic.status()["link"] != "connected").then_some(()));
    region.relay.start();
    goes_over(&clinic, "tcp");

    // The firewall is opened; nobody has to do anything.
    clinic.line.restore();
    until_within(PROBING, "the session moves to QUIC", || {
        (clinic.status()["link_via"] == "quic").then_some(())
    });
    until("the detour has ended", || (region.relay.metric("connections_tcp") == 0.0).then_some(()));
    let later = observation("lab-1", LOCAL, "2026-11-01", "カリウム", "4.10");
    hospital.import(&region.write("later.json", &bundle(std::slice::from_ref(&later))));
    until("what comes later arrives", || clinic.export(&[&who]).contains(&later).then_some(()));

    // And closed again, under a session.
    clinic.line.cut();
    goes_over(&clinic, "tcp");
    clinic.note(&who, "また壁の向こうから");
    until("the second note arrives", || {
        hospital.note_texts(&who).contains(&"また壁の向こうから".to_owned()).then_some(())
    });
    clinic.verify();
    hospital.verify();
}

#[test]
fn a_clinic_joins_and_works_through_a_proxy_that_wants_a_password() {
    let (region, hospital) = region();
    let proxy = Proxy::start(region.relay.tcp());
    let way = ["--relay-tcp", RELAY_NAME];

    let wrong = proxy.url("himitsu-dewa-nai-9");
    let refused = region.refused_without_udp(&CLINIC, &way, &[("AZALEA_PROXY", &wrong)]);
    assert!(refused.contains("user name and password"), "{refused}");
    assert!(!refused.contains("himitsu"), "{refused}");

    let url = proxy.url(PROXY_PASSWORD);
    let mut clinic = region.joined_without_udp(&CLINIC, &way, &[("AZALEA_PROXY", &url)]);
    clinic.start();
    goes_over(&clinic, "proxy");
    exchange(&region, &hospital, &clinic);
    assert!(proxy.passed().len() >= 2, "joining and the session: {:?}", proxy.passed());

    // The password is the proxy's affair alone.
    clinic.stop();
    let log = std::fs::read_to_string(clinic.log()).expect("a log");
    let settings = std::fs::read_to_string(clinic.dir().join("node.json")).expect("settings");
    for text in [log, settings] {
        assert!(!text.contains(PROXY_PASSWORD), "{text}");
    }
}
