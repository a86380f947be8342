//! The control page: a map of the lines, a card for each facility, and the list of what happened.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::cast::{Kind, Patient};
use super::region::Region;
use super::watch::{Link, Seen, Told};
use super::words::{Lang, japan};
use crate::line::Traffic;
use crate::population::TESTS;

/// Everything that the page shows.
#[derive(Clone, Debug)]
pub struct View {
    /// The facilities.
    pub facilities: Vec<FacilityView>,
    /// The list, the newest first.
    pub told: Vec<Told>,
    /// The password of all staff.
    pub password: String,
    /// Proves that a form came from this page.
    pub token: String,
}

/// A facility as the page shows it.
#[derive(Clone, Debug)]
pub struct FacilityView {
    /// Its name in addresses.
    pub key: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its names in Japanese and English.
    pub names: (&'static str, &'static str),
    /// Where its screens are.
    pub web: String,
    /// Sign-in names with what the person does.
    pub staff: Vec<(&'static str, &'static str)>,
    /// Whether its line is cut.
    pub cut: bool,
    /// What its node says.
    pub seen: Seen,
    /// What went over its line.
    pub traffic: Traffic,
    /// Patients about whom a result can be added.
    pub patients: Vec<Patient>,
}

impl View {
    /// The region as it is now.
    pub fn of(region: &Region, token: &str) -> Self {
        let (seen, told) = region.watch.view();
        let facilities = region
            .facilities
            .iter()
            .zip(seen)
            .map(|(facility, seen)| FacilityView {
                key: facility.part.key,
                kind: facility.part.kind,
                names: (facility.part.name, facility.part.english),
                web: facility.web.clone(),
                staff: facility
                    .part
                    .staff
                    .iter()
                    .map(|each| (each.login, each.role_name))
                    .collect(),
                cut: facility.line.is_cut(),
                seen,
                traffic: facility.line.traffic(),
                patients: facility.patients.clone(),
            })
            .collect();
        Self { facilities, told, password: region.password.clone(), token: token.to_owned() }
    }

    fn names(&self, lang: Lang) -> Vec<&'static str> {
        self.facilities.iter().map(|each| each.name(lang)).collect()
    }
}

impl FacilityView {
    fn name(&self, lang: Lang) -> &'static str {
        lang.t(self.names.0, self.names.1)
    }
}

/// The whole page.
pub fn page(view: &View, lang: Lang) -> Markup {
    let t = |japanese, english| lang.t(japanese, english);
    html! {
        (DOCTYPE)
        html lang=(lang.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (t("Azalea デモ", "Azalea demo")) }
                link rel="icon" href="/mark.svg" type="image/svg+xml";
                link rel="stylesheet" href="/demo.css";
                script src="/demo.js" defer {}
                noscript { meta http-equiv="refresh" content="3"; }
            }
            body {
                div.lost-note role="alert" { (t("デモは終了しました", "The demo has ended")) }
                header {
                    img src="/mark.svg" alt="";
                    div {
                        h1 { (t("Azalea デモ", "Azalea demo")) }
                        p { (t(
                            "つつじ野医療ネットワーク（架空）— すべてこのパソコンの中で動いています",
                            "An invented network; all of it runs on this computer",
                        )) }
                    }
                    nav {
                        @if lang == Lang::Ja { a href="/?lang=en" lang="en" { "English" } }
                        @else { a href="/" lang="ja" { "日本語" } }
                    }
                }
                main {
                    div {
                        section.card.map id="map" aria-label=(t("回線の地図", "map of the lines")) { (map(view, lang)) }
                        p.shared {
                            (t("どの施設にも、表示のサインイン名と次のパスワードで入れます ", "Every facility: the sign-in names shown, and this password "))
                            code { (view.password) }
                        }
                        div.cards {
                            @for facility in &view.facilities { (card(view, facility, lang)) }
                        }
                    }
                    div.side {
                        section.card.try { (steps(lang)) }
                        section.card.events {
                            h2 { (t("できごと", "What happened")) }
                            div id="events" aria-live="polite" { (events(view, lang)) }
                        }
                    }
                }
                footer {
                    (t(
                        "患者・施設・職員はすべて架空です。終了するには端末で Ctrl-C を押してください。作成したものはすべて削除されます。",
                        "All patients, facilities and staff are invented. Press Ctrl-C in the terminal to end; everything made is removed.",
                    ))
                }
            }
        }
    }
}

/// What changes on the page, each part named by the id of its place.
pub fn live(view: &View, lang: Lang) -> Markup {
    html! {
        div data-for="map" { (map(view, lang)) }
        div data-for="events" { (events(view, lang)) }
        @for facility in &view.facilities {
            div data-for=(format!("state-{}", facility.key)) { (state(facility, lang)) }
            div data-for=(format!("switch-{}", facility.key)) { (switch(view, facility, lang)) }
        }
    }
}

fn steps(lang: Lang) -> Markup {
    let all = match lang {
        Lang::Ja => [
            "クリニックの画面を開いてサインインし、患者を開きます。",
            "クリニックの回線を切ります。カルテはそのまま読めて、記録も書けます。",
            "病院で検査結果を届けます。クリニックにはまだ届きません。",
            "回線をつなぐと、検査結果が届き、書いた記録が病院へ届きます。",
        ],
        Lang::En => [
            "Open the clinic's screens, sign in and open a patient.",
            "Cut the clinic's line. The chart can still be read, and notes written.",
            "Let a hospital's laboratory send a result. The clinic does not have it yet.",
            "Restore the line: the result arrives, and the note reaches the hospital.",
        ],
    };
    html! {
        h2 { (lang.t("試してみる", "Try this")) }
        ol { @for step in all { li { (step) } } }
    }
}

fn card(view: &View, facility: &FacilityView, lang: Lang) -> Markup {
    let t = |japanese, english| lang.t(japanese, english);
    let kind = match facility.kind {
        Kind::Hospital => t("病院（開示施設）", "Hospital, discloses charts"),
        Kind::Clinic => t("診療所（閲覧施設）", "Clinic, reads charts"),
        Kind::Pharmacy => t("調剤薬局（閲覧施設）", "Pharmacy, reads charts"),
    };
    html! {
        section.card.facility aria-label=(facility.name(lang)) {
            div.top {
                div {
                    div.name { (facility.name(lang)) }
                    div.kind { (kind) }
                }
                div id=(format!("switch-{}", facility.key)) style="margin-left:auto" { (switch(view, facility, lang)) }
            }
            div id=(format!("state-{}", facility.key)) { (state(facility, lang)) }
            div.enter {
                a.open href=(facility.web) target=(facility.key) rel="noopener" { (t("画面を開く", "Open its screens")) }
                span.keys {
                    @for (place, (login, role)) in facility.staff.iter().enumerate() {
                        @if place > 0 { " " }
                        code { (login) } @if lang == Lang::Ja { small { (role) } }
                    }
                }
            }
            @if !facility.patients.is_empty() { (laboratory(view, facility, lang)) }
        }
    }
}

fn switch(view: &View, facility: &FacilityView, lang: Lang) -> Markup {
    let verb = if facility.cut { "restore" } else { "cut" };
    let word =
        if facility.cut { lang.t("切断中", "line cut") } else { lang.t("回線", "line") };
    html! {
        form method="post" action=(format!("/line/{}/{verb}", facility.key)) {
            input type="hidden" name="token" value=(view.token);
            button.switch type="submit" role="switch" aria-checked=(if facility.cut { "false" } else { "true" })
                aria-label=(format!("{}: {}", facility.name(lang), lang.t("回線", "line"))) {
                (word) i {}
            }
        }
    }
}

fn state(facility: &FacilityView, lang: Lang) -> Markup {
    let t = |japanese, english| lang.t(japanese, english);
    let seen = &facility.seen;
    let (tone, word) = if seen.gone {
        ("off", t("終了", "ended"))
    } else {
        match seen.link {
            None => ("", t("確認中", "looking")),
            Some(Link::Connected) => ("on", t("連携中", "connected")),
            Some(Link::Connecting) => ("wait", t("接続中", "connecting")),
            Some(Link::Offline) => ("off", t("オフライン", "offline")),
        }
    };
    let held: u64 = seen.held.values().sum();
    html! {
        p.figures {
            span.pill.(tone) { (word) }
            span.hot[seen.unsent > 0] { (t("未送信 ", "unsent ")) b { (seen.unsent) } (t(" 件", "")) }
            @if !seen.held.is_empty() {
                span { (t("受信済み ", "received ")) b { (held) } (t(" 件", "")) }
            }
            @if let Some(at) = &seen.last_sync {
                span { (t("最終同期 ", "last sync ")) b { (clock(at)) } }
            }
            span { (t("通信量 ", "line ")) b { "↑" (size(facility.traffic.up_bytes)) " ↓" (size(facility.traffic.down_bytes)) } }
        }
    }
}

fn laboratory(view: &View, facility: &FacilityView, lang: Lang) -> Markup {
    let t = |japanese, english| lang.t(japanese, english);
    let first = TESTS.first().map_or(("", ""), |test| (test.example, test.unit));
    html! {
        details.laboratory {
            summary { (t("検査結果を届ける…", "Send a laboratory result…")) }
            form method="post" action=(format!("/result/{}", facility.key)) {
                input type="hidden" name="token" value=(view.token);
                label.wide {
                    (t("患者", "patient"))
                    select name="patient" {
                        @for patient in &facility.patients {
                            option value=(patient.local_id) { (patient.name) "（" (patient.local_id) "）"
                                @if patient.elsewhere.is_some() { (t(" ・両病院", " · both hospitals")) } }
                        }
                    }
                }
                label {
                    (t("検査", "test"))
                    select name="test" {
                        @for test in TESTS {
                            option value=(test.key) data-example=(test.example) data-unit=(test.unit) { (lang.t(test.name, test.english)) }
                        }
                    }
                }
                label {
                    (t("値", "value"))
                    span.value {
                        input name="value" inputmode="decimal" required pattern=r"[0-9]{1,5}(\.[0-9]{1,3})?" value=(first.0);
                        span data-unit { (first.1) }
                    }
                }
                button type="submit" { (t("届ける", "Send")) }
            }
        }
    }
}

fn events(view: &View, lang: Lang) -> Markup {
    let names = view.names(lang);
    html! {
        @if view.told.is_empty() {
            p.quiet { (lang.t("まだ何も起きていません。", "Nothing yet.")) }
        }
        ol {
            @for told in &view.told {
                li.(told.event.tone()) { time { (told.at) } span { (told.event.words(lang, &names)) } }
            }
        }
    }
}

fn map(view: &View, lang: Lang) -> Markup {
    let step = 720.0 / view.facilities.len().max(1) as f64;
    html! {
        svg viewBox="0 0 720 226" role="img" aria-label=(lang.t("回線の地図", "map of the lines")) {
            @for (place, facility) in view.facilities.iter().enumerate() {
                @let x = step * (place as f64 + 0.5);
                @let connected = facility.seen.link == Some(Link::Connected) && !facility.seen.gone;
                @let tone = if facility.cut { "cut" } else if connected { "on" } else { "wait" };
                @let way = format!("M360 62 C 360 116 {x} 92 {x} 140");
                path.wire.(tone) d=(way) {}
                @if connected && !facility.cut { path.flow d=(way) {} }
                @if facility.cut {
                    @let (mx, my) = ((360.0 + x) / 2.0, 104.0);
                    path.snip d=(format!("M{} {} l14 14 m0 -14 l-14 14", mx - 7.0, my - 7.0)) {}
                }
            }
            g.node.relay {
                circle cx="360" cy="38" r="26" {}
                path d="M348 34 h24 M348 42 h24 M352 28 l-4 6 4 0 M368 48 l4 -6 -4 0" {}
            }
            text x="396" y="34" style="text-anchor:start" { (lang.t("中継サーバ", "relay")) }
            text.small x="396" y="51" style="text-anchor:start" { (lang.t("暗号文だけを預かります", "holds ciphertext only")) }
            @for (place, facility) in view.facilities.iter().enumerate() {
                @let x = step * (place as f64 + 0.5);
                @let connected = facility.seen.link == Some(Link::Connected) && !facility.seen.gone;
                g.node.off[!connected] transform=(format!("translate({x} 162)")) {
                    circle r="23" {}
                    (icon(facility.kind))
                }
                text x=(x) y="204" { (facility.name(lang)) }
                @if facility.seen.unsent > 0 {
                    text.small x=(x) y="221" { (lang.t("未送信", "unsent")) " " (facility.seen.unsent) }
                }
            }
        }
    }
}

fn icon(kind: Kind) -> Markup {
    PreEscaped(
        match kind {
            Kind::Hospital => r#"<path d="M-10 11V-8h20v19M-13 11h26M0 -4v8M-4 0h8"/>"#,
            Kind::Clinic => r#"<path d="M-12 0 0 -11 12 0M-9 -2v13h18V-2M-3 11V4h6v7"/>"#,
            Kind::Pharmacy => {
                r#"<path d="M-9 -9h18M-7 -9v18a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2V-9M0 -3v8M-4 1h8"/>"#
            }
        }
        .to_owned(),
    )
}

/// The clock time of a moment as the node writes it; as it stands if it is written otherwise.
fn clock(at: &str) -> String {
    at.parse::<jiff::Timestamp>()
        .map(|at| at.to_zoned(japan()).strftime("%H:%M:%S").to_string())
        .unwrap_or_else(|_| at.to_owned())
}

fn size(bytes: u64) -> String {
    match bytes {
        ..10_000 => format!("{:.1} KB", bytes as f64 / 1e3),
        10_000..1_000_000 => format!("{} KB", bytes / 1000),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::watch::{Event, Publisher};

    /// The page of a region in which the clinic is cut off while a result waits for it.
    fn view() -> View {
        let facility = |key, kind, names| FacilityView {
            key,
            kind,
            names,
            web: "http://127.0.0.1:1".to_owned(),
            staff: vec![("doctor", "医師"), ("clerk", "事務")],
            cut: key == "clinic",
            seen: Seen {
                link: Some(if key == "clinic" { Link::Offline } else { Link::Connected }),
                unsent: if key == "clinic" { 2 } else { 0 },
                last_sync: Some("2026-11-22T03:04:05Z".to_owned()),
                held: [("あざみ原総合病院".to_owned(), 1204)].into(),
                gone: false,
            },
            traffic: Traffic { up_bytes: 48_211, down_bytes: 2_340_118, ..Traffic::default() },
            patients: if kind == Kind::Hospital { vec![patient()] } else { Vec::new() },
        };
        let test = &TESTS[0];
        let told = [
            Event::Received { place: 3, from: Publisher::Place(0), count: 1 },
            Event::Added { place: 0, test, value: 8.42 },
            Event::Unsent { place: 2, count: 2 },
            Event::Offline { place: 2, after_seconds: Some(9) },
            Event::Cut { place: 2 },
        ];
        let told = told.into_iter().enumerate().map(|(number, event)| Told {
            number: number as u64 + 1,
            at: "12:04:05".to_owned(),
            event,
        });
        View {
            facilities: vec![
                facility(
                    "hospital-a",
                    Kind::Hospital,
                    ("あざみ原総合病院", "Azamibaru General Hospital"),
                ),
                facility(
                    "hospital-b",
                    Kind::Hospital,
                    ("筑水記念病院", "Chikusui Memorial Hospital"),
                ),
                facility("clinic", Kind::Clinic, ("あかね川内科クリニック", "Akanegawa Clinic")),
                facility("pharmacy", Kind::Pharmacy, ("ひよどり坂薬局", "Hiyodorizaka Pharmacy")),
            ],
            told: told.collect(),
            password: "tsutsuji-0000-0000".to_owned(),
            token: "t".to_owned(),
        }
    }

    fn patient() -> Patient {
        Patient {
            local_id: "01204310".to_owned(),
            reference: "Patient/p01204310".to_owned(),
            name: "古賀 <美智子>".to_owned(),
            female: true,
            elsewhere: Some("1".to_owned()),
        }
    }

    #[test]
    fn the_page_speaks_both_languages_and_escapes_names() {
        let japanese = page(&view(), Lang::Ja).into_string();
        assert!(
            japanese.contains("切断中")
                && japanese.contains("あかね川内科クリニックの回線を切りました")
        );
        assert!(japanese.contains("古賀 &lt;美智子&gt;"));
        let english = page(&view(), Lang::En).into_string();
        assert!(english.contains("Akanegawa Clinic: line cut"));
        assert!(!english.contains("病院（開示施設）"));
    }

    #[test]
    fn every_live_part_has_its_place_on_the_page() {
        let page = page(&view(), Lang::Ja).into_string();
        let live = live(&view(), Lang::Ja).into_string();
        for part in live.split("data-for=\"").skip(1) {
            let id = part.split('"').next().unwrap();
            assert!(page.contains(&format!("id=\"{id}\"")), "{id}");
        }
        // For looking at the page without starting a region: set the variable to a folder.
        if let Some(folder) = std::env::var_os("AZALEA_DEMO_PAGE") {
            let folder = std::path::Path::new(&folder);
            let text = page
                .replace("/demo.css", "demo.css")
                .replace("/mark.svg", "mark.svg")
                .replace("/demo.js", "no.js");
            std::fs::write(folder.join("page.html"), text).unwrap();
            std::fs::write(folder.join("demo.css"), include_str!("assets/demo.css")).unwrap();
            std::fs::write(folder.join("mark.svg"), include_str!("assets/mark.svg")).unwrap();
        }
    }
}
