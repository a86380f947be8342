//! The plot of what a catch-up costs against the number of documents: time at the left, bytes at the right, both logarithmic.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::Results;
use super::spread::{Spread, amount, bytes, time};
use crate::measure::Measured;
use crate::orchestrate::Outcome;
use crate::systems::System;
use crate::work::Work;

/// One system's points, and where it was stopped.
struct Curve {
    system: System,
    points: Vec<(f64, Spread)>,
    stopped: Option<f64>,
}

/// The picture of W3.
pub(super) fn catch_up(results: &Results) -> String {
    let mut svg = String::new();
    let _ = write!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="system-ui, sans-serif" font-size="14" fill="{INK}" role="img">
<title>Catch-up where 10 documents changed</title>
<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>
<text x="{MARGIN}" y="30" font-size="18" font-weight="600">Catch-up where 10 documents changed, by how many there are</text>
"#
    );
    panel(&mut svg, MARGIN, "time", time, &curves(results, |it| it.seconds));
    let right = MARGIN + PANEL + GAP;
    panel(&mut svg, right, "bytes both ways", bytes, &curves(results, |it| it.bytes() as f64));
    let _ = writeln!(
        svg,
        r#"<text x="{MARGIN}" y="{}" fill="{QUIET}" font-size="13">Medians; the thin lines are the spread of the runs. A cross marks the size at which a system was stopped at its limit.</text>
</svg>"#,
        HEIGHT - 14.0
    );
    svg
}

fn curves(results: &Results, of: fn(&Measured) -> f64) -> Vec<Curve> {
    let mut curves: BTreeMap<System, Curve> = BTreeMap::new();
    for ((work, size, system), entries) in &results.of {
        if *work != Work::CatchUp {
            continue;
        }
        let curve = curves.entry(*system);
        let curve =
            curve.or_insert_with(|| Curve { system: *system, points: Vec::new(), stopped: None });
        let values = entries.iter().filter_map(|entry| match &entry.outcome {
            Outcome::Measured(measured) => Some(of(measured)),
            _ => None,
        });
        if let Some(spread) = Spread::of(values) {
            curve.points.push((*size as f64, spread));
        } else if entries.iter().any(|it| matches!(it.outcome, Outcome::Stopped(_))) {
            curve.stopped = Some(*size as f64);
        }
    }
    curves.into_values().filter(|curve| !curve.points.is_empty()).collect()
}

fn panel(svg: &mut String, left: f64, title: &str, unit: fn(f64) -> String, curves: &[Curve]) {
    let sizes: Vec<f64> = curves.iter().flat_map(|it| it.points.iter().map(|it| it.0)).collect();
    let values = || curves.iter().flat_map(|it| it.points.iter().map(|it| it.1));
    let low = values().map(|it| it.least).fold(f64::MAX, f64::min).log10().floor();
    let high = values().map(|it| it.most).fold(0.0, f64::max).log10().ceil();
    if sizes.is_empty() || high <= low {
        return;
    }
    let stops = curves.iter().filter_map(|it| it.stopped);
    let first = sizes.iter().copied().fold(f64::MAX, f64::min).log10();
    let last = sizes.iter().copied().chain(stops).fold(1.0, f64::max).log10();
    let last = if last > first { last } else { first + 1.0 };
    let x =
        |size: f64| left + AXIS + (size.log10() - first) / (last - first) * (PANEL - AXIS - LABELS);
    let y = |value: f64| BOTTOM - (value.log10() - low) / (high - low) * (BOTTOM - TOP);
    let (from, to) = (left + AXIS, left + PANEL - LABELS);
    let _ = writeln!(svg, r#"<text x="{left}" y="62" font-weight="600">{title}</text>"#);
    for power in low as i32..=high as i32 {
        let at = y(10_f64.powi(power));
        let _ = writeln!(
            svg,
            r#"<line x1="{from}" x2="{to}" y1="{at:.1}" y2="{at:.1}" stroke="{GRID}"/><text x="{}" y="{:.1}" text-anchor="end" fill="{QUIET}">{}</text>"#,
            from - 8.0,
            at + 5.0,
            power_words(10_f64.powi(power), unit)
        );
    }
    let mut ticks: Vec<f64> = sizes;
    ticks.sort_by(f64::total_cmp);
    ticks.dedup();
    for size in ticks {
        let at = x(size);
        let _ = writeln!(
            svg,
            r#"<line x1="{at:.1}" x2="{at:.1}" y1="{TOP}" y2="{BOTTOM}" stroke="{GRID}"/><text x="{at:.1}" y="{}" text-anchor="middle" fill="{QUIET}" font-size="12">{}</text>"#,
            BOTTOM + 20.0,
            amount(size as usize)
        );
    }
    let _ = writeln!(
        svg,
        r#"<text x="{:.1}" y="{}" text-anchor="middle" fill="{QUIET}">documents</text>"#,
        (from + to) / 2.0,
        BOTTOM + 42.0
    );
    for curve in curves {
        draw(svg, curve, &x, &y);
    }
    labels(svg, curves, to + 12.0, &x, &y);
}

fn draw(svg: &mut String, curve: &Curve, x: &impl Fn(f64) -> f64, y: &impl Fn(f64) -> f64) {
    let colour = colour(curve.system);
    let at = |(size, spread): &(f64, Spread)| format!("{:.1},{:.1}", x(*size), y(spread.median));
    let points: Vec<String> = curve.points.iter().map(at).collect();
    let _ = writeln!(
        svg,
        r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="{}"/>"#,
        points.join(" "),
        if curve.system == System::Azalea { 3.5 } else { 2.0 }
    );
    for (size, spread) in &curve.points {
        let (at, middle) = (x(*size), y(spread.median));
        let _ = writeln!(
            svg,
            r#"<line x1="{at:.1}" x2="{at:.1}" y1="{:.1}" y2="{:.1}" stroke="{colour}"/><circle cx="{at:.1}" cy="{middle:.1}" r="4" fill="{colour}"/>"#,
            y(spread.least),
            y(spread.most)
        );
    }
    if let (Some(stopped), Some((_, last))) = (curve.stopped, curve.points.last()) {
        let (at, middle) = (x(stopped), y(last.median));
        let _ = writeln!(
            svg,
            r#"<path d="M{:.1} {:.1}l10 10m0 -10l-10 10" stroke="{colour}" stroke-width="2.5"/>"#,
            at - 5.0,
            middle - 5.0
        );
    }
}

/// Names at the ends of the curves, pushed apart where they would lie on each other.
fn labels(
    svg: &mut String,
    curves: &[Curve],
    left: f64,
    x: &impl Fn(f64) -> f64,
    y: &impl Fn(f64) -> f64,
) {
    let mut ends: Vec<(f64, f64, &Curve)> = curves
        .iter()
        .filter_map(|curve| {
            let (size, spread) = curve.points.last()?;
            Some((y(spread.median), x(*size), curve))
        })
        .collect();
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut free = TOP;
    for (at, end, curve) in ends {
        let place = at.max(free);
        free = place + LINE;
        let colour = colour(curve.system);
        let _ = writeln!(
            svg,
            r#"<line x1="{:.1}" x2="{:.1}" y1="{at:.1}" y2="{place:.1}" stroke="{colour}" stroke-dasharray="2 3"/><text x="{left}" y="{:.1}" fill="{colour}" font-weight="600">{}</text>"#,
            end + 6.0,
            left - 3.0,
            place + 5.0,
            curve.system.title().split(' ').next().unwrap_or_default()
        );
    }
}

/// A power of ten, without the digits that medians need.
fn power_words(value: f64, unit: fn(f64) -> String) -> String {
    let words = unit(value);
    let Some((number, unit)) = words.split_once(' ') else { return words };
    let number = match number.trim_end_matches('0').strip_suffix('.') {
        Some(whole) => whole,
        None => number,
    };
    format!("{number} {unit}")
}

fn colour(system: System) -> &'static str {
    match system {
        System::Azalea => "#b0266a",
        System::Samod => "#8a6d00",
        System::IrohDocs => "#1f6fb2",
        System::Subduction => "#5b4fa0",
        System::Pouch => "#1d7d4f",
        System::Negentropy => "#6b6b6b",
    }
}

const INK: &str = "#222";
const QUIET: &str = "#666";
const GRID: &str = "#e3e3e3";
const WIDTH: f64 = 1_180.0;
const HEIGHT: f64 = 520.0;
const MARGIN: f64 = 24.0;
const GAP: f64 = 30.0;
const PANEL: f64 = 550.0;
const AXIS: f64 = 66.0;
const LABELS: f64 = 100.0;
const TOP: f64 = 80.0;
const BOTTOM: f64 = 430.0;
const LINE: f64 = 19.0;
