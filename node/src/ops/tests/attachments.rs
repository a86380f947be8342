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
