//! Care notes: written here, shared with the care team, corrected in the open, and settled where two disagree.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use azalea_core::id::{NoteId, PatientId};
use maud::{Markup, html};
use serde::Deserialize;

use super::super::app::App;
use super::super::clinic::ClinicError;
use super::super::dates;
use super::super::failure::Failure;
use super::super::i18n::Word;
use super::super::icons::{Icon, icon};
use super::super::layout::Frame;
use super::super::model::{
    AccessKind, Delivery, NoteConflict, NoteDraft, NoteField, NoteKind, NoteState, NoteView,
};
use super::super::parts;
use super::super::visitor::{Posted, Visitor};
use super::note_form;
use super::patient::open;
use super::patient_head::{Tab, facility, top};
use super::vitals::{self, MEASURES};

/// The notes of a patient.
pub(in super::super) async fn list(
    State(app): State<Arc<App>>,
    Path(patient): Path<String>,
    visitor: Visitor,
) -> Result<Response, Failure> {
    let (frame, chart) = open(&app, &visitor, &patient).await?;
    let base = format!("/p/{}/notes", chart.patient.id);
    let content = html! {
        (top(&frame, &chart, Tab::Notes))
        div.actions.note-actions {
            a.button.primary href={ (base) "/new" } { (icon(Icon::Pen)) (frame.t(Word::WriteNote)) }
            a.button href={ (base) "/new?k=vitals" } { (icon(Icon::Heart)) (frame.t(Word::WriteVitals)) }
        }
        @if chart.notes.is_empty() { p.empty { (frame.t(Word::NoNotes)) } }
        @if chart.notes.iter().any(|note| note.delivery == Delivery::Stored) {
            p.quiet { (frame.t(Word::StoredHint)) }
        }
        div.notes { @for note in &chart.notes { (full(&frame, note)) } }
    };
    Ok(frame.page(Word::CareNotes, content))
}

/// What kind of note to start with.
#[derive(Deserialize)]
pub(in super::super) struct Kind {
    k: Option<String>,
}

/// An empty form.
pub(in super::super) async fn new(
    State(app): State<Arc<App>>,
    Path(patient): Path<String>,
    Query(kind): Query<Kind>,
    visitor: Visitor,
) -> Result<Response, Failure> {
    let wanted = kind.k.as_deref().and_then(NoteKind::from_slug).unwrap_or(NoteKind::Record);
    let id: PatientId = patient.parse().map_err(|_| ClinicError::NotFound)?;
    begun_or(&app, &visitor, id, None, note_form::empty(wanted)).await
}

/// The form with what this person had begun, or else with `fresh`.
async fn begun_or(
    app: &Arc<App>,
    visitor: &Visitor,
    patient: PatientId,
    note: Option<NoteId>,
    fresh: NoteDraft,
) -> Result<Response, Failure> {
    let begun = app.drafts().find(app.now(), &(visitor.staff.id.clone(), patient, note));
    if begun.is_some() {
        app.sessions().leave_notice(visitor.token, Word::DraftRestored);
    }
    form_page(app, visitor, &patient.to_string(), note, &begun.unwrap_or(fresh), None).await
}

/// Keeps what stands in a form that is being filled in; or lets go of it, where the form asks for that.
pub(in super::super) async fn keep_draft(
    State(app): State<Arc<App>>,
    Path(patient): Path<String>,
    posted: Posted,
) -> Result<Redirect, Failure> {
    let id: PatientId = patient.parse().map_err(|_| ClinicError::NotFound)?;
    let note: Option<NoteId> = posted.fields.one("note").parse().ok();
    let (draft, _) = note_form::read(posted.visitor.lang, &posted.fields);
    let place = (posted.visitor.staff.id.clone(), id, note);
    if posted.fields.one("discard").is_empty() && note_form::fits(&draft) {
        app.drafts().keep(app.now(), place, draft);
    } else {
        app.drafts().drop_one(&place);
    }
    Ok(Redirect::to(&format!("/p/{id}/notes")))
}

/// Saves a new note, or shows the form again with what was typed.
pub(in super::super) async fn write(
    State(app): State<Arc<App>>,
    Path(patient): Path<String>,
    posted: Posted,
) -> Result<Response, Failure> {
    let (draft, problem) = note_form::read(posted.visitor.lang, &posted.fields);
    if problem.is_some() {
        return form_page(&app, &posted.visitor, &patient, None, &draft, problem).await;
    }
    let id: PatientId = patient.parse().map_err(|_| ClinicError::NotFound)?;
    let (staff, saved) = (posted.visitor.staff.id.clone(), draft.clone());
    app.log(&posted.visitor, AccessKind::WroteNote, Some(id), None).await?;
    let written = app.ask(move |clinic| clinic.write_note(&staff, id, &saved)).await?;
    finish(&app, &posted.visitor, id, None, &draft, written.map(|_| ())).await
}

/// The form for a correction.
pub(in super::super) async fn edit(
    State(app): State<Arc<App>>,
    Path((patient, note)): Path<(String, String)>,
    visitor: Visitor,
) -> Result<Response, Failure> {
    let (id, note) = ids(&patient, &note)?;
    let view = app.ask(move |clinic| clinic.note(id, note)).await??;
    let NoteView { kind, title, text, vitals, base, .. } = view;
    let draft = NoteDraft { kind, title, text, vitals, base };
    begun_or(&app, &visitor, id, Some(note), draft).await
}

/// Saves a correction.
pub(in super::super) async fn correct(
    State(app): State<Arc<App>>,
    Path((patient, note)): Path<(String, String)>,
    posted: Posted,
) -> Result<Response, Failure> {
    let (id, note) = ids(&patient, &note)?;
    let (draft, problem) = note_form::read(posted.visitor.lang, &posted.fields);
    if problem.is_some() {
        return form_page(&app, &posted.visitor, &patient, Some(note), &draft, problem).await;
    }
    let (staff, saved) = (posted.visitor.staff.id.clone(), draft.clone());
    app.log(&posted.visitor, AccessKind::WroteNote, Some(id), None).await?;
    let written = app.ask(move |clinic| clinic.edit_note(&staff, id, note, &saved)).await?;
    finish(&app, &posted.visitor, id, Some(note), &draft, written).await
}

/// Asks whether a note is to be cancelled.
pub(in super::super) async fn cancel_ask(
    State(app): State<Arc<App>>,
    Path((patient, note)): Path<(String, String)>,
    visitor: Visitor,
) -> Result<Response, Failure> {
    let (id, note) = ids(&patient, &note)?;
    let view = app.ask(move |clinic| clinic.note(id, note)).await??;
    let (frame, chart) = open(&app, &visitor, &patient).await?;
    let content = html! {
        (top(&frame, &chart, Tab::Notes))
        div.card.ask {
            h2 { (frame.t(Word::CancelNoteAsk)) }
            (brief(&frame, &view))
            form method="post" action={ "/p/" (id) "/notes/" (note) "/cancel" } data-once {
                (frame.token())
                div.actions {
                    button.danger type="submit" { (frame.t(Word::CancelNote)) }
                    a.button href={ "/p/" (id) "/notes" } { (frame.t(Word::Cancel)) }
                }
            }
        }
    };
    Ok(frame.page(Word::CareNotes, content))
}

/// Cancels a note.
pub(in super::super) async fn cancel(
    State(app): State<Arc<App>>,
    Path((patient, note)): Path<(String, String)>,
    posted: Posted,
) -> Result<Redirect, Failure> {
    let (id, note) = ids(&patient, &note)?;
    let staff = posted.visitor.staff.id.clone();
    app.log(&posted.visitor, AccessKind::WroteNote, Some(id), None).await?;
    app.ask(move |clinic| clinic.cancel_note(&staff, id, note)).await??;
    Ok(saved(&app, &posted.visitor, id))
}

/// Settles a field that two people set at once.
pub(in super::super) async fn resolve(
    State(app): State<Arc<App>>,
    Path((patient, note)): Path<(String, String)>,
    posted: Posted,
) -> Result<Redirect, Failure> {
    let (id, note) = ids(&patient, &note)?;
    let field = NoteField::from_slug(posted.fields.one("field")).ok_or(Failure::BadForm)?;
    let (staff, choice) = (posted.visitor.staff.id.clone(), posted.fields.one("choice").to_owned());
    app.log(&posted.visitor, AccessKind::WroteNote, Some(id), None).await?;
    app.ask(move |clinic| clinic.resolve_note(&staff, id, note, field, &choice)).await??;
    Ok(saved(&app, &posted.visitor, id))
}

fn ids(patient: &str, note: &str) -> Result<(PatientId, NoteId), ClinicError> {
    let not_found = |_| ClinicError::NotFound;
    Ok((patient.parse().map_err(not_found)?, note.parse().map_err(not_found)?))
}

fn saved(app: &Arc<App>, visitor: &Visitor, patient: PatientId) -> Redirect {
    app.sessions().leave_notice(visitor.token, Word::NoteSaved);
    Redirect::to(&format!("/p/{patient}/notes"))
}

/// To the list where it was saved; else the form again with what was typed and why it was not saved.
async fn finish(
    app: &Arc<App>,
    visitor: &Visitor,
    patient: PatientId,
    note: Option<NoteId>,
    draft: &NoteDraft,
    written: Result<(), ClinicError>,
) -> Result<Response, Failure> {
    match written {
        Ok(()) => {
            app.drafts().drop_one(&(visitor.staff.id.clone(), patient, note));
            Ok(saved(app, visitor, patient).into_response())
        }
        Err(error) => {
            let words = visitor.lang.t(super::super::failure::clinic_word(error)).to_owned();
            form_page(app, visitor, &patient.to_string(), note, draft, Some(words)).await
        }
    }
}

async fn form_page(
    app: &Arc<App>,
    visitor: &Visitor,
    patient: &str,
    note: Option<NoteId>,
    draft: &NoteDraft,
    problem: Option<String>,
) -> Result<Response, Failure> {
    let (frame, chart) = open(app, visitor, patient).await?;
    let id = chart.patient.id;
    let action = match note {
        Some(note) => format!("/p/{id}/notes/{note}"),
        None => format!("/p/{id}/notes"),
    };
    let content = html! {
        (top(&frame, &chart, Tab::Notes))
        (note_form::form(&frame, id, &action, draft, problem.as_deref(), note))
    };
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((status, frame.page(Word::CareNotes, content)).into_response())
}

/// A note in a few lines.
pub(super) fn brief(frame: &Frame, note: &NoteView) -> Markup {
    html! {
        article.note.brief.cancelled[note.state == NoteState::Cancelled] {
            p.note-line {
                span class={ "badge note-" (note.kind.slug()) } { (frame.t(parts::note_kind(note.kind))) }
                @if note.state == NoteState::Cancelled {
                    span.badge.void { (frame.t(Word::NoteCancelled)) }
                }
                strong { (note.title) }
                @if !note.conflicts.is_empty() { (parts::needs_review(frame.lang)) }
                @if note.delivery != Delivery::Received { (delivery(frame, note.delivery)) }
            }
            (measured(frame, note))
            @if !note.text.is_empty() { p.prose.clamp { (note.text) } }
            p.line-meta {
                span.date { (dates::full(frame.lang, note.created)) }
                span { (note.author) }
                span { (note.facility.name) }
            }
        }
    }
}

fn full(frame: &Frame, note: &NoteView) -> Markup {
    let base = format!("/p/{}/notes/{}", note.patient, note.id);
    let t = |word| frame.t(word);
    html! {
        article.note.card.cancelled[note.state == NoteState::Cancelled] {
            (header(frame, note))
            (measured(frame, note))
            @if !note.text.is_empty() { p.prose { (note.text) } }
            @for conflict in &note.conflicts { (settle(frame, &base, conflict)) }
            footer {
                @if note.history.len() > 1 {
                    details.history {
                        summary { (t(Word::History)) " (" (note.history.len()) ")" }
                        ol {
                            @for version in &note.history {
                                li { (dates::full(frame.lang, version.at)) "　" (version.by) }
                            }
                        }
                    }
                }
                @if note.state != NoteState::Cancelled && note.delivery != Delivery::Late {
                    a.button href={ (base) "/edit" } { (icon(Icon::Pen)) (t(Word::Correct)) }
                    a.button href={ (base) "/cancel" } { (t(Word::CancelNote)) }
                }
            }
        }
    }
}

fn header(frame: &Frame, note: &NoteView) -> Markup {
    html! {
        header {
            p.note-line {
                span class={ "badge note-" (note.kind.slug()) } { (frame.t(parts::note_kind(note.kind))) }
                @if note.state == NoteState::Cancelled {
                    span.badge.void { (frame.t(Word::NoteCancelled)) }
                }
                @if note.state == NoteState::Corrected {
                    span.badge.corrected { (frame.t(Word::NoteCorrected)) }
                }
                @if !note.conflicts.is_empty() { (parts::needs_review(frame.lang)) }
                (delivery(frame, note.delivery))
            }
            @if !note.title.is_empty() { h3 { (note.title) } }
            p.line-meta {
                span.date { (dates::full(frame.lang, note.created)) }
                span { (note.author) }
                (facility(&note.facility))
            }
        }
    }
}

/// How far a note has come, and never more than is known.
fn delivery(frame: &Frame, delivery: Delivery) -> Markup {
    let (class, drawing, word) = match delivery {
        Delivery::Saved => ("saved", Icon::Clock, Word::SavedUnsent),
        Delivery::Stored => ("stored", Icon::Check, Word::StoredAtRelay),
        Delivery::Refused => ("refused", Icon::Alert, Word::RefusedByRelay),
        Delivery::Late => ("refused", Icon::Alert, Word::WrittenLate),
        Delivery::Received => ("received", Icon::Sync, Word::ReceivedNote),
    };
    html! { span class={ "delivery " (class) } { (icon(drawing)) (frame.t(word)) } }
}

fn measured(frame: &Frame, note: &NoteView) -> Markup {
    let filled =
        MEASURES.iter().filter(|measure| !vitals::of(&note.vitals, measure.name).is_empty());
    html! {
        @if !note.vitals.is_empty() {
            dl.measured {
                @for measure in filled {
                    div {
                        dt { (frame.t(measure.word)) }
                        dd { (vitals::of(&note.vitals, measure.name)) small { (vitals::unit(frame.lang, measure)) } }
                    }
                }
            }
        }
    }
}

fn settle(frame: &Frame, base: &str, conflict: &NoteConflict) -> Markup {
    html! {
        section.conflict {
            h4 { (icon(Icon::Alert)) (frame.t(Word::NoteConflictTitle)) ": " (frame.t(field_word(conflict.field))) }
            p.quiet { (frame.t(Word::NoteConflictHint)) }
            div.choices {
                @for value in &conflict.values {
                    form method="post" action={ (base) "/resolve" } data-once {
                        (frame.token())
                        input type="hidden" name="field" value=(conflict.field.slug());
                        input type="hidden" name="choice" value=(value.choice);
                        p.prose { (value.value) }
                        p.line-meta { span.date { (dates::full(frame.lang, value.at)) } span { (value.by) } }
                        button type="submit" { (icon(Icon::Check)) (frame.t(Word::ChooseThis)) }
                    }
                }
            }
        }
    }
}

fn field_word(field: NoteField) -> Word {
    match field {
        NoteField::Kind => Word::NoteKindLabel,
        NoteField::Title => Word::NoteTitle,
        NoteField::Text => Word::NoteText,
        NoteField::Temperature => Word::Temperature,
        NoteField::Systolic => Word::Systolic,
        NoteField::Diastolic => Word::Diastolic,
        NoteField::Pulse => Word::Pulse,
        NoteField::Spo2 => Word::Spo2,
        NoteField::Respiration => Word::Respiration,
        NoteField::State => Word::FieldState,
    }
}
