//! What a run looked like, as a page that one would rather look at than read: no script, nothing from the network.
//! Japanese first, English beside it.

mod kinds;
mod plot;

use std::collections::BTreeMap;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::campaign::{Verdict, replay};
use super::hostile::Trick;
use super::watch::Sample;
use super::{Quality, World};
use plot::{Axis, Dots, Line, amount, duration};

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
                (section("閲覧できた端末の割合", "Devices on which charts can be opened", reading(world)))
                (section("施設の種類", "Kinds of facilities", kinds::kinds(world)))
                @if world.options().region.is_some() {
                    (section("地域の仕事量", "What there was to do", kinds::days(world)))
                }
                (section("表示の鮮度", "Age of what screens show, by quality of the line", staleness(world)))
                (section("中継サーバの滞留", "What waits at the relay for its readers", backlog(world)))
                (section("通信量と回線容量", "Bytes per device and day, against the line", bytes(world)))
                @if !world.watch().tries.is_empty() {
                    (section("悪意ある中継サーバ", "What the hostile relay tried", tries(world)))
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

fn reading(world: &World) -> Markup {
    let share = |yes: fn(&Sample) -> bool| {
        by_time(world.watch().samples.iter(), |all| {
            Some(100.0 * all.iter().filter(|it| yes(it)).count() as f64 / all.len() as f64)
        })
    };
    let own = share(|it| it.is_up);
    let linked = share(|it| it.is_up && it.is_online);
    let mean = |points: &[(f64, f64)]| {
        points.iter().map(|it| it.1).sum::<f64>() / points.len().max(1) as f64
    };
    let (ours, theirs) = (mean(&own), mean(&linked));
    html! {
        p.compare {
            span.k0 { "Azalea " b { (format!("{ours:.2} %")) } }
            span.k1 { "リンク型（回線とサーバが必要） " (english("a system of links")) " " b { (format!("{theirs:.2} %")) } }
        }
        (plot::lines(&[
            Line { class: "s1", points: linked, filled: true },
            Line { class: "s0", points: own, filled: false },
        ], Axis::percent(), span(world)))
    }
}

fn staleness(world: &World) -> Markup {
    let quality = |place: usize| world.line(place);
    let mut series = Vec::new();
    for (number, each) in Quality::ALL.into_iter().enumerate() {
        let samples = world.watch().samples.iter().filter(|it| quality(it.place) == each);
        let points = by_time(samples, |all| {
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
        (plot::lines(&lines, Axis::seconds(), span(world)))
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
    let points = by_time(world.watch().samples.iter(), |all| {
        Some(all.iter().map(|it| it.backlog as f64).sum::<f64>())
    });
    html! {
        p { "受信側がまだ確認していない封書の数。 " (english("Envelopes that readers have not confirmed.")) }
        (plot::lines(&[Line { class: "s0", points, filled: true }], Axis::count(), span(world)))
    }
}

/// The last day of each device's traffic would be luck: what it carried over the whole time, as a day's share.
fn bytes(world: &World) -> Markup {
    let last: BTreeMap<usize, &Sample> =
        world.watch().samples.iter().map(|sample| (sample.place, sample)).collect();
    let mut rows: Vec<Dots> = Vec::new();
    for (number, quality) in Quality::ALL.into_iter().enumerate() {
        let of_quality = last.values().filter(|it| world.line(it.place) == quality);
        let per_day = of_quality.map(|sample| {
            let carried = sample.bytes[0].max(sample.bytes[1]);
            carried as f64 * 86_400.0 / sample.at.max(1) as f64
        });
        let dots: Vec<f64> = per_day.collect();
        if !dots.is_empty() {
            let (name, limit) = (japanese_quality(quality), quality.bytes_per_day() as f64);
            rows.push(Dots { name, class: CLASSES[number], dots, limit });
        }
    }
    html! {
        p {
            "点は端末ごとの一日あたり（上り・下りの多い方）、縦線は回線の一日の容量。目盛りは対数。 "
            (english("A dot for each device, its busier direction; the bar is what its line can carry in a day. Logarithmic."))
        }
        (plot::dots(&rows))
    }
}

fn tries(world: &World) -> Markup {
    let watch = world.watch();
    let mut tried: BTreeMap<Trick, Vec<u64>> = BTreeMap::new();
    for (at, trick, _) in &watch.tries {
        tried.entry(*trick).or_default().push(*at);
    }
    let first = watch.noticed.values().min().copied();
    let rows: Vec<(&str, &str, &[u64])> = tried
        .iter()
        .map(|(trick, times)| (japanese_trick(*trick), trick.name(), times.as_slice()))
        .collect();
    html! {
        p {
            @match first {
                Some(first) => {
                    b { (watch.noticed.len()) } " 台が気づき、最初は "
                    b { (duration(first as f64)) } " の時点（縦線）。 "
                    (english("devices noticed; the bar is when the first did: what a publisher counts and nobody delivers, or what no key signed."))
                }
                None => { "どの端末も気づきませんでした。 " (english("No device noticed.")) }
            }
        }
        (plot::moments(&rows, first, span(world)))
    }
}

fn japanese_trick(trick: Trick) -> &'static str {
    match trick {
        Trick::Withhold => "隠す",
        Trick::Replay => "再送する",
        Trick::Reorder => "順序を変える",
        Trick::RollBack => "巻き戻す",
        Trick::Fork => "相手で話を変える",
        Trick::Tamper => "書き換える",
        Trick::Flood => "溢れさせる",
        Trick::StaleHeads => "古い申告を出す",
        Trick::Smuggle => "紛れ込ませる",
        Trick::WithholdSnapshots => "写しを隠す",
    }
}

/// How long the run lasted, in seconds.
fn span(world: &World) -> f64 {
    world.watch().samples.last().map_or(1.0, |last| last.at.max(1) as f64)
}

/// One value for each moment at which the world looked, in seconds.
fn by_time<'a>(
    samples: impl Iterator<Item = &'a Sample>,
    value: impl Fn(&[&Sample]) -> Option<f64>,
) -> Vec<(f64, f64)> {
    let mut moments: BTreeMap<u64, Vec<&Sample>> = BTreeMap::new();
    for sample in samples {
        moments.entry(sample.at).or_default().push(sample);
    }
    moments.into_iter().filter_map(|(at, all)| Some((at as f64, value(&all)?))).collect()
}

/// The colours of the qualities of lines.
const CLASSES: [&str; 3] = ["s0", "s1", "s2"];
const STYLE: &str = include_str!("report/report.css");
