//! Nothing is claimed that is not known, and nothing is taken that is too long.

use super::*;
use azalea_core::access::ScopeKind;
use azalea_core::id::{PatientId, ScopeId};
use azalea_core::replica::effect::ScopeView;
use azalea_core::replica::{Cause, QuarantineRow};
use azalea_core::storage::Batch;
use azalea_core::view::View;
use azalea_core::wire::Wire;

use crate::store::tables;

/// A note says how far it has come and no further: saved here, stored at the relay, or refused by it.
#[tokio::test]
async fn a_note_says_where_it_is_known_to_be() {
    let hospital = Hospital::new();
    let opened = hospital.open().await.expect("a new node");
    consented(&hospital, &opened).await;
    let note = Request::NoteWrite {
        id: "p-1".into(),
        kind: "record".into(),
        title: "訪問".into(),
        text: String::new(),
        vitals: Default::default(),
        staff: "hanako".into(),
    };
    answer(&opened, note).await;
    let delivery = async || {
        let notes = answer(&opened, Request::NoteList { id: "p-1".into() }).await;
        notes["notes"][0]["delivery"].as_str().map(str::to_owned).expect("one note")
    };
    assert_eq!(delivery().await, "unsent");

    let store = opened.node.handle().store();
    let mut acknowledged = Batch::new();
    let mut position = 0;
    let visit = &mut |key: &[u8], _: &[u8]| {
        position = u64::from_be_bytes(key.try_into().expect("a position"));
        acknowledged.remove(table::OUTBOX, key);
        true
    };
    store.scan(table::OUTBOX, &Range::all(), Order::Ascending, visit).expect("intact");
    store.commit_all([&acknowledged]).expect("room");
    assert_eq!(delivery().await, "stored");

    let snapshot = opened.node.handle().snapshot().expect("intact");
    let header = View::new(&snapshot).envelope(position).expect("held").header().clone();
    let row = QuarantineRow {
        cause: Cause::Refused,
        scope: 0,
        author: header.author,
        seq: header.seq,
        id: header.id(),
        at: header.at,
        envelope: Vec::new(),
    };
    let mut refused = Batch::new();
    refused.put(table::QUARANTINE, row.id.as_bytes(), row.to_bytes());
    store.commit_all([&refused]).expect("room");
    assert_eq!(delivery().await, "refused");
    opened.close().await;
}

/// A patient of the network waits to be linked where this facility has patients of its own, and nowhere else.
#[tokio::test]
async fn a_patient_waits_for_a_link_only_where_there_is_somebody_to_link() {
    let hospital = Hospital::new();
    let opened = hospital.open().await.expect("a new node");
    let theirs = ScopeView {
        id: ScopeId([7; 16]),
        number: 900,
        kind: ScopeKind::Chart,
        owner: hospital.clinic,
        patient: Some(PatientId([8; 16])),
    };
    let mut rows = Batch::new();
    let row = tables::ScopeRow(theirs).to_bytes();
    rows.put(tables::SCOPES, 900_u32.to_be_bytes(), row);
    opened.node.handle().store().commit_all([&rows]).expect("room");
    opened.close().await;

    let opened = hospital.open().await.expect("the same node");
    let waiting = async || {
        let list = Request::PatientList { query: String::new(), offset: 0, limit: 9 };
        let list = answer(&opened, list).await;
        let patients = list["patients"].as_array().expect("a list").clone();
        patients.iter().filter(|patient| patient["link_waiting"] == true).count()
    };
    assert_eq!(waiting().await, 0, "nobody here could be this patient");
    answer(&opened, import(&hospital.file("a.json", &bundle(RESULT)))).await;
    assert_eq!(waiting().await, 1, "the other facility's patient, not our own");
    opened.close().await;
}

/// What is too long is refused with the name of the limit, before anybody looks at the rest.
#[tokio::test]
async fn what_is_typed_has_named_limits() {
    let hospital = Hospital::new();
    let opened = hospital.open().await.expect("a new node");
    consented(&hospital, &opened).await;
    let note = |title: usize, text: usize, vital: usize| Request::NoteWrite {
        id: "p-1".into(),
        kind: "record".into(),
        title: "題".repeat(title),
        text: "文".repeat(text),
        vitals: [("pulse".to_owned(), "7".repeat(vital))].into(),
        staff: "hanako".into(),
    };
    let account = |login: usize, name: usize| Request::StaffAdd {
        login: "l".repeat(login),
        name: "名".repeat(name),
        role: "nurse".into(),
        admin: false,
        verifier: String::new(),
    };
    let consent = |proxy: usize| Request::ConsentGive {
        id: "p-1".into(),
        to: vec!["久留米医院".into()],
        until: None,
        proxy: Some("代".repeat(proxy)),
        staff: "hanako".into(),
    };
    let patient = opened.node.find_patient("p-1").expect("imported").to_string();
    let link = |local: usize| Request::Link {
        step: Step::Propose,
        patient: patient.clone(),
        local: "8".repeat(local),
        staff: "hanako".into(),
    };
    let refused = [
        (note(121, 1, 2), "note_title_chars_max is 120"),
        (note(1, 20_001, 2), "note_text_chars_max is 20000"),
        (note(1, 1, 9), "vital_chars_max is 8"),
        (account(33, 1), "login_chars_max is 32"),
        (account(1, 61), "staff_name_chars_max is 60"),
        (consent(81), "proxy_chars_max is 80"),
        (link(513), "limit of 512 bytes"),
        (link(0), "is empty"),
    ];
    for (request, words) in refused {
        let error = ask(&opened, request).await.expect_err(words).to_string();
        assert!(error.contains(words), "{error}");
    }
    for taken in [note(120, 20_000, 8), account(32, 60), consent(80), link(512)] {
        answer(&opened, taken).await;
    }
    opened.close().await;
}
