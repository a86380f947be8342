//! Bytes of each facility and virtual day, beside what a line of that quality carries in a day.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::super::{Quality, Sample, World};
use super::plot::{self, Dots, volume};
use super::{CLASSES, english, head, japanese_quality};

const DAY_S: u64 = 86_400;

/// What the devices of one facility carried on lines of one quality in one day, up and down.
type Day = [u64; 2];

pub(super) fn carried(world: &World) -> Markup {
    let (days, is_part) = days(world.watch().samples.as_slice());
    let mut rows = Vec::new();
    for (number, quality) in Quality::ALL.into_iter().enumerate() {
        let of_quality = days.iter().filter(|((line, ..), _)| *line == number);
        let mut dots: Vec<f64> = of_quality.map(|(_, day)| day[0].max(day[1]) as f64).collect();
        dots.sort_unstable_by(f64::total_cmp);
        if !dots.is_empty() {
            let (name, limit) = (japanese_quality(quality), quality.bytes_per_day() as f64);
            rows.push((quality, Dots { name, class: CLASSES[number], dots, limit }));
        }
    }
    html! {
        p {
            "点は施設と一日ごと（施設の端末の合計、上り・下りの多い方）、縦線は回線一本の一日の容量。目盛りは対数。 "
            (english(
                "A dot for each facility and day: all its devices, the busier direction. The bar is what one such line can \
                 carry in a day. Logarithmic."
            ))
            @if is_part {
                " 一日に満たないため、一日あたりに換算。 " (english("Less than a day was told; taken times what a day has more."))
            }
        }
        (plot::dots(rows.iter().map(|(_, row)| row)))
        div.wide {
            table {
                thead {
                    tr {
                        (head("回線", "line")) (head("施設×日", "facility days"))
                        (head("中央値", "median day")) (head("最大の日", "largest day"))
                        (head("容量", "capacity a day")) (head("最大の日 / 容量", "largest of capacity"))
                    }
                }
                tbody {
                    @for (quality, row) in &rows {
                        @let (median, most) = (row.dots[row.dots.len() / 2], row.dots[row.dots.len() - 1]);
                        tr {
                            th scope="row" { span.name { (row.name) } " " (english(quality.name())) }
                            td { (row.dots.len()) }
                            td { (volume(median)) }
                            td { (volume(most)) }
                            td { (volume(row.limit)) }
                            td { (percent(100.0 * most / row.limit)) }
                        }
                    }
                }
            }
        }
    }
}

/// A small share with two figures that count.
fn percent(value: f64) -> String {
    let zeros = if value > 0.0 { -value.log10().floor() } else { 0.0 };
    format!("{value:.*} %", (zeros + 1.0).clamp(0.0, 9.0) as usize)
}

/// What each facility carried on lines of each quality (by its place there) on each whole day; of a run that is shorter than
/// a day, what a day would have had, and that it is so.
fn days(samples: &[Sample]) -> (BTreeMap<(usize, usize, u64), Day>, bool) {
    let last = samples.last().map_or(0, |last| last.at);
    let mut days: BTreeMap<(usize, usize, u64), Day> = BTreeMap::new();
    let mut before: BTreeMap<usize, &Sample> = BTreeMap::new();
    for sample in samples {
        let earlier = before.insert(sample.place, sample);
        // What was carried since the last look belongs to the day of that stretch's end.
        let day = sample.at.saturating_sub(1) / DAY_S;
        for (line, now) in sample.bytes.iter().enumerate() {
            let then = earlier.map_or([0; 2], |it| it.bytes[line]);
            if *now != then {
                let sum = days.entry((line, sample.facility, day)).or_default();
                (0..2).for_each(|way| sum[way] += now[way] - then[way]);
            }
        }
    }
    let whole = last / DAY_S;
    if whole > 0 {
        days.retain(|(.., day), _| *day < whole);
    } else {
        let scale = |bytes: u64| bytes * DAY_S / last.max(1);
        days.values_mut().for_each(|day| *day = day.map(scale));
    }
    (days, whole == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: u64, place: usize, line: Quality, bytes: [[u64; 2]; 3]) -> Sample {
        Sample {
            at,
            place,
            facility: 0,
            line,
            is_up: true,
            is_online: true,
            charts: None,
            staleness: None,
            backlog: 0,
            bytes,
        }
    }

    #[test]
    fn a_small_share_has_two_figures() {
        assert_eq!(
            [percent(0.000_213), percent(1.26), percent(87.0)],
            ["0.00021 %", "1.3 %", "87 %"]
        );
    }

    #[test]
    fn devices_of_a_facility_are_one_and_bytes_lie_with_the_line_that_carried_them() {
        let (fibre, mobile) = (Quality::Fibre, Quality::Mobile);
        let samples = [
            sample(DAY_S, 0, fibre, [[5, 7], [0, 0], [0, 0]]),
            sample(DAY_S, 1, fibre, [[1, 1], [0, 0], [0, 0]]),
            sample(2 * DAY_S, 0, mobile, [[6, 7], [0, 0], [30, 40]]),
            sample(2 * DAY_S + 9, 0, mobile, [[6, 7], [0, 0], [90, 90]]),
        ];
        let (days, is_part) = days(&samples);
        assert!(!is_part);
        let days: Vec<_> = days.into_iter().collect();
        assert_eq!(days, [((0, 0, 0), [6, 8]), ((0, 0, 1), [1, 0]), ((2, 0, 1), [30, 40])]);
    }
}
