//! What a run looked like, as a page that one would rather look at than read: no script, nothing from the network.
//! Japanese first, English beside it.

mod carried;
mod kinds;
mod plot;
mod tricks;

use std::collections::BTreeMap;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::campaign::{Verdict, replay};
use super::watch::Sample;
use super::{PROBED_AT_ONCE, PROBED_MAX, Quality, World};
use plot::{Axis, Line, amount, duration};

/// The page of one run.
pub fn page(world: &World, verdict: &Verdict) -> String {
    let title = if world.options().story.is_empty() { "A region" } else { &world.options().story };
    html! {
        (DOCTYPE)
        html lang="ja" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { "Azalea: " (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    p.kind { "地域シミュレーション " (english("Region on virtual time")) }
                    h1 lang="en" { (title) }
                }
                (figures(world, verdict))
                @if *verdict != Verdict::Clean { pre.findings lang="en" { (verdict) } }
                (section("停電・断線の間も読めるカルテ", "Charts that can be read through an outage", reading(world)))
                (section("施設の種類", "Kinds of facilities", kinds::kinds(world)))
                @if world.options().region.is_some() {
                    (section("地域の仕事量", "What there was to do", kinds::days(world)))
                }
                (section("表示の鮮度", "Age of what screens show, by quality of the line", staleness(world)))
                (section("中継サーバの滞留", "What waits at the relay for its readers", backlog(world)))
                (section("通信量と回線容量", "Bytes per facility and day, against the line", carried::carried(world)))
                @if !world.watch().tries.is_empty() {
                    (section("悪意ある中継サーバ", "What the hostile relay tried, and when it was noticed", tricks::tricks(world)))
                }
                footer {
                    p { "同じ条件は同じ経過になります。 " (english("The same options give the same trace:")) " " code { (world.trace()) } }
                    pre { (replay(world.options())) }
                }
            }
        }
    }
    .into_string()
}

fn english(words: &str) -> Markup {
    html! { span.en lang="en" { (words) } }
}

fn section(japanese: &str, words: &str, body: Markup) -> Markup {
    html! { section { h2 { (japanese) " " (english(words)) } (body) } }
}

fn head(japanese: &str, words: &str) -> Markup {
    html! { th scope="col" { (japanese) br; (english(words)) } }
}

/// The numbers that one looks for first.
fn figures(world: &World, verdict: &Verdict) -> Markup {
    let watch = world.watch();
    let rest = world.options().rest_seconds;
    let (mark, japanese, word) = match verdict {
        Verdict::Clean => ("ok", "異常なし", "clean"),
        Verdict::Safety(_) => ("bad", "安全性の違反", "safety"),
        Verdict::Liveness(_) => ("bad", "期限超過", "late"),
        Verdict::Crash(_) => ("bad", "停止", "stopped"),
    };
    let figure = |value: String, japanese: &str, word: &str| {
        html! { div { dt { (japanese) " " (english(word)) } dd { (value) } } }
    };
    html! {
        dl.figures {
            div class=(mark) { dt { "結果 " (english("verdict")) } dd { (japanese) " " (english(word)) } }
            (figure(duration(world.options().seconds as f64), "期間", "time told"))
            (figure(amount(world.facilities().len() as f64), "端末", "devices"))
            (figure(amount(world.saved() as f64), "保存", "things saved"))
            (figure(
                format!("{} / {}", duration(watch.rested_ms as f64 / 1_000.0), duration(rest as f64)),
                "復旧後の収束 / 期限", "time to converge / bound",
            ))
            @let lines = world.datagrams();
            (figure(
                format!("{} / {} / {}", amount(lines.lost as f64), amount(lines.doubled as f64), amount(lines.overtook as f64)),
                "パケット：消失 / 重複 / 追い越し", "datagrams lost / doubled / reordered",
            ))
            (figure(amount(lines.moves as f64), "接続中の回線切替", "changes of address"))
            @if watch.repairs > 0 {
                (figure(amount(watch.repairs as f64), "破損した保存領域の修復", "rotten stores repaired"))
            }
        }
    }
}

/// Of the charts that a device may read, the share that can be read there, beside a system of links.
fn reading(world: &World) -> Markup {
    let samples = &world.watch().samples;
    // Of a large region few devices are looked at in a turn: several turns make one point.
    let turns = if world.facilities().len() > PROBED_MAX { TURNS * PROBED_AT_ONCE } else { 1 };
    let every = world.options().probe_seconds * turns as u64;
    let share = |which: usize| {
        let shares = |it: &&Sample| it.charts?.shares();
        by_time(samples.iter(), every, |all| {
            mean(all.iter().filter_map(shares).map(|it| it[which]))
        })
    };
    let whole = |which: usize| {
        let shares = samples.iter().filter_map(|it| it.charts?.shares());
        mean(shares.map(|it| it[which])).map_or_else(|| "—".to_owned(), |it| format!("{it:.2} %"))
    };
    html! {
        p.compare {
            span.k0 { "Azalea " b { (whole(0)) } }
            span.k1 { "リンク型 " (english("a system of links")) " " b { (whole(1)) } }
        }
        p {
            "端末ごとに、閲覧が許されたカルテのうちその時に読めるものの割合の平均。リンク型は、自分の回線と、開示する病院の回線とサーバが動いている間だけ読める。 "
            (english(
                "Of the charts that each device may read, the share that can be read at that moment. A system of links \
                 needs the reader's line, and the line and the server of the hospital that discloses."
            ))
        }
        (plot::lines(&[
            Line { class: "s1", points: share(1), filled: true },
            Line { class: "s0", points: share(0), filled: false },
        ], Axis::percent(), span(world)))
    }
}

/// The mean of shares, in hundredths.
fn mean(shares: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, many) = shares.fold((0.0, 0), |(sum, many), share| (sum + share, many + 1));
    (many > 0).then(|| 100.0 * sum / f64::from(many))
}

fn staleness(world: &World) -> Markup {
    let mut series = Vec::new();
    for (number, each) in Quality::ALL.into_iter().enumerate() {
        let samples = world.watch().samples.iter().filter(|it| it.line == each);
        let points = by_time(samples, 1, |all| {
            let mut ages: Vec<u64> = all.iter().filter_map(|it| it.staleness).collect();
            ages.sort_unstable();
            ages.get(ages.len() / 2).map(|age| *age as f64)
        });
        if !points.is_empty() {
            series.push((number, each, points));
        }
    }
    let key = series.iter().map(|(number, each, _)| (*number, *each)).collect::<Vec<_>>();
    let lines: Vec<Line> = series
        .into_iter()
        .map(|(number, _, points)| Line { class: CLASSES[number], points, filled: false })
        .collect();
    html! {
        p { "「いつの時点まで揃っているか」の経過時間（中央値）。 " (english("Median age of the oldest complete-as-of.")) }
        p.key {
            @for (number, each) in key {
                span class={ "k" (number) } { (japanese_quality(each)) " " (english(each.name())) }
            }
        }
        // Where lines lie upon each other, a wider one below is seen.
        div.layers { (plot::lines(&lines, Axis::seconds(), span(world))) }
    }
}

fn japanese_quality(quality: Quality) -> &'static str {
    match quality {
        Quality::Fibre => "光回線",
        Quality::Copper => "銅線（山間部）",
        Quality::Mobile => "モバイル",
    }
}

fn backlog(world: &World) -> Markup {
    let points = by_time(world.watch().samples.iter(), 1, |all| {
        Some(all.iter().map(|it| it.backlog as f64).sum::<f64>())
    });
    html! {
        p { "受信側がまだ確認していない封書の数。 " (english("Envelopes that readers have not confirmed.")) }
        (plot::lines(&[Line { class: "s0", points, filled: true }], Axis::count(), span(world)))
    }
}

/// How long the run lasted, in seconds.
fn span(world: &World) -> f64 {
    world.watch().samples.last().map_or(1.0, |last| last.at.max(1) as f64)
}

/// One value for each moment at which the world looked, or for all moments of so many seconds together; in seconds.
fn by_time<'a>(
    samples: impl Iterator<Item = &'a Sample>,
    every: u64,
    value: impl Fn(&[&Sample]) -> Option<f64>,
) -> Vec<(f64, f64)> {
    let mut moments: BTreeMap<u64, Vec<&Sample>> = BTreeMap::new();
    for sample in samples {
        moments.entry(sample.at / every).or_default().push(sample);
    }
    let at = |all: &[&Sample]| all.last().map_or(0.0, |last| last.at as f64);
    moments.into_values().filter_map(|all| Some((at(&all), value(&all)?))).collect()
}

/// So many devices that are looked at in turn, times four, make a point.
const TURNS: usize = 4;
/// The colours of the qualities of lines.
const CLASSES: [&str; 3] = ["s0", "s1", "s2"];
const STYLE: &str = include_str!("report/report.css");
