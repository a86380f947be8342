//! One record: what it says, its versions, who vouches for it, and its own bytes.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use azalea_core::id::{PatientId, VersionId};
use maud::{Markup, html};

use super::super::app::App;
use super::super::clinic::ClinicError;
use super::super::dates;
use super::super::failure::Failure;
use super::super::i18n::{Word, grouped};
use super::super::icons::{Icon, icon};
use super::super::layout::{Frame, Place};
use super::super::model::{AccessKind, Provenance, RecordPage};
use super::super::parts;
use super::super::verbatim::verbatim;
use super::super::visitor::Visitor;
use super::attachment;
use super::patient_head::{Tab, facility, top};
use crate::index::document::{DocumentView, document_view};
use crate::index::{TimelineRow, timeline_rows};

/// Rows inside a document that its page lists; the verbatim view has all.
const INNER_SHOWN: usize = 200;

/// The address of a record's page.
pub(super) fn path(patient: PatientId, version: VersionId) -> String {
    format!("/p/{patient}/r/{version}")
}

/// The page of one version of a record.
pub(in super::super) async fn page(
    State(app): State<Arc<App>>,
    Path((patient, version)): Path<(String, String)>,
    visitor: Visitor,
) -> Result<Response, Failure> {
    let patient: PatientId = patient.parse().map_err(|_| ClinicError::NotFound)?;
    let version: VersionId = version.parse().map_err(|_| ClinicError::NotFound)?;
    let (record, chart) = app
        .ask(move |clinic| {
            Ok::<_, ClinicError>((clinic.record(patient, version)?, clinic.chart(patient)?))
        })
        .await??;
    app.log(&visitor, AccessKind::OpenedRecord, Some(patient), Some(version)).await?;
    let frame = app.frame(&visitor, Place::Patients).await?;
    let rows = record.raw.as_deref().map(|raw| timeline_rows(raw).unwrap_or_default());
    let rows = rows.unwrap_or_default();
    let document = record.raw.as_deref().and_then(document_view);
    let content = html! {
        (top(&frame, &chart, Tab::Timeline))
        div.columns.record {
            div {
                (conflict(&frame, &record))
                @match (&record.raw, &document) {
                    (None, _) => { p.problem { (icon(Icon::Alert)) (frame.t(Word::Removed)) } }
                    (_, Some(view)) => { (document_card(&frame, view)) }
                    (_, None) => { (summary(&frame, &record, rows.first())) }
                }
                (attachment::section(&frame, &record))
                (inner_rows(&frame, &rows))
                (original(&frame, &record))
            }
            div { (provenance(&frame, &record)) (versions(&frame, &record)) }
        }
    };
    Ok(frame.page(Word::Record, content))
}

fn conflict(frame: &Frame, record: &RecordPage) -> Markup {
    let current = record.versions.iter().filter(|version| version.current).count();
    html! {
        @if current > 1 {
            p.problem { (parts::needs_review(frame.lang)) " " (frame.t(Word::ConflictVersions)) }
        }
    }
}

fn summary(frame: &Frame, record: &RecordPage, row: Option<&TimelineRow>) -> Markup {
    let t = |word| frame.t(word);
    let Some(row) = row else {
        return html! { section.card { h2 { (record.kind) } } };
    };
    let (word, drawing) = parts::category(row.category);
    let name = if row.title.is_empty() { t(word) } else { &row.title };
    html! {
        section.card {
            p.kind-line { (icon(drawing)) (t(word)) }
            h2.record-title { (name) (parts::standing(frame.lang, row.standing)) }
            @if let Some(value) = &row.value {
                p.record-value {
                    (parts::value(frame.lang, value))
                    @let range = parts::range(value);
                    @if !range.is_empty() { span.quiet { (t(Word::ReferenceRange)) " " (range) } }
                }
            }
            dl.facts {
                @if let Some(at) = row.at {
                    div { dt { (t(Word::CareDate)) } dd {
                        (dates::care(frame.lang, at))
                        @if let Some(until) = row.until { " – " (dates::care(frame.lang, until)) }
                    } }
                }
                @if !row.detail.is_empty() { div { dt { (t(Word::Details)) } dd { (row.detail) } } }
                @if !row.performer.is_empty() { div { dt { (t(Word::WrittenBy)) } dd { (row.performer) } } }
                @if !row.status.is_empty() { div { dt { (t(Word::Status)) } dd { (row.status) } } }
                @if !row.codes.is_empty() {
                    div { dt { (t(Word::Codes)) } dd {
                        @for code in &row.codes { span.code { b { (code.kind.name()) } " " (code.code) } " " }
                    } }
                }
            }
        }
    }
}

fn document_card(frame: &Frame, view: &DocumentView) -> Markup {
    html! {
        article.card.document {
            p.kind-line { (icon(Icon::Page)) (frame.t(Word::Document)) }
            h2.record-title { (view.title) }
            p.line-meta {
                @if let Some(at) = view.at { span.date { (dates::care(frame.lang, at)) } }
                @if !view.authors.is_empty() {
                    span { (frame.t(Word::DocumentAuthor)) " " (view.authors.join("、")) }
                }
            }
            @for section in &view.sections {
                section class={ "depth-" (section.depth.min(3)) } {
                    @if !section.title.is_empty() { h3 { (section.title) } }
                    @if !section.text.is_empty() { p.prose { (section.text) } }
                }
            }
        }
    }
}

/// What a document or report holds as data beside its text.
fn inner_rows(frame: &Frame, rows: &[TimelineRow]) -> Markup {
    let inner: Vec<&TimelineRow> = rows.iter().skip(1).take(INNER_SHOWN).collect();
    html! {
        @if !inner.is_empty() {
            section.card {
                h2 { (frame.t(Word::Details)) }
                table.labs {
                    thead { tr {
                        th scope="col" { (frame.t(Word::What)) }
                        th scope="col" { (frame.t(Word::LatestValue)) }
                        th.hide-narrow scope="col" { (frame.t(Word::ReferenceRange)) }
                    } }
                    tbody {
                        @for row in inner {
                            @let (word, _) = parts::category(row.category);
                            tr {
                                th scope="row" {
                                    small.quiet { (frame.t(word)) " " }
                                    (row.title) (parts::standing(frame.lang, row.standing))
                                }
                                td {
                                    @if let Some(value) = &row.value { (parts::value(frame.lang, value)) }
                                    @else { (row.detail) }
                                }
                                td.range.hide-narrow {
                                    @if let Some(value) = &row.value { (parts::range(value)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn original(frame: &Frame, record: &RecordPage) -> Markup {
    html! {
        @if let Some(raw) = &record.raw {
            details.card.original {
                summary {
                    (icon(Icon::Page)) (frame.t(Word::Verbatim))
                    span.quiet { (frame.lang.fill(Word::VerbatimHint, &[&grouped(raw.len() as u64)])) }
                }
                (verbatim(raw))
            }
        }
    }
}

fn provenance(frame: &Frame, record: &RecordPage) -> Markup {
    let t = |word| frame.t(word);
    let proof: &Provenance = &record.provenance;
    html! {
        section.card.proof {
            h2 { (icon(Icon::Shield)) (t(Word::Signature)) }
            @match proof.revoked {
                None => { p.fresh.good { (icon(Icon::Check)) (t(Word::SignatureValid)) } }
                Some(at) => { p.problem {
                    (icon(Icon::Alert))
                    (frame.lang.fill(Word::SignerRevoked, &[&dates::full(frame.lang, at)]))
                } }
            }
            dl.facts {
                div { dt { (t(Word::SignedBy)) } dd { (proof.device_label) " " code { (short(&proof.device.to_string())) } } }
                div { dt { (t(Word::VouchedBy)) } dd { (facility(&proof.facility)) } }
                div { dt { (t(Word::AdmittedBy)) } dd { (proof.registrar) } }
                div { dt { (t(Word::SignedAt)) } dd { (dates::full(frame.lang, proof.signed_at)) } }
                div { dt { (t(Word::Received)) } dd { (dates::full(frame.lang, proof.received_at)) } }
                div { dt { (t(Word::EnvelopeNumber)) } dd {
                    (proof.seq) " " code { (short(&proof.envelope.to_string())) }
                } }
                div { dt { (t(Word::Source)) } dd { (record.source) } }
                div { dt { (t(Word::RecordType)) } dd { (record.kind) } }
            }
        }
    }
}

fn versions(frame: &Frame, record: &RecordPage) -> Markup {
    let t = |word| frame.t(word);
    let count = record.versions.len();
    html! {
        section.card {
            h2 { (icon(Icon::Clock)) (t(Word::VersionHistory)) }
            ol.versions reversed {
                @for (at, version) in record.versions.iter().enumerate() {
                    @let shown = version.id == record.version;
                    li.shown[shown] {
                        a href=(path(record.patient.id, version.id)) aria-current=[shown.then_some("true")] {
                            (t(Word::Version)) " " (count - at)
                        }
                        @if version.current { span.badge.good { (t(Word::CurrentVersion)) } }
                        @else { span.badge.past { (t(Word::OlderVersion)) } }
                        @if version.removed { span.badge.void { (t(Word::StandingVoid)) } }
                        span.line-meta {
                            span.date { (dates::full(frame.lang, version.received)) }
                            span { (version.by) }
                            @if shown { span { (t(Word::ShownVersion)) } }
                        }
                    }
                }
            }
        }
    }
}

/// The front of a long id: enough to tell two apart on the telephone.
fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}
