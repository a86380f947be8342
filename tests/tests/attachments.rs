//! Documents that are too large to travel with text: sealed at the hospital, carried chunk by chunk, read at the clinic to the letter,
//! over power cuts on both sides, with the line cut, over TCP, and after the relay has lost them.

use azalea_simulations::line::Quality;
use azalea_tests::fhir::{bundle, patient};
use azalea_tests::{CLINIC, HOSPITAL, Hand, Node, Region, until};
use data_encoding::BASE64;
use serde_json::Value;
use std::thread;

const LOCAL: &str = "0004711";
/// A line that carries a run of four chunks in about half a second: much of a document is still to come when it is cut.
const SLOW: Quality = Quality {
    delay: std::time::Duration::ZERO,
    jitter: std::time::Duration::ZERO,
    loss: 0.0,
    bytes_per_second: 120_000,
};
/// What may be sent once more after a cut, and what proves the chunks.
const AGAIN: f64 = 1.05;

/// Bytes that no compression makes smaller, the same each time.
fn content(bytes: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..bytes).map(next).collect()
}

/// A document in the spelling of one particular printer.
fn document(id: &str, content: &[u8]) -> String {
    format!(
        "{{ \"resourceType\" : \"DocumentReference\",\"id\":\"{id}\", \"status\":\"current\",\"date\":\"2026-10-02T10:00:00+09:00\",\n \
         \"subject\":{{\"reference\":\"Patient/{LOCAL}\"}},\"content\":[{{\"attachment\":{{\"contentType\":\"application/pdf\", \
         \"title\":\"退院時サマリー\", \"data\":\"{}\" }}}}]}}",
        BASE64.encode(content)
    )
}

/// The hospital imports a document of a patient who lets the clinic read.
fn disclose(region: &Region, hospital: &Node, document: &str) -> String {
    let chart = [patient(LOCAL, "佐竹", "みつ", "サタケ ミツ", "1948-03-03"), document.to_owned()];
    hospital.import(&region.write("chart.json", &bundle(&chart)));
    until("the clinic is known", || {
        hospital.ask(&["facility", "list"]).out.contains(CLINIC.code).then_some(())
    });
    hospital.consent(LOCAL, &[&CLINIC])
}

/// A number of a node's account of its attachments.
fn count(node: &Hand, name: &str) -> u64 {
    node.status()["attachments"][name].as_u64().expect("a number")
}

/// The one attachment of a patient; nothing while that is not known yet.
fn listed(node: &Hand, who: &str) -> Value {
    node.ask(&["attachment", "list", who]).json()["attachments"][0].take()
}

#[test]
fn a_document_is_brought_and_fetched_over_power_cuts_and_read_with_the_line_cut() {
    let region = Region::start();
    let mut hospital = region.join(&HOSPITAL);
    let mut clinic = region.join(&CLINIC);
    hospital.line.set_quality(SLOW);
    let scan = content(4_000_000);
    let raw = document("d-1", &scan);
    let who = disclose(&region, &hospital, &raw);

    until("some of it is at the relay", || {
        (region.relay.metric("blobs_received_bytes") > 1e6).then_some(())
    });
    // The text did not wait for it.
    until("the record is at the clinic", || {
        (listed(&clinic, &who)["bytes"] == scan.len()).then_some(())
    });
    hospital.kill();
    assert_eq!(region.relay.metric("blobs_taken"), 0.0, "it was killed in the middle");
    hospital.start();
    until("all of it is at the relay", || {
        (region.relay.metric("blobs_taken") == 1.0).then_some(())
    });
    let sealed = region.relay.metric("blobs_bytes");
    let received = region.relay.metric("blobs_received_bytes");
    assert!(received <= sealed * AGAIN, "{received} bytes for {sealed}");
    until("the hospital knows", || (count(&hospital, "to_bring") == 0).then_some(()));

    // Too large to come before somebody asks.
    assert_eq!((count(&clinic, "on_demand"), region.relay.metric("blobs_sent_bytes")), (1, 0.0));
    clinic.line.set_quality(SLOW);
    let id = listed(&clinic, &who)["attachment"].as_str().expect("an id").to_owned();
    let (hand, asked, name) = (clinic.hand(), who.clone(), id.clone());
    let asking = thread::spawn(move || hand.ask(&["attachment", "get", &asked, &name]).ok);
    until("some of it is at the clinic", || {
        (region.relay.metric("blobs_sent_bytes") > 1e6).then_some(())
    });
    clinic.kill();
    assert!(!asking.join().expect("no panic"), "whoever asked is told that it failed");
    clinic.start();
    // What somebody has asked for once is fetched to its end.
    until("all of it is at the clinic", || (count(&clinic, "held") == 1).then_some(()));
    let sent = region.relay.metric("blobs_sent_bytes");
    assert!(sent <= sealed * AGAIN, "{sent} bytes for {sealed}");

    clinic.line.cut();
    let file = region.path("scan.pdf");
    let path = file.to_str().expect("a path in UTF-8");
    let told = clinic.ask(&["attachment", "get", &who, &id[..12], "--output", path]);
    assert_eq!(told.expect("azalea attachment get")["state"], "held");
    assert!(std::fs::read(&file).expect("written") == scan, "byte for byte");
    assert!(clinic.export(&[&who]).contains(&raw), "and so is the record that it stands in");
    let checked = [clinic.verify(), hospital.verify()];
    for checked in checked {
        assert_eq!(checked["checked"]["attachments"], 1);
    }
}

#[test]
fn a_small_document_comes_by_itself_also_over_tcp_and_again_after_the_relay_has_lost_it() {
    let mut region = Region::start();
    let tcp = region.relay.tcp().to_string();
    let mut hospital = region.joined_without_udp(&HOSPITAL, &["--relay-tcp", &tcp], &[]);
    let mut clinic = region.joined_without_udp(&CLINIC, &["--relay-tcp", &tcp], &[]);
    hospital.start();
    clinic.start();
    let raw = document("d-1", &content(300_000));
    let who = disclose(&region, &hospital, &raw);
    until("it is at the clinic", || clinic.export(&[&who]).contains(&raw).then_some(()));
    assert_eq!(hospital.status()["link_via"], "tcp");

    // The relay comes back without its attachments, from a backup of its store.
    region.relay.stop();
    std::fs::remove_file(region.relay.dir().join("blobs.redb")).expect("it was there");
    region.relay.ask(&["restored"]).expect("azalea-relay restored");
    region.relay.start();
    until("it is brought again", || (region.relay.metric("blobs_taken") == 1.0).then_some(()));
    until("the hospital knows", || (count(&hospital, "to_bring") == 0).then_some(()));
}
