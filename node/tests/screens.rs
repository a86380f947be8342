//! Stories of the screens over a real socket: signing in, forms, hostile names, searching, two people for a link.

#![expect(clippy::tests_outside_test_module, reason = "an integration test is a test module")]

#[path = "screens/browser.rs"]
mod browser;
#[path = "../examples/preview/sample.rs"]
mod sample;

use browser::{Browser, Screens};
use sample::{Mood, SampleClinic};

/// All pages of the main patient and of the facility.
fn all_pages() -> Vec<String> {
    let patient = format!("/p/{}", SampleClinic::main_patient());
    let of_patient = ["", "/timeline", "/labs", "/notes", "/notes/new", "/consent", "/log"];
    let of_facility =
        ["/patients", "/links", "/sync", "/quarantine", "/log", "/staff", "/settings"];
    let of_patient = of_patient.iter().map(|page| format!("{patient}{page}"));
    of_patient.chain(of_facility.iter().map(|page| (*page).to_owned())).collect()
}

#[tokio::test]
async fn every_page_is_shown_in_both_languages() {
    let screens = Screens::open(SampleClinic::new(Mood::Connected)).await;
    let mut browser = screens.signed_in("kodama").await;
    for lang in ["ja", "en"] {
        browser.choose(lang).await;
        for page in all_pages() {
            let answer = browser.get(&page).await;
            assert_eq!(answer.status, 200, "{page}");
            assert!(answer.body.contains(&format!("<html lang=\"{lang}\">")), "{page}");
            assert!(answer.header("cache-control").is_some_and(|it| it == "no-store"), "{page}");
            let policy = answer.header("content-security-policy").unwrap_or_default();
            assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{page}");
            assert!(
                answer.header("referrer-policy").is_some_and(|it| it == "no-referrer"),
                "{page}"
            );
        }
    }
}

#[tokio::test]
async fn hostile_names_are_text_on_every_page() {
    let hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;";
    let screens = Screens::open(SampleClinic::hostile(hostile)).await;
    let mut browser = screens.signed_in("kodama").await;
    let mut pages = all_pages();
    let overview = browser.get(&pages[0]).await;
    let records = overview.links().filter(|link| link.contains("/r/")).map(str::to_owned);
    pages.extend(records.take(8).collect::<Vec<_>>());
    let mut met = 0;
    for lang in ["ja", "en"] {
        browser.choose(lang).await;
        for page in &pages {
            let answer = browser.get(page).await;
            assert_eq!(answer.status, 200, "{page}");
            assert!(!answer.body.contains("<script>alert"), "{page}");
            assert!(!answer.body.contains("<img src=x"), "{page}");
            met += usize::from(answer.body.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
        }
    }
    assert!(met > pages.len(), "the hostile text was to be met on most pages");
}

#[tokio::test]
async fn nothing_is_shown_to_nobody() {
    let screens = Screens::open(SampleClinic::new(Mood::Connected)).await;
    let mut browser = screens.browser();
    for page in all_pages() {
        let answer = browser.get(&page).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("/sign-in")), "{page}");
    }
    assert_eq!(browser.get("/state").await.status, 401);
}

#[tokio::test]
async fn guessing_gets_slower_and_the_right_password_has_to_wait_too() {
    let screens = Screens::open(SampleClinic::new(Mood::Connected)).await;
    let mut browser = screens.browser();
    for expected in [401, 401, 401, 429] {
        assert_eq!(browser.sign_in("kodama", "wrong password").await.status, expected);
    }
    assert_eq!(browser.sign_in("kodama", sample::PASSWORD).await.status, 429);
    screens.pass_ms(5_000);
    assert_eq!(browser.sign_in("kodama", sample::PASSWORD).await.status, 303);
    // Nobody and stopped accounts are told the same as somebody.
    let unknown = screens.browser().sign_in("nobody", sample::PASSWORD).await;
    let stopped = screens.browser().sign_in("ueno", sample::PASSWORD).await;
    assert_eq!((unknown.status, stopped.status), (401, 401));
}

#[tokio::test]
async fn a_session_ends_after_a_quarter_of_an_hour_and_polling_does_not_keep_it() {
    let screens = Screens::open(SampleClinic::new(Mood::Connected)).await;
    let mut browser = screens.signed_in("kodama").await;
    screens.pass_ms(14 * 60_000);
    assert_eq!(browser.get("/patients").await.status, 200);
    for _ in 0..3 {
        screens.pass_ms(5 * 60_000 - 1_000);
        assert_eq!(browser.get("/state").await.status, 200);
    }
    screens.pass_ms(3_000);
    assert_eq!(browser.get("/state").await.status, 401);
    assert_eq!(browser.get("/patients").await.header("location"), Some("/sign-in?ended=1"));
}

#[tokio::test]
async fn a_form_without_the_sessions_own_token_changes_nothing() {
    let screens = Screens::open(SampleClinic::new(Mood::Connected)).await;
    let mut browser = screens.signed_in("kodama").await;
    let notes = format!("/p/{}/notes", SampleClinic::main_patient());
    for token in ["", "forged", &"A".repeat(22)] {
        let fields = [("csrf", token), ("kind", "record"), ("text", "偽の記録")];
        assert_eq!(browser.post_as_is(&notes, &fields).await.status, 403, "{token}");
    }
    assert!(!browser.get(&notes).await.body.contains("偽の記録"));
    let mut other = screens.signed_in("mori").await;
    let stolen = other.token().await;
    let fields = [("csrf", stolen.as_str()), ("kind", "record"), ("text", "偽の記録")];
    assert_eq!(browser.post_as_is(&notes, &fields).await.status, 403);
}

#[tokio::test]
async fn foreign_host_names_are_refused() {
    let screens = Screens::open(SampleClinic::new(Mood::Connected)).await;
    let mut browser = screens.browser();
    browser.host = "evil.example".to_owned();
    assert_eq!(browser.get("/sign-in").await.status, 421);
}

#[tokio::test]
async fn a_search_finds_people_as_they_are_typed_and_leaves_no_trace_in_addresses() {
    let screens = Screens::open(SampleClinic::new(Mood::Connected)).await;
    let mut browser = screens.signed_in("kodama").await;
    let cases = [
        "山田",
        "やまだ",
        "ﾔﾏﾀﾞ",
        "ヤマダ タロウ",
        "00010",
        "10",
        "1950-03-04",
        "S25.3.4",
        "昭和25年3月4日",
    ];
    for query in cases {
        let found = browser.post("/patients/find", &[("q", query)]).await;
        assert_eq!(found.status, 200);
        assert!(found.body.contains("山田 太郎") && !found.body.contains("古賀 フミ"), "{query}");
    }
    let sent = browser.post("/patients", &[("q", "髙﨑")]).await;
    assert_eq!(sent.header("location"), Some("/patients"));
    let list = browser.get("/patients").await;
    assert!(list.body.contains("タカサキ キョウコ") && !list.body.contains("ヤマダ タロウ"));
    assert!(list.links().all(|link| link.is_ascii()));
    browser.post("/patients", &[("clear", "1")]).await;
    assert!(browser.get("/patients").await.body.contains("ヤマダ タロウ"));
}

#[tokio::test]
async fn a_note_is_saved_shown_unsent_corrected_and_cancelled() {
    let screens = Screens::open(SampleClinic::new(Mood::Offline)).await;
    let mut browser = screens.signed_in("mori").await;
    let notes = format!("/p/{}/notes", SampleClinic::main_patient());
    let wrong = [("kind", "vitals"), ("temperature", "368"), ("text", "朝の<測定>")];
    let again = browser.post(&notes, &wrong).await;
    assert_eq!(again.status, 422);
    assert!(
        again.body.contains("朝の&lt;測定&gt;")
            && again.body.contains("体温の値を確かめてください")
    );
    let right = [("kind", "vitals"), ("temperature", "３６．８"), ("text", "朝の測定")];
    assert_eq!(browser.post(&notes, &right).await.status, 303);
    let list = browser.get(&notes).await;
    assert!(list.body.contains("朝の測定") && list.body.contains("36.8"));
    assert!(list.body.contains("保存済(未送信)") && list.body.contains("この端末に保存しました。"));
    let edit =
        list.links().find(|link| link.ends_with("/edit")).expect("a link to correct").to_owned();
    let base = edit.trim_end_matches("/edit").to_owned();
    assert_eq!(
        browser.post(&base, &[("kind", "vitals"), ("text", "夕方の測定")]).await.status,
        303
    );
    assert!(browser.get(&notes).await.body.contains("訂正あり"));
    assert!(browser.get(&format!("{base}/cancel")).await.body.contains("この記録を取り消しますか"));
    assert_eq!(browser.post(&format!("{base}/cancel"), &[]).await.status, 303);
    assert!(browser.get(&notes).await.body.contains("取消済"));
}

#[tokio::test]
async fn what_was_begun_survives_the_end_of_a_session_and_is_its_writers_own() {
    let screens = Screens::open(SampleClinic::new(Mood::Connected)).await;
    let notes = format!("/p/{}/notes", SampleClinic::main_patient());
    let mut nurse = screens.signed_in("mori").await;
    let begun = [("kind", "nursing"), ("text", "途中まで書いた記録")];
    assert_eq!(nurse.post(&format!("{notes}/draft"), &begun).await.status, 303);
    screens.pass_ms(16 * 60_000);
    assert_eq!(nurse.get(&notes).await.status, 303);
    let mut colleague = screens.signed_in("hara").await;
    assert!(!colleague.get(&format!("{notes}/new")).await.body.contains("途中まで書いた記録"));
    let mut nurse = screens.signed_in("mori").await;
    let form = nurse.get(&format!("{notes}/new")).await;
    assert!(
        form.body.contains("途中まで書いた記録")
            && form.body.contains("書きかけの記録を復元しました")
    );
    assert!(!nurse.get(&notes).await.body.contains("途中まで書いた記録"), "a draft is no record");
    assert_eq!(nurse.post(&notes, &begun).await.status, 303);
    assert!(!nurse.get(&format!("{notes}/new")).await.body.contains("途中まで書いた記録"));
}

#[tokio::test]
async fn a_conflict_shows_both_values_until_a_person_chooses() {
    let screens = Screens::open(SampleClinic::new(Mood::Connected)).await;
    let mut browser = screens.signed_in("kodama").await;
    let notes = format!("/p/{}/notes", SampleClinic::main_patient());
    let list = browser.get(&notes).await;
    assert!(
        list.body.contains("要確認") && list.body.contains("v138") && list.body.contains("v148")
    );
    let note = format!("{notes}/{}/resolve", azalea_core::id::NoteId([2; 16]));
    let chosen = browser.post(&note, &[("field", "systolic"), ("choice", "v138")]).await;
    assert_eq!(chosen.status, 303);
    assert!(!browser.get(&notes).await.body.contains("この値で確定"));
}

#[tokio::test]
async fn a_link_needs_two_people() {
    let screens = Screens::open(SampleClinic::new(Mood::Connected)).await;
    let mut first = screens.signed_in("hara").await;
    assert!(first.get("/links").await.body.contains("別の職員が確定してください"));
    assert_eq!(first.post("/links/confirm", &[("key", "p5")]).await.status, 409);
    let mut second = screens.signed_in("mori").await;
    assert_eq!(second.post("/links/confirm", &[("key", "p5")]).await.status, 303);
    assert!(second.get("/links").await.body.contains("紐付けを確定しました。"));
}

#[tokio::test]
async fn a_consent_is_read_back_before_it_counts_and_a_withdrawal_is_asked_for_twice() {
    let screens = Screens::open(SampleClinic::new(Mood::Connected)).await;
    let mut browser = screens.signed_in("hara").await;
    let consent = format!("/p/{}/consent", SampleClinic::main_patient());
    assert_eq!(browser.post(&consent, &[("kind", "specific")]).await.status, 422);
    let hospital = sample::facility(1).id.to_string();
    let late = [("kind", "specific"), ("facility", hospital.as_str()), ("until", "2026-11-23")];
    assert_eq!(browser.post(&consent, &late).await.status, 422);
    let form = [("kind", "specific"), ("facility", hospital.as_str()), ("until", "2027-03-31")];
    let review = browser.post(&consent, &form).await;
    assert!(review.status == 200 && review.body.contains("2027/03/31(水)"));
    assert!(!browser.get(&consent).await.body.contains("2027/03/31"));
    let confirmed: Vec<(&str, &str)> = form.into_iter().chain([("confirmed", "1")]).collect();
    assert_eq!(browser.post(&consent, &confirmed).await.status, 303);
    let list = browser.get(&consent).await;
    assert!(list.body.contains("2027/03/31(水)"));
    let ask = list.links().find(|link| link.ends_with("/withdraw")).expect("a way out").to_owned();
    assert!(browser.get(&ask).await.body.contains("この同意を撤回しますか"));
    assert_eq!(browser.post(&ask, &[]).await.status, 303);
    assert!(browser.get(&consent).await.body.contains("同意撤回"));
}

#[tokio::test]
async fn only_administrators_change_accounts_and_a_stopped_one_is_out_at_once() {
    let screens = Screens::open(SampleClinic::new(Mood::Connected)).await;
    let mut nurse = screens.signed_in("mori").await;
    assert_eq!(nurse.get("/staff").await.status, 403);
    let new =
        [("name", "新人"), ("login", "shin"), ("role", "nurse"), ("password", "long enough pass")];
    assert_eq!(nurse.post("/staff", &new).await.status, 403);
    let mut admin = screens.signed_in("kodama").await;
    assert_eq!(admin.post("/staff", &new).await.status, 303);
    assert_eq!(admin.post("/staff", &new).await.status, 422, "the login is taken");
    assert_eq!(screens.browser().sign_in("shin", "long enough pass").await.status, 303);
    let stop = admin.post("/staff/change", &[("staff", "s2"), ("do", "stop")]).await;
    assert_eq!(stop.status, 303);
    assert_eq!(nurse.get("/patients").await.status, 303);
    let last = admin.post("/staff/change", &[("staff", "s1"), ("do", "stop")]).await;
    assert!(last.status == 422 && last.body.contains("最後の管理者は停止できません"));
}

#[tokio::test]
async fn the_log_has_an_opening_before_the_page_is_shown() {
    let screens = Screens::open(SampleClinic::new(Mood::Connected)).await;
    let mut browser: Browser = screens.signed_in("mori").await;
    browser.get(&format!("/p/{}", SampleClinic::main_patient())).await;
    let log = browser.get("/log").await;
    assert!(log.body.contains("患者を閲覧") && log.body.contains("森 あかね"));
    assert!(log.body.contains("サインイン"));
}

#[tokio::test]
async fn ids_that_are_none_are_not_found() {
    let screens = Screens::open(SampleClinic::new(Mood::Connected)).await;
    let mut browser = screens.signed_in("mori").await;
    let unknown = format!("/p/{}", azalea_core::id::PatientId([9; 16]));
    for page in ["/p/x", "/p/%3Cscript%3E/notes", unknown.as_str()] {
        let answer = browser.get(page).await;
        assert!(answer.status == 404 && !answer.body.contains("<script>"), "{page}");
    }
}

#[tokio::test]
async fn an_administrator_deals_with_a_held_file_and_others_only_see_it() {
    let screens = Screens::open(SampleClinic::new(Mood::Connected)).await;
    let mut nurse = screens.signed_in("mori").await;
    let sync = nurse.get("/sync").await;
    assert!(sync.links().any(|link| link == "/quarantine"), "reached from the state of sync");
    let page = nurse.get("/quarantine").await;
    assert!(page.body.contains("20261122-0930.ndjson") && page.body.contains("118:4021"));
    assert!(!page.body.contains("/var/lib"), "the name, not where it lay");
    assert!(!page.body.contains("/quarantine/retry"));
    let held = "5b1f9d0c3a7e48b2".repeat(4);
    let key = ("key", held.as_str());
    for action in ["/quarantine/retry", "/quarantine/discard"] {
        assert_eq!(nurse.post(action, &[key, ("reason", "重複")]).await.status, 403, "{action}");
    }

    let mut admin = screens.signed_in("kodama").await;
    let page = admin.get("/quarantine").await.body;
    assert!(page.contains("もう一度取り込む") && page.contains(&held));
    assert_eq!(admin.post("/quarantine/retry", &[key]).await.status, 303);
    assert!(admin.get("/quarantine").await.body.contains("まだ取り込めない記録があります"));
    let long = "理".repeat(201);
    for reason in ["", "  ", long.as_str()] {
        assert_eq!(admin.post("/quarantine/discard", &[key, ("reason", reason)]).await.status, 303);
        let page = admin.get("/quarantine").await.body;
        assert!(page.contains("200文字以内") && page.contains("20261122-0930.ndjson"));
    }
    let discard = [key, ("reason", "二重に届いたもの")];
    assert_eq!(admin.post("/quarantine/discard", &discard).await.status, 303);
    assert!(!admin.get("/quarantine").await.body.contains("20261122-0930.ndjson"));
    assert!(admin.get("/log").await.body.contains("二重に届いたもの"));
    assert_eq!(admin.post("/quarantine/discard", &discard).await.status, 409, "it is gone");
}

#[tokio::test]
async fn an_attachment_is_asked_for_and_opened_and_both_are_in_the_access_log() {
    let screens = Screens::open(SampleClinic::new(Mood::Connected)).await;
    let mut browser = screens.signed_in("kodama").await;
    let overview = browser.get(&format!("/p/{}", SampleClinic::main_patient())).await;
    let record = overview.links().find(|link| link.contains("/r/")).expect("a record").to_owned();
    let page = browser.get(&record).await;
    assert!(page.body.contains("まだこの端末にありません") && page.body.contains("取り寄せる"));
    let address = format!("{record}/a/0");
    assert_eq!(browser.get(&address).await.status, 404, "not all of it is here");
    assert_eq!(browser.post_as_is(&address, &[]).await.status, 403, "a form of this session");
    let asked = browser.post(&address, &[]).await;
    assert_eq!((asked.status, asked.header("location")), (303, Some(record.as_str())));

    let page = browser.get(&record).await;
    assert!(page.body.contains("この端末にあります"));
    assert!(page.links().any(|link| link == address));
    let lines = async |browser: &mut browser::Browser| {
        browser.get("/log").await.body.matches("<tr>").count()
    };
    let before = lines(&mut browser).await;
    let opened = browser.get(&address).await;
    assert_eq!((opened.status, opened.body.as_str()), (200, "%PDF-1.7 sample"));
    assert_eq!(opened.header("content-type"), Some("application/pdf"));
    assert_eq!(opened.header("cache-control"), Some("no-store"));
    let disposition = opened.header("content-disposition").unwrap_or_default();
    assert_eq!(disposition, "inline; filename=\"5a5a5a5a5a5a.pdf\"", "no name of a patient");
    assert!(lines(&mut browser).await > before, "who opened it is written down");
}
