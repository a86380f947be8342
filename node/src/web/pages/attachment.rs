//! The attachments of a record: how much of each is here, having one fetched, and opening it.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Redirect, Response};
use azalea_core::id::{PatientId, VersionId};
use maud::{Markup, html};

use super::super::app::App;
use super::super::clinic::ClinicError;
use super::super::failure::Failure;
use super::super::i18n::Word;
use super::super::icons::{Icon, icon};
use super::super::layout::Frame;
use super::super::model::{
    AccessKind, AttachmentCard, AttachmentContent, AttachmentState, RecordPage,
};
use super::super::visitor::{Posted, Visitor};
use super::record;

/// What a browser shows by itself and cannot be made to run anything; everything else is saved. The name's ending goes with it.
const SHOWN: [(&str, &str); 4] =
    [("application/pdf", "pdf"), ("image/png", "png"), ("image/jpeg", "jpg"), ("image/gif", "gif")];

/// The address of an attachment of a version.
fn path(patient: PatientId, card: &AttachmentCard) -> String {
    format!("{}/a/{}", record::path(patient, card.version), card.place)
}

/// The card with all of a record's attachments; nothing where it has none.
pub(super) fn section(frame: &Frame, record: &RecordPage) -> Markup {
    html! {
        @if !record.attachments.is_empty() {
            section.card.attachments {
                h2 { (icon(Icon::Box)) (frame.t(Word::Attachments)) }
                @for card in &record.attachments { (one(frame, record.patient.id, card)) }
            }
        }
    }
}

fn one(frame: &Frame, patient: PatientId, card: &AttachmentCard) -> Markup {
    let t = |word| frame.t(word);
    let title = card.title.as_deref().filter(|title| !title.is_empty());
    html! {
        div.attachment {
            p {
                strong { (title.unwrap_or(t(Word::Attachment))) }
                @if let Some(kind) = &card.media_type { " " span.quiet { (kind) } }
            }
            p.line-meta {
                span { (frame.lang.count(Word::Bytes, card.bytes)) }
                (state(frame, card.state))
            }
            div.actions {
                @match card.state {
                    AttachmentState::Held => {
                        a.button.primary href=(path(patient, card)) { (icon(Icon::Page)) (t(Word::AttachmentOpen)) }
                    }
                    AttachmentState::NotHere(_) => {
                        form method="post" action=(path(patient, card)) data-once {
                            (frame.token())
                            button.primary type="submit" { (icon(Icon::Sync)) (t(Word::AttachmentFetch)) }
                        }
                    }
                    // It is on its way, or nobody has it yet: looking again is all that helps.
                    AttachmentState::Coming(_) | AttachmentState::Wanted(_) | AttachmentState::NotAtRelay(_) => {
                        a.button href=(record::path(patient, card.version)) { (icon(Icon::Sync)) (t(Word::LookAgain)) }
                    }
                }
            }
        }
    }
}

fn state(frame: &Frame, state: AttachmentState) -> Markup {
    let percent = |word, percent: u8| frame.lang.count(word, percent);
    let (class, text) = match state {
        AttachmentState::Held => ("good", frame.t(Word::AttachmentHeld).to_owned()),
        AttachmentState::Coming(done) => ("pending", percent(Word::AttachmentComing, done)),
        AttachmentState::Wanted(done) => ("pending", percent(Word::AttachmentWanted, done)),
        AttachmentState::NotAtRelay(_) => {
            ("pending", frame.t(Word::AttachmentNotAtRelay).to_owned())
        }
        AttachmentState::NotHere(0) => ("past", frame.t(Word::AttachmentNotHere).to_owned()),
        AttachmentState::NotHere(done) => ("past", percent(Word::AttachmentPart, done)),
    };
    html! { span class={ "badge " (class) } { (text) } }
}

type Asked = (String, String, u16);

fn asked((patient, version, place): Asked) -> Result<(PatientId, VersionId, u16), ClinicError> {
    let patient = patient.parse().map_err(|_| ClinicError::NotFound)?;
    let version = version.parse().map_err(|_| ClinicError::NotFound)?;
    Ok((patient, version, place))
}

/// An attachment's content; only once the access log has it.
pub(in super::super) async fn open(
    State(app): State<Arc<App>>,
    Path(path): Path<Asked>,
    visitor: Visitor,
) -> Result<Response, Failure> {
    let (patient, version, place) = asked(path)?;
    let content = app.ask(move |clinic| clinic.attachment(patient, version, place)).await??;
    app.log(&visitor, AccessKind::OpenedRecord, Some(patient), Some(version)).await?;
    Ok(answer(content))
}

fn answer(content: AttachmentContent) -> Response {
    let said = content.media_type.unwrap_or_default().to_lowercase();
    let said = said.split(';').next().unwrap_or_default().trim();
    let shown = SHOWN.iter().find(|(kind, _)| *kind == said);
    let (kind, ending) = shown.copied().unwrap_or(("application/octet-stream", "bin"));
    let how = if shown.is_some() { "inline" } else { "attachment" };
    // Named by its id: a title may name the patient, and a file's name stays behind in a browser's list.
    let name = content.blob.to_string();
    let name = name.get(..12).unwrap_or(&name);
    let disposition = format!("{how}; filename=\"{name}.{ending}\"");
    ([(CONTENT_TYPE, kind.to_owned()), (CONTENT_DISPOSITION, disposition)], content.bytes)
        .into_response()
}

/// Has an attachment fetched.
pub(in super::super) async fn fetch(
    State(app): State<Arc<App>>,
    Path(path): Path<Asked>,
    _posted: Posted,
) -> Result<Redirect, Failure> {
    let (patient, version, place) = asked(path)?;
    app.ask(move |clinic| clinic.want_attachment(patient, version, place)).await??;
    Ok(Redirect::to(&record::path(patient, version)))
}
