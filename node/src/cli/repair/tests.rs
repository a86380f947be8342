//! A store in which one bit of one block is wrong is repaired, whichever block it is.

use super::*;
use crate::clock::Clock;
use crate::config::DataDir;
use crate::ops::{self, Output};
use crate::serve::Opened;
use crate::testing::joined;
use crate::web::password::Verifier;

struct Silent;

impl Output for Silent {
    fn progress(&mut self, _: &str) {}

    fn data(&mut self, _: &str) -> std::io::Result<()> {
        Ok(())
    }

    fn bytes(&mut self, _: &[u8]) -> std::io::Result<()> {
        Ok(())
    }
}

async fn answer(opened: &Opened, request: Request) -> Answer {
    let node = opened.node.clone();
    let work = tokio::task::spawn_blocking(move || ops::execute(&node, request, &mut Silent));
    work.await.expect("no request panics").expect("done")
}

async fn open(dir: &DataDir) -> Result<Opened, serve::ServeError> {
    serve::open(dir, None, Clock::default()).await
}

fn account(login: &str) -> Request {
    let verifier = Verifier::create("つつじの花が咲くころに", [3; 16]).expect("long enough");
    Request::StaffAdd {
        login: login.to_owned(),
        name: "山田 花子".to_owned(),
        role: "nurse".to_owned(),
        admin: false,
        verifier: verifier.to_text(),
    }
}

/// A hospital with two accounts, a patient and a consent, never connected: nothing of it is at a relay.
async fn hospital(dir: &DataDir) {
    let opened = open(dir).await.expect("a new node");
    let file = dir.path().join("a.json");
    let patient = r#"{"resourceType":"Patient","id":"p-1","name":[{"text":"石橋 太郎"}]}"#;
    std::fs::write(&file, patient).expect("room");
    for request in [account("hanako"), account("taro")] {
        answer(&opened, request).await;
    }
    let import = Request::Import { paths: vec![file], staff: None, lang: "en".to_owned() };
    answer(&opened, import).await;
    let consent = Request::ConsentGive {
        id: "p-1".into(),
        to: vec!["久留米医院".into()],
        until: None,
        proxy: None,
        staff: "hanako".into(),
    };
    answer(&opened, consent).await;
    opened.close().await;
}

#[tokio::test]
async fn whichever_block_is_damaged_no_account_is_lost_and_nothing_else_silently() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let dir = DataDir::new(home.path());
    joined(&dir);
    hospital(&dir).await;
    let opened = open(&dir).await.expect("the same node");
    let status = answer(&opened, Request::Status).await.json;
    let unsent = status["unsent"].as_u64().expect("a number");
    assert!(unsent > 4, "{unsent}");
    opened.close().await;

    let store = std::fs::read(dir.store()).expect("there");
    // Every block from the first on, and the head of the file.
    let places = std::iter::once(8).chain((20_480..store.len()).step_by(4_136));
    let (mut salvaged, mut lost) = (0, 0);
    for (round, place) in (1..).zip(places) {
        let mut damaged = store.clone();
        damaged[place] ^= 1;
        std::fs::write(dir.store(), &damaged).expect("room");
        let clock = Clock { shift_ms: round };
        let context = Context { dir: dir.clone(), json: true, passphrase: None, clock };
        let told = mend(&context).await.expect("a repair").json;
        assert_eq!(told["accounts"], 2, "place {place}: {told}");
        let all = told["unsent"] == unsent;
        assert!(all || told["whole"] == false, "place {place}: lost without a word: {told}");
        assert_eq!(told["whole"] == true, told["lost"] == serde_json::json!([]), "{told}");
        (salvaged, lost) = (salvaged + usize::from(all), lost + usize::from(!all));
        let opened = open(&dir).await.expect("repaired");
        let accounts = answer(&opened, Request::StaffList).await.json;
        assert_eq!(accounts["staff"].as_array().map(Vec::len), Some(2), "place {place}");
        opened.close().await;
        let aside = told["aside"].as_str().expect("a path");
        assert!(std::path::Path::new(aside).is_file(), "the old store is kept");
    }
    assert!(salvaged > 3 && lost > 0, "{salvaged} whole, {lost} with losses that are named");
}

#[tokio::test]
async fn without_the_copy_the_loss_of_accounts_is_said() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let dir = DataDir::new(home.path());
    joined(&dir);
    hospital(&dir).await;
    std::fs::write(dir.store(), b"no store at all").expect("room");
    std::fs::write(dir.accounts(), b"no copy either").expect("room");
    let context =
        Context { dir: dir.clone(), json: true, passphrase: None, clock: Clock::default() };
    let told = mend(&context).await.expect("a repair");
    assert!(!told.json["opened"].as_bool().expect("a flag") && told.json["whole"] == false);
    for words in ["LOST: some or all staff accounts", "LOST: what was written here", "keep the old"]
    {
        assert!(told.text.contains(words), "{}", told.text);
    }
}

#[tokio::test]
async fn attachments_that_do_not_open_are_kept_aside_and_those_that_do_stay() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let dir = DataDir::new(home.path());
    joined(&dir);
    hospital(&dir).await;
    let repair = async |shift_ms| {
        let clock = Clock { shift_ms };
        let context = Context { dir: dir.clone(), json: true, passphrase: None, clock };
        mend(&context).await.expect("a repair").json["shelf_aside"].clone()
    };
    assert_eq!(repair(1).await, serde_json::Value::Null, "it is well");
    std::fs::write(dir.blobs(), b"no shelf at all").expect("room");
    assert!(open(&dir).await.is_err_and(|error| error.to_string().contains("blobs.redb")));
    let aside = repair(2).await;
    let aside = std::fs::read(aside.as_str().expect("a path")).expect("it is kept");
    assert_eq!(aside, b"no shelf at all");
    open(&dir).await.expect("repaired").close().await;
}
