//! What is newer than this program: entries that wait for an update, a store that is refused, a format that is not known.

use super::*;
use azalea_core::replica::{Cause, QuarantineRow};
use azalea_core::storage::{Batch, Table};
use azalea_core::view::View;
use azalea_core::wire::Wire;
use serde_json::json;

use crate::config::Config;

/// Puts an entry of this node's own log into 取込保留, as a program that does not read it does.
fn set_apart(opened: &Opened) {
    let snapshot = opened.node.handle().snapshot().expect("intact");
    let mut position = 0;
    let visit = &mut |key: &[u8], _: &[u8]| {
        position = u64::from_be_bytes(key.try_into().expect("a position"));
        true
    };
    snapshot.scan(table::LOG, &Range::all(), Order::Ascending, visit).expect("intact");
    let view = View::new(&snapshot);
    let header = view.envelope(position).expect("held").header().clone();
    let row = QuarantineRow {
        cause: Cause::Newer,
        scope: view.scope(&header.scope).expect("intact").expect("of this node").number,
        author: header.author,
        seq: header.seq,
        id: header.id(),
        at: header.at,
        envelope: Vec::new(),
    };
    put(opened, table::QUARANTINE, row.id.as_bytes(), &row.to_bytes());
}

fn put(opened: &Opened, table: Table, key: &[u8], value: &[u8]) {
    let mut rows = Batch::new();
    rows.put(table, key, value);
    opened.node.handle().store().commit_all([&rows]).expect("room");
}

#[tokio::test]
async fn what_waits_for_an_update_is_shown_and_read_by_itself_after_it() {
    let hospital = Hospital::new();
    let opened = hospital.open().await.expect("a new node");
    answer(&opened, import(&hospital.file("a.json", &bundle(RESULT)))).await;
    set_apart(&opened);
    opened.close().await;

    let opened = hospital.open().await.expect("the same node");
    let status = answer(&opened, Request::Status).await;
    assert_eq!((&status["newer"], &status["trouble"]), (&json!(1), &json!("program-outdated")));
    let held = answer(&opened, Request::QuarantineList).await;
    assert_eq!(held["quarantined"][0]["kind"], "newer", "{held}");
    // The program that runs next names itself otherwise.
    put(&opened, table::META, b"program", b"\x00\x00\x00\x00\x03old");
    opened.close().await;

    let opened = hospital.open().await.expect("the same node");
    // Whatever is asked of the store comes after what follows from the update.
    answer(&opened, import(&hospital.file("b.json", &bundle(&RESULT.replace("o-1", "o-2"))))).await;
    let status = answer(&opened, Request::Status).await;
    assert_eq!((&status["newer"], &status["trouble"]), (&json!(0), &json!(null)));
    opened.close().await;
}

#[tokio::test]
async fn a_store_of_a_newer_program_is_refused_with_what_to_do() {
    let hospital = Hospital::new();
    let opened = hospital.open().await.expect("a new node");
    put(&opened, table::META, b"format", &9_u32.to_be_bytes());
    opened.close().await;
    let error = hospital.open().await.err().expect("newer").to_string();
    for words in ["store has format 9", "up to 1", "start the newer program again", "azalea repair"]
    {
        assert!(error.contains(words), "{words}: {error}");
    }
}

#[tokio::test]
async fn a_format_that_this_program_does_not_write_is_refused_by_name() {
    let hospital = Hospital::new();
    hospital.open().await.expect("a new node").close().await;
    let dir = DataDir::new(hospital.home.path());
    let mut config = Config::load(&dir).expect("written at joining");
    config.write_format = Some(0);
    config.save(&dir).expect("room");
    hospital.open().await.expect("an older format").close().await;
    config.write_format = Some(9);
    config.save(&dir).expect("room");
    let error = hospital.open().await.err().expect("unknown").to_string();
    assert!(error.contains("write_format in node.json is 9"), "{error}");
}
