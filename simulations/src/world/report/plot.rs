//! Plots as SVG: lines over time, dots on a logarithmic scale, moments on a line of time.

use maud::{Markup, html};

/// Points over time, in seconds.
pub(super) struct Line {
    pub(super) class: &'static str,
    pub(super) points: Vec<(f64, f64)>,
    /// The area below is filled.
    pub(super) filled: bool,
}

/// What the height means.
pub(super) struct Axis {
    /// The top, where it is given.
    top: Option<f64>,
    words: fn(f64) -> String,
    /// Ticks lie on multiples of these.
    steps: &'static [f64],
}

impl Axis {
    pub(super) fn percent() -> Self {
        Self { top: Some(100.0), words: |value| format!("{value:.0} %"), steps: &[50.0] }
    }

    pub(super) fn seconds() -> Self {
        const DAY: f64 = 86_400.0;
        const HOUR: f64 = 3_600.0;
        let steps = &[
            60.0,
            300.0,
            600.0,
            1_800.0,
            HOUR,
            2.0 * HOUR,
            6.0 * HOUR,
            12.0 * HOUR,
            DAY,
            5.0 * DAY,
        ];
        Self { top: None, words: duration, steps }
    }

    pub(super) fn count() -> Self {
        let steps = &[1.0, 5.0, 10.0, 50.0, 100.0, 500.0, 1e3, 5e3, 1e4, 5e4, 1e5, 1e6];
        Self { top: None, words: amount, steps }
    }

    fn ticks(&self, top: f64) -> Vec<f64> {
        let few = |step: &&f64| top / **step <= 4.0;
        let step = self.steps.iter().find(few).or(self.steps.last()).copied().unwrap_or(top);
        let count = (top / step).min(6.0) as usize;
        (0..=count).map(|number| number as f64 * step).collect()
    }
}

/// Lines over `span` seconds.
pub(super) fn lines(lines: &[Line], axis: Axis, span: f64) -> Markup {
    let highest = lines.iter().flat_map(|it| &it.points).map(|it| it.1).fold(1.0, f64::max);
    let top = axis.top.unwrap_or(highest * 1.05);
    let y = |value: f64| HEIGHT - value / top * (HEIGHT - 12.0);
    let path = |line: &Line| -> String {
        line.points.iter().map(|(at, v)| format!("{:.1},{:.1} ", x(*at, span), y(*v))).collect()
    };
    let area = |line: &Line| -> String {
        let end = |at: Option<&(f64, f64)>| at.map_or(LEFT, |it| x(it.0, span));
        let (first, last) = (end(line.points.first()), end(line.points.last()));
        format!("{first:.1},{HEIGHT} {}{last:.1},{HEIGHT}", path(line))
    };
    html! {
        svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT + 26.0) } role="img" {
            @for tick in axis.ticks(top) {
                line x1=(LEFT) x2=(RIGHT) y1=(y(tick)) y2=(y(tick)) class="grid" {}
                text x=(LEFT - 8.0) y=(y(tick) + 5.0) text-anchor="end" { ((axis.words)(tick)) }
            }
            (time(span, HEIGHT))
            @for line in lines {
                @if line.filled { polygon class={ "fill " (line.class) } points=(area(line)) {} }
                polyline class=(line.class) points=(path(line)) {}
            }
        }
    }
}

/// Values of one kind, and the one that they may not come near.
pub(super) struct Dots {
    pub(super) name: &'static str,
    pub(super) class: &'static str,
    pub(super) dots: Vec<f64>,
    pub(super) limit: f64,
}

/// Rows of dots on one logarithmic scale of bytes.
pub(super) fn dots<'a>(rows: impl Iterator<Item = &'a Dots>) -> Markup {
    let rows: Vec<&Dots> = rows.collect();
    let all = || rows.iter().flat_map(|row| row.dots.iter().chain([&row.limit]));
    let low = all().fold(f64::MAX, |low, value| low.min(value.max(100.0))).log10().floor();
    let high = all().fold(1.0, |high: f64, value| high.max(*value)).log10().ceil();
    let left = 130.0;
    let x = |value: f64| {
        left + (value.max(10f64.powf(low)).log10() - low) / (high - low).max(1.0) * (RIGHT - left)
    };
    let bottom = rows.len() as f64 * ROW;
    html! {
        svg viewBox={ "0 0 " (WIDTH) " " (bottom + 26.0) } role="img" {
            @for power in low as i32..=high as i32 {
                @let at = x(10f64.powi(power));
                line x1=(at) x2=(at) y1="0" y2=(bottom) class="grid" {}
                @let anchor = if power == high as i32 { "end" } else { "middle" };
                text x=(at) y=(bottom + 20.0) text-anchor=(anchor) { (bytes(10f64.powi(power))) }
            }
            @for (number, row) in rows.iter().enumerate() {
                @let y = (number as f64 + 0.5) * ROW;
                text x=(left - 10.0) y=(y + 5.0) text-anchor="end" { (row.name) }
                @for (place, value) in row.dots.iter().enumerate() {
                    // Spread over the row, so that equal ones are seen.
                    circle class=(row.class) r="4" cx=(x(*value)) cy=(y + (place % 7) as f64 * 4.0 - 12.0) {}
                }
                line class="limit" x1=(x(row.limit)) x2=(x(row.limit)) y1=(y - 17.0) y2=(y + 17.0) {}
            }
        }
    }
}

/// When things of one kind happened, and a moment that stands out.
pub(super) struct Moments<'a> {
    pub(super) name: &'a str,
    pub(super) words: &'a str,
    pub(super) times: &'a [u64],
    pub(super) mark: Option<u64>,
}

/// A row of moments for each kind.
pub(super) fn moments(rows: &[Moments<'_>], span: f64) -> Markup {
    let left = 290.0;
    let x = |at: f64| left + at / span * (RIGHT - left);
    let bottom = rows.len() as f64 * 28.0;
    html! {
        svg viewBox={ "0 0 " (WIDTH) " " (bottom + 26.0) } role="img" {
            @for (number, row) in rows.iter().enumerate() {
                @let y = (number as f64 + 0.5) * 28.0;
                line x1=(left) x2=(RIGHT) y1=(y) y2=(y) class="grid" {}
                text x="0" y=(y + 5.0) { (row.name) tspan class="en" { " " (row.words) } }
                text x=(left - 10.0) y=(y + 5.0) text-anchor="end" { "×" (amount(row.times.len() as f64)) }
                @for at in thin(row.times) {
                    circle class="s0" r="3.5" cx=(x(at as f64)) cy=(y) {}
                }
                @if let Some(mark) = row.mark {
                    line class="limit" x1=(x(mark as f64)) x2=(x(mark as f64)) y1=(y - 11.0) y2=(y + 11.0) {}
                }
            }
            @for tick in time_ticks(span) {
                text x=(x(tick)) y=(bottom + 20.0) text-anchor="middle" { (duration(tick)) }
            }
        }
    }
}

/// A few hundred moments look like all of them.
fn thin(times: &[u64]) -> impl Iterator<Item = u64> {
    times.iter().copied().step_by(times.len() / 300 + 1)
}

fn x(at: f64, span: f64) -> f64 {
    LEFT + at / span * (RIGHT - LEFT)
}

fn time(span: f64, bottom: f64) -> Markup {
    html! {
        @for tick in time_ticks(span) {
            text x=(x(tick, span)) y=(bottom + 20.0) text-anchor="middle" { (duration(tick)) }
        }
    }
}

fn time_ticks(span: f64) -> Vec<f64> {
    const STEPS: [f64; 10] =
        [60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0, 21_600.0, 86_400.0, 172_800.0, 432_000.0];
    let step = STEPS.into_iter().find(|step| span / step <= 10.0).unwrap_or(432_000.0);
    (0..=(span / step) as usize).map(|number| number as f64 * step).collect()
}

/// A length of time in its largest unit.
pub(super) fn duration(seconds: f64) -> String {
    match seconds {
        s if s >= 86_400.0 => format!("{} 日", short(s / 86_400.0)),
        s if s >= 7_200.0 => format!("{} 時間", short(s / 3_600.0)),
        s if s >= 120.0 => format!("{} 分", short(s / 60.0)),
        0.0 => "0".to_owned(),
        s => format!("{s:.0} 秒"),
    }
}

fn short(value: f64) -> String {
    let rounded = (value * 10.0).round() / 10.0;
    rounded.to_string()
}

fn bytes(value: f64) -> String {
    match value {
        v if v >= 1e12 => format!("{:.0} TB", v / 1e12),
        v if v >= 1e9 => format!("{:.0} GB", v / 1e9),
        v if v >= 1e6 => format!("{:.0} MB", v / 1e6),
        v if v >= 1e3 => format!("{:.0} kB", v / 1e3),
        v => format!("{v:.0} B"),
    }
}

/// A number of bytes with three figures.
pub(super) fn volume(value: f64) -> String {
    let units = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    let unit = units.into_iter().find(|(unit, _)| value >= *unit);
    let Some((unit, name)) = unit else { return format!("{value:.0} B") };
    let digits = match value / unit {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    format!("{:.digits$} {name}", value / unit)
}

/// A count with its thousands apart.
pub(super) fn amount(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

const WIDTH: f64 = 900.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 880.0;
const HEIGHT: f64 = 190.0;
const ROW: f64 = 48.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_in_their_units() {
        assert_eq!(amount(1_234_567.0), "1,234,567");
        assert_eq!([duration(0.0), duration(90.0), duration(900.0)], ["0", "90 秒", "15 分"]);
        assert_eq!([duration(9_000.0), duration(129_600.0)], ["2.5 時間", "1.5 日"]);
        assert_eq!([volume(90.0), volume(12_340.0), volume(1.5e6)], ["90 B", "12.3 kB", "1.50 MB"]);
        assert_eq!(Axis::percent().ticks(100.0), [0.0, 50.0, 100.0]);
    }
}
