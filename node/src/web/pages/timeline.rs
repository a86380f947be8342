//! The timeline: every record in one order, with its date and where it comes from.

use azalea_core::id::FacilityId;
use maud::{Markup, html};

use super::super::dates;
use super::super::i18n::Word;
use super::super::icons::icon;
use super::super::layout::Frame;
use super::super::model::{Chart, ChartEntry};
use super::super::parts;
use super::patient::{facility_name, title};
use super::record;
use crate::index::{Category, Day, Standing};

/// What to narrow to: categories and facilities that the chart has.
pub(super) fn filters(
    frame: &Frame,
    chart: &Chart,
    category: Option<Category>,
    facility: Option<FacilityId>,
) -> Markup {
    let base = format!("/p/{}/timeline", chart.patient.id);
    let link = |category, facility| format!("{base}?{}", query(category, facility));
    let has = |wanted: &Category| chart.entries.iter().any(|entry| entry.row.category == *wanted);
    let current = |is: bool| is.then_some("true");
    html! {
        nav.filters aria-label=(frame.t(Word::Filter)) {
            div.chips {
                a href=(link(None, facility)) aria-current=[current(category.is_none())] {
                    (frame.t(Word::AllCategories))
                }
                @for one in Category::ALL.into_iter().filter(has) {
                    @let (word, drawing) = parts::category(one);
                    a href=(link(Some(one), facility)) aria-current=[current(category == Some(one))] {
                        (icon(drawing)) (frame.t(word))
                    }
                }
            }
            div.chips {
                a href=(link(category, None)) aria-current=[current(facility.is_none())] {
                    (frame.t(Word::AllFacilities))
                }
                @for publisher in &chart.publishers {
                    @let id = publisher.facility.id;
                    a href=(link(category, Some(id))) aria-current=[current(facility == Some(id))] {
                        (publisher.facility.name)
                    }
                }
            }
        }
    }
}

/// The part of the address that narrows.
pub(super) fn query(category: Option<Category>, facility: Option<FacilityId>) -> String {
    let category = category.map(|category| format!("c={}", category.slug()));
    let facility = facility.map(|facility| format!("f={facility}"));
    category.into_iter().chain(facility).collect::<Vec<_>>().join("&")
}

/// Entries under their days.
pub(super) fn list(frame: &Frame, chart: &Chart, entries: &[&ChartEntry]) -> Markup {
    let day = |entry: &ChartEntry| entry.row.at.map(|at| at.day);
    html! {
        @if entries.is_empty() { p.empty { (frame.t(Word::NothingHeld)) } }
        div.timeline {
            @for group in entries.chunk_by(|a, b| day(a) == day(b)) {
                section.day {
                    h2 { (day_heading(frame, day(group[0]))) }
                    ul {
                        @for panel in group.chunk_by(|a, b| is_one_panel(a, b)) {
                            @if panel.len() > 1 { (lab_panel(frame, chart, panel)) }
                            @else { (line(frame, chart, panel[0])) }
                        }
                    }
                }
            }
        }
    }
}

/// Results of one day from one hospital read as one line, as they stand on a laboratory's sheet.
fn is_one_panel(a: &ChartEntry, b: &ChartEntry) -> bool {
    let is_plain = |entry: &ChartEntry| {
        matches!(entry.row.category, Category::Lab | Category::Vital)
            && entry.row.value.is_some()
            && entry.row.standing != Standing::Void
    };
    is_plain(a) && is_plain(b) && a.row.category == b.row.category && a.facility == b.facility
}

fn lab_panel(frame: &Frame, chart: &Chart, panel: &[&ChartEntry]) -> Markup {
    let (word, drawing) = parts::category(panel[0].row.category);
    html! {
        li {
            span.kind { (icon(drawing)) (frame.t(word)) }
            ul.panel {
                @for entry in panel {
                    li {
                        a href=(record::path(chart.patient.id, entry.record)) { (title(frame, entry)) }
                        @if let Some(value) = &entry.row.value { " " (parts::value(frame.lang, value)) }
                        (parts::standing(frame.lang, entry.row.standing))
                        @if entry.conflict { (parts::needs_review(frame.lang)) }
                    }
                }
            }
            span.where { span { (facility_name(chart, panel[0])) } }
        }
    }
}

fn day_heading(frame: &Frame, day: Option<Day>) -> String {
    day.map_or_else(|| frame.t(Word::NoDate).to_owned(), |day| dates::day(frame.lang, day))
}

fn line(frame: &Frame, chart: &Chart, entry: &ChartEntry) -> Markup {
    let row = &entry.row;
    let (word, drawing) = parts::category(row.category);
    let lang = frame.lang;
    html! {
        li.void[row.standing == Standing::Void] {
            span class={ "kind kind-" (row.category.slug()) } { (icon(drawing)) (frame.t(word)) }
            div.what {
                p.what-title {
                    (class_badge(frame, entry))
                    a href=(record::path(chart.patient.id, entry.record)) { (title(frame, entry)) }
                    @if let Some(value) = &row.value { (parts::value(lang, value)) }
                    (parts::standing(lang, row.standing))
                    @if entry.conflict { (parts::needs_review(lang)) }
                    @if row.inside_document { span.badge.quiet { (frame.t(Word::FromDocument)) } }
                    @if entry.versions > 1 {
                        span.badge.quiet { (lang.count(Word::Versions, entry.versions)) }
                    }
                }
                @if !row.detail.is_empty() { p.what-detail { (row.detail) } }
                @if let Some(until) = row.until.filter(|until| Some(until.day) != row.at.map(|at| at.day)) {
                    p.what-detail { (lang.fill(Word::SupplyUntil, &[&dates::day(lang, until.day)])) }
                }
            }
            span.where {
                span { (facility_name(chart, entry)) }
                @if !row.performer.is_empty() { small { (row.performer) } }
            }
        }
    }
}

/// 入院, 外来… before an encounter's title.
pub(super) fn class_badge(frame: &Frame, entry: &ChartEntry) -> Markup {
    let is_encounter = entry.row.category == Category::Encounter;
    let class = is_encounter.then(|| parts::encounter_class(&entry.row.status)).flatten();
    html! {
        @if let Some(word) = class {
            span.badge.class.inpatient[word == Word::ClassInpatient] { (frame.t(word)) }
        }
    }
}
