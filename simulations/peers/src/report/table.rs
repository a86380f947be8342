//! The tables, in Markdown.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::Results;
use super::spread::{Spread, amount, bytes, time};
use crate::measure::Measured;
use crate::orchestrate::{Entry, Outcome};
use crate::systems::System;
use crate::work::Work;

/// All tables.
pub(super) fn page(results: &Results) -> String {
    let machine = &results.machine;
    let mut page = format!(
        "Measured on {} × {}, {} GiB, Linux {}, Node.js {}. Load of the machine before the runs: {}.\n",
        machine.cores,
        machine.processor,
        machine.memory_gib,
        machine.kernel,
        machine.node.trim_start_matches('v'),
        load(results),
    );
    let works: BTreeSet<Work> = results.of.keys().map(|(work, ..)| *work).collect();
    for work in works {
        page += &format!("\n### {}\n\n", work.title());
        page += &table(results, work);
    }
    page
}

fn load(results: &Results) -> String {
    let loads = results.of.values().flatten().map(|entry| entry.load);
    Spread::of(loads).map_or_else(String::new, |spread| spread.words(|it| format!("{it:.1}")))
}

fn table(results: &Results, work: Work) -> String {
    let single = work == Work::Change;
    let mut table = String::new();
    let time_head = if single { "p50 | p99" } else { "time" };
    let bytes_head = if single { "" } else { " up | down |" };
    let _ = writeln!(
        table,
        "| {} | system | {time_head} |{bytes_head} CPU server | CPU client | memory server | memory client | runs |",
        work.unit()
    );
    let columns = if single { 9 } else { 10 };
    let _ = writeln!(table, "|{}", "---|".repeat(columns));
    for ((of, size, system), entries) in &results.of {
        if *of == work {
            row(&mut table, work, *size, *system, entries);
        }
    }
    for ((of, size, system), entries) in &results.of {
        if *of == work {
            let perfect = results.of.get(&(work, 0, *system)).filter(|_| *size > 0);
            notes(&mut table, (work, *size, *system), entries, perfect);
        }
    }
    table
}

fn row(table: &mut String, work: Work, size: usize, system: System, entries: &[Entry]) {
    let runs: Vec<&Measured> = measured(entries).collect();
    let tried = entries.iter().filter(|entry| entry.run > 0).count();
    let spread = |of: fn(&Measured) -> f64, unit: fn(f64) -> String| {
        let spread = Spread::of(runs.iter().map(|it| of(it)));
        spread.map_or_else(|| "–".to_owned(), |spread| spread.words(unit))
    };
    let mut times = vec![spread(|it| it.seconds, time)];
    if work == Work::Change {
        times.push(spread(|it| it.p99_seconds.unwrap_or(f64::NAN), time));
    } else {
        times.push(spread(|it| it.up_bytes as f64, bytes));
        times.push(spread(|it| it.down_bytes as f64, bytes));
    }
    let costs = [
        spread(|it| it.server.cpu_seconds, time),
        spread(|it| it.client.cpu_seconds, time),
        spread(|it| it.server.peak_bytes as f64, bytes),
        spread(|it| it.client.peak_bytes as f64, bytes),
    ];
    let ended = match entries.last().map(|entry| &entry.outcome) {
        Some(Outcome::Stopped(seconds)) => format!("stopped at {seconds} s"),
        Some(Outcome::Left) => "not tried".to_owned(),
        _ if tried == 0 => "failed".to_owned(),
        _ => format!("{} of {tried}", runs.len()),
    };
    let _ = writeln!(
        table,
        "| {} | {} | {} | {} | {ended} |",
        size_words(work, size),
        system.title(),
        times.join(" | "),
        costs.join(" | ")
    );
}

/// What the columns have no place for.
fn notes(
    table: &mut String,
    (work, size, system): (Work, usize, System),
    entries: &[Entry],
    perfect: Option<&Vec<Entry>>,
) {
    let title = format!("{}, {}", system.title(), size_words(work, size));
    let firsts = Spread::of(measured(entries).filter_map(|it| it.first_seconds));
    let cuts = Spread::of(measured(entries).map(|it| it.cut_seconds).filter(|it| *it > 0.0));
    let mut said = Vec::new();
    if let Some(first) = firsts {
        said.push(format!("something could be read after {}", first.words(time)));
    }
    if let Some(cuts) = cuts {
        said.push(format!("the line was cut for {}", cuts.words(time)));
    }
    let down = |entries| Spread::of(measured(entries).map(|it| it.down_bytes as f64));
    if let (Some(perfect), Some(bad)) = (perfect.and_then(|it| down(it)), down(entries)) {
        let more = (bad.median / perfect.median - 1.0) * 100.0;
        said.push(format!("{more:.1} % more came down than over a perfect line"));
    }
    let failed: BTreeSet<String> = entries
        .iter()
        .filter_map(|entry| match &entry.outcome {
            Outcome::Failed(why) => Some(short(why)),
            _ => None,
        })
        .collect();
    said.extend(failed.into_iter().map(|why| format!("failed: {why}")));
    if !said.is_empty() {
        let _ = writeln!(table, "\n{title}: {}.", said.join("; "));
    }
}

fn size_words(work: Work, size: usize) -> String {
    match (work, size) {
        (Work::BadLine, 0) => "perfect line".to_owned(),
        _ => amount(size),
    }
}

fn measured(entries: &[Entry]) -> impl Iterator<Item = &Measured> {
    entries.iter().filter_map(|entry| match &entry.outcome {
        Outcome::Measured(measured) => Some(measured),
        _ => None,
    })
}

/// The beginning of what a program said, without what would break a table.
fn short(words: &str) -> String {
    let words: String = words.chars().filter(|it| !matches!(it, '|' | '\n' | '`')).collect();
    words.chars().take(160).collect()
}
