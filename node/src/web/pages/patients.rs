//! The patient list. What was searched stays in the session: no address and no history holds a name.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::super::app::App;
use super::super::clinic::ClinicError;
use super::super::dates;
use super::super::failure::Failure;
use super::super::i18n::{Word, grouped};
use super::super::icons::{Icon, icon};
use super::super::layout::{Frame, Place};
use super::super::model::{AccessKind, Freshness, PatientHit, PatientList};
use super::super::parts::{self, Span, age_and_gender, pager};
use super::super::visitor::{Posted, Visitor};
use super::OfPage;

const PAGE_SIZE: usize = 50;

/// The list, of all or of those that match what this session last searched.
pub(in super::super) async fn page(
    State(app): State<Arc<App>>,
    Query(page): OfPage,
    visitor: Visitor,
) -> Result<Response, Failure> {
    let list = find(&app, &visitor.query, page.number()).await?;
    let frame = app.frame(&visitor, Place::Patients).await?;
    let content = html! {
        (search(&frame, &visitor.query))
        div id="results" aria-live="polite" { (results(&frame, &visitor.query, &list, page.number())) }
    };
    Ok(frame.page(Word::PatientList, content))
}

/// Takes a search from the form and shows its results under the plain address.
pub(in super::super) async fn search_form(
    State(app): State<Arc<App>>,
    posted: Posted,
) -> Result<Redirect, Failure> {
    remember(&app, &posted).await?;
    Ok(Redirect::to("/patients"))
}

/// The results alone, for a page that searches while one types.
pub(in super::super) async fn find_fragment(
    State(app): State<Arc<App>>,
    posted: Posted,
) -> Result<Response, Failure> {
    let query = remember(&app, &posted).await?;
    let list = find(&app, &query, 1).await?;
    let frame = app.frame(&posted.visitor, Place::Patients).await?;
    Ok(results(&frame, &query, &list, 1).into_response())
}

async fn remember(app: &Arc<App>, posted: &Posted) -> Result<String, Failure> {
    let query = if posted.fields.one("clear").is_empty() { posted.fields.one("q") } else { "" };
    app.sessions().set_query(posted.visitor.token, query);
    if !query.is_empty() {
        let due = app.sessions().logs_search(app.now(), posted.visitor.token);
        if due {
            app.log(&posted.visitor, AccessKind::Searched, None, None).await?;
        }
    }
    Ok(query.to_owned())
}

async fn find(app: &Arc<App>, query: &str, page: usize) -> Result<PatientList, ClinicError> {
    let query = query.to_owned();
    let offset = (page - 1).saturating_mul(PAGE_SIZE);
    app.ask(move |clinic| clinic.search(&query, offset, PAGE_SIZE)).await?
}

fn search(frame: &Frame, query: &str) -> Markup {
    html! {
        form.search id="search" role="search" method="post" action="/patients" data-find="/patients/find" {
            (frame.token())
            label for="q" { (frame.t(Word::SearchLabel)) }
            div.search-line {
                (icon(Icon::Search))
                input type="search" id="q" name="q" value=(query) maxlength="100"
                    autocomplete="off" autocapitalize="none" spellcheck="false" enterkeyhint="search"
                    aria-describedby="search-hint";
                button.primary type="submit" { (frame.t(Word::SearchGo)) }
                @if !query.is_empty() {
                    button type="submit" name="clear" value="1" { (frame.t(Word::SearchClear)) }
                }
            }
            p.quiet id="search-hint" { (frame.t(Word::SearchHint)) }
        }
    }
}

fn results(frame: &Frame, query: &str, list: &PatientList, page: usize) -> Markup {
    let span =
        Span { page, size: PAGE_SIZE, total: usize::try_from(list.total).unwrap_or(usize::MAX) };
    html! {
        p.count-line {
            @if query.is_empty() {
                (frame.lang.count(Word::HeldPatients, list.held))
            } @else {
                strong { (frame.lang.count(Word::MatchesFound, list.total)) }
                span.quiet { " / " (grouped(list.held)) }
            }
        }
        @if list.hits.is_empty() && !query.is_empty() {
            div.empty { p { (frame.t(Word::NoMatches)) } p.quiet { (frame.t(Word::NoMatchesHint)) } }
        } @else {
            (table(frame, &list.hits))
            (pager(frame, "/patients", "", span))
        }
    }
}

fn table(frame: &Frame, hits: &[PatientHit]) -> Markup {
    let t = |word| frame.t(word);
    html! {
        table.patients {
            thead {
                tr {
                    th scope="col" { (t(Word::Name)) }
                    th scope="col" { (t(Word::BirthDate)) }
                    th scope="col" { (t(Word::AgeSex)) }
                    th scope="col" { (t(Word::PatientId)) }
                    th scope="col" { (t(Word::Freshness)) }
                    th scope="col" { (t(Word::LastCare)) }
                }
            }
            tbody { @for hit in hits { (row(frame, hit)) } }
        }
    }
}

fn row(frame: &Frame, hit: &PatientHit) -> Markup {
    let lang = frame.lang;
    html! {
        tr {
            th.who scope="row" {
                @if let Some(kana) = &hit.kana { span.kana { (kana) } }
                a.row-link href={ "/p/" (hit.id) } { (parts::name(lang, &hit.name)) }
                @if hit.needs_review > 0 { (parts::needs_review(lang)) }
                @if hit.link_waiting { span.badge.pending { (icon(Icon::Link)) (lang.t(Word::LinkWaiting)) } }
            }
            td data-label=(lang.t(Word::BirthDate)) {
                @if let Some(birth) = hit.birth { (parts::birth(lang, birth)) }
            }
            td.age data-label=(lang.t(Word::AgeSex)) {
                (age_and_gender(lang, hit.birth, hit.gender, frame.today()))
            }
            td.ids data-label=(lang.t(Word::PatientId)) {
                @if let Some(id) = hit.local_ids.first() { span.number title=(id.facility.name) { (id.value) } }
                @if hit.local_ids.len() > 1 { span.quiet { " +" (hit.local_ids.len() - 1) } }
            }
            td.freshness data-label=(lang.t(Word::Freshness)) { (worst(frame, hit)) }
            td.date data-label=(lang.t(Word::LastCare)) {
                @if let Some(at) = hit.last_care { (dates::day(lang, at.day)) }
            }
        }
    }
}

/// The publisher that promises least, and how many there are.
fn worst(frame: &Frame, hit: &PatientHit) -> Markup {
    let others =
        || hit.publishers.iter().filter(|(_, freshness)| !matches!(freshness, Freshness::Own));
    let worst = others().max_by_key(|(_, freshness)| parts::doubt(*freshness));
    html! {
        @if let Some((facility, freshness)) = worst {
            (parts::freshness(frame.lang, *freshness, frame.now))
            @if !matches!(freshness, Freshness::CompleteAsOf(_)) {
                span.quiet.facility { " " (facility.name) }
            } @else if others().count() > 1 {
                span.quiet.facility { " " (frame.lang.count(Word::HospitalCount, others().count() as u64)) }
            }
        } @else if !hit.publishers.is_empty() {
            (parts::freshness(frame.lang, Freshness::Own, frame.now))
        }
    }
}
