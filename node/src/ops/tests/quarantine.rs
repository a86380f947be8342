//! What becomes of a file that was not taken.

use super::*;

use crate::import::{self, Inbox};
use crate::node::BY_COMMAND;

/// A result of a patient whom no file has brought yet.
const STRAY: &str = r#"{"resourceType":"Observation","id":"o-2","status":"final","code":{"text":"HbA1c"},
  "subject":{"reference":"Patient?identifier=urn:a|0007"}}"#;

/// Puts a file through the inbox, as the daemon does.
fn hand_in(hospital: &Hospital, opened: &Opened, name: &str, text: &str) -> PathBuf {
    let mut inbox = Inbox::open(hospital.home.path()).expect("room");
    let file = hospital.file(&format!("inbox/{name}"), text);
    let sink = &mut opened.node.sink(BY_COMMAND);
    let report = import::import_file(&file, sink, &mut |_| ()).expect("room");
    inbox.settle(&file, &report).expect("room")
}

async fn held(opened: &Opened) -> Vec<Value> {
    let listed = answer(opened, Request::QuarantineList).await;
    listed["quarantined"].as_array().expect("a list").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_file_is_read_again_under_its_name_until_it_is_taken() {
    let hospital = Hospital::new();
    let opened = hospital.open().await.expect("a new node");
    let file = tokio::task::block_in_place(|| hand_in(&hospital, &opened, "lab.json", STRAY));
    assert_eq!(file, hospital.home.path().join("quarantined/lab.json"));
    let listed = held(&opened).await;
    let key = listed[0]["key"].as_str().expect("a file has a key").to_owned();
    let retry = |key: &str| Request::QuarantineRetry { key: Some(key.to_owned()) };

    let (again, _) = ask(&opened, retry(&key)).await.expect("an answer");
    assert!(!again.success && again.json["left"] == 1, "{}", again.text);
    assert!(file.exists(), "it keeps its place and its name");
    let (all, _) = ask(&opened, Request::QuarantineRetry { key: None }).await.expect("an answer");
    assert!(!all.success && all.json["left"] == 1 && all.json["taken"] == 0, "{}", all.text);

    answer(&opened, import(&hospital.file("patient.json", PATIENT))).await;
    assert_eq!(answer(&opened, retry(&key)).await["taken"], 1);
    assert!(held(&opened).await.is_empty());
    assert!(!file.exists() && hospital.home.path().join("done/lab.json").exists());
    let left = std::fs::read_dir(hospital.home.path().join("quarantined")).expect("a folder");
    assert_eq!(left.count(), 0, "its cause is gone with it");
    assert!(ask(&opened, retry(&key)).await.is_err(), "a page that is out of date does nothing");
    answer(&opened, Request::Verify).await;
    opened.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_file_is_discarded_with_a_reason_that_the_ledger_keeps() {
    let hospital = Hospital::new();
    let opened = hospital.open().await.expect("a new node");
    answer(&opened, staff("hanako")).await;
    tokio::task::block_in_place(|| hand_in(&hospital, &opened, "山田太郎.json", STRAY));
    let key = held(&opened).await[0]["key"].as_str().expect("a key").to_owned();
    let discard = |key: &str, reason: &str| Request::QuarantineDiscard {
        key: key.to_owned(),
        reason: reason.to_owned(),
        staff: "hanako".to_owned(),
    };
    let long = "理".repeat(201);
    for (reason, words) in [("", "--reason"), (" ", "--reason"), (&long, "reason_chars_max is 200")]
    {
        let error = ask(&opened, discard(&key, reason)).await.expect_err(words).to_string();
        assert!(error.contains(words), "{error}");
    }
    for unknown in ["", "zz", &"0".repeat(64), "../quarantined"] {
        assert!(ask(&opened, discard(unknown, "x")).await.is_err(), "{unknown}");
    }
    assert_eq!(held(&opened).await.len(), 1);
    assert_eq!(opened.node.access_log(None, 0, 9).expect("readable").total, 0);

    answer(&opened, discard(&key, "二重に届いたもの")).await;
    assert!(held(&opened).await.is_empty());
    assert!(hospital.home.path().join("discarded/山田太郎.json").exists(), "kept all the same");
    let line = opened.node.access_log(None, 0, 9).expect("readable").lines.remove(0).entry;
    assert_eq!(line.reason, format!("{} 二重に届いたもの", &key[..12]));
    assert_eq!((line.staff_name.as_str(), line.kind), ("山田 花子", AccessKind::DiscardedImport));
    answer(&opened, Request::Verify).await;
    opened.close().await;
}
