//! A patient's chart: the overview a doctor scans in two minutes, the timeline, the laboratory table.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use azalea_core::id::{FacilityId, PatientId};
use maud::{Markup, html};
use serde::Deserialize;

use super::super::app::App;
use super::super::chart::{self, Series, Stated};
use super::super::clinic::ClinicError;
use super::super::dates;
use super::super::failure::Failure;
use super::super::i18n::Word;
use super::super::icons::{Icon, icon};
use super::super::layout::{Frame, Place};
use super::super::model::{AccessKind, Chart, ChartEntry};
use super::super::parts::{self, Span, pager};
use super::super::sparkline::sparkline;
use super::super::visitor::Visitor;
use super::patient_head::{Tab, top};
use super::{notes, record, timeline};
use crate::index::Category;

const TIMELINE_SIZE: usize = 60;
const PROBLEMS_SHOWN: usize = 12;
const TESTS_SHOWN: usize = 12;
const ROWS_SHOWN: usize = 8;
const EARLIER_SHOWN: usize = 2;

/// The overview.
pub(in super::super) async fn overview(
    State(app): State<Arc<App>>,
    Path(patient): Path<String>,
    visitor: Visitor,
) -> Result<Response, Failure> {
    let (frame, chart) = open(&app, &visitor, &patient).await?;
    let content = html! {
        (top(&frame, &chart, Tab::Overview))
        div.columns.overview {
            div { (problems(&frame, &chart)) (medications(&frame, &chart)) (encounters(&frame, &chart)) }
            div { (latest_notes(&frame, &chart)) (labs_card(&frame, &chart)) (documents(&frame, &chart)) }
        }
    };
    Ok(frame.page(Word::Patients, content))
}

/// What a timeline is narrowed to.
#[derive(Deserialize)]
pub(in super::super) struct Narrow {
    c: Option<String>,
    f: Option<String>,
    page: Option<usize>,
}

/// The timeline across hospitals.
pub(in super::super) async fn timeline(
    State(app): State<Arc<App>>,
    Path(patient): Path<String>,
    Query(narrow): Query<Narrow>,
    visitor: Visitor,
) -> Result<Response, Failure> {
    let (frame, chart) = open(&app, &visitor, &patient).await?;
    let category = narrow.c.as_deref().and_then(Category::from_slug);
    let facility: Option<FacilityId> = narrow.f.as_deref().and_then(|id| id.parse().ok());
    let mut entries: Vec<&ChartEntry> = chart
        .entries
        .iter()
        .filter(|entry| category.is_none_or(|category| entry.row.category == category))
        .filter(|entry| facility.is_none_or(|facility| entry.facility == facility))
        .collect();
    chart::newest_first(&mut entries);
    let page = narrow.page.unwrap_or(1).clamp(1, 1_000_000);
    let span = Span { page, size: TIMELINE_SIZE, total: entries.len() };
    let shown: Vec<&ChartEntry> =
        entries.iter().skip(span.offset()).take(span.size).copied().collect();
    let path = format!("/p/{}/timeline", chart.patient.id);
    let content = html! {
        (top(&frame, &chart, Tab::Timeline))
        (timeline::filters(&frame, &chart, category, facility))
        (timeline::list(&frame, &chart, &shown))
        (pager(&frame, &path, &timeline::query(category, facility), span))
    };
    Ok(frame.page(Word::Timeline, content))
}

/// The laboratory table.
pub(in super::super) async fn labs(
    State(app): State<Arc<App>>,
    Path(patient): Path<String>,
    visitor: Visitor,
) -> Result<Response, Failure> {
    let (frame, chart) = open(&app, &visitor, &patient).await?;
    let entries = chart::of(&chart, Category::Lab);
    let vitals = chart::of(&chart, Category::Vital);
    let content = html! {
        (top(&frame, &chart, Tab::Labs))
        section.card.lab-page {
            h2 { (icon(Icon::Flask)) (frame.t(Word::Lab)) }
            (lab_table(&frame, &chart, &chart::series(&entries), 6))
        }
        @if !vitals.is_empty() {
            section.card.lab-page {
                h2 { (icon(Icon::Heart)) (frame.t(Word::Vital)) }
                (lab_table(&frame, &chart, &chart::series(&vitals), 6))
            }
        }
    };
    Ok(frame.page(Word::Lab, content))
}

/// The chart and its frame; the access log has the opening before the page is made.
pub(super) async fn open(
    app: &Arc<App>,
    visitor: &Visitor,
    patient: &str,
) -> Result<(Frame, Chart), Failure> {
    let patient: PatientId = patient.parse().map_err(|_| ClinicError::NotFound)?;
    let chart = app.ask(move |clinic| clinic.chart(patient)).await??;
    app.log(visitor, AccessKind::OpenedPatient, Some(patient), None).await?;
    Ok((app.frame(visitor, Place::Patients).await?, chart))
}

fn problems(frame: &Frame, chart: &Chart) -> Markup {
    let lines = chart::stated(&chart::of(chart, Category::Problem));
    html! {
        section.card {
            (heading(frame, chart, Category::Problem))
            @if lines.is_empty() { p.quiet { (frame.t(Word::NothingHeld)) } }
            ul.lines {
                @for line in lines.iter().take(PROBLEMS_SHOWN) { (problem(frame, chart, line)) }
            }
            (more(frame, chart, Category::Problem, lines.len().saturating_sub(PROBLEMS_SHOWN)))
        }
    }
}

fn problem(frame: &Frame, chart: &Chart, line: &Stated<'_>) -> Markup {
    let entry = line.entry;
    let since = line.all.iter().filter_map(|entry| entry.row.at).min();
    html! {
        li.past[entry.row.standing == crate::index::Standing::Past] {
            a.line-title href=(record::path(chart.patient.id, entry.record)) { (title(frame, entry)) }
            (parts::standing(frame.lang, entry.row.standing))
            @if entry.conflict { (parts::needs_review(frame.lang)) }
            span.line-meta {
                @if let Some(since) = since { span.date { (dates::short(frame.lang, since.day)) "〜" } }
                span { (sources(chart, &line.all)) }
            }
        }
    }
}

fn medications(frame: &Frame, chart: &Chart) -> Markup {
    let (running, others) = chart::medications(chart, frame.today());
    html! {
        section.card {
            (heading(frame, chart, Category::Medication))
            @if running.is_empty() && others.is_empty() { p.quiet { (frame.t(Word::NothingHeld)) } }
            @if !running.is_empty() {
                h3 { (frame.t(Word::CurrentMedication)) }
                ul.lines { @for entry in running.iter().take(20) { (medication(frame, chart, entry)) } }
            }
            @if !others.is_empty() {
                h3 { (frame.t(Word::RecentMedication)) }
                ul.lines {
                    @for line in others.iter().take(ROWS_SHOWN) { (medication(frame, chart, line.entry)) }
                }
            }
            @let shown = running.len().min(20) + others.len().min(ROWS_SHOWN);
            (more(frame, chart, Category::Medication, (running.len() + others.len()).saturating_sub(shown)))
        }
    }
}

fn medication(frame: &Frame, chart: &Chart, entry: &ChartEntry) -> Markup {
    html! {
        li {
            a.line-title href=(record::path(chart.patient.id, entry.record)) { (title(frame, entry)) }
            @if entry.conflict { (parts::needs_review(frame.lang)) }
            @if !entry.row.detail.is_empty() { span.line-detail { (entry.row.detail) } }
            (when_and_where(frame, chart, entry))
        }
    }
}

fn encounters(frame: &Frame, chart: &Chart) -> Markup {
    rows(frame, chart, Category::Encounter)
}

fn documents(frame: &Frame, chart: &Chart) -> Markup {
    rows(frame, chart, Category::Document)
}

fn rows(frame: &Frame, chart: &Chart, category: Category) -> Markup {
    let entries = chart::of(chart, category);
    html! {
        section.card {
            (heading(frame, chart, category))
            @if entries.is_empty() { p.quiet { (frame.t(Word::NothingHeld)) } }
            ul.lines {
                @for entry in entries.iter().take(ROWS_SHOWN) {
                    li {
                        (timeline::class_badge(frame, entry))
                        a.line-title href=(record::path(chart.patient.id, entry.record)) { (title(frame, entry)) }
                        @if entry.conflict { (parts::needs_review(frame.lang)) }
                        (when_and_where(frame, chart, entry))
                    }
                }
            }
            (more(frame, chart, category, entries.len().saturating_sub(ROWS_SHOWN)))
        }
    }
}

fn labs_card(frame: &Frame, chart: &Chart) -> Markup {
    let entries = chart::of(chart, Category::Lab);
    let series = chart::series(&entries);
    let shown = &series[..series.len().min(TESTS_SHOWN)];
    html! {
        section.card {
            h2 {
                (icon(Icon::Flask)) (frame.t(Word::Lab))
                @if series.len() > shown.len() {
                    a.more href={ "/p/" (chart.patient.id) "/labs" } { (frame.t(Word::ShowAll)) " (" (series.len()) ")" }
                }
            }
            @if shown.is_empty() { p.quiet { (frame.t(Word::NothingHeld)) } } @else {
                (lab_table(frame, chart, shown, EARLIER_SHOWN))
            }
        }
    }
}

fn lab_table(frame: &Frame, chart: &Chart, series: &[Series<'_>], earlier: usize) -> Markup {
    let t = |word| frame.t(word);
    html! {
        table.labs {
            thead {
                tr {
                    th scope="col" { (t(Word::TestName)) }
                    th scope="col" { (t(Word::LatestValue)) }
                    th.hide-narrow scope="col" { (t(Word::EarlierValues)) }
                    th scope="col" { (t(Word::Trend)) }
                    th.hide-narrow scope="col" { (t(Word::ReferenceRange)) }
                }
            }
            tbody { @for line in series { (lab_row(frame, chart, line, earlier)) } }
        }
    }
}

fn lab_row(frame: &Frame, chart: &Chart, line: &Series<'_>, earlier: usize) -> Markup {
    let latest = line.latest();
    let Some(value) = &latest.row.value else { return html! {} };
    let drawn = format!("{} {}", latest.row.title, frame.t(Word::Trend));
    let end = |text: &str| text.parse::<f64>().ok();
    html! {
        tr {
            th scope="row" { (title(frame, latest)) }
            td.latest {
                a href=(record::path(chart.patient.id, latest.record)) { (parts::value(frame.lang, value)) }
                @if latest.conflict { (parts::needs_review(frame.lang)) }
                (when_and_where(frame, chart, latest))
            }
            td.earlier.hide-narrow {
                @for entry in line.results.iter().skip(1).take(earlier) {
                    @if let Some(value) = &entry.row.value {
                        span.past-value {
                            span.marked[value.flag.is_some()] { (value.text) }
                            @if let Some(at) = entry.row.at { small { (dates::short(frame.lang, at.day)) } }
                        }
                    }
                }
            }
            td.trend { (sparkline(&line.numbers(), end(&value.low), end(&value.high), &drawn)) }
            td.range.hide-narrow { (parts::range(value)) }
        }
    }
}

fn latest_notes(frame: &Frame, chart: &Chart) -> Markup {
    html! {
        section.card {
            h2 {
                (icon(Icon::Pen)) (frame.t(Word::LatestNotes))
                a.more href={ "/p/" (chart.patient.id) "/notes/new" } { (frame.t(Word::WriteNote)) }
            }
            @if chart.notes.is_empty() { p.quiet { (frame.t(Word::NoNotes)) } }
            @for note in chart.notes.iter().take(3) { (notes::brief(frame, note)) }
        }
    }
}

fn heading(frame: &Frame, chart: &Chart, category: Category) -> Markup {
    let (word, drawing) = parts::category(category);
    html! {
        h2 {
            (icon(drawing)) (frame.t(word))
            a.more href={ "/p/" (chart.patient.id) "/timeline?c=" (category.slug()) } { (frame.t(Word::ShowAll)) }
        }
    }
}

fn more(frame: &Frame, chart: &Chart, category: Category, hidden: usize) -> Markup {
    html! {
        @if hidden > 0 {
            p.more-line {
                a href={ "/p/" (chart.patient.id) "/timeline?c=" (category.slug()) } {
                    (frame.t(Word::ShowAll)) " (+" (hidden) ")"
                }
            }
        }
    }
}

/// The title of a row, or the name of what it is where it has none.
pub(super) fn title(frame: &Frame, entry: &ChartEntry) -> String {
    if !entry.row.title.is_empty() {
        return entry.row.title.clone();
    }
    let class = parts::encounter_class(&entry.row.status);
    let (category, _) = parts::category(entry.row.category);
    frame.t(class.unwrap_or(category)).to_owned()
}

/// Date and source of a row.
pub(super) fn when_and_where(frame: &Frame, chart: &Chart, entry: &ChartEntry) -> Markup {
    html! {
        span.line-meta {
            @match entry.row.at {
                Some(at) => span.date { (dates::short(frame.lang, at.day)) },
                None => span.date { (frame.t(Word::NoDate)) },
            }
            @if let Some(until) = entry.row.until.filter(|until| Some(until.day) != entry.row.at.map(|at| at.day)) {
                span.date { "–" (dates::short(frame.lang, until.day)) }
            }
            span { (facility_name(chart, entry)) }
        }
    }
}

/// The name of the facility that published a row.
pub(super) fn facility_name<'a>(chart: &'a Chart, entry: &ChartEntry) -> &'a str {
    let known = chart.publishers.iter().find(|publisher| publisher.facility.id == entry.facility);
    known.map_or("?", |publisher| publisher.facility.name.as_str())
}

fn sources(chart: &Chart, entries: &[&ChartEntry]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for entry in entries {
        let name = facility_name(chart, entry);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.join("、")
}
