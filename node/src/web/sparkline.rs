//! A tiny drawing of one test over time, with the reference range behind it.

use maud::{Markup, html};

const WIDTH: f64 = 96.0;
const HEIGHT: f64 = 26.0;
const EDGE: f64 = 3.0;

/// Draws numbers, oldest first; nothing for fewer than two. `words` says the same to readers that speak.
pub(super) fn sparkline(
    numbers: &[f64],
    low: Option<f64>,
    high: Option<f64>,
    words: &str,
) -> Markup {
    if numbers.len() < 2 {
        return html! {};
    }
    let scale = Scale::of(numbers, low, high);
    let points: Vec<(f64, f64)> =
        (0..numbers.len()).map(|at| (x(at, numbers.len()), scale.y(numbers[at]))).collect();
    let line = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>().join(" ");
    let (last_x, last_y) = points[points.len() - 1];
    let band = (low.is_some() || high.is_some()).then(|| {
        let top = high.map_or(0.0, |high| scale.y(high)).clamp(0.0, HEIGHT);
        let bottom = low.map_or(HEIGHT, |low| scale.y(low)).clamp(0.0, HEIGHT);
        (top, (bottom - top).max(0.0))
    });
    html! {
        svg.spark viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } width=(WIDTH) height=(HEIGHT) role="img" aria-label=(words) {
            @if let Some((top, height)) = band {
                rect.spark-range x="0" y=(format!("{top:.1}")) width=(WIDTH) height=(format!("{height:.1}")) {}
            }
            polyline.spark-line points=(line) {}
            circle.spark-last cx=(format!("{last_x:.1}")) cy=(format!("{last_y:.1}")) r="2.6" {}
        }
    }
}

struct Scale {
    least: f64,
    span: f64,
}

impl Scale {
    /// Room for all numbers and, where they are near, for the ends of the range.
    fn of(numbers: &[f64], low: Option<f64>, high: Option<f64>) -> Self {
        let fold =
            |start: f64, pick: fn(f64, f64) -> f64| numbers.iter().copied().fold(start, pick);
        let (mut least, mut most) =
            (fold(f64::INFINITY, f64::min), fold(f64::NEG_INFINITY, f64::max));
        let room = (most - least).max(most.abs() * 0.02).max(f64::MIN_POSITIVE);
        least = low.filter(|low| *low < least && least - low <= 2.0 * room).unwrap_or(least);
        most = high.filter(|high| *high > most && high - most <= 2.0 * room).unwrap_or(most);
        let span = most - least;
        Self { least, span: if span.is_finite() && span > 0.0 { span } else { 1.0 } }
    }

    fn y(&self, number: f64) -> f64 {
        HEIGHT - EDGE - (number - self.least) / self.span * (HEIGHT - 2.0 * EDGE)
    }
}

fn x(at: usize, count: usize) -> f64 {
    let at = u32::try_from(at).map_or(0.0, f64::from);
    let steps = u32::try_from(count - 1).map_or(1.0, f64::from);
    EDGE + at / steps * (WIDTH - 2.0 * EDGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_is_inside_the_drawing_whatever_the_numbers() {
        for numbers in
            [vec![1.0, 1.0], vec![0.0, 1e300, -1e300], vec![5.0, 4.0, 3.9], vec![0.0, 0.0]]
        {
            let drawn = sparkline(&numbers, Some(3.7), Some(7.8), "words").into_string();
            assert!(drawn.contains("polyline") && !drawn.contains("NaN") && !drawn.contains("inf"));
        }
        assert!(sparkline(&[1.0], None, None, "").into_string().is_empty());
    }
}
