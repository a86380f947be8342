//! The top of every page about a patient: who it is, allergies, how fresh each facility's part is, and the tabs.

use maud::{Markup, html};

use super::super::chart;
use super::super::i18n::Word;
use super::super::icons::{Icon, icon};
use super::super::layout::Frame;
use super::super::model::{Chart, FacilityRef, PatientHead};
use super::super::parts::{self, age_and_gender, facility_letter, freshness};

/// Which tab of a patient.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    Overview,
    Timeline,
    Labs,
    Notes,
    Consent,
    Log,
}

/// Everything above a patient page's own content.
pub(super) fn top(frame: &Frame, chart: &Chart, tab: Tab) -> Markup {
    html! {
        div.patient-top {
            (identity(frame, &chart.patient))
            (allergies(frame, chart))
            (publishers(frame, chart))
        }
        (tabs(frame, chart, tab))
    }
}

/// Name, reading, birth, age, sex, numbers.
fn identity(frame: &Frame, patient: &PatientHead) -> Markup {
    let lang = frame.lang;
    html! {
        div.identity {
            div.identity-name {
                @if let Some(kana) = &patient.kana { span.kana { (kana) } }
                h1 { (parts::name(lang, &patient.name)) }
            }
            p.identity-age {
                @if patient.deceased { span.badge.void { (frame.t(Word::Deceased)) } }
                strong { (age_and_gender(lang, patient.birth, patient.gender, frame.today())) }
                @if let Some(birth) = patient.birth { span { (parts::birth(lang, birth)) } }
            }
            dl.ids {
                @for id in &patient.local_ids {
                    div { dt { (id.facility.name) } dd.number { (id.value) } }
                }
                @if !patient.other_names.is_empty() {
                    div { dt { (frame.t(Word::OtherNames)) } dd { (patient.other_names.join("、")) } }
                }
                @if let Some(phone) = &patient.phone {
                    div { dt { (frame.t(Word::Phone)) } dd.number { (phone) } }
                }
                @if let Some(address) = &patient.address {
                    div.address { dt { (frame.t(Word::Address)) } dd { (address) } }
                }
            }
        }
    }
}

/// The banner. Where nothing is held it says no more than that.
fn allergies(frame: &Frame, chart: &Chart) -> Markup {
    let lines = chart::allergies(chart);
    html! {
        @if lines.is_empty() {
            p.allergy-none {
                (icon(Icon::Shield)) (frame.t(Word::NoAllergyHeld))
                span.quiet { (frame.t(Word::NotNoAllergy)) }
            }
        } @else {
            section.allergy aria-label=(frame.t(Word::Allergy)) {
                h2 { (icon(Icon::Alert)) (frame.t(Word::Allergy)) }
                ul {
                    @for line in &lines {
                        @let severe = line.all.iter().any(|entry| chart::is_severe(entry));
                        li.severe[severe] {
                            a href=(super::record::path(chart.patient.id, line.entry.record)) {
                                (line.entry.row.title)
                            }
                            @if severe { span.badge.severe { (frame.t(Word::AllergySevere)) } }
                            @if !line.entry.row.detail.is_empty() { span.reaction { (line.entry.row.detail) } }
                            (parts::standing(frame.lang, line.entry.row.standing))
                        }
                    }
                }
            }
        }
    }
}

fn publishers(frame: &Frame, chart: &Chart) -> Markup {
    html! {
        ul.publishers aria-label=(frame.t(Word::PublisherParts)) {
            @if chart.is_coming {
                li { span.fresh.warn { (icon(Icon::Clock)) (frame.t(Word::FreshComing)) } }
            }
            @for publisher in &chart.publishers {
                li {
                    (facility(&publisher.facility))
                    (freshness(frame.lang, publisher.freshness, frame.now))
                    @if publisher.waiting_for_key > 0 {
                        span.fresh.warn {
                            (icon(Icon::Key)) (frame.lang.count(Word::FreshWaitingKey, publisher.waiting_for_key))
                        }
                    }
                    @if publisher.newer > 0 {
                        span.fresh.warn {
                            (icon(Icon::Alert)) (frame.lang.count(Word::FreshNewer, publisher.newer))
                        }
                    }
                }
            }
        }
    }
}

/// A facility's name with the letter of its kind.
pub(super) fn facility(facility: &FacilityRef) -> Markup {
    html! {
        span.facility-name {
            span.letter aria-hidden="true" { (facility_letter(facility.kind)) }
            (facility.name)
        }
    }
}

/// Who this is and what they must not be given, in the row that stays in sight while one scrolls. A repetition, so
/// readers that speak pass it by.
fn reminder(frame: &Frame, chart: &Chart) -> Markup {
    let lines = chart::allergies(chart);
    let titles: Vec<&str> = lines.iter().map(|line| line.entry.row.title.as_str()).collect();
    html! {
        span.reminder aria-hidden="true" {
            strong { (parts::name(frame.lang, &chart.patient.name)) }
            @if !titles.is_empty() {
                span.reminder-allergies { (icon(Icon::Alert)) span { (titles.join("・")) } }
            }
        }
    }
}

fn tabs(frame: &Frame, chart: &Chart, current: Tab) -> Markup {
    let base = format!("/p/{}", chart.patient.id);
    let conflicts = chart.notes.iter().filter(|note| !note.conflicts.is_empty()).count();
    let entries = [
        (Tab::Overview, "", Word::Overview, 0),
        (Tab::Timeline, "/timeline", Word::Timeline, 0),
        (Tab::Labs, "/labs", Word::Lab, 0),
        (Tab::Notes, "/notes", Word::CareNotes, conflicts),
        (Tab::Consent, "/consent", Word::Consent, 0),
        (Tab::Log, "/log", Word::AccessLog, 0),
    ];
    html! {
        nav.tabs aria-label=(frame.t(Word::Patients)) {
            @for (tab, path, word, count) in entries {
                a href={ (base) (path) } aria-current=[(tab == current).then_some("page")] {
                    (frame.t(word))
                    @if count > 0 { b.count title=(frame.t(Word::NeedsReview)) { (count) } }
                }
            }
            (reminder(frame, chart))
        }
    }
}
