//! Commands on a node in a temporary directory, offline: the network exists on paper only.

mod attachments;
mod known;
mod ledger;
mod metrics;
mod program;
mod quarantine;

use super::*;
use azalea_core::access::Statement;
use azalea_core::envelope::AdmittedEnvelope;
use azalea_core::id::{FacilityId, Timestamp};
use azalea_core::storage::{Order, Range, Read, table};
use std::path::Path;

use crate::clock::Clock;
use crate::config::DataDir;
use crate::serve::{self, Opened};
use crate::testing::joined;
use crate::web::password::Verifier;

/// Discards progress and keeps the data.
#[derive(Default)]
struct Kept(String);

impl Output for Kept {
    fn progress(&mut self, _: &str) {}

    fn data(&mut self, text: &str) -> io::Result<()> {
        self.0.push_str(text);
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.push_str(&data_encoding::HEXLOWER.encode(bytes));
        Ok(())
    }
}

/// A hospital that has joined a network with one clinic in it.
struct Hospital {
    home: tempfile::TempDir,
    clinic: FacilityId,
}

impl Hospital {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a temporary directory");
        let clinic = joined(&DataDir::new(home.path()));
        Self { home, clinic }
    }

    async fn open(&self) -> Result<Opened, serve::ServeError> {
        serve::open(&DataDir::new(self.home.path()), None, Clock::default()).await
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::write(&path, text).expect("room");
        path
    }
}

async fn ask(opened: &Opened, request: Request) -> Result<(Answer, String), OpError> {
    let node = opened.node.clone();
    let work = tokio::task::spawn_blocking(move || {
        let mut kept = Kept::default();
        execute(&node, request, &mut kept).map(|answer| (answer, kept.0))
    });
    work.await.expect("no request panics")
}

async fn answer(opened: &Opened, request: Request) -> Value {
    let (answer, _) = ask(opened, request).await.expect("done");
    assert!(answer.success, "{}", answer.text);
    answer.json
}

fn import(path: &Path) -> Request {
    Request::Import { paths: vec![path.to_owned()], staff: None, lang: "en".to_owned() }
}

fn export(what: What, versions: bool) -> Request {
    Request::Export(Export { what, versions, ndjson: false })
}

fn staff(login: &str) -> Request {
    let verifier = Verifier::create("つつじの花が咲くころに", [3; 16]).expect("long enough");
    Request::StaffAdd {
        login: login.to_owned(),
        name: "山田 花子".to_owned(),
        role: "nurse".to_owned(),
        admin: false,
        verifier: verifier.to_text(),
    }
}

const PATIENT: &str = r#"{"resourceType":"Patient","id":"p-1","name":[{"text":"石橋 太郎"}],
  "birthDate":"1950-03-04","identifier":[{"system":"urn:a","value":"0007"}]}"#;
const RESULT: &str = r#"{"resourceType":"Observation","id":"o-1","status":"final","code":{"text":"HbA1c"},
  "subject":{"reference":"Patient/p-1"},"effectiveDateTime":"2026-05-01","valueQuantity":{"value":6.10,"unit":"%"}}"#;

fn bundle(result: &str) -> String {
    format!(
        r#"{{"resourceType":"Bundle","type":"collection","entry":[
          {{"fullUrl":"urn:uuid:1","resource":{PATIENT}}},{{"resource":{result}}},
          {{"resource":{{"resourceType":"Organization","id":"org","name":"筑後病院"}}}}]}}"#
    )
}

#[tokio::test]
async fn what_is_imported_comes_back_byte_for_byte_and_survives_closing() {
    let hospital = Hospital::new();
    let opened = hospital.open().await.expect("a new node");
    let file = hospital.file("a.json", &bundle(RESULT));
    let report = answer(&opened, import(&file)).await;
    assert_eq!(
        (&report["counts"]["taken"], &report["counts"]["unchanged"]),
        (&3.into(), &0.into())
    );
    let again = hospital.file("b.json", &format!("{}\n", bundle(RESULT)));
    let report = answer(&opened, import(&again)).await;
    assert_eq!(
        (&report["counts"]["taken"], &report["counts"]["unchanged"]),
        (&0.into(), &3.into())
    );
    opened.close().await;

    let opened = hospital.open().await.expect("the same node");
    let (_, chart) = ask(&opened, export(What::Patient("p-1".into()), false)).await.expect("held");
    assert!(chart.contains(RESULT) && chart.contains(PATIENT), "the bytes are the same");
    assert!(chart.contains(r#""fullUrl":"urn:uuid:1""#));
    let parsed: Value = serde_json::from_str(&chart).expect("a Bundle");
    assert_eq!(parsed["entry"].as_array().map(Vec::len), Some(2));
    let (_, directory) = ask(&opened, export(What::Directory, false)).await.expect("held");
    assert!(directory.contains("Organization") && !directory.contains("石橋"));

    let found =
        answer(&opened, Request::PatientList { query: "いしばし".into(), offset: 0, limit: 9 })
            .await;
    assert_eq!(found["total"], 0, "the record has no reading");
    let list = Request::PatientList { query: "S25.3.4".into(), offset: 0, limit: 9 };
    let found = answer(&opened, list).await;
    assert_eq!(found["patients"][0]["name"], "石橋 太郎");
    assert_eq!(found["patients"][0]["local_ids"][0]["value"], "p-1");
    let shown = answer(&opened, Request::PatientShow { id: "p-1".into() }).await;
    assert_eq!(shown["entries"]["other"], 1);
    let verified = answer(&opened, Request::Verify).await;
    assert_eq!(verified["checked"]["records"], 3);
    opened.close().await;
}

/// A file is read on while the batch before is written; what became of each is told once.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_many_batches_is_counted_whole() {
    let hospital = Hospital::new();
    let opened = hospital.open().await.expect("a new node");
    let result = |number: u32| {
        format!(
            r#"{{"resource":{{"resourceType":"Observation","id":"o-{number}","status":"final",
               "code":{{"text":"HbA1c"}},"subject":{{"reference":"Patient/p-1"}}}}}}"#
        )
    };
    let patient = format!(r#"{{"resource":{PATIENT}}}"#);
    let entries: Vec<String> = [patient].into_iter().chain((0..2_500).map(result)).collect();
    let bundle = |space: &str| {
        let entries = entries.join(&format!(",{space}"));
        format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{entries}]}}"#)
    };
    let counts = async |name: &str, space: &str| {
        let report = answer(&opened, import(&hospital.file(name, &bundle(space)))).await;
        (report["counts"]["taken"].clone(), report["counts"]["unchanged"].clone())
    };
    assert_eq!(counts("year.json", "").await, (Value::from(2_501), Value::from(0)));
    assert_eq!(counts("again.json", " ").await, (Value::from(0), Value::from(2_501)));
    opened.close().await;
}

#[tokio::test]
async fn other_content_is_a_new_version_and_the_old_one_stays() {
    let hospital = Hospital::new();
    let opened = hospital.open().await.expect("a new node");
    answer(&opened, import(&hospital.file("a.json", &bundle(RESULT)))).await;
    let corrected = RESULT.replace("6.10", "6.2");
    let report = answer(&opened, import(&hospital.file("b.json", &bundle(&corrected)))).await;
    assert_eq!(report["counts"]["new_versions"], 1);
    let patient = || What::Patient("p-1".to_owned());
    let (_, now) = ask(&opened, export(patient(), false)).await.expect("held");
    assert!(now.contains("6.2") && !now.contains("6.10"));
    let (_, all) = ask(&opened, export(patient(), true)).await.expect("held");
    assert!(all.contains("6.2") && all.contains("6.10"));
    let node = opened.node.clone();
    let id = node.find_patient("p-1").expect("held");
    let chart = tokio::task::spawn_blocking(move || crate::web::Clinic::chart(&*node, id));
    let chart = chart.await.expect("no panic").expect("held");
    let results: Vec<_> =
        chart.entries.iter().filter(|entry| entry.row.kind == "Observation").collect();
    assert!(results.len() == 1 && results[0].versions == 2 && !results[0].conflict);
    answer(&opened, Request::Verify).await;
    opened.close().await;
}

#[tokio::test]
async fn a_consent_opens_the_way_for_notes_and_its_withdrawal_ends_it() {
    let hospital = Hospital::new();
    let opened = hospital.open().await.expect("a new node");
    answer(&opened, import(&hospital.file("a.json", &bundle(RESULT)))).await;
    answer(&opened, staff("hanako")).await;
    let note = |title: &str| Request::NoteWrite {
        id: "p-1".into(),
        kind: "nursing".into(),
        title: title.into(),
        text: "食欲あり".into(),
        vitals: [("temperature".to_owned(), "36.5".to_owned())].into(),
        staff: "hanako".into(),
    };
    let early = ask(&opened, note("x")).await.expect_err("nobody consented yet");
    assert!(early.to_string().contains("no consent"), "{early}");
    let give = |to: &str| Request::ConsentGive {
        id: "p-1".into(),
        to: vec![to.to_owned()],
        until: Some("2099-03-31".into()),
        proxy: None,
        staff: "hanako".into(),
    };
    assert!(matches!(ask(&opened, give("nowhere")).await, Err(OpError::Facility(_))));
    let given = answer(&opened, give("久留米医院")).await;
    let shown = answer(&opened, Request::ConsentShow { id: "p-1".into() }).await;
    assert_eq!(shown["consents"][0]["id"], given["consent"]);
    assert_eq!(shown["consents"][0]["state"], "active");
    assert_eq!(shown["consents"][0]["facilities"][0]["id"], hospital.clinic.to_string());

    answer(&opened, note("訪問")).await;
    let notes = answer(&opened, Request::NoteList { id: "p-1".into() }).await;
    assert_eq!(notes["notes"][0]["text"], "食欲あり");
    assert_eq!(notes["notes"][0]["vitals"]["temperature"], "36.5");
    assert_eq!(notes["notes"][0]["delivery"], "unsent");
    assert_eq!(notes["notes"][0]["author"], "山田 花子");

    let withdraw =
        Request::ConsentWithdraw { id: "p-1".into(), to: Vec::new(), staff: "hanako".into() };
    let ended = answer(&opened, withdraw).await;
    assert_eq!(ended["facilities"][0], hospital.clinic.to_string());
    let show = async || answer(&opened, Request::ConsentShow { id: "p-1".into() }).await;
    let shown = show().await;
    assert_eq!(shown["consents"][0]["state"], "withdrawn");
    let signed = revoked_at(&opened);
    assert_eq!(shown["consents"][0]["ended"], moment(signed), "as it was signed");
    assert_eq!(show().await, shown, "and not as it was looked at");
    answer(&opened, Request::Verify).await;
    opened.close().await;
}

#[tokio::test]
async fn what_cannot_be_taken_is_listed_with_its_cause() {
    let hospital = Hospital::new();
    let opened = hospital.open().await.expect("a new node");
    let file = hospital.file("a.json", r#"{"resourceType":"Patient","id":"#);
    let (report, _) = ask(&opened, import(&file)).await.expect("a report");
    assert!(!report.success);
    let listed = answer(&opened, Request::QuarantineList).await;
    assert_eq!(listed["quarantined"][0]["kind"], "import");
    let status = answer(&opened, Request::Status).await;
    assert_eq!((&status["quarantined"], &status["link"]), (&1.into(), &"offline".into()));
    opened.close().await;
}

#[tokio::test]
async fn a_flipped_bit_is_found_by_verify_or_at_opening_and_named() {
    let hospital = Hospital::new();
    let opened = hospital.open().await.expect("a new node");
    answer(&opened, import(&hospital.file("a.json", &bundle(RESULT)))).await;
    opened.close().await;
    let store = hospital.home.path().join("store.redb");
    let bytes = std::fs::read(&store).expect("there");
    let mut found = 0;
    for place in (20_480..bytes.len()).step_by(4_136) {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1;
        std::fs::write(&store, &damaged).expect("room");
        let words = match hospital.open().await {
            Err(error) => error.to_string(),
            Ok(opened) => {
                let words = match ask(&opened, Request::Verify).await {
                    Err(error) => error.to_string(),
                    Ok((answer, _)) if answer.success => String::new(),
                    Ok((answer, _)) => answer.text,
                };
                opened.close().await;
                words
            }
        };
        // A block that nothing refers to any more may be damaged unnoticed.
        if !words.is_empty() {
            assert!(
                words.contains("does not authenticate") && words.contains("azalea repair"),
                "{words}"
            );
            found += 1;
        }
    }
    assert!(found > 3);
}

#[tokio::test]
async fn the_second_process_is_told_who_has_the_directory() {
    let hospital = Hospital::new();
    let opened = hospital.open().await.expect("a new node");
    let second = hospital.open().await.err().expect("held");
    assert!(matches!(second, serve::ServeError::Lock(_)), "{second}");
    opened.close().await;
}

/// The time in the revocation that this device signed.
fn revoked_at(opened: &Opened) -> Timestamp {
    let snapshot = opened.node.handle().snapshot().expect("intact");
    let mut at = None;
    let visit = &mut |_: &[u8], envelope: &[u8]| {
        let envelope = AdmittedEnvelope::restore(envelope.to_vec()).expect("our own log");
        if let Ok(Some(Statement::Revoke { at: stated, .. })) = envelope.statement() {
            at = Some(stated);
        }
        true
    };
    snapshot.scan(table::LOG, &Range::all(), Order::Ascending, visit).expect("intact");
    at.expect("a revocation")
}

/// A patient of the hospital who lets the clinic read and write, and somebody who can write it down.
async fn consented(hospital: &Hospital, opened: &Opened) {
    answer(opened, import(&hospital.file("a.json", &bundle(RESULT)))).await;
    answer(opened, staff("hanako")).await;
    let give = Request::ConsentGive {
        id: "p-1".into(),
        to: vec!["久留米医院".into()],
        until: None,
        proxy: None,
        staff: "hanako".into(),
    };
    answer(opened, give).await;
}
