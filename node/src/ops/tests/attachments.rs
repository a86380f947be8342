//! Attachments of records: sealed beside them, put back to the letter, shown without keys.

use super::*;
use data_encoding::BASE64;

/// Content of so many bytes that looks like nothing else.
pub(super) fn content(bytes: usize, seed: u64) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_be_bytes());
    let mut content = vec![0; bytes];
    hasher.finalize_xof().fill(&mut content);
    content
}

pub(super) fn document(id: &str, content: &[u8]) -> String {
    format!(
        "{{ \"resourceType\":\"DocumentReference\", \"id\":\"{id}\",\"status\":\"current\",\"subject\":{{\"reference\":\"Patient/p-1\"}},\
         \n\"content\" : [ {{\"attachment\": {{ \"contentType\":\"application/pdf\",\"data\" :  \"{}\",\"title\":\"退院時サマリー\"}} }}]}}",
        BASE64.encode(content)
    )
}

pub(super) fn with_patient(documents: &[String]) -> String {
    let entries: Vec<String> = [PATIENT.to_owned()]
        .iter()
        .chain(documents)
        .map(|resource| format!("{{\"resource\":{resource}}}"))
        .collect();
    let entries = entries.join(",\n");
    format!("{{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[{entries}]}}")
}

fn patient() -> Request {
    export(What::Patient("p-1".into()), false)
}

/// Everything that the store's log has, as it is opened for a page.
fn longest_record(opened: &Opened) -> usize {
    let snapshot = opened.node.handle().snapshot().expect("intact");
    let mut longest = 0;
    snapshot
        .scan(table::LOG, &Range::all(), Order::Ascending, &mut |_, envelope| {
            longest = longest.max(envelope.len());
            true
        })
        .expect("intact");
    longest
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attachment_lies_beside_its_record_and_comes_back_to_the_letter() {
    let hospital = Hospital::new();
    let opened = hospital.open().await.expect("a new node");
    let scan = content(300_001, 1);
    let raw = [document("d-1", &scan), document("d-2", &scan), document("d-3", &scan[..20_000])];
    answer(&opened, import(&hospital.file("a.json", &with_patient(&raw)))).await;
    assert!(longest_record(&opened) < 60_000, "it does not travel with text");
    let blobs = opened.node.shelf.census().expect("intact");
    assert_eq!((blobs.whole, blobs.part), (1, 0), "one content in one scope is one blob");

    let again = hospital.file("b.json", &format!("{} ", with_patient(&raw)));
    let report = answer(&opened, import(&again)).await;
    assert_eq!(report["counts"]["unchanged"], 4);
    opened.close().await;

    let opened = hospital.open().await.expect("the same node");
    let (_, chart) = ask(&opened, patient()).await.expect("held");
    assert!(raw.iter().all(|raw| chart.contains(raw)), "the bytes are the same");
    let verified = answer(&opened, Request::Verify).await;
    assert_eq!(verified["checked"]["attachments"], 1);
    opened.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_shelf_a_record_names_what_is_missing_and_shows_no_key() {
    let hospital = Hospital::new();
    let opened = hospital.open().await.expect("a new node");
    let raw = document("d-1", &content(50_000, 2));
    answer(&opened, import(&hospital.file("a.json", &with_patient(&[raw])))).await;
    opened.close().await;
    std::fs::remove_file(hospital.home.path().join("blobs.redb")).expect("there");

    let opened = hospital.open().await.expect("it opens with an empty shelf");
    let (told, chart) = ask(&opened, patient()).await.expect("held");
    assert_eq!((told.success, &told.json["attachments_missing"]), (false, &1.into()));
    assert!(chart.contains("urn:azalea:blob") && !chart.contains("valueBase64Binary"));
    assert!(chart.contains("退院時サマリー"));

    let node = opened.node.clone();
    let id = node.find_patient("p-1").expect("held");
    let (cut, shown) = tokio::task::spawn_blocking(move || {
        let chart = crate::web::Clinic::chart(&*node, id).expect("held");
        let entry = chart.entries.iter().find(|it| it.row.kind == "DocumentReference");
        let record = entry.expect("it has a line").record;
        let shown = crate::web::Clinic::record(&*node, id, record).expect("held");
        (stored(&node, record), shown.raw.expect("it is there"))
    })
    .await
    .expect("no panic");
    assert!(cut.contains("valueBase64Binary"));
    let shown = String::from_utf8(shown).expect("text");
    assert!(shown.contains("urn:azalea:blob") && !shown.contains("valueBase64Binary"), "{shown}");

    // Taken for a record's own bytes, a reference of some node would be altered on its way out.
    let cut = cut.replace("\"d-1\"", "\"d-9\"");
    let (report, _) = ask(&opened, import(&hospital.file("b.json", &with_patient(&[cut]))))
        .await
        .expect("a report");
    assert_eq!(report.json["files"][0]["quarantined"][0]["cause"]["code"], "attachment-reference");
    opened.close().await;
}

/// A version's bytes as they are kept.
fn stored(node: &Node, version: azalea_core::id::VersionId) -> String {
    let snapshot = node.handle().snapshot().expect("intact");
    let mut view = azalea_core::view::View::new(&snapshot);
    let scopes: Vec<_> = node.handle().directory().scopes().cloned().collect();
    let mut entries =
        scopes.iter().flat_map(|scope| view.records(scope.number).expect("intact")).flatten();
    let entry = entries.find(|entry| entry.id == version).expect("held");
    drop(entries);
    let version = view.open(&entry).expect("readable");
    String::from_utf8(version.raw().expect("it is there").to_vec()).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunk_that_has_rotted_is_named_and_only_that_one_is_missing_then() {
    let hospital = Hospital::new();
    let opened = hospital.open().await.expect("a new node");
    let raw = document("d-1", &content(100_000, 3));
    answer(&opened, import(&hospital.file("a.json", &with_patient(std::slice::from_ref(&raw)))))
        .await;
    let of = opened.node.shelf.overwrite_chunk(2);
    let (told, _) = ask(&opened, Request::Verify).await.expect("an answer");
    assert!(!told.success && told.text.contains("chunk 2"), "{}", told.text);
    let (told, chart) = ask(&opened, patient()).await.expect("held");
    assert_eq!(told.json["attachments_missing"], 1);
    assert!(!chart.contains(&raw));
    let standing = opened.node.shelf.standing(&of).expect("intact");
    assert_eq!((standing.chunks - standing.held, standing.is_whole), (1, false));
    opened.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attachments_are_listed_with_their_state_and_got_by_their_first_digits() {
    let hospital = Hospital::new();
    let opened = hospital.open().await.expect("a new node");
    let scan = content(40_000, 4);
    let raw = document("d-1", &scan);
    answer(&opened, import(&hospital.file("a.json", &with_patient(&[raw])))).await;
    let list = || Request::AttachmentList { id: "p-1".into() };
    let listed = answer(&opened, list()).await["attachments"][0].clone();
    for (name, value) in [
        ("state", Value::from("held")),
        ("bytes", scan.len().into()),
        ("title", "退院時サマリー".into()),
        ("media_type", "application/pdf".into()),
        ("record", "DocumentReference".into()),
        ("current", true.into()),
    ] {
        assert_eq!(listed[name], value, "{name}");
    }
    let status = answer(&opened, Request::Status).await["attachments"].clone();
    assert_eq!((&status["held"], &status["to_bring"]), (&1.into(), &1.into()), "no relay has it");
    let id = listed["attachment"].as_str().expect("an id").to_owned();
    let get = |attachment: &str| Request::AttachmentGet {
        id: "p-1".into(),
        attachment: attachment.to_owned(),
        patience_s: 0,
    };
    let (_, given) = ask(&opened, get(&id[..8])).await.expect("held");
    assert!(given == data_encoding::HEXLOWER.encode(&scan));
    assert!(matches!(ask(&opened, get(&id[..4])).await, Err(OpError::Value(_))), "too short");
    let other = id.chars().rev().collect::<String>();
    assert!(matches!(ask(&opened, get(&other)).await, Err(OpError::Clinic(_))));
    opened.close().await;

    std::fs::remove_file(hospital.home.path().join("blobs.redb")).expect("there");
    let opened = hospital.open().await.expect("it opens with an empty shelf");
    let (told, given) = ask(&opened, get(&id)).await.expect("an answer");
    assert_eq!((told.success, &told.json["state"], given.as_str()), (false, &"wanted".into(), ""));
    let status = answer(&opened, Request::Status).await["attachments"].clone();
    assert_eq!((&status["held"], &status["to_fetch"]), (&0.into(), &1.into()), "it is small");
    opened.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_record_refers_to_goes_after_a_day_and_nothing_else() {
    let hospital = Hospital::new();
    let opened = hospital.open().await.expect("a new node");
    let raw = document("d-1", &content(40_000, 5));
    answer(&opened, import(&hospital.file("a.json", &with_patient(std::slice::from_ref(&raw)))))
        .await;
    // As an import leaves it that was cut between sealing and the record.
    let scope = opened.node.handle().directory().scopes().next().expect("a scope").id;
    let key = azalea_core::keys::ScopeKey::from([1; 32]);
    let left = content(50_000, 6);
    let seal = |opened: &Opened| {
        let digest = *blake3::hash(&left).as_bytes();
        let sealer = azalea_core::blob::Sealer::new(digest, left.len() as u64, scope, 1, &key);
        opened.node.shelf.seal(scope, sealer.expect("short"), &left).expect("room")
    };
    let reference = seal(&opened);
    let of = azalea_core::blob::Placed { scope, blob: reference.sealed() };
    assert_eq!(opened.node.tidy_attachments().expect("intact"), 0, "its record may be on its way");
    opened.close().await;

    let later = async |hours: u64| {
        let clock = Clock { shift_ms: hours * 60 * 60 * 1_000 };
        serve::open(&DataDir::new(hospital.home.path()), None, clock).await
    };
    let opened = later(25).await.expect("the same node");
    seal(&opened);
    assert_eq!(opened.node.tidy_attachments().expect("intact"), 0, "somebody has begun again");
    opened.close().await;
    let opened = later(50).await.expect("the same node");
    let in_hand = opened.node.transfers.take_up(crate::blobs::Way::There, of);
    assert_eq!(opened.node.tidy_attachments().expect("intact"), 0, "it is under way");
    drop(in_hand);
    assert_eq!(opened.node.tidy_attachments().expect("intact"), 1);
    assert_eq!(opened.node.shelf.standing(&of).expect("intact").held, 0);
    let (_, chart) = ask(&opened, patient()).await.expect("held");
    assert!(chart.contains(&raw), "what a record refers to stays");
    opened.close().await;
}
