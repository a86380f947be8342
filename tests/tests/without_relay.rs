//! The relay is down, or no line goes: two nodes sync directly, or somebody carries a file.

use azalea_tests::fhir::{bundle, observation, patient};
use azalea_tests::{CLINIC, HOSPITAL, Hand, Node, PHARMACY, Region, until};
use serde_json::Value;
use std::path::Path;

const LOCAL: &str = "0004711";

fn chart(node: &Hand, who: &str) -> Vec<String> {
    let mut resources = node.export(&[who]);
    resources.sort();
    resources
}

fn sorted(resources: &[String]) -> Vec<String> {
    let mut resources = resources.to_vec();
    resources.sort();
    resources
}

#[track_caller]
fn sync(node: &Hand, with: &Node) -> Value {
    node.ask(&["sync", "--with", with.listens()]).expect("azalea sync")
}

/// What a command says that fails.
#[track_caller]
fn fails(node: &Hand, words: &[&str]) -> String {
    let told = node.ask(words);
    assert!(!told.ok, "{words:?} succeeded: {}", told.out);
    told.err
}

/// A hospital that can be called and a clinic that reads one of its patients; then the relay goes down.
struct Cut {
    region: Region,
    hospital: Node,
    clinic: Node,
    chart: Vec<String>,
    who: String,
}

fn cut() -> Cut {
    let mut region = Region::start();
    let mut hospital = region.joined(&HOSPITAL);
    hospital.start_called();
    let clinic = region.join(&CLINIC);
    let chart = vec![
        patient(LOCAL, "佐竹", "みつ", "サタケ ミツ", "1948-03-03"),
        observation("lab-1", LOCAL, "2026-10-01", "クレアチニン", "1.50"),
    ];
    let other = vec![
        patient("0004712", "戸田", "ゆり", "トダ ユリ", "1952-07-19"),
        observation("lab-9", "0004712", "2026-10-01", "クレアチニン", "0.9"),
    ];
    let all = [chart.clone(), other].concat();
    hospital.import(&region.write("ward.json", &bundle(&all)));
    let who = hospital.consent(LOCAL, &[&CLINIC]);
    until("the chart arrives", || (clinic.export(&[&who]).len() == chart.len()).then_some(()));
    clinic.in_step();
    hospital.in_step();
    region.relay.kill();
    Cut { region, hospital, clinic, chart, who }
}

#[test]
fn two_nodes_get_in_step_while_the_relay_is_down() {
    let Cut { mut region, hospital, clinic, mut chart, who } = cut();
    let text = "食欲もどる。夜間の咳は軽い。";
    clinic.note(&who, text);
    let newer = observation("lab-2", LOCAL, "2026-10-08", "カリウム", "4.10e0");
    hospital.import(&region.write("b.json", &bundle(std::slice::from_ref(&newer))));
    chart.push(newer);

    // One command at one of them; both have everything then, and it says so only then.
    let told = sync(&clinic, &hospital);
    assert_eq!(told["with"]["facility"]["name"], HOSPITAL.name);
    assert!(told["sent"].as_u64() >= Some(1) && told["received"].as_u64() >= Some(1), "{told}");
    assert_eq!(told["stored"], told["received"], "{told}");
    assert_eq!(hospital.note_texts(&who), [text]);
    assert_eq!(self::chart(&clinic, &who), sorted(&chart));

    // Again nothing moves, also where the store is opened by the command itself.
    let mut clinic = clinic;
    clinic.stop();
    let again = sync(&clinic, &hospital);
    assert_eq!((&again["sent"], &again["received"]), (&0.into(), &0.into()), "{again}");
    clinic.start();

    // The relay is back: it gets what it lacks from whoever wrote it, and nothing is there twice.
    region.relay.start();
    clinic.in_step();
    hospital.in_step();
    assert_eq!(hospital.note_texts(&who), [text]);
    assert_eq!(clinic.note_texts(&who), [text]);
    assert_eq!(self::chart(&clinic, &who), sorted(&chart));
    hospital.verify();
    clinic.verify();
}

#[test]
fn whoever_may_not_read_gets_nothing_and_a_stranger_no_session() {
    let Cut { mut region, hospital, clinic, .. } = cut();
    region.relay.start();
    let pharmacy = region.join(&PHARMACY);
    let words = ["sync", "--with", hospital.listens()];
    until("the hospital knows the pharmacy", || pharmacy.ask(&words).ok.then_some(()));
    pharmacy.in_step();
    region.relay.kill();

    // A member, but of no patient's care.
    let told = sync(&pharmacy, &hospital);
    assert_eq!((&told["sent"], &told["received"]), (&0.into(), &0.into()), "{told}");
    assert_eq!(pharmacy.patients(), 0);

    // Of another network.
    let elsewhere = Region::start();
    let stranger = elsewhere.join(&CLINIC);
    let said = fails(&stranger, &words);
    assert!(said.contains("not in this network's registry"), "{said}");

    // Nobody is there; a relay is; we are.
    let said = fails(&clinic, &["sync", "--with", "127.0.0.1:9"]);
    assert!(said.contains("no node answers at 127.0.0.1:9"), "{said}");
    let relay = elsewhere.relay.address().to_string();
    let said = fails(&stranger, &["sync", "--with", &relay]);
    assert!(said.contains("that is the relay"), "{said}");
    let said = fails(&hospital, &words);
    assert!(said.contains("this very device"), "{said}");

    // Revoked: nothing is exchanged with it from the moment when that is known, from either side.
    region.relay.start();
    let id = pharmacy.status()["facility"]["id"].as_str().expect("an id").to_owned();
    let revoke = ["revoke", "--facility", &id, "--reason", "店じまい"];
    region.relay.ask(&revoke).expect("azalea-relay revoke");
    until("the pharmacy knows", || (pharmacy.status()["trouble"] == "revoked").then_some(()));
    let said = until("the hospital knows", || {
        let told = pharmacy.ask(&words);
        (!told.ok).then_some(told.err)
    });
    assert!(said.contains("has been revoked"), "{said}");
}

#[test]
fn a_file_carries_what_no_line_does() {
    let Cut { region, hospital, clinic, mut chart, who } = cut();
    let text = "訪問にて。血圧は落ち着いている。";
    clinic.note(&who, text);
    let [out, small, back] = ["out.carry", "small.carry", "back.carry"].map(|it| region.path(it));
    let path = |path: &Path| path.to_str().expect("a path in UTF-8").to_owned();
    let [out, small, back] = [path(&out), path(&small), path(&back)];

    // Out at the clinic, in at the hospital, where the note is read; once more changes nothing.
    let written = clinic.ask(&["carry", "out", &out, "--to", HOSPITAL.code]).expect("carry out");
    assert!(written["envelopes"].as_u64() > Some(1), "{written}");
    let told = hospital.ask(&["carry", "in", &out]).expect("carry in");
    assert!(told["stored"].as_u64() >= Some(1), "{told}");
    assert_eq!(hospital.note_texts(&who), [text]);
    let again = hospital.ask(&["carry", "in", &out]).expect("carry in");
    assert_eq!((&again["stored"], &again["waiting"]), (&0.into(), &0.into()), "{again}");
    assert_eq!(hospital.note_texts(&who), [text]);

    // The answer holds only what the file says is lacking there.
    let newer = observation("lab-2", LOCAL, "2026-10-08", "カリウム", "4.10e0");
    hospital.import(&region.write("b.json", &bundle(std::slice::from_ref(&newer))));
    chart.push(newer);
    let words = ["carry", "out", &back, "--to", CLINIC.code, "--answer", &out];
    let answer = hospital.ask(&words).expect("carry out");
    assert_eq!(answer["envelopes"], 1, "{answer}");
    clinic.ask(&["carry", "in", &back]).expect("carry in");
    assert_eq!(self::chart(&clinic, &who), sorted(&chart));

    // What the relay lacks from here is little as well: the note and nothing that came from others.
    let words = ["carry", "out", &small, "--to", HOSPITAL.code, "--unsent"];
    let unsent = clinic.ask(&words).expect("carry out");
    assert!(unsent["envelopes"].as_u64() < written["envelopes"].as_u64(), "{unsent}");

    // What is wrong with a file is said, and nothing of it is taken.
    let said = fails(&clinic, &["carry", "out", &out, "--to", HOSPITAL.code]);
    assert!(said.contains("exists already"), "{said}");
    let said = fails(&clinic, &["carry", "in", &out]);
    assert!(said.contains("is for") && said.contains(HOSPITAL.name), "{said}");
    let whole = std::fs::read(&out).expect("it is there");
    let torn = region.path("torn.carry");
    std::fs::write(&torn, &whole[..whole.len() - 40]).expect("room");
    let said = fails(&hospital, &["carry", "in", &path(&torn)]);
    assert!(said.contains("the file is not whole"), "{said}");
    let said = fails(&hospital, &["carry", "in", &path(&region.path("b.json"))]);
    assert!(said.contains("no file that `azalea carry out` wrote"), "{said}");
    let elsewhere = Region::start();
    let said = fails(&elsewhere.join(&HOSPITAL), &["carry", "in", &out]);
    assert!(said.contains("of another network"), "{said}");

    // Whoever finds the file finds nothing to read in it.
    let bytes = [whole, std::fs::read(&back).expect("it is there")].concat();
    for word in ["佐竹", "サタケ", LOCAL, "カリウム", "4.10e0", text, "1948-03-03"] {
        let found = bytes.windows(word.len()).any(|it| it == word.as_bytes());
        assert!(!found, "{word} is in the file");
    }
    hospital.verify();
    clinic.verify();
}

#[test]
fn a_withdrawal_arrives_without_the_relay() {
    let Cut { region, hospital, clinic, chart, who } = cut();
    hospital.withdraw(LOCAL);
    let secret = observation("lab-3", LOCAL, "2026-11-02", "HbA1c", "7.9");
    hospital.import(&region.write("c.json", &bundle(std::slice::from_ref(&secret))));
    sync(&clinic, &hospital);
    assert_eq!(self::chart(&clinic, &who), sorted(&chart), "what it had stays, nothing new comes");
    let words = ["note", "write", &who, "--title", "x", "--text", "y", "--staff", "tanaka"];
    let said = fails(&clinic, &words);
    assert!(said.contains("no consent of this patient"), "{said}");
    let again = sync(&clinic, &hospital);
    assert_eq!((&again["sent"], &again["received"]), (&0.into(), &0.into()), "{again}");
}

#[test]
fn a_node_nearby_is_found_by_itself() {
    let Cut { region, mut hospital, clinic, who, .. } = cut();
    let said = fails(&clinic, &["sync", "--nearby"]);
    assert!(said.contains("no other node of this network was found nearby"), "{said}");
    clinic.note(&who, "近くにいる");
    hospital.stop();
    hospital.start_announced();
    let told = until("the hospital is found", || {
        let told = clinic.ask(&["sync", "--nearby"]);
        told.ok.then(|| told.json())
    });
    let found = &told["nearby"][0];
    assert_eq!(found["address"], hospital.listens());
    assert_eq!(found["result"]["with"]["facility"]["name"], HOSPITAL.name);
    assert_eq!(hospital.note_texts(&who), ["近くにいる"]);
    drop(region);
}
