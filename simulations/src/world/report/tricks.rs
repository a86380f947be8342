//! What a hostile relay tried, by trick: how often, when first, when that was first noticed and as what.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::super::{Notice, Noticed, Trick, World};
use super::plot::{self, Moments, amount, duration};
use super::{english, head, span};

/// What is known of one trick.
#[derive(Default)]
struct Row {
    times: Vec<u64>,
    noticed: Vec<Noticed>,
}

pub(super) fn tricks(world: &World) -> Markup {
    let watch = world.watch();
    let mut rows: BTreeMap<Trick, Row> = BTreeMap::new();
    for (at, trick, _) in &watch.tries {
        rows.entry(*trick).or_default().times.push(*at);
    }
    for ((trick, _), noticed) in &watch.noticed {
        rows.entry(*trick).or_default().noticed.push(*noticed);
    }
    let moments = rows.iter().map(|(trick, row)| Moments {
        name: japanese(*trick),
        words: trick.name(),
        times: &row.times,
        mark: row.noticed.iter().map(|it| it.at).min(),
    });
    let moments: Vec<Moments> = moments.collect();
    html! {
        p {
            "点は試みた時、縦線は最初に気づかれた時。 "
            (english("Dots are tries; the bar is when the trick was noticed first."))
        }
        (plot::moments(&moments, span(world)))
        div.wide.tricks {
            table {
                thead {
                    tr {
                        (head("手口", "trick")) (head("回数", "tries")) (head("最初", "first"))
                        (head("気づいた時", "first noticed")) (head("気づいた端末", "devices")) (head("気づき方", "as what"))
                    }
                }
                tbody { @for (trick, row) in &rows { (line(*trick, row)) } }
            }
        }
    }
}

fn line(trick: Trick, row: &Row) -> Markup {
    let first = row.times.first().map(|at| duration(*at as f64));
    let noticed = row.noticed.iter().map(|it| it.at).min();
    let mut kinds: BTreeMap<Notice, usize> = BTreeMap::new();
    row.noticed.iter().for_each(|it| *kinds.entry(it.notice).or_default() += 1);
    let unknown = || "—".to_owned();
    html! {
        tr {
            th scope="row" { span.name { (japanese(trick)) } " " (english(trick.name())) }
            td { (amount(row.times.len() as f64)) }
            td { (first.unwrap_or_else(unknown)) }
            td { (noticed.map_or_else(unknown, |at| duration(at as f64))) }
            td { (row.noticed.len()) }
            td.words {
                @for (notice, many) in &kinds {
                    @let (japanese, words) = seen(*notice);
                    span { (japanese) " " (english(words)) " ×" (many) } " "
                }
                @if kinds.is_empty() { "気づかれず " (english("not noticed")) }
            }
        }
    }
}

fn japanese(trick: Trick) -> &'static str {
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
        Trick::FalseTaken => "受領を偽る",
    }
}

/// By what a trick shows.
fn seen(notice: Notice) -> (&'static str, &'static str) {
    match notice {
        Notice::Missing => ("「未着あり」と表示", "shown as missing"),
        Notice::Refused => ("受け取らない", "refused"),
        Notice::PassedOver => ("既に持っているので無視", "passed over: nothing new"),
        Notice::Sorted => ("番号順に直す", "put in order by its numbers"),
        Notice::GoneBack => ("中継の後退に気づく", "the relay has gone back"),
        Notice::SentAgain => ("送り直す", "sent again"),
    }
}
