//! What a run looked like, as a page that one would rather look at than read: no script, nothing from the network.

use std::collections::BTreeMap;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::campaign::Verdict;
use super::watch::Sample;
use super::{Quality, World};

/// The page of one run.
pub fn page(world: &World, verdict: &Verdict) -> String {
    let watch = world.watch();
    let facilities = world.facilities();
    let quality = |place: usize| facilities[place].link.quality;
    let staleness = Quality::ALL.map(|each| {
        let of_quality = |sample: &&Sample| quality(sample.place) == each;
        let samples = watch.samples.iter().filter(of_quality);
        let minutes = by_time(samples, |all| {
            let mut ages: Vec<u64> = all.iter().filter_map(|it| it.staleness).collect();
            ages.sort_unstable();
            ages.get(ages.len() / 2).map(|age| *age as f64 / 60.0)
        });
        Series { name: each.name(), points: minutes }
    });
    let share = |yes: fn(&Sample) -> bool| {
        by_time(watch.samples.iter(), |all| {
            Some(100.0 * all.iter().filter(|it| yes(it)).count() as f64 / all.len() as f64)
        })
    };
    let reading = [
        Series { name: "azalea: read from the replica", points: share(|it| it.is_up) },
        Series {
            name: "a system of links: line and server needed",
            points: share(|it| it.is_up && it.is_online),
        },
    ];
    let backlog = by_time(watch.samples.iter(), |all| {
        Some(all.iter().map(|it| it.backlog as f64).sum::<f64>())
    });
    let title = if world.options().story.is_empty() { "a region" } else { &world.options().story };
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { "Azalea: " (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (title) }
                p.verdict { (verdict.to_string()) }
                p {
                    (world.saved()) " things saved, " (world.events()) " events. At rest "
                    (watch.rested_ms / 1_000) " s after everything was healed."
                }
                h2 { "How old is what a screen shows" }
                p { "Median age of the oldest " i { "complete as of" } ", by the quality of the line." }
                (chart(&staleness, "minutes"))
                h2 { "Who can read" }
                p { "Share of the devices on which anything can be opened." }
                (chart(&reading, "%"))
                h2 { "What waits at the relay" }
                p { "Places of all feeds that their readers have not confirmed." }
                (chart(&[Series { name: "envelopes", points: backlog }], "envelopes"))
                h2 { "Bytes per device and day" }
                (bytes(world))
                @if !watch.tries.is_empty() {
                    h2 { "What the hostile relay tried" }
                    (tries(world))
                }
                h2 { "The run" }
                p { "The same options give the same trace: " code { (world.trace()) } }
                pre { "cargo simulate --options '" (world.options().line()) "'" }
            }
        }
    }
    .into_string()
}

struct Series {
    name: &'static str,
    points: Vec<(f64, f64)>,
}

/// One value for each moment at which the world looked, in hours.
fn by_time<'a>(
    samples: impl Iterator<Item = &'a Sample>,
    value: impl Fn(&[&Sample]) -> Option<f64>,
) -> Vec<(f64, f64)> {
    let mut moments: BTreeMap<u64, Vec<&Sample>> = BTreeMap::new();
    for sample in samples {
        moments.entry(sample.at).or_default().push(sample);
    }
    let points = moments.into_iter().map(|(at, all)| Some((at as f64 / 3_600.0, value(&all)?)));
    points.flatten().collect()
}

fn chart(series: &[Series], unit: &str) -> Markup {
    let points = || series.iter().flat_map(|series| &series.points);
    let right = points().map(|point| point.0).fold(0.1, f64::max);
    let top = points().map(|point| point.1).fold(1.0, f64::max);
    let x = |hours: f64| LEFT + hours / right * (WIDTH - LEFT);
    let y = |value: f64| HEIGHT - value / top * (HEIGHT - 20.0);
    let line = |series: &Series| -> String {
        series.points.iter().map(|(at, v)| format!("{:.1},{:.1} ", x(*at), y(*v))).collect()
    };
    html! {
        svg viewBox={ "0 0 " (WIDTH + 10.0) " " (HEIGHT + 24.0) } role="img" {
            line x1=(LEFT) x2=(WIDTH) y1=(HEIGHT) y2=(HEIGHT) class="axis" {}
            text x="0" y="16" { (format!("{top:.0} {unit}")) }
            text x="0" y=(HEIGHT) { "0" }
            text x=(WIDTH - 60.0) y=(HEIGHT + 18.0) { (format!("{right:.1} h")) }
            @for (number, series) in series.iter().enumerate() {
                polyline class={ "s" (number) } points=(line(series)) {}
            }
        }
        p.key {
            @for (number, series) in series.iter().enumerate() {
                span class={ "k" (number) } { (series.name) } " "
            }
        }
    }
}

fn bytes(world: &World) -> Markup {
    let last: BTreeMap<usize, &Sample> =
        world.watch().samples.iter().map(|sample| (sample.place, sample)).collect();
    let rows = last.values().map(|sample| {
        let quality = world.facilities()[sample.place].link.quality;
        let per_day = |bytes: u64| bytes * 86_400 / sample.at.max(1);
        let (up, down) = (per_day(sample.bytes[0]), per_day(sample.bytes[1]));
        let share = 100.0 * up.max(down) as f64 / quality.bytes_per_day() as f64;
        (sample.place, quality.name(), up, down, share)
    });
    html! {
        table {
            tr { th { "device" } th { "line" } th { "up" } th { "down" } th { "of the line's day" } }
            @for (place, quality, up, down, share) in rows.take(ROWS_MAX) {
                tr {
                    td { (place) } td { (quality) }
                    td { (up / 1_000) " kB" } td { (down / 1_000) " kB" }
                    td { (format!("{share:.3} %")) }
                }
            }
        }
    }
}

fn tries(world: &World) -> Markup {
    let watch = world.watch();
    let mut tried: BTreeMap<_, (u64, u64)> = BTreeMap::new();
    for (at, trick, _) in &watch.tries {
        let entry = tried.entry(*trick).or_insert((*at, 0));
        entry.1 += 1;
    }
    html! {
        table {
            tr { th { "trick" } th { "times" } th { "first" } }
            @for (trick, (first, times)) in &tried {
                tr { td { (trick.name()) } td { (times) } td { (first) " s" } }
            }
        }
        p {
            "Noticed by " (watch.noticed.len()) " devices"
            @if let Some(first) = watch.noticed.values().min() { ", first at " (first) " s" }
            ": entries that the publisher counts and nobody delivers, or envelopes that no key signed."
        }
    }
}

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 10.0;
/// Devices in the table.
const ROWS_MAX: usize = 40;
const STYLE: &str = "
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem; color: #223; }
svg { width: 100%; background: #f7f7fb; } .axis { stroke: #99a; }
polyline { fill: none; stroke-width: 2; } text { font-size: 12px; fill: #556; }
.s0 { stroke: #b0307a; } .s1 { stroke: #2a7f9e; } .s2 { stroke: #c98a1b; }
.k0 { color: #b0307a; } .k1 { color: #2a7f9e; } .k2 { color: #a06a00; } .key span { margin-right: 1.5rem; }
td, th { text-align: right; padding: 0 1rem; } .verdict, pre { white-space: pre-wrap; overflow-wrap: anywhere; }
";
