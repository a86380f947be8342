//! The access log (操作ログ): of the facility, and of one patient.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use azalea_core::id::PatientId;
use maud::{Markup, html};

use super::super::app::App;
use super::super::dates;
use super::super::failure::Failure;
use super::super::i18n::Word;
use super::super::icons::{Icon, icon};
use super::super::layout::{Frame, Place};
use super::super::model::{AccessKind, AccessLine, AccessPage};
use super::super::parts::{Span, pager};
use super::super::visitor::Visitor;
use super::patient::open;
use super::patient_head::{Tab, top};
use super::{OfPage, PageQuery};

const PAGE_SIZE: usize = 100;

/// The log of this facility.
pub(in super::super) async fn page(
    State(app): State<Arc<App>>,
    Query(page): OfPage,
    visitor: Visitor,
) -> Result<Response, Failure> {
    app.log(&visitor, AccessKind::ReadLog, None, None).await?;
    let log = load(&app, None, &page).await?;
    let frame = app.frame(&visitor, Place::Log).await?;
    let content = html! {
        h1 { (frame.t(Word::AccessLogTitle)) }
        (listed(&frame, &log, &page, "/log"))
    };
    Ok(frame.page(Word::AccessLogTitle, content))
}

/// The log of one patient.
pub(in super::super) async fn of_patient(
    State(app): State<Arc<App>>,
    Path(patient): Path<String>,
    Query(page): OfPage,
    visitor: Visitor,
) -> Result<Response, Failure> {
    let (frame, chart) = open(&app, &visitor, &patient).await?;
    let log = load(&app, Some(chart.patient.id), &page).await?;
    let path = format!("/p/{}/log", chart.patient.id);
    let content = html! {
        (top(&frame, &chart, Tab::Log))
        h2.section-title { (frame.t(Word::AccessLogOf)) }
        (listed(&frame, &log, &page, &path))
    };
    Ok(frame.page(Word::AccessLogTitle, content))
}

async fn load(
    app: &Arc<App>,
    patient: Option<PatientId>,
    page: &PageQuery,
) -> Result<AccessPage, Failure> {
    let offset = (page.number() - 1) * PAGE_SIZE;
    Ok(app.ask(move |clinic| clinic.access_log(patient, offset, PAGE_SIZE)).await??)
}

fn listed(frame: &Frame, log: &AccessPage, page: &PageQuery, path: &str) -> Markup {
    let t = |word| frame.t(word);
    let total = usize::try_from(log.total).unwrap_or(usize::MAX);
    let span = Span { page: page.number(), size: PAGE_SIZE, total };
    html! {
        @if log.chain_whole { p.fresh.good { (icon(Icon::Check)) (t(Word::ChainWhole)) } }
        @else { p.problem role="alert" { (icon(Icon::Alert)) (t(Word::ChainBroken)) } }
        table.card.plain-table {
            thead { tr {
                th scope="col" { (t(Word::When)) }
                th scope="col" { (t(Word::Who)) }
                th scope="col" { (t(Word::What)) }
                th scope="col" { (t(Word::Patients)) }
            } }
            tbody {
                @for AccessLine { entry, patient_name } in &log.lines {
                    tr {
                        td.date {
                            (dates::exact(frame.lang, entry.at))
                            @if entry.online == Some(false) { " " small.quiet { (t(Word::Offline)) } }
                        }
                        td { @if entry.staff.is_some() { (entry.staff_name) } @else { "–" } }
                        td {
                            (t(kind_word(entry.kind)))
                            @if !entry.reason.is_empty() { " " small.quiet { (entry.reason) } }
                        }
                        td {
                            @if let Some(patient) = entry.patient {
                                a href={ "/p/" (patient) } {
                                    (patient_name.as_deref().unwrap_or(t(Word::Patients)))
                                }
                                @if let Some(record) = entry.record {
                                    " " a.quiet href=(super::record::path(patient, record)) { (t(Word::Record)) }
                                }
                            }
                        }
                    }
                }
            }
        }
        (pager(frame, path, "", span))
    }
}

fn kind_word(kind: AccessKind) -> Word {
    match kind {
        AccessKind::SignedIn => Word::DidSignIn,
        AccessKind::SignInRefused => Word::DidSignInRefused,
        AccessKind::SignedOut => Word::DidSignOut,
        AccessKind::Searched => Word::DidSearch,
        AccessKind::OpenedPatient => Word::DidOpenPatient,
        AccessKind::OpenedRecord => Word::DidOpenRecord,
        AccessKind::WroteNote => Word::DidWriteNote,
        AccessKind::GaveConsent => Word::DidGiveConsent,
        AccessKind::WithdrewConsent => Word::DidWithdraw,
        AccessKind::Linked => Word::DidLink,
        AccessKind::ChangedStaff => Word::DidChangeStaff,
        AccessKind::ReadLog => Word::DidReadLog,
        AccessKind::RetriedImport => Word::DidRetryImport,
        AccessKind::DiscardedImport => Word::DidDiscardImport,
    }
}
